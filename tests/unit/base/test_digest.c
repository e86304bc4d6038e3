#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"

#include <string.h>

static void assert_hex(const unsigned char *bytes, size_t n, const char *hex)
{
	char text[2 * 64 + 1];

	hex_encode(bytes, n, text);
	assert_string_equal(text, hex);
}

static void scrypt_with_a_cost_it_cannot_have_is_an_error(void **state)
{
	const struct digest_cost no_power_of_two = {32769, 8, 1};
	struct secret none = {0};
	unsigned char out[32];
	struct error e = {0};

	assert_int_equal(digest_scrypt(&no_power_of_two, &none, "", 0, out, sizeof out, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "scrypt failed (it needs 32 MiB of memory)");
}

/* RFC 7914, section 12. */
static void scrypt_follows_the_vectors_of_rfc_7914(void **state)
{
	CLEANUP(secret_release) struct secret password = {0};
	unsigned char out[64];
	struct error e = {0};

	assert_int_equal(digest_scrypt(&(struct digest_cost){16, 1, 1}, &password, "", 0, out, sizeof out, &e), 0);
	assert_hex(out, 64, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
			    "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
	secret_set(&password, "pleaseletmein", 13);
	assert_int_equal(digest_scrypt(&(struct digest_cost){16384, 8, 1}, &password, "SodiumChloride", 14, out, sizeof out, &e), 0);
	assert_hex(out, 64, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
			    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

static void sha256_follows_the_vectors_of_fips_180(void **state)
{
	unsigned char out[DIGEST_SHA256];

	digest_sha256("abc", 3, out);
	assert_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256("", 0, out);
	assert_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231 (SHA-256) and RFC 2202 (SHA-1), test cases 2 and 6. */
static void hmac_follows_the_vectors_of_its_rfcs(void **state)
{
	unsigned char out[DIGEST_SHA256], key[131];

	digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_hex(out, DIGEST_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	digest_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_hex(out, DIGEST_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	memset(key, 0xaa, sizeof key);
	digest_hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	assert_hex(out, DIGEST_SHA256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	digest_hmac_sha1(key, 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	assert_hex(out, DIGEST_SHA1, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scrypt_with_a_cost_it_cannot_have_is_an_error),
		cmocka_unit_test(scrypt_follows_the_vectors_of_rfc_7914),
		cmocka_unit_test(sha256_follows_the_vectors_of_fips_180),
		cmocka_unit_test(hmac_follows_the_vectors_of_its_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/secret.h"
#include "repo/cipher.h"

#include <string.h>

/* encrypt = 00..1f, mac_k = 20..2f, mac_r = 30..3f */
static struct cipher_key counting_key(void)
{
	struct cipher_key k;
	for (size_t i = 0; i < sizeof k; i++)
		((uint8_t *)&k)[i] = (uint8_t)i;
	return k;
}

static void unhex(const char *hex, void *out)
{
	assert_true(hex_decode(hex, strlen(hex), out, strlen(hex) / 2));
}

static void a_key_with_a_part_of_zeros_is_refused(void **state)
{
	struct cipher_key k = counting_key();
	struct error e;

	assert_int_equal(cipher_key_check(&k, &e), 0);
	memset(k.mac_r, 0, sizeof k.mac_r);
	assert_int_equal(cipher_key_check(&k, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "the master key is not valid: a part of it is all zero");
	k = counting_key();
	memset(k.mac_k, 0, sizeof k.mac_k);
	assert_int_equal(cipher_key_check(&k, &e), -ERR_CORRUPT);
	k = counting_key();
	memset(k.encrypt, 0, sizeof k.encrypt);
	assert_int_equal(cipher_key_check(&k, &e), -ERR_CORRUPT);
	cipher_key_random(&k);
	assert_int_equal(cipher_key_check(&k, &e), 0);
}

static void too_few_bytes_are_damage(void **state)
{
	struct cipher_key k = counting_key();
	struct cipher *c = cipher_new(&k);
	struct buf out = BUF_INIT;
	struct error e;
	uint8_t sealed[31] = {0};

	assert_int_equal(cipher_open(c, sealed, 31, &out, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "is damaged (31 bytes are too few)");
	assert_int_equal(cipher_open(c, sealed, 0, &out, &e), -ERR_CORRUPT);
	assert_int_equal(out.len, 0);
	buf_release(&out);
	cipher_free(c);
}

static void every_flipped_bit_is_noticed_and_nothing_is_given_out(void **state)
{
	struct cipher_key k = counting_key();
	struct cipher *c = cipher_new(&k);
	struct buf sealed = BUF_INIT, out = BUF_INIT;
	struct error e;

	cipher_seal(c, "table boundary", 14, &sealed);
	buf_add_str(&out, "before");
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(cipher_open(c, sealed.p, sealed.len, &out, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, "is damaged (its MAC does not match)");
		assert_string_equal(buf_text(&out), "before");
		sealed.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t n = CIPHER_OVERHEAD; n < sealed.len; n++)
		assert_int_equal(cipher_open(c, sealed.p, n, &out, &e), -ERR_CORRUPT);
	assert_int_equal(cipher_open(c, sealed.p, sealed.len, &out, &e), 0);
	assert_string_equal(buf_text(&out), "beforetable boundary");
	buf_release(&sealed);
	buf_release(&out);
	cipher_free(c);
}

static void sealing_gives_the_bytes_of_the_format(void **state)
{
	static const char wanted[] = "404142434445464748494a4b4c4d4e4fd71fbd53f27ad880e61506a6ff22"
				     "6ce861455f0a7746509a3a72b6397285";
	struct cipher_key k = counting_key();
	struct cipher *c = cipher_new(&k);
	struct buf sealed = BUF_INIT;
	uint8_t iv[CIPHER_IV];
	char hex[2 * 46 + 1], plain[14];
	struct error e;

	for (size_t i = 0; i < sizeof iv; i++)
		iv[i] = (uint8_t)(0x40 + i);
	for (int again = 0; again < 2; again++) {
		buf_clear(&sealed);
		cipher_seal_iv(c, iv, "table boundary", 14, &sealed);
		assert_int_equal(sealed.len, 46);
		hex_encode(sealed.p, sealed.len, hex);
		assert_string_equal(hex, wanted);
	}
	assert_int_equal(cipher_open_to(c, sealed.p, sealed.len, plain, &e), 0);
	assert_memory_equal(plain, "table boundary", 14);
	buf_release(&sealed);
	cipher_free(c);
}

/* NIST SP 800-38A, F.5.5: its counter block wraps in the last byte. */
static void encryption_is_aes_256_ctr(void **state)
{
	struct cipher_key k = counting_key();
	struct buf sealed = BUF_INIT;
	uint8_t iv[16], plain[32], wanted[32];

	unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", k.encrypt);
	unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv);
	unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", plain);
	unhex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5", wanted);
	struct cipher *c = cipher_new(&k);
	cipher_seal_iv(c, iv, plain, sizeof plain, &sealed);
	assert_memory_equal(sealed.p, iv, 16);
	assert_memory_equal(sealed.p + 16, wanted, 32);
	buf_release(&sealed);
	cipher_free(c);
}

/* The examples of Bernstein's paper, appendix B: the message is our ciphertext, the nonce our IV. */
static void the_mac_is_poly1305_aes(void **state)
{
	static const struct {
		const char *r, *k, *sealed;
	} cases[] = {
		{"851fc40c3467ac0be05cc20404f3f700", "ec074c835580741701425b623235add6",
		 "fb447350c4e868c52ac3275cf9d4327ef3f6f4c633c3044fc145f84f335cb81953de"},
		{"a0f3080000f46400d0c7e9076c834403", "75deaa25c09f208e1dc4ce6b5cad3fbf",
		 "61ee09218d29b0aaed7e154a2c5509ccdd3fab2251f11ac759f0887129cc2ee7"},
	};
	struct error e;
	uint8_t sealed[96], plain[64];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cipher_key k = counting_key();
		unhex(cases[i].r, k.mac_r);
		unhex(cases[i].k, k.mac_k);
		unhex(cases[i].sealed, sealed);
		struct cipher *c = cipher_new(&k);
		assert_int_equal(cipher_open_to(c, sealed, strlen(cases[i].sealed) / 2, plain, &e), 0);
		cipher_free(c);
	}
}

static void texts_of_any_length_come_back(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 16, 17, 4095, 4096, 3000001};
	struct cipher_key k = counting_key();
	struct cipher *c = cipher_new(&k);
	struct buf sealed = BUF_INIT, out = BUF_INIT;
	struct error e;
	AUTO_FREE uint8_t *text = mem_alloc(3000001);

	random_bytes(text, 3000001);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		buf_clear(&sealed);
		buf_clear(&out);
		cipher_seal(c, text, lengths[i], &sealed);
		assert_int_equal(sealed.len, lengths[i] + CIPHER_OVERHEAD);
		assert_int_equal(cipher_open(c, sealed.p, sealed.len, &out, &e), 0);
		assert_int_equal(out.len, lengths[i]);
		if (out.len)
			assert_memory_equal(out.p, text, out.len);
	}
	buf_release(&sealed);
	buf_release(&out);
	cipher_free(c);
}

static void every_sealing_has_its_own_iv(void **state)
{
	struct cipher_key k = counting_key();
	struct cipher *c = cipher_new(&k);
	struct buf sealed = BUF_INIT;

	cipher_seal(c, "same", 4, &sealed);
	cipher_seal(c, "same", 4, &sealed);
	assert_int_equal(sealed.len, 2 * (4 + CIPHER_OVERHEAD));
	assert_memory_not_equal(sealed.p, sealed.p + 36, 16);
	assert_memory_not_equal(sealed.p + 16, sealed.p + 52, 4);
	buf_release(&sealed);
	cipher_free(c);
	cipher_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_with_a_part_of_zeros_is_refused),
		cmocka_unit_test(too_few_bytes_are_damage),
		cmocka_unit_test(every_flipped_bit_is_noticed_and_nothing_is_given_out),
		cmocka_unit_test(sealing_gives_the_bytes_of_the_format),
		cmocka_unit_test(encryption_is_aes_256_ctr),
		cmocka_unit_test(the_mac_is_poly1305_aes),
		cmocka_unit_test(texts_of_any_length_come_back),
		cmocka_unit_test(every_sealing_has_its_own_iv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

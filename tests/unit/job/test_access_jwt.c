#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "access_support.h"

#define NOW 1800000000
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"7\",\"role\":\"operator\",\"iat\":1799999999,\"exp\":1800000001,\"gen\":3}"

static struct secret key = {(unsigned char *)"0123456789abcdef0123456789abcdef", 32};

static void add_part(struct buf *b, const char *text)
{
	if (b->len)
		buf_add_byte(b, '.');
	base64url_encode(text, strlen(text), b);
}

/* Signed with `with`. Heap. */
static char *signed_with(const struct secret *with, const char *header, const char *claims)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	unsigned char mac[DIGEST_SHA256];

	add_part(&b, header);
	add_part(&b, claims);
	digest_hmac_sha256(with->p, with->len, b.p, b.len, mac);
	buf_add_byte(&b, '.');
	base64url_encode(mac, sizeof mac, &b);
	return buf_take_text(&b);
}

static void assert_refused(const char *token, const char *text)
{
	struct access_claims c;
	struct error e = {0};

	assert_int_equal(access_jwt_read(&key, token, NOW, &c, &e), -ERR_PASSWORD);
	assert_string_equal(e.text, text);
}

static void assert_signed_refused(const char *header, const char *claims)
{
	AUTO_FREE char *token = signed_with(&key, header, claims);

	assert_refused(token, "the token is not valid");
}

/* ---- the signature ---- */

static void what_is_no_token_is_refused(void **state)
{
	static const char *const texts[] = {"", ".", "..", "...", "a.b.c", "bst_abc", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.e30", "eyJhbGciOiJIUzI1NiJ9.e30."};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_refused(texts[i], "the token is not valid");
}

static void a_token_that_was_cut_or_changed_anywhere_is_refused(void **state)
{
	AUTO_FREE char *token = signed_with(&key, HS256, CLAIMS);

	for (size_t n = strlen(token); n-- > 0;) {
		AUTO_FREE char *cut = mem_string_n(token, n);
		AUTO_FREE char *changed = mem_string(token);

		changed[n] = changed[n] == 'A' ? 'B' : 'A';
		assert_refused(cut, "the token is not valid");
		assert_refused(changed, "the token is not valid");
	}
	AUTO_FREE char *longer = mem_printf("%s.", token);
	AUTO_FREE char *padded = mem_printf("%s=", token);
	assert_refused(longer, "the token is not valid");
	assert_refused(padded, "the token is not valid");
}

static void a_token_of_another_key_is_refused(void **state)
{
	struct secret other = {(unsigned char *)"another key of another machine..", 32}, none = {0};
	AUTO_FREE char *foreign = signed_with(&other, HS256, CLAIMS);
	AUTO_FREE char *empty = signed_with(&none, HS256, CLAIMS);

	assert_refused(foreign, "the token is not valid");
	assert_refused(empty, "the token is not valid");
}

static void a_token_without_a_signature_is_refused_whatever_it_says(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"None\",\"typ\":\"JWT\"}", "{\"alg\":\"\"}", HS256, "{}"};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;

		add_part(&b, headers[i]);
		add_part(&b, CLAIMS);
		assert_refused(buf_text(&b), "the token is not valid");
		buf_add_byte(&b, '.');
		assert_refused(buf_text(&b), "the token is not valid");
	}
}

static void a_huge_token_is_refused_unread(void **state)
{
	CLEANUP(buf_release) struct buf claims = BUF_INIT;

	buf_add_str(&claims, "{\"x\":\"");
	for (int i = 0; i < 1500; i++)
		buf_add_byte(&claims, 'x');
	buf_add_str(&claims, "\",\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}");
	AUTO_FREE char *token = signed_with(&key, HS256, buf_text(&claims));

	assert_true(strlen(token) > ACCESS_JWT_MAX);
	assert_refused(token, "the token is not valid");
}

/* ---- what was signed ---- */

static void a_header_of_another_algorithm_is_refused_even_when_signed(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}", "{\"alg\":\"HS512\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"hs256\"}", "{\"alg\":\"HS256\",\"alg\":\"none\"}", "{\"alg\":256}", "{\"alg\":null}",
		"{\"alg\":[\"HS256\"]}", "{\"typ\":\"JWT\"}", "{}", "[]", "null", "", "\"HS256\"", "{\"alg\":\"HS256\"", "{\"alg\":\"HS256\"}{}", "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
		"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", "{\"alg\":\"HS256\",\"jwk\":{}}", "{\"alg\":\"HS256\",\"b64\":false}",
	};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		assert_signed_refused(headers[i], CLAIMS);
}

static void claims_that_are_missing_or_of_another_kind_are_refused(void **state)
{
	static const char *const claims[] = {
		"", "null", "[]", "{}", "7", CLAIMS "x",
		"{\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000}",
		"{\"sub\":7,\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"-7\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7 or 8\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"9999999999999999999\",\"role\":\"admin\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"root\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"none\",\"iat\":1,\"exp\":1900000000,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"exp\":\"1900000000\",\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"exp\":1e30,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1,\"exp\":99999999999999999999,\"gen\":3}",
		"{\"sub\":\"7\",\"role\":\"admin\",\"iat\":1800000061,\"exp\":1900000000,\"gen\":3}",
	};

	for (size_t i = 0; i < ARRAY_LEN(claims); i++)
		assert_signed_refused(HS256, claims[i]);
}

static void a_token_is_valid_until_it_expires(void **state)
{
	AUTO_FREE char *token = signed_with(&key, HS256, CLAIMS);
	struct access_claims c;
	struct error e = {0};

	assert_ok(access_jwt_read(&key, token, NOW, &c, &e));
	assert_int_equal(c.user, 7);
	assert_int_equal(c.role, ROLE_OPERATOR);
	assert_int_equal(c.issued, 1799999999);
	assert_int_equal(c.expires, 1800000001);
	assert_int_equal(c.generation, 3);
	assert_int_equal(access_jwt_read(&key, token, NOW + 1, &c, &e), -ERR_PASSWORD);
	assert_string_equal(e.text, "the token has expired");
}

/* The example of RFC 7515, appendix A.1: of its key the signature is right, of its claims none are ours. */
static void the_signature_is_that_of_rfc_7515(void **state)
{
	CLEANUP(buf_release) struct buf raw = BUF_INIT;
	const char *k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
	const char *signed_part = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	unsigned char mac[DIGEST_SHA256];
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	assert_true(base64url_decode(k, strlen(k), &raw));
	digest_hmac_sha256(raw.p, raw.len, signed_part, strlen(signed_part), mac);
	base64url_encode(mac, sizeof mac, &text);
	assert_string_equal(buf_text(&text), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

/* ---- with a catalog ---- */

static char *make(const struct user_record *u)
{
	struct error e = {0};
	char *token;

	assert_ok(access_jwt_make(catalog, u, NOW, 3600, &token, &e));
	return token;
}

static void assert_check_refused(const char *token)
{
	struct user_record back;
	struct error e = {0};

	assert_fails(access_jwt_check(catalog, token, NOW + 1, &back, &e), ERR_PASSWORD, "the token is not valid");
}

static void a_token_gives_its_user(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0}, back = {0};
	struct error e = {0};

	put_user("maria", ROLE_OPERATOR, "geheim", &u);
	AUTO_FREE char *token = make(&u);
	AUTO_FREE char *another = make(&u);

	assert_string_not_equal(token, another);
	assert_ok(access_jwt_check(catalog, token, NOW + 3599, &back, &e));
	assert_string_equal(back.name, "maria");
	assert_int_equal(back.role, ROLE_OPERATOR);
	assert_fails(access_jwt_check(catalog, token, NOW + 3600, &u, &e), ERR_PASSWORD, "the token has expired");
}

static void a_token_ends_with_password_role_disabling_and_removal(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	struct error e = {0};

	put_user("maria", ROLE_OPERATOR, "geheim", &u);
	AUTO_FREE char *first = make(&u);

	u.role = ROLE_VIEWER;
	assert_ok(user_update(catalog, &u, &e));
	assert_check_refused(first);
	AUTO_FREE char *second = make(&u);

	assert_ok(user_end_all(catalog, NULL, &e));
	assert_check_refused(second);
	assert_ok(user_remove(catalog, u.id, &e));
	CLEANUP(user_record_release) struct user_record again = {0};
	put_user("maria", ROLE_OPERATOR, "geheim", &again);
	assert_check_refused(first);
}

static void a_token_is_never_more_than_it_was_made_for(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0}, back = {0};
	struct error e = {0};

	put_user("maria", ROLE_ADMIN, "geheim", &u);
	u.role = ROLE_VIEWER;
	AUTO_FREE char *token = make(&u);

	assert_ok(access_jwt_check(catalog, token, NOW, &back, &e));
	assert_int_equal(back.role, ROLE_VIEWER);
}

static void a_token_of_another_machine_is_refused(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0}, same = {0};
	struct error e = {0};

	put_user("maria", ROLE_OPERATOR, "geheim", &u);
	AUTO_FREE char *token = make(&u);

	catalog_close(catalog);
	assert_ok(fs_make_dirs(at("other"), 0700, &e));
	assert_ok(catalog_open(at("other"), &catalog, &e));
	put_user("maria", ROLE_OPERATOR, "geheim", &same);
	assert_int_equal(u.id, same.id);
	assert_check_refused(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_token_is_refused),
		cmocka_unit_test(a_token_that_was_cut_or_changed_anywhere_is_refused),
		cmocka_unit_test(a_token_of_another_key_is_refused),
		cmocka_unit_test(a_token_without_a_signature_is_refused_whatever_it_says),
		cmocka_unit_test(a_huge_token_is_refused_unread),
		cmocka_unit_test(a_header_of_another_algorithm_is_refused_even_when_signed),
		cmocka_unit_test(claims_that_are_missing_or_of_another_kind_are_refused),
		cmocka_unit_test(a_token_is_valid_until_it_expires),
		cmocka_unit_test(the_signature_is_that_of_rfc_7515),
		WITH_CATALOG(a_token_gives_its_user),
		WITH_CATALOG(a_token_ends_with_password_role_disabling_and_removal),
		WITH_CATALOG(a_token_is_never_more_than_it_was_made_for),
		WITH_CATALOG(a_token_of_another_machine_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Passwords, one-time codes, addresses: what needs no catalog. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "access_support.h"

/* ---- passwords ---- */

static void assert_refused(const char *user, const char *password, const char *text)
{
	CLEANUP(secret_release) struct secret s = {0};
	AUTO_FREE char *hash = NULL;
	struct error e = {0};

	secret_text(&s, password);
	assert_int_equal(access_hash_password(user, &s, &hash, &e), -ERR_USAGE);
	assert_string_equal(e.text, text);
	assert_null(hash);
}

static void a_password_that_is_guessed_at_once_is_refused(void **state)
{
	AUTO_FREE char *long_one = mem_zero(1026);

	memset(long_one, 'x', 1025);
	assert_refused("maria", "", "the password is too short: it needs at least 10 characters");
	assert_refused("maria", "123456789", "the password is too short: it needs at least 10 characters");
	assert_refused("maria", long_one, "the password is too long: it has at most 1024 characters");
	assert_refused("maria.rossi", "Maria.Rossi", "the password is the user's name");
	assert_refused("maria", "1234567890", "the password is one of those that are tried first");
	assert_refused("maria", "PassWord123", "the password is one of those that are tried first");
	assert_refused("maria", "zxcvbnm12345", "the password is one of those that are tried first");
	assert_refused("maria", "abababababababab", "the password is one of those that are tried first");
}

static bool checks(const char *stored, const char *password)
{
	CLEANUP(secret_release) struct secret s = {0};

	secret_text(&s, password);
	return access_check_password(stored, &s);
}

static void what_is_stored_wrongly_opens_for_no_password(void **state)
{
	static const char *const broken[] = {
		"", "geheim", "scrypt$", "scrypt$15$8$1$", "scrypt$15$8$1$c2FsdA==", "scrypt$1$1$1$c2FsdA==$", "scrypt$1$1$1$c2FsdA==$AAAA",
		"scrypt$0$1$1$c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "scrypt$30$90$1$c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"scrypt$99$8$1$c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "bcrypt$1$1$1$c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_false(checks(broken[i], "geheim"));
	assert_false(checks(NULL, ""));
}

static void a_password_opens_what_was_made_of_it_and_nothing_else_does(void **state)
{
	CLEANUP(secret_release) struct secret s = {0};
	AUTO_FREE char *stored = NULL;
	AUTO_FREE char *again = NULL;
	struct error e = {0};

	secret_text(&s, "correct horse battery staple");
	assert_ok(access_hash_password("maria", &s, &stored, &e));
	assert_ok(access_hash_password("maria", &s, &again, &e));
	assert_string_not_equal(stored, again);
	assert_memory_equal(stored, "scrypt$15$8$1$", 14);
	assert_int_equal(strlen(stored), 14 + 24 + 1 + 44);
	assert_true(checks(stored, "correct horse battery staple"));
	assert_false(checks(stored, "correct horse battery staplf"));
	assert_false(checks(stored, "correct horse battery stapl"));
	assert_false(checks(stored, ""));
}

/* ---- one-time codes ---- */

static bool code_ok(const char *code, int64_t now, int64_t last, int64_t *step)
{
	CLEANUP(secret_release) struct secret key = {0};

	secret_text(&key, "12345678901234567890");
	return access_check_totp(&key, code, now, last, step);
}

static void a_code_that_is_not_six_digits_is_none(void **state)
{
	static const char *const codes[] = {"", "28708", "2870820", "287 08", "28708a", "-287082", "287082\n", "94287082", "２８７０８２"};
	int64_t step = -1;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		assert_false(code_ok(codes[i], 59, 0, &step));
	assert_int_equal(step, -1);
}

static void a_code_counts_once(void **state)
{
	int64_t step = 0;

	assert_true(code_ok("287082", 59, 0, &step));
	assert_int_equal(step, 1);
	assert_false(code_ok("287082", 59, 1, &step));
	assert_false(code_ok("287082", 59, 2, &step));
}

static void a_code_counts_a_step_early_and_a_step_late(void **state)
{
	int64_t step;

	assert_false(code_ok("081804", 1111111109 - 60, 0, &step));
	assert_true(code_ok("081804", 1111111109 - 30, 0, &step));
	assert_true(code_ok("081804", 1111111109 + 30, 0, &step));
	assert_int_equal(step, 1111111109 / 30);
	assert_false(code_ok("081804", 1111111109 + 60, 0, &step));
}

static void without_a_key_no_code_is_right(void **state)
{
	const struct secret none = {0};
	int64_t step;

	assert_false(access_check_totp(&none, "328482", 0, -9, &step));
}

/* RFC 6238, appendix B (SHA-1); of its eight digits the last six. */
static void codes_follow_the_vectors_of_rfc_6238(void **state)
{
	static const struct { int64_t time; const char *code; } vectors[] = {
		{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
	};
	int64_t step;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		assert_true(code_ok(vectors[i].code, vectors[i].time, 0, &step));
		assert_int_equal(step, vectors[i].time / 30);
	}
	assert_true(code_ok("005 924", 1234567890, 0, &step));
}

static void a_key_is_shown_as_apps_read_it(void **state)
{
	CLEANUP(secret_release) struct secret key = {0}, a = {0}, b = {0};

	secret_text(&key, "12345678901234567890");
	AUTO_FREE char *url = access_totp_url("maria@example.com", &key);
	AUTO_FREE char *text = access_totp_text(&key);

	assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	assert_string_equal(url, "otpauth://totp/Backstay:maria@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Backstay&algorithm=SHA1&digits=6&period=30");
	assert_true(access_totp_parse(text, &a));
	assert_int_equal(a.len, 20);
	assert_memory_equal(a.p, "12345678901234567890", 20);
	assert_false(access_totp_parse("GEZDGNBVGY3TQOJQ", &b));
	assert_false(access_totp_parse("gezdgnbvgy3tqojqgezdgnbvgy3tqojq", &b));
	access_totp_key(&a);
	access_totp_key(&b);
	assert_int_equal(a.len, 20);
	assert_memory_not_equal(a.p, b.p, 20);
}

/* ---- whose request it is ---- */

static void assert_client(const char *peer, const char *forwarded, const char *trusted, const char *client)
{
	AUTO_FREE char *found = access_client(peer, forwarded, trusted);

	assert_string_equal(found, client);
}

static void nobody_is_believed_unless_told_so(void **state)
{
	assert_client("10.0.0.7", "1.2.3.4", NULL, "10.0.0.7");
	assert_client("10.0.0.7", "1.2.3.4", "", "10.0.0.7");
	assert_client("10.0.0.7", "1.2.3.4", "10.0.0.8", "10.0.0.7");
	assert_client("10.0.0.7:4711", "1.2.3.4", "10.0.1.0/24, nonsense, /8, 10.0.0.7/", "10.0.0.7");
	assert_client("unix", "1.2.3.4", "127.0.0.1", "unix");
	assert_client("::ffff:10.0.0.7", "1.2.3.4", NULL, "10.0.0.7");
	assert_client("10.0.0.7", "1.2.3.4", "10.0.0.7/33, 10.0.0.7/-1, 10.0.0.7/0x8, 0.0.0.0/99999999999", "10.0.0.7");
}

static void what_a_client_says_of_itself_is_not_believed(void **state)
{
	/* The proxy appends who it saw; what stands before came from there. */
	assert_client("10.0.0.1", "6.6.6.6, 1.2.3.4", "10.0.0.1", "1.2.3.4");
	assert_client("10.0.0.1", "10.0.0.1, 1.2.3.4", "10.0.0.1", "1.2.3.4");
	assert_client("10.0.0.1", "1.2.3.4, garbage", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.1", "1.2.3.4\r\nSet-Cookie: x", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.1", ",,, ,", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.1", "", "10.0.0.1", "10.0.0.1");
}

static void through_trusted_proxies_the_client_is_found(void **state)
{
	assert_client("10.0.0.1", "1.2.3.4", "10.0.0.0/8", "1.2.3.4");
	assert_client("10.0.0.1", "1.2.3.4, 10.9.9.9", "10.0.0.0/8", "1.2.3.4");
	assert_client("10.0.0.1", "10.1.1.1,10.2.2.2", "10.0.0.0/8", "10.1.1.1");
	assert_client("127.0.0.1", "[2001:db8::7]:4711", "::1 127.0.0.1", "2001:db8::7");
	assert_client("fd00:1::5", "1.2.3.4:80", "fd00:1::/33,192.168.0.0/16", "1.2.3.4");
	assert_client("fd00:1:8000::5", "1.2.3.4", "fd00:1::/33", "fd00:1:8000::5");
	assert_client("unix", "1.2.3.4", "unix", "1.2.3.4");
	assert_client("unix", NULL, "unix", "unix");
	assert_true(access_client_trusted("::ffff:10.0.0.1", "10.0.0.1"));
	assert_false(access_client_trusted("10.0.0.2", "10.0.0.1"));
	assert_true(access_client_trusted("10.0.0.3", "10.0.0.2/31"));
	assert_true(access_client_trusted("192.0.2.1", "0.0.0.0/0"));
	assert_false(access_client_trusted("2001:db8::1", "0.0.0.0/0"));
}

static void a_network_is_one_place(void **state)
{
	AUTO_FREE char *v4 = access_client_place("10.0.0.7");
	AUTO_FREE char *v6 = access_client_place("2001:db8:1:2:3:4:5:6");
	AUTO_FREE char *other = access_client_place("unix");

	assert_string_equal(v4, "10.0.0.7");
	assert_string_equal(v6, "2001:db8:1:2::/64");
	assert_string_equal(other, "unix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_that_is_guessed_at_once_is_refused),
		cmocka_unit_test(what_is_stored_wrongly_opens_for_no_password),
		cmocka_unit_test(a_password_opens_what_was_made_of_it_and_nothing_else_does),
		cmocka_unit_test(a_code_that_is_not_six_digits_is_none),
		cmocka_unit_test(a_code_counts_once),
		cmocka_unit_test(a_code_counts_a_step_early_and_a_step_late),
		cmocka_unit_test(without_a_key_no_code_is_right),
		cmocka_unit_test(codes_follow_the_vectors_of_rfc_6238),
		cmocka_unit_test(a_key_is_shown_as_apps_read_it),
		cmocka_unit_test(nobody_is_believed_unless_told_so),
		cmocka_unit_test(what_a_client_says_of_itself_is_not_believed),
		cmocka_unit_test(through_trusted_proxies_the_client_is_found),
		cmocka_unit_test(a_network_is_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "access_support.h"

#include "catalog/attempt.h"
#include "job/users.h"

#define GOOD "correct horse battery"

static const struct users_by root = {"root on the command line", NULL}, maria = {"maria", "10.0.0.7"};

static int add(const char *name, enum role role, const char *password, struct user_record *out, struct error *e)
{
	CLEANUP(secret_release) struct secret s = {0};

	if (password)
		secret_text(&s, password);
	return users_add(catalog, &root, name, role, password ? &s : NULL, out, e);
}

static bool opens(const char *name, const char *password)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret s = {0};
	struct error e;

	secret_text(&s, password);
	assert_ok(user_find(catalog, name, &u, &e));
	return access_check_password(u.password, &s);
}

/* ---- what is refused leaves no trace ---- */

static void what_is_refused_is_neither_done_nor_written_down(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0}, none = {0};
	CLEANUP(secret_release) struct secret weak = {0};
	struct error e;

	put_user("maria", ROLE_ADMIN, "geheim", &u);
	secret_text(&weak, "geheim");
	assert_fails(add("eve", ROLE_VIEWER, "geheim", &none, &e), ERR_USAGE, "the password is too short: it needs at least 10 characters");
	assert_fails(add("maria", ROLE_VIEWER, NULL, &none, &e), ERR_EXISTS, "there is a user named \"maria\" already");
	assert_fails(add("e v e", ROLE_VIEWER, NULL, &none, &e), ERR_USAGE, "a user cannot be called \"e v e\"");
	assert_fails(users_password(catalog, &root, &u, &weak, &e), ERR_USAGE, "the password is too short: it needs at least 10 characters");
	assert_fails(users_remove(catalog, &root, &u, &e), ERR_REFUSED, "no admin who can log in would be left");
	assert_fails(users_disable(catalog, &root, &u, true, &e), ERR_REFUSED, "no admin who can log in would be left");
	assert_fails(users_token_revoke(catalog, &root, 7, &e), ERR_NOT_FOUND, "there is no token with the number 7");
	assert_audit("");
	assert_true(opens("maria", "geheim"));
}

static void a_token_cannot_be_more_than_its_user(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	struct token_record t;
	struct error e;
	char *text;

	put_user("eve", ROLE_VIEWER, "geheim", &u);
	assert_fails(users_token_add(catalog, &maria, &u, "ci", ROLE_OPERATOR, 0, &t, &text, &e), ERR_REFUSED, "eve is viewer: a token cannot be more");
	assert_null(text);
	assert_audit("");
}

static void a_code_of_another_key_turns_nothing_on(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret key = {0};
	struct error e;

	put_user("eve", ROLE_VIEWER, "geheim", &u);
	secret_text(&key, "12345678901234567890");
	assert_fails(users_totp(catalog, &root, &u, &key, "000000", 59, &e), ERR_PASSWORD, "the code does not belong to this key");
	assert_int_equal(u.totp.len, 0);
	assert_audit("");
}

/* ---- what is done is written down ---- */

static void each_change_has_its_row(void **state)
{
	CLEANUP(user_record_release) struct user_record admin = {0}, u = {0};
	CLEANUP(secret_release) struct secret password = {0}, key = {0};
	struct error e;

	put_user("maria", ROLE_ADMIN, "geheim", &admin);
	assert_ok(add("eve", ROLE_VIEWER, NULL, &u, &e));
	secret_text(&password, GOOD);
	assert_ok(users_password(catalog, &maria, &u, &password, &e));
	assert_true(opens("eve", GOOD));
	assert_ok(users_role(catalog, &maria, &u, ROLE_OPERATOR, &e));
	secret_text(&key, "12345678901234567890");
	assert_ok(users_totp(catalog, &maria, &u, &key, "287082", 59, &e));
	assert_int_equal(u.totp_step, 1);
	assert_ok(users_totp_off(catalog, &root, &u, &e));
	assert_ok(users_disable(catalog, &maria, &u, true, &e));
	assert_ok(users_disable(catalog, &maria, &u, false, &e));
	assert_ok(users_remove(catalog, &maria, &u, &e));
	assert_audit("root on the command line user-add eve (as viewer) @-\n"
		     "maria user-password eve @10.0.0.7\n"
		     "maria user-role eve (from viewer to operator) @10.0.0.7\n"
		     "maria user-totp-on eve @10.0.0.7\n"
		     "root on the command line user-totp-off eve @-\n"
		     "maria user-disable eve @10.0.0.7\n"
		     "maria user-enable eve @10.0.0.7\n"
		     "maria user-remove eve @10.0.0.7");
}

static void a_new_password_lifts_the_throttling(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret password = {0};
	struct timespec now = {.tv_sec = 1800000000};
	struct error e;

	put_user("Eve", ROLE_VIEWER, "geheim", &u);
	for (int i = 0; i < 5; i++)
		assert_ok(attempt_begin(catalog, "user:eve", 5, now, &e));
	assert_int_equal(attempt_begin(catalog, "user:eve", 5, now, &e), -ERR_LOCKED);
	secret_text(&password, GOOD);
	assert_ok(users_password(catalog, &root, &u, &password, &e));
	assert_ok(attempt_begin(catalog, "user:eve", 5, now, &e));
}

static void a_token_is_shown_once_and_works_until_it_is_revoked(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0}, found = {0};
	CLEANUP(token_record_release) struct token_record t = {0}, back = {0};
	AUTO_FREE char *text = NULL;
	enum role role;
	struct error e;

	time_freeze(&(struct timespec){.tv_sec = 1800000000});
	put_user("eve", ROLE_OPERATOR, "geheim", &u);
	assert_ok(users_token_add(catalog, &maria, &u, "ci", ROLE_OPERATOR, 86400, &t, &text, &e));
	assert_memory_equal(text, "bst_", 4);
	assert_int_equal(strlen(text), 4 + 43);
	assert_ok(access_token_find(catalog, text, 1800000000 + 86399, &back, &found, &role, &e));
	assert_string_equal(found.name, "eve");
	assert_int_equal(role, ROLE_OPERATOR);
	token_record_release(&back);
	user_record_release(&found);
	assert_fails(access_token_find(catalog, text, 1800000000 + 86400, &back, &found, &role, &e), ERR_NOT_FOUND, "the token is not valid");
	assert_ok(users_role(catalog, &maria, &u, ROLE_VIEWER, &e));
	assert_ok(access_token_find(catalog, text, 1800000001, &back, &found, &role, &e));
	assert_int_equal(role, ROLE_VIEWER);
	assert_ok(users_token_revoke(catalog, &root, t.id, &e));
	token_record_release(&back);
	user_record_release(&found);
	assert_fails(access_token_find(catalog, text, 1800000001, &back, &found, &role, &e), ERR_NOT_FOUND, "the token is not valid");
	assert_audit("maria token-add ci (of eve, as operator, for 1 d 0 h) @10.0.0.7\n"
		     "maria user-role eve (from operator to viewer) @10.0.0.7\n"
		     "root on the command line token-revoke ci (of eve) @-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(what_is_refused_is_neither_done_nor_written_down),
		WITH_CATALOG(a_token_cannot_be_more_than_its_user),
		WITH_CATALOG(a_code_of_another_key_turns_nothing_on),
		WITH_CATALOG(each_change_has_its_row),
		WITH_CATALOG(a_new_password_lifts_the_throttling),
		WITH_CATALOG(a_token_is_shown_once_and_works_until_it_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Logging in, the first admin, sessions and tokens. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "access_support.h"

#include "job/users.h"

#include <pthread.h>

#define NOW 1800000000
#define WRONG "wrong name or password"

static struct user_record maria;

/* Logs in with maria's name from 10.0.0.7 unless told otherwise; e has why not. */
static int log_in(const char *name, const char *password, const char *code, const char *address, int64_t now, struct error *e)
{
	CLEANUP(secret_release) struct secret s = {0};
	CLEANUP(user_record_release) struct user_record u = {0};

	*e = (struct error){0};
	secret_text(&s, password);
	return access_login(catalog, name, &s, code, address, now, &u, e);
}

static int enter(void **state)
{
	catalog_enter(state);
	put_user("maria", ROLE_ADMIN, "geheim", &maria);
	return 0;
}

static int leave(void **state)
{
	user_record_release(&maria);
	return catalog_leave(state);
}
#define WITH_MARIA(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void give_totp(void)
{
	struct error e = {0};

	secret_text(&maria.totp, "12345678901234567890");
	assert_ok(user_update(catalog, &maria, &e));
}

/* ---- what is refused ---- */

static void whatever_is_wrong_one_text_is_said(void **state)
{
	CLEANUP(user_record_release) struct user_record eve = {0}, none = {.name = mem_string("empty"), .role = ROLE_VIEWER};
	struct error e;

	put_user("eve", ROLE_VIEWER, "geheim", &eve);
	eve.disabled = true;
	assert_ok(user_update(catalog, &eve, &e));
	assert_ok(user_add(catalog, &none, &e));
	assert_fails(log_in("maria", "falsch", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria", "", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("nobody", "geheim", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("eve", "geheim", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("empty", "", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("", "geheim", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria\nroot", "geheim", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("' OR 1=1 --", "geheim", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria", "falsch", "123456", "a", NOW, &e), ERR_PASSWORD, "wrong name, password or one-time code");
}

static void an_account_is_throttled_from_wherever_it_is_tried(void **state)
{
	struct error e;

	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *address = mem_printf("10.0.0.%d", i);

		assert_fails(log_in("maria", "falsch", NULL, address, NOW, &e), ERR_PASSWORD, WRONG);
	}
	assert_fails(log_in("MARIA", "geheim", NULL, "10.0.0.9", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
	assert_fails(log_in("maria", "falsch", NULL, "10.0.0.9", NOW + 1, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria", "geheim", NULL, "10.0.0.9", NOW + 1, &e), ERR_LOCKED, "too many attempts; try again in 2 seconds");
	assert_int_equal(log_in("maria", "geheim", NULL, "10.0.0.9", NOW + 3, &e), 0);
	assert_fails(log_in("maria", "falsch", NULL, "10.0.0.9", NOW + 3, &e), ERR_PASSWORD, WRONG);
}

static void a_name_nobody_has_is_throttled_just_so(void **state)
{
	struct error e;

	for (int i = 0; i < 5; i++)
		assert_fails(log_in("nobody", "falsch", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("nobody", "falsch", NULL, "a", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
}

static void an_address_is_throttled_whatever_names_it_tries(void **state)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e;

	for (int i = 0; i < 7; i++) {
		AUTO_FREE char *name = mem_printf("user%d", i);
		CLEANUP(user_record_release) struct user_record u = {0};

		put_user(name, ROLE_VIEWER, "geheim", &u);
		strlist_add(&names, name);
	}
	for (int i = 0; i < 20; i++)
		assert_fails(log_in(names.v[i % 7], "falsch", NULL, i % 2 ? "2001:db8::1" : "2001:db8::ffff:2", NOW, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria", "geheim", NULL, "2001:db8::3", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
	assert_int_equal(log_in("maria", "geheim", NULL, "2001:db8:0:1::3", NOW, &e), 0);
	assert_int_equal(log_in("maria", "geheim", NULL, "2001:db8::3", NOW + 1, &e), 0);
	/* Having one account of one's own does not reset the address. */
	assert_fails(log_in("user0", "falsch", NULL, "2001:db8::1", NOW + 2, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("user1", "falsch", NULL, "2001:db8::1", NOW + 2, &e), ERR_LOCKED, "too many attempts; try again in 2 seconds");
}

static void a_restart_forgets_no_attempt(void **state)
{
	struct error e;

	for (int i = 0; i < 5; i++)
		assert_fails(log_in("maria", "falsch", NULL, "a", NOW, &e), ERR_PASSWORD, WRONG);
	catalog_close(catalog);
	assert_ok(catalog_open(at("state"), &catalog, &e));
	assert_fails(log_in("maria", "geheim", NULL, "a", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
}

static const char *state_dir;

/* Each in a thread with a connection of its own. */
static void *try_one(void *address)
{
	CLEANUP(secret_release) struct secret wrong = {0};
	struct user_record u;
	struct catalog *own;
	struct error e = {0};

	secret_text(&wrong, "falsch");
	if (catalog_open(state_dir, &own, &e))
		return (void *)(intptr_t)99;
	int rc = access_login(own, "nobody", &wrong, NULL, address, NOW, &u, &e);

	catalog_close(own);
	return (void *)(intptr_t)-rc;
}

static void of_many_at_the_same_moment_few_are_tried_and_none_is_forgotten(void **state)
{
	pthread_t threads[12];
	size_t tried = 0;
	struct error e;

	state_dir = at("state");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, try_one, (void *)(uintptr_t)"10.0.0.7"), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *end;

		pthread_join(threads[i], &end);
		tried += end == (void *)ERR_PASSWORD;
		assert_true(end == (void *)ERR_PASSWORD || end == (void *)ERR_TEMPORARY || end == (void *)ERR_LOCKED);
	}
	assert_in_range(tried, 1, 5);
	assert_int_equal(log_in("maria", "geheim", NULL, "10.0.0.8", NOW, &e), 0);
}

static void a_password_is_confirmed_under_the_same_throttling(void **state)
{
	CLEANUP(secret_release) struct secret right = {0}, wrong = {0};
	struct error e;

	secret_text(&right, "geheim");
	secret_text(&wrong, "falsch");
	assert_ok(access_confirm(catalog, &maria, &right, "10.0.0.7", NOW, &e));
	for (int i = 0; i < 5; i++)
		assert_fails(access_confirm(catalog, &maria, &wrong, "10.0.0.7", NOW, &e), ERR_PASSWORD, "the password is wrong");
	assert_fails(access_confirm(catalog, &maria, &right, "10.0.0.7", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
	assert_fails(log_in("maria", "geheim", NULL, "10.0.0.8", NOW, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
	assert_audit("- login-failed maria @10.0.0.7");
}

/* ---- one-time codes ---- */

static void a_code_is_asked_for_only_after_the_password_was_right(void **state)
{
	struct error e;

	give_totp();
	assert_fails(log_in("maria", "falsch", NULL, "a", 59, &e), ERR_PASSWORD, WRONG);
	for (int i = 0; i < 9; i++)
	assert_fails(log_in("maria", "geheim", NULL, "a", 59, &e), ERR_REFUSED, "a one-time code is needed");
	assert_int_equal(log_in("maria", "geheim", "287 082", "a", 59, &e), 0);
}

static void a_code_is_not_taken_twice(void **state)
{
	struct error e;

	give_totp();
	assert_int_equal(log_in("maria", "geheim", "287082", "a", 59, &e), 0);
	assert_fails(log_in("maria", "geheim", "287082", "b", 60, &e), ERR_PASSWORD, "wrong name, password or one-time code");
}

static void guessing_codes_is_throttled_though_the_password_is_right(void **state)
{
	struct error e;

	give_totp();
	for (int i = 0; i < 5; i++) {
		assert_fails(log_in("maria", "geheim", "000000", "a", 59, &e), ERR_PASSWORD, "wrong name, password or one-time code");
		if (i < 4)
	assert_fails(log_in("maria", "geheim", NULL, "a", 59, &e), ERR_REFUSED, "a one-time code is needed");
	}
	assert_fails(log_in("maria", "geheim", "287082", "a", 59, &e), ERR_LOCKED, "too many attempts; try again in 1 second");
}

/* ---- what is told ---- */

static void logins_are_written_down_and_floods_counted(void **state)
{
	struct error e;

	assert_int_equal(log_in("Maria", "geheim", NULL, "10.0.0.7", NOW, &e), 0);
	assert_fails(log_in("my secret password", "", NULL, "10.0.0.7", NOW + 1, &e), ERR_PASSWORD, WRONG);
	for (int i = 0; i < 5; i++)
		assert_fails(log_in("maria", "falsch", NULL, "10.0.0.8", NOW + 2, &e), ERR_PASSWORD, WRONG);
	assert_fails(log_in("maria", "falsch", NULL, "10.0.0.8", NOW + 61, &e), ERR_PASSWORD, WRONG);
	assert_audit("maria login - @10.0.0.7\n"
		     "- login-failed - @10.0.0.7\n"
		     "- login-failed maria (and 5 more before this one) @10.0.0.8");
}

static void the_last_login_is_known(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	struct error e;

	assert_int_equal(log_in("maria", "geheim", NULL, NULL, NOW, &e), 0);
	assert_ok(user_find(catalog, "maria", &u, &e));
	assert_int_equal(u.last_login.tv_sec, NOW);
}

/* ---- the first admin ---- */

static int make_first(const char *link, const char *password, int64_t now, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret s = {0};

	*e = (struct error){0};
	secret_text(&s, password);
	int rc = access_first_admin(catalog, link, "root", &s, "10.0.0.7", now, &u, e);

	assert_true(rc ? u.id == 0 : u.role == ROLE_ADMIN);
	return rc;
}

static void the_first_admin_is_made_once_by_who_has_a_link(void **state)
{
	struct error e;
	AUTO_FREE char *link = NULL;
	AUTO_FREE char *newer = NULL;
	AUTO_FREE char *none = NULL;

	assert_ok(access_first_link(catalog, NOW, &link, &e));
	assert_ok(access_first_link(catalog, NOW + 10, &newer, &e));
	assert_string_not_equal(link, newer);
	assert_int_equal(strlen(link), 43);
	assert_fails(make_first("guessed", "correct horse", NOW + 20, &e), ERR_NOT_FOUND, "the link is not valid any more");
	assert_fails(make_first(link, "short", NOW + 20, &e), ERR_USAGE, "the password is too short: it needs at least 10 characters");
	assert_fails(make_first(link, "correct horse", NOW + 86400, &e), ERR_NOT_FOUND, "the link is not valid any more");
	assert_int_equal(make_first(link, "correct horse", NOW + 86399, &e), 0);
	assert_fails(make_first(newer, "correct horse", NOW + 20, &e), ERR_NOT_FOUND, "the link is not valid any more");
	assert_ok(access_first_link(catalog, NOW, &none, &e));
	assert_null(none);
	assert_int_equal(log_in("root", "correct horse", NULL, "10.0.0.7", NOW, &e), 0);
	assert_audit("root user-add root (the first admin, by the one-time link) @10.0.0.7\nroot login - @10.0.0.7");
}

static void a_link_is_void_once_there_is_a_user(void **state)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	AUTO_FREE char *link = NULL;
	struct error e;

	assert_ok(access_first_link(catalog, NOW, &link, &e));
	put_user("eve", ROLE_VIEWER, "geheim", &u);
	assert_fails(make_first(link, "correct horse", NOW, &e), ERR_NOT_FOUND, "the link is not valid any more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MARIA(whatever_is_wrong_one_text_is_said),
		WITH_MARIA(an_account_is_throttled_from_wherever_it_is_tried),
		WITH_MARIA(a_name_nobody_has_is_throttled_just_so),
		WITH_MARIA(an_address_is_throttled_whatever_names_it_tries),
		WITH_MARIA(a_restart_forgets_no_attempt),
		WITH_MARIA(of_many_at_the_same_moment_few_are_tried_and_none_is_forgotten),
		WITH_MARIA(a_password_is_confirmed_under_the_same_throttling),
		WITH_MARIA(a_code_is_asked_for_only_after_the_password_was_right),
		WITH_MARIA(a_code_is_not_taken_twice),
		WITH_MARIA(guessing_codes_is_throttled_though_the_password_is_right),
		WITH_MARIA(logins_are_written_down_and_floods_counted),
		WITH_MARIA(the_last_login_is_known),
		WITH_CATALOG(the_first_admin_is_made_once_by_who_has_a_link),
		WITH_CATALOG(a_link_is_void_once_there_is_a_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

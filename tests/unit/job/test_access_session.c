/* Sessions, and what ends them all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "access_support.h"

#include "base/progress.h"
#include "catalog/setting.h"

#define NOW 1800000000
#define HOUR 3600

static struct user_record maria;

static int enter(void **state)
{
	unsetenv("BACKSTAY_RESTORE_COMMAND");
	unsetenv("BACKSTAY_SESSION_HOURS");
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

static char *begin(struct session_record *s)
{
	struct error e;
	char *text;

	assert_ok(access_session_begin(catalog, &maria, "10.0.0.7", "Firefox", NOW, s, &text, &e));
	return text;
}

static int look(const char *text, int64_t now, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = access_session_find(catalog, text, now, &s, &u, e);

	assert_true(rc || u.id == maria.id);
	return rc;
}

/* The warnings, a line each; heap. */
static char *after_restore(void)
{
	CLEANUP(strlist_release) struct strlist warnings = {0};
	struct progress p = {0};

	access_after_restore("root on the command line", &p, &warnings);
	return strlist_join(&warnings, "\n");
}

static void set_command(const char *command)
{
	struct error e;

	assert_ok(setting_set(catalog, "restore_command", command, &e));
}

/* ---- sessions ---- */

static void a_session_nobody_began_is_none(void **state)
{
	struct error e;

	assert_fails(look("", NOW, &e), ERR_NOT_FOUND, "the session has ended");
	assert_fails(look("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOW, &e), ERR_NOT_FOUND, "the session has ended");
}

static void each_session_has_a_text_of_its_own_that_is_kept_nowhere(void **state)
{
	CLEANUP(session_record_release) struct session_record a = {0}, b = {0};
	AUTO_FREE char *first = begin(&a);
	AUTO_FREE char *second = begin(&b);
	AUTO_FREE char *very_long = mem_zero(5001);
	AUTO_FREE char *third = NULL;
	unsigned char hash[USER_HASH_LEN];
	struct error e;

	assert_int_equal(strlen(first), 43);
	assert_string_not_equal(first, second);
	assert_string_not_equal(a.csrf, b.csrf);
	assert_int_equal(strlen(a.csrf), 64);
	access_hash(first, hash);
	assert_memory_equal(hash, a.hash, sizeof hash);
	assert_ok(look(first, NOW, &e));
	assert_ok(access_logout(catalog, "maria", "10.0.0.7", a.id, &e));
	assert_fails(look(first, NOW, &e), ERR_NOT_FOUND, "the session has ended");
	assert_ok(look(second, NOW, &e));
	assert_audit("maria logout maria (10.0.0.7) @10.0.0.7");
	memset(very_long, 'x', 5000);
	session_record_release(&a);
	assert_ok(access_session_begin(catalog, &maria, NULL, very_long, NOW, &a, &third, &e));
	assert_int_equal(strlen(a.agent), 200);
}

static void a_session_ends_so_many_hours_after_its_last_use(void **state)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	struct error e;

	assert_ok(setting_set(catalog, "session_hours", "2", &e));
	AUTO_FREE char *text = begin(&s);

	assert_ok(look(text, NOW + HOUR, &e));
	assert_ok(look(text, NOW + 3 * HOUR - 1, &e));
	assert_fails(look(text, NOW + 5 * HOUR - 1, &e), ERR_NOT_FOUND, "the session has ended");
}

/* ---- after a restore ---- */

static void where_nobody_keeps_records_nothing_is_made(void **state)
{
	setenv("BACKSTAY_HOME", at("elsewhere"), 1);
	AUTO_FREE char *warnings = after_restore();

	assert_string_equal(warnings, "");
	assert_false(fs_exists(at("elsewhere")));
}

static void a_command_that_fails_is_told_and_sessions_end_all_the_same(void **state)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	AUTO_FREE char *text = begin(&s);
	struct error e;

	set_command("sh -c 'echo no app here >&2; exit 3'");
	AUTO_FREE char *warnings = after_restore();

	assert_string_equal(warnings, "running restore_command: sh failed with status 3: no app here");
	assert_fails(look(text, NOW, &e), ERR_NOT_FOUND, "the session has ended");
	set_command("'not closed");
	AUTO_FREE char *more = after_restore();

	assert_string_equal(more, "running restore_command: a quote is not closed");
}

static void all_sessions_and_signed_tokens_end_and_the_command_is_run(void **state)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	CLEANUP(user_record_release) struct user_record u = {0};
	AUTO_FREE char *text = begin(&s);
	AUTO_FREE char *command = mem_printf("sh -c 'echo \"$0 $1\" > ran; yes | head -c 100000' \"two words\" '$HOME;*'");
	AUTO_FREE char *jwt = NULL;
	struct error e;

	assert_ok(access_jwt_make(catalog, &maria, NOW, HOUR, &jwt, &e));
	set_command(command);
	AUTO_FREE char *warnings = after_restore();

	assert_string_equal(warnings, "");
	assert_holds("ran", "two words $HOME;*\n");
	assert_fails(look(text, NOW, &e), ERR_NOT_FOUND, "the session has ended");
	assert_fails(access_jwt_check(catalog, jwt, NOW, &u, &e), ERR_PASSWORD, "the token is not valid");
	assert_audit("root on the command line sessions-end - (1, after a restore over data in use) @-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MARIA(a_session_nobody_began_is_none),
		WITH_MARIA(each_session_has_a_text_of_its_own_that_is_kept_nowhere),
		WITH_MARIA(a_session_ends_so_many_hours_after_its_last_use),
		WITH_MARIA(where_nobody_keeps_records_nothing_is_made),
		WITH_MARIA(a_command_that_fails_is_told_and_sessions_end_all_the_same),
		WITH_MARIA(all_sessions_and_signed_tokens_end_and_the_command_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

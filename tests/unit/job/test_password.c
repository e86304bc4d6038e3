#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/password.h"

/* What password_find() says. */
struct found {
	struct secret password;
	char *from, *warning;
	struct error e;
	int rc;
};

static void found_release(struct found *f)
{
	secret_release(&f->password);
	free(f->from);
	free(f->warning);
}

static struct found look(void)
{
	struct found f = {0};

	f.rc = password_find("/srv/b", &f.password, &f.from, &f.warning, &f.e);
	return f;
}

static void assert_found(const char *password, const char *from)
{
	CLEANUP(found_release) struct found f = look();

	if (f.rc)
		fail_msg("%s", f.e.text);
	assert_string_equal((const char *)f.password.p, password);
	assert_string_equal(without_room(f.from), from);
	assert_null(f.warning);
}

static void put_secret(const char *name, const char *text)
{
	put_file(name, text);
	assert_int_equal(chmod(at(name), 0600), 0);
}

static void keep(const char *location, const char *password)
{
	CLEANUP(secret_release) struct secret s = {0};
	AUTO_FREE char *path = NULL;
	struct error e;

	secret_set(&s, password, strlen(password));
	assert_ok(password_keep(location, &s, &path, &e));
}

/* ---- what goes wrong ---- */

static void a_password_file_that_cannot_be_read_is_an_error_and_never_none_known(void **state)
{
	setenv("BACKSTAY_PASSWORD_FILE", at("typo"), 1);
	CLEANUP(found_release) struct found f = look();

	assert_int_equal(f.rc, -ERR_NOT_FOUND);
	assert_string_equal(without_room(f.from), "BACKSTAY_PASSWORD_FILE (@/typo)");
	assert_string_equal(without_room(f.e.text), "reading the password: opening @/typo: No such file or directory");
}

static void a_command_that_fails_is_an_error(void **state)
{
	setenv("RESTIC_PASSWORD_COMMAND", "sh -c 'echo no luck >&2; exit 3'", 1);
	CLEANUP(found_release) struct found f = look();

	assert_int_equal(f.rc, -ERR_CHILD);
	assert_string_equal(f.e.text,
			    "asking RESTIC_PASSWORD_COMMAND for the password: sh failed with status 3: no luck");
	assert_string_equal(f.from, "RESTIC_PASSWORD_COMMAND");
}

static void a_command_with_an_open_quote_is_none(void **state)
{
	setenv("RESTIC_PASSWORD_COMMAND", "cat 'x", 1);
	CLEANUP(found_release) struct found f = look();

	assert_int_equal(f.rc, -ERR_USAGE);
	assert_string_equal(f.e.text, "RESTIC_PASSWORD_COMMAND is not a command: a quote is not closed");
}

static void without_a_home_there_is_no_place_for_records(void **state)
{
	AUTO_FREE char *dir = NULL;
	struct error e;

	become_nobody();
	unsetenv("BACKSTAY_HOME");
	unsetenv("HOME");
	assert_fails(password_state_dir(false, &dir, &e), ERR_USAGE,
		     "there is no place for Backstay's own records: HOME is not set");
	assert_string_equal(e.hint, "set BACKSTAY_HOME to a folder");
	setenv("HOME", room, 1);
	assert_ok(password_state_dir(false, &dir, &e));
	assert_string_equal(without_room(dir), "@/.local/state/backstay");
	free(TAKE(dir));
	setenv("XDG_STATE_HOME", at("xdg"), 1);
	assert_ok(password_state_dir(false, &dir, &e));
	assert_string_equal(without_room(dir), "@/xdg/backstay");
}

static void nothing_set_and_nothing_kept_is_none_known(void **state)
{
	setenv("BACKSTAY_PASSWORD", "", 1);
	CLEANUP(found_release) struct found f = look();

	assert_int_equal(f.rc, 0);
	assert_null(f.from);
	assert_int_equal(f.password.len, 0);
}

/* ---- where it comes from ---- */

static void each_place_comes_before_those_after_it(void **state)
{
	static const char *const variables[] = {"BACKSTAY_PASSWORD", "BACKSTAY_PASSWORD_FILE", "RESTIC_PASSWORD",
						"RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"};
	static const char *const passwords[] = {"one", "two", "three", "four", "five"};
	static const char *const from[] = {"BACKSTAY_PASSWORD", "BACKSTAY_PASSWORD_FILE (@/two)", "RESTIC_PASSWORD",
					   "RESTIC_PASSWORD_FILE (@/four)", "RESTIC_PASSWORD_COMMAND"};

	put_secret("two", "two\n");
	put_secret("four", "four\n");
	setenv("BACKSTAY_PASSWORD", "one", 1);
	setenv("BACKSTAY_PASSWORD_FILE", at("two"), 1);
	setenv("RESTIC_PASSWORD", "three", 1);
	setenv("RESTIC_PASSWORD_FILE", at("four"), 1);
	setenv("RESTIC_PASSWORD_COMMAND", "echo five", 1);
	keep("/srv/b", "six");
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		assert_found(passwords[i], from[i]);
		unsetenv(variables[i]);
	}
	assert_found("six", "@/state/passwords/%2Fsrv%2Fb");
}

static void the_first_line_of_our_file_is_the_password_with_its_blanks(void **state)
{
	setenv("BACKSTAY_PASSWORD_FILE", at("file"), 1);
	put_secret("file", "  two words \r\nand a remark\n");
	assert_found("  two words ", "BACKSTAY_PASSWORD_FILE (@/file)");
	put_secret("file", "no newline");
	assert_found("no newline", "BACKSTAY_PASSWORD_FILE (@/file)");
	put_secret("file", "");
	assert_found("", "BACKSTAY_PASSWORD_FILE (@/file)");
}

static void what_restic_reads_is_read_as_restic_does(void **state)
{
	setenv("RESTIC_PASSWORD_FILE", at("file"), 1);
	put_secret("file", "\n\t two words \n\n");
	assert_found("two words", "RESTIC_PASSWORD_FILE (@/file)");
	unsetenv("RESTIC_PASSWORD_FILE");
	setenv("RESTIC_PASSWORD_COMMAND", "printf '%s \\n' 'a b'", 1);
	assert_found("a b", "RESTIC_PASSWORD_COMMAND");
}

static void a_password_file_that_others_can_read_is_used_and_said_so(void **state)
{
	setenv("BACKSTAY_PASSWORD_FILE", at("it's"), 1);
	put_file("it's", "open\n");
	CLEANUP(found_release) struct found f = look();

	assert_int_equal(f.rc, 0);
	assert_string_equal((const char *)f.password.p, "open");
	assert_string_equal(without_room(f.warning),
			    "the password file @/it's can be read by others; run: chmod 600 '@/it'\\''s'");
}

/* ---- keeping ---- */

static void a_kept_password_is_private_and_replaces_the_one_before(void **state)
{
	umask(0);
	keep("/srv/b", "old");
	keep("/srv/b", " new ");
	assert_found(" new ", "@/state/passwords/%2Fsrv%2Fb");
	assert_int_equal(mode_of("state/passwords/%2Fsrv%2Fb"), 0600);
	assert_int_equal(mode_of("state/passwords"), 0700);
	assert_int_equal(mode_of("state"), 0700);
	umask(022);
}

static void each_location_has_a_file_of_its_own_however_long(void **state)
{
	AUTO_FREE char *percent = NULL;
	AUTO_FREE char *slash = NULL;
	AUTO_FREE char *first = NULL;
	AUTO_FREE char *second = NULL;
	char place[600];
	struct error e;

	assert_ok(password_file_for("/a%2Fb", &percent, &e));
	assert_ok(password_file_for("/a/b", &slash, &e));
	assert_string_equal(without_room(percent), "@/state/passwords/%2Fa%252Fb");
	assert_string_equal(without_room(slash), "@/state/passwords/%2Fa%2Fb");
	memset(place, 'x', sizeof place - 1);
	place[sizeof place - 1] = 0;
	place[0] = '/';
	assert_ok(password_file_for(place, &first, &e));
	place[sizeof place - 2] = 'y';
	assert_ok(password_file_for(place, &second, &e));
	assert_int_equal(strlen(path_base(first)), 64);
	assert_string_not_equal(first, second);
	keep(place, "long");
}

/* ---- the sheet ---- */

static const char sheet[] = "BACKSTAY RECOVERY SHEET                                   2026-11-21 07:14:05\n"
			    "\n"
			    "Keep this apart from the machine: on paper, or in a password manager.\n"
			    "Without the password nobody can read the backups, and nobody can help.\n"
			    "\n"
			    "Repository   /srv/it's here\n"
			    "Id           0123456789abcdef\n"
			    "Password     %s\n"
			    "\n"
			    "To restore without Backstay, on any machine with restic (https://restic.net),\n"
			    "which asks for the password:\n"
			    "\n"
			    "  # where the backups are\n"
			    "  export RESTIC_REPOSITORY='/srv/it'\\''s here'\n"
			    "  # which there are\n"
			    "  restic snapshots\n"
			    "  # the newest one, every file of it (or an ID of the list instead of latest)\n"
			    "  restic restore latest --target /tmp/back\n"
			    "  # the names in it, and one file of them\n"
			    "  restic ls latest\n"
			    "  restic dump latest /app.db > app.db\n"
			    "\n"
			    "A database file that comes back so is complete: open it with sqlite3.\n"
			    "The dump of a database on a server goes into an empty database:\n\n"
			    "  # PostgreSQL\n"
			    "  restic dump latest /shop/database.dump > shop.dump\n"
			    "  pg_restore --exit-on-error --dbname shop_back shop.dump\n"
			    "  # MySQL, MariaDB\n"
			    "  restic dump latest /shop/database.sql > shop.sql\n"
			    "  mariadb shop_back < shop.sql\n\n"
			    "Each backup also holds /.backstay/manifest.json, which says what is in it.\n";

static void assert_sheet(const struct secret *password, const char *shown)
{
	const struct timespec t = {.tv_sec = 1795245245};
	AUTO_FREE char *path = NULL;
	char expected[sizeof sheet + 100];
	struct error e;

	time_freeze(&t);
	assert_ok(password_recovery_sheet("/srv/it's here", "0123456789abcdef", password, &path, &e));
	assert_string_equal(without_room(path), "@/state/recovery-01234567.txt");
	snprintf(expected, sizeof expected, sheet, shown);
	assert_holds("state/recovery-01234567.txt", expected);
	assert_int_equal(mode_of("state/recovery-01234567.txt"), 0600);
}

static void the_recovery_sheet_has_all_it_takes_to_restore_with_restic(void **state)
{
	CLEANUP(secret_release) struct secret password = {0};

	secret_set(&password, "abcde-fghij", 11);
	assert_sheet(&password, "abcde-fghij");
}

static void a_password_of_ones_own_is_left_to_be_filled_in(void **state)
{
	assert_sheet(NULL, "______________________________ (the one you chose)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(a_password_file_that_cannot_be_read_is_an_error_and_never_none_known),
		IN_ROOM(a_command_that_fails_is_an_error),
		IN_ROOM(a_command_with_an_open_quote_is_none),
		IN_ROOM(without_a_home_there_is_no_place_for_records),
		IN_ROOM(nothing_set_and_nothing_kept_is_none_known),
		IN_ROOM(each_place_comes_before_those_after_it),
		IN_ROOM(the_first_line_of_our_file_is_the_password_with_its_blanks),
		IN_ROOM(what_restic_reads_is_read_as_restic_does),
		IN_ROOM(a_password_file_that_others_can_read_is_used_and_said_so),
		IN_ROOM(a_kept_password_is_private_and_replaces_the_one_before),
		IN_ROOM(each_location_has_a_file_of_its_own_however_long),
		IN_ROOM(the_recovery_sheet_has_all_it_takes_to_restore_with_restic),
		IN_ROOM(a_password_of_ones_own_is_left_to_be_filled_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

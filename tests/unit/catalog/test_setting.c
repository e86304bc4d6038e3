#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/fs.h"
#include "base/path.h"
#include "catalog/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const used[] = {
	"BACKSTAY_CONFIG", "BACKSTAY_RETENTION_DAYS", "BACKUP_RETENTION_DAYS", "BACKUP_RETENTION_COUNT", "BACKUP_COMPRESSION_LEVEL", "BACKUP_EMAIL_NOTIFICATIONS",
	"BACKUP_AUTO_CLEANUP", "BACKUP_NOTIFICATION_EMAIL", "BACKSTAY_LOW_SPACE", "BACKUP_SFTP_HOST", "BACKSTAY_RETENTION_DAY", "BACKUP_MYSQL_PATH",
	"BACKSTAY_MYSQL_BIN", "BACKUP_DIR", "BACKUP_DIRECTORY", "BACKSTAY_SMTP_PASSWORD", "BACKSTAY_HOME", "BACKUP_ODD", "TEST_ONLY_IN_THE_FILE", "BACKSTAY_LISTEN",
};

static int with_no_variables(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(used); i++)
		unsetenv(used[i]);
	return support_setup(state);
}
#define SETTING_TEST(f) cmocka_unit_test_setup_teardown(f, with_no_variables, support_teardown)

/* "30 (default)", or the error. Heap. */
static char *text_of(struct support *s, const char *name)
{
	enum setting_origin origin;
	AUTO_FREE char *text = NULL;
	if (setting_text(s->c, name, &text, &origin, &s->e))
		return mem_string(s->e.text);
	return mem_printf("%s (%s)", text, setting_origin_name(origin));
}

static void assert_says(struct support *s, const char *name, const char *wanted)
{
	AUTO_FREE char *got = text_of(s, name);
	assert_string_equal(got, wanted);
}

/* BACKSTAY_CONFIG names a file of this text from now on. Its path; heap. */
static char *set_file(struct support *s, const char *text)
{
	char *path = path_join(s->dir, "backstay.conf");
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &s->e), 0);
	setenv("BACKSTAY_CONFIG", path, 1);
	return path;
}

/* ---- what does not fit ---- */

static void a_setting_that_is_none_is_told_with_the_nearest(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *text = NULL;
	assert_int_equal(setting_text(s->c, "retention_day", &text, NULL, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, "there is no setting \"retention_day\"");
	assert_string_equal(s->e.hint, "did you mean \"retention_days\"?");
	assert_int_equal(setting_set(s->c, "something", "1", &s->e), -ERR_USAGE);
	assert_string_equal(s->e.hint, "backstay config show lists them");
}

static void assert_refuses(struct support *s, const char *name, const char *value, const char *wanted)
{
	assert_int_equal(setting_set(s->c, name, value, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, wanted);
}

static void values_that_do_not_fit_are_refused(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *longest = mem_alloc(4098);
	memset(longest, 'x', 4097);
	longest[4097] = '\0';
	assert_refuses(s, "retention_days", "thirty", "retention_days cannot be \"thirty\"; it is a number, 0 to 36500");
	assert_refuses(s, "retention_days", "", "retention_days cannot be \"\"; it is a number, 0 to 36500");
	assert_refuses(s, "retention_days", "-1", "retention_days cannot be \"-1\"; it is a number, 0 to 36500");
	assert_refuses(s, "retention_days", "36501", "retention_days cannot be \"36501\"; it is a number, 0 to 36500");
	assert_refuses(s, "retention_days", "99999999999999999999", "retention_days cannot be \"99999999999999999999\"; it is a number, 0 to 36500");
	assert_refuses(s, "prune_hour", "24", "prune_hour cannot be \"24\"; it is a number, 0 to 23");
	assert_refuses(s, "jobs", "0", "jobs cannot be \"0\"; it is a number, 1 to 64");
	assert_refuses(s, "low_space", "much", "low_space cannot be \"much\"; it is a size, such as 500M or 10G");
	assert_refuses(s, "auto_cleanup", "maybe", "auto_cleanup cannot be \"maybe\"; it is true or false");
	static const char *const nowhere[] = {"", "nonsense", ":8484", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "unix:"};
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
		AUTO_FREE char *said = mem_printf("listen cannot be \"%s\"; it is ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH", nowhere[i]);
		assert_refuses(s, "listen", nowhere[i], said);
	}
	assert_int_equal(setting_set(s->c, "listen", "[::1]:8484", &s->e), 0);
	assert_int_equal(setting_set(s->c, "listen", "unix:/run/b.sock", &s->e), 0);
	assert_refuses(s, "public_url", "ftp://x", "public_url cannot be \"ftp://x\"; it is a URL with http:// or https://");
	assert_refuses(s, "public_url", "https://", "public_url cannot be \"https://\"; it is a URL with http:// or https://");
	assert_int_equal(setting_set(s->c, "public_url", "https://backup.example.org/", &s->e), 0);
	assert_refuses(s, "log_format", "xml", "log_format cannot be \"xml\"; it is text or json");
	assert_refuses(s, "log_format", "text|json", "log_format cannot be \"text|json\"; it is text or json");
	assert_refuses(s, "smtp_from", "a\nb", "smtp_from must be one line of at most 4096 bytes");
	assert_refuses(s, "smtp_password", "a\nb", "smtp_password must be one line of at most 4096 bytes");
	assert_refuses(s, "smtp_from", longest, "smtp_from must be one line of at most 4096 bytes");
}

static void a_value_of_the_environment_that_does_not_fit_is_told_as_such(void **state)
{
	struct support *s = *state;
	uint64_t days;
	setenv("BACKUP_RETENTION_DAYS", "a month", 1);
	assert_int_equal(setting_number(s->c, "retention_days", &days, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, "BACKUP_RETENTION_DAYS in the environment: retention_days cannot be \"a month\"; it is a number, 0 to 36500");
}

static void a_value_of_the_file_that_does_not_fit_is_told_as_such(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = set_file(s, "BACKUP_RETENTION_DAYS=a month");
	AUTO_FREE char *wanted = mem_printf("BACKUP_RETENTION_DAYS in %s: retention_days cannot be \"a month\"; it is a number, 0 to 36500", path);
	assert_says(s, "retention_days", wanted);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = set_file(s, "BACKUP_RETENTION_DAYS=1\nnonsense");
	AUTO_FREE char *wanted = mem_printf("the settings in %s (BACKSTAY_CONFIG): line 2 is no NAME=VALUE", path);
	assert_says(s, "retention_days", wanted);
	assert_int_equal(setting_environment(&s->e), -ERR_USAGE);
	setenv("BACKSTAY_CONFIG", "/nowhere/backstay.conf", 1);
	assert_says(s, "retention_days", "the settings in /nowhere/backstay.conf (BACKSTAY_CONFIG): opening it: No such file or directory");
}

static void what_the_environment_gives_cannot_be_changed_in_the_catalog(void **state)
{
	struct support *s = *state;
	setenv("BACKUP_RETENTION_DAYS", "7", 1);
	assert_int_equal(setting_set(s->c, "retention_days", "8", &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "retention_days is given by BACKUP_RETENTION_DAYS in the environment");
	assert_string_equal(s->e.hint, "change it there, or take it out there");
	assert_int_equal(setting_set(s->c, "retention_days", NULL, &s->e), -ERR_REFUSED);
}

/* ---- where a value comes from ---- */

static void the_first_that_says_something_counts(void **state)
{
	struct support *s = *state;
	assert_says(s, "retention_days", "30 (default)");
	assert_int_equal(setting_set(s->c, "retention_days", "31", &s->e), 0);
	assert_says(s, "retention_days", "31 (catalog)");
	AUTO_FREE char *path = set_file(s, "BACKUP_RETENTION_DAYS=1\nBACKUP_RETENTION_DAYS=32\n");
	assert_says(s, "retention_days", "32 (file)");
	setenv("BACKUP_RETENTION_DAYS", "33", 1);
	assert_says(s, "retention_days", "33 (environment)");
	setenv("BACKSTAY_RETENTION_DAYS", "34", 1);
	assert_says(s, "retention_days", "34 (environment)");
	setenv("BACKSTAY_RETENTION_DAYS", "", 1);
	setenv("BACKUP_RETENTION_DAYS", "", 1);
	assert_says(s, "retention_days", "32 (file)");
	unsetenv("BACKSTAY_CONFIG");
	assert_int_equal(setting_set(s->c, "retention_days", NULL, &s->e), 0);
	assert_says(s, "retention_days", "30 (default)");
}

static void without_a_catalog_there_are_the_others(void **state)
{
	struct support *s = *state;
	uint64_t n;
	bool flag;
	assert_int_equal(setting_number(NULL, "max_backups", &n, &s->e), 0);
	assert_int_equal(n, 50);
	setenv("BACKUP_RETENTION_COUNT", "10", 1);
	assert_int_equal(setting_number(NULL, "max_backups", &n, &s->e), 0);
	assert_int_equal(n, 10);
	assert_int_equal(setting_bool(NULL, "auto_cleanup", &flag, &s->e), 0);
	assert_true(flag);
}

static void a_file_that_was_changed_is_read_again(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = set_file(s, "BACKUP_RETENTION_DAYS=1");
	assert_says(s, "retention_days", "1 (file)");
	free(set_file(s, "BACKUP_RETENTION_DAYS=2"));
	assert_says(s, "retention_days", "2 (file)");
	free(set_file(s, ""));
	assert_says(s, "retention_days", "30 (default)");
}

static void the_words_that_the_old_systems_use_are_understood(void **state)
{
	struct support *s = *state;
	bool flag = true;
	uint64_t n;
	setenv("BACKUP_EMAIL_NOTIFICATIONS", "False", 1);
	assert_int_equal(setting_bool(s->c, "email_notifications", &flag, &s->e), 0);
	assert_false(flag);
	setenv("BACKUP_EMAIL_NOTIFICATIONS", "YES", 1);
	assert_int_equal(setting_bool(s->c, "email_notifications", &flag, &s->e), 0);
	assert_true(flag);
	setenv("BACKUP_COMPRESSION_LEVEL", "6", 1);
	assert_says(s, "compression_level", "6 (environment)");
	setenv("BACKSTAY_LOW_SPACE", "1.5G", 1);
	assert_int_equal(setting_number(s->c, "low_space", &n, &s->e), 0);
	assert_int_equal(n, 3ULL << 29);
	setenv("BACKUP_NOTIFICATION_EMAIL", "ops@example.org", 1);
	assert_says(s, "notification_email", "ops@example.org (environment)");
}

/* ---- variables ---- */

static void other_variables_of_the_file_go_into_the_environment(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = set_file(s, "BACKUP_DIR=/srv/b\nTEST_ONLY_IN_THE_FILE=1\nBACKUP_RETENTION_DAYS=5\nBACKSTAY_HOME=/srv/file\n");
	setenv("BACKSTAY_HOME", "/srv/environment", 1);
	assert_int_equal(setting_environment(&s->e), 0);
	assert_string_equal(getenv("BACKUP_DIR"), "/srv/b");
	assert_string_equal(getenv("TEST_ONLY_IN_THE_FILE"), "1");
	assert_string_equal(getenv("BACKSTAY_HOME"), "/srv/environment");
	assert_null(getenv("BACKUP_RETENTION_DAYS"));
	assert_says(s, "retention_days", "5 (file)");
}

static void names_of_the_old_systems_stand_for_ours(void **state)
{
	struct support *s = *state;
	setenv("BACKUP_DIRECTORY", "backups/", 1);
	setenv("BACKUP_MYSQL_PATH", "/opt/mysql/bin/mysqldump", 1);
	assert_int_equal(setting_environment(&s->e), 0);
	assert_string_equal(getenv("BACKUP_DIR"), "backups/");
	assert_string_equal(getenv("BACKSTAY_MYSQL_BIN"), "/opt/mysql/bin");
	unsetenv("BACKSTAY_MYSQL_BIN");
	setenv("BACKUP_MYSQL_PATH", "mysqldump", 1);
	setenv("BACKUP_DIRECTORY", "other/", 1);
	assert_int_equal(setting_environment(&s->e), 0);
	assert_null(getenv("BACKSTAY_MYSQL_BIN"));
	assert_string_equal(getenv("BACKUP_DIR"), "backups/");
}

static void what_has_no_effect_is_noted(void **state)
{
	struct support *s = *state;
	CLEANUP(strlist_release) struct strlist notes = {0};
	AUTO_FREE char *path = set_file(s, "BACKUP_SFTP_HOST=sftp.example.com\nBACKSTAY_RETENTION_DAY=1\nBACKUP_RETENTION_DAYS=1\nPGHOST=db\n");
	setenv("BACKUP_ODD", "1", 1);
	setenv("BACKUP_DIR", "/srv/b", 1);
	assert_int_equal(setting_notes(&notes, &s->e), 0);
	AUTO_FREE char *all = strlist_join(&notes, "\n");
	assert_string_equal(all,
		"BACKSTAY_RETENTION_DAY is nothing that Backstay knows; did you mean BACKSTAY_RETENTION_DAYS?\n"
		"BACKUP_ODD is nothing that Backstay knows\n"
		"BACKUP_SFTP_HOST is for a store that is not built in yet");
	strlist_release(&notes);
	AUTO_FREE char *off = set_file(s, "BACKUP_SFTP_ENABLED=False\nBACKUP_SFTP_HOST=sftp.example.com\n");
	unsetenv("BACKUP_ODD");
	assert_int_equal(setting_notes(&notes, &s->e), 0);
	assert_int_equal(notes.n, 0);
}

static void values_are_kept_in_one_form(void **state)
{
	struct support *s = *state;
	assert_int_equal(setting_set(s->c, "low_space", "10G", &s->e), 0);
	assert_says(s, "low_space", "10737418240 (catalog)");
	assert_int_equal(setting_set(s->c, "auto_cleanup", "OFF", &s->e), 0);
	assert_says(s, "auto_cleanup", "false (catalog)");
	assert_int_equal(setting_set(s->c, "retention_days", "007", &s->e), 0);
	assert_says(s, "retention_days", "7 (catalog)");
}

/* ---- secrets ---- */

static void a_secret_is_sealed_and_never_shown(void **state)
{
	struct support *s = *state;
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct json_out w;
	assert_int_equal(setting_set(s->c, "smtp_password", "open-sesame", &s->e), 0);
	assert_says(s, "smtp_password", "open-sesame (catalog)");
	assert_false(support_on_disk(s, "open-sesame"));
	jw_init(&w, &json);
	assert_int_equal(settings_json(s->c, &w, &s->e), 0);
	assert_null(strstr(buf_text(&json), "open-sesame"));
	assert_non_null(strstr(buf_text(&json), "\"smtp_password\":{\"known\":true,\"origin\":\"catalog\",\"variable\":null,\"type\":\"secret\","));
	buf_clear(&json);
	jw_init(&w, &json);
	assert_int_equal(settings_export(s->c, false, &w, &s->e), 0);
	assert_string_equal(buf_text(&json), "{}");
	buf_clear(&json);
	jw_init(&w, &json);
	assert_int_equal(settings_export(s->c, true, &w, &s->e), 0);
	assert_string_equal(buf_text(&json), "{\"smtp_password\":\"open-sesame\"}");
	assert_int_equal(setting_set(s->c, "smtp_password", "", &s->e), 0);
	assert_says(s, "smtp_password", " (default)");
}

/* ---- JSON ---- */

static void json_says_what_counts_and_from_where(void **state)
{
	struct support *s = *state;
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct json_out w;
	setenv("BACKUP_RETENTION_DAYS", "7", 1);
	setenv("BACKUP_AUTO_CLEANUP", "perhaps", 1);
	assert_int_equal(setting_set(s->c, "log_format", "json", &s->e), 0);
	jw_init(&w, &json);
	assert_int_equal(settings_json(s->c, &w, &s->e), 0);
	assert_non_null(strstr(buf_text(&json),
		"\"retention_days\":{\"value\":7,\"default\":30,\"origin\":\"environment\",\"variable\":\"BACKUP_RETENTION_DAYS\",\"type\":\"number\",\"min\":0,\"max\":36500,"
		"\"choices\":[],\"help\":\"backups younger than this many days are kept; 0: their age does not matter\",\"error\":null}"));
	assert_non_null(strstr(buf_text(&json),
		"\"auto_cleanup\":{\"value\":true,\"default\":true,\"origin\":\"environment\",\"variable\":\"BACKUP_AUTO_CLEANUP\",\"type\":\"bool\",\"min\":null,\"max\":null,"
		"\"choices\":[],\"help\":\"a schedule's backup is followed by a cleanup by its rules\",\"error\":\"BACKUP_AUTO_CLEANUP in the environment: auto_cleanup cannot be "
		"\\\"perhaps\\\"; it is true or false\"}"));
	assert_non_null(strstr(buf_text(&json), "\"log_format\":{\"value\":\"json\",\"default\":\"text\",\"origin\":\"catalog\",\"variable\":null,\"type\":\"choice\","
		"\"min\":null,\"max\":null,\"choices\":[\"text\",\"json\"],"));
	buf_clear(&json);
	jw_init(&w, &json);
	assert_int_equal(settings_export(s->c, false, &w, &s->e), 0);
	assert_string_equal(buf_text(&json), "{\"log_format\":\"json\"}");
}

/* ---- the table ---- */

static void every_default_fits_its_setting(void **state)
{
	struct error e;
	for (const struct setting *s = settings; s->name; s++) {
		if (setting_check(s, s->value, &e))
			fail_msg("%s", e.text);
		assert_ptr_equal(setting_find(s->name), s);
		assert_memory_equal(s->environment, "BACKSTAY_", 9);
	}
}

/* The lines of docs/settings.md that the table makes. Heap. */
static char *table_lines(void)
{
	struct buf b = BUF_INIT;
	for (const struct setting *s = settings; s->name; s++) {
		AUTO_FREE char *may_be = setting_describe(s);
		buf_printf(&b, "| `%s` | %s | %s%s%s | ", s->name, may_be, *s->value ? "`" : "", s->value, *s->value ? "`" : "");
		buf_add_byte(&b, '`');
		for (const char *c = s->environment; *c; c++)
			buf_add(&b, *c == '|' ? "`, `" : c, *c == '|' ? 4 : 1);
		buf_add_byte(&b, '`');
		buf_printf(&b, " | %s |\n", s->help);
	}
	return buf_take_text(&b);
}

static void the_page_about_settings_has_this_very_table(void **state)
{
	CLEANUP(buf_release) struct buf page = BUF_INIT;
	struct error e;
	AUTO_FREE char *wanted = table_lines();
	assert_int_equal(fs_read_file("docs/settings.md", 1 << 20, &page, &e), 0);
	if (!strstr(buf_text(&page), wanted)) {
		printf("docs/settings.md must hold these lines:\n%s", wanted);    /* too long for print_message() */
		fail();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SETTING_TEST(a_setting_that_is_none_is_told_with_the_nearest),
		SETTING_TEST(values_that_do_not_fit_are_refused),
		SETTING_TEST(a_value_of_the_environment_that_does_not_fit_is_told_as_such),
		SETTING_TEST(a_value_of_the_file_that_does_not_fit_is_told_as_such),
		SETTING_TEST(a_file_that_cannot_be_read_is_told),
		SETTING_TEST(what_the_environment_gives_cannot_be_changed_in_the_catalog),
		SETTING_TEST(the_first_that_says_something_counts),
		SETTING_TEST(without_a_catalog_there_are_the_others),
		SETTING_TEST(a_file_that_was_changed_is_read_again),
		SETTING_TEST(the_words_that_the_old_systems_use_are_understood),
		SETTING_TEST(other_variables_of_the_file_go_into_the_environment),
		SETTING_TEST(names_of_the_old_systems_stand_for_ours),
		SETTING_TEST(what_has_no_effect_is_noted),
		SETTING_TEST(values_are_kept_in_one_form),
		SETTING_TEST(a_secret_is_sealed_and_never_shown),
		SETTING_TEST(json_says_what_counts_and_from_where),
		cmocka_unit_test(every_default_fits_its_setting),
		cmocka_unit_test(the_page_about_settings_has_this_very_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What store.c does for all stores: names, paths, opening by URL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper.h"

#include <unistd.h>

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void an_unknown_scheme_is_refused_and_its_secrets_not_repeated(void **state)
{
	struct error e = {0};
	struct store *s = NULL;
	assert_int_equal(store_open("sftp:user:secret@host/x", &s, &e), -ERR_USAGE);
	assert_string_equal(e.text, "unknown kind of repository \"sftp:\"; known are a path and local:PATH");
	assert_string_equal(e.hint, "for a folder whose name has a colon, write local: in front of it");
	assert_fails(store_open("Local:/x", &s, &e), ERR_USAGE,
		     "unknown kind of repository \"Local:\"; known are a path and local:PATH");
	assert_null(s);
}

static void an_empty_path_is_refused(void **state)
{
	struct error e = {0};
	struct store *s = NULL;
	assert_fails(store_open("", &s, &e), ERR_USAGE, "the path of the repository is empty");
	assert_fails(store_open("local:", &s, &e), ERR_USAGE, "the path of the repository is empty");
	assert_null(s);
}

static void assert_opens_as(const char *url, const char *shown)
{
	struct error e = {0};
	struct store *s = NULL;
	assert_ok(store_open(url, &s, &e));
	assert_string_equal(s->url, shown);
	assert_int_equal(s->features, STORE_LOCAL | STORE_DURABLE);
	store_free(s);
}

static void a_path_is_opened_without_looking_and_shown_absolute(void **state)
{
	AUTO_FREE char *here = getcwd(NULL, 0);
	AUTO_FREE char *relative = path_join(here, "not/there");
	AUTO_FREE char *with_colon = path_join(here, "a:b");
	AUTO_FREE char *late_colon = path_join(here, "dir/a:b");
	assert_opens_as("/not/there", "/not/there");
	assert_opens_as("local:/not/there", "/not/there");
	assert_opens_as("/not//./there/", "/not/there");
	assert_opens_as("local:not/there", relative);
	assert_opens_as("not/there", relative);
	assert_opens_as("local:a:b", with_colon);
	assert_opens_as("./a:b", with_colon);
	assert_opens_as("dir/a:b", late_colon);
}

static void names_are_64_lower_case_digits(void **state)
{
	assert_true(store_name_ok(DIGITS));
	assert_false(store_name_ok(""));
	assert_false(store_name_ok(DIGITS "0"));
	assert_false(store_name_ok(&DIGITS[1]));
	assert_false(store_name_ok("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(store_name_ok("g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(store_name_ok("../3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
}

static void paths_are_those_of_the_format(void **state)
{
	static const char *const paths[STORE_KINDS] = {
		"config", "keys/" DIGITS, "locks/" DIGITS, "snapshots/" DIGITS, "index/" DIGITS, "data/01/" DIGITS};
	static const char *const kinds[STORE_KINDS] = {"config", "key", "lock", "snapshot", "index", "pack"};
	static const char *const folders[STORE_KINDS] = {"", "keys", "locks", "snapshots", "index", "data"};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = {.kind = k};
		char path[STORE_PATH_MAX];
		if (k != STORE_CONFIG)
			strcpy(f.name, DIGITS);
		store_path(&f, path);
		assert_string_equal(path, paths[k]);
		assert_string_equal(store_kind_name(k), kinds[k]);
		assert_string_equal(store_folder(k), folders[k]);
	}
	assert_string_equal(store_kind_name(STORE_KINDS), "unknown");
	assert_string_equal(store_folder(STORE_KINDS), "");
}

static void freeing_nothing_is_legal(void **state)
{
	store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_scheme_is_refused_and_its_secrets_not_repeated),
		cmocka_unit_test(an_empty_path_is_refused),
		cmocka_unit_test(a_path_is_opened_without_looking_and_shown_absolute),
		cmocka_unit_test(names_are_64_lower_case_digits),
		cmocka_unit_test(paths_are_those_of_the_format),
		cmocka_unit_test(freeing_nothing_is_legal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

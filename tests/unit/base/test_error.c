#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

static void a_set_error_returns_its_kind_negated(void **state)
{
	struct error e = {0};

	assert_int_equal(error_set(&e, ERR_NOT_FOUND, "no table \"%s\"", "users"), -ERR_NOT_FOUND);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.text, "no table \"users\"");
	assert_string_equal(e.hint, "");
}

static void a_new_error_forgets_the_old_one(void **state)
{
	struct error e = {0};

	error_sys(&e, EIO, "reading");
	error_hint(&e, "look at the cable");
	error_set(&e, ERR_LIMIT, "too many");
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.text, "too many");
	assert_string_equal(e.hint, "");
}

static void a_text_may_be_made_from_the_text_it_replaces(void **state)
{
	struct error e = {0};

	error_set(&e, ERR_IO, "first");
	error_set(&e, ERR_CHILD, "%s, then %s", e.text, e.text);
	assert_string_equal(e.text, "first, then first");
	error_sys(&e, ENOENT, "%s", e.text);
	assert_string_equal(e.text, "first, then first: No such file or directory");
	error_set(&e, ERR_IO, "b");
	error_wrap(&e, "a%s", e.text);
	assert_string_equal(e.text, "ab: b");
	error_hint(&e, "one");
	error_hint(&e, "%s, two, %s", e.hint, e.text);
	assert_string_equal(e.hint, "one, two, ab: b");
	error_set(&e, ERR_IO, "%s", e.hint);
	assert_string_equal(e.text, "one, two, ab: b");
}

static void words_to_type_are_the_end_of_a_hint_that_is_whole_for_who_types_and_plain_for_others(void **state)
{
	struct error e = {0}, other = {0};
	char plain[ERROR_HINT_SIZE];

	error_set(&e, ERR_NO_REPO, "there is no repository at /srv/b");
	assert_int_equal(error_hint_typed(&e, "make one", " with: backstay init --repo %s", "/srv/b"), -ERR_NO_REPO);
	assert_string_equal(e.hint, "make one with: backstay init --repo /srv/b");
	error_plain_hint(&e, plain);
	assert_string_equal(plain, "make one");
	error_set(&other, ERR_IO, "again");
	error_hint_as(&other, &e);
	error_plain_hint(&other, plain);
	assert_string_equal(other.hint, e.hint);
	assert_string_equal(plain, "make one");
	error_hint_typed(&e, "", "backstay list");
	error_plain_hint(&e, plain);
	assert_string_equal(e.hint, "backstay list");
	assert_string_equal(plain, "");
	error_hint(&e, "look at the cable");
	error_plain_hint(&e, plain);
	assert_string_equal(plain, "look at the cable");
}

static void the_first_field_that_is_named_stays(void **state)
{
	struct error e = {0};

	error_set(&e, ERR_USAGE, "no such hour");
	assert_int_equal(error_field(&e, "cron"), -ERR_USAGE);
	error_wrap(&e, "the schedule nightly");
	error_field(&e, "kind");
	assert_string_equal(e.field, "cron");
	error_set(&e, ERR_IO, "another");
	assert_string_equal(e.field, "");
}

static void errno_decides_the_kind(void **state)
{
	static const struct {
		int err;
		enum err_kind kind;
	} cases[] = {
		{ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE},  {EACCES, ERR_ACCESS},     {EPERM, ERR_ACCESS},
		{EROFS, ERR_ACCESS},    {ENOENT, ERR_NOT_FOUND}, {ENOTDIR, ERR_NOT_FOUND}, {EEXIST, ERR_EXISTS},
		{EIO, ERR_IO},          {EPIPE, ERR_IO},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct error e = {0};

		assert_int_equal(error_sys(&e, cases[i].err, "opening"), -(int)cases[i].kind);
		assert_int_equal(e.kind, cases[i].kind);
		assert_int_equal(e.sys, cases[i].err);
	}
}

static void a_system_error_ends_in_its_reason(void **state)
{
	struct error e = {0};

	error_sys(&e, EACCES, "opening %s", "shop.db");
	assert_string_equal(e.text, "opening shop.db: Permission denied");
}

static void a_wrap_stands_in_front_and_keeps_kind_and_hint(void **state)
{
	struct error e = {0};

	error_sys(&e, EACCES, "opening it");
	error_hint(&e, "run as its owner");
	assert_int_equal(error_wrap(&e, "backing up %s", "shop.db"), -ERR_ACCESS);
	assert_string_equal(e.text, "backing up shop.db: opening it: Permission denied");
	assert_string_equal(e.hint, "run as its owner");
	assert_int_equal(e.sys, EACCES);
}

static void wrapping_nothing_is_an_internal_error(void **state)
{
	struct error e = {0};

	assert_int_equal(error_wrap(&e, "saving"), -ERR_INTERNAL);
	assert_int_equal(e.kind, ERR_INTERNAL);
	assert_string_equal(e.text, "saving: no reason was given");
}

static void a_hint_returns_the_kind(void **state)
{
	struct error e = {0};

	error_set(&e, ERR_PASSWORD, "no key opens");
	assert_int_equal(error_hint(&e, "check %s", "BACKSTAY_PASSWORD"), -ERR_PASSWORD);
	assert_string_equal(e.text, "no key opens");
	assert_string_equal(e.hint, "check BACKSTAY_PASSWORD");
}

static void a_long_text_is_cut_with_dots(void **state)
{
	struct error e = {0};
	char longer[4000];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	error_set(&e, ERR_IO, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_string_equal(e.text + sizeof e.text - 5, "x...");
	error_hint(&e, "%s", longer);
	assert_int_equal(strlen(e.hint), sizeof e.hint - 1);
	assert_string_equal(e.hint + sizeof e.hint - 5, "x...");
	error_wrap(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_string_equal(e.text + sizeof e.text - 5, "x...");
}

static void a_text_that_just_fits_is_not_cut(void **state)
{
	struct error e = {0};

	error_set(&e, ERR_IO, "%0*d", (int)sizeof e.text - 1, 7);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_string_equal(e.text + sizeof e.text - 4, "007");
}

static void a_cut_splits_no_character(void **state)
{
	char text[4000];

	for (int shift = 0; shift < 3; shift++) {
		struct error e = {0};
		size_t n = 0;

		for (int i = 0; i < shift; i++)
			text[n++] = 'x';
		while (n + 4 < sizeof text) {
			memcpy(text + n, "\xe2\x82\xac", 3);
			n += 3;
		}
		text[n] = '\0';
		error_set(&e, ERR_IO, "%s", text);
		assert_true(utf8_valid(e.text, strlen(e.text)));
		assert_string_equal(e.text + strlen(e.text) - 6, "\xe2\x82\xac...");
	}
}

static void a_long_system_error_keeps_its_reason(void **state)
{
	struct error e = {0};

	error_sys(&e, ENOSPC, "%0*d", 5000, 7);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_non_null(strstr(e.text, "0...: No space left on device"));
}

static void a_cleared_error_is_empty(void **state)
{
	struct error e = {0};

	error_sys(&e, EIO, "reading");
	error_hint(&e, "again");
	error_clear(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.text, "");
	assert_string_equal(e.hint, "");
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	for (int a = 0; a < ERR_KIND_COUNT; a++) {
		assert_non_null(error_kind_name((enum err_kind)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(error_kind_name((enum err_kind)a), error_kind_name((enum err_kind)b));
	}
	assert_string_equal(error_kind_name(ERR_NOT_FOUND), "not-found");
	assert_string_equal(error_kind_name(ERR_PASSWORD), "password");
	assert_string_equal(error_kind_name(ERR_TEMPORARY), "temporary");
	assert_string_equal(error_kind_name(ERR_KIND_COUNT), "unknown");
	assert_string_equal(error_kind_name((enum err_kind)-1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_error_returns_its_kind_negated),
		cmocka_unit_test(a_new_error_forgets_the_old_one),
		cmocka_unit_test(a_text_may_be_made_from_the_text_it_replaces),
		cmocka_unit_test(words_to_type_are_the_end_of_a_hint_that_is_whole_for_who_types_and_plain_for_others),
		cmocka_unit_test(the_first_field_that_is_named_stays),
		cmocka_unit_test(errno_decides_the_kind),
		cmocka_unit_test(a_system_error_ends_in_its_reason),
		cmocka_unit_test(a_wrap_stands_in_front_and_keeps_kind_and_hint),
		cmocka_unit_test(wrapping_nothing_is_an_internal_error),
		cmocka_unit_test(a_hint_returns_the_kind),
		cmocka_unit_test(a_long_text_is_cut_with_dots),
		cmocka_unit_test(a_text_that_just_fits_is_not_cut),
		cmocka_unit_test(a_cut_splits_no_character),
		cmocka_unit_test(a_long_system_error_keeps_its_reason),
		cmocka_unit_test(a_cleared_error_is_empty),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/words.h"

static void a_quote_that_is_not_closed_is_refused(void **state)
{
	static const char *const cases[] = {"pg_dump 'shop", "pg_dump \"shop", "a 'b\" c", "\"a\\\""};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strlist_release) struct strlist words = {0};
		struct error e = {0};

		assert_int_equal(words_split(cases[i], &words, &e), -ERR_USAGE);
		assert_string_equal(e.text, "a quote is not closed");
		assert_int_equal(words.n, 0);
	}
}

static void nothing_but_space_is_no_command(void **state)
{
	static const char *const cases[] = {"", " \t\r\n"};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strlist_release) struct strlist words = {0};
		struct error e = {0};

		assert_int_equal(words_split(cases[i], &words, &e), -ERR_USAGE);
		assert_string_equal(e.text, "it is empty");
	}
}

static void words_are_what_a_person_means(void **state)
{
	static const struct {
		const char *text, *joined;
	} cases[] = {
		{"pg_dump -Fc shop", "pg_dump|-Fc|shop"},
		{"  a\tb\nc  ", "a|b|c"},
		{"'my program' \"two words\"", "my program|two words"},
		{"a '' \"\" b", "a|||b"},
		{"--name='it''s' x\"y z\"'w'", "--name=its|xy zw"},
		{"a\\ b \\' \\\" \\\\", "a b|'|\"|\\"},
		{"'a\\b' \"a\\\"b\" 'it\"s'", "a\\b|a\"b|it\"s"},
		{"$HOME `id` ; | & * ~ \xff", "$HOME|`id`|;|||&|*|~|\xff"},
		{"end\\", "end\\"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strlist_release) struct strlist words = {0};
		struct error e = {0};

		assert_int_equal(words_split(cases[i].text, &words, &e), 0);
		AUTO_FREE char *joined = strlist_join(&words, "|");
		assert_string_equal(joined, cases[i].joined);
	}
}

static void a_quoted_word_is_split_into_itself(void **state)
{
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{"", "''"},
		{"/srv/my backups", "'/srv/my backups'"},
		{"it's", "'it'\\''s'"},
		{"'\"\\$HOME\n`", "''\\''\"\\$HOME\n`'"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strlist_release) struct strlist words = {0};
		AUTO_FREE char *quoted = words_quote(cases[i].text);
		struct error e = {0};

		assert_string_equal(quoted, cases[i].quoted);
		assert_int_equal(words_split(quoted, &words, &e), 0);
		assert_int_equal(words.n, 1);
		assert_string_equal(words.v[0], cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quote_that_is_not_closed_is_refused),
		cmocka_unit_test(nothing_but_space_is_no_command),
		cmocka_unit_test(words_are_what_a_person_means),
		cmocka_unit_test(a_quoted_word_is_split_into_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

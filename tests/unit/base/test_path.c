#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static void assert_taken(char *got, const char *want)
{
	AUTO_FREE char *text = got;
	assert_string_equal(text, want);
}

static void joining_puts_one_slash_between(void **state)
{
	static const char *const cases[][3] = {
		{"a", "b", "a/b"},  {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"a", "/b", "/b"},
		{"", "b", "b"},     {"a", "", "a"},     {"", "", ""},     {"/a/b", "c/d", "/a/b/c/d"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_taken(path_join(cases[i][0], cases[i][1]), cases[i][2]);
}

static void a_path_has_a_base_and_a_folder(void **state)
{
	static const char *const cases[][3] = {
		{"a", "a", "."},      {"a/b", "b", "a"},     {"/a", "a", "/"},        {"/", "/", "/"},
		{"", "", "."},        {"a/b/", "b/", "a"},   {"a//b", "b", "a"},      {"//a", "a", "/"},
		{"/a/b/c", "c", "/a/b"}, {"///", "/", "/"}, {"a/", "a/", "."},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (strcmp(cases[i][0], "///") != 0)
			assert_string_equal(path_base(cases[i][0]), cases[i][1]);
		assert_taken(path_dir(cases[i][0]), cases[i][2]);
	}
	assert_int_equal(path_base("///")[0], '/');
}

static void cleaning_is_by_the_text_alone(void **state)
{
	static const char *const cases[][2] = {
		{"", "."},           {".", "."},         {"/", "/"},             {"//", "/"},        {"./", "."},
		{"a//b", "a/b"},     {"a/./b", "a/b"},   {"a/../b", "b"},        {"a/..", "."},      {"..", ".."},
		{"../..", "../.."},  {"../a", "../a"},   {"/..", "/"},           {"/../a", "/a"},    {"a/b/../..", "."},
		{"a/../../b", "../b"}, {"/a/b/../c/", "/a/c"}, {"/a/..", "/"},   {"a/", "a"},        {"...", "..."},
		{"..a/../b", "b"},   {"a../..", "."},    {"../a/../..", "../.."}, {"a/.../b", "a/.../b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_taken(path_clean(cases[i][0]), cases[i][1]);
}

static void a_relative_path_becomes_absolute_by_the_current_folder(void **state)
{
	AUTO_FREE char *here = getcwd(NULL, 0);
	AUTO_FREE char *want = path_join(here, "x/y");
	assert_taken(path_absolute("x/./y"), want);
	assert_taken(path_absolute("."), here);
	assert_taken(path_absolute("/a/../b"), "/b");
}

static void only_a_plain_name_is_a_component(void **state)
{
	static const char *const bad[] = {"", ".", "..", "/", "a/b", "/a", "a/"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(path_component_ok(bad[i], strlen(bad[i])));
	assert_false(path_component_ok("a\0b", 3));
	static const char *const good[] = {"a", "...", ".a", "..a", "a b", "\xff", "a\\b", "-"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(path_component_ok(good[i], strlen(good[i])));
	assert_true(path_component_ok("a/b", 1));
}

static void lying_within_a_folder_needs_whole_components(void **state)
{
	assert_false(path_within("/ab", "/a"));
	assert_false(path_within("/", "/a"));
	assert_false(path_within("a", "/"));
	assert_false(path_within("/a", "."));
	assert_false(path_within("..", "."));
	assert_false(path_within("../a", "."));
	assert_true(path_within("/a", "/a"));
	assert_true(path_within("/a/b", "/a"));
	assert_true(path_within("/a", "/"));
	assert_true(path_within("/", "/"));
	assert_true(path_within("a/b", "."));
	assert_true(path_within("..a", "."));
	assert_true(path_within("a/b", "a"));
}

struct match_case {
	const char *pattern, *path;
	bool matches;
};

static void check_matches(const struct match_case *cases, size_t n, bool is_dir)
{
	for (size_t i = 0; i < n; i++)
		if (path_match(cases[i].pattern, cases[i].path, is_dir) != cases[i].matches)
			fail_msg("'%s' on '%s' must be %d", cases[i].pattern, cases[i].path, cases[i].matches);
}

static void wildcards_match_within_one_name(void **state)
{
	static const struct match_case cases[] = {
		{"", "a", false},          {"/", "a", false},         {"a", "", false},         {"**", "", false},
		{"a", "b", false},         {"a", "ab", false},        {"ab", "a", false},       {"a", "A", false},
		{"a", "a", true},          {"*", "a", true},          {"*", ".hidden", true},   {"?", "a", true},
		{"?", "ab", false},        {"??", "a", false},        {"a*", "a", true},        {"a*", "abc", true},
		{"*a", "bca", true},       {"*a", "bcab", false},     {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false},
		{"*.log", "x.log", true},  {"*.log", "x.log.1", false}, {"***", "abc", true},   {"a**b", "aXYb", true},
		{"*ab*ab*", "xabab", true}, {"*ab*ab*", "xaba", false}, {"*?", "a", true},      {"*??", "a", false},
		{"a?c", "abc", true},      {"a?c", "a/c", false},     {"a*c", "a/c", false},    {"*aab", "aaaab", true},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void sets_match_one_character(void **state)
{
	static const struct match_case cases[] = {
		{"[abc]", "b", true},      {"[abc]", "d", false},     {"[a-c]", "b", true},     {"[a-c]", "d", false},
		{"[^a-c]", "d", true},     {"[^a-c]", "b", false},    {"[!a]", "b", true},      {"[!a]", "a", false},
		{"[]]", "]", true},        {"[^]]", "]", false},      {"[a-]", "-", true},      {"[a-]", "b", false},
		{"[-a]", "-", true},       {"[\\]a]", "]", true},     {"[\\^a]", "^", true},    {"[c-a]", "b", false},
		{"x[0-9]*", "x1y", true},  {"x[0-9]*", "xy", false},  {"[abc]", "", false},     {"[a-cx-z]", "y", true},
		{"[abc", "[abc", true},    {"[abc", "a", false},      {"[", "[", true},         {"[^", "[^", true},
		{"[]", "[]", true},        {"[a]b[c]", "abc", true},  {"*[0-9]", "a1b2", true}, {"[*]", "*", true},
		{"[*]", "a", false},       {"[?]", "a", false},       {"[a-z]", "/", false},    {"[\\", "[\\", true},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void a_backslash_takes_the_meaning_away(void **state)
{
	static const struct match_case cases[] = {
		{"\\*", "*", true},        {"\\*", "a", false},       {"\\?", "?", true},       {"\\?", "a", false},
		{"\\[a]", "[a]", true},    {"\\[a]", "a", false},     {"\\\\", "\\", true},     {"a\\b", "ab", true},
		{"a\\", "a\\", true},      {"\\**", "*abc", true},    {"\\*\\*", "a/**", true},
		{"\\*\\*", "a/b", false},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void a_character_is_utf8_or_else_one_byte(void **state)
{
	static const struct match_case cases[] = {
		{"?", "\xc3\xa4", true},                       /* one letter of two bytes */
		{"??", "\xc3\xa4", false},
		{"*??", "\xc3\xa4", false},
		{"[\xc3\xa0-\xc3\xa6]", "\xc3\xa4", true},
		{"[\xc3\xa0-\xc3\xa6]", "\xc3\xbc", false},
		{"x\xf0\x9f\x98\x80?", "x\xf0\x9f\x98\x80y", true},
		{"?", "\xff", true},                           /* not UTF-8 */
		{"??", "\xff\xfe", true},
		{"a\xff*", "a\xff\x80", true},
		{"\xff", "\xfe", false},
		{"?", "\xc3", true},
		{"[a-z]", "\xff", false},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void a_pattern_begins_anywhere_unless_it_begins_with_a_slash(void **state)
{
	static const struct match_case cases[] = {
		{"foo", "dir/foo", true},       {"foo", "a/b/c/foo", true},    {"foo", "dir/foobar", false},
		{"foo", "dir/barfoo", false},   {"/foo", "foo", true},         {"/foo", "dir/foo", false},
		{"a/b", "a/b", true},           {"a/b", "x/a/b", true},        {"a/b", "x/y/a/b", true},
		{"a/b", "a/x/b", false},        {"a/b", "a", false},           {"a/b", "b", false},
		{"/a/b", "x/a/b", false},       {"/a/b", "a/b", true},         {"/*/b", "a/b", true},
		{"/*/b", "x/a/b", false},       {"/*", "a", true},             {"*/b", "b", false},
		{"a/b", "a/a/b", true},         {"a/a/b", "a/a/a/b", true},    {"//a//b", "a/b", true},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void what_lies_below_a_match_matches(void **state)
{
	static const struct match_case cases[] = {
		{"foo", "foo/x", true},         {"foo", "a/foo/x/y", true},    {"/foo", "foo/x", true},
		{"/foo", "a/foo/x", false},     {"a/b", "x/a/b/c/d", true},    {"a/*", "a/b/c", true},
		{"*.d", "x.d/y", true},         {"/a/b", "a/bc/b", false},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void two_stars_stand_for_any_number_of_components(void **state)
{
	static const struct match_case cases[] = {
		{"**", "a", true},              {"/**", "a/b", true},          {"foo/**/bar", "foo/bar", true},
		{"foo/**/bar", "foo/a/bar", true}, {"foo/**/bar", "foo/a/b/c/bar", true},
		{"foo/**/bar", "x/foo/a/bar/y", true},
		{"foo/**/bar", "foo/a", false}, {"foo/**/bar", "bar/foo", false}, {"/foo/**/bar", "x/foo/bar", false},
		{"/**/bar", "bar", true},       {"/**/bar", "a/b/bar", true},  {"foo/**", "foo", true},
		{"foo/**", "foo/a", true},      {"foo/**", "fo", false},       {"a/**/b/**/c", "a/x/b/y/z/c", true},
		{"a/**/b/**/c", "a/x/c/y/b", false}, {"/a/**/**/b", "a/b", true}, {"**/a/b", "a/a/b", true},
		{"/a/**/b/c", "a/b/b/c", true}, {"/a/**/b/c", "a/b/x/c", false}, {"a/**b", "a/x/b", false},
	};
	check_matches(cases, ARRAY_LEN(cases), false);
}

static void a_trailing_slash_matches_folders_only(void **state)
{
	static const struct match_case files[] = {
		{"foo/", "foo", false},         {"foo/", "a/foo", false},      {"foo/", "foo/x", true},
		{"/foo/", "foo", false},        {"/foo/", "foo/x", true},      {"foo/", "a/foo/b/c", true},
		{"foo/", "foo/foo", true},      {"a/b/", "a/b", false},        {"**/", "a", false},
	};
	check_matches(files, ARRAY_LEN(files), false);
	static const struct match_case folders[] = {
		{"foo/", "foo", true},          {"foo/", "a/foo", true},       {"/foo/", "a/foo", false},
		{"a/b/", "a/b", true},          {"foo/", "bar", false},        {"**/", "a", true},
	};
	check_matches(folders, ARRAY_LEN(folders), true);
}

/* The rules once more, slow and obvious, for the alphabet of the test below. */
static bool name_slowly(const char *want, const char *have)
{
	if (*want == '\0')
		return *have == '\0';
	if (*want == '*')
		return name_slowly(want + 1, have) || (*have && name_slowly(want, have + 1));
	return *have && (*want == '?' || *want == *have) && name_slowly(want + 1, have + 1);
}

static bool parts_slowly(char **want, char **have)
{
	if (!*want)
		return true;
	if (strcmp(*want, "**") == 0)
		return parts_slowly(want + 1, have) || (*have && parts_slowly(want, have + 1));
	return *have && name_slowly(*want, *have) && parts_slowly(want + 1, have + 1);
}

static size_t split(char *text, char *parts[8])
{
	size_t n = 0;
	char *rest;
	for (char *part = strtok_r(text, "/", &rest); part; part = strtok_r(NULL, "/", &rest))
		parts[n++] = part;
	parts[n] = NULL;
	return n;
}

static bool match_slowly(const char *pattern, const char *path)
{
	char pattern_text[8], path_text[8], *want[8], *have[8];
	size_t wants = split(strcpy(pattern_text, pattern), want), n = split(strcpy(path_text, path), have);
	if (wants == 0 || n == 0)
		return false;
	if (pattern[strlen(pattern) - 1] == '/')
		have[--n] = NULL;
	if (n == 0)
		return false;
	for (size_t i = 0; i < (pattern[0] == '/' ? 1 : n); i++)
		if (parts_slowly(want, have + i))
			return true;
	return false;
}

/* The number-th text over an alphabet; the number counts up through all lengths. */
static void text_of(unsigned number, const char *alphabet, char *out)
{
	unsigned base = (unsigned)strlen(alphabet);
	for (; number > 0; number = (number - 1) / base)
		*out++ = alphabet[(number - 1) % base];
	*out = '\0';
}

static void all_short_patterns_agree_with_the_obvious_way(void **state)
{
	char pattern[8], path[8];
	for (unsigned i = 0; i <= 4 + 16 + 64 + 256 + 1024; i++) {
		text_of(i, "a/*?", pattern);
		for (unsigned k = 0; k <= 3 + 9 + 27 + 81 + 243; k++) {
			text_of(k, "ab/", path);
			if (path[0] == '/' || strstr(path, "//") || (k > 0 && path[strlen(path) - 1] == '/'))
				continue;
			if (path_match(pattern, path, false) != match_slowly(pattern, path))
				fail_msg("'%s' on '%s'", pattern, path);
		}
	}
}

static double seconds_of_cpu(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void hostile_patterns_take_no_time(void **state)
{
	char name[2001], pattern[401], path[2001];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (size_t i = 0; i < sizeof pattern - 1; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + sizeof pattern - 2, "b", 2);
	double start = seconds_of_cpu();
	assert_false(path_match("*a*a*a*a*b", name, false));
	assert_false(path_match(pattern, name, false));
	for (size_t i = 0; i < sizeof path - 1; i += 2)
		memcpy(path + i, "a/", 2);
	path[sizeof path - 1] = '\0';
	assert_false(path_match("/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", path, false));
	assert_false(path_match("**/*a*a*a*b/**/*a*a*a*b/**/*a*a*b", path, true));
	assert_true(seconds_of_cpu() - start < 1.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joining_puts_one_slash_between),
		cmocka_unit_test(a_path_has_a_base_and_a_folder),
		cmocka_unit_test(cleaning_is_by_the_text_alone),
		cmocka_unit_test(a_relative_path_becomes_absolute_by_the_current_folder),
		cmocka_unit_test(only_a_plain_name_is_a_component),
		cmocka_unit_test(lying_within_a_folder_needs_whole_components),
		cmocka_unit_test(wildcards_match_within_one_name),
		cmocka_unit_test(sets_match_one_character),
		cmocka_unit_test(a_backslash_takes_the_meaning_away),
		cmocka_unit_test(a_character_is_utf8_or_else_one_byte),
		cmocka_unit_test(a_pattern_begins_anywhere_unless_it_begins_with_a_slash),
		cmocka_unit_test(what_lies_below_a_match_matches),
		cmocka_unit_test(two_stars_stand_for_any_number_of_components),
		cmocka_unit_test(a_trailing_slash_matches_folders_only),
		cmocka_unit_test(all_short_patterns_agree_with_the_obvious_way),
		cmocka_unit_test(hostile_patterns_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

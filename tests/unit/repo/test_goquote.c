#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/goquote.h"

#include <string.h>

static void malformed_escapes_are_refused(void **state)
{
	static const char *const cases[] = {
		"\\", "\\q", "\\'", "\\x", "\\x1", "\\x1g", "\\u12", "\\u12g4", "\\ud800", "\\udfff", "\\U0001",
		"\\U00110000",
		"\\UFFFFFFFF", "\\400", "\\777", "\\08", "\\1", "a\"b", "a\nb", "end\\",
	};
	CLEANUP(buf_release) struct buf raw = BUF_INIT;
	struct error e = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *wanted = mem_printf("malformed escape in the name \"%s\"", cases[i]);

		assert_int_equal(gounquote(cases[i], strlen(cases[i]), &raw, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, wanted);
	}
}

static void a_name_with_a_zero_byte_is_refused(void **state)
{
	static const char *const cases[] = {"a\\x00b", "\\u0000", "\\U00000000", "\\000"};
	CLEANUP(buf_release) struct buf raw = BUF_INIT;
	struct error e = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(gounquote(cases[i], strlen(cases[i]), &raw, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "zero byte in the name \"\\000\"");
	assert_int_equal(gounquote("a\0b", 3, &raw, &e), -ERR_CORRUPT);
}

static const struct {
	const char *raw, *quoted;
} pairs[] = {
	{"", ""},
	{"plain.txt", "plain.txt"},
	{"-leading dash ", "-leading dash "},
	{"a\"b\\c'd", "a\\\"b\\\\c'd"},
	{"\a\b\f\n\r\t\v", "\\a\\b\\f\\n\\r\\t\\v"},
	{"\x01\x1f\x7f", "\\x01\\x1f\\x7f"},
	{"<html>&", "<html>&"},
	{"\xff\xfe", "\\xff\\xfe"},
	{"cut\xc3", "cut\\xc3"},
	{"surrogate\xed\xa0\x80", "surrogate\\xed\\xa0\\x80"},
	{"overlong\xc0\xaf", "overlong\\xc0\\xaf"},
	{"\xc3\xa9 e\xcc\x81", "\xc3\xa9 e\xcc\x81"},                     /* é, e and a combining accent */
	{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},                         /* an emoji */
	{"\xc2\x80\xc2\xa0\xc2\xad", "\\u0080\\u00a0\\u00ad"},            /* a control, no-break space, soft hyphen */
	{"\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf", "\\u2028\\u200b\\ufeff"},
	{"\xcd\xb8", "\\u0378"},                                          /* unassigned */
	{"\xee\x80\x80\xe3\x80\x80", "\\ue000\\u3000"},                   /* private use, ideographic space */
	{"\xe2\x81\x84\xef\xbf\xbd", "\xe2\x81\x84\xef\xbf\xbd"},         /* fraction slash, replacement character */
	{"\xf3\xa0\x80\x81", "\\U000e0001"},                              /* a language tag */
	{"\xf3\xa0\x84\x80", "\xf3\xa0\x84\x80"},                         /* a variation selector */
	{"\xf4\x8f\xbf\xbf", "\\U0010ffff"},
};

static void names_are_quoted_as_go_does(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT;

		goquote(pairs[i].raw, strlen(pairs[i].raw), &out);
		assert_string_equal(buf_text(&out), pairs[i].quoted);
	}
}

static void quoted_names_are_read_back(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT;
		struct error e = {0};

		assert_int_equal(gounquote(pairs[i].quoted, strlen(pairs[i].quoted), &out, &e), 0);
		assert_string_equal(buf_text(&out), pairs[i].raw);
	}
}

static void forms_go_reads_but_does_not_write_are_read(void **state)
{
	static const char quoted[] = "\\101\\x4A\\u00E9\\U0001f600";
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	assert_int_equal(gounquote(quoted, strlen(quoted), &out, &e), 0);
	assert_string_equal(buf_text(&out), "AJ\xc3\xa9\xf0\x9f\x98\x80");
}

static void both_append_to_what_is_there(void **state)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	goquote("a\n", 2, &out);
	goquote("b", 1, &out);
	assert_string_equal(buf_text(&out), "a\\nb");
	assert_int_equal(gounquote("\\t", 2, &out, &e), 0);
	assert_string_equal(buf_text(&out), "a\\nb\t");
}

static void any_bytes_but_zero_survive_the_round_trip(void **state)
{
	uint32_t x = 12345;

	for (int round = 0; round < 2000; round++) {
		CLEANUP(buf_release) struct buf quoted = BUF_INIT;
		CLEANUP(buf_release) struct buf back = BUF_INIT;
		struct error e = {0};
		char raw[24];

		for (size_t i = 0; i < sizeof raw; i++) {
			x = x * 1664525 + 1013904223;
			raw[i] = (char)(x >> 24 ? x >> 24 : 1);
		}
		goquote(raw, sizeof raw, &quoted);
		assert_int_equal(gounquote(buf_text(&quoted), quoted.len, &back, &e), 0);
		assert_int_equal(back.len, sizeof raw);
		assert_memory_equal(back.p, raw, sizeof raw);
	}
}

static void the_table_holds_exactly_what_unicode_15_calls_printable(void **state)
{
	static const struct {
		uint32_t cp;
		bool printable;
	} edges[] = {
		{0x0, false}, {0x1f, false}, {' ', true}, {'~', true}, {0x7f, false},
		{0xa0, false}, {0xa1, true}, {0x377, true}, {0x378, false}, {0x379, false},
		{0x37a, true}, {0x2027, true}, {0x2028, false}, {0xd7ff, false}, {0xd800, false},
		{0xe000, false}, {0xfffd, true}, {0xfffe, false}, {0xffff, false}, {0x10000, true},
		{0x1fbf9, true}, {0x1fbfa, false}, {0x323af, true}, {0x323b0, false}, {0xe01ef, true},
		{0xe01f0, false}, {0x10ffff, false}, {0x110000, false}, {UINT32_MAX, false},
	};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		assert_int_equal(go_printable(edges[i].cp), edges[i].printable);
	for (uint32_t cp = 0; cp < 0x110000; cp++)
		count += go_printable(cp);
	assert_int_equal(count, 148998);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_escapes_are_refused),
		cmocka_unit_test(a_name_with_a_zero_byte_is_refused),
		cmocka_unit_test(names_are_quoted_as_go_does),
		cmocka_unit_test(quoted_names_are_read_back),
		cmocka_unit_test(forms_go_reads_but_does_not_write_are_read),
		cmocka_unit_test(both_append_to_what_is_there),
		cmocka_unit_test(any_bytes_but_zero_survive_the_round_trip),
		cmocka_unit_test(the_table_holds_exactly_what_unicode_15_calls_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

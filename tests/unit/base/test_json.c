#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is wrong with the text when it is read as one value of any type; "" when nothing is. */
static const char *complaint_n(const char *text, size_t n)
{
	static struct error e;
	struct json j;

	error_clear(&e);
	json_init(&j, text, n);
	json_skip(&j);
	int r = json_finish(&j, &e);
	assert_int_equal(r, -(int)e.kind);
	return e.text;
}

static const char *complaint(const char *text)
{
	/* A heap copy without a closing 0, so that the sanitizer sees any step past the end. */
	AUTO_FREE char *exact = mem_copy(text, strlen(text));

	return complaint_n(exact, strlen(text));
}

static void broken_texts_are_refused_with_the_place(void **state)
{
	static const char *const broken[][2] = {
		{"", "invalid JSON at byte 0: unexpected end"},
		{"  ", "invalid JSON at byte 2: unexpected end"},
		{"x", "invalid JSON at byte 0: unexpected character"},
		{"tru", "invalid JSON at byte 0: unknown word"},
		{"nul", "invalid JSON at byte 0: unknown word"},
		{"falsy", "invalid JSON at byte 0: unknown word"},
		{"truex", "invalid JSON at byte 4: more text than one value"},
		{"1 2", "invalid JSON at byte 2: more text than one value"},
		{"{}}", "invalid JSON at byte 2: more text than one value"},
		{"{", "invalid JSON at byte 1: unexpected end"},
		{"{\"a\"", "invalid JSON at byte 4: unexpected end"},
		{"{\"a\":", "invalid JSON at byte 5: unexpected end"},
		{"{\"a\":1", "invalid JSON at byte 6: unexpected end"},
		{"{\"a\":1,", "invalid JSON at byte 7: unexpected end"},
		{"{\"a\":1,}", "invalid JSON at byte 7: a value expected after the comma"},
		{"{\"a\" 1}", "invalid JSON at byte 5: a colon expected"},
		{"{\"a\":1 \"b\":2}", "invalid JSON at byte 7: a comma or the end expected"},
		{"{a:1}", "invalid JSON at byte 1: unexpected character"},
		{"{1:1}", "invalid JSON at byte 1: a member name expected"},
		{"{,}", "invalid JSON at byte 1: unexpected character"},
		{"{\"a\":1]", "invalid JSON at byte 6: a comma or the end expected"},
		{"{\"a\":}", "invalid JSON at byte 5: unexpected character"},
		{"[", "invalid JSON at byte 1: unexpected end"},
		{"[1", "invalid JSON at byte 2: unexpected end"},
		{"[1,", "invalid JSON at byte 3: unexpected end"},
		{"[1,]", "invalid JSON at byte 3: a value expected after the comma"},
		{"[,1]", "invalid JSON at byte 1: unexpected character"},
		{"[1 2]", "invalid JSON at byte 3: a comma or the end expected"},
		{"[1}", "invalid JSON at byte 2: a comma or the end expected"},
		{"]", "invalid JSON at byte 0: unexpected character"},
		{"[[]", "invalid JSON at byte 3: unexpected end"},
		{"\"", "invalid JSON at byte 1: unexpected end"},
		{"\"abcdefghijk", "invalid JSON at byte 12: unexpected end"},
		{"\"a\nb\"", "invalid JSON at byte 2: control character in a string"},
		{"\"1234567890\x1f\"", "invalid JSON at byte 11: control character in a string"},
		{"\"\\", "invalid JSON at byte 1: broken escape"},
		{"\"\\x\"", "invalid JSON at byte 1: broken escape"},
		{"\"\\u", "invalid JSON at byte 1: broken \\u escape"},
		{"\"\\u12\"", "invalid JSON at byte 1: broken \\u escape"},
		{"\"\\u12g4\"", "invalid JSON at byte 1: broken \\u escape"},
		{"\"\\u1234", "invalid JSON at byte 7: unexpected end"},
		{"\"\\ud800\\u12", "invalid JSON at byte 7: broken \\u escape"},
		{"'a'", "invalid JSON at byte 0: unexpected character"},
		{"-", "invalid JSON at byte 0: broken number"},
		{"01", "invalid JSON at byte 0: broken number"},
		{"-01", "invalid JSON at byte 0: broken number"},
		{"1.", "invalid JSON at byte 0: broken number"},
		{"1.e5", "invalid JSON at byte 0: broken number"},
		{"1e", "invalid JSON at byte 0: broken number"},
		{"1e+", "invalid JSON at byte 0: broken number"},
		{".5", "invalid JSON at byte 0: unexpected character"},
		{"+1", "invalid JSON at byte 0: unexpected character"},
		{"0x10", "invalid JSON at byte 1: more text than one value"},
		{"NaN", "invalid JSON at byte 0: unexpected character"},
		{"// c\n1", "invalid JSON at byte 0: unexpected character"},
		{"\xef\xbb\xbf{}", "invalid JSON at byte 0: unexpected character"},
	};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_string_equal(complaint(broken[i][0]), broken[i][1]);
}

static void a_zero_byte_is_nowhere_legal(void **state)
{
	assert_string_equal(complaint_n("\0", 1), "invalid JSON at byte 0: unexpected character");
	assert_string_equal(complaint_n("1\0", 2), "invalid JSON at byte 1: more text than one value");
	assert_string_equal(complaint_n("[1\0]", 4), "invalid JSON at byte 2: a comma or the end expected");
	assert_string_equal(complaint_n("\"a\0b\"", 5), "invalid JSON at byte 2: control character in a string");
}

static void sound_texts_are_accepted(void **state)
{
	static const char *const sound[] = {
		"0",
		"-0",
		"10",
		"1.5",
		"-1.5e-7",
		"1E+5",
		"true",
		"false",
		"null",
		"\"\"",
		"{}",
		"[]",
		" [ ] ",
		"\t{ \n}\r",
		"[1,2,3]",
		"[[],[[]],{}]",
		"{\"a\":{\"b\":[{\"c\":null}]},\"a\":1}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"",
		"\"gr\xc3\xbc\xc3\x9f\"",
		"\"\x7f\"",
		"[null,true,false,1,\"x\"]",
	};

	for (size_t i = 0; i < ARRAY_LEN(sound); i++)
		assert_string_equal(complaint(sound[i]), "");
}

static void nesting_has_a_limit(void **state)
{
	char text[2 * JSON_MAX_DEPTH + 3];

	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	assert_string_equal(complaint_n(text, 2 * JSON_MAX_DEPTH), "");
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_string_equal(complaint_n(text, 2 * JSON_MAX_DEPTH + 2), "invalid JSON at byte 64: nested too deeply");
}

/* Scalars */

/* read_u64(text, &v) and its like: the complaint, or "" with the value in v. */
#define DEFINE_READ(name, type) \
	static const char *read_##name(const char *text, type *v) \
	{ \
		static struct error e; \
		struct json j; \
		error_clear(&e); \
		json_init(&j, text, strlen(text)); \
		type got = json_##name(&j); \
		if (json_finish(&j, &e) == 0) \
			*v = got; \
		else \
			assert_true(got == 0); \
		return e.text; \
	}

DEFINE_READ(u64, uint64_t)
DEFINE_READ(i64, int64_t)
DEFINE_READ(double, double)
DEFINE_READ(bool, bool)

static void an_unsigned_number_has_its_range(void **state)
{
	uint64_t v = 0;

	assert_string_equal(read_u64("-1", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_u64("18446744073709551616", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_u64("99999999999999999999999", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_u64("1.0", &v), "invalid JSON at byte 0: an integer expected");
	assert_string_equal(read_u64("1e3", &v), "invalid JSON at byte 0: an integer expected");
	assert_string_equal(read_u64("\"1\"", &v), "invalid JSON at byte 0: a number expected");
	assert_string_equal(read_u64("null", &v), "invalid JSON at byte 0: a number expected");
	assert_int_equal(v, 0);
	assert_string_equal(read_u64("18446744073709551615", &v), "");
	assert_true(v == UINT64_MAX);
	assert_string_equal(read_u64(" 0 ", &v), "");
	assert_int_equal(v, 0);
}

static void a_signed_number_has_its_range(void **state)
{
	int64_t v = 7;

	assert_string_equal(read_i64("9223372036854775808", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_i64("-9223372036854775809", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_i64("-1.5", &v), "invalid JSON at byte 0: an integer expected");
	assert_int_equal(v, 7);
	assert_string_equal(read_i64("9223372036854775807", &v), "");
	assert_true(v == INT64_MAX);
	assert_string_equal(read_i64("-9223372036854775808", &v), "");
	assert_true(v == INT64_MIN);
	assert_string_equal(read_i64("-12", &v), "");
	assert_int_equal(v, -12);
}

static void a_double_is_the_nearest_one(void **state)
{
	double v = 0;

	assert_string_equal(read_double("1e400", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_double("-1e400", &v), "invalid JSON at byte 0: number out of range");
	assert_string_equal(read_double("true", &v), "invalid JSON at byte 0: a number expected");
	assert_string_equal(read_double("0.1", &v), "");
	assert_true(v == 0.1);
	assert_string_equal(read_double("-12.5e-1", &v), "");
	assert_true(v == -1.25);
	assert_string_equal(read_double("1e-400", &v), "");
	assert_true(v == 0);
	assert_string_equal(read_double("18446744073709551615", &v), "");
	assert_true(v == 18446744073709551615.0);
}

static void a_bool_is_a_word(void **state)
{
	bool v = false;

	assert_string_equal(read_bool("1", &v), "invalid JSON at byte 0: true or false expected");
	assert_string_equal(read_bool("null", &v), "invalid JSON at byte 0: true or false expected");
	assert_string_equal(read_bool("True", &v), "invalid JSON at byte 0: unexpected character");
	assert_string_equal(read_bool("true", &v), "");
	assert_true(v);
	assert_string_equal(read_bool("false", &v), "");
	assert_false(v);
}

/* The string value of `text`, of which `n` bytes are compared. */
static void assert_reads_as(const char *text, const char *want, size_t n)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	struct json j;

	buf_add_str(&b, "old");
	json_init(&j, text, strlen(text));
	json_string(&j, &b);
	assert_int_equal(json_finish(&j, &e), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(buf_text(&b), want, n + 1);
}

static void escapes_are_undone(void **state)
{
	assert_reads_as("\"\"", "", 0);
	assert_reads_as("\"plain text that is longer than a word\"", "plain text that is longer than a word", 37);
	assert_reads_as("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	assert_reads_as("\"1234567\\n1234567\\n\"", "1234567\n1234567\n", 16);
	assert_reads_as("\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac", 6);
	assert_reads_as("\"\\uD83D\\ude00\"", "\xf0\x9f\x98\x80", 4);
	assert_reads_as("\"a\\u0000b\"", "a\0b", 3);
	assert_reads_as("\"gr\xc3\xbc\xc3\x9f \x7f\"", "gr\xc3\xbc\xc3\x9f \x7f", 8);
	assert_reads_as("null", "", 0);
}

static void lone_surrogates_and_invalid_bytes_become_replacements(void **state)
{
	assert_reads_as("\"\\ud800\"", "\xef\xbf\xbd", 3);
	assert_reads_as("\"\\udc00x\"", "\xef\xbf\xbdx", 4);
	assert_reads_as("\"\\ud800\\u0041\"", "\xef\xbf\xbd" "A", 4);
	assert_reads_as("\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
	assert_reads_as("\"\\udc00\\ud800\"", "\xef\xbf\xbd\xef\xbf\xbd", 6);
	assert_reads_as("\"a\xff" "b\"", "a\xef\xbf\xbd" "b", 5);
	assert_reads_as("\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9);
	assert_reads_as("\"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd", 6);
}

static void every_special_byte_is_seen_at_every_place(void **state)
{
	for (size_t before = 0; before < 20; before++) {
		for (size_t after = 0; after < 10; after++) {
			CLEANUP(buf_release) struct buf text = BUF_INIT, want = BUF_INIT;

			buf_add_byte(&text, '"');
			for (size_t i = 0; i < before; i++)
				buf_add_byte(&want, (unsigned char)('!' + 2 + i));
			buf_add(&text, want.p, want.len);
			buf_add_str(&text, "\\\\\xc3\xa4\xff");
			buf_add_str(&want, "\\\xc3\xa4\xef\xbf\xbd");
			for (size_t i = 0; i < after; i++) {
				buf_add_byte(&text, '~');
				buf_add_byte(&want, '~');
			}
			buf_add_byte(&text, '"');
			assert_reads_as(buf_text(&text), buf_text(&want), want.len);
		}
	}
}

static void a_string_past_the_buffers_maximum_is_an_error(void **state)
{
	static const char *const texts[] = {"\"123456789\"", "\"1234567\\n\\n\"", "\"12345\\u20ac\\u20ac\"",
					    "\"1234567\xff\""};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(8);
		struct error e = {0};
		struct json j;

		json_init(&j, texts[i], strlen(texts[i]));
		json_string(&j, &b);
		assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
		assert_non_null(strstr(e.text, ": string too long"));
	}
}

static void a_heap_string_holds_no_zero(void **state)
{
	struct error e = {0};
	struct json j;

	json_init(&j, "\"a\\u0000b\"", 10);
	assert_null(json_string_dup(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 10: a zero byte in the string");
	json_init(&j, "[1]", 3);
	assert_null(json_string_dup(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 0: a string expected");
	json_init(&j, "\"a\\tb\"", 6);
	AUTO_FREE char *s = json_string_dup(&j);
	assert_int_equal(json_finish(&j, &e), 0);
	assert_string_equal(s, "a\tb");
}

/* Containers */

static void an_object_is_visited_member_by_member(void **state)
{
	static const char text[] =
		" { \"version\" : 2 , \"ID\":\"x\", \"other\": [ {\"a\":[]} , 1 ], \"v\\u0065rsion\":3 } ";
	CLEANUP(buf_release) struct buf id = BUF_INIT;
	struct error e = {0};
	uint64_t version = 0;
	int others = 0;
	struct json j;

	json_init(&j, text, strlen(text));
	json_object_begin(&j);
	while (json_member(&j)) {
		if (json_name_is(&j, "version")) {
			version = json_u64(&j);
		} else if (json_name_is(&j, "id")) {
			assert_string_equal(json_name(&j), "ID");
			json_string(&j, &id);
		} else {
			others++;
			json_skip(&j);
		}
	}
	assert_int_equal(json_finish(&j, &e), 0);
	assert_int_equal(version, 3);
	assert_string_equal(buf_text(&id), "x");
	assert_int_equal(others, 1);
}

static void only_whole_names_match(void **state)
{
	static const char text[] = "{\"ab\\u0000\":1,\"a\":1,\"abc\":1,\"\":1,\"aB\":1}";
	struct error e = {0};
	int matches = 0, empty = 0;
	struct json j;

	json_init(&j, text, strlen(text));
	json_object_begin(&j);
	while (json_member(&j)) {
		matches += json_name_is(&j, "ab");
		empty += json_name_is(&j, "");
		json_skip(&j);
	}
	assert_int_equal(json_finish(&j, &e), 0);
	assert_int_equal(matches, 1);
	assert_int_equal(empty, 1);
}

static void a_null_container_is_an_empty_one(void **state)
{
	static const char text[] = "{\"a\":null,\"b\":null,\"c\":7}";
	struct error e = {0};
	uint64_t c = 0;
	struct json j;

	json_init(&j, text, strlen(text));
	json_object_begin(&j);
	assert_true(json_member(&j));
	json_array_begin(&j);
	assert_false(json_element(&j));
	assert_true(json_member(&j));
	json_object_begin(&j);
	assert_false(json_member(&j));
	assert_true(json_member(&j));
	c = json_u64(&j);
	assert_false(json_member(&j));
	assert_int_equal(json_finish(&j, &e), 0);
	assert_int_equal(c, 7);
}

static void another_type_than_expected_is_an_error(void **state)
{
	struct error e = {0};
	struct json j;

	json_init(&j, "[1]", 3);
	json_object_begin(&j);
	assert_false(json_member(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 0: an object expected");
	json_init(&j, "{\"a\":{}}", 8);
	json_object_begin(&j);
	assert_true(json_member(&j));
	json_array_begin(&j);
	assert_false(json_element(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 5: an array expected");
}

static void reading_a_container_the_wrong_way_is_an_error(void **state)
{
	struct error e = {0};
	struct json j;

	json_init(&j, "[1]", 3);
	json_array_begin(&j);
	assert_false(json_member(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 1: read as another type of value than it is");
	json_init(&j, "1", 1);
	assert_false(json_element(&j));
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
}

static void after_the_first_error_nothing_moves(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	struct json j;
	const char *raw;
	size_t n = 7;

	json_init(&j, "[1,true,\"x\",{},[]]", 18);
	json_array_begin(&j);
	assert_true(json_element(&j));
	json_fail(&j, "no good");
	json_fail(&j, "not this one");
	assert_true(json_failed(&j));
	assert_int_equal(json_peek(&j), JSON_NONE);
	assert_false(json_element(&j));
	assert_false(json_member(&j));
	assert_int_equal(json_u64(&j), 0);
	assert_int_equal(json_i64(&j), 0);
	assert_true(json_double(&j) == 0);
	assert_false(json_bool(&j));
	json_string(&j, &b);
	assert_null(json_string_dup(&j));
	json_object_begin(&j);
	json_array_begin(&j);
	json_skip(&j);
	json_raw(&j, &raw, &n);
	assert_int_equal(n, 0);
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 1: no good");
}

static void an_unread_rest_is_an_error(void **state)
{
	struct error e = {0};
	struct json j;

	json_init(&j, "[1,2]", 5);
	json_array_begin(&j);
	assert_true(json_element(&j));
	json_skip(&j);
	assert_int_equal(json_finish(&j, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "invalid JSON at byte 2: more text than one value");
}

static void peek_tells_every_type_and_consumes_nothing(void **state)
{
	static const enum json_type want[] = {JSON_NULL,   JSON_BOOL,   JSON_BOOL,  JSON_NUMBER,
					      JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT};
	static const char text[] = "[null,true,false,1,-1,\"\",[],{}]";
	struct error e = {0};
	struct json j;
	size_t i = 0;

	json_init(&j, text, strlen(text));
	assert_int_equal(json_peek(&j), JSON_ARRAY);
	json_array_begin(&j);
	for (; json_element(&j); i++) {
		assert_int_equal(json_peek(&j), want[i]);
		assert_int_equal(json_peek(&j), want[i]);
		json_skip(&j);
	}
	assert_int_equal(i, ARRAY_LEN(want));
	assert_int_equal(json_peek(&j), JSON_NONE);
	assert_int_equal(json_finish(&j, &e), 0);
}

static void raw_text_is_exactly_the_value(void **state)
{
	static const char text[] = "{ \"a\" :  [1, {\"b\" : \"]\"}] , \"c\": 2}";
	struct error e = {0};
	const char *p;
	struct json j;
	size_t n;

	json_init(&j, text, strlen(text));
	json_object_begin(&j);
	assert_true(json_member(&j));
	json_raw(&j, &p, &n);
	assert_int_equal(n, 16);
	assert_memory_equal(p, "[1, {\"b\" : \"]\"}]", n);
	assert_true(json_member(&j));
	json_raw(&j, &p, &n);
	assert_int_equal(n, 1);
	assert_ptr_equal(p, strchr(text, '2'));
	assert_false(json_member(&j));
	assert_int_equal(json_finish(&j, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_texts_are_refused_with_the_place),
		cmocka_unit_test(a_zero_byte_is_nowhere_legal),
		cmocka_unit_test(sound_texts_are_accepted),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(an_unsigned_number_has_its_range),
		cmocka_unit_test(a_signed_number_has_its_range),
		cmocka_unit_test(a_double_is_the_nearest_one),
		cmocka_unit_test(a_bool_is_a_word),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(lone_surrogates_and_invalid_bytes_become_replacements),
		cmocka_unit_test(every_special_byte_is_seen_at_every_place),
		cmocka_unit_test(a_string_past_the_buffers_maximum_is_an_error),
		cmocka_unit_test(a_heap_string_holds_no_zero),
		cmocka_unit_test(an_object_is_visited_member_by_member),
		cmocka_unit_test(only_whole_names_match),
		cmocka_unit_test(a_null_container_is_an_empty_one),
		cmocka_unit_test(another_type_than_expected_is_an_error),
		cmocka_unit_test(reading_a_container_the_wrong_way_is_an_error),
		cmocka_unit_test(after_the_first_error_nothing_moves),
		cmocka_unit_test(an_unread_rest_is_an_error),
		cmocka_unit_test(peek_tells_every_type_and_consumes_nothing),
		cmocka_unit_test(raw_text_is_exactly_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

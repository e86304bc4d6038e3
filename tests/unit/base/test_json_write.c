#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

#include <math.h>

static void assert_quotes_as(const char *bytes, size_t n, const char *want)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;

	jw_init(&w, &b);
	jw_bytes(&w, bytes, n);
	assert_string_equal(buf_text(&b), want);
}

static void strings_are_escaped_as_go_escapes_them(void **state)
{
	assert_quotes_as("", 0, "\"\"");
	assert_quotes_as("plain", 5, "\"plain\"");
	assert_quotes_as("\"\\/", 3, "\"\\\"\\\\/\"");
	assert_quotes_as("\n\r\t\b\f", 5, "\"\\n\\r\\t\\u0008\\u000c\"");
	assert_quotes_as("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
	assert_quotes_as("<a&b>", 5, "\"\\u003ca\\u0026b\\u003e\"");
	assert_quotes_as("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	assert_quotes_as("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12,
			 "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"");
	assert_quotes_as("a\xff\xc3", 3, "\"a\\ufffd\\ufffd\"");
	assert_quotes_as("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
	assert_quotes_as("\xef\xbf\xbd", 3, "\"\xef\xbf\xbd\"");
}

static void commas_stand_where_they_belong(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kv_string(&w, "a<", "x");
	jw_kv_string(&w, "none", NULL);
	jw_name(&w, "list");
	jw_array(&w);
	jw_u64(&w, UINT64_MAX);
	jw_i64(&w, INT64_MIN);
	jw_array(&w);
	jw_array_end(&w);
	jw_object(&w);
	jw_object_end(&w);
	jw_null(&w);
	jw_raw(&w, "[1, 2]", 6);
	jw_array_end(&w);
	jw_kv_bool(&w, "t", true);
	jw_kv_bool(&w, "f", false);
	jw_kv_u64(&w, "u", 0);
	jw_kv_i64(&w, "i", -1);
	jw_kv_time(&w, "when", (struct timespec){.tv_sec = 1234567890, .tv_nsec = 500000000});
	jw_kv_time(&w, "never", (struct timespec){0});
	jw_object_end(&w);
	assert_string_equal(buf_text(&b), "{\"a\\u003c\":\"x\",\"none\":null,"
					  "\"list\":[18446744073709551615,-9223372036854775808,[],{},null,[1, 2]],"
					  "\"t\":true,\"f\":false,\"u\":0,\"i\":-1,"
					  "\"when\":\"2009-02-13T23:31:30.5Z\",\"never\":null}");
	assert_int_equal(w.depth, 0);
}

static void doubles_are_as_short_as_they_can_be(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{0, "0"},
		{-1, "-1"},
		{0.1, "0.1"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{10, "10"},
		{-1200, "-1200"},
		{1e15, "1e+15"},
		{1e21, "1e+21"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{NAN, "null"},
		{INFINITY, "null"},
		{-INFINITY, "null"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		struct json_out w;

		jw_init(&w, &b);
		jw_double(&w, cases[i].v);
		assert_string_equal(buf_text(&b), cases[i].text);
	}
}

static void every_string_of_two_bytes_comes_back(void **state)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, back = BUF_INIT;

	for (unsigned v = 0; v < 0x8000; v++) {
		char bytes[2] = {(char)(v >> 8), (char)(v & 0x7f)};
		struct error e = {0};
		struct json_out w;
		struct json j;

		buf_clear(&text);
		jw_init(&w, &text);
		jw_bytes(&w, bytes, 2);
		json_init(&j, text.p, text.len);
		json_string(&j, &back);
		assert_int_equal(json_finish(&j, &e), 0);
		assert_int_equal(back.len, 2);
		assert_memory_equal(back.p, bytes, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_escaped_as_go_escapes_them),
		cmocka_unit_test(commas_stand_where_they_belong),
		cmocka_unit_test(doubles_are_as_short_as_they_can_be),
		cmocka_unit_test(every_string_of_two_bytes_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/mem.h"

#include <string.h>

static void broken_hex_is_refused(void **state)
{
	unsigned char out[4];

	assert_false(hex_decode("0G", 2, out, 1));
	assert_false(hex_decode("AB", 2, out, 1));
	assert_false(hex_decode("a", 1, out, 1));
	assert_false(hex_decode("abc", 3, out, 1));
	assert_false(hex_decode("abcd", 4, out, 1));
	assert_false(hex_decode("ab", 2, out, 2));
	assert_false(hex_decode("", 0, out, 1));
	assert_false(hex_decode(" a", 2, out, 1));
	assert_false(hex_decode("a\0", 2, out, 1));
}

static void hex_goes_both_ways(void **state)
{
	unsigned char all[256], back[256];
	char text[513];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	hex_encode(all, sizeof all, text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b", 24);
	assert_string_equal(text + 506, "fdfeff");
	assert_true(hex_decode(text, 512, back, sizeof back));
	assert_memory_equal(all, back, sizeof all);
	assert_true(hex_decode("", 0, back, 0));
	hex_encode(all, 0, text);
	assert_string_equal(text, "");
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
	static const char *const broken[] = {
		"Z",    "Zg",   "Zg=",    "Zg==Zg==", "Zh==", "Zm9=", "Zm9v=", "=m9v", "Z===",
		"====", "Zm 9", "Zg==\n", "Zm9v\n",   "Z-9v", "Z_9v", "Zm=v",  "Zg=A",
	};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;

		buf_add_str(&b, "kept");
		assert_false(base64_decode(broken[i], strlen(broken[i]), &b));
		assert_string_equal(buf_text(&b), "kept");
		assert_int_equal(b.len, 4);
	}
}

static void a_late_break_in_base64_appends_nothing(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	assert_false(base64_decode("Zm9vZm9vZm9v!m9v", 16, &b));
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_text(&b), "");
}

static void base64_follows_the_vectors_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT, back = BUF_INIT;

		base64_encode(vectors[i][0], strlen(vectors[i][0]), &text);
		assert_string_equal(buf_text(&text), vectors[i][1]);
		assert_true(base64_decode(vectors[i][1], strlen(vectors[i][1]), &back));
		assert_string_equal(buf_text(&back), vectors[i][0]);
	}
}

static void base64_goes_both_ways_for_every_byte_and_length(void **state)
{
	unsigned char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)(255 - i);
	for (size_t n = 0; n <= sizeof all; n++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT, back = BUF_INIT;

		base64_encode(all, n, &text);
		assert_int_equal(text.len, (n + 2) / 3 * 4);
		assert_true(base64_decode(buf_text(&text), text.len, &back));
		assert_int_equal(back.len, n);
		if (n)
			assert_memory_equal(back.p, all, n);
	}
}

static void base64url_that_is_not_canonical_is_refused(void **state)
{
	static const char *const broken[] = {"Z", "Zg==", "Zg=", "Zh", "Zm9", "Zm9vZ", "Zm+v", "Zm/v", "Zm 9", "Zm9v\n", "=", "Zm9v="};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;

		buf_add_str(&b, "kept");
		assert_false(base64url_decode(broken[i], strlen(broken[i]), &b));
		assert_string_equal(buf_text(&b), "kept");
	}
}

static void base64url_has_no_padding_and_letters_that_urls_may_have(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xff\xef\xfe", "_-_-"}, {"\xfb", "-w"},
	};

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT, back = BUF_INIT;

		base64url_encode(vectors[i][0], strlen(vectors[i][0]), &text);
		assert_string_equal(buf_text(&text), vectors[i][1]);
		assert_true(base64url_decode(vectors[i][1], strlen(vectors[i][1]), &back));
		assert_string_equal(buf_text(&back), vectors[i][0]);
	}
}

static void base32_follows_the_vectors_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"}, {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"},
		{"\xff\xff\xff\xff\xff", "77777777"},
	};

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT;

		CLEANUP(buf_release) struct buf back = BUF_INIT;

		base32_encode(vectors[i][0], strlen(vectors[i][0]), &text);
		assert_string_equal(buf_text(&text), vectors[i][1]);
		assert_true(base32_decode(vectors[i][1], strlen(vectors[i][1]), &back));
		assert_string_equal(buf_text(&back), vectors[i][0]);
	}
}

static void base32_that_is_not_canonical_is_refused(void **state)
{
	static const char *const broken[] = {"M", "MZX", "MZXW6Y", "my", "MZ", "M1", "M8", "MY======", "MZXW6YQ=", "MZXW 6YQ", "MZXW6YR"};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;

		buf_add_str(&b, "kept");
		assert_false(base32_decode(broken[i], strlen(broken[i]), &b));
		assert_string_equal(buf_text(&b), "kept");
	}
}

static void invalid_utf8_is_recognised(void **state)
{
	static const char *const broken[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xe2\x82",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
	};
	uint32_t cp;

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		assert_int_equal(utf8_decode((const unsigned char *)broken[i], strlen(broken[i]), &cp), 0);
		assert_false(utf8_valid(broken[i], strlen(broken[i])));
	}
	assert_false(utf8_valid("good\xff", 5));
}

static void every_code_point_goes_both_ways(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint32_t back = 0;

		buf_clear(&b);
		utf8_encode(cp, &b);
		int want = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
		if (cp >= 0xd800 && cp <= 0xdfff) {
			assert_int_equal(utf8_decode(b.p, b.len, &back), 0);
			continue;
		}
		if (utf8_decode(b.p, b.len, &back) != want || back != cp || b.len != (size_t)want)
			fail_msg("U+%04X came back as U+%04X", cp, back);
	}
}

static void valid_utf8_is_valid(void **state)
{
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid(NULL, 0));
	assert_true(utf8_valid("a\0b", 3));
	assert_true(utf8_valid("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_hex_is_refused),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(base64_that_is_not_canonical_is_refused),
		cmocka_unit_test(a_late_break_in_base64_appends_nothing),
		cmocka_unit_test(base64_follows_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64_goes_both_ways_for_every_byte_and_length),
		cmocka_unit_test(base64url_that_is_not_canonical_is_refused),
		cmocka_unit_test(base64url_has_no_padding_and_letters_that_urls_may_have),
		cmocka_unit_test(base32_that_is_not_canonical_is_refused),
		cmocka_unit_test(base32_follows_the_vectors_of_rfc_4648),
		cmocka_unit_test(invalid_utf8_is_recognised),
		cmocka_unit_test(every_code_point_goes_both_ways),
		cmocka_unit_test(valid_utf8_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/human.h"
#include "base/mem.h"

#include <math.h>

static void a_size_that_makes_no_sense_is_refused(void **state)
{
	static const char *const broken[] = {
		"",    " ",   "K",   "-1",   "+1",   "x",    "1X",  "1KK", "1Ki", "1iB",  "1KiBs", "1.",
		"1.K", ".5G", "1.5", "1.5B", "1,5G", "0x10", "1e3", " 1K", "1K ", "1  K", "1 ",
	};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		AUTO_FREE char *want = mem_printf("\"%s\" is not a size", broken[i]);
		struct error e = {0};

		assert_int_equal(human_parse_size(broken[i], &v, &e), -ERR_USAGE);
		assert_string_equal(e.text, want);
		assert_string_equal(e.hint, "write a number and a unit, such as 64K, 10M or 1.5G");
	}
	assert_int_equal(v, 7);
}

static void a_size_past_64_bits_is_refused(void **state)
{
	static const char *const huge[] = {"18446744073709551616", "99999999999999999999999K", "16E",
					   "15.99999999999999999999E", "17179869184G"};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
		AUTO_FREE char *want = mem_printf("the size \"%s\" is too large", huge[i]);
		struct error e = {0};

		assert_int_equal(human_parse_size(huge[i], &v, &e), -ERR_USAGE);
		assert_string_equal(e.text, want);
	}
	assert_int_equal(v, 7);
}

static void sizes_are_read_with_binary_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"10", 10},
		{"10B", 10},
		{"64K", 65536},
		{"64k", 65536},
		{"64kb", 65536},
		{"64KiB", 65536},
		{"64 KiB", 65536},
		{"10M", 10485760},
		{"1.5G", 1610612736},
		{"2GiB", 2147483648},
		{"2GB", 2147483648},
		{"1T", 1099511627776},
		{"0.5P", 562949953421312},
		{"15E", 17293822569102704640u},
		{"18446744073709551615", UINT64_MAX},
		{"0.001K", 1},
		{"1.0", 1},
		{"0.1K", 102},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = {0};
		uint64_t v = 0;

		assert_int_equal(human_parse_size(cases[i].text, &v, &e), 0);
		assert_true(v == cases[i].bytes);
	}
}

static void a_duration_that_makes_no_sense_is_refused(void **state)
{
	static const char *const broken[] = {"",    "s",  "1x",  "-1d", "1.5h", "1d12", "12 h",
					     "1h ", "d1", "1dd", "1D",  "1min", "mo",   "5 "};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		AUTO_FREE char *want = mem_printf("\"%s\" is not a duration", broken[i]);
		struct error e = {0};

		assert_int_equal(human_parse_duration(broken[i], &v, &e), -ERR_USAGE);
		assert_string_equal(e.text, want);
		assert_string_equal(e.hint, "write numbers and units, such as 45s, 10m, 24h, 7d, 2w, 6mo, 1y or 1d12h");
	}
	assert_int_equal(v, 7);
}

static void a_duration_past_64_bits_is_refused(void **state)
{
	static const char *const huge[] = {"18446744073709551616", "584942417356y", "18446744073709551615s1s"};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
		AUTO_FREE char *want = mem_printf("the duration \"%s\" is too long", huge[i]);
		struct error e = {0};

		assert_int_equal(human_parse_duration(huge[i], &v, &e), -ERR_USAGE);
		assert_string_equal(e.text, want);
	}
	assert_int_equal(v, 7);
}

static void durations_are_read_with_their_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} cases[] = {
		{"0", 0},
		{"90", 90},
		{"45s", 45},
		{"10m", 600},
		{"24h", 86400},
		{"7d", 604800},
		{"2w", 1209600},
		{"6mo", 15552000},
		{"1y", 31536000},
		{"1d12h", 129600},
		{"1y1mo1m1s", 34128061},
		{"18446744073709551615", UINT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = {0};
		uint64_t v = 0;

		assert_int_equal(human_parse_duration(cases[i].text, &v, &e), 0);
		assert_true(v == cases[i].seconds);
	}
}

static void sizes_show_three_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1, "1 B"},
		{999, "999 B"},
		{1023, "1023 B"},
		{1024, "1 KiB"},
		{1229, "1.2 KiB"},
		{1536, "1.5 KiB"},
		{10230, "9.99 KiB"},
		{10239, "10 KiB"},
		{36175872, "34.5 MiB"},
		{1116691497, "1.04 GiB"},
		{1023 * 1024, "1023 KiB"},
		{1048575, "1 MiB"},
		{1000 * 1024, "1000 KiB"},
		{102400, "100 KiB"},
		{(uint64_t)3 << 50, "3 PiB"},
		{UINT64_MAX, "16 EiB"},
	};
	char out[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(human_size(cases[i].bytes, out), cases[i].text);
}

static void counts_are_grouped_by_thousands(void **state)
{
	char out[HUMAN_MAX];

	assert_string_equal(human_count(0, out), "0");
	assert_string_equal(human_count(999, out), "999");
	assert_string_equal(human_count(1000, out), "1,000");
	assert_string_equal(human_count(1234567, out), "1,234,567");
	assert_string_equal(human_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void durations_show_their_two_largest_units(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{0, "0 s"},
		{-5, "0 s"},
		{NAN, "0 s"},
		{0.04, "0 s"},
		{0.3, "0.3 s"},
		{2, "2 s"},
		{9.94, "9.9 s"},
		{9.96, "10 s"},
		{12.4, "12 s"},
		{59.4, "59 s"},
		{59.6, "1 min 00 s"},
		{184, "3 min 04 s"},
		{3599.7, "1 h 00 min"},
		{7500, "2 h 05 min"},
		{86399, "23 h 59 min"},
		{86400, "1 d 0 h"},
		{273600, "3 d 4 h"},
		{INFINITY, "11574074074 d 1 h"},
	};
	char out[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(human_duration(cases[i].seconds, out), cases[i].text);
}

static void ages_show_their_largest_unit(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{0, "just now"},
		{59.9, "just now"},
		{-59, "just now"},
		{NAN, "just now"},
		{60, "1 min ago"},
		{330, "5 min ago"},
		{3599, "59 min ago"},
		{10800, "3 h ago"},
		{-10800, "in 3 h"},
		{86400, "1 day ago"},
		{200000, "2 days ago"},
		{-200000, "in 2 days"},
		{30 * 86400, "1 month ago"},
		{125 * 86400, "4 months ago"},
		{365 * 86400, "1 year ago"},
		{800 * 86400, "2 years ago"},
	};
	char out[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(human_age(cases[i].seconds, out), cases[i].text);
}

static void a_size_that_was_shown_can_be_typed(void **state)
{
	static const uint64_t sizes[] = {0, 999, 1024, 1536, 36175872, (uint64_t)3 << 50};
	char out[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct error e = {0};
		uint64_t v = 1;

		assert_int_equal(human_parse_size(human_size(sizes[i], out), &v, &e), 0);
		assert_true(v == sizes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_size_past_64_bits_is_refused),
		cmocka_unit_test(sizes_are_read_with_binary_units),
		cmocka_unit_test(a_duration_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_duration_past_64_bits_is_refused),
		cmocka_unit_test(durations_are_read_with_their_units),
		cmocka_unit_test(sizes_show_three_digits),
		cmocka_unit_test(counts_are_grouped_by_thousands),
		cmocka_unit_test(durations_show_their_two_largest_units),
		cmocka_unit_test(ages_show_their_largest_unit),
		cmocka_unit_test(a_size_that_was_shown_can_be_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

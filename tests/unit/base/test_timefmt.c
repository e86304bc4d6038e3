#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static void use_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void what_is_not_rfc_3339_is_refused(void **state)
{
	static const char *const broken[] = {
		"",
		"2026",
		"2026-11-21",
		"2026-11-21T07:14:05",
		"2026-11-21 07:14:05Z",
		"2026-11-21T07:14Z",
		"26-11-21T07:14:05Z",
		"2026-13-21T07:14:05Z",
		"2026-00-21T07:14:05Z",
		"2026-11-00T07:14:05Z",
		"2026-11-31T07:14:05Z",
		"2025-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T07:60:00Z",
		"2026-11-21T07:14:61Z",
		"2026-11-21T07:14:05.Z",
		"2026-11-21T07:14:05,5Z",
		"2026-11-21T07:14:05+0100",
		"2026-11-21T07:14:05+24:00",
		"2026-11-21T07:14:05+01:60",
		"2026-11-21T07:14:05+1:00",
		"2026-11-21T07:14:05ZZ",
		" 2026-11-21T07:14:05Z",
		"2026-11-21T07:14:05Z ",
		"+026-11-21T07:14:05Z",
		"2026-1-121T07:14:05Z",
		"2026-11-21T07:14:05.5",
		"2026-11-21T07:14:05+",
		"2026-11-21T07:14:05-01",
		"2026-11-21T 7:14:05Z",
	};
	struct timespec t = {7, 7};
	int offset = 7;

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		AUTO_FREE char *exact = mem_copy(broken[i], strlen(broken[i]));

		assert_false(time_from_rfc3339(exact, strlen(broken[i]), &t, &offset));
	}
	assert_false(time_from_rfc3339("2026-11-21T07:14:05\0", 20, &t, &offset));
	assert_int_equal(t.tv_sec, 7);
	assert_int_equal(t.tv_nsec, 7);
	assert_int_equal(offset, 7);
}

static void times_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		long nanoseconds;
		int offset;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0, 0, 0},
		{"2026-11-21T07:14:05Z", 1795245245, 0, 0},
		{"2026-11-21T08:14:05.5+01:00", 1795245245, 500000000, 3600},
		{"2026-11-21T03:44:05.123456789-03:30", 1795245245, 123456789, -12600},
		{"2026-11-21T07:14:05.1234567899Z", 1795245245, 123456789, 0},
		{"2026-11-21t07:14:05.000000001z", 1795245245, 1, 0},
		{"2026-11-21T07:14:05-00:00", 1795245245, 0, 0},
		{"1969-12-31T23:59:59.25Z", -1, 250000000, 0},
		{"2016-12-31T23:59:60Z", 1483228800, 0, 0},
		{"2024-02-29T12:00:00Z", 1709208000, 0, 0},
		{"0000-01-01T00:00:00Z", -62167219200, 0, 0},
		{"9999-12-31T23:59:59.999999999Z", 253402300799, 999999999, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *exact = mem_copy(cases[i].text, strlen(cases[i].text));
		struct timespec t;
		int offset;

		assert_true(time_from_rfc3339(exact, strlen(cases[i].text), &t, &offset));
		assert_int_equal(t.tv_sec, cases[i].seconds);
		assert_int_equal(t.tv_nsec, cases[i].nanoseconds);
		assert_int_equal(offset, cases[i].offset);
		assert_true(time_from_rfc3339(exact, strlen(cases[i].text), &t, NULL));
	}
}

static void times_are_written_as_go_writes_them(void **state)
{
	static const struct {
		int64_t seconds;
		long nanoseconds;
		int offset;
		const char *text;
	} cases[] = {
		{0, 0, 0, "1970-01-01T00:00:00Z"},
		{1795245245, 0, 3600, "2026-11-21T08:14:05+01:00"},
		{1795245245, 500000000, 0, "2026-11-21T07:14:05.5Z"},
		{1795245245, 123456789, -12600, "2026-11-21T03:44:05.123456789-03:30"},
		{1795245245, 120, 20700, "2026-11-21T12:59:05.00000012+05:45"},
		{-1, 250000000, 0, "1969-12-31T23:59:59.25Z"},
		{-1, 0, -1800, "1969-12-31T23:29:59-00:30"},
		{253402300799, 999999999, 0, "9999-12-31T23:59:59.999999999Z"},
		{-62167219200, 0, 0, "0000-01-01T00:00:00Z"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[TIME_RFC3339_MAX];

		time_to_rfc3339((struct timespec){cases[i].seconds, cases[i].nanoseconds}, cases[i].offset, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void years_beyond_four_digits_are_clamped(void **state)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339((struct timespec){253402300800, 5000}, 0, text);
	assert_string_equal(text, "9999-01-01T00:00:00.000005Z");
	time_to_rfc3339((struct timespec){253402300799, 0}, 3600, text);
	assert_string_equal(text, "9999-01-01T00:59:59+01:00");
	time_to_rfc3339((struct timespec){253402300800 + 59 * 86400, 0}, 0, text);    /* 29 February 10000 */
	assert_string_equal(text, "9999-03-01T00:00:00Z");
	time_to_rfc3339((struct timespec){-62167219201, 0}, 0, text);
	assert_string_equal(text, "0000-12-31T23:59:59Z");
	time_to_rfc3339((struct timespec){INT64_MAX, 999999999}, 86340, text);
	assert_memory_equal(text, "9999-", 5);
	time_to_rfc3339((struct timespec){INT64_MIN, 0}, -86340, text);
	assert_memory_equal(text, "0000-", 5);
}

static void what_is_written_is_read_back(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < 20000; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		struct timespec t = {(int64_t)(random >> 16) % 300000000000 - 62000000000,
				     (long)(random >> 20) % 1000000000},
				back;
		int offset = ((int)(random >> 40 & 1023) - 512) * 60, offset_back;
		char text[TIME_RFC3339_MAX];

		t.tv_sec = t.tv_sec < 253000000000 ? t.tv_sec : 0;
		time_to_rfc3339(t, offset, text);
		assert_true(time_from_rfc3339(text, strlen(text), &back, &offset_back));
		assert_int_equal(time_cmp(t, back), 0);
		assert_int_equal(offset, offset_back);
	}
}

static void the_local_zone_is_the_one_at_that_time(void **state)
{
	char text[TIME_RFC3339_MAX], local[32];

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	time_to_rfc3339_local((struct timespec){1795245245, 250000000}, text);
	assert_string_equal(text, "2026-11-21T08:14:05.25+01:00");
	time_to_rfc3339_local((struct timespec){1782000000, 0}, text);
	assert_string_equal(text, "2026-06-21T02:00:00+02:00");
	time_to_local((struct timespec){1795245245, 0}, local);
	assert_string_equal(local, "2026-11-21 08:14:05");
	time_to_utc((struct timespec){1795245245, 0}, local);
	assert_string_equal(local, "2026-11-21 07:14 UTC");
	time_to_utc((struct timespec){INT64_MAX, 0}, local);
	assert_true(strlen(local) < sizeof local);
	use_zone("UTC");
	time_to_rfc3339_local((struct timespec){1795245245, 0}, text);
	assert_string_equal(text, "2026-11-21T07:14:05Z");
	time_to_local((struct timespec){INT64_MAX, 0}, local);
	assert_true(strlen(local) < sizeof local);
}

static void a_frozen_clock_stands_until_it_is_thawed(void **state)
{
	struct timespec t = {1795245245, 42};

	time_freeze(&t);
	t.tv_sec = 0;
	assert_int_equal(time_now().tv_sec, 1795245245);
	assert_int_equal(time_now().tv_nsec, 42);
	time_freeze(NULL);
	struct timespec real;
	clock_gettime(CLOCK_REALTIME, &real);
	assert_true(time_cmp(time_now(), real) >= 0);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
	double before = time_monotonic();

	for (int i = 0; i < 1000; i++) {
		double now = time_monotonic();

		assert_true(now >= before);
		before = now;
	}
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal_number)
{
	alarms++;
}

static void a_sleep_is_whole_whatever_signals_come(void **state)
{
	struct sigaction old, action = {.sa_handler = count_alarm};
	struct itimerval often = {{0, 2000}, {0, 2000}}, never = {0};

	alarms = 0;
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	double before = time_monotonic();
	time_sleep(0.05);
	assert_true(time_monotonic() - before >= 0.05);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_true(alarms > 0);
	time_sleep(0);
	time_sleep(-1);
}

static void times_are_compared_to_the_nanosecond(void **state)
{
	struct timespec a = {5, 100}, b = {5, 101}, c = {6, 0}, d = {-5, 0};

	assert_int_equal(time_cmp(a, a), 0);
	assert_int_equal(time_cmp(a, b), -1);
	assert_int_equal(time_cmp(b, a), 1);
	assert_int_equal(time_cmp(c, b), 1);
	assert_int_equal(time_cmp(d, a), -1);
	assert_true(time_between(d, (struct timespec){5, 500000000}) == 10.5);
	assert_true(time_between((struct timespec){5, 500000000}, d) == -10.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_rfc_3339_is_refused),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(times_are_written_as_go_writes_them),
		cmocka_unit_test(years_beyond_four_digits_are_clamped),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_local_zone_is_the_one_at_that_time),
		cmocka_unit_test(a_frozen_clock_stands_until_it_is_thawed),
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
		cmocka_unit_test(a_sleep_is_whole_whatever_signals_come),
		cmocka_unit_test(times_are_compared_to_the_nanosecond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

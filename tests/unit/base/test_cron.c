#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cron.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600
#define DAY (24 * HOUR)

static struct error e;

static const struct zone *load(const char *name)
{
	const struct zone *z;

	assert_int_equal(zone_load(name, &z, &e), 0);
	return z;
}

static struct cron cron(const char *text)
{
	struct cron c;

	if (cron_parse(text, &c, &e))
		fail_msg("%s", e.text);
	return c;
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
	return zone_days(year, month, day) * DAY + hour * HOUR + minute * 60;
}

/* "2026-03-29 01:00 UTC", or "never". */
static char *shown(int64_t t)
{
	struct zone_civil c;

	if (t == INT64_MAX)
		return mem_string("never");
	zone_civil(load("UTC"), t, &c);
	return mem_printf("%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
}

/* The next times, in UTC, are these. */
static void assert_next(const char *text, const char *zone, int64_t after, const char *const *expected)
{
	struct cron c = cron(text);

	for (; *expected; expected++) {
		after = cron_next(&c, load(zone), after);
		AUTO_FREE char *got = shown(after);

		assert_string_equal(got, *expected);
	}
}
#define NEXT(text, zone, after, ...) assert_next(text, zone, after, (const char *const[]){__VA_ARGS__, NULL})

/* ---- what is refused ---- */

static void an_expression_that_makes_no_sense_is_refused_by_the_name_of_its_field(void **state)
{
	static const char *const cases[][2] = {
		{"0 25 * * *", "the hour of \"0 25 * * *\" cannot be 25"},
		{"60 * * * *", "the minute of \"60 * * * *\" cannot be 60"},
		{"0 0 0 * *", "the day of the month of \"0 0 0 * *\" cannot be 0"},
		{"0 0 32 * *", "the day of the month of \"0 0 32 * *\" cannot be 32"},
		{"0 0 * 13 *", "the month of \"0 0 * 13 *\" cannot be 13"},
		{"0 0 * * 8", "the day of the week of \"0 0 * * 8\" cannot be 8"},
		{"0 0 * foo *", "the month of \"0 0 * foo *\" cannot be foo"},
		{"0 0 * * monday", "the day of the week of \"0 0 * * monday\" cannot be monday"},
		{"jan 0 * * *", "the minute of \"jan 0 * * *\" cannot be jan"},
		{"99999999999999999999 0 * * *",
		 "the minute of \"99999999999999999999 0 * * *\" cannot be 99999999999999999999"},
		{"5x 0 * * *", "the minute of \"5x 0 * * *\" cannot be 5x"},
		{"-5 0 * * *", "the minute of \"-5 0 * * *\" has something that is neither a number nor a name in it"},
		{"5, 0 * * *", "the minute of \"5, 0 * * *\" ends too early"},
		{"5- 0 * * *", "the minute of \"5- 0 * * *\" ends too early"},
		{"*5 0 * * *", "the minute of \"*5 0 * * *\" has something that is neither a number nor a name in it"},
		{"30-10 0 * * *", "the minute of \"30-10 0 * * *\" has a range that runs backwards"},
		{"5/10 0 * * *",
		 "the minute of \"5/10 0 * * *\" has a step of a single value: steps go with \"*\" or a range"},
		{"*/0 0 * * *", "the minute of \"*/0 0 * * *\" cannot go in steps of \"0\""},
		{"*/90 0 * * *", "the minute of \"*/90 0 * * *\" cannot go in steps of \"90\""},
		{"*/ 0 * * *", "the minute of \"*/ 0 * * *\" cannot go in steps of \"\""},
		{"0 2 * *", "\"0 2 * *\" has 4 fields, and a cron expression five: minute, hour, day of the month, "
			    "month, day of the week"},
		{"0 0 2 * * *", "\"0 0 2 * * *\" has 6 fields, and a cron expression five: minute, hour, day of the "
				"month, month, day of the week"},
		{"@reboot", "\"@reboot\" has 1 field, and a cron expression five: minute, hour, day of the month, "
			    "month, day of the week"},
		{"", "\"\" has 0 fields, and a cron expression five: minute, hour, day of the month, month, day of the "
		     "week"},
	};
	struct cron c;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(cron_parse(cases[i][0], &c, &e), -ERR_USAGE);
		assert_string_equal(e.text, cases[i][1]);
	}
}

static void an_expression_that_is_too_long_is_refused(void **state)
{
	char text[1000];
	struct cron c;

	memset(text, '1', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_int_equal(cron_parse(text, &c, &e), -ERR_USAGE);
	assert_string_equal(e.text, "a cron expression has at most 256 letters");
}

static void what_never_comes_is_told(void **state)
{
	static const char *const never[] = {"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 feb *"};

	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		NEXT(never[i], "UTC", 0, "never");
		NEXT(never[i], "Europe/Berlin", 0, "never");
	}
}

/* ---- what is understood ---- */

static void assert_same(const char *text, const char *other)
{
	struct cron a = cron(text), b = cron(other);

	assert_int_equal(a.minute, b.minute);
	assert_int_equal(a.hour, b.hour);
	assert_int_equal(a.day, b.day);
	assert_int_equal(a.month, b.month);
	assert_int_equal(a.weekday, b.weekday);
	assert_int_equal(a.hour_any, b.hour_any);
	assert_int_equal(a.either_day, b.either_day);
}

static void lists_ranges_steps_and_names_are_understood(void **state)
{
	assert_same("*/15 * * * *", "0,15,30,45 * * * *");
	assert_same("10-30/10 1-3 * * *", "10,20,30 1,2,3 * * *");
	assert_same("0 0 * jan,MAR-may *", "0 0 * 1,3,4,5 *");
	assert_same("0 0 * * mon-fri", "0 0 * * 1-5");
	assert_same("0 0 * * 7", "0 0 * * sun");
	assert_same("0 0 * * 5-7", "0 0 * * 0,5,6");
	assert_same("  0\t0  *  * *  ", "0 0 * * *");
	assert_same("007 0 * * *", "7 0 * * *");
	assert_true(cron("0 * * * *").hour_any);
	assert_true(cron("0 */6 * * *").hour_any);
	assert_false(cron("0 0-23 * * *").hour_any);
	assert_false(cron("0 */6,3 * * *").hour_any);
}

static void nicknames_are_understood(void **state)
{
	assert_same("@hourly", "0 * * * *");
	assert_same("@daily", "0 0 * * *");
	assert_same("@midnight", "0 0 * * *");
	assert_same("@weekly", "0 0 * * 0");
	assert_same("@Monthly", "0 0 1 * *");
	assert_same("@yearly", "0 0 1 1 *");
	assert_same("@annually", "0 0 1 1 *");
}

static void the_next_time_is_after_and_not_at(void **state)
{
	NEXT("30 2 * * *", "UTC", utc(2026, 5, 1, 2, 30) - 1, "2026-05-01 02:30", "2026-05-02 02:30");
	NEXT("* * * * *", "UTC", utc(2026, 12, 31, 23, 59), "2027-01-01 00:00", "2027-01-01 00:01");
	NEXT("0 */6 * * *", "UTC", utc(2026, 5, 1, 1, 0), "2026-05-01 06:00", "2026-05-01 12:00", "2026-05-01 18:00",
	     "2026-05-02 00:00");
}

static void either_day_suffices_when_both_are_restricted(void **state)
{
	/* 13 November 2026 is a Friday. */
	NEXT("0 0 13 * fri", "UTC", utc(2026, 11, 1, 0, 0), "2026-11-06 00:00", "2026-11-13 00:00", "2026-11-20 00:00",
	     "2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00");
	/* A field that begins with "*" does not restrict: odd days that are Fridays. */
	NEXT("0 0 */2 * fri", "UTC", utc(2026, 11, 1, 0, 0), "2026-11-13 00:00", "2026-11-27 00:00",
	     "2026-12-11 00:00");
}

static void the_29th_of_february_comes_in_leap_years(void **state)
{
	NEXT("0 12 29 2 *", "UTC", utc(2026, 1, 1, 0, 0), "2028-02-29 12:00", "2032-02-29 12:00");
	NEXT("0 12 29 2 *", "UTC", utc(2096, 3, 1, 0, 0), "2104-02-29 12:00");
	/* One that is a Sunday: 2032, and then again in 28 years; over 2100 it takes forty. */
	NEXT("0 0 29 2 */7", "UTC", utc(2026, 1, 1, 0, 0), "2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00",
	     "2128-02-29 00:00");
}

static void a_day_that_a_month_does_not_have_is_its_last_when_asked_for(void **state)
{
	struct cron c = cron_daily(4, 0);
	static const char *const expected[] = {"2027-11-30 04:00", "2027-12-31 04:00", "2028-01-31 04:00",
					       "2028-02-29 04:00", "2028-03-31 04:00", "2028-04-30 04:00"};
	int64_t t = utc(2027, 11, 1, 0, 0);

	c.day = (uint64_t)1 << 31;
	c.last_day = true;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		t = cron_next(&c, load("UTC"), t);
		AUTO_FREE char *got = shown(t);

		assert_string_equal(got, expected[i]);
	}
	c.day = (uint64_t)1 << 30;
	assert_int_equal(cron_next(&c, load("UTC"), utc(2027, 1, 30, 5, 0)), utc(2027, 2, 28, 4, 0));
	assert_int_equal(cron_next(&c, load("UTC"), utc(2027, 2, 28, 4, 0)), utc(2027, 3, 30, 4, 0));
	/* A cron expression means what it says. */
	NEXT("0 4 31 * *", "UTC", utc(2027, 11, 1, 0, 0), "2027-12-31 04:00", "2028-01-31 04:00", "2028-03-31 04:00");
}

/* ---- changes of the clock ---- */

static void a_skipped_time_is_due_at_the_change_and_a_repeated_one_at_its_first(void **state)
{
	/* Berlin: 29 March 2026 02:00 -> 03:00 (01:00 UTC); 25 October 03:00 -> 02:00 (01:00 UTC). */
	NEXT("30 2 * * *", "Europe/Berlin", utc(2026, 3, 28, 0, 0), "2026-03-28 01:30", "2026-03-29 01:00",
	     "2026-03-30 00:30");
	NEXT("30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 0, 0), "2026-10-24 00:30", "2026-10-25 00:30",
	     "2026-10-26 01:30");
	/* New York: 8 March 02:00 -> 03:00 (07:00 UTC); 1 November 02:00 -> 01:00 (06:00 UTC). */
	NEXT("30 2 * * *", "America/New_York", utc(2026, 3, 7, 0, 0), "2026-03-07 07:30", "2026-03-08 07:00",
	     "2026-03-09 06:30");
	NEXT("30 1 * * *", "America/New_York", utc(2026, 10, 31, 0, 0), "2026-10-31 05:30", "2026-11-01 05:30",
	     "2026-11-02 06:30");
	/* Lord Howe: 4 October 02:00 -> 02:30 (15:30 UTC the day before); 5 April 02:00 -> 01:30 (15:00 UTC the day
	 * before). */
	NEXT("15 2 * * *", "Australia/Lord_Howe", utc(2026, 10, 2, 0, 0), "2026-10-02 15:45", "2026-10-03 15:30",
	     "2026-10-04 15:15");
	NEXT("45 1 * * *", "Australia/Lord_Howe", utc(2026, 4, 3, 0, 0), "2026-04-03 14:45", "2026-04-04 14:45",
	     "2026-04-05 15:15");
}

static void several_skipped_times_are_due_once(void **state)
{
	NEXT("*/10 2 * * *", "Europe/Berlin", utc(2026, 3, 28, 1, 45), "2026-03-28 01:50", "2026-03-29 01:00",
	     "2026-03-30 00:00");
	NEXT("0 2,3 * * *", "Europe/Berlin", utc(2026, 3, 28, 2, 30), "2026-03-29 01:00", "2026-03-30 00:00");
}

static void every_hour_means_every_hour_that_passes(void **state)
{
	NEXT("30 * * * *", "Europe/Berlin", utc(2026, 3, 29, 0, 0), "2026-03-29 00:30", "2026-03-29 01:30",
	     "2026-03-29 02:30");
	NEXT("30 * * * *", "Europe/Berlin", utc(2026, 10, 24, 23, 0), "2026-10-24 23:30", "2026-10-25 00:30",
	     "2026-10-25 01:30", "2026-10-25 02:30");
	/* 02:00 comes twice, and does not come. */
	NEXT("0 */2 * * *", "Europe/Berlin", utc(2026, 10, 24, 23, 0), "2026-10-25 00:00", "2026-10-25 01:00",
	     "2026-10-25 03:00");
	NEXT("0 */2 * * *", "Europe/Berlin", utc(2026, 3, 28, 22, 0), "2026-03-28 23:00", "2026-03-29 02:00");
	/* Named one by one they are times of day. */
	NEXT("30 0-23 * * *", "Europe/Berlin", utc(2026, 10, 24, 23, 0), "2026-10-24 23:30", "2026-10-25 00:30",
	     "2026-10-25 02:30");
}

static void a_day_that_is_skipped_is_due_at_the_change(void **state)
{
	/* Apia went from 29 to 31 December 2011 at midnight, 10:00 UTC on the 30th. */
	NEXT("0 12 30 12 *", "Pacific/Apia", utc(2011, 12, 1, 0, 0), "2011-12-30 10:00", "2012-12-29 22:00");
	NEXT("0 12 * * *", "Pacific/Apia", utc(2011, 12, 29, 0, 0), "2011-12-29 22:00", "2011-12-30 10:00",
	     "2011-12-30 22:00");
}

/* The same by a plain model: every minute is looked at with the C library, and a time is due once the clock has reached
 * it. */
static bool matches(const struct cron *c, int64_t local_minute)
{
	time_t t = local_minute * 60;
	struct tm tm;

	gmtime_r(&t, &tm);
	bool by_month = c->day >> tm.tm_mday & 1, by_week = c->weekday >> tm.tm_wday & 1;

	return (c->minute >> tm.tm_min & 1) && (c->hour >> tm.tm_hour & 1) && (c->month >> (tm.tm_mon + 1) & 1) &&
	       (c->either_day ? by_month || by_week : by_month && by_week);
}

static int64_t local_minute(int64_t utc_minute)
{
	time_t t = utc_minute * 60;
	struct tm tm;

	localtime_r(&t, &tm);
	return utc_minute + tm.tm_gmtoff / 60;
}

static void assert_same_as_the_model(const char *text, const char *zone, int64_t from, int64_t to)
{
	struct cron c = cron(text);
	int64_t highest = INT64_MIN, next = from - 60;

	setenv("TZ", zone, 1);
	tzset();
	for (int64_t m = from / 60 - 3 * 1440; m < from / 60; m++)
		highest = local_minute(m) > highest ? local_minute(m) : highest;
	next = cron_next(&c, load(zone), next);
	for (int64_t m = from / 60; m < to / 60; m++) {
		int64_t local = local_minute(m);
		bool due = c.hour_any && matches(&c, local);

		for (int64_t reached = highest + 1; !c.hour_any && reached <= local; reached++)
			due = due || matches(&c, reached);
		highest = local > highest ? local : highest;
		if (due != (next == m * 60))
			fail_msg("%s in %s at %lld: %s", text, zone, (long long)m * 60, due ? "missed" : "too much");
		if (due)
			next = cron_next(&c, load(zone), next);
	}
	unsetenv("TZ");
	tzset();
}

static void all_changes_of_the_clock_are_as_in_a_plain_model(void **state)
{
	static const char *const texts[] = {"* * * * *",      "*/7 * * * *",  "30 * * * *",     "15 */2 * * *",
					    "* 2 * * *",      "30 2 * * *",   "0 0 * * *",      "45 1 * * *",
					    "0,59 1-3 * * *", "20 2 * * sun", "30 1 1-7 * sun", "15 2 29 3 *",
					    "0 3 * * *"};
	static const struct {
		const char *zone;
		int month[2], day[2];
	} zones[] = {
		{"Europe/Berlin", {3, 10}, {29, 25}},
		{"America/New_York", {3, 11}, {8, 1}},
		{"Australia/Lord_Howe", {4, 10}, {5, 4}},
	};

	for (size_t z = 0; z < ARRAY_LEN(zones); z++)
		for (int change = 0; change < 2; change++)
			for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
				int64_t day = utc(2026, zones[z].month[change], zones[z].day[change], 0, 0);

				assert_same_as_the_model(texts[i], zones[z].zone, day - 2 * DAY, day + 2 * DAY);
			}
	assert_same_as_the_model("30 2 * * *", "Pacific/Apia", utc(2011, 12, 27, 0, 0), utc(2012, 1, 3, 0, 0));
	assert_same_as_the_model("*/30 0 * * *", "America/Sao_Paulo", utc(2018, 11, 1, 0, 0), utc(2018, 11, 7, 0, 0));
	assert_same_as_the_model("0 23 * * *", "America/Sao_Paulo", utc(2019, 2, 14, 0, 0), utc(2019, 2, 20, 0, 0));
}

static void whichever_moment_is_asked_about_the_answer_is_the_same(void **state)
{
	struct cron c = cron("20,40 2 * * *");
	const struct zone *z = load("Europe/Berlin");
	int64_t expected = utc(2026, 10, 25, 0, 20);

	for (int64_t t = utc(2026, 10, 24, 0, 40); t < expected; t += 37)
		assert_int_equal(cron_next(&c, z, t), expected);
	for (int64_t t = utc(2026, 10, 25, 0, 40); t < utc(2026, 10, 26, 1, 20); t += 37)
		assert_int_equal(cron_next(&c, z, t), utc(2026, 10, 26, 1, 20));
}

/* ---- in words ---- */

static void an_expression_is_told_in_words(void **state)
{
	static const char *const cases[][2] = {
		{"* * * * *", "every minute"},
		{"*/15 * * * *", "every 15 minutes"},
		{"0 * * * *", "every hour"},
		{"1 * * * *", "every hour at 1 minute past"},
		{"5,35 * * * *", "every hour at 5 and 35 minutes past"},
		{"0 */6 * * *", "every 6 hours"},
		{"30 */2 * * *", "every 2 hours at 30 minutes past"},
		{"30 2 * * *", "at 02:30 every day"},
		{"30 2 * * mon,thu", "at 02:30 on Monday and Thursday"},
		{"0 0,12 * * *", "every 12 hours"},
		{"0 2,14 * * *", "at 02:00 and 14:00 every day"},
		{"0 9-17 * * mon-fri", "every hour from 09:00 to 17:00 from Monday to Friday"},
		{"*/20 9-17 * * *", "every 20 minutes from 09:00 to 17:40 every day"},
		{"*/5 1,3 * * sun,sat", "every 5 minutes of the hours 1 and 3 on Saturday and Sunday"},
		{"* 4 * * *", "every minute of hour 4 every day"},
		{"0 0 1,15 * *", "at 00:00 on the 1st and 15th of the month"},
		{"0 0 1-7 * *", "at 00:00 from the 1st to the 7th of the month"},
		{"0 0 2,3,11,22 * *", "at 00:00 on the 2nd, 3rd, 11th and 22nd of the month"},
		{"0 0 13 * fri", "at 00:00 on the 13th of the month, and on Friday"},
		{"0 0 */15 * fri", "at 00:00 on the 1st, 16th and 31st of the month, if it is a Friday"},
		{"0 0 * 1,7 *", "at 00:00 every day in January and July"},
		{"0 * * 6-8 *", "every hour from June to August"},
		{"0 0 1-31 * mon", "at 00:00 every day"},
		{"@yearly", "at 00:00 on the 1st of the month in January"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron c = cron(cases[i][0]);
		AUTO_FREE char *words = cron_words(&c);

		assert_string_equal(words, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expression_that_makes_no_sense_is_refused_by_the_name_of_its_field),
		cmocka_unit_test(an_expression_that_is_too_long_is_refused),
		cmocka_unit_test(what_never_comes_is_told),
		cmocka_unit_test(lists_ranges_steps_and_names_are_understood),
		cmocka_unit_test(nicknames_are_understood),
		cmocka_unit_test(the_next_time_is_after_and_not_at),
		cmocka_unit_test(either_day_suffices_when_both_are_restricted),
		cmocka_unit_test(the_29th_of_february_comes_in_leap_years),
		cmocka_unit_test(a_day_that_a_month_does_not_have_is_its_last_when_asked_for),
		cmocka_unit_test(a_skipped_time_is_due_at_the_change_and_a_repeated_one_at_its_first),
		cmocka_unit_test(several_skipped_times_are_due_once),
		cmocka_unit_test(every_hour_means_every_hour_that_passes),
		cmocka_unit_test(a_day_that_is_skipped_is_due_at_the_change),
		cmocka_unit_test(all_changes_of_the_clock_are_as_in_a_plain_model),
		cmocka_unit_test(whichever_moment_is_asked_about_the_answer_is_the_same),
		cmocka_unit_test(an_expression_is_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

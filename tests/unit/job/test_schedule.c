#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/schedule.h"

#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAY (24 * HOUR)

static struct error e;

static int64_t at(const char *rfc3339)
{
	struct timespec t;

	assert_true(time_from_rfc3339(rfc3339, strlen(rfc3339), &t, NULL));
	return t.tv_sec;
}

static struct schedule_record daily(int hour, int minute)
{
	struct schedule_record s = schedule_record_new();

	s.id = 7;
	s.name = (char *)"nightly";
	s.hour = hour;
	s.minute = minute;
	s.zone = (char *)"Europe/Berlin";
	return s;
}

static struct schedule_record by_cron(const char *text)
{
	struct schedule_record s = daily(0, 0);

	s.kind = SCHEDULE_CRON;
	s.cron = (char *)text;
	s.zone = (char *)"UTC";
	return s;
}

struct judged {
	enum schedule_verdict verdict;
	uint64_t missed;
};

static struct judged judge(struct schedule_record *s, int64_t now)
{
	struct judged j;

	assert_int_equal(schedule_judge(s, now, &j.verdict, &j.missed, &e), 0);
	return j;
}

static void assert_judged(struct schedule_record *s, const char *now, enum schedule_verdict verdict, uint64_t missed,
			  const char *last, const char *next)
{
	struct judged j = judge(s, at(now));

	assert_int_equal(j.verdict, verdict);
	assert_int_equal(j.missed, missed);
	assert_int_equal(s->last_run.tv_sec, last ? at(last) : 0);
	assert_int_equal(s->next_run.tv_sec, next ? at(next) : 0);
}

/* ---- what cannot be told ---- */

static void a_schedule_whose_zone_or_cron_is_gone_says_so_and_stays_as_it_is(void **state)
{
	struct schedule_record s = daily(2, 0);
	enum schedule_verdict verdict;
	uint64_t missed;
	int64_t next;

	s.zone = (char *)"Europe/Atlantis";
	s.next_run.tv_sec = 1000;
	assert_int_equal(schedule_judge(&s, 2000, &verdict, &missed, &e), -ERR_USAGE);
	assert_string_equal(e.text, "schedule nightly: there is no time zone named \"Europe/Atlantis\"");
	assert_int_equal(verdict, SCHEDULE_WAIT);
	assert_int_equal(s.next_run.tv_sec, 1000);
	s = by_cron("0 25 * * *");
	assert_int_equal(schedule_next(&s, 0, &next, &e), -ERR_USAGE);
	assert_string_equal(e.text, "schedule nightly: the hour of \"0 25 * * *\" cannot be 25");
}

static void what_never_comes_is_never_due(void **state)
{
	struct schedule_record s = by_cron("0 0 31 2 *");
	int64_t next;

	assert_int_equal(schedule_next(&s, 0, &next, &e), 0);
	assert_int_equal(next, INT64_MAX);
	assert_judged(&s, "2026-11-01T00:00:00Z", SCHEDULE_WAIT, 0, NULL, NULL);
}

static void one_that_is_disabled_has_no_next_run(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.enabled = false;
	s.next_run.tv_sec = at("2026-11-01T01:00:00Z");
	assert_judged(&s, "2026-11-05T01:00:00Z", SCHEDULE_WAIT, 0, NULL, NULL);
}

/* ---- as it goes ---- */

static void a_new_one_waits_for_its_first_time(void **state)
{
	struct schedule_record s = daily(2, 0);

	assert_judged(&s, "2026-11-01T12:00:00Z", SCHEDULE_WAIT, 0, NULL, "2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T00:59:59Z", SCHEDULE_WAIT, 0, NULL, "2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:00Z", SCHEDULE_RUN, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:00Z", SCHEDULE_WAIT, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
}

static void weekly_and_monthly_ones_have_their_days(void **state)
{
	struct schedule_record s = daily(3, 0);
	int64_t next;

	s.kind = SCHEDULE_WEEKLY;
	s.weekday = 0;
	assert_int_equal(schedule_next(&s, at("2026-11-28T12:00:00Z"), &next, &e), 0);
	assert_int_equal(next, at("2026-11-29T02:00:00Z"));
	s.kind = SCHEDULE_MONTHLY;
	s.day = 31;
	assert_int_equal(schedule_next(&s, at("2026-02-01T00:00:00Z"), &next, &e), 0);
	assert_int_equal(next, at("2026-02-28T02:00:00Z"));
	assert_int_equal(schedule_next(&s, next, &next, &e), 0);
	assert_int_equal(next, at("2026-03-31T01:00:00Z"));
}

static void a_quarter_of_an_hour_late_is_still_in_time(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:15:00Z", SCHEDULE_RUN, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
	s.next_run.tv_sec = at("2026-11-03T01:00:00Z");
	assert_judged(&s, "2026-11-03T01:15:01Z", SCHEDULE_RUN_LATE, 1, "2026-11-03T01:00:00Z", "2026-11-04T01:00:00Z");
}

static void runs_missed_while_the_machine_was_off_are_made_up_for_once(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.last_run.tv_sec = at("2026-11-01T01:00:00Z");
	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-09T12:00:00Z", SCHEDULE_RUN_LATE, 8, "2026-11-09T01:00:00Z", "2026-11-10T01:00:00Z");
	assert_judged(&s, "2026-11-09T12:00:30Z", SCHEDULE_WAIT, 0, "2026-11-09T01:00:00Z", "2026-11-10T01:00:00Z");
}

static void a_machine_that_wakes_when_one_is_due_tells_of_the_others(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-09T01:00:05Z", SCHEDULE_RUN, 7, "2026-11-09T01:00:00Z", "2026-11-10T01:00:00Z");
}

static void without_catching_up_missed_runs_are_only_told(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.catch_up = false;
	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-09T12:00:00Z", SCHEDULE_SKIP, 8, "2026-11-09T01:00:00Z", "2026-11-10T01:00:00Z");
	assert_judged(&s, "2026-11-10T01:00:00Z", SCHEDULE_RUN, 0, "2026-11-10T01:00:00Z", "2026-11-11T01:00:00Z");
}

static void a_year_of_missed_minutes_is_not_counted_to_its_end(void **state)
{
	struct schedule_record s = by_cron("* * * * *");

	s.next_run.tv_sec = at("2025-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T12:34:56Z", SCHEDULE_RUN, SCHEDULE_MISSED_MAX - 1, "2026-11-02T12:34:00Z",
		      "2026-11-02T12:35:00Z");
	s = by_cron("0 0 1 1 *");
	s.next_run.tv_sec = at("2010-01-01T00:00:00Z");
	assert_judged(&s, "2026-11-02T12:34:56Z", SCHEDULE_RUN_LATE, 17, "2026-01-01T00:00:00Z",
		      "2027-01-01T00:00:00Z");
}

/* ---- clocks that jump ---- */

static void a_clock_that_is_put_back_runs_nothing_twice(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:10Z", SCHEDULE_RUN, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
	assert_judged(&s, "2026-11-02T00:10:00Z", SCHEDULE_WAIT, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:20Z", SCHEDULE_WAIT, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
	/* Nor when the record says so: another process wrote next_run by a clock that was behind. */
	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:30Z", SCHEDULE_WAIT, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
}

static void a_clock_that_was_years_ahead_does_not_stop_the_backups(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.next_run.tv_sec = at("2026-11-02T01:00:00Z");
	assert_judged(&s, "2031-05-01T12:00:00Z", SCHEDULE_RUN_LATE, SCHEDULE_MISSED_MAX, "2031-05-01T00:00:00Z",
		      "2031-05-02T00:00:00Z");
	assert_judged(&s, "2026-11-01T12:00:00Z", SCHEDULE_WAIT, 0, "2026-11-01T12:00:00Z", "2026-11-02T01:00:00Z");
	assert_judged(&s, "2026-11-02T01:00:00Z", SCHEDULE_RUN, 0, "2026-11-02T01:00:00Z", "2026-11-03T01:00:00Z");
}

static void a_next_run_of_a_wrong_clock_is_found_anew(void **state)
{
	struct schedule_record s = daily(2, 0);

	s.next_run.tv_sec = at("2040-01-01T01:00:00Z");
	assert_judged(&s, "2026-11-01T12:00:00Z", SCHEDULE_WAIT, 0, NULL, "2026-11-02T01:00:00Z");
}

/* Three years, a tick every seven minutes: each due time once, in order, whatever the clocks in Berlin do. */
static void three_years_of_ticks_run_every_due_time_once(void **state)
{
	struct schedule_record s = daily(2, 30), model = daily(2, 30);
	int64_t from = at("2024-01-01T00:00:00Z"), to = at("2027-01-01T00:00:00Z"), expected;
	size_t runs = 0;

	assert_int_equal(schedule_next(&model, from, &expected, &e), 0);
	judge(&s, from);
	for (int64_t now = from; now < to; now += 420) {
		struct judged j = judge(&s, now);

		assert_int_equal(j.missed, 0);
		if (j.verdict == SCHEDULE_WAIT)
			continue;
		assert_int_equal(j.verdict, SCHEDULE_RUN);
		assert_int_equal(s.last_run.tv_sec, expected);
		assert_int_equal(schedule_next(&model, expected, &expected, &e), 0);
		runs++;
	}
	assert_int_equal(runs, 366 + 365 + 365);
}

/* A clock that is wrong by up to ten hours, anew every eight hours or so: no due time twice. */
static void a_clock_that_jumps_about_runs_no_due_time_twice(void **state)
{
	struct schedule_record s = by_cron("0 */3 * * *");
	int64_t real = at("2026-01-01T00:00:00Z"), wrong = 0, last = 0;
	uint64_t seed = 12345;
	size_t runs = 0;

	judge(&s, real);
	for (int i = 0; i < 20000; i++, real += 600) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		wrong = i % 50 ? wrong : (int64_t)(seed >> 40) % (20 * HOUR) - 10 * HOUR;
		if (judge(&s, real + wrong).verdict != SCHEDULE_WAIT) {
			assert_true(s.last_run.tv_sec > last);
			last = s.last_run.tv_sec;
			runs++;
		}
		assert_true(s.next_run.tv_sec > s.last_run.tv_sec);
	}
	assert_true(runs > 500);
}

/* ---- jitter ---- */

static void the_jitter_of_a_run_is_always_the_same_and_spreads(void **state)
{
	struct schedule_record s = daily(2, 0), other = daily(2, 0);
	bool low = false, high = false, differs = false;

	assert_int_equal(schedule_jitter(&s, 1000), 0);
	s.jitter = other.jitter = 600;
	other.id = 8;
	for (int64_t due = 0; due < 100 * DAY; due += DAY) {
		uint64_t j = schedule_jitter(&s, due);

		assert_int_equal(j, schedule_jitter(&s, due));
		assert_true(j <= 600);
		low = low || j < 100;
		high = high || j > 500;
		differs = differs || j != schedule_jitter(&other, due);
	}
	assert_true(low && high && differs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schedule_whose_zone_or_cron_is_gone_says_so_and_stays_as_it_is),
		cmocka_unit_test(what_never_comes_is_never_due),
		cmocka_unit_test(one_that_is_disabled_has_no_next_run),
		cmocka_unit_test(a_new_one_waits_for_its_first_time),
		cmocka_unit_test(weekly_and_monthly_ones_have_their_days),
		cmocka_unit_test(a_quarter_of_an_hour_late_is_still_in_time),
		cmocka_unit_test(runs_missed_while_the_machine_was_off_are_made_up_for_once),
		cmocka_unit_test(a_machine_that_wakes_when_one_is_due_tells_of_the_others),
		cmocka_unit_test(without_catching_up_missed_runs_are_only_told),
		cmocka_unit_test(a_year_of_missed_minutes_is_not_counted_to_its_end),
		cmocka_unit_test(a_clock_that_is_put_back_runs_nothing_twice),
		cmocka_unit_test(a_clock_that_was_years_ahead_does_not_stop_the_backups),
		cmocka_unit_test(a_next_run_of_a_wrong_clock_is_found_anew),
		cmocka_unit_test(three_years_of_ticks_run_every_due_time_once),
		cmocka_unit_test(a_clock_that_jumps_about_runs_no_due_time_twice),
		cmocka_unit_test(the_jitter_of_a_run_is_always_the_same_and_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

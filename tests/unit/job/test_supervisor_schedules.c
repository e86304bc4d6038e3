/* Schedules, retries, what follows a backup, alarms: over days and years of a clock that the tests turn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor_support.h"

#include "catalog/alarm.h"
#include "catalog/setting.h"
#include "job/forget.h"

#include <signal.h>

static struct fate failing(enum err_kind kind)
{
	return (struct fate){.seconds = 5, .state = JOB_FAILED, .kind = kind};
}

static void days(double n)
{
	world_until(world.now.tv_sec + (int64_t)(n * DAY));
}

static const char *events(void)
{
	static char text[65536];
	AUTO_FREE char *all = strlist_join(&world.events, "\n");

	snprintf(text, sizeof text, "%s", all);
	return text;
}

static void set(const char *name, const char *value)
{
	struct error e = {0};

	assert_ok(setting_set(world.c, name, value, &e));
}

/* ---- runs ---- */

static void a_schedule_runs_when_it_is_due(void **state)
{
	add_source("shop");
	add_daily("nightly", NULL, 2, NULL);
	world.telling = true;
	days(3);
	assert_string_equal(events(), "2026-11-28 02:00 backup shop: success\n2026-11-29 02:00 backup shop: success\n2026-11-30 02:00 backup shop: success");
}

static void all_sources_are_one_backup_for_each_repository(void **state)
{
	struct error e = {0};
	struct place_record p = {.name = mem_string("offsite"), .location = mem_string("/mnt/offsite")};
	struct source_record s;

	assert_ok(place_add(world.c, &p, &e));
	place_record_release(&p);
	add_source("app");
	add_source("media");
	int64_t id = add_source("shop");

	assert_ok(source_get(world.c, id, &s, &e));
	s.repository = mem_string("offsite");
	assert_ok(source_update(world.c, &s, &e));
	source_record_release(&s);
	add_daily("nightly", NULL, 2, NULL);
	days(1);
	assert_string_equal(titles(NULL, NULL), "backup app, media, backup shop");
}

static void a_schedule_without_any_source_does_nothing(void **state)
{
	add_daily("nightly", NULL, 2, NULL);
	days(3);
	assert_int_equal(count_jobs(NULL, NULL), 0);
}

static void with_jitter(struct schedule_record *s)
{
	s->jitter = 1800;
}

static void jitter_begins_a_run_later_but_within_its_bound(void **state)
{
	add_source("shop");
	int64_t id = add_daily("nightly", "shop", 2, with_jitter);
	struct schedule_record s;
	struct error e = {0};

	assert_ok(schedule_get(world.c, id, &s, &e));
	int64_t due = BEGINNING + 2 * HOUR, late = (int64_t)schedule_jitter(&s, due);

	schedule_record_release(&s);
	assert_in_range(late, 1, 1800);
	world_until(due + late - 1);
	assert_string_equal(titles("queued", NULL), "backup shop");
	world_until(due + late);
	assert_string_equal(titles("running", NULL), "backup shop");
}

static struct fate fate_slow(struct world *w, const struct job_record *j)
{
	return (struct fate){.seconds = 1.5 * HOUR, .state = JOB_SUCCESS};
}

static void hourly(struct schedule_record *s)
{
	s->kind = SCHEDULE_CRON;
	s->cron = mem_string("@hourly");
}

static void a_run_is_left_out_while_the_one_before_goes_on(void **state)
{
	add_source("shop");
	add_daily("often", "shop", 0, hourly);
	world.fate = fate_slow;
	world.telling = true;
	days(0.2);
	assert_string_equal(events(), "2026-11-28 02:30 backup shop: success\n2026-11-28 04:30 backup shop: success");
}

/* ---- missed runs ---- */

static void runs_that_were_missed_are_made_up_for_once_and_told(void **state)
{
	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	days(1);
	world_jump(4 * DAY + 6 * HOUR);
	world_restart(2);
	world.telling = true;
	days(1);
	assert_string_equal(events(), "2026-12-03 06:00 backup shop: success\n2026-12-04 02:00 backup shop: success");
	assert_non_null(strstr(told(), "5 runs"));
}

static void without_catch_up(struct schedule_record *s)
{
	s->catch_up = false;
}

static void without_catching_up_they_are_only_told(void **state)
{
	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, without_catch_up);
	days(1);
	world_jump(6 * HOUR + DAY);
	world_restart(2);
	world_round();
	assert_int_equal(count_jobs("running", NULL), 0);
	assert_non_null(strstr(told(), "nightly"));
	world.telling = true;
	days(1);
	assert_string_equal(events(), "2026-12-01 02:00 backup shop: success");
}

static void a_run_that_is_only_minutes_late_is_no_missed_one(void **state)
{
	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	world_round();
	world_jump(2 * HOUR + 600);
	world_until(world.now.tv_sec + 60);
	assert_string_equal(told(), "The backup of shop succeeded");
}

static void a_clock_that_is_put_back_runs_nothing_twice(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	world_until(BEGINNING + 2 * HOUR + 60);
	assert_int_equal(count_jobs("success", NULL), 1);
	world_jump(-HOUR);
	world_until(BEGINNING + 12 * HOUR);
	assert_int_equal(count_jobs("success", NULL), 1);
	days(1);
	assert_int_equal(count_jobs("success", NULL), 2);
}

static void a_clock_that_was_a_year_ahead_for_an_hour_stops_no_backups(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	days(1);
	world_jump(365 * DAY);
	world_until(world.now.tv_sec + HOUR);
	world_jump(-365 * DAY);
	size_t before = count_jobs("success", NULL);

	days(5);
	assert_int_equal(count_jobs("success", NULL), before + 5);
}

/* ---- retries ---- */

static int failures;

static struct fate fate_fails_some_times(struct world *w, const struct job_record *j)
{
	return failures-- > 0 ? failing(ERR_TEMPORARY) : fate_good(w, j);
}

static struct fate fate_wrong_password(struct world *w, const struct job_record *j)
{
	return failing(ERR_PASSWORD);
}

static void with_retries(struct schedule_record *s)
{
	s->retries = 3;
	s->retry_wait = 600;
}

static void what_may_pass_is_tried_again_after_twice_the_time_each(void **state)
{
	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, with_retries);
	failures = 3;
	world.fate = fate_fails_some_times;
	world.telling = true;
	days(0.5);
	assert_string_equal(events(), "2026-11-28 02:00 backup shop: failed\n2026-11-28 02:10 backup shop: failed\n2026-11-28 02:30 backup shop: failed\n2026-11-28 03:10 backup shop: success");
	assert_string_equal(told(), "The backup of shop succeeded");
}

static void when_all_attempts_have_failed_it_is_told_once(void **state)
{
	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, with_retries);
	failures = 100;
	world.fate = fate_fails_some_times;
	days(0.9);
	assert_int_equal(count_jobs("failed", NULL), 4);
	assert_string_equal(told(), "The backup of shop failed: it went wrong");
}

static void what_cannot_pass_is_not_tried_again(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, with_retries);
	world.fate = fate_wrong_password;
	days(0.9);
	assert_int_equal(count_jobs("failed", NULL), 1);
}

static void with_long_retries(struct schedule_record *s)
{
	s->retries = 5;
	s->retry_wait = 20 * HOUR;
}

static void a_retry_that_waits_gives_way_to_the_next_run(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, with_long_retries);
	failures = 100;
	world.fate = fate_fails_some_times;
	world.telling = true;
	days(2.9);
	assert_string_equal(events(), "2026-11-28 02:00 backup shop: failed\n2026-11-28 22:00 backup shop: failed\n2026-11-29 02:00 backup shop: failed\n"
				      "2026-11-29 22:00 backup shop: failed\n2026-11-30 02:00 backup shop: failed");
	assert_string_equal(titles("cancelled", NULL), "backup shop, backup shop");
}

static struct fate fate_dies(struct world *w, const struct job_record *j)
{
	return (struct fate){.seconds = 5, .state = JOB_RUNNING, .status = SIGKILL};
}

static void a_run_that_was_interrupted_is_made_up_for_once(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	world.fate = fate_dies;
	days(0.9);
	assert_int_equal(count_jobs("interrupted", NULL), 2);
	assert_int_equal(count_jobs(NULL, NULL), 2);
}

static void disable(int64_t id)
{
	struct schedule_record s;
	struct error e = {0};

	assert_ok(schedule_get(world.c, id, &s, &e));
	s.enabled = false;
	assert_ok(schedule_update(world.c, &s, &e));
	schedule_record_release(&s);
}

static void a_schedule_that_is_disabled_runs_and_retries_nothing(void **state)
{
	add_source("shop");
	int64_t id = add_daily("nightly", "shop", 2, with_retries);

	failures = 100;
	world.fate = fate_fails_some_times;
	world_until(BEGINNING + 2 * HOUR);
	disable(id);
	days(3);
	world_round();
	assert_int_equal(count_jobs(NULL, NULL), 1);
	assert_true(world.wait > 1e8);
}

/* ---- what follows ---- */

static void with_rules(struct schedule_record *s)
{
	s->keep.days = 30;
	s->verify_level = 3;
}

static void a_good_backup_is_followed_by_a_drill_and_retention(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, with_rules);
	world_until(BEGINNING + 3 * HOUR);
	assert_string_equal(titles("success", NULL), "backup shop, verify 01000000, cleanup nightly");
}

static struct fate fate_failing(struct world *w, const struct job_record *j)
{
	return failing(ERR_ACCESS);
}

static void a_failed_one_is_not(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, with_rules);
	world.fate = fate_failing;
	world_until(BEGINNING + 3 * HOUR);
	assert_string_equal(titles(NULL, NULL), "backup shop");
}

static struct fate fate_removes(struct world *w, const struct job_record *j)
{
	struct fate f = fate_good(w, j);

	f.result = !strcmp(j->kind, "cleanup") ? "{\"dry_run\": false, \"removed\": 2}" : NULL;
	return f;
}

static void what_was_removed_is_pruned_when_nothing_is_due_soon(void **state)
{
	add_source("shop");
	add_daily("nightly", "shop", 2, with_rules);
	world.fate = fate_removes;
	world_until(BEGINNING + 3 * HOUR);
	assert_string_equal(titles("success", NULL), "backup shop, verify 01000000, cleanup nightly, prune main");
	days(1);
	assert_int_equal(count_jobs("success", "prune"), 2);
}

static void with_every_half_hour(struct schedule_record *s)
{
	s->kind = SCHEDULE_CRON;
	s->cron = mem_string("*/30 * * * *");
	s->keep.last = 10;
}

static void where_something_is_always_due_it_is_pruned_at_the_quiet_hour(void **state)
{
	add_source("shop");
	add_daily("often", "shop", 0, with_every_half_hour);
	set("prune_hour", "4");
	world.fate = fate_removes;
	world_until(BEGINNING + 4 * HOUR - 1);
	assert_int_equal(count_jobs(NULL, "prune"), 0);
	world_until(BEGINNING + 5 * HOUR);
	assert_int_equal(count_jobs("success", "prune"), 1);
	days(1);
	assert_int_equal(count_jobs("success", "prune"), 2);
}

static void a_damaged_repository_is_not_pruned(void **state)
{
	struct place_record p;
	struct error e = {0};

	add_source("shop");
	add_daily("nightly", "shop", 2, with_rules);
	world.fate = fate_removes;
	assert_ok(place_get(world.c, world.place, &p, &e));
	p.check_failed = true;
	assert_ok(place_found(world.c, &p, &e));
	place_record_release(&p);
	days(2);
	assert_int_equal(count_jobs(NULL, "prune"), 0);
}

/* ---- alarms ---- */

static void two_runs_without_a_good_backup_are_told_once_until_there_is_one(void **state)
{
	CLEANUP(strlist_release) struct strlist keys = {0};
	struct error e = {0};

	add_notice();
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	days(1);
	world.fate = fate_failing;
	world_until(BEGINNING + 2 * DAY + 3 * HOUR);
	world.steady += 60;
	world_round();
	assert_null(strstr(told(), "good backup"));
	world_until(BEGINNING + 2 * DAY + 5 * HOUR);
	world.steady += 60;
	world_round();
	assert_non_null(strstr(told(), "There is no good backup of shop from the last 50 hours"));
	days(1);
	const char *all = told(), *first = strstr(all, "good backup");

	assert_null(strstr(first + 1, "good backup"));
	world.fate = fate_good;
	days(1);
	world.steady += 60;
	world_round();
	assert_ok(alarm_list(world.c, "overdue:", &keys, &e));
	assert_int_equal(keys.n, 0);
}

static void a_source_that_says_so_is_overdue_sooner(void **state)
{
	struct source_record s;
	struct error e = {0};

	add_notice();
	int64_t id = add_source("shop");

	assert_ok(source_get(world.c, id, &s, &e));
	s.overdue_hours = 26;
	assert_ok(source_update(world.c, &s, &e));
	source_record_release(&s);
	days(1);
	assert_string_equal(told(), "");
	world_jump(3 * HOUR);
	world.steady += 60;
	world_round();
	assert_string_equal(told(), "There is no good backup of shop at all");
}

static void little_space_is_told_once_until_there_is_more(void **state)
{
	struct place_record p;
	struct error e = {0};

	add_notice();
	assert_ok(place_get(world.c, world.place, &p, &e));
	p.low_space = 1000000;
	p.scanned = world.now;
	p.bytes_free = 500000;
	assert_ok(place_update(world.c, &p, &e));
	assert_ok(place_found(world.c, &p, &e));
	for (int i = 0; i < 5; i++) {
		world.steady += 60;
		world_round();
	}
	const char *all = told();

	assert_string_equal(all, "The repository main is running out of space: 488 KiB are free, less than 977 KiB");
	assert_null(strchr(all, ';'));
	p.bytes_free = 1000000;
	assert_ok(place_found(world.c, &p, &e));
	place_record_release(&p);
	struct timespec since;

	world.steady += 60;
	world_round();
	assert_ok(alarm_since(world.c, "low-space:main", &since, &e));
	assert_int_equal(since.tv_sec, 0);
}

/* ---- long times ---- */

/* What `cleanup` does, on the catalog alone: by the rules of the schedule, each source for itself. */
static void clean_up(struct world *w, const struct job_record *j)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	struct error e = {0};

	if (strcmp(j->kind, "cleanup"))
		return;
	assert_ok(schedule_get(w->c, j->schedule, &s, &e));
	const struct retention_policy policy = retention_of(&s.keep);
	CLEANUP(known_list_release) struct known_list l = {0};
	const struct catalog_page p = {.limit = 1000};
	const struct known_filter f = {.source = s.sources.n ? s.sources.v[0] : NULL, .safety = -1, .oldest_first = true};

	assert_ok(known_list_some(w->c, &f, &p, &l, NULL, &e));
	struct retention_item *items = mem_zero((l.n + 1) * sizeof *items);

	for (size_t i = 0; i < l.n; i++)
		items[i] = (struct retention_item){.time = l.v[i].time, .group = l.v[i].sources[0].name, .good = true, .policy = &policy};
	retention_apply(items, l.n, w->now);
	for (size_t i = 0; i < l.n; i++)
		if (!items[i].keep)
			assert_ok(known_remove(w->c, w->place, l.v[i].id, &e));
	free(items);
}

static size_t count_known(const char *source)
{
	CLEANUP(known_list_release) struct known_list l = {0};
	const struct catalog_page p = {.limit = 1};
	const struct known_filter f = {.source = source, .safety = -1};
	struct error e = {0};
	uint64_t total = 0;

	assert_ok(known_list_some(world.c, &f, &p, &l, &total, &e));
	return (size_t)total;
}

static void keeping_a_family(struct schedule_record *s)
{
	s->keep.daily = 7;
	s->keep.weekly = 4;
	s->keep.monthly = 12;
	s->keep.yearly = 3;
}

/* Times of day that spring skips or autumn repeats, on the Sundays on which it does. */
static void in_berlin(struct schedule_record *s)
{
	free(s->zone);
	s->zone = mem_string("Europe/Berlin");
	s->minute = 30;
	keeping_a_family(s);
}

static void on_sundays(struct schedule_record *s, const char *zone, int minute)
{
	free(s->zone);
	s->zone = mem_string(zone);
	s->minute = minute;
	s->kind = SCHEDULE_WEEKLY;
	s->weekday = 0;
}

static void in_new_york(struct schedule_record *s)
{
	on_sundays(s, "America/New_York", 30);
}

static void on_lord_howe(struct schedule_record *s)
{
	on_sundays(s, "Australia/Lord_Howe", 15);
}

static void three_years_in_three_zones_leave_out_no_run_and_run_none_twice(void **state)
{
	add_source("berlin");
	add_source("york");
	add_source("howe");
	add_daily("b", "berlin", 2, in_berlin);
	add_daily("n", "york", 1, in_new_york);
	add_daily("h", "howe", 2, on_lord_howe);
	set("job_history_days", "0");
	world.done = clean_up;
	days(3 * 365);
	assert_int_equal(count_known("york"), 157);
	assert_int_equal(count_known("howe"), 157);
	assert_int_equal(count_jobs("success", "backup"), 3 * 365 + 2 * 157);
	assert_int_equal(count_jobs("success", "cleanup"), 3 * 365);
	/* 7 days, 4 weeks, 12 months and 3 years, some of which are the same backup. */
	assert_in_range(count_known("berlin"), 20, 26);
	assert_int_equal(count_jobs("failed", NULL) + count_jobs("interrupted", NULL) + count_jobs("cancelled", NULL), 0);
}

static void keeping_30_days(struct schedule_record *s)
{
	s->keep.days = 30;
}

/* P2 */
static void test_P2_after_60_days_of_failures_under_a_policy_of_30_the_newest_good_backup_is_there(void **state)
{
	struct error e = {0};
	struct timespec newest;
	char id[65];

	add_source("shop");
	add_daily("nightly", "shop", 2, keeping_30_days);
	/* Retention runs each day, whatever becomes of the backups. */
	struct schedule_record s = schedule_record_new();

	s.name = mem_string("tidy");
	s.zone = mem_string("UTC");
	s.action = ACTION_CLEANUP;
	s.hour = 5;
	s.keep.days = 30;
	assert_ok(schedule_add(world.c, &s, &e));
	schedule_record_release(&s);
	world.done = clean_up;
	days(40);
	assert_int_equal(count_known("shop"), 30);
	world.fate = fate_failing;
	days(1);
	world.fate = fate_good;
	days(0.01);
	/* Only backups fail from now on. */
	int64_t last = world.now.tv_sec;

	failures = 0;
	world.fate = fate_removes;
	for (int i = 0; i < 60; i++) {
		world.fate = fate_failing;
		world_until(last + i * DAY + 4 * HOUR);
		world.fate = fate_good;
		world_until(last + (i + 1) * (int64_t)DAY);
	}
	assert_int_equal(count_known("shop"), 1);
	assert_ok(known_newest_good(world.c, "shop", &newest, id, &e));
	assert_true(newest.tv_sec > 0 && newest.tv_sec < last);
}

/* P1 */
static void test_P1_each_of_many_databases_on_one_server_keeps_what_was_promised(void **state)
{
	struct error e = {0};

	for (int i = 0; i < 6; i++) {
		AUTO_FREE char *name = mem_printf("db%d", i);

		add_source(name);
		add_daily(name, name, i, keeping_30_days);
	}
	world.done = clean_up;
	days(45);
	for (int i = 0; i < 6; i++) {
		AUTO_FREE char *name = mem_printf("db%d", i);
		struct timespec newest;
		char id[65];

		assert_in_range(count_known(name), 30, 31);
		assert_ok(known_newest_good(world.c, name, &newest, id, &e));
		assert_true(world.now.tv_sec - newest.tv_sec < DAY);
	}
}

/* Killed and started again at any moment: whatever was due was run, and by one whole backup. */
static void a_daemon_that_is_killed_again_and_again_leaves_out_nothing_and_does_nothing_twice(void **state)
{
	unsigned random = 1;

	add_source("shop");
	add_daily("nightly", "shop", 2, with_rules);
	for (int i = 0; i < 25; i++) {
		for (int k = 0; k < 4; k++) {
			random = random * 1103515245 + 12345;
			world_until(BEGINNING + i * (int64_t)DAY + 2 * HOUR + (int64_t)(random >> 16) % 20 + k * 20);
			world_restart(2);
		}
		world_until(BEGINNING + i * (int64_t)DAY + 20 * HOUR);
	}
	assert_int_equal(count_jobs("queued", NULL) + count_jobs("running", NULL), 0);
	assert_int_equal(count_jobs("success", "backup"), world.backups);
	assert_int_equal(world.backups, 25);
	/* A drill or cleanup that was interrupted is made up for as well. */
	assert_int_equal(count_jobs("success", "cleanup"), 25);
	assert_int_equal(count_jobs("success", "verify"), 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_schedule_runs_when_it_is_due),
		IN_WORLD(all_sources_are_one_backup_for_each_repository),
		IN_WORLD(a_schedule_without_any_source_does_nothing),
		IN_WORLD(jitter_begins_a_run_later_but_within_its_bound),
		IN_WORLD(a_run_is_left_out_while_the_one_before_goes_on),
		IN_WORLD(runs_that_were_missed_are_made_up_for_once_and_told),
		IN_WORLD(without_catching_up_they_are_only_told),
		IN_WORLD(a_run_that_is_only_minutes_late_is_no_missed_one),
		IN_WORLD(a_clock_that_is_put_back_runs_nothing_twice),
		IN_WORLD(a_clock_that_was_a_year_ahead_for_an_hour_stops_no_backups),
		IN_WORLD(what_may_pass_is_tried_again_after_twice_the_time_each),
		IN_WORLD(when_all_attempts_have_failed_it_is_told_once),
		IN_WORLD(what_cannot_pass_is_not_tried_again),
		IN_WORLD(a_retry_that_waits_gives_way_to_the_next_run),
		IN_WORLD(a_run_that_was_interrupted_is_made_up_for_once),
		IN_WORLD(a_schedule_that_is_disabled_runs_and_retries_nothing),
		IN_WORLD(a_good_backup_is_followed_by_a_drill_and_retention),
		IN_WORLD(a_failed_one_is_not),
		IN_WORLD(what_was_removed_is_pruned_when_nothing_is_due_soon),
		IN_WORLD(where_something_is_always_due_it_is_pruned_at_the_quiet_hour),
		IN_WORLD(a_damaged_repository_is_not_pruned),
		IN_WORLD(two_runs_without_a_good_backup_are_told_once_until_there_is_one),
		IN_WORLD(a_source_that_says_so_is_overdue_sooner),
		IN_WORLD(little_space_is_told_once_until_there_is_more),
		IN_WORLD(three_years_in_three_zones_leave_out_no_run_and_run_none_twice),
		IN_WORLD(test_P2_after_60_days_of_failures_under_a_policy_of_30_the_newest_good_backup_is_there),
		IN_WORLD(test_P1_each_of_many_databases_on_one_server_keeps_what_was_promised),
		IN_WORLD(a_daemon_that_is_killed_again_and_again_leaves_out_nothing_and_does_nothing_twice),
	};

	return cmocka_run_group_tests_name("supervisor schedules", tests, NULL, NULL);
}

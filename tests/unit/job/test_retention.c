#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/schedule.h"
#include "job/forget.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAY (24 * HOUR)

static struct timespec at(const char *rfc3339)
{
	struct timespec t;

	assert_true(time_from_rfc3339(rfc3339, strlen(rfc3339), &t, NULL));
	return t;
}

static struct retention_item good(const char *when)
{
	return (struct retention_item){.time = at(when), .group = "shop", .good = true};
}

/* `n` good backups every `step` seconds, the last one at `end`. */
static struct retention_item *series(const char *end, size_t n, long step)
{
	struct retention_item *v = mem_zero(n * sizeof *v);

	for (size_t i = 0; i < n; i++) {
		v[i] = good(end);
		v[i].time.tv_sec -= (time_t)((n - 1 - i) * (size_t)step);
	}
	return v;
}

/* All of them by one policy. */
static void apply(const struct retention_policy *p, struct retention_item *items, size_t n, struct timespec now)
{
	for (size_t i = 0; i < n; i++)
		items[i].policy = p;
	retention_apply(items, n, now);
}

static size_t kept(const struct retention_item *v, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += v[i].keep;
	return count;
}

static void an_empty_policy_is_known_as_one(void **state)
{
	struct retention_policy p = {0};

	assert_true(retention_is_empty(&p));
	p.yearly = 1;
	assert_false(retention_is_empty(&p));
}

static void even_a_policy_that_keeps_nothing_keeps_the_newest_good_backup(void **state)
{
	struct retention_policy p = {.within_seconds = 1};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 60, DAY);

	for (size_t i = 5; i < 60; i++)
		v[i].good = false;
	apply(&p, v, 60, at("2026-11-21T03:00:00Z"));
	assert_true(v[4].keep);
	assert_string_equal(v[4].reason, "newest good backup");
	assert_true(v[59].keep);
	assert_int_equal(kept(v, 60), 2);
	assert_string_equal(v[0].reason, "no rule keeps it");
}

static void P2_sixty_days_of_failures_never_cost_the_last_good_backup(void **state)
{
	struct retention_policy p = {.daily = 30};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 90, DAY);

	for (size_t i = 30; i < 90; i++)
		v[i].good = false;
	apply(&p, v, 90, at("2026-11-21T03:00:00Z"));
	for (size_t i = 0; i < 90; i++)
		assert_true(v[i].keep); /* bad days cost no place: the 30 good ones stay as well */
}

static void the_newest_verified_backup_stays_when_newer_ones_are_not_verified(void **state)
{
	struct retention_policy p = {.last = 2};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 10, DAY);

	v[3].verified = true;
	apply(&p, v, 10, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 10), 3);
	assert_string_equal(v[3].reason, "newest verified backup");
	assert_string_equal(v[9].reason, "last");
}

static void what_a_wrong_clock_dated_ahead_is_kept_and_takes_the_place_of_none(void **state)
{
	struct retention_policy p = {.last = 2};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 10, DAY);

	v[4].time = at("2099-01-01T00:00:00Z");
	v[5].time = at("2026-11-22T02:59:59Z");
	v[4].verified = v[8].verified = true;
	apply(&p, v, 10, at("2026-11-21T03:00:00Z"));
	assert_string_equal(v[4].reason, "its time is yet to come");
	assert_string_equal(v[5].reason, "last");
	assert_string_equal(v[9].reason, "last");
	assert_string_equal(v[8].reason, "newest verified backup");
	assert_int_equal(kept(v, 10), 4);
}

static void P1_each_group_keeps_what_it_was_promised(void **state)
{
	struct retention_policy p = {.daily = 7};
	struct retention_item v[200];
	char names[20][8];

	for (size_t i = 0; i < 200; i++) {
		snprintf(names[i % 20], sizeof names[0], "db%zu", i % 20);
		v[i] = good("2026-11-21T02:00:00Z");
		v[i].group = names[i % 20];
		v[i].time.tv_sec -= (time_t)(i / 20) * DAY;
	}
	apply(&p, v, 200, at("2026-11-21T03:00:00Z"));
	for (size_t g = 0; g < 20; g++) {
		size_t n = 0;

		for (size_t i = g; i < 200; i += 20)
			n += v[i].keep;
		assert_int_equal(n, 7);
	}
}

static void P3_three_years_of_hourly_backups_keep_the_golden_set(void **state)
{
	struct retention_policy p = {.last = 3, .hourly = 24, .daily = 7, .weekly = 4, .monthly = 12, .yearly = 3};
	size_t n = 3 * 365 * 24;
	AUTO_FREE struct retention_item *v = series("2026-11-21T23:30:00Z", n, HOUR);
	size_t count = 0;

	apply(&p, v, n, at("2026-11-22T00:00:00Z"));
	for (size_t i = 0; i < n; i++)
		count += v[i].keep;
	/* 24 hours of the newest day; 6 more days; 2 more weeks (the end of W46 is one of the days); 11 more months; 1
	 * more year (the end of 2025 is the end of a month kept). */
	assert_int_equal(count, 24 + 6 + 2 + 11 + 1);
	assert_string_equal(
		v[n - 1].reason,
		"last, hourly 2026-11-21 23:00, daily 2026-11-21, weekly 2026-W47, monthly 2026-11, yearly 2026");
	assert_string_equal(v[n - 4].reason, "hourly 2026-11-21 20:00");
}

static void sub_hourly_backups_are_not_lost_to_the_hourly_rule_alone(void **state)
{
	struct retention_policy p = {.last = 5, .hourly = 2};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:50:00Z", 12, 600);

	apply(&p, v, 12, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 12), 6); /* 02:50 back to 02:10, and 01:50 for its hour */
	assert_string_equal(v[5].reason, "hourly 2026-11-21 01:00");
}

static void days_are_those_of_the_backups_own_zone(void **state)
{
	struct retention_policy p = {.daily = 10};
	struct retention_item v[2] = {good("2026-11-20T22:30:00Z"), good("2026-11-20T23:30:00Z")};

	v[0].offset_seconds = v[1].offset_seconds = HOUR;
	apply(&p, v, 2, at("2026-11-21T03:00:00Z"));
	assert_string_equal(v[0].reason, "daily 2026-11-20");
	assert_string_equal(v[1].reason, "daily 2026-11-21");
}

static void within_counts_back_from_the_newest_backup_of_the_group(void **state)
{
	struct retention_policy p = {.within_seconds = 3 * DAY};
	AUTO_FREE struct retention_item *v = series("2020-01-31T02:00:00Z", 10, DAY);

	apply(&p, v, 10, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 10), 4);
}

static void a_tag_keeps_what_no_rule_would(void **state)
{
	struct retention_policy p = {.last = 1};
	CLEANUP(strlist_release) struct strlist tags = {0};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 5, DAY);

	strlist_add(&p.keep_tags, "pin");
	strlist_add(&tags, "pin");
	v[0].tags = &tags;
	apply(&p, v, 5, at("2026-11-21T03:00:00Z"));
	assert_string_equal(v[0].reason, "tag pin");
	assert_int_equal(kept(v, 5), 2);
	strlist_release(&p.keep_tags);
}

static void days_count_back_from_now_and_stop_at_the_floor(void **state)
{
	struct retention_policy p = {.days = 30};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 60, DAY);

	v[2].verified = true;
	apply(&p, v, 60, at("2026-11-21T02:00:00Z"));
	assert_int_equal(kept(v, 60), 31);
	assert_string_equal(v[59].reason, "younger than 30 days");
	assert_string_equal(v[30].reason, "younger than 30 days");
	assert_string_equal(v[29].reason, "no rule keeps it");
	assert_string_equal(v[2].reason, "newest verified backup");
	/* A year later. */
	apply(&p, v, 60, at("2027-11-21T02:00:00Z"));
	assert_int_equal(kept(v, 60), 2);
	assert_string_equal(v[59].reason, "newest good backup");
}

static void P2_sixty_days_without_a_good_backup_leave_the_last_good_and_the_last_verified_one(void **state)
{
	struct retention_policy p = {.days = 30, .max = 50};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 120, DAY);

	for (size_t i = 60; i < 120; i++)
		v[i].good = false;
	v[40].verified = true;
	apply(&p, v, 120, at("2026-11-21T03:00:00Z"));
	assert_string_equal(v[59].reason, "newest good backup");
	assert_string_equal(v[40].reason, "newest verified backup");
	assert_int_equal(kept(v, 120), 30 + 2);
}

static void no_more_than_so_many_are_kept_good_and_others_apart(void **state)
{
	struct retention_policy p = {.days = 365, .max = 10};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 40, DAY);

	for (size_t i = 20; i < 40; i++)
		v[i].good = false;
	apply(&p, v, 40, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 40), 20);
	assert_true(v[10].keep && v[30].keep);
	assert_string_equal(v[9].reason, "beyond the newest 10");
	assert_string_equal(v[29].reason, "beyond the newest 10");
}

static void a_bound_without_a_rule_keeps_so_many(void **state)
{
	struct retention_policy p = {.max = 3};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 40, DAY);

	assert_false(retention_is_empty(&p));
	apply(&p, v, 40, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 40), 3);
	assert_string_equal(v[37].reason, "last");
}

static void what_is_pinned_is_kept_beyond_every_bound(void **state)
{
	struct retention_policy p = {.last = 2, .max = 1};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 5, DAY);

	v[0].pinned = v[1].pinned = v[4].pinned = true;
	v[1].safety = true;
	v[1].time = at("2020-01-01T00:00:00Z");
	apply(&p, v, 5, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 5), 3);
	assert_string_equal(v[0].reason, "pinned");
	assert_string_equal(v[1].reason, "pinned");
	assert_string_equal(v[4].reason, "last, pinned");
	assert_string_equal(v[3].reason, "beyond the newest 1");
}

static void what_no_policy_is_for_is_held_and_counts_for_the_floor(void **state)
{
	struct retention_policy p = {.days = 1};
	struct retention_item v[2] = {good("2026-01-01T00:00:00Z"), good("2026-02-01T00:00:00Z")};

	v[0].policy = &p;
	v[1].held = "made on another machine, web2";
	retention_apply(v, 2, at("2026-11-21T03:00:00Z"));
	assert_false(v[0].keep);
	assert_true(v[1].keep);
	assert_string_equal(v[1].reason, "made on another machine, web2");
}

/* Two schedules back up shop, one of them with media: each keeps by its own rules, and whatever both together would
 * lose stays. */
static void the_newest_good_one_of_a_source_stays_whichever_group_it_is_in(void **state)
{
	CLEANUP(strlist_release) struct strlist shop = {0};
	CLEANUP(strlist_release) struct strlist both = {0};
	struct retention_policy p = {.days = 7};
	struct retention_item v[4] = {good("2026-01-01T00:00:00Z"), good("2026-02-01T00:00:00Z"),
				      good("2026-03-01T00:00:00Z"), good("2026-04-01T00:00:00Z")};

	strlist_add(&shop, "shop");
	strlist_copy(&both, &shop);
	strlist_add(&both, "media");
	for (size_t i = 0; i < 4; i++) {
		v[i].group = i == 1 || i == 0 ? "full" : "hourly";
		v[i].sources = i == 1 || i == 0 ? &both : &shop;
	}
	v[2].verified = true;
	apply(&p, v, 4, at("2026-11-21T03:00:00Z"));
	assert_false(v[0].keep);
	assert_string_equal(v[1].reason, "newest good backup of media");
	assert_string_equal(v[2].reason, "newest verified backup");
	assert_string_equal(v[3].reason, "newest good backup");
}

static void a_schedules_rules_become_a_policy(void **state)
{
	const struct schedule_keep k = {.days = 1,
					.max_backups = 2,
					.last = 3,
					.hourly = 4,
					.daily = 5,
					.weekly = 6,
					.monthly = 7,
					.yearly = UINT64_MAX};
	struct retention_policy p = retention_of(&k);

	assert_int_equal(p.days, 1);
	assert_int_equal(p.max, 2);
	assert_int_equal(p.last, 3);
	assert_int_equal(p.hourly, 4);
	assert_int_equal(p.daily, 5);
	assert_int_equal(p.weekly, 6);
	assert_int_equal(p.monthly, 7);
	assert_int_equal(p.yearly, UINT_MAX);
	p = retention_of(&(struct schedule_keep){0});
	assert_true(retention_is_empty(&p));
}

static void safety_backups_live_by_their_own_time_and_use_up_no_place(void **state)
{
	struct retention_policy p = {.last = 2};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 4, DAY);

	v[3].safety = true;
	v[0].safety = true;
	v[0].time = at("2026-10-01T00:00:00Z");
	apply(&p, v, 4, at("2026-11-21T03:00:00Z"));
	assert_true(v[1].keep && v[2].keep && v[3].keep && !v[0].keep);
	assert_string_equal(v[3].reason, "safety backup, for undo");
	assert_string_equal(v[0].reason, "safety backup, its time for undo is over");
}

static void UINT_MAX_places_keep_all(void **state)
{
	struct retention_policy p = {.daily = UINT_MAX};
	AUTO_FREE struct retention_item *v = series("2026-11-21T02:00:00Z", 400, DAY);

	apply(&p, v, 400, at("2026-11-21T03:00:00Z"));
	assert_int_equal(kept(v, 400), 400);
}

/* Property: whatever the history, each group keeps its newest good backup, and a rule never keeps fewer good periods
 * than it could. */
static void no_history_makes_a_policy_drop_the_newest_good_backup(void **state)
{
	unsigned seed = 7;

	for (int round = 0; round < 300; round++) {
		struct retention_item v[60];
		struct retention_policy p = {.last = (unsigned)rand_r(&seed) % 3,
					     .daily = (unsigned)rand_r(&seed) % 5,
					     .monthly = (unsigned)rand_r(&seed) % 3,
					     .within_seconds = 1};
		const struct retention_item *newest[3] = {0};
		static const char *const groups[] = {"a", "b", "c"};

		for (size_t i = 0; i < ARRAY_LEN(v); i++) {
			size_t g = (size_t)rand_r(&seed) % 3;

			v[i] = good("2026-11-21T02:00:00Z");
			v[i].group = groups[g];
			v[i].good = rand_r(&seed) % 3 != 0;
			v[i].time.tv_sec +=
				rand_r(&seed) % (900 * DAY) - 450 * DAY; /* also in the future: a clock that jumped */
			if (v[i].good && (!newest[g] || time_cmp(v[i].time, newest[g]->time) > 0))
				newest[g] = &v[i];
		}
		apply(&p, v, ARRAY_LEN(v), at("2026-11-21T03:00:00Z"));
		for (size_t g = 0; g < 3; g++)
			assert_true(!newest[g] || newest[g]->keep);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_policy_is_known_as_one),
		cmocka_unit_test(even_a_policy_that_keeps_nothing_keeps_the_newest_good_backup),
		cmocka_unit_test(P2_sixty_days_of_failures_never_cost_the_last_good_backup),
		cmocka_unit_test(the_newest_verified_backup_stays_when_newer_ones_are_not_verified),
		cmocka_unit_test(what_a_wrong_clock_dated_ahead_is_kept_and_takes_the_place_of_none),
		cmocka_unit_test(P1_each_group_keeps_what_it_was_promised),
		cmocka_unit_test(P3_three_years_of_hourly_backups_keep_the_golden_set),
		cmocka_unit_test(sub_hourly_backups_are_not_lost_to_the_hourly_rule_alone),
		cmocka_unit_test(days_are_those_of_the_backups_own_zone),
		cmocka_unit_test(within_counts_back_from_the_newest_backup_of_the_group),
		cmocka_unit_test(a_tag_keeps_what_no_rule_would),
		cmocka_unit_test(days_count_back_from_now_and_stop_at_the_floor),
		cmocka_unit_test(P2_sixty_days_without_a_good_backup_leave_the_last_good_and_the_last_verified_one),
		cmocka_unit_test(no_more_than_so_many_are_kept_good_and_others_apart),
		cmocka_unit_test(a_bound_without_a_rule_keeps_so_many),
		cmocka_unit_test(what_is_pinned_is_kept_beyond_every_bound),
		cmocka_unit_test(what_no_policy_is_for_is_held_and_counts_for_the_floor),
		cmocka_unit_test(the_newest_good_one_of_a_source_stays_whichever_group_it_is_in),
		cmocka_unit_test(a_schedules_rules_become_a_policy),
		cmocka_unit_test(safety_backups_live_by_their_own_time_and_use_up_no_place),
		cmocka_unit_test(UINT_MAX_places_keep_all),
		cmocka_unit_test(no_history_makes_a_policy_drop_the_newest_good_backup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Three years of backups, cleaned up as they go, against a plain model of what every rule says. The model has no
 * shortcuts: it asks of each backup whether it is the newest good one of its period, and how many such periods come
 * after. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "job/forget.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600
#define DAY (24 * HOUR)
#define BEGIN ((time_t)1701216000) /* 29 November 2023, 00:00 UTC */
#define YEARS_3 (3 * 365 + 1)

/* ---- the model ---- */

static long day_of(const struct retention_item *i)
{
	return (i->time.tv_sec + i->offset_seconds) / DAY;
}

static long hour_of(const struct retention_item *i)
{
	return (i->time.tv_sec + i->offset_seconds) / HOUR;
}

/* Weeks begin on Mondays; 1 January 1970 was a Thursday. */
static long week_of(const struct retention_item *i)
{
	return (day_of(i) + 3) / 7;
}

static struct tm calendar_of(const struct retention_item *i)
{
	time_t t = i->time.tv_sec + i->offset_seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	return tm;
}

static long month_of(const struct retention_item *i)
{
	return calendar_of(i).tm_year * 12 + calendar_of(i).tm_mon;
}

static long year_of(const struct retention_item *i)
{
	return calendar_of(i).tm_year;
}

static long moment_of(const struct retention_item *i)
{
	return i->time.tv_sec;
}

typedef long (*period_fn)(const struct retention_item *i);

static const struct model_rule {
	period_fn period;
	size_t count; /* offset of its unsigned in the policy */
} model_rules[] = {
	{moment_of, offsetof(struct retention_policy, last)},   {hour_of, offsetof(struct retention_policy, hourly)},
	{day_of, offsetof(struct retention_policy, daily)},     {week_of, offsetof(struct retention_policy, weekly)},
	{month_of, offsetof(struct retention_policy, monthly)}, {year_of, offsetof(struct retention_policy, yearly)},
};

static unsigned count_of(const struct retention_policy *p, size_t rule)
{
	unsigned count = *(const unsigned *)(const void *)((const char *)p + model_rules[rule].count);
	bool nothing_else =
		!p->hourly && !p->daily && !p->weekly && !p->monthly && !p->yearly && !p->within_seconds && !p->days;

	return rule == 0 && nothing_else && !count ? p->max : count;
}

/* One group's backups, oldest first, whose periods only grow. */
struct members {
	const struct retention_item *v[4096];
	size_t n;
};

static bool kept_by_rule(const struct members *g, size_t x, period_fn period, unsigned count)
{
	const struct retention_item *item = g->v[x];
	long last = period(item), mine = last;
	unsigned newer = 0;

	for (size_t i = x + 1; i < g->n; i++) {
		long p = period(g->v[i]);

		if (p == mine && g->v[i]->good == item->good)
			return false; /* there is a newer one of its kind */
		if (p == mine && g->v[i]->good)
			return false; /* a good one stands for the period */
		if (p > mine && g->v[i]->good && p != last) {
			newer++;
			last = p;
		}
	}
	if (!item->good && period == moment_of)
		return false;
	for (size_t i = 0; !item->good && i < x; i++)
		if (period(g->v[i]) == mine && g->v[i]->good)
			return false;
	return newer < count;
}

static bool kept_by_any_rule(const struct members *g, size_t x, time_t now)
{
	const struct retention_item *item = g->v[x];
	const struct retention_policy *p = item->policy;

	for (size_t rule = 0; rule < ARRAY_LEN(model_rules); rule++)
		if (kept_by_rule(g, x, model_rules[rule].period, count_of(p, rule)))
			return true;
	if (p->within_seconds && g->v[g->n - 1]->time.tv_sec - item->time.tv_sec <= (time_t)p->within_seconds)
		return true;
	return p->days && now - item->time.tv_sec < (time_t)p->days * DAY;
}

static void model_group(const struct members *g, const struct retention_item *all, bool *keep, time_t now)
{
	unsigned kept[2] = {0};

	for (size_t x = g->n; x-- > 0;) {
		unsigned max = g->v[x]->policy->max;
		bool k = kept_by_any_rule(g, x, now);

		if (k && max && ++kept[g->v[x]->good] > max)
			k = false;
		keep[g->v[x] - all] = k;
	}
}

static bool holds(const struct retention_item *i, const char *source)
{
	return i->sources ? strlist_has(i->sources, source) : !strcmp(i->group, source);
}

static void model_floor(const struct retention_item *v, size_t n, const char *source, bool verified, bool *keep)
{
	size_t newest = n;

	for (size_t i = 0; i < n; i++)
		if (!v[i].safety && v[i].good && (v[i].verified || !verified) && holds(&v[i], source) &&
		    (newest == n || v[i].time.tv_sec > v[newest].time.tv_sec))
			newest = i;
	if (newest < n)
		keep[newest] = true;
}

static const char *const all_sources[] = {"shop", "media", "crm"};

static bool in_group(const struct retention_item *i, const char *group)
{
	return !i->safety && i->policy && !strcmp(i->group, group);
}

/* v is ordered by time. */
static void model(const struct retention_item *v, size_t n, time_t now, bool *keep)
{
	static struct members g;
	AUTO_FREE bool *done = mem_zero(n + 1);

	for (size_t i = 0; i < n; i++)
		keep[i] = v[i].policy ? v[i].safety && now - v[i].time.tv_sec < 30 * DAY : true;
	for (size_t i = 0; i < n; i++) {
		bool first = !done[i] && in_group(&v[i], v[i].group);

		g.n = 0;
		for (size_t k = i; first && k < n; k++)
			if (in_group(&v[k], v[i].group)) {
				g.v[g.n++] = &v[k];
				done[k] = true;
			}
		model_group(&g, v, keep, now);
	}
	for (size_t i = 0; i < n; i++)
		keep[i] = keep[i] || v[i].pinned;
	for (size_t s = 0; s < ARRAY_LEN(all_sources); s++) {
		model_floor(v, n, all_sources[s], false, keep);
		model_floor(v, n, all_sources[s], true, keep);
	}
}

/* ---- the world ---- */

static struct strlist shop, media, crm, both;

static const struct schedule {
	const char *name;
	const struct strlist *sources;
	long every, at; /* seconds */
	struct retention_policy policy;
} schedules[] = {
	{"hourly", &shop, HOUR, 0, {.hourly = 48, .daily = 14}},
	{"nightly", &both, DAY, 2 * HOUR, {.days = 30, .max = 50}},
	{"weekly", &crm, 7 * DAY, 3 * HOUR, {.weekly = 8, .monthly = 24, .yearly = 10}},
	{"daily", &crm, DAY, 5 * HOUR, {.daily = 7, .weekly = 4, .monthly = 12}},
	{"forever", &media, 30 * DAY, 6 * HOUR, {0}},
	{"by hand", &shop, 5 * DAY, 9 * HOUR, {.last = 3, .within_seconds = 14 * DAY}},
	{"count", &media, DAY, 11 * HOUR, {.max = 10}},
};

struct world {
	struct retention_item *v;
	size_t n, cap;
	uint64_t seed;
	size_t removed;
};

static unsigned chance(struct world *w, unsigned of)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->seed >> 33) % of;
}

/* Days 400 to 460: nothing of shop succeeds. */
static bool in_trouble(const struct schedule *s, time_t t)
{
	long day = (t - BEGIN) / DAY;

	return day >= 400 && day < 460 && strlist_has(s->sources, "shop");
}

static void back_up(struct world *w, const struct schedule *s, time_t t)
{
	if (chance(w, 20) == 0)
		return; /* it failed: there is none */
	bool good = chance(w, 12) != 0 && !in_trouble(s, t);

	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct retention_item){
		.time = {.tv_sec = t + chance(w, 600)},
		.offset_seconds = HOUR,
		.group = s->name,
		.sources = s->sources,
		.good = good,
		.verified = good && chance(w, 15) == 0,
		.pinned = chance(w, 400) == 0,
		.policy = retention_is_empty(&s->policy) ? NULL : &s->policy,
		.held = "its schedule keeps everything",
	};
}

static void make_safety(struct world *w, time_t t)
{
	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct retention_item){
		.time = {.tv_sec = t + 700},
		.group = "hourly",
		.sources = &shop,
		.good = true,
		.safety = true,
		.policy = &schedules[0].policy,
	};
}

static int by_time(const void *a, const void *b)
{
	const struct retention_item *x = a, *y = b;

	return (x->time.tv_sec > y->time.tv_sec) - (x->time.tv_sec < y->time.tv_sec);
}

static void assert_as_in_the_model(struct world *w, time_t now)
{
	AUTO_FREE bool *keep = mem_zero(w->n + 1);

	qsort(w->v, w->n, sizeof *w->v, by_time);
	retention_apply(w->v, w->n, (struct timespec){.tv_sec = now});
	model(w->v, w->n, now, keep);
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].keep != keep[i])
			fail_msg("day %ld, %s of day %ld: %s, the model says %s", (long)(now - BEGIN) / DAY,
				 w->v[i].group, (long)(w->v[i].time.tv_sec - BEGIN) / DAY, w->v[i].reason,
				 keep[i] ? "keep" : "remove");
}

static void remove_dropped(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].keep)
			w->v[kept++] = w->v[i];
	w->removed += w->n - kept;
	w->n = kept;
}

static void live_a_day(struct world *w, time_t day)
{
	for (time_t t = day; t < day + DAY; t += HOUR)
		for (size_t s = 0; s < ARRAY_LEN(schedules); s++)
			if ((t - BEGIN) % schedules[s].every == schedules[s].at)
				back_up(w, &schedules[s], t);
	if (chance(w, 20) == 0)
		make_safety(w, day);
}

/* Good ones that are there, and how many of them are not pinned. */
static void assert_kept(const struct world *w, const char *group, size_t promised, size_t at_most)
{
	size_t there = 0, unpinned = 0;

	for (size_t i = 0; i < w->n; i++) {
		bool counts = !strcmp(w->v[i].group, group) && !w->v[i].safety && w->v[i].good;

		there += counts;
		unpinned += counts && !w->v[i].pinned;
	}
	assert_true(there >= promised);
	assert_true(unpinned <= at_most);
}

static void P3_three_years_of_schedules_cleaned_up_every_day_keep_what_the_model_keeps(void **state)
{
	struct world w = {.seed = 42};

	for (long day = 0; day < YEARS_3; day++) {
		live_a_day(&w, BEGIN + day * DAY);
		assert_as_in_the_model(&w, BEGIN + (day + 1) * DAY);
		remove_dropped(&w);
	}
	/* What was promised is there: two days of hours and 12 more days; a month; 24 months, 8 weeks and 4 years; a
	 * week, a month, a year; three; ten. Two more each may be the newest good and the newest verified one of a
	 * source. */
	assert_kept(&w, "hourly", 48 + 12, 48 + 12 + 2);
	assert_kept(&w, "nightly", 20, 30 + 2);
	assert_kept(&w, "weekly", 24 + 5, 24 + 8 + 4);
	assert_kept(&w, "daily", 7 + 2 + 10, 7 + 4 + 12 + 2);
	assert_kept(&w, "by hand", 3, 3 + 2);
	assert_kept(&w, "count", 10, 10 + 2);
	assert_kept(&w, "forever", 30, 37);
	assert_true(w.removed > 25000);
	free(w.v);
}

static void
P2_sixty_days_in_which_nothing_succeeds_cost_neither_the_last_good_nor_the_last_verified_backup(void **state)
{
	struct world w = {.seed = 7};
	time_t last_good = 0, last_verified = 0;

	for (long day = 300; day < 470; day++) {
		live_a_day(&w, BEGIN + day * DAY);
		for (size_t i = 0; i < w.n; i++) {
			if (!w.v[i].good || w.v[i].safety || !holds(&w.v[i], "shop"))
				continue;
			last_good = w.v[i].time.tv_sec > last_good ? w.v[i].time.tv_sec : last_good;
			if (w.v[i].verified)
				last_verified = w.v[i].time.tv_sec > last_verified ? w.v[i].time.tv_sec : last_verified;
		}
		retention_apply(w.v, w.n, (struct timespec){.tv_sec = BEGIN + (day + 1) * DAY});
		remove_dropped(&w);
		bool good = !last_good, verified = !last_verified;

		for (size_t i = 0; i < w.n; i++) {
			good = good || (w.v[i].good && w.v[i].time.tv_sec == last_good);
			verified = verified || (w.v[i].verified && w.v[i].time.tv_sec == last_verified);
		}
		assert_true(good && verified);
	}
	free(w.v);
}

static void P1_every_source_of_many_keeps_what_its_schedule_promised(void **state)
{
	static const struct retention_policy policy = {.daily = 7, .weekly = 4};
	struct world w = {0};
	char names[40][8];

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		snprintf(names[i], sizeof names[i], "db%zu", i);
	for (long day = 0; day < 120; day++) {
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			GROW(w.v, w.n, w.cap);
			w.v[w.n++] = (struct retention_item){
				.time.tv_sec = BEGIN + day * DAY, .group = names[i], .good = true, .policy = &policy};
		}
		retention_apply(w.v, w.n, (struct timespec){.tv_sec = BEGIN + day * DAY});
		remove_dropped(&w);
	}
	/* 120 days end on Wednesday, 27 March 2024: 7 days, of which the Sunday ends its week, and the ends of two
	 * weeks more. */
	assert_int_equal(w.n, ARRAY_LEN(names) * (7 + 2));
	free(w.v);
}

/* ---- properties ---- */

static struct retention_policy any_policy(struct world *w)
{
	return (struct retention_policy){
		.last = chance(w, 2) * chance(w, 5),
		.hourly = chance(w, 2) * chance(w, 6),
		.daily = chance(w, 2) * chance(w, 8),
		.weekly = chance(w, 2) * chance(w, 5),
		.monthly = chance(w, 2) * chance(w, 5),
		.yearly = chance(w, 2) * chance(w, 4),
		.days = chance(w, 3) == 0 ? chance(w, 400) : 0,
		.within_seconds = chance(w, 3) == 0 ? chance(w, 200 * DAY) : 0,
		.max = chance(w, 3) == 0 ? 1 + chance(w, 12) : 0,
	};
}

static void any_history(struct world *w, const struct retention_policy *policies)
{
	static const char *const groups[] = {"a", "b", "c"};
	static const struct strlist *const sources[] = {&shop, &both, &crm};

	w->n = 0;
	for (size_t i = 0; i < 80; i++) {
		size_t g = chance(w, 3);
		long span = chance(w, 2) ? 900 * DAY : 5 * DAY;

		GROW(w->v, w->n, w->cap);
		w->v[w->n++] = (struct retention_item){
			.time.tv_sec = BEGIN + 900 * DAY - chance(w, (unsigned)span),
			.group = groups[g],
			.sources = sources[g],
			.good = chance(w, 4) != 0,
			.verified = chance(w, 5) == 0,
			.pinned = chance(w, 30) == 0,
			.safety = chance(w, 15) == 0,
			.policy = &policies[g],
			.held = "held",
		};
		if (chance(w, 20) == 0)
			w->v[w->n - 1].policy = NULL;
	}
	qsort(w->v, w->n, sizeof *w->v, by_time);
}

/* Of the periods that have a good backup in this group, as many of the newest are still there as the rule says. */
static void assert_promise(const struct world *w, const char *group, const struct retention_policy *p, size_t rule)
{
	unsigned left = p->max ? 0 : count_of(p, rule);
	long last = LONG_MIN;
	bool kept = true;

	for (size_t i = w->n; i-- > 0 && left;) {
		const struct retention_item *x = &w->v[i];

		if (strcmp(x->group, group) || x->safety || !x->policy || !x->good)
			continue;
		if (model_rules[rule].period(x) != last) {
			assert_true(kept);
			last = model_rules[rule].period(x);
			kept = false;
			left--;
		}
		kept = kept || x->keep;
	}
}

static void any_policy_on_any_history_keeps_what_it_promises_and_the_floor(void **state)
{
	static const char *const groups[] = {"a", "b", "c"};
	struct world w = {.seed = 99};

	for (int round = 0; round < 600; round++) {
		const struct retention_policy policies[3] = {any_policy(&w), any_policy(&w), any_policy(&w)};

		any_history(&w, policies);
		assert_as_in_the_model(&w, BEGIN + 900 * DAY);
		for (size_t g = 0; g < 3; g++)
			for (size_t rule = 0; rule < ARRAY_LEN(model_rules); rule++)
				assert_promise(&w, groups[g], &policies[g], rule);
		for (size_t i = 0; i < w.n; i++)
			assert_true(w.v[i].keep || !w.v[i].pinned);
	}
	free(w.v);
}

/* What was kept once is kept by the same rules at the same moment again: cleaning up twice removes nothing more. */
static void cleaning_up_again_at_once_removes_nothing_more(void **state)
{
	struct world w = {.seed = 5};

	for (int round = 0; round < 300; round++) {
		const struct retention_policy policies[3] = {any_policy(&w), any_policy(&w), any_policy(&w)};

		any_history(&w, policies);
		retention_apply(w.v, w.n, (struct timespec){.tv_sec = BEGIN + 900 * DAY});
		remove_dropped(&w);
		w.removed = 0;
		retention_apply(w.v, w.n, (struct timespec){.tv_sec = BEGIN + 900 * DAY});
		remove_dropped(&w);
		assert_int_equal(w.removed, 0);
	}
	free(w.v);
}

static int set_up(void **state)
{
	strlist_add(&shop, "shop");
	strlist_add(&media, "media");
	strlist_add(&crm, "crm");
	strlist_copy(&both, &shop);
	strlist_copy(&both, &media);
	return 0;
}

static int tear_down(void **state)
{
	strlist_release(&shop);
	strlist_release(&media);
	strlist_release(&crm);
	strlist_release(&both);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P1_every_source_of_many_keeps_what_its_schedule_promised),
		cmocka_unit_test(
			P2_sixty_days_in_which_nothing_succeeds_cost_neither_the_last_good_nor_the_last_verified_backup),
		cmocka_unit_test(P3_three_years_of_schedules_cleaned_up_every_day_keep_what_the_model_keeps),
		cmocka_unit_test(any_policy_on_any_history_keeps_what_it_promises_and_the_floor),
		cmocka_unit_test(cleaning_up_again_at_once_removes_nothing_more),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Which backups to keep: pure rules over times. */
#include "job/forget.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rule calls one period: two backups with the same text share a place. */
typedef void (*period_fn)(const struct retention_item *i, char out[64]);

static void local_time(const struct retention_item *i, struct tm *tm)
{
	time_t t = i->time.tv_sec + i->offset_seconds;

	gmtime_r(&t, tm);
}

static void format(const struct retention_item *i, const char *pattern, char out[64])
{
	struct tm tm;

	local_time(i, &tm);
	strftime(out, 64, pattern, &tm);
}

static void each(const struct retention_item *i, char out[64])
{
	snprintf(out, 64, "%lld.%09ld", (long long)i->time.tv_sec, i->time.tv_nsec);
}

static void hour(const struct retention_item *i, char out[64])
{
	format(i, "%Y-%m-%d %H:00", out);
}

static void day(const struct retention_item *i, char out[64])
{
	format(i, "%Y-%m-%d", out);
}

static void week(const struct retention_item *i, char out[64])
{
	format(i, "%G-W%V", out);
}

static void month(const struct retention_item *i, char out[64])
{
	format(i, "%Y-%m", out);
}

static void year(const struct retention_item *i, char out[64])
{
	format(i, "%Y", out);
}

static void keep(struct retention_item *i, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void keep(struct retention_item *i, const char *fmt, ...)
{
	size_t used = i->keep ? strlen(i->reason) : 0;
	va_list ap;

	if (used && used + 2 < sizeof i->reason) {
		memcpy(i->reason + used, ", ", 3);
		used += 2;
	}
	va_start(ap, fmt);
	vsnprintf(i->reason + used, sizeof i->reason - used, fmt, ap);
	va_end(ap);
	i->keep = true;
}

/* The backups of one group that rules apply to, newest first. */
struct group {
	struct retention_item **v;
	size_t n;
};

static bool any_good_in(const struct group *g, period_fn period, const char *name)
{
	char other[64];

	for (size_t i = 0; i < g->n; i++) {
		if (!g->v[i]->good)
			continue;
		period(g->v[i], other);
		if (!strcmp(other, name))
			return true;
	}
	return false;
}

/* Keep the newest good backup of each of the `count` newest periods that have one. A period with none keeps its newest
 * backup, at no cost. */
static void apply_rule(struct group *g, const char *rule, unsigned count, period_fn period)
{
	char last_good[64] = "", last_bad[64] = "", name[64];

	for (size_t i = 0; i < g->n && count; i++) {
		struct retention_item *item = g->v[i];
		char *last = item->good ? last_good : last_bad;

		period(item, name);
		if (!strcmp(last, name))
			continue;
		memcpy(last, name, sizeof name);
		if (!item->good && (period == each || any_good_in(g, period, name)))
			continue;
		if (period == each)
			keep(item, "%s", rule);
		else
			keep(item, "%s %s", rule, name);
		if (item->good && count != UINT_MAX)
			count--;
	}
}

static void keep_within(struct group *g, uint64_t seconds)
{
	for (size_t i = 0; seconds && i < g->n; i++)
		if (time_between(g->v[i]->time, g->v[0]->time) <= (double)seconds)
			keep(g->v[i], "within");
}

static void keep_tagged(struct group *g, const struct strlist *tags)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < tags->n; k++)
			if (g->v[i]->tags && strlist_has(g->v[i]->tags, tags->v[k]))
				keep(g->v[i], "tag %s", tags->v[k]);
}

/* The floor under every policy. */
static void keep_newest(struct group *g)
{
	bool good = false, verified = false;

	for (size_t i = 0; i < g->n; i++) {
		struct retention_item *item = g->v[i];

		if (item->good && !good && !item->keep)
			keep(item, "newest good backup");
		if (item->good && item->verified && !verified && !item->keep)
			keep(item, "newest verified backup");
		good |= item->good;
		verified |= item->good && item->verified;
	}
}

static void apply_to_group(const struct retention_policy *p, struct group *g)
{
	apply_rule(g, "last", p->last, each);
	apply_rule(g, "hourly", p->hourly, hour);
	apply_rule(g, "daily", p->daily, day);
	apply_rule(g, "weekly", p->weekly, week);
	apply_rule(g, "monthly", p->monthly, month);
	apply_rule(g, "yearly", p->yearly, year);
	keep_within(g, p->within_seconds);
	keep_tagged(g, &p->keep_tags);
	keep_newest(g);
}

static void apply_to_safety(const struct retention_policy *p, struct retention_item *i, struct timespec now)
{
	uint64_t seconds = p->safety_seconds ? p->safety_seconds : RETENTION_SAFETY_SECONDS;

	if (time_between(i->time, now) < (double)seconds)
		keep(i, "safety backup, for undo");
	else
		snprintf(i->reason, sizeof i->reason, "safety backup, its time for undo is over");
}

/* By group, then newest first. */
static int order(const void *a, const void *b)
{
	const struct retention_item *x = *(struct retention_item *const *)a, *y = *(struct retention_item *const *)b;
	int by_group = strcmp(x->group, y->group);

	return by_group ? by_group : time_cmp(y->time, x->time);
}

void retention_apply(const struct retention_policy *p, struct retention_item *items, size_t n, struct timespec now)
{
	AUTO_FREE struct retention_item **sorted = mem_alloc(n * sizeof *sorted);
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		items[i].keep = false;
		snprintf(items[i].reason, sizeof items[i].reason, "no rule keeps it");
		if (items[i].safety)
			apply_to_safety(p, &items[i], now);
		else
			sorted[count++] = &items[i];
	}
	qsort(sorted, count, sizeof *sorted, order);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from; to < count && !strcmp(sorted[to]->group, sorted[from]->group);)
			to++;
		apply_to_group(p, &(struct group){sorted + from, to - from});
	}
}

bool retention_is_empty(const struct retention_policy *p)
{
	return !(p->last || p->hourly || p->daily || p->weekly || p->monthly || p->yearly || p->within_seconds ||
		 p->keep_tags.n);
}

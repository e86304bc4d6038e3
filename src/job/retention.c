/* Which backups to keep: pure rules over times. */
#include "job/forget.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/schedule.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two machines' clocks are never quite the same, and one that was a time zone off is forgiven. */
#define FUTURE_SECONDS 86400.0

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

/* The periods that have a good backup. */
static struct map *good_periods(const struct group *g, period_fn period)
{
	struct map *names = map_new();
	char name[64];

	for (size_t i = 0; i < g->n; i++)
		if (g->v[i]->good) {
			period(g->v[i], name);
			map_put(names, name, strlen(name), g->v[i]);
		}
	return names;
}

/* Keep the newest good backup of each of the `count` newest periods that have one. A period with none keeps its newest
 * backup, at no cost. */
static void apply_rule(struct group *g, const char *rule, unsigned count, period_fn period)
{
	char last_good[64] = "", last_bad[64] = "", name[64];
	struct map *good = count ? good_periods(g, period) : NULL;

	for (size_t i = 0; i < g->n && count; i++) {
		struct retention_item *item = g->v[i];
		char *last = item->good ? last_good : last_bad;

		period(item, name);
		if (!strcmp(last, name))
			continue;
		memcpy(last, name, sizeof name);
		if (!item->good && (period == each || map_has(good, name, strlen(name))))
			continue;
		if (period == each)
			keep(item, "%s", rule);
		else
			keep(item, "%s %s", rule, name);
		if (item->good && count != UINT_MAX)
			count--;
	}
	map_free(good, NULL);
}

static void keep_within(struct group *g, uint64_t seconds)
{
	for (size_t i = 0; seconds && i < g->n; i++)
		if (time_between(g->v[i]->time, g->v[0]->time) <= (double)seconds)
			keep(g->v[i], "within");
}

static void keep_young(struct group *g, unsigned days, struct timespec now)
{
	for (size_t i = 0; days && i < g->n; i++)
		if (time_between(g->v[i]->time, now) < days * 86400.0)
			keep(g->v[i], "younger than %u day%s", days, days == 1 ? "" : "s");
}

static void keep_tagged(struct group *g, const struct strlist *tags)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < tags->n; k++)
			if (g->v[i]->tags && strlist_has(g->v[i]->tags, tags->v[k]))
				keep(g->v[i], "tag %s", tags->v[k]);
}

static void drop(struct retention_item *i, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void drop(struct retention_item *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(i->reason, sizeof i->reason, fmt, ap);
	va_end(ap);
	i->keep = false;
}

static void drop_beyond(struct group *g, unsigned max)
{
	unsigned kept[2] = {0};

	for (size_t i = 0; max && i < g->n; i++)
		if (g->v[i]->keep && ++kept[g->v[i]->good] > max)
			drop(g->v[i], "beyond the newest %u", max);
}

static bool has_rules(const struct retention_policy *p)
{
	return p->last || p->hourly || p->daily || p->weekly || p->monthly || p->yearly || p->within_seconds || p->days;
}

static void apply_to_group(const struct retention_policy *p, struct group *g, struct timespec now)
{
	apply_rule(g, "last", has_rules(p) ? p->last : p->max, each);
	apply_rule(g, "hourly", p->hourly, hour);
	apply_rule(g, "daily", p->daily, day);
	apply_rule(g, "weekly", p->weekly, week);
	apply_rule(g, "monthly", p->monthly, month);
	apply_rule(g, "yearly", p->yearly, year);
	keep_within(g, p->within_seconds);
	keep_young(g, p->days, now);
	drop_beyond(g, p->max);
	keep_tagged(g, &p->keep_tags);
}

static void apply_to_safety(const struct retention_policy *p, struct retention_item *i, struct timespec now)
{
	uint64_t seconds = p->safety_seconds ? p->safety_seconds : RETENTION_SAFETY_SECONDS;

	if (time_between(i->time, now) < (double)seconds)
		keep(i, "safety backup, for undo");
	else
		drop(i, "safety backup, its time for undo is over");
}

/* It would take the place of every newer one, so it takes none, and stays until its time has come. */
bool retention_is_ahead(struct timespec made, struct timespec now)
{
	return time_between(now, made) > FUTURE_SECONDS;
}

/* ---- the floor under every policy ---- */

/* The newest of each source. */
static void consider(struct map *newest, const char *source, struct retention_item *i)
{
	size_t n = strlen(source);
	const struct retention_item *best = map_get(newest, source, n);

	if (!best || time_cmp(i->time, best->time) > 0)
		map_put(newest, source, n, i);
}

static void consider_sources(struct map *newest, struct retention_item *i)
{
	if (!i->sources || !i->sources->n)
		consider(newest, i->group, i);
	for (size_t k = 0; i->sources && k < i->sources->n; k++)
		consider(newest, i->sources->v[k], i);
}

/* Of several sources in a backup, which it is that needs it. */
static void keep_all_of(const struct map *newest, const char *what)
{
	for (size_t slot = 0; slot < map_slots(newest); slot++) {
		const void *source;
		size_t len;
		void *value;

		if (!map_at(newest, slot, &source, &len, &value))
			continue;
		struct retention_item *i = value;
		const char *host_end = memchr(source, '\n', len), *name = host_end ? host_end + 1 : source;
		bool several = i->sources && i->sources->n > 1;

		if (!i->keep && several)
			keep(i, "%s of %.*s", what, (int)(len - (size_t)(name - (const char *)source)), name);
		else if (!i->keep)
			keep(i, "%s", what);
	}
}

static void keep_newest(struct retention_item *items, size_t n, struct timespec now)
{
	struct map *good = map_new(), *verified = map_new();

	for (size_t i = 0; i < n; i++) {
		if (items[i].safety || !items[i].good || retention_is_ahead(items[i].time, now))
			continue;
		consider_sources(good, &items[i]);
		if (items[i].verified)
			consider_sources(verified, &items[i]);
	}
	keep_all_of(good, "newest good backup");
	keep_all_of(verified, "newest verified backup");
	map_free(good, NULL);
	map_free(verified, NULL);
}

/* ---- all of it ---- */

/* By group, then newest first. */
static int order(const void *a, const void *b)
{
	const struct retention_item *x = *(struct retention_item *const *)a, *y = *(struct retention_item *const *)b;
	int by_group = strcmp(x->group, y->group);

	return by_group ? by_group : time_cmp(y->time, x->time);
}

void retention_apply(struct retention_item *items, size_t n, struct timespec now)
{
	AUTO_FREE struct retention_item **sorted = mem_alloc(n * sizeof *sorted);
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		drop(&items[i], "no rule keeps it");
		if (!items[i].policy)
			keep(&items[i], "%s", items[i].held);
		else if (retention_is_ahead(items[i].time, now))
			keep(&items[i], "its time is yet to come");
		else if (items[i].safety)
			apply_to_safety(items[i].policy, &items[i], now);
		else
			sorted[count++] = &items[i];
	}
	qsort(sorted, count, sizeof *sorted, order);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from; to < count && !strcmp(sorted[to]->group, sorted[from]->group);)
			to++;
		apply_to_group(sorted[from]->policy, &(struct group){sorted + from, to - from}, now);
	}
	for (size_t i = 0; i < n; i++)
		if (items[i].pinned)
			keep(&items[i], "pinned");
	keep_newest(items, n, now);
}

bool retention_is_empty(const struct retention_policy *p)
{
	return !has_rules(p) && !p->max && !p->keep_tags.n;
}

static unsigned places(uint64_t n)
{
	return n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

struct retention_policy retention_of(const struct schedule_keep *k)
{
	return (struct retention_policy){
		.last = places(k->last),
		.hourly = places(k->hourly),
		.daily = places(k->daily),
		.weekly = places(k->weekly),
		.monthly = places(k->monthly),
		.yearly = places(k->yearly),
		.days = places(k->days),
		.max = places(k->max_backups),
	};
}

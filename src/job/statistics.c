#include "job/statistics.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "catalog/tally.h"

#include <stdlib.h>
#include <string.h>

#define DAY 86400

/* Days of the machine's zone, as its clocks show now. */
struct span {
	int64_t first, last, offset;    /* days since 1970, both included */
	struct timespec from, to;
};

static struct span span_of(struct timespec now, uint64_t days)
{
	int64_t offset = time_local_offset(now), today = (now.tv_sec + offset) / DAY;
	struct span s = {.first = today - (int64_t)days + 1, .last = today, .offset = offset};

	s.from.tv_sec = s.first * DAY - offset;
	s.to.tv_sec = (s.last + 1) * DAY - offset;
	return s;
}

/* ---- members ---- */

static void double_member(struct json_out *w, const char *name, double v, bool known)
{
	jw_name(w, name);
	if (known)
		jw_double(w, v);
	else
		jw_null(w);
}

static void time_member(struct json_out *w, const char *name, struct timespec t)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339(t, 0, text);
	jw_kv_string(w, name, t.tv_sec ? text : NULL);
}

/* A cancelled one is nobody's failure. */
static void runs_members(const struct tally_runs *r, struct json_out *w)
{
	uint64_t judged = r->successful + r->failed + r->interrupted;

	jw_kv_u64(w, "runs", judged + r->cancelled);
	jw_kv_u64(w, "successful", r->successful);
	jw_kv_u64(w, "partial", r->partial);
	jw_kv_u64(w, "failed", r->failed);
	jw_kv_u64(w, "interrupted", r->interrupted);
	jw_kv_u64(w, "cancelled", r->cancelled);
	double_member(w, "success_rate", (double)r->successful / (double)(judged ? judged : 1), judged > 0);
	jw_kv_u64(w, "bytes", r->bytes);
	jw_kv_u64(w, "added", r->added);
	double_member(w, "seconds_average", r->seconds / (double)(r->successful ? r->successful : 1), r->successful > 0);
}

/* What deduplication and compression save of what the backups would take each stored whole. */
static void saved_member(uint64_t whole, uint64_t stored, struct json_out *w)
{
	bool known = whole > 0 && stored > 0;

	double_member(w, "saved", known && stored < whole ? 1 - (double)stored / (double)whole : 0, known);
}

static void stored_members(const struct tally_stored *s, struct json_out *w)
{
	jw_kv_u64(w, "backups", s->backups);
	jw_kv_u64(w, "backup_bytes", s->bytes);
	time_member(w, "oldest", s->oldest);
	time_member(w, "newest", s->newest);
}

/* ---- parts ---- */

static void day_json(int64_t day, const struct tally_runs *r, struct json_out *w)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339((struct timespec){.tv_sec = day * DAY}, 0, text);
	text[strlen("2026-11-28")] = 0;
	jw_object(w);
	jw_kv_string(w, "day", text);
	runs_members(r, w);
	jw_object_end(w);
}

static void days_json(const struct span *s, const struct tally_days *l, struct json_out *w)
{
	const struct tally_runs none = {0};
	size_t next = 0;

	jw_name(w, "days");
	jw_array(w);
	for (int64_t day = s->first; day <= s->last; day++) {
		bool there = next < l->n && l->v[next].day == day;

		day_json(day, there ? &l->v[next].runs : &none, w);
		next += there;
	}
	jw_array_end(w);
}

static int one_source(struct catalog *c, const struct span *s, const struct map *tallies, const char *name, struct json_out *w, struct error *e)
{
	static const struct tally_source nothing;
	const struct tally_source *t = map_get(tallies, name, strlen(name));
	uint64_t size = 0, before = 0;
	int rc = tally_size(c, name, s->to, &size, e);

	if (!rc)
		rc = tally_size(c, name, s->from, &before, e);
	if (rc)
		return rc;
	t = t ? t : &nothing;
	jw_object(w);
	jw_kv_string(w, "name", name);
	stored_members(&t->stored, w);
	jw_kv_u64(w, "size", size);
	jw_name(w, "grown");
	if (size && before)
		jw_i64(w, (int64_t)(size - before));
	else
		jw_null(w);
	jw_name(w, "period");
	jw_object(w);
	runs_members(&t->runs, w);
	jw_object_end(w);
	jw_object_end(w);
	return 0;
}

static void free_tallies(struct map **m)
{
	map_free(*m, free);
}

static int all_sources(struct catalog *c, const struct span *s, const char *only, struct json_out *w, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	CLEANUP(free_tallies) struct map *tallies = NULL;
	int rc = tally_by_source(c, s->from, s->to, &tallies, e);

	if (!rc && !only)
		rc = source_list_all(c, &l, e);
	jw_name(w, "sources");
	jw_array(w);
	if (!rc && only)
		rc = one_source(c, s, tallies, only, w, e);
	for (size_t i = 0; !rc && i < l.n; i++)
		rc = one_source(c, s, tallies, l.v[i].name, w, e);
	jw_array_end(w);
	return rc;
}

static void add_stored(struct tally_stored *sum, const struct tally_stored *one)
{
	sum->backups += one->backups;
	sum->bytes += one->bytes;
	if (!sum->oldest.tv_sec || (one->oldest.tv_sec && time_cmp(one->oldest, sum->oldest) < 0))
		sum->oldest = one->oldest;
	if (time_cmp(one->newest, sum->newest) > 0)
		sum->newest = one->newest;
}

static void one_place(const struct map *tallies, const struct place_record *p, struct json_out *w)
{
	static const struct tally_stored nothing;
	const struct tally_stored *stored = map_get(tallies, &p->id, sizeof p->id);

	stored = stored ? stored : &nothing;
	jw_object(w);
	jw_kv_string(w, "name", p->name);
	stored_members(stored, w);
	jw_kv_u64(w, "bytes", p->bytes);
	jw_kv_u64(w, "bytes_free", p->bytes_free);
	saved_member(stored->bytes, p->bytes, w);
	jw_object_end(w);
}

static void totals_json(const struct tally_days *days, const struct place_list *places, const struct map *tallies, struct json_out *w)
{
	struct tally_stored stored = {0};
	struct tally_runs runs;
	uint64_t bytes = 0;
	void *one;

	for (size_t i = 0; i < map_slots(tallies); i++)
		if (map_at(tallies, i, NULL, NULL, &one))
			add_stored(&stored, one);
	for (size_t i = 0; i < places->n; i++)
		bytes += places->v[i].bytes;
	tally_sum(days, &runs);
	jw_name(w, "totals");
	jw_object(w);
	stored_members(&stored, w);
	jw_kv_u64(w, "repository_bytes", bytes);
	saved_member(stored.bytes, bytes, w);
	jw_name(w, "period");
	jw_object(w);
	runs_members(&runs, w);
	jw_object_end(w);
	jw_object_end(w);
}

/* ---- all of it ---- */

static int all_json(struct catalog *c, const struct span *s, const char *source, struct json_out *w, struct error *e)
{
	CLEANUP(tally_days_release) struct tally_days days = {0};
	CLEANUP(place_list_release) struct place_list places = {0};
	CLEANUP(free_tallies) struct map *stored = NULL;
	int rc = tally_days(c, s->from, s->to, s->offset, source, &days, e);

	if (!rc)
		rc = place_list_all(c, &places, e);
	if (!rc)
		rc = tally_by_place(c, &stored, e);
	if (rc)
		return rc;
	totals_json(&days, &places, stored, w);
	days_json(s, &days, w);
	rc = all_sources(c, s, source, w, e);
	jw_name(w, "repositories");
	jw_array(w);
	for (size_t i = 0; !rc && i < places.n; i++)
		one_place(stored, &places.v[i], w);
	jw_array_end(w);
	return rc;
}

int statistics_json(struct catalog *c, struct timespec now, uint64_t days, const char *source, struct json_out *w, struct error *e)
{
	if (days < 1 || days > STATISTICS_DAYS_MAX)
		return error_set(e, ERR_USAGE, "statistics are of 1 to %d days, not of %llu", STATISTICS_DAYS_MAX, (unsigned long long)days);
	const struct span s = span_of(now, days);

	jw_object(w);
	time_member(w, "from", s.from);
	time_member(w, "to", s.to);
	int rc = all_json(c, &s, source, w, e);

	jw_object_end(w);
	return rc;
}

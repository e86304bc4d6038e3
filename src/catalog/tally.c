#include "catalog/tally.h"

#include "base/mem.h"
#include "catalog/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tally_states(struct catalog *c, uint64_t counts[JOB_STATES], struct error *e)
{
	struct db_row q = {0};
	enum job_state state;
	int rc = db_query(c, &q, e, "SELECT state, count(*) FROM job GROUP BY state", "");
	for (int i = 0; i < JOB_STATES; i++)
		counts[i] = 0;
	while (!rc && db_next(&q, &rc, e))
		if (job_state_parse(db_text(&q, 0), &state))
			counts[state] = db_u64(&q, 1);
	db_done(&q);
	return rc;
}

/* ---- runs by day ---- */

void tally_days_release(struct tally_days *l)
{
	free(l->v);
	*l = (struct tally_days){0};
}

/* All these columns are in the index job_tally: no job itself is read. */
#define RUN_COLUMNS "job.state, count(*), sum(job.partial), sum(job.size), sum(job.added), sum(job.ended - coalesce(job.started, job.ended)) / 1e6 FROM "
#define RUN_WHERE "job.kind = 'backup' AND job.ended IS NOT NULL "
#define DAY "SELECT (job.created / 1000000 + ?3) / 86400 AS day, "
#define BY_DAY RUN_WHERE "GROUP BY day, job.state ORDER BY day"
static const char of_all[] = DAY RUN_COLUMNS "job WHERE job.created >= ?1 AND job.created < ?2 AND " BY_DAY;
static const char of_source[] = DAY RUN_COLUMNS
	"job_source JOIN job ON job.n = job_source.job WHERE job_source.source = ?4 AND job_source.created >= ?1 AND job_source.created < ?2 AND " BY_DAY;
/* In this order: the sources of a job are found by an index, too. */
static const char by_source[] = "SELECT job_source.source, " RUN_COLUMNS
	"job CROSS JOIN job_source ON job_source.job = job.n WHERE job.created >= ?1 AND job.created < ?2 AND " RUN_WHERE "GROUP BY job_source.source, job.state";

static void add_row(const struct db_row *q, struct tally_runs *r)
{
	enum job_state state;
	uint64_t n = db_u64(q, 2);
	if (!job_state_parse(db_text(q, 1), &state))
		return;
	if (state != JOB_SUCCESS) {
		uint64_t *count = state == JOB_FAILED ? &r->failed : state == JOB_CANCELLED ? &r->cancelled : &r->interrupted;
		*count += n;
		return;
	}
	r->successful += n;
	r->partial += db_u64(q, 3);
	r->bytes += db_u64(q, 4);
	r->added += db_u64(q, 5);
	r->seconds += db_double(q, 6);
}

int tally_days(struct catalog *c, struct timespec from, struct timespec to, int64_t offset, const char *source, struct tally_days *out, struct error *e)
{
	struct db_row q = {0};
	int rc = source ? db_query(c, &q, e, of_source, "ttis", from, to, offset, source) : db_query(c, &q, e, of_all, "tti", from, to, offset);
	while (!rc && db_next(&q, &rc, e)) {
		int64_t day = db_i64(&q, 0);
		if (!out->n || out->v[out->n - 1].day != day) {
			GROW(out->v, out->n, out->cap);
			out->v[out->n++] = (struct tally_day){.day = day};
		}
		add_row(&q, &out->v[out->n - 1].runs);
	}
	db_done(&q);
	return rc;
}

void tally_sum(const struct tally_days *l, struct tally_runs *out)
{
	*out = (struct tally_runs){0};
	for (size_t i = 0; i < l->n; i++) {
		const struct tally_runs *r = &l->v[i].runs;
		out->successful += r->successful;
		out->partial += r->partial;
		out->failed += r->failed;
		out->cancelled += r->cancelled;
		out->interrupted += r->interrupted;
		out->bytes += r->bytes;
		out->added += r->added;
		out->seconds += r->seconds;
	}
}

int tally_last_runs(struct catalog *c, const char *source, struct tally_run *out, size_t max, size_t *n, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e,
		"SELECT job.state, job.partial, coalesce(job.started, job.created), "
		"(SELECT max(CASE WHEN verify_failed THEN -1 ELSE level END) FROM backup WHERE id = job.backup OR original = job.backup) "
		"FROM job_source JOIN job ON job.n = job_source.job WHERE job_source.source = ?1 AND job.kind = 'backup' AND job.state <> 'queued' "
		"ORDER BY job_source.created DESC, job_source.job DESC LIMIT ?2", "si", source, (int64_t)max);
	for (*n = 0; !rc && db_next(&q, &rc, e);) {
		struct tally_run r = {.partial = db_bool(&q, 1), .time = db_time(&q, 2), .level = (int)db_i64(&q, 3)};
		if (job_state_parse(db_text(&q, 0), &r.state))
			out[(*n)++] = r;
	}
	db_done(&q);
	return rc;
}

/* ---- what is stored ---- */

/* count, sum, oldest and newest from the second column on. */
static struct tally_stored read_stored(const struct db_row *q)
{
	return (struct tally_stored){.backups = db_u64(q, 1), .bytes = db_u64(q, 2), .oldest = db_time(q, 3), .newest = db_time(q, 4)};
}

int tally_by_place(struct catalog *c, struct map **out, struct error *e)
{
	struct db_row q = {0};
	/* The plus lets SQLite take the index that has all columns. */
	int rc = db_query(c, &q, e, "SELECT place, count(*), sum(bytes), min(time), max(time) FROM backup WHERE +safety = 0 GROUP BY place", "");
	*out = map_new();
	while (!rc && db_next(&q, &rc, e)) {
		int64_t place = db_i64(&q, 0);
		struct tally_stored stored = read_stored(&q);
		map_put(*out, &place, sizeof place, mem_copy(&stored, sizeof stored));
	}
	db_done(&q);
	return rc;
}

static struct tally_source *source_of(struct map *m, const char *name)
{
	struct tally_source *s = map_get(m, name, strlen(name));
	if (!s) {
		s = mem_zero(sizeof *s);
		map_put(m, name, strlen(name), s);
	}
	return s;
}

static int add_stored(struct catalog *c, struct map *m, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT name, count(*), sum(bytes), min(time), max(time) FROM backup_source WHERE safety = 0 GROUP BY name", "");
	while (!rc && db_next(&q, &rc, e))
		source_of(m, db_text(&q, 0))->stored = read_stored(&q);
	db_done(&q);
	return rc;
}

int tally_by_source(struct catalog *c, struct timespec from, struct timespec to, struct map **out, struct error *e)
{
	struct db_row q = {0};
	*out = map_new();
	int rc = add_stored(c, *out, e);
	if (!rc)
		rc = db_query(c, &q, e, by_source, "tt", from, to);
	while (!rc && db_next(&q, &rc, e))
		add_row(&q, &source_of(*out, db_text(&q, 0))->runs);
	db_done(&q);
	return rc;
}

int tally_proven(struct catalog *c, struct map **out, struct error *e)
{
	struct db_row q = {0};
	/* In this order, and with a plus, so that only the backups of the index backup_proven are read. The other columns are of the row with the maximum. */
	int rc = db_query(c, &q, e,
		"SELECT backup_source.name, max(backup.time), backup.id, backup.verified, backup.level FROM backup CROSS JOIN backup_source ON backup_source.backup = backup.n "
		"WHERE backup.level >= 3 AND backup.partial = 0 AND backup.verify_failed = 0 AND +backup.safety = 0 GROUP BY backup_source.name", "");
	*out = map_new();
	while (!rc && db_next(&q, &rc, e)) {
		struct tally_proof p = {.time = db_time(&q, 1), .verified = db_time(&q, 3), .level = (int)db_i64(&q, 4)};
		snprintf(p.id, sizeof p.id, "%s", db_text(&q, 2));
		map_put(*out, db_text(&q, 0), strlen(db_text(&q, 0)), mem_copy(&p, sizeof p));
	}
	db_done(&q);
	return rc;
}

int tally_size(struct catalog *c, const char *source, struct timespec at, uint64_t *bytes, struct error *e)
{
	int64_t n;
	int rc = db_number(c, &n, e,
		"SELECT backup_source.bytes FROM backup_source JOIN backup ON backup.n = backup_source.backup "
		"WHERE backup_source.name = ?1 AND backup_source.time <= ?2 AND backup.safety = 0 AND backup.partial = 0 AND backup.verify_failed = 0 "
		"ORDER BY backup_source.time DESC LIMIT 1", "st", source, at);
	*bytes = rc ? 0 : (uint64_t)n;
	return rc;
}

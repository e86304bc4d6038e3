#include "catalog/tally.h"

#include "base/mem.h"
#include "catalog/db.h"

#include <stdlib.h>

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

#define DAY_COLUMNS \
	"SELECT (job.created / 1000000 + ?3) / 86400 AS day, job.state, count(*), sum(job.partial), sum(job.size), sum(job.added), " \
	"sum(job.ended - coalesce(job.started, job.ended)) / 1e6 FROM "
#define DAY_WHERE " job.kind = 'backup' AND job.ended IS NOT NULL GROUP BY day, job.state ORDER BY day"
static const char of_all[] = DAY_COLUMNS "job WHERE job.created >= ?1 AND job.created < ?2 AND" DAY_WHERE;
static const char of_source[] = DAY_COLUMNS
	"job_source JOIN job ON job.n = job_source.job WHERE job_source.source = ?4 AND job_source.created >= ?1 AND job_source.created < ?2 AND" DAY_WHERE;

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

/* ---- what is stored ---- */

static int read_stored(struct db_row *q, int rc, struct tally_stored *out, struct error *e)
{
	*out = (struct tally_stored){0};
	if (!rc && db_next(q, &rc, e)) {
		out->backups = db_u64(q, 0);
		out->bytes = db_u64(q, 1);
		out->oldest = db_time(q, 2);
		out->newest = db_time(q, 3);
	}
	db_done(q);
	return rc;
}

int tally_place(struct catalog *c, int64_t place, struct tally_stored *out, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT count(*), sum(bytes), min(time), max(time) FROM backup WHERE safety = 0 AND (?1 = 0 OR place = ?1)", "i", place);
	return read_stored(&q, rc, out, e);
}

int tally_source(struct catalog *c, const char *source, struct tally_stored *out, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e,
		"SELECT count(*), sum(backup_source.bytes), min(backup.time), max(backup.time) FROM backup_source "
		"JOIN backup ON backup.n = backup_source.backup WHERE backup_source.name = ?1 AND backup.safety = 0", "s", source);
	return read_stored(&q, rc, out, e);
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

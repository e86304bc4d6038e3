/* Looking after a live database. */
#include "job/maintain.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <string.h>

#define NAMES_SHOWN 10

static int no_database(const struct source_url *u, struct error *e)
{
	return error_set(e, ERR_MISMATCH, "%s is no database that can be looked after", u->shown);
}

int job_info(const struct source_url *source, struct source_info *out, struct error *e)
{
	*out = (struct source_info){0};
	if (!source->engine->info)
		return no_database(source, e);
	int rc = source->engine->info(source, out, e);

	return rc ? error_wrap(e, "looking at %s", source->shown) : 0;
}

/* ---- counting what is reported ---- */

struct counting {
	const struct job_maintenance *job;
	struct job_maintenance_result *result;
	struct strlist failed;
};

static int count(void *ctx, const struct maintain_result *r, struct error *e)
{
	struct counting *c = ctx;

	c->result->done += r->state == MAINTAIN_OK;
	c->result->skipped += r->state == MAINTAIN_SKIPPED;
	c->result->failed += r->state == MAINTAIN_FAILED;
	c->result->reclaimed += r->reclaimed;
	if (r->state == MAINTAIN_FAILED && c->failed.n < NAMES_SHOWN)
		strlist_add(&c->failed, r->table ? r->table : "the database");
	return c->job->report ? c->job->report(c->job->ctx, r, e) : 0;
}

static int tell_failed(const struct counting *c, struct error *e)
{
	const struct job_maintenance_result *r = c->result;
	uint64_t all = r->done + r->skipped + r->failed;
	AUTO_FREE char *names = strlist_join(&c->failed, ", ");

	return error_set(e, ERR_CHILD, "%llu of %llu table%s failed: %s%s", (unsigned long long)r->failed,
			 (unsigned long long)all, all == 1 ? "" : "s", names, r->failed > c->failed.n ? ", ..." : "");
}

int job_maintain(const struct job_maintenance *j, struct job_maintenance_result *out, struct error *e)
{
	struct counting c = {.job = j, .result = out};
	double start = time_monotonic();
	const struct engine_maintenance m = {
		.url = j->source,
		.action = j->action,
		.tables = &j->tables,
		.report = count,
		.ctx = &c,
		.progress = j->progress,
	};

	*out = (struct job_maintenance_result){0};
	if (!j->source->engine->maintain)
		return no_database(j->source, e);
	int rc = j->source->engine->maintain(&m, e);

	out->seconds = time_monotonic() - start;
	if (rc)
		error_wrap(e, "%s", j->source->shown);
	else if (out->failed)
		rc = tell_failed(&c, e);
	strlist_release(&c.failed);
	return rc;
}

/* ---- repair ---- */

static bool holds(const struct backup *b, const struct source_url *u)
{
	for (size_t i = 0; i < b->manifest.source_count; i++)
		if (!strcmp(b->manifest.sources[i].url, u->shown))
			return true;
	return false;
}

static bool is_good(const struct backup *b, const struct source_url *u)
{
	return b->has_manifest && !b->verify_failed && !snapshot_has_tag(&b->snapshot, TAG_PARTIAL) &&
	       !snapshot_has_tag(&b->snapshot, TAG_IMPORTED) && holds(b, u);
}

int job_repair_allowed(struct repository *r, const struct source_url *source, struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	int rc = backup_list_load(r, NULL, &l, e);

	if (rc)
		return rc;
	for (size_t i = l.n; i-- > 0;)
		if (is_good(&l.v[i], source) &&
		    time_between(l.v[i].snapshot.time, time_now()) <= MAINTAIN_FRESH_HOURS * 3600.0)
			return 0;
	error_set(e, ERR_REFUSED, "there is no good backup of %s from the last %d hours, and a repair may change data",
		  source->shown, MAINTAIN_FRESH_HOURS);
	return error_hint_typed(e, "make one first, or insist", ": backstay backup '%s', or --force", source->shown);
}

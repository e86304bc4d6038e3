#include "job/overview.h"

#include "base/mem.h"
#include "catalog/known.h"
#include "catalog/tally.h"
#include "job/status.h"

#include <stdlib.h>
#include <string.h>

/* ---- a source ---- */

static void write_run(const struct tally_run *r, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "state", job_state_name(r->state));
	jw_kv_bool(w, "partial", r->partial);
	jw_kv_time(w, "time", r->time);
	jw_kv_string(w, "verification", r->level < 0 ? "failed" : r->level ? known_level_name(r->level) : NULL);
	jw_object_end(w);
}

static int write_runs(struct catalog *c, const char *source, struct json_out *w, struct error *e)
{
	struct tally_run runs[OVERVIEW_RUNS];
	size_t n = 0;
	int rc = tally_last_runs(c, source, runs, OVERVIEW_RUNS, &n, e);

	jw_name(w, "runs");
	jw_array(w);
	while (n)
		write_run(&runs[--n], w);
	jw_array_end(w);
	return rc;
}

static void write_proof(const struct tally_proof *p, struct json_out *w)
{
	jw_name(w, "proven");
	if (!p) {
		jw_null(w);
		return;
	}
	jw_object(w);
	jw_kv_string(w, "id", p->id);
	jw_kv_time(w, "time", p->time);
	jw_kv_time(w, "verified", p->verified);
	jw_kv_string(w, "verification", known_level_name(p->level));
	jw_object_end(w);
}

static int write_source(struct catalog *c, const struct status_source *s, const struct map *proven, struct json_out *w, struct error *e)
{
	jw_object(w);
	jw_kv_string(w, "name", s->name);
	jw_kv_time(w, "last_good", s->last_good);
	jw_kv_u64(w, "bytes", s->bytes);
	jw_kv_bool(w, "overdue", s->overdue);
	jw_kv_time(w, "deadline", s->deadline);
	jw_kv_time(w, "next_run", s->next_run);
	write_proof(map_get(proven, s->name, strlen(s->name)), w);
	int rc = write_runs(c, s->name, w, e);

	jw_object_end(w);
	return rc;
}

static void free_proofs(struct map **m)
{
	map_free(*m, free);
}

static int write_sources(struct catalog *c, const struct status *s, struct json_out *w, struct error *e)
{
	CLEANUP(free_proofs) struct map *proven = NULL;
	int rc = tally_proven(c, &proven, e);

	jw_name(w, "sources");
	jw_array(w);
	for (size_t i = 0; !rc && i < s->source_count; i++)
		rc = write_source(c, &s->sources[i], proven, w, e);
	jw_array_end(w);
	return rc;
}

/* ---- all of it ---- */

static int write_running(struct catalog *c, struct json_out *w, struct error *e)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	CLEANUP(strlist_release) struct strlist states = {0}, kinds = {0};

	strlist_add(&states, job_state_name(JOB_RUNNING));
	strlist_add(&kinds, "backup");
	const struct job_filter f = {.states = states, .kinds = kinds};
	int rc = job_list_some(c, &f, &(struct catalog_page){0}, &l, NULL, e);

	jw_name(w, "running");
	jw_array(w);
	for (size_t i = 0; i < l.n; i++)
		job_json(&l.v[i], w);
	jw_array_end(w);
	return rc;
}

static void write_problems(const struct status *s, struct json_out *w)
{
	CLEANUP(strlist_release) struct strlist problems = {0};

	status_problems(s, &problems);
	jw_name(w, "problems");
	jw_array(w);
	for (size_t i = 0; i < problems.n; i++)
		jw_string(w, problems.v[i]);
	jw_array_end(w);
}

int overview_json(struct catalog *c, struct timespec now, struct json_out *w, struct error *e)
{
	CLEANUP(status_release) struct status s = {0};
	int rc = status_load(c, now, &s, e);

	if (rc)
		return rc;
	jw_object(w);
	write_problems(&s, w);
	rc = write_running(c, w, e);
	if (!rc)
		rc = write_sources(c, &s, w, e);
	jw_object_end(w);
	return rc;
}

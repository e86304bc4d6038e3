/* Jobs: what runs, waits, and was. */
#include "base/log.h"
#include "web/answer.h"
#include "web/api.h"

#include <string.h>

/* "running,queued" */
static void split(const char *text, struct strlist *out)
{
	for (const char *p = text ? text : ""; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n)
			strlist_take(out, mem_string_n(p, n));
		p += n;
	}
}

static int check_states(const struct strlist *states, struct error *e)
{
	enum job_state s;

	for (size_t i = 0; i < states->n; i++)
		if (!job_state_parse(states->v[i], &s))
			return error_set(e, ERR_USAGE, "the parameter \"state\" knows no \"%.64s\"; there are queued, running, success, failed, cancelled and interrupted", states->v[i]);
	return 0;
}

static void filter_release(struct job_filter *f)
{
	strlist_release(&f->states);
	strlist_release(&f->kinds);
}

static int read_filter(struct web_request *r, const char *kind, struct job_filter *f, struct error *e)
{
	*f = (struct job_filter){
		.source = web_query(r, "source"),
		.repository = web_query(r, "repository"),
		.author = web_query(r, "author"),
		.schedule = (int64_t)api_query_number(r, "schedule", 0),
		.after = api_query_time(r, "after"),
		.before = api_query_time(r, "before"),
		.text = web_query(r, "q"),
		.oldest_first = api_query_bool(r, "oldest_first", false),
	};
	split(web_query(r, "state"), &f->states);
	split(kind ? kind : web_query(r, "kind"), &f->kinds);
	return check_states(&f->states, e);
}

static void write_job(const void *list, size_t i, struct json_out *w)
{
	job_json(&((const struct job_list *)list)->v[i], w);
}

int api_list_jobs(struct web_request *r, const char *kind, struct web_response *out, struct error *e)
{
	CLEANUP(filter_release) struct job_filter f = {0};
	CLEANUP(job_list_release) struct job_list l = {0};
	struct catalog_page page;
	uint64_t total;
	int rc = read_filter(r, kind, &f, e);

	if (!rc)
		rc = web_page(r, &page, e);
	if (!rc)
		rc = job_list_some(r->catalog, &f, &page, &l, &total, e);
	return rc ? rc : api_list_page(r, &page, total, l.n, write_job, &l, out);
}

int api_answer_job(struct web_request *r, const struct job_record *j, struct web_response *out)
{
	struct json_out w;

	jw_init(&w, &out->body);
	job_json(j, &w);
	return 0;
}

int api_queue_into(struct web_request *r, struct job_record *j, struct json_out *w, struct error *e)
{
	CLEANUP(answer_release) struct web_response queued = {0};
	int rc = web_queue(r, j, &queued, e);

	if (!rc)
		jw_raw(w, (const char *)queued.body.p, queued.body.len);
	return rc;
}

static int list(struct web_request *r, struct web_response *out, struct error *e)
{
	return api_list_jobs(r, NULL, out, e);
}

static int answer(struct web_request *r, const char *id, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(r->catalog, id, &j, e);

	return rc ? rc : api_answer_job(r, &j, out);
}

static int get(struct web_request *r, struct web_response *out, struct error *e)
{
	return answer(r, r->params[0], out, e);
}

static int change(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *notes = web_field_text(r, "notes");
	int rc = job_get(r->catalog, r->params[0], &j, e);

	if (!rc)
		rc = catalog_begin(r->catalog, e);
	if (rc)
		return rc;
	rc = job_set_notes(r->catalog, j.id, notes && *notes ? notes : NULL, e);
	if (!rc)
		rc = api_audit(r, "job-notes", j.id, e, NULL);
	rc = api_commit(r, rc, e);
	return rc ? rc : answer(r, j.id, out, e);
}

/* Operators end what operators may begin; who may not restore may not stop one half way either. */
static bool may_cancel(const struct web_request *r, const struct job_record *j)
{
	static const char *const kinds[] = {"backup", "verify", "export", "check-tables", "optimize", "check"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(j->kind, kinds[i]))
			return true;
	return r->role >= ROLE_ADMIN;
}

static int cancel(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(r->catalog, r->params[0], &j, e);

	if (!rc && !may_cancel(r, &j))
		rc = error_set(e, ERR_ACCESS, "only admins may cancel a %s", j.kind);
	if (!rc && j.state != JOB_QUEUED && j.state != JOB_RUNNING)
		rc = error_set(e, ERR_EXISTS, "job %s has ended already: %s", j.id, job_state_name(j.state));
	if (!rc)
		rc = catalog_begin(r->catalog, e);
	if (rc)
		return rc;
	rc = job_ask_cancel(r->catalog, j.id, e);
	if (!rc)
		rc = api_audit(r, "job-cancel", j.id, e, "%s", j.title);
	rc = api_commit(r, rc, e);
	if (!rc)
		rc = answer(r, j.id, out, e);
	out->status = rc ? 0 : 202;
	return rc;
}

/* ---- again ---- */

/* A restore, an export or what removes chosen backups is asked for anew each time: it was about things as they were then. */
static int may_repeat(const struct web_request *r, const struct job_record *j, struct error *e)
{
	static const char *const kinds[] = {"backup", "verify", "check", "check-tables", "optimize", "repair", "prune", "cleanup"};
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		known = known || !strcmp(j->kind, kinds[i]);
	if (!known)
		return error_set(e, ERR_REFUSED, "a %s is not run again as it was: ask for it anew", j->kind);
	if (!may_cancel(r, j))
		return error_set(e, ERR_ACCESS, "only admins may run a %s again", j->kind);
	if (j->state == JOB_QUEUED || j->state == JOB_RUNNING)
		return error_set(e, ERR_EXISTS, "job %s has not ended yet: %s", j->id, job_state_name(j->state));
	if (j->words.n)
		return 0;
	error_set(e, ERR_REFUSED, "job %s was typed as a command, which is not kept", j->id);
	return error_hint(e, "type it again where it was typed");
}

static int again(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record before = {0}, j = {.attempt = 1};
	int rc = job_get(r->catalog, r->params[0], &before, e);

	if (!rc)
		rc = may_repeat(r, &before, e);
	if (rc)
		return rc;
	j.kind = mem_string(before.kind);
	j.title = mem_string(before.title);
	j.repository = mem_string_or_null(before.repository);
	strlist_copy(&j.words, &before.words);
	strlist_copy(&j.sources, &before.sources);
	strlist_copy(&j.locks, &before.locks);
	j.schedule = before.schedule;
	j.attempts = before.attempts;
	j.time_limit = before.time_limit;
	return web_queue(r, &j, out, e);
}

/* ---- the log ---- */

static void line_json(const struct job_line *l, struct json_out *w)
{
	char time[TIME_RFC3339_MAX];

	time_to_rfc3339(l->time, 0, time);
	jw_object(w);
	jw_kv_u64(w, "n", l->n);
	jw_kv_string(w, "time", time);
	jw_kv_string(w, "level", log_level_name(l->level));
	jw_kv_string(w, "text", l->text);
	jw_object_end(w);
}

static int log_lines(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(job_lines_release) struct job_lines l = {0};
	struct json_out w;
	int rc = job_get(r->catalog, r->params[0], &j, e);

	if (!rc)
		rc = job_log_read(r->catalog, j.id, api_query_number(r, "after", 0), &l, e);
	if (rc)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_name(&w, "items");
	jw_array(&w);
	for (size_t i = 0; i < l.n; i++)
		line_json(&l.v[i], &w);
	jw_array_end(&w);
	jw_kv_u64(&w, "total", l.n);
	jw_object_end(&w);
	return 0;
}

/* ---- the table ---- */

const struct web_field api_job_filter[] = {
	{"state", "string?", "queued, running, success, failed, cancelled, interrupted; several parted by commas"},
	{"kind", "string?", "backup, restore, verify, export, cleanup, ...; several parted by commas"},
	{"source", "string?", "about this source"},
	{"repository", "string?", "in this repository"},
	{"author", "string?", "asked for by"},
	{"schedule", "integer?", "of this schedule"},
	{"after", "time?", "asked for at or after"},
	{"before", "time?", "asked for before"},
	{"q", "string?", "words in the title, the error or the notes"},
	{"oldest_first", "boolean?", "the oldest first"},
	{0},
};
static const struct web_field change_fields[] = {
	{"notes", "string!", "a note for people; empty: none"},
	{0},
};
static const struct web_field log_fields[] = {
	{"after", "integer?", "only lines with a greater number"},
	{0},
};

const struct web_route api_jobs[] = {
	{"GET", API "jobs/", WEB_VIEWER, list, "Jobs", "Everything that was asked for, the newest first", api_job_filter, "Job[]"},
	{"GET", API "jobs/{id}/", WEB_VIEWER, get, "Jobs", "One job, with its result", NULL, "Job"},
	{"PATCH", API "jobs/{id}/", WEB_OPERATOR, change, "Jobs", "Put a note on a job", change_fields, "Job"},
	{"POST", API "jobs/{id}/cancel/", WEB_OPERATOR, cancel, "Jobs", "Have a job end", NULL, "Job", WEB_QUEUES},
	{"POST", API "jobs/{id}/again/", WEB_OPERATOR, again, "Jobs", "Do once more what a job did", NULL, "Job", WEB_QUEUES},
	{"GET", API "jobs/{id}/log/", WEB_VIEWER, log_lines, "Jobs", "What a job said", log_fields, "Lines"},
	{0},
};

#include "web/events_jobs.h"

#include "base/map.h"
#include "base/mem.h"
#include "catalog/job.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTIVE_MAX 200          /* jobs that wait or run, which are followed */
#define NEWEST 20               /* looked at too, for those that were over before anybody looked */

/* As in a list: without the result, which may be large. */
static void add_json(const struct job_record *j, struct buf *out)
{
	struct job_record shown = *j;
	struct json_out w;

	shown.result = NULL;
	jw_init(&w, out);
	job_json(&shown, &w);
}

static bool has_ended(const struct job_record *j)
{
	return j->state != JOB_QUEUED && j->state != JOB_RUNNING;
}

/* What an event would tell, shortly: another text is another event. Heap. */
static char *mark(const struct job_record *j)
{
	return mem_printf("%d %d %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s", j->state, j->cancel, j->phase ? j->phase : "", j->bytes_done,
			  j->bytes_total, j->items_done, j->items_total, j->notes ? j->notes : "");
}

/* ---- all jobs ---- */

struct events_watch {
	struct map *marks;              /* id -> mark */
};

struct events_watch *events_watch_new(void)
{
	struct events_watch *w = mem_zero(sizeof *w);

	w->marks = map_new();
	return w;
}

void events_watch_free(struct events_watch *w)
{
	if (!w)
		return;
	map_free(w->marks, free);
	free(w);
}

typedef void (*tell_fn)(void *ctx, const char *json);

/* Compare with the last look, and remember in `marks`, which is of this one. */
static void note(struct events_watch *w, struct map *marks, const struct job_record *j, tell_fn tell, void *ctx)
{
	const char *before = map_get(w->marks, j->id, strlen(j->id));
	char *now = mark(j);
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	if (tell && (!before || strcmp(before, now))) {
		add_json(j, &json);
		tell(ctx, buf_text(&json));
	}
	free(map_put(marks, j->id, strlen(j->id), now));
}

static int list(struct catalog *c, bool active, struct job_list *out, struct error *e)
{
	struct job_filter f = {.oldest_first = active};
	struct catalog_page page = {.limit = active ? ACTIVE_MAX : NEWEST};

	if (active) {
		strlist_add(&f.states, job_state_name(JOB_QUEUED));
		strlist_add(&f.states, job_state_name(JOB_RUNNING));
	}
	int rc = job_list_some(c, &f, &page, out, NULL, e);

	strlist_release(&f.states);
	return rc;
}

static int note_list(struct events_watch *w, struct map *marks, struct catalog *c, bool active, tell_fn tell, void *ctx, struct error *e)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	int rc = list(c, active, &jobs, e);

	for (size_t i = jobs.n; i-- > 0 && !rc;)
		if (!map_has(marks, jobs.v[i].id, strlen(jobs.v[i].id)))
			note(w, marks, &jobs.v[i], tell, ctx);
	return rc;
}

/* Those of the last look that are in neither list: the older ones that have ended. Told once, then no longer followed. */
static void note_ended(struct events_watch *w, struct map *marks, struct catalog *c, tell_fn tell, void *ctx)
{
	for (size_t i = 0; i < map_slots(w->marks); i++) {
		CLEANUP(job_record_release) struct job_record j = {0};
		struct error ignored = {0};
		const void *id;
		size_t n;
		void *before;

		if (!map_at(w->marks, i, &id, &n, &before) || map_has(marks, id, n))
			continue;
		AUTO_FREE char *text = mem_string_n(id, n);

		if ((*(char *)before == '0' + JOB_QUEUED || *(char *)before == '0' + JOB_RUNNING) && !job_get(c, text, &j, &ignored))
			note(w, marks, &j, tell, ctx);
	}
}

int events_watch_look(struct events_watch *w, struct catalog *c, tell_fn tell, void *ctx, struct error *e)
{
	struct map *marks = map_new();
	int rc = note_list(w, marks, c, true, tell, ctx, e);

	if (!rc)
		rc = note_list(w, marks, c, false, tell, ctx, e);
	if (!rc)
		note_ended(w, marks, c, tell, ctx);
	map_free(rc ? marks : w->marks, free);
	if (!rc)
		w->marks = marks;
	return rc;
}

/* ---- one job ---- */

struct events_job {
	char id[JOB_ID_LEN + 1];
	uint64_t line;
	char *mark;                     /* NULL: not looked at yet */
};

struct events_job *events_job_new(const char *id, uint64_t line)
{
	struct events_job *j = mem_zero(sizeof *j);

	snprintf(j->id, sizeof j->id, "%s", id);
	j->line = line;
	return j;
}

void events_job_free(struct events_job *j)
{
	if (!j)
		return;
	free(j->mark);
	free(j);
}

bool events_job_is_new(const struct events_job *j)
{
	return !j->mark;
}

static void add_line(const struct job_line *l, struct buf *out)
{
	char time[TIME_RFC3339_MAX];
	struct json_out w;

	time_to_rfc3339(l->time, 0, time);
	buf_printf(out, "id: %" PRIu64 "\nevent: line\ndata: ", l->n);
	jw_init(&w, out);
	jw_object(&w);
	jw_kv_u64(&w, "n", l->n);
	jw_kv_string(&w, "time", time);
	jw_kv_string(&w, "level", log_level_name(l->level));
	jw_kv_string(&w, "text", l->text);
	jw_object_end(&w);
	buf_add_str(out, "\n\n");
}

static void add_lines(struct events_job *j, struct catalog *c, struct buf *out)
{
	CLEANUP(job_lines_release) struct job_lines lines = {0};
	struct error ignored = {0};

	if (job_log_read(c, j->id, j->line, &lines, &ignored))
		return;
	for (size_t i = 0; i < lines.n; i++) {
		add_line(&lines.v[i], out);
		j->line = lines.v[i].n;
	}
}

static void add_job(const struct job_record *j, const char *name, struct buf *out)
{
	buf_printf(out, "event: %s\ndata: ", name);
	add_json(j, out);
	buf_add_str(out, "\n\n");
}

/* The job is read before its lines: when it has ended then, all of them are there. */
bool events_job_look(struct events_job *j, struct catalog *c, struct buf *out)
{
	CLEANUP(job_record_release) struct job_record now = {0};
	struct error e = {0};
	int rc = job_get(c, j->id, &now, &e);

	if (rc)
		return rc == -ERR_NOT_FOUND;
	char *fresh = mark(&now);
	bool differs = !j->mark || strcmp(j->mark, fresh);

	free(j->mark);
	j->mark = fresh;
	add_lines(j, c, out);
	if (has_ended(&now))
		add_job(&now, "end", out);
	else if (differs)
		add_job(&now, "job", out);
	return has_ended(&now);
}

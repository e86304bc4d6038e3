/* Schedules. */
#include "base/timefmt.h"
#include "base/zone.h"
#include "job/request.h"
#include "job/schedule.h"
#include "web/api_records.h"

#define PREVIEW_RUNS 10

static int begin(struct catalog *c, void *record, struct error *e)
{
	struct schedule_record *s = record;

	*s = schedule_record_new();
	return schedule_usual_keep(c, &s->keep, e);
}

API_RECORDS(schedule)
static const struct api_records kind = {.what = "schedule", .path = API "schedules/", API_RECORD_MEMBERS(schedule), .begin = begin};
API_RECORD_HANDLERS(kind)

static int toggle(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	int rc = api_record(&kind, r, &s, e);

	if (!rc)
		rc = catalog_begin(r->catalog, e);
	if (rc)
		return rc;
	s.enabled = !s.enabled;
	rc = schedule_update(r->catalog, &s, e);
	if (!rc)
		rc = api_audit(r, s.enabled ? "schedule-enable" : "schedule-disable", s.name, e, NULL);
	rc = api_commit(r, rc, e);
	return rc ? rc : api_record_answer(&kind, r, s.id, out, e);
}

/* ---- running it now ---- */

static int queue_all(struct web_request *r, struct job_list *jobs, struct web_response *out, struct error *e)
{
	struct json_out w;
	int rc = 0;

	jw_init(&w, &out->body);
	jw_object(&w);
	jw_name(&w, "jobs");
	jw_array(&w);
	for (size_t i = 0; !rc && i < jobs->n; i++)
		rc = api_queue_into(r, &jobs->v[i], &w, e);
	jw_array_end(&w);
	jw_object_end(&w);
	out->status = 202;
	return rc;
}

static int run_now(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	CLEANUP(job_list_release) struct job_list jobs = {0};
	int rc = api_record(&kind, r, &s, e);

	if (!rc)
		rc = request_schedule(r->catalog, &s, time_now().tv_sec, &jobs, e);
	if (!rc && !jobs.n)
		rc = error_set(e, ERR_NOT_FOUND, "the schedule %s has no source to work on", s.name);
	return rc ? rc : queue_all(r, &jobs, out, e);
}

/* ---- what it would do ---- */

static int add_runs(const struct schedule_record *s, uint64_t n, struct json_out *w, struct error *e)
{
	int64_t at = time_now().tv_sec;
	char text[TIME_RFC3339_MAX];
	int rc = 0;

	jw_name(w, "runs");
	jw_array(w);
	for (uint64_t i = 0; i < n && !(rc = schedule_next(s, at, &at, e)) && at < INT64_MAX; i++) {
		time_to_rfc3339((struct timespec){.tv_sec = at}, 0, text);
		jw_string(w, text);
	}
	jw_array_end(w);
	return rc;
}

static int add_jobs(struct web_request *r, const struct schedule_record *s, struct json_out *w, struct error *e)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	int rc = request_schedule(r->catalog, s, time_now().tv_sec, &jobs, e);

	jw_name(w, "jobs");
	jw_array(w);
	for (size_t i = 0; i < jobs.n; i++)
		jw_string(w, jobs.v[i].title);
	jw_array_end(w);
	return rc;
}

static int answer_preview(struct web_request *r, const struct schedule_record *s, struct web_response *out, struct error *e)
{
	AUTO_FREE char *when = schedule_words(s);
	AUTO_FREE char *zone = s->zone && *s->zone ? mem_string(s->zone) : zone_machine_name();
	struct json_out w;

	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "when", when);
	jw_kv_string(&w, "zone", zone);
	int rc = add_runs(s, api_query_number(r, "count", PREVIEW_RUNS), &w, e);

	if (!rc)
		rc = add_jobs(r, s, &w, e);
	jw_object_end(&w);
	return rc;
}

static int preview(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	int rc = api_record(&kind, r, &s, e);

	return rc ? rc : answer_preview(r, &s, out, e);
}

/* Of one that is still being thought out. */
static int preview_body(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = schedule_record_new();
	int rc = api_read(r, kind.read, &s, e);

	if (!rc && !s.name)
		s.name = mem_string("new");
	if (!rc)
		rc = schedule_check(&s, e);
	return rc ? rc : answer_preview(r, &s, out, e);
}

/* ---- the table ---- */

#define RECORD \
	{"enabled", "boolean", "whether it runs"}, \
	{"action", "string", "what it does; backup unless said", SCHEDULE_ACTION_CHOICES}, \
	{"sources", "array", "names of sources; all unless said"}, \
	{"repository", "string", "where its backups go; as each source says unless said"}, \
	{"kind", "string", "daily unless said", "daily|weekly|monthly|cron"}, \
	{"time", "string", "of the day, \"02:00\" unless said"}, \
	{"weekday", "string", "of a weekly one: \"sunday\""}, \
	{"day", "integer", "of the month, of a monthly one; a shorter month has it on its last day", NULL, 1, 31}, \
	{"cron", "string", "of a cron one: five fields, or @daily and the like"}, \
	{"zone", "string", "time zone, as Europe/Berlin; the machine's unless said"}, \
	{"jitter", "integer", "started up to so many seconds later", NULL, 0, SCHEDULE_JITTER_MAX}, \
	{"catch_up", "boolean", "make up, once, for runs missed while the machine was off"}, \
	{"retries", "integer", "of what may pass", NULL, 0, SCHEDULE_RETRIES_MAX}, \
	{"retry_wait", "integer", "seconds before the first retry; doubled for each further"}, \
	{"time_limit", "integer", "seconds a job may take; 0: any"}, \
	{"keep", "object", "retention: days, max_backups, last, hourly, daily, weekly, monthly, yearly"}, \
	{"verify_level", "integer", "verify after each backup, or at this level", NULL, 0, 4}, \
	{"export_format", "string", "of an export"}, \
	{"export_dir", "string", "the folder of an export"}, \
	{0},

static const struct web_field create_fields[] = {{"name", "string!", "letters, digits and \". _ -\"; its backups carry it as a tag", NULL, 0, 64}, RECORD};
static const struct web_field change_fields[] = {{"name", "string", "as it is: a name never changes", NULL, 0, 64}, RECORD};
static const struct web_field preview_fields[] = {{"count", "integer?", "how many runs, 10 unless said", NULL, 1, 100}, {0}};

const struct web_route api_schedules[] = {
	{"GET", API "schedules/", WEB_VIEWER, list, "Schedules", "What runs by itself, and when", NULL, "Schedule[]"},
	{"POST", API "schedules/", WEB_ADMIN, create, "Schedules", "Add a schedule", create_fields, "Schedule", WEB_CREATES | WEB_RECORD},
	{"POST", API "schedules/preview/", WEB_VIEWER, preview_body, "Schedules", "When a schedule would run, and what it would do, before it is kept", change_fields, "SchedulePreview", WEB_RECORD | WEB_SAFE},
	{"GET", API "schedules/{id}/", WEB_VIEWER, get, "Schedules", "One schedule, by its number or name", NULL, "Schedule"},
	{"PUT", API "schedules/{id}/", WEB_ADMIN, change, "Schedules", "Change a schedule", change_fields, "Schedule", WEB_RECORD},
	{"PATCH", API "schedules/{id}/", WEB_ADMIN, change, "Schedules", "Change a schedule", change_fields, "Schedule", WEB_RECORD},
	{"DELETE", API "schedules/{id}/", WEB_ADMIN, remove_one, "Schedules", "Remove a schedule; its backups stay", NULL, NULL},
	{"POST", API "schedules/{id}/toggle_active/", WEB_ADMIN, toggle, "Schedules", "Enable a disabled schedule, disable an enabled one", NULL, "Schedule"},
	{"POST", API "schedules/{id}/run/", WEB_OPERATOR, run_now, "Schedules", "Do now what a schedule does", NULL, "Jobs", WEB_QUEUES},
	{"GET", API "schedules/{id}/preview/", WEB_VIEWER, preview, "Schedules", "When a schedule runs next, and what it does", preview_fields, "SchedulePreview"},
	{0},
};

#include "job/status.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/known.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/setting.h"
#include "catalog/source.h"
#include "catalog/tally.h"
#include "job/notify.h"
#include "job/schedule.h"

#include <stdlib.h>

#define HOUR 3600
#define SCHEDULE_SLACK (2 * HOUR) /* for a run that takes its time, and a retry */
#define CLOCK_SLACK HOUR        /* a backup that is so much later than now was made by a clock that was wrong */

static struct timespec daemon_started;

void status_daemon_started(struct timespec t)
{
	daemon_started = t;
}

void status_release(struct status *s)
{
	for (size_t i = 0; i < s->source_count; i++)
		free(s->sources[i].name);
	for (size_t i = 0; i < s->place_count; i++)
		free(s->places[i].name);
	for (size_t i = 0; i < s->schedule_count; i++)
		free(s->schedules[i].name);
	free(s->sources);
	free(s->places);
	free(s->schedules);
	strlist_release(&s->notice_problems);
	*s = (struct status){0};
}

/* ---- loading ---- */

/* What the source has instead of a good backup counts from when it was configured; so does one from the future. */
static struct timespec last_of(const struct status_source *x, struct timespec now)
{
	return !x->last_good.tv_sec || time_between(now, x->last_good) > CLOCK_SLACK ? x->since : x->last_good;
}

static bool is_about(const struct schedule_record *r, const char *source)
{
	return r->enabled && r->action == ACTION_BACKUP && (!r->sources.n || strlist_has(&r->sources, source));
}

/* Two runs of a schedule after the last good backup one of them must have made the next; no schedule, no deadline. */
static int by_schedules(const struct schedule_list *l, const char *source, int64_t last, struct timespec *out, struct error *e)
{
	int64_t first, second, least = INT64_MAX;
	int rc = 0;

	for (size_t i = 0; !rc && i < l->n; i++) {
		if (!is_about(&l->v[i], source))
			continue;
		rc = schedule_next(&l->v[i], last, &first, e);
		if (!rc && first != INT64_MAX)
			rc = schedule_next(&l->v[i], first, &second, e);
		if (!rc && first != INT64_MAX && second < least)
			least = second;
	}
	*out = (struct timespec){.tv_sec = rc || least == INT64_MAX ? 0 : least + SCHEDULE_SLACK};
	return rc;
}

static struct timespec next_run(const struct schedule_list *l, const char *source)
{
	struct timespec next = {0};

	for (size_t i = 0; i < l->n; i++) {
		struct timespec t = l->v[i].next_run;

		if (t.tv_sec && is_about(&l->v[i], source) && (!next.tv_sec || time_cmp(t, next) < 0))
			next = t;
	}
	return next;
}

static int set_deadline(const struct schedule_list *l, uint64_t hours, struct timespec now, struct status_source *out, struct error *e)
{
	struct timespec last = last_of(out, now);
	int rc = 0;

	if (hours)
		out->deadline = (struct timespec){.tv_sec = last.tv_sec + (int64_t)hours * HOUR};
	else
		rc = by_schedules(l, out->name, last.tv_sec, &out->deadline, e);
	out->overdue = out->deadline.tv_sec && time_cmp(now, out->deadline) > 0;
	return rc;
}

static int load_source(struct catalog *c, const struct source_record *r, uint64_t usual_hours, const struct schedule_list *schedules, struct timespec now,
		       struct status_source *out, struct error *e)
{
	char id[65];

	out->name = mem_string(r->name);
	out->since = r->created;
	out->next_run = next_run(schedules, r->name);
	int rc = known_newest_good(c, r->name, &out->last_good, id, e);

	if (!rc && out->last_good.tv_sec)
		rc = tally_size(c, r->name, out->last_good, &out->bytes, e);
	return rc ? rc : set_deadline(schedules, r->overdue_hours ? r->overdue_hours : usual_hours, now, out, e);
}

static int load_sources(struct catalog *c, const struct schedule_list *schedules, struct status *s, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	uint64_t hours = 0;
	int rc = setting_number(c, "overdue_hours", &hours, e);

	if (!rc)
		rc = source_list_all(c, &l, e);
	s->sources = mem_zero(l.n * sizeof *s->sources);
	for (; !rc && s->source_count < l.n; s->source_count++)
		rc = load_source(c, &l.v[s->source_count], hours, schedules, s->now, &s->sources[s->source_count], e);
	return rc;
}

static int load_places(struct catalog *c, struct status *s, struct error *e)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	uint64_t limit = 0;
	int rc = setting_number(c, "low_space", &limit, e);

	if (!rc)
		rc = place_list_all(c, &l, e);
	s->places = mem_zero(l.n * sizeof *s->places);
	for (; !rc && s->place_count < l.n; s->place_count++) {
		const struct place_record *p = &l.v[s->place_count];
		uint64_t own = p->low_space ? p->low_space : limit;

		s->places[s->place_count] = (struct status_place){
			.name = mem_string(p->name), .bytes = p->bytes, .bytes_free = p->bytes_free, .low_space_limit = own,
			.low_space = p->scanned.tv_sec && p->bytes_free < own, .check_failed = p->check_failed,
		};
	}
	return rc;
}

static void take_schedules(const struct schedule_list *l, struct status *s)
{
	s->schedules = mem_zero(l->n * sizeof *s->schedules);
	for (; s->schedule_count < l->n; s->schedule_count++) {
		const struct schedule_record *r = &l->v[s->schedule_count];

		s->schedules[s->schedule_count] = (struct status_schedule){
			.name = mem_string(r->name), .enabled = r->enabled, .next_run = r->next_run, .last_run = r->last_run,
		};
	}
}

static int load(struct catalog *c, struct status *s, struct error *e)
{
	CLEANUP(schedule_list_release) struct schedule_list schedules = {0};
	int rc = tally_states(c, s->jobs, e);

	if (!rc)
		rc = schedule_list_all(c, &schedules, e);
	if (!rc)
		rc = load_sources(c, &schedules, s, e);
	if (!rc)
		rc = load_places(c, s, e);
	if (!rc)
		rc = delivery_count(c, &s->notices_waiting, &s->notices_failed, e);
	if (!rc)
		rc = notify_problems(c, &s->notice_problems, e);
	if (!rc)
		take_schedules(&schedules, s);
	return rc;
}

int status_load(struct catalog *c, struct timespec now, struct status *out, struct error *e)
{
	*out = (struct status){.now = now, .daemon_started = daemon_started};
	int rc = load(c, out, e);

	if (rc)
		status_release(out);
	return rc;
}

/* ---- for people ---- */

char *status_overdue(const struct status_source *s, struct timespec now)
{
	char age[HUMAN_MAX];

	if (!s->last_good.tv_sec)
		return mem_printf("no good backup of %s was ever made", s->name);
	if (time_between(now, s->last_good) > CLOCK_SLACK)
		return mem_printf("the last good backup of %s is of a time that is yet to come: a clock was wrong", s->name);
	return mem_printf("no good backup of %s for %s", s->name, human_duration(time_between(s->last_good, now), age));
}

void status_problems(const struct status *s, struct strlist *out)
{
	char left[HUMAN_MAX];

	for (size_t i = 0; i < s->place_count; i++)
		if (s->places[i].check_failed)
			strlist_addf(out, "repository %s is damaged, says its last check", s->places[i].name);
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].overdue)
			strlist_take(out, status_overdue(&s->sources[i], s->now));
	for (size_t i = 0; i < s->place_count; i++)
		if (s->places[i].low_space)
			strlist_addf(out, "only %s are free where repository %s is", human_size(s->places[i].bytes_free, left), s->places[i].name);
	strlist_copy(out, &s->notice_problems);
}

static void write_source(const struct status_source *s, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "name", s->name);
	jw_kv_time(w, "last_good", s->last_good);
	jw_kv_bool(w, "overdue", s->overdue);
	jw_kv_time(w, "deadline", s->deadline);
	jw_object_end(w);
}

void status_health_json(const struct status *s, bool details, struct json_out *w)
{
	CLEANUP(strlist_release) struct strlist problems = {0};

	status_problems(s, &problems);
	jw_object(w);
	jw_kv_string(w, "status", problems.n ? "warning" : "ok");
	jw_kv_string(w, "version", BACKSTAY_VERSION);
	if (s->daemon_started.tv_sec)
		jw_kv_u64(w, "uptime_seconds", (uint64_t)time_between(s->daemon_started, s->now));
	if (details) {
		jw_kv_u64(w, "queued", s->jobs[JOB_QUEUED]);
		jw_kv_u64(w, "running", s->jobs[JOB_RUNNING]);
		jw_name(w, "problems");
		jw_array(w);
		for (size_t i = 0; i < problems.n; i++)
			jw_string(w, problems.v[i]);
		jw_array_end(w);
		jw_name(w, "sources");
		jw_array(w);
		for (size_t i = 0; i < s->source_count; i++)
			write_source(&s->sources[i], w);
		jw_array_end(w);
	}
	jw_object_end(w);
}

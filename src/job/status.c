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

#include <stdlib.h>

#define HOUR 3600
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

static bool is_overdue(const struct status_source *x, struct timespec now)
{
	struct timespec last = x->last_good;

	if (time_between(now, last) > CLOCK_SLACK || !last.tv_sec)
		last = x->since;
	return x->overdue_hours && time_between(last, now) > (double)x->overdue_hours * HOUR;
}

static int load_source(struct catalog *c, const struct source_record *r, uint64_t usual_hours, struct timespec now, struct status_source *out, struct error *e)
{
	char id[65];
	struct error unknown = {0};
	int rc = known_newest_good(c, r->name, &out->last_good, id, &unknown);

	out->name = mem_string(r->name);
	out->since = r->created;
	out->overdue_hours = r->overdue_hours ? r->overdue_hours : usual_hours;
	out->overdue = is_overdue(out, now);
	if (rc && rc != -ERR_NOT_FOUND) {
		*e = unknown;
		return rc;
	}
	return out->last_good.tv_sec ? tally_size(c, r->name, out->last_good, &out->bytes, e) : 0;
}

static int load_sources(struct catalog *c, struct status *s, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	uint64_t hours = 0;
	int rc = setting_number(c, "overdue_hours", &hours, e);

	if (!rc)
		rc = source_list_all(c, &l, e);
	s->sources = mem_zero(l.n * sizeof *s->sources);
	for (; !rc && s->source_count < l.n; s->source_count++)
		rc = load_source(c, &l.v[s->source_count], hours, s->now, &s->sources[s->source_count], e);
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

static int load_schedules(struct catalog *c, struct status *s, struct error *e)
{
	CLEANUP(schedule_list_release) struct schedule_list l = {0};
	int rc = schedule_list_all(c, &l, e);

	s->schedules = mem_zero(l.n * sizeof *s->schedules);
	for (; !rc && s->schedule_count < l.n; s->schedule_count++) {
		const struct schedule_record *r = &l.v[s->schedule_count];

		s->schedules[s->schedule_count] = (struct status_schedule){
			.name = mem_string(r->name), .enabled = r->enabled, .next_run = r->next_run, .last_run = r->last_run,
		};
	}
	return rc;
}

int status_load(struct catalog *c, struct timespec now, struct status *out, struct error *e)
{
	*out = (struct status){.now = now, .daemon_started = daemon_started};
	int rc = tally_states(c, out->jobs, e);

	if (!rc)
		rc = load_sources(c, out, e);
	if (!rc)
		rc = load_places(c, out, e);
	if (!rc)
		rc = load_schedules(c, out, e);
	if (!rc)
		rc = delivery_count(c, &out->notices_waiting, &out->notices_failed, e);
	if (!rc)
		rc = notify_problems(c, &out->notice_problems, e);
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
	}
	jw_object_end(w);
}

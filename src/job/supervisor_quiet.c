/* Prune where something was removed, at a quiet time. */
#include "job/supervisor_parts.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/zone.h"
#include "catalog/alarm.h"
#include "catalog/place.h"
#include "catalog/setting.h"
#include "job/request.h"

#include <string.h>

#define DAY 86400
#define QUIET 3600              /* seconds without any schedule due */
#define BETWEEN (20 * 3600)     /* two prunes of one repository, so that a daily one may come an hour sooner */
#define LONG_AGO (7 * DAY)      /* after these any moment will do at which nothing runs */

/* Nothing runs, and nothing that is queued could. */
static int is_idle(struct supervisor *s, bool *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist states = {0};
	CLEANUP(job_list_release) struct job_list l = {0};

	strlist_add(&states, job_state_name(JOB_QUEUED));
	strlist_add(&states, job_state_name(JOB_RUNNING));
	const struct job_filter f = {.states = states, .oldest_first = true};
	const struct catalog_page p = {.limit = 1000};
	int rc = job_list_some(s->c, &f, &p, &l, NULL, e);

	*out = !rc && supervisor_child_jobs(s) == 0;
	for (size_t i = 0; i < l.n; i++)
		*out = *out && l.v[i].state == JOB_QUEUED && time_cmp(l.v[i].not_before, s->now) > 0;
	return rc;
}

static int is_hour(struct supervisor *s, bool *out, struct error *e)
{
	const struct zone *zone;
	struct zone_civil t;
	uint64_t hour;
	int rc = setting_number(s->c, "prune_hour", &hour, e);

	if (!rc)
		rc = zone_load(NULL, &zone, e);
	if (rc)
		return rc;
	zone_civil(zone, s->now.tv_sec, &t);
	*out = (uint64_t)t.hour == hour;
	return 0;
}

/* A prune that failed is tried again the next day, and one a day is enough. */
static int was_pruned(struct supervisor *s, const char *repository, bool *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist kinds = {0};
	CLEANUP(job_list_release) struct job_list l = {0};

	strlist_add(&kinds, "prune");
	const struct job_filter f = {
		.kinds = kinds, .repository = *repository ? repository : NULL, .after = {.tv_sec = s->now.tv_sec - BETWEEN},
	};
	const struct catalog_page p = {.limit = 1};
	int rc = job_list_some(s->c, &f, &p, &l, NULL, e);

	*out = l.n > 0;
	return rc;
}

static int is_damaged(struct supervisor *s, const char *repository, bool *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	struct error none = {0};
	int rc = *repository ? place_find(s->c, repository, &p, &none) : 0;

	*out = p.check_failed;
	if (rc && rc != -ERR_NOT_FOUND)
		*e = none;
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int prune(struct supervisor *s, const char *key, bool hour, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	const char *repository = key + strlen(SUPERVISOR_PRUNE);
	bool done = false, damaged = false;
	struct timespec since;
	int rc = alarm_since(s->c, key, &since, e);
	bool quiet = hour || s->next_due - s->now.tv_sec >= QUIET || s->now.tv_sec - since.tv_sec > LONG_AGO;

	if (!rc && quiet)
		rc = was_pruned(s, repository, &done, e);
	if (!rc)
		rc = is_damaged(s, repository, &damaged, e);
	if (rc || !quiet || done || damaged)
		return rc;
	rc = request_prune(s->c, *repository ? repository : NULL, &j, e);
	if (rc)
		return rc;
	j.author = mem_string("backstay");
	return supervisor_queue(s, &j, e);
}

void supervisor_quiet(struct supervisor *s)
{
	CLEANUP(strlist_release) struct strlist keys = {0};
	struct error e = {0};
	bool idle = false, hour = false;
	int rc = alarm_list(s->c, SUPERVISOR_PRUNE, &keys, &e);

	if (!rc && keys.n)
		rc = is_idle(s, &idle, &e);
	if (!rc && idle)
		rc = is_hour(s, &hour, &e);
	for (size_t i = 0; !rc && idle && i < keys.n; i++)
		rc = prune(s, keys.v[i], hour, &e);
	supervisor_trouble(s, rc, "job", &e);
}

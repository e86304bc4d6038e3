/* What is told when it begins, and not again until it was over: a source without a good backup for too long, a repository
 * with little space. */
#include "job/supervisor_parts.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/alarm.h"
#include "job/notify.h"
#include "job/status.h"

#include <string.h>

#define OVERDUE "overdue:"
#define LOW_SPACE "low-space:"

typedef int (*tell_fn)(struct supervisor *s, const void *what, struct error *e);

/* It began, goes on, or is over. */
static int set(struct supervisor *s, const char *key, bool holds, tell_fn tell, const void *what, struct error *e)
{
	bool fresh = false, held = false;
	int rc = catalog_begin(s->c, e);

	if (rc)
		return rc;
	rc = holds ? alarm_raise(s->c, key, s->now, &fresh, e) : alarm_clear(s->c, key, &held, e);
	if (!rc && fresh)
		rc = tell(s, what, e);
	rc = catalog_end(s->c, rc, e);
	if (!rc && held)
		log_write(LOG_NOTICE, "alarm", "over: %s", key);
	return rc;
}

static int tell_overdue(struct supervisor *s, const void *what, struct error *e)
{
	const struct status_source *x = what;
	AUTO_FREE char *text = status_overdue(x, s->now);
	double hours = time_between(x->last_good, s->now) / 3600;

	log_write(LOG_ERROR, "alarm", "%s", text);
	return notify_overdue(s->c, x->name, x->last_good, hours > 1 ? (uint64_t)hours : 1, e);
}

static int tell_low_space(struct supervisor *s, const void *what, struct error *e)
{
	const struct status_place *x = what;
	CLEANUP(place_record_release) struct place_record p = {0};
	char left[HUMAN_MAX];
	int rc = place_find(s->c, x->name, &p, e);

	if (rc)
		return rc;
	log_write(LOG_ERROR, "alarm", "only %s are free where repository %s is", human_size(x->bytes_free, left), x->name);
	return notify_low_space(s->c, &p, x->low_space_limit, e);
}

static bool is_there(const struct status *now, const char *key)
{
	for (size_t i = 0; i < now->source_count; i++)
		if (!strncmp(key, OVERDUE, strlen(OVERDUE)) && !strcmp(key + strlen(OVERDUE), now->sources[i].name))
			return true;
	for (size_t i = 0; i < now->place_count; i++)
		if (!strncmp(key, LOW_SPACE, strlen(LOW_SPACE)) && !strcmp(key + strlen(LOW_SPACE), now->places[i].name))
			return true;
	return false;
}

/* Of what is no longer configured. */
static int clear_gone(struct supervisor *s, const struct status *now, struct error *e)
{
	CLEANUP(strlist_release) struct strlist keys = {0};
	int rc = alarm_list(s->c, OVERDUE, &keys, e);

	if (!rc)
		rc = alarm_list(s->c, LOW_SPACE, &keys, e);
	for (size_t i = 0; !rc && i < keys.n; i++)
		if (!is_there(now, keys.v[i]))
			rc = alarm_clear(s->c, keys.v[i], NULL, e);
	return rc;
}

void supervisor_alarm(struct supervisor *s)
{
	CLEANUP(status_release) struct status now = {0};
	struct error e = {0};
	int rc = status_load(s->c, s->now, &now, &e);

	for (size_t i = 0; !rc && i < now.source_count; i++) {
		AUTO_FREE char *key = mem_printf(OVERDUE "%s", now.sources[i].name);

		rc = set(s, key, now.sources[i].overdue, tell_overdue, &now.sources[i], &e);
	}
	for (size_t i = 0; !rc && i < now.place_count; i++) {
		AUTO_FREE char *key = mem_printf(LOW_SPACE "%s", now.places[i].name);

		rc = set(s, key, now.places[i].low_space, tell_low_space, &now.places[i], &e);
	}
	if (!rc)
		rc = clear_gone(s, &now, &e);
	supervisor_trouble(s, rc, "alarm", &e);
}

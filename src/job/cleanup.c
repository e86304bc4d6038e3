#include "job/cleanup.h"

#include "base/mem.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "job/backup.h"

#include <stdlib.h>

void cleanup_rules_release(struct cleanup_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((char *)r->v[i].schedule);
	free(r->v);
	free(r->host);
	*r = (struct cleanup_rules){0};
}

static void add(struct cleanup_rules *r, const char *schedule, struct schedule_keep keep, const uint64_t *days)
{
	if (days && (keep.days || !schedule))
		keep.days = *days;
	r->v = mem_array(r->v, r->n + 1, sizeof *r->v);
	r->v[r->n++] = (struct forget_rule){schedule ? mem_string(schedule) : NULL, retention_of(&keep)};
}

int cleanup_rules_load(struct catalog *c, const struct schedule_keep *others, const uint64_t *days,
		       struct cleanup_rules *out, struct error *e)
{
	CLEANUP(schedule_list_release) struct schedule_list l = {0};
	struct schedule_keep keep = {0};
	int rc = others ? 0 : schedule_usual_keep(c, &keep, e);

	*out = (struct cleanup_rules){0};
	if (!rc && c)
		rc = schedule_list_all(c, &l, e);
	if (rc)
		return rc;
	out->host = backup_host();
	add(out, NULL, others ? *others : keep, days);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].action == ACTION_BACKUP)
			add(out, l.v[i].name, l.v[i].keep, days);
	return 0;
}

int cleanup_check_passed(struct catalog *c, const char *location, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	struct error why = {0};
	int rc = c ? place_find_location(c, location, &p, &why) : -ERR_NOT_FOUND;

	if (rc == -ERR_NOT_FOUND || (!rc && !p.check_failed))
		return 0;
	if (rc) {
		*e = why;
		return rc;
	}
	error_set(e, ERR_REFUSED, "nothing was removed, because the last check found damage in %s", location);
	return error_hint(e, "see what it is: backstay check; once a check is clean again, cleaning up goes on");
}

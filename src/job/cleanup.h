/* Cleaning up by what is configured: each schedule's backups by its own rules, those of no schedule by the settings'
 * (retention_days, max_backups). Removing is forget.h's. */
#ifndef JOB_CLEANUP_H
#define JOB_CLEANUP_H

#include "catalog/catalog.h"
#include "job/forget.h"

struct cleanup_rules {
	struct forget_rule *v; /* names of schedules are owned */
	size_t n;
	char *host;
};
void cleanup_rules_release(struct cleanup_rules *r);
/* `others` are the rules for backups that no schedule made; NULL: those of the settings. `days`, when not NULL, stands
 * in the place of the days that rules have; a rule without days keeps what it says. c may be NULL: there are no
 * schedules. */
struct schedule_keep;
int cleanup_rules_load(struct catalog *c, const struct schedule_keep *others, const uint64_t *days,
		       struct cleanup_rules *out, struct error *e) MUST_USE;
/* -ERR_REFUSED while the last `check` of the repository at that place found damage: nothing is removed by rules then,
 * because an older backup may be what is left of a newer one. c may be NULL. */
int cleanup_check_passed(struct catalog *c, const char *location, struct error *e) MUST_USE;

#endif

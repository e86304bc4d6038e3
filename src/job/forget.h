/* Which backups to keep, and removing the others. */
#ifndef JOB_FORGET_H
#define JOB_FORGET_H

#include "job/backups.h"

#define RETENTION_SAFETY_SECONDS ((uint64_t)30 * 86400)

struct retention_policy {
	unsigned last, hourly, daily, weekly, monthly, yearly; /* 0: that rule keeps none; UINT_MAX: all */
	uint64_t within_seconds; /* keep all younger than this before the newest; 0: off */
	struct strlist keep_tags;
	uint64_t safety_seconds; /* safety backups are kept so long; 0: RETENTION_SAFETY_SECONDS */
};

/* retention.c: pure, with no clock and no repository. Days, weeks (ISO 8601), months and years are those of each
 * backup's own local time zone offset. */
struct retention_item {
	struct timespec time;
	int offset_seconds;
	const char *group; /* host + sources: rules hold for each group apart */
	bool good;         /* whole (not partial) and its last verification, if any, did not fail */
	bool verified;
	bool safety;
	const struct strlist *tags;
	/* out: */
	bool keep;
	char reason[160]; /* "daily 2026-11-21, weekly 2026-W47" or "no rule keeps it" */
};
/* Only good backups use up a rule's places (a partial one is kept while no good one of that period exists). The newest
 * good and the newest verified backup of a group are always kept. */
void retention_apply(const struct retention_policy *p, struct retention_item *items, size_t n, struct timespec now);
bool retention_is_empty(const struct retention_policy *p);

struct forget_options {
	struct retention_policy policy;
	const char *source; /* only this source's backups; NULL: all. Not with ids. */
	struct strlist ids; /* these backups (ids or prefixes) instead of a policy */
	bool dry_run;
};
struct forget_result {
	struct backup_list backups;
	struct retention_item *items; /* one a backup */
	struct id_list unreadable;    /* named ones that are no backup any more, only a damaged file */
	size_t removed, kept;         /* in a dry run `removed` is what would be */
};
void forget_result_release(struct forget_result *f);
/* A policy is refused (-ERR_REFUSED) while any backup cannot be read, and when the store's listing does not show what
 * was read; an empty one is -ERR_USAGE. Backups that are named go in any case, damaged ones too. The lock is looked at
 * before each. The repository is open with REPOSITORY_EXCLUSIVE (REPOSITORY_READ for a dry run). */
int job_forget(struct repository *r, const struct forget_options *o, struct forget_result *out,
	       struct error *e) MUST_USE;

#endif

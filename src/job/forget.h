/* Which backups to keep, and removing the others. */
#ifndef JOB_FORGET_H
#define JOB_FORGET_H

#include "job/backups.h"

#define RETENTION_SAFETY_SECONDS ((uint64_t)30 * 86400)

struct retention_policy {
	unsigned last, hourly, daily, weekly, monthly, yearly; /* 0: that rule keeps none; UINT_MAX: all */
	uint64_t within_seconds; /* keep all younger than this before the newest; 0: off */
	unsigned days;           /* keep all younger than so many days before now; 0: off */
	unsigned max; /* of what those rules keep, only the newest so many; without any of them, the same as `last`. 0:
			 no bound */
	struct strlist keep_tags;
	uint64_t safety_seconds; /* safety backups are kept so long; 0: RETENTION_SAFETY_SECONDS */
};

/* retention.c: pure, with no clock and no repository. Days, weeks (ISO 8601), months and years are those of each
 * backup's own local time zone offset. */
struct retention_item {
	struct timespec time;
	int offset_seconds;
	const char *group; /* host, sources, and the schedule that made it, as far as it matters: rules hold for each
			      group apart */
	const struct strlist *sources; /* "host\nurl" each; NULL: the group is the one source */
	bool good;                     /* whole (not partial) and its last verification, if any, did not fail */
	bool verified;
	bool safety;
	bool pinned;
	const struct strlist *tags;
	const struct retention_policy *policy; /* that of its group; NULL: it is kept, for this reason: */
	const char *held;
	/* out: */
	bool keep;
	char reason[160]; /* "daily 2026-11-21, weekly 2026-W47" or "no rule keeps it" */
};
/* Only good backups use up a rule's places (a partial one is kept while no good one of that period exists); `max`
 * counts good and other ones apart. Whatever the policies say, what is pinned is kept, and of every source its newest
 * good and its newest verified backup, in whichever group that is. One that is dated more than a day ahead of `now` was
 * made while a clock was wrong: it is kept, and neither takes a place nor is the newest. */
void retention_apply(struct retention_item *items, size_t n, struct timespec now);
/* Dated more than a day ahead: made while a clock was wrong. */
bool retention_is_ahead(struct timespec made, struct timespec now);
bool retention_is_empty(const struct retention_policy *p);

/* What a schedule's rules mean. */
struct schedule_keep;
struct retention_policy retention_of(const struct schedule_keep *k);

/* Rules for cleaning up: each for the backups of one schedule (TAG_SCHEDULE), or with NULL for those of none. Backups
 * of a schedule without a rule here, and those of other hosts and other programs, are kept: whoever made them knows
 * why. */
struct forget_rule {
	const char *schedule;
	struct retention_policy policy; /* empty: keeps everything */
};
struct forget_rules {
	const struct forget_rule *v;
	size_t n;
	const char *host; /* this machine's (backup_host()) */
};

struct forget_options {
	struct retention_policy policy;
	const struct forget_rules *rules; /* instead of the policy; or NULL */
	struct strlist sources;           /* only backups of any of these; empty: all. Not with ids. */
	const char *schedule; /* only those that this schedule made, and by rules safety backups, whose time may be
				 over; NULL: all. Not with ids. */
	struct strlist ids;   /* these backups (ids or prefixes) instead of a policy */
	bool dry_run;
};
struct forget_result {
	struct backup_list backups;   /* those that were looked at, of a source or schedule only */
	struct retention_item *items; /* one a backup */
	struct item_parts *parts;     /* what they point to */
	struct id_list unreadable;    /* named ones that are no backup any more, only a damaged file */
	size_t removed, kept;         /* in a dry run `removed` is what would be */
};
void forget_result_release(struct forget_result *f);
/* A policy is refused (-ERR_REFUSED) while any backup cannot be read, and when the store's listing does not show what
 * was read; an empty one is -ERR_USAGE. Backups that are named go in any case, damaged ones too, but not while they are
 * pinned (-ERR_REFUSED). The lock is looked at before each. The repository is open with REPOSITORY_EXCLUSIVE
 * (REPOSITORY_READ for a dry run). */
int job_forget(struct repository *r, const struct forget_options *o, struct forget_result *out,
	       struct error *e) MUST_USE;

#endif

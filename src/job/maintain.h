/* Looking after a live database: what there is, and optimize, check, repair. */
#ifndef JOB_MAINTAIN_H
#define JOB_MAINTAIN_H

#include "job/backups.h"

#define MAINTAIN_FRESH_HOURS 24

struct job_maintenance {
	const struct source_url *source;
	enum maintain_action action;
	struct strlist tables; /* empty: all */
	/* Called for each table as it is done; or NULL. */
	int (*report)(void *ctx, const struct maintain_result *r, struct error *e);
	void *ctx;
	struct progress *progress;
};
struct job_maintenance_result {
	uint64_t done, skipped, failed; /* tables; what is about the whole database counts as one */
	int64_t reclaimed;              /* bytes */
	double seconds;
};

/* -ERR_CHILD when a table failed: "2 of 14 tables failed: orders, users", with *out filled in. -ERR_MISMATCH for a source that
 * is no database. */
int job_maintain(const struct job_maintenance *j, struct job_maintenance_result *out, struct error *e) MUST_USE;
/* Repair changes what it cannot read: 0 only if the repository holds a whole backup of the source that is no older than
 * MAINTAIN_FRESH_HOURS and did not fail its verification; else -ERR_REFUSED, and the hint says how to make one. */
int job_repair_allowed(struct repository *r, const struct source_url *source, struct error *e) MUST_USE;
int job_info(const struct source_url *source, struct source_info *out, struct error *e) MUST_USE;

#endif

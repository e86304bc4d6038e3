/* What a restore will put where, known before anything is touched. */
#ifndef JOB_RESTORE_PLAN_H
#define JOB_RESTORE_PLAN_H

#include "job/restore.h"

struct restore_step {
	const struct manifest_source *source;
	const struct engine *engine;
	struct strlist paths; /* inside the source; empty: all of it */
	struct source_url target;
	bool exists;
	char *line; /* if so: what is there, for people */
};

struct restore_plan {
	struct restore_step *v;
	size_t n, cap;
};

/* -ERR_NOT_FOUND for a source, table or path that is not in the backup, -ERR_MISMATCH for a target of another kind,
 * -ERR_USAGE for what is ambiguous. */
int restore_plan_make(const struct job_restore *j, struct restore_plan *out, struct error *e) MUST_USE;
/* Appends the targets that exist. */
void restore_plan_describe(const struct job_restore *j, const struct restore_plan *p, struct restore_preview *out);
/* Appends what this step's backup of a database does not hold, though the database did: hidden from its user, or broken. */
void restore_plan_lacks(const struct restore_step *s, struct strlist *out);
void restore_plan_release(struct restore_plan *p);

#endif

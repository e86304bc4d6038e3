/* What the supervisor does with jobs beyond catalog/job.h: following them up, and letting old ones go. */
#ifndef CATALOG_JOB_CARE_H
#define CATALOG_JOB_CARE_H

#include "catalog/job.h"

/* Appends the ids of jobs that have ended and whose end nobody has followed up yet, at most `most`, in the order of their making. */
int job_unfollowed(struct catalog *c, size_t most, struct strlist *ids, struct error *e) MUST_USE;
int job_set_followed(struct catalog *c, const char *id, struct error *e) MUST_USE;
/* Take jobs that ended before `before` out of the history, their lines with them, at most `most` at a time: *removed is how many. */
int job_forget_old(struct catalog *c, struct timespec before, uint64_t most, uint64_t *removed, struct error *e) MUST_USE;

#endif

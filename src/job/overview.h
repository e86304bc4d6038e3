/* What the first page of the dashboard shows, in one piece however many sources there are. */
#ifndef JOB_OVERVIEW_H
#define JOB_OVERVIEW_H

#include "catalog/catalog.h"

#define OVERVIEW_RUNS 30

/* An object: "problems" (sentences, the worst first: status_problems()), "running" (the jobs that make backups now) and "sources": of each its
 * "name", "last_good" and the "bytes" of that backup, "overdue" and "deadline", "next_run", "proven" (the newest good backup that was
 * restored in a rehearsal; or null) and "runs", the last OVERVIEW_RUNS that have begun, the oldest first. */
int overview_json(struct catalog *c, struct timespec now, struct json_out *w, struct error *e) MUST_USE;

#endif

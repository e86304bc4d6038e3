/* The daemon's heart: starts what is due and what is queued, each in a child process, and looks after it. One tick does
 * everything there is to do at a point in time, so that tests can run years of it with a clock of their own.
 *
 * Only children talk to databases, repositories and mail servers. A child is `backstay job run ID` in a process group of
 * its own; it ends when the daemon is gone (PR_SET_PDEATHSIG), cancels its work and is told as interrupted. */
#ifndef JOB_SUPERVISOR_H
#define JOB_SUPERVISOR_H

#include "catalog/catalog.h"

struct supervisor;
struct supervisor_options {
	const char *program;              /* its own path, for children */
	int jobs;                         /* running at once; 0: 2 */
	int (*spawn)(void *ctx, const char *job, pid_t *pid, struct error *e);      /* NULL: a real child. For tests. */
	void *ctx;
};
/* Sweeps jobs whose process is gone first. The catalog stays the caller's. */
int supervisor_new(struct catalog *c, const struct supervisor_options *o, struct supervisor **out, struct error *e) MUST_USE;
/* One round at `now`: end of children, time limits, schedules due, retries, follow-ups (retention, prune at a quiet time, scan),
 * overdue and low-space alarms, notices due, queued jobs. *wait: seconds until something may be to do. Errors of single steps are
 * logged, and the rest goes on. */
void supervisor_tick(struct supervisor *s, struct timespec now, double *wait);
/* Ends at once what waits between ticks; from any thread. */
void supervisor_wake(struct supervisor *s);
/* Tick after tick until *stop; then running jobs get SIGTERM, and `grace` seconds until SIGKILL. */
void supervisor_run(struct supervisor *s, const volatile bool *stop, double grace);
void supervisor_free(struct supervisor *s);

#endif

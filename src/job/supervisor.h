/* The heart of the daemon: queued jobs become child processes, schedules become jobs, and what has ended is followed up.
 *
 * It has no clock: supervisor_tick() is told the time and does what there is to do at it, so that tests run years of it.
 * Only children talk to databases, repositories and mail servers. A child is our own program in a process group of its own,
 * which gets SIGTERM when the daemon is gone (PR_SET_PDEATHSIG), ends its work and is told as interrupted; whatever tools a
 * child that was killed leaves behind are ended too (leftover.h).
 *
 * What a job's end brings (a retry, retention, a drill, notices) and that it was followed up is one transaction, and so
 * are a schedule's run and its job: a daemon that is killed between any two steps neither forgets a step nor does one twice. */
#ifndef JOB_SUPERVISOR_H
#define JOB_SUPERVISOR_H

#include "catalog/job.h"
#include "catalog/schedule.h"

#include <sys/types.h>

struct supervisor;

/* How children are started, looked after and ended; tests have their own. */
struct supervisor_processes {
	/* `backstay WORDS...`. *output: the read end of its stderr (non-blocking), or -1. */
	int (*start)(void *ctx, const struct strlist *words, pid_t *pid, int *output, struct error *e);
	bool (*ended)(void *ctx, pid_t pid, int *status);       /* status as of waitpid() */
	void (*signal)(void *ctx, pid_t pid, int signal);       /* its whole group */
	void *ctx;
};
struct supervisor_options {
	const char *program;                                    /* its own path, for children */
	int jobs;                                               /* running at once; 0: 2 */
	double grace;                                           /* seconds between SIGTERM and SIGKILL; 0: 10 */
	const struct supervisor_processes *processes;           /* NULL: real ones */
	void (*before_round)(void *ctx, struct supervisor *s);  /* of supervisor_run(); or NULL */
	void *ctx;
};
/* Sweeps jobs whose process is gone first (job/record.h). The catalog stays the caller's. */
int supervisor_new(struct catalog *c, const struct supervisor_options *o, struct supervisor **out, struct error *e) MUST_USE;
/* One round. Schedules, retries and alarms go by `now`, which may jump; time limits and pauses by `steady`, the seconds since some
 * point, which never does. *wait: seconds until something may be to do. Errors of single steps are logged, and the rest goes on. */
void supervisor_tick(struct supervisor *s, struct timespec now, double steady, double *wait);
/* Ends at once what waits between ticks; from any thread and from signal handlers. */
void supervisor_wake(struct supervisor *s);
/* Tick after tick until *stop, which a signal handler may set before it wakes us; then running jobs get SIGTERM, and `grace`
 * seconds later SIGKILL. From the thread that lives as long as the process. */
void supervisor_run(struct supervisor *s, const volatile bool *stop);
void supervisor_set(struct supervisor *s, int jobs, double grace);      /* as in its options; between ticks */
void supervisor_free(struct supervisor *s);                     /* NULL is legal */

/* ---- without a daemon: `schedule run`, for cron and systemd timers ---- */

struct supervisor_due {
	int64_t id;                     /* only this schedule; 0: all that are enabled */
	bool force;                     /* as if they were due now, also a disabled one that is named by id */
	bool dry_run;                   /* only tell */
	struct progress *progress;      /* cancels; or NULL */
	/* Told once for each job: as it will be (dry_run, state queued), else as it has ended. */
	void (*job)(void *ctx, const struct job_record *j);
	/* Told for each schedule that is due and yet not run, and why: "its last run still goes on (job 1a2b...)". Or NULL. */
	void (*left_out)(void *ctx, const struct schedule_record *s, const char *why);
	void *ctx;
};
/* Run in children of this process, one after the other, what is due now: schedules, retries whose time has come, follow-ups of
 * what was run, and notices at last. With `id` only jobs of that schedule. When a daemon runs on this catalog, it alone runs
 * jobs: they are queued for it and waited for. -ERR_CHILD "1 of 3 jobs failed: backup shop"; -ERR_NOT_FOUND for an id that is none. */
int supervisor_run_due(struct catalog *c, const struct supervisor_options *o, const struct supervisor_due *d, struct error *e) MUST_USE;

/* ---- one daemon a state folder ---- */

/* The lock of the daemon, <state>/daemon.lock, held by *fd for as long as the process lives: -ERR_LOCKED "a daemon is running with /var/lib/backstay
 * already (process 1234)". */
int supervisor_lock(const char *state_dir, int *fd, struct error *e) MUST_USE;
/* The process of the daemon that holds it; 0: none runs. */
pid_t supervisor_daemon(const char *state_dir);

#endif

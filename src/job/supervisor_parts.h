/* Inside the supervisor: what its files share. Each step logs what fails in it and leaves it for the next round. */
#ifndef JOB_SUPERVISOR_PARTS_H
#define JOB_SUPERVISOR_PARTS_H

#include "base/buf.h"
#include "base/log.h"
#include "job/supervisor.h"

#define SUPERVISOR_PRUNE "prune:"               /* and the repository's name: a mark (catalog/alarm.h) that it has something to prune */
#define SUPERVISOR_TAIL ((size_t)4096)          /* so much of what a child said is kept */

enum child_kind { CHILD_JOB, CHILD_DELIVER, CHILD_SCAN };
struct child {
	enum child_kind kind;
	pid_t pid;
	int output;                     /* -1: closed */
	int end;                        /* a pidfd, which is readable once it has ended; -1: none */
	bool ended;
	int status;                     /* as of waitpid() */
	struct buf said;                /* the last of its stderr */
	size_t passed;                  /* so much of `said` is in our log already */
	struct job_record job;          /* as it was when it began */
	double began, asked;            /* steady; when it was asked to end, and why: */
	enum { ASKED_NOT, ASKED_CANCEL, ASKED_TIME, ASKED_STOP } why;
};

/* A queued job that could not begin yet, because a command line works on its source: when to try again. */
struct held_back { char id[JOB_ID_LEN + 1]; double until, pause; };

struct supervisor {
	struct catalog *c;
	char *program;
	int jobs;
	double grace;
	struct supervisor_processes processes;
	int wake;                       /* an eventfd */
	struct child *children;
	size_t child_count, child_cap;
	struct held_back *held;
	size_t held_count, held_cap;
	struct timespec now;            /* of this round */
	double steady;
	double next_sweep, next_alarm, next_scan, next_deliver, next_care;      /* steady */
	int64_t next_due;               /* UTC seconds: the earliest run of a schedule; INT64_MAX: none */
	char *trouble;                  /* what was logged last of what failed, and when */
	double trouble_at;
	size_t ready;                   /* queued jobs that could begin, but for others, at the end of the round */
	void (*before_round)(void *ctx, struct supervisor *s);
	void *ctx;
	/* of supervisor_run_due(), else 0 and NULL */
	int64_t only;                   /* jobs of this schedule; 0: all */
	struct strlist *mine;           /* ids of jobs that we queued or started */
	struct error *failed;           /* the first thing that failed */
	const struct supervisor_due *once;
};

/* Log what failed at a step, unless rc is 0; the same again only after a minute. */
void supervisor_trouble(struct supervisor *s, int rc, const char *area, const struct error *e);
/* Add it to the queue, and say so in the log. */
int supervisor_queue(struct supervisor *s, struct job_record *j, struct error *e) MUST_USE;

/* Until something happens, or so long; whether it did. What woke us is never seen as the end of the time: it would be waited for once more. */
bool supervisor_wait(struct supervisor *s, double seconds);
/* All children get SIGTERM, later SIGKILL; until they have ended. */
void supervisor_run_down(struct supervisor *s);

/* ---- supervisor_process.c: real processes ---- */
void supervisor_process_init(struct supervisor_processes *p, const char *program);

/* ---- supervisor_children.c ---- */
int supervisor_child_start(struct supervisor *s, enum child_kind kind, struct job_record *job, const struct strlist *words, struct error *e) MUST_USE;
bool supervisor_child_runs(const struct supervisor *s, enum child_kind kind);
size_t supervisor_child_jobs(const struct supervisor *s);
void supervisor_child_output(struct supervisor *s);             /* what they said goes to the log */
void supervisor_child_reap(struct supervisor *s);               /* those that have ended: their records, and they go */
void supervisor_child_watch(struct supervisor *s);              /* cancelled ones, time limits */
void supervisor_child_stop_all(struct supervisor *s);           /* SIGTERM to all of them */
void supervisor_child_release(struct child *c);

/* ---- the other steps ---- */
void supervisor_start(struct supervisor *s, struct timespec *next);     /* queued jobs that may begin; *next: when one will that waits for its time */
void supervisor_hold_back(struct supervisor *s, const char *job);
void supervisor_due(struct supervisor *s);
void supervisor_follow(struct supervisor *s);
void supervisor_quiet(struct supervisor *s);                    /* prune where something was removed, when nothing else is to do */
void supervisor_alarm(struct supervisor *s);
void supervisor_care(struct supervisor *s);                     /* the sweep, repositories to scan, old history */
void supervisor_sweep(struct supervisor *s);
/* Starts the child that sends what is due; *wait becomes no longer than until there is something to send. */
void supervisor_deliver(struct supervisor *s, double *wait);
void supervisor_delivered(struct supervisor *s);               /* that child has ended well */

#endif

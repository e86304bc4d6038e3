/* A world for the supervisor: a catalog, a clock that tests turn, and processes that are only told of. A job that "runs" takes
 * as long as the test says and ends as it says; its record is written as the process itself would. Include the cmocka preamble
 * first. */
#ifndef TESTS_UNIT_JOB_SUPERVISOR_SUPPORT_H
#define TESTS_UNIT_JOB_SUPERVISOR_SUPPORT_H

#include "support.h"

#include "catalog/known.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "job/schedule.h"
#include "job/supervisor.h"

#define HOUR 3600
#define DAY 86400
#define BEGINNING 1795824000            /* 2026-11-28 00:00 UTC */
#define PROCESSES 64

/* What becomes of a process. */
struct fate {
	double seconds;
	enum job_state state;           /* as it writes itself; JOB_RUNNING: it dies without having written anything */
	enum err_kind kind;             /* of a failed one */
	int status;                     /* of one that dies: as of waitpid() */
	bool stubborn;                  /* SIGTERM does not end it */
	const char *result;             /* its document; or NULL */
};

struct process {
	pid_t pid;
	char job[JOB_ID_LEN + 1];       /* "": a chore */
	char words[200];
	double ends;                    /* steady */
	struct fate fate;
	int term, kill;                 /* signals it got */
	bool gone;
	int lock;                       /* of its job: it lives */
};

struct world {
	struct catalog *c;
	struct supervisor *s;
	struct timespec now;
	double steady, wait;
	struct process v[PROCESSES];    /* those that run */
	size_t n;
	size_t started, most;           /* how many there were; jobs at once */
	char last[200];                 /* words of the last one that was started */
	struct fate (*fate)(struct world *w, const struct job_record *j);
	void (*done)(struct world *w, const struct job_record *j);      /* after a job has ended as it was to */
	uint64_t backups;
	int64_t place;
	struct strlist events;          /* "2026-11-28 02:00 backup shop: success", as they end, when `telling` */
	bool telling;
	bool deaf;                      /* `notice deliver` sends nothing */
};
extern struct world world;

int world_enter(void **state);
int world_leave(void **state);
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_enter, world_leave)

/* A new supervisor on the same catalog, as after a crash: whatever ran is gone with the old one. */
void world_restart(int jobs);
/* One round now. */
void world_round(void);
/* Rounds until this time, each when the one before it said. */
void world_until(int64_t time);
void world_jump(int64_t seconds);       /* the wall clock alone */

struct fate fate_good(struct world *w, const struct job_record *j);

int64_t add_source(const char *name);
/* A daily backup of `source` (NULL: all) at this hour, UTC; `change` may be NULL. */
int64_t add_daily(const char *name, const char *source, int hour, void (*change)(struct schedule_record *s));
/* A queued job of that kind, about that source; returns its id, valid for a few calls. */
const char *add_job(const char *kind, const char *source);
/* A notice for everything. */
void add_notice(void);

struct job_record job_of(const char *id);       /* the caller's to release */
const char *state_of(const char *id);
const char *error_of(const char *id);           /* valid for a few calls */
/* Titles of the jobs that a filter by state and kind (NULL: any) finds, oldest first, with ", " between; valid for a few calls. */
const char *titles(const char *state, const char *kind);
size_t count_jobs(const char *state, const char *kind);
/* Titles of messages in the outbox, oldest first. */
const char *told(void);

#endif

/* How things stand, from the catalog: for /health, for /metrics and for people. */
#ifndef JOB_STATUS_H
#define JOB_STATUS_H

#include "base/buf.h"
#include "catalog/job.h"

struct status_source {
	char *name;
	struct timespec last_good;      /* newest whole backup; zero: none */
	uint64_t bytes;                 /* of it */
	struct timespec since;          /* it was configured */
	struct timespec deadline;       /* for the next one; zero: none */
	bool overdue;
	struct timespec next_run;       /* of a schedule that backs it up; zero: nothing is scheduled */
};
struct status_place {
	char *name;
	uint64_t bytes, bytes_free;     /* as of the last scan */
	uint64_t low_space_limit;       /* 0: none */
	bool low_space, check_failed;
};
struct status_schedule {
	char *name;
	bool enabled;
	struct timespec next_run, last_run;     /* zero: never */
};
struct status {
	struct timespec now, daemon_started;    /* zero: no daemon of this process */
	uint64_t jobs[JOB_STATES];      /* in the history, by state */
	uint64_t notices_waiting, notices_failed;
	struct strlist notice_problems; /* notify_problems() */
	struct status_source *sources;
	struct status_place *places;
	struct status_schedule *schedules;
	size_t source_count, place_count, schedule_count;
};
void status_release(struct status *s);
int status_load(struct catalog *c, struct timespec now, struct status *out, struct error *e) MUST_USE;
/* The daemon says when it began; daemon_started of later loads in this process. */
void status_daemon_started(struct timespec t);

/* "no good backup of shop for 31 h". Heap. */
char *status_overdue(const struct status_source *s, struct timespec now);
/* Sentences about what somebody should look at, the worst first: "no good backup of shop for 31 h", "repository main is damaged". Appends. */
void status_problems(const struct status *s, struct strlist *out);
/* {"status": "ok" | "warning", "version", "uptime_seconds"}; with `details` also "problems", "queued", "running", and of each
 * source "last_good" and whether it is "overdue". An object. */
void status_health_json(const struct status *s, bool details, struct json_out *w);
/* Prometheus' text format 0.0.4. */
void status_metrics(const struct status *s, struct buf *out);

#endif

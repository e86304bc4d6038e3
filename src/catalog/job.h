/* Jobs: one execution of anything, by the daemon or on a command line.
 *
 * A job is a command line that is kept: `words` are the arguments of backstay ("backup", "shop", "--name", "nightly"),
 * which its process runs in itself. Words may hold URLs with passwords and are sealed at rest; what people see is
 * `title`. A job that is queued waits for the daemon; one that a command line runs begins as running. While it runs, its
 * process holds a lock (flock) on <state>/jobs/<id>.lock, whatever becomes of process ids: who can take that lock of a
 * running job knows that its process is gone, and marks it interrupted. */
#ifndef CATALOG_JOB_H
#define CATALOG_JOB_H

#include "catalog/catalog.h"

#define JOB_ID_LEN 16

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_SUCCESS, JOB_FAILED, JOB_CANCELLED, JOB_INTERRUPTED, JOB_STATES };
const char *job_state_name(enum job_state s);              /* "queued", "running", "success", ... */
bool job_state_parse(const char *text, enum job_state *out);

struct job_record {
	char id[JOB_ID_LEN + 1];
	char *kind;                   /* the command: "backup", "restore", "verify", "export", "cleanup", "prune", "check", "optimize", "check-tables", "repair" */
	enum job_state state;
	bool partial;                 /* success, but some of the source could not be read */
	char *title;                  /* "backup shop": its words without options that hold secrets */
	struct strlist words;         /* sealed; empty for a job of a command line */
	struct strlist sources;       /* what it is about: names of configured sources, else shown URLs */
	struct strlist locks;         /* "source:<identity>": no two running jobs share one (job_start) */
	char *repository;             /* name or location; or NULL */
	int64_t schedule;             /* 0: none */
	char *author;                 /* "schedule nightly", "maria", "root on the command line", "token ci" */
	char *notes;                  /* of a person; or NULL */
	int attempt, attempts;        /* 1 of 1; a retry is a job of its own with attempt + 1 and the id of the first: */
	char *retry_of;               /* or NULL */
	char *undo_of, *backup;       /* hex ids: the backup made, restored, verified, exported; or NULL */
	struct timespec created, not_before, started, ended;      /* zero: not yet */
	uint64_t time_limit;          /* seconds; 0: none */
	bool cancel;                  /* somebody asked for its end */
	/* progress, as of `beat` */
	char *phase, *unit;           /* or NULL */
	struct timespec phase_began;  /* job_beat() sees to it */
	uint64_t bytes_done, bytes_total, items_done, items_total;
	struct timespec beat;
	int pid;                      /* for people; 0 before it runs */
	/* the end */
	char *error_kind, *error, *hint;      /* or NULL */
	uint64_t size, added, rows, files;    /* of a backup: bytes of the sources, bytes added, rows, files */
	char *result;                 /* the command's JSON document (docs/json.md), at most JOB_RESULT_MAX bytes; or NULL */
};
#define JOB_RESULT_MAX ((size_t)1 << 20)
void job_record_release(struct job_record *j);
struct job_list { struct job_record *v; size_t n, cap; };
void job_list_release(struct job_list *l);

struct job_filter {
	struct strlist states, kinds;     /* names; empty: all */
	const char *source;               /* name or shown URL; NULL: all */
	const char *repository;
	const char *author;
	int64_t schedule;                 /* 0: all */
	struct timespec after, before;    /* created within; zero: open */
	const char *text;                 /* within title, error or notes; NULL: any */
	bool oldest_first;                /* else newest first */
};

/* Queued, or (words empty) running at once by the process `pid`; then -ERR_LOCKED as job_start(). Sets id, created, state and started. */
int job_add(struct catalog *c, struct job_record *j, struct error *e) MUST_USE;
int job_get(struct catalog *c, const char *id, struct job_record *out, struct error *e) MUST_USE;     /* or a unique prefix of 4 */
/* Newest first. Lists leave `words` and `result` empty. *total (may be NULL) is how many there are beyond the page. */
int job_list_some(struct catalog *c, const struct job_filter *f, const struct catalog_page *p, struct job_list *out, uint64_t *total, struct error *e) MUST_USE;
/* Take it from queued to running, in one transaction: -ERR_LOCKED "backup shop is running since 2026-11-28 02:00:00 (job 1a2b...)" while a running job
 * holds one of its locks; -ERR_NOT_FOUND when it is not queued any more. `pid` is its process. j becomes what the catalog has. */
int job_start(struct catalog *c, struct job_record *j, int pid, struct error *e) MUST_USE;
/* What a running job is about, known only now: title, sources, locks and repository as they are in *j. -ERR_LOCKED as job_start(), and then nothing is changed. */
int job_about(struct catalog *c, const struct job_record *j, struct error *e) MUST_USE;
/* At most twice a second: phase, figures; `beat` is now. *cancel: whether somebody asked for its end meanwhile. */
int job_beat(struct catalog *c, const struct job_record *j, bool *cancel, struct error *e) MUST_USE;
/* State, partial, undo_of, backup, figures, error, result (a line of the log says so when it is larger than JOB_RESULT_MAX and so is not
 * kept), ended (now when it is zero). Only from running (or queued, when it could not be started): a job that has ended stays
 * as it is, and that is no error. */
int job_end(struct catalog *c, const struct job_record *j, struct error *e) MUST_USE;
/* A queued one is cancelled at once; -ERR_REFUSED when it has ended. */
int job_ask_cancel(struct catalog *c, const char *id, struct error *e) MUST_USE;
int job_set_notes(struct catalog *c, const char *id, const char *notes, struct error *e) MUST_USE;

/* Log lines: kept for people, in order, numbered from 1; at most JOB_LOG_MAX a job: then those in the middle go, and a line that is read
 * in their place (with the number of the last of them) says how many. A text is cut at JOB_LINE_MAX bytes. */
#define JOB_LOG_MAX 5000
#define JOB_LINE_MAX 4096
struct job_line { uint64_t n; struct timespec time; int level; char *text; };   /* level: base/log.h */
struct job_lines { struct job_line *v; size_t n, cap; };
void job_lines_release(struct job_lines *l);
int job_log(struct catalog *c, const char *id, int level, const char *text, struct error *e) MUST_USE;
int job_log_read(struct catalog *c, const char *id, uint64_t after, struct job_lines *out, struct error *e) MUST_USE;    /* lines with n > after */

void job_json(const struct job_record *j, struct json_out *w);     /* no words; "progress": {...} while running, "seconds_left" when it can be told */

#endif

/* A running job's record: what a command line or a job of the daemon does is kept in the catalog, with its progress, its
 * log lines and its end. A catalog that cannot be written never stops the work: it is told once, in *warning. */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H

#include "base/progress.h"
#include "catalog/job.h"

struct recorder;

/* Begin. `j` has kind, title, sources, locks, repository, author; words are empty for a command line. When BACKSTAY_JOB is set by
 * `job run`, its job is continued instead of a new one begun. Takes the lock file, starts a thread that writes `p` to the catalog twice a
 * second and sets p->cancel when somebody asks for its end or the time limit is over. -ERR_LOCKED when another job holds one of j's locks (waited for
 * `wait_seconds`, woken by p->cancel). With no state folder, or a catalog that fails, *out is NULL and 0 is returned. */
int recorder_begin(struct job_record *j, struct progress *p, double wait_seconds, struct recorder **out, char **warning, struct error *e) MUST_USE;
/* A line for its log. r may be NULL in all of these. */
void recorder_log(struct recorder *r, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Figures for its end: any of the fields of the end of struct job_record may be set. */
struct job_record *recorder_job(struct recorder *r);
/* State from rc and e (0: success; -ERR_PARTIAL: success, partial; -ERR_CANCELLED: cancelled; else failed). Frees. */
void recorder_end(struct recorder *r, int rc, const struct error *e);

/* Jobs that are "running" but whose process is gone become interrupted; returns how many through *n. What they left (drafts, uploads,
 * download files of theirs) is removed. At the start of the daemon, and before a list is shown. */
int record_sweep(struct catalog *c, uint64_t *n, struct error *e) MUST_USE;
/* The catalog of this machine: the state folder's (job/password.h). -ERR_NOT_FOUND when there is no state folder and not `make`. */
int record_catalog(bool make, struct catalog **out, struct error *e) MUST_USE;
/* Bring the catalog's list of backups up to date with an open repository, completely (a listing that fails changes nothing). */
struct repository;
int record_scan(struct catalog *c, struct repository *r, struct progress *p, struct error *e) MUST_USE;

#endif

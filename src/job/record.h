/* A running job's record: what a command line or a job of the daemon does is kept in the catalog, with its progress, its
 * log lines and its end. A catalog that cannot be written never stops the work: that is told once, in *warning.
 *
 * While a job runs, its process holds <state>/jobs/<id>.lock (flock; not handed on to children). Whoever can take that lock of a job
 * that is "running" knows that its process is gone. The file also says, a line of JSON each, which drafts (base/draft.h) the job has made, so that they can
 * be removed then. Everything the process starts has BACKSTAY_JOB=<id> in its environment (leftover.h). */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H

#include "base/progress.h"
#include "catalog/job.h"

struct recorder;

/* Begin. With j->id set, that job, which is queued, is continued: -ERR_LOCKED while another running job holds one of its locks, or another process runs it, -ERR_NOT_FOUND when
 * it is not queued any more; *j becomes what the catalog has. Else a new one is begun: j has kind, title, author. Starts a thread that writes `p` to the catalog twice a
 * second and sets p->cancel when somebody asks for its end or its time limit is over; what belongs to *j stays the caller's. A new job with no state folder, or
 * with a catalog that fails, has *out NULL, and 0 is returned. *warning: heap or NULL. */
int recorder_begin(struct job_record *j, struct progress *p, struct recorder **out, char **warning, struct error *e) MUST_USE;
/* r may be NULL in all of these. */
/* What it is about, known only now: each of these is added to (title, repository: replaces) what the record has, unless NULL or empty.
 * -ERR_LOCKED "backup shop is running since ... (job 1a2b...)" while another running job holds one of the locks, after having waited for it
 * `wait_seconds` long (-ERR_CANCELLED when p->cancel is set meanwhile). Nothing else is an error. */
struct recorder_about {
	const char *title, *repository;
	struct strlist sources, locks;
};
int recorder_about(struct recorder *r, const struct recorder_about *a, double wait_seconds, struct error *e) MUST_USE;
/* A line for its log, as base/log.h has levels; any thread. */
void recorder_log(struct recorder *r, int level, const char *text);
/* Its id; NULL without a recorder. */
const char *recorder_id(const struct recorder *r);
/* State from rc and e: 0 success; -ERR_PARTIAL success, partial; -ERR_CANCELLED cancelled, or failed when it was the time limit, or interrupted when
 * nobody had asked for the end of a job of the daemon (which is going down then); else failed. The fields of the end of `figures` (undo_of, backup, size, added, rows, files, result) are
 * kept with it. Frees r. *warning (heap or NULL): what could not be kept. */
void recorder_end(struct recorder *r, int rc, const struct error *e, const struct job_record *figures, char **warning);

/* Jobs that are "running" but whose process is gone become interrupted (cancelled, if that was asked for); *n (may be NULL) is how many. What they left is removed: their tools, their drafts, and
 * files named in their words that lie in <state>/uploads or <state>/exports. At the start of the daemon, and before a list is shown. */
int record_sweep(struct catalog *c, uint64_t *n, struct error *e) MUST_USE;
/* The same for one job, running or queued, by who knows that its process is gone and how it ended: so its record ends, if it has not. What it had
 * done is added to the error of an interrupted one. */
struct record_loss {
	enum job_state state;
	const char *kind, *error, *hint;        /* hint: or NULL */
};
int record_lost(struct catalog *c, const char *id, const struct record_loss *how, struct error *e) MUST_USE;
/* Files named in the words of a job that lie in <state>/uploads: what was sent for it alone, and is of no use once it has ended. */
void record_remove_uploads(struct catalog *c, const struct job_record *j);
/* The catalog of this machine: the state folder's (job/password.h). -ERR_NOT_FOUND when there is no state folder and not `make`. */
int record_catalog(bool make, struct catalog **out, struct error *e) MUST_USE;

/* record_known.c: the catalog's list of the backups in an open repository, which becomes a place of the catalog if it is none yet (place_remember()). A listing that fails
 * changes nothing. */
struct repository;
struct backup;
enum record_scanning {
	RECORD_NEW = 0,            /* read what is not known yet, drop what is gone; what is new has added to the size */
	RECORD_ALL = 1 << 0,       /* read everything again */
	RECORD_SIZES = 1 << 1,     /* and add up the sizes of the repository's files */
};
int record_scan(struct catalog *c, struct repository *r, unsigned how, struct progress *p, struct error *e) MUST_USE;
/* Those whose evidence has changed. */
int record_verified(struct catalog *c, struct repository *r, const struct backup *backups, size_t n, struct error *e) MUST_USE;
/* What `check` found: damage or none. */
int record_checked(struct catalog *c, struct repository *r, bool damaged, struct error *e) MUST_USE;

#endif

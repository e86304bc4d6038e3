/* Jobs before they are any: one function a kind, which makes a job's command line (`words`), title, sources, locks and
 * repository from typed arguments. Schedules and the REST API ask for work by these and by nothing else.
 *
 * A source is a configured name or what the command line takes, a URL or a path. A repository is a configured name, a
 * location, or NULL: the one the sources name, else the default one, else (none is configured) the usual place. Lists
 * may be NULL, which is empty. *out is overwritten; author, schedule, notes, times and attempts are the caller's to set
 * before job_add(). Errors: -ERR_USAGE for what makes no sense, what source_url_parse() says of a URL, and the catalog's;
 * *out is zeroed then. Nothing is looked at but the catalog: whether a backup or table is there, the job finds out. */
#ifndef JOB_REQUEST_H
#define JOB_REQUEST_H

#include "catalog/job.h"
#include "catalog/schedule.h"
#include "engine/url.h"

struct request_backup {
	const struct strlist *sources;          /* at least one, all of one repository */
	const char *repository, *name, *description, *compression;      /* or NULL */
	const char *schedule;                   /* by whose rules it is kept; or NULL */
	const struct strlist *tags, *exclude;
	bool include_logs, force;
};
int request_backup(struct catalog *c, const struct request_backup *r, struct job_record *out, struct error *e) MUST_USE;

struct request_restore {
	const char *what;                       /* a backup (id, "latest", "latest:SOURCE"), or a file's path */
	const char *repository, *to;            /* to: source, URL or path; NULL: where it came from */
	const char *database;                   /* into this one on the target's server; NULL: the target's own */
	const char *name;                       /* of a file: what it is called; or NULL */
	const char *only, *mode;                /* "database", "files"; "overwrite", "preserve"; or NULL */
	const struct strlist *sources, *tables, *paths;
	bool no_safety;
};
int request_restore(struct catalog *c, const struct request_restore *r, struct job_record *out, struct error *e) MUST_USE;
/* Undo the restore of a job, or (which NULL) the last one. */
int request_undo(struct catalog *c, const char *repository, const char *which, struct job_record *out, struct error *e) MUST_USE;

/* `backups` empty: all of them, and every byte of the repository. level 0: the usual one. */
int request_verify(struct catalog *c, const char *repository, const struct strlist *backups, int level,
		   struct job_record *out, struct error *e) MUST_USE;

struct request_export {
	const char *what;                       /* a backup, or with `live` a source */
	const char *repository, *source, *path, *format, *output;     /* repository, source, path: or NULL */
	const struct strlist *tables;
	bool live, force;
};
int request_export(struct catalog *c, const struct request_export *r, struct job_record *out, struct error *e) MUST_USE;

/* Retention: by a schedule's rules (its name), else by those of the settings, with `days` instead when it is not 0.
 * `source` NULL: all sources. */
struct request_cleanup {
	const char *repository, *schedule, *source;
	uint64_t days;
	bool dry_run, force;
};
int request_cleanup(struct catalog *c, const struct request_cleanup *r, struct job_record *out, struct error *e) MUST_USE;
/* These backups go, whatever any rule says. */
int request_forget(struct catalog *c, const char *repository, const struct strlist *backups, struct job_record *out, struct error *e) MUST_USE;
/* Keep a backup whatever any rule says, or no more. */
int request_pin(struct catalog *c, const char *repository, const char *backup, bool pin, struct job_record *out, struct error *e) MUST_USE;
int request_prune(struct catalog *c, const char *repository, struct job_record *out, struct error *e) MUST_USE;
int request_check(struct catalog *c, const char *repository, bool read_data, bool repair_index, struct job_record *out, struct error *e) MUST_USE;

/* kind: "optimize", "check-tables" or "repair", which alone knows `force` (without a fresh backup). */
int request_maintain(struct catalog *c, const char *kind, const char *source, const struct strlist *tables, bool force,
		     struct job_record *out, struct error *e) MUST_USE;

/* What a schedule does at its run that is due at `due`: appends a job for each of its repositories (backup, check, verify,
 * cleanup) or sources (optimize, check-tables, export), with schedule, author, time limit and attempts set. A schedule without any
 * source left to work on appends none. */
int request_schedule(struct catalog *c, const struct schedule_record *s, int64_t due, struct job_list *out, struct error *e) MUST_USE;

/* The repository that a source's backups go to (s NULL: that of no source): its own, else the default one; NULL: none is configured. Heap. */
struct source_record;
int request_repository(struct catalog *c, const struct source_record *s, char **out, struct error *e) MUST_USE;
/* The lock that keeps two jobs off one source: "source:" and its identity. Heap. NULL when that is less than the source is: a program's name without its arguments. */
char *request_lock(const struct source_url *u);
/* Whether a job of this kind needs its repository for itself: cleanup, forget, prune. */
bool request_is_exclusive(const char *kind);

#endif

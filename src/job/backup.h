/* Making a backup. */
#ifndef JOB_BACKUP_H
#define JOB_BACKUP_H

#include "job/backups.h"
#include "repo/archive.h"

/* A new job's id: 16 hex digits, heap string. */
char *job_new_id(void);
/* This machine's name, as backups have it: BACKSTAY_HOST (for containers, whose names change), else the host's. Heap. */
char *backup_host(void);

struct job_backup {
	const struct source_url *sources;
	size_t source_count;
	const char *name, *description; /* or NULL */
	const struct strlist *tags;     /* or NULL */
	const char *schedule;           /* that makes it: its name; or NULL */
	struct backup_options options;
	const struct backup_options *source_options; /* one a source, instead of `options`; or NULL */
	int level;                 /* zstd level; 0 off; -1 default */
	int threads;               /* 0: one a CPU, at most 2, which keeps the memory below 96 MiB */
	const char *job;           /* its job's id; NULL: one is made up */
	const char *safety_target; /* a safety backup for this target URL; or NULL */
	const char *undo_of;       /* hex id of the safety backup being undone; or NULL */
	struct progress *progress;
};

struct job_backup_result {
	struct backup backup; /* as listed */
	struct archive_stats stats;
	double seconds;
	uint64_t skipped; /* over all sources */
};
void job_backup_result_release(struct job_backup_result *r);

/* All sources into one snapshot. A source that fails makes the whole backup fail and nothing is listed: -kind, "backing
 * up sqlite:/srv/app.db: ...". Entries of a folder that could not be read are counted: the backup is kept, tagged
 * partial, and the result is -ERR_PARTIAL with *out filled. The repository is open with REPOSITORY_WRITE.
 *
 * A source has the name it had in the backup before this one (the newest of ours on this host that shares most paths);
 * a new one has its own, with a number behind it when that is taken. */
int job_backup(struct repository *r, const struct job_backup *j, struct job_backup_result *out,
	       struct error *e) MUST_USE;
/* An outside file (engine/unpack.h) as a backup, tagged imported, that is called `name` (NULL: as the file). `target` is where it is to be restored to, as the user named it
 * (NULL: nowhere yet): a file that cannot go there is refused before anything is stored. */
int job_import(struct repository *r, const char *path, const char *name, const char *target, struct progress *p,
	       struct job_backup_result *out, struct error *e) MUST_USE;

#endif

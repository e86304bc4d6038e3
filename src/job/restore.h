/* Getting data back, the same way for every engine: ARCHITECTURE.md, "How a restore goes". */
#ifndef JOB_RESTORE_H
#define JOB_RESTORE_H

#include "job/backup.h"

enum restore_only { ONLY_ALL, ONLY_DATABASE, ONLY_FILES };

/* Asks a person; 0 to go on. */
typedef int (*restore_confirm_fn)(void *ctx, const char *question, struct error *e);

struct job_restore {
	const struct backup *backup;
	/* URL or path; NULL: where each source came from. With several sources a folder that receives each under its
	 * name. */
	const char *to;
	const char *database;        /* where each source came from, but a database of this name on that server; NULL: its own */
	/* Empty: all. A path is one of the backup's ("media/2026", as `backstay ls` shows it) or one inside a source
	 * ("2026"). A table or path that more than one source has needs `sources`. */
	struct strlist tables, paths, sources;
	enum restore_only only;
	enum restore_mode mode;
	bool no_safety;      /* skip the safety backup (asked for explicitly) */
	const char *job;     /* its job's id; NULL: one is made up */
	const char *undo_of; /* set by job_undo(): hex id of the safety backup brought back; else NULL */
	struct progress *progress;
	/* Told each target (whether it `exists` already), before anybody is asked and anything is touched; other than 0 ends the restore. NULL: go on. */
	int (*target)(void *ctx, const struct source_url *target, bool exists, struct error *e);
	/* Asked once before anything that exists is replaced, with a sentence for people. NULL: go on. */
	restore_confirm_fn confirm;
	void *ctx;
};

struct job_restored { /* one per source */
	char *source, *target;
	struct restore_result result;
};
struct job_restore_result {
	struct job_restored *v; /* in the order they were restored: what lies in another comes after it */
	size_t n;
	char *undone;          /* of job_undo(): the job of the restore that was undone; else NULL */
	struct strlist safety; /* ids (hex) of the safety backups made; empty: nothing was replaced */
	double seconds;
};
void job_restore_result_release(struct job_restore_result *r);

/* Repository open with REPOSITORY_WRITE. Everything that can be told beforehand (kinds, names, targets) is looked at
 * before anything is touched. On failure every target is as it was; when several sources are restored and a later one
 * fails, those already replaced are brought back from their safety backups, and the error says so, and what stays: what
 * was new, and what was replaced without a safety backup. A safety backup whose restore failed no longer counts for
 * undo. */
int job_restore(struct repository *r, const struct job_restore *j, struct job_restore_result *out,
		struct error *e) MUST_USE;

/* Bring back what the last restore replaced: `which` is the id of a safety backup or of the restore's job, or NULL for
 * the newest restore of this machine not undone yet. The state before the undo is kept as a backup too (tagged with what it undid), so
 * nothing is ever lost; undoing again goes one restore further back. A safety backup is marked as spent only once what
 * it holds is in its place, so that an undo that was cut off is simply done again. Of `how` the job, the progress, `target`,
 * `confirm` and `ctx` count. */
int job_undo(struct repository *r, const char *which, const struct job_restore *how, struct job_restore_result *out,
	     struct error *e) MUST_USE;

/* What a restore or an undo would replace, for confirmation and dry runs. Both lists have an element for each target that exists. */
struct restore_preview {
	struct strlist targets; /* as URLs are shown: "sqlite:/srv/app.db" */
	struct strlist lines;   /* for people: "/srv/app.db: 12.1 MiB, changed 5 min ago", "sqlite:/srv/app.db as it was at 2026-11-21 07:14:05" */
};
void restore_preview_release(struct restore_preview *p);
/* What lies at a target now: whether anything does, and then a line for people (heap). target->progress counts. */
int restore_target_look(const struct source_url *target, bool *there, char **line, struct error *e) MUST_USE;
int job_restore_preview(struct repository *r, const struct job_restore *j, struct restore_preview *out, struct error *e) MUST_USE;
/* Of job_undo() with the same `which`. */
int job_undo_preview(struct repository *r, const char *which, struct restore_preview *out, struct error *e) MUST_USE;

#endif

/* Proving that a backup restores, and keeping the evidence. */
#ifndef JOB_VERIFY_H
#define JOB_VERIFY_H

#include "job/backups.h"
#include "repo/check.h"

struct verify_result {
	struct id backup;
	enum verify_level wanted, reached; /* reached is LEVEL_NONE when V1 failed */
	bool ok;                           /* everything up to `wanted` (or the highest this program knows for its
					      engines) held */
	struct strlist evidence;           /* "every byte read back and hashed (12 packs, 34.5 MiB)", "integrity_check
					      ok", "app.db restored to a scratch database: 3 tables, 1,204 rows" */
	struct strlist problems;
};
void verify_result_release(struct verify_result *v);

/* V1 every byte read back and hashed; V2 structure; V3 restored into a private scratch place, which is removed; V4 rows
 * and hashes there equal the manifest and the stored copy. `whole_repository`: V1 covers every file of the repository
 * (verify --all), with what each problem hurts in `report` (zeroed, the caller's; may be NULL). Results for `n` backups
 * in *out, also after an error. -ERR_VERIFY when any failed. Without a lock, damage is what is found twice: somebody may
 * be pruning. Evidence is kept. Loads the index anew: nothing of the
 * repository may be open. */
int job_verify(struct repository *r, const struct backup *backups, size_t n, enum verify_level level,
	       bool whole_repository, struct progress *p, struct verify_result **out, struct check_report *report,
	       struct error *e) MUST_USE;

/* evidence.c: one small file a backup in the state folder: whose it is, level, time, lines. One that is missing,
 * unreadable or another backup's is simply "not verified". It goes by the first id that a backup had and by its tree, so that
 * it outlives a change of tags, and not one of content. */
void evidence_load(const char *repository_id, struct backup *b);
int evidence_save(const char *repository_id, const struct snapshot *s, const struct verify_result *v, struct error *e) MUST_USE;
/* What the last verification said, a line each (its problems, when it failed): appended. Nothing when there was none. */
void evidence_lines(const char *repository_id, const struct snapshot *s, struct strlist *lines);
void evidence_drop(const char *repository_id, const struct snapshot *s);

#endif

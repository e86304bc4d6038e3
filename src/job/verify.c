/* Proving that backups restore: bytes, structure, a rehearsal, a comparison. */
#include "job/verify.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "job/rehearse.h"

#include <stdlib.h>
#include <string.h>

void verify_result_release(struct verify_result *v)
{
	strlist_release(&v->evidence);
	strlist_release(&v->problems);
	*v = (struct verify_result){0};
}

/* ---- V1 ---- */

static void note_problems(const struct check_report *report, struct verify_result *v)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct check_problem *p = &report->v[i];

		if (p->severity != CHECK_ERROR)
			continue;
		for (size_t k = 0; k < p->snapshots.n; k++)
			if (id_equal(&p->snapshots.v[k], &v->backup)) {
				strlist_add(&v->problems, p->text);
				break;
			}
	}
}

static void judge_bytes(const struct check_report *report, struct verify_result *v)
{
	AUTO_FREE char *packs = human_plural(report->packs_read, "pack");
	char size[HUMAN_MAX];

	note_problems(report, v);
	v->ok = v->problems.n == 0;
	if (!v->ok)
		return;
	v->reached = LEVEL_BYTES;
	strlist_addf(&v->evidence, "every byte read back and hashed (%s, %s)", packs, human_size(report->bytes_read, size));
}

static int verify_bytes(struct repository *r, struct verify_result *v, size_t n, bool whole, struct progress *p,
			struct check_report *report, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};

	for (size_t i = 0; i < n; i++)
		id_list_add(&ids, &v[i].backup);
	const struct check_options o = {
		.read_data = true,
		.snapshots = whole ? NULL : ids.v,
		.snapshot_count = whole ? 0 : ids.n,
		.progress = p,
	};
	int rc = check_run(r->repo, &o, report, e);

	for (size_t i = 0; !rc && i < n; i++)
		judge_bytes(report, &v[i]);
	return rc;
}

/* ---- V2 to V4 ---- */

/* A backup being verified. */
struct proof {
	const struct backup *backup;
	struct verify_result *result;
	const char *scratch;           /* a folder; NULL: not needed */
	struct engine_scratch *places; /* one a source, with what was rehearsed in it */
	struct progress *progress;
};

static bool concerns(const struct engine *engine, enum verify_level level)
{
	return engine->features & (level == LEVEL_STRUCTURE ? ENGINE_STRUCTURE : ENGINE_RESTORE);
}

/* The rehearsal. Where this machine has no place for one, that is said: the backup is not to blame. */
static int rehearse(const struct proof *x, size_t i, const struct engine *engine, const struct stored *stored,
		    struct error *e)
{
	struct strlist *evidence = &x->result->evidence;
	AUTO_FREE char *own = mem_printf("%s/%zu", x->scratch, i);
	int rc = fs_make_dirs(own, 0700, e);

	if (rc)
		return rc;
	rc = rehearse_place(engine, stored, own, &x->places[i], e);
	if (rc == -ERR_NOT_FOUND) {
		engine_scratch_close(&x->places[i]);
		strlist_addf(evidence, "%s was not rehearsed: %s", stored->manifest->name, e->text);
		error_clear(e);
		return 0;
	}
	return rc ? rc : rehearse_restore(engine, stored, &x->places[i], x->progress, evidence, e);
}

/* One level of the source at `i`. */
static int try_level(const struct proof *x, size_t i, const struct engine *engine, enum verify_level level,
		     struct error *e)
{
	struct strlist *evidence = &x->result->evidence;
	struct stored stored;

	backup_stored(x->backup, &x->backup->manifest.sources[i], &stored);
	if (level == LEVEL_STRUCTURE)
		return engine->check_structure(&stored, x->progress, evidence, e);
	if (level == LEVEL_RESTORED)
		return rehearse(x, i, engine, &stored, e);
	return rehearse_compare(engine, &stored, &x->places[i].target, x->progress, evidence, e);
}

/* Whether an error means the backup is bad, rather than that the verification could not be made. */
static bool blames_backup(int rc)
{
	return rc == -ERR_VERIFY || rc == -ERR_CORRUPT || rc == -ERR_NOT_FOUND || rc == -ERR_VERSION ||
	       rc == -ERR_LIMIT || rc == -ERR_MISMATCH;
}

/* Reached is what every source has shown that the level is for: a folder's rehearsal proves nothing of the database beside
 * it. */
static int reach_level(const struct proof *x, enum verify_level level, struct error *e)
{
	size_t due = 0, shown = 0;

	for (size_t i = 0; i < x->backup->manifest.source_count; i++) {
		const struct manifest_source *s = &x->backup->manifest.sources[i];
		const struct engine *engine = engine_by_name(s->engine);
		int rc = progress_check(x->progress, e);

		if (!rc && !concerns(engine, level))
			continue;
		if (!rc && (level < LEVEL_COMPARED || x->places[i].target.text))
			rc = try_level(x, i, engine, level, e);
		if (rc && !blames_backup(rc))
			return error_wrap(e, "verifying %s", s->name);
		if (rc) {
			strlist_addf(&x->result->problems, "%s: %s", s->name, e->text);
			error_clear(e);
			x->result->ok = false;
			return 0;
		}
		due++;
		shown += level < LEVEL_RESTORED || x->places[i].target.text;
	}
	if (due && shown == due)
		x->result->reached = level;
	return 0;
}

/* What a newer program has made can be read back, but not looked into: that is no damage. */
static bool all_engines_known(const struct backup *b, struct strlist *evidence)
{
	bool known = true;

	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];

		if (engine_by_name(s->engine))
			continue;
		known = false;
		strlist_addf(evidence,
			     "%s was made by the engine \"%s\", which this program does not know: not looked into",
			     s->name, s->engine);
	}
	return known;
}

static int verify_deeper(const struct backup *b, struct verify_result *v, struct progress *p, struct error *e)
{
	CLEANUP(draft_release) struct draft scratch = DRAFT_NONE;
	int rc = 0;

	if (v->wanted < LEVEL_STRUCTURE || !all_engines_known(b, &v->evidence))
		return 0;
	if (v->wanted >= LEVEL_RESTORED)
		rc = draft_make(NULL, "verify", &scratch, e);
	AUTO_FREE struct engine_scratch *places = mem_zero(b->manifest.source_count * sizeof *places);
	const struct proof x = {.backup = b, .result = v, .scratch = scratch.path, .places = places, .progress = p};

	for (enum verify_level level = LEVEL_STRUCTURE; !rc && v->ok && level <= v->wanted; level++)
		rc = reach_level(&x, level, e);
	for (size_t i = 0; i < b->manifest.source_count; i++)
		engine_scratch_close(&places[i]);
	if (!rc && draft_remove(&scratch, e))
		rc = error_wrap(e, "removing the scratch place");
	return rc;
}

/* ---- all of it ---- */

static int keep_evidence(struct repository *r, const struct backup *backups, const struct verify_result *v, size_t n, struct error *e)
{
	size_t bad = 0;
	int kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct error ignored = {0};
		int rc = evidence_save(r->repo->config.id, &backups[i].snapshot, &v[i], kept ? &ignored : e);

		kept = kept ? kept : rc;
		bad += !v[i].ok;
	}
	if (bad)
		return error_set(e, ERR_VERIFY, "%zu of %zu backups cannot be restored whole", bad, n);
	return kept ? error_wrap(e, "nothing was found wrong, but that could not be noted") : 0;
}

static int verify_all(struct repository *r, const struct backup *backups, struct verify_result *v, size_t n, bool whole,
		      struct progress *p, struct check_report *report, struct error *e)
{
	int rc = verify_bytes(r, v, n, whole, p, report, e);

	for (size_t i = 0; !rc && i < n; i++)
		if (v[i].ok)
			rc = verify_deeper(&backups[i], &v[i], p, e);
	return rc;
}

static void begin(struct verify_result *v, const struct backup *backups, size_t n, enum verify_level level)
{
	for (size_t i = 0; i < n; i++) {
		verify_result_release(&v[i]);
		v[i] = (struct verify_result){.backup = backups[i].snapshot.id, .wanted = level};
	}
}

static bool found_damage(const struct verify_result *v, size_t n, const struct check_report *report)
{
	for (size_t i = 0; i < n; i++)
		if (!v[i].ok)
			return true;
	return report->errors > 0;
}

int job_verify(struct repository *r, const struct backup *backups, size_t n, enum verify_level level,
	       bool whole_repository, struct progress *p, struct verify_result **out, struct check_report *report,
	       struct error *e)
{
	CLEANUP(check_report_release) struct check_report own = {0};
	struct verify_result *v = mem_zero(n * sizeof *v);
	struct check_report *found = report ? report : &own;

	*out = v;
	begin(v, backups, n, level);
	if (n == 0 && !whole_repository)
		return 0;
	int rc = verify_all(r, backups, v, n, whole_repository, p, found, e);

	if (!rc && !r->lock && found_damage(v, n, found)) {
		/* Somebody may have been pruning: what was there when we looked is somewhere else now. */
		begin(v, backups, n, level);
		check_report_release(found);
		rc = verify_all(r, backups, v, n, whole_repository, p, found, e);
	}
	if (!rc)
		rc = keep_evidence(r, backups, v, n, e);
	if (!rc && whole_repository && found->errors)
		rc = error_set(e, ERR_VERIFY, "%zu %s found in the repository, though every backup can be restored",
			       found->errors, found->errors == 1 ? "defect was" : "defects were");
	return rc;
}

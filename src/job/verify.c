/* Proving that backups restore: bytes, structure, a rehearsal, a comparison. */
#include "job/verify.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
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
	char packs[HUMAN_MAX], size[HUMAN_MAX];

	note_problems(report, v);
	v->ok = v->problems.n == 0;
	if (!v->ok)
		return;
	v->reached = LEVEL_BYTES;
	strlist_addf(&v->evidence, "every byte read back and hashed (%s packs, %s)", human_count(report->packs_read, packs), human_size(report->bytes_read, size));
}

static int verify_bytes(struct repository *r, struct verify_result *v, size_t n, bool whole, struct progress *p, struct check_report *report, struct error *e)
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

/* One level of one source: 0 held or does not apply; the problem is added to v otherwise. */
static int try_level(const struct backup *b, const struct manifest_source *s, enum verify_level level, const char *scratch, struct progress *p, struct verify_result *v,
		     struct error *e)
{
	const struct engine *engine = engine_by_name(s->engine);
	struct stored stored;

	if (!engine)
		return error_set(e, ERR_VERSION, "%s was made by the engine \"%s\", which this program does not know", s->name, s->engine);
	backup_stored(b, s, &stored);
	if (level == LEVEL_STRUCTURE)
		return engine->features & ENGINE_STRUCTURE ? engine->check_structure(&stored, p, &v->evidence, e) : 0;
	if (!(engine->features & ENGINE_RESTORE))
		return 0;
	if (level == LEVEL_RESTORED)
		return rehearse_restore(engine, &stored, scratch, p, &v->evidence, e);
	return rehearse_compare(engine, &stored, scratch, p, &v->evidence, e);
}

/* Whether an error means the backup is bad, rather than that the verification could not be made. */
static bool blames_backup(int rc)
{
	return rc == -ERR_VERIFY || rc == -ERR_CORRUPT || rc == -ERR_NOT_FOUND || rc == -ERR_VERSION || rc == -ERR_LIMIT || rc == -ERR_MISMATCH;
}

static int verify_level_of(const struct backup *b, enum verify_level level, const char *scratch, struct progress *p, struct verify_result *v, struct error *e)
{
	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];
		int rc = progress_check(p, e);

		if (!rc)
			rc = try_level(b, s, level, scratch, p, v, e);
		if (rc && !blames_backup(rc))
			return error_wrap(e, "verifying %s", s->name);
		if (rc) {
			strlist_addf(&v->problems, "%s: %s", s->name, e->text);
			error_clear(e);
			v->ok = false;
			return 0;
		}
	}
	v->reached = level;
	return 0;
}

static int verify_deeper(const struct backup *b, struct verify_result *v, struct progress *p, struct error *e)
{
	AUTO_FREE char *scratch = NULL;
	struct error ignored = {0};
	int rc = 0;

	if (v->wanted >= LEVEL_RESTORED)
		rc = fs_temp_dir(NULL, "backstay-verify-", &scratch, e);
	for (enum verify_level level = LEVEL_STRUCTURE; !rc && v->ok && level <= v->wanted; level++)
		rc = verify_level_of(b, level, scratch, p, v, e);
	if (scratch && fs_remove_tree(scratch, rc ? &ignored : e) && !rc)
		rc = error_wrap(e, "removing the scratch place");
	return rc;
}

/* ---- all of it ---- */

static int finish(struct repository *r, struct verify_result *v, size_t n, struct error *e)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		int rc = evidence_save(r->repo->config.id, &v[i], e);

		if (rc)
			return rc;
		bad += !v[i].ok;
	}
	return bad ? error_set(e, ERR_VERIFY, "%zu of %zu backups cannot be restored whole", bad, n) : 0;
}

int job_verify(struct repository *r, const struct backup *backups, size_t n, enum verify_level level, bool whole_repository, struct progress *p,
	       struct verify_result **out, struct check_report *report, struct error *e)
{
	struct check_report own = {0};
	struct check_report *use = report ? report : &own;
	struct verify_result *v = mem_zero((n ? n : 1) * sizeof *v);

	*out = v;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct verify_result){.backup = backups[i].snapshot.id, .wanted = level};
	int rc = verify_bytes(r, v, n, whole_repository, p, use, e);

	for (size_t i = 0; !rc && i < n; i++)
		if (v[i].ok)
			rc = verify_deeper(&backups[i], &v[i], p, e);
	size_t errors = use->errors;

	check_report_release(&own);
	if (!rc)
		rc = finish(r, v, n, e);
	if (!rc && whole_repository && errors)
		rc = error_set(e, ERR_VERIFY, "%zu %s found in the repository, though every backup can be restored", errors, errors == 1 ? "defect was" : "defects were");
	return rc;
}

/* Getting data back: choose what and where, ask once, then let each engine rehearse and swap, with a safety backup in between. */
#include "job/restore.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

void job_restore_result_release(struct job_restore_result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].source);
		free(r->v[i].target);
		restore_result_release(&r->v[i].result);
	}
	free(r->v);
	strlist_release(&r->safety);
	*r = (struct job_restore_result){0};
}

/* ---- the plan: which sources go where ---- */

struct step {
	const struct manifest_source *source;
	struct source_url target;
	bool exists;
};

struct plan {
	struct step *v;
	size_t n, cap;
};

static void plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		source_url_release(&p->v[i].target);
	free(p->v);
	*p = (struct plan){0};
}

static bool wanted(const struct job_restore *j, const struct manifest_source *s, const struct engine *engine)
{
	bool database = engine->features & ENGINE_DATABASE;

	if (j->sources.n && !strlist_has(&j->sources, s->name) && !strlist_has(&j->sources, s->url))
		return false;
	if ((j->only == ONLY_DATABASE && !database) || (j->only == ONLY_FILES && database))
		return false;
	if (j->tables.n && !(engine->features & ENGINE_TABLES))
		return false;
	return !j->paths.n || (engine->features & ENGINE_PATHS);
}

static int nothing_fits(const struct job_restore *j, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	const struct manifest *m = &j->backup->manifest;

	for (size_t i = 0; i < m->source_count; i++)
		strlist_addf(&names, "%s (%s)", m->sources[i].name, m->sources[i].engine);
	AUTO_FREE char *all = strlist_join(&names, ", ");

	return error_set(e, ERR_NOT_FOUND, "nothing in backup \"%s\" fits what was asked for; it holds: %s", backup_name(j->backup), all);
}

/* Where a source goes: `to` itself, below it when there are several or when a database meets a folder, or where it came from. */
static char *target_text(const struct job_restore *j, const struct manifest_source *s, const struct engine *engine, bool several)
{
	if (!j->to)
		return mem_string(s->url);
	if (several || ((engine->features & ENGINE_DATABASE) && fs_is_dir(j->to)))
		return path_join(j->to, path_base(s->name));
	return mem_string(j->to);
}

static int add_step(const struct job_restore *j, struct plan *p, const struct manifest_source *s, bool several, struct error *e)
{
	const struct engine *engine = engine_by_name(s->engine);
	AUTO_FREE char *text = target_text(j, s, engine, several);

	GROW(p->v, p->n, p->cap);
	struct step *step = &p->v[p->n];

	*step = (struct step){.source = s};
	int rc = source_url_parse(text, true, engine, &step->target, e);
	if (rc)
		return error_wrap(e, "restoring %s", s->name);
	p->n++;
	if (step->target.engine != engine)
		return error_set(e, ERR_MISMATCH, "%s is a backup of %s and cannot be restored into %s; nothing was changed", s->name, engine->title, step->target.shown);
	step->exists = step->target.path && fs_exists(step->target.path);
	if (j->mode == RESTORE_PRESERVE && !(engine->features & ENGINE_PRESERVE))
		return error_set(e, ERR_USAGE, "%s cannot be restored with --mode preserve", s->name);
	return 0;
}

static int plan_restore(const struct job_restore *j, struct plan *p, struct error *e)
{
	const struct manifest *m = &j->backup->manifest;
	size_t several = 0;

	for (size_t i = 0; i < m->source_count; i++) {
		const struct engine *engine = engine_by_name(m->sources[i].engine);

		if (!engine)
			return error_set(e, ERR_VERSION, "%s was made by the engine \"%s\", which this program does not know", m->sources[i].name, m->sources[i].engine);
		several += wanted(j, &m->sources[i], engine);
	}
	if (!several)
		return nothing_fits(j, e);
	for (size_t i = 0; i < m->source_count; i++)
		if (wanted(j, &m->sources[i], engine_by_name(m->sources[i].engine))) {
			int rc = add_step(j, p, &m->sources[i], several > 1, e);
			if (rc)
				return rc;
		}
	return 0;
}

/* ---- telling and asking ---- */

static char *describe_target(const struct step *step)
{
	struct stat st;
	char size[HUMAN_MAX], age[HUMAN_MAX];

	if (!step->target.path || stat(step->target.path, &st))
		return mem_printf("%s", step->target.shown);
	human_age(time_between(st.st_mtim, time_now()), age);
	if (S_ISDIR(st.st_mode))
		return mem_printf("%s: a folder, changed %s", step->target.path, age);
	return mem_printf("%s: %s, changed %s", step->target.path, human_size((uint64_t)st.st_size, size), age);
}

static void describe_replaced(const struct plan *p, struct strlist *lines)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].exists)
			strlist_take(lines, describe_target(&p->v[i]));
}

int job_restore_preview(struct repository *r, const struct job_restore *j, struct strlist *lines, struct error *e)
{
	CLEANUP(plan_release) struct plan p = {0};
	int rc = plan_restore(j, &p, e);

	if (!rc)
		describe_replaced(&p, lines);
	return rc;
}

static int ask(const struct job_restore *j, const struct plan *p, struct error *e)
{
	CLEANUP(strlist_release) struct strlist lines = {0};

	describe_replaced(p, &lines);
	if (!lines.n || !j->confirm)
		return 0;
	AUTO_FREE char *all = strlist_join(&lines, "\n  ");
	AUTO_FREE char *question = mem_printf("This %s:\n  %s\n%sGo on?", j->mode == RESTORE_PRESERVE ? "adds what is missing to" : "replaces", all,
					      j->no_safety ? "No safety backup will be made. " : "A safety backup is made first. ");

	return j->confirm(j->ctx, question, e);
}

/* ---- doing it ---- */

struct restoring {
	struct repository *repository;
	const struct job_restore *job;
	const struct step *step;
	struct job_restore_result *result;
	char *job_id;
};

/* The live target as it is now, into the repository. */
static int make_safety_backup(void *ctx, struct error *e)
{
	struct restoring *x = ctx;
	struct job_backup_result made = {0};
	AUTO_FREE char *name = mem_printf("%s before %s", x->step->target.name, x->job->undo_of ? "undo" : "restore");
	const struct job_backup j = {
		.sources = &x->step->target,
		.source_count = 1,
		.name = name,
		.job = x->job_id,
		.safety_target = x->step->target.shown,
		.undo_of = x->job->undo_of,
		.options = {.include_logs = true},
		.level = -1,
	};
	char hex[ID_HEX_LEN + 1];

	if (x->job->no_safety)
		return 0;
	progress_phase(x->job->progress, "safety backup", NULL, 0, 0);
	int rc = job_backup(x->repository, &j, &made, e);

	if (rc == 0)
		strlist_add(&x->result->safety, id_hex(&made.backup.snapshot.id, hex));
	job_backup_result_release(&made);
	return rc ? error_wrap(e, "making the safety backup of %s; nothing was changed", x->step->target.shown) : 0;
}

/* The folder a new target is made in. */
static int make_parent(const struct source_url *target, struct error *e)
{
	AUTO_FREE char *parent = target->path ? path_dir(target->path) : NULL;

	return parent ? fs_make_dirs(parent, 0700, e) : 0;
}

static int restore_step(struct restoring *x, struct error *e)
{
	const struct job_restore *j = x->job;
	struct stored stored;
	struct job_restored *done;
	struct engine_restore r = {
		.from = &stored,
		.target = &x->step->target,
		.mode = j->mode,
		.tables = &j->tables,
		.paths = &j->paths,
		.before_swap = make_safety_backup,
		.ctx = x,
		.progress = j->progress,
	};

	backup_stored(j->backup, x->step->source, &stored);
	x->result->v = mem_array(x->result->v, x->result->n + 1, sizeof *x->result->v);
	done = &x->result->v[x->result->n];
	*done = (struct job_restored){0};
	int rc = make_parent(&x->step->target, e);

	if (!rc)
		rc = x->step->target.engine->restore(&r, &done->result, e);
	if (rc) {
		restore_result_release(&done->result);
		return error_wrap(e, "restoring %s to %s", x->step->source->name, x->step->target.shown);
	}
	done->source = mem_string(x->step->source->name);
	done->target = mem_string(x->step->target.shown);
	x->result->n++;
	return 0;
}

static int bring_back(struct repository *r, const char *safety_id, struct error *e)
{
	CLEANUP(backup_release) struct backup safety = {0};
	CLEANUP(job_restore_result_release) struct job_restore_result done = {0};
	int rc = backup_find(r, safety_id, &safety, e);
	const struct job_restore j = {.backup = &safety, .no_safety = true};

	return rc ? rc : job_restore(r, &j, &done, e);
}

/* A later source failed: bring the targets replaced before it back from the first `n` safety backups. */
static void roll_back(struct restoring *x, size_t n, struct error *e)
{
	size_t failed = 0;

	for (size_t i = n; i-- > 0;) {
		struct error why = {0};

		if (bring_back(x->repository, x->result->safety.v[i], &why)) {
			failed++;
			error_wrap(e, "could not bring back what backup %.8s holds (%s)", x->result->safety.v[i], why.text);
		}
	}
	if (n && !failed)
		error_wrap(e, "what was replaced before was brought back");
}

static int restore_plan(struct restoring *x, const struct plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t replaced = x->result->safety.n;
		int rc = progress_check(x->job->progress, e);

		x->step = &p->v[i];
		if (!rc)
			rc = restore_step(x, e);
		if (rc) {
			roll_back(x, replaced, e);
			return -(int)e->kind;
		}
	}
	return 0;
}

int job_restore(struct repository *r, const struct job_restore *j, struct job_restore_result *out, struct error *e)
{
	CLEANUP(plan_release) struct plan p = {0};
	AUTO_FREE char *id = job_new_id();
	struct restoring x = {.repository = r, .job = j, .result = out, .job_id = id};
	double start = time_monotonic();
	int rc = plan_restore(j, &p, e);

	*out = (struct job_restore_result){0};
	if (!rc)
		rc = ask(j, &p, e);
	if (!rc)
		rc = restore_plan(&x, &p, e);
	out->seconds = time_monotonic() - start;
	return rc;
}

/* Getting data back: plan, ask once, then let each engine rehearse and swap, with a safety backup in between. */
#include "job/restore.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "job/restore_plan.h"

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
	free(r->undone);
	strlist_release(&r->safety);
	*r = (struct job_restore_result){0};
}

/* ---- telling and asking ---- */

void restore_preview_release(struct restore_preview *p)
{
	strlist_release(&p->targets);
	strlist_release(&p->lines);
}

int job_restore_preview(struct repository *r, const struct job_restore *j, struct restore_preview *out, struct error *e)
{
	CLEANUP(restore_plan_release) struct restore_plan p = {0};
	int rc = restore_plan_make(j, &p, e);

	if (!rc)
		restore_plan_describe(j, &p, out);
	return rc;
}

static const char *what_it_does(const struct job_restore *j)
{
	if (j->mode == RESTORE_PRESERVE)
		return "adds what is missing to";
	return j->tables.n || j->paths.n ? "replaces what was chosen in" : "replaces";
}

/* That the backup holds further sources, which stay out of it; heap. "" when there are none, or when no source as a whole
 * was asked for. */
static char *only_a_part(const struct job_restore *j, const struct restore_plan *p)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	size_t all = j->backup->manifest.source_count;

	if (p->n == all || j->tables.n || j->paths.n)
		return mem_string("");
	for (size_t i = 0; i < p->n; i++)
		strlist_add(&names, p->v[i].source->name);
	AUTO_FREE char *chosen = strlist_join(&names, ", ");

	return mem_printf("Of the backup's %zu sources, only %s %s restored. ", all, chosen, p->n == 1 ? "is" : "are");
}

/* That the backup was made on another machine, where the same path may be something else; heap. */
static char *other_machine(const struct job_restore *j)
{
	AUTO_FREE char *here = backup_host();
	const char *made_on = j->backup->snapshot.hostname;

	return made_on && strcmp(made_on, here) != 0 ? mem_printf("The backup was made on another machine, %s. ", made_on) : mem_string("");
}

static int ask(const struct job_restore *j, const struct restore_plan *p, struct error *e)
{
	CLEANUP(restore_preview_release) struct restore_preview there = {0};

	restore_plan_describe(j, p, &there);
	if (!there.lines.n || !j->confirm)
		return 0;
	AUTO_FREE char *all = strlist_join(&there.lines, "\n  ");
	AUTO_FREE char *part = only_a_part(j, p);
	AUTO_FREE char *machine = other_machine(j);
	AUTO_FREE char *question =
		mem_printf("This %s:\n  %s\n%s%s%sGo on?", what_it_does(j), all, machine, part,
			   j->no_safety ? "No safety backup will be made. " : "A safety backup is made first. ");

	return j->confirm(j->ctx, question, e);
}

/* ---- the safety backup ---- */

struct restoring {
	struct repository *repository;
	const struct job_restore *job;
	const struct restore_plan *plan;
	const struct restore_step *step;
	struct job_restore_result *result;
	const char *job_id;
	struct strlist left_out; /* notes: what a safety backup could not take up */
	bool bringing_back; /* after a failure: what was begun is ended even when the lock is lost */
};

static int hint_without_safety(struct error *e)
{
	return *e->hint ? -(int)e->kind
			: error_hint_typed(e, "restore beside what is there, or without a safety copy, which cannot be undone",
					   ": --to TARGET; --no-safety");
}

/* Before anything is done: a repository that cannot be written takes no safety backup. */
static int check_safety(const struct repository *r, const struct job_restore *j, const struct restore_plan *p, struct error *e)
{
	bool replaces = false;

	for (size_t i = 0; i < p->n; i++)
		replaces = replaces || p->v[i].exists;
	if (!replaces || j->no_safety || !repository_can_write(r, e))
		return 0;
	error_wrap(e, "no safety backup of what is there can be made; nothing was changed");
	return hint_without_safety(e);
}

/* The live target as it is now, damaged or not, into the repository. */
static int back_up_target(struct restoring *x, struct job_backup_result *made, struct error *e)
{
	AUTO_FREE char *name = mem_printf("%s before %s", x->step->target.name, x->job->undo_of ? "undo" : "restore");
	const struct job_backup j = {
		.sources = &x->step->target,
		.source_count = 1,
		.name = name,
		.job = x->job_id,
		.safety_target = x->step->target.shown,
		.undo_of = x->job->undo_of,
		.options = {.include_logs = true, .check = CHECK_NONE, .tolerate = true},
		.level = -1,
		.progress = x->job->progress,
	};

	progress_within(x->job->progress, "safety backup");
	int rc = job_backup(x->repository, &j, made, e);

	progress_within(x->job->progress, NULL);
	return rc;
}

/* Of a database only definitions may be missing, never rows: what was done to them already is not made worse. */
static bool may_go_on(struct restoring *x, const struct job_backup_result *made)
{
	if (!(x->step->engine->features & ENGINE_DATABASE))
		return false;
	for (size_t i = 0; i < made->backup.manifest.source_count; i++) {
		const struct manifest_source *s = &made->backup.manifest.sources[i];

		for (size_t j = 0; j < s->note_count; j++)
			if (!strcmp(s->notes[j].kind, "unreadable") || !strcmp(s->notes[j].kind, "unseen"))
				strlist_addf(&x->left_out, "not in the safety backup, so that undo does not bring it back: %s%s%s",
					     s->notes[j].path ? s->notes[j].path : "", s->notes[j].path ? ": " : "",
					     s->notes[j].text);
	}
	return true;
}

static int make_safety_backup(struct restoring *x, struct error *e)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	char hex[ID_HEX_LEN + 1];
	int rc = back_up_target(x, &made, e);

	if (rc == 0 || rc == -ERR_PARTIAL)
		strlist_add(&x->result->safety, id_hex(&made.backup.snapshot.id, hex));
	if (rc == -ERR_PARTIAL && may_go_on(x, &made)) {
		error_clear(e);
		rc = 0;
	}
	if (rc == -ERR_PARTIAL) {
		error_set(e, ERR_REFUSED, "%llu of its entries could not be read", (unsigned long long)made.skipped);
		error_hint_typed(e, "make them readable, or restore without a safety copy, which cannot be undone",
					": --no-safety");
	}
	if (rc == -ERR_NO_SPACE || rc == -ERR_ACCESS)
		hint_without_safety(e);
	if (rc)
		return error_wrap(e, "making the safety backup of %s; nothing was changed", x->step->target.shown);
	progress_phase(x->job->progress, "restoring", NULL, 0, 0);
	return 0;
}

static int before_swap(void *ctx, struct error *e)
{
	struct restoring *x = ctx;

	if (x->repository->lock && !x->bringing_back) {
		int rc = lock_check(x->repository->lock, e);

		if (rc)
			return rc;
	}
	return x->job->no_safety ? 0 : make_safety_backup(x, e);
}

/* ---- one source after the other ---- */

/* The folder a new target is made in. */
static int make_parent(const struct source_url *target, struct error *e)
{
	if (!target->path)
		return 0;
	AUTO_FREE char *parent = path_dir(target->path);

	return fs_make_dirs(parent, 0700, e);
}

/* A whole database is now what the backup has, and no more. */
static void tell_what_lacks(const struct restoring *x, struct strlist *notes)
{
	CLEANUP(strlist_release) struct strlist lacks = {0};

	if (x->job->tables.n || x->job->mode == RESTORE_PRESERVE)
		return;
	restore_plan_lacks(x->step, &lacks);
	for (size_t i = 0; i < lacks.n; i++)
		strlist_addf(notes, "not in the backup, and so not in what was restored: %s", lacks.v[i]);
}

static int restore_step(struct restoring *x, struct error *e)
{
	const struct restore_step *step = x->step;
	struct job_restored done = {0};
	struct stored stored;
	const struct engine_restore r = {
		.from = &stored,
		.target = &step->target,
		.mode = x->job->mode,
		.tables = &x->job->tables,
		.paths = &step->paths,
		.before_swap = before_swap,
		.ctx = x,
		.progress = x->job->progress,
	};

	backup_stored(x->job->backup, step->source, &stored);
	int rc = make_parent(&step->target, e);

	if (!rc)
		rc = step->engine->restore(&r, &done.result, e);
	if (rc) {
		restore_result_release(&done.result);
		strlist_release(&x->left_out);
		return error_wrap(e, "restoring %s to %s", step->source->name, step->target.shown);
	}
	strlist_copy(&done.result.notes, &x->left_out);
	strlist_release(&x->left_out);
	tell_what_lacks(x, &done.result.notes);
	done.source = mem_string(step->source->name);
	done.target = mem_string(step->target.shown);
	x->result->v = mem_array(x->result->v, x->result->n + 1, sizeof *x->result->v);
	x->result->v[x->result->n++] = done;
	return 0;
}

/* ---- when a source fails ---- */

static int run(struct restoring *x, const struct restore_plan *p, struct error *e);

/* What a safety backup was made of, as it was given: a URL in a manifest has no password. NULL: a path, which needs
 * none. */
static const char *given_target(const struct restore_plan *plan, const struct backup *safety)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct source_url *u = &plan->v[i].target;

		if (!u->path && safety->manifest.safety_target && !strcmp(u->shown, safety->manifest.safety_target))
			return u->text;
	}
	return NULL;
}

static int bring_back(const struct restoring *failed, const char *safety_id, struct error *e)
{
	CLEANUP(backup_release) struct backup safety = {0};
	CLEANUP(restore_plan_release) struct restore_plan p = {0};
	CLEANUP(job_restore_result_release) struct job_restore_result result = {0};
	struct job_restore j = {.backup = &safety, .no_safety = true};
	struct restoring x = {
		.repository = failed->repository, .job = &j, .plan = &p, .result = &result, .bringing_back = true};
	int rc = backup_find(x.repository, safety_id, &safety, e);

	if (!rc) {
		j.to = given_target(failed->plan, &safety);
		rc = restore_plan_make(&j, &p, e);
	}
	return rc ? rc : run(&x, &p, e);
}

static void say_more(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say_more(struct error *e, const char *fmt, ...)
{
	struct error before = *e;
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *more = mem_vprintf(fmt, ap);
	va_end(ap);
	error_set(e, before.kind, "%s; %s", before.text, more);
	error_hint_as(e, &before);
}

/* A safety backup nothing was lost behind: undo must not bring it back as if its restore had been done. */
static void mark_spent(struct restoring *x, size_t i)
{
	char **name = &x->result->safety.v[i], hex[ID_HEX_LEN + 1];
	struct error ignored = {0};
	struct id id, fresh;

	if (!id_parse(&id, *name, strlen(*name)) || backup_add_tag(x->repository, &id, TAG_SPENT, &fresh, &ignored))
		return;
	free(*name);
	*name = mem_string(id_hex(&fresh, hex));
}

/* Bring back what the first n safety backups hold, the newest first. */
static void roll_back(struct restoring *x, size_t n, struct error *e)
{
	size_t back = 0;

	for (size_t i = n; i-- > 0;) {
		struct error why = {0};

		if (bring_back(x, x->result->safety.v[i], &why)) {
			say_more(e, "what backup %.8s holds could not be brought back (%s)", x->result->safety.v[i],
				 why.text);
			continue;
		}
		mark_spent(x, i);
		back++;
	}
	if (back)
		say_more(e, "what was replaced before was brought back");
}

/* What the sources before the one that failed have left. */
static void tell_what_stays(const struct restoring *x, struct error *e)
{
	for (size_t i = 0; i < x->result->n; i++) {
		const struct job_restored *d = &x->result->v[i];

		if (!d->result.replaced)
			say_more(e, "%s is new and stays", d->target);
		else if (x->job->no_safety)
			say_more(e, "%s stays replaced, for want of a safety backup", d->target);
	}
}

/* `before`: safety backups there were before the step that failed. It has left its target as it was, unless it is the
 * comparison after the swap that failed. */
static void give_up(struct restoring *x, size_t before, struct error *e)
{
	size_t made = x->result->safety.n;
	size_t replaced = e->kind == ERR_VERIFY ? made : before;

	if (x->bringing_back)
		return;
	roll_back(x, replaced, e);
	for (size_t i = replaced; i < made; i++)
		mark_spent(x, i);
	tell_what_stays(x, e);
}

static int run(struct restoring *x, const struct restore_plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t before = x->result->safety.n;
		int rc = progress_check(x->job->progress, e);

		x->step = &p->v[i];
		if (!rc)
			rc = restore_step(x, e);
		if (rc) {
			give_up(x, before, e);
			return rc;
		}
	}
	return 0;
}

static int tell_targets(const struct job_restore *j, const struct restore_plan *p, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && j->target && i < p->n; i++)
		rc = j->target(j->ctx, &p->v[i].target, p->v[i].exists, e);
	return rc;
}

int job_restore(struct repository *r, const struct job_restore *j, struct job_restore_result *out, struct error *e)
{
	CLEANUP(restore_plan_release) struct restore_plan p = {0};
	AUTO_FREE char *id = j->job ? mem_string(j->job) : job_new_id();
	struct restoring x = {.repository = r, .job = j, .plan = &p, .result = out, .job_id = id};
	double start = time_monotonic();

	*out = (struct job_restore_result){0};
	int rc = restore_plan_make(j, &p, e);

	if (!rc)
		rc = tell_targets(j, &p, e);
	if (!rc)
		rc = check_safety(r, j, &p, e);
	if (!rc)
		rc = ask(j, &p, e);
	if (!rc)
		rc = run(&x, &p, e);
	out->seconds = time_monotonic() - start;
	return rc;
}

/* Undo: the safety backups of a restore, brought back. */
#include "job/restore.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

static bool can_be_undone(const struct backup *b)
{
	return b->has_manifest && b->manifest.safety_target && b->manifest.job;
}

/* Made before an undo, not before a restore. */
static bool of_undo(const struct backup *b)
{
	for (size_t i = 0; i < b->snapshot.tags.n; i++)
		if (!strncmp(b->snapshot.tags.v[i], TAG_UNDO_OF, strlen(TAG_UNDO_OF)))
			return true;
	return false;
}

/* Whether it counts for "the last restore". */
static bool is_open(const struct backup *b)
{
	return can_be_undone(b) && !of_undo(b) && !snapshot_has_tag(&b->snapshot, TAG_SPENT);
}

/* By its id, the one it had before it was spent, or its restore's job. */
static bool is_named(const struct backup *b, const char *which)
{
	return backup_is_called(&b->snapshot, which) || !strcmp(b->manifest.job, which);
}

static int find_named(const struct backup_list *l, const char *which, const char **job, struct error *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct backup *b = &l->v[i];

		if (!can_be_undone(b) || !is_named(b, which))
			continue;
		if (*job && strcmp(*job, b->manifest.job))
			return error_set(e, ERR_USAGE, "%s is ambiguous: it names more than one restore", which);
		*job = b->manifest.job;
	}
	return *job ? 0 : error_set(e, ERR_NOT_FOUND, "there is no restore %s that could be undone", which);
}

/* What another machine that shares the repository replaced there is not undone here unless it is named. */
static int none_of_ours(bool others, struct error *e)
{
	if (!others)
		return error_set(e, ERR_NOT_FOUND, "there is nothing to undo: no restore replaced anything, or all were undone");
	error_set(e, ERR_NOT_FOUND, "there is nothing to undo on this machine; others restored from this repository too");
	return error_hint(e, "to undo one of theirs here, name its safety backup by the id from `backstay list`");
}

static int find_last(const struct backup_list *l, const char **job, struct error *e)
{
	AUTO_FREE char *host = backup_host();
	bool others = false;

	if (l->damaged.n) {
		error_set(e, ERR_CORRUPT, "which restore was the last cannot be told: %s", l->damaged.v[0]);
		return error_hint_typed(e, "name its safety backup by the id", " from `backstay list`");
	}
	for (size_t i = l->n; i-- > 0 && !*job;) {
		const char *made_on = l->v[i].snapshot.hostname;

		if (!is_open(&l->v[i]))
			continue;
		if (made_on && !strcmp(made_on, host))
			*job = l->v[i].manifest.job;
		else
			others = true;
	}
	return *job ? 0 : none_of_ours(others, e);
}

/* Drop all but what that restore replaced; what was brought back before comes again only when nothing else is left. */
static void keep_job(struct backup_list *l, const char *job)
{
	size_t open = 0, kept = 0;

	for (size_t i = 0; i < l->n; i++)
		open += is_open(&l->v[i]) && !strcmp(l->v[i].manifest.job, job);
	for (size_t i = 0; i < l->n; i++)
		if (can_be_undone(&l->v[i]) && !strcmp(l->v[i].manifest.job, job) && (!open || is_open(&l->v[i])))
			l->v[kept++] = l->v[i];
		else
			backup_release(&l->v[i]);
	l->n = kept;
}

static void take_result(struct job_restore_result *out, struct job_restore_result *one)
{
	out->v = mem_array(out->v, out->n + one->n, sizeof *out->v);
	if (one->n)
		memcpy(out->v + out->n, one->v, one->n * sizeof *one->v);
	out->n += one->n;
	one->n = 0;
	out->seconds += one->seconds;
	strlist_copy(&out->safety, &one->safety);
}

static int undo_one(struct repository *r, const struct backup *safety, const struct job_restore *how,
		    struct job_restore_result *out, struct error *e)
{
	CLEANUP(job_restore_result_release) struct job_restore_result one = {0};
	char hex[ID_HEX_LEN + 1];
	struct id fresh;
	const struct job_restore j = {
		.backup = safety,
		.undo_of = id_hex(&safety->snapshot.id, hex),
		.job = how->job,
		.progress = how->progress,
		.target = how->target,
		.ctx = how->ctx,
	};
	int rc = job_restore(r, &j, &one, e);

	if (rc)
		return rc;
	take_result(out, &one);
	rc = backup_add_tag(r, &safety->snapshot.id, TAG_SPENT, &fresh, e);
	return rc ? error_wrap(e, "%s was brought back, but not marked as undone", safety->manifest.safety_target) : 0;
}

/* The safety backups that bring back what the restore replaced, and its job. */
static int find(struct repository *r, const char *which, struct backup_list *l, char **job, struct error *e)
{
	const char *found = NULL;
	int rc = backup_list_load_tagged(r, TAG_SAFETY, l, e);

	*job = NULL;
	if (!rc)
		rc = which ? find_named(l, which, &found, e) : find_last(l, &found, e);
	if (rc)
		return rc;
	*job = mem_string(found);
	keep_job(l, *job);
	return 0;
}

static void describe(const struct backup_list *l, struct restore_preview *out)
{
	char when[32];

	for (size_t i = 0; i < l->n; i++) {
		const char *target = l->v[i].manifest.safety_target;

		time_to_local(l->v[i].snapshot.time, when);
		strlist_add(&out->targets, target);
		strlist_addf(&out->lines, "%s as it was at %s", target, when);
	}
}

int job_undo_preview(struct repository *r, const char *which, struct restore_preview *out, struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	AUTO_FREE char *job = NULL;
	int rc = find(r, which, &l, &job, e);

	if (!rc)
		describe(&l, out);
	return rc;
}

static int ask(const struct backup_list *l, const struct job_restore *how, struct error *e)
{
	CLEANUP(restore_preview_release) struct restore_preview back = {0};

	if (!how->confirm)
		return 0;
	describe(l, &back);
	AUTO_FREE char *all = strlist_join(&back.lines, "\n  ");
	AUTO_FREE char *question = mem_printf("This brings back:\n  %s\nWhat is there now is kept as a backup. Go on?", all);

	return how->confirm(how->ctx, question, e);
}

int job_undo(struct repository *r, const char *which, const struct job_restore *how, struct job_restore_result *out,
	     struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};

	*out = (struct job_restore_result){0};
	int rc = find(r, which, &l, &out->undone, e);

	if (!rc)
		rc = ask(&l, how, e);
	/* In the other order than they were replaced. */
	for (size_t i = l.n; !rc && i-- > 0;)
		rc = undo_one(r, &l.v[i], how, out, e);
	return rc;
}

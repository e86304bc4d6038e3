/* Undo: the safety backups of a restore, brought back. */
#include "job/restore.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

static bool was_undone(const struct backup_list *l, const struct backup *safety)
{
	char hex[ID_HEX_LEN + 1];
	AUTO_FREE char *tag = mem_printf(TAG_UNDO_OF "%s", id_hex(&safety->snapshot.id, hex));

	for (size_t i = 0; i < l->n; i++)
		if (snapshot_has_tag(&l->v[i].snapshot, tag))
			return true;
	return false;
}

/* A backup made before a restore replaced something (not before an undo did). */
static bool can_be_undone(const struct backup *b)
{
	if (!b->has_manifest || !b->manifest.safety_target || !b->manifest.job)
		return false;
	for (size_t i = 0; i < b->snapshot.tags.n; i++)
		if (!strncmp(b->snapshot.tags.v[i], TAG_UNDO_OF, sizeof TAG_UNDO_OF - 1))
			return false;
	return true;
}

/* The job to undo: named, or that of the newest safety backup that was not brought back yet. NULL when there is none. */
static const char *job_to_undo(const struct backup_list *l, const char *which)
{
	char hex[ID_HEX_LEN + 1];

	for (size_t i = l->n; i-- > 0;) {
		const struct backup *b = &l->v[i];

		if (!can_be_undone(b))
			continue;
		if (which ? !strncmp(id_hex(&b->snapshot.id, hex), which, strlen(which)) || !strcmp(b->manifest.job, which) : !was_undone(l, b))
			return b->manifest.job;
	}
	return NULL;
}

static int undo_one(struct repository *r, const struct backup *safety, struct progress *p, struct job_restore_result *out, struct error *e)
{
	CLEANUP(job_restore_result_release) struct job_restore_result one = {0};
	char hex[ID_HEX_LEN + 1];
	const struct job_restore j = {
		.backup = safety,
		.to = safety->manifest.safety_target,
		.undo_of = id_hex(&safety->snapshot.id, hex),
		.progress = p,
	};
	int rc = job_restore(r, &j, &one, e);

	if (rc)
		return error_hint(e, "try again with: backstay restore --undo %.8s", hex);
	out->v = mem_array(out->v, out->n + one.n, sizeof *out->v);
	memcpy(out->v + out->n, one.v, one.n * sizeof *one.v);
	out->n += one.n;
	one.n = 0;
	out->seconds += one.seconds;
	strlist_copy(&out->safety, &one.safety);
	return 0;
}

static int ask_undo(const struct backup_list *l, const char *job, int (*confirm)(void *, const char *, struct error *), void *ctx, struct error *e)
{
	CLEANUP(buf_release) struct buf question = BUF_INIT;

	if (!confirm)
		return 0;
	buf_add_str(&question, "This brings back:\n");
	for (size_t i = 0; i < l->n; i++)
		if (can_be_undone(&l->v[i]) && !strcmp(l->v[i].manifest.job, job)) {
			char when[32];

			time_to_local(l->v[i].snapshot.time, when);
			buf_printf(&question, "  %s as it was at %s\n", l->v[i].manifest.safety_target, when);
		}
	buf_add_str(&question, "What is there now is kept as a backup. Go on?");
	return confirm(ctx, buf_text(&question), e);
}

int job_undo(struct repository *r, const char *which, struct progress *p, int (*confirm)(void *ctx, const char *question, struct error *e), void *ctx,
	     struct job_restore_result *out, struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list all = {0};
	int rc = backup_list_load(r, NULL, &all, e);

	*out = (struct job_restore_result){0};
	if (rc)
		return rc;
	const char *job = job_to_undo(&all, which);
	if (!job && which)
		return error_set(e, ERR_NOT_FOUND, "there is no restore %s that could be undone", which);
	if (!job)
		return error_set(e, ERR_NOT_FOUND, "there is nothing to undo: no restore replaced anything, or all were undone");
	rc = ask_undo(&all, job, confirm, ctx, e);
	for (size_t i = 0; !rc && i < all.n; i++)
		if (can_be_undone(&all.v[i]) && !strcmp(all.v[i].manifest.job, job))
			rc = undo_one(r, &all.v[i], p, out, e);
	return rc;
}

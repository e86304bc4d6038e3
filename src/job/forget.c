/* Removing backups by policy or by name. */
#include "job/forget.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

void forget_result_release(struct forget_result *f)
{
	for (size_t i = 0; f->items && i < f->backups.n; i++)
		free((char *)f->items[i].group);
	free(f->items);
	backup_list_release(&f->backups);
	*f = (struct forget_result){0};
}

/* Backups of the same things on the same host share a policy. */
static char *group_of(const struct backup *b)
{
	CLEANUP(strlist_release) struct strlist urls = {0};

	for (size_t i = 0; i < b->manifest.source_count; i++)
		strlist_add(&urls, b->manifest.sources[i].url);
	strlist_sort(&urls);
	AUTO_FREE char *all = strlist_join(&urls, "\n");

	return mem_printf("%s\n%s", b->snapshot.hostname ? b->snapshot.hostname : "", all);
}

static struct retention_item describe(const struct backup *b)
{
	return (struct retention_item){
		.time = b->snapshot.time,
		.offset_seconds = b->snapshot.offset_seconds,
		.group = group_of(b),
		.good = !snapshot_has_tag(&b->snapshot, TAG_PARTIAL) && !b->verify_failed,
		.verified = b->level >= LEVEL_BYTES,
		.safety = backup_is_safety(b),
		.tags = &b->snapshot.tags,
	};
}

static int mark_named(struct forget_result *f, const struct strlist *ids, struct error *e)
{
	char hex[ID_HEX_LEN + 1];

	for (size_t i = 0; i < f->backups.n; i++)
		f->items[i].keep = true;
	for (size_t k = 0; k < ids->n; k++) {
		size_t found = 0, length = strlen(ids->v[k]);

		for (size_t i = 0; i < f->backups.n; i++) {
			if (length < 4 || strncmp(id_hex(&f->backups.v[i].snapshot.id, hex), ids->v[k], length))
				continue;
			found++;
			f->items[i].keep = false;
			memcpy(f->items[i].reason, "named", 6);
		}
		if (found != 1)
			return error_set(e, found ? ERR_USAGE : ERR_NOT_FOUND, found ? "backup %s: more than one id begins so" : "backup %s: there is none with this id", ids->v[k]);
	}
	return 0;
}

/* A second listing must show what the first one did: nothing is deleted on a listing that may be partial. */
static int listing_holds(struct repository *r, const struct backup_list *first, const char *source, struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list second = {0};
	int rc = backup_list_load(r, source, &second, e);

	if (rc)
		return rc;
	bool same = second.n == first->n && second.damaged.n == first->damaged.n;

	for (size_t i = 0; same && i < second.n; i++)
		same = id_equal(&second.v[i].snapshot.id, &first->v[i].snapshot.id);
	return same ? 0 : error_set(e, ERR_REFUSED, "two listings of the backups differ; nothing was removed");
}

static int refuse_damaged(const struct backup_list *l, struct error *e)
{
	if (!l->damaged.n)
		return 0;
	error_set(e, ERR_REFUSED, "nothing was removed, because not every backup can be read: %s", l->damaged.v[0]);
	return error_hint(e, "run: backstay check");
}

static int remove_marked(struct repository *r, struct forget_result *f, struct error *e)
{
	for (size_t i = 0; i < f->backups.n; i++) {
		if (f->items[i].keep)
			continue;
		int rc = snapshot_remove(r->repo, &f->backups.v[i].snapshot.id, e);
		if (rc)
			return rc;
		f->removed++;
	}
	return 0;
}

int job_forget(struct repository *r, const struct forget_options *o, struct forget_result *out, struct error *e)
{
	*out = (struct forget_result){0};
	if (!o->ids.n && retention_is_empty(&o->policy)) {
		error_set(e, ERR_USAGE, "no rule says what to keep, so nothing is removed");
		return error_hint(e, "for example: backstay forget --keep-daily 7 --keep-weekly 4");
	}
	int rc = backup_list_load(r, o->source, &out->backups, e);

	if (!rc)
		rc = refuse_damaged(&out->backups, e);
	if (rc)
		return rc;
	out->items = mem_zero(out->backups.n * sizeof *out->items);
	for (size_t i = 0; i < out->backups.n; i++)
		out->items[i] = describe(&out->backups.v[i]);
	if (o->ids.n)
		rc = mark_named(out, &o->ids, e);
	else
		retention_apply(&o->policy, out->items, out->backups.n, time_now());
	for (size_t i = 0; i < out->backups.n; i++)
		out->kept += out->items[i].keep;
	if (rc || o->dry_run)
		return rc;
	rc = listing_holds(r, &out->backups, o->source, e);
	return rc ? rc : remove_marked(r, out, e);
}

/* Removing backups by policy or by name. */
#include "job/forget.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void forget_result_release(struct forget_result *f)
{
	for (size_t i = 0; f->items && i < f->backups.n; i++)
		free((char *)f->items[i].group);
	free(f->items);
	id_list_release(&f->unreadable);
	backup_list_release(&f->backups);
	*f = (struct forget_result){0};
}

static void id_set_drop(struct id_set **s)
{
	id_set_free(*s);
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

/* ---- by name ---- */

static struct retention_item *item_of(const struct forget_result *f, const struct id *id)
{
	for (size_t i = 0; i < f->backups.n; i++)
		if (id_equal(&f->backups.v[i].snapshot.id, id))
			return &f->items[i];
	return NULL;
}

static int mark_named(struct repository *r, struct forget_result *f, const struct strlist *ids, struct error *e)
{
	for (size_t i = 0; i < f->backups.n; i++) {
		f->items[i].keep = true;
		snprintf(f->items[i].reason, sizeof f->items[i].reason, "not named");
	}
	for (size_t i = 0; i < ids->n; i++) {
		struct id id;
		int rc = repo_resolve(r->repo, STORE_SNAPSHOT, ids->v[i], &id, e);

		if (rc)
			return error_wrap(e, "backup %s", ids->v[i]);
		struct retention_item *item = item_of(f, &id);

		if (!item) {
			id_list_add(&f->unreadable, &id);
			continue;
		}
		item->keep = false;
		snprintf(item->reason, sizeof item->reason, "named");
	}
	return 0;
}

/* ---- by policy ---- */

static int refuse_damaged(const struct backup_list *l, struct error *e)
{
	if (!l->damaged.n)
		return 0;
	error_set(e, ERR_REFUSED, "nothing was removed, because not every backup can be read: %s", l->damaged.v[0]);
	return error_hint(e, "run: backstay check; to give a damaged backup up: backstay forget ID");
}

/* What the store lists once more must be what was read: nothing is deleted on a listing that may be partial. */
static int listing_holds(struct repository *r, const struct backup_list *l, struct error *e)
{
	CLEANUP(store_listing_release) struct store_listing listing = {0};
	CLEANUP(id_set_drop) struct id_set *read = id_set_new();
	int rc = store_list(r->repo->store, STORE_SNAPSHOT, store_listing_add, &listing, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < l->n; i++)
		id_set_add(read, &l->v[i].snapshot.id);
	bool same = listing.n == l->n;

	for (size_t i = 0; same && i < listing.n; i++) {
		struct id id;

		same = id_parse(&id, listing.v[i].name, ID_HEX_LEN) && id_set_has(read, &id);
	}
	return same ? 0 : error_set(e, ERR_REFUSED, "two listings of the backups differ; nothing was removed");
}

static int decide(struct repository *r, const struct forget_options *o, struct forget_result *f, struct error *e)
{
	int rc = o->ids.n ? 0 : refuse_damaged(&f->backups, e);

	if (!rc && !o->ids.n)
		rc = listing_holds(r, &f->backups, e);
	if (rc)
		return rc;
	if (o->source && !o->ids.n)
		backup_list_keep_source(&f->backups, o->source);
	f->items = mem_zero(f->backups.n * sizeof *f->items);
	for (size_t i = 0; i < f->backups.n; i++)
		f->items[i] = describe(&f->backups.v[i]);
	if (o->ids.n)
		return mark_named(r, f, &o->ids, e);
	retention_apply(&o->policy, f->items, f->backups.n, time_now());
	return 0;
}

/* ---- removing ---- */

static int remove_one(struct repository *r, const struct id *id, struct error *e)
{
	char hex[ID_HEX_LEN + 1];
	int rc = r->lock ? lock_check(r->lock, e) : 0;

	if (!rc)
		rc = snapshot_remove(r->repo, id, e);
	if (rc)
		return error_wrap(e, "forgetting backup %.8s", id_hex(id, hex));
	evidence_drop(r->repo->config.id, id);
	return 0;
}

static int remove_marked(struct repository *r, struct forget_result *f, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < f->backups.n; i++)
		if (!f->items[i].keep) {
			rc = remove_one(r, &f->backups.v[i].snapshot.id, e);
			f->removed += !rc;
		}
	for (size_t i = 0; !rc && i < f->unreadable.n; i++) {
		rc = remove_one(r, &f->unreadable.v[i], e);
		f->removed += !rc;
	}
	return rc;
}

int job_forget(struct repository *r, const struct forget_options *o, struct forget_result *out, struct error *e)
{
	*out = (struct forget_result){0};
	if (!o->ids.n && retention_is_empty(&o->policy)) {
		error_set(e, ERR_USAGE, "no rule says what to keep, so nothing is removed");
		return error_hint(e, "for example: backstay forget --keep-daily 7 --keep-weekly 4");
	}
	int rc = backup_list_load(r, NULL, &out->backups, e);

	if (!rc)
		rc = decide(r, o, out, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < out->backups.n; i++)
		out->kept += out->items[i].keep;
	if (!o->dry_run)
		return remove_marked(r, out, e);
	out->removed = out->backups.n - out->kept + out->unreadable.n;
	return 0;
}

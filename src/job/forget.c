/* Removing backups by policy or by name. */
#include "job/forget.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an item points to. */
struct item_parts {
	char *group, *held;
	struct strlist sources;
};

static void item_release(struct forget_result *f, size_t i)
{
	free(f->parts[i].group);
	free(f->parts[i].held);
	strlist_release(&f->parts[i].sources);
}

void forget_result_release(struct forget_result *f)
{
	for (size_t i = 0; f->parts && i < f->backups.n; i++)
		item_release(f, i);
	free(f->parts);
	free(f->items);
	id_list_release(&f->unreadable);
	backup_list_release(&f->backups);
	*f = (struct forget_result){0};
}

static void id_set_drop(struct id_set **s)
{
	id_set_free(*s);
}

static const char *host_of(const struct backup *b)
{
	return b->snapshot.hostname ? b->snapshot.hostname : "";
}

static void describe(struct forget_result *f, size_t i)
{
	const struct backup *b = &f->backups.v[i];
	struct item_parts *parts = &f->parts[i];

	for (size_t k = 0; k < b->manifest.source_count; k++)
		strlist_addf(&parts->sources, "%s\n%s", host_of(b), b->manifest.sources[k].url);
	strlist_sort(&parts->sources);
	AUTO_FREE char *all = strlist_join(&parts->sources, "\n");

	parts->group = mem_printf("%s\n%s", host_of(b), all);
	f->items[i] = (struct retention_item){
		.time = b->snapshot.time,
		.offset_seconds = b->snapshot.offset_seconds,
		.group = parts->group,
		.sources = &parts->sources,
		.good = backup_is_good(b),
		.verified = b->level >= LEVEL_BYTES,
		.safety = backup_is_safety(b),
		.pinned = backup_is_pinned(b),
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
		int rc = backup_resolve(r, ids->v[i], &id, e);

		if (rc)
			return error_wrap(e, "backup %s", ids->v[i]);
		struct retention_item *item = item_of(f, &id);

		if (!item) {
			id_list_add(&f->unreadable, &id);
			continue;
		}
		if (item->pinned) {
			error_set(e, ERR_REFUSED, "backup %s is pinned", ids->v[i]);
			return error_hint_typed(e, "take the pin off first", ": backstay unpin %s", ids->v[i]);
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
	return error_hint_typed(e, "check the repository, and give up what is damaged",
				": backstay check; backstay forget ID");
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

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static const struct forget_rule *rule_for(const struct forget_rules *rules, const char *schedule)
{
	for (size_t i = 0; i < rules->n; i++)
		if (same_text(rules->v[i].schedule, schedule))
			return &rules->v[i];
	return NULL;
}

/* Its policy by those rules, or why none of them is for it. */
static void choose_rule(const struct forget_rules *rules, struct forget_result *f, size_t i)
{
	const struct backup *b = &f->backups.v[i];
	const char *schedule = backup_schedule(b);
	const struct forget_rule *rule = rule_for(rules, schedule);
	struct item_parts *parts = &f->parts[i];

	if (strcmp(host_of(b), rules->host) != 0)
		parts->held = mem_printf("made on another machine, %s", host_of(b));
	else if (!snapshot_has_tag(&b->snapshot, TAG_BACKSTAY))
		parts->held = mem_string("made by another program");
	else if (!rule && schedule)
		parts->held = mem_printf("of the schedule %s, which this machine does not have", schedule);
	else if (!rule)
		parts->held = mem_string("made by no schedule");
	else if (retention_is_empty(&rule->policy))
		parts->held = mem_string(schedule ? "its schedule keeps everything" : "everything is kept");
	f->items[i].held = parts->held;
	if (parts->held)
		return;
	f->items[i].policy = &rule->policy;
	/* A schedule has its backups for itself. */
	char *group = mem_printf("%s\n%s", schedule ? schedule : "", parts->group);

	free(parts->group);
	f->items[i].group = parts->group = group;
}

static bool is_meant(const struct forget_options *o, const struct backup *b)
{
	bool of_source = !o->sources.n;

	for (size_t i = 0; !of_source && i < o->sources.n; i++)
		of_source = backup_has_source(b, o->sources.v[i]);
	return of_source &&
	       (!o->schedule || same_text(o->schedule, backup_schedule(b)) || (o->rules && backup_is_safety(b)));
}

static void choose_policy(const struct forget_options *o, struct forget_result *f, size_t i)
{
	if (!is_meant(o, &f->backups.v[i]))
		f->items[i].held = "not meant";
	else if (o->rules)
		choose_rule(o->rules, f, i);
	else
		f->items[i].policy = &o->policy;
}

/* What was not meant had only to be known for the floors. */
static void drop_others(const struct forget_options *o, struct forget_result *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->backups.n; i++)
		if (is_meant(o, &f->backups.v[i])) {
			f->items[kept] = f->items[i];
			f->parts[kept] = f->parts[i];
			f->backups.v[kept++] = f->backups.v[i];
		} else {
			item_release(f, i);
			backup_release(&f->backups.v[i]);
		}
	f->backups.n = kept;
}

static int decide(struct repository *r, const struct forget_options *o, struct forget_result *f, struct error *e)
{
	int rc = o->ids.n ? 0 : refuse_damaged(&f->backups, e);

	if (!rc && !o->ids.n)
		rc = listing_holds(r, &f->backups, e);
	if (rc)
		return rc;
	f->items = mem_zero(f->backups.n * sizeof *f->items);
	f->parts = mem_zero(f->backups.n * sizeof *f->parts);
	for (size_t i = 0; i < f->backups.n; i++)
		describe(f, i);
	if (o->ids.n)
		return mark_named(r, f, &o->ids, e);
	for (size_t i = 0; i < f->backups.n; i++)
		choose_policy(o, f, i);
	retention_apply(f->items, f->backups.n, time_now());
	drop_others(o, f);
	return 0;
}

/* ---- removing ---- */

static int remove_one(struct repository *r, const struct snapshot *s, struct error *e)
{
	char hex[ID_HEX_LEN + 1];
	int rc = r->lock ? lock_check(r->lock, e) : 0;

	if (!rc)
		rc = snapshot_remove(r->repo, &s->id, e);
	if (rc)
		return error_wrap(e, "forgetting backup %.8s", id_hex(&s->id, hex));
	evidence_drop(r->repo->config.id, s);
	return 0;
}

static int remove_marked(struct repository *r, struct forget_result *f, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < f->backups.n; i++)
		if (!f->items[i].keep) {
			rc = remove_one(r, &f->backups.v[i].snapshot, e);
			f->removed += !rc;
		}
	for (size_t i = 0; !rc && i < f->unreadable.n; i++) {
		rc = remove_one(r, &(struct snapshot){.id = f->unreadable.v[i]}, e);
		f->removed += !rc;
	}
	return rc;
}

int job_forget(struct repository *r, const struct forget_options *o, struct forget_result *out, struct error *e)
{
	*out = (struct forget_result){0};
	if (!o->ids.n && !o->rules && retention_is_empty(&o->policy)) {
		error_set(e, ERR_USAGE, "no rule says what to keep, so nothing is removed");
		return error_hint_typed(e, "name some", ": backstay forget --keep-daily 7 --keep-weekly 4");
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

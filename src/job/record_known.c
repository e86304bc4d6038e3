/* The catalog's copy of what a repository holds. */
#include "job/record.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "job/verify.h"

#include <stdlib.h>
#include <string.h>

#define ONE_BY_ONE 100       /* so many new ones are read one after the other; more by threads */

/* ---- a backup as the catalog has it ---- */

static void describe_source(const struct manifest_source *s, struct known_source *out)
{
	*out = (struct known_source){
		.name = mem_string(s->name),
		.engine = mem_string(s->engine),
		.shown = mem_string(s->url),
		.bytes = s->bytes,
		.tables = s->table_count,
	};
	for (size_t i = 0; i < s->table_count; i++)
		out->rows += s->tables[i].rows;
	for (size_t i = 0; i < s->object_count; i++)
		if (!strcmp(s->objects[i].type, "file"))
			out->files += s->objects[i].count;
}

static void describe_summary(const struct snapshot_summary *s, struct known_backup *out)
{
	if (!s->present)
		return;
	out->added = s->data_added_packed ? s->data_added_packed : s->data_added;
	out->seconds = time_between(s->backup_start, s->backup_end);
}

static char *or_null(const char *text)
{
	return text ? mem_string(text) : NULL;
}

static void describe(const struct backup *b, const char *repository_id, int64_t place, struct known_backup *out)
{
	const struct snapshot *s = &b->snapshot;
	const struct manifest *m = &b->manifest;
	char hex[ID_HEX_LEN + 1];

	*out = (struct known_backup){
		.place = place,
		.original = s->has_original ? mem_string(id_hex(&s->original, hex)) : NULL,
		.time = s->time,
		.name = mem_string(backup_name(b)),
		.description = or_null(m->description),
		.host = mem_string(s->hostname ? s->hostname : ""),
		.sources = mem_zero(m->source_count * sizeof *out->sources),
		.source_count = m->source_count,
		.bytes = backup_bytes(b),
		.safety = backup_is_safety(b),
		.imported = snapshot_has_tag(s, TAG_IMPORTED),
		.partial = snapshot_has_tag(s, TAG_PARTIAL),
		.pinned = snapshot_has_tag(s, TAG_PINNED),
		.foreign = !b->has_manifest && !snapshot_has_tag(s, TAG_BACKSTAY),
		.level = (int)b->level,
		.verify_failed = b->verify_failed,
		.verified = b->verified,
		.job = or_null(m->job),
	};
	id_hex(&s->id, out->id);
	strlist_copy(&out->tags, &s->tags);
	for (size_t i = 0; i < m->source_count; i++)
		describe_source(&m->sources[i], &out->sources[i]);
	describe_summary(&s->summary, out);
	if (b->verified.tv_sec)
		evidence_lines(repository_id, s, &out->evidence);
}

static int put(struct catalog *c, struct repository *r, const struct backup *b, int64_t place, struct error *e)
{
	struct known_backup k;

	describe(b, r->repo->config.id, place, &k);
	int rc = known_put(c, &k, e);

	known_backup_release(&k);
	return rc;
}

/* ---- what is new, what is gone ---- */

static int add_name(const char *name, uint64_t size, void *ctx)
{
	strlist_add(ctx, name);
	return 0;
}

static struct map *set_of(const struct strlist *l)
{
	struct map *m = map_new();

	for (size_t i = 0; i < l->n; i++)
		map_put(m, l->v[i], strlen(l->v[i]), m);
	return m;
}

/* Those of `all` that are not among `but`. */
static void without(const struct strlist *all, const struct strlist *but, struct strlist *out)
{
	struct map *m = set_of(but);

	for (size_t i = 0; i < all->n; i++)
		if (!map_has(m, all->v[i], strlen(all->v[i])))
			strlist_add(out, all->v[i]);
	map_free(m, NULL);
}

/* Damage does not hide a backup, unless its snapshot itself cannot be read: then it stays as it is known. */
static void read_one(struct repository *r, const char *hex, struct backup_list *out)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error why = {0};
	struct id id;

	if (!id_parse(&id, hex, strlen(hex)) || snapshot_load(r->repo, &id, &s, &why))
		return;
	GROW(out->v, out->n, out->cap);
	if (backup_of_snapshot(r, &s, &out->v[out->n++], &why))
		strlist_add(&out->damaged, why.text);
}

static int read_some(struct repository *r, const struct strlist *wanted, bool all, struct progress *p, struct backup_list *out, struct error *e)
{
	int rc = 0;

	if (all || wanted->n > ONE_BY_ONE)
		return backup_list_load(r, NULL, out, e);
	for (size_t i = 0; !rc && i < wanted->n; i++) {
		rc = progress_check(p, e);
		if (!rc)
			read_one(r, wanted->v[i], out);
	}
	return rc;
}

static int read_backups(struct repository *r, const struct strlist *wanted, bool all, struct progress *p, struct backup_list *out, struct error *e)
{
	int rc = wanted->n && !r->repo->index ? repo_load_index(r->repo, p, NULL, e) : 0;

	if (!rc)
		rc = read_some(r, wanted, all, p, out, e);
	if (rc || !out->damaged.n)
		return rc;
	/* It may be whole, and have been made since our index was read. */
	backup_list_release(out);
	rc = repo_load_index(r->repo, p, NULL, e);
	return rc ? rc : read_some(r, wanted, all, p, out, e);
}

/* ---- the place ---- */

static int add_size(const char *name, uint64_t size, void *ctx)
{
	uint64_t *sum = ctx;

	*sum += size;
	return 0;
}

static int measure(struct repository *r, uint64_t *bytes, struct error *e)
{
	int rc = store_list(r->repo->store, STORE_DATA, add_size, bytes, e);

	return rc ? rc : store_list(r->repo->store, STORE_INDEX, add_size, bytes, e);
}

static void look_at(struct repository *r, struct place_record *p)
{
	struct error ignored = {0};

	free(p->repository_id);
	p->repository_id = mem_string(r->repo->config.id);
	p->scanned = time_now();
	if ((r->repo->store->features & STORE_LOCAL) && fs_free_space(r->location, &p->bytes_free, &ignored))
		p->bytes_free = 0;
}

/* The listing and the catalog, one against the other. */
struct scanning {
	struct place_record place;
	struct strlist listed, known, fresh, gone;
	struct backup_list backups;
	uint64_t bytes;
};

static void scanning_release(struct scanning *s)
{
	place_record_release(&s->place);
	strlist_release(&s->listed);
	strlist_release(&s->known);
	strlist_release(&s->fresh);
	strlist_release(&s->gone);
	backup_list_release(&s->backups);
}

/* Everything that is read of the repository, before the catalog is held for writing. */
static int look(struct catalog *c, struct repository *r, unsigned how, struct progress *p, struct scanning *s, struct error *e)
{
	int rc = place_remember(c, r->location, &s->place, e);

	/* In this order: what another job makes known between the two is not taken for gone. */
	if (!rc)
		rc = known_ids(c, s->place.id, &s->known, e);
	if (!rc)
		rc = store_list(r->repo->store, STORE_SNAPSHOT, add_name, &s->listed, e);
	if (rc)
		return rc;
	without(&s->listed, &s->known, &s->fresh);
	without(&s->known, &s->listed, &s->gone);
	rc = read_backups(r, &s->fresh, how & RECORD_ALL, p, &s->backups, e);
	return rc || !(how & RECORD_SIZES) ? rc : measure(r, &s->bytes, e);
}

/* What new backups have added since the files were added up: until that is done again, about so much is there. A backup whose tags were changed adds
 * nothing; of a repository that was never measured, and had backups before, nothing can be said. */
static uint64_t grown(const struct scanning *s)
{
	uint64_t sum = 0;

	if (s->backups.n != s->fresh.n || (!s->place.bytes && s->known.n))
		return 0;
	for (size_t i = 0; i < s->backups.n; i++) {
		struct known_backup k = {0};

		if (!s->backups.v[i].snapshot.has_original)
			describe_summary(&s->backups.v[i].snapshot.summary, &k);
		sum += k.added;
	}
	return sum;
}

static int write(struct catalog *c, struct repository *r, unsigned how, struct scanning *s, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->backups.n; i++)
		rc = put(c, r, &s->backups.v[i], s->place.id, e);
	if (!rc && s->gone.n)
		rc = known_drop(c, s->place.id, &s->gone, e);
	look_at(r, &s->place);
	s->place.bytes = how & RECORD_SIZES ? s->bytes : s->place.bytes + grown(s);
	return rc ? rc : place_found(c, &s->place, e);
}

static int in_one(struct catalog *c, int rc, struct error *e)
{
	if (!rc)
		return catalog_commit(c, e);
	catalog_rollback(c);
	return rc;
}

int record_scan(struct catalog *c, struct repository *r, unsigned how, struct progress *p, struct error *e)
{
	CLEANUP(scanning_release) struct scanning s = {0};
	int rc = look(c, r, how, p, &s, e);

	if (!rc)
		rc = catalog_begin(c, e);
	return rc ? rc : in_one(c, write(c, r, how, &s, e), e);
}

int record_verified(struct catalog *c, struct repository *r, const struct backup *backups, size_t n, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = place_remember(c, r->location, &p, e);
	for (size_t i = 0; !rc && i < n; i++) {
		struct backup now = backups[i];      /* a view: only what the evidence says is set anew */

		evidence_load(r->repo->config.id, &now);
		rc = put(c, r, &now, p.id, e);
	}
	return in_one(c, rc, e);
}

int record_checked(struct catalog *c, struct repository *r, bool damaged, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	int rc = place_remember(c, r->location, &p, e);

	if (rc)
		return rc;
	p.checked = time_now();
	p.check_failed = damaged;
	return place_found(c, &p, e);
}

#include "repo/prune_state.h"

#include "base/human.h"
#include "base/mem.h"
#include "repo/reindex.h"
#include "repo/snapshot.h"

#include <stdarg.h>
#include <stdlib.h>

#define FEW_BLOBS (INDEX_FILE_BLOBS / 2) /* an index file with less is a small one */
#define MANY_SMALL_FILES 8u              /* merge them when there are so many */

int prune_refuse(struct error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *why = mem_vprintf(fmt, ap);
	va_end(ap);
	error_set(e, ERR_REFUSED, "nothing was removed: %s", why);
	return error_hint(e, "check the repository, and repair its index, before it is pruned again");
}

/* The listings that decisions stand on; made again, they must be the same. */
struct listings {
	struct id_list snapshots, index;
};

static void listings_release(struct listings *l)
{
	id_list_release(&l->snapshots);
	id_list_release(&l->index);
}

static bool same(const struct id_list *a, const struct id_list *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0);
}

static int list_again(struct prune *p, enum store_kind kind, const struct id_list *before, struct error *e)
{
	CLEANUP(id_list_release) struct id_list now = {0};

	int rc = inventory_list(p->r, kind, &now, e);
	if (rc || same(before, &now))
		return rc;
	return prune_refuse(e, "the %s files changed meanwhile: %zu are listed now, %zu were before",
			    store_kind_name(kind), now.n, before->n);
}

/* The root trees of all snapshots. */
static int load_roots(struct prune *p, const struct id_list *listed, struct id_list *roots, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l = {0};

	int rc = snapshot_list_load(p->r, &l, e);
	if (rc)
		return rc;
	if (l.damaged.n)
		return prune_refuse(e, "%s", l.damage.v[0]);
	if (l.n != listed->n)
		return prune_refuse(e, "the snapshot files changed meanwhile: %zu are listed now, %zu were before", l.n,
				    listed->n);
	for (size_t i = 0; i < l.n; i++)
		id_list_add(roots, &l.v[i].tree);
	return 0;
}

static int load_index(struct prune *p, const struct id_list *listed, struct error *e)
{
	int rc = inventory_load(p->r, &p->inv, p->o->progress, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < p->inv.file_count; i++) {
		const struct inventory_file *f = &p->inv.files[i];
		if (f->result && !inventory_is_damage(p->r, f->result))
			return error_set(e, (enum err_kind)(-f->result), "%s", f->why);
		if (f->result)
			return prune_refuse(e, "%s", f->why);
	}
	if (p->inv.file_count != listed->n)
		return prune_refuse(e, "the index files changed meanwhile: %zu are listed now, %zu were before",
				    p->inv.file_count, listed->n);
	if (p->inv.incomplete)
		return prune_refuse(e, "the store's list of packs leaves out some that are there");
	return 0;
}

static int refuse_empty(struct prune *p, size_t roots, struct error *e)
{
	char count[HUMAN_MAX];

	if (roots || p->inv.pack_count == 0 || p->o->allow_empty)
		return 0;
	error_set(e, ERR_REFUSED, "nothing was removed: no backup is listed, yet there are %s packs of data",
		  human_count(p->inv.pack_count, count));
	return error_hint(e, "if all backups were really forgotten, remove their data too: `backstay prune --allow-empty`");
}

/* Index files to replace: those that list a doomed pack or one listed elsewhere too, and small ones when many. */
static void choose_index_files(struct prune *p)
{
	size_t small = 0;

	for (size_t i = 0; i < p->inv.pack_count; i++)
		if (p->packs[i].fate != PRUNE_KEEP && p->inv.packs[i].file != INVENTORY_NONE)
			p->inv.files[p->inv.packs[i].file].replace = true;
	for (size_t i = 0; i < p->inv.file_count; i++)
		small += !p->inv.files[i].replace && p->inv.files[i].blobs < FEW_BLOBS;
	for (size_t i = 0; i < p->inv.file_count; i++)
		if (small >= MANY_SMALL_FILES && p->inv.files[i].blobs < FEW_BLOBS)
			p->inv.files[i].replace = true;
	for (size_t i = 0; i < p->inv.pack_count; i++) {
		struct inventory_pack *pack = &p->inv.packs[i];
		pack->write = p->packs[i].fate == PRUNE_KEEP && p->inv.files[pack->file].replace;
	}
}

static int remove_packs(struct prune *p, struct error *e)
{
	progress_phase(p->o->progress, "removing packs", "packs", 0,
		       p->out->packs_removed + p->out->packs_repacked + p->out->packs_unreferenced);
	for (size_t i = 0; i < p->inv.pack_count; i++) {
		if (p->packs[i].fate == PRUNE_KEEP || !p->inv.packs[i].there)
			continue;
		struct store_file f = inventory_store_file(STORE_DATA, &p->inv.packs[i].id);
		int rc = progress_check(p->o->progress, e);
		if (rc == 0 && p->o->lock)
			rc = lock_check(p->o->lock, e);
		if (rc == 0)
			rc = store_remove(p->r->store, &f, e);
		if (rc)
			return rc;
		progress_items(p->o->progress, 1);
	}
	return 0;
}

static int plan(struct prune *p, const struct listings *l, struct error *e)
{
	CLEANUP(id_list_release) struct id_list roots = {0};

	int rc = load_roots(p, &l->snapshots, &roots, e);
	if (rc == 0)
		rc = load_index(p, &l->index, e);
	if (rc == 0)
		rc = refuse_empty(p, roots.n, e);
	if (rc == 0)
		rc = prune_plan_mark(p, &roots, e);
	return rc ? rc : prune_plan_decide(p, e);
}

static int carry_out(struct prune *p, const struct listings *l, struct error *e)
{
	uint64_t replaced;

	choose_index_files(p);
	int rc = prune_repack_run(p, e);
	if (rc == 0)
		rc = reindex_write(p->r, &p->inv, e);
	if (rc == 0)
		rc = list_again(p, STORE_SNAPSHOT, &l->snapshots, e);
	if (rc == 0)
		rc = progress_check(p->o->progress, e);
	if (rc == 0 && p->o->lock)
		rc = lock_check(p->o->lock, e);
	if (rc == 0)
		rc = reindex_remove(p->r, &p->inv, &replaced, e);
	return rc ? rc : remove_packs(p, e);
}

static int run(struct prune *p, struct error *e)
{
	CLEANUP(listings_release) struct listings l = {0};

	int rc = inventory_list(p->r, STORE_SNAPSHOT, &l.snapshots, e);
	if (rc == 0)
		rc = inventory_list(p->r, STORE_INDEX, &l.index, e);
	if (rc == 0)
		rc = plan(p, &l, e);
	if (rc == 0)
		rc = list_again(p, STORE_SNAPSHOT, &l.snapshots, e);
	if (rc == 0)
		rc = list_again(p, STORE_INDEX, &l.index, e);
	return rc || p->o->dry_run ? rc : carry_out(p, &l, e);
}

static void release(struct prune *p)
{
	inventory_release(&p->inv);
	bits_release(&p->used);
	free(p->packs);
	repo_drop_index(p->r);
}

int prune_run(struct repo *r, const struct prune_options *o, struct prune_stats *out, struct error *e)
{
	CLEANUP(release) struct prune p = {.r = r, .o = o, .out = out};

	*out = (struct prune_stats){0};
	return run(&p, e);
}

#include "repo/prune_state.h"

#include "base/mem.h"
#include "repo/goquote.h"
#include "repo/reach.h"

#include <stdlib.h>

#define DEFAULT_MAX_UNUSED 0.05
#define SMALL_PACK (PACK_TARGET / 4)
#define MANY_SMALL_PACKS 10u /* merge the small packs of a type when there are so many */

static int mark_content(struct prune *p, const struct reach_tree *t, const struct tree_node *n, struct error *e)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT;
	char hex[ID_HEX_LEN + 1], blob[ID_HEX_LEN + 1];
	size_t number;

	for (size_t i = 0; i < n->content.n; i++) {
		if (index_number(p->r->index, BLOB_DATA, &n->content.v[i], &number)) {
			p->used_count += bits_set(&p->used, number);
			continue;
		}
		goquote(n->meta.name, strlen(n->meta.name), &name);
		return prune_refuse(e, "file \"%s\" in tree %.8s needs blob %.8s, which is in no index",
				    buf_text(&name), id_hex(&t->id, hex), id_hex(&n->content.v[i], blob));
	}
	return 0;
}

static int need_tree(struct prune *p, const struct id *tree, struct error *e)
{
	char hex[ID_HEX_LEN + 1];
	size_t number;

	if (index_number(p->r->index, BLOB_TREE, tree, &number))
		return 0;
	return prune_refuse(e, "tree %.8s, which backups need, is in no index", id_hex(tree, hex));
}

static int mark_tree(const struct reach_tree *t, void *ctx, struct error *e)
{
	struct prune *p = ctx;
	char hex[ID_HEX_LEN + 1];
	int rc = 0;

	if (!t->tree && !inventory_is_damage(p->r, t->result)) {
		*e = *t->why;
		return t->result;
	}
	if (!t->tree)
		return prune_refuse(e, "tree %.8s, which backups need, cannot be read: %s", id_hex(&t->id, hex),
				    t->why->text);
	p->used_count++;
	for (size_t i = 0; i < t->tree->n && rc == 0; i++) {
		const struct tree_node *n = &t->tree->v[i];
		if (n->meta.type == NODE_FILE)
			rc = mark_content(p, t, n, e);
		else if (n->meta.type == NODE_DIR)
			rc = need_tree(p, &n->subtree, e);
	}
	return rc;
}

int prune_plan_mark(struct prune *p, const struct id_list *roots, struct error *e)
{
	int rc = 0;

	bits_init(&p->used, index_number_limit(p->r->index));
	for (size_t i = 0; i < roots->n && rc == 0; i++)
		rc = need_tree(p, &roots->v[i], e);
	return rc ? rc : reach_run(p->r, roots->v, roots->n, &p->used, mark_tree, p, p->o->progress, e);
}

/* Giving each used blob an owner: packs of which all is used come first, so that the copies in others need not be kept.
 */
struct owners {
	struct prune *p;
	struct bits owned; /* by index_number() */
	uint64_t owned_count;
	bool full; /* the packs whose turn it is */
	struct error *e;
};

static int survey(const struct id *id, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct prune *p = ctx;
	struct prune_pack *pack = &p->packs[inventory_find(&p->inv, id)];
	size_t number;

	pack->full = true;
	pack->tree = n && blobs[0].type == BLOB_TREE;
	for (size_t i = 0; i < n; i++) {
		pack->bytes += blobs[i].length;
		if (!index_number(p->r->index, blobs[i].type, &blobs[i].id, &number) || bits_has(&p->used, number))
			continue;
		pack->full = false;
		p->out->blobs_unused++;
	}
	return 0;
}

/* Whether what the index says of it can be there: a missing or cut pack owns nothing. */
static bool is_sound(const struct inventory_pack *p)
{
	return p->there && p->gapless && p->size == p->promised;
}

static int take(const struct id *id, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct owners *o = ctx;
	uint32_t at = inventory_find(&o->p->inv, id);
	struct prune_pack *pack = &o->p->packs[at];
	size_t number;

	if (pack->full != o->full || !is_sound(&o->p->inv.packs[at]))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!index_number(o->p->r->index, blobs[i].type, &blobs[i].id, &number) ||
		    !bits_has(&o->p->used, number) || !bits_set(&o->owned, number))
			continue;
		o->owned_count++;
		pack->owned++;
		pack->owned_bytes += blobs[i].length;
	}
	return 0;
}

/* Some used blob has no owner: say which pack should have been. */
static int find_unsound(const struct id *id, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct owners *o = ctx;
	const struct inventory_pack *pack = &o->p->inv.packs[inventory_find(&o->p->inv, id)];
	char hex[ID_HEX_LEN + 1];
	size_t number;

	for (size_t i = 0; i < n; i++)
		if (index_number(o->p->r->index, blobs[i].type, &blobs[i].id, &number) &&
		    bits_has(&o->p->used, number) && !bits_has(&o->owned, number))
			return prune_refuse(o->e, "pack %.8s, which backups need, %s", id_hex(id, hex),
					    pack->there ? "does not fit what its index says" : "is missing");
	return 0;
}

static int find_owners(struct prune *p, struct error *e)
{
	struct owners o = {.p = p, .full = true, .e = e};
	int rc = 0;

	bits_init(&o.owned, index_number_limit(p->r->index));
	index_each_pack(p->r->index, survey, p);
	index_each_pack(p->r->index, take, &o);
	o.full = false;
	index_each_pack(p->r->index, take, &o);
	if (o.owned_count != p->used_count)
		rc = index_each_pack(p->r->index, find_unsound, &o);
	bits_release(&o.owned);
	return rc;
}

static uint64_t waste(const struct prune_pack *p)
{
	return p->bytes - p->owned_bytes;
}

static bool is_small(const struct prune *p, size_t i)
{
	return p->packs[i].owned && p->inv.packs[i].size < SMALL_PACK;
}

/* What must go, what must be rewritten whatever it saves, and what may stay for now. */
static void decide_first(struct prune *p)
{
	size_t small[2] = {0};

	for (size_t i = 0; i < p->inv.pack_count; i++)
		small[p->packs[i].tree] += is_small(p, i);
	for (size_t i = 0; i < p->inv.pack_count; i++) {
		struct prune_pack *pack = &p->packs[i];
		bool merge = is_small(p, i) && small[pack->tree] >= MANY_SMALL_PACKS;
		bool sort = p->inv.packs[i].mixed && p->r->config.version > 1;
		if (!pack->owned)
			pack->fate = PRUNE_REMOVE;
		else
			pack->fate = merge || sort ? PRUNE_REPACK : PRUNE_KEEP;
	}
}

/* The share of a pack that is waste: the most wasteful first, so that little is copied for much space. */
static int by_waste(const void *a, const void *b, void *ctx)
{
	const struct prune_pack *packs = ctx, *x = &packs[*(const uint32_t *)a], *y = &packs[*(const uint32_t *)b];
	double left = (double)waste(x) / (double)x->bytes, right = (double)waste(y) / (double)y->bytes;

	return left > right ? -1 : left < right;
}

static void decide_wasteful(struct prune *p)
{
	AUTO_FREE uint32_t *candidates = mem_array(NULL, p->inv.pack_count, sizeof *candidates);
	double share = p->o->max_unused < 0 ? DEFAULT_MAX_UNUSED : p->o->max_unused;
	uint64_t used = 0, unused = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->inv.pack_count; i++) {
		used += p->packs[i].owned_bytes;
		if (p->packs[i].fate == PRUNE_KEEP && waste(&p->packs[i])) {
			unused += waste(&p->packs[i]);
			candidates[n++] = (uint32_t)i;
		}
	}
	if (n)
		qsort_r(candidates, n, sizeof *candidates, by_waste, p->packs);
	for (size_t i = 0; i < n && (double)unused > share * (double)(used + unused); i++) {
		p->packs[candidates[i]].fate = PRUNE_REPACK;
		unused -= waste(&p->packs[candidates[i]]);
	}
}

static void count(struct prune *p)
{
	struct prune_stats *out = p->out;

	for (size_t i = 0; i < p->inv.pack_count; i++) {
		const struct inventory_pack *pack = &p->inv.packs[i];
		enum prune_fate fate = p->packs[i].fate;
		if (!pack->there)
			continue;
		out->bytes_before += pack->size;
		if (pack->file == INVENTORY_NONE)
			out->packs_unreferenced++;
		else if (fate == PRUNE_REMOVE)
			out->packs_removed++;
		else if (fate == PRUNE_REPACK)
			out->packs_repacked++;
		else
			out->packs_kept++;
		if (fate == PRUNE_REPACK)
			out->bytes_repacked += p->packs[i].owned_bytes;
		if (fate != PRUNE_KEEP)
			out->bytes_removed += pack->size;
	}
	out->blobs_used = p->used_count;
	out->blobs_duplicate = index_blob_count(p->r->index) - out->blobs_unused - out->blobs_used;
	out->bytes_after = out->bytes_before - out->bytes_removed + out->bytes_repacked;
}

int prune_plan_decide(struct prune *p, struct error *e)
{
	p->packs = mem_zero(p->inv.pack_count * sizeof *p->packs);
	int rc = find_owners(p, e);
	if (rc)
		return rc;
	decide_first(p);
	decide_wasteful(p);
	count(p);
	return 0;
}

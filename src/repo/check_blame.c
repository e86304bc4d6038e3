#include "repo/check_state.h"

#include "base/mem.h"
#include "repo/walk.h"

#include <stdlib.h>

/* A suspect by its number in the index; sorted by number, then pack. */
struct ref {
	size_t number;
	uint32_t pack;
	size_t problem;
};

/* A folder on the way down. */
struct frame {
	size_t number;
	struct id_list folders;
	size_t next;
	bool tainted; /* it or something below is bad */
};

struct blame {
	struct check *c;
	struct blob_codec *codec;
	struct ref *refs;
	size_t ref_count;
	struct bits suspected;
	struct bits healthy; /* suspected, yet a copy in another pack is good */
	struct bits clean;   /* trees with nothing bad below, whichever snapshot asks */
	struct bits visited; /* trees seen in this snapshot */
	const struct id *snapshot;
	struct frame *frames;
	size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->pack != y->pack ? (x->pack < y->pack ? -1 : 1) : 0;
}

static void resolve(struct blame *b)
{
	const struct check *c = b->c;

	b->refs = mem_array(NULL, c->suspect_count, sizeof *b->refs);
	for (size_t i = 0; i < c->suspect_count; i++) {
		const struct check_suspect *s = &c->suspects[i];
		struct ref *ref = &b->refs[b->ref_count];
		if (!index_number(c->r->index, s->type, &s->id, &ref->number))
			continue;
		ref->pack = s->pack;
		ref->problem = s->problem;
		bits_set(&b->suspected, ref->number);
		b->ref_count++;
	}
	qsort(b->refs, b->ref_count, sizeof *b->refs, by_number);
}

/* A copy that no problem speaks of is a good one. */
static int find_healthy(const struct blob_place *p, void *ctx)
{
	struct blame *b = ctx;
	struct ref ref = {.pack = inventory_find(&b->c->inv, &p->pack)};

	if (index_number(b->c->r->index, p->blob.type, &p->blob.id, &ref.number) &&
	    bits_has(&b->suspected, ref.number) && !bsearch(&ref, b->refs, b->ref_count, sizeof ref, by_number))
		bits_set(&b->healthy, ref.number);
	return 0;
}

static size_t first_ref(const struct blame *b, size_t number)
{
	size_t from = 0, to = b->ref_count;

	while (from < to) {
		size_t mid = (from + to) / 2;
		if (b->refs[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Whether this blob is bad; the snapshot is noted with each problem that makes it so. */
static bool is_bad(struct blame *b, enum blob_type type, const struct id *id)
{
	bool bad = false;
	size_t number;

	if (!index_number(b->c->r->index, type, id, &number) || !bits_has(&b->suspected, number))
		return false;
	for (size_t i = first_ref(b, number); i < b->ref_count && b->refs[i].number == number; i++) {
		if (b->refs[i].pack != INVENTORY_NONE && bits_has(&b->healthy, number))
			continue;
		check_hurt(b->c, b->refs[i].problem, b->snapshot);
		bad = true;
	}
	return bad;
}

/* Trees that no index lists or that cannot be read are bad already: what refers to them is, or they are. */
static void look_into(struct blame *b, struct frame *f, const struct id *id)
{
	CLEANUP(tree_release) struct tree tree = {0};
	struct error ignored = {0};

	if (walk_load_tree(b->c->r, b->codec, id, &tree, &ignored)) {
		f->tainted = true;
		return;
	}
	for (size_t i = 0; i < tree.n; i++) {
		const struct tree_node *n = &tree.v[i];
		for (size_t k = 0; n->meta.type == NODE_FILE && k < n->content.n; k++)
			if (is_bad(b, BLOB_DATA, &n->content.v[k]))
				f->tainted = true;
		if (n->meta.type == NODE_DIR)
			id_list_add(&f->folders, &n->subtree);
	}
}

/* Go down into a tree. Returns whether it is known to be tainted without doing so. */
static bool enter(struct blame *b, const struct id *id)
{
	struct frame f = {0};

	if (!index_number(b->c->r->index, BLOB_TREE, id, &f.number) || bits_has(&b->clean, f.number))
		return false;
	if (!bits_set(&b->visited, f.number))
		return true;
	f.tainted = is_bad(b, BLOB_TREE, id);
	look_into(b, &f, id);
	GROW(b->frames, b->n, b->cap);
	b->frames[b->n++] = f;
	return false;
}

static void leave(struct blame *b)
{
	struct frame *f = &b->frames[--b->n];

	if (!f->tainted)
		bits_set(&b->clean, f->number);
	else if (b->n)
		b->frames[b->n - 1].tainted = true;
	id_list_release(&f->folders);
}

static void blame_snapshot(struct blame *b, const struct snapshot *s)
{
	b->snapshot = &s->id;
	bits_clear(&b->visited);
	enter(b, &s->tree);
	while (b->n) {
		size_t top = b->n - 1;
		struct frame *f = &b->frames[top];
		if (f->next == f->folders.n)
			leave(b);
		else if (enter(b, &f->folders.v[f->next++]))
			b->frames[top].tainted = true;
	}
}

static void release(struct blame *b)
{
	while (b->n)
		id_list_release(&b->frames[--b->n].folders);
	free(b->frames);
	free(b->refs);
	bits_release(&b->suspected);
	bits_release(&b->healthy);
	bits_release(&b->clean);
	bits_release(&b->visited);
	blob_codec_free(b->codec);
}

int check_blame_run(struct check *c, struct error *e)
{
	CLEANUP(release) struct blame b = {.c = c, .codec = blob_codec_new(&c->r->key)};
	size_t limit = index_number_limit(c->r->index);
	int rc = 0;

	bits_init(&b.suspected, limit);
	bits_init(&b.healthy, limit);
	bits_init(&b.clean, limit);
	bits_init(&b.visited, limit);
	resolve(&b);
	index_each(c->r->index, find_healthy, &b);
	progress_phase(c->o->progress, "finding the backups concerned", "backups", 0, c->snapshots.n);
	for (size_t i = 0; i < c->snapshots.n && rc == 0; i++) {
		blame_snapshot(&b, &c->snapshots.v[i]);
		progress_items(c->o->progress, 1);
		rc = progress_check(c->o->progress, e);
	}
	return rc;
}

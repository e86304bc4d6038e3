#include "repo/check_state.h"

#include "base/mem.h"
#include "repo/goquote.h"

struct trees {
	struct check *c;
	struct buf name; /* a node's name, readable */
	struct buf other;
};

static const char *readable(struct buf *out, const char *name)
{
	buf_clear(out);
	goquote(name, strlen(name), out);
	return buf_text(out);
}

/* A problem of a tree hurts whoever holds the tree. */
static void add(struct trees *t, const struct reach_tree *tree, const char *text)
{
	char hex[ID_HEX_LEN + 1];
	AUTO_FREE char *object = mem_printf("tree %s", id_hex(&tree->id, hex));

	size_t problem = check_add(t->c, CHECK_ERROR, object, "tree %.8s%s", hex, text);
	check_suspect(t->c, problem, BLOB_TREE, &tree->id, INVENTORY_NONE);
}

static void addf(struct trees *t, const struct reach_tree *tree, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void addf(struct trees *t, const struct reach_tree *tree, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	add(t, tree, text);
}

/* The first place where the names do not rise; one is told for all. */
static void look_at_order(struct trees *t, const struct reach_tree *tree)
{
	for (size_t i = 1; i < tree->tree->n; i++) {
		const char *a = tree->tree->v[i - 1].meta.name, *b = tree->tree->v[i].meta.name;
		int order = strcmp(a, b);
		if (order < 0)
			continue;
		if (order == 0)
			addf(t, tree, ": the name \"%s\" is there twice", readable(&t->name, a));
		else
			addf(t, tree, ": its names are not sorted (\"%s\" comes before \"%s\")", readable(&t->name, a),
			     readable(&t->other, b));
		return;
	}
}

static void look_at_file(struct trees *t, const struct reach_tree *tree, const struct tree_node *n)
{
	const struct index *index = t->c->r->index;
	uint64_t size = 0;
	size_t missing = 0, number;

	for (size_t i = 0; i < n->content.n; i++) {
		struct blob_place place;
		if (!index_find(index, BLOB_DATA, &n->content.v[i], &place) ||
		    !index_number(index, BLOB_DATA, &n->content.v[i], &number)) {
			missing++;
			continue;
		}
		bits_set(&t->c->used, number);
		size += blob_plain_size(place.blob.length, place.blob.plain_len);
	}
	if (missing)
		addf(t, tree, ": file \"%s\": %zu of its %zu blobs are in no index", readable(&t->name, n->meta.name),
		     missing, n->content.n);
	else if (size != n->meta.size)
		addf(t, tree, ": file \"%s\" should be %llu bytes long, but its blobs hold %llu",
		     readable(&t->name, n->meta.name), (unsigned long long)n->meta.size, (unsigned long long)size);
}

static void look_at_folder(struct trees *t, const struct reach_tree *tree, const struct tree_node *n)
{
	size_t number;
	char hex[ID_HEX_LEN + 1];

	if (!index_number(t->c->r->index, BLOB_TREE, &n->subtree, &number))
		addf(t, tree, ": folder \"%s\": its tree %.8s is in no index", readable(&t->name, n->meta.name),
		     id_hex(&n->subtree, hex));
}

static int look_at_tree(const struct reach_tree *tree, void *ctx, struct error *e)
{
	struct trees *t = ctx;

	if (!tree->tree && !inventory_is_damage(t->c->r, tree->result)) {
		*e = *tree->why;
		return tree->result;
	}
	if (!tree->tree) {
		t->c->unread_trees = true;
		addf(t, tree, " cannot be read: %s", tree->why->text);
		return 0;
	}
	t->c->out->trees++;
	look_at_order(t, tree);
	for (size_t i = 0; i < tree->tree->n; i++) {
		const struct tree_node *n = &tree->tree->v[i];
		if (n->meta.type == NODE_FILE)
			look_at_file(t, tree, n);
		else if (n->meta.type == NODE_DIR)
			look_at_folder(t, tree, n);
	}
	return 0;
}

static void look_at_root(struct check *c, const struct snapshot *s)
{
	struct store_file f = inventory_store_file(STORE_SNAPSHOT, &s->id);
	char path[STORE_PATH_MAX], hex[ID_HEX_LEN + 1];
	size_t number;

	if (index_number(c->r->index, BLOB_TREE, &s->tree, &number))
		return;
	store_path(&f, path);
	size_t problem = check_add(c, CHECK_ERROR, path, "snapshot %.8s: its tree %.8s is in no index", f.name,
				   id_hex(&s->tree, hex));
	check_hurt(c, problem, &s->id);
	c->unread_trees = true;
}

int check_trees_run(struct check *c, struct error *e)
{
	CLEANUP(id_list_release) struct id_list roots = {0};
	struct trees t = {.c = c};

	bits_init(&c->used, index_number_limit(c->r->index));
	for (size_t i = 0; i < c->snapshots.n; i++) {
		look_at_root(c, &c->snapshots.v[i]);
		id_list_add(&roots, &c->snapshots.v[i].tree);
	}
	int rc = reach_run(c->r, roots.v, roots.n, &c->used, look_at_tree, &t, c->o->progress, e);
	buf_release(&t.name);
	buf_release(&t.other);
	return rc;
}

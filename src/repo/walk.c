#include "repo/walk.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/artifact.h"
#include "repo/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 4096
#define FETCH_THREADS 8

int walk_load_tree(struct repo *r, struct blob_codec *c, const struct id *id, struct tree *out, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	char hex[ID_HEX_LEN + 1];

	*out = (struct tree){0};
	int rc = repo_read_blob(r, c, BLOB_TREE, id, &json, e);
	if (rc == 0)
		rc = tree_parse(json.p, json.len, 0, out, e);
	return rc < 0 ? error_wrap(e, "tree %.8s", id_hex(id, hex)) : 0;
}

static void free_codec(struct blob_codec **c)
{
	blob_codec_free(*c);
}

/* The entry `name` of the folder `dir` takes the folder's place. `path` up to its end is for messages. */
static int descend(struct repo *r, struct blob_codec *c, struct tree_node *dir, const char *name, const char *path,
		   int path_len, struct error *e)
{
	CLEANUP(tree_release) struct tree t = {0};

	if (dir->meta.type != NODE_DIR)
		return error_set(e, ERR_NOT_FOUND, "%.*s: \"%s\" is not in a folder", path_len, path, name);
	int rc = walk_load_tree(r, c, &dir->subtree, &t, e);
	if (rc < 0)
		return rc;
	const struct tree_node *found = tree_find(&t, name);
	if (!found)
		return error_set(e, ERR_NOT_FOUND, "%.*s: there is no \"%s\"", path_len, path, name);
	tree_node_release(dir);
	struct tree_node *entry = &t.v[found - t.v];
	*dir = *entry;
	*entry = (struct tree_node){0};
	return 0;
}

int walk_find(struct repo *r, const struct id *root, const char *path, struct tree_node *out, struct error *e)
{
	CLEANUP(tree_node_release) struct tree_node at = {.subtree = *root};
	CLEANUP(free_codec) struct blob_codec *c = blob_codec_new(&r->key);

	at.meta = (struct node){.name = mem_string(""), .type = NODE_DIR, .mode = 0755};
	for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		AUTO_FREE char *name = mem_string_n(p, n);

		p += n;
		int rc = descend(r, c, &at, name, path, (int)(p - path), e);
		if (rc < 0)
			return rc;
	}
	*out = at;
	at = (struct tree_node){0};
	return 0;
}

/* Walking: a stack of the folders on the way down, so that no depth of a tree is a depth of calls. */
struct level {
	struct tree tree;
	size_t next;              /* entry to visit next; the folder being visited is the one before it */
	size_t path_len;          /* of the folder itself */
};

struct walker {
	struct repo *repo;
	struct blob_codec *codec;
	struct level *levels;
	size_t n, cap;
	bool entering;            /* the entry last returned is a folder whose tree is to be loaded */
	struct buf path;
};

static void walker_init(struct walker *w, struct repo *r)
{
	*w = (struct walker){.repo = r, .codec = blob_codec_new(&r->key)};
}

static void walker_release(struct walker *w)
{
	while (w->n > 0)
		tree_release(&w->levels[--w->n].tree);
	free(w->levels);
	blob_codec_free(w->codec);
	buf_release(&w->path);
}

/* The entry last returned by walker_next(). */
static const struct tree_node *walker_node(const struct walker *w)
{
	const struct level *top = &w->levels[w->n - 1];

	return &top->tree.v[top->next - 1];
}

/* Load the folder `id`, whose path is in w->path, as the new top. */
static int walker_push(struct walker *w, const struct id *id, struct error *e)
{
	struct level l = {.path_len = w->path.len};

	if (w->n >= MAX_DEPTH)
		return error_set(e, ERR_LIMIT, "folders are nested deeper than %d levels", MAX_DEPTH);
	int rc = walk_load_tree(w->repo, w->codec, id, &l.tree, e);
	if (rc < 0)
		return w->path.len ? error_wrap(e, "%s", buf_text(&w->path)) : rc;
	GROW(w->levels, w->n, w->cap);
	w->levels[w->n++] = l;
	return 0;
}

static void set_path(struct walker *w, size_t len)
{
	w->path.len = len;
	if (w->path.p)
		w->path.p[len] = 0;
}

static enum tree_event walker_leave(struct walker *w)
{
	set_path(w, w->levels[w->n - 1].path_len);
	tree_release(&w->levels[--w->n].tree);
	return w->n > 0 ? TREE_LEAVE : TREE_END;
}

static int walker_next(struct walker *w, enum tree_event *event, struct error *e)
{
	if (w->entering) {
		w->entering = false;
		int rc = walker_push(w, &walker_node(w)->subtree, e);
		if (rc < 0)
			return rc;
	}
	if (w->n == 0) {
		*event = TREE_END;
		return 0;
	}
	struct level *top = &w->levels[w->n - 1];
	if (top->next == top->tree.n) {
		*event = walker_leave(w);
		return 0;
	}
	const struct tree_node *n = &top->tree.v[top->next++];
	set_path(w, top->path_len);
	if (w->path.len)
		buf_add_byte(&w->path, '/');
	buf_add_str(&w->path, n->meta.name);
	w->entering = n->meta.type == NODE_DIR;
	*event = w->entering ? TREE_ENTER : TREE_NODE;
	return 0;
}

int walk_tree(struct repo *r, const struct id *root, walk_fn fn, void *ctx, struct error *e)
{
	CLEANUP(walker_release) struct walker w;
	enum tree_event event = TREE_END;

	walker_init(&w, r);
	int rc = walker_push(&w, root, e);
	while (rc >= 0) {
		rc = walker_next(&w, &event, e);
		if (rc < 0 || event == TREE_END)
			return rc;
		if (event == TREE_LEAVE)
			continue;
		rc = fn(buf_text(&w.path), walker_node(&w), ctx, e);
		if (rc == WALK_SKIP)
			w.entering = false;
	}
	return rc;
}

/* The same walk as a tree_source. */
struct stored_tree {
	struct tree_source source;
	struct walker walker;
	struct fetch *fetch;      /* made when the first file is asked for */
	struct progress *progress;
};

static int stored_next(struct tree_source *t, enum tree_event *event, const struct node **node, const char **path,
		       struct error *e)
{
	struct stored_tree *s = (struct stored_tree *)t;

	int rc = walker_next(&s->walker, event, e);
	if (rc < 0)
		return rc;
	*node = *event == TREE_END ? NULL : &walker_node(&s->walker)->meta;
	*path = buf_text(&s->walker.path);
	return 0;
}

static int stored_skip(struct tree_source *t, struct error *e)
{
	struct stored_tree *s = (struct stored_tree *)t;

	if (!s->walker.entering)
		return error_set(e, ERR_INTERNAL, "no folder was just entered, so none can be skipped");
	s->walker.entering = false;
	return 0;
}

/* The file just returned, or NULL with the error set. */
static const struct tree_node *current_file(struct stored_tree *s, struct error *e)
{
	bool any = s->walker.n && s->walker.levels[s->walker.n - 1].next;

	if (any && walker_node(&s->walker)->meta.type == NODE_FILE)
		return walker_node(&s->walker);
	error_set(e, ERR_INTERNAL, "%s is not a file, so it has no content", buf_text(&s->walker.path));
	return NULL;
}

static int stored_fetch(struct tree_source *t, int fd, bool sparse,
			void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx,
			struct error *e)
{
	struct stored_tree *s = (struct stored_tree *)t;
	const struct tree_node *n = current_file(s, e);

	if (!n) {
		close(fd);
		return -ERR_INTERNAL;
	}
	if (!s->fetch)
		s->fetch = fetch_new(s->walker.repo, pool_cpus(FETCH_THREADS), s->progress);
	return fetch_file(s->fetch, n, fd, sparse, done, ctx, e);
}

static int stored_open(struct tree_source *t, struct source **out, struct error *e)
{
	struct stored_tree *s = (struct stored_tree *)t;
	const struct tree_node *n = current_file(s, e);

	return n ? artifact_open(s->walker.repo, n, 0, out, e) : -ERR_INTERNAL;
}

static int stored_wait(struct tree_source *t, struct error *e)
{
	struct stored_tree *s = (struct stored_tree *)t;

	return s->fetch ? fetch_wait(s->fetch, e) : 0;
}

static void stored_close(struct tree_source *t)
{
	struct stored_tree *s = (struct stored_tree *)t;

	if (s->fetch)
		fetch_free(s->fetch);
	walker_release(&s->walker);
	free(s);
}

int walk_source(struct repo *r, const struct id *root, struct progress *p, struct tree_source **out, struct error *e)
{
	struct stored_tree *s = mem_zero(sizeof *s);

	s->source = (struct tree_source){
		.next = stored_next,
		.skip = stored_skip,
		.fetch = stored_fetch,
		.open = stored_open,
		.wait = stored_wait,
		.close = stored_close,
	};
	s->progress = p;
	walker_init(&s->walker, r);
	int rc = walker_push(&s->walker, root, e);
	if (rc < 0) {
		stored_close(&s->source);
		return rc;
	}
	*out = &s->source;
	return 0;
}

#include "repo/reach.h"

#include "base/mem.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 8

/* Level by level: the trees of one level are read by several threads while those they refer to gather for the next. */
struct reach {
	struct repo *r;
	struct bits *seen;
	reach_fn fn;
	void *ctx;
	struct progress *progress;
	struct blob_codec **codecs; /* one a thread */
	pthread_mutex_t lock;       /* guards what follows, and the calls of fn */
	struct id_list next;
	int result; /* the first failure, with: */
	struct error *e;
};

static void note(struct reach *w, const struct id *tree)
{
	size_t number;

	if (index_number(w->r->index, BLOB_TREE, tree, &number) && bits_set(w->seen, number))
		id_list_add(&w->next, tree);
}

static int load(struct reach *w, struct blob_codec *c, const struct id *id, struct tree *tree, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	int rc = repo_read_blob(w->r, c, BLOB_TREE, id, &json, e);
	return rc ? rc : tree_parse(json.p, json.len, 0, tree, e);
}

static int tell(struct reach *w, const struct reach_tree *t)
{
	for (size_t i = 0; t->tree && i < t->tree->n; i++)
		if (t->tree->v[i].meta.type == NODE_DIR)
			note(w, &t->tree->v[i].subtree);
	return w->fn(t, w->ctx, w->e);
}

static void visit(int worker, void *item, void *ctx)
{
	struct reach *w = ctx;
	CLEANUP(tree_release) struct tree tree = {0};
	struct error why = {0};
	struct reach_tree t = {.id = *(const struct id *)item};

	t.result = load(w, w->codecs[worker], &t.id, &tree, &why);
	if (t.result)
		t.why = &why;
	else
		t.tree = &tree;
	index_number(w->r->index, BLOB_TREE, &t.id, &t.number);
	pthread_mutex_lock(&w->lock);
	if (w->result == 0)
		w->result = tell(w, &t);
	pthread_mutex_unlock(&w->lock);
	progress_items(w->progress, 1);
}

static int failed(struct reach *w)
{
	pthread_mutex_lock(&w->lock);
	int rc = w->result;
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* All trees in w->next; what they refer to is in w->next afterwards. */
static int visit_level(struct reach *w, struct pool *pool, struct error *e)
{
	CLEANUP(id_list_release) struct id_list level = w->next;
	struct error cancelled = {0};
	int rc = 0;

	w->next = (struct id_list){0};
	progress_expect(w->progress, 0, level.n);
	for (size_t i = 0; i < level.n && rc == 0 && !failed(w); i++) {
		rc = progress_check(w->progress, &cancelled);
		if (rc == 0)
			pool_submit(pool, &level.v[i]);
	}
	pool_drain(pool);
	if (w->result)
		return w->result;
	if (rc)
		*e = cancelled;
	return rc;
}

int reach_run(struct repo *r, const struct id *roots, size_t n, struct bits *seen, reach_fn fn, void *ctx,
	      struct progress *p, struct error *e)
{
	struct blob_codec *codecs[THREADS];
	struct reach w = {.r = r, .seen = seen, .fn = fn, .ctx = ctx, .progress = p, .codecs = codecs, .e = e};
	int threads = pool_cpus(THREADS), rc = 0;

	pthread_mutex_init(&w.lock, NULL);
	for (int i = 0; i < threads; i++)
		codecs[i] = blob_codec_new(&r->key);
	progress_phase(p, "reading folders", "folders", 0, 0);
	for (size_t i = 0; i < n; i++)
		note(&w, &roots[i]);
	struct pool *pool = pool_new("trees", threads, 2 * THREADS, visit, &w);
	while (w.next.n && rc == 0)
		rc = visit_level(&w, pool, e);
	pool_free(pool);
	for (int i = 0; i < threads; i++)
		blob_codec_free(codecs[i]);
	id_list_release(&w.next);
	pthread_mutex_destroy(&w.lock);
	return rc;
}

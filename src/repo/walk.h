/* Reading stored trees: lookup by path, and a depth-first walk. */
#ifndef REPO_WALK_H
#define REPO_WALK_H

#include "base/stream.h"
#include "repo/repo.h"
#include "repo/tree.h"

int walk_load_tree(struct repo *r, struct blob_codec *c, const struct id *id, struct tree *out,
		   struct error *e) MUST_USE;
/* The entry at `path` ("a/b/c"; "" or "/" gives a folder node with the root's id as subtree). -ERR_NOT_FOUND names
 * the missing component. The caller releases out. */
int walk_find(struct repo *r, const struct id *root, const char *path, struct tree_node *out, struct error *e) MUST_USE;

/* Visit everything below `root`, folders before what they hold. `path` is relative, no leading slash. fn returns 0
 * to go on, WALK_SKIP not to enter this folder, negative (-kind with e set) to stop. */
#define WALK_SKIP 1
typedef int (*walk_fn)(const char *path, const struct tree_node *n, void *ctx, struct error *e);
int walk_tree(struct repo *r, const struct id *root, walk_fn fn, void *ctx, struct error *e) MUST_USE;

/* A tree_source (base/stream.h) over the folder with tree `root`: what restoring engines read. */
int walk_source(struct repo *r, const struct id *root, struct progress *p, struct tree_source **out,
		struct error *e) MUST_USE;

#endif

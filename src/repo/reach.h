/* Everything that snapshots reach: each stored tree visited once, whoever refers to it. */
#ifndef REPO_REACH_H
#define REPO_REACH_H

#include "repo/bits.h"
#include "repo/repo.h"
#include "repo/tree.h"

struct reach_tree {
	struct id id;
	size_t number;           /* index_number() of it */
	const struct tree *tree; /* NULL when it could not be read: */
	int result;              /* -ERR_KIND */
	const struct error *why;
};
/* One call at a time, from any thread. Non-zero ends the walk and is returned. */
typedef int (*reach_fn)(const struct reach_tree *t, void *ctx, struct error *e);

/* Visit all trees below the n roots, several at a time; the bits of visited trees are set in `seen` (of
 * index_number_limit() bits, over r->index), and trees whose bit is set already are not visited. Trees that no index
 * lists are passed over: who must know looks at the roots, and in fn at the folders of each tree. */
int reach_run(struct repo *r, const struct id *roots, size_t n, struct bits *seen, reach_fn fn, void *ctx,
	      struct progress *p, struct error *e) MUST_USE;

#endif

/* Replacing index files, in two steps between which both are there: first write, then remove. */
#ifndef REPO_REINDEX_H
#define REPO_REINDEX_H

#include "repo/inventory.h"

/* Write new index files that list, as r->index has them, all packs marked `write`. */
int reindex_write(struct repo *r, const struct inventory *v, struct error *e) MUST_USE;
/* Remove the index files marked `replace`. *removed counts. */
int reindex_remove(struct repo *r, const struct inventory *v, uint64_t *removed, struct error *e) MUST_USE;

#endif

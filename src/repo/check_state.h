/* What the parts of check share (check*.c only). */
#ifndef REPO_CHECK_STATE_H
#define REPO_CHECK_STATE_H

#include "repo/bits.h"
#include "repo/check.h"
#include "repo/inventory.h"
#include "repo/reach.h"

#include <pthread.h>

/* A blob that a problem takes away from whoever needs it. */
struct check_suspect {
	struct id id;
	enum blob_type type;
	uint32_t pack; /* only the copy in this pack is bad; INVENTORY_NONE: the blob itself */
	size_t problem;
};

struct check {
	struct repo *r;
	const struct check_options *o;
	struct check_report *out;
	struct inventory inv;
	struct snapshot_list snapshots; /* those being checked */
	struct bits used;               /* blobs they need, by index_number() */
	bool unread_trees;              /* so there may be more that they need */
	pthread_mutex_t lock;           /* guards out, and: */
	struct check_suspect *suspects;
	size_t suspect_count, suspect_cap;
};

/* check.c. Add a problem; returns its number. Any thread. */
size_t check_add(struct check *c, enum check_severity severity, const char *object, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void check_suspect(struct check *c, size_t problem, enum blob_type type, const struct id *id, uint32_t pack);
/* This snapshot is hurt by the problem. Calls for one snapshot follow one another. */
void check_hurt(struct check *c, size_t problem, const struct id *snapshot);

/* check_files.c: config, keys, snapshots, and what index files and the listing of packs say. */
int check_files_config(struct check *c, struct error *e) MUST_USE;
int check_files_keys(struct check *c, struct error *e) MUST_USE;
int check_files_snapshots(struct check *c, struct error *e) MUST_USE;
int check_files_index(struct check *c, struct error *e) MUST_USE;
void check_files_packs(struct check *c, const struct bits *needed); /* needed: packs by number, NULL = all */

/* check_trees.c: all trees the snapshots reach; fills c->used. */
int check_trees_run(struct check *c, struct error *e) MUST_USE;

/* check_packs.c: read packs whole. `needed` as above. */
int check_packs_run(struct check *c, const struct bits *needed, struct error *e) MUST_USE;

/* check_blame.c: find the snapshots that need what is suspect. */
int check_blame_run(struct check *c, struct error *e) MUST_USE;

#endif

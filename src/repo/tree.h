/* Trees: the list of a folder's entries as stored (restic design document, "Trees and Data"; member order and
 * forms as restic writes them, so that equal folders give equal blobs whichever program stored them). */
#ifndef REPO_TREE_H
#define REPO_TREE_H

#include "base/node.h"
#include "repo/id.h"
#include "base/buf.h"

struct tree_node {
	struct node meta;
	struct id_list content;       /* files: ids of the data blobs, in order */
	struct id subtree;            /* folders */
};

struct tree {
	struct tree_node *v;          /* strictly increasing by raw name */
	size_t n, cap;
	bool unsorted;                /* they are not: kept by tree_add(), tree_sort() and tree_parse() */
};

void tree_node_release(struct tree_node *t);
void tree_release(struct tree *t);
/* Append; takes over what `n` owns. Call tree_sort() before encoding. */
void tree_add(struct tree *t, struct tree_node *n);
/* Sort by raw name bytes; -ERR_EXISTS for two equal names. */
int tree_sort(struct tree *t, struct error *e) MUST_USE;
/* JSON with a newline at its end, appended. Access times are written as the modification times; a link target that
 * is not UTF-8 is written a second time as it is (linktarget_raw, which restic knows since 0.16). */
void tree_encode(const struct tree *t, struct buf *out);
#define TREE_STRICT 1u            /* also refuse unsorted or duplicate names (we write none; check reports them) */
/* Names with a slash, empty, "." or ".." are -ERR_CORRUPT always: they would leave the folder; so are a folder
 * without a tree and an unknown type. Unknown members are ignored. On failure *out is empty. */
int tree_parse(const void *p, size_t n, unsigned flags, struct tree *out, struct error *e) MUST_USE;
/* NULL when absent. A search by halves; one by one in an unsorted tree. */
const struct tree_node *tree_find(const struct tree *t, const char *name);
/* The JSON value of `mode` (Go's os.FileMode) for a type and permission bits, and back. */
uint32_t tree_go_mode(enum node_type type, uint32_t mode);
uint32_t tree_unix_mode(uint32_t go_mode);

#endif

/* Where the blobs of a stored file lie in it: what reading it at an offset, in order or in parallel stands on. */
#ifndef REPO_CONTENT_H
#define REPO_CONTENT_H

#include "base/stream.h"
#include "repo/repo.h"
#include "repo/tree.h"

struct content {
	char *name;    /* of the file, for messages */
	struct id *id; /* n blobs, in order */
	uint64_t *end; /* where each ends in the file */
	size_t n;
	uint64_t size;
};

/* The lengths come from the index. -ERR_CORRUPT when a blob is in no index, or the node's size is not their sum. On
 * failure *out is empty. */
int content_open(struct repo *r, const struct tree_node *file, struct content *out, struct error *e) MUST_USE;
void content_release(struct content *c);
/* Where blob i begins / the blob that holds byte `at` (which must be below the size). */
uint64_t content_begin(const struct content *c, size_t i);
size_t content_find(const struct content *c, uint64_t at);
/* How many blobs from number i on have at most `bytes` together; at least 1. */
size_t content_run(const struct content *c, size_t i, size_t bytes);
/* Blob number i (out cleared first), exactly as long as it must be. */
int content_read(struct repo *r, struct blob_codec *codec, const struct content *c, size_t i, struct buf *out,
		 struct error *e) MUST_USE;

/* artifact_copy.c: all blobs in order into a sink, decoded ahead by threads. */
int artifact_copy_content(struct repo *r, const struct content *c, struct sink *to, struct progress *p,
			  struct error *e) MUST_USE;

#endif

/* Reading packs from end to end: their headers, and their blobs in few large reads. */
#ifndef REPO_SCAN_H
#define REPO_SCAN_H

#include "repo/pack.h"
#include "store/store.h"

#define SCAN_RANGE ((size_t)8 << 20) /* read at a time; a blob larger than this is read alone */

/* The list of blobs in a pack file of `size` bytes, from its own header (caller's, free()). `tail` (cleared first)
 * receives the end of the file: the sealed header and its length, or whatever part of it could be read. -ERR_CORRUPT
 * says what is wrong with the header ("its header ..."). */
int scan_header(struct store *s, struct cipher *c, const struct id *pack, uint64_t size, struct buf *tail,
		struct pack_blob **blobs, size_t *n, struct error *e) MUST_USE;

/* Tell the stored bytes of each of the n blobs (in the order of their offsets) to fn; what lies side by side is read
 * together into `room`. When a read fails, `sealed` is NULL for every blob in it and `e` says why; fn decides whether
 * to go on (0) or to return an error. */
typedef int (*scan_fn)(const struct pack_blob *b, const void *sealed, void *ctx, struct error *e);
int scan_blobs(struct store *s, const struct id *pack, const struct pack_blob *blobs, size_t n, struct buf *room,
	       scan_fn fn, void *ctx, struct error *e) MUST_USE;

#endif

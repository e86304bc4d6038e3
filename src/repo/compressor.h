/* Compressing a blob as one zstd frame (RFC 8878), in the way that pays best for blobs of its kind.
 *
 * At the default level, blobs from COMPRESSOR_BLOCK on have two recipes: a quick one, and a dense one that takes more
 * time (a fifth for blocks of databases, a tenth for chunks of streams). Which is worth it depends on what the bytes are:
 * some rows and texts gain several per cent, indexes and pictures nothing. Neighbours are alike, so both recipes are tried on one blob now and then (every 64th, and when the ratio of
 * compression changes), and the blobs after it go the winner's way. The frame of a blob may so differ from one backup
 * to the next; its content and its id never do. */
#ifndef REPO_COMPRESSOR_H
#define REPO_COMPRESSOR_H

#include "base/buf.h"

#define COMPRESSOR_BLOCK ((size_t)512 << 10) /* length of a block of a large database; longer ones are chunks of streams */
#define COMPRESSOR_TRY_EVERY 64u

struct compressor; /* for one thread */
struct compressor *compressor_new(void);
void compressor_free(struct compressor *c); /* NULL is legal */

/* The frame of the n bytes at p in `frame` (cleared first), or false when it would not save 1/32 of them. level: zstd's,
 * 1..BLOB_LEVEL_MAX, of which BLOB_LEVEL_DEFAULT stands for the choice described above. */
bool compressor_run(struct compressor *c, const void *p, size_t n, int level, struct buf *frame);

#endif

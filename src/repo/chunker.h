/* Content-defined chunking: FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking and a gear table keyed by
 * the repository's master key, so that chunk lengths tell a stranger nothing about known files. */
#ifndef REPO_CHUNKER_H
#define REPO_CHUNKER_H

#include "repo/cipher.h"

#define CHUNK_MIN ((size_t)256 << 10)
#define CHUNK_AVERAGE ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)4 << 20)

struct chunker {
	uint64_t gear[256]; /* HKDF-SHA256 (RFC 5869) of the master key, info "backstay chunker 1" */
};

void chunker_init(struct chunker *c, const struct cipher_key *master);

/* How far the search for a chunk's end has come; zeroed at the chunk's beginning. */
struct chunker_scan {
	uint64_t hash;
	size_t at;
};
/* Look at the next n bytes of the chunk. The answer is how many of them still belong to it when it ends among them (s
 * then stands at the beginning of the next chunk), or 0 when all of them belong to it and more may. Where a chunk ends
 * depends only on its own bytes, not on the pieces they come in. */
size_t chunker_scan(const struct chunker *c, struct chunker_scan *s, const void *p, size_t n);
/* Length of the first chunk of the n bytes at p, in one step. When n < CHUNK_MAX and `last` is false the answer may be
 * 0: more bytes are needed. With `last` the answer is never 0 for n > 0. */
size_t chunker_next(const struct chunker *c, const void *p, size_t n, bool last);

#endif

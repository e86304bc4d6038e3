/* Content-defined chunking: FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking and a gear table keyed by the
 * repository's master key, so that chunk lengths tell a stranger nothing about known files. */
#ifndef REPO_CHUNKER_H
#define REPO_CHUNKER_H

#include "repo/cipher.h"

#define CHUNK_MIN ((size_t)256 << 10)
#define CHUNK_AVERAGE ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)4 << 20)

struct chunker {
	uint64_t gear[256];       /* HKDF-SHA256 (RFC 5869) of the master key, info "backstay chunker 1" */
};

void chunker_init(struct chunker *c, const struct cipher_key *master);
/* Length of the first chunk of the n bytes at p. When n < CHUNK_MAX and `last` is false the answer may be 0: more bytes are needed. With `last` the
 * answer is never 0 for n > 0. The result depends only on the bytes from p on. */
size_t chunker_next(const struct chunker *c, const void *p, size_t n, bool last);

#endif

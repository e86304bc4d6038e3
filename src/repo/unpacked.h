/* Files that stand alone: index, snapshot, lock (0x02 | zstd, or bare JSON) and config (bare JSON only), sealed whole
 * and named by the SHA-256 of the sealed bytes. */
#ifndef REPO_UNPACKED_H
#define REPO_UNPACKED_H

#include "repo/cipher.h"
#include "repo/id.h"
#include "store/store.h"

#define UNPACKED_MAX ((size_t)256 << 20) /* decompressed size we accept */

/* Write; *id receives the name, also when the store fails (the reply may be lost). `version` is the repository's (1
 * writes bare JSON). */
int unpacked_save(struct store *s, const struct cipher_key *k, int version, enum store_kind kind, const void *json,
		  size_t n, struct id *id, struct error *e) MUST_USE;
/* Read, check the name against the bytes, the MAC, and unwrap to JSON (out cleared first). -ERR_CORRUPT names the file:
 * "snapshot 1a2b3c4d is damaged (...)". */
int unpacked_load(struct store *s, const struct cipher_key *k, enum store_kind kind, const struct id *id,
		  struct buf *out, struct error *e) MUST_USE;
/* The unwrapping alone (for fuzzing and tests): 0x02 + zstd, or JSON beginning with { or [. -ERR_CORRUPT, or -ERR_LIMIT
 * above UNPACKED_MAX; `out` is empty then. */
int unpacked_decode(const void *p, size_t n, struct buf *out, struct error *e) MUST_USE;

#endif

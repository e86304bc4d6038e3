/* One blob: plaintext <-> the bytes inside a pack (optionally zstd-compressed, then sealed). */
#ifndef REPO_BLOB_H
#define REPO_BLOB_H

#include "repo/cipher.h"
#include "repo/id.h"

enum blob_type { BLOB_DATA = 0, BLOB_TREE = 1 };

#define BLOB_MAX_PLAIN ((size_t)128 << 20) /* what we read; we write at most CHUNK_MAX of data, trees may be larger */

#define BLOB_LEVEL_OFF 0     /* store as it is */
#define BLOB_LEVEL_DEFAULT 2 /* zstd level, 3 for small blobs; see docs/performance.md for why */
#define BLOB_LEVEL_MAX 19

/* A per-thread workbench: cipher context, zstd contexts, buffers. */
struct blob_codec;
struct blob_codec *blob_codec_new(const struct cipher_key *k);
void blob_codec_free(struct blob_codec *c);

/* A blob in memory, maybe on its way into a pack. */
struct blob_plain {
	struct id id;
	unsigned char *p; /* the plaintext, n bytes */
	size_t n;
	size_t at, length;  /* the stored bytes in `out` of blob_seal() */
	uint32_t plain_len; /* n when compressed, 0 when stored raw */
};

/* The ids of n blobs: the hashes of their plaintexts, many at a time. */
void blob_hash(struct blob_plain *v, size_t n);
/* Compress (when level > 0 and it saves at least 1/32), seal and append to `out`; then open what was made again, to the
 * place of the plaintext. Nothing may be stored before blob_confirm() has seen that it is the same. An error leaves
 * `out` as it was: -ERR_LIMIT above BLOB_MAX_PLAIN, -ERR_INTERNAL when it cannot be opened. */
int blob_seal(struct blob_codec *c, struct blob_plain *b, int level, struct buf *out, struct error *e) MUST_USE;
/* Compare the hashes of what came back with the ids, so that a memory fault or a library's bug never becomes a stored
 * blob: -ERR_INTERNAL then, and none of the n is to be stored. */
int blob_confirm(const struct blob_plain *v, size_t n, struct error *e) MUST_USE;

/* How long the plaintext of n stored bytes is. */
size_t blob_plain_size(size_t n, uint32_t plain_len);
/* Open a blob's stored bytes into exactly blob_plain_size() bytes at `plain`; errors as of blob_decode(), but its hash
 * is for the caller to compare, who may have many: blob_mismatch() is what there is to say then. */
int blob_open(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, void *plain,
	      struct error *e) MUST_USE;
int blob_mismatch(const struct id *id, struct error *e);

/* Open a blob's stored bytes into `out` (cleared first). `plain_len` 0 means not compressed. The result's length and
 * hash are always checked: -ERR_CORRUPT. Above BLOB_MAX_PLAIN -ERR_LIMIT. After an error `out` is empty. */
int blob_decode(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, struct buf *out,
		struct error *e) MUST_USE;

/* The cipher inside, for pack headers. */
struct cipher *blob_codec_cipher(struct blob_codec *c);
/* A buffer that lives as long as the codec, for the sealed bytes of whoever reads or writes blobs with it. */
struct buf *blob_codec_scratch(struct blob_codec *c);

#endif

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

/* Compress (when level > 0 and it saves at least 1/32), seal and append to `out`; then open what was made again and
 * compare its hash with `id` (the hash of p), so that a memory fault or a library's bug never becomes a stored blob:
 * -ERR_INTERNAL then. *plain_len: n when compressed, 0 when stored raw. */
int blob_encode(struct blob_codec *c, const struct id *id, const void *p, size_t n, int level, struct buf *out,
		uint32_t *plain_len, struct error *e) MUST_USE;

/* Open a blob's stored bytes into `out` (cleared first). `plain_len` 0 means not compressed. The result's length and
 * hash are always checked: -ERR_CORRUPT. Above BLOB_MAX_PLAIN -ERR_LIMIT. After an error `out` is empty. */
int blob_decode(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, struct buf *out,
		struct error *e) MUST_USE;

/* The cipher inside, for pack headers. */
struct cipher *blob_codec_cipher(struct blob_codec *c);
/* A buffer that lives as long as the codec, for the sealed bytes of whoever reads or writes blobs with it. */
struct buf *blob_codec_scratch(struct blob_codec *c);

#endif

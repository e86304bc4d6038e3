/* Pack files: sealed blobs one after the other, then a sealed header that lists them, then its length (restic design
 * document, "Pack Format"). */
#ifndef REPO_PACK_H
#define REPO_PACK_H

#include "repo/blob.h"

struct pack_blob {
	struct id id;
	enum blob_type type;
	uint32_t offset;    /* in the pack file */
	uint32_t length;    /* stored, with 32 bytes of sealing */
	uint32_t plain_len; /* uncompressed length; 0: not compressed */
};

#define PACK_TARGET ((size_t)12 << 20) /* a pack is closed when it reaches this; a backup's memory holds little more than two */
#define PACK_MAX_BLOBS 100000u         /* header stays well under restic's 16 MiB */
#define PACK_MAX_HEADER ((size_t)16 << 20)
#define PACK_ENTRY_PLAIN 37u
#define PACK_ENTRY_COMPRESSED 41u

/* Append the sealed header of these blobs (in physical order) and its length to `out`. */
void pack_write_header(struct cipher *c, const struct pack_blob *blobs, size_t n, struct buf *out);
/* Parse an opened header (plaintext). Offsets are summed up; `blobs_end` is where the header begins in the file and
 * must be their end: gaps, unknown types, lengths below 32 (33 for a compressed one), a compressed blob of plain length
 * 0, zero entries, overflow are -ERR_CORRUPT. *blobs is the caller's (free). */
int pack_parse_header(const void *p, size_t n, uint64_t blobs_end, struct pack_blob **blobs, size_t *count,
		      struct error *e) MUST_USE;
/* Size in bytes of a pack file with these blobs, header included: what an index promises about the file. */
uint64_t pack_file_size(const struct pack_blob *blobs, size_t n);

#endif

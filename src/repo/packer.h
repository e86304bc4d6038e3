/* Collects sealed blobs into packs and packs into index files; shared by backup and prune. Two data packs are open at a
 * time and a blob goes to one of them at random, which blurs what pack sizes tell; all packs in memory together are
 * little more than two full ones. Any thread may add. Order of writes:
 * pack, then index; the caller writes its snapshot after packer_flush(). */
#ifndef REPO_PACKER_H
#define REPO_PACKER_H

#include "repo/repo.h"

struct packer;

struct packer_stats {
	uint64_t blobs[2], plain[2], stored[2]; /* by enum blob_type; stored = sealed bytes */
	uint64_t packs, pack_bytes, index_files;
};

/* The repository's index must be loaded. */
struct packer *packer_new(struct repo *r);
/* Add a blob claimed by index_claim(). Copies. A full pack is written by a thread of the packer, one at a time, while
 * others fill up; who finds no room waits. After a failed write the packer is broken and every later call returns
 * that error; a blob for which this call fails was not taken, its claim is still the caller's. */
int packer_add(struct packer *p, enum blob_type type, const struct id *id, const void *sealed, size_t n,
	       uint32_t plain_len, size_t plain_size, struct error *e) MUST_USE;
/* Write the open packs, so that every blob added can be read; no index file yet. From one thread, while nobody adds. */
int packer_settle(struct packer *p, struct error *e) MUST_USE;
/* Write the open packs and the index of everything. From one thread, while nobody adds. */
int packer_flush(struct packer *p, struct error *e) MUST_USE;
void packer_stats(struct packer *p, struct packer_stats *out);
/* What was not flushed is forgotten: packs without an index file stay in the store (unreferenced, prune removes them)
 * but leave the index in memory, and claims are given back. NULL is legal. */
void packer_free(struct packer *p);

#endif

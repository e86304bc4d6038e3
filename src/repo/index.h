/* Which blob lies where: all index files of a repository in memory, in at most 64 bytes a blob.
 *
 * Entries are 48 bytes in blocks that never move, found through an open-addressing table of 32-bit slots. The same blob
 * may be listed in several packs; a lookup answers with one of them, index_each() shows all. Safe for any number of
 * threads (one lock inside). */
#ifndef REPO_INDEX_H
#define REPO_INDEX_H

#include "repo/pack.h"

struct index;

struct blob_place {
	struct id pack;
	struct pack_blob blob;
};

struct index *index_new(void);
void index_free(struct index *x);

/* Add a whole pack. A pack that is there already is left as it is (false). */
bool index_add_pack(struct index *x, const struct id *pack, const struct pack_blob *blobs, size_t n);
/* Claim a blob that is about to be written: true when it is neither stored nor claimed yet. Claimed blobs are not found
 * by index_find(). When its pack is written index_add_pack() settles it; index_unclaim() gives it back after a failure.
 */
bool index_claim(struct index *x, enum blob_type type, const struct id *id);
void index_unclaim(struct index *x, enum blob_type type, const struct id *id);

bool index_find(const struct index *x, enum blob_type type, const struct id *id, struct blob_place *out);
/* All its places, at most `max` of them; how many. */
size_t index_find_all(const struct index *x, enum blob_type type, const struct id *id, struct blob_place *out,
		      size_t max);
size_t index_blob_count(const struct index *x); /* duplicates counted */
size_t index_pack_count(const struct index *x);
size_t index_memory(const struct index *x); /* bytes held */

/* Forget every entry of a pack (its file is gone or damaged). */
void index_drop_pack(struct index *x, const struct id *pack);

/* A small number for a blob, the same for all its copies, below index_number_limit(): what callers keep bit sets over.
 * Numbers hold until an entry is added or dropped. false when no pack lists the blob. */
bool index_number(const struct index *x, enum blob_type type, const struct id *id, size_t *number);
size_t index_number_limit(const struct index *x);

/* Visit all entries / packs; the callback may look things up in the index, but not change it. Non-zero ends and is
 * returned. */
int index_each(const struct index *x, int (*fn)(const struct blob_place *p, void *ctx), void *ctx);
int index_each_pack(const struct index *x,
		    int (*fn)(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx), void *ctx);

/* index_file.c: the JSON of one index file. Encode packs for writing; parse tells each pack to `on_pack` (may be NULL),
 * whose non-zero result ends it and is returned. Sizes, offsets and types outside their limits are -ERR_CORRUPT, found
 * before the first pack is told. */
struct index_pack {
	struct id id;
	struct pack_blob *blobs;
	size_t n;
};
void index_file_encode(const struct index_pack *packs, size_t n, struct buf *out);
int index_file_parse(const void *p, size_t n, int (*on_pack)(const struct index_pack *pack, void *ctx, struct error *e),
		     void *ctx, struct error *e) MUST_USE;
#define INDEX_FILE_BLOBS 50000u  /* a new index file is written when so many blobs wait */
#define INDEX_FILE_SECONDS 600.0 /* or so long after the first */

#endif

/* Give back the space of what no backup refers to any more. The caller holds the exclusive lock.
 *
 * Order (restic design document; each step durable before the next): collect what all snapshots use, refusing when
 * anything used is missing, when a snapshot or index cannot be read, or when a listing is not believable (files listed
 * before and after differ; the store denies a pack that is there; no snapshots while packs exist, unless `allow_empty`)
 * · write repacked blobs into new packs · write new index files · look once more whether the snapshots are the same ·
 * remove the old index files · remove the packs that are no longer listed. Killed anywhere, twice in a row too:
 * everything used stays readable, the next run finishes the work. A refusal is -ERR_REFUSED "nothing was removed: ...".
 *
 * The index is unloaded afterwards, whatever the result. */
#ifndef REPO_PRUNE_H
#define REPO_PRUNE_H

#include "base/strlist.h"
#include "repo/repo.h"

struct prune_options {
	bool dry_run;      /* count only; nothing is written */
	bool allow_empty;  /* no snapshots left: remove all data */
	double max_unused; /* keep partly used packs while unused bytes stay below this share of all;
			    * default 0.05 when negative */
	struct lock *lock; /* looked at before anything is removed; or NULL */
	struct progress *progress;
};

struct prune_stats {
	uint64_t packs_kept, packs_repacked, packs_removed, packs_unreferenced;
	uint64_t blobs_used, blobs_unused, blobs_duplicate; /* entries of the index; used counts each blob once */
	uint64_t bytes_before, bytes_after, bytes_repacked, bytes_removed; /* sizes of pack files */
};
int prune_run(struct repo *r, const struct prune_options *o, struct prune_stats *out, struct error *e) MUST_USE;

/* repair.c: rebuild the index from the pack headers. Packs no index lists, or whose listing does not fit the file, are
 * read and listed as they are; index files that are damaged, or list missing packs or one pack twice, are replaced.
 * Packs whose header cannot be read are counted and named ("pack 1a2b3c4d: its header is damaged (...)"), and left
 * alone. The caller holds the exclusive lock. -ERR_REFUSED when the store's listing of packs leaves some out. The index
 * is unloaded afterwards. */
struct repair_stats {
	uint64_t packs_read, packs_added, packs_missing, packs_damaged, index_files_replaced;
};
int repair_index(struct repo *r, struct progress *p, struct repair_stats *out, struct strlist *damaged,
		 struct error *e) MUST_USE;

#endif

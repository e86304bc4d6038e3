/* Writing one backup: a tree_sink (base/stream.h) whose files are cut, hashed, compressed and sealed by worker threads,
 * ending in a snapshot.
 *
 * The pipeline is bounded: at most ARCHIVE_WINDOW bytes of chunks are under way, and a full window makes the writer
 * wait, so memory does not grow with the data. A blob that is stored or under way already is neither compressed nor
 * written again. A folder's tree blob is made as soon as its last blob is known. The first error of a worker is
 * returned by the next call of the sink and by every one after it, archive_finish() included. The caller holds a shared
 * lock taken before the index was loaded. Nothing becomes visible before archive_finish() has written the snapshot,
 * last. */
#ifndef REPO_ARCHIVE_H
#define REPO_ARCHIVE_H

#include "base/stream.h"
#include "repo/packer.h"
#include "repo/snapshot.h"

#define ARCHIVE_WINDOW ((size_t)16 << 20)

struct archive;

struct archive_options {
	int level;                      /* BLOB_LEVEL_OFF .. BLOB_LEVEL_MAX (data only, trees are always compressed);
					   -1 = BLOB_LEVEL_DEFAULT */
	int threads;                    /* 0: as many as there are CPUs, at most 16 */
	const struct id *previous_tree; /* root tree of the backup that known() and reuse() look into, or NULL */
	struct progress *progress;      /* bytes_done counts what was read; or NULL */
};

/* A tree of the previous backup that is missing or damaged is as good as none: what it held is stored anew. */
int archive_begin(struct repo *r, const struct archive_options *o, struct archive **out, struct error *e) MUST_USE;
/* The sink at the root of the snapshot; lives as long as the archive. */
struct tree_sink *archive_tree(struct archive *a);
/* A small file in the current folder, in one call. */
int archive_add_file(struct archive *a, const struct node *n, const void *p, size_t len, struct error *e) MUST_USE;

/* new, changed and unmodified are meant against the previous backup's entry of the same path: its metadata, content and
 * everything below it. */
struct archive_stats {
	uint64_t files_new, files_changed, files_unmodified, dirs_new, dirs_changed, dirs_unmodified;
	uint64_t bytes_read;  /* given to the sink */
	uint64_t bytes_total; /* size of all files in the snapshot */
	uint64_t files_total;
	struct packer_stats stored;
};
/* Wait for all, write trees, packs, index, then the snapshot. `s` comes with time, paths, host, tags ...; tree, summary
 * and id are filled in. stats may be NULL. Frees a, whatever the result. */
int archive_finish(struct archive *a, struct snapshot *s, struct archive_stats *stats, struct error *e) MUST_USE;
/* Give up: no snapshot. Files still open are forgotten too. Frees a; NULL is legal. */
void archive_abort(struct archive *a);

#endif

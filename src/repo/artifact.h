/* Reading a stored file: the one door through which every feature reads content, so that how it is stored (plain chunks
 * now, a base and patches later) stays behind it. */
#ifndef REPO_ARTIFACT_H
#define REPO_ARTIFACT_H

#include "base/stream.h"
#include "repo/repo.h"
#include "repo/tree.h"

/* Random access to a stored file. Decoded blobs are kept in a cache of `cache_bytes` (0: 32 MiB), those longest unused
 * going first; at least one is kept. The source's size is the sum of the blobs; a node whose `size` says otherwise is
 * -ERR_CORRUPT. The repo must outlive it. */
int artifact_open(struct repo *r, const struct tree_node *n, size_t cache_bytes, struct source **out,
		  struct error *e) MUST_USE;

/* The whole content in order into a sink, decoded ahead by threads; at most ARCHIVE_WINDOW bytes (or a single longer
 * blob) are decoded and not yet written. */
int artifact_copy(struct repo *r, const struct tree_node *n, struct sink *to, struct progress *p,
		  struct error *e) MUST_USE;

#endif

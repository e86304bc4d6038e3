/* Many stored files into many open descriptors, by worker threads in any order: what a restore runs on. Memory is a few
 * buffers a thread, however large the files are. */
#ifndef REPO_FETCH_H
#define REPO_FETCH_H

#include "repo/repo.h"
#include "repo/tree.h"

struct fetch;

/* threads 0: as many as there are CPUs, at most 16. p may be NULL; bytes_done counts what was written, holes included.
 */
struct fetch *fetch_new(struct repo *r, int threads, struct progress *p);
/* Write the content of `n` into fd (owned from now on), a new or empty file; runs of zero blocks are left as holes when
 * `sparse`. When its last byte is written or the file has failed, done(ctx, fd, result, error) is called once from a
 * worker thread; the fd is closed after it. done may be NULL. A file that fails (damaged, disk full) does not stop the
 * others. Blocks when too much is under way. `n` may be freed after the call. An error is returned only when the work
 * was cancelled: then fd is closed and done is not called. */
int fetch_file(struct fetch *f, const struct tree_node *n, int fd, bool sparse,
	       void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx,
	       struct error *e) MUST_USE;
/* Wait for all; the first error of a file since the last call, if any. */
int fetch_wait(struct fetch *f, struct error *e) MUST_USE;
void fetch_free(struct fetch *f); /* waits; NULL is legal */

#endif

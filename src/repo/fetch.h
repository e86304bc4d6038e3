/* Many stored files into many open descriptors, by worker threads in any order: what a restore runs on. */
#ifndef REPO_FETCH_H
#define REPO_FETCH_H

#include "repo/repo.h"
#include "repo/tree.h"

struct fetch;

struct fetch *fetch_new(struct repo *r, int threads, struct progress *p);
/* Write the content of `n` into fd (owned from now on; runs of zero blocks are left as holes when `sparse`). When its last byte is written, done(ctx, fd, result, error) is called from a worker
 * thread (never two at once for one file); the fd is closed after it. Blocks when too much is under way. `n` may be freed after the call. */
int fetch_file(struct fetch *f, const struct tree_node *n, int fd, bool sparse, void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx, struct error *e) MUST_USE;
/* Wait for all; the first error, if any. */
int fetch_wait(struct fetch *f, struct error *e) MUST_USE;
void fetch_free(struct fetch *f);

#endif

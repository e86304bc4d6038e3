/* A pool of worker threads behind a bounded queue. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct pool;

/* Number of threads that suits this machine: its online CPUs within the affinity mask, 1..max. */
int pool_cpus(int max);
/* `threads` workers call fn(worker_index, item, ctx) for each item. `depth` items may wait; pool_submit() blocks beyond that.
 * `name` is the threads' name (15 characters). */
struct pool *pool_new(const char *name, int threads, size_t depth, void (*fn)(int worker, void *item, void *ctx), void *ctx);
void pool_submit(struct pool *p, void *item);
/* Wait until everything submitted so far is done. */
void pool_drain(struct pool *p);
/* Drain, end the threads, free. NULL is legal. */
void pool_free(struct pool *p);

#endif

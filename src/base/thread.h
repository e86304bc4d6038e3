/* Threads, and a pool of worker threads behind a bounded queue. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A thread with a name (15 characters) that leaves every signal to the others. Returns 0 or an errno. */
int thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg);

struct pool;

/* Number of threads that suits this machine: its online CPUs within the affinity mask, 1..max. */
int pool_cpus(int max);
/* `threads` workers call fn(worker_index, item, ctx) for each item. `depth` items may wait; pool_submit() blocks
 * beyond that, so fn must not submit to its own pool. When the system refuses some of the threads the pool has
 * fewer; without any it aborts. */
struct pool *pool_new(const char *name, int threads, size_t depth, void (*fn)(int worker, void *item, void *ctx),
	void *ctx);
void pool_submit(struct pool *p, void *item);
/* Wait until everything submitted so far is done. */
void pool_drain(struct pool *p);
/* Drain, end the threads, free. NULL is legal. Nobody may submit any more. */
void pool_free(struct pool *p);

#endif

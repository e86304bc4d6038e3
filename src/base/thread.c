#include "base/thread.h"

#include "base/mem.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct worker {
	struct pool *pool;
	pthread_t thread;
	int index;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t has_item, has_room, is_idle;
	void **ring;               /* items waiting: `waiting` of them from `head` on */
	size_t depth, head, waiting;
	size_t unfinished;         /* waiting or being worked on */
	bool ending;
	void (*fn)(int worker, void *item, void *ctx);
	void *ctx;
	int threads;
	struct worker workers[];
};

int pool_cpus(int max)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	if (n > max)
		n = max;
	return n < 1 ? 1 : n;
}

int thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg)
{
	/* Faults stay deliverable; all else is for the threads that asked for it. */
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t blocked, before;
	sigfillset(&blocked);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	int err = pthread_create(t, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0) {
		char cut[16];
		snprintf(cut, sizeof cut, "%s", name);
		pthread_setname_np(*t, cut);
	}
	return err;
}

/* With the lock held. */
static void *take(struct pool *p)
{
	void *item = p->ring[p->head];
	p->head = (p->head + 1) % p->depth;
	p->waiting--;
	pthread_cond_signal(&p->has_room);
	return item;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->waiting == 0 && !p->ending)
			pthread_cond_wait(&p->has_item, &p->lock);
		if (p->waiting == 0)
			break;
		void *item = take(p);
		pthread_mutex_unlock(&p->lock);
		p->fn(w->index, item, p->ctx);
		pthread_mutex_lock(&p->lock);
		if (--p->unfinished == 0)
			pthread_cond_broadcast(&p->is_idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Fewer threads than asked for are slower, not wrong; none at all is the end. */
static void start_workers(struct pool *p, const char *name, int threads)
{
	int err = 0;
	while (p->threads < threads) {
		struct worker *w = &p->workers[p->threads];
		*w = (struct worker){.pool = p, .index = p->threads};
		err = thread_start(&w->thread, name, work, w);
		if (err)
			break;
		p->threads++;
	}
	if (p->threads == 0) {
		fprintf(stderr, "backstay: cannot start a thread: %s\n", strerror(err));
		abort();
	}
}

struct pool *pool_new(const char *name, int threads, size_t depth, void (*fn)(int worker, void *item, void *ctx),
	void *ctx)
{
	size_t count = threads < 1 ? 1 : (size_t)threads;
	struct pool *p = mem_zero(sizeof *p + count * sizeof p->workers[0]);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->has_item, NULL);
	pthread_cond_init(&p->has_room, NULL);
	pthread_cond_init(&p->is_idle, NULL);
	p->depth = depth < 1 ? 1 : depth;
	p->ring = mem_array(NULL, p->depth, sizeof *p->ring);
	p->fn = fn;
	p->ctx = ctx;
	start_workers(p, name, (int)count);
	return p;
}

void pool_submit(struct pool *p, void *item)
{
	pthread_mutex_lock(&p->lock);
	while (p->waiting == p->depth)
		pthread_cond_wait(&p->has_room, &p->lock);
	p->ring[(p->head + p->waiting) % p->depth] = item;
	p->waiting++;
	p->unfinished++;
	pthread_cond_signal(&p->has_item);
	pthread_mutex_unlock(&p->lock);
}

void pool_drain(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->unfinished > 0)
		pthread_cond_wait(&p->is_idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->has_item);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->threads; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->is_idle);
	pthread_cond_destroy(&p->has_room);
	pthread_cond_destroy(&p->has_item);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	free(p);
}

/* store/limit.c - a store that keeps to an average speed. A transfer is never cut into pieces: it passes at full speed,
 * and what follows waits for the time it should have taken. */
#include "store/store.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <pthread.h>
#include <stdlib.h>

/* One direction. */
struct lane {
	pthread_mutex_t mutex;
	uint64_t rate;  /* bytes a second; 0: unlimited */
	double free_at; /* when all that was let in before is paid for (time_monotonic()) */
};

struct limit {
	struct store store;
	struct store *inner;
	struct lane up, down;
};

/* Wait for the way to be free and book n bytes on it. */
static void enter(struct lane *lane, size_t n)
{
	if (!lane->rate)
		return;
	double now = time_monotonic();
	pthread_mutex_lock(&lane->mutex);
	double start = lane->free_at > now ? lane->free_at : now;
	lane->free_at = start + (double)n / (double)lane->rate;
	pthread_mutex_unlock(&lane->mutex);
	time_sleep(start - now);
}

static struct limit *limit_of(struct store *s)
{
	return (struct limit *)s;
}

static int limit_create(struct store *s, struct error *e)
{
	return store_create(limit_of(s)->inner, e);
}

static int limit_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	enter(&limit_of(s)->up, store_iov_size(v, n));
	return store_put(limit_of(s)->inner, f, v, n, e);
}

static int limit_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	enter(&limit_of(s)->down, n);
	return store_get(limit_of(s)->inner, f, at, p, n, e);
}

static int limit_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	return store_size(limit_of(s)->inner, f, size, e);
}

static int limit_remove(struct store *s, const struct store_file *f, struct error *e)
{
	return store_remove(limit_of(s)->inner, f, e);
}

static int limit_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	return store_list(limit_of(s)->inner, kind, fn, ctx, e);
}

static void limit_tidy(struct store *s)
{
	store_tidy(limit_of(s)->inner);
}

static void limit_free(struct store *s)
{
	struct limit *l = limit_of(s);
	store_free(l->inner);
	pthread_mutex_destroy(&l->up.mutex);
	pthread_mutex_destroy(&l->down.mutex);
	free(s->url);
	free(l);
}

static const struct store_ops limit_ops = {
	.create = limit_create,
	.put = limit_put,
	.get = limit_get,
	.size = limit_size,
	.remove = limit_remove,
	.list = limit_list,
	.tidy = limit_tidy,
	.free = limit_free,
};

struct store *limit_new(struct store *inner, uint64_t upload, uint64_t download)
{
	struct limit *l = mem_zero(sizeof *l);
	l->store = (struct store){&limit_ops, inner->features, mem_string(inner->url)};
	l->inner = inner;
	l->up.rate = upload;
	l->down.rate = download;
	pthread_mutex_init(&l->up.mutex, NULL);
	pthread_mutex_init(&l->down.mutex, NULL);
	return &l->store;
}

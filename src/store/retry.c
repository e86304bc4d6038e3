/* store/retry.c - a store that tries again what may pass the next time. Every member of a store may be repeated after a
 * lost reply, so nothing more than waiting is needed; only a listing is gathered, so that no name of a broken one is
 * told. */
#include "store/store.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/timefmt.h"

#include <stdlib.h>

struct retry {
	struct store store;
	struct store *inner;
	int tries;
	void (*sleep_fn)(double seconds);
};

/* One call in progress: while (attempt(&t, r, e)) r = ...; */
struct attempts {
	const struct retry *retry;
	int made;
};

/* The jitter keeps many clients that failed together from coming back together. */
static double pause_after(int tries_made)
{
	double seconds = tries_made < 8 ? 0.5 * (1 << (tries_made - 1)) : 48;
	double jittered = seconds * (0.75 + random_below(501) / 1000.0);
	return jittered < 60 ? jittered : 60;
}

static bool may_pass(const struct store *inner, int r)
{
	return r == -ERR_TEMPORARY || (r == -ERR_IO && !(inner->features & STORE_LOCAL));
}

/* Whether to try (again) after the result r of the last try. */
static bool attempt(struct attempts *t, int r, struct error *e)
{
	if (t->made == 0)
		return ++t->made;
	if (!may_pass(t->retry->inner, r))
		return false;
	if (t->made == t->retry->tries) {
		if (t->made > 1)
			error_wrap(e, "given up after %d tries", t->made);
		return false;
	}
	t->retry->sleep_fn(pause_after(t->made));
	error_clear(e);
	return ++t->made;
}

static struct attempts attempts_of(struct store *s)
{
	return (struct attempts){.retry = (const struct retry *)s};
}

static int retry_create(struct store *s, struct error *e)
{
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);)
		r = store_create(t.retry->inner, e);
	return r;
}

static int retry_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);)
		r = store_put(t.retry->inner, f, v, n, e);
	return r;
}

static int retry_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);)
		r = store_get(t.retry->inner, f, at, p, n, e);
	return r;
}

static int retry_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);)
		r = store_size(t.retry->inner, f, size, e);
	return r;
}

static int retry_remove(struct store *s, const struct store_file *f, struct error *e)
{
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);)
		r = store_remove(t.retry->inner, f, e);
	return r;
}

static int retry_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	CLEANUP(store_listing_release) struct store_listing found = {0};
	int r = 0;
	for (struct attempts t = attempts_of(s); attempt(&t, r, e);) {
		found.n = 0;
		r = store_list(t.retry->inner, kind, store_listing_add, &found, e);
	}
	return r ? r : store_listing_tell(&found, fn, ctx);
}

static void retry_tidy(struct store *s)
{
	store_tidy(((struct retry *)s)->inner);
}

static void retry_free(struct store *s)
{
	store_free(((struct retry *)s)->inner);
	free(s->url);
	free(s);
}

static const struct store_ops retry_ops = {
	.create = retry_create,
	.put = retry_put,
	.get = retry_get,
	.size = retry_size,
	.remove = retry_remove,
	.list = retry_list,
	.tidy = retry_tidy,
	.free = retry_free,
};

struct store *retry_new(struct store *inner, int tries, void (*sleep_fn)(double seconds))
{
	struct retry *r = mem_zero(sizeof *r);
	r->store = (struct store){&retry_ops, inner->features, mem_string(inner->url)};
	r->inner = inner;
	r->tries = tries > 1 ? tries : 1;
	r->sleep_fn = sleep_fn ? sleep_fn : time_sleep;
	return &r->store;
}

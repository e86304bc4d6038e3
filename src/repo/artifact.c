#include "repo/artifact.h"

#include "base/mem.h"
#include "repo/content.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CACHE ((size_t)32 << 20)

/* A decoded blob in the cache. */
struct cached {
	struct cached *newer, *older;
	size_t number;
	struct buf data;
};

struct codec_list {
	struct codec_list *next;
	struct blob_codec *codec;
};

struct artifact {
	struct source source;
	struct repo *repo;
	struct content content;
	size_t cache_bytes;
	pthread_mutex_t lock;
	struct cached **by_number; /* of each blob, or NULL */
	struct cached *newest, *oldest;
	size_t used;               /* memory of all cached blobs */
	struct codec_list *codecs; /* as many as threads ever decoded at once */
};

static void unlink_cached(struct artifact *a, struct cached *c)
{
	*(c->newer ? &c->newer->older : &a->newest) = c->older;
	*(c->older ? &c->older->newer : &a->oldest) = c->newer;
}

static void link_newest(struct artifact *a, struct cached *c)
{
	c->newer = NULL;
	c->older = a->newest;
	*(a->newest ? &a->newest->newer : &a->oldest) = c;
	a->newest = c;
}

static void free_cached(struct cached *c)
{
	buf_release(&c->data);
	free(c);
}

static void forget_oldest(struct artifact *a)
{
	struct cached *c = a->oldest;

	unlink_cached(a, c);
	a->by_number[c->number] = NULL;
	a->used -= c->data.cap;
	free_cached(c);
}

/* With the lock held. Another thread may have been faster: then its copy stays. */
static void keep(struct artifact *a, struct cached *c)
{
	if (a->by_number[c->number]) {
		free_cached(c);
		return;
	}
	a->by_number[c->number] = c;
	link_newest(a, c);
	a->used += c->data.cap;
	while (a->used > a->cache_bytes && a->oldest != c)
		forget_oldest(a);
}

static struct codec_list *take_codec(struct artifact *a)
{
	struct codec_list *l = a->codecs;

	if (l) {
		a->codecs = l->next;
		return l;
	}
	l = mem_alloc(sizeof *l);
	l->codec = blob_codec_new(&a->repo->key);
	return l;
}

/* Called and returns with the lock held, but decodes without it. */
static int load(struct artifact *a, size_t number, struct error *e)
{
	struct codec_list *l = take_codec(a);
	struct cached *c = mem_zero(sizeof *c);

	pthread_mutex_unlock(&a->lock);
	c->number = number;
	buf_reserve(&c->data, a->content.end[number] - content_begin(&a->content, number));
	int r = content_read(a->repo, l->codec, &a->content, number, &c->data, e);

	pthread_mutex_lock(&a->lock);
	l->next = a->codecs;
	a->codecs = l;
	if (r)
		free_cached(c);
	else
		keep(a, c);
	return r;
}

/* The bytes of blob `number` that lie at `at` and behind it, at most n; how many. */
static ssize_t copy_from(struct artifact *a, size_t number, unsigned char *p, size_t n, uint64_t at, struct error *e)
{
	size_t skip = at - content_begin(&a->content, number), left = a->content.end[number] - at;

	pthread_mutex_lock(&a->lock);
	int r = a->by_number[number] ? 0 : load(a, number, e);

	if (r == 0) {
		struct cached *c = a->by_number[number];

		if (n > left)
			n = left;
		memcpy(p, c->data.p + skip, n);
		unlink_cached(a, c);
		link_newest(a, c);
	}
	pthread_mutex_unlock(&a->lock);
	return r ? r : (ssize_t)n;
}

static ssize_t artifact_pread(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	struct artifact *a = (struct artifact *)s;
	size_t done = 0;

	if (at >= s->size)
		return 0;
	if (n > s->size - at)
		n = s->size - at;
	for (size_t i = content_find(&a->content, at); done < n; i++) {
		if (a->content.end[i] == content_begin(&a->content, i))
			continue;
		ssize_t got = copy_from(a, i, (unsigned char *)p + done, n - done, at + done, e);

		if (got < 0)
			return got;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static void artifact_close(struct source *s)
{
	struct artifact *a = (struct artifact *)s;

	while (a->oldest)
		forget_oldest(a);
	while (a->codecs) {
		struct codec_list *l = a->codecs;

		a->codecs = l->next;
		blob_codec_free(l->codec);
		free(l);
	}
	pthread_mutex_destroy(&a->lock);
	content_release(&a->content);
	free(a->by_number);
	free(a);
}

static int artifact_copy_out(struct source *s, struct sink *to, struct error *e)
{
	struct artifact *a = (struct artifact *)s;

	return artifact_copy_content(a->repo, &a->content, to, NULL, e);
}

int artifact_open(struct repo *r, const struct tree_node *n, size_t cache_bytes, struct source **out, struct error *e)
{
	struct content content;

	if (content_open(r, n, &content, e))
		return -e->kind;
	struct artifact *a = mem_zero(sizeof *a);

	a->source = (struct source){
		.pread = artifact_pread, .close = artifact_close, .copy = artifact_copy_out, .size = content.size};
	a->repo = r;
	a->content = content;
	a->cache_bytes = cache_bytes ? cache_bytes : DEFAULT_CACHE;
	a->by_number = mem_zero((content.n + 1) * sizeof(struct cached *));
	pthread_mutex_init(&a->lock, NULL);
	*out = &a->source;
	return 0;
}

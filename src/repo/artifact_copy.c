#include "repo/artifact.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/archive.h"
#include "repo/content.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS_MAX 16
#define RUN_BYTES ((size_t)1 << 20)

/* Some consecutive blobs, decoded by one thread. */
struct run {
	size_t first, n;
	struct buf data;
	bool ready;
	int result;
	struct error why;
};

struct bench {
	struct blob_codec *codec;
	struct buf blob;
};

/* Runs are decoded into a ring of buffers in any order, and written from it in theirs. */
struct copy {
	struct repo *repo;
	const struct content *content;
	struct bench *bench;
	struct run *ring;
	size_t ring_n;
	size_t head, ahead; /* the run to be written next; how many are under way from there on */
	size_t next_blob;   /* not given to a thread yet */
	uint64_t written;
	atomic_bool given_up;
	pthread_mutex_t lock;
	pthread_cond_t progress;
	struct pool *pool;
};

static int decode(struct copy *c, struct bench *b, struct run *run)
{
	if (run->n == 1)
		return content_read(c->repo, b->codec, c->content, run->first, &run->data, &run->why);
	for (size_t i = 0; i < run->n; i++) {
		if (content_read(c->repo, b->codec, c->content, run->first + i, &b->blob, &run->why))
			return -run->why.kind;
		buf_add(&run->data, b->blob.p, b->blob.len);
	}
	return 0;
}

static void work(int worker, void *item, void *copy)
{
	struct copy *c = copy;
	struct run *run = item;

	buf_clear(&run->data);
	int r = atomic_load(&c->given_up) ? 0 : decode(c, &c->bench[worker], run);

	pthread_mutex_lock(&c->lock);
	run->result = r;
	run->ready = true;
	pthread_cond_signal(&c->progress);
	pthread_mutex_unlock(&c->lock);
}

static bool window_open(const struct copy *c, size_t n)
{
	uint64_t end = c->content->end[c->next_blob + n - 1];

	return c->ahead == 0 || (c->ahead < c->ring_n && end - c->written <= ARCHIVE_WINDOW);
}

static void decode_ahead(struct copy *c)
{
	while (c->next_blob < c->content->n) {
		size_t n = content_run(c->content, c->next_blob, RUN_BYTES);

		if (!window_open(c, n))
			return;
		struct run *run = &c->ring[(c->head + c->ahead++) % c->ring_n];

		run->first = c->next_blob;
		run->n = n;
		run->ready = false;
		c->next_blob += n;
		pool_submit(c->pool, run);
	}
}

static int write_run(struct copy *c, struct run *run, struct sink *to, struct progress *p, struct error *e)
{
	pthread_mutex_lock(&c->lock);
	while (!run->ready)
		pthread_cond_wait(&c->progress, &c->lock);
	pthread_mutex_unlock(&c->lock);
	if (run->result) {
		*e = run->why;
		return run->result;
	}
	if (progress_check(p, e))
		return -e->kind;
	if (run->data.len > 0 && sink_write(to, run->data.p, run->data.len, e))
		return -e->kind;
	progress_bytes(p, run->data.len);
	c->written += run->data.len;
	return 0;
}

static int copy_all(struct copy *c, struct sink *to, struct progress *p, struct error *e)
{
	int r = 0;

	for (decode_ahead(c); r == 0 && c->ahead > 0; decode_ahead(c)) {
		r = write_run(c, &c->ring[c->head], to, p, e);
		c->head = (c->head + 1) % c->ring_n;
		c->ahead--;
	}
	return r;
}

static void begin(struct copy *c, int threads)
{
	c->ring_n = (size_t)threads * 2 + 1;
	c->ring = mem_zero(c->ring_n * sizeof *c->ring);
	c->bench = mem_zero((size_t)threads * sizeof *c->bench);
	for (int i = 0; i < threads; i++)
		c->bench[i].codec = blob_codec_new(&c->repo->key);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->progress, NULL);
	c->pool = pool_new("copy", threads, c->ring_n, work, c);
}

static void end(struct copy *c, int threads)
{
	atomic_store(&c->given_up, true);
	pool_free(c->pool);
	for (int i = 0; i < threads; i++) {
		blob_codec_free(c->bench[i].codec);
		buf_release(&c->bench[i].blob);
	}
	for (size_t i = 0; i < c->ring_n; i++)
		buf_release(&c->ring[i].data);
	free(c->bench);
	free(c->ring);
	pthread_cond_destroy(&c->progress);
	pthread_mutex_destroy(&c->lock);
}

int artifact_copy_content(struct repo *r, const struct content *content, struct sink *to, struct progress *p,
			  struct error *e)
{
	struct copy c = {.repo = r, .content = content};
	int threads = pool_cpus(THREADS_MAX);

	begin(&c, threads);
	int rc = copy_all(&c, to, p, e);

	end(&c, threads);
	return rc;
}

int artifact_copy(struct repo *r, const struct tree_node *n, struct sink *to, struct progress *p, struct error *e)
{
	CLEANUP(content_release) struct content content = {0};
	int rc = content_open(r, n, &content, e);

	return rc ? rc : artifact_copy_content(r, &content, to, p, e);
}

#include "repo/fetch.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "repo/content.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 16
#define QUEUE 64 /* runs waiting, hence about as many open descriptors */
#define RUN_BYTES ((size_t)4 << 20)
#define HOLE ((size_t)4096)

struct bench {
	struct blob_codec *codec;
	struct buf blob;
};

struct fetch {
	struct repo *repo;
	struct progress *progress;
	struct pool *pool;
	struct bench *bench;
	int threads;
	pthread_mutex_t lock;
	struct error first; /* error of any file; kind ERR_NONE: none */
};

struct target {
	struct content content;
	int fd;
	bool sparse;
	void (*done)(void *ctx, int fd, int result, const struct error *why);
	void *ctx;
	/* Under the lock. */
	size_t pending;   /* runs not finished */
	struct error why; /* kind ERR_NONE while all is well */
};

/* Consecutive blobs of one file. */
struct run {
	struct target *target;
	size_t first, n;
};

static int write_at(const struct target *t, const unsigned char *p, size_t n, uint64_t at, struct error *e)
{
	if (n > 0 && fs_pwrite_full(t->fd, p, n, (off_t)at))
		return error_sys(e, errno, "writing \"%s\"", t->content.name);
	return 0;
}

/* Blocks of zeros at multiples of their size in the file are not written: the file is longer than all that is. */
static int write_sparse(const struct target *t, const unsigned char *p, size_t n, uint64_t at, struct error *e)
{
	static const unsigned char zeros[HOLE];
	size_t begun = 0, i = (HOLE - at % HOLE) % HOLE;

	for (; i + HOLE <= n; i += HOLE) {
		if (memcmp(p + i, zeros, HOLE) != 0)
			continue;
		if (write_at(t, p + begun, i - begun, at + begun, e))
			return -e->kind;
		begun = i + HOLE;
	}
	return write_at(t, p + begun, n - begun, at + begun, e);
}

static int write_blobs(struct fetch *f, struct bench *b, const struct run *run, struct error *e)
{
	const struct target *t = run->target;
	const struct content *c = &t->content;

	for (size_t i = run->first; i < run->first + run->n; i++) {
		uint64_t at = content_begin(c, i);

		if (progress_check(f->progress, e) || content_read(f->repo, b->codec, c, i, &b->blob, e))
			return -e->kind;
		if ((t->sparse ? write_sparse : write_at)(t, b->blob.p, b->blob.len, at, e))
			return -e->kind;
		progress_bytes(f->progress, b->blob.len);
	}
	return 0;
}

static void finish(struct fetch *f, struct target *t)
{
	struct error *e = &t->why;

	if (e->kind == ERR_NONE && t->sparse && ftruncate(t->fd, (off_t)t->content.size))
		error_sys(e, errno, "setting the size of \"%s\"", t->content.name);
	if (t->done)
		t->done(t->ctx, t->fd, -e->kind, e);
	if (e->kind != ERR_NONE) {
		pthread_mutex_lock(&f->lock);
		if (f->first.kind == ERR_NONE)
			f->first = *e;
		pthread_mutex_unlock(&f->lock);
	}
	close(t->fd);
	content_release(&t->content);
	free(t);
}

static void work(int worker, void *item, void *fetch)
{
	struct fetch *f = fetch;
	struct run *run = item;
	struct target *t = run->target;
	struct error e = {0};

	pthread_mutex_lock(&f->lock);
	bool failed = t->why.kind != ERR_NONE;

	pthread_mutex_unlock(&f->lock);
	if (!failed)
		failed = write_blobs(f, &f->bench[worker], run, &e) != 0;
	free(run);
	pthread_mutex_lock(&f->lock);
	if (e.kind != ERR_NONE && t->why.kind == ERR_NONE)
		t->why = e;
	bool last = --t->pending == 0;

	pthread_mutex_unlock(&f->lock);
	if (last)
		finish(f, t);
}

struct fetch *fetch_new(struct repo *r, int threads, struct progress *p)
{
	struct fetch *f = mem_zero(sizeof *f);

	f->repo = r;
	f->progress = p;
	f->threads = threads > 0 ? threads : pool_cpus(THREADS_MAX);
	f->bench = mem_zero((size_t)f->threads * sizeof *f->bench);
	for (int i = 0; i < f->threads; i++)
		f->bench[i].codec = blob_codec_new(&r->key);
	pthread_mutex_init(&f->lock, NULL);
	f->pool = pool_new("fetch", f->threads, QUEUE, work, f);
	return f;
}

static void submit(struct fetch *f, struct target *t, size_t first, size_t n)
{
	struct run *run = mem_alloc(sizeof *run);

	*run = (struct run){.target = t, .first = first, .n = n};
	pool_submit(f->pool, run);
}

static size_t count_runs(const struct content *c)
{
	size_t runs = 0;

	for (size_t i = 0; i < c->n; i += content_run(c, i, RUN_BYTES))
		runs++;
	return runs > 0 ? runs : 1;
}

int fetch_file(struct fetch *f, const struct tree_node *n, int fd, bool sparse,
	       void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx, struct error *e)
{
	if (progress_check(f->progress, e)) {
		close(fd);
		return -e->kind;
	}
	struct target *t = mem_zero(sizeof *t);

	t->fd = fd;
	t->sparse = sparse;
	t->done = done;
	t->ctx = ctx;
	/* A file that is damaged fails as any other: on a worker, through done(). It and an empty one are a run of
	 * nothing. */
	int damaged = content_open(f->repo, n, &t->content, &t->why);
	size_t first = 0, blobs = damaged ? 0 : t->content.n, step;

	t->pending = count_runs(&t->content);
	do { /* with the last run given away t may be gone */
		step = blobs > 0 ? content_run(&t->content, first, RUN_BYTES) : 0;
		submit(f, t, first, step);
		first += step;
	} while (first < blobs);
	return 0;
}

int fetch_wait(struct fetch *f, struct error *e)
{
	pool_drain(f->pool);
	if (f->first.kind == ERR_NONE)
		return 0;
	*e = f->first;
	error_clear(&f->first);
	return -e->kind;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	pool_free(f->pool);
	for (int i = 0; i < f->threads; i++) {
		blob_codec_free(f->bench[i].codec);
		buf_release(&f->bench[i].blob);
	}
	free(f->bench);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* What a backup of a stream costs at least: bare_pipeline FILE < STREAM
 *
 * Standard input is cut as Backstay cuts streams; two threads (one, where there is one CPU) hash each chunk by SHA-256,
 * compress it as zstd does at level 3 when nobody tunes it, seal it with a random key and append it to FILE, which is
 * synced at the end. That is all: no repository, index, packs or password, no second look at what was sealed, and
 * nobody who reads the rows as they pass. bench/databases measures it behind the vendor's dump, beside the bare dump
 * and Backstay: what it takes is the price of hashing, compressing and encrypting a dump on that machine, and only what
 * Backstay takes beyond it is Backstay's own. */
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pipe.h"
#include "base/thread.h"
#include "repo/chunker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define THREADS_MAX 2
#define CHUNKS_PER_THREAD 3 /* one at work, one to come, one being read */
#define LEVEL 3

struct chunk {
	struct chunk *next;
	size_t len;
	unsigned char p[CHUNK_MAX + PIPE_BLOCK]; /* a chunk that goes on, and one more block */
};

struct bench {
	ZSTD_CCtx *zstd;
	struct cipher *cipher;
	struct buf frame, sealed;
};

static struct {
	int fd;
	struct bench bench[THREADS_MAX];
	struct pool *pool;
	struct chunk *chunks; /* all of them */
	atomic_bool broken;
	pthread_mutex_t lock;
	pthread_cond_t given_back;
	struct chunk *idle;
	struct error why; /* it is broken */
} run = {.lock = PTHREAD_MUTEX_INITIALIZER, .given_back = PTHREAD_COND_INITIALIZER};

/* ---- the workers ---- */

/* Hash, compress, seal: the chunk as it would be stored is then in `sealed`. */
static int make(struct bench *b, const struct chunk *c, struct error *e)
{
	unsigned char id[DIGEST_SHA256]; /* there is no index to look it up in */
	size_t bound = ZSTD_compressBound(c->len);

	if (!b->zstd)
		return error_set(e, ERR_INTERNAL, "out of memory for zstd");
	digest_sha256(c->p, c->len, id);
	buf_clear(&b->frame);
	buf_reserve(&b->frame, bound);
	size_t n = ZSTD_compressCCtx(b->zstd, b->frame.p, bound, c->p, c->len, LEVEL);
	if (ZSTD_isError(n))
		return error_set(e, ERR_INTERNAL, "compressing %zu bytes: %s", c->len, ZSTD_getErrorName(n));
	buf_clear(&b->sealed);
	cipher_seal(b->cipher, b->frame.p, n, &b->sealed);
	return 0;
}

/* With the lock held. */
static void append(const struct buf *sealed)
{
	if (!atomic_load(&run.broken) && fs_write_full(run.fd, sealed->p, sealed->len)) {
		error_sys(&run.why, errno, "writing");
		atomic_store(&run.broken, true);
	}
}

static void work(int worker, void *item, void *ctx)
{
	struct bench *b = &run.bench[worker];
	struct chunk *c = item;
	struct error e;
	int rc = atomic_load(&run.broken) ? 0 : make(b, c, &e);

	pthread_mutex_lock(&run.lock);
	if (!rc) {
		append(&b->sealed);
	} else if (!atomic_exchange(&run.broken, true)) {
		run.why = e;
	}
	c->next = run.idle;
	run.idle = c;
	pthread_cond_signal(&run.given_back);
	pthread_mutex_unlock(&run.lock);
}

static void start(void)
{
	int threads = pool_cpus(THREADS_MAX);
	size_t chunks = (size_t)threads * CHUNKS_PER_THREAD;
	struct cipher_key key;

	cipher_key_random(&key);
	for (int i = 0; i < threads; i++) {
		run.bench[i].zstd = ZSTD_createCCtx();
		run.bench[i].cipher = cipher_new(&key);
	}
	run.chunks = mem_array(NULL, chunks, sizeof *run.chunks);
	for (size_t i = 0; i < chunks; i++) {
		run.chunks[i].next = run.idle;
		run.idle = &run.chunks[i];
	}
	run.pool = pool_new("bare", threads, chunks, work, NULL);
}

static void stop(void)
{
	pool_free(run.pool);
	for (int i = 0; i < THREADS_MAX; i++) {
		ZSTD_freeCCtx(run.bench[i].zstd);
		cipher_free(run.bench[i].cipher);
		buf_release(&run.bench[i].frame);
		buf_release(&run.bench[i].sealed);
	}
	free(run.chunks);
}

/* ---- the reader ---- */

/* An empty one; waits until a worker gives one back. */
static struct chunk *take_chunk(void)
{
	pthread_mutex_lock(&run.lock);
	while (!run.idle)
		pthread_cond_wait(&run.given_back, &run.lock);
	struct chunk *c = run.idle;
	run.idle = c->next;
	pthread_mutex_unlock(&run.lock);
	c->len = 0;
	return c;
}

/* The last n bytes of the chunk are new: send what ends among them on its way. The answer is the chunk that goes on. */
static struct chunk *cut(const struct chunker *chunker, struct chunker_scan *scan, struct chunk *c, size_t n)
{
	size_t seen = c->len - n, length;

	while (seen < c->len && (length = chunker_scan(chunker, scan, c->p + seen, c->len - seen)) > 0) {
		struct chunk *rest = take_chunk();

		rest->len = c->len - seen - length;
		memcpy(rest->p, c->p + seen + length, rest->len);
		c->len = seen + length;
		pool_submit(run.pool, c);
		c = rest;
		seen = 0;
	}
	return c;
}

static int read_all(struct error *e)
{
	struct cipher_key master;
	struct chunker chunker;
	struct chunker_scan scan = {0};
	struct chunk *c = take_chunk();
	size_t n = 1;
	int rc = 0;

	cipher_key_random(&master);
	chunker_init(&chunker, &master);
	while (!rc && n > 0 && !atomic_load(&run.broken)) {
		rc = pipe_read(STDIN_FILENO, "the dump", NULL, c->p + c->len, &n, e);
		if (!rc) {
			c->len += n;
			c = cut(&chunker, &scan, c, n);
		}
	}
	if (!rc && c->len > 0)
		pool_submit(run.pool, c);
	pool_drain(run.pool);
	return rc;
}

static int pass(const char *path, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(e, errno, "%s", path);
	run.fd = fd;
	start();
	int rc = read_all(e);
	stop();
	if (!rc && atomic_load(&run.broken)) {
		*e = run.why;
		rc = error_wrap(e, "%s", path);
	}
	if (!rc && fsync(fd))
		rc = error_sys(e, errno, "%s: fsync", path);
	return rc;
}

int main(int argc, char **argv)
{
	struct error e = {0};

	if (argc != 2) {
		fputs("usage: bare_pipeline FILE < STREAM\n", stderr);
		return 2;
	}
	pipe_widen(STDIN_FILENO);
	if (pass(argv[1], &e) == 0)
		return 0;
	fprintf(stderr, "bare_pipeline: %s\n", e.text);
	return 1;
}

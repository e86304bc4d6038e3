#include "repo/archive_parts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Enough for every worker to have one batch at hand and one to come; of the longest, each has one. */
#define WINDOW_PER_THREAD CHUNK_MAX
#define QUEUE 256
#define WHOLE_FOLDERS 16 /* so many whole folders are worth waking a worker */
/* What a buffer for long pieces keeps of its memory between two uses: few chunks are longer, and those must not make
 * all buffers long. */
#define KEEP (CHUNK_AVERAGE + CHUNK_AVERAGE / 2)
#define SEALED_MAX CHUNK_MAX /* with so many sealed bytes they are compared and go on their way */

static void work(int worker, void *item, void *archive);

void archive_pipeline_start(struct archive *a)
{
	size_t window = (size_t)a->threads * WINDOW_PER_THREAD;

	a->window = window < ARCHIVE_WINDOW ? window : ARCHIVE_WINDOW;
	a->batch_bytes = ARCHIVE_WINDOW / (size_t)a->threads;
	if (a->batch_bytes > BATCH_BYTES_MAX)
		a->batch_bytes = BATCH_BYTES_MAX;
	a->bench = mem_zero((size_t)a->threads * sizeof *a->bench);
	for (int i = 0; i < a->threads; i++)
		a->bench[i].codec = blob_codec_new(&a->repo->key);
	a->pool = pool_new("archive", a->threads, QUEUE, work, a);
}

static void batch_free(struct batch *b)
{
	free(b->p);
	free(b->piece);
	free(b);
}

static struct batch *take_batch(struct archive *a)
{
	pthread_mutex_lock(&a->lock);
	struct batch *b = a->idle;

	if (b)
		a->idle = b->next;
	pthread_mutex_unlock(&a->lock);
	if (!b) {
		b = mem_zero(sizeof *b);
		b->p = mem_alloc(a->batch_bytes + CHUNK_MAX);
	}
	return b;
}

/* Give the memory behind KEEP back to the system. */
static void trim(struct batch *b)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)b->p + KEEP + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)b->p + b->held) & ~(page - 1);

	if (to > from && madvise((void *)from, to - from, MADV_DONTNEED) == 0)
		b->held = KEEP;
}

/* With the lock held. */
static bool has_room(const struct archive *a, size_t n)
{
	size_t window = a->batches < (size_t)a->threads ? ARCHIVE_WINDOW : a->window;

	return a->batches == 0 || a->under_way + n <= window;
}

static void submit(struct archive *a, struct batch *b)
{
	if (b->len > b->held)
		b->held = b->len;
	pthread_mutex_lock(&a->lock);
	while (!has_room(a, b->len))
		pthread_cond_wait(&a->room, &a->lock);
	a->under_way += b->len;
	a->batches++;
	pthread_mutex_unlock(&a->lock);
	pool_submit(a->pool, b);
}

/* A batch nobody fills any more. */
static void put_away(struct archive *a, struct batch *b)
{
	if (!a->spare)
		a->spare = b;
	else
		submit(a, b);
}

void archive_pipeline_append(struct archive_file *f, const void *p, size_t n)
{
	struct archive *a = f->archive;

	if (!f->batch) {
		f->batch = a->spare ? TAKE(a->spare) : take_batch(a);
		f->start = f->batch->len;
	}
	memcpy(f->batch->p + f->batch->len, p, n);
	f->batch->len += n;
}

static bool is_full(const struct archive *a, const struct batch *b)
{
	size_t last = b->piece[b->n - 1].len;

	if (b->n >= BATCH_PIECES || b->len + last > a->batch_bytes)
		return true;
	return b->len >= BATCH_BYTES && (b->n >= BATCH_FEW || last > BATCH_LONG);
}

void archive_pipeline_piece(struct archive_file *f, uint64_t index, uint64_t turn)
{
	struct archive *a = f->archive;
	struct batch *b = f->batch;

	GROW(b->piece, b->n, b->cap);
	b->piece[b->n++] =
		(struct piece){.file = f, .at = f->start, .len = b->len - f->start, .index = index, .turn = turn};
	f->start = b->len;
	pthread_mutex_lock(&a->lock);
	f->pending++;
	pthread_mutex_unlock(&a->lock);
	if (is_full(a, b)) {
		f->batch = NULL;
		submit(a, b);
	}
}

void archive_pipeline_discard(struct archive_file *f)
{
	if (f->batch)
		f->batch->len = f->start;
}

void archive_pipeline_detach(struct archive_file *f)
{
	if (f->batch)
		put_away(f->archive, TAKE(f->batch));
}

static void nudge(struct archive *a, size_t at_least)
{
	pthread_mutex_lock(&a->lock);
	bool wanted = a->whole_n >= at_least;

	pthread_mutex_unlock(&a->lock);
	if (wanted)
		pool_submit(a->pool, NULL);
}

void archive_pipeline_nudge(struct archive *a)
{
	nudge(a, WHOLE_FOLDERS);
}

/* An open file may own a batch in which other files' pieces wait: it goes on in a fresh one. */
static void part_with_pieces(struct archive *a, struct archive_file *f)
{
	struct batch *b = f->batch;

	if (!b || b->n == 0)
		return;
	f->batch = take_batch(a);
	memcpy(f->batch->p, b->p + f->start, b->len - f->start);
	f->batch->len = b->len - f->start;
	b->len = f->start;
	f->start = 0;
	submit(a, b);
}

void archive_pipeline_drain(struct archive *a)
{
	if (a->spare)
		submit(a, TAKE(a->spare));
	for (struct archive_file *f = a->open_files; f; f = f->next)
		part_with_pieces(a, f);
	nudge(a, 1);
	pool_drain(a->pool);
}

void archive_pipeline_stop(struct archive *a)
{
	if (a->spare)
		submit(a, TAKE(a->spare));
	pool_free(a->pool);
	for (int i = 0; i < a->threads; i++) {
		blob_codec_free(a->bench[i].codec);
		buf_release(&a->bench[i].sealed);
		buf_release(&a->bench[i].json);
	}
	free(a->bench);
	while (a->idle) {
		struct batch *b = a->idle;

		a->idle = b->next;
		batch_free(b);
	}
}

/* Store the first of the n blobs, as many as are to be sealed before they are compared; *done is how many went into
 * packs. */
static int store_some(struct archive *a, struct bench *b, enum blob_type type, struct blob_plain *v, size_t n,
		      size_t *done, struct error *e)
{
	int level = type == BLOB_TREE ? a->tree_level : a->level;
	size_t sealed = 0;

	buf_clear(&b->sealed);
	for (; sealed < n && b->sealed.len < SEALED_MAX; sealed++) {
		if (atomic_load(&a->broken))
			return archive_going(a, e);
		if (blob_seal(b->codec, &v[sealed], level, &b->sealed, e))
			return -e->kind;
	}
	if (blob_confirm(v, sealed, e))
		return -e->kind;
	for (*done = 0; *done < sealed; ++*done) {
		const struct blob_plain *p = &v[*done];

		if (packer_add(a->packer, type, &p->id, b->sealed.p + p->at, p->length, p->plain_len, p->n, e))
			return -e->kind;
	}
	return 0;
}

int archive_pipeline_store(struct archive *a, struct bench *b, enum blob_type type, struct blob_plain *v, size_t n,
			   struct error *e)
{
	size_t fresh = 0, stored = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (index_claim(a->repo->index, type, &v[i].id))
			v[fresh++] = v[i];
	while (r == 0 && stored < fresh) {
		size_t done = 0;

		r = store_some(a, b, type, v + stored, fresh - stored, &done, e);
		stored += done;
	}
	for (size_t i = stored; i < fresh; i++)
		index_unclaim(a->repo->index, type, &v[i].id);
	return r;
}

static void store_pieces(struct archive *a, struct bench *bench, struct batch *b)
{
	AUTO_FREE struct blob_plain *v = mem_array(NULL, b->n, sizeof *v);
	struct error e = {0};

	for (size_t i = 0; i < b->n; i++)
		v[i] = (struct blob_plain){.p = b->p + b->piece[i].at, .n = b->piece[i].len};
	blob_hash(v, b->n);
	for (size_t i = 0; i < b->n; i++)
		b->piece[i].id = v[i].id;
	if (archive_pipeline_store(a, bench, BLOB_DATA, v, b->n, &e))
		archive_break(a, &e);
}

static void work(int worker, void *item, void *archive)
{
	struct archive *a = archive;
	struct bench *bench = &a->bench[worker];
	struct batch *b = item;

	if (b) {
		if (!atomic_load(&a->broken))
			store_pieces(a, bench, b);
		if (b->n < BATCH_FEW / 2)
			trim(b);
		pthread_mutex_lock(&a->lock);
		for (size_t i = 0; i < b->n; i++)
			archive_file_deliver(a, &b->piece[i]);
		a->under_way -= b->len;
		a->batches--;
		b->len = b->n = 0;
		b->next = a->idle;
		a->idle = b;
		pthread_cond_signal(&a->room);
		pthread_mutex_unlock(&a->lock);
	}
	archive_folder_store_whole(a, bench);
}

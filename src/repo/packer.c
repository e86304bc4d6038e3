#include "repo/packer.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "repo/unpacked.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Packs are put together in segments that are used again and again, so that memory holds what is under way and no more.
 */
#define SEGMENT ((size_t)1 << 20)
#define HELD_MAX (2 * PACK_TARGET + PACK_TARGET / 3) /* by all drafts together, while the writer is at work */
#define SPARE_SEGMENTS (HELD_MAX / SEGMENT)
#define DATA_SLOTS 2
#define TREE_SLOT DATA_SLOTS
#define SLOTS (DATA_SLOTS + 1)

/* A pack being put together. */
struct draft {
	struct iovec *segment;
	size_t segments, segments_cap;
	size_t len;
	struct pack_blob *blob;
	size_t n, cap;
	bool closed; /* waits for the writer; nothing is added any more */
};

struct packer {
	struct repo *repo;
	struct cipher *cipher;
	struct pool *writer; /* one thread */
	pthread_mutex_t lock;
	pthread_cond_t room; /* a draft was emptied, or the packer broke */
	struct draft slot[SLOTS];
	void *spare[SPARE_SEGMENTS];
	size_t spares;
	bool broken;
	struct error why;
	struct packer_stats stats;
	/* The writer's alone (and of settle, flush and free once the writer rests). */
	struct draft out;
	struct index_pack *unlisted; /* packs written that no index file lists yet */
	size_t unlisted_n, unlisted_cap, unlisted_blobs;
	double unlisted_since;
};

static void write_next(int worker, void *token, void *packer);

struct packer *packer_new(struct repo *r)
{
	struct packer *p = mem_zero(sizeof *p);

	p->repo = r;
	p->cipher = cipher_new(&r->key);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->room, NULL);
	/* A token for each closed draft; the depth makes pool_submit() never wait. */
	p->writer = pool_new("pack-writer", 1, SLOTS, write_next, p);
	return p;
}

static void *take_segment(struct packer *p)
{
	return p->spares > 0 ? p->spare[--p->spares] : mem_alloc_aligned(SEGMENT, FS_DIRECT);
}

static void draft_add(struct packer *p, struct draft *d, const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		if (d->len == d->segments * SEGMENT) {
			GROW(d->segment, d->segments, d->segments_cap);
			d->segment[d->segments++] = (struct iovec){.iov_base = take_segment(p)};
		}
		struct iovec *last = &d->segment[d->segments - 1];
		size_t step = SEGMENT - last->iov_len;

		if (step > n)
			step = n;
		memcpy((unsigned char *)last->iov_base + last->iov_len, bytes, step);
		last->iov_len += step;
		d->len += step;
		bytes += step;
		n -= step;
	}
}

/* Back to empty, its segments to the spare ones. */
static void draft_reset(struct packer *p, struct draft *d)
{
	for (size_t i = 0; i < d->segments; i++) {
		if (p->spares < SPARE_SEGMENTS)
			p->spare[p->spares++] = d->segment[i].iov_base;
		else
			free(d->segment[i].iov_base);
	}
	d->segments = d->len = d->n = 0;
	d->closed = false;
}

/* Back to the system. */
static void drop_spares(struct packer *p)
{
	while (p->spares > 0)
		free(p->spare[--p->spares]);
}

static void hash_pieces(const struct iovec *v, size_t n, struct id *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	for (size_t i = 0; i < n; i++)
		ok = ok && EVP_DigestUpdate(ctx, v[i].iov_base, v[i].iov_len);
	if (!ok || !EVP_DigestFinal_ex(ctx, out->b, NULL))
		abort();
	EVP_MD_CTX_free(ctx);
}

static void forget_unlisted(struct packer *p)
{
	for (size_t i = 0; i < p->unlisted_n; i++)
		free(p->unlisted[i].blobs);
	p->unlisted_n = p->unlisted_blobs = 0;
}

static int write_index(struct packer *p, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct repo *r = p->repo;
	struct id id;

	if (p->unlisted_n == 0)
		return 0;
	index_file_encode(p->unlisted, p->unlisted_n, &json);
	if (unpacked_save(r->store, &r->key, r->config.version, STORE_INDEX, json.p, json.len, &id, e))
		return error_wrap(e, "writing an index file");
	forget_unlisted(p);
	pthread_mutex_lock(&p->lock);
	p->stats.index_files++;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* The pack is in the store: settle its claims, and remember it for the next index file. */
static int list_pack(struct packer *p, const struct id *id, struct draft *d, struct error *e)
{
	if (p->unlisted_n == 0)
		p->unlisted_since = time_monotonic();
	index_add_pack(p->repo->index, id, d->blob, d->n);
	GROW(p->unlisted, p->unlisted_n, p->unlisted_cap);
	p->unlisted[p->unlisted_n++] =
		(struct index_pack){.id = *id, .blobs = mem_copy(d->blob, d->n * sizeof *d->blob), .n = d->n};
	p->unlisted_blobs += d->n;
	d->n = 0;
	if (p->unlisted_blobs < INDEX_FILE_BLOBS && time_monotonic() - p->unlisted_since < INDEX_FILE_SECONDS)
		return 0;
	return write_index(p, e);
}

static int write_draft(struct packer *p, struct draft *d, struct error *e)
{
	CLEANUP(buf_release) struct buf header = BUF_INIT;
	struct store_file f = {.kind = STORE_DATA};
	struct id id;
	size_t pieces = d->segments + 1;
	AUTO_FREE struct iovec *v = mem_array(NULL, pieces, sizeof *v);

	pack_write_header(p->cipher, d->blob, d->n, &header);
	memcpy(v, d->segment, d->segments * sizeof *v);
	v[pieces - 1] = (struct iovec){.iov_base = header.p, .iov_len = header.len};
	hash_pieces(v, pieces, &id);
	id_hex(&id, f.name);
	if (store_put(p->repo->store, &f, v, (int)pieces, e))
		return error_wrap(e, "writing a pack");
	pthread_mutex_lock(&p->lock);
	p->stats.packs++;
	p->stats.pack_bytes += d->len + header.len;
	pthread_mutex_unlock(&p->lock);
	return list_pack(p, &id, d, e);
}

/* A token means that one more draft is closed: write it. */
static void write_next(int worker, void *token, void *packer)
{
	struct packer *p = packer;
	struct error e = {0};

	pthread_mutex_lock(&p->lock);
	if (p->broken) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	struct draft *d = p->slot;

	while (!d->closed)
		d++;
	struct draft empty = p->out;

	p->out = *d;
	*d = empty;
	pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->lock);

	int failed = write_draft(p, &p->out, &e);

	pthread_mutex_lock(&p->lock);
	if (failed) {
		p->broken = true;
		p->why = e;
	} else {
		draft_reset(p, &p->out);
	}
	pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->lock);
}

/* An open draft for a blob of this type, or NULL when all are waiting for the writer. Of two data packs the fuller one
 * gets two blobs of three: when it is full the other is a third full, so that memory holds little more than one. */
static struct draft *open_draft(struct packer *p, enum blob_type type)
{
	if (type == BLOB_TREE)
		return p->slot[TREE_SLOT].closed ? NULL : &p->slot[TREE_SLOT];
	struct draft *a = &p->slot[0], *b = &p->slot[1];

	if (a->closed || b->closed)
		return !a->closed ? a : !b->closed ? b : NULL;
	struct draft *fuller = b->len > a->len ? b : a, *other = fuller == a ? b : a;

	return random_below(3) == 0 ? other : fuller;
}

/* Whether n more bytes may be held. When the writer has nothing to do nobody would make room. */
static bool has_room(const struct packer *p, size_t n)
{
	size_t held = p->out.len;
	bool waiting = held > 0;

	for (size_t i = 0; i < SLOTS; i++) {
		held += p->slot[i].len;
		waiting |= p->slot[i].closed;
	}
	return !waiting || held + n <= HELD_MAX;
}

static void close_draft(struct packer *p, struct draft *d)
{
	d->closed = true;
	pool_submit(p->writer, d);
}

static int broken(const struct packer *p, struct error *e)
{
	if (!p->broken)
		return 0;
	*e = p->why;
	return -e->kind;
}

int packer_add(struct packer *p, enum blob_type type, const struct id *id, const void *sealed, size_t n,
	       uint32_t plain_len, size_t plain_size, struct error *e)
{
	struct draft *d = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->broken && (!has_room(p, n) || !(d = open_draft(p, type))))
		pthread_cond_wait(&p->room, &p->lock);
	int r = broken(p, e);

	if (r == 0) {
		GROW(d->blob, d->n, d->cap);
		d->blob[d->n++] = (struct pack_blob){.id = *id,
						     .type = type,
						     .offset = (uint32_t)d->len,
						     .length = (uint32_t)n,
						     .plain_len = plain_len};
		draft_add(p, d, sealed, n);
		p->stats.blobs[type]++;
		p->stats.plain[type] += plain_size;
		p->stats.stored[type] += n;
		if (d->len >= PACK_TARGET || d->n >= PACK_MAX_BLOBS)
			close_draft(p, d);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

int packer_settle(struct packer *p, struct error *e)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < SLOTS; i++)
		if (p->slot[i].n > 0 && !p->slot[i].closed)
			close_draft(p, &p->slot[i]);
	pthread_mutex_unlock(&p->lock);
	pool_drain(p->writer);
	pthread_mutex_lock(&p->lock);
	drop_spares(p);
	pthread_mutex_unlock(&p->lock);
	return broken(p, e);
}

int packer_flush(struct packer *p, struct error *e)
{
	int r = packer_settle(p, e);

	if (r == 0)
		r = write_index(p, e);
	if (r && !p->broken) {
		p->broken = true;
		p->why = *e;
	}
	return r;
}

void packer_stats(struct packer *p, struct packer_stats *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->stats;
	pthread_mutex_unlock(&p->lock);
}

static void draft_release(struct packer *p, struct draft *d)
{
	for (size_t i = 0; i < d->n; i++)
		index_unclaim(p->repo->index, d->blob[i].type, &d->blob[i].id);
	draft_reset(p, d);
	free(d->segment);
	free(d->blob);
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->broken = true;
	pthread_mutex_unlock(&p->lock);
	pool_free(p->writer);
	for (size_t i = 0; i < SLOTS; i++)
		draft_release(p, &p->slot[i]);
	draft_release(p, &p->out);
	for (size_t i = 0; i < p->unlisted_n; i++)
		index_drop_pack(p->repo->index, &p->unlisted[i].id);
	forget_unlisted(p);
	free(p->unlisted);
	drop_spares(p);
	cipher_free(p->cipher);
	pthread_cond_destroy(&p->room);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

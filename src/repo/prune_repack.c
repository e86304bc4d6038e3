#include "repo/prune_state.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/packer.h"
#include "repo/scan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 8

/* The used blobs of a pack that goes. */
struct job {
	struct id pack;
	struct pack_blob *blobs;
	size_t n;
};

struct repack {
	struct prune *p;
	struct job *jobs;
	size_t n, cap;
	struct packer *packer;
	struct blob_codec *codecs[THREADS];
	struct buf plain[THREADS];
	atomic_bool stop;
	pthread_mutex_t lock; /* guards the first failure: */
	int result;
	struct error why;
};

static int gather(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct repack *w = ctx;
	size_t number;

	if (w->p->packs[inventory_find(&w->p->inv, pack)].fate != PRUNE_REPACK)
		return 0;
	struct job j = {*pack, mem_array(NULL, n, sizeof *j.blobs), 0};
	for (size_t i = 0; i < n; i++)
		if (index_number(w->p->r->index, blobs[i].type, &blobs[i].id, &number) && bits_has(&w->p->used, number))
			j.blobs[j.n++] = blobs[i];
	GROW(w->jobs, w->n, w->cap);
	w->jobs[w->n++] = j;
	return 0;
}

/* From now on the index is as it will be: a blob that can be claimed has no copy that stays. */
static void drop_doomed(struct prune *p)
{
	for (size_t i = 0; i < p->inv.pack_count; i++)
		if (p->packs[i].fate != PRUNE_KEEP)
			index_drop_pack(p->r->index, &p->inv.packs[i].id);
}

struct copying {
	struct repack *w;
	int worker;
};

/* Opened to see that it is whole; the sealed bytes go over as they are. */
static int copy_blob(const struct pack_blob *b, const void *sealed, void *ctx, struct error *e)
{
	struct copying *c = ctx;
	struct repack *w = c->w;
	struct buf *plain = &w->plain[c->worker];

	if (!sealed)
		return -(int)e->kind;
	if (blob_decode(w->codecs[c->worker], &b->id, sealed, b->length, b->plain_len, plain, e))
		return prune_refuse(e, "%s", e->text);
	progress_bytes(w->p->o->progress, b->length);
	int rc = progress_check(w->p->o->progress, e);
	return rc ? rc : packer_add(w->packer, b->type, &b->id, sealed, b->length, b->plain_len, plain->len, e);
}

static int copy_pack(struct repack *w, int worker, struct job *j, struct error *e)
{
	AUTO_FREE struct pack_blob *mine = mem_array(NULL, j->n, sizeof *mine);
	struct copying c = {w, worker};
	char hex[ID_HEX_LEN + 1];
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++)
		if (index_claim(w->p->r->index, j->blobs[i].type, &j->blobs[i].id))
			mine[n++] = j->blobs[i];
	int rc = scan_blobs(w->p->r->store, &j->pack, mine, n, blob_codec_scratch(w->codecs[worker]), copy_blob, &c, e);
	return rc ? error_wrap(e, "repacking pack %.8s", id_hex(&j->pack, hex)) : 0;
}

static void copy_item(int worker, void *item, void *ctx)
{
	struct repack *w = ctx;
	struct error e = {0};

	int rc = atomic_load(&w->stop) ? 0 : copy_pack(w, worker, item, &e);
	progress_items(w->p->o->progress, 1);
	if (rc == 0)
		return;
	pthread_mutex_lock(&w->lock);
	if (w->result == 0) {
		w->result = rc;
		w->why = e;
	}
	pthread_mutex_unlock(&w->lock);
	atomic_store(&w->stop, true);
}

static int copy_all(struct repack *w, struct error *e)
{
	int threads = pool_cpus(THREADS);

	for (int i = 0; i < threads; i++)
		w->codecs[i] = blob_codec_new(&w->p->r->key);
	struct pool *pool = pool_new("repack", threads, THREADS, copy_item, w);
	for (size_t i = 0; i < w->n && !atomic_load(&w->stop); i++)
		pool_submit(pool, &w->jobs[i]);
	pool_free(pool);
	if (w->result)
		*e = w->why;
	return w->result ? w->result : packer_flush(w->packer, e);
}

/* The last look before anything is removed: whatever was to be copied is found, and not in a pack that goes. */
static int prove(const struct repack *w, struct error *e)
{
	struct blob_place place;
	char hex[ID_HEX_LEN + 1];

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->jobs[i].n; k++) {
			const struct pack_blob *b = &w->jobs[i].blobs[k];
			if (index_find(w->p->r->index, b->type, &b->id, &place))
				continue;
			return error_set(e, ERR_INTERNAL, "nothing was removed: blob %.8s was not repacked",
					 id_hex(&b->id, hex));
		}
	return 0;
}

static void release(struct repack *w)
{
	if (w->packer)
		packer_free(w->packer);
	for (size_t i = 0; i < w->n; i++)
		free(w->jobs[i].blobs);
	free(w->jobs);
	for (int i = 0; i < THREADS; i++) {
		blob_codec_free(w->codecs[i]);
		buf_release(&w->plain[i]);
	}
}

int prune_repack_run(struct prune *p, struct error *e)
{
	CLEANUP(release) struct repack w = {.p = p, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct packer_stats written;

	index_each_pack(p->r->index, gather, &w);
	drop_doomed(p);
	if (w.n == 0)
		return 0;
	w.packer = packer_new(p->r);
	progress_phase(p->o->progress, "repacking", "packs", p->out->bytes_repacked, w.n);
	int rc = copy_all(&w, e);
	if (rc == 0)
		rc = prove(&w, e);
	packer_stats(w.packer, &written);
	p->out->bytes_after = p->out->bytes_before - p->out->bytes_removed + written.pack_bytes;
	return rc;
}

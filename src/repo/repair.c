#include "repo/prune.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/reindex.h"
#include "repo/scan.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 8

struct repair {
	struct repo *r;
	struct progress *progress;
	struct repair_stats *out;
	struct strlist *damaged;
	struct inventory inv;
	struct blob_codec *codecs[THREADS];
	pthread_mutex_t lock; /* guards out, damaged, inv, and the first failure that stops the work: */
	int result;
	struct error why;
};

/* A file that cannot be reached must not be taken for a damaged one, and be replaced. */
static bool is_damage(const struct repair *w, int result)
{
	return result != -ERR_NOT_FOUND && result != -ERR_ACCESS && inventory_is_damage(w->r, result);
}

static int look_at_index_files(struct repair *w, struct error *e)
{
	for (size_t i = 0; i < w->inv.file_count; i++) {
		struct inventory_file *f = &w->inv.files[i];
		if (f->result && !is_damage(w, f->result))
			return error_set(e, (enum err_kind)(-f->result), "%s", f->why);
		if (f->result)
			f->replace = true;
	}
	if (!w->inv.incomplete)
		return 0;
	error_set(e, ERR_REFUSED, "nothing was changed: the store's list of packs leaves out some that are there");
	return error_hint(e, "try again when the store lists all it has");
}

static void replace_listing(struct repair *w, const struct inventory_pack *p)
{
	if (p->file != INVENTORY_NONE)
		w->inv.files[p->file].replace = true;
}

static bool must_be_read(const struct inventory_pack *p)
{
	return p->there && (p->file == INVENTORY_NONE || p->differs || !p->gapless || p->size != p->promised);
}

static int read_header(struct repair *w, int worker, struct inventory_pack *p, struct pack_blob **blobs, size_t *n,
		       struct error *e)
{
	CLEANUP(buf_release) struct buf tail = BUF_INIT;
	struct store_file f = inventory_store_file(STORE_DATA, &p->id);

	int rc = progress_check(w->progress, e);
	if (rc == 0 && p->size == 0)
		rc = store_size(w->r->store, &f, &p->size, e);
	return rc ? rc
		  : scan_header(w->r->store, blob_codec_cipher(w->codecs[worker]), &p->id, p->size, &tail, blobs, n, e);
}

/* The pack's own word counts: list it as its header does. */
static void list_anew(struct repair *w, struct inventory_pack *p, const struct pack_blob *blobs, size_t n)
{
	w->out->packs_read++;
	w->out->packs_added += p->file == INVENTORY_NONE;
	replace_listing(w, p);
	index_drop_pack(w->r->index, &p->id);
	index_add_pack(w->r->index, &p->id, blobs, n);
	p->write = true;
}

static void read_item(int worker, void *item, void *ctx)
{
	struct repair *w = ctx;
	struct inventory_pack *p = item;
	AUTO_FREE struct pack_blob *blobs = NULL;
	struct error why = {0};
	char hex[ID_HEX_LEN + 1];
	size_t n = 0;

	int rc = read_header(w, worker, p, &blobs, &n, &why);
	pthread_mutex_lock(&w->lock);
	if (rc == 0) {
		list_anew(w, p, blobs, n);
	} else if (is_damage(w, rc)) {
		w->out->packs_damaged++;
		strlist_addf(w->damaged, "pack %.8s: %s", id_hex(&p->id, hex), why.text);
	} else if (w->result == 0) {
		w->result = rc;
		w->why = why;
	}
	pthread_mutex_unlock(&w->lock);
	progress_items(w->progress, 1);
}

static int read_headers(struct repair *w, struct error *e)
{
	int threads = pool_cpus(THREADS);

	for (int i = 0; i < threads; i++)
		w->codecs[i] = blob_codec_new(&w->r->key);
	progress_phase(w->progress, "reading pack headers", "packs", 0, 0);
	struct pool *pool = pool_new("repair", threads, THREADS, read_item, w);
	for (size_t i = 0; i < w->inv.pack_count; i++)
		if (must_be_read(&w->inv.packs[i])) {
			progress_expect(w->progress, 0, 1);
			pool_submit(pool, &w->inv.packs[i]);
		}
	pool_free(pool);
	strlist_sort(w->damaged);
	if (w->result)
		*e = w->why;
	return w->result;
}

static void drop_missing(struct repair *w)
{
	for (size_t i = 0; i < w->inv.pack_count; i++) {
		const struct inventory_pack *p = &w->inv.packs[i];
		if (p->there)
			continue;
		w->out->packs_missing++;
		replace_listing(w, p);
		index_drop_pack(w->r->index, &p->id);
	}
}

/* Whatever else a replaced file lists goes into the new one. */
static void keep_neighbours(struct repair *w)
{
	for (size_t i = 0; i < w->inv.pack_count; i++) {
		struct inventory_pack *p = &w->inv.packs[i];
		if (p->there && p->file != INVENTORY_NONE && w->inv.files[p->file].replace)
			p->write = true;
	}
}

static int run(struct repair *w, struct error *e)
{
	int rc = inventory_load(w->r, &w->inv, w->progress, e);
	if (rc == 0)
		rc = look_at_index_files(w, e);
	if (rc == 0)
		rc = read_headers(w, e);
	if (rc)
		return rc;
	drop_missing(w);
	keep_neighbours(w);
	rc = reindex_write(w->r, &w->inv, e);
	return rc ? rc : reindex_remove(w->r, &w->inv, &w->out->index_files_replaced, e);
}

static void release(struct repair *w)
{
	for (int i = 0; i < THREADS; i++)
		blob_codec_free(w->codecs[i]);
	inventory_release(&w->inv);
	repo_drop_index(w->r);
}

int repair_index(struct repo *r, struct progress *p, struct repair_stats *out, struct strlist *damaged, struct error *e)
{
	CLEANUP(release)
	struct repair w = {.r = r, .progress = p, .out = out, .damaged = damaged, .lock = PTHREAD_MUTEX_INITIALIZER};

	*out = (struct repair_stats){0};
	return run(&w, e);
}

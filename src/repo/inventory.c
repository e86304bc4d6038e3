#include "repo/inventory.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"
#include "repo/unpacked.h"

#include <pthread.h>
#include <stdlib.h>

#define LOAD_THREADS 8

struct store_file inventory_store_file(enum store_kind kind, const struct id *id)
{
	struct store_file f = {.kind = kind};
	id_hex(id, f.name);
	return f;
}

bool inventory_is_damage(const struct repo *r, int result)
{
	switch (-result) {
	case ERR_CORRUPT:
	case ERR_NOT_FOUND:
	case ERR_LIMIT:
		return true;
	case ERR_IO:
	case ERR_ACCESS:
		return r->store->features & STORE_LOCAL;
	default:
		return false;
	}
}

static int add_id(const char *name, uint64_t size, void *ctx)
{
	struct id id;
	if (id_parse(&id, name, ID_HEX_LEN))
		id_list_add(ctx, &id);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

int inventory_list(struct repo *r, enum store_kind kind, struct id_list *out, struct error *e)
{
	int rc = store_list(r->store, kind, add_id, out, e);
	if (rc == 0 && out->n)
		qsort(out->v, out->n, sizeof *out->v, by_id);
	return rc;
}

void inventory_release(struct inventory *v)
{
	for (size_t i = 0; i < v->file_count; i++)
		free(v->files[i].why);
	free(v->files);
	free(v->packs);
	map_free(v->by_id, NULL);
	*v = (struct inventory){0};
}

uint32_t inventory_find(const struct inventory *v, const struct id *pack)
{
	uintptr_t number = (uintptr_t)map_get(v->by_id, pack->b, ID_LEN);
	return number ? (uint32_t)(number - 1) : INVENTORY_NONE;
}

static struct inventory_pack *find_or_add(struct inventory *v, const struct id *id)
{
	uint32_t number = inventory_find(v, id);
	if (number != INVENTORY_NONE)
		return &v->packs[number];
	GROW(v->packs, v->pack_count, v->pack_cap);
	struct inventory_pack *p = &v->packs[v->pack_count++];
	*p = (struct inventory_pack){.id = *id, .file = INVENTORY_NONE, .other_file = INVENTORY_NONE};
	map_put(v->by_id, id->b, ID_LEN, (void *)(uintptr_t)v->pack_count);
	return p;
}

/* Loading the index files. */
struct loader {
	struct repo *r;
	struct inventory *v;
	struct progress *progress;
	pthread_mutex_t lock; /* guards v->packs, v->by_id and the flags of files */
};

struct file_loader {
	struct loader *l;
	uint32_t number;
};

static int by_offset(const void *a, const void *b)
{
	const struct pack_blob *x = a, *y = b;
	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : id_cmp(&x->id, &y->id);
}

/* What an index file says of a pack; its blobs are sorted. */
static void describe(struct inventory_pack *p, const struct index_pack *pack, uint32_t file)
{
	uint64_t end = 0;

	id_hash(&p->listing, pack->blobs, pack->n * sizeof *pack->blobs);
	p->promised = pack_file_size(pack->blobs, pack->n);
	p->blobs = (uint32_t)pack->n;
	p->file = file;
	p->gapless = true;
	p->mixed = false;
	for (size_t i = 0; i < pack->n; i++) {
		p->gapless = p->gapless && pack->blobs[i].offset == end;
		p->mixed = p->mixed || pack->blobs[i].type != pack->blobs[0].type;
		end += pack->blobs[i].length;
	}
}

static void list_again(struct loader *l, struct inventory_pack *p, const struct index_pack *pack, uint32_t file)
{
	struct inventory_pack now = *p;

	describe(&now, pack, file);
	now.differs = p->differs || !id_equal(&now.listing, &p->listing);
	l->v->files[p->file].replace = l->v->files[file].replace = true;
	if (file < p->file) {
		now.other_file = p->file;
		index_drop_pack(l->r->index, &pack->id);
		index_add_pack(l->r->index, &pack->id, pack->blobs, pack->n);
		*p = now;
	} else {
		p->other_file = file;
		p->differs = now.differs;
	}
}

static int add_pack(const struct index_pack *listed, void *ctx, struct error *e)
{
	struct file_loader *f = ctx;
	struct loader *l = f->l;
	struct index_pack pack = *listed;
	AUTO_FREE struct pack_blob *sorted = mem_alloc(pack.n * sizeof *sorted);

	if (pack.n) {
		memcpy(sorted, pack.blobs, pack.n * sizeof *sorted);
		qsort(sorted, pack.n, sizeof *sorted, by_offset);
	}
	pack.blobs = sorted;
	pthread_mutex_lock(&l->lock);
	l->v->files[f->number].blobs += (uint32_t)pack.n;
	struct inventory_pack *p = find_or_add(l->v, &pack.id);
	if (p->file == INVENTORY_NONE) {
		describe(p, &pack, f->number);
		index_add_pack(l->r->index, &pack.id, pack.blobs, pack.n);
	} else {
		list_again(l, p, &pack, f->number);
	}
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int load_index_file(struct file_loader *f, const struct id *id, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct repo *r = f->l->r;
	char hex[ID_HEX_LEN + 1];

	int rc = progress_check(f->l->progress, e);
	if (rc == 0)
		rc = unpacked_load(r->store, &r->key, STORE_INDEX, id, &json, e);
	if (rc)
		return rc;
	if (index_file_parse(json.p, json.len, add_pack, f, e))
		return error_wrap(e, "index %.8s is damaged", id_hex(id, hex));
	return 0;
}

static void load_item(int worker, void *item, void *ctx)
{
	struct inventory_file *file = item;
	struct loader *l = ctx;
	struct file_loader f = {l, (uint32_t)(file - l->v->files)};
	struct error why = {0};

	file->result = load_index_file(&f, &file->id, &why);
	if (file->result)
		file->why = mem_string(why.text);
	progress_items(l->progress, 1);
}

static int load_index_files(struct loader *l, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};
	struct inventory *v = l->v;

	int rc = inventory_list(l->r, STORE_INDEX, &ids, e);
	if (rc || ids.n == 0)
		return rc;
	progress_phase(l->progress, "reading the index", "index files", 0, ids.n);
	v->file_count = ids.n;
	v->files = mem_zero(ids.n * sizeof *v->files);
	for (size_t i = 0; i < ids.n; i++)
		v->files[i].id = ids.v[i];
	struct pool *pool = pool_new("index", pool_cpus(LOAD_THREADS), LOAD_THREADS, load_item, l);
	for (size_t i = 0; i < v->file_count; i++)
		pool_submit(pool, &v->files[i]);
	pool_free(pool);
	return progress_check(l->progress, e);
}

static int add_listed(const char *name, uint64_t size, void *ctx)
{
	struct id id;
	if (id_parse(&id, name, ID_HEX_LEN)) {
		struct inventory_pack *p = find_or_add(ctx, &id);
		p->there = true;
		p->size = size;
	}
	return 0;
}

/* What the listing does not tell: sizes on some stores, and whether a pack it leaves out is really gone. */
static int ask_for(struct repo *r, struct inventory *v, struct inventory_pack *p, struct error *e)
{
	if (p->file == INVENTORY_NONE || (p->there && p->size))
		return 0;
	struct store_file f = inventory_store_file(STORE_DATA, &p->id);
	int rc = store_size(r->store, &f, &p->size, e);
	if (rc == -ERR_NOT_FOUND) {
		p->there = false;
		return 0;
	}
	if (rc == 0 && !p->there)
		p->there = p->left_out = v->incomplete = true;
	return rc;
}

static int list_packs(struct repo *r, struct inventory *v, struct error *e)
{
	int rc = store_list(r->store, STORE_DATA, add_listed, v, e);
	for (size_t i = 0; i < v->pack_count && rc == 0; i++)
		rc = ask_for(r, v, &v->packs[i], e);
	return rc;
}

int inventory_load(struct repo *r, struct inventory *out, struct progress *p, struct error *e)
{
	struct loader l = {.r = r, .v = out, .progress = p, .lock = PTHREAD_MUTEX_INITIALIZER};

	*out = (struct inventory){.by_id = map_new()};
	repo_drop_index(r);
	r->index = index_new();
	int rc = load_index_files(&l, e);
	if (rc == 0)
		rc = list_packs(r, out, e);
	if (rc) {
		inventory_release(out);
		repo_drop_index(r);
	}
	return rc;
}

#include "repo/reindex.h"

#include "base/mem.h"
#include "repo/unpacked.h"

#include <stdlib.h>

/* The packs waiting for the next index file. */
struct batch {
	struct repo *r;
	const struct inventory *v;
	struct index_pack *packs;
	size_t n, cap, blobs;
	struct error *e;
};

static void clear(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->packs[i].blobs);
	b->n = b->blobs = 0;
}

static void release(struct batch *b)
{
	clear(b);
	free(b->packs);
}

static int save(struct batch *b)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct id id;

	if (b->n == 0)
		return 0;
	index_file_encode(b->packs, b->n, &json);
	clear(b);
	return unpacked_save(b->r->store, &b->r->key, b->r->config.version, STORE_INDEX, json.p, json.len, &id, b->e);
}

static int add(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct batch *b = ctx;
	uint32_t number = inventory_find(b->v, pack);

	if (number == INVENTORY_NONE || !b->v->packs[number].write)
		return 0;
	int rc = b->blobs && b->blobs + n > INDEX_FILE_BLOBS ? save(b) : 0;
	GROW(b->packs, b->n, b->cap);
	b->packs[b->n++] = (struct index_pack){*pack, mem_copy(blobs, n * sizeof *blobs), n};
	b->blobs += n;
	return rc;
}

int reindex_write(struct repo *r, const struct inventory *v, struct error *e)
{
	CLEANUP(release) struct batch b = {.r = r, .v = v, .e = e};

	int rc = index_each_pack(r->index, add, &b);
	return rc ? rc : save(&b);
}

int reindex_remove(struct repo *r, const struct inventory *v, uint64_t *removed, struct error *e)
{
	*removed = 0;
	for (size_t i = 0; i < v->file_count; i++) {
		if (!v->files[i].replace)
			continue;
		struct store_file f = inventory_store_file(STORE_INDEX, &v->files[i].id);
		int rc = store_remove(r->store, &f, e);
		if (rc)
			return rc;
		(*removed)++;
	}
	return 0;
}

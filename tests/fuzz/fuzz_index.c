/* Any bytes as an index file: what is accepted goes into an index that finds all of it, and out again the same. */
#include "repo/index.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

/* What one file holds: an index of it, and how much was told. */
struct loaded {
	struct index *index;
	size_t packs, blobs;
};

static int on_pack(const struct index_pack *p, void *ctx, struct error *e)
{
	struct loaded *l = ctx;
	struct blob_place at;

	size_t before = index_pack_count(l->index);
	bool fresh = index_add_pack(l->index, &p->id, p->blobs, p->n);

	demand(index_pack_count(l->index) == before + fresh);
	if (!fresh)
		return 0;
	l->packs++;
	l->blobs += p->n;
	for (size_t i = 0; i < p->n; i++) {
		demand(p->blobs[i].length >= CIPHER_OVERHEAD);
		demand(p->blobs[i].length <= UINT32_MAX - p->blobs[i].offset);
		demand(index_find(l->index, p->blobs[i].type, &p->blobs[i].id, &at));
		demand(!index_claim(l->index, p->blobs[i].type, &p->blobs[i].id));
	}
	return 0;
}

static int encode_pack(const struct id *pack, const struct pack_blob *blobs, size_t n, void *out)
{
	AUTO_FREE struct pack_blob *copy = mem_copy(blobs, n * sizeof *blobs);

	index_file_encode(&(struct index_pack){*pack, copy, n}, 1, out);
	return 0;
}

static void check_encoding(const struct index *x)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error e = {0};

	if (index_pack_count(x) != 1)
		return;
	struct loaded again = {.index = index_new()};
	index_each_pack(x, encode_pack, &text);
	demand(index_file_parse(text.p, text.len, on_pack, &again, &e) == 0);
	demand(again.packs == 1 && again.blobs == index_blob_count(x));
	index_free(again.index);
}

static int drop(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ids)
{
	id_list_add(ids, pack);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(id_list_release) struct id_list packs = {0};
	struct loaded l = {.index = index_new()};
	struct error e = {0};

	int r = index_file_parse(data, size, on_pack, &l, &e);
	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0] && l.packs == 0));
	demand(index_pack_count(l.index) == l.packs && index_blob_count(l.index) == l.blobs);
	check_encoding(l.index);
	index_each_pack(l.index, drop, &packs);
	for (size_t i = 0; i < packs.n; i++)
		index_drop_pack(l.index, &packs.v[i]);
	demand(index_pack_count(l.index) == 0 && index_blob_count(l.index) == 0);
	index_free(l.index);
	return 0;
}

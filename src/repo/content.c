#include "repo/content.h"

#include "base/mem.h"

#include <stdlib.h>

static int place_blobs(struct repo *r, const struct tree_node *file, struct content *c, struct error *e)
{
	struct blob_place place;
	char hex[ID_HEX_LEN + 1];

	for (size_t i = 0; i < c->n; i++) {
		if (!index_find(r->index, BLOB_DATA, &c->id[i], &place))
			return error_set(e, ERR_CORRUPT, "\"%s\" is incomplete: blob %.8s is in no index", c->name,
					 id_hex(&c->id[i], hex));
		c->size += blob_plain_size(place.blob.length, place.blob.plain_len);
		c->end[i] = c->size;
	}
	if (c->size != file->meta.size)
		return error_set(e, ERR_CORRUPT, "\"%s\" is listed with %llu bytes, but its blobs have %llu", c->name,
				 (unsigned long long)file->meta.size, (unsigned long long)c->size);
	return 0;
}

int content_open(struct repo *r, const struct tree_node *file, struct content *out, struct error *e)
{
	*out = (struct content){
		.name = mem_string(file->meta.name ? file->meta.name : ""),
		.id = mem_copy(file->content.v, file->content.n * sizeof *out->id),
		.end = mem_array(NULL, file->content.n, sizeof *out->end),
		.n = file->content.n,
	};
	if (place_blobs(r, file, out, e) == 0)
		return 0;
	content_release(out);
	return -e->kind;
}

void content_release(struct content *c)
{
	free(c->name);
	free(c->id);
	free(c->end);
	*c = (struct content){0};
}

uint64_t content_begin(const struct content *c, size_t i)
{
	return i == 0 ? 0 : c->end[i - 1];
}

size_t content_find(const struct content *c, uint64_t at)
{
	size_t from = 0, to = c->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (c->end[mid] > at)
			to = mid;
		else
			from = mid + 1;
	}
	return from;
}

size_t content_run(const struct content *c, size_t i, size_t bytes)
{
	size_t n = 1;

	while (i + n < c->n && c->end[i + n] - content_begin(c, i) <= bytes)
		n++;
	return n;
}

int content_read(struct repo *r, struct blob_codec *codec, const struct content *c, size_t i, struct buf *out,
		 struct error *e)
{
	uint64_t length = c->end[i] - content_begin(c, i);
	char hex[ID_HEX_LEN + 1];

	if (repo_read_blob(r, codec, BLOB_DATA, &c->id[i], out, e))
		return error_wrap(e, "reading \"%s\"", c->name);
	if (out->len != length)
		return error_set(e, ERR_CORRUPT, "reading \"%s\": blob %.8s has %zu bytes, but the index says %llu",
				 c->name, id_hex(&c->id[i], hex), out->len, (unsigned long long)length);
	return 0;
}

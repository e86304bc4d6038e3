#include "repo/pack.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Entry types of the file format. */
enum { TYPE_DATA, TYPE_TREE, TYPE_DATA_COMPRESSED, TYPE_TREE_COMPRESSED, TYPES };

void pack_write_header(struct cipher *c, const struct pack_blob *blobs, size_t n, struct buf *out)
{
	CLEANUP(buf_release) struct buf header = BUF_INIT;
	size_t start = out->len;

	for (const struct pack_blob *b = blobs; b < blobs + n; b++) {
		if (b->plain_len == 0) {
			buf_add_byte(&header, b->type == BLOB_TREE ? TYPE_TREE : TYPE_DATA);
			buf_add_u32le(&header, b->length);
		} else {
			buf_add_byte(&header, b->type == BLOB_TREE ? TYPE_TREE_COMPRESSED : TYPE_DATA_COMPRESSED);
			buf_add_u32le(&header, b->length);
			buf_add_u32le(&header, b->plain_len);
		}
		buf_add(&header, b->id.b, ID_LEN);
	}
	cipher_seal(c, header.p, header.len, out);
	buf_add_u32le(out, (uint32_t)(out->len - start));
}

uint64_t pack_file_size(const struct pack_blob *blobs, size_t n)
{
	uint64_t size = CIPHER_OVERHEAD + 4;
	for (const struct pack_blob *b = blobs; b < blobs + n; b++)
		size += b->length + (b->plain_len ? PACK_ENTRY_COMPRESSED : PACK_ENTRY_PLAIN);
	return size;
}

static uint32_t u32le(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One entry of the n bytes at p. Returns its length, or 0 with *why. */
static size_t parse_entry(const uint8_t *p, size_t n, struct pack_blob *b, const char **why)
{
	bool compressed = p[0] == TYPE_DATA_COMPRESSED || p[0] == TYPE_TREE_COMPRESSED;
	size_t len = compressed ? PACK_ENTRY_COMPRESSED : PACK_ENTRY_PLAIN;

	if (p[0] >= TYPES) {
		*why = "an entry has an unknown type";
		return 0;
	}
	if (n < len) {
		*why = "its last entry is cut short";
		return 0;
	}
	b->type = p[0] == TYPE_TREE || p[0] == TYPE_TREE_COMPRESSED ? BLOB_TREE : BLOB_DATA;
	b->length = u32le(p + 1);
	b->plain_len = compressed ? u32le(p + 5) : 0;
	memcpy(b->id.b, p + len - ID_LEN, ID_LEN);
	if (b->length < (compressed ? CIPHER_OVERHEAD + 1 : CIPHER_OVERHEAD) || (compressed && b->plain_len == 0)) {
		*why = "an entry has an impossible length";
		return 0;
	}
	return len;
}

static int bad_header(struct error *e, const char *why)
{
	return error_set(e, ERR_CORRUPT, "pack header: %s", why);
}

int pack_parse_header(const void *p, size_t n, uint64_t blobs_end, struct pack_blob **blobs, size_t *count,
		      struct error *e)
{
	const uint8_t *at = p, *end = at + n;
	const char *why = NULL;
	uint64_t offset = 0;
	size_t found = 0;

	*blobs = NULL;
	*count = 0;
	if (n == 0 || n > PACK_MAX_HEADER || blobs_end > UINT32_MAX)
		return bad_header(e, n == 0 ? "it has no entries" : "it is too large");
	AUTO_FREE struct pack_blob *list = mem_array(NULL, n / PACK_ENTRY_PLAIN + 1, sizeof *list);
	while (at < end) {
		struct pack_blob *b = &list[found++];
		size_t len = parse_entry(at, (size_t)(end - at), b, &why);
		if (len == 0)
			return bad_header(e, why);
		b->offset = (uint32_t)offset;
		offset += b->length;
		if (offset > blobs_end)
			return bad_header(e, "its blobs reach beyond the file");
		at += len;
	}
	if (offset != blobs_end)
		return bad_header(e, "its blobs do not fill the file");
	*blobs = TAKE(list);
	*count = found;
	return 0;
}

#include "repo/scan.h"

#include "base/mem.h"
#include "repo/inventory.h"

#define FIRST_READ ((size_t)8 << 10) /* most headers are shorter: one read gets them */
#define LENGTH_BYTES 4u
#define MIN_SEALED (CIPHER_OVERHEAD + PACK_ENTRY_PLAIN)
#define MAX_SEALED (PACK_MAX_HEADER + CIPHER_OVERHEAD)

/* The last n bytes of the file. */
static int read_end(struct store *s, const struct store_file *f, uint64_t size, size_t n, struct buf *tail,
		    struct error *e)
{
	buf_clear(tail);
	buf_reserve(tail, n);
	int rc = store_get(s, f, size - n, tail->p, n, e);
	if (rc == 0)
		tail->len = n;
	return rc;
}

static uint32_t last_u32le(const struct buf *tail)
{
	const unsigned char *p = tail->p + tail->len - LENGTH_BYTES;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The end of the file from the first byte of its header on. */
static int read_tail(struct store *s, const struct store_file *f, uint64_t size, struct buf *tail, struct error *e)
{
	if (size < MIN_SEALED + LENGTH_BYTES)
		return error_set(e, ERR_CORRUPT, "its header is missing: it is only %llu bytes long",
				 (unsigned long long)size);
	int rc = read_end(s, f, size, size < FIRST_READ ? (size_t)size : FIRST_READ, tail, e);
	if (rc)
		return rc;
	size_t sealed = last_u32le(tail), wanted = sealed + LENGTH_BYTES;
	if (sealed < MIN_SEALED || sealed > MAX_SEALED || wanted > size)
		return error_set(e, ERR_CORRUPT, "its header is damaged (its length cannot be %zu)", sealed);
	if (wanted > tail->len)
		return read_end(s, f, size, wanted, tail, e);
	buf_remove_front(tail, tail->len - wanted);
	return 0;
}

int scan_header(struct store *s, struct cipher *c, const struct id *pack, uint64_t size, struct buf *tail,
		struct pack_blob **blobs, size_t *n, struct error *e)
{
	CLEANUP(buf_release) struct buf header = BUF_INIT;
	struct store_file f = inventory_store_file(STORE_DATA, pack);

	buf_clear(tail);
	int rc = read_tail(s, &f, size, tail, e);
	if (rc)
		return rc;
	struct error why = {0};
	rc = cipher_open(c, tail->p, tail->len - LENGTH_BYTES, &header, &why);
	if (rc)
		return error_set(e, why.kind, "its header %s", why.text);
	rc = pack_parse_header(header.p, header.len, size - tail->len, blobs, n, &why);
	return rc ? error_set(e, why.kind, "its header is damaged (%s)", why.text) : 0;
}

/* How many of the n blobs are read together, and their bytes. */
static size_t run_of(const struct pack_blob *b, size_t n, size_t *bytes)
{
	size_t count = 1;

	*bytes = b[0].length;
	while (count < n && b[count].offset == (uint64_t)b[0].offset + *bytes && *bytes + b[count].length <= SCAN_RANGE)
		*bytes += b[count++].length;
	return count;
}

static int read_run(struct store *s, const struct id *pack, const struct pack_blob *first, size_t bytes,
		    struct buf *room, struct error *e)
{
	struct store_file f = inventory_store_file(STORE_DATA, pack);

	if (bytes > BLOB_MAX_PLAIN + CIPHER_OVERHEAD)
		return error_set(e, ERR_LIMIT, "a blob of %zu bytes is above the limit of %zu MiB", bytes,
				 BLOB_MAX_PLAIN >> 20);
	buf_clear(room);
	buf_reserve(room, bytes);
	return store_get(s, &f, first->offset, room->p, bytes, e);
}

int scan_blobs(struct store *s, const struct id *pack, const struct pack_blob *blobs, size_t n, struct buf *room,
	       scan_fn fn, void *ctx, struct error *e)
{
	int rc = 0;

	while (n > 0 && rc == 0) {
		size_t bytes, count = run_of(blobs, n, &bytes);
		int got = read_run(s, pack, blobs, bytes, room, e);
		for (size_t i = 0; i < count && rc == 0; i++)
			rc = fn(&blobs[i], got ? NULL : room->p + (blobs[i].offset - blobs[0].offset), ctx, e);
		blobs += count;
		n -= count;
	}
	return rc;
}

/* Blocks of a stored archive: their pieces put together again and decompressed (pg_backup_custom.c, compress_*.c). */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM ((size_t)256 << 10)
#define COPY_PIECE ((size_t)64 << 10)
#define TAIL 8                           /* holds a newline, "\." and the three newlines behind it */

struct pg_block {
	struct source *s;
	const struct pg_toc *t;
	const struct pg_entry *entry;
	int type;
	uint64_t next;                   /* where in the archive the room's bytes end */
	unsigned char *room;
	size_t used, have;
	uint64_t left;                   /* of the current piece */
	bool in_object;                  /* its pieces have not all been seen */
	z_stream gzip;
	bool gzip_open;
	ZSTD_DStream *zstd;
	bool compressed_open;            /* a compressed stream has begun and not ended */
	bool over;                       /* it has ended */
};

void pg_data_close(struct pg_block **b)
{
	struct pg_block *x = TAKE(*b);
	if (!x)
		return;
	if (x->gzip_open)
		inflateEnd(&x->gzip);
	ZSTD_freeDStream(x->zstd);
	free(x->room);
	free(x);
}

const struct pg_entry *pg_data_entry(const struct pg_block *b)
{
	return b->entry;
}

bool pg_data_is_large_objects(const struct pg_block *b)
{
	return b->type == PG_BLOCK_LARGE_OBJECTS;
}

/* ---- bytes of the archive ---- */

uint64_t pg_data_place(const struct pg_block *b)
{
	return b->next - (b->have - b->used);
}

static int damaged(const struct pg_block *b, struct error *e, const char *what)
{
	return error_set(e, ERR_CORRUPT, "the archive is damaged before byte %" PRIu64 ": %s", pg_data_place(b), what);
}

/* At least one byte in the room. */
static int fill(struct pg_block *b, struct error *e)
{
	if (b->used < b->have)
		return 0;
	ssize_t got = b->s->pread(b->s, b->room, ROOM, b->next, e);
	if (got < 0)
		return (int)got;
	if (got == 0)
		return error_set(e, ERR_CORRUPT, "the archive ends within the data of \"%s\"",
			b->entry ? b->entry->tag : "");
	b->used = 0;
	b->have = (size_t)got;
	b->next += (uint64_t)got;
	return 0;
}

static int take_bytes(struct pg_block *b, unsigned char *to, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		int err = fill(b, e);
		if (err)
			return err;
		to[i] = b->room[b->used++];
	}
	return 0;
}

static int take_int(struct pg_block *b, int64_t *v, struct error *e)
{
	unsigned char field[1 + PG_INT_MAX_SIZE];
	size_t n = 1 + (size_t)b->t->int_size;
	const unsigned char *p = field;
	if (b->have - b->used >= n) {
		p = b->room + b->used;
		b->used += n;
	} else {
		int err = take_bytes(b, field, n, e);
		if (err)
			return err;
	}
	return pg_toc_int(p, b->t->int_size, v) ? 0 : damaged(b, e, "an integer that makes no sense");
}

/* ---- opening ---- */

static int check_compression(const struct pg_toc *t, struct error *e)
{
	if (t->compression != PG_COMPRESS_LZ4)
		return 0;
	error_set(e, ERR_VERSION, "the archive is compressed with lz4, which this program cannot read");
	return error_hint(e, "make it again with pg_dump -Fc -Z0, or with --compress=gzip or zstd");
}

static int read_header(struct pg_block *b, struct error *e)
{
	unsigned char type = 0;
	int64_t id = 0;
	int err = take_bytes(b, &type, 1, e);
	if (!err && type != PG_BLOCK_DATA && type != PG_BLOCK_LARGE_OBJECTS)
		err = damaged(b, e, "a block of unknown type");
	if (!err)
		err = take_int(b, &id, e);
	if (err)
		return err;
	b->type = type;
	b->entry = pg_toc_find(b->t, (int)id);
	b->in_object = type == PG_BLOCK_DATA;
	return b->entry && b->entry->has_data ? 0 : damaged(b, e, "a block that its table of contents does not have");
}

int pg_data_open(struct source *s, const struct pg_toc *t, uint64_t at, struct pg_block **out, struct error *e)
{
	int err = check_compression(t, e);
	if (err)
		return err;
	CLEANUP(pg_data_close) struct pg_block *b = mem_zero(sizeof *b);
	b->s = s;
	b->t = t;
	b->next = at;
	b->room = mem_alloc(ROOM);
	if (t->compression == PG_COMPRESS_GZIP && !(b->gzip_open = inflateInit(&b->gzip) == Z_OK))
		abort();
	if (t->compression == PG_COMPRESS_ZSTD && !(b->zstd = ZSTD_createDStream()))
		abort();
	err = read_header(b, e);
	if (!err)
		*out = TAKE(b);
	return err;
}

/* Without offsets: block by block from the first. */
static int search(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct pg_block **out,
	struct error *e)
{
	uint64_t at = t->head;
	while (at < s->size) {
		CLEANUP(pg_data_close) struct pg_block *b = NULL;
		int err = pg_data_open(s, t, at, &b, e);
		if (!err && b->entry == entry) {
			*out = TAKE(b);
			return 0;
		}
		if (!err)
			err = pg_data_skip(b, &at, e);
		if (err)
			return err;
	}
	return error_set(e, ERR_CORRUPT, "the archive ends before the data of \"%s\"", entry->tag);
}

int pg_data_find(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct pg_block **out,
	struct error *e)
{
	CLEANUP(pg_data_close) struct pg_block *b = NULL;
	if (!entry->has_data)
		return error_set(e, ERR_NOT_FOUND, "the archive has no data of \"%s\"", entry->tag);
	if (!entry->offset)
		return search(s, t, entry, out, e);
	int err = pg_data_open(s, t, entry->offset, &b, e);
	if (!err && b->entry->id != entry->id)
		err = error_set(e, ERR_CORRUPT, "the archive has other data where those of \"%s\" should be",
			entry->tag);
	if (!err)
		*out = TAKE(b);
	return err;
}

/* ---- content ---- */

/* Some of the current object as it is stored: 1, and the bytes are used up; 0 at its end. */
static int take_stored(struct pg_block *b, const unsigned char **p, size_t *n, size_t most, struct error *e)
{
	if (!b->in_object)
		return 0;
	if (b->left == 0) {
		int64_t len;
		int err = take_int(b, &len, e);
		if (!err && len < 0)
			err = damaged(b, e, "a length that makes no sense");
		if (err)
			return err;
		b->in_object = len != 0;
		b->left = (uint64_t)len;
		if (len == 0)
			return 0;
	}
	int err = fill(b, e);
	if (err)
		return err;
	*n = b->have - b->used;
	*n = *n < b->left ? *n : (size_t)b->left;
	*n = *n < most ? *n : most;
	*p = b->room + b->used;
	b->used += *n;
	b->left -= *n;
	return 1;
}

/* Give back what the decompressor did not take. */
static void untake(struct pg_block *b, size_t n)
{
	b->used -= n;
	b->left += n;
}

/* Both decompress from p[0..n) and return how much they made; *rest is what they left of it. */
static size_t inflate_some(struct pg_block *b, const unsigned char *p, size_t n, void *out, size_t room, size_t *rest,
	bool *bad)
{
	b->gzip.next_in = (unsigned char *)(uintptr_t)p;
	b->gzip.avail_in = (uInt)n;
	b->gzip.next_out = out;
	b->gzip.avail_out = (uInt)room;
	int got = inflate(&b->gzip, Z_NO_FLUSH);
	*bad = got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR;
	*rest = b->gzip.avail_in;
	b->over = got == Z_STREAM_END;
	return room - b->gzip.avail_out;
}

static size_t unzstd_some(struct pg_block *b, const unsigned char *p, size_t n, void *out, size_t room, size_t *rest,
	bool *bad)
{
	ZSTD_inBuffer in = {.src = p, .size = n};
	ZSTD_outBuffer to = {.dst = out, .size = room};
	size_t left = ZSTD_decompressStream(b->zstd, &to, &in);
	*bad = ZSTD_isError(left);
	*rest = n - in.pos;
	b->over = left == 0;
	return to.pos;
}

static ssize_t decompress(struct pg_block *b, void *out, size_t room, struct error *e)
{
	for (;;) {
		static const unsigned char nothing[1];
		const unsigned char *p = nothing;
		size_t n = 0, rest = 0;
		bool bad = false;
		int more = take_stored(b, &p, &n, ROOM, e);
		if (more < 0)
			return more;
		if (more && b->over)
			return damaged(b, e, "something follows the end of compressed data");
		if (!more && (b->over || !b->compressed_open))
			return 0;
		b->compressed_open = true;
		size_t made = b->zstd ? unzstd_some(b, p, n, out, room, &rest, &bad)
			: inflate_some(b, p, n, out, room, &rest, &bad);
		if (bad || (!more && made == 0 && !b->over))
			return damaged(b, e, "compressed data that make no sense");
		untake(b, rest);
		if (made > 0)
			return (ssize_t)made;
	}
}

static ssize_t take_plain(struct pg_block *b, void *out, size_t room, struct error *e)
{
	size_t done = 0;
	while (done < room) {
		const unsigned char *p;
		size_t n;
		int more = take_stored(b, &p, &n, room - done, e);
		if (more < 0)
			return more;
		if (more == 0)
			break;
		memcpy((char *)out + done, p, n);
		done += n;
	}
	return (ssize_t)done;
}

ssize_t pg_data_read(struct pg_block *b, void *p, size_t n, struct error *e)
{
	n = n < (1u << 30) ? n : 1u << 30;
	return b->t->compression == PG_COMPRESS_NONE ? take_plain(b, p, n, e) : decompress(b, p, n, e);
}

static int skip_pieces(struct pg_block *b, struct error *e)
{
	const unsigned char *p;
	size_t n;
	int more;
	do
		more = take_stored(b, &p, &n, SIZE_MAX, e);
	while (more == 1);
	return more;
}

int pg_data_next_object(struct pg_block *b, uint32_t *oid, struct error *e)
{
	int64_t v;
	int err = skip_pieces(b, e);
	if (!err)
		err = take_int(b, &v, e);
	if (err)
		return err;
	b->over = b->compressed_open = false;
	b->left = 0;
	if (b->gzip_open && inflateReset(&b->gzip) != Z_OK)
		abort();
	if (b->zstd)
		ZSTD_initDStream(b->zstd);
	*oid = (uint32_t)v;
	b->in_object = v != 0;
	return v != 0;
}

int pg_data_skip(struct pg_block *b, uint64_t *end, struct error *e)
{
	uint32_t oid;
	int err = pg_data_is_large_objects(b) ? 1 : skip_pieces(b, e);
	while (err == 1)
		err = pg_data_next_object(b, &oid, e);
	*end = pg_data_place(b);
	return err;
}

/* ---- to a sink ---- */

static int end_of_copy(const struct pg_entry *entry, const unsigned char *tail, size_t n, bool first, size_t *keep,
	struct error *e)
{
	while (n > 0 && tail[n - 1] == '\n')
		n--;
	bool good = n >= 2 && tail[n - 2] == '\\' && tail[n - 1] == '.' && (n > 2 ? tail[n - 3] == '\n' : first);
	*keep = good ? n - 2 : 0;
	return good ? 0 : error_set(e, ERR_CORRUPT, "the archive is damaged: the rows of table \"%s\" have no end",
		entry->tag);
}

int pg_data_copy(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct sink *to,
	struct error *e)
{
	CLEANUP(pg_data_close) struct pg_block *b = NULL;
	AUTO_FREE unsigned char *room = mem_alloc(COPY_PIECE + TAIL);
	size_t tail = pg_toc_is_copy(entry) ? TAIL : 0, have = 0, keep = 0;
	bool first = true;
	int err = pg_data_find(s, t, entry, &b, e);
	if (!err && pg_data_is_large_objects(b))
		err = error_set(e, ERR_MISMATCH, "\"%s\" are large objects", entry->tag);
	while (!err) {
		ssize_t got = pg_data_read(b, room + have, COPY_PIECE + TAIL - have, e);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		have += (size_t)got;
		keep = have < tail ? have : tail;
		if (have > keep) {
			err = sink_write(to, room, have - keep, e);
			first = false;
		}
		memmove(room, room + have - keep, keep);
		have = keep;
	}
	keep = have;
	if (!err && tail)
		err = end_of_copy(entry, room, have, first, &keep, e);
	return err || keep == 0 ? err : sink_write(to, room, keep, e);
}

int pg_data_large_objects(struct source *s, const struct pg_toc *t, const struct pg_entry *entry,
	struct pg_lo_sink *to, struct error *e)
{
	CLEANUP(pg_data_close) struct pg_block *b = NULL;
	AUTO_FREE unsigned char *room = mem_alloc(COPY_PIECE);
	uint32_t oid;
	int err = pg_data_find(s, t, entry, &b, e);
	if (!err && !pg_data_is_large_objects(b))
		err = error_set(e, ERR_MISMATCH, "\"%s\" is no large objects", entry->tag);
	if (err)
		return err;
	while ((err = pg_data_next_object(b, &oid, e)) == 1) {
		ssize_t got = 0;
		err = to->begin(to, oid, e);
		while (!err && (got = pg_data_read(b, room, COPY_PIECE, e)) > 0)
			err = sink_write(&to->sink, room, (size_t)got, e);
		if (err || got < 0)
			return err ? err : (int)got;
	}
	return err;
}

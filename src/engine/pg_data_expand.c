/* An archive made anew without compression and with its offsets set. The blocks get the very bytes that pg_dump -Z0
 * writes (a piece for each row of a COPY, pieces of 16 KiB for large objects), so that an imported archive shares its
 * chunks with backups of the same tables. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)16 << 10)
#define SCAN ((size_t)1 << 20)
static const char copy_end[] = "\\.\n\n\n";

static void release_watch(struct pg_watch **w)
{
	pg_watch_free(*w);
}

/* Where the blocks of the new archive go; `to` NULL: they are only measured. */
struct writer {
	struct sink *to;
	struct progress *progress;
	int int_size;
	uint64_t at;
};

static int put(struct writer *w, const void *p, size_t n, struct error *e)
{
	w->at += n;
	return w->to && n > 0 ? sink_write(w->to, p, n, e) : 0;
}

static int put_int(struct writer *w, int64_t v, struct error *e)
{
	unsigned char field[1 + PG_INT_MAX_SIZE];
	pg_toc_put_int(field, w->int_size, v);
	return put(w, field, 1 + (size_t)w->int_size, e);
}

static int put_piece(struct writer *w, const void *p, size_t n, struct error *e)
{
	int err = put_int(w, (int64_t)n, e);
	return err ? err : put(w, p, n, e);
}

static int put_pieces(struct writer *w, struct pg_block *b, struct error *e)
{
	unsigned char room[PIECE];
	size_t have = 0;
	for (;;) {
		ssize_t got = pg_data_read(b, room + have, sizeof room - have, e);
		if (got < 0)
			return (int)got;
		have += (size_t)got;
		if (have > 0 && (got == 0 || have == sizeof room)) {
			int err = put_piece(w, room, have, e);
			if (err)
				return err;
			have = 0;
		}
		if (got == 0)
			return put_int(w, 0, e);
	}
}

static int put_objects(struct writer *w, struct pg_block *b, struct error *e)
{
	uint32_t oid;
	int more;
	while ((more = pg_data_next_object(b, &oid, e)) == 1) {
		int err = put_int(w, (int32_t)oid, e);
		if (!err)
			err = put_pieces(w, b, e);
		if (err)
			return err;
	}
	return more ? more : put_int(w, 0, e);
}

/* The block goes to the lines. */
static int put_rows(struct writer *w, struct pg_block **b, uint64_t *end, struct error *e)
{
	struct pg_lines *lines = pg_copy_lines_new(*b);
	struct pg_block *owned = TAKE(*b);
	const char *line;
	size_t n;
	int more, err = 0;
	while (!err && (more = pg_copy_lines_next(lines, &line, &n, e)) != 0) {
		err = more < 0 ? more : put_int(w, (int64_t)n + 1, e);
		if (!err)
			err = put(w, line, n + 1, e);        /* its newline is there */
	}
	if (!err)
		err = put_piece(w, copy_end, sizeof copy_end - 1, e);
	if (!err)
		err = put_int(w, 0, e);
	if (!err)
		err = pg_data_skip(owned, end, e);
	pg_copy_lines_free(lines);
	return err;
}

static int put_block(struct writer *w, struct pg_block **b, uint64_t *end, struct error *e)
{
	bool objects = pg_data_is_large_objects(*b);
	unsigned char type = objects ? PG_BLOCK_LARGE_OBJECTS : PG_BLOCK_DATA;
	const struct pg_entry *entry = pg_data_entry(*b);
	int err = put(w, &type, 1, e);
	if (!err)
		err = put_int(w, entry->id, e);
	if (err)
		return err;
	if (!objects && pg_toc_is_copy(entry))
		return put_rows(w, b, end, e);
	err = objects ? put_objects(w, *b, e) : put_pieces(w, *b, e);
	if (err || !objects)
		return err ? err : pg_data_skip(*b, end, e);
	/* Behind the last object there is nothing left to skip. */
	*end = pg_data_place(*b);
	return 0;
}

/* All blocks in their order. The places of the new ones go into t when they are only measured. */
static int put_blocks(struct writer *w, struct source *from, struct pg_toc *t, const struct pg_toc *old,
	struct error *e)
{
	uint64_t at = old->head;
	w->at = t->head;
	for (size_t i = 0; i < t->n && !w->to; i++)
		t->v[i].offset = 0;
	while (at < from->size) {
		CLEANUP(pg_data_close) struct pg_block *b = NULL;
		uint64_t before = at, begin = w->at;
		int err = progress_check(w->progress, e);
		if (!err)
			err = pg_data_open(from, old, at, &b, e);
		if (err)
			return err;
		struct pg_entry *entry = &t->v[pg_data_entry(b) - old->v];
		if (!w->to && entry->offset)
			return error_set(e, ERR_CORRUPT, "the archive has the data of \"%s\" twice", entry->tag);
		entry->offset = begin;
		err = put_block(w, &b, &at, e);
		if (err)
			return err;
		progress_bytes(w->to ? w->progress : NULL, at - before);
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].has_data && !t->v[i].offset)
			return error_set(e, ERR_CORRUPT, "the archive ends before the data of \"%s\"", t->v[i].tag);
	return 0;
}

static int write_head(struct source *from, const struct pg_toc *t, struct sink *to, struct error *e)
{
	AUTO_FREE unsigned char *head = mem_alloc(t->head);
	int err = source_read_exact(from, head, t->head, 0, e);
	if (err)
		return err;
	if (t->minor >= 15)
		head[PG_COMPRESSION_AT] = PG_COMPRESS_NONE;
	else
		pg_toc_put_int(head + PG_COMPRESSION_AT, t->int_size, 0);
	pg_toc_patch(t, head);
	return sink_write(to, head, t->head, e);
}

/* From `at` to the end into a sink or a watch. */
static int pass(struct source *from, uint64_t at, struct sink *to, struct pg_watch *w, struct progress *p,
	struct error *e)
{
	AUTO_FREE unsigned char *room = mem_alloc(SCAN);
	for (;;) {
		ssize_t got = from->pread(from, room, SCAN, at, e);
		if (got <= 0)
			return (int)got;
		int err = progress_check(p, e);
		if (!err)
			err = w ? pg_watch_write(w, room, (size_t)got, e) : sink_write(to, room, (size_t)got, e);
		if (err)
			return err;
		progress_bytes(p, (uint64_t)got);
		at += (uint64_t)got;
	}
}

/* Without compression the blocks stay as they are. */
static int copy_plain(struct source *from, struct sink *to, struct progress *p, struct error *e)
{
	CLEANUP(release_watch) struct pg_watch *w = pg_watch_new(NULL, NULL);
	CLEANUP(manifest_source_release) struct manifest_source unused = {0};
	CLEANUP(pg_toc_release) struct pg_toc t = {0};
	int err = pass(from, 0, NULL, w, NULL, e);
	if (!err)
		err = pg_watch_finish(w, &unused, &t, e);
	if (!err)
		err = write_head(from, &t, to, e);
	return err ? err : pass(from, t.head, to, NULL, p, e);
}

/* Twice through all of it: the offsets stand in front of what they tell about. */
static int decompress(struct source *from, const struct pg_toc *old, struct sink *to, struct progress *p,
	struct error *e)
{
	CLEANUP(pg_toc_release) struct pg_toc t = {0};
	struct writer w = {.progress = p, .int_size = old->int_size};
	int err = pg_toc_read(from, &t, e);
	if (!err)
		err = put_blocks(&w, from, &t, old, e);
	if (!err)
		err = write_head(from, &t, to, e);
	w.to = to;
	return err ? err : put_blocks(&w, from, &t, old, e);
}

int pg_data_expand(struct source *from, struct sink *to, struct progress *p, struct error *e)
{
	CLEANUP(pg_toc_release) struct pg_toc t = {0};
	int err = pg_toc_read(from, &t, e);
	if (err)
		return err;
	return t.compression == PG_COMPRESS_NONE ? copy_plain(from, to, p, e) : decompress(from, &t, to, p, e);
}

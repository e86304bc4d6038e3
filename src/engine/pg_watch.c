/* An archive as pg_dump writes it to a pipe, understood and passed on at once.
 *
 * Cuts: a block of CUT bytes or more has a chunk boundary at its beginning and its end, so that no change elsewhere moves
 * it within its chunks. Smaller blocks share chunks: they are cut where one begins CUT bytes or more after the last cut.
 * To know at a block's beginning whether it is a large one, up to CUT bytes of it are held back. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CUT ((uint64_t)256 << 10)
#define HEAD_PIECE ((size_t)64 << 10)

/* What comes next. */
enum state { IN_HEAD, AT_TYPE, AT_ID, AT_OBJECT, AT_LENGTH, IN_DATA, UNKNOWN_FORMAT };

struct pg_watch {
	struct file_sink *out;
	struct progress *progress;
	enum state state;
	struct buf head;
	struct pg_toc_steps steps;
	struct error unknown;             /* why nothing is understood */
	struct pg_block_seen *seen;       /* one for each entry */
	uint64_t large_objects;
	uint64_t taken;                   /* bytes of earlier calls */
	unsigned char field[1 + PG_INT_MAX_SIZE];
	size_t field_len;                 /* of a field that lies in several pieces */
	/* The block under way. */
	int type;
	const struct pg_entry *entry;
	struct pg_block_seen *block;
	uint64_t begin, left;             /* left: of its current piece */
	struct pg_rows *rows;
	bool is_copy;
	/* What goes on to out. */
	const unsigned char *piece, *unsent;
	uint64_t piece_at;                /* where the piece is in the archive */
	bool holding;
	struct buf held;                  /* of the block under way, while holding */
	uint64_t last_cut;
};

struct pg_watch *pg_watch_new(struct file_sink *out, struct progress *p)
{
	struct pg_watch *w = mem_zero(sizeof *w);
	w->out = out;
	w->progress = p;
	w->rows = pg_watch_rows_new();
	return w;
}

void pg_watch_free(struct pg_watch *w)
{
	if (!w)
		return;
	pg_toc_release(&w->steps.toc);
	pg_watch_rows_free(w->rows);
	buf_release(&w->head);
	buf_release(&w->held);
	free(w->seen);
	free(w);
}

uint64_t pg_watch_bytes(const struct pg_watch *w)
{
	return w->taken;
}

/* ---- on to out ---- */

static int send(struct pg_watch *w, const void *p, size_t n, struct error *e)
{
	return w->out && n > 0 ? w->out->write(w->out, p, n, e) : 0;
}

static int send_to(struct pg_watch *w, const unsigned char *to, struct error *e)
{
	int err = send(w, w->held.p, w->held.len, e);
	if (!err)
		err = send(w, w->unsent, (size_t)(to - w->unsent), e);
	buf_clear(&w->held);
	w->unsent = to;
	return err;
}

static int cut_at(struct pg_watch *w, uint64_t at, struct error *e)
{
	if (!w->out || at == w->last_cut)
		return 0;
	w->last_cut = at;
	return w->out->cut(w->out, e);
}

static uint64_t place_of(const struct pg_watch *w, const unsigned char *at)
{
	return w->piece_at + (uint64_t)(at - w->piece);
}

/* A block begins at `at`. */
static int cut_before(struct pg_watch *w, const unsigned char *at, struct error *e)
{
	w->begin = place_of(w, at);
	int err = send_to(w, at, e);
	w->holding = w->begin - w->last_cut < CUT;
	return err || w->holding ? err : cut_at(w, w->begin, e);
}

/* The block under way has come to `at`. */
static int decide(struct pg_watch *w, const unsigned char *at, struct error *e)
{
	if (!w->holding || place_of(w, at) - w->begin < CUT)
		return 0;
	w->holding = false;
	return cut_at(w, w->begin, e);
}

/* The block ends at `at`. */
static int cut_after(struct pg_watch *w, const unsigned char *at, struct error *e)
{
	int err = decide(w, at, e);
	w->holding = false;
	if (!err)
		err = send_to(w, at, e);
	return err || w->block->length < CUT ? err : cut_at(w, place_of(w, at), e);
}

/* The piece is used up. */
static int pass_on(struct pg_watch *w, const unsigned char *end, struct error *e)
{
	int err = decide(w, end, e);
	if (err || !w->holding)
		return err ? err : send_to(w, end, e);
	if (w->out)
		buf_add(&w->held, w->unsent, (size_t)(end - w->unsent));
	return 0;
}

/* ---- blocks ---- */

static int damaged(const struct pg_watch *w, const unsigned char *at, struct error *e, const char *what)
{
	return error_set(e, ERR_CORRUPT, "the archive is damaged before byte %" PRIu64 ": %s", place_of(w, at), what);
}

static int begin_block(struct pg_watch *w, int64_t id, const unsigned char *at, struct error *e)
{
	const struct pg_toc *t = &w->steps.toc;
	w->entry = pg_toc_find(t, (int)id);
	if (!w->entry || !w->entry->has_data)
		return damaged(w, at, e, "a block that its table of contents does not have");
	if ((w->type == PG_BLOCK_LARGE_OBJECTS) != (strcmp(w->entry->desc, "BLOBS") == 0))
		return damaged(w, at, e, "a block of the wrong type");
	w->block = &w->seen[w->entry - t->v];
	if (w->block->seen)
		return damaged(w, at, e, "a block that was there before");
	w->is_copy = t->compression == PG_COMPRESS_NONE && pg_toc_is_copy(w->entry);
	pg_watch_rows_begin(w->rows);
	w->state = w->type == PG_BLOCK_LARGE_OBJECTS ? AT_OBJECT : AT_LENGTH;
	return 0;
}

static int end_block(struct pg_watch *w, const unsigned char *at, struct error *e)
{
	*w->block = (struct pg_block_seen){.seen = true, .counted = w->is_copy, .offset = w->begin,
		.length = place_of(w, at) - w->begin};
	if (w->is_copy && !pg_watch_rows_end(w->rows, &w->block->rows, &w->block->hash))
		return error_set(e, ERR_CORRUPT, "the archive is damaged: the rows of table \"%s\" have no end",
			w->entry->tag);
	w->state = AT_TYPE;
	progress_items(w->progress, 1);
	return cut_after(w, at, e);
}

/* A field is there: what it says. `at` is behind it. */
static int understand(struct pg_watch *w, const unsigned char *field, const unsigned char *at, struct error *e)
{
	int64_t v;
	if (w->state == AT_TYPE) {
		w->type = *field;
		if (w->type != PG_BLOCK_DATA && w->type != PG_BLOCK_LARGE_OBJECTS)
			return damaged(w, at, e, "a block of unknown type");
		w->state = AT_ID;
		return cut_before(w, at - 1, e);
	}
	if (!pg_toc_int(field, w->steps.toc.int_size, &v))
		return damaged(w, at, e, "an integer that makes no sense");
	if (w->state == AT_ID)
		return begin_block(w, v, at, e);
	if (w->state == AT_OBJECT && v != 0) {
		w->large_objects++;
		w->state = AT_LENGTH;
	} else if (w->state == AT_LENGTH && v != 0) {
		if (v < 0)
			return damaged(w, at, e, "a length that makes no sense");
		w->left = (uint64_t)v;
		w->state = IN_DATA;
	} else if (w->state == AT_LENGTH && w->type == PG_BLOCK_LARGE_OBJECTS) {
		w->state = AT_OBJECT;
	} else {
		return end_block(w, at, e);
	}
	return 0;
}

static int take_field(struct pg_watch *w, const unsigned char **at, const unsigned char *end, struct error *e)
{
	if (w->state == AT_LENGTH && w->is_copy && w->field_len == 0 && w->steps.toc.int_size == 4)
		*at = pg_watch_rows_pieces(w->rows, *at, end);
	if (*at == end)
		return 0;
	size_t size = w->state == AT_TYPE ? 1 : 1 + (size_t)w->steps.toc.int_size;
	const unsigned char *field = *at;
	if (w->field_len == 0 && (size_t)(end - *at) >= size) {
		*at += size;
		return understand(w, field, *at, e);
	}
	while (w->field_len < size && *at < end)
		w->field[w->field_len++] = *(*at)++;
	if (w->field_len < size)
		return 0;
	w->field_len = 0;
	return understand(w, w->field, *at, e);
}

static int take_data(struct pg_watch *w, const unsigned char **at, const unsigned char *end, struct error *e)
{
	size_t n = (size_t)(end - *at);
	n = w->left < n ? (size_t)w->left : n;
	if (w->is_copy && !pg_watch_rows_add(w->rows, *at, n))
		return damaged(w, *at + n, e, "something follows the end of a table's rows");
	*at += n;
	w->left -= n;
	if (w->left == 0)
		w->state = AT_LENGTH;
	return 0;
}

static int take_body(struct pg_watch *w, const unsigned char *p, size_t n, uint64_t place, struct error *e)
{
	const unsigned char *at = p, *end = p + n;
	int err = 0;
	w->piece = w->unsent = p;
	w->piece_at = place;
	while (at < end && !err)
		err = w->state == IN_DATA ? take_data(w, &at, end, e) : take_field(w, &at, end, e);
	return err ? err : pass_on(w, end, e);
}

/* ---- the head ---- */

static void begin_body(struct pg_watch *w)
{
	const struct pg_toc *t = &w->steps.toc;
	uint64_t blocks = 0;
	for (size_t i = 0; i < t->n; i++)
		blocks += t->v[i].has_data;
	progress_expect(w->progress, 0, blocks);
	w->seen = mem_zero((t->n + 1) * sizeof *w->seen);
	w->last_cut = t->head;
	w->state = AT_TYPE;
}

/* More of the head; *n is how much of it was taken. */
static int take_head(struct pg_watch *w, const unsigned char *p, size_t *n, struct error *e)
{
	size_t before = w->head.len;
	*n = *n < HEAD_PIECE ? *n : HEAD_PIECE;
	buf_add(&w->head, p, *n);
	int err = pg_toc_step(&w->steps, w->head.p, w->head.len, e);
	if (err == -ERR_VERSION) {
		w->unknown = *e;
		error_clear(e);
		w->state = UNKNOWN_FORMAT;
		return send(w, w->head.p, w->head.len, e);
	}
	if (err)
		return err == 1 ? 0 : err;
	w->head.len = w->steps.toc.head;
	*n = w->head.len - before;
	begin_body(w);
	return 0;
}

int pg_watch_write(struct pg_watch *w, const void *p, size_t n, struct error *e)
{
	const unsigned char *at = p;
	int err = progress_check(w->progress, e);
	progress_bytes(w->progress, n);
	while (!err && n > 0) {
		size_t taken = n;
		if (w->state == IN_HEAD)
			err = take_head(w, at, &taken, e);
		else if (w->state == UNKNOWN_FORMAT)
			err = send(w, at, n, e);
		else
			err = take_body(w, at, n, w->taken, e);
		w->taken += taken;
		at += taken;
		n -= taken;
	}
	return err;
}

/* ---- the end ---- */

static int check_whole(const struct pg_watch *w, struct error *e)
{
	const struct pg_toc *t = &w->steps.toc;
	if (w->state == IN_HEAD)
		return error_set(e, ERR_CORRUPT, w->taken ? "the archive ends within its table of contents"
			: "the archive is empty");
	if (w->state != AT_TYPE)
		return w->state == AT_ID ? error_set(e, ERR_CORRUPT, "the archive ends where a block begins")
			: error_set(e, ERR_CORRUPT, "the archive ends within the data of \"%s\"", w->entry->tag);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].has_data && !w->seen[i].seen)
			return error_set(e, ERR_CORRUPT, "the archive ends before the data of \"%s\"", t->v[i].tag);
	return 0;
}

int pg_watch_finish(struct pg_watch *w, struct manifest_source *m, struct pg_toc *toc, struct error *e)
{
	struct pg_toc *t = &w->steps.toc;
	if (toc)
		*toc = (struct pg_toc){.major = t->major, .minor = t->minor, .rev = t->rev};
	if (w->state == UNKNOWN_FORMAT) {
		manifest_note(m, "unsupported", NULL,
			"the archive is stored as it is, but not understood: %s; that it is whole only pg_dump says",
			w->unknown.text);
		return 0;
	}
	int err = check_whole(w, e);
	if (err)
		return err;
	for (size_t i = 0; i < t->n; i++)
		t->v[i].offset = w->seen[i].offset;
	pg_toc_patch(t, w->head.p);
	if (w->out)
		err = w->out->prepend(w->out, w->head.p, w->head.len, e);
	if (!err)
		err = pg_watch_manifest(t, w->seen, w->large_objects, m, e);
	if (!err && toc) {
		*toc = *t;
		*t = (struct pg_toc){0};
	}
	return err;
}

/* A dump on its way into a file: looked at, cut, and otherwise left alone. */
#include "engine/sqldump_parts.h"

#include "base/mem.h"

#include <stdlib.h>

struct sqldump_watch {
	struct sqldump_lexer lexer;
	struct sqldump_builder *builder;
	struct file_sink *out;
	struct progress *progress;
	uint64_t given; /* bytes that `out` has */
	uint64_t last_cut;
	bool waits; /* a cut at `wanted`, should the rows from there on be long enough */
	uint64_t wanted;
	struct buf held; /* from `given` on, of earlier calls */
};

struct sqldump_watch *sqldump_watch_new(struct file_sink *out, struct progress *p)
{
	struct sqldump_watch *w = mem_zero(sizeof *w);
	sqldump_lexer_init(&w->lexer);
	w->builder = sqldump_builder_new();
	w->out = out;
	w->progress = p;
	w->held = BUF_INIT;
	return w;
}

void sqldump_watch_free(struct sqldump_watch *w)
{
	if (!w)
		return;
	sqldump_lexer_release(&w->lexer);
	sqldump_builder_free(w->builder);
	buf_release(&w->held);
	free(w);
}

/* The bytes of one call, and where they lie. */
struct bytes {
	const unsigned char *p;
	uint64_t base;
};

static int give(struct sqldump_watch *w, const struct bytes *b, uint64_t to, struct error *e)
{
	size_t held = to - w->given < w->held.len ? (size_t)(to - w->given) : w->held.len;
	int err = held ? w->out->write(w->out, w->held.p, held, e) : 0;
	if (err)
		return err;
	buf_remove_front(&w->held, held);
	w->given += held;
	size_t n = (size_t)(to - w->given);
	err = n ? w->out->write(w->out, b->p + (w->given - b->base), n, e) : 0;
	w->given = to;
	return err;
}

static int cut(struct sqldump_watch *w, const struct bytes *b, uint64_t at, struct error *e)
{
	int err = give(w, b, at, e);
	w->last_cut = at;
	w->waits = false;
	return err ? err : w->out->cut(w->out, e);
}

static int cut_if_long(struct sqldump_watch *w, const struct bytes *b, struct error *e)
{
	return w->waits && w->lexer.pos - w->wanted >= SQLDUMP_CUT ? cut(w, b, w->wanted, e) : 0;
}

static int rows_ended(struct sqldump_watch *w, const struct bytes *b, struct error *e)
{
	progress_items(w->progress, 1);
	if (!w->out)
		return 0;
	int err = cut_if_long(w, b, e);
	w->waits = false;
	return !err && w->lexer.pos - w->last_cut >= SQLDUMP_CUT ? cut(w, b, w->lexer.pos, e) : err;
}

static int rows_begun(struct sqldump_watch *w, const struct bytes *b, struct error *e)
{
	if (!w->out)
		return 0;
	if (w->lexer.pos - w->last_cut >= SQLDUMP_CUT)
		return cut(w, b, w->lexer.pos, e);
	w->waits = w->lexer.pos > w->last_cut;
	w->wanted = w->lexer.pos;
	return 0;
}

static int take(struct sqldump_watch *w, int event, const struct bytes *b, struct error *e)
{
	unsigned turn = sqldump_builder_take(w->builder, &w->lexer, event);
	int err = turn & ROWS_ENDED ? rows_ended(w, b, e) : 0;
	if (!err && turn & ROWS_BEGUN)
		err = rows_begun(w, b, e);
	return err ? err : sqldump_builder_check(w->builder, &w->lexer, e);
}

/* What may still be cut in two stays here. */
static int pass_on(struct sqldump_watch *w, const struct bytes *b, size_t n, struct error *e)
{
	int err = cut_if_long(w, b, e);
	if (!err)
		err = give(w, b, w->waits ? w->wanted : w->lexer.pos, e);
	if (err || !w->waits)
		return err;
	uint64_t have = w->given + w->held.len;
	buf_add(&w->held, b->p + (have - b->base), (size_t)(b->base + n - have));
	return 0;
}

int sqldump_watch_write(struct sqldump_watch *w, const void *p, size_t n, struct error *e)
{
	const struct bytes b = {.p = p, .base = w->lexer.pos};
	size_t used;
	int err = progress_check(w->progress, e);
	for (size_t done = 0; !err && done < n; done += used) {
		int event = sqldump_lexer_step(&w->lexer, b.p + done, n - done, &used, e);
		err = event < 0 ? event : event == LEX_MORE ? 0 : take(w, event, &b, e);
	}
	return !err && w->out ? pass_on(w, &b, n, e) : err;
}

int sqldump_watch_finish(struct sqldump_watch *w, struct sqldump_map *out, struct error *e)
{
	const struct bytes none = {.base = w->lexer.pos};
	*out = (struct sqldump_map){0};
	int event = sqldump_lexer_end(&w->lexer, e);
	int err = event < 0 ? event : event == LEX_MORE ? 0 : take(w, event, &none, e);
	w->waits = false;
	if (!err && w->out)
		err = give(w, &none, w->lexer.pos, e);
	if (!err)
		sqldump_builder_finish(w->builder, w->lexer.pos, out);
	return err;
}

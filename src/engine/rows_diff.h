/* Comparing one table that both sides have. */
#ifndef ENGINE_ROWS_DIFF_H
#define ENGINE_ROWS_DIFF_H

#include "engine/rows.h"

struct rows_diff_side {
	struct rows_db *d;
	const struct rows_table *t;
	struct rows_cursor *c;
	const struct value *row; /* the current one; NULL at the end */
	size_t *pick;            /* compared column -> column of t */
	struct value *picked;    /* the current row's compared columns */
	uint64_t rows;
};

struct rows_diff {
	struct rows_diff_side a, b;
	size_t n;           /* compared columns */
	size_t *key;        /* their numbers that are the key, in its order */
	size_t key_count;   /* 0: no common key */
	size_t *place;      /* b's column -> a's, or SIZE_MAX */
	struct value *laid; /* a's row in b's columns */
	row_diff_fn on_row; /* or NULL */
	void *ctx;
	struct progress *p;
	struct table_diff *out; /* the counts */
};

/* rows_diff_side.c: which columns are compared, and going through both sides. */
void rows_diff_side_prepare(struct rows_diff *f);
void rows_diff_side_release(struct rows_diff *f);
bool rows_diff_side_columns(const struct rows_table *a, const struct rows_table *b); /* they are not the same */
int rows_diff_side_begin(struct rows_diff *f, struct rows_diff_side *s, enum rows_order order,
			 struct error *e) MUST_USE;
void rows_diff_side_end(struct rows_diff_side *s);
/* To the next row, the first one after begin(). */
int rows_diff_side_step(struct rows_diff *f, struct rows_diff_side *s, struct error *e) MUST_USE;
/* Report the current row of a, of b, or of both (CHANGED). */
int rows_diff_side_tell(struct rows_diff *f, enum diff_kind kind, struct error *e) MUST_USE;

/* rows_diff_key.c: 1: the rows do not come in the key's order, so that nothing can be said this way and nothing was
 * reported. */
int rows_diff_key(struct rows_diff *f, struct error *e) MUST_USE;
/* rows_diff_bag.c */
int rows_diff_bag(struct rows_diff *f, struct error *e) MUST_USE;

#endif

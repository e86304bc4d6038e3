/* Rows matched by key: both sides are read in its order and merged. */
#include "engine/rows_diff.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The key a side was at before its current row, to see whether the rows do ascend. */
struct last {
	struct value *values;
	struct buf bytes; /* of texts and blobs, one after the other */
	bool any;
};

static void last_release(struct last *l)
{
	free(l->values);
	buf_release(&l->bytes);
}

static void keep_key(const struct rows_diff *f, const struct rows_diff_side *s, struct last *l)
{
	size_t at = 0;

	l->any = true;
	buf_clear(&l->bytes);
	for (size_t i = 0; i < f->key_count; i++) {
		const struct value *v = &s->picked[f->key[i]];

		l->values[i] = *v;
		if (v->type == VALUE_TEXT || v->type == VALUE_BLOB)
			buf_add(&l->bytes, v->p, v->n);
	}
	for (size_t i = 0; i < f->key_count; i++) {
		struct value *v = &l->values[i];

		if (v->type != VALUE_TEXT && v->type != VALUE_BLOB)
			continue;
		v->p = (const char *)l->bytes.p + at;
		at += v->n;
	}
}

static bool ascends(const struct rows_diff *f, const struct last *l, const struct rows_diff_side *s)
{
	int order = -1;

	for (size_t i = 0; l->any && i < f->key_count; i++)
		if ((order = rows_compare_values(&l->values[i], &s->picked[f->key[i]])) != 0)
			break;
	return order < 0;
}

/* 1: the row stepped to does not come after the one before it. */
static int step(struct rows_diff *f, struct rows_diff_side *s, struct last *l, struct error *e)
{
	keep_key(f, s, l);

	int rc = rows_diff_side_step(f, s, e);

	return rc < 0 ? rc : s->row && !ascends(f, l, s);
}

static int compare_keys(const struct rows_diff *f)
{
	if (!f->a.row || !f->b.row)
		return f->a.row ? -1 : 1;
	for (size_t i = 0; i < f->key_count; i++) {
		int order = rows_compare_values(&f->a.picked[f->key[i]], &f->b.picked[f->key[i]]);

		if (order)
			return order;
	}
	return 0;
}

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VALUE_NULL:
		return true;
	case VALUE_INT:
		return a->i == b->i;
	case VALUE_REAL:
		return memcmp(&a->r, &b->r, sizeof a->r) == 0;
	case VALUE_TEXT:
	case VALUE_BLOB:
		break;
	}
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static bool same_row(const struct rows_diff *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (!same_value(&f->a.picked[i], &f->b.picked[i]))
			return false;
	return true;
}

/* Count, or in a second reading tell, the row or rows that come next. */
static int visit(struct rows_diff *f, int order, bool tell, struct error *e)
{
	enum diff_kind kind = order < 0 ? DIFF_ONLY_A : order > 0 ? DIFF_ONLY_B : DIFF_CHANGED;

	if (order == 0 && same_row(f))
		return 0;
	if (tell)
		return rows_diff_side_tell(f, kind, e);
	f->out->removed += kind == DIFF_ONLY_A;
	f->out->added += kind == DIFF_ONLY_B;
	f->out->changed += kind == DIFF_CHANGED;
	return 0;
}

static int merge_with(struct rows_diff *f, bool tell, struct last *a, struct last *b, struct error *e)
{
	int rc;

	if ((rc = rows_diff_side_begin(f, &f->a, ROWS_BY_KEY, e)) < 0 ||
	    (rc = rows_diff_side_begin(f, &f->b, ROWS_BY_KEY, e)) < 0)
		return rc;
	while (f->a.row || f->b.row) {
		int order = compare_keys(f);

		if ((rc = visit(f, order, tell, e)) < 0)
			return rc;
		if (order <= 0 && (rc = step(f, &f->a, a, e)) != 0)
			return rc;
		if (order >= 0 && (rc = step(f, &f->b, b, e)) != 0)
			return rc;
	}
	return 0;
}

static int merge(struct rows_diff *f, bool tell, struct error *e)
{
	CLEANUP(last_release) struct last a = {.values = mem_array(NULL, f->key_count, sizeof *a.values)};
	CLEANUP(last_release) struct last b = {.values = mem_array(NULL, f->key_count, sizeof *b.values)};

	return merge_with(f, tell, &a, &b, e);
}

/* A reading of its own before anything is told: only its end shows that the order held all the way. */
int rows_diff_key(struct rows_diff *f, struct error *e)
{
	int rc = merge(f, false, e);

	if (rc == 1)
		f->out->removed = f->out->added = f->out->changed = 0;
	if (rc != 0 || !f->on_row || f->out->removed + f->out->added + f->out->changed == 0)
		return rc;
	rc = merge(f, true, e);
	return rc == 1 ? error_set(e, ERR_INTERNAL, "the rows come in another order when read again") : rc;
}

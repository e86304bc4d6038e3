/* Which tables differ, and how. */
#include "engine/rows_diff.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A table and its namesake on the other side; one of them may be NULL. */
struct pair {
	char *name;
	const struct rows_table *a, *b;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void pairs_release(struct pairs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct pair *)x)->name, ((const struct pair *)y)->name);
}

static bool is_wanted(const struct rows_table *t, const struct strlist *only)
{
	for (size_t i = 0; only && i < only->n; i++)
		if (rows_table_is(t, only->v[i]))
			return true;
	return !only || only->n == 0;
}

static void add_side(struct pairs *l, const struct rows_db *d, const struct strlist *only, bool is_b)
{
	for (size_t i = 0; i < d->table_count; i++) {
		const struct rows_table *t = &d->tables[i];

		if (!is_wanted(t, only))
			continue;
		GROW(l->v, l->n, l->cap);
		l->v[l->n++] = (struct pair){.name = rows_table_name(t), .a = is_b ? NULL : t, .b = is_b ? t : NULL};
	}
}

/* Neighbours of the same name, one of each side, become one. */
static void join_pairs(struct pairs *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct pair *last = kept ? &l->v[kept - 1] : NULL;

		if (!last || strcmp(last->name, l->v[i].name) != 0) {
			l->v[kept++] = l->v[i];
			continue;
		}
		last->a = last->a ? last->a : l->v[i].a;
		last->b = last->b ? last->b : l->v[i].b;
		free(l->v[i].name);
	}
	l->n = kept;
}

static int find_pairs(struct pairs *l, const struct rows_db *a, const struct rows_db *b, const struct strlist *only,
		      struct error *e)
{
	for (size_t i = 0; only && i < only->n; i++) {
		bool found = false;

		for (size_t j = 0; j < a->table_count; j++)
			found = found || rows_table_is(&a->tables[j], only->v[i]);
		for (size_t j = 0; j < b->table_count; j++)
			found = found || rows_table_is(&b->tables[j], only->v[i]);
		if (!found)
			return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\" on either side", only->v[i]);
	}
	add_side(l, a, only, false);
	add_side(l, b, only, true);
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	join_pairs(l);
	return 0;
}

/* A table of one side only: each of its rows is told. */
struct lone {
	struct row_diff row;
	row_diff_fn on_row;
	void *ctx;
	uint64_t rows;
};

static int tell_lone(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct lone *l = ctx;

	l->rows++;
	if (l->row.kind == DIFF_ONLY_A)
		l->row.a = values;
	else
		l->row.b = values;
	return l->on_row(&l->row, l->ctx, e);
}

static int compare_lone(struct rows_db *d, const struct rows_table *t, const struct rows_diff *f, struct error *e)
{
	struct lone l = {.row = {.kind = f->out->kind, .table = t}, .on_row = f->on_row, .ctx = f->ctx};
	int rc = f->on_row ? rows_each_of(d, t, f->p, tell_lone, &l, e) : d->count(d, t, &l.rows, e);

	if (f->out->kind == DIFF_ONLY_A)
		f->out->rows_a = f->out->removed = l.rows;
	else
		f->out->rows_b = f->out->added = l.rows;
	return rc;
}

static int compare_both(struct rows_diff *f, struct error *e)
{
	int rc = 1;

	f->out->columns_differ = rows_diff_side_columns(f->a.t, f->b.t);
	rows_diff_side_prepare(f);
	if (f->key_count)
		rc = rows_diff_key(f, e);
	if (rc == 1)
		rc = rows_diff_bag(f, e);
	f->out->rows_a = f->a.rows;
	f->out->rows_b = f->b.rows;
	if (f->out->columns_differ || f->out->removed || f->out->added || f->out->changed)
		f->out->kind = DIFF_CHANGED;
	rows_diff_side_release(f);
	return rc < 0 && rc != -ERR_CANCELLED ? error_wrap(e, "comparing table \"%s\"", f->out->name) : rc;
}

static int compare_pair(struct rows_db *a, struct rows_db *b, const struct pair *pair, struct rows_diff *f,
			struct error *e)
{
	f->a = (struct rows_diff_side){.d = a, .t = pair->a};
	f->b = (struct rows_diff_side){.d = b, .t = pair->b};
	if (pair->a && pair->b)
		return compare_both(f, e);
	f->out->kind = pair->a ? DIFF_ONLY_A : DIFF_ONLY_B;
	return compare_lone(pair->a ? a : b, pair->a ? pair->a : pair->b, f, e);
}

int rows_diff(struct rows_db *a, struct rows_db *b, const struct strlist *only, row_diff_fn on_row, void *ctx,
	      struct progress *p, struct table_diff **out, size_t *n, struct error *e)
{
	CLEANUP(pairs_release) struct pairs pairs = {0};
	int rc = find_pairs(&pairs, a, b, only, e);

	if (rc < 0)
		return rc;
	progress_phase(p, "comparing", "rows", 0, 0);

	struct table_diff *found = mem_zero(pairs.n * sizeof *found);

	for (size_t i = 0; i < pairs.n && rc == 0; i++) {
		struct rows_diff f = {.on_row = on_row, .ctx = ctx, .p = p, .out = &found[i]};

		found[i].name = TAKE(pairs.v[i].name);
		rc = compare_pair(a, b, &pairs.v[i], &f, e);
	}
	if (rc < 0) {
		table_diff_free(found, pairs.n);
		return rc;
	}
	*out = found;
	*n = pairs.n;
	return 0;
}

void table_diff_free(struct table_diff *d, size_t n)
{
	for (size_t i = 0; d && i < n; i++)
		free(d[i].name);
	free(d);
}

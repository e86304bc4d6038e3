/* The two sides of a comparison. */
#include "engine/rows_diff.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static size_t column_of(const struct rows_table *t, const char *name)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static void add_compared(struct rows_diff *f, size_t in_a, size_t in_b)
{
	f->a.pick[f->n] = in_a;
	f->b.pick[f->n] = in_b;
	f->n++;
}

/* The compared column that is at `position` of both primary keys, or SIZE_MAX. */
static size_t key_at(const struct rows_diff *f, int position)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->a.t->columns[f->a.pick[i]].key == position && f->b.t->columns[f->b.pick[i]].key == position)
			return i;
	return SIZE_MAX;
}

static int key_length(const struct rows_table *t)
{
	int n = 0;

	for (size_t i = 0; i < t->column_count; i++)
		n += t->columns[i].key > 0;
	return n;
}

static void find_key(struct rows_diff *f)
{
	int n = key_length(f->a.t);

	if (n != key_length(f->b.t))
		return;
	for (int position = 1; position <= n; position++) {
		size_t at = key_at(f, position);

		if (at == SIZE_MAX) {
			f->key_count = 0;
			return;
		}
		f->key[f->key_count++] = at;
	}
}

void rows_diff_side_prepare(struct rows_diff *f)
{
	size_t na = f->a.t->column_count, nb = f->b.t->column_count, most = na > nb ? na : nb;

	f->place = mem_array(NULL, nb, sizeof *f->place);
	f->laid = mem_array(NULL, nb, sizeof *f->laid);
	f->key = mem_array(NULL, most, sizeof *f->key);
	f->a.pick = mem_array(NULL, most, sizeof *f->a.pick);
	f->b.pick = mem_array(NULL, most, sizeof *f->b.pick);
	f->a.picked = mem_array(NULL, most, sizeof *f->a.picked);
	f->b.picked = mem_array(NULL, most, sizeof *f->b.picked);
	for (size_t i = 0; i < nb; i++) {
		f->place[i] = column_of(f->a.t, f->b.t->columns[i].name);
		if (f->place[i] != SIZE_MAX)
			add_compared(f, f->place[i], i);
	}
	find_key(f);
}

void rows_diff_side_release(struct rows_diff *f)
{
	rows_diff_side_end(&f->a);
	rows_diff_side_end(&f->b);
	free(f->place);
	free(f->laid);
	free(f->key);
	free(f->a.pick);
	free(f->b.pick);
	free(f->a.picked);
	free(f->b.picked);
}

bool rows_diff_side_columns(const struct rows_table *a, const struct rows_table *b)
{
	if (a->column_count != b->column_count)
		return true;
	for (size_t i = 0; i < a->column_count; i++) {
		const struct rows_column *x = &a->columns[i], *y = &b->columns[i];

		if (strcmp(x->name, y->name) != 0 || strcmp(x->type, y->type) != 0 || x->key != y->key ||
		    x->generated != y->generated)
			return true;
	}
	return false;
}

int rows_diff_side_begin(struct rows_diff *f, struct rows_diff_side *s, enum rows_order order, struct error *e)
{
	int rc;

	rows_diff_side_end(s);
	s->rows = 0;
	if ((rc = s->d->scan(s->d, s->t, order, &s->c, e)) < 0)
		return rc;
	if (s->c->column_count != s->t->column_count)
		return error_set(e, ERR_INTERNAL, "%zu columns are read instead of %zu", s->c->column_count,
				 s->t->column_count);
	return rows_diff_side_step(f, s, e);
}

void rows_diff_side_end(struct rows_diff_side *s)
{
	rows_cursor_drop(&s->c);
	s->row = NULL;
}

int rows_diff_side_step(struct rows_diff *f, struct rows_diff_side *s, struct error *e)
{
	int rc = s->c->next(s->c, &s->row, e);

	if (rc <= 0) {
		s->row = NULL;
		return rc;
	}
	for (size_t i = 0; i < f->n; i++)
		s->picked[i] = s->row[s->pick[i]];
	if (++s->rows % 256 == 0)
		progress_items(f->p, 256);
	return progress_check(f->p, e);
}

int rows_diff_side_tell(struct rows_diff *f, enum diff_kind kind, struct error *e)
{
	struct row_diff d = {.kind = kind, .table = f->b.t};

	if (!f->on_row)
		return 0;
	for (size_t i = 0; kind != DIFF_ONLY_B && i < f->b.t->column_count; i++)
		f->laid[i] = f->place[i] == SIZE_MAX ? (struct value){.type = VALUE_NULL} : f->a.row[f->place[i]];
	d.a = kind == DIFF_ONLY_B ? NULL : f->laid;
	d.b = kind == DIFF_ONLY_A ? NULL : f->b.row;
	return f->on_row(&d, f->ctx, e);
}

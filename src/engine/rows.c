#include "engine/rows.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256 /* rows from one report of progress to the next */

void rows_close(struct rows_db *d)
{
	if (d)
		d->close(d);
}

void rows_cursor_close(struct rows_cursor *c)
{
	if (c)
		c->close(c);
}

void rows_cursor_drop(struct rows_cursor **c)
{
	rows_cursor_close(TAKE(*c));
}

static int no_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	return 0;
}

static void no_close(struct rows_cursor *c)
{
	free(c);
}

struct rows_cursor *rows_cursor_empty(const struct rows_table *t)
{
	struct rows_cursor *c = mem_zero(sizeof *c);

	*c = (struct rows_cursor){.next = no_next, .close = no_close, .columns = t->columns,
				  .column_count = t->column_count};
	return c;
}

char *rows_table_name(const struct rows_table *t)
{
	return t->schema ? mem_printf("%s.%s", t->schema, t->name) : mem_string(t->name);
}

static bool is_full_name(const struct rows_table *t, const char *name)
{
	size_t n = t->schema ? strlen(t->schema) : 0;

	if (!t->schema)
		return strcmp(t->name, name) == 0;
	return strncmp(name, t->schema, n) == 0 && name[n] == '.' && strcmp(name + n + 1, t->name) == 0;
}

bool rows_table_is(const struct rows_table *t, const char *name)
{
	return strcmp(t->name, name) == 0 || is_full_name(t, name);
}

/* The full names of the tables `name` means (all: NULL), joined by commas; heap string. */
static char *names_of(const struct rows_db *d, const char *name)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	for (size_t i = 0; i < d->table_count; i++)
		if (!name || rows_table_is(&d->tables[i], name))
			strlist_take(&names, rows_table_name(&d->tables[i]));
	return strlist_join(&names, ", ");
}

int rows_find_table(const struct rows_db *d, const char *name, const struct rows_table **out, struct error *e)
{
	size_t found = 0;

	for (size_t i = 0; i < d->table_count; i++) {
		if (is_full_name(&d->tables[i], name)) {
			*out = &d->tables[i];
			return 0;
		}
		if (rows_table_is(&d->tables[i], name)) {
			*out = &d->tables[i];
			found++;
		}
	}
	if (found == 1)
		return 0;
	if (d->table_count == 0)
		return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\"; there are no tables", name);

	AUTO_FREE char *names = names_of(d, found ? name : NULL);

	if (found)
		return error_set(e, ERR_USAGE, "there are several tables \"%s\": %s", name, names);
	return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\"; the tables are: %s", name, names);
}

int rows_choose(const struct rows_db *d, const struct strlist *only, const struct rows_table ***out, size_t *n,
		struct error *e)
{
	AUTO_FREE bool *chosen = mem_zero(d->table_count * sizeof *chosen);
	const struct rows_table *t;
	int rc;

	for (size_t i = 0; only && i < only->n; i++) {
		if ((rc = rows_find_table(d, only->v[i], &t, e)) < 0)
			return rc;
		chosen[t - d->tables] = true;
	}
	*out = mem_array(NULL, d->table_count, sizeof **out);
	*n = 0;
	for (size_t i = 0; i < d->table_count; i++)
		if (!only || only->n == 0 || chosen[i])
			(*out)[(*n)++] = &d->tables[i];
	return 0;
}

static int order_of(bool less, bool greater)
{
	return (int)greater - (int)less;
}

static int compare_int_real(int64_t i, double r)
{
	if (isnan(r) || r < -0x1p63)
		return 1;
	if (r >= 0x1p63)
		return -1;

	int64_t whole = (int64_t)r;

	if (i != whole)
		return order_of(i<whole, i> whole);
	/* A real that has a fraction is small enough for its whole part to be exact as a real. */
	return order_of((double)whole<r, (double)whole> r);
}

static int compare_reals(double a, double b)
{
	if (isnan(a) || isnan(b))
		return order_of(isnan(a) && !isnan(b), !isnan(a) && isnan(b));
	return order_of(a<b, a> b);
}

static int compare_numbers(const struct value *a, const struct value *b)
{
	if (a->type == VALUE_INT && b->type == VALUE_INT)
		return order_of(a->i<b->i, a->i> b->i);
	if (a->type == VALUE_INT)
		return compare_int_real(a->i, b->r);
	if (b->type == VALUE_INT)
		return -compare_int_real(b->i, a->r);
	return compare_reals(a->r, b->r);
}

static int compare_bytes(const struct value *a, const struct value *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int order = n ? memcmp(a->p, b->p, n) : 0;

	return order ? order_of(order<0, order> 0) : order_of(a->n<b->n, a->n> b->n);
}

int rows_compare_values(const struct value *a, const struct value *b)
{
	static const int rank[] = {
		[VALUE_NULL] = 0, [VALUE_INT] = 1, [VALUE_REAL] = 1, [VALUE_TEXT] = 2, [VALUE_BLOB] = 3};

	if (rank[a->type] != rank[b->type])
		return order_of(rank[a->type]<rank[b->type], rank[a->type]> rank[b->type]);
	if (a->type == VALUE_NULL)
		return 0;
	return rank[a->type] == 1 ? compare_numbers(a, b) : compare_bytes(a, b);
}

void rows_real_text(double r, char out[ROWS_REAL_MAX])
{
	if (isnan(r) || isinf(r)) {
		snprintf(out, ROWS_REAL_MAX, "%s", isnan(r) ? "NaN" : r > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, ROWS_REAL_MAX, "%.*g", digits, r);
		if (strtod(out, NULL) == r)
			break;
	}
	if (!strpbrk(out, ".e"))
		memcpy(out + strlen(out), ".0", sizeof ".0");
}

int rows_each(struct rows_cursor *c, struct progress *p, rows_fn fn, void *ctx, struct error *e)
{
	const struct value *values;
	uint64_t rows = 0;
	int rc;

	while ((rc = c->next(c, &values, e)) > 0) {
		if ((rc = fn(values, c->column_count, ctx, e)) < 0 || (rc = progress_check(p, e)) < 0)
			break;
		if (++rows % BATCH == 0)
			progress_items(p, BATCH);
	}
	progress_items(p, rows % BATCH);
	return rc;
}

/* What fn fails with is its own matter; what reading fails with gets the table's name. */
struct guard {
	rows_fn fn;
	void *ctx;
	bool blamed; /* the failure is not the table's */
};

static int guarded(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct guard *g = ctx;
	int rc = g->fn(values, n, g->ctx, e);

	g->blamed = rc < 0;
	return rc;
}

int rows_each_of(struct rows_db *d, const struct rows_table *t, struct progress *p, rows_fn fn, void *ctx,
		 struct error *e)
{
	CLEANUP(rows_cursor_drop) struct rows_cursor *c = NULL;
	struct guard g = {.fn = fn, .ctx = ctx};
	int rc = d->scan(d, t, ROWS_STORED, &c, e);

	if (rc == 0)
		rc = rows_each(c, p, guarded, &g, e);
	if (rc < 0 && rc != -ERR_CANCELLED && !g.blamed) {
		AUTO_FREE char *name = rows_table_name(t);
		return error_wrap(e, "reading table \"%s\"", name);
	}
	return rc;
}

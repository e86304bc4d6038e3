/* The tables of a stored dump as rows. No server is needed. */
#include "engine/my_rows.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct my_kept {
	struct rows_db rows;
	struct source *dump;
	struct sqldump_map map;
	const struct manifest_source *manifest;
	struct rows_loaded *loaded;
};

static bool is_number(const char *type)
{
	static const char *const types[] = {"decimal", "numeric", "float", "double", "real", "fixed", "dec"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t n = strlen(types[i]);

		if (strncasecmp(type, types[i], n) == 0 && (type[n] == 0 || type[n] == '(' || type[n] == ' '))
			return true;
	}
	return false;
}

void my_rows_complete(struct rows_table *t, const char *name)
{
	if (!t->name)
		t->name = mem_string(name);
	for (size_t i = 0; i < t->column_count; i++)
		t->columns[i].number = is_number(t->columns[i].type);
}

void my_rows_free_tables(struct rows_db *d)
{
	for (size_t i = 0; i < d->table_count; i++)
		sqldump_table_release(&d->tables[i]);
	free(d->tables);
}

/* ---- reading ---- */

/* The rows of a table, of which a dump may have several parts. */
struct parts_cursor {
	struct rows_cursor rows;
	struct my_kept *kept;
	const struct rows_table *t;
	size_t at;                /* the next part to look at */
	struct rows_cursor *part; /* or NULL */
};

/* On to the next part with rows of the table; 1, or 0 when there is none. */
static int next_part(struct parts_cursor *x, struct error *e)
{
	const struct sqldump_map *m = &x->kept->map;

	rows_cursor_drop(&x->part);
	for (; x->at < m->n; x->at++) {
		const struct sqldump_part *p = &m->v[x->at];

		if (p->kind != SQLDUMP_ROWS || !p->name || strcmp(p->name, x->t->name) != 0)
			continue;
		x->at++;
		int rc = sqldump_rows_open(x->kept->dump, p->offset, p->length, x->t, &x->part, e);
		return rc ? rc : 1;
	}
	return 0;
}

static int parts_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct parts_cursor *x = (struct parts_cursor *)c;

	for (;;) {
		int rc = x->part ? x->part->next(x->part, values, e) : 0;

		if (rc)
			return rc;
		rc = next_part(x, e);
		if (rc <= 0)
			return rc;
	}
}

static void parts_close(struct rows_cursor *c)
{
	struct parts_cursor *x = (struct parts_cursor *)c;

	rows_cursor_close(x->part);
	free(x);
}

static int kept_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		     struct error *e)
{
	struct my_kept *k = (struct my_kept *)d;

	if (order == ROWS_BY_KEY)
		return rows_loaded_scan(k->loaded, t, out, e);
	struct parts_cursor *x = mem_zero(sizeof *x);

	x->rows = (struct rows_cursor){.next = parts_next, .close = parts_close, .columns = t->columns,
				       .column_count = t->column_count};
	x->kept = k;
	x->t = t;
	*out = &x->rows;
	return 0;
}

static int count_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int kept_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	const struct manifest_table *known = manifest_find_table(((struct my_kept *)d)->manifest, t->name);

	*n = 0;
	if (known && known->rows_known) {
		*n = known->rows;
		return 0;
	}
	return rows_each_of(d, t, NULL, count_row, n, e);
}

static int kept_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	return rows_loaded_query(((struct my_kept *)d)->loaded, sql, out, e);
}

static void kept_close(struct rows_db *d)
{
	struct my_kept *k = (struct my_kept *)d;

	rows_loaded_free(k->loaded);
	my_rows_free_tables(d);
	sqldump_map_release(&k->map);
	source_close(k->dump);
	strlist_release(&d->after);
	free(k);
}

/* ---- opening ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct rows_table *)a)->name, ((const struct rows_table *)b)->name);
}

static int add_tables(struct my_kept *k, struct error *e)
{
	struct rows_db *d = &k->rows;
	size_t cap = 0;

	for (size_t i = 0; i < k->map.n; i++) {
		const struct sqldump_part *p = &k->map.v[i];
		struct rows_table t = {0};

		if (p->kind != SQLDUMP_TABLE || !p->sql || !p->name)
			continue;
		int rc = sqldump_table_parse(p->sql, &t, e);
		if (rc)
			return error_wrap(e, "table \"%s\"", p->name);
		my_rows_complete(&t, p->name);
		GROW(d->tables, d->table_count, cap);
		d->tables[d->table_count++] = t;
	}
	if (d->table_count)
		qsort(d->tables, d->table_count, sizeof *d->tables, by_name);
	return 0;
}

int my_rows_stored(const struct stored *s, struct rows_db **out, struct error *e)
{
	struct my_kept *k = mem_zero(sizeof *k);

	k->rows = (struct rows_db){.dialect = "mysql", .scan = kept_scan, .count = kept_count, .query = kept_query,
				   .close = kept_close};
	k->manifest = s->manifest;
	int rc = my_stored_open(s, &k->dump, &k->map, e);

	if (!rc)
		rc = add_tables(k, e);
	if (rc) {
		kept_close(&k->rows);
		return rc;
	}
	k->loaded = rows_loaded_new(&k->rows);
	*out = &k->rows;
	return 0;
}

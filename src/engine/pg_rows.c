/* The tables of a stored archive or script as rows. No server is needed. */
#include "engine/pg_rows.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct pg_kept {
	struct rows_db rows;
	struct source *archive;
	struct pg_toc toc;
	bool script, dumped;              /* it is a script; of pg_dump */
	const struct pg_entry **data;     /* per table; NULL: it has no rows */
	const struct manifest_source *manifest;
	struct rows_loaded *loaded;
};

bool pg_rows_is_number(const char *type)
{
	static const char *const types[] = {"numeric", "real", "double precision"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t n = strlen(types[i]);

		if (strncmp(type, types[i], n) == 0 && (type[n] == 0 || type[n] == '(') && !strchr(type, '['))
			return true;
	}
	return false;
}

/* Whether a column's type is a domain over numbers. "CREATE DOMAIN public.percent AS numeric(5,2)": names stand in such
 * statements as they do in columns. */
static bool is_number_domain(const struct pg_toc *t, const char *type)
{
	static const char begin[] = "CREATE DOMAIN ";
	static const char *const integers[] = {"smallint", "integer", "bigint"};
	static const char *const behind[] = {" COLLATE ", " DEFAULT ", " NOT NULL"};
	size_t n = strlen(type);

	for (size_t i = 0; i < t->n; i++) {
		const char *p = t->v[i].defn;

		if (strcmp(t->v[i].desc, "DOMAIN") != 0 || !p || strncmp(p, begin, sizeof begin - 1) != 0)
			continue;
		p += sizeof begin - 1;
		if (strncmp(p, type, n) != 0 || strncmp(p + n, " AS ", 4) != 0)
			continue;
		p += n + 4;
		AUTO_FREE char *base = mem_string_n(p, strcspn(p, "\n;"));
		for (size_t k = 0; k < ARRAY_LEN(behind); k++)
			if (strstr(base, behind[k]))
				*strstr(base, behind[k]) = 0;
		bool number = pg_rows_is_number(base);
		for (size_t k = 0; k < ARRAY_LEN(integers); k++)
			number = number || strcmp(base, integers[k]) == 0;
		return number;
	}
	return false;
}

static void find_numbers(struct pg_kept *k)
{
	for (size_t i = 0; i < k->rows.table_count; i++)
		for (size_t c = 0; c < k->rows.tables[i].column_count; c++) {
			struct rows_column *column = &k->rows.tables[i].columns[c];

			/* Only types of others have a schema. */
			column->number = strchr(column->type, '.') ? is_number_domain(&k->toc, column->type) :
				pg_rows_is_number(column->type);
		}
}

static int kept_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		     struct error *e)
{
	struct pg_kept *k = (struct pg_kept *)d;
	const struct pg_entry *data = k->data[t - d->tables];

	if (order == ROWS_BY_KEY)
		return rows_loaded_scan(k->loaded, t, out, e);
	if (k->script) {
		const struct pg_script_table x = {.script = k->archive, .encoding = k->toc.encoding, .data = data,
			.known = &k->manifest->tables[t - d->tables], .dumped = k->dumped};
		return pg_rows_script_scan(&x, t, out, e);
	}
	if (data)
		return pg_copy_scan(k->archive, &k->toc, data, t, out, e);
	*out = rows_cursor_empty(t);
	return 0;
}

static int count_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int kept_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	struct pg_kept *k = (struct pg_kept *)d;
	AUTO_FREE char *name = rows_table_name(t);
	const struct manifest_table *known = manifest_find_table(k->manifest, name);

	*n = 0;
	if (known && known->rows_known) {
		*n = known->rows;
		return 0;
	}
	return rows_each_of(d, t, NULL, count_row, n, e);
}

static int kept_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	return rows_loaded_query(((struct pg_kept *)d)->loaded, sql, out, e);
}

static void kept_close(struct rows_db *d)
{
	struct pg_kept *k = (struct pg_kept *)d;

	rows_loaded_free(k->loaded);
	pg_toc_tables_free(d->tables, k->data, d->table_count);
	pg_toc_release(&k->toc);
	source_close(k->archive);
	strlist_release(&d->after);
	free(k);
}

static int open_kept(struct pg_kept *k, const struct stored *s, struct error *e)
{
	const char *script = pg_stored_script(s->manifest);

	if (!script)
		return pg_stored_open(s, &k->archive, &k->toc, e);
	k->script = true;
	int rc = s->open(s, script, &k->archive, e);

	if (!rc)
		rc = pg_rows_script_read(k->archive, s->manifest, &k->toc, &k->dumped, e);
	return rc ? error_wrap(e, "%s", script) : 0;
}

int pg_rows_stored(const struct stored *s, struct rows_db **out, struct error *e)
{
	struct pg_kept *k = mem_zero(sizeof *k);
	struct rows_db *d = &k->rows;

	*d = (struct rows_db){.dialect = "postgresql", .scan = kept_scan, .count = kept_count, .query = kept_query,
			      .close = kept_close};
	k->manifest = s->manifest;
	int rc = open_kept(k, s, e);

	if (!rc)
		rc = pg_toc_tables(&k->toc, &d->tables, &k->data, &d->table_count, e);
	if (rc) {
		kept_close(d);
		return rc;
	}
	find_numbers(k);
	k->loaded = rows_loaded_new(d);
	*out = d;
	return 0;
}

int pg_rows_encoding(const struct stored *s, char **out, struct error *e)
{
	struct pg_kept *k = mem_zero(sizeof *k);

	k->manifest = s->manifest;
	int rc = open_kept(k, s, e);

	*out = rc ? NULL : mem_string_or_null(k->toc.encoding);
	kept_close(&k->rows);
	return rc == -ERR_MISMATCH ? 0 : rc;
}

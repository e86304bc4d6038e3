/* The tables of a live database, such that they equal those of its dump (pg_toc_tables()). */
#include "engine/pg_rows.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Tables that belong to an extension are dumped only where it asks for it, and then without a statement that tells types
 * and keys. A line a column; one without a column for a table that has none. */
static char *statement(int server)
{
	const char *generated = server >= 120000 ? "a.attgenerated <> ''" : "false";
	const char *in_key = server >= 110000 ? "i.indnkeyatts" : "i.indnatts";

	return pg_sql("SELECT n.nspname, c.relname, c.relkind = 'p', a.attname, "
		      "CASE WHEN x.refobjid IS NULL THEN pg_catalog.format_type(a.atttypid, a.atttypmod) ELSE '' END, "
		      "CASE WHEN x.refobjid IS NULL THEN (SELECT p + 1 FROM pg_catalog.generate_series(0, %s - 1) p "
		      "WHERE i.indkey[p] = a.attnum) END, x.refobjid IS NULL AND %s, "
		      "(SELECT true FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid AND y.typtype = 'd' "
		      "AND y.typcategory = 'N') "
		      "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		      "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
		      "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary "
		      "LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass "
		      "AND x.objid = c.oid AND x.objsubid = 0 AND x.deptype = 'e' "
		      "WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' "
		      "AND n.nspname !~ '^pg_' AND (x.refobjid IS NULL OR EXISTS (SELECT 1 FROM "
		      "pg_catalog.pg_extension y WHERE y.oid = x.refobjid AND c.oid = ANY (y.extconfig))) "
		      "ORDER BY (n.nspname || '.' || c.relname) COLLATE \"C\", c.oid, a.attnum", in_key, generated);
}

static void add_column(struct rows_table *t, size_t *cap, const PGresult *r, int row)
{
	const char *type = PQgetvalue(r, row, 4);

	GROW(t->columns, t->column_count, *cap);
	t->columns[t->column_count++] = (struct rows_column){.name = mem_string(PQgetvalue(r, row, 3)),
		.type = mem_string(type), .key = atoi(PQgetvalue(r, row, 5)),
		.generated = PQgetvalue(r, row, 6)[0] == 't', .number = pg_rows_is_number(type) || PQgetvalue(r, row, 7)[0] == 't'};
}

static bool is_of(const struct rows_table *t, const PGresult *r, int row)
{
	return strcmp(t->schema, PQgetvalue(r, row, 0)) == 0 && strcmp(t->name, PQgetvalue(r, row, 1)) == 0;
}

int pg_live_tables(struct pg_live *l, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	struct rows_db *d = &l->rows;
	size_t cap = 0, column_cap = 0, parent_cap = 0, parents = 0;
	int rc = pg_query(l->keeper, &r, e, statement(PQserverVersion(l->keeper)));

	for (int row = 0; !rc && row < PQntuples(r); row++) {
		if (!d->table_count || !is_of(&d->tables[d->table_count - 1], r, row)) {
			GROW(d->tables, d->table_count, cap);
			d->tables[d->table_count++] = (struct rows_table){.schema = mem_string(PQgetvalue(r, row, 0)),
				.name = mem_string(PQgetvalue(r, row, 1))};
			GROW(l->parents, parents, parent_cap);
			l->parents[parents++] = PQgetvalue(r, row, 2)[0] == 't';
			column_cap = 0;
		}
		if (!PQgetisnull(r, row, 3))
			add_column(&d->tables[d->table_count - 1], &column_cap, r, row);
	}
	return rc;
}

/* The tables of a live database as rows: one consistent state, whatever others write meanwhile. */
#include "engine/pg_rows.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Text comes as UTF-8; from a database without an encoding, as the bytes it has. */
static int connect_to(struct pg_live *l, PGconn **out, struct error *e)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	AUTO_FREE char *encoding = NULL;
	int rc = pg_connect(&l->place, NULL, &c, e);

	if (!rc)
		rc = pg_value(c, &encoding, e, mem_string("SHOW server_encoding"));
	if (!rc && encoding && strcmp(encoding, "SQL_ASCII") == 0)
		rc = pg_exec(c, e, mem_string("SET client_encoding = SQL_ASCII"));
	if (!rc)
		rc = pg_exec(c, e, mem_string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
	if (!rc)
		*out = TAKE(c);
	return rc;
}

int pg_live_lend(struct pg_live *l, PGconn **out, struct error *e)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;

	if (l->idle_count) {
		*out = l->idle[--l->idle_count];
		return 0;
	}
	int rc = connect_to(l, &c, e);

	if (!rc)
		rc = pg_exec(c, e, pg_sql("SET TRANSACTION SNAPSHOT %L", l->snapshot));
	if (!rc)
		*out = TAKE(c);
	return rc;
}

void pg_live_return(struct pg_live *l, PGconn *c, bool clean)
{
	if (!clean || PQstatus(c) != CONNECTION_OK) {
		pg_disconnect(&c);
		return;
	}
	GROW(l->idle, l->idle_count, l->idle_cap);
	l->idle[l->idle_count++] = c;
}

static int live_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		     struct error *e)
{
	struct pg_live *l = (struct pg_live *)d;

	if (order == ROWS_BY_KEY)
		return rows_loaded_scan(l->loaded, t, out, e);
	if (!l->parents[t - d->tables])
		return pg_live_scan(l, t, out, e);
	*out = rows_cursor_empty(t);
	return 0;
}

static int live_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	struct pg_live *l = (struct pg_live *)d;
	AUTO_FREE char *text = NULL;
	PGconn *c;

	*n = 0;
	if (l->parents[t - d->tables])
		return 0;
	int rc = pg_live_lend(l, &c, e);

	if (rc)
		return rc;
	rc = pg_value(c, &text, e, pg_sql("SELECT count(*) FROM ONLY %I.%I", t->schema, t->name));
	pg_live_return(l, c, !rc);
	if (!rc)
		*n = strtoull(text ? text : "0", NULL, 10);
	return rc ? error_wrap(e, "table \"%s.%s\"", t->schema, t->name) : 0;
}

static int live_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	return pg_live_query((struct pg_live *)d, sql, out, e);
}

static void live_close(struct rows_db *d)
{
	struct pg_live *l = (struct pg_live *)d;

	rows_loaded_free(l->loaded);
	for (size_t i = 0; i < l->idle_count; i++)
		pg_disconnect(&l->idle[i]);
	free(l->idle);
	pg_disconnect(&l->keeper);
	pg_toc_tables_free(d->tables, NULL, d->table_count);
	free(l->parents);
	free(l->snapshot);
	pg_place_release(&l->place);
	strlist_release(&d->after);
	free(l);
}

int pg_rows_live(const struct source_url *u, struct rows_db **out, struct error *e)
{
	struct pg_live *l = mem_zero(sizeof *l);

	l->rows = (struct rows_db){.dialect = "postgresql", .scan = live_scan, .count = live_count,
				   .query = live_query, .close = live_close};
	int rc = pg_place_of(u, &l->place, e);

	if (!rc)
		rc = connect_to(l, &l->keeper, e);
	if (!rc)
		rc = pg_value(l->keeper, &l->snapshot, e, mem_string("SELECT pg_export_snapshot()"));
	if (!rc)
		rc = pg_live_tables(l, e);
	if (rc) {
		live_close(&l->rows);
		return rc;
	}
	l->loaded = rows_loaded_new(&l->rows);
	*out = &l->rows;
	return 0;
}

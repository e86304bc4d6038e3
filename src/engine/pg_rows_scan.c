/* The rows of a table of a live database, by COPY, as its dump has them. */
#include "engine/pg_rows.h"

#include "base/mem.h"

#include <stdlib.h>

struct copy_cursor {
	struct rows_cursor rows;
	struct pg_live *live;
	PGconn *c;
	struct pg_copy_reader *reader;
	char *line;               /* libpq's */
	bool ended;               /* the server sent everything, and well */
};

/* COPY is over: how did it end? */
static int finish(struct copy_cursor *x, struct error *e)
{
	PGresult *r;
	int rc = 0;

	while ((r = PQgetResult(x->c))) {
		if (!rc && PQresultStatus(r) != PGRES_COMMAND_OK)
			rc = pg_error(x->c, r, e, "copying rows");
		PQclear(r);
	}
	x->ended = !rc;
	return rc;
}

static int copy_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct copy_cursor *x = (struct copy_cursor *)c;

	if (x->ended)
		return 0;
	PQfreemem(x->line);
	x->line = NULL;
	int n = PQgetCopyData(x->c, &x->line, 0);

	if (n == -1)
		return finish(x, e);
	if (n < 0)
		return pg_error(x->c, NULL, e, "copying rows");
	if (n > 0 && x->line[n - 1] == '\n')
		n--;
	int rc = pg_copy_reader_row(x->reader, x->line, (size_t)n, values, e);

	return rc ? rc : 1;
}

static void copy_close(struct rows_cursor *c)
{
	struct copy_cursor *x = (struct copy_cursor *)c;

	PQfreemem(x->line);
	pg_copy_reader_free(x->reader);
	/* One that is in the midst of its rows is not worth waiting for. */
	pg_live_return(x->live, x->c, x->ended);
	free(x);
}

static char *statement(const struct rows_table *t)
{
	CLEANUP(buf_release) struct buf columns = BUF_INIT;
	AUTO_FREE char *table = pg_sql("%I.%I", t->schema, t->name);

	for (size_t i = 0; i < t->column_count; i++) {
		AUTO_FREE char *name = pg_sql("%I", t->columns[i].name);

		if (!t->columns[i].generated)
			buf_printf(&columns, "%s%s", columns.len ? ", " : "", name);
	}
	return columns.len ? mem_printf("COPY %s (%s) TO STDOUT", table, buf_text(&columns)) :
		mem_printf("COPY %s TO STDOUT", table);
}

int pg_live_scan(struct pg_live *l, const struct rows_table *t, struct rows_cursor **out, struct error *e)
{
	AUTO_FREE char *sql = statement(t);
	CLEANUP(pg_clear) PGresult *r = NULL;
	PGconn *c;
	int rc = pg_live_lend(l, &c, e);

	if (rc)
		return rc;
	r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COPY_OUT) {
		rc = pg_error(c, r, e, "copying rows");
		pg_live_return(l, c, false);
		return rc;
	}
	struct copy_cursor *x = mem_zero(sizeof *x);

	x->rows = (struct rows_cursor){.next = copy_next, .close = copy_close, .columns = t->columns,
				       .column_count = t->column_count};
	x->live = l;
	x->c = c;
	x->reader = pg_copy_reader_new(t, NULL);
	*out = &x->rows;
	return 0;
}

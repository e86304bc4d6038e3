/* SQL on a live database, run by its server in our read-only transaction. DECLARE CURSOR takes nothing but what reads, the
 * extended protocol nothing but one statement. */
#include "engine/pg_rows.h"

#include "base/codec.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH "256" /* rows asked for at a time */

/* Of pg_type.dat, the same in every database. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701,
	OID_NUMERIC = 1700 };

struct query_cursor {
	struct rows_cursor rows;
	struct pg_live *live;
	PGconn *c;
	PGresult *batch;
	int at;
	bool ended;
	struct value *values;
	struct buf *blobs;        /* a column's bytes, decoded */
};

/* What the one who asks did wrong, told from what the server or we did. */
static int failed(PGconn *c, const PGresult *r, struct error *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	static const char *const usage[] = {"42", "22", "25", "0A", "2F", "3F"};

	pg_error(c, r, e, "the server");
	for (size_t i = 0; state && e->kind != ERR_ACCESS && i < ARRAY_LEN(usage); i++)
		if (strncmp(state, usage[i], 2) == 0)
			e->kind = ERR_USAGE;
	if (state && strncmp(state, "25006", 5) == 0)
		e->kind = ERR_USAGE;
	if (e->kind == ERR_USAGE && !e->hint[0])
		error_hint(e, "one statement that reads can be run here: SELECT, VALUES, TABLE, or WITH");
	return -(int)e->kind;
}

static int run(PGconn *c, const char *sql, ExecStatusType wanted, PGresult **out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = PQexecParams(c, sql, 0, NULL, NULL, NULL, NULL, 0);

	if (PQresultStatus(r) != wanted)
		return failed(c, r, e);
	if (out)
		*out = TAKE(r);
	return 0;
}

static int fetch(struct query_cursor *q, struct error *e)
{
	pg_clear(&q->batch);
	q->at = 0;
	int rc = run(q->c, "FETCH FORWARD " BATCH " FROM backstay_query", PGRES_TUPLES_OK, &q->batch, e);

	q->ended = !rc && PQntuples(q->batch) == 0;
	return rc;
}

static void read_value(struct query_cursor *q, int i)
{
	struct value *v = &q->values[i];
	const char *text = PQgetvalue(q->batch, q->at, i);
	size_t n = (size_t)PQgetlength(q->batch, q->at, i);
	unsigned type = PQftype(q->batch, i);

	*v = (struct value){.type = VALUE_TEXT, .p = text, .n = n};
	if (PQgetisnull(q->batch, q->at, i)) {
		*v = (struct value){.type = VALUE_NULL};
	} else if (type == OID_INT2 || type == OID_INT4 || type == OID_INT8) {
		*v = (struct value){.type = VALUE_INT, .i = strtoll(text, NULL, 10)};
	} else if (type == OID_BYTEA && n >= 2 && text[0] == '\\' && text[1] == 'x') {
		buf_clear(&q->blobs[i]);
		buf_reserve(&q->blobs[i], n / 2);
		if (hex_decode(text + 2, n - 2, q->blobs[i].p, (n - 2) / 2))
			*v = (struct value){.type = VALUE_BLOB, .p = (const char *)q->blobs[i].p, .n = (n - 2) / 2};
	}
}

static int query_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct query_cursor *q = (struct query_cursor *)c;
	int rc = q->at >= PQntuples(q->batch) && !q->ended ? fetch(q, e) : 0;

	if (rc || q->ended)
		return rc;
	for (size_t i = 0; i < c->column_count; i++)
		read_value(q, (int)i);
	q->at++;
	*values = q->values;
	return 1;
}

static void query_close(struct rows_cursor *c)
{
	struct query_cursor *q = (struct query_cursor *)c;

	for (size_t i = 0; i < c->column_count; i++) {
		free(c->columns[i].name);
		free(c->columns[i].type);
		buf_release(&q->blobs[i]);
	}
	free(c->columns);
	free(q->values);
	free(q->blobs);
	pg_clear(&q->batch);
	pg_live_return(q->live, q->c, false);
	free(q);
}

static void describe(struct query_cursor *q)
{
	size_t n = (size_t)PQnfields(q->batch);

	q->rows.column_count = n;
	q->rows.columns = mem_zero(n * sizeof *q->rows.columns);
	q->values = mem_zero(n * sizeof *q->values);
	q->blobs = mem_zero(n * sizeof *q->blobs);
	for (size_t i = 0; i < n; i++) {
		unsigned type = PQftype(q->batch, (int)i);

		q->blobs[i].max = (size_t)1 << 30;
		q->rows.columns[i] = (struct rows_column){.name = mem_string(PQfname(q->batch, (int)i)),
			.type = mem_string(""),
			.number = type == OID_FLOAT4 || type == OID_FLOAT8 || type == OID_NUMERIC};
	}
}

int pg_live_query(struct pg_live *l, const char *sql, struct rows_cursor **out, struct error *e)
{
	/* A newline: the statement may end in a comment. */
	AUTO_FREE char *declare = mem_printf("DECLARE backstay_query NO SCROLL CURSOR FOR %s\n", sql);
	struct query_cursor *q = mem_zero(sizeof *q);
	int rc = pg_live_lend(l, &q->c, e);

	if (rc) {
		free(q);
		return rc;
	}
	q->live = l;
	q->rows = (struct rows_cursor){.next = query_next, .close = query_close};
	rc = pg_exec(q->c, e, mem_string("RESET search_path"));
	if (!rc)
		rc = run(q->c, declare, PGRES_COMMAND_OK, NULL, e);
	if (!rc)
		rc = fetch(q, e);
	if (rc) {
		query_close(&q->rows);
		return rc;
	}
	describe(q);
	*out = &q->rows;
	return 0;
}

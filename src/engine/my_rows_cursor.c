/* Rows as a server sends them, typed as those of its dump (sqldump_rows.c). */
#include "engine/my_rows.h"

#include "base/fs.h"
#include "base/mem.h"
#include "engine/rows_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_THROUGH 10000 /* rows that are no more work than a new connection */

enum kind { KIND_TEXT, KIND_INT, KIND_BLOB, KIND_ABSENT };

struct my_live_cursor {
	struct rows_cursor rows;
	struct my_live *live;
	MYSQL_RES *result;        /* NULL once all rows are read or laid aside */
	enum kind *kinds;
	struct value *values;
	bool own_columns;
	int aside;                /* a file with the rest of the rows, each behind its length, or -1 */
	off_t at, end;            /* in that file */
	bool cut_short;           /* it does not have all of the rest */
	struct buf row;
};

/* ---- types ---- */

static bool type_is(const char *type, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(type, word, n) == 0 && (type[n] == 0 || type[n] == '(' || type[n] == ' ');
}

static enum kind kind_of_type(const char *type)
{
	static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"};
	static const char *const binaries[] = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
		"geometrycollection", "geomcollection", "vector"};

	for (size_t i = 0; i < ARRAY_LEN(integers); i++)
		if (type_is(type, integers[i]))
			return KIND_INT;
	for (size_t i = 0; i < ARRAY_LEN(binaries); i++)
		if (type_is(type, binaries[i]))
			return KIND_BLOB;
	return KIND_TEXT;
}

#define CHARSET_BINARY 63

static enum kind kind_of_field(const MYSQL_FIELD *f)
{
	switch (f->type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
	case MYSQL_TYPE_YEAR:
		return KIND_INT;
	case MYSQL_TYPE_BIT:
	case MYSQL_TYPE_GEOMETRY:
		return KIND_BLOB;
	case MYSQL_TYPE_TINY_BLOB:
	case MYSQL_TYPE_MEDIUM_BLOB:
	case MYSQL_TYPE_LONG_BLOB:
	case MYSQL_TYPE_BLOB:
	case MYSQL_TYPE_STRING:
	case MYSQL_TYPE_VAR_STRING:
	case MYSQL_TYPE_VARCHAR:
		return f->charsetnr == CHARSET_BINARY ? KIND_BLOB : KIND_TEXT;
	default:
		return KIND_TEXT;
	}
}

static void read_value(enum kind kind, const char *p, size_t n, struct value *v)
{
	char *end;

	*v = (struct value){.type = kind == KIND_BLOB ? VALUE_BLOB : VALUE_TEXT, .p = p, .n = n};
	if (!p || kind == KIND_ABSENT) {
		*v = (struct value){.type = VALUE_NULL};
	} else if (kind == KIND_INT && n) {
		errno = 0;
		long long i = strtoll(p, &end, 10);
		if (!errno && end == p + n)
			*v = (struct value){.type = VALUE_INT, .i = i};
	}
}

/* ---- rows ---- */

/* 1: a row is in x->values; 0: the server has no more. */
static int receive(struct my_live_cursor *x, struct error *e)
{
	MYSQL_ROW row = mysql_fetch_row(x->result);

	if (!row) {
		int rc = mysql_errno(x->live->c) ? my_error(x->live->c, e, "reading rows") : 0;
		my_clear(&x->result);
		x->live->reading = NULL;
		return rc;
	}
	unsigned long *lengths = mysql_fetch_lengths(x->result);
	for (size_t i = 0; i < x->rows.column_count; i++)
		read_value(x->kinds[i], row[i], lengths[i], &x->values[i]);
	return 1;
}

static int lay_aside_row(struct my_live_cursor *x, struct error *e)
{
	buf_clear(&x->row);
	int rc = rows_pack(x->values, x->rows.column_count, &x->row, e);
	uint64_t n = x->row.len;

	if (rc)
		return rc;
	if (fs_pwrite_full(x->aside, &n, sizeof n, x->end) || fs_pwrite_full(x->aside, x->row.p, n, x->end + 8))
		return error_sys(e, errno, "laying rows aside");
	x->end += (off_t)(8 + n);
	return 0;
}

/* No more rows are wanted. The few that still come are read, for many the server is stopped by another connection. */
static void give_up(struct my_live_cursor *x)
{
	for (int i = 0; x->result && i < READ_THROUGH; i++)
		if (!mysql_fetch_row(x->result))
			my_clear(&x->result);
	if (x->result && mysql_errno(x->live->c) == 0)
		my_stop_statement(&x->live->place, x->live->c);
	my_clear(&x->result);
	if (x->live->reading == x)
		x->live->reading = NULL;
}

int my_live_free_connection(struct my_live *l, struct error *e)
{
	struct my_live_cursor *x = l->reading;
	int rc;

	if (!x)
		return 0;
	if ((rc = fs_temp_anonymous(NULL, &x->aside, e)))
		return rc;
	do
		rc = receive(x, e);
	while (rc == 1 && !(rc = lay_aside_row(x, e)));
	if (!rc)
		return 0;
	x->cut_short = true;
	give_up(x);
	return e->kind == ERR_NO_SPACE ? error_hint(e, "set TMPDIR to a folder with more room") : rc;
}

static int take_up_row(struct my_live_cursor *x, struct error *e)
{
	uint64_t n;

	if (x->at == x->end)
		return x->cut_short ? error_set(e, ERR_IO, "the rest of the rows could not be laid aside") : 0;
	if (fs_pread_full(x->aside, &n, sizeof n, x->at) != sizeof n || n > ROWS_PACK_MAX)
		return error_set(e, ERR_IO, "rows laid aside cannot be read back");
	buf_clear(&x->row);
	buf_reserve(&x->row, n);
	if (fs_pread_full(x->aside, x->row.p, n, x->at + 8) != (ssize_t)n)
		return error_set(e, ERR_IO, "rows laid aside cannot be read back");
	x->at += (off_t)(8 + n);
	int rc = rows_unpack(x->row.p, n, x->values, x->rows.column_count, e);
	return rc ? rc : 1;
}

static int live_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct my_live_cursor *x = (struct my_live_cursor *)c;

	*values = x->values;
	if (x->aside >= 0)
		return take_up_row(x, e);
	return x->result ? receive(x, e) : 0;
}

static void live_close(struct rows_cursor *c)
{
	struct my_live_cursor *x = (struct my_live_cursor *)c;

	give_up(x);
	for (size_t i = 0; x->own_columns && i < c->column_count; i++) {
		free(c->columns[i].name);
		free(c->columns[i].type);
	}
	if (x->own_columns)
		free(c->columns);
	fs_close(&x->aside);
	buf_release(&x->row);
	free(x->kinds);
	free(x->values);
	free(x);
}

/* ---- opening ---- */

/* MySQL's dump has no values of generated columns, MariaDB's has. */
static void as_table(struct my_live_cursor *x, const struct rows_table *t)
{
	x->rows.columns = t->columns;
	for (size_t i = 0; i < t->column_count; i++)
		x->kinds[i] = t->columns[i].generated && !x->live->mariadb ? KIND_ABSENT :
			kind_of_type(t->columns[i].type);
}

static bool is_number(const MYSQL_FIELD *f)
{
	return f->type == MYSQL_TYPE_DECIMAL || f->type == MYSQL_TYPE_NEWDECIMAL || f->type == MYSQL_TYPE_FLOAT ||
		f->type == MYSQL_TYPE_DOUBLE;
}

static void as_result(struct my_live_cursor *x)
{
	size_t n = x->rows.column_count;
	const MYSQL_FIELD *fields = mysql_fetch_fields(x->result);

	x->own_columns = true;
	x->rows.columns = mem_zero(n * sizeof *x->rows.columns);
	for (size_t i = 0; i < n; i++) {
		x->rows.columns[i] = (struct rows_column){.name = mem_string(fields[i].name), .type = mem_string(""),
			.number = is_number(&fields[i])};
		x->kinds[i] = kind_of_field(&fields[i]);
	}
}

int my_live_open(struct my_live *l, const char *sql, const struct rows_table *t, struct rows_cursor **out,
		 struct error *e)
{
	int rc = my_live_free_connection(l, e);

	if (rc)
		return rc;
	if (mysql_real_query(l->c, sql, strlen(sql)))
		return my_error(l->c, e, "reading rows");
	MYSQL_RES *result = mysql_use_result(l->c);
	if (!result)
		return mysql_errno(l->c) ? my_error(l->c, e, "reading rows") :
			error_set(e, ERR_USAGE, "the statement gives no rows");

	struct my_live_cursor *x = mem_zero(sizeof *x);
	size_t n = mysql_num_fields(result);

	x->rows = (struct rows_cursor){.next = live_next, .close = live_close, .column_count = n};
	x->live = l;
	x->result = result;
	x->aside = -1;
	x->row.max = ROWS_PACK_MAX;
	x->kinds = mem_zero(n * sizeof *x->kinds);
	x->values = mem_zero(n * sizeof *x->values);
	if (t)
		as_table(x, t);
	else
		as_result(x);
	l->reading = x;
	*out = &x->rows;
	return 0;
}

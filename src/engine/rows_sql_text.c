/* Values, names and statements as SQLite reads them back. */
#include "engine/rows_sql.h"

#include "base/codec.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* 20 digits where 17 would do for a reader that rounds correctly: SQLite before 3.43 does not, and is right only when
 * what it reads lies close enough to the number meant. Not even that helps it with the smallest ones, which are written
 * as the quotient of two others; dividing by a power of two is exact. */
static void write_real(struct rows_out *o, double r)
{
	bool tiny = r != 0 && fabs(r) < 1e-250;
	char text[40];

	if (isnan(r)) {
		rows_out_str(o, "NULL");
		return;
	}
	if (isinf(r)) {
		rows_out_str(o, r > 0 ? "9e999" : "-9e999");
		return;
	}
	snprintf(text, sizeof text, "%.20g", tiny ? ldexp(r, 600) : r);
	rows_out_str(o, text);
	if (!strpbrk(text, ".e"))
		rows_out_str(o, ".0");
	if (tiny)
		rows_out_str(o, "/4.1495155688809929585e+180"); /* 2 to the 600 */
}

static void write_blob(struct rows_out *o, const char *p, size_t n)
{
	rows_out_str(o, "X'");
	rows_out_hex(o, p, n);
	rows_out_str(o, "'");
}

static void write_quoted(struct rows_out *o, const char *p, size_t n)
{
	rows_out_str(o, "'");
	rows_out_doubled(o, p, n, '\'');
	rows_out_str(o, "'");
}

/* Text whose carriage returns stand as `mark`, which does not occur in it. */
static void write_marked(struct rows_out *o, const char *p, size_t n, const char *mark)
{
	rows_out_str(o, "replace('");
	for (const char *cr; (cr = memchr(p, '\r', n)); n -= (size_t)(cr + 1 - p), p = cr + 1) {
		rows_out_doubled(o, p, (size_t)(cr - p), '\'');
		rows_out_str(o, mark);
	}
	rows_out_doubled(o, p, n, '\'');
	rows_out_str(o, "','");
	rows_out_str(o, mark);
	rows_out_str(o, "',char(13))");
}

/* The sqlite3 program drops a carriage return at the end of a line even inside a literal, and ends the text at NUL. */
static void write_text(struct rows_out *o, const char *p, size_t n)
{
	static const char *const marks[] = {"\\r", "\\015", "\\u000d"};
	const char *mark = NULL;

	if (!memchr(p, '\0', n) && utf8_valid(p, n)) {
		if (!memchr(p, '\r', n)) {
			write_quoted(o, p, n);
			return;
		}
		for (size_t i = 0; i < ARRAY_LEN(marks) && !mark; i++)
			if (!memmem(p, n, marks[i], strlen(marks[i])))
				mark = marks[i];
	}
	if (mark) {
		write_marked(o, p, n, mark);
		return;
	}
	rows_out_str(o, "CAST(");
	write_blob(o, p, n);
	rows_out_str(o, " AS TEXT)");
}

void rows_sql_text_value(struct rows_out *o, const struct value *v)
{
	char number[32];

	switch (v->type) {
	case VALUE_NULL:
		rows_out_str(o, "NULL");
		break;
	case VALUE_INT:
		snprintf(number, sizeof number, "%" PRId64, v->i);
		rows_out_str(o, number);
		break;
	case VALUE_REAL:
		write_real(o, v->r);
		break;
	case VALUE_TEXT:
		write_text(o, v->p, v->n);
		break;
	case VALUE_BLOB:
		write_blob(o, v->p, v->n);
		break;
	}
}

void rows_sql_text_name(struct rows_out *o, const char *name)
{
	rows_out_str(o, "\"");
	rows_out_doubled(o, name, strlen(name), '"');
	rows_out_str(o, "\"");
}

/* The schema keeps comments that end a statement, and one of them would swallow the semicolon. */
void rows_sql_text_statement(struct rows_out *o, const char *sql)
{
	static const char *const ends[] = {";", "\n;", "*/;"};
	size_t i = 0;

	for (; i + 1 < ARRAY_LEN(ends); i++) {
		AUTO_FREE char *whole = mem_printf("%s%s", sql, ends[i]);

		if (sqlite3_complete(whole))
			break;
	}
	rows_out_str(o, sql);
	rows_out_str(o, ends[i]);
	rows_out_str(o, "\n");
}

#include "unit/engine/sqldump_helper.h"

#include <inttypes.h>

static const char table[] = "CREATE TABLE t (i int, b bigint unsigned, s varchar(9), d decimal(10,2), x blob, f "
			    "bit(10), g int AS (i) STORED)";

/* The rows as text: NULL, 5, 'text', x'blob' in hex; "!" and the error at its end. */
static char *rows_of(const char *create, const void *sql, size_t n)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_table t;
	struct rows_cursor *c;
	struct error e = {0};
	const struct value *v;
	int got;
	assert_int_equal(sqldump_table_parse(create, &t, &e), 0);
	struct source *s = source_from_memory(sql, n);
	assert_int_equal(sqldump_rows_open(s, 0, n, &t, &c, &e), 0);
	assert_int_equal(c->column_count, t.column_count);
	while ((got = c->next(c, &v, &e)) == 1) {
		for (size_t i = 0; i < t.column_count; i++) {
			buf_add_str(&b, i ? " " : "");
			if (v[i].type == VALUE_NULL)
				buf_add_str(&b, "NULL");
			else if (v[i].type == VALUE_INT)
				buf_printf(&b, "%" PRId64, v[i].i);
			else if (v[i].type == VALUE_TEXT)
				buf_printf(&b, "'%.*s'", (int)v[i].n, v[i].p);
			for (size_t k = 0; v[i].type == VALUE_BLOB && k <= v[i].n; k++)
				k < v[i].n ? buf_printf(&b, "%s%02x", k ? "" : "x'", (unsigned char)v[i].p[k])
					   : buf_add_str(&b, k ? "'" : "x''");
		}
		buf_add_str(&b, "\n");
	}
	if (got < 0)
		buf_printf(&b, "!%s", e.text);
	assert_true(got == 0 || got == -ERR_CORRUPT);
	rows_cursor_close(c);
	source_close(s);
	sqldump_table_release(&t);
	return buf_take_text(&b);
}

static void assert_rows(const char *sql, const char *want)
{
	AUTO_FREE char *have = rows_of(table, sql, strlen(sql));
	assert_string_equal(have, want);
}

static void tuples_that_do_not_fit_are_refused(void **state)
{
	assert_rows("INSERT INTO t VALUES (1,2);\n", "!row 1 of table t has 2 values where 6 belong");
	assert_rows("INSERT INTO t (i) VALUES (1),(1,2);\n",
		    "1 NULL NULL NULL NULL NULL NULL\n!row 2 of table t has 2 values where 1 belong");
	assert_rows("INSERT INTO t (i,s) VALUES (1);\n", "!row 1 of table t has 1 value where 2 belong");
	assert_rows("INSERT INTO t (i,nope) VALUES (1,2);\n", "!table t has no column nope");
	assert_rows("INSERT INTO u VALUES (1);\n", "!rows of u where those of t should be");
	assert_rows(
		"INSERT INTO t (i) VALUES (1),(2",
		"1 NULL NULL NULL NULL NULL NULL\n!the rows of table t: ends in the middle of a statement (line 1)");
}

static void a_range_beyond_the_end_is_refused(void **state)
{
	struct rows_table t;
	struct rows_cursor *c;
	struct error e = {0};
	assert_int_equal(sqldump_table_parse(table, &t, &e), 0);
	struct source *s = source_from_memory("x", 1);
	assert_int_equal(sqldump_rows_open(s, 1, 1, &t, &c, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "the rows of table t lie beyond the end of the dump");
	assert_int_equal(sqldump_rows_open(s, 2, UINT64_MAX, &t, &c, &e), -ERR_CORRUPT);
	source_close(s);
	sqldump_table_release(&t);
}

static void values_follow_their_columns(void **state)
{
	assert_rows("INSERT INTO t VALUES "
		    "(1,18446744073709551615,'a',-1.50,'raw',0x02AA,2),(-7,'9',5,1e300,NULL,b'1',NULL);\n",
		    "1 '18446744073709551615' 'a' '-1.50' x'726177' x'02aa' 2\n-7 9 '5' '1e300' NULL x'0001' NULL\n");
	assert_rows("INSERT INTO t (x,f,i,s,b) VALUES (0x00FF7f,x'0101',0x10,0x4142,TRUE),(_binary "
		    "'a\\0b',_binary'\\0z',-0,_utf8mb4 'c',f('a,b',(1)));\n",
		    "16 'TRUE' 'AB' NULL x'00ff7f' x'0101' NULL\n0 'f('a,b',(1))' 'c' NULL x'610062' x'007a' NULL\n");
}

static void bits_of_an_impossible_column_stay_as_wide_as_they_are(void **state)
{
	static const char sql[] = "INSERT INTO t VALUES (x'01');\n";
	AUTO_FREE char *have = rows_of("CREATE TABLE t (f bit(2147483647))", sql, strlen(sql));
	assert_string_equal(have, "x'01'\n");
	AUTO_FREE char *negative = rows_of("CREATE TABLE t (f bit(-9))", sql, strlen(sql));
	assert_string_equal(negative, "x'01'\n");
}

static void columns_that_are_not_named_are_null(void **state)
{
	assert_rows("INSERT INTO t (`s`, I) VALUES ('a',1);\nREPLACE INTO `t` (b) VALUES (5);\nINSERT IGNORE INTO t () "
		    "VALUES ();\n",
		    "1 NULL 'a' NULL NULL NULL NULL\nNULL 5 NULL NULL NULL NULL NULL\nNULL NULL NULL NULL NULL NULL "
		    "NULL\n");
}

static void without_names_generated_columns_may_be_left_out(void **state)
{
	assert_rows("INSERT INTO t VALUES (1,2,'a',3,'',NULL);\n", "1 2 'a' '3' x'' NULL NULL\n");
}

static void the_period_of_a_table_with_history_is_passed_over(void **state)
{
	assert_rows("INSERT INTO t (i, row_start, row_end) VALUES (1,'2026-11-21','2038-01-19');\n",
		    "1 NULL NULL NULL NULL NULL NULL\n");
}

static void escapes_are_decoded(void **state)
{
	static const char sql[] =
		"INSERT INTO t (x) VALUES ('\\0\\b\\n\\r\\t\\Z\\\\\\'\\\"\\%\\_\\q'),('it''s'),(''''),"
		"(\"a\"\"b'c\"),('');\n";
	AUTO_FREE char *have = rows_of("CREATE TABLE t (x blob)", sql, strlen(sql));
	assert_string_equal(have, "x'00080a0d091a5c27225c255c5f71'\nx'69742773'\nx'27'\nx'61226227"
				  "63'\nx''\n");
}

static void strings_hold_anything(void **state)
{
	static const char sql[] = "INSERT INTO t (x) VALUES ('\0\xff);\nINSERT INTO t VALUES (1),(2);\n-- ');\n";
	AUTO_FREE char *have = rows_of("CREATE TABLE t (x blob)", sql, sizeof sql - 1);
	assert_string_equal(have, "x'00ff293b0a494e5345525420494e544f20742056414c5545532028"
				  "31292c2832293b0a2d2d20'\n");
}

static void rows_longer_than_what_is_read_at_once_are_whole(void **state)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	size_t n = (size_t)5 << 19;
	buf_add_str(&sql, "LOCK TABLES `t` WRITE;\nINSERT INTO t (i,x) VALUES (1,'");
	for (size_t i = 0; i < n; i++)
		buf_add_byte(&sql, (unsigned char)('a' + i % 26));
	buf_add_str(&sql, "'),\n(2,0x");
	for (size_t i = 0; i < n; i++)
		buf_add_str(&sql, "5a");
	buf_add_str(&sql, "),(3,'\\\\');\nUNLOCK TABLES;\n");
	struct rows_table t;
	struct rows_cursor *c;
	struct error e = {0};
	const struct value *v;
	assert_int_equal(sqldump_table_parse(table, &t, &e), 0);
	struct source *s = source_from_memory(sql.p, sql.len);
	assert_int_equal(sqldump_rows_open(s, 0, sql.len, &t, &c, &e), 0);
	for (int row = 1; row <= 3; row++) {
		assert_int_equal(c->next(c, &v, &e), 1);
		assert_int_equal(v[0].i, row);
		assert_int_equal(v[4].n, row == 3 ? 1 : n);
		for (size_t i = 0; i < v[4].n; i++)
			assert_true(v[4].p[i] == (row == 1 ? (char)('a' + i % 26) : row == 2 ? 'Z' : '\\'));
	}
	assert_int_equal(c->next(c, &v, &e), 0);
	rows_cursor_close(c);
	source_close(s);
	sqldump_table_release(&t);
}

static void the_rows_of_a_whole_dump_are_read(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql");
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
	const char *create = NULL;
	for (size_t i = 0; i < m.n; i++) {
		create = m.v[i].kind == SQLDUMP_TABLE ? m.v[i].sql : create;
		if (m.v[i].kind != SQLDUMP_ROWS)
			continue;
		AUTO_FREE char *rows = rows_of(create, sql.p + m.v[i].offset, m.v[i].length);
		uint64_t lines = 0;
		for (const char *p = rows; (p = strchr(p, '\n')); p++)
			lines++;
		assert_null(strchr(rows, '!') && strcmp(m.v[i].name, "customers") != 0 ? rows : NULL);
		if (strcmp(m.v[i].name, "customers") != 0)
			assert_int_equal(lines, m.v[i].rows);
		if (strcmp(m.v[i].name, "orders") == 0)
			assert_string_equal(rows, "1 1 x'000000000101000000000000000000f03f0000000000000040' "
						  "'\xc3\xa9?'\n2 2 NULL NULL\n");
		if (strcmp(m.v[i].name, "customers") == 0)
			assert_non_null(strstr(rows, "2 'b'q\\' NULL NULL x'616263001a' '-1.00' '0' NULL NULL NULL "
						     "'c'd' '' x'0000' 2000 NULL 4000 'b'q\\!' NULL NULL NULL\n"));
	}
	sqldump_map_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tuples_that_do_not_fit_are_refused),
		cmocka_unit_test(a_range_beyond_the_end_is_refused),
		cmocka_unit_test(values_follow_their_columns),
		cmocka_unit_test(bits_of_an_impossible_column_stay_as_wide_as_they_are),
		cmocka_unit_test(columns_that_are_not_named_are_null),
		cmocka_unit_test(without_names_generated_columns_may_be_left_out),
		cmocka_unit_test(the_period_of_a_table_with_history_is_passed_over),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(strings_hold_anything),
		cmocka_unit_test(rows_longer_than_what_is_read_at_once_are_whole),
		cmocka_unit_test(the_rows_of_a_whole_dump_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

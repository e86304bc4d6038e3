#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Load as the sqlite3 program does: it reads lines, drops a carriage return at their end, and runs what is complete. */
static void load(sqlite3 *db, const struct buf *sql)
{
	CLEANUP(buf_release) struct buf statement = BUF_INIT;
	const char *p = buf_text(sql), *end = p + sql->len;

	assert_null(memchr(p, '\0', sql->len));
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)(newline - p);

		assert_non_null(newline);
		buf_add(&statement, p, n && p[n - 1] == '\r' ? n - 1 : n);
		buf_add_byte(&statement, '\n');
		p = newline + 1;
		if (!sqlite3_complete(buf_text(&statement)))
			continue;
		test_rows_exec(db, buf_text(&statement));
		buf_clear(&statement);
	}
	assert_int_equal(statement.len, 0);
}

static void write_sql(struct rows_db *d, const char *only, struct test_sink *out)
{
	CLEANUP(strlist_release) struct strlist list = {0};
	struct error e = {0};

	if (only)
		strlist_add(&list, only);
	test_sink_init(out, 0);
	if (rows_sql(d, &list, &out->sink, NULL, &e) < 0)
		fail_msg("%s", e.text);
}

static int tell(const struct row_diff *d, void *ctx, struct error *e)
{
	fail_msg("a row of %s came back otherwise", d->table->name);
	return 0;
}

static void expect_equal(struct rows_db *a, struct rows_db *b)
{
	struct table_diff *tables;
	struct error e = {0};
	size_t n;

	assert_int_equal(a->table_count, b->table_count);
	assert_int_equal(rows_diff(a, b, NULL, tell, NULL, NULL, &tables, &n, &e), 0);
	assert_int_equal(n, a->table_count);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tables[i].kind, DIFF_SAME);
	table_diff_free(tables, n);
	assert_int_equal(a->after.n, b->after.n);
	/* The end of a comment may have been added. */
	for (size_t i = 0; i < a->after.n; i++)
		assert_int_equal(strncmp(a->after.v[i], b->after.v[i], strlen(a->after.v[i])), 0);
}

/* Write db (taken over) as SQL and load that into *loaded; returns the rows of what came of it. */
static struct rows_db *round_trip(sqlite3 *db, sqlite3 **loaded)
{
	CLEANUP(test_sink_release) struct test_sink text;
	struct rows_db *from = test_rows_of(db), *to;

	write_sql(from, NULL, &text);
	assert_int_equal(sqlite3_open(":memory:", loaded), SQLITE_OK);
	load(*loaded, &text.bytes);
	to = test_rows_of(*loaded);
	expect_equal(from, to);
	rows_close(from);
	return to;
}

static sqlite3 *made_by(const char *script)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	test_rows_exec(db, script);
	return db;
}

static void expect_round_trip(const char *script)
{
	sqlite3 *loaded;

	rows_close(round_trip(made_by(script), &loaded));
}

static void expect_answer(struct rows_db *d, const char *sql, const char *expected)
{
	CLEANUP(rows_cursor_drop) struct rows_cursor *c = NULL;
	CLEANUP(test_sink_release) struct test_sink out;
	struct error e = {0};

	test_sink_init(&out, 0);
	if (d->query(d, sql, &c, &e) < 0 || rows_csv_cursor(c, &out.sink, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&out.bytes), expected);
}

static void an_unknown_dialect_is_refused(void **state)
{
	struct rows_db *d = test_rows_db(NULL, 0);
	CLEANUP(test_sink_release) struct test_sink out;
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_sql(d, NULL, &out.sink, NULL, &e), -ERR_MISMATCH);
	assert_string_equal(e.text, "there is no SQL text for a database of the kind \"arrays\"");
	rows_close(d);
}

static void failures_on_the_way_are_told(void **state)
{
	struct rows_db *d = test_rows_sqlite("CREATE TABLE t(x); INSERT INTO t VALUES(1)");
	struct progress cancelled = {.cancel = true};
	CLEANUP(strlist_release) struct strlist only = {0};
	CLEANUP(test_sink_release) struct test_sink out;
	struct error e = {0};

	test_sink_init(&out, 10);
	assert_int_equal(rows_sql(d, NULL, &out.sink, NULL, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "the sink is full");
	assert_int_equal(rows_sql(d, NULL, &out.sink, &cancelled, &e), -ERR_CANCELLED);
	strlist_add(&only, "u");
	assert_int_equal(rows_sql(d, &only, &out.sink, NULL, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "there is no table \"u\"; the tables are: t");
	rows_close(d);
}

static void the_text_is_one_transaction(void **state)
{
	struct rows_db *d =
		test_rows_sqlite("CREATE TABLE t(a INTEGER PRIMARY KEY, b, c AS (a + 1)); CREATE INDEX i ON t(b);"
				 "INSERT INTO t VALUES(1, 'it''s'), (2, X'00ff'), (3, NULL), (4, 0.5), (5, 2.0), (6, "
				 "'two' || char(10) || 'lines');"
				 "CREATE VIEW v AS SELECT a FROM t; PRAGMA user_version = 7");
	CLEANUP(test_sink_release) struct test_sink out;

	write_sql(d, NULL, &out);
	assert_string_equal(buf_text(&out.bytes),
			    "PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nBEGIN TRANSACTION;\n"
			    "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c AS (a + 1));\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(1,'it''s');\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(2,X'00ff');\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(3,NULL);\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(4,0.5);\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(5,2.0);\n"
			    "INSERT INTO \"t\"(\"a\",\"b\") VALUES(6,'two\nlines');\n"
			    "PRAGMA user_version = 7;\n"
			    "CREATE INDEX i ON t(b);\n"
			    "CREATE VIEW v AS SELECT a FROM t;\n"
			    "COMMIT;\nPRAGMA ignore_check_constraints=OFF;\n");
	rows_close(d);
}

static void an_empty_database_comes_back_empty(void **state)
{
	expect_round_trip("");
}

static void text_of_any_bytes_comes_back(void **state)
{
	static const char *const texts[] = {"",
					    "'",
					    "''",
					    "\"",
					    "plain",
					    "\n",
					    "\r",
					    "\r\n",
					    "a\r\nb\r\n",
					    "\\r",
					    "\\r\r",
					    "\\r \\015\r",
					    "\\r \\015 \\u000d\r",
					    ";\n",
					    "-- x\n",
					    "/*",
					    ".quit\n",
					    "\xff",
					    "\xc3",
					    "\xed\xa0\x80",
					    "gr\xc3\xbc\xc3\x9f",
					    "\x1a",
					    "\xef\xbb\xbf"};
	sqlite3 *db = made_by("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, y BLOB)"), *loaded;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t(x, y) VALUES(?1, ?1)", -1, &stmt, NULL), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(sqlite3_bind_text(stmt, 1, texts[i], -1, SQLITE_STATIC), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	assert_int_equal(sqlite3_bind_text(stmt, 1, "a\0b\0", 4, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_reset(stmt);
	/* And a value larger than any buffer, with something to double at every place. */
	AUTO_FREE char *large = mem_alloc(200000);

	memset(large, '\'', 200000);
	assert_int_equal(sqlite3_bind_text(stmt, 1, large, 200000, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);

	struct rows_db *d = round_trip(db, &loaded);

	expect_answer(d, "SELECT typeof(x), typeof(y), count(*) AS n FROM t GROUP BY 1, 2",
		      "typeof(x),typeof(y),n\r\ntext,text,25\r\n");
	rows_close(d);
}

static void reals_come_back_to_the_last_bit(void **state)
{
	static const double edges[] = {0.1,
				       1.0 / 3,
				       DBL_MAX,
				       -DBL_MAX,
				       DBL_MIN,
				       5e-324,
				       DBL_MIN - 5e-324,
				       INFINITY,
				       -INFINITY,
				       -0.0,
				       1e22,
				       1e23,
				       9007199254740993.0,
				       123456789012345680.0,
				       9.223372036854775807e18,
				       2.2250738585072011e-308,
				       5e-320,
				       1e19,
				       1e20,
				       1e15};
	sqlite3 *db = made_by("CREATE TABLE t(id INTEGER PRIMARY KEY, x, y REAL); BEGIN"), *loaded;
	uint64_t random = 88172645463325252;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t(x, y) VALUES(?1, ?1)", -1, &stmt, NULL), SQLITE_OK);
	for (size_t i = 0; i < 5000; i++) {
		double r;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		memcpy(&r, &random, sizeof r);
		if (i < ARRAY_LEN(edges))
			r = edges[i];
		else if (i % 2)
			r = (double)(int64_t)(random >> 24) / 100; /* money */
		if (isnan(r))
			continue;
		assert_int_equal(sqlite3_bind_double(stmt, 1, r), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	test_rows_exec(db, "COMMIT");
	rows_close(round_trip(db, &loaded));
}

static void integers_come_back(void **state)
{
	expect_round_trip(
		"CREATE TABLE t(x); INSERT INTO t VALUES(-9223372036854775808), (9223372036854775807), (-1), (0);"
		"CREATE TABLE s(x INTEGER, y ANY) STRICT; INSERT INTO s VALUES(5, '5'), (-9223372036854775808, 5.0)");
}

static void affinities_change_nothing(void **state)
{
	expect_round_trip("CREATE TABLE t(i INT, r REAL, n NUMERIC, x TEXT, b BLOB, none);"
			  "INSERT INTO t VALUES('abc', 'abc', 'abc', 'abc', 'abc', 'abc'), (X'31', X'31', X'31', "
			  "X'31', X'31', X'31'),"
			  "(1, 1, 1, 1, 1, 1), (1.5, 1.5, 1.5, 1.5, 1.5, 1.5), (1.0, 1.0, 1.0, 1.0, 1.0, 1.0), ('1', "
			  "'1', '1', '1', '1', '1'),"
			  "('', '', '', '', '', ''), (9e999, 9e999, 9e999, 9e999, 9e999, 9e999), (1e300, 1e300, 1e300, "
			  "1e300, 1e300, 1e300)");
}

static void hostile_names_come_back(void **state)
{
	expect_round_trip("CREATE TABLE \"it's; DROP TABLE t;--\"(\"a\"\"b\", [c d], `e``f`, \"select\", \"\n\", \"\");"
			  "INSERT INTO \"it's; DROP TABLE t;--\" VALUES(1, 2, 3, 4, 5, 6);"
			  "CREATE TABLE \"\"(x); INSERT INTO \"\" VALUES(1);"
			  "CREATE TABLE \"new\nline\"(rowid, oid, _rowid_); INSERT INTO \"new\nline\" VALUES(1, 2, 3);"
			  "CREATE TABLE \"quote\"\"d\"(x); INSERT INTO \"quote\"\"d\" VALUES(1);"
			  "CREATE TABLE \"\xc3\xbc\"(\"\xc3\xa4\" AS (x), x); INSERT INTO \"\xc3\xbc\" VALUES(1);");
}

static void comments_at_the_end_of_statements_do_no_harm(void **state)
{
	sqlite3 *db = made_by("CREATE TABLE t(a) -- the table\n;"), *loaded;

	test_rows_exec(db, "CREATE INDEX i ON t(a) -- the index");
	test_rows_exec(db, "CREATE VIEW v AS SELECT a FROM t /* never closed");
	rows_close(round_trip(db, &loaded));
}

static void tables_of_all_sorts_come_back(void **state)
{
	expect_round_trip(
		"CREATE TABLE w(k TEXT, l INT, v, PRIMARY KEY(l DESC, k COLLATE NOCASE)) WITHOUT ROWID;"
		"INSERT INTO w VALUES('a', 1, 2), ('B', 1, 3), ('c', -1, NULL);"
		"CREATE TABLE g(a, b AS (a * 2) VIRTUAL, c GENERATED ALWAYS AS (a || 'x') STORED, d);"
		"INSERT INTO g VALUES(1, 'd'), (NULL, 'e');"
		"CREATE TABLE c(a CHECK(a > 0) NOT NULL, b DEFAULT (1 + 1), UNIQUE(a, b)); INSERT INTO c(a) VALUES(1);"
		"CREATE TABLE child(p REFERENCES parent(id)); INSERT INTO child VALUES(99);"
		"CREATE TABLE parent(id INTEGER PRIMARY KEY);"
		"CREATE TABLE n(k TEXT PRIMARY KEY); INSERT INTO n VALUES(NULL), (NULL), ('x');"
		"CREATE TABLE copy AS SELECT * FROM w;");
}

static void rows_that_break_a_rule_made_later_load(void **state)
{
	expect_round_trip(
		"CREATE TABLE t(a CHECK(a > 0)); PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES(-1)");
}

static void what_comes_after_the_rows_comes_back(void **state)
{
	sqlite3 *loaded;
	struct rows_db *d =
		round_trip(made_by("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO t(x) "
				   "VALUES('a'), ('b'), ('c'); DELETE FROM t WHERE id = 3;"
				   "CREATE TABLE log(line);"
				   "CREATE UNIQUE INDEX i ON t(x) WHERE x IS NOT NULL; CREATE INDEX j ON t(lower(x));"
				   "CREATE VIEW v AS SELECT x FROM t; CREATE VIEW w AS SELECT x FROM v;"
				   "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.x); SELECT "
				   "CASE WHEN 1 THEN 2 END; END;"
				   "CREATE TRIGGER o INSTEAD OF INSERT ON v BEGIN INSERT INTO t(x) VALUES(new.x); END;"
				   "PRAGMA user_version = 42; PRAGMA application_id = -5;"),
			   &loaded);

	expect_answer(d, "SELECT name, seq FROM sqlite_sequence", "name,seq\r\nt,3\r\n");
	expect_answer(d, "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id",
		      "user_version,application_id\r\n42,-5\r\n");
	/* No trigger ran while the rows were loaded. */
	expect_answer(d, "SELECT count(*) AS n FROM log", "n\r\n0\r\n");
	rows_close(d);
}

static void one_table_comes_with_what_is_its_own(void **state)
{
	struct rows_db *d = test_rows_sqlite(
		"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO t VALUES(5, 'a');"
		"CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO u VALUES(9);"
		"CREATE INDEX i ON t(x); CREATE INDEX k ON u(id); CREATE VIEW v AS SELECT x FROM t;"
		"CREATE TRIGGER r AFTER INSERT ON T BEGIN SELECT 1; END; PRAGMA user_version = 42");
	CLEANUP(test_sink_release) struct test_sink out;

	write_sql(d, "t", &out);
	assert_string_equal(buf_text(&out.bytes),
			    "PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nBEGIN TRANSACTION;\n"
			    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x);\n"
			    "INSERT INTO \"t\" VALUES(5,'a');\n"
			    "DELETE FROM sqlite_sequence WHERE name = 't';\n"
			    "INSERT INTO sqlite_sequence(name, seq) VALUES ('t', 5);\n"
			    "CREATE INDEX i ON t(x);\n"
			    "CREATE TRIGGER r AFTER INSERT ON T BEGIN SELECT 1; END;\n"
			    "COMMIT;\nPRAGMA ignore_check_constraints=OFF;\n");
	rows_close(d);
}

static bool have_module(const char *name)
{
	sqlite3 *db = made_by("");
	AUTO_FREE char *sql = mem_printf("CREATE VIRTUAL TABLE x USING %s", name);
	bool have = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_close(db);
	return have;
}

static void a_full_text_table_comes_back_with_its_index(void **state)
{
	sqlite3 *loaded;

	if (!have_module("fts5(a)") || !have_module("fts4(a)"))
		skip();

	struct rows_db *d =
		round_trip(made_by("CREATE VIRTUAL TABLE \"my docs\" USING fts5(title, body, tokenize = 'porter');"
				   "INSERT INTO \"my docs\"(rowid, title, body) VALUES(7, 'One', 'running fast'), (9, "
				   "'Two', 'it''s ' || char(13) || 'slow');"
				   "CREATE VIRTUAL TABLE old USING fts4(body); INSERT INTO old(docid, body) VALUES(3, "
				   "'some words');"),
			   &loaded);

	expect_answer(d, "SELECT rowid, title FROM \"my docs\" WHERE \"my docs\" MATCH 'run'",
		      "rowid,title\r\n7,One\r\n");
	expect_answer(d, "SELECT docid FROM old WHERE old MATCH 'words'", "docid\r\n3\r\n");
	rows_close(d);
}

static void a_full_text_index_of_another_table_is_built_anew(void **state)
{
	sqlite3 *loaded;

	if (!have_module("fts5(a)") || !have_module("fts4(a)"))
		skip();

	struct rows_db *d = round_trip(
		made_by("CREATE TABLE z(id INTEGER PRIMARY KEY, body); INSERT INTO z VALUES(5, 'hidden words');"
			"CREATE VIEW zv AS SELECT id, body FROM z;"
			"CREATE VIRTUAL TABLE a USING fts5(body, content='z', content_rowid='id'); INSERT INTO a(a) "
			"VALUES('rebuild');"
			"CREATE VIRTUAL TABLE b USING fts4(content=\"z\", body); INSERT INTO b(b) VALUES('rebuild');"),
		&loaded);

	expect_answer(d, "SELECT rowid FROM a WHERE a MATCH 'words'", "rowid\r\n5\r\n");
	expect_answer(d, "SELECT docid FROM b WHERE b MATCH 'words'", "docid\r\n5\r\n");
	rows_close(d);
}

static void an_r_tree_comes_back(void **state)
{
	sqlite3 *loaded;

	if (!have_module("rtree(id, a, b)"))
		skip();

	struct rows_db *d = round_trip(made_by("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, +label);"
					       "INSERT INTO r VALUES(1, 0.1, 0.3, 'a'), (2, -1e10, 1e10, 'b');"),
				       &loaded);

	expect_answer(d, "SELECT label FROM r WHERE x0 > 0", "label\r\na\r\n");
	rows_close(d);
}

static void what_sql_cannot_express_is_named(void **state)
{
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d;
	sqlite3 *db;

	if (!have_module("fts5(a)"))
		skip();
	db = made_by("CREATE VIRTUAL TABLE \"bare\nDROP TABLE t;\" USING fts5(a, content='');"
		     "CREATE TABLE t(x); PRAGMA writable_schema = ON;"
		     "INSERT INTO sqlite_schema VALUES('table', 'map', 'map', 0, 'CREATE VIRTUAL TABLE map USING "
		     "NoSuchModule(a)');"
		     "PRAGMA writable_schema = RESET;");
	d = test_rows_of(db);
	write_sql(d, NULL, &out);
	assert_string_equal(buf_text(&out.bytes),
			    "PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nBEGIN TRANSACTION;\n"
			    "-- left out: virtual table bare?DROP TABLE t; (fts5), whose content SQL cannot express\n"
			    "CREATE TABLE t(x);\n"
			    "-- left out: virtual table map (NoSuchModule), whose content SQL cannot express\n"
			    "COMMIT;\nPRAGMA ignore_check_constraints=OFF;\n");
	rows_close(d);
}

static void a_database_of_utf16_loads_as_utf8(void **state)
{
	sqlite3 *loaded;
	struct rows_db *d = round_trip(
		made_by("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(x);"
			"INSERT INTO t VALUES('gr\xc3\xbc\xc3\x9f'), ('\xf0\x9f\x98\x80'), ('a' || char(13) || 'b')"),
		&loaded);

	expect_answer(d, "SELECT encoding FROM pragma_encoding", "encoding\r\nUTF-8\r\n");
	rows_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_dialect_is_refused),
		cmocka_unit_test(failures_on_the_way_are_told),
		cmocka_unit_test(the_text_is_one_transaction),
		cmocka_unit_test(an_empty_database_comes_back_empty),
		cmocka_unit_test(text_of_any_bytes_comes_back),
		cmocka_unit_test(reals_come_back_to_the_last_bit),
		cmocka_unit_test(integers_come_back),
		cmocka_unit_test(affinities_change_nothing),
		cmocka_unit_test(hostile_names_come_back),
		cmocka_unit_test(comments_at_the_end_of_statements_do_no_harm),
		cmocka_unit_test(tables_of_all_sorts_come_back),
		cmocka_unit_test(rows_that_break_a_rule_made_later_load),
		cmocka_unit_test(what_comes_after_the_rows_comes_back),
		cmocka_unit_test(one_table_comes_with_what_is_its_own),
		cmocka_unit_test(a_full_text_table_comes_back_with_its_index),
		cmocka_unit_test(a_full_text_index_of_another_table_is_built_anew),
		cmocka_unit_test(an_r_tree_comes_back),
		cmocka_unit_test(what_sql_cannot_express_is_named),
		cmocka_unit_test(a_database_of_utf16_loads_as_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

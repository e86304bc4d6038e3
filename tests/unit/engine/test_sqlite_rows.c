/* SQLite databases as rows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/sqlite_support.h"

#include "base/fs.h"

#include <stdio.h>

struct place {
	char *dir, *path;
	struct rows_db *d;
	struct error e;
};

static int begin(void **state)
{
	struct place *p = mem_zero(sizeof *p);
	p->dir = test_dir();
	p->path = test_path(p->dir, "app.db");
	sqlite_patience_ms = 30000;
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	rows_close(p->d);
	test_dir_remove(p->dir);
	free(p->path);
	free(p);
	return 0;
}

static void open_rows(struct place *p, const char *sql)
{
	struct source_url url = {.engine = &engine_sqlite, .path = p->path};
	lite_make(p->path, sql);
	if (engine_sqlite.rows_live(&url, &p->d, &p->e))
		fail_msg("%s", p->e.text);
}

static const struct rows_table *table(const struct place *p, const char *name)
{
	for (size_t i = 0; i < p->d->table_count; i++)
		if (strcmp(p->d->tables[i].name, name) == 0)
			return &p->d->tables[i];
	fail_msg("no table %s", name);
	return NULL;
}

/* All values as text: fields between commas, rows between semicolons. Closes the cursor. */
static void drain(struct place *p, struct rows_cursor *c, struct buf *out)
{
	const struct value *v;
	int got;
	buf_clear(out);
	while ((got = c->next(c, &v, &p->e)) == 1) {
		buf_add_str(out, out->len ? ";" : "");
		for (size_t i = 0; i < c->column_count; i++) {
			buf_add_str(out, i ? "," : "");
			if (v[i].type == VALUE_INT)
				buf_printf(out, "%lld", (long long)v[i].i);
			else if (v[i].type == VALUE_REAL)
				buf_printf(out, "%g", v[i].r);
			else if (v[i].type == VALUE_NULL)
				buf_add_str(out, "NULL");
			else
				buf_printf(out, "%c:%.*s", v[i].type == VALUE_TEXT ? 't' : 'b', (int)v[i].n, v[i].p);
		}
	}
	assert_int_equal(got, 0);
	c->close(c);
}

static void assert_scan(struct place *p, const char *name, enum rows_order order, const char *expected)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *c;
	assert_int_equal(p->d->scan(p->d, table(p, name), order, &c, &p->e), 0);
	drain(p, c, &b);
	assert_string_equal(buf_text(&b), expected);
}

static void assert_refused(struct place *p, const char *sql, const char *text)
{
	struct rows_cursor *c;
	p->e = (struct error){0};
	assert_int_equal(p->d->query(p->d, sql, &c, &p->e), -ERR_USAGE);
	assert_string_equal(p->e.text, text);
}

static void only_reading_statements_are_run(void **state)
{
	struct place *p = *state;
	open_rows(p, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	assert_refused(p, "SELEC 1", "near \"SELEC\": syntax error");
	assert_refused(p, "SELECT * FROM nowhere", "no such table: nowhere");
	assert_refused(p, "", "there is no statement");
	assert_refused(p, "-- only words", "there is no statement");
	assert_refused(p, "SELECT 1; SELECT 2", "only one statement can be run at a time");
	assert_refused(p, "SELECT 1; nonsense", "only one statement can be run at a time");
	assert_refused(p, "DELETE FROM t", "not authorized");
	assert_refused(p, "UPDATE sqlite_master SET sql = ''", "table sqlite_master may not be modified");
	assert_refused(p, "INSERT INTO t VALUES(2)", "not authorized");
	assert_refused(p, "CREATE TEMP TABLE x(a)", "not authorized");
	assert_refused(p, "ATTACH '/tmp/elsewhere.db' AS x", "not authorized");
	assert_refused(p, "PRAGMA journal_mode=DELETE", "not authorized");
	assert_refused(p, "PRAGMA writable_schema=ON", "not authorized");
	assert_refused(p, "PRAGMA user_version=3", "not authorized");
	assert_refused(p, "BEGIN", "not authorized");
	assert_refused(p, "COMMIT", "not authorized");
	assert_refused(p, "SELECT load_extension('x')", "not authorized to use function: load_extension");
	struct rows_cursor *c;
	const struct value *v;
	/* VACUUM attaches its target when it runs. */
	if (p->d->query(p->d, "VACUUM INTO '/tmp/backstay-never-written.db'", &c, &p->e) == 0) {
		assert_true(c->next(c, &v, &p->e) < 0);
		c->close(c);
	}
	assert_false(fs_exists("/tmp/backstay-never-written.db"));
}

static void what_fails_while_it_runs_is_told_in_sqlites_words(void **state)
{
	struct place *p = *state;
	struct rows_cursor *c;
	const struct value *v;
	open_rows(p, "CREATE TABLE t(a)");
	assert_int_equal(p->d->query(p->d, "SELECT abs(-9223372036854775808)", &c, &p->e), 0);
	assert_int_equal(c->next(c, &v, &p->e), -ERR_USAGE);
	assert_string_equal(p->e.text, "integer overflow");
	c->close(c);
}

static void a_query_names_its_columns(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *c;
	open_rows(p, "CREATE TABLE t(a INT, b TEXT); INSERT INTO t VALUES(1, 'x'), (2, 'y')");
	assert_int_equal(p->d->query(p->d, "SELECT b, count(*) AS many FROM t GROUP BY b ORDER BY b DESC;", &c, &p->e),
		0);
	assert_int_equal(c->column_count, 2);
	assert_string_equal(c->columns[0].name, "b");
	assert_string_equal(c->columns[0].type, "TEXT");
	assert_string_equal(c->columns[1].name, "many");
	assert_string_equal(c->columns[1].type, "");
	drain(p, c, &b);
	assert_string_equal(buf_text(&b), "t:y,1;t:x,1");
	assert_int_equal(p->d->query(p->d, "PRAGMA table_info(t)", &c, &p->e), 0);
	drain(p, c, &b);
	assert_string_equal(buf_text(&b), "0,t:a,t:INT,0,NULL,0;1,t:b,t:TEXT,0,NULL,0");
	assert_int_equal(p->d->query(p->d, "PRAGMA user_version", &c, &p->e), 0);
	drain(p, c, &b);
	assert_string_equal(buf_text(&b), "0");
	assert_int_equal(p->d->query(p->d, "SELECT name FROM pragma_table_info('t')", &c, &p->e), 0);
	drain(p, c, &b);
	assert_string_equal(buf_text(&b), "t:a;t:b");
}

static void tables_come_in_name_order_without_sqlites_own(void **state)
{
	struct place *p = *state;
	uint64_t n;
	open_rows(p, "CREATE TABLE zebra(a INTEGER PRIMARY KEY AUTOINCREMENT); "
		"CREATE TABLE apple(b, c, PRIMARY KEY(c, b)); CREATE VIEW v AS SELECT 1;"
		"CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('words');"
		"INSERT INTO zebra VALUES(4); CREATE INDEX i ON apple(b); ANALYZE");
	assert_int_equal(p->d->table_count, 3);
	assert_string_equal(p->d->tables[0].name, "apple");
	assert_string_equal(p->d->tables[1].name, "f");
	assert_string_equal(p->d->tables[2].name, "zebra");
	assert_string_equal(p->d->tables[0].sql, "CREATE TABLE apple(b, c, PRIMARY KEY(c, b))");
	assert_int_equal(p->d->tables[0].columns[0].key, 2);
	assert_int_equal(p->d->tables[0].columns[1].key, 1);
	assert_string_equal(p->d->dialect, "sqlite");
	assert_int_equal(p->d->count(p->d, table(p, "f"), &n, &p->e), 0);
	assert_int_equal(n, 1);
	assert_scan(p, "f", ROWS_BY_KEY, "t:words");
}

static void what_an_sql_text_needs_behind_the_rows_is_listed(void **state)
{
	struct place *p = *state;
	open_rows(p, "PRAGMA user_version=5; CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE);"
		"INSERT INTO t VALUES(9, 'x'); CREATE VIEW v AS SELECT b FROM t; CREATE INDEX i ON t(b DESC);"
		"CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END");
	static const char *const expected[] = {"DELETE FROM sqlite_sequence WHERE name = 't'",
		"INSERT INTO sqlite_sequence(name, seq) VALUES ('t', 9)", "PRAGMA user_version = 5",
		"CREATE VIEW v AS SELECT b FROM t", "CREATE INDEX i ON t(b DESC)",
		"CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END"};
	assert_int_equal(p->d->after.n, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(p->d->after.v[i], expected[i]);
}

static void values_pass_exactly(void **state)
{
	struct place *p = *state;
	struct rows_cursor *c;
	const struct value *v;
	open_rows(p, "CREATE TABLE t(a, b, c, d, e, f, g);"
		"INSERT INTO t VALUES(NULL, 9223372036854775807, 1e300, 'a' || char(0) || 'b', CAST(x'ff00fe' AS "
		"TEXT), x'', '')");
	assert_int_equal(p->d->scan(p->d, table(p, "t"), ROWS_STORED, &c, &p->e), 0);
	assert_int_equal(c->next(c, &v, &p->e), 1);
	assert_int_equal(v[0].type, VALUE_NULL);
	assert_int_equal(v[1].type, VALUE_INT);
	assert_true(v[1].i == INT64_MAX);
	assert_int_equal(v[2].type, VALUE_REAL);
	assert_true(v[2].r == 1e300);
	assert_int_equal(v[3].type, VALUE_TEXT);
	assert_int_equal(v[3].n, 3);
	assert_memory_equal(v[3].p, "a\0b", 3);
	assert_int_equal(v[4].type, VALUE_TEXT);
	assert_int_equal(v[4].n, 3);
	assert_memory_equal(v[4].p, "\xff\0\xfe", 3);
	assert_int_equal(v[5].type, VALUE_BLOB);
	assert_int_equal(v[5].n, 0);
	assert_non_null(v[5].p);
	assert_int_equal(v[6].type, VALUE_TEXT);
	assert_int_equal(v[6].n, 0);
	assert_int_equal(c->next(c, &v, &p->e), 0);
	c->close(c);
}

static void key_order_is_binary_whatever_the_collation(void **state)
{
	struct place *p = *state;
	open_rows(p, "CREATE TABLE n(k TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO n "
		"VALUES('b'), ('A'), ('a2'), ('B2'); CREATE TABLE w(x, y, PRIMARY KEY(y DESC, x)) WITHOUT ROWID;"
		"INSERT INTO w VALUES(1, 2), (2, 1), (0, 2);"
		"CREATE TABLE r(v); INSERT INTO r(rowid, v) VALUES(3, 'c'), (1, 'a'), (2, 'b');"
		"CREATE TABLE taken(rowid, _rowid_, oid); INSERT INTO taken VALUES(2, 2, 2), (1, 1, 1)");
	assert_scan(p, "n", ROWS_BY_KEY, "t:A;t:B2;t:a2;t:b");
	assert_scan(p, "w", ROWS_BY_KEY, "2,1;0,2;1,2");
	assert_scan(p, "r", ROWS_BY_KEY, "t:a;t:b;t:c");
	assert_scan(p, "taken", ROWS_BY_KEY, "2,2,2;1,1,1");
}

static void generated_columns_are_shown_and_marked(void **state)
{
	struct place *p = *state;
	open_rows(p, "CREATE TABLE t(a, b AS (a + 1), c AS (a + 2) STORED); INSERT INTO t VALUES(1)");
	const struct rows_table *t = table(p, "t");
	assert_int_equal(t->column_count, 3);
	assert_false(t->columns[0].generated);
	assert_true(t->columns[1].generated);
	assert_true(t->columns[2].generated);
	assert_scan(p, "t", ROWS_STORED, "1,2,3");
}

static void hostile_names_are_names_like_others(void **state)
{
	struct place *p = *state;
	open_rows(p, "CREATE TABLE \"a \"\"b\"\" 'c'\n;--\"(\"x \"\"y\"\"\", \"%s\"); INSERT INTO \"a \"\"b\"\" "
		"'c'\n;--\" VALUES(1, 2)");
	uint64_t n;
	assert_scan(p, "a \"b\" 'c'\n;--", ROWS_BY_KEY, "1,2");
	assert_int_equal(p->d->count(p->d, &p->d->tables[0], &n, &p->e), 0);
	assert_int_equal(n, 1);
}

static void several_cursors_are_open_at_a_time(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *one, *two;
	const struct value *v;
	open_rows(p, "CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)");
	assert_int_equal(p->d->scan(p->d, table(p, "t"), ROWS_STORED, &one, &p->e), 0);
	assert_int_equal(one->next(one, &v, &p->e), 1);
	assert_int_equal(p->d->scan(p->d, table(p, "t"), ROWS_STORED, &two, &p->e), 0);
	drain(p, two, &b);
	assert_string_equal(buf_text(&b), "1;2");
	drain(p, one, &b);
	assert_string_equal(buf_text(&b), "2");
}

static void live_rows_belong_to_one_moment(void **state)
{
	struct place *p = *state;
	open_rows(p, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	lite_make(p->path, "INSERT INTO t VALUES(2)");
	assert_scan(p, "t", ROWS_STORED, "1");
}

static void stored_rows_are_read_from_the_backup(void **state)
{
	struct place *p = *state;
	struct lite_backup b = {0};
	lite_make(p->path, "CREATE TABLE t(a); INSERT INTO t VALUES('stored')");
	lite_backup_ok(&b, p->path);
	lite_make(p->path, "UPDATE t SET a = 'live'");
	struct stored s = test_stored(b.tree, &b.m);
	assert_int_equal(engine_sqlite.rows_stored(&s, &p->d, &p->e), 0);
	assert_scan(p, "t", ROWS_STORED, "t:stored");
	assert_refused(p, "UPDATE t SET a = 1", "not authorized");
	lite_backup_release(&b);
}

static void a_virtual_table_of_an_unknown_module_is_left_out(void **state)
{
	struct place *p = *state;
	open_rows(p, "CREATE TABLE t(a); PRAGMA writable_schema=ON;"
		"INSERT INTO sqlite_schema VALUES('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING "
		"app_module(x)')");
	assert_int_equal(p->d->table_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(only_reading_statements_are_run),
		T(what_fails_while_it_runs_is_told_in_sqlites_words),
		T(a_query_names_its_columns),
		T(tables_come_in_name_order_without_sqlites_own),
		T(what_an_sql_text_needs_behind_the_rows_is_listed),
		T(values_pass_exactly),
		T(key_order_is_binary_whatever_the_collation),
		T(generated_columns_are_shown_and_marked),
		T(hostile_names_are_names_like_others),
		T(several_cursors_are_open_at_a_time),
		T(live_rows_belong_to_one_moment),
		T(stored_rows_are_read_from_the_backup),
		T(a_virtual_table_of_an_unknown_module_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

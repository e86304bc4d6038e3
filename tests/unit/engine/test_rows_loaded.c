#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"
#include "engine/rows_decimal.h"
#include "engine/rows_loaded.h"
#include "engine/rows_pack.h"

#include <stdio.h>
#include <string.h>

static struct rows_column order_columns[] = {
	COLUMN("id", "integer", 1), {.name = (char *)"total", .type = (char *)"numeric(12,2)", .number = true},
	COLUMN("paid", "boolean", 0), COLUMN("code", "character(4)", 0), COLUMN("note", "text", 0)};
static const struct value orders[] = {
	V_INT(3), V_TEXT("99.50"), V_TEXT("t"), V_TEXT("ab  "), V_TEXT("x"),
	V_INT(1), V_TEXT("100.10"), V_TEXT("f"), V_TEXT("cd  "), V_NULL,
	V_INT(2), V_TEXT("12345678901234567890.12"), V_NULL, V_TEXT("ef  "), V_TEXT(""),
};
static struct rows_column key_columns[] = {COLUMN("a", "text", 2), COLUMN("v", "real", 0), COLUMN("b", "text", 1)};
static const struct value keyed[] = {
	V_TEXT("b"), V_REAL(1.5), V_TEXT("y"),
	V_TEXT("a"), V_NULL, V_TEXT("y"),
	V_TEXT("c"), V_TEXT("1.50"), V_TEXT("x"),
	V_TEXT("\xff"), V_BLOB("\0\1"), V_TEXT("\0"),
	V_TEXT(""), V_BLOB(""), V_INT(-7),
};
static struct rows_column case_columns[] = {COLUMN("A", "integer", 0), COLUMN("a", "integer", 0)};
static const struct value cases[] = {V_INT(1), V_INT(2)};
static struct rows_column plain_columns[] = {COLUMN("n", "integer", 0)};
static const struct value plain[] = {V_INT(2), V_INT(1)};
static const struct value others[] = {V_INT(7)};
static struct rows_column big_columns[] = {COLUMN("u", "bigint(20) unsigned", 1)};
static const struct value bigs[] = {V_TEXT("18446744073709551615"), V_INT(5), V_TEXT("9223372036854775808")};

#define TABLE(schema_, name_, columns_, values_)                                                                       \
	{                                                                                                              \
		.schema = (char *)(uintptr_t)(schema_), .name = (char *)(uintptr_t)(name_), .columns = (columns_),     \
		.column_count = ARRAY_LEN(columns_), .values = (values_),                                              \
		.rows = ARRAY_LEN(values_) / ARRAY_LEN(columns_)                                                       \
	}

static const struct test_rows tables[] = {
	TABLE("public", "orders", order_columns, orders),
	TABLE("public", "keyed", key_columns, keyed),
	TABLE("public", "Mixed", case_columns, cases),
	TABLE("public", "mixed", plain_columns, plain),
	TABLE("public", "twice", plain_columns, plain),
	TABLE("archive", "twice", plain_columns, others),
	TABLE("temp", "sqlite_x", plain_columns, others),
	TABLE("odd \"schema\"", "odd \"table\" - ☃", plain_columns, plain),
	TABLE("public", "bigs", big_columns, bigs),
	{.schema = (char *)"public", .name = (char *)"broken", .columns = order_columns,
	 .column_count = ARRAY_LEN(order_columns), .values = orders, .rows = 3, .fail_at = 3},
	{.schema = (char *)"public", .name = (char *)"nothing", .columns = plain_columns, .column_count = 0},
};
enum { ORDERS, KEYED, MIXED, MIXED_2, TWICE, TWICE_2, ODD, ODD_2, BIGS, BROKEN, NOTHING };

struct fixture {
	struct rows_db *db;
	struct rows_loaded *l;
	struct error e;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(sizeof *f);

	f->db = test_rows_db(tables, ARRAY_LEN(tables));
	f->l = rows_loaded_new(f->db);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rows_loaded_free(f->l);
	rows_close(f->db);
	rows_loaded_pages_max = 0;
	mem_free_ptr(&f);
	return 0;
}

static void add_value(struct buf *b, const struct value *v)
{
	char real[ROWS_REAL_MAX];

	switch (v->type) {
	case VALUE_NULL:
		buf_add_str(b, "NULL");
		break;
	case VALUE_INT:
		buf_printf(b, "%lld", (long long)v->i);
		break;
	case VALUE_REAL:
		rows_real_text(v->r, real);
		buf_add_str(b, real);
		break;
	case VALUE_TEXT:
		buf_add_byte(b, '\'');
		buf_add(b, v->p, v->n);
		buf_add_byte(b, '\'');
		break;
	case VALUE_BLOB:
		buf_add_byte(b, 'x');
		for (size_t i = 0; i < v->n; i++)
			buf_printf(b, "%02x", (unsigned char)v->p[i]);
		break;
	}
}

/* Rows as "1|'a'\n2|NULL\n"; closes the cursor. */
static int drain(struct rows_cursor *c, struct buf *b, struct error *e)
{
	const struct value *v;
	int rc;

	while ((rc = c->next(c, &v, e)) == 1) {
		for (size_t i = 0; i < c->column_count; i++) {
			buf_add_str(b, i ? "|" : "");
			add_value(b, &v[i]);
		}
		buf_add_byte(b, '\n');
	}
	rows_cursor_close(c);
	return rc;
}

static void expect(struct fixture *f, const char *sql, const char *rows)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *c = NULL;

	if (rows_loaded_query(f->l, sql, &c, &f->e) || drain(c, &b, &f->e))
		fail_msg("%s: %s (%s)", sql, f->e.text, f->e.hint);
	assert_string_equal(buf_text(&b), rows);
}

static void refuse(struct fixture *f, const char *sql, int kind, const char *text, const char *hint)
{
	struct rows_cursor *c = NULL;

	f->e = (struct error){0};
	assert_int_equal(rows_loaded_query(f->l, sql, &c, &f->e), -kind);
	assert_string_equal(f->e.text, text);
	if (hint)
		assert_string_equal(f->e.hint, hint);
}

static void expect_scan(struct fixture *f, size_t table, const char *rows)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *c = NULL;

	if (rows_loaded_scan(f->l, &f->db->tables[table], &c, &f->e))
		fail_msg("%s", f->e.text);
	assert_ptr_equal(c->columns, f->db->tables[table].columns);
	assert_int_equal(drain(c, &b, &f->e), 0);
	assert_int_equal(b.len, strlen(rows) + (table == KEYED));   /* one value is a zero byte */
	if (table != KEYED)
		assert_string_equal(buf_text(&b), rows);
}

static void a_row_that_cannot_be_read_fails_by_the_tables_name_each_time(void **state)
{
	struct fixture *f = *state;
	struct rows_cursor *c = NULL;

	for (int i = 0; i < 2; i++) {
		refuse(f, "SELECT count(*) FROM broken", ERR_IO,
		       "loading table \"public.broken\": the disk is broken", "");
		assert_int_equal(rows_loaded_scan(f->l, &f->db->tables[BROKEN], &c, &f->e), -ERR_IO);
		assert_string_equal(f->e.text, "loading table \"public.broken\": the disk is broken");
	}
	expect(f, "SELECT id FROM orders ORDER BY id", "1\n2\n3\n");
}

static void a_full_scratch_place_is_told_with_a_way_out(void **state)
{
	struct fixture *f = *state;
	static struct value many[] = {V_INT(0), V_TEXT("some text that takes room in a page or two")};
	static struct rows_column columns[] = {COLUMN("k", "integer", 1), COLUMN("v", "text", 0)};
	struct test_rows big = {.name = (char *)"big", .columns = columns, .column_count = 2, .values = many,
				.rows = 5000, .distinct = 1};
	struct rows_db *db = test_rows_db(&big, 1);
	struct rows_loaded *l = rows_loaded_new(db);
	struct rows_cursor *c = NULL;

	rows_loaded_pages_max = 20;
	assert_int_equal(rows_loaded_query(l, "SELECT count(*) FROM big", &c, &f->e), -ERR_NO_SPACE);
	assert_string_equal(f->e.text, "loading table \"big\": the scratch database: database or disk is full");
	assert_string_equal(f->e.hint, "set TMPDIR to a folder with more room");
	assert_int_equal(rows_loaded_scan(l, db->tables, &c, &f->e), -ERR_NO_SPACE);
	assert_string_equal(f->e.hint, "set TMPDIR to a folder with more room");
	rows_loaded_free(l);
	rows_close(db);
}

static void statements_that_write_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {
		"DELETE FROM orders", "CREATE TABLE x(y)", "INSERT INTO public.orders(id) VALUES (9)", "DROP TABLE orders",
		"UPDATE orders SET id = 1", "PRAGMA writable_schema = 1", "ATTACH '/tmp/x' AS x", "BEGIN", "VACUUM INTO '/tmp/x'",
		"SELECT load_extension('x')"};

	expect(f, "SELECT count(*) FROM orders", "3\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rows_cursor *c = NULL;

		assert_int_equal(rows_loaded_query(f->l, bad[i], &c, &f->e), -ERR_USAGE);
		assert_true(f->e.hint[0]);
	}
	expect(f, "SELECT count(*) FROM public.orders", "3\n");
}

static void what_sqlite_does_not_understand_is_told_with_the_dialect_or_the_tables(void **state)
{
	struct fixture *f = *state;

	refuse(f, "SELEC 1", ERR_USAGE, "near \"SELEC\": syntax error",
	       "the statement is run by SQLite, in its SQL, over the stored tables");
	refuse(f, "SELECT nonsense FROM orders", ERR_USAGE, "no such column: nonsense", NULL);
	refuse(f, "SELECT \"nonsense\" FROM orders", ERR_USAGE, "no such column: nonsense", NULL);
	refuse(f, "SELECT 1 FROM absent", ERR_USAGE, "no such table: absent",
	       "the tables are: public.orders, public.keyed, public.Mixed (1), public.mixed (2), public.twice, "
	       "archive.twice, temp (1)._sqlite_x (1), odd \"schema\".odd \"table\" - ☃, public.bigs, public.broken, "
	       "public.nothing");
	refuse(f, "SELECT 1; SELECT 2", ERR_USAGE, "only one statement can be run at a time", NULL);
	refuse(f, "", ERR_USAGE, "there is no statement", NULL);
}

static void a_name_that_several_schemas_have_must_be_written_in_full(void **state)
{
	struct fixture *f = *state;

	refuse(f, "SELECT * FROM twice", ERR_USAGE,
	       "there are several tables of that name: public.twice, archive.twice",
	       "write the schema in front of the name");
	expect(f, "SELECT * FROM archive.twice", "7\n");
	refuse(f, "SELECT * FROM twice", ERR_USAGE,
	       "there are several tables of that name: public.twice, archive.twice", NULL);
	expect(f, "SELECT sum(a.n) FROM public.twice AS a JOIN archive.twice AS b", "3\n");
}

static void a_table_is_found_with_and_without_its_schema(void **state)
{
	struct fixture *f = *state;

	expect(f, "SELECT id FROM orders ORDER BY id", "1\n2\n3\n");
	expect(f, "SELECT id FROM public.orders ORDER BY id", "1\n2\n3\n");
	expect(f, "SELECT \"id\" FROM \"PUBLIC\".\"Orders\" ORDER BY 1", "1\n2\n3\n");
	expect(f, "SELECT count(*) FROM orders AS a, public.orders AS b", "9\n");
	expect(f, "SELECT * FROM \"odd \"\"schema\"\"\".\"odd \"\"table\"\" - ☃\"", "2\n1\n");
	expect(f, "WITH x AS (SELECT * FROM twice_over), twice_over AS (SELECT n FROM archive.twice) SELECT * FROM x", "7\n");
	expect(f, "SELECT * FROM \"temp (1)\".\"_sqlite_x (1)\"", "7\n");
	expect(f, "SELECT count(*) FROM \"nothing\"", "0\n");
	expect(f, "SELECT 1 WHERE EXISTS (SELECT 1 FROM orders)", "1\n");
}

static void names_that_differ_in_case_only_get_numbers(void **state)
{
	struct fixture *f = *state;

	expect(f, "SELECT * FROM \"Mixed (1)\"", "1|2\n");
	expect(f, "SELECT \"A (1)\", \"a (2)\" FROM public.\"Mixed (1)\"", "1|2\n");
	expect(f, "SELECT * FROM \"mixed (2)\"", "2\n1\n");
	refuse(f, "SELECT * FROM mixed", ERR_USAGE, "no such table: mixed", NULL);
}

static void numbers_compare_by_value_and_keep_their_digits(void **state)
{
	struct fixture *f = *state;

	expect(f, "SELECT total FROM orders WHERE total > 100 ORDER BY total",
	       "'100.10'\n'12345678901234567890.12'\n");
	expect(f, "SELECT total FROM orders WHERE total = 99.5", "'99.50'\n");
	expect(f, "SELECT total FROM orders WHERE total < '100.1' OR total BETWEEN 100.1 AND 100.1 ORDER BY total DESC",
	       "'100.10'\n'99.50'\n");
	expect(f, "SELECT max(total), min(total) FROM public.orders", "'12345678901234567890.12'|'99.50'\n");
	expect(f, "SELECT sum(total) FROM orders WHERE id IN (1, 3)", "199.6\n");
	expect(f, "SELECT id FROM orders WHERE total > (SELECT avg(total) FROM orders WHERE total < 1000)", "1\n2\n");
	expect(f, "SELECT u FROM bigs WHERE u > 9223372036854775807 ORDER BY u",
	       "'9223372036854775808'\n'18446744073709551615'\n");
}

static void booleans_and_padded_texts_compare_as_people_expect(void **state)
{
	struct fixture *f = *state;

	expect(f, "SELECT id, paid FROM orders WHERE paid", "3|1\n");
	expect(f, "SELECT id, paid FROM orders WHERE paid = false", "1|0\n");
	expect(f, "SELECT id FROM orders WHERE paid IS NULL", "2\n");
	expect(f, "SELECT id, code FROM orders WHERE code = 'cd'", "1|'cd  '\n");
	expect(f, "SELECT id FROM orders WHERE id = '2'", "2\n");
	expect(f, "SELECT id, note IS NULL, note FROM orders ORDER BY id", "1|1|NULL\n2|0|''\n3|0|'x'\n");
}

static void several_cursors_stay_open_while_tables_are_loaded(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *first = NULL, *second = NULL, *by_key = NULL;
	const struct value *v;

	assert_int_equal(rows_loaded_query(f->l, "SELECT id FROM orders", &first, &f->e), 0);
	assert_int_equal(first->next(first, &v, &f->e), 1);
	assert_int_equal(rows_loaded_query(f->l, "SELECT n FROM archive.twice", &second, &f->e), 0);
	assert_int_equal(rows_loaded_scan(f->l, &f->db->tables[ORDERS], &by_key, &f->e), 0);
	assert_int_equal(drain(first, &b, &f->e), 0);
	assert_int_equal(drain(second, &b, &f->e), 0);
	assert_int_equal(by_key->next(by_key, &v, &f->e), 1);
	assert_int_equal(v[0].i, 1);
	rows_cursor_close(by_key);
	assert_string_equal(buf_text(&b), "1\n2\n7\n");
}

static void by_key_rows_come_in_binary_order_with_type_and_bytes(void **state)
{
	struct fixture *f = *state;

	expect_scan(f, ORDERS,
		    "1|'100.10'|'f'|'cd  '|NULL\n2|'12345678901234567890.12'|NULL|'ef  '|''\n3|'99.50'|'t'|'ab  '|'x'\n");
	expect_scan(f, BIGS, "5\n'18446744073709551615'\n'9223372036854775808'\n");
	expect_scan(f, TWICE, "2\n1\n");

	struct rows_cursor *c = NULL;
	const struct value *v;
	static const size_t order[] = {4, 3, 2, 1, 0};

	assert_int_equal(rows_loaded_scan(f->l, &f->db->tables[KEYED], &c, &f->e), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(c->next(c, &v, &f->e), 1);
		for (size_t k = 0; k < 3; k++) {
			const struct value *want = &keyed[order[i] * 3 + k];

			assert_int_equal(v[k].type, want->type);
			assert_int_equal(rows_compare_values(&v[k], want), 0);
		}
	}
	assert_int_equal(c->next(c, &v, &f->e), 0);
	rows_cursor_close(c);
}

static void a_thousand_rows_come_sorted_and_again_without_loading_twice(void **state)
{
	struct fixture *f = *state;
	enum { N = 1000 };
	static struct value values[N];
	static struct rows_column columns[] = {COLUMN("k", "integer", 1)};
	struct test_rows t = {.name = (char *)"t", .columns = columns, .column_count = 1, .values = values, .rows = N};

	for (int i = 0; i < N; i++)
		values[i] = (struct value){.type = VALUE_INT, .i = (i * 7919) % N};
	struct rows_db *db = test_rows_db(&t, 1);
	struct rows_loaded *l = rows_loaded_new(db);

	for (int round = 0; round < 2; round++) {
		struct rows_cursor *c = NULL;
		const struct value *v;

		assert_int_equal(rows_loaded_scan(l, db->tables, &c, &f->e), 0);
		for (int i = 0; i < N; i++) {
			assert_int_equal(c->next(c, &v, &f->e), 1);
			assert_int_equal(v->i, i);
		}
		assert_int_equal(c->next(c, &v, &f->e), 0);
		rows_cursor_close(c);
		t.fail_at = 1;                    /* a second loading would meet this */
	}
	rows_loaded_free(l);
	rows_close(db);
}

static void it_works_over_sqlite_too(void **state)
{
	struct fixture *f = *state;
	struct rows_db *db = test_rows_sqlite("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v);"
					      "INSERT INTO t VALUES ('b', 1), ('A', 2.5), ('c', x'00');");
	struct rows_loaded *l = rows_loaded_new(db);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct rows_cursor *c = NULL;

	assert_int_equal(rows_loaded_scan(l, db->tables, &c, &f->e), 0);
	assert_int_equal(drain(c, &b, &f->e), 0);
	assert_int_equal(rows_loaded_query(l, "SELECT sum(v) FROM t WHERE k > 'a'", &c, &f->e), 0);
	assert_int_equal(drain(c, &b, &f->e), 0);
	assert_string_equal(buf_text(&b), "'A'|2.5\n'b'|1\n'c'|x00\n1.0\n");
	rows_loaded_free(l);
	rows_close(db);
}

static void more_schemas_than_sqlite_attaches_are_a_limit_only_when_named(void **state)
{
	struct fixture *f = *state;
	enum { N = 14 };
	struct test_rows many[N];
	char names[N][2][8];
	CLEANUP(buf_release) struct buf all = BUF_INIT, b = BUF_INIT;
	struct rows_cursor *c = NULL;

	for (int i = 0; i < N; i++) {
		snprintf(names[i][0], sizeof names[i][0], "s%02d", i);
		snprintf(names[i][1], sizeof names[i][1], "t%02d", i);
		many[i] = (struct test_rows)TABLE(names[i][0], names[i][1], plain_columns, plain);
		buf_printf(&all, "%s%s.%s", i ? ", " : "SELECT count(*) FROM ", names[i][0], names[i][1]);
	}
	struct rows_db *db = test_rows_db(many, N);
	struct rows_loaded *l = rows_loaded_new(db);

	assert_int_equal(rows_loaded_query(l, "SELECT count(*) FROM t13, s03.t03", &c, &f->e), 0);
	assert_int_equal(drain(c, &b, &f->e), 0);
	assert_string_equal(buf_text(&b), "4\n");
	c = NULL;
	assert_int_equal(rows_loaded_query(l, buf_text(&all), &c, &f->e), -ERR_LIMIT);
	assert_string_equal(f->e.text, "more than 10 schemas are named");
	rows_loaded_free(l);
	rows_close(db);
}

static int compare(const char *a, const char *b)
{
	return rows_decimal_compare(a, strlen(a), b, strlen(b));
}

static void decimals_are_ordered_by_value(void **state)
{
	static const char *const ascending[] = {"-Infinity", "-1e400", "-10", "-9.99", "-0.01", "0", "1e-400", "0.009",
		"0.01", "0.1", "1", "1.05", "9", "10", "99999999999999999999.98", "99999999999999999999.99", "1e400",
		"Infinity", "NaN", "", "."};
	static const char *const same[][2] = {{"1.50", "1.5"}, {"0", "-0.00"}, {"1e2", "100"}, {"+7", "007"},
		{"1.5E-3", "0.0015"}, {"nan", "NaN"}, {"inf", "+Infinity"}, {".5", "0.50"}, {"5.", "5"}};

	for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
		for (size_t k = 0; k < ARRAY_LEN(ascending); k++)
			if (compare(ascending[i], ascending[k]) != (i > k) - (i < k))
				fail_msg("%s and %s", ascending[i], ascending[k]);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (compare(same[i][0], same[i][1]) || compare(same[i][1], same[i][0]))
			fail_msg("%s and %s", same[i][0], same[i][1]);
}

static void what_is_no_decimal_is_told(void **state)
{
	static const char *const none[] = {"", ".", "-", "1e", "1e+", "1.2.3", "0x10", " 1", "1 ", "--1", "infinit", "1,5"};
	struct rows_decimal d;

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		rows_decimal_read(none[i], strlen(none[i]), &d);
		if (d.kind != DECIMAL_NONE)
			fail_msg("\"%s\"", none[i]);
	}
	rows_decimal_read("-00120.0340", 11, &d);
	assert_int_equal(d.kind, DECIMAL_FINITE);
	assert_true(d.negative);
	assert_int_equal(d.digits, 6);
	assert_int_equal(d.exponent, 2);
}

static void a_packed_row_that_is_cut_is_not_taken(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct value out[5];

	assert_int_equal(rows_pack(orders, 5, &b, &f->e), 0);
	assert_int_equal(rows_unpack(b.p, b.len, out, 5, &f->e), 0);
	assert_int_equal(rows_compare_values(&out[1], &orders[1]), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(rows_unpack(b.p, n, out, 5, &f->e), -ERR_INTERNAL);
	assert_int_equal(rows_unpack(b.p, b.len, out, 4, &f->e), -ERR_INTERNAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_that_cannot_be_read_fails_by_the_tables_name_each_time),
		TEST(a_full_scratch_place_is_told_with_a_way_out),
		TEST(statements_that_write_are_refused),
		TEST(what_sqlite_does_not_understand_is_told_with_the_dialect_or_the_tables),
		TEST(a_name_that_several_schemas_have_must_be_written_in_full),
		TEST(a_table_is_found_with_and_without_its_schema),
		TEST(names_that_differ_in_case_only_get_numbers),
		TEST(numbers_compare_by_value_and_keep_their_digits),
		TEST(booleans_and_padded_texts_compare_as_people_expect),
		TEST(several_cursors_stay_open_while_tables_are_loaded),
		TEST(by_key_rows_come_in_binary_order_with_type_and_bytes),
		TEST(a_thousand_rows_come_sorted_and_again_without_loading_twice),
		TEST(it_works_over_sqlite_too),
		TEST(more_schemas_than_sqlite_attaches_are_a_limit_only_when_named),
		TEST(decimals_are_ordered_by_value),
		TEST(what_is_no_decimal_is_told),
		TEST(a_packed_row_that_is_cut_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

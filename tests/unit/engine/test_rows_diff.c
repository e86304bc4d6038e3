#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"
#include "engine/rows_bag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rows_column keyed[] = {COLUMN("k", "INT", 1), COLUMN("v", "TEXT", 0)};
static struct rows_column plain[] = {COLUMN("k", "INT", 0), COLUMN("v", "TEXT", 0)};
static struct rows_column narrow[] = {COLUMN("k", "INT", 1)};
static struct rows_column others[] = {COLUMN("x", "INT", 0), COLUMN("y", "TEXT", 0)};

#define TABLE(columns_, values_)                                                                                       \
	((struct test_rows){.name = (char *)"t",                                                                       \
			    .columns = (columns_),                                                                     \
			    .column_count = ARRAY_LEN(columns_),                                                       \
			    .values = (values_),                                                                       \
			    .rows = ARRAY_LEN(values_) / ARRAY_LEN(columns_)})

/* What on_row saw, a line a row: "changed t: 1|a -> 1|b". */
static void add_values(struct buf *b, const struct value *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_add_str(b, i ? "|" : "");
		if (v[i].type == VALUE_INT)
			buf_printf(b, "%lld", (long long)v[i].i);
		else if (v[i].type == VALUE_REAL)
			buf_printf(b, "%g", v[i].r);
		else if (v[i].type != VALUE_NULL)
			buf_add(b, v[i].p, v[i].n);
	}
}

static int tell(const struct row_diff *d, void *ctx, struct error *e)
{
	static const char *const kinds[] = {"same", "changed", "only a", "only b"};
	struct buf *b = ctx;

	assert_int_equal(d->a != NULL, d->kind != DIFF_ONLY_B);
	assert_int_equal(d->b != NULL, d->kind != DIFF_ONLY_A);
	buf_printf(b, "%s %s: ", kinds[d->kind], d->table->name);
	if (d->a)
		add_values(b, d->a, d->table->column_count);
	if (d->kind == DIFF_CHANGED)
		buf_add_str(b, " -> ");
	if (d->b)
		add_values(b, d->b, d->table->column_count);
	buf_add_str(b, "\n");
	return 0;
}

/* One line a table: "t: changed, 3 4, +1 -0 ~1". */
static void add_table(struct buf *b, const struct table_diff *t)
{
	static const char *const kinds[] = {"same", "changed", "only a", "only b"};

	buf_printf(b, "%s: %s%s, %llu %llu, +%llu -%llu ~%llu\n", t->name, kinds[t->kind],
		   t->columns_differ ? " columns" : "", (unsigned long long)t->rows_a, (unsigned long long)t->rows_b,
		   (unsigned long long)t->added, (unsigned long long)t->removed, (unsigned long long)t->changed);
}

/* Closes both. The counts must be the same with and without on_row. */
static void expect(struct rows_db *a, struct rows_db *b, const char *tables, const char *rows)
{
	CLEANUP(buf_release) struct buf counted = BUF_INIT, told = BUF_INIT, again = BUF_INIT;
	struct table_diff *out;
	struct error e = {0};
	size_t n;

	if (rows_diff(a, b, NULL, NULL, NULL, NULL, &out, &n, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < n; i++)
		add_table(&counted, &out[i]);
	table_diff_free(out, n);
	assert_string_equal(buf_text(&counted), tables);
	if (rows_diff(a, b, NULL, tell, &told, NULL, &out, &n, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < n; i++)
		add_table(&again, &out[i]);
	table_diff_free(out, n);
	assert_string_equal(buf_text(&again), tables);
	assert_string_equal(buf_text(&told), rows);
	rows_close(a);
	rows_close(b);
}

static void expect_arrays(struct test_rows a, struct test_rows b, const char *tables, const char *rows)
{
	expect(test_rows_db(&a, 1), test_rows_db(&b, 1), tables, rows);
}

static int refuse(const struct row_diff *d, void *ctx, struct error *e)
{
	return error_set(e, ERR_NO_SPACE, "enough of it");
}

static void expect_failure(struct test_rows a, struct test_rows b, row_diff_fn on_row, struct progress *p, int kind,
			   const char *text)
{
	struct rows_db *x = test_rows_db(&a, 1), *y = test_rows_db(&b, 1);
	struct table_diff *out = NULL;
	struct error e = {0};
	size_t n;

	assert_int_equal(rows_diff(x, y, NULL, on_row, NULL, p, &out, &n, &e), -kind);
	assert_string_equal(e.text, text);
	assert_null(out);
	rows_close(x);
	rows_close(y);
}

static void failures_on_the_way_are_told(void **state)
{
	static const struct value some[] = {V_INT(1), V_TEXT("a"), V_INT(2), V_TEXT("b")},
				  few[] = {V_INT(1), V_TEXT("a")};
	struct test_rows a = TABLE(keyed, some), b = TABLE(keyed, few), c = TABLE(plain, some), d = TABLE(plain, few);
	struct progress cancelled = {.cancel = true};

	expect_failure(a, b, refuse, NULL, ERR_NO_SPACE, "comparing table \"t\": enough of it");
	expect_failure(c, d, refuse, NULL, ERR_NO_SPACE, "comparing table \"t\": enough of it");
	expect_failure(a, b, NULL, &cancelled, ERR_CANCELLED, "cancelled");
	expect_failure(c, d, NULL, &cancelled, ERR_CANCELLED, "cancelled");
	a.fail_at = c.fail_at = 2;
	expect_failure(a, b, NULL, NULL, ERR_IO, "comparing table \"t\": the disk is broken");
	expect_failure(b, a, NULL, NULL, ERR_IO, "comparing table \"t\": the disk is broken");
	expect_failure(c, d, NULL, NULL, ERR_IO, "comparing table \"t\": the disk is broken");
}

static void a_table_on_neither_side_is_told(void **state)
{
	struct rows_db *a = test_rows_sqlite("CREATE TABLE t(x)"), *b = test_rows_sqlite("CREATE TABLE u(x)");
	CLEANUP(strlist_release) struct strlist only = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct table_diff *out;
	struct error e = {0};
	size_t n;

	strlist_add(&only, "u");
	assert_int_equal(rows_diff(a, b, &only, NULL, NULL, NULL, &out, &n, &e), 0);
	assert_int_equal(n, 1);
	add_table(&text, out);
	assert_string_equal(buf_text(&text), "u: only b, 0 0, +0 -0 ~0\n");
	table_diff_free(out, n);
	strlist_add(&only, "v");
	assert_int_equal(rows_diff(a, b, &only, NULL, NULL, NULL, &out, &n, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "there is no table \"v\" on either side");
	rows_close(a);
	rows_close(b);
}

static void two_empty_databases_do_not_differ(void **state)
{
	expect(test_rows_db(NULL, 0), test_rows_db(NULL, 0), "", "");
}

static void tables_of_one_side_are_removed_or_added(void **state)
{
	expect(test_rows_sqlite("CREATE TABLE a(x); INSERT INTO a VALUES(1),(2); CREATE TABLE m(x)"),
	       test_rows_sqlite("CREATE TABLE m(x); CREATE TABLE z(x, y); INSERT INTO z VALUES(3, 4)"),
	       "a: only a, 2 0, +0 -2 ~0\nm: same, 0 0, +0 -0 ~0\nz: only b, 0 1, +1 -0 ~0\n",
	       "only a a: 1\nonly a a: 2\nonly b z: 3|4\n");
}

static void rows_with_a_key_are_changed_added_or_removed(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("a"), V_INT(2), V_TEXT("b"),
					 V_INT(3), V_TEXT("c"), V_INT(5), V_TEXT("e")};
	static const struct value b[] = {V_INT(0),    V_TEXT("z"), V_INT(1),    V_TEXT("a"), V_INT(3),
					 V_TEXT("C"), V_INT(5),    V_TEXT("e"), V_INT(6),    V_NULL};

	expect_arrays(TABLE(keyed, a), TABLE(keyed, b), "t: changed, 4 5, +2 -1 ~1\n",
		      "only b t: 0|z\nonly a t: 2|b\nchanged t: 3|c -> 3|C\nonly b t: 6|\n");
}

static void the_same_rows_are_the_same(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("a"), V_INT(2), V_NULL};

	expect_arrays(TABLE(keyed, a), TABLE(keyed, a), "t: same, 2 2, +0 -0 ~0\n", "");
	expect_arrays(TABLE(plain, a), TABLE(plain, a), "t: same, 2 2, +0 -0 ~0\n", "");
}

static void the_type_of_a_value_matters(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("1"), V_INT(2), V_REAL(2),
					 V_INT(3), V_NULL,      V_INT(4), V_REAL(0.0)};
	static const struct value b[] = {V_INT(1), V_BLOB("1"), V_INT(2), V_INT(2),
					 V_INT(3), V_TEXT(""),  V_INT(4), V_REAL(-0.0)};

	expect_arrays(TABLE(keyed, a), TABLE(keyed, b), "t: changed, 4 4, +0 -0 ~4\n",
		      "changed t: 1|1 -> 1|1\nchanged t: 2|2 -> 2|2\nchanged t: 3| -> 3|\nchanged t: 4|0 -> 4|-0\n");
	expect_arrays(TABLE(plain, a), TABLE(plain, b), "t: changed, 4 4, +4 -4 ~0\n",
		      "only a t: 1|1\nonly a t: 2|2\nonly a t: 3|\nonly a t: 4|0\n"
		      "only b t: 1|1\nonly b t: 2|2\nonly b t: 3|\nonly b t: 4|-0\n");
}

static void rows_without_a_key_are_told_apart_by_number(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("x"), V_INT(1), V_TEXT("x"),
					 V_INT(2), V_TEXT("y"), V_INT(3), V_TEXT("z")};
	static const struct value b[] = {V_INT(3), V_TEXT("z"), V_INT(1), V_TEXT("x"),
					 V_INT(4), V_TEXT("w"), V_INT(4), V_TEXT("w")};

	expect_arrays(TABLE(plain, a), TABLE(plain, b), "t: changed, 4 4, +2 -2 ~0\n",
		      "only a t: 1|x\nonly a t: 2|y\nonly b t: 4|w\nonly b t: 4|w\n");
}

static void rows_out_of_order_are_compared_without_their_key(void **state)
{
	/* The disorder shows last; nothing said before may be told twice. */
	static const struct value a[] = {V_INT(1), V_TEXT("a"), V_INT(4), V_TEXT("d"), V_INT(3), V_TEXT("c")};
	static const struct value b[] = {V_INT(1), V_TEXT("A"), V_INT(3), V_TEXT("c"), V_INT(4), V_TEXT("d")};
	const char *tables = "t: changed, 3 3, +1 -1 ~0\n";

	expect_arrays(TABLE(keyed, a), TABLE(keyed, b), tables, "only a t: 1|a\nonly b t: 1|A\n");
	expect_arrays(TABLE(keyed, b), TABLE(keyed, a), tables, "only a t: 1|A\nonly b t: 1|a\n");
}

static void a_key_that_comes_twice_is_no_key(void **state)
{
	static const struct value a[] = {V_NULL, V_TEXT("a"), V_NULL, V_TEXT("b"), V_INT(1), V_TEXT("c")};
	static const struct value b[] = {V_NULL, V_TEXT("b"), V_NULL, V_TEXT("a"), V_INT(1), V_TEXT("d")};

	expect_arrays(TABLE(keyed, a), TABLE(keyed, b), "t: changed, 3 3, +1 -1 ~0\n",
		      "only a t: 1|c\nonly b t: 1|d\n");
}

static void other_columns_are_told_and_the_common_ones_compared(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("a"), V_INT(2), V_TEXT("b")};
	static const struct value b[] = {V_INT(1), V_INT(3)};

	expect_arrays(TABLE(keyed, a), TABLE(narrow, b), "t: changed columns, 2 2, +1 -1 ~0\n",
		      "only a t: 2\nonly b t: 3\n");
	expect_arrays(TABLE(narrow, b), TABLE(keyed, a), "t: changed columns, 2 2, +1 -1 ~0\n",
		      "only b t: 2|b\nonly a t: 3|\n");
	/* The key is another: by content, and only the common column. */
	expect_arrays(TABLE(plain, a), TABLE(narrow, b), "t: changed columns, 2 2, +1 -1 ~0\n",
		      "only a t: 2\nonly b t: 3\n");
}

static void rows_that_share_no_column_are_compared_as_they_are(void **state)
{
	static const struct value a[] = {V_INT(1), V_TEXT("a")};

	expect_arrays(TABLE(plain, a), TABLE(others, a), "t: changed columns, 1 1, +0 -0 ~0\n", "");
}

static void columns_in_another_order_hold_the_same_rows(void **state)
{
	expect(test_rows_sqlite("CREATE TABLE t(k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'a'), (2, 'b')"),
	       test_rows_sqlite("CREATE TABLE t(v, k INTEGER PRIMARY KEY); INSERT INTO t VALUES('a', 1), ('B', 2)"),
	       "t: changed columns, 2 2, +0 -0 ~1\n", "changed t: b|2 -> B|2\n");
}

static void keys_of_several_columns_and_other_collations_match(void **state)
{
	const char *make = "CREATE TABLE t(v, b TEXT COLLATE NOCASE, a INT, PRIMARY KEY(a DESC, b)) WITHOUT ROWID;"
			   "INSERT INTO t VALUES(1, 'b', 1), (2, 'A', 1), (3, 'C', 2), (4, 'a', -1);";
	AUTO_FREE char *changed = mem_printf("%s UPDATE t SET v = 9 WHERE b = 'a' AND a = 1; DELETE FROM t WHERE a = 2;"
					     "INSERT INTO t VALUES(5, 'Z', 0)",
					     make);

	expect(test_rows_sqlite(make), test_rows_sqlite(make), "t: same, 4 4, +0 -0 ~0\n", "");
	expect(test_rows_sqlite(make), test_rows_sqlite(changed), "t: changed, 4 4, +1 -1 ~1\n",
	       "only b t: 5|Z|0\nchanged t: 2|A|1 -> 9|A|1\nonly a t: 3|C|2\n");
}

static void keys_of_text_and_blobs_are_remembered_rightly(void **state)
{
	expect(test_rows_sqlite("CREATE TABLE t(a TEXT, b BLOB, v, PRIMARY KEY(a, b)); INSERT INTO t VALUES('a', "
				"X'01', 1), ('a', X'0102', 2),"
				"('ab', X'', 3), ('b', X'00', 4)"),
	       test_rows_sqlite("CREATE TABLE t(a TEXT, b BLOB, v, PRIMARY KEY(a, b)); INSERT INTO t VALUES('b', "
				"X'00', 4), ('ab', X'', 0),"
				"('a', X'0102', 2)"),
	       "t: changed, 4 3, +0 -1 ~1\n", "only a t: a|\x01|1\nchanged t: ab||3 -> ab||0\n");
}

static void progress_counts_the_rows_of_both_sides(void **state)
{
	static const struct value row[] = {V_INT(1), V_TEXT("a")};
	struct test_rows t = TABLE(plain, row);
	struct progress p = {NULL};
	struct table_diff *out;
	struct error e = {0};
	size_t n;

	t.rows = 1024;
	t.distinct = 1;

	struct rows_db *a = test_rows_db(&t, 1), *b = test_rows_db(&t, 1);

	assert_int_equal(rows_diff(a, b, NULL, NULL, NULL, &p, &out, &n, &e), 0);
	assert_int_equal(out->kind, DIFF_SAME);
	assert_int_equal(p.items_done, 2048);
	assert_string_equal(p.phase, "comparing");
	table_diff_free(out, n);
	rows_close(a);
	rows_close(b);
}

static void hash_number(uint32_t i, uint8_t hash[ROWS_BAG_HASH])
{
	/* Many share their home in the bag, so that they are pushed about. */
	memset(hash, 0, ROWS_BAG_HASH);
	hash[0] = (uint8_t)(i % 7);
	memcpy(hash + 8, &i, sizeof i);
}

static void a_bag_that_is_full_says_so(void **state)
{
	CLEANUP(rows_bag_free) struct rows_bag *b = rows_bag_new(2);
	uint8_t hash[ROWS_BAG_HASH];
	struct error e = {0};

	for (uint32_t i = 0; i < 2; i++) {
		hash_number(i, hash);
		assert_int_equal(rows_bag_add(b, hash, 1, &e), 0);
	}
	hash_number(2, hash);
	assert_int_equal(rows_bag_add(b, hash, 1, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "more than 2 different rows");
	hash_number(1, hash);
	assert_int_equal(rows_bag_add(b, hash, -1, &e), 0);
	hash_number(2, hash);
	assert_int_equal(rows_bag_add(b, hash, -1, &e), 0);
}

static void a_bag_counts_as_a_plain_array_does(void **state)
{
	enum { N = 3000 };
	CLEANUP(rows_bag_free) struct rows_bag *b = rows_bag_new(N);
	AUTO_FREE int64_t *model = mem_zero(N * sizeof *model);
	uint64_t above, below, model_above = 0, model_below = 0;
	uint8_t hash[ROWS_BAG_HASH];
	uint32_t random = 12345;
	struct error e = {0};

	for (size_t step = 0; step < 20000; step++) {
		random = random * 1664525 + 1013904223;

		uint32_t i = (random >> 16) % N;
		int64_t by = (random >> 13) % 3 == 0 && model[i] ? -model[i] : (random >> 14) % 2 ? 1 : -1;

		hash_number(i, hash);
		model[i] += by;
		assert_int_equal(rows_bag_add(b, hash, by, &e), 0);
	}
	for (uint32_t i = 0; i < N; i++) {
		hash_number(i, hash);
		assert_int_equal(rows_bag_count(b, hash), model[i]);
		*(model[i] > 0 ? &model_above : &model_below) += (uint64_t)llabs(model[i]);
	}
	rows_bag_sums(b, &above, &below);
	assert_int_equal(above, model_above);
	assert_int_equal(below, model_below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_on_the_way_are_told),
		cmocka_unit_test(a_table_on_neither_side_is_told),
		cmocka_unit_test(two_empty_databases_do_not_differ),
		cmocka_unit_test(tables_of_one_side_are_removed_or_added),
		cmocka_unit_test(rows_with_a_key_are_changed_added_or_removed),
		cmocka_unit_test(the_same_rows_are_the_same),
		cmocka_unit_test(the_type_of_a_value_matters),
		cmocka_unit_test(rows_without_a_key_are_told_apart_by_number),
		cmocka_unit_test(rows_out_of_order_are_compared_without_their_key),
		cmocka_unit_test(a_key_that_comes_twice_is_no_key),
		cmocka_unit_test(other_columns_are_told_and_the_common_ones_compared),
		cmocka_unit_test(rows_that_share_no_column_are_compared_as_they_are),
		cmocka_unit_test(columns_in_another_order_hold_the_same_rows),
		cmocka_unit_test(keys_of_several_columns_and_other_collations_match),
		cmocka_unit_test(keys_of_text_and_blobs_are_remembered_rightly),
		cmocka_unit_test(progress_counts_the_rows_of_both_sides),
		cmocka_unit_test(a_bag_that_is_full_says_so),
		cmocka_unit_test(a_bag_counts_as_a_plain_array_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

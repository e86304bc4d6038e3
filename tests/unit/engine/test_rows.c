#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rows_column two[] = {COLUMN("a", "INT", 1), COLUMN("b", "TEXT", 0)};

static void a_table_that_is_not_there_is_answered_with_those_that_are(void **state)
{
	static const struct test_rows tables[] = {{.name = (char *)"orders"},
						  {.schema = (char *)"sales", .name = (char *)"people"}};
	struct rows_db *d = test_rows_db(tables, 2), *none = test_rows_db(NULL, 0);
	const struct rows_table *t;
	struct error e = {0};

	assert_int_equal(rows_find_table(d, "order", &t, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "there is no table \"order\"; the tables are: orders, sales.people");
	assert_int_equal(rows_find_table(none, "order", &t, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "there is no table \"order\"; there are no tables");
	rows_close(d);
	rows_close(none);
	rows_close(NULL);
	rows_cursor_close(NULL);
}

static void a_name_in_two_schemas_must_be_said_with_its_schema(void **state)
{
	static const struct test_rows tables[] = {{.schema = (char *)"a", .name = (char *)"t"},
						  {.schema = (char *)"b", .name = (char *)"t"},
						  {.schema = (char *)"b", .name = (char *)"u"}};
	struct rows_db *d = test_rows_db(tables, 3);
	const struct rows_table *t;
	struct error e = {0};

	assert_int_equal(rows_find_table(d, "t", &t, &e), -ERR_USAGE);
	assert_string_equal(e.text, "there are several tables \"t\": a.t, b.t");
	assert_int_equal(rows_find_table(d, "b.t", &t, &e), 0);
	assert_ptr_equal(t, &d->tables[1]);
	assert_int_equal(rows_find_table(d, "u", &t, &e), 0);
	assert_ptr_equal(t, &d->tables[2]);
	rows_close(d);
}

static void tables_are_chosen_once_and_in_order(void **state)
{
	static const struct test_rows tables[] = {{.name = (char *)"a"}, {.name = (char *)"b"}, {.name = (char *)"c"}};
	struct rows_db *d = test_rows_db(tables, 3);
	CLEANUP(strlist_release) struct strlist only = {0};
	const struct rows_table **out = NULL;
	struct error e = {0};
	size_t n;

	assert_int_equal(rows_choose(d, NULL, &out, &n, &e), 0);
	assert_int_equal(n, 3);
	free(out);
	strlist_add(&only, "c");
	strlist_add(&only, "a");
	strlist_add(&only, "c");
	assert_int_equal(rows_choose(d, &only, &out, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(out[0]->name, "a");
	assert_string_equal(out[1]->name, "c");
	free(out);
	strlist_add(&only, "z");
	assert_int_equal(rows_choose(d, &only, &out, &n, &e), -ERR_NOT_FOUND);
	rows_close(d);
}

static void values_of_all_types_have_one_order(void **state)
{
	static const struct value ascending[] = {V_NULL,
						 V_REAL(NAN),
						 V_REAL(-INFINITY),
						 V_INT(INT64_MIN),
						 V_INT(INT64_MIN + 1),
						 V_REAL(-2.5),
						 V_INT(-2),
						 V_REAL(-0.5),
						 V_INT(0),
						 V_REAL(5e-324),
						 V_INT(1),
						 V_REAL(1.5),
						 V_INT(((int64_t)1 << 53) + 1),
						 V_INT(INT64_MAX),
						 V_REAL(0x1p63),
						 V_REAL(INFINITY),
						 V_TEXT(""),
						 V_TEXT("A"),
						 V_TEXT("A\0"),
						 V_TEXT("AB"),
						 V_TEXT("a"),
						 V_TEXT("\xc3\xa4"),
						 V_BLOB(""),
						 V_BLOB("\0"),
						 V_BLOB("a")};

	for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
		for (size_t j = 0; j < ARRAY_LEN(ascending); j++)
			assert_int_equal(rows_compare_values(&ascending[i], &ascending[j]), (i > j) - (i < j));
}

static void an_integer_equals_the_real_of_the_same_worth_exactly(void **state)
{
	static const struct value i = V_INT((int64_t)1 << 60), r = V_REAL(0x1p60), near = V_INT(((int64_t)1 << 60) + 1);

	assert_int_equal(rows_compare_values(&i, &r), 0);
	assert_int_equal(rows_compare_values(&near, &r), 1);
	assert_int_equal(rows_compare_values(&r, &near), -1);
}

static void a_real_is_written_shortly_and_reads_back(void **state)
{
	static const struct {
		double r;
		const char *text;
	} cases[] = {{0.1, "0.1"},
		     {2, "2.0"},
		     {-0.0, "-0.0"},
		     {1e300, "1e+300"},
		     {0.1 + 0.2, "0.30000000000000004"},
		     {5e-324, "4.94065645841247e-324"},
		     {INFINITY, "Infinity"},
		     {-INFINITY, "-Infinity"},
		     {NAN, "NaN"},
		     {123456789012345680.0, "1.2345678901234568e+17"}};
	char text[ROWS_REAL_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rows_real_text(cases[i].r, text);
		assert_string_equal(text, cases[i].text);
	}
}

static int count_rows(const struct value *values, size_t n, void *ctx, struct error *e)
{
	return ++*(size_t *)ctx == 700 ? error_set(e, ERR_NO_SPACE, "enough") : 0;
}

static void what_cannot_be_read_names_its_table(void **state)
{
	static const struct value values[] = {V_INT(1), V_TEXT("x")};
	const struct test_rows broken = {.name = (char *)"t",
					 .columns = two,
					 .column_count = 2,
					 .values = values,
					 .rows = 1000,
					 .distinct = 1,
					 .fail_at = 300};
	struct rows_db *d = test_rows_db(&broken, 1);
	struct progress p = {NULL};
	struct error e = {0};
	size_t rows = 0;

	assert_int_equal(rows_each_of(d, &d->tables[0], &p, count_rows, &rows, &e), -ERR_IO);
	assert_string_equal(e.text, "reading table \"t\": the disk is broken");
	assert_int_equal(rows, 299);
	assert_int_equal(p.items_done, 299);
	rows_close(d);
}

static void what_the_receiver_fails_with_is_passed_on_as_it_is(void **state)
{
	static const struct value values[] = {V_INT(1), V_TEXT("x")};
	const struct test_rows whole = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = 1000, .distinct = 1};
	struct rows_db *d = test_rows_db(&whole, 1);
	struct error e = {0};
	size_t rows = 0;

	assert_int_equal(rows_each_of(d, &d->tables[0], NULL, count_rows, &rows, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "enough");
	rows_close(d);
}

static void going_through_rows_can_be_cancelled(void **state)
{
	static const struct value values[] = {V_INT(1), V_TEXT("x")};
	const struct test_rows whole = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = 9, .distinct = 1};
	struct rows_db *d = test_rows_db(&whole, 1);
	struct progress p = {.cancel = true};
	struct error e = {0};
	size_t rows = 0;

	assert_int_equal(rows_each_of(d, &d->tables[0], &p, count_rows, &rows, &e), -ERR_CANCELLED);
	assert_string_equal(e.text, "cancelled");
	assert_int_equal(rows, 1);
	rows_close(d);
}

static void hash_of(const struct value *values, size_t rows, char out[65])
{
	const struct test_rows table = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = rows};
	struct rows_db *d = test_rows_db(&table, 1);
	struct error e = {0};
	uint64_t n;

	assert_int_equal(rows_hash_table(d, &d->tables[0], NULL, &n, out, &e), 0);
	assert_int_equal(n, rows);
	rows_close(d);
}

static void a_table_that_breaks_has_no_hash(void **state)
{
	const struct test_rows broken = {.name = (char *)"t", .columns = two, .column_count = 2, .fail_at = 1};
	struct rows_db *d = test_rows_db(&broken, 1);
	struct error e = {0};
	char hash[65];
	uint64_t n;

	assert_int_equal(rows_hash_table(d, &d->tables[0], NULL, &n, hash, &e), -ERR_IO);
	rows_close(d);
}

static void the_hash_is_the_one_that_is_specified(void **state)
{
	static const struct value rows[] = {V_INT(1), V_TEXT("x"), V_NULL, V_REAL(0.5)};
	char hash[65];

	hash_of(rows, 0, hash);
	assert_string_equal(hash, "0000000000000000000000000000000000000000000000000000000000000000");
	hash_of(rows, 1, hash);
	assert_string_equal(hash, "bd8e41d0605c90c7d48538bef62f7a068123b66f9d50ffd21636b769ef2913f8");
	hash_of(rows, 2, hash);
	assert_string_equal(hash, "7f0862029c8faf4fb7b7a70d09fdc0462e4f7979f64aacea4f93789cf2507946");
}

static void the_hash_does_not_depend_on_the_order_of_rows(void **state)
{
	static const struct value one[] = {V_INT(1), V_TEXT("x"), V_INT(2), V_TEXT("y"), V_INT(3), V_NULL};
	static const struct value other[] = {V_INT(3), V_NULL, V_INT(1), V_TEXT("x"), V_INT(2), V_TEXT("y")};
	char a[65], b[65];

	hash_of(one, 3, a);
	hash_of(other, 3, b);
	assert_string_equal(a, b);
}

static void the_hash_sees_every_other_change(void **state)
{
	static const struct value cases[][4] = {
		{V_INT(1), V_TEXT("x"), V_INT(2), V_TEXT("y")},
		{V_INT(1), V_TEXT("y"), V_INT(2), V_TEXT("x")},  /* values swapped between rows */
		{V_TEXT("x"), V_INT(1), V_INT(2), V_TEXT("y")},  /* within a row */
		{V_REAL(1), V_TEXT("x"), V_INT(2), V_TEXT("y")}, /* types */
		{V_INT(1), V_BLOB("x"), V_INT(2), V_TEXT("y")},
		{V_INT(1), V_TEXT("x"), V_INT(1), V_TEXT("x")}, /* a row twice */
		{V_INT(1), V_TEXT("x"), V_INT(2), V_TEXT("")},
		{V_INT(1), V_TEXT("x"), V_INT(2), V_NULL},
		{V_TEXT("ab"), V_TEXT("c"), V_INT(2), V_TEXT("y")}, /* where one value ends */
		{V_TEXT("a"), V_TEXT("bc"), V_INT(2), V_TEXT("y")},
	};
	char hash[ARRAY_LEN(cases)][65];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		hash_of(cases[i], 2, hash[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hash[i], hash[j]);
	}
}

static void a_large_value_is_hashed_as_a_small_one(void **state)
{
	/* The same bytes, gathered in one case and passed through in the other. */
	AUTO_FREE char *large = mem_zero(100000);
	struct value v[] = {{.type = VALUE_INT, .i = 7}, {.type = VALUE_BLOB, .p = large, .n = 100000}};
	char a[65], b[65];

	hash_of(v, 1, a);
	large[99999] = 1;
	hash_of(v, 1, b);
	assert_string_equal(a, "a2e41096cebf615e83b5d86b2b5f63d0e4f7b72662b8bf3be5900ac5d96199c8");
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_that_is_not_there_is_answered_with_those_that_are),
		cmocka_unit_test(a_name_in_two_schemas_must_be_said_with_its_schema),
		cmocka_unit_test(tables_are_chosen_once_and_in_order),
		cmocka_unit_test(values_of_all_types_have_one_order),
		cmocka_unit_test(an_integer_equals_the_real_of_the_same_worth_exactly),
		cmocka_unit_test(a_real_is_written_shortly_and_reads_back),
		cmocka_unit_test(what_cannot_be_read_names_its_table),
		cmocka_unit_test(what_the_receiver_fails_with_is_passed_on_as_it_is),
		cmocka_unit_test(going_through_rows_can_be_cancelled),
		cmocka_unit_test(a_table_that_breaks_has_no_hash),
		cmocka_unit_test(the_hash_is_the_one_that_is_specified),
		cmocka_unit_test(the_hash_does_not_depend_on_the_order_of_rows),
		cmocka_unit_test(the_hash_sees_every_other_change),
		cmocka_unit_test(a_large_value_is_hashed_as_a_small_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

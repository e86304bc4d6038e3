#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static struct rows_column two[] = {COLUMN("a", "", 0), COLUMN("say \"b\"", "", 0)};
static struct rows_column one[] = {COLUMN("a", "", 0)};

#define TABLE(...) (&(const struct test_rows){.name = (char *)"t", .columns = two, .column_count = 2, __VA_ARGS__})

static void expect_csv(const struct test_rows *table, const char *expected, size_t n)
{
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(table, 1);
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv(d, &d->tables[0], &out.sink, NULL, &e), 0);
	assert_int_equal(out.bytes.len, n);
	assert_memory_equal(buf_text(&out.bytes), expected, n);
	rows_close(d);
}
#define EXPECT_CSV(table, text) expect_csv(table, text, sizeof(text) - 1)

static void a_full_sink_is_told(void **state)
{
	static const struct value values[] = {V_INT(1), V_TEXT("some text")};
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(TABLE(.values = values, .rows = 100000, .distinct = 1), 1);
	struct error e = {0};

	test_sink_init(&out, 100000);
	assert_int_equal(rows_csv(d, &d->tables[0], &out.sink, NULL, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "the sink is full");
	test_sink_release(&out);
	test_sink_init(&out, 1);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, NULL, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "the sink is full");
	rows_close(d);
}

static void a_table_without_rows_is_its_header(void **state)
{
	EXPECT_CSV(TABLE(.rows = 0), "a,\"say \"\"b\"\"\"\r\n");
}

static void null_and_the_empty_string_are_told_apart(void **state)
{
	static const struct value values[] = {V_NULL, V_TEXT(""), V_TEXT(""), V_NULL};

	EXPECT_CSV(TABLE(.values = values, .rows = 2), "a,\"say \"\"b\"\"\"\r\n,\"\"\r\n\"\",\r\n");
}

static void what_would_break_a_line_is_quoted(void **state)
{
	static const struct value values[] = {V_TEXT("a,b"),  V_TEXT("\"q\""),       V_TEXT("l\nm"),
					      V_TEXT("r\rs"), V_TEXT(" plain; \\x"), V_TEXT("\"")};

	EXPECT_CSV(TABLE(.values = values, .rows = 3),
		   "a,\"say \"\"b\"\"\"\r\n\"a,b\",\"\"\"q\"\"\"\r\n\"l\nm\",\"r\rs\"\r\n plain; \\x,\"\"\"\"\r\n");
}

static void bytes_of_text_are_kept_whatever_they_are(void **state)
{
	static const struct value values[] = {V_TEXT("\xff\xfe"), V_TEXT("a\0b"), V_TEXT("gr\xc3\xbc\xc3\x9f"),
					      V_BLOB("\x00\xab\xff")};

	EXPECT_CSV(TABLE(.values = values, .rows = 2),
		   "a,\"say \"\"b\"\"\"\r\n\xff\xfe,a\0b\r\ngr\xc3\xbc\xc3\x9f,\\x00abff\r\n");
}

static void numbers_keep_their_worth(void **state)
{
	static const struct value values[] = {V_INT(INT64_MIN),  V_REAL(0.1), V_REAL(3),
					      V_REAL(-INFINITY), V_BLOB(""),  V_INT(0)};

	EXPECT_CSV(TABLE(.values = values, .rows = 3),
		   "a,\"say \"\"b\"\"\"\r\n-9223372036854775808,0.1\r\n3.0,-Infinity\r\n\\x,0\r\n");
}

static void values_larger_than_any_buffer_pass(void **state)
{
	size_t n = 300000;
	AUTO_FREE char *large = mem_alloc(n);
	CLEANUP(buf_release) struct buf expected = BUF_INIT;

	memset(large, '"', n);
	const struct value values[] = {{.type = VALUE_TEXT, .p = large, .n = n},
				       {.type = VALUE_BLOB, .p = large, .n = n}};

	buf_add_str(&expected, "a,\"say \"\"b\"\"\"\r\n\"");
	for (size_t i = 0; i < 2 * n; i++)
		buf_add_byte(&expected, '"');
	buf_add_str(&expected, "\",\\x");
	for (size_t i = 0; i < n; i++)
		buf_add_str(&expected, "22");
	buf_add_str(&expected, "\r\n");
	expect_csv(TABLE(.values = values, .rows = 1), buf_text(&expected), expected.len);
}

static void the_answer_of_a_query_is_written_too(void **state)
{
	CLEANUP(test_sink_release) struct test_sink out;
	CLEANUP(rows_cursor_drop) struct rows_cursor *c = NULL;
	struct rows_db *d = test_rows_sqlite("CREATE TABLE t(x, y); INSERT INTO t VALUES(1, 'one'), (2, NULL)");
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(d->query(d, "SELECT y AS \"the,name\", x * 1.5 AS z FROM t ORDER BY x", &c, &e), 0);
	assert_int_equal(rows_csv_cursor(c, &out.sink, &e), 0);
	assert_string_equal(buf_text(&out.bytes), "\"the,name\",z\r\none,1.5\r\n,3.0\r\n");
	rows_cursor_drop(&c);
	rows_close(d);
}

static void a_zip_that_could_not_be_finished_cannot_pass_for_whole(void **state)
{
	static const struct value values[] = {V_INT(1)};
	static const struct test_rows tables[] = {
		{.name = (char *)"a", .columns = one, .column_count = 1, .values = values, .rows = 1},
		{.name = (char *)"b",
		 .columns = one,
		 .column_count = 1,
		 .values = values,
		 .rows = 5,
		 .distinct = 1,
		 .fail_at = 3}};
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(tables, 2);
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, NULL, &e), -ERR_IO);
	assert_string_equal(e.text, "reading table \"b\": the disk is broken");
	assert_null(memmem(out.bytes.p ? (char *)out.bytes.p : "", out.bytes.len, "PK\5\6", 4));
	rows_close(d);
}

static void a_zip_can_be_cancelled(void **state)
{
	static const struct value values[] = {V_INT(1)};
	static const struct test_rows table = {
		.name = (char *)"a", .columns = one, .column_count = 1, .values = values, .rows = 1};
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(&table, 1);
	struct progress p = {.cancel = true};
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, &p, &e), -ERR_CANCELLED);
	rows_close(d);
}

static void expect_file(const struct test_sink *zip, const char *path, const char *expected)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (!test_zip_file(zip->bytes.p, zip->bytes.len, path, &text))
		fail_msg("no file %s", path);
	assert_string_equal(buf_text(&text), expected);
}

static void a_zip_holds_a_file_a_table(void **state)
{
	CLEANUP(test_sink_release) struct test_sink out;
	CLEANUP(strlist_release) struct strlist only = {0};
	CLEANUP(buf_release) struct buf none = BUF_INIT;
	struct rows_db *d =
		test_rows_sqlite("CREATE TABLE t(x); INSERT INTO t VALUES(1); CREATE TABLE u(y); CREATE TABLE v(z)");
	struct progress p = {NULL};
	struct error e = {0};

	strlist_add(&only, "t");
	strlist_add(&only, "v");
	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, &only, &out.sink, &p, &e), 0);
	expect_file(&out, "t.csv", "x\r\n1\r\n");
	expect_file(&out, "v.csv", "z\r\n");
	assert_false(test_zip_file(out.bytes.p, out.bytes.len, "u.csv", &none));
	assert_int_equal(p.items_done, 1);
	assert_string_equal(p.phase, "writing");
	strlist_add(&only, "w");
	assert_int_equal(rows_csv_zip(d, &only, &out.sink, &p, &e), -ERR_NOT_FOUND);
	rows_close(d);
}

static void a_database_without_tables_is_an_empty_zip(void **state)
{
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(NULL, 0);
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, NULL, &e), 0);
	assert_int_equal(out.bytes.len, 22);
	rows_close(d);
}

static void names_of_files_are_safe_and_unique(void **state)
{
	static const char *const names[][2] = {{"../../etc/passwd", "_._.._etc_passwd.csv"},
					       {".hidden", "_hidden.csv"},
					       {"-rf", "_rf.csv"},
					       {"a\nb", "a_b.csv"},
					       {"", "_.csv"},
					       {"People", "People.csv"},
					       {"people", "people (2).csv"},
					       {"PEOPLE", "PEOPLE (3).csv"},
					       {"a:b*c?\"<>|\\", "a_b_c______.csv"},
					       {"\xc3\x84pfel", "\xc3\x84pfel.csv"},
					       {"\xc3\xa4pfel", "\xc3\xa4pfel (2).csv"},
					       {"bad\xff", "bad_.csv"}};
	struct test_rows tables[ARRAY_LEN(names) + 1] = {0};
	CLEANUP(test_sink_release) struct test_sink out;
	char longest[300], expected[100];
	struct error e = {0};

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		tables[i] = (struct test_rows){.columns = one,
					       .column_count = 1,
					       .name = i < ARRAY_LEN(names) ? (char *)(uintptr_t)names[i][0] : longest};

	struct rows_db *d = test_rows_db(tables, ARRAY_LEN(tables));

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, NULL, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(memmem(out.bytes.p, out.bytes.len, names[i][1], strlen(names[i][1])));
	memset(expected, 'x', 80);
	strcpy(expected + 80, ".csv");
	expect_file(&out, expected, "a\r\n");
	rows_close(d);
}

static void names_beyond_ascii_are_marked_as_utf8(void **state)
{
	static const struct test_rows table = {.name = (char *)"\xc3\xa4", .columns = one, .column_count = 1};
	CLEANUP(test_sink_release) struct test_sink out;
	struct rows_db *d = test_rows_db(&table, 1);
	struct error e = {0};

	test_sink_init(&out, 0);
	assert_int_equal(rows_csv_zip(d, NULL, &out.sink, NULL, &e), 0);
	assert_memory_equal(out.bytes.p, "PK\3\4", 4);
	assert_int_equal(out.bytes.p[7] & 8, 8); /* bit 11 of the flags */
	assert_int_equal(out.bytes.p[8], 8);     /* deflate */
	rows_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_sink_is_told),
		cmocka_unit_test(a_table_without_rows_is_its_header),
		cmocka_unit_test(null_and_the_empty_string_are_told_apart),
		cmocka_unit_test(what_would_break_a_line_is_quoted),
		cmocka_unit_test(bytes_of_text_are_kept_whatever_they_are),
		cmocka_unit_test(numbers_keep_their_worth),
		cmocka_unit_test(values_larger_than_any_buffer_pass),
		cmocka_unit_test(the_answer_of_a_query_is_written_too),
		cmocka_unit_test(a_zip_that_could_not_be_finished_cannot_pass_for_whole),
		cmocka_unit_test(a_zip_can_be_cancelled),
		cmocka_unit_test(a_zip_holds_a_file_a_table),
		cmocka_unit_test(a_database_without_tables_is_an_empty_zip),
		cmocka_unit_test(names_of_files_are_safe_and_unique),
		cmocka_unit_test(names_beyond_ascii_are_marked_as_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

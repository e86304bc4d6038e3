#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/rows_xlsx.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct place {
	char *dir, *file;
};

static int begin(void **state)
{
	struct place *p = mem_zero(sizeof *p);
	struct error e = {0};

	assert_int_equal(fs_temp_dir(NULL, "rows-xlsx-", &p->dir, &e), 0);
	p->file = path_join(p->dir, "out.xlsx");
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	struct error e = {0};

	assert_int_equal(fs_remove_tree(p->dir, &e), 0);
	free(p->dir);
	free(p->file);
	free(p);
	return 0;
}

static struct rows_column one[] = {COLUMN("a", "", 0)};
static struct rows_column two[] = {COLUMN("a", "", 0), COLUMN("b", "", 0)};

/* Nothing but `names` is in the folder. */
static void expect_files(const struct place *p, const char *names)
{
	CLEANUP(strlist_release) struct strlist list = {0};
	struct error e = {0};

	assert_int_equal(fs_list(p->dir, &list, &e), 0);

	AUTO_FREE char *joined = strlist_join(&list, " ");

	assert_string_equal(joined, names);
}

static uint64_t write_file(const struct place *p, const struct test_rows *tables, size_t n)
{
	struct rows_db *d = test_rows_db(tables, n);
	struct error e = {0};
	uint64_t cuts = 99;

	if (rows_xlsx(d, NULL, p->file, &cuts, NULL, &e) < 0)
		fail_msg("%s", e.text);
	rows_close(d);
	expect_files(p, "out.xlsx");
	return cuts;
}

static void part_of(const struct place *p, const char *name, struct buf *out)
{
	CLEANUP(buf_release) struct buf zip = BUF_INIT;
	struct error e = {0};

	assert_int_equal(fs_read_file(p->file, (size_t)1 << 30, &zip, &e), 0);
	buf_clear(out);
	if (!test_zip_file(zip.p, zip.len, name, out))
		fail_msg("no part %s", name);
}

static void expect_in(const struct place *p, const char *part, const char *text)
{
	CLEANUP(buf_release) struct buf xml = BUF_INIT;

	part_of(p, part, &xml);
	if (!strstr(buf_text(&xml), text))
		fail_msg("%s is not in %.2000s", text, buf_text(&xml));
}

static void expect_sheets(const struct place *p, const char *const *names, size_t n)
{
	CLEANUP(buf_release) struct buf xml = BUF_INIT;
	const char *at;

	part_of(p, "xl/workbook.xml", &xml);
	at = buf_text(&xml);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *tag = mem_printf("<sheet name=\"%s\" ", names[i]);

		if (!(at = strstr(at, tag)))
			fail_msg("%s is not in its place in %s", tag, buf_text(&xml));
		at++;
	}
	assert_null(strstr(at, "<sheet name="));
}
#define EXPECT_SHEETS(p, ...)                                                                                          \
	expect_sheets(p, (const char *const[]){__VA_ARGS__},                                                           \
		      sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void a_file_that_exists_is_never_written_over(void **state)
{
	const struct place *p = *state;
	struct rows_db *d = test_rows_db(NULL, 0);
	CLEANUP(buf_release) struct buf content = BUF_INIT;
	struct error e = {0};
	uint64_t cuts;

	assert_int_equal(fs_write_atomic(p->file, "mine", 4, 0644, &e), 0);
	assert_int_equal(rows_xlsx(d, NULL, p->file, &cuts, NULL, &e), -ERR_EXISTS);
	assert_int_equal(fs_read_file(p->file, 100, &content, &e), 0);
	assert_string_equal(buf_text(&content), "mine");
	rows_close(d);
}

static void what_fails_leaves_no_file(void **state)
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
	const struct place *p = *state;
	struct rows_db *d = test_rows_db(tables, 2);
	struct progress cancelled = {.cancel = true};
	CLEANUP(strlist_release) struct strlist only = {0};
	struct error e = {0};
	uint64_t cuts;

	assert_int_equal(rows_xlsx(d, NULL, p->file, &cuts, NULL, &e), -ERR_IO);
	assert_string_equal(e.text, "reading table \"b\": the disk is broken");
	expect_files(p, "");
	assert_int_equal(rows_xlsx(d, NULL, p->file, &cuts, &cancelled, &e), -ERR_CANCELLED);
	expect_files(p, "");
	strlist_add(&only, "c");
	assert_int_equal(rows_xlsx(d, &only, p->file, &cuts, NULL, &e), -ERR_NOT_FOUND);
	expect_files(p, "");
	rows_close(d);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	const struct place *p = *state;
	AUTO_FREE char *file = path_join(p->dir, "none/out.xlsx");
	struct rows_db *d = test_rows_db(NULL, 0);
	struct error e = {0};
	uint64_t cuts;

	assert_int_equal(rows_xlsx(d, NULL, file, &cuts, NULL, &e), -ERR_NOT_FOUND);
	assert_non_null(strstr(e.text, "none/out.xlsx: No such file or directory"));
	rows_close(d);
}

static void too_many_columns_are_refused(void **state)
{
	const struct place *p = *state;
	AUTO_FREE struct rows_column *columns = mem_array(NULL, 16385, sizeof *columns);
	struct test_rows table = {.name = (char *)"wide", .columns = columns, .column_count = 16385};
	struct error e = {0};
	uint64_t cuts;

	for (size_t i = 0; i < 16385; i++)
		columns[i] = one[0];

	struct rows_db *d = test_rows_db(&table, 1);

	assert_int_equal(rows_xlsx(d, NULL, p->file, &cuts, NULL, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "table \"wide\" has 16385 columns; an Excel sheet takes 16384");
	rows_close(d);
}

/* The library does not notice when its temporary files cannot grow. */
static void a_disk_that_is_full_is_noticed(void **state)
{
	static const struct value values[] = {V_TEXT("always the same text, so that the file itself stays small")};
	static const struct test_rows table = {
		.name = (char *)"t", .columns = one, .column_count = 1, .values = values, .rows = 20000, .distinct = 1};
	const struct place *p = *state;
	struct rows_db *d = test_rows_db(&table, 1);
	struct rlimit before, small;
	struct error e = {0};
	uint64_t cuts;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000000;

	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

	int rc = rows_xlsx(d, NULL, p->file, &cuts, NULL, &e);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(rc, -ERR_IO);
	assert_non_null(strstr(e.text, "out.xlsx came out incomplete: "));
	assert_string_equal(e.hint, "look whether its disk is full");
	expect_files(p, "");
	rows_close(d);
}

static void a_file_that_is_not_excels_does_not_check(void **state)
{
	const struct place *p = *state;
	struct error e = {0};

	assert_int_equal(fs_write_atomic(p->file, "PK, or so", 9, 0600, &e), 0);
	assert_int_equal(rows_xlsx_check(p->file, 1, 1, &e), -ERR_IO);
	assert_non_null(strstr(e.text, "out.xlsx does not read back: "));
}

static void a_database_without_tables_says_so_on_a_sheet(void **state)
{
	const struct place *p = *state;

	assert_int_equal(write_file(p, NULL, 0), 0);
	EXPECT_SHEETS(p, "Notes");
	expect_in(p, "xl/worksheets/sheet1.xml", "the database has no tables");
}

static void the_file_is_private(void **state)
{
	const struct place *p = *state;
	struct stat st;

	write_file(p, NULL, 0);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_header_is_bold_and_stays_in_place(void **state)
{
	static const struct test_rows table = {.name = (char *)"t", .columns = two, .column_count = 2};
	const struct place *p = *state;

	assert_int_equal(write_file(p, &table, 1), 0);
	EXPECT_SHEETS(p, "t");
	expect_in(p, "xl/worksheets/sheet1.xml",
		  "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>");
	expect_in(p, "xl/worksheets/sheet1.xml",
		  "<c r=\"A1\" s=\"1\" t=\"inlineStr\"><is><t>a</t></is></c>"
		  "<c r=\"B1\" s=\"1\" t=\"inlineStr\"><is><t>b</t></is></c>");
	expect_in(p, "xl/styles.xml", "<b/>");
}

static void numbers_are_numbers_as_far_as_excel_keeps_them(void **state)
{
	static const struct value values[] = {V_INT(-42),
					      V_REAL(0.1),
					      V_INT((int64_t)1 << 53),
					      V_INT(((int64_t)1 << 53) + 1),
					      V_INT(INT64_MIN),
					      V_REAL(-INFINITY),
					      V_NULL,
					      V_TEXT("007")};
	static const struct test_rows table = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = 4};
	const struct place *p = *state;
	const char *sheet = "xl/worksheets/sheet1.xml";

	assert_int_equal(write_file(p, &table, 1), 0);
	expect_in(p, sheet, "<c r=\"A2\"><v>-42</v></c><c r=\"B2\"><v>0.1</v></c>");
	expect_in(p, sheet,
		  "<c r=\"A3\"><v>9007199254740992</v></c><c r=\"B3\" "
		  "t=\"inlineStr\"><is><t>9007199254740993</t></is></c>");
	expect_in(p, sheet, "<t>-9223372036854775808</t>");
	expect_in(p, sheet, "<t>-Infinity</t>");
	expect_in(p, sheet, "<row r=\"5\"><c r=\"B5\" t=\"inlineStr\"><is><t>007</t></is></c></row>");
}

static void decimal_text_is_a_number_unless_that_loses_digits(void **state)
{
	static struct rows_column columns[] = {{.name = (char *)"n", .type = (char *)"numeric", .number = true}};
	static const struct value values[] = {V_TEXT("99.50"), V_TEXT("123456789012345.0"), V_TEXT("1234567890.123456"),
					      V_TEXT("NaN"), V_TEXT("1e400"), V_TEXT("1e-400"), V_TEXT("-0.00"),
					      V_NULL, V_TEXT("n/a"), V_TEXT("-1.5e3")};
	static const struct test_rows table = {
		.name = (char *)"t", .columns = columns, .column_count = 1, .values = values, .rows = ARRAY_LEN(values)};
	const struct place *p = *state;
	const char *sheet = "xl/worksheets/sheet1.xml";

	assert_int_equal(write_file(p, &table, 1), 0);
	expect_in(p, sheet, "<c r=\"A2\"><v>99.5</v></c>");
	expect_in(p, sheet, "<c r=\"A3\"><v>123456789012345</v></c>");
	expect_in(p, sheet, "<t>1234567890.123456</t>");
	expect_in(p, sheet, "<t>NaN</t>");
	expect_in(p, sheet, "<t>1e400</t>");
	expect_in(p, sheet, "<t>1e-400</t>");
	expect_in(p, sheet, "<row r=\"8\"><c r=\"A8\"><v>");
	expect_in(p, sheet, "<t>n/a</t>");
	expect_in(p, sheet, "<c r=\"A11\"><v>-1500</v></c>");
}

static void text_and_blobs_come_through(void **state)
{
	static const struct value values[] = {V_TEXT("a<b>&\"c\""), V_BLOB("\x01\xff"), V_TEXT("gr\xc3\xbc\xc3\x9f\n2"),
					      V_TEXT("=1+1"),       V_TEXT("_x0041_"),  V_TEXT("bell\a")};
	static const struct test_rows table = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = 3};
	const struct place *p = *state;
	const char *sheet = "xl/worksheets/sheet1.xml";

	assert_int_equal(write_file(p, &table, 1), 0);
	expect_in(p, sheet, "<t>a&lt;b&gt;&amp;\"c\"</t>");
	expect_in(p, sheet, "<t>\\x01ff</t>");
	expect_in(p, sheet, ">gr\xc3\xbc\xc3\x9f\n2</t>");
	expect_in(p, sheet, "<t>=1+1</t>");
	expect_in(p, sheet, "<t>_x005F_x0041_</t>");
	expect_in(p, sheet, "<t>bell_x0007_</t>");
}

static void what_a_cell_cannot_hold_is_changed_counted_and_said(void **state)
{
	AUTO_FREE char *large = mem_alloc(70000);
	const struct place *p = *state;

	memset(large, 'x', 70000);
	const struct value values[] = {{.type = VALUE_TEXT, .p = large, .n = 32767},
				       {.type = VALUE_TEXT, .p = large, .n = 32768},
				       {.type = VALUE_BLOB, .p = large, .n = 16382},
				       {.type = VALUE_BLOB, .p = large, .n = 16383},
				       V_TEXT("a\0b"),
				       V_TEXT("\xff!"),
				       V_TEXT("\xef\xbf\xbf"),
				       V_TEXT("whole")};
	const struct test_rows table = {
		.name = (char *)"t", .columns = two, .column_count = 2, .values = values, .rows = 4};

	assert_int_equal(write_file(p, &table, 1), 5);
	EXPECT_SHEETS(p, "t", "Notes");
	expect_in(p, "xl/worksheets/sheet1.xml",
		  "<t>a\xef\xbf\xbd"
		  "b</t>");
	expect_in(p, "xl/worksheets/sheet1.xml", "<t>\xef\xbf\xbd!</t>");
	expect_in(p, "xl/worksheets/sheet2.xml",
		  "<t>t</t></is></c><c r=\"B2\" t=\"inlineStr\"><is><t>cut at 32,767 characters, "
		  "the most a cell takes</t></is></c><c r=\"C2\"><v>2</v></c>");
	expect_in(p, "xl/worksheets/sheet2.xml",
		  "<t>with characters a cell cannot hold, shown as U+FFFD</t></is></c>"
		  "<c r=\"C3\"><v>3</v></c>");
}

static void names_of_sheets_are_legal_and_unique(void **state)
{
	static const char *const names[][2] = {
		{"a[b]:c*?/\\", "a_b__c____"},
		{"", "_"},
		{"'quoted'", "_quoted_"},
		{"History", "History (2)"},
		{"People", "People"},
		{"pEople", "pEople (2)"},
		{"a table whose name goes on and on 1", "a table whose name goes on and "},
		{"a table whose name goes on and on 2", "a table whose name goes on  (2)"},
		{"\xc3\x84", "\xc3\x84"},
		{"\xc3\xa4", "\xc3\xa4 (2)"},
		{"Notes", "Notes"}};
	static const struct value values[] = {V_TEXT("\xff")};
	struct test_rows tables[ARRAY_LEN(names)];
	const char *expected[ARRAY_LEN(names) + 1];
	const struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		tables[i] = (struct test_rows){.name = (char *)(uintptr_t)names[i][0],
					       .columns = one,
					       .column_count = 1,
					       .values = values,
					       .rows = 1};
		expected[i] = names[i][1];
	}
	expected[ARRAY_LEN(names)] = "Notes (2)";
	assert_int_equal(write_file(p, tables, ARRAY_LEN(names)), ARRAY_LEN(names));
	expect_sheets(p, expected, ARRAY_LEN(expected));
}

static void a_table_beyond_a_sheets_rows_goes_on_in_the_next(void **state)
{
	/* Rows that are all NULL take no room in the file. */
	static const struct value values[] = {V_NULL};
	struct test_rows table = {.name = (char *)"long",
				  .columns = one,
				  .column_count = 1,
				  .values = values,
				  .rows = 1048575,
				  .distinct = 1};
	const struct place *p = *state;
	struct error e = {0};

	write_file(p, &table, 1);
	EXPECT_SHEETS(p, "long");
	assert_int_equal(fs_remove_tree(p->file, &e), 0);
	table.rows++;
	write_file(p, &table, 1);
	EXPECT_SHEETS(p, "long", "long (2)");
	expect_in(p, "xl/worksheets/sheet2.xml", "<c r=\"A1\" s=\"1\" t=\"inlineStr\"><is><t>a</t></is></c>");
}

static void only_the_tables_asked_for_are_written(void **state)
{
	const struct place *p = *state;
	CLEANUP(strlist_release) struct strlist only = {0};
	struct rows_db *d = test_rows_sqlite(
		"CREATE TABLE t(x); CREATE TABLE u(y); INSERT INTO u VALUES(1),(2); CREATE TABLE v(z)");
	struct progress progress = {NULL};
	struct error e = {0};
	uint64_t cuts;

	strlist_add(&only, "v");
	strlist_add(&only, "u");
	assert_int_equal(rows_xlsx(d, &only, p->file, &cuts, &progress, &e), 0);
	EXPECT_SHEETS(p, "u", "v");
	assert_int_equal(progress.items_done, 2);
	rows_close(d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_exists_is_never_written_over),
		TEST(what_fails_leaves_no_file),
		TEST(a_folder_that_is_not_there_is_told),
		TEST(too_many_columns_are_refused),
		TEST(a_disk_that_is_full_is_noticed),
		TEST(a_file_that_is_not_excels_does_not_check),
		TEST(a_database_without_tables_says_so_on_a_sheet),
		TEST(the_file_is_private),
		TEST(the_header_is_bold_and_stays_in_place),
		TEST(numbers_are_numbers_as_far_as_excel_keeps_them),
		TEST(decimal_text_is_a_number_unless_that_loses_digits),
		TEST(text_and_blobs_come_through),
		TEST(what_a_cell_cannot_hold_is_changed_counted_and_said),
		TEST(names_of_sheets_are_legal_and_unique),
		TEST(a_table_beyond_a_sheets_rows_goes_on_in_the_next),
		TEST(only_the_tables_asked_for_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

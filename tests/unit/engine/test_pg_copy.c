#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/pg_builder.h"

#include <stdlib.h>

#define TEXT(s) ((char[]){s})

static struct rows_column columns[] = {
	{.name = TEXT("id"), .type = TEXT("integer")}, {.name = TEXT("text"), .type = TEXT("text")},
	{.name = TEXT("twice"), .type = TEXT("integer"), .generated = true}, {.name = TEXT("bytes"), .type = TEXT("bytea")},
};
static const struct rows_table table = {.schema = TEXT("s"), .name = TEXT("t"), .columns = columns,
	.column_count = ARRAY_LEN(columns)};

static void assert_value(const struct value *v, enum value_type type, const char *p, size_t n)
{
	assert_int_equal(v->type, type);
	assert_int_equal(v->n, n);
	assert_memory_equal(v->p, p, n);
}

/* One line of a single column of that type, in that encoding; the value is checked against text, or bytes. */
static void assert_decodes(const char *type, const char *encoding, const char *line, enum value_type want, const char *p, size_t n)
{
	struct rows_column c = {.name = TEXT("a"), .type = (char *)(uintptr_t)type};
	const struct rows_table t = {.name = TEXT("t"), .columns = &c, .column_count = 1};
	struct pg_copy_reader *r = pg_copy_reader_new(&t, encoding);
	struct error e = {0};
	const struct value *v;
	AUTO_FREE char *exact = mem_copy(line, strlen(line));
	assert_int_equal(pg_copy_reader_row(r, exact, strlen(line), &v, &e), 0);
	assert_value(v, want, p, n);
	pg_copy_reader_free(r);
}

static void a_wrong_number_of_fields_is_damage(void **state)
{
	static const struct {
		const char *line;
		int fields;
	} cases[] = {{"", 1}, {"1", 1}, {"1\ta", 2}, {"1\ta\tb\tc", 4}, {"1\ta\tb\t", 4}};
	struct pg_copy_reader *r = pg_copy_reader_new(&table, NULL);
	const struct value *v;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = {0};
		assert_int_equal(pg_copy_reader_row(r, cases[i].line, strlen(cases[i].line), &v, &e), -ERR_CORRUPT);
		AUTO_FREE char *text = mem_printf("a row of table \"t\" has %d fields instead of 3", cases[i].fields);
		assert_string_equal(e.text, text);
	}
	pg_copy_reader_free(r);
}

static void a_row_of_no_columns_is_empty(void **state)
{
	const struct rows_table none = {.name = TEXT("none")};
	struct pg_copy_reader *r = pg_copy_reader_new(&none, NULL);
	struct error e = {0};
	const struct value *v;
	assert_int_equal(pg_copy_reader_row(r, "", 0, &v, &e), 0);
	assert_int_equal(pg_copy_reader_row(r, "x", 1, &v, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "a row of table \"none\" has 1 fields instead of 0");
	pg_copy_reader_free(r);
}

static void values_have_their_types(void **state)
{
	struct pg_copy_reader *r = pg_copy_reader_new(&table, "UTF8");
	struct error e = {0};
	const struct value *v;
	static const char line[] = "-42\ta\\tb\\\\N\t\\\\x00ff";
	assert_int_equal(pg_copy_reader_row(r, line, sizeof line - 1, &v, &e), 0);
	assert_int_equal(v[0].type, VALUE_INT);
	assert_int_equal(v[0].i, -42);
	assert_value(&v[1], VALUE_TEXT, "a\tb\\N", 5);
	assert_int_equal(v[2].type, VALUE_NULL);
	assert_value(&v[3], VALUE_BLOB, "\0\377", 2);
	assert_int_equal(pg_copy_reader_row(r, "\\N\t\t\\N", 6, &v, &e), 0);
	assert_int_equal(v[0].type, VALUE_NULL);
	assert_value(&v[1], VALUE_TEXT, "", 0);
	assert_int_equal(v[3].type, VALUE_NULL);
	pg_copy_reader_free(r);
}

static void every_escape_is_undone(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"\\b\\f\\n\\r\\t\\v", "\b\f\n\r\t\v"}, {"a\\\\b", "a\\b"}, {"\\101\\60x", "A0x"}, {"\\x41\\x4g\\xg", "A\x04gxg"},
		{"\\Nx", "Nx"}, {"\\.", "."}, {"x\\", "x\\"}, {"\\\\N", "\\N"}, {"\\0601", "01"}, {"\\q", "q"}, {"\\x414", "A4"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_decodes("text", NULL, cases[i].line, VALUE_TEXT, cases[i].text, strlen(cases[i].text));
	assert_decodes("text", NULL, "a\\000b", VALUE_TEXT, "a\0b", 3);
}

static void integers_are_exact_to_their_limits(void **state)
{
	static const char *const types[] = {"smallint", "integer", "bigint", "oid"};
	static const struct {
		const char *text;
		int64_t i;
	} cases[] = {{"0", 0}, {"-1", -1}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}};
	static const char *const none[] = {"9223372036854775808", "-9223372036854775809", "", "-", "1x", "18446744073709551617", "1.5"};
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		struct rows_column c = {.name = TEXT("a"), .type = (char *)(uintptr_t)types[t]};
		const struct rows_table one = {.name = TEXT("t"), .columns = &c, .column_count = 1};
		struct pg_copy_reader *r = pg_copy_reader_new(&one, NULL);
		struct error e = {0};
		const struct value *v;
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			assert_int_equal(pg_copy_reader_row(r, cases[i].text, strlen(cases[i].text), &v, &e), 0);
			assert_int_equal(v->type, VALUE_INT);
			assert_true(v->i == cases[i].i);
		}
		pg_copy_reader_free(r);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_decodes("bigint", NULL, none[i], VALUE_TEXT, none[i], strlen(none[i]));
	assert_decodes("integer[]", NULL, "{1,2}", VALUE_TEXT, "{1,2}", 5);
	assert_decodes("numeric(5,0)", NULL, "12", VALUE_TEXT, "12", 2);
}

static void bytea_is_read_in_both_formats(void **state)
{
	assert_decodes("bytea", NULL, "\\\\x", VALUE_BLOB, "", 0);
	assert_decodes("bytea", NULL, "\\\\xDEad00", VALUE_BLOB, "\xde\xad\0", 3);
	assert_decodes("bytea", NULL, "", VALUE_BLOB, "", 0);
	assert_decodes("bytea", NULL, "a\\\\\\\\b\\\\000\\\\377c", VALUE_BLOB, "a\\b\0\377c", 6);
	assert_decodes("bytea", NULL, "\\\\xabc", VALUE_TEXT, "\\xabc", 5);
	assert_decodes("bytea", NULL, "\\\\40", VALUE_TEXT, "\\40", 3);
	assert_decodes("bytea", NULL, "\\\\477", VALUE_TEXT, "\\477", 4);
}

static void text_of_other_encodings_becomes_utf8(void **state)
{
	assert_decodes("text", "LATIN1", "gr\xf6\xdf" "e\\t", VALUE_TEXT, "größe\t", 8);
	assert_decodes("text", "WIN1251", "\xcf\xf0", VALUE_TEXT, "Пр", 4);
	assert_decodes("text", "EUC_JP", "\xc6\xfc", VALUE_TEXT, "日", 3);
	/* A second byte that is a backslash is no escape. */
	assert_decodes("text", "SJIS", "\x83\x5c\\n", VALUE_TEXT, "ソ\n", 4);
	assert_decodes("text", "UTF8", "gr\xf6", VALUE_TEXT, "gr\xf6", 3);
	assert_decodes("text", "SQL_ASCII", "gr\xf6", VALUE_TEXT, "gr\xf6", 3);
	assert_decodes("text", "EUC_JP", "a\xffz", VALUE_TEXT, "a\xffz", 3);
	assert_decodes("text", "NO_SUCH", "gr\xf6", VALUE_TEXT, "gr\xf6", 3);
}

/* ---- a cursor ---- */

static void rows_of_a_stored_table_are_read_one_by_one(void **state)
{
	static const enum pg_compression kinds[] = {PG_COMPRESS_NONE, PG_COMPRESS_GZIP, PG_COMPRESS_ZSTD};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(made_release) struct made m = {.minor = 16, .compression = kinds[i], .piece = 5};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		CLEANUP(pg_toc_release) struct pg_toc toc = {0};
		struct rows_table *tables;
		const struct pg_entry **data;
		struct rows_cursor *c;
		struct error e = {0};
		const struct value *v;
		size_t n;
		made_shop(&m);
		made_archive(&m, &b, NULL);
		struct source *s = source_from_memory(b.p, b.len);
		assert_int_equal(pg_toc_read(s, &toc, &e), 0);
		assert_int_equal(pg_toc_tables(&toc, &tables, &data, &n, &e), 0);
		assert_int_equal(pg_copy_scan(s, &toc, data[2], &tables[2], &c, &e), 0);
		assert_int_equal(c->column_count, 4);
		assert_int_equal(c->next(c, &v, &e), 1);
		assert_int_equal(v[0].i, 1);
		assert_value(&v[1], VALUE_TEXT, "first", 5);
		assert_int_equal(v[2].type, VALUE_NULL);
		assert_value(&v[3], VALUE_TEXT, "1.50", 4);
		assert_int_equal(c->next(c, &v, &e), 1);
		assert_int_equal(v[1].type, VALUE_NULL);
		assert_int_equal(c->next(c, &v, &e), 1);
		assert_value(&v[1], VALUE_TEXT, "a\tb", 3);
		assert_int_equal(c->next(c, &v, &e), 0);
		assert_int_equal(c->next(c, &v, &e), 0);
		rows_cursor_close(c);
		pg_toc_tables_free(tables, data, n);
		source_close(s);
	}
}

static void rows_longer_than_the_room_are_read_whole(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT, rows = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	struct rows_column c = {.name = TEXT("a"), .type = TEXT("text")};
	const struct rows_table t = {.name = TEXT("t"), .columns = &c, .column_count = 1};
	struct rows_cursor *cursor;
	struct error e = {0};
	const struct value *v;
	for (int r = 1; r <= 3; r++) {
		for (int i = 0; i < r * 300000; i++)
			buf_add_byte(&rows, (unsigned char)('0' + r));
		buf_add_byte(&rows, '\n');
	}
	made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .has_data = true, .copy = "COPY t (a) FROM stdin;\n"});
	made_rows(&m, 1, buf_text(&rows));
	made_archive(&m, &b, NULL);
	struct source *s = source_from_memory(b.p, b.len);
	assert_int_equal(pg_toc_read(s, &toc, &e), 0);
	assert_int_equal(pg_copy_scan(s, &toc, &toc.v[0], &t, &cursor, &e), 0);
	for (int r = 1; r <= 3; r++) {
		assert_int_equal(cursor->next(cursor, &v, &e), 1);
		assert_int_equal(v->n, r * 300000);
		assert_int_equal(v->p[v->n - 1], '0' + r);
	}
	assert_int_equal(cursor->next(cursor, &v, &e), 0);
	rows_cursor_close(cursor);
	source_close(s);
}

static void rows_as_inserts_cannot_be_read(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	struct rows_cursor *c;
	struct error e = {0};
	made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .has_data = true});
	made_archive(&m, &b, NULL);
	struct source *s = source_from_memory(b.p, b.len);
	assert_int_equal(pg_toc_read(s, &toc, &e), 0);
	assert_int_equal(pg_copy_scan(s, &toc, &toc.v[0], &table, &c, &e), -ERR_MISMATCH);
	assert_string_equal(e.text, "the rows of table \"t\" are not stored as COPY text");
	assert_string_equal(e.hint, "the archive was made with --inserts; restore it to see its rows");
	source_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_number_of_fields_is_damage),
		cmocka_unit_test(a_row_of_no_columns_is_empty),
		cmocka_unit_test(values_have_their_types),
		cmocka_unit_test(every_escape_is_undone),
		cmocka_unit_test(integers_are_exact_to_their_limits),
		cmocka_unit_test(bytea_is_read_in_both_formats),
		cmocka_unit_test(text_of_other_encodings_becomes_utf8),
		cmocka_unit_test(rows_of_a_stored_table_are_read_one_by_one),
		cmocka_unit_test(rows_longer_than_the_room_are_read_whole),
		cmocka_unit_test(rows_as_inserts_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

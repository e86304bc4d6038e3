#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/rows_support.h"

#include "base/mem.h"
#include "engine/sqlite.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct array_db {
	struct rows_db rows;
	const struct test_rows *tables;
};

struct array_cursor {
	struct rows_cursor rows;
	const struct test_rows *table;
	struct value *row; /* a copy of the right size, so that a read behind its end shows */
	size_t at;
};

static int array_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct array_cursor *a = (struct array_cursor *)c;
	const struct test_rows *t = a->table;

	if (t->fail_at && a->at + 1 == t->fail_at)
		return error_set(e, ERR_IO, "the disk is broken");
	if (a->at == t->rows)
		return 0;

	size_t row = t->distinct ? a->at % t->distinct : a->at;

	a->at++;
	memcpy(a->row, t->values + row * t->column_count, t->column_count * sizeof *a->row);
	*values = a->row;
	return 1;
}

static void array_cursor_close(struct rows_cursor *c)
{
	free(((struct array_cursor *)c)->row);
	free(c);
}

static int array_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		      struct error *e)
{
	struct array_cursor *a = mem_zero(sizeof *a);

	a->table = &((struct array_db *)d)->tables[t - d->tables];
	a->rows = (struct rows_cursor){.next = array_next,
				       .close = array_cursor_close,
				       .columns = t->columns,
				       .column_count = t->column_count};
	a->row = mem_array(NULL, t->column_count, sizeof *a->row);
	*out = &a->rows;
	return 0;
}

static int array_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	*n = ((struct array_db *)d)->tables[t - d->tables].rows;
	return 0;
}

static int array_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	return error_set(e, ERR_USAGE, "arrays answer no queries");
}

static void array_close(struct rows_db *d)
{
	free(d->tables);
	free(d);
}

struct rows_db *test_rows_db(const struct test_rows *tables, size_t n)
{
	struct array_db *a = mem_zero(sizeof *a);

	a->tables = tables;
	a->rows = (struct rows_db){.dialect = "arrays",
				   .scan = array_scan,
				   .count = array_count,
				   .query = array_query,
				   .close = array_close,
				   .table_count = n,
				   .tables = mem_array(NULL, n, sizeof *a->rows.tables)};
	for (size_t i = 0; i < n; i++)
		a->rows.tables[i] = (struct rows_table){.schema = tables[i].schema,
							.name = tables[i].name,
							.columns = tables[i].columns,
							.column_count = tables[i].column_count};
	return &a->rows;
}

void test_rows_exec(sqlite3 *db, const char *script)
{
	char *why = NULL;

	if (sqlite3_exec(db, script, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
}

struct rows_db *test_rows_of(sqlite3 *db)
{
	struct rows_db *d;
	struct error e = {0};

	if (sqlite_rows_open(db, &d, &e) < 0)
		fail_msg("%s", e.text);
	return d;
}

struct rows_db *test_rows_sqlite(const char *script)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	test_rows_exec(db, script);
	return test_rows_of(db);
}

static int take(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct test_sink *t = (struct test_sink *)s;

	if (t->room && t->bytes.len + n > t->room)
		return error_set(e, ERR_NO_SPACE, "the sink is full");
	buf_add(&t->bytes, p, n);
	return 0;
}

void test_sink_init(struct test_sink *s, size_t room)
{
	*s = (struct test_sink){.sink.write = take, .room = room};
}

void test_sink_release(struct test_sink *s)
{
	buf_release(&s->bytes);
}

bool test_zip_file(const void *zip, size_t n, const char *path, struct buf *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	bool found = false;
	int result;

	assert_int_equal(archive_read_support_format_zip(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(a, zip, n), ARCHIVE_OK);
	while ((result = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		const void *p;
		la_int64_t at;
		size_t part;

		assert_true(result == ARCHIVE_OK || result == ARCHIVE_WARN);
		if (!archive_entry_pathname(entry) || strcmp(archive_entry_pathname(entry), path) != 0)
			continue;
		found = true;
		while ((result = archive_read_data_block(a, &p, &part, &at)) == ARCHIVE_OK)
			buf_add(out, p, part);
		assert_int_equal(result, ARCHIVE_EOF);
	}
	archive_read_free(a);
	return found;
}

/* What the tests of rows stand on: a database held in C arrays, an SQLite one made by a script, sinks in memory. */
#ifndef TESTS_UNIT_ENGINE_ROWS_SUPPORT_H
#define TESTS_UNIT_ENGINE_ROWS_SUPPORT_H

#include "base/buf.h"
#include "engine/rows.h"

#include <sqlite3.h>

#define V_NULL                                                                                                         \
	{                                                                                                              \
		.type = VALUE_NULL                                                                                     \
	}
#define V_INT(x)                                                                                                       \
	{                                                                                                              \
		.type = VALUE_INT, .i = (x)                                                                            \
	}
#define V_REAL(x)                                                                                                      \
	{                                                                                                              \
		.type = VALUE_REAL, .r = (x)                                                                           \
	}
#define V_TEXT(s)                                                                                                      \
	{                                                                                                              \
		.type = VALUE_TEXT, .p = (s), .n = sizeof(s) - 1                                                       \
	}
#define V_BLOB(s)                                                                                                      \
	{                                                                                                              \
		.type = VALUE_BLOB, .p = (s), .n = sizeof(s) - 1                                                       \
	}

/* A table in arrays. Both orders of scan() are the one it is written in. */
struct test_rows {
	char *schema, *name;
	struct rows_column *columns;
	size_t column_count;
	const struct value *values; /* rows one after the other */
	size_t rows;
	size_t distinct; /* rows in `values` when they repeat; 0: all are there */
	size_t fail_at;  /* that row, from 1, cannot be read: -ERR_IO "the disk is broken" */
};
#define COLUMN(name_, type_, key_)                                                                                     \
	{                                                                                                              \
		.name = (char *)(uintptr_t)(name_), .type = (char *)(uintptr_t)(type_), .key = (key_)                  \
	}

/* `tables` must outlive it. */
struct rows_db *test_rows_db(const struct test_rows *tables, size_t n);
/* A database in memory that the script made. */
struct rows_db *test_rows_sqlite(const char *script);
void test_rows_exec(sqlite3 *db, const char *script);
/* Over a handle, which is taken over. */
struct rows_db *test_rows_of(sqlite3 *db);

/* A sink in memory that can be full. */
struct test_sink {
	struct sink sink;
	struct buf bytes;
	size_t room; /* the write that passes it fails: -ERR_NO_SPACE "the sink is full"; 0: no end */
};
void test_sink_init(struct test_sink *s, size_t room);
void test_sink_release(struct test_sink *s);

/* A file of a zip held in memory, by its path, appended to out; false when it is not there. Damage fails the test. */
bool test_zip_file(const void *zip, size_t n, const char *path, struct buf *out);

#endif

/* Tables of any engine as rows; preview, compare, query, CSV, Excel and SQL text work on these, whatever stands behind.
 */
#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include "base/progress.h"
#include "base/stream.h"
#include "base/strlist.h"

enum value_type { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_type type;
	int64_t i;
	double r;
	const char *p;            /* TEXT and BLOB; not terminated; valid until the next step */
	size_t n;
};

struct rows_column {
	char *name, *type;        /* type as declared, may be "" */
	int key;                  /* 1.. position in the primary key, 0: no part */
	bool generated;           /* computed from others: it is scanned, but can never be inserted */
};

struct rows_table {
	char *schema, *name;      /* schema may be NULL */
	char *sql;                /* statement that creates it, or NULL */
	struct rows_column *columns;
	size_t column_count;
};

struct rows_cursor {
	/* 1: *values holds one value a column; 0: the end; -kind. */
	int (*next)(struct rows_cursor *c, const struct value **values, struct error *e);
	void (*close)(struct rows_cursor *c);
	struct rows_column *columns;
	size_t column_count;
};

enum rows_order { ROWS_STORED, ROWS_BY_KEY };     /* by key: primary key, or the engine's row id; ascending in the engine's binary order */

struct rows_db {
	const char *dialect;      /* "sqlite" */
	struct rows_table *tables;    /* user tables in name order, without the engine's own */
	size_t table_count;
	/* Statements that an SQL text needs after the rows, in their order and without a semicolon: sequences, versions,
	 * indexes, views, triggers. */
	struct strlist after;
	int (*scan)(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out, struct error *e);
	int (*count)(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e);
	/* Any reading statement. -ERR_USAGE with the engine's words for a bad one; a statement that would write is refused. */
	int (*query)(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e);
	void (*close)(struct rows_db *d);             /* frees d; NULL-safe through rows_close() */
};
void rows_close(struct rows_db *d);
void rows_cursor_close(struct rows_cursor *c);
/* "name", or "schema.name"; -ERR_NOT_FOUND "there is no table "x"; the tables are: a, b, c". */
int rows_find_table(const struct rows_db *d, const char *name, const struct rows_table **out, struct error *e) MUST_USE;
int rows_compare_values(const struct value *a, const struct value *b);       /* total order: NULL < numbers < text < blob, as SQLite */

/* Order-independent hash of a table: the sum modulo 2^256 of the SHA-256 of each row's encoding (per value: type byte, 8-byte little-endian length, bytes). Hex in out[65]. */
int rows_hash_table(struct rows_db *d, const struct rows_table *t, struct progress *p, uint64_t *rows, char out[65], struct error *e) MUST_USE;

/* rows_csv.c: RFC 4180; NULL is an empty field, an empty string is "". Blobs as \x hex. One table to a sink; or a zip with a file a table (names made safe and unique). `only` empty means all tables. */
int rows_csv(struct rows_db *d, const struct rows_table *t, struct sink *out, struct progress *p, struct error *e) MUST_USE;
int rows_csv_cursor(struct rows_cursor *c, struct sink *out, struct error *e) MUST_USE;
int rows_csv_zip(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p, struct error *e) MUST_USE;
/* rows_xlsx.c: a sheet a table (names made legal: 31 characters, no []:*?/\, unique). A table above 1,048,575 rows goes on in further sheets "name (2)". Text above 32,767 characters is cut; every cut is counted in *cuts
 * and said on a sheet "Notes". Integers beyond 2^53 are written as text. Constant memory; written to a new private file at `path`. */
int rows_xlsx(struct rows_db *d, const struct strlist *only, const char *path, uint64_t *cuts, struct progress *p, struct error *e) MUST_USE;
/* rows_sql.c: SQL text in the database's own dialect, which its own client loads to an equal database. */
int rows_sql(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p, struct error *e) MUST_USE;

/* rows_diff.c */
enum diff_kind { DIFF_SAME, DIFF_CHANGED, DIFF_ONLY_A, DIFF_ONLY_B };
struct table_diff {
	char *name;
	enum diff_kind kind;                          /* ONLY_A: removed, ONLY_B: added */
	bool columns_differ;
	uint64_t rows_a, rows_b, added, removed, changed;
};
struct row_diff {
	enum diff_kind kind;                          /* ONLY_A, ONLY_B, CHANGED */
	const struct rows_table *table;               /* of b unless only in a */
	const struct value *a, *b;                    /* NULL where absent */
};
typedef int (*row_diff_fn)(const struct row_diff *d, void *ctx, struct error *e);
/* Compare all tables (or `only`): counts exact, by key where there is one, else as multisets (then `changed` is 0). `on_row` (or NULL) sees each differing row. *out is the caller's: table_diff_free(). */
int rows_diff(struct rows_db *a, struct rows_db *b, const struct strlist *only, row_diff_fn on_row, void *ctx, struct progress *p, struct table_diff **out, size_t *n, struct error *e) MUST_USE;
void table_diff_free(struct table_diff *d, size_t n);

#endif

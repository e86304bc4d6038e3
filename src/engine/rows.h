/* Tables of any engine as rows; preview, compare, query, CSV, Excel and SQL text work on these, whatever stands behind.
 * All of it streams: memory does not grow with the number of rows, but for rows_diff() of tables without a key. */
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
	const char *p;            /* TEXT and BLOB; not terminated; valid until the next step; TEXT need not be UTF-8 */
	size_t n;
};

struct rows_column {
	char *name, *type;        /* type as declared, may be "" */
	int key;                  /* 1.. position in the primary key, 0: no part */
	bool generated;           /* computed from others: it is scanned, but can never be inserted */
	bool number;              /* its text is a decimal number: a spreadsheet shows it as such */
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

/* By key: primary key, or the engine's row id; ascending in the engine's binary order. */
enum rows_order { ROWS_STORED, ROWS_BY_KEY };

struct rows_db {
	const char *dialect;      /* "sqlite" */
	struct rows_table *tables;    /* user tables in name order, without the engine's own */
	size_t table_count;
	/* Statements that an SQL text needs after the rows, in their order and without a semicolon: sequences,
	 * versions, indexes, views, triggers. */
	struct strlist after;
	/* A cursor over all columns of t, in their order. Several cursors may be open at a time. */
	int (*scan)(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		struct error *e);
	int (*count)(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e);
	/* Any reading statement. -ERR_USAGE with the engine's words for a bad one; a statement that would write is
	 * refused. */
	int (*query)(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e);
	void (*close)(struct rows_db *d);             /* frees d; NULL-safe through rows_close() */
};
void rows_close(struct rows_db *d);
void rows_cursor_close(struct rows_cursor *c);
void rows_cursor_drop(struct rows_cursor **c);        /* for CLEANUP() */
struct rows_cursor *rows_cursor_empty(const struct rows_table *t);    /* t's columns and no row; t must outlive it */

/* "name", or "schema.name" when it has a schema; heap string. */
char *rows_table_name(const struct rows_table *t);
/* Whether a person who says `name` means t: "name", or "schema.name". */
bool rows_table_is(const struct rows_table *t, const char *name);
/* "name", or "schema.name"; -ERR_NOT_FOUND "there is no table "x"; the tables are: a, b, c"; -ERR_USAGE when tables of
 * that name are in several schemas. */
int rows_find_table(const struct rows_db *d, const char *name, const struct rows_table **out, struct error *e) MUST_USE;
/* The tables named in `only`, each once, in the database's order; all of them when it is NULL or empty. *out is the
 * caller's array of pointers into d. */
int rows_choose(const struct rows_db *d, const struct strlist *only, const struct rows_table ***out, size_t *n,
	struct error *e) MUST_USE;

/* Total order: NULL < numbers < text < blob, text and blobs by bytes, as SQLite's BINARY; an integer and a real are
 * compared exactly. NaN, which SQLite has not, comes before all other numbers. */
int rows_compare_values(const struct value *a, const struct value *b);

#define ROWS_REAL_MAX 32
/* The shortest decimal that reads back as r, always told from an integer: 0.1, 2.0, 1e+300, -Infinity, NaN. */
void rows_real_text(double r, char out[ROWS_REAL_MAX]);

typedef int (*rows_fn)(const struct value *values, size_t n, void *ctx, struct error *e);
/* Hand the rest of the cursor to fn, row by row, until it fails or p is cancelled; rows are counted as p's items. */
int rows_each(struct rows_cursor *c, struct progress *p, rows_fn fn, void *ctx, struct error *e) MUST_USE;
/* The same over a table; what reading it fails with says its name. */
int rows_each_of(struct rows_db *d, const struct rows_table *t, struct progress *p, rows_fn fn, void *ctx,
	struct error *e) MUST_USE;

/* rows_hash.c: SHA-256 of a row's encoding: per value its type (one byte: the number in enum value_type), the length of
 * what follows (8 bytes, little-endian) and that: nothing for NULL, 8 bytes little-endian for an integer, the same of
 * the IEEE 754 bits of a real, the bytes of text and blobs. */
struct rows_hash;
#define ROWS_HASH 32
struct rows_hash *rows_hash_new(void);
void rows_hash_free(struct rows_hash **h);            /* for CLEANUP() */
void rows_hash_row(struct rows_hash *h, const struct value *values, size_t n, uint8_t out[ROWS_HASH]);
/* Order-independent hash of a table: the sum modulo 2^256 of its rows' hashes as big-endian numbers, in hex. An empty
 * table is all zeros. */
int rows_hash_table(struct rows_db *d, const struct rows_table *t, struct progress *p, uint64_t *rows, char out[65],
	struct error *e) MUST_USE;

/* rows_csv.c: RFC 4180 with a header line. NULL is an empty field, an empty string is "". Blobs as \x hex; reals as
 * rows_real_text(). The text's bytes are kept as they are, UTF-8 or not.
 * One table to a sink; or a zip with a file a table, named after it (made safe and unique). `only` as rows_choose(). */
int rows_csv(struct rows_db *d, const struct rows_table *t, struct sink *out, struct progress *p,
	struct error *e) MUST_USE;
int rows_csv_cursor(struct rows_cursor *c, struct sink *out, struct error *e) MUST_USE;
int rows_csv_zip(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p,
	struct error *e) MUST_USE;

/* rows_xlsx.c: a sheet a table (names made legal: 31 characters, no []:*?/\, unique), its header line bold and held in
 * place. A table above 1,048,575 rows goes on in further sheets "name (2)". Integers beyond 2^53, infinities and blobs
 * (\x hex) are written as text; other numbers as numbers, which Excel keeps to 15 digits; the decimal text of a `number`
 * column as a number, too, unless it has more than 15 significant digits. NULL and "" both leave their
 * cell empty. Text above 32,767 characters (UTF-16 units) is cut; bytes that are not UTF-8, NUL, U+FFFE and U+FFFF are
 * replaced by U+FFFD; each cell so changed counts once in *cuts, and a last sheet "Notes" says how many of which sort
 * each table has. A database without tables gives that sheet alone. Constant memory (temporary files beside `path`);
 * written to a new private file at `path`, read back and checked to be complete; removed on failure. */
int rows_xlsx(struct rows_db *d, const struct strlist *only, const char *path, uint64_t *cuts, struct progress *p,
	struct error *e) MUST_USE;

/* rows_sql.c: SQL text in the database's own dialect, which its own client loads into an empty database so that it
 * equals this one. -ERR_MISMATCH for a dialect that has no text here.
 *
 * "sqlite": one transaction: tables, rows, the counters of AUTOINCREMENT, indexes, triggers and views, user_version and
 * application_id. Every value comes back with its type and bytes, text that is not UTF-8 included. Not kept: row ids no
 * column names, the statistics of ANALYZE, the encoding (the text loads as UTF-8). Tables of FTS3 to FTS5 and R-tree
 * are written as such, without their inner tables, or (with all tables) built anew when they index another. Virtual
 * tables that SQL cannot fill (FTS without content, other modules) are left out, each named in a comment. With `only`:
 * these tables, their indexes, triggers and counters, no more. -ERR_LIMIT for a row whose statement no SQLite takes
 * (1,000,000,000 bytes). */
int rows_sql(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p,
	struct error *e) MUST_USE;

/* rows_diff.c */
enum diff_kind { DIFF_SAME, DIFF_CHANGED, DIFF_ONLY_A, DIFF_ONLY_B };
struct table_diff {
	char *name;                                   /* as rows_table_name() */
	enum diff_kind kind;                          /* ONLY_A: removed, ONLY_B: added */
	bool columns_differ;                          /* names, types, keys or their order */
	uint64_t rows_a, rows_b, added, removed, changed;
};
struct row_diff {
	enum diff_kind kind;                          /* ONLY_A, ONLY_B, CHANGED */
	const struct rows_table *table;               /* of b unless the table is only in a */
	const struct value *a, *b;                    /* a value for each column of `table`; NULL where absent */
};
typedef int (*row_diff_fn)(const struct row_diff *d, void *ctx, struct error *e);
/* Compare all tables (or `only`): counts exact, by key where both sides have the same one, else as multisets (then
 * `changed` is 0). Two values are the same only with the same type and the same bytes. Rows are compared in the columns
 * both sides have (in all, when they share none). `on_row` (or NULL) sees each differing row; in a table both sides
 * have, a's values stand in b's columns (NULL where a has no such column). The result is in name order; *out is the
 * caller's: table_diff_free().
 * Rows by key cost no memory (a second reading when on_row is given and rows differ). A multiset costs 24 to 64 bytes
 * for each distinct row that does not find its like at about the same place: -ERR_LIMIT above 20 million of them. */
int rows_diff(struct rows_db *a, struct rows_db *b, const struct strlist *only, row_diff_fn on_row, void *ctx,
	struct progress *p, struct table_diff **out, size_t *n, struct error *e) MUST_USE;
void table_diff_free(struct table_diff *d, size_t n);

#endif

/* Rows in an order, and SQL, for sources that can only be read from front to end: a dump's tables are loaded, each when
 * it is first asked for, into private SQLite databases that are gone afterwards.
 *
 * They are SQLite's own temporary databases: files without a name in SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp, of which
 * a few MiB are kept in memory. */
#ifndef ENGINE_ROWS_LOADED_H
#define ENGINE_ROWS_LOADED_H

#include "engine/rows.h"

struct rows_loaded;
struct rows_loaded *rows_loaded_new(struct rows_db *from);        /* borrows `from`, whose scan(ROWS_STORED) it uses */
/* NULL is legal. Its cursors must be closed before. */
void rows_loaded_free(struct rows_loaded *l);

/* scan(ROWS_BY_KEY): the rows of a table with a key ordered by it, as rows_compare_values() orders them, each value with
 * its type and bytes; those of a table without a key as they are stored. What loading the table fails with says its
 * name; -ERR_NO_SPACE when it does not fit into the scratch place. */
int rows_loaded_scan(struct rows_loaded *l, const struct rows_table *t, struct rows_cursor **out,
	struct error *e) MUST_USE;

/* query(): SQLite's SQL over the tables the statement names; only those are loaded. A table is "name" or
 * "schema"."name" (and `name` alone when only one schema has it: else -ERR_USAGE names them). Names that differ in
 * nothing but the case of letters, which SQLite does not tell apart, are called "Name (1)" and "name (2)" here, tables
 * and columns alike; "sqlite_x" becomes "_sqlite_x (1)". -ERR_USAGE for a statement that would write, or that SQLite does not understand; the hint says that
 * this is SQLite's SQL and which tables there are. -ERR_NO_SPACE as above; -ERR_LIMIT for a table of more columns than
 * SQLite takes, or for more schemas in one session than it attaches (10).
 *
 * Values come back with the type and bytes they have, and compare as people expect:
 * - columns of integers are such;
 * - columns that are a `number` are text, compared and sorted by value (a collation of ours), so that neither digits nor
 *   order are lost: total > 100 holds for 99.5 no more than for "99.50"; sums and products are SQLite's, in binary;
 * - columns of type boolean are 1 and 0;
 * - columns of type character(n) are compared without the blanks at their end;
 * - all other text is compared byte by byte. */
int rows_loaded_query(struct rows_loaded *l, const char *sql, struct rows_cursor **out, struct error *e) MUST_USE;

/* Pages of 4 KiB a scratch database may have: 0, no limit but the disk's; tests lower it. */
extern int64_t rows_loaded_pages_max;

#endif

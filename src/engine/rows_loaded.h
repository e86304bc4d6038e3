/* Rows in an order, and SQL, for sources that can only be read from front to end: a dump's tables are loaded, each when
 * it is first asked for, into a private SQLite database that is gone afterwards. */
#ifndef ENGINE_ROWS_LOADED_H
#define ENGINE_ROWS_LOADED_H

#include "engine/rows.h"

/* Where tables are loaded to; opened lazily, lies in TMPDIR (or /tmp), private, without a name. */
struct rows_loaded;
struct rows_loaded *rows_loaded_new(struct rows_db *from);        /* borrows `from`, whose scan(ROWS_STORED) it uses */
void rows_loaded_free(struct rows_loaded *l);                     /* NULL is legal */

/* scan(ROWS_BY_KEY) of a table with a key: its rows ordered by it, as rows_compare_values() orders them. */
int rows_loaded_scan(struct rows_loaded *l, const struct rows_table *t, struct rows_cursor **out,
	struct error *e) MUST_USE;
/* query(): SQLite's SQL over the tables the statement names. A table is "name" or "schema"."name" (and `name` alone
 * when only one schema has it). -ERR_USAGE for a statement that would write, or that SQLite does not understand; the
 * hint says that this is SQLite's SQL. -ERR_NO_SPACE when a table does not fit into the scratch place. */
int rows_loaded_query(struct rows_loaded *l, const char *sql, struct rows_cursor **out, struct error *e) MUST_USE;

#endif

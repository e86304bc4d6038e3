/* What the two halves of rows_loaded share. */
#ifndef ENGINE_ROWS_LOADED_PARTS_H
#define ENGINE_ROWS_LOADED_PARTS_H

#include "engine/rows_loaded.h"
#include "engine/sqlite.h"

/* A table as statements call it. */
struct rows_loaded_table {
	const struct rows_table *t;
	char *schema, *name;      /* "main" for a table without a schema */
	bool defined, loaded, wanted;
};

struct rows_loaded {
	struct rows_db *from;
	sqlite3 *sorted;          /* tables "k<number>": the values of the key, and the whole row packed */
	bool *in_sorted;          /* per table of `from` */
	bool *ordered;            /* likewise: its rows came in the order of the key, as those of most dumps do */
	sqlite3 *asked;           /* what query() works on */
	struct rows_loaded_table *tables;         /* per table of `from` */
};

/* rows_loaded.c: a new scratch database. */
int rows_loaded_open(sqlite3 **out, struct error *e) MUST_USE;
/* The settings of a schema of it: few pages in memory, nothing for a crash. */
int rows_loaded_tune(sqlite3 *db, const char *schema, struct error *e) MUST_USE;
int rows_loaded_bind(sqlite3_stmt *stmt, int at, const struct value *v);          /* SQLite's result */
/* All rows of t through fn in one transaction of db, undone when it fails; what it fails with says the table's name. */
int rows_loaded_fill(struct rows_loaded *l, sqlite3 *db, const struct rows_table *t, rows_fn fn, void *ctx,
	struct error *e) MUST_USE;
/* rows_loaded_query.c */
void rows_loaded_query_release(struct rows_loaded *l);

#endif

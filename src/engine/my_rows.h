/* What the rows of a stored and of a live MySQL or MariaDB database share. */
#ifndef ENGINE_MY_ROWS_H
#define ENGINE_MY_ROWS_H

#include "engine/my.h"
#include "engine/rows_loaded.h"

/* The name (when it has none yet) and what sqldump_table_parse() does not know: which columns are a `number`. */
void my_rows_complete(struct rows_table *t, const char *name);
void my_rows_free_tables(struct rows_db *d);

/* A live database. Servers share no snapshot between connections, so there is one, in which only one result can be
 * under way: when another is asked for, what is left of the cursor before goes into a file without a name (TMPDIR). */
struct my_live_cursor;
struct my_live {
	struct rows_db rows;
	struct my_place place;
	MYSQL *c;
	bool mariadb;
	struct my_live_cursor *reading;   /* whose rows the server is sending, or NULL */
	struct rows_loaded *loaded;
};
/* my_rows_cursor.c: run a statement whose rows come as they are read. `t`: its columns are t's; NULL: what the server
 * says. */
int my_live_open(struct my_live *l, const char *sql, const struct rows_table *t, struct rows_cursor **out,
	struct error *e) MUST_USE;
/* The connection is free for a statement from here on. */
int my_live_free_connection(struct my_live *l, struct error *e) MUST_USE;

#endif

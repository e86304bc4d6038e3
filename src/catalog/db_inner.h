/* What catalog.c and the files of db.h share: a connection, and the few things that differ from database to database. */
#ifndef CATALOG_DB_INNER_H
#define CATALOG_DB_INNER_H

#include "base/embedded.h"
#include "base/map.h"
#include "catalog/db.h"

#include <sqlite3.h>

struct catalog {
	sqlite3 *handle;
	struct map *kept;             /* SQL -> struct db_kept */
	char *state_dir, *path, *key_path;
	struct secret key;            /* of key_path; empty until it is needed */
	int depth;                    /* of catalog_begin() */
	struct map *counts;           /* of filters (db_filter.c), until somebody changes something */
	int64_t counts_stamp, counts_changes;
};
struct db_kept { sqlite3_stmt *statement; bool used; };

/* db_open.c. Open or make the file c->path, 0600, with everything about a connection set. */
int db_connect(struct catalog *c, struct error *e) MUST_USE;
void db_disconnect(struct catalog *c);
/* Statements without values that give no rows. */
int db_script(struct catalog *c, const char *sql, struct error *e) MUST_USE;
int db_check_pages(struct catalog *c, struct error *e) MUST_USE;
/* Foreign keys are watched from now on: not before migrations, which may make tables anew. */
int db_watch_references(struct catalog *c, struct error *e) MUST_USE;
/* Whether catalog_begin()'s transaction is still there: some errors undo it by themselves. */
bool db_in_transaction(const struct catalog *c);
void db_undo(struct catalog *c);
/* How many rows this connection has changed since it was opened. */
int64_t db_changes(const struct catalog *c);
/* What SQLite said about its last call, as ours. */
int db_error(struct catalog *c, int sqlite_rc, struct error *e);
/* The key of sealed columns, read or made when it is first needed. */
int db_key(struct catalog *c, struct error *e) MUST_USE;

/* catalog.c: bring the schema up to the last of `steps` (sorted, ended by a zeroed one; the n-th makes version n). */
int catalog_migrate(struct catalog *c, const struct embedded *steps, struct error *e) MUST_USE;

#endif

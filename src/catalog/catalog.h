/* The catalog: what Backstay knows on this machine beyond the repositories. One SQLite database, <state>/catalog.db
 * (0600, WAL), opened by the daemon, by every job and by every command line at the same time. It is a convenience:
 * `catalog rebuild` makes it anew from the repositories, and no restore needs it.
 *
 * Each kind of record has a header here: its struct, functions that add, get, list, change and remove it, its JSON
 * (what `--json`, the REST API and `config export` show: docs/catalog.md) and the reading of that JSON with every field
 * checked. Only src/catalog has SQL, and only db.c knows SQLite, so that another database can follow.
 *
 * A struct catalog is one connection, used by one thread at a time. Errors every function may return: -ERR_IO,
 * -ERR_NO_SPACE, -ERR_ACCESS, -ERR_CORRUPT, -ERR_LOCKED (another writer for longer than ten seconds). Records that are
 * returned own their strings and lists; X_release() frees them and leaves a zeroed record. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/strlist.h"
#include "base/timefmt.h"

struct catalog;

/* Open <state_dir>/catalog.db, made and migrated when needed (the folder must exist). -ERR_VERSION when a newer Backstay
 * wrote it. The key that seals secrets is <state_dir>/secret.key (0600), made on first use. */
int catalog_open(const char *state_dir, struct catalog **out, struct error *e) MUST_USE;
bool catalog_exists(const char *state_dir);
void catalog_close(struct catalog *c);             /* NULL is legal */
const char *catalog_state_dir(const struct catalog *c);
/* A number that differs once another connection has changed anything since the last call: cheap to ask for. */
int64_t catalog_stamp(struct catalog *c);
/* Several changes as one. Nested calls count; only the outermost commits. A rollback at any depth undoes all. */
int catalog_begin(struct catalog *c, struct error *e) MUST_USE;
int catalog_commit(struct catalog *c, struct error *e) MUST_USE;
void catalog_rollback(struct catalog *c);
/* The end of what catalog_begin() began: commit when rc is 0, else roll back and return rc. */
int catalog_end(struct catalog *c, int rc, struct error *e) MUST_USE;
/* Structure and every page, by SQLite's own check: -ERR_CORRUPT with its first complaint. */
int catalog_check(struct catalog *c, struct error *e) MUST_USE;

/* A page of a listing. The records come in the order the list function names. */
struct catalog_page {
	uint64_t offset, limit;     /* limit 0: 100; at most 1000 */
};

#endif

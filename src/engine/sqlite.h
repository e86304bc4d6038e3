/* SQLite: inner interfaces of the engine's parts. */
#ifndef ENGINE_SQLITE_H
#define ENGINE_SQLITE_H

#include "engine/engine.h"

#include <sqlite3.h>

#define SQLITE_CHECK_AUTO ((uint64_t)256 << 20)   /* up to this size every backup's copy gets an integrity_check at once */

/* sqlite_vfs.c: a read-only SQLite VFS over a random-access source. The database opened sees exactly the bytes of `src`, immutable, no journal, no WAL. Takes over src, also on failure. Close with sqlite3_close(). */
int sqlite_open_source(struct source *src, sqlite3 **out, struct error *e) MUST_USE;
/* sqlite_writer_vfs.c: a VFS whose database file is a file_sink: pages written go out as blocks of `block` bytes; block 0 is held until the end. Used as the destination of the backup API. */

/* sqlite_pages.c: watches pages as they pass and derives, without reading anything twice, how many rows each b-tree holds and whether the file's structure is sound (every page reached exactly once from a root, the free list,
 * pointer map or an overflow chain; SQLite file format document, "B-tree Pages"). */
struct sqlite_pages;
struct sqlite_pages *sqlite_pages_new(uint32_t page_size, uint32_t reserved);
void sqlite_pages_free(struct sqlite_pages *w);
void sqlite_pages_see(struct sqlite_pages *w, uint32_t page_number, const uint8_t *page);     /* a page seen again replaces what was known of it */
void sqlite_pages_truncate(struct sqlite_pages *w, uint32_t page_count);
/* Rows of the b-tree rooted at `root` (a table's or a WITHOUT ROWID table's). -ERR_CORRUPT when its pages are not sound. */
int sqlite_pages_rows(struct sqlite_pages *w, uint32_t root, bool without_rowid, uint64_t *rows, struct error *e) MUST_USE;
uint64_t sqlite_pages_bytes(struct sqlite_pages *w, uint32_t root);      /* pages of that b-tree, overflow included, times the page size */
/* After rows() was asked for every root: pages reached twice or never (free pages are reached through the free list) are -ERR_CORRUPT. */
int sqlite_pages_check(struct sqlite_pages *w, struct error *e) MUST_USE;

/* sqlite_rows.c: rows over an open database handle; takes it over. */
int sqlite_rows_open(sqlite3 *db, struct rows_db **out, struct error *e) MUST_USE;
/* Text of SQLite's last error on db as a struct error: "<what>: database disk image is malformed". BUSY/LOCKED -> ERR_LOCKED, CORRUPT/NOTADB -> ERR_CORRUPT, FULL -> ERR_NO_SPACE, READONLY/PERM/AUTH/CANTOPEN -> ERR_ACCESS, else ERR_IO. */
int sqlite_error(sqlite3 *db, int rc, struct error *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* integrity_check: 0, or -ERR_CORRUPT with its first finding. */
int sqlite_integrity(sqlite3 *db, struct error *e) MUST_USE;

/* The engine's members, gathered in sqlite.c */
int sqlite_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;
int sqlite_restore(const struct engine_restore *r, struct restore_result *out, struct error *e) MUST_USE;

#endif

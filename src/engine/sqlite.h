/* SQLite: inner interfaces of the engine's parts. */
#ifndef ENGINE_SQLITE_H
#define ENGINE_SQLITE_H

#include "engine/engine.h"

#include <sqlite3.h>

#define SQLITE_CHECK_AUTO ((uint64_t)256 << 20)   /* up to this size a backup's copy gets an integrity_check at once */
#define SQLITE_HEADER 100                         /* bytes of the file header */

/* sqlite_db.c: handles and statements.
 *
 * A file that may be live is never opened and closed by descriptors of our own: closing any descriptor of a file drops
 * all POSIX locks this process holds on it, those of other connections included. */

/* How long a lock held by others is waited for, in milliseconds: 30,000; tests shorten it. */
extern int sqlite_patience_ms;

enum sqlite_live {
	LIVE_WRITE = 1 << 0,     /* for reading and writing; otherwise read-only */
	LIVE_CREATE = 1 << 1,    /* with LIVE_WRITE: the file may be absent or new */
	LIVE_STILL = 1 << 2,     /* the caller knows that nobody uses it: no locks, no WAL, nothing created beside it */
};
/* Open a database file in place. Waiting for locks ends with sqlite_patience_ms or when p is cancelled. It is never
 * checkpointed by a read-only handle. -ERR_CORRUPT "file is not a database", -ERR_LOCKED, -ERR_ACCESS,
 * -ERR_NOT_FOUND. */
int sqlite_open_live(const char *path, unsigned flags, struct progress *p, sqlite3 **out, struct error *e) MUST_USE;
/* No extensions, no trust in what the schema holds, no writing behind SQLite's back. */
void sqlite_harden(sqlite3 *db);
/* The file's first bytes (zeros behind its end) and its size, read through SQLite. */
int sqlite_read_header(const char *path, unsigned char head[SQLITE_HEADER], uint64_t *size, struct error *e) MUST_USE;
bool sqlite_is_header(const unsigned char head[SQLITE_HEADER]);
/* Page size a header tells, 0 when it is none. */
uint32_t sqlite_header_page_size(const unsigned char head[SQLITE_HEADER]);
/* Whether path is a regular file that holds a database; an empty file is a legal one when its name says so. */
bool sqlite_claims(const char *path);

/* Text of SQLite's last error on db as a struct error: "<what>: database disk image is malformed". BUSY/LOCKED ->
 * ERR_LOCKED, CORRUPT/NOTADB -> ERR_CORRUPT, FULL -> ERR_NO_SPACE, READONLY/PERM/AUTH -> ERR_ACCESS, CANTOPEN -> by its
 * errno, else ERR_IO. What a source or sink behind one of our file systems said comes before SQLite's words. */
int sqlite_error(sqlite3 *db, int rc, struct error *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* integrity_check: 0, or -ERR_CORRUPT with its first finding. -ERR_VERSION when it cannot run here because the schema
 * needs a function, collation or module of its application. Values that break CHECK or NOT NULL rules are no damage. */
int sqlite_integrity(sqlite3 *db, struct error *e) MUST_USE;
/* Prepare or run SQL made as by sqlite3_mprintf() (%Q, %w). */
int sqlite_prepare(sqlite3 *db, sqlite3_stmt **out, struct error *e, const char *fmt, ...) MUST_USE;
int sqlite_exec(sqlite3 *db, struct error *e, const char *fmt, ...) MUST_USE;
/* 1: a row; 0: done; -kind. */
int sqlite_step(sqlite3_stmt *stmt, struct error *e) MUST_USE;
/* The first value of the first row of the SQL; 0 when there is none. */
int sqlite_number(sqlite3 *db, int64_t *out, struct error *e, const char *fmt, ...) MUST_USE;
const char *sqlite_text(sqlite3_stmt *stmt, int column);          /* "" for NULL */
void sqlite_close_handle(sqlite3 **db);                           /* for CLEANUP() */
void sqlite_close_stmt(sqlite3_stmt **stmt);

/* sqlite_vfs.c: a read-only database over a random-access source: exactly the bytes of `src`, immutable, no journal,
 * no WAL. Takes over src, also on failure. Close with sqlite3_close(). */
int sqlite_open_source(struct source *src, sqlite3 **out, struct error *e) MUST_USE;
/* The same as a further schema of db, which must have been opened by sqlite_open_live() with LIVE_WRITE. */
int sqlite_attach_source(sqlite3 *db, struct source *src, const char *schema, struct error *e) MUST_USE;

/* The VFS itself: a main database file is what its methods make of `owner`. Files without xWrite are read-only. */
struct sqlite_vfs_file {
	sqlite3_file base;
	void *owner;
};
int sqlite_vfs_open(const sqlite3_io_methods *methods, void *owner, sqlite3 **out);       /* SQLite's result */
/* File control that hands out the struct error behind an I/O error. */
#define SQLITE_VFS_WHY 0x42530001
int sqlite_vfs_ignore(sqlite3_file *file, int flags);              /* xSync, xLock, xUnlock that do nothing */
int sqlite_vfs_unreserved(sqlite3_file *file, int *held);
int sqlite_vfs_sector(sqlite3_file *file);

/* sqlite_pages.c: watches pages as they pass and derives, without reading anything twice, how many rows each b-tree
 * holds and whether the file's structure is sound (every page reached exactly once from a root, the free list, pointer
 * map or an overflow chain; SQLite file format document, "B-tree Pages"). Keeps 12 bytes a page and 4 to 8 for each
 * page number found in pages. */
struct sqlite_pages;
struct sqlite_pages *sqlite_pages_new(uint32_t page_size, uint32_t reserved);
void sqlite_pages_free(struct sqlite_pages *w);                   /* NULL is legal */
/* `page` is page_size bytes. A page seen again replaces what was known of it. */
void sqlite_pages_see(struct sqlite_pages *w, uint32_t page_number, const uint8_t *page);
/* Rows of the b-tree rooted at `root` (a table's; or with `without_rowid` an index's or such a table's). Ask once for
 * each root. -ERR_CORRUPT when its pages are not sound; *rows is then 0. */
int sqlite_pages_rows(struct sqlite_pages *w, uint32_t root, bool without_rowid, uint64_t *rows,
	struct error *e) MUST_USE;
/* Pages of a b-tree whose rows were asked for, overflow included, times the page size. */
uint64_t sqlite_pages_bytes(struct sqlite_pages *w, uint32_t root);
/* After rows() was asked for every root but 1, which this does itself: pages reached twice or never (free pages are
 * reached through the free list) are -ERR_CORRUPT. */
int sqlite_pages_check(struct sqlite_pages *w, struct error *e) MUST_USE;

/* sqlite_writer_vfs.c: a database file that is a file_sink: pages written go out as blocks. The destination of the
 * backup API. */
struct sqlite_writer;
/* The size of blocks for a database of that many bytes: a power of two, 64 KiB to 512 KiB. */
size_t sqlite_writer_block(uint64_t database);
/* `file` and `pages` stay the caller's and must outlive the writer. */
struct sqlite_writer *sqlite_writer_new(struct file_sink *file, struct sqlite_pages *pages, size_t block, size_t page);
/* The new, empty database to write. Close it before sqlite_writer_finish(). */
int sqlite_writer_open(struct sqlite_writer *w, sqlite3 **out, struct error *e) MUST_USE;
/* Whether a page that had gone out already was wanted again, which made SQLite fail: the copy must begin anew. */
bool sqlite_writer_spoiled(const struct sqlite_writer *w);
/* Put the rest; *size is that of the file. -ERR_INTERNAL when a page is missing. */
int sqlite_writer_finish(struct sqlite_writer *w, uint64_t *size, struct error *e) MUST_USE;
void sqlite_writer_free(struct sqlite_writer *w);                 /* NULL is legal */

/* sqlite_copy.c: one consistent copy of a live database into a new file of the sink. */
struct sqlite_copy {
	struct tree_sink *sink;
	struct progress *progress;
	struct sqlite_pages *pages;       /* out: what passed; the caller's. NULL for an empty database. */
	struct file_sink *file;           /* out: the file, not yet closed; the caller's. NULL for an empty database. */
	uint64_t size;                    /* out */
	size_t block;                     /* out */
	int restarts;                     /* out: how often the source changed under the copy */
	double held;                      /* out: seconds a read lock was held that makes writers wait; 0 otherwise */
	bool wal;                         /* out: the source is in WAL mode */
};
int sqlite_copy(struct sqlite_copy *c, sqlite3 *from, struct error *e) MUST_USE;
void sqlite_copy_release(struct sqlite_copy *c);                  /* aborts the file if it is still there */

/* sqlite_fingerprint.c: by what an unchanged database is known again. *text is a heap string; NULL when a hot journal
 * makes that impossible. *settled: all its times are at least 2 s old, so that any later change must show. */
int sqlite_fingerprint(const char *path, char **text, bool *settled, struct error *e) MUST_USE;

/* sqlite_inventory.c: what a database holds. */
struct sqlite_look {
	struct sqlite_pages *pages;       /* rows come from here and the structure is checked; NULL: by count(*) */
	bool count_virtual;               /* run count(*) on virtual tables */
	bool tolerate;                    /* what is not sound becomes a note */
};
/* Tables with columns, rows and sizes, in name order, and counted objects: "view", "trigger", "index", "virtual table",
 * "shadow table". Shadow tables are no tables of their own. */
int sqlite_inventory(sqlite3 *db, const struct sqlite_look *look, struct manifest_source *out,
	struct error *e) MUST_USE;
/* -ERR_VERIFY with the first difference. What `expected` does not know is not compared. */
int sqlite_inventory_compare(const struct manifest_source *expected, const struct manifest_source *found,
	struct error *e) MUST_USE;
/* All of a stored database into fd in one pass. *pages (the caller's) saw it; NULL when it is empty. -ERR_CORRUPT when
 * it is no database. */
int sqlite_spool(struct source *from, int fd, struct progress *p, struct sqlite_pages **pages,
	struct error *e) MUST_USE;
/* A source over a further descriptor of fd's file. */
int sqlite_source_of(int fd, struct source **out, struct error *e) MUST_USE;
/* The check of a database in fd: its structure, and equal to the manifest. `thorough` runs integrity_check; without it the
 * pages as they passed must do. *found is what is there; `how` is static text: "integrity_check", or "pages" when that was
 * not asked for or cannot run here (then e, the result being 0, says why). */
int sqlite_check_copy(int fd, struct sqlite_pages *pages, bool thorough, const struct manifest_source *expected,
	struct manifest_source *found, const char **how, struct error *e) MUST_USE;

/* sqlite_rows.c: rows over an open database handle; takes it over, also on failure. */
int sqlite_rows_open(sqlite3 *db, struct rows_db **out, struct error *e) MUST_USE;
/* rows_db->query() on a handle that stays the caller's, and under its authorizer. */
int sqlite_rows_query(sqlite3 *db, const char *sql, struct rows_cursor **out, struct error *e) MUST_USE;

/* sqlite_tables.c: tables out of a stored database into a live one, in one transaction. */
struct sqlite_merge {
	sqlite3 *live;
	struct source *stored;                    /* taken over */
	const struct manifest_source *manifest;
	const struct strlist *tables;             /* empty: all */
	enum restore_mode mode;
	int (*before_write)(void *ctx, struct error *e);  /* called once no other can write any more; or NULL */
	void *ctx;
	struct progress *progress;
};
int sqlite_tables_restore(struct sqlite_merge *m, struct restore_result *out, struct error *e) MUST_USE;

/* sqlite_salvage.c: a damaged database built anew from its rows in a file beside it. If every row could be read it is then
 * written over `live`, in one transaction, and *what (heap) says so. Otherwise -ERR_CORRUPT, the live one as it was, and
 * the hint names the file with what could be read. */
int sqlite_salvage(sqlite3 *live, const char *path, struct progress *p, char **what, struct error *e) MUST_USE;

/* The engine's members, gathered in sqlite.c */
/* sqlite_maintain.c */
int sqlite_info(const struct source_url *u, struct source_info *out, struct error *e) MUST_USE;
int sqlite_maintain(const struct engine_maintenance *m, struct error *e) MUST_USE;
int sqlite_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;
int sqlite_restore(const struct engine_restore *r, struct restore_result *out, struct error *e) MUST_USE;
/* The artifact of an SQLite source; NULL when it has none. */
const struct manifest_artifact *sqlite_artifact(const struct manifest_source *m);
/* It as stored; -ERR_MISMATCH when there is none. */
int sqlite_stored_open(const struct stored *s, struct source **out, struct error *e) MUST_USE;

#endif

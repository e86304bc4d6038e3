/* SQLite handles and statements: opened, closed, their errors told in our way. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int sqlite_patience_ms = 30000;

void sqlite_close_handle(sqlite3 **db)
{
	sqlite3_close_v2(*db);
	*db = NULL;
}

void sqlite_close_stmt(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
}

const char *sqlite_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);
	return text ? (const char *)text : "";
}

static enum err_kind kind_of(int rc, int sys)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_LOCKED;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_FULL:
		return ERR_NO_SPACE;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_ACCESS;
	case SQLITE_CANTOPEN:
		return sys == ENOENT || sys == ENOTDIR ? ERR_NOT_FOUND : ERR_ACCESS;
	case SQLITE_IOERR:
		return sys == ENOSPC || sys == EDQUOT ? ERR_NO_SPACE : ERR_IO;
	default:
		return ERR_IO;
	}
}

/* What a source or sink behind one of our file systems said, or NULL. */
static const struct error *why_of(sqlite3 *db)
{
	const char *schema;
	for (int i = 0; db && (schema = sqlite3_db_name(db, i)); i++) {
		const struct error *why = NULL;
		if (sqlite3_file_control(db, schema, SQLITE_VFS_WHY, &why) == SQLITE_OK && why && why->kind != ERR_NONE)
			return why;
	}
	return NULL;
}

int sqlite_error(sqlite3 *db, int rc, struct error *e, const char *fmt, ...)
{
	char what[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);

	int primary = rc & 0xff;
	const struct error *why = primary == SQLITE_IOERR ? why_of(db) : NULL;
	if (why) {
		*e = *why;
		return error_wrap(e, "%s", what);
	}
	int sys = db ? sqlite3_system_errno(db) : 0;
	const char *words = db && (sqlite3_errcode(db) & 0xff) == primary ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
	if (sys && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
		return error_set(e, kind_of(rc, sys), "%s: %s: %s", what, words, strerror(sys));
	int err = error_set(e, kind_of(rc, sys), "%s: %s", what, words);
	if (err == -ERR_LOCKED)
		error_hint(e, "another program holds a lock on the database: stop it or try again later");
	return err;
}

/* Called by SQLite with a growing count while a lock is held by others; the time waited follows from the count. */
static int wait_for_lock(void *progress, int tries)
{
	struct error ignored;
	long waited = tries < 6 ? (1L << tries) - 1 : 63 + 50L * (tries - 6);
	long delay = tries < 6 ? 1L << tries : 50;
	if (waited >= sqlite_patience_ms || progress_check(progress, &ignored))
		return 0;
	nanosleep(&(struct timespec){.tv_nsec = delay * 1000000}, NULL);
	return 1;
}

void sqlite_harden(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_exec(db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
}

/* "file:/srv/a%3fb.db?immutable=1" */
static void still_uri(const char *path, struct buf *uri)
{
	buf_add_str(uri, "file:");
	for (const char *c = path; *c; c++)
		if (strchr("%?#", *c))
			buf_printf(uri, "%%%02x", (unsigned char)*c);
		else
			buf_add_byte(uri, (unsigned char)*c);
	buf_add_str(uri, "?immutable=1");
}

static int try_open(const char *path, unsigned flags, struct progress *p, sqlite3 **out)
{
	CLEANUP(buf_release) struct buf uri = BUF_INIT;
	int how = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
	how |= flags & LIVE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	how |= flags & LIVE_CREATE ? SQLITE_OPEN_CREATE : 0;
	if (flags & LIVE_STILL)
		still_uri(path, &uri);
	int rc = sqlite3_open_v2(uri.len ? buf_text(&uri) : path, out, how, NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(*out, 1);
	sqlite3_busy_handler(*out, wait_for_lock, p);
	sqlite_harden(*out);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !(flags & LIVE_WRITE), NULL);
	return sqlite3_exec(*out, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
}

int sqlite_open_live(const char *path, unsigned flags, struct progress *p, sqlite3 **out, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	int rc = try_open(path, flags, p, &db);
	bool unfinished = rc == SQLITE_READONLY_ROLLBACK;
	if (unfinished) {
		/* A program died in a transaction. Whoever opens the database next has to roll that back first. */
		sqlite_close_handle(&db);
		rc = try_open(path, flags | LIVE_WRITE, p, &db);
	}
	if (rc == SQLITE_OK) {
		*out = TAKE(db);
		return 0;
	}
	struct error cancelled = {0};
	if (progress_check(p, &cancelled)) {
		*e = cancelled;
		return -ERR_CANCELLED;
	}
	int err = sqlite_error(db, rc, e, "opening %s", path);
	if (unfinished)
		error_hint(e, "a program died while it was writing, which whoever may write there has to undo first; or copy it with its "
			      "-journal file to where you may write, and back that up");
	if ((rc & 0xff) == SQLITE_CANTOPEN && err == -ERR_ACCESS)
		error_hint(e, "a database in WAL mode can be read only by who may write to its folder");
	return err;
}

int sqlite_read_header(const char *path, unsigned char head[SQLITE_HEADER], uint64_t *size, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	sqlite3_file *file = NULL;
	sqlite3_int64 bytes = 0;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (rc == SQLITE_OK)
		rc = file->pMethods->xFileSize(file, &bytes);
	if (rc == SQLITE_OK)
		rc = file->pMethods->xRead(file, head, SQLITE_HEADER, 0);
	*size = (uint64_t)bytes;
	if (rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ)
		return 0;
	return sqlite_error(db, rc, e, "opening %s", path);
}

bool sqlite_is_header(const unsigned char head[SQLITE_HEADER])
{
	return memcmp(head, "SQLite format 3", 16) == 0 && sqlite_header_page_size(head) > 0;
}

uint32_t sqlite_header_page_size(const unsigned char head[SQLITE_HEADER])
{
	uint32_t size = (uint32_t)head[16] << 8 | head[17];
	if (size == 1)
		return 65536;
	return size >= 512 && (size & (size - 1)) == 0 ? size : 0;
}

static bool name_of_database(const char *path)
{
	static const char *const endings[] = {".db", ".sqlite", ".sqlite3", ".db3"};
	size_t n = strlen(path);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t m = strlen(endings[i]);
		if (n > m && strcasecmp(path + n - m, endings[i]) == 0)
			return true;
	}
	return false;
}

bool sqlite_claims(const char *path)
{
	struct error ignored;
	struct stat st;
	unsigned char head[SQLITE_HEADER];
	uint64_t size;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (st.st_size == 0)
		return name_of_database(path);
	return sqlite_read_header(path, head, &size, &ignored) == 0 && sqlite_is_header(head);
}

static int prepare(sqlite3 *db, sqlite3_stmt **out, struct error *e, const char *fmt, va_list ap)
{
	char *sql = sqlite3_vmprintf(fmt, ap);
	if (!sql)
		return error_set(e, ERR_LIMIT, "an SQL statement is too long");
	int rc = sqlite3_prepare_v2(db, sql, -1, out, NULL);
	sqlite3_free(sql);
	return rc == SQLITE_OK ? 0 : sqlite_error(db, rc, e, "reading the database");
}

int sqlite_prepare(sqlite3 *db, sqlite3_stmt **out, struct error *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int err = prepare(db, out, e, fmt, ap);
	va_end(ap);
	return err;
}

int sqlite_step(sqlite3_stmt *stmt, struct error *e)
{
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : sqlite_error(sqlite3_db_handle(stmt), rc, e, "reading the database");
}

int sqlite_exec(sqlite3 *db, struct error *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *sql = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	if (!sql)
		return error_set(e, ERR_LIMIT, "an SQL statement is too long");
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	/* The statement's first word says what failed. */
	int err = rc == SQLITE_OK ? 0 : sqlite_error(db, rc, e, "%.*s", (int)strcspn(sql, " ;"), sql);
	sqlite3_free(sql);
	return err;
}

int sqlite_number(sqlite3 *db, int64_t *out, struct error *e, const char *fmt, ...)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	va_list ap;
	va_start(ap, fmt);
	int err = prepare(db, &stmt, e, fmt, ap);
	va_end(ap);
	if (!err)
		err = sqlite_step(stmt, e);
	if (err < 0)
		return err;
	*out = err ? sqlite3_column_int64(stmt, 0) : 0;
	return 0;
}

/* Whether the schema needs something of its application that is not here. */
static bool is_foreign(sqlite3 *db, int rc)
{
	static const char *const missing[] = {"no such collation sequence", "no such function", "unknown function",
		"no such module"};
	for (size_t i = 0; i < ARRAY_LEN(missing) && (rc & 0xff) == SQLITE_ERROR; i++)
		if (strstr(sqlite3_errmsg(db), missing[i]))
			return true;
	return false;
}

int sqlite_integrity(sqlite3 *db, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	sqlite3_exec(db, "PRAGMA ignore_check_constraints=ON", NULL, NULL, NULL);
	int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(100)", -1, &stmt, NULL);
	for (;;) {
		if (rc == SQLITE_OK)
			rc = sqlite3_step(stmt);
		if (rc == SQLITE_DONE)
			return 0;
		if (rc != SQLITE_ROW && is_foreign(db, rc))
			return error_set(e, ERR_VERSION, "integrity_check cannot run here: %s", sqlite3_errmsg(db));
		if (rc != SQLITE_ROW)
			return sqlite_error(db, rc, e, "integrity_check");
		const char *finding = sqlite_text(stmt, 0);
		if (strcmp(finding, "ok") != 0 && strncmp(finding, "NULL value in ", 14) != 0)
			return error_set(e, ERR_CORRUPT, "integrity_check: %.*s", (int)strcspn(finding, "\n"), finding);
		rc = SQLITE_OK;
	}
}

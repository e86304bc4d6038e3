/* The catalog's SQLite file: opened, looked after, its errors told in our way. */
#include "catalog/db_inner.h"

#include "base/mem.h"
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 10.0    /* seconds for other writers */

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
		return ERR_INTERNAL;
	}
}

/* "UNIQUE constraint failed: source.name" */
static int constraint_error(struct catalog *c, int rc, struct error *e)
{
	const char *words = sqlite3_errmsg(c->handle), *column = strrchr(words, ' ');
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return error_set(e, ERR_EXISTS, "this %s is taken already", column ? column + 1 : "name");
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return error_set(e, ERR_REFUSED, "other records of the catalog refer to it");
	case SQLITE_CONSTRAINT_TRIGGER:
		return error_set(e, ERR_REFUSED, "%s", words);
	default:
		return error_set(e, ERR_INTERNAL, "the catalog %s: %s", c->path, words);
	}
}

int db_error(struct catalog *c, int rc, struct error *e)
{
	int sys = c->handle ? sqlite3_system_errno(c->handle) : 0;
	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return constraint_error(c, rc, e);
	enum err_kind kind = kind_of(rc, sys);
	const char *words = c->handle ? sqlite3_errmsg(c->handle) : sqlite3_errstr(rc);
	if (kind == ERR_LOCKED) {
		error_set(e, kind, "the catalog %s has been locked by another process for %.0f seconds", c->path, PATIENCE);
		return error_hint(e, "find out what holds it (fuser -v %s), or try again", c->path);
	}
	if (kind == ERR_CORRUPT) {
		error_set(e, kind, "the catalog %s is damaged: %s", c->path, words);
		return error_hint(e, "move it away with its -wal and -shm, then run `backstay catalog rebuild`: backups are not touched by this");
	}
	bool told = sys && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN);
	return error_set(e, kind, "the catalog %s: %s%s%s", c->path, words, told ? ": " : "", told ? strerror(sys) : "");
}

int db_script(struct catalog *c, const char *sql, struct error *e)
{
	int rc = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_error(c, rc, e);
}

/* SQLite gives -wal and -shm the rights of the file itself, so that those must be right before it opens it. Never
 * through a descriptor of a file that is there: closing one would drop the locks this process holds on it. */
static int make_private(const char *path, struct error *e)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != EEXIST)
		return error_sys(e, errno, "making the catalog %s", path);
	if (stat(path, &st) != 0)
		return error_sys(e, errno, "looking at the catalog %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, ERR_MISMATCH, "the catalog %s is not a file", path);
	if ((st.st_mode & 077) != 0 && chmod(path, st.st_mode & 0700) != 0)
		return error_sys(e, errno, "taking the catalog %s from others", path);
	return 0;
}

/* The change to WAL is the one thing for which SQLite does not wait: two that make the file at once meet here. */
static int set_wal(struct catalog *c, struct error *e)
{
	double until = time_monotonic() + PATIENCE;
	int rc = sqlite3_exec(c->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	while ((rc & 0xff) == SQLITE_BUSY && time_monotonic() < until) {
		time_sleep(0.01);
		rc = sqlite3_exec(c->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? 0 : db_error(c, rc, e);
}

int db_connect(struct catalog *c, struct error *e)
{
	int err = make_private(c->path, e);
	if (err)
		return err;
	int rc = sqlite3_open_v2(c->path, &c->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return db_error(c, rc, e);
	sqlite3_extended_result_codes(c->handle, 1);
	sqlite3_busy_timeout(c->handle, (int)(PATIENCE * 1000));
	sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	c->kept = map_new();
	err = set_wal(c, e);
	/* The daemon has several connections, and the system has the file in its own cache: a MiB each will do. */
	if (!err)
		err = db_script(c, "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -1000", e);
	return err;
}

static void free_kept(void *p)
{
	struct db_kept *k = p;
	sqlite3_finalize(k->statement);
	free(k);
}

void db_disconnect(struct catalog *c)
{
	map_free(c->kept, free_kept);
	sqlite3_close_v2(c->handle);
	c->kept = NULL;
	c->handle = NULL;
}

void db_undo(struct catalog *c)
{
	if (db_in_transaction(c))
		sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
}

int64_t db_changes(const struct catalog *c)
{
	return sqlite3_total_changes64(c->handle);
}

bool db_in_transaction(const struct catalog *c)
{
	return !sqlite3_get_autocommit(c->handle);
}

int db_watch_references(struct catalog *c, struct error *e)
{
	return db_script(c, "PRAGMA foreign_keys = ON", e);
}

int db_check_pages(struct catalog *c, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "PRAGMA integrity_check(1)", "");
	if (!rc && db_next(&q, &rc, e) && strcmp(db_text(&q, 0), "ok") != 0) {
		rc = error_set(e, ERR_CORRUPT, "the catalog %s is damaged: %s", c->path, db_text(&q, 0));
		error_hint(e, "move it away with its -wal and -shm, then run `backstay catalog rebuild`: backups are not touched by this");
	}
	db_done(&q);
	return rc;
}

int db_key(struct catalog *c, struct error *e)
{
	return c->key.len ? 0 : seal_key_load(c->key_path, &c->key, e);
}

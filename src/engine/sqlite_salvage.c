/* Building a damaged database anew from the rows that can still be read. Only if that is all of them is it put in the
 * place of the damaged one; otherwise it is left beside it, for people to look at. */
#include "engine/sqlite.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP 1024 /* pages copied between two looks at the cancel flag */
#define LOOK_ROWS 4096

struct salvage {
	sqlite3 *live, *fresh;
	const char *path;
	struct progress *progress;
	char *beside; /* the new file */
	uint64_t rows;
	struct strlist lost; /* "orders (read up to row 120 and from row 340)" */
};

static void salvage_release(struct salvage *s)
{
	sqlite_close_handle(&s->fresh);
	if (s->beside)
		unlink(s->beside);
	free(s->beside);
	strlist_release(&s->lost);
}

/* ---- rows ---- */

/* Columns that are stored, as "a", "b"; and a name for the rowid that no column has; NULL when there is no rowid. */
struct shape {
	char *columns;
	const char *rowid;
};

static int shape_of(sqlite3 *db, const char *table, struct shape *out, struct error *e)
{
	static const char *const rowids[] = {"rowid", "_rowid_", "oid"};
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	CLEANUP(strlist_release) struct strlist names = {0}, quoted = {0};
	int64_t without = 0;
	int err = sqlite_prepare(
		db, &stmt, e, "SELECT name FROM pragma_table_xinfo(%Q) WHERE hidden = 0 ORDER BY cid", table);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		char *q = sqlite3_mprintf("\"%w\"", sqlite_text(stmt, 0));
		strlist_add(&names, sqlite_text(stmt, 0));
		strlist_add(&quoted, q);
		sqlite3_free(q);
		err = 0;
	}
	if (!err)
		err = sqlite_number(
			db, &without, e, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = %Q", table);
	if (err)
		return err;
	*out = (struct shape){.columns = strlist_join(&quoted, ", ")};
	for (size_t i = 0; i < ARRAY_LEN(rowids) && !without && !out->rowid; i++) {
		bool taken = false;
		for (size_t k = 0; k < names.n; k++)
			taken = taken || strcasecmp(names.v[k], rowids[i]) == 0;
		out->rowid = taken ? NULL : rowids[i];
	}
	return 0;
}

static int prepare_insert(const struct salvage *s, const char *table, const struct shape *shape, int columns,
	sqlite3_stmt **out, struct error *e)
{
	CLEANUP(buf_release) struct buf marks = BUF_INIT;
	for (int i = 0; i < columns; i++)
		buf_add_str(&marks, i ? ", ?" : "?");
	return sqlite_prepare(s->fresh, out, e, "INSERT INTO \"%w\"(%s%s%s) VALUES (%s)", table,
		shape->rowid ? shape->rowid : "", shape->rowid ? ", " : "", shape->columns, buf_text(&marks));
}

/* Rows as `from` gives them, until its end or until one cannot be read. *last is the rowid of the last one stored. */
static int pour(struct salvage *s, sqlite3_stmt *from, sqlite3_stmt *to, bool *whole, int64_t *last, uint64_t *n,
	struct error *e)
{
	int err = 0;
	for (*whole = false; !err;) {
		int got = sqlite_step(from, e);
		if (got <= 0) {
			*whole = got == 0;
			return got == -ERR_CORRUPT ? 0 : got;
		}
		int bound = SQLITE_OK;
		sqlite3_reset(to);
		for (int i = 0; i < sqlite3_column_count(from) && bound == SQLITE_OK; i++)
			bound = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		*last = sqlite3_column_int64(from, 0);
		err = bound == SQLITE_OK ? sqlite_step(to, e) : sqlite_error(s->fresh, bound, e, "copying a row");
		if (++*n % LOOK_ROWS == 0 && !err)
			err = progress_check(s->progress, e);
	}
	return err;
}

/* From the front; when a row cannot be read, from the end as well, down to where the front came. */
static int copy_rows(struct salvage *s, const char *table, const struct shape *shape, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *from = NULL, *to = NULL;
	const char *rowid = shape->rowid ? shape->rowid : "", *comma = shape->rowid ? ", " : "";
	bool whole = false;
	int64_t front = INT64_MIN, back = INT64_MAX;
	uint64_t n = 0, ahead;
	int err = sqlite_prepare(
		s->live, &from, e, "SELECT %s%s%s FROM \"%w\" NOT INDEXED", rowid, comma, shape->columns, table);
	if (!err)
		err = prepare_insert(s, table, shape, sqlite3_column_count(from), &to, e);
	if (!err)
		err = pour(s, from, to, &whole, &front, &n, e);
	ahead = n;
	if (!err && !whole && shape->rowid) {
		bool ignored;
		sqlite_close_stmt(&from);
		err = sqlite_prepare(s->live, &from, e,
			"SELECT %s, %s FROM \"%w\" NOT INDEXED WHERE %s > %lld ORDER BY %s DESC", rowid, shape->columns,
			table, rowid, (long long)front, rowid);
		if (!err)
			err = pour(s, from, to, &ignored, &back, &n, e);
	}
	if (strcmp(table, "sqlite_sequence") != 0)
		s->rows += n;
	if (!whole && !err)
		strlist_addf(&s->lost, "%s (%llu rows from its beginning and %llu from its end could be read)", table,
			(unsigned long long)ahead, (unsigned long long)(n - ahead));
	return err;
}

static int copy_table(struct salvage *s, const char *table, struct error *e)
{
	struct shape shape = {0};
	int err = shape_of(s->live, table, &shape, e);
	if (!err)
		err = copy_rows(s, table, &shape, e);
	free(shape.columns);
	return err ? error_wrap(e, "table %s", table) : 0;
}

/* ---- the whole ---- */

/* Run what the schema says of things of these types, in the order in which they were made. */
static int make(struct salvage *s, const char *types, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(s->live, &stmt, e,
		"SELECT sql FROM sqlite_schema WHERE type IN (%s) AND sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%%' "
		"ESCAPE '\\' ORDER BY rowid",
		types);
	while (!err && (err = sqlite_step(stmt, e)) == 1)
		err = sqlite_exec(s->fresh, e, "%s", sqlite_text(stmt, 0));
	return err;
}

static int copy_tables(struct salvage *s, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(s->live, &stmt, e,
		"SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%%' ESCAPE '\\' "
		"UNION ALL SELECT 'sqlite_sequence' FROM sqlite_schema WHERE name = 'sqlite_sequence'");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		const char *name = sqlite_text(stmt, 0);
		/* Filled by what was inserted; what it was is right. */
		if (strcmp(name, "sqlite_sequence") == 0)
			err = sqlite_exec(s->fresh, e, "DELETE FROM sqlite_sequence");
		else
			err = 0;
		if (!err)
			err = copy_table(s, name, e);
		progress_items(s->progress, 1);
	}
	return err;
}

/* Settings that live in the file's header. */
static int copy_settings(struct salvage *s, struct error *e)
{
	static const char *const names[] = {"page_size", "auto_vacuum", "application_id", "user_version"};
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(s->live, &stmt, e, "PRAGMA encoding");
	if (!err && (err = sqlite_step(stmt, e)) >= 0)
		err = sqlite_exec(s->fresh, e, "PRAGMA encoding = '%s'", sqlite_text(stmt, 0));
	for (size_t i = 0; i < ARRAY_LEN(names) && !err; i++) {
		int64_t value = 0;
		err = sqlite_number(s->live, &value, e, "PRAGMA %s", names[i]);
		if (!err)
			err = sqlite_exec(s->fresh, e, "PRAGMA %s = %lld", names[i], (long long)value);
	}
	return err;
}

/* Virtual tables keep their content in ways of their own. */
static int refuse_virtual(struct salvage *s, struct error *e)
{
	int64_t n = 0;
	int err = sqlite_number(
		s->live, &n, e, "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND rootpage = 0");
	if (err || n == 0)
		return err;
	error_set(e, ERR_CORRUPT, "the database is damaged and has virtual tables, which cannot be copied row by row");
	return error_hint(e, "restore the last good backup");
}

static int build(struct salvage *s, struct error *e)
{
	int err = refuse_virtual(s, e);
	if (!err)
		err = copy_settings(s, e);
	if (!err)
		err = sqlite_exec(s->fresh, e,
			"PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF; "
			"BEGIN");
	if (!err)
		err = make(s, "'table'", e);
	if (!err)
		err = copy_tables(s, e);
	if (!err)
		err = make(s, "'index'", e);
	if (!err)
		err = make(s, "'view', 'trigger'", e);
	if (!err)
		err = sqlite_exec(s->fresh, e, "COMMIT");
	return err ? err : sqlite_integrity(s->fresh, e);
}

static unsigned data_version(sqlite3 *db)
{
	unsigned version = 0;
	sqlite3_file_control(db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
	return version;
}

/* All in one transaction, unless somebody changed the live database since it was read. */
static int put_over(struct salvage *s, unsigned version, struct error *e)
{
	int err = 0;
	sqlite3_backup *backup = sqlite3_backup_init(s->live, "main", s->fresh, "main");
	if (!backup)
		return sqlite_error(s->live, sqlite3_errcode(s->live), e, "writing %s", s->path);
	int rc = sqlite3_backup_step(backup, 0);
	if (rc == SQLITE_OK && data_version(s->live) != version)
		err = error_set(e, ERR_LOCKED, "another program changed %s meanwhile; it was left as it is", s->path);
	while (rc == SQLITE_OK && !err) {
		rc = sqlite3_backup_step(backup, STEP);
		err = rc == SQLITE_DONE ? 0 : progress_check(s->progress, e);
	}
	int end = sqlite3_backup_finish(backup);
	if (err)
		return err;
	rc = rc == SQLITE_DONE ? end : rc;
	return rc == SQLITE_OK ? 0 : sqlite_error(s->live, rc, e, "writing %s", s->path);
}

static int leave_beside(struct salvage *s, struct error *e)
{
	AUTO_FREE char *what = strlist_join(&s->lost, ", ");
	AUTO_FREE char *beside = TAKE(s->beside);
	error_set(e, ERR_CORRUPT, "rows are lost, so that the database was left as it is: %s", what);
	return error_hint(e, "restore the last good backup; what could be read is in %s", beside);
}

int sqlite_salvage(sqlite3 *live, const char *path, struct progress *p, char **what, struct error *e)
{
	CLEANUP(salvage_release) struct salvage s = {.live = live, .path = path, .progress = p};
	CLEANUP(fs_close) int fd = -1;
	AUTO_FREE char *dir = path_dir(path), *prefix = mem_printf("%s.recovered-", path_base(path));
	char rows[HUMAN_MAX];
	int err = fs_temp_file(dir, prefix, &s.beside, &fd, e);
	fs_close(&fd);
	fd = -1;
	if (!err)
		err = sqlite_open_live(s.beside, LIVE_WRITE | LIVE_CREATE, p, &s.fresh, e);
	/* What is read belongs together. */
	if (!err)
		err = sqlite_exec(live, e, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
	unsigned version = data_version(live);
	if (!err)
		err = build(&s, e);
	sqlite3_exec(live, "ROLLBACK", NULL, NULL, NULL);
	if (!err && s.lost.n)
		return leave_beside(&s, e);
	if (!err)
		err = put_over(&s, version, e);
	if (err)
		return e->hint[0] ? err : error_hint(e, "restore the last good backup");
	*what = mem_printf("built anew from its %s rows, all of which could be read", human_count(s.rows, rows));
	return 0;
}

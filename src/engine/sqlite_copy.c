/* One consistent copy of a live database through SQLite's backup API. */
#include "engine/sqlite.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <string.h>

#define STEP ((uint32_t)4 << 20)          /* bytes copied between two looks at the clock and the cancel flag */
#define RESTARTS_MAX 3                    /* then writers have to wait for one pass */
#define SPOILED 1                         /* of a pass: the source changed, begin anew */

static void drop(struct sqlite_copy *c)
{
	if (c->file)
		c->file->abort(c->file);
	c->file = NULL;
	sqlite_pages_free(c->pages);
	c->pages = NULL;
}

void sqlite_copy_release(struct sqlite_copy *c)
{
	drop(c);
}

/* SQLite does not tell on which side a step failed; our sink does. */
static int step_failed(sqlite3 *from, sqlite3 *to, int rc, struct error *e)
{
	const struct error *why = NULL;
	sqlite3_file_control(to, "main", SQLITE_VFS_WHY, &why);
	return sqlite_error(why && why->kind != ERR_NONE ? to : from, rc, e, "copying the database");
}

static int all_steps(struct sqlite_copy *c, sqlite3 *from, sqlite3 *to, sqlite3_backup *backup, uint32_t page,
	struct error *e)
{
	for (;;) {
		int rc = sqlite3_backup_step(backup, (int)(STEP / page));
		int err = progress_check(c->progress, e);
		if (err)
			return err;
		if (rc != SQLITE_OK && rc != SQLITE_DONE)
			return step_failed(from, to, rc, e);
		if (rc == SQLITE_DONE)
			return 0;
	}
}

/* The backup from `from` into the writer's empty database, which is whole when this is 0. */
static int fill(struct sqlite_copy *c, sqlite3 *from, struct sqlite_writer *w, uint32_t page, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *to = NULL;
	int err = sqlite_writer_open(w, &to, e);
	if (err)
		return err;
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	if (!backup)
		return sqlite_error(to, sqlite3_errcode(to), e, "beginning the copy");
	err = all_steps(c, from, to, backup, page, e);
	sqlite3_backup_finish(backup);
	return err;
}

/* One attempt with a fresh file. SPOILED when the source changed in a way that the file cannot follow. */
static int pass(struct sqlite_copy *c, sqlite3 *from, uint64_t size, uint32_t page, struct error *e)
{
	int reserved = -1;
	sqlite3_file_control(from, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
	progress_phase(c->progress, "reading", NULL, size, 0);
	int err = c->sink->file(c->sink, false, &c->file, e);
	if (err)
		return err;
	c->block = sqlite_writer_block(size);
	c->pages = sqlite_pages_new(page, reserved > 0 ? (uint32_t)reserved : 0);
	struct sqlite_writer *w = sqlite_writer_new(c->file, c->pages, c->block, page);
	err = fill(c, from, w, page, e);
	if (err && sqlite_writer_spoiled(w))
		err = SPOILED;
	if (!err)
		err = sqlite_writer_finish(w, &c->size, e);
	sqlite_writer_free(w);
	if (err)
		drop(c);
	return err;
}

/* Begin to read: from here to the end of the transaction the source stands still. */
static int hold(sqlite3 *from, struct error *e)
{
	int err = sqlite_exec(from, e, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
	return err ? error_wrap(e, "beginning to read the database") : 0;
}

static int measure(sqlite3 *from, uint64_t *size, uint32_t *page, struct error *e)
{
	int64_t bytes = 0, pages = 0;
	int err = sqlite_number(from, &bytes, e, "PRAGMA page_size");
	if (!err)
		err = sqlite_number(from, &pages, e, "PRAGMA page_count");
	*page = (uint32_t)bytes;
	*size = (uint64_t)pages * (uint64_t)bytes;
	return err;
}

static int is_wal(sqlite3 *from, bool *wal, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(from, &stmt, e, "PRAGMA journal_mode");
	if (!err)
		err = sqlite_step(stmt, e);
	*wal = err == 1 && strcmp(sqlite_text(stmt, 0), "wal") == 0;
	return err < 0 ? err : 0;
}

/* One pass within a read transaction. */
static int pass_held(struct sqlite_copy *c, sqlite3 *from, struct error *e)
{
	uint64_t size;
	uint32_t page;
	double begin = time_monotonic();
	int err = hold(from, e);
	if (err)
		return err;
	err = measure(from, &size, &page, e);
	if (!err && size)
		err = pass(c, from, size, page, e);
	sqlite3_exec(from, "COMMIT", NULL, NULL, NULL);
	c->held = c->wal ? 0 : time_monotonic() - begin;
	return err == SPOILED ? error_set(e, ERR_INTERNAL, "the database changed within a read transaction") : err;
}

int sqlite_copy(struct sqlite_copy *c, sqlite3 *from, struct error *e)
{
	int err = is_wal(from, &c->wal, e);
	if (err)
		return err;
	/* In WAL mode a reader stands in nobody's way. Otherwise it does: let go of the lock between the steps. */
	for (; !c->wal && c->restarts <= RESTARTS_MAX; c->restarts++) {
		uint64_t size;
		uint32_t page;
		err = measure(from, &size, &page, e);
		if (err || !size)
			return err;
		err = pass(c, from, size, page, e);
		if (err != SPOILED)
			return err;
	}
	return pass_held(c, from, e);
}

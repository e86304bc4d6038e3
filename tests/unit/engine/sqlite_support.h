/* Databases made, copied and looked at by the SQLite engine's tests. */
#ifndef TESTS_UNIT_ENGINE_SQLITE_SUPPORT_H
#define TESTS_UNIT_ENGINE_SQLITE_SUPPORT_H

#include "unit/engine/support.h"

#include "base/mem.h"
#include "engine/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The head of a statement that has the numbers 1..count in n(i). */
#define NUMBERS(count) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #count ") "

static inline void lite_run(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static inline sqlite3 *lite_open(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	return db;
}

static inline void lite_make(const char *path, const char *sql)
{
	sqlite3 *db = lite_open(path);
	lite_run(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first value as text, "" for none; valid until the next call. */
static inline const char *lite_text(sqlite3 *db, const char *sql)
{
	static char text[4096];
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	snprintf(text, sizeof text, "%s", rc == SQLITE_ROW ? sqlite_text(stmt, 0) : "");
	sqlite3_finalize(stmt);
	return text;
}

static inline const char *lite_text_at(const char *path, const char *sql)
{
	sqlite3 *db = lite_open(path);
	const char *text = lite_text(db, sql);
	sqlite3_close(db);
	return text;
}

/* One backup of a database: into a tree of its own, with what the manifest says. */
struct lite_backup {
	struct test_tree *tree;
	struct manifest_source m;
	struct source_url url;
	struct backup_options options;
	const struct lite_backup *previous;
	struct progress *progress;
};

static inline int lite_backup_run(struct lite_backup *b, const char *path, struct error *e)
{
	b->url = (struct source_url){.engine = &engine_sqlite, .path = mem_string(path),
		.shown = mem_printf("sqlite:%s", path)};
	b->tree = test_tree_new(b->previous ? b->previous->tree : NULL);
	struct engine_backup run = {.url = &b->url, .name = "app.db", .sink = &b->tree->sink, .options = &b->options,
		.previous = b->previous ? &b->previous->m : NULL, .progress = b->progress};
	*e = (struct error){0};
	return engine_backup_source(&run, &b->m, e);
}

static inline void lite_backup_ok(struct lite_backup *b, const char *path)
{
	struct error e;
	if (lite_backup_run(b, path, &e))
		fail_msg("%s", e.text);
	assert_int_equal(b->tree->files_begun, b->tree->files_closed + b->tree->files_aborted);
}

static inline void lite_backup_release(struct lite_backup *b)
{
	test_tree_free(b->tree);
	manifest_source_release(&b->m);
	source_url_release(&b->url);
	*b = (struct lite_backup){0};
}

/* The stored copy, opened. */
static inline sqlite3 *lite_stored(struct lite_backup *b)
{
	struct error e = {0};
	struct stored s = test_stored(b->tree, &b->m);
	struct source *src;
	sqlite3 *db = NULL;
	if (sqlite_stored_open(&s, &src, &e) || sqlite_open_source(src, &db, &e))
		fail_msg("%s", e.text);
	return db;
}

static inline const char *lite_stored_text(struct lite_backup *b, const char *sql)
{
	sqlite3 *db = lite_stored(b);
	const char *text = lite_text(db, sql);
	sqlite3_close(db);
	return text;
}

#endif

/* Sizes of an SQLite database; VACUUM, integrity_check, and what can be repaired. */
#include "engine/sqlite.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define FINDINGS 100 /* integrity_check lists no more */
#define SHOWN 3

/* ---- information ---- */

/* Bytes of each table's b-trees, as far as this SQLite can tell. */
static void add_sizes(sqlite3 *db, struct source_info *out)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	struct error ignored;
	if (sqlite_prepare(db, &stmt, &ignored,
		    "SELECT s.tbl_name, SUM(d.pgsize), SUM(CASE s.type WHEN 'index' THEN d.pgsize ELSE 0 END) "
		    "FROM dbstat('main', 1) d JOIN sqlite_schema s ON s.name = d.name GROUP BY s.tbl_name") != 0)
		return;
	while (sqlite_step(stmt, &ignored) == 1)
		for (size_t i = 0; i < out->table_count; i++)
			if (strcmp(out->tables[i].name, sqlite_text(stmt, 0)) == 0) {
				out->tables[i].bytes = (uint64_t)sqlite3_column_int64(stmt, 1);
				out->tables[i].index_bytes = (uint64_t)sqlite3_column_int64(stmt, 2);
			}
}

static int read_whole(sqlite3 *db, struct source_info *out, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int64_t pages = 0, page = 0, free_pages = 0;
	char size[HUMAN_MAX];
	int err = sqlite_number(db, &pages, e, "PRAGMA page_count");
	if (!err)
		err = sqlite_number(db, &page, e, "PRAGMA page_size");
	if (!err)
		err = sqlite_number(db, &free_pages, e, "PRAGMA freelist_count");
	if (!err)
		err = sqlite_prepare(db, &stmt, e, "PRAGMA encoding");
	if (!err && (err = sqlite_step(stmt, e)) > 0)
		err = 0;
	if (err)
		return err;
	out->encoding = mem_string(sqlite_text(stmt, 0));
	out->bytes = (uint64_t)pages * (uint64_t)page;
	if (free_pages)
		strlist_addf(&out->notes, "%s in free pages: optimize gives them back",
			human_size((uint64_t)free_pages * (uint64_t)page, size));
	return 0;
}

int sqlite_info(const struct source_url *u, struct source_info *out, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	CLEANUP(source_info_release) struct source_info info = {0};
	struct sqlite_look look = {.count_virtual = true, .tolerate = true};
	int err = sqlite_open_live(u->path, 0, NULL, &db, e);
	if (!err)
		err = sqlite_exec(db, e, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
	if (!err)
		err = read_whole(db, &info, e);
	if (!err)
		err = sqlite_inventory(db, &look, &m, e);
	if (err)
		return error_wrap(e, "looking at %s", u->path);
	info.name = mem_string(path_base(u->path));
	info.title = mem_printf("SQLite %s", sqlite3_libversion());
	for (size_t i = 0; i < m.table_count; i++) {
		struct info_table *t = source_info_add(&info, NULL, m.tables[i].name);
		t->kind = mem_string("table");
		t->rows = m.tables[i].rows;
		t->rows_exact = m.tables[i].rows_known;
	}
	for (size_t i = 0; i < m.note_count; i++)
		strlist_add(&info.notes, m.notes[i].text);
	add_sizes(db, &info);
	*out = info;
	info = (struct source_info){0};
	return 0;
}

/* ---- the round ---- */

struct round {
	const struct engine_maintenance *m;
	const char *path;
	sqlite3 *db;
};

static int stop_if_cancelled(void *progress)
{
	struct progress *p = progress;
	return p && atomic_load(&p->cancel);
}

static int report(const struct round *r, const char *table, enum maintain_state state, const char *message,
	double begun, int64_t reclaimed, struct error *e)
{
	struct maintain_result result = {.table = table,
		.state = state,
		.message = message,
		.seconds = time_monotonic() - begun,
		.reclaimed = reclaimed};
	progress_items(r->m->progress, 1);
	return r->m->report ? r->m->report(r->m->ctx, &result, e) : 0;
}

/* What a statement that failed means for the round: cancelled ends it, so does a lock; damage is its result. */
static int weigh(const struct round *r, int err, struct error *e)
{
	struct error cancelled = {0};
	if (err && progress_check(r->m->progress, &cancelled) != 0)
		*e = cancelled;
	return err ? -(int)e->kind : 0;
}

/* ---- optimize ---- */

static int file_size(sqlite3 *db, int64_t *out, struct error *e)
{
	return sqlite_number(db, out, e, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
}

static int optimize(const struct round *r, struct error *e)
{
	double begun = time_monotonic();
	int64_t before = 0, after = 0;
	if (r->m->tables && r->m->tables->n) {
		error_set(e, ERR_USAGE, "SQLite compacts a database as a whole, not single tables");
		return error_hint(e, "name no tables");
	}
	int err = file_size(r->db, &before, e);
	if (!err)
		err = sqlite_exec(r->db, e, "VACUUM");
	if (!err)
		err = sqlite_exec(r->db, e, "ANALYZE");
	if (!err)
		err = file_size(r->db, &after, e);
	err = weigh(r, err, e);
	if (err == -ERR_CORRUPT) {
		AUTO_FREE char *said = mem_string(e->text);
		return report(r, NULL, MAINTAIN_FAILED, said, begun, 0, e);
	}
	return err ? err : report(r, NULL, MAINTAIN_OK, "VACUUM and ANALYZE", begun, before - after, e);
}

/* ---- check ---- */

/* What integrity_check finds, the first few in `words`; *found counts (up to FINDINGS). table NULL: the whole database.
 */
static int integrity(sqlite3 *db, const char *table, struct buf *words, size_t *found, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = table ? sqlite_prepare(db, &stmt, e, "PRAGMA integrity_check(%Q)", table)
			: sqlite_prepare(db, &stmt, e, "PRAGMA integrity_check(%d)", FINDINGS);
	for (*found = 0; !err && (err = sqlite_step(stmt, e)) == 1; err = 0) {
		const char *text = sqlite_text(stmt, 0);
		if (strcmp(text, "ok") == 0)
			continue;
		if (++*found <= SHOWN)
			buf_printf(words, "%s%s", words->len ? "; " : "", text);
	}
	if (err == -ERR_CORRUPT) {
		buf_printf(words, "%s%s", words->len ? "; " : "", e->text);
		++*found;
		return 0;
	}
	if (*found > SHOWN)
		buf_printf(words, "; and %zu%s more", *found - SHOWN, *found >= FINDINGS ? " or" : "");
	return err;
}

/* Rows that point to nothing. */
static int foreign_keys(sqlite3 *db, const char *table, struct buf *words, size_t *found, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	AUTO_FREE char *parent = NULL;
	size_t rows = 0;
	int err = sqlite_prepare(db, &stmt, e, "PRAGMA foreign_key_check(%Q)", table);
	for (; !err && (err = sqlite_step(stmt, e)) == 1; err = 0) {
		if (!parent)
			parent = mem_string(sqlite_text(stmt, 2));
		rows++;
	}
	*found += rows;
	if (rows)
		buf_printf(words, "%s%zu row%s refer%s to nothing in %s", words->len ? "; " : "", rows,
			rows == 1 ? "" : "s", rows == 1 ? "s" : "", parent);
	/* Keys that make no sense, and damage, are findings. */
	if (err < 0 && err != -ERR_CANCELLED && err != -ERR_LOCKED) {
		buf_printf(words, "%s%s", words->len ? "; " : "", e->text);
		++*found;
		err = 0;
	}
	return err;
}

static int check_table(const struct round *r, const char *table, bool thorough, struct error *e)
{
	CLEANUP(buf_release) struct buf words = BUF_INIT;
	double begun = time_monotonic();
	size_t found = 0, keys = 0;
	int err = thorough ? integrity(r->db, table, &words, &found, e) : 0;
	if (!err)
		err = foreign_keys(r->db, table, &words, &keys, e);
	err = weigh(r, err, e);
	return err ? err
		   : report(r, table, found + keys ? MAINTAIN_FAILED : MAINTAIN_OK,
			     found + keys ? buf_text(&words) : "ok", begun, 0, e);
}

/* The tables that are meant; all of them when none is named. */
static int choose(const struct round *r, struct strlist *out, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	CLEANUP(strlist_release) struct strlist all = {0};
	const struct strlist *wanted = r->m->tables;
	int err = sqlite_prepare(r->db, &stmt, e,
		"SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%%' "
		"ESCAPE '\\' ORDER BY name");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		strlist_add(&all, sqlite_text(stmt, 0));
		err = 0;
	}
	for (size_t i = 0; !err && wanted && i < wanted->n; i++)
		if (!strlist_has(&all, wanted->v[i]))
			err = error_set(e, ERR_NOT_FOUND, "%s has no table %s", r->path, wanted->v[i]);
	if (!err)
		strlist_copy(out, wanted && wanted->n ? wanted : &all);
	return err;
}

/* The whole of it first; only when that finds something each table is looked at by itself. */
static int check(const struct round *r, struct error *e)
{
	CLEANUP(strlist_release) struct strlist tables = {0};
	CLEANUP(buf_release) struct buf words = BUF_INIT;
	double begun = time_monotonic();
	bool some = r->m->tables && r->m->tables->n;
	size_t found = 0;
	int err = choose(r, &tables, e);
	if (err == -ERR_CORRUPT) {
		AUTO_FREE char *said = mem_string(e->text);
		return report(r, NULL, MAINTAIN_FAILED, said, begun, 0, e);
	}
	if (!err)
		progress_phase(r->m->progress, "checking", "tables", 0, tables.n + !some);
	if (!err && !some)
		err = weigh(r, integrity(r->db, NULL, &words, &found, e), e);
	if (!err && !some)
		err = report(
			r, NULL, found ? MAINTAIN_FAILED : MAINTAIN_OK, found ? buf_text(&words) : "ok", begun, 0, e);
	for (size_t i = 0; i < tables.n && !err; i++)
		err = check_table(r, tables.v[i], some || found, e);
	return err;
}

/* ---- repair ---- */

/* REINDEX in a transaction that is kept only if nothing is wrong afterwards. */
static int rebuild_indexes(sqlite3 *db, bool *sound, struct error *e)
{
	struct error why = {0};
	*sound = false;
	int err = sqlite_exec(db, e, "BEGIN IMMEDIATE");
	if (err)
		return err;
	if (sqlite_exec(db, &why, "REINDEX") == 0 && sqlite_integrity(db, &why) == 0)
		*sound = sqlite_exec(db, &why, "COMMIT") == 0;
	if (!*sound)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (why.kind != ERR_CANCELLED && why.kind != ERR_NO_SPACE && why.kind != ERR_LOCKED)
		return 0;
	*e = why;
	return -(int)e->kind;
}

static int salvage(const struct round *r, double begun, struct error *e)
{
	struct error why = {0};
	AUTO_FREE char *what = NULL;
	int err = weigh(r, sqlite_salvage(r->db, r->path, r->m->progress, &what, &why), &why);
	if (!err)
		return report(r, NULL, MAINTAIN_OK, what, begun, 0, e);
	if (err != -ERR_CORRUPT && err != -ERR_VERSION) {
		*e = why;
		return err;
	}
	AUTO_FREE char *said = mem_printf("%s%s%s", why.text, why.hint[0] ? "; " : "", why.hint);
	return report(r, NULL, MAINTAIN_FAILED, said, begun, 0, e);
}

static int repair(const struct round *r, struct error *e)
{
	double begun = time_monotonic();
	bool sound = false;
	if (r->m->tables && r->m->tables->n) {
		error_set(e, ERR_USAGE, "SQLite repairs a database as a whole, not single tables");
		return error_hint(e, "name no tables");
	}
	int err = weigh(r, sqlite_integrity(r->db, e), e);
	if (!err)
		return report(r, NULL, MAINTAIN_OK, "nothing to repair", begun, 0, e);
	if (err != -ERR_CORRUPT)
		return err;
	err = weigh(r, rebuild_indexes(r->db, &sound, e), e);
	if (err)
		return err;
	return sound ? report(r, NULL, MAINTAIN_OK, "the indexes were damaged and have been built anew", begun, 0, e)
		     : salvage(r, begun, e);
}

int sqlite_maintain(const struct engine_maintenance *m, struct error *e)
{
	static int (*const acts[])(const struct round *, struct error *) = {
		[MAINTAIN_OPTIMIZE] = optimize, [MAINTAIN_CHECK] = check, [MAINTAIN_REPAIR] = repair};
	static const char *const phases[] = {
		[MAINTAIN_OPTIMIZE] = "optimizing", [MAINTAIN_CHECK] = "checking", [MAINTAIN_REPAIR] = "repairing"};
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	struct round r = {.m = m, .path = m->url->path};
	progress_phase(m->progress, phases[m->action], NULL, 0, 0);
	int err = sqlite_open_live(r.path, m->action == MAINTAIN_CHECK ? 0 : LIVE_WRITE, m->progress, &db, e);
	if (err)
		return err;
	sqlite3_progress_handler(db, 10000, stop_if_cancelled, m->progress);
	r.db = db;
	return acts[m->action](&r, e);
}

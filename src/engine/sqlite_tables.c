/* Tables out of a stored database into a live one. All happens in one transaction of the live database, to which the
 * stored one is attached as "backup"; no trigger fires, and foreign keys are looked at before the end. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <string.h>

struct table {
	char *name, *sql;
	bool is_virtual, without_rowid;
};

struct tables {
	struct table *v;
	size_t n, cap;
};

static void tables_release(struct tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		mem_free_ptr(&t->v[i].name);
		mem_free_ptr(&t->v[i].sql);
	}
	mem_free_ptr(&t->v);
}

static bool is_chosen(const struct sqlite_merge *m, const char *name)
{
	for (size_t i = 0; i < m->tables->n; i++)
		if (strcasecmp(m->tables->v[i], name) == 0)
			return true;
	return m->tables->n == 0;
}

/* The stored tables that are to be restored; shadow tables come with the virtual ones they belong to. */
static int list_tables(const struct sqlite_merge *m, struct tables *out, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(m->live, &stmt, e,
		"SELECT s.name, s.sql, t.type, t.wr FROM pragma_table_list t "
		"CROSS JOIN backup.sqlite_schema s ON s.name = t.name AND s.type = 'table' "
		"WHERE t.schema = 'backup' AND t.type IN ('table', 'virtual') AND substr(s.name, 1, 7) <> 'sqlite_' "
		"ORDER BY s.rowid");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		err = 0;
		if (!is_chosen(m, sqlite_text(stmt, 0)))
			continue;
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = (struct table){.name = mem_string(sqlite_text(stmt, 0)),
			.sql = mem_string(sqlite_text(stmt, 1)), .without_rowid = sqlite3_column_int(stmt, 3) != 0,
			.is_virtual = strcmp(sqlite_text(stmt, 2), "virtual") == 0};
	}
	return err;
}

/* Columns of a table that can be inserted, and those of its key in the key's order. */
struct shape {
	struct strlist columns, key;
	const char *rowid;                /* a name of its row id, or NULL */
};

static void shape_release(struct shape *s)
{
	strlist_release(&s->columns);
	strlist_release(&s->key);
}

static bool has_name(const struct strlist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->v[i], name) == 0)
			return true;
	return false;
}

static int add_names(sqlite3 *db, struct strlist *out, struct error *e, const char *schema, const char *table,
	const char *which)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(db, &stmt, e, "SELECT name FROM pragma_table_xinfo(%Q, %Q) WHERE %s", table, schema,
		which);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		strlist_add(out, sqlite_text(stmt, 0));
		err = 0;
	}
	return err;
}

static int find_shape(sqlite3 *db, const char *schema, const char *table, bool without_rowid, struct shape *out,
	struct error *e)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	CLEANUP(strlist_release) struct strlist all = {0};
	int err = add_names(db, &all, e, schema, table, "1");
	if (!err)
		err = add_names(db, &out->columns, e, schema, table, "hidden = 0 ORDER BY cid");
	if (!err)
		err = add_names(db, &out->key, e, schema, table, "pk > 0 ORDER BY pk");
	for (size_t i = 0; i < ARRAY_LEN(names) && !without_rowid && !out->rowid; i++)
		if (!has_name(&all, names[i]))
			out->rowid = names[i];
	return err;
}

/* "a", "b" as SQL names, prefixed. */
static char *name_list(const struct strlist *names, const char *rowid)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	if (rowid)
		buf_add_str(&b, rowid);
	for (size_t i = 0; i < names->n; i++) {
		char *name = sqlite3_mprintf("\"%w\"", names->v[i]);
		buf_printf(&b, "%s%s", b.len ? ", " : "", name ? name : "");
		sqlite3_free(name);
	}
	return buf_take_text(&b);
}

/* All rows of backup.table into main.table, with their row ids. */
static int copy_rows(sqlite3 *db, const char *table, bool without_rowid, uint64_t *rows, struct error *e)
{
	CLEANUP(shape_release) struct shape s = {0};
	int err = find_shape(db, "backup", table, without_rowid, &s, e);
	if (err)
		return err;
	AUTO_FREE char *names = name_list(&s.columns, s.rowid);
	err = sqlite_exec(db, e, "INSERT INTO main.\"%w\"(%s) SELECT %s FROM backup.\"%w\"", table, names, names,
		table);
	*rows = err ? 0 : (uint64_t)sqlite3_changes64(db);
	return err;
}

/* Run the stored statements that `where` selects from backup.sqlite_schema, in their order. */
static int run_stored(sqlite3 *db, struct error *e, const char *type, const char *owner)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	CLEANUP(strlist_release) struct strlist all = {0};
	int err = sqlite_prepare(db, &stmt, e, "SELECT sql FROM backup.sqlite_schema WHERE type = %Q "
		"AND sql IS NOT NULL AND tbl_name = %Q COLLATE NOCASE ORDER BY rowid", type, owner);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		strlist_add(&all, sqlite_text(stmt, 0));
		err = 0;
	}
	sqlite_close_stmt(&stmt);
	for (size_t i = 0; i < all.n && !err; i++)
		err = sqlite_exec(db, e, "%s", all.v[i]);
	return err;
}

/* What a virtual table keeps lies in its shadow tables; they are taken over as they are. */
static int copy_shadows(sqlite3 *db, const char *owner, uint64_t *rows, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	CLEANUP(tables_release) struct tables all = {0};
	/* The longest virtual table's name in front of it owns a shadow table. */
	int err = sqlite_prepare(db, &stmt, e,
		"SELECT s.name, s.wr FROM pragma_table_list s WHERE s.schema = 'backup' AND s.type = 'shadow' AND %Q = "
		"(SELECT v.name FROM pragma_table_list v WHERE v.schema = 'backup' AND v.type = 'virtual' AND "
		"lower(substr(s.name, 1, length(v.name) + 1)) = lower(v.name) || '_' "
		"ORDER BY length(v.name) DESC LIMIT 1)", owner);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		err = 0;
		GROW(all.v, all.n, all.cap);
		all.v[all.n++] = (struct table){.name = mem_string(sqlite_text(stmt, 0)),
			.without_rowid = sqlite3_column_int(stmt, 1) != 0};
	}
	sqlite_close_stmt(&stmt);
	for (size_t i = 0; i < all.n && !err; i++) {
		err = sqlite_exec(db, e, "DELETE FROM main.\"%w\"", all.v[i].name);
		if (!err)
			err = copy_rows(db, all.v[i].name, all.v[i].without_rowid, rows, e);
	}
	return err;
}

static int create(struct sqlite_merge *m, const struct table *t, uint64_t *rows, struct error *e)
{
	int err = sqlite_exec(m->live, e, "%s", t->sql);
	if (!err && t->is_virtual)
		err = copy_shadows(m->live, t->name, rows, e);
	else if (!err)
		err = copy_rows(m->live, t->name, t->without_rowid, rows, e);
	if (!err)
		err = run_stored(m->live, e, "index", t->name);
	if (!err)
		err = run_stored(m->live, e, "trigger", t->name);
	return err;
}

/* What main has under the name: "table", "view" or "". */
static int type_in_live(sqlite3 *db, const char *name, char type[8], struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(db, &stmt, e, "SELECT type FROM main.sqlite_schema WHERE type IN ('table', 'view') "
		"AND name = %Q COLLATE NOCASE", name);
	if (!err)
		err = sqlite_step(stmt, e);
	sqlite3_snprintf(8, type, "%s", err == 1 ? sqlite_text(stmt, 0) : "");
	return err < 0 ? err : 0;
}

/* Both tables as they must be for rows of one to go into the other by key. */
static int find_shapes(sqlite3 *db, const struct table *t, struct shape *stored, struct shape *live, struct error *e)
{
	int64_t wr = 0;
	int err = find_shape(db, "backup", t->name, t->without_rowid, stored, e);
	if (!err)
		err = sqlite_number(db, &wr, e, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND "
			"name = %Q COLLATE NOCASE", t->name);
	if (!err)
		err = find_shape(db, "main", t->name, wr != 0, live, e);
	if (err)
		return err;
	for (size_t i = 0; i < stored->columns.n; i++)
		if (!has_name(&live->columns, stored->columns.v[i]))
			return error_set(e, ERR_MISMATCH, "the live table has no column \"%s\"", stored->columns.v[i]);
	bool same = stored->key.n == live->key.n;
	for (size_t i = 0; same && i < live->key.n; i++)
		same = strcasecmp(stored->key.v[i], live->key.v[i]) == 0;
	if (!same || (!live->key.n && (!live->rowid || !stored->rowid)))
		return error_set(e, ERR_MISMATCH, "the live table has another primary key");
	return 0;
}

/* Rows whose key the live table does not have. Any other rule they break is an error, and ends it all. */
static int fill_in(sqlite3 *db, const struct table *t, uint64_t *rows, struct error *e)
{
	CLEANUP(shape_release) struct shape stored = {0}, live = {0};
	CLEANUP(buf_release) struct buf same = BUF_INIT;
	int err = find_shapes(db, t, &stored, &live, e);
	if (err)
		return err;
	for (size_t i = 0; i < live.key.n; i++) {
		char *term = sqlite3_mprintf("m.\"%w\" IS b.\"%w\"", live.key.v[i], live.key.v[i]);
		buf_printf(&same, "%s%s", i ? " AND " : "", term ? term : "");
		sqlite3_free(term);
	}
	bool by_rowid = live.key.n == 0;
	if (by_rowid)
		buf_printf(&same, "m.%s = b.%s", live.rowid, stored.rowid);
	AUTO_FREE char *into = name_list(&stored.columns, by_rowid ? live.rowid : NULL);
	AUTO_FREE char *from = name_list(&stored.columns, by_rowid ? stored.rowid : NULL);
	err = sqlite_exec(db, e, "INSERT INTO main.\"%w\"(%s) SELECT %s FROM backup.\"%w\" AS b WHERE NOT EXISTS "
		"(SELECT 1 FROM main.\"%w\" AS m WHERE %s)", t->name, into, from, t->name, t->name, buf_text(&same));
	*rows = err ? 0 : (uint64_t)sqlite3_changes64(db);
	return err;
}

/* AUTOINCREMENT goes on where the backup was, or where the live table is if that is further. */
static int set_sequence(struct sqlite_merge *m, const char *table, struct error *e)
{
	int64_t both = 0, last = 0;
	int err = sqlite_number(m->live, &both, e, "SELECT (SELECT count(*) FROM main.sqlite_schema WHERE name = "
		"'sqlite_sequence') + (SELECT count(*) FROM backup.sqlite_schema WHERE name = 'sqlite_sequence')");
	if (err || both != 2)
		return err;
	err = sqlite_number(m->live, &last, e, "SELECT max(seq) FROM (SELECT seq FROM backup.sqlite_sequence WHERE "
		"name = %Q COLLATE NOCASE UNION ALL "
		"SELECT seq FROM main.sqlite_sequence WHERE name = %Q COLLATE NOCASE AND %d)", table, table,
		m->mode == RESTORE_PRESERVE);
	if (err || !last)
		return err;
	return sqlite_exec(m->live, e, "DELETE FROM main.sqlite_sequence WHERE name = %Q COLLATE NOCASE; "
		"INSERT INTO main.sqlite_sequence(name, seq) VALUES (%Q, %lld)", table, table, (long long)last);
}

static int restore_table(struct sqlite_merge *m, const struct table *t, struct restore_result *out, struct error *e)
{
	char type[8];
	uint64_t rows = 0;
	int err = type_in_live(m->live, t->name, type, e);
	bool exists = !err && type[0];
	if (exists && strcmp(type, "view") == 0)
		return error_set(e, ERR_MISMATCH, "it is a view in the live database");
	if (exists && m->mode == RESTORE_PRESERVE && t->is_virtual) {
		strlist_addf(&out->notes, "virtual table \"%s\" is left as it is", t->name);
		return 0;
	}
	if (!err && exists && m->mode == RESTORE_PRESERVE) {
		err = fill_in(m->live, t, &rows, e);
	} else if (!err) {
		if (exists)
			err = sqlite_exec(m->live, e, "DROP TABLE main.\"%w\"", t->name);
		if (!err)
			err = create(m, t, &rows, e);
	}
	if (!err)
		err = set_sequence(m, t->name, e);
	out->tables++;
	out->rows += rows;
	return err;
}

/* Views that are missing, with their triggers. */
static int create_views(struct sqlite_merge *m, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	CLEANUP(tables_release) struct tables views = {0};
	int err = sqlite_prepare(m->live, &stmt, e, "SELECT b.name, b.sql FROM backup.sqlite_schema b WHERE b.type = "
		"'view' AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema m WHERE m.name = b.name COLLATE NOCASE) "
		"ORDER BY b.rowid");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		err = 0;
		GROW(views.v, views.n, views.cap);
		views.v[views.n++] = (struct table){.name = mem_string(sqlite_text(stmt, 0)),
			.sql = mem_string(sqlite_text(stmt, 1))};
	}
	sqlite_close_stmt(&stmt);
	for (size_t i = 0; i < views.n && !err; i++) {
		err = sqlite_exec(m->live, e, "%s", views.v[i].sql);
		if (!err)
			err = run_stored(m->live, e, "trigger", views.v[i].name);
	}
	return err;
}

static int check_keys_of(sqlite3 *db, const char *child, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(db, &stmt, e, "SELECT parent, count(*) FROM pragma_foreign_key_check(%Q, 'main') "
		"GROUP BY parent LIMIT 1", child);
	if (!err)
		err = sqlite_step(stmt, e);
	if (err != 1)
		return err ? error_wrap(e, "checking the foreign keys of \"%s\"", child) : 0;
	error_set(e, ERR_VERIFY, "table \"%s\" would have %lld rows that refer to rows missing from \"%s\"", child,
		(long long)sqlite3_column_int64(stmt, 1), sqlite_text(stmt, 0));
	return error_hint(e, "restore both tables, or the whole database");
}

/* The foreign keys of the tables that changed, and of those that refer to them. */
static int check_keys(struct sqlite_merge *m, const struct table *t, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(m->live, &stmt, e, "SELECT s.name FROM main.sqlite_schema s WHERE s.type = 'table' "
		"AND (s.name = %Q COLLATE NOCASE OR EXISTS (SELECT 1 FROM pragma_foreign_key_list(s.name, 'main') f "
		"WHERE f.\"table\" = %Q COLLATE NOCASE))", t->name, t->name);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		AUTO_FREE char *child = mem_string(sqlite_text(stmt, 0));
		err = check_keys_of(m->live, child, e);
	}
	return err;
}

/* Everything between BEGIN and COMMIT. */
static int work(struct sqlite_merge *m, struct restore_result *out, struct error *e)
{
	CLEANUP(tables_release) struct tables tables = {0};
	int err = list_tables(m, &tables, e);
	progress_phase(m->progress, "writing", "tables", 0, tables.n);
	for (size_t i = 0; i < tables.n && !err; i++) {
		err = restore_table(m, &tables.v[i], out, e);
		if (err)
			error_wrap(e, "table \"%s\"", tables.v[i].name);
		progress_items(m->progress, 1);
	}
	if (!err && m->tables->n == 0)
		err = create_views(m, e);
	for (size_t i = 0; i < tables.n && !err; i++)
		err = check_keys(m, &tables.v[i], e);
	return err;
}

static int is_cancelled(void *progress)
{
	struct error ignored;
	return progress_check(progress, &ignored) != 0;
}

/* A new database takes page size and encoding of the stored one; only databases of one encoding can be attached. */
static int prepare_live(struct sqlite_merge *m, struct error *e)
{
	static const char *const encodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-16be"};
	unsigned char head[SQLITE_HEADER] = {0};
	int64_t pages;
	sqlite3_db_config(m->live, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(m->live, SQLITE_DBCONFIG_DQS_DDL, 1, NULL);
	/* Shadow tables are written as tables. */
	sqlite3_db_config(m->live, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	int err = sqlite_exec(m->live, e, "PRAGMA foreign_keys=OFF");
	if (!err)
		err = sqlite_number(m->live, &pages, e, "PRAGMA page_count");
	if (!err && m->stored->size)
		err = source_read_exact(m->stored, head, sizeof head, 0, e);
	if (err || pages || !m->stored->size)
		return err;
	return sqlite_exec(m->live, e, "PRAGMA page_size=%u; PRAGMA encoding='%s'", sqlite_header_page_size(head),
		encodings[head[59] & 3]);
}

int sqlite_tables_restore(struct sqlite_merge *m, struct restore_result *out, struct error *e)
{
	int err = prepare_live(m, e);
	if (err) {
		source_close(m->stored);
		return err;
	}
	err = sqlite_attach_source(m->live, m->stored, "backup", e);
	if (!err)
		err = sqlite_exec(m->live, e, "BEGIN IMMEDIATE");
	if (err)
		return err;
	/* Nobody else writes from here on. */
	err = m->before_write ? m->before_write(m->ctx, e) : 0;
	sqlite3_progress_handler(m->live, 100000, is_cancelled, m->progress);
	if (!err)
		err = work(m, out, e);
	struct error cancelled = {0};
	if (err && progress_check(m->progress, &cancelled)) {
		*e = cancelled;
		err = -ERR_CANCELLED;
	}
	sqlite3_progress_handler(m->live, 0, NULL, NULL);
	if (!err)
		err = sqlite_exec(m->live, e, "COMMIT");
	if (err)
		sqlite3_exec(m->live, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* The tables of an SQLite database as rows. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct lite_db {
	struct rows_db rows;
	sqlite3 *db;
	bool *rowids;             /* per table: it has a row id to order by */
};

struct lite_cursor {
	struct rows_cursor rows;
	sqlite3_stmt *stmt;
	struct value *values;
	bool asked;               /* of query(): what SQLite says about it is the user's to hear */
};

static void columns_free(struct rows_column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(columns[i].name);
		free(columns[i].type);
	}
	free(columns);
}

static void lite_close(struct rows_db *d)
{
	struct lite_db *l = (struct lite_db *)d;
	for (size_t i = 0; i < d->table_count; i++) {
		struct rows_table *t = &d->tables[i];
		columns_free(t->columns, t->column_count);
		free(t->schema);
		free(t->name);
		free(t->sql);
	}
	free(d->tables);
	free(l->rowids);
	strlist_release(&d->after);
	sqlite_close_handle(&l->db);
	free(l);
}

static void read_value(sqlite3_stmt *stmt, int i, struct value *v)
{
	int type = sqlite3_column_type(stmt, i);
	*v = (struct value){.p = ""};
	if (type == SQLITE_INTEGER) {
		v->type = VALUE_INT;
		v->i = sqlite3_column_int64(stmt, i);
	} else if (type == SQLITE_FLOAT) {
		v->type = VALUE_REAL;
		v->r = sqlite3_column_double(stmt, i);
	} else if (type != SQLITE_NULL) {
		const void *p = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(stmt, i) :
			sqlite3_column_blob(stmt, i);
		v->type = type == SQLITE_TEXT ? VALUE_TEXT : VALUE_BLOB;
		v->n = (size_t)sqlite3_column_bytes(stmt, i);
		v->p = p ? p : "";
	}
}

static int usage_error(sqlite3 *db, struct error *e)
{
	error_set(e, ERR_USAGE, "%s", sqlite3_errmsg(db));
	if ((sqlite3_errcode(db) & 0xff) == SQLITE_AUTH)
		error_hint(e, "what is stored is only read: SELECT, and PRAGMAs that tell something");
	return -ERR_USAGE;
}

static int cursor_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct lite_cursor *l = (struct lite_cursor *)c;
	int rc = sqlite3_step(l->stmt);
	if (rc == SQLITE_DONE)
		return 0;
	if (l->asked && (rc & 0xff) == SQLITE_ERROR)
		return usage_error(sqlite3_db_handle(l->stmt), e);
	if (rc != SQLITE_ROW)
		return sqlite_error(sqlite3_db_handle(l->stmt), rc, e, "reading rows");
	for (size_t i = 0; i < c->column_count; i++)
		read_value(l->stmt, (int)i, &l->values[i]);
	*values = l->values;
	return 1;
}

static void cursor_close(struct rows_cursor *c)
{
	struct lite_cursor *l = (struct lite_cursor *)c;
	sqlite3_finalize(l->stmt);
	columns_free(c->columns, c->column_count);
	free(l->values);
	free(l);
}

/* Takes the statement over. The columns are those of `t`, or what the statement says without one. */
static struct rows_cursor *cursor_new(sqlite3_stmt *stmt, const struct rows_table *t)
{
	struct lite_cursor *l = mem_zero(sizeof *l);
	size_t n = (size_t)sqlite3_column_count(stmt);
	l->rows = (struct rows_cursor){.next = cursor_next, .close = cursor_close, .column_count = n};
	l->stmt = stmt;
	l->asked = !t;
	l->values = mem_zero(n * sizeof *l->values);
	l->rows.columns = mem_zero(n * sizeof *l->rows.columns);
	for (size_t i = 0; i < n; i++) {
		struct rows_column *c = &l->rows.columns[i];
		const char *name = t ? t->columns[i].name : sqlite3_column_name(stmt, (int)i);
		const char *type = t ? t->columns[i].type : sqlite3_column_decltype(stmt, (int)i);
		*c = (struct rows_column){.name = mem_string(name ? name : ""), .type = mem_string(type ? type : "")};
		c->key = t ? t->columns[i].key : 0;
		c->generated = t && t->columns[i].generated;
	}
	return &l->rows;
}

static void add_identifier(struct buf *b, const char *name)
{
	buf_add_byte(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_add_byte(b, '"');
		buf_add_byte(b, (unsigned char)*name);
	}
	buf_add_byte(b, '"');
}

static bool is_binary(sqlite3 *db, const struct rows_table *t, const struct rows_column *c)
{
	const char *collation = NULL;
	int rc = sqlite3_table_column_metadata(db, "main", t->name, c->name, NULL, &collation, NULL, NULL, NULL);
	return rc == SQLITE_OK && collation && strcasecmp(collation, "BINARY") == 0;
}

/* A name of the row id that no column has taken, or NULL. */
static const char *rowid_name(const struct rows_table *t)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool taken = false;
		for (size_t j = 0; j < t->column_count; j++)
			taken = taken || strcasecmp(t->columns[j].name, names[i]) == 0;
		if (!taken)
			return names[i];
	}
	return NULL;
}

static void add_order(const struct lite_db *l, const struct rows_table *t, struct buf *sql)
{
	const char *separator = " ORDER BY ";
	for (int key = 1; key <= (int)t->column_count; key++)
		for (size_t i = 0; i < t->column_count; i++) {
			if (t->columns[i].key != key)
				continue;
			buf_add_str(sql, separator);
			add_identifier(sql, t->columns[i].name);
			if (!is_binary(l->db, t, &t->columns[i]))
				buf_add_str(sql, " COLLATE BINARY");
			separator = ", ";
		}
	const char *rowid = rowid_name(t);
	if (separator[0] == ' ' && l->rowids[t - l->rows.tables] && rowid)
		buf_printf(sql, " ORDER BY %s", rowid);
}

static int lite_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
	struct error *e)
{
	struct lite_db *l = (struct lite_db *)d;
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	buf_add_str(&sql, "SELECT ");
	for (size_t i = 0; i < t->column_count; i++) {
		buf_add_str(&sql, i ? ", " : "");
		add_identifier(&sql, t->columns[i].name);
	}
	buf_add_str(&sql, " FROM main.");
	add_identifier(&sql, t->name);
	if (order == ROWS_BY_KEY)
		add_order(l, t, &sql);
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(l->db, buf_text(&sql), -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return sqlite_error(l->db, rc, e, "reading table \"%s\"", t->name);
	*out = cursor_new(stmt, t);
	return 0;
}

static int lite_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	int64_t rows;
	int err = sqlite_number(((struct lite_db *)d)->db, &rows, e, "SELECT count(*) FROM main.\"%w\"", t->name);
	if (err)
		return error_wrap(e, "table \"%s\"", t->name);
	*n = (uint64_t)rows;
	return 0;
}

int sqlite_rows_query(sqlite3 *db, const char *sql, struct rows_cursor **out, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL, *more = NULL;
	const char *rest;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, &rest);
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_ERROR && (rc & 0xff) != SQLITE_AUTH)
		return sqlite_error(db, rc, e, "reading the database");
	if (rc != SQLITE_OK)
		return usage_error(db, e);
	if (!stmt)
		return error_set(e, ERR_USAGE, "there is no statement");
	if (!sqlite3_stmt_readonly(stmt))
		return error_set(e, ERR_USAGE, "only statements that read can be run here");
	if (sqlite3_prepare_v2(db, rest, -1, &more, NULL) != SQLITE_OK || more)
		return error_set(e, ERR_USAGE, "only one statement can be run at a time");
	*out = cursor_new(TAKE(stmt), NULL);
	return 0;
}

static int lite_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	return sqlite_rows_query(((struct lite_db *)d)->db, sql, out, e);
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(name, *list) == 0)
			return true;
	return false;
}

/* Only what reads this database: no other files, no settings, no transactions. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
	static const char *const with_argument[] = {"table_info", "table_xinfo", "table_list", "index_list",
		"index_info", "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
		NULL};
	static const char *const without[] = {"database_list", "collation_list", "function_list", "module_list",
		"pragma_list", "compile_options", "user_version", "application_id", "schema_version", "page_count",
		"page_size", "encoding", "freelist_count", "data_version", "auto_vacuum", "journal_mode", NULL};
	static const char *const functions[] = {"load_extension", "fts3_tokenizer", NULL};
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_UPDATE:
		/* Asked when SQLite sets up one of its pragma_...() tables; nothing is written. */
		return strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_FUNCTION:
		return is_one_of(b, functions) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		return is_one_of(a, with_argument) || (!b && is_one_of(a, without)) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int add_columns(struct lite_db *l, struct rows_table *t, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	size_t cap = 0;
	int err = sqlite_prepare(l->db, &stmt, e,
		"SELECT name, type, pk, hidden FROM pragma_table_xinfo(%Q, 'main') WHERE hidden <> 1 ORDER BY cid",
		t->name);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		GROW(t->columns, t->column_count, cap);
		t->columns[t->column_count++] = (struct rows_column){.name = mem_string(sqlite_text(stmt, 0)),
			.type = mem_string(sqlite_text(stmt, 1)), .key = sqlite3_column_int(stmt, 2),
			.generated = sqlite3_column_int(stmt, 3) != 0};
		err = 0;
	}
	return err;
}

/* A virtual table whose module is not here has no rows to show. This also makes SQLite connect those that are, which
 * it could not do under the authorizer. */
static bool can_be_read(struct lite_db *l, const char *name)
{
	struct error ignored;
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	return sqlite_prepare(l->db, &stmt, &ignored, "SELECT * FROM main.\"%w\"", name) == 0;
}

static int add_tables(struct lite_db *l, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	struct rows_db *d = &l->rows;
	size_t cap = 0, rowid_cap = 0, rowid_count = 0;
	int err = sqlite_prepare(l->db, &stmt, e,
		"SELECT s.name, s.sql, t.type, t.wr FROM pragma_table_list t "
		"CROSS JOIN main.sqlite_schema s ON s.name = t.name AND s.type = 'table' "
		"WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND substr(s.name, 1, 7) <> 'sqlite_' "
		"ORDER BY s.name");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		err = 0;
		const char *name = sqlite_text(stmt, 0);
		if (strcmp(sqlite_text(stmt, 2), "virtual") == 0 && !can_be_read(l, name))
			continue;
		GROW(d->tables, d->table_count, cap);
		struct rows_table *t = &d->tables[d->table_count++];
		*t = (struct rows_table){.name = mem_string(name), .sql = mem_string(sqlite_text(stmt, 1))};
		GROW(l->rowids, rowid_count, rowid_cap);
		l->rowids[rowid_count++] = sqlite3_column_int(stmt, 3) == 0;
		err = add_columns(l, t, e);
	}
	return err;
}

static int add_rows_of(struct lite_db *l, const char *sql, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(l->db, &stmt, e, "%s", sql);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		strlist_add(&l->rows.after, sqlite_text(stmt, 0));
		err = 0;
	}
	return err;
}

static int add_after(struct lite_db *l, struct error *e)
{
	int64_t sequences;
	int err = sqlite_number(l->db, &sequences, e,
		"SELECT count(*) FROM main.sqlite_schema WHERE name = 'sqlite_sequence'");
	if (!err && sequences)
		err = add_rows_of(l,
			"SELECT 'DELETE FROM sqlite_sequence WHERE name = ' || quote(name) FROM main.sqlite_sequence "
			"UNION ALL SELECT 'INSERT INTO sqlite_sequence(name, seq) VALUES (' || quote(name) || ', ' || "
			"quote(seq) || ')' FROM main.sqlite_sequence", e);
	if (!err)
		err = add_rows_of(l, "SELECT 'PRAGMA user_version = ' || user_version FROM pragma_user_version "
			"WHERE user_version <> 0 UNION ALL SELECT 'PRAGMA application_id = ' || application_id "
			"FROM pragma_application_id WHERE application_id <> 0", e);
	if (!err)
		err = add_rows_of(l, "SELECT sql FROM main.sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL "
			"AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND "
			"type = 'shadow') ORDER BY rowid", e);
	return err;
}

int sqlite_rows_open(sqlite3 *db, struct rows_db **out, struct error *e)
{
	struct lite_db *l = mem_zero(sizeof *l);
	l->db = db;
	l->rows = (struct rows_db){.dialect = "sqlite", .scan = lite_scan, .count = lite_count, .query = lite_query,
		.close = lite_close};
	int err = add_tables(l, e);
	if (!err)
		err = add_after(l, e);
	if (err) {
		lite_close(&l->rows);
		return err;
	}
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_set_authorizer(db, authorize, NULL);
	*out = &l->rows;
	return 0;
}

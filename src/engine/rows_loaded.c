/* Tables in scratch databases: opening, filling, and reading them by their key. */
#include "engine/rows_loaded_parts.h"

#include "base/mem.h"
#include "engine/rows_pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_KIB 8192 /* pages in memory, and what one sorted run holds */

int64_t rows_loaded_pages_max;

struct rows_loaded *rows_loaded_new(struct rows_db *from)
{
	struct rows_loaded *l = mem_zero(sizeof *l);

	l->from = from;
	l->in_sorted = mem_zero(from->table_count * sizeof *l->in_sorted);
	l->ordered = mem_zero(from->table_count * sizeof *l->ordered);
	return l;
}

void rows_loaded_free(struct rows_loaded *l)
{
	if (!l)
		return;
	rows_loaded_query_release(l);
	sqlite_close_handle(&l->sorted);
	free(l->in_sorted);
	free(l->ordered);
	free(l);
}

/* ---- scratch databases ---- */

int rows_loaded_tune(sqlite3 *db, const char *schema, struct error *e)
{
	int rc = sqlite_exec(db, e, "PRAGMA \"%w\".journal_mode = MEMORY", schema);

	if (!rc)
		rc = sqlite_exec(db, e, "PRAGMA \"%w\".synchronous = OFF", schema);
	if (!rc)
		rc = sqlite_exec(db, e, "PRAGMA \"%w\".cache_size = %d", schema, -CACHE_KIB);
	if (!rc && rows_loaded_pages_max)
		rc = sqlite_exec(db, e, "PRAGMA \"%w\".max_page_count = %lld", schema,
				 (long long)rows_loaded_pages_max);
	return rc;
}

int rows_loaded_open(sqlite3 **out, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	int result = sqlite3_open_v2("", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (result != SQLITE_OK)
		return sqlite_error(db, result, e, "opening a scratch database");
	sqlite3_extended_result_codes(db, 1);
	sqlite_harden(db);

	int rc = sqlite_exec(db, e, "PRAGMA temp_store = FILE");

	if (!rc)
		rc = rows_loaded_tune(db, "main", e);
	if (!rc)
		*out = TAKE(db);
	return rc;
}

int rows_loaded_bind(sqlite3_stmt *stmt, int at, const struct value *v)
{
	switch (v->type) {
	case VALUE_INT:
		return sqlite3_bind_int64(stmt, at, v->i);
	case VALUE_REAL:
		return sqlite3_bind_double(stmt, at, v->r);
	case VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, v->n ? v->p : "", v->n, SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BLOB:
		return sqlite3_bind_blob64(stmt, at, v->n ? v->p : "", v->n, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(stmt, at);
	}
}

static int space_hint(struct error *e)
{
	return e->kind == ERR_NO_SPACE ? error_hint(e, "set TMPDIR to a folder with more room") : -(int)e->kind;
}

int rows_loaded_fill(struct rows_loaded *l, sqlite3 *db, const struct rows_table *t, rows_fn fn, void *ctx,
		     struct error *e)
{
	AUTO_FREE char *name = rows_table_name(t);
	CLEANUP(rows_cursor_drop) struct rows_cursor *c = NULL;
	struct error ignored = {0};
	int rc = l->from->scan(l->from, t, ROWS_STORED, &c, e);

	if (rc)
		return error_wrap(e, "reading table \"%s\"", name);
	rc = sqlite_exec(db, e, "BEGIN");
	if (!rc)
		rc = rows_each(c, NULL, fn, ctx, e);
	if (!rc)
		rc = sqlite_exec(db, e, "COMMIT");
	if (!rc)
		return 0;
	/* It may have been undone by SQLite itself. */
	if (sqlite_exec(db, &ignored, "ROLLBACK"))
		ignored = (struct error){0};
	error_wrap(e, "loading table \"%s\"", name);
	return space_hint(e);
}

/* ---- by key ---- */

/* The columns of the key of t in its order; the number of them. */
static size_t key_of(const struct rows_table *t, size_t *at)
{
	size_t n = 0;

	for (int position = 1; position <= (int)t->column_count; position++)
		for (size_t i = 0; i < t->column_count; i++)
			if (t->columns[i].key == position)
				at[n++] = i;
	return n;
}

struct sorting {
	sqlite3 *db;
	sqlite3_stmt *stmt;
	const size_t *key;
	size_t keys;
	struct buf packed, last;  /* a row, and the one before */
	struct value *values;     /* of the one before */
	bool any, ordered;
};

static void sorting_release(struct sorting *s)
{
	sqlite3_finalize(s->stmt);
	buf_release(&s->packed);
	buf_release(&s->last);
	free(s->values);
}

/* Whether the row is not behind the one before it. */
static int look_at_order(struct sorting *s, const struct value *values, size_t n, struct error *e)
{
	int order = 0;

	if (!s->ordered || !s->any)
		return 0;
	int rc = rows_unpack(s->last.p, s->last.len, s->values, n, e);

	for (size_t i = 0; !rc && !order && i < s->keys; i++)
		order = rows_compare_values(&s->values[s->key[i]], &values[s->key[i]]);
	s->ordered = order <= 0;
	return rc;
}

static int sort_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct sorting *s = ctx;
	int result = SQLITE_OK;

	buf_clear(&s->packed);
	int rc = rows_pack(values, n, &s->packed, e);

	if (!rc)
		rc = look_at_order(s, values, n, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < s->keys && result == SQLITE_OK; i++)
		result = rows_loaded_bind(s->stmt, (int)i + 1, &values[s->key[i]]);
	if (result == SQLITE_OK)
		result = sqlite3_bind_blob64(s->stmt, (int)s->keys + 1, buf_text(&s->packed), s->packed.len,
					     SQLITE_STATIC);
	if ((result & 0xff) == SQLITE_TOOBIG)
		return error_set(e, ERR_LIMIT, "a row of %zu bytes is larger than SQLite takes", s->packed.len);
	if (result != SQLITE_OK)
		return sqlite_error(s->db, result, e, "the scratch database");
	sqlite3_step(s->stmt);
	result = sqlite3_reset(s->stmt);
	buf_swap(&s->packed, &s->last);
	s->any = true;
	return result == SQLITE_OK ? 0 : sqlite_error(s->db, result, e, "the scratch database");
}

/* "k1, k2, ", each as often as there are columns in the key. */
static void add_keys(struct buf *b, const char *what, size_t n, const char *separator)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s%zu", i ? separator : "", what, i + 1);
}

static int load_sorted(struct rows_loaded *l, const struct rows_table *t, const size_t *key, size_t keys,
		       struct error *e)
{
	size_t number = (size_t)(t - l->from->tables);
	CLEANUP(buf_release) struct buf columns = BUF_INIT, marks = BUF_INIT;
	CLEANUP(sorting_release) struct sorting s = {.db = l->sorted, .key = key, .keys = keys,
						     .packed = {.max = ROWS_PACK_MAX},
						     .last = {.max = ROWS_PACK_MAX},
						     .values = mem_zero(t->column_count * sizeof *s.values),
						     .ordered = true};

	add_keys(&columns, "k", keys, ", ");
	add_keys(&marks, "?", keys, ", ");
	/* An earlier, failed attempt left it empty. */
	int rc = sqlite_exec(l->sorted, e, "CREATE TABLE IF NOT EXISTS k%lld(%s, row)", (long long)number,
			     buf_text(&columns));

	if (!rc)
		rc = sqlite_prepare(l->sorted, &s.stmt, e, "INSERT INTO k%lld VALUES (%s, ?%lld)", (long long)number,
				    buf_text(&marks), (long long)keys + 1);
	if (!rc)
		rc = rows_loaded_fill(l, l->sorted, t, sort_row, &s, e);
	l->in_sorted[number] = !rc;
	l->ordered[number] = s.ordered;
	return rc;
}

struct sorted_cursor {
	struct rows_cursor rows;
	sqlite3_stmt *stmt;
	struct value *values;
};

static int sorted_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct sorted_cursor *s = (struct sorted_cursor *)c;
	int rc = sqlite_step(s->stmt, e);

	if (rc < 0)
		error_wrap(e, "sorting rows");
	if (rc < 0)
		return space_hint(e);
	if (rc == 0)
		return 0;

	const void *p = sqlite3_column_blob(s->stmt, 0);

	rc = rows_unpack(p ? p : "", (size_t)sqlite3_column_bytes(s->stmt, 0), s->values, c->column_count, e);
	*values = s->values;
	return rc ? rc : 1;
}

static void sorted_close(struct rows_cursor *c)
{
	struct sorted_cursor *s = (struct sorted_cursor *)c;

	sqlite3_finalize(s->stmt);
	free(s->values);
	free(s);
}

static int open_sorted(struct rows_loaded *l, const struct rows_table *t, size_t keys, struct rows_cursor **out,
		       struct error *e)
{
	CLEANUP(buf_release) struct buf order = BUF_INIT;
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;

	size_t number = (size_t)(t - l->from->tables);

	add_keys(&order, "k", keys, ", ");
	int rc = sqlite_prepare(l->sorted, &stmt, e, "SELECT row FROM k%lld ORDER BY %s", (long long)number,
				l->ordered[number] ? "rowid" : buf_text(&order));

	if (rc)
		return rc;
	struct sorted_cursor *s = mem_zero(sizeof *s);

	s->rows = (struct rows_cursor){.next = sorted_next, .close = sorted_close, .columns = t->columns,
				       .column_count = t->column_count};
	s->values = mem_zero(t->column_count * sizeof *s->values);
	s->stmt = TAKE(stmt);
	*out = &s->rows;
	return 0;
}

int rows_loaded_scan(struct rows_loaded *l, const struct rows_table *t, struct rows_cursor **out, struct error *e)
{
	AUTO_FREE size_t *key = mem_array(NULL, t->column_count, sizeof *key);
	size_t keys = key_of(t, key);
	int rc = 0;

	if (!keys)
		return l->from->scan(l->from, t, ROWS_STORED, out, e);
	if (!l->sorted)
		rc = rows_loaded_open(&l->sorted, e);
	if (!rc && !l->in_sorted[t - l->from->tables])
		rc = load_sorted(l, t, key, keys, e);
	return rc ? rc : open_sorted(l, t, keys, out, e);
}

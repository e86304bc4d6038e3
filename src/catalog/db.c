/* Statements on the catalog: kept ones, their values, their rows. */
#include "catalog/db.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/seal.h"
#include "catalog/db_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A list is a JSON array of strings, which cannot hold every byte: one that is not part of valid UTF-8 is written as U+0000, which no text
 * of ours holds, and two digits. */
static void write_item(struct json_out *w, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	size_t n = strlen(text);
	for (size_t at = 0; at < n;) {
		uint32_t cp;
		int len = utf8_decode((const unsigned char *)text + at, n - at, &cp);
		if (len)
			buf_add(&b, text + at, (size_t)len);
		else
			buf_printf(&b, "%c%02x", 0, (unsigned char)text[at]);
		at += len ? (size_t)len : 1;
	}
	jw_bytes(w, buf_text(&b), b.len);
}

/* The other way, in place. */
static void unescape(struct buf *b)
{
	size_t to = 0;
	for (size_t at = 0; at < b->len; at++) {
		bool escaped = b->p[at] == 0 && at + 2 < b->len && hex_decode((const char *)b->p + at + 1, 2, &b->p[to], 1);
		if (!escaped)
			b->p[to] = b->p[at];
		at += escaped ? 2 : 0;
		to++;
	}
	if (b->p)
		b->p[b->len = to] = '\0';
}

static int bind_list(sqlite3_stmt *s, int at, const struct strlist *l)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;
	jw_init(&w, &b);
	jw_array(&w);
	for (size_t i = 0; i < l->n; i++)
		write_item(&w, l->v[i]);
	jw_array_end(&w);
	return sqlite3_bind_text64(s, at, buf_text(&b), b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int bind_time(sqlite3_stmt *s, int at, struct timespec t)
{
	if (t.tv_sec == 0 && t.tv_nsec == 0)
		return sqlite3_bind_null(s, at);
	return sqlite3_bind_int64(s, at, (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

/* 0, or one of our errors. */
static int bind_secret(struct catalog *c, sqlite3_stmt *s, int at, const struct secret *secret, const char *about, struct error *e)
{
	if (!secret->len)
		return sqlite3_bind_null(s, at) == SQLITE_OK ? 0 : db_error(c, SQLITE_MISUSE, e);
	int rc = db_key(c, e);
	if (rc)
		return rc;
	AUTO_FREE char *sealed = seal_text(&c->key, about, secret->p, secret->len);
	return sqlite3_bind_text(s, at, sealed, -1, SQLITE_TRANSIENT) == SQLITE_OK ? 0 : db_error(c, SQLITE_MISUSE, e);
}

static int bind_all(struct catalog *c, sqlite3_stmt *s, const char *types, va_list ap, struct error *e)
{
	int rc = SQLITE_OK;
	for (int at = 1; types[at - 1] && rc == SQLITE_OK; at++) {
		const char *text;
		const void *p;
		switch (types[at - 1]) {
		case 's':
			text = va_arg(ap, const char *);
			rc = sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
			break;
		case 'i':
			rc = sqlite3_bind_int64(s, at, va_arg(ap, int64_t));
			break;
		case 'u':
			rc = sqlite3_bind_int64(s, at, (int64_t)va_arg(ap, uint64_t));
			break;
		case 'd':
			rc = sqlite3_bind_double(s, at, va_arg(ap, double));
			break;
		case 'b':
			p = va_arg(ap, const void *);
			rc = sqlite3_bind_blob64(s, at, p, va_arg(ap, size_t), SQLITE_TRANSIENT);
			break;
		case 't':
			rc = bind_time(s, at, va_arg(ap, struct timespec));
			break;
		case 'l':
			rc = bind_list(s, at, va_arg(ap, const struct strlist *));
			break;
		case 'S':
			p = va_arg(ap, const void *);
			text = va_arg(ap, const char *);
			if (bind_secret(c, s, at, p, text, e))
				return -(int)e->kind;
			break;
		default:
			assert(!"a letter that db.h does not name");
		}
	}
	return rc == SQLITE_OK ? 0 : db_error(c, rc, e);
}

static int prepare(struct catalog *c, const char *sql, unsigned flags, sqlite3_stmt **out, struct error *e)
{
	int rc = sqlite3_prepare_v3(c->handle, sql, -1, flags, out, NULL);
	return rc == SQLITE_OK ? 0 : db_error(c, rc, e);
}

/* The kept statement of this text, or one for this time alone while that is in use by a query that is open. */
static int statement_of(struct catalog *c, const char *sql, struct db_row *q, struct error *e)
{
	sqlite3_stmt *s = NULL;
	size_t len = strlen(sql);
	struct db_kept *k = map_get(c->kept, sql, len);
	int rc = k && !k->used ? 0 : prepare(c, sql, k ? 0 : SQLITE_PREPARE_PERSISTENT, &s, e);
	if (rc)
		return rc;
	if (!k) {
		k = mem_zero(sizeof *k);
		k->statement = s;
		map_put(c->kept, sql, len, k);
	}
	if (k->used) {
		q->statement = s;
		return 0;
	}
	k->used = true;
	q->kept = k;
	q->statement = k->statement;
	return 0;
}

/* In a transaction that some error has undone, a change would stand alone. */
static int still_whole(struct catalog *c, struct error *e)
{
	if (c->depth == 0 || db_in_transaction(c))
		return 0;
	return error_set(e, ERR_INTERNAL, "a change of the catalog was undone before it was complete");
}

static int query(struct catalog *c, struct db_row *q, struct error *e, const char *sql, const char *types, va_list ap)
{
	*q = (struct db_row){.c = c};
	int rc = still_whole(c, e);
	if (!rc)
		rc = statement_of(c, sql, q, e);
	if (!rc)
		rc = bind_all(c, q->statement, types, ap, e);
	if (rc)
		db_done(q);
	return rc;
}

int db_query(struct catalog *c, struct db_row *q, struct error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	int rc = query(c, q, e, sql, types, ap);
	va_end(ap);
	return rc;
}

static int bind_value(sqlite3_stmt *s, int at, char type, const union db_value *v)
{
	switch (type) {
	case 's':
		return sqlite3_bind_text(s, at, v->s, -1, SQLITE_TRANSIENT);
	case 't':
		return bind_time(s, at, v->t);
	case 'l':
		return bind_list(s, at, v->l);
	default:
		return sqlite3_bind_int64(s, at, v->i);
	}
}

int db_query_once(struct catalog *c, struct db_row *q, struct error *e, const char *sql, const char *types, const union db_value *values)
{
	*q = (struct db_row){.c = c};
	sqlite3_stmt *s = NULL;
	int rc = still_whole(c, e);
	if (!rc)
		rc = prepare(c, sql, 0, &s, e);
	q->statement = s;
	for (int i = 0; !rc && types[i]; i++) {
		int bound = bind_value(s, i + 1, types[i], &values[i]);
		rc = bound == SQLITE_OK ? 0 : db_error(c, bound, e);
	}
	if (rc)
		db_done(q);
	return rc;
}

bool db_next(struct db_row *q, int *rc, struct error *e)
{
	int step = sqlite3_step(q->statement);
	if (step == SQLITE_ROW)
		return true;
	*rc = step == SQLITE_DONE ? 0 : db_error(q->c, step, e);
	return false;
}

void db_done(struct db_row *q)
{
	struct db_kept *k = q->kept;
	if (k) {
		sqlite3_reset(k->statement);
		sqlite3_clear_bindings(k->statement);
		k->used = false;
	} else {
		sqlite3_finalize(q->statement);
	}
	*q = (struct db_row){0};
}

int db_one(struct db_row *q, int rc, int (*read)(const struct db_row *q, void *record, struct error *e), void *record, size_t size, struct error *e)
{
	memset(record, 0, size);
	if (!rc && db_next(q, &rc, e)) {
		rc = read(q, record, e);
		rc = rc ? rc : 1;
	}
	db_done(q);
	return rc;
}

int db_all(struct db_row *q, int rc, int (*read)(const struct db_row *q, void *record, struct error *e), void *list, size_t size, struct error *e)
{
	struct { char *v; size_t n, cap; } l = {0};    /* as every list of records */
	while (!rc && db_next(q, &rc, e)) {
		if (l.n == l.cap) {
			l.cap = l.cap ? 2 * l.cap : 8;
			l.v = mem_array(l.v, l.cap, size);
		}
		memset(l.v + l.n * size, 0, size);
		rc = read(q, l.v + l.n * size, e);
		l.n += rc == 0;
	}
	db_done(q);
	memcpy(list, &l, sizeof l);
	return rc;
}

/* To its end, where a change is committed. *number stays as it is when no row comes. */
static int run(struct catalog *c, int64_t *number, struct error *e, const char *sql, const char *types, va_list ap)
{
	struct db_row q;
	int rc = query(c, &q, e, sql, types, ap);
	while (!rc && db_next(&q, &rc, e))
		*number = db_i64(&q, 0);
	db_done(&q);
	return rc;
}

int db_run(struct catalog *c, struct error *e, const char *sql, const char *types, ...)
{
	int64_t ignored;
	va_list ap;
	va_start(ap, types);
	int rc = run(c, &ignored, e, sql, types, ap);
	va_end(ap);
	return rc;
}

/* A power cut may undo it; a transaction around it decides otherwise. */
static int run_lightly(struct catalog *c, int64_t *number, struct error *e, const char *sql, const char *types, va_list ap)
{
	if (c->depth == 0)
		sqlite3_exec(c->handle, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	int rc = run(c, number, e, sql, types, ap);
	if (c->depth == 0)
		sqlite3_exec(c->handle, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	return rc;
}

int db_run_lightly(struct catalog *c, struct error *e, const char *sql, const char *types, ...)
{
	int64_t ignored;
	va_list ap;
	va_start(ap, types);
	int rc = run_lightly(c, &ignored, e, sql, types, ap);
	va_end(ap);
	return rc;
}

int db_number_lightly(struct catalog *c, int64_t *out, struct error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	*out = 0;
	va_start(ap, types);
	int rc = run_lightly(c, out, e, sql, types, ap);
	va_end(ap);
	return rc;
}

int db_number(struct catalog *c, int64_t *out, struct error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	*out = 0;
	va_start(ap, types);
	int rc = run(c, out, e, sql, types, ap);
	va_end(ap);
	return rc;
}

struct timespec db_now(void)
{
	struct timespec t = time_now();

	t.tv_nsec -= t.tv_nsec % 1000;
	return t;
}

int64_t db_changed(struct catalog *c)
{
	return sqlite3_changes64(c->handle);
}

int64_t db_last_id(struct catalog *c)
{
	return sqlite3_last_insert_rowid(c->handle);
}

int64_t db_i64(const struct db_row *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

uint64_t db_u64(const struct db_row *q, int column)
{
	return (uint64_t)db_i64(q, column);
}

double db_double(const struct db_row *q, int column)
{
	return sqlite3_column_double(q->statement, column);
}

bool db_bool(const struct db_row *q, int column)
{
	return db_i64(q, column) != 0;
}

bool db_null(const struct db_row *q, int column)
{
	return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

const char *db_text(const struct db_row *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q->statement, column);
	return text ? (const char *)text : "";
}

char *db_dup(const struct db_row *q, int column)
{
	return db_null(q, column) ? NULL : mem_string(db_text(q, column));
}

struct timespec db_time(const struct db_row *q, int column)
{
	int64_t micro = db_i64(q, column), rest = micro % 1000000;
	if (rest < 0)
		rest += 1000000;
	return (struct timespec){.tv_sec = (micro - rest) / 1000000, .tv_nsec = rest * 1000};
}

void db_list(const struct db_row *q, int column, struct strlist *out)
{
	CLEANUP(buf_release) struct buf item = BUF_INIT;
	struct json j;
	const char *text = db_text(q, column);
	json_init(&j, text, strlen(text));
	json_array_begin(&j);
	while (json_element(&j)) {
		json_string(&j, &item);
		unescape(&item);
		if (!json_failed(&j))
			strlist_add(out, buf_text(&item));
	}
	json_release(&j);
}

int db_secret(const struct db_row *q, int column, const char *about, struct secret *out, struct error *e)
{
	secret_release(out);
	if (db_null(q, column))
		return 0;
	int rc = db_key(q->c, e);
	if (!rc)
		rc = seal_open(&q->c->key, about, db_text(q, column), out, e);
	if (rc == -ERR_CORRUPT)
		error_hint(e, "secrets in the catalog open with the key in %s alone: bring that file back, or set the secret anew", q->c->key_path);
	return rc;
}

const void *db_blob(const struct db_row *q, int column, size_t *n)
{
	const void *p = sqlite3_column_blob(q->statement, column);
	*n = (size_t)sqlite3_column_bytes(q->statement, column);
	return p;
}

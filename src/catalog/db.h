/* SQL for the catalog's own files (db.c, db_filter.c): statements are prepared once a connection and kept. Nothing outside
 * src/catalog includes this. Change nothing while a query of your own is open, unless within catalog_begin(): SQLite refuses
 * to make a reader a writer when others have written since.
 *
 *     struct db_row q;
 *     int rc = db_query(c, &q, e, "SELECT id, name FROM source WHERE name = ?1", "s", name);
 *     while (!rc && db_next(&q, &rc, e))
 *             add(db_i64(&q, 0), db_text(&q, 1));
 *     db_done(&q);
 */
#ifndef CATALOG_DB_H
#define CATALOG_DB_H

#include "catalog/catalog.h"

struct db_row { struct catalog *c; void *statement, *kept; };

/* Begin a query or change with its values, one letter each: 's' const char * (NULL is NULL), 'i' int64_t, 'u' uint64_t (stored as the same
 * 64 bits), 'd' double, 'b' const void * and size_t, 't' struct timespec (microseconds since 1970; zero is NULL), 'l' const struct strlist * (a JSON array),
 * 'S' const struct secret * sealed as `about` (const char *) says: two arguments; empty is NULL. `about`
 * must stay true as long as the row is there ("source.url shop"). `sql` is the key of the kept statement: constant texts only. */
int db_query(struct catalog *c, struct db_row *q, struct error *e, const char *sql, const char *types, ...) MUST_USE;
/* The next row; false at the end, or after an error, which is in *rc. */
bool db_next(struct db_row *q, int *rc, struct error *e);
void db_done(struct db_row *q);                       /* in any case; legal twice and on a zeroed one */
/* Rows as records of `size` bytes. read() fills one, or returns -kind and leaves nothing in it to be released.
 * db_one(): what is left of a query that ended with `rc`, and its end. 1 there is a row, 0 there is none (the record is zeroed then), or -kind.
 * db_all(): all rows, into a list {v, n, cap}, which begins empty; after an error the caller releases it. */
int db_one(struct db_row *q, int rc, int (*read)(const struct db_row *q, void *record, struct error *e), void *record, size_t size, struct error *e) MUST_USE;
int db_all(struct db_row *q, int rc, int (*read)(const struct db_row *q, void *record, struct error *e), void *list, size_t size, struct error *e) MUST_USE;
/* A change that gives no rows. db_changed(): rows it touched; db_last_id(): of an INSERT. -ERR_EXISTS for a unique name that is taken,
 * -ERR_REFUSED for a row that others refer to. */
int db_run(struct catalog *c, struct error *e, const char *sql, const char *types, ...) MUST_USE;
/* The same for what comes often and may be lost when the power fails (never when a program dies): progress, log lines, times of use.
 * Every other commit is on the disk before it returns. */
int db_run_lightly(struct catalog *c, struct error *e, const char *sql, const char *types, ...) MUST_USE;
int64_t db_changed(struct catalog *c);
struct timespec db_now(void);          /* as the catalog keeps it: to the microsecond */
int64_t db_last_id(struct catalog *c);
/* One number: 0 when there is no row or it is NULL. */
int db_number(struct catalog *c, int64_t *out, struct error *e, const char *sql, const char *types, ...) MUST_USE;
int db_number_lightly(struct catalog *c, int64_t *out, struct error *e, const char *sql, const char *types, ...) MUST_USE;

int64_t db_i64(const struct db_row *q, int column);
uint64_t db_u64(const struct db_row *q, int column);
double db_double(const struct db_row *q, int column);
bool db_bool(const struct db_row *q, int column);
bool db_null(const struct db_row *q, int column);
const char *db_text(const struct db_row *q, int column);       /* until the next row; "" for NULL */
char *db_dup(const struct db_row *q, int column);              /* heap; NULL for NULL */
struct timespec db_time(const struct db_row *q, int column);
void db_list(const struct db_row *q, int column, struct strlist *out);        /* of a JSON array; appends */
/* -ERR_CORRUPT when the sealed text does not open; NULL gives an empty one. */
int db_secret(const struct db_row *q, int column, const char *about, struct secret *out, struct error *e) MUST_USE;
const void *db_blob(const struct db_row *q, int column, size_t *n);

/* WHERE clauses of filters: conditions joined by AND. Statements of filters are built, not kept. What is added must live until
 * the release. */
union db_value { const char *s; int64_t i; struct timespec t; const struct strlist *l; };
struct db_filter {
	struct buf sql;
	char types[64];
	union db_value values[64];
	int n;
	struct strlist owned;
};
/* "state = ?": every "?" in it is this one value; type 's', 'i' (int64_t), 't' or 'l'; 0: it has none. */
void db_filter_add(struct db_filter *f, const char *condition, int type, ...);
/* "column IN (...)"; nothing for an empty list. */
void db_filter_among(struct db_filter *f, const char *column, const struct strlist *values);
/* "name LIKE ? ESCAPE '\\' OR title LIKE ? ESCAPE '\\'": where `text` is within, without regard to case in ASCII. */
void db_filter_text(struct db_filter *f, const char *condition, const char *text);
/* `select` is "SELECT ... FROM table", `order` "n DESC". */
int db_query_filter(struct catalog *c, struct db_row *q, struct error *e, const char *select, const struct db_filter *f, const char *order, const struct catalog_page *p) MUST_USE;
/* How many rows there are beyond the page, of which `found` were found: counted only when the page does not tell it. */
int db_count_filter(struct catalog *c, uint64_t *out, struct error *e, const char *table, const struct db_filter *f, const struct catalog_page *p, size_t found) MUST_USE;
void db_filter_release(struct db_filter *f);
/* A statement that is built, with n = strlen(types) values of the letters of a filter. */
int db_query_once(struct catalog *c, struct db_row *q, struct error *e, const char *sql, const char *types, const union db_value *values) MUST_USE;

#endif

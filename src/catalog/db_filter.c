/* WHERE clauses that are put together. */
#include "base/mem.h"
#include "catalog/db_inner.h"

#include <assert.h>
#include <string.h>

/* Every "?" becomes the number of the value that is added next. */
static void add_condition(struct db_filter *f, const char *condition)
{
	assert((size_t)f->n + 1 < ARRAY_LEN(f->types));
	buf_add_str(&f->sql, f->sql.len ? " AND (" : " WHERE (");
	for (const char *c = condition; *c; c++)
		if (*c == '?')
			buf_printf(&f->sql, "?%d", f->n + 1);
		else
			buf_add_byte(&f->sql, (unsigned char)*c);
	buf_add_byte(&f->sql, ')');
}

void db_filter_add(struct db_filter *f, const char *condition, int type, ...)
{
	va_list ap;
	add_condition(f, condition);
	if (!type)
		return;
	va_start(ap, type);
	if (type == 's')
		f->values[f->n].s = va_arg(ap, const char *);
	else if (type == 't')
		f->values[f->n].t = va_arg(ap, struct timespec);
	else if (type == 'l')
		f->values[f->n].l = va_arg(ap, const struct strlist *);
	else
		f->values[f->n].i = va_arg(ap, int64_t);
	va_end(ap);
	f->types[f->n++] = (char)type;
}

void db_filter_text(struct db_filter *f, const char *condition, const char *text)
{
	CLEANUP(buf_release) struct buf pattern = BUF_INIT;
	buf_add_byte(&pattern, '%');
	for (const char *c = text; *c; c++) {
		if (strchr("%_\\", *c))
			buf_add_byte(&pattern, '\\');
		buf_add_byte(&pattern, (unsigned char)*c);
	}
	buf_add_byte(&pattern, '%');
	strlist_add(&f->owned, buf_text(&pattern));
	db_filter_add(f, condition, 's', f->owned.v[f->owned.n - 1]);
}

void db_filter_among(struct db_filter *f, const char *column, const struct strlist *values)
{
	if (!values->n)
		return;
	AUTO_FREE char *condition = mem_printf("%s IN (SELECT value FROM json_each(?))", column);
	db_filter_add(f, condition, 'l', values);
}

#define PAGE_USUAL 100
#define PAGE_MOST 1000

static uint64_t limit_of(const struct catalog_page *p)
{
	return p->limit == 0 ? PAGE_USUAL : p->limit > PAGE_MOST ? PAGE_MOST : p->limit;
}

int db_query_filter(struct catalog *c, struct db_row *q, struct error *e, const char *select, const struct db_filter *f, const char *order, const struct catalog_page *p)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	uint64_t offset = p->offset > INT64_MAX ? INT64_MAX : p->offset;
	buf_printf(&sql, "%s%s ORDER BY %s LIMIT %llu OFFSET %llu", select, buf_text(&f->sql), order, (unsigned long long)limit_of(p), (unsigned long long)offset);
	return db_query_once(c, q, e, buf_text(&sql), f->types, f->values);
}

/* ---- counting ----
 *
 * A count reads an index to its end, and pages of a list ask for the same one again and again: it is kept until something is
 * changed, by us or by another connection. Within a transaction, which may be undone, nothing is kept. */

#define COUNTS_KEPT 100

static void add_value(char type, const union db_value *v, struct buf *key)
{
	buf_add_byte(key, (unsigned char)type);
	if (type == 's')
		buf_add(key, v->s ? v->s : "", v->s ? strlen(v->s) + 1 : 0);
	else if (type == 't')
		buf_printf(key, "%lld.%ld", (long long)v->t.tv_sec, v->t.tv_nsec);
	else if (type == 'i')
		buf_printf(key, "%lld", (long long)v->i);
	for (size_t i = 0; type == 'l' && i < v->l->n; i++)
		buf_add(key, v->l->v[i], strlen(v->l->v[i]) + 1);
	buf_add_byte(key, 0);
}

/* Empty the counts that may be wrong. */
static void check_counts(struct catalog *c)
{
	int64_t stamp = catalog_stamp(c), changes = db_changes(c);
	if (c->counts && stamp == c->counts_stamp && changes == c->counts_changes && stamp >= 0 && map_count(c->counts) < COUNTS_KEPT)
		return;
	map_free(c->counts, NULL);
	c->counts = map_new();
	c->counts_stamp = stamp;
	c->counts_changes = changes;
}

static int count(struct catalog *c, uint64_t *out, struct error *e, const char *sql, const struct db_filter *f)
{
	struct db_row q;
	int rc = db_query_once(c, &q, e, sql, f->types, f->values);
	if (!rc && db_next(&q, &rc, e))
		*out = db_u64(&q, 0);
	db_done(&q);
	return rc;
}

int db_count_filter(struct catalog *c, uint64_t *out, struct error *e, const char *table, const struct db_filter *f, const struct catalog_page *p, size_t found)
{
	CLEANUP(buf_release) struct buf key = BUF_INIT;
	AUTO_FREE char *sql = mem_printf("SELECT count(*) FROM %s%s", table, buf_text(&f->sql));
	bool is_last = found < limit_of(p) && (found > 0 || p->offset == 0);
	*out = is_last ? p->offset + found : 0;
	if (is_last)
		return 0;
	if (db_in_transaction(c))
		return count(c, out, e, sql, f);
	buf_add_str(&key, sql);
	for (int i = 0; i < f->n; i++)
		add_value(f->types[i], &f->values[i], &key);
	check_counts(c);
	uintptr_t kept = (uintptr_t)map_get(c->counts, key.p, key.len);
	if (kept) {
		*out = kept - 1;
		return 0;
	}
	int rc = count(c, out, e, sql, f);
	if (!rc)
		map_put(c->counts, key.p, key.len, (void *)(uintptr_t)(*out + 1));
	return rc;
}

void db_filter_release(struct db_filter *f)
{
	buf_release(&f->sql);
	strlist_release(&f->owned);
	*f = (struct db_filter){0};
}

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

int db_count_filter(struct catalog *c, uint64_t *out, struct error *e, const char *table, const struct db_filter *f, const struct catalog_page *p, size_t found)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	struct db_row q;
	bool is_last = found < limit_of(p) && (found > 0 || p->offset == 0);
	*out = is_last ? p->offset + found : 0;
	if (is_last)
		return 0;
	buf_printf(&sql, "SELECT count(*) FROM %s%s", table, buf_text(&f->sql));
	int rc = db_query_once(c, &q, e, buf_text(&sql), f->types, f->values);
	if (!rc && db_next(&q, &rc, e))
		*out = db_u64(&q, 0);
	db_done(&q);
	return rc;
}

void db_filter_release(struct db_filter *f)
{
	buf_release(&f->sql);
	strlist_release(&f->owned);
	*f = (struct db_filter){0};
}

/* The tables of a table of contents: what pg_dump says of each in several entries, put together. */
#include "engine/pg_archive_inner.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 4096                /* of a table; PostgreSQL has at most 1600 */
#define COLUMNS_ALL_MAX ((size_t)1 << 25)
#define PARENTS_DEEP 64

struct item {
	const struct pg_entry *table, *data;
	struct pg_sql_table sql;
	struct strlist key;
	struct pg_sql_column *columns;    /* of this and its parents; names and types are borrowed */
	size_t n, cap;
	enum { NOT_YET, UNDER_WAY, DONE } state;
};

struct work {
	const struct pg_toc *toc;
	struct item *v;
	size_t n, cap;
	struct map *by_name;              /* schema, a zero, name -> place in v + 1 */
	size_t columns;
};

static void work_release(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		pg_toc_sql_release(&w->v[i].sql);
		strlist_release(&w->v[i].key);
		free(w->v[i].columns);
	}
	free(w->v);
	map_free(w->by_name, NULL);
}

bool pg_toc_is_copy(const struct pg_entry *entry)
{
	return strcmp(entry->desc, "TABLE DATA") == 0 && entry->copy && *entry->copy;
}

/* ---- which there are ---- */

static struct buf key_of(const char *schema, const char *name)
{
	struct buf key = BUF_INIT;
	buf_add_str(&key, schema ? schema : "");
	buf_add_byte(&key, 0);
	buf_add_str(&key, name);
	return key;
}

static struct item *find(struct work *w, const char *schema, const char *name)
{
	CLEANUP(buf_release) struct buf key = key_of(schema, name);
	uintptr_t at = (uintptr_t)map_get(w->by_name, key.p, key.len);
	return at ? &w->v[at - 1] : NULL;
}

static struct item *find_or_add(struct work *w, const struct pg_entry *x)
{
	struct item *have = find(w, x->schema, x->tag);
	if (have)
		return have;
	CLEANUP(buf_release) struct buf key = key_of(x->schema, x->tag);
	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct item){0};
	map_put(w->by_name, key.p, key.len, (void *)(uintptr_t)w->n);
	return &w->v[w->n - 1];
}

static void add_key(struct work *w, const struct pg_entry *x)
{
	AUTO_FREE char *schema = NULL;
	AUTO_FREE char *table = NULL;
	CLEANUP(strlist_release) struct strlist columns = {0};
	if (!x->defn || !pg_toc_sql_key(x->defn, &schema, &table, &columns))
		return;
	struct item *item = find(w, schema ? schema : x->schema, table);
	if (item && item->key.n == 0)
		strlist_copy(&item->key, &columns);
}

/* Tables of extensions have rows but no statement; foreign tables count only with rows. */
static void collect(struct work *w)
{
	for (size_t i = 0; i < w->toc->n; i++) {
		const struct pg_entry *x = &w->toc->v[i];
		if (strcmp(x->desc, "TABLE DATA") == 0)
			find_or_add(w, x)->data = x;
		else if (strcmp(x->desc, "TABLE") == 0)
			find_or_add(w, x)->table = x;
	}
	for (size_t i = 0; i < w->toc->n; i++) {
		const struct pg_entry *x = &w->toc->v[i];
		struct item *item = strcmp(x->desc, "FOREIGN TABLE") == 0 ? find(w, x->schema, x->tag) : NULL;
		if (item && !item->table)
			item->table = x;
		if (strcmp(x->desc, "CONSTRAINT") == 0)
			add_key(w, x);
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].table && w->v[i].table->defn)
			pg_toc_sql_table(w->v[i].table->defn, &w->v[i].sql);
}

/* ---- their columns ---- */

static const struct pg_sql_column *column_named(const struct item *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->columns[i].name, name) == 0)
			return &x->columns[i];
	return NULL;
}

/* A column both a parent and the table itself name is one; what the table says of it counts. */
static void add_column(struct item *x, const struct pg_sql_column *c)
{
	struct pg_sql_column *have = (struct pg_sql_column *)(uintptr_t)column_named(x, c->name);
	if (have) {
		*have = *c;
	} else if (x->n < COLUMNS_MAX) {
		GROW(x->columns, x->n, x->cap);
		x->columns[x->n++] = *c;
	}
}

/* The columns of parents come first. */
static void inherit(struct work *w, struct item *x, int deep)
{
	if (x->state != NOT_YET)
		return;
	x->state = UNDER_WAY;
	for (size_t i = 0; i < x->sql.parents.n && deep < PARENTS_DEEP; i++) {
		const char *schema = x->sql.parent_schemas.v[i];
		struct item *parent = find(w, *schema ? schema : x->table->schema, x->sql.parents.v[i]);
		if (!parent || parent->state == UNDER_WAY)
			continue;
		inherit(w, parent, deep + 1);
		for (size_t c = 0; c < parent->n; c++)
			add_column(x, &parent->columns[c]);
	}
	for (size_t c = 0; c < x->sql.n; c++)
		add_column(x, &x->sql.v[c]);
	x->state = DONE;
}

/* The columns of the rows, in their order, as the COPY statement names them, with the generated ones where the table
 * has them. */
static bool same_columns(const struct item *x, const struct strlist *copied)
{
	size_t at = 0;
	for (size_t i = 0; i < x->n; i++)
		if (!x->columns[i].generated && (at == copied->n || strcmp(copied->v[at++], x->columns[i].name) != 0))
			return false;
	return at == copied->n;
}

static void put_column(struct rows_table *t, const struct item *x, struct pg_encoding *enc, const char *name,
	const char *type, bool generated)
{
	struct rows_column *c = &t->columns[t->column_count++];
	*c = (struct rows_column){.name = pg_encoding_text(enc, name),
		.type = pg_encoding_text(enc, type), .generated = generated};
	for (size_t k = 0; k < x->key.n && !c->key; k++)
		if (strcmp(x->key.v[k], name) == 0)
			c->key = (int)k + 1;
}

static void put_columns(struct rows_table *t, const struct item *x, struct pg_encoding *enc)
{
	CLEANUP(strlist_release) struct strlist copied = {0};
	bool named = x->data && pg_toc_is_copy(x->data) && pg_toc_sql_copy(x->data->copy, &copied);
	t->columns = mem_array(NULL, x->n + copied.n + 1, sizeof *t->columns);
	if (!named || same_columns(x, &copied)) {
		for (size_t i = 0; i < x->n; i++)
			put_column(t, x, enc, x->columns[i].name, x->columns[i].type, x->columns[i].generated);
		return;
	}
	for (size_t i = 0; i < copied.n; i++) {
		const struct pg_sql_column *known = column_named(x, copied.v[i]);
		put_column(t, x, enc, copied.v[i], known ? known->type : "", false);
	}
	for (size_t i = 0; i < x->n; i++)
		if (x->columns[i].generated && !strlist_has(&copied, x->columns[i].name))
			put_column(t, x, enc, x->columns[i].name, x->columns[i].type, true);
}

/* ---- all of them, in name order ---- */

struct made {
	struct rows_table table;
	const struct pg_entry *data;
	char *name;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct made *)a)->name, ((const struct made *)b)->name);
}

static struct made make(const struct item *x, struct pg_encoding *enc)
{
	const struct pg_entry *any = x->table ? x->table : x->data;
	struct made m = {.data = x->data};
	m.table.schema = any->schema && *any->schema ? pg_encoding_text(enc, any->schema) : NULL;
	m.table.name = pg_encoding_text(enc, any->tag);
	m.table.sql = x->table ? pg_encoding_text(enc, x->table->defn) : NULL;
	put_columns(&m.table, x, enc);
	m.name = rows_table_name(&m.table);
	return m;
}

static void deliver(const struct work *w, struct rows_table **tables, const struct pg_entry ***data)
{
	struct pg_encoding enc;
	AUTO_FREE struct made *all = mem_array(NULL, w->n + 1, sizeof *all);
	pg_encoding_open(&enc, w->toc->encoding);
	for (size_t i = 0; i < w->n; i++)
		all[i] = make(&w->v[i], &enc);
	pg_encoding_close(&enc);
	qsort(all, w->n, sizeof *all, by_name);
	*tables = mem_array(NULL, w->n + 1, sizeof **tables);
	*data = mem_array(NULL, w->n + 1, sizeof **data);
	for (size_t i = 0; i < w->n; i++) {
		(*tables)[i] = all[i].table;
		(*data)[i] = all[i].data;
		free(all[i].name);
	}
}

int pg_toc_tables(const struct pg_toc *t, struct rows_table **tables, const struct pg_entry ***data, size_t *n,
	struct error *e)
{
	CLEANUP(work_release) struct work w = {.toc = t, .by_name = map_new()};
	collect(&w);
	for (size_t i = 0; i < w.n; i++) {
		inherit(&w, &w.v[i], 0);
		w.columns += w.v[i].n;
		if (w.columns > COLUMNS_ALL_MAX)
			return error_set(e, ERR_LIMIT, "the archive's tables have more than %zu columns",
				COLUMNS_ALL_MAX);
	}
	deliver(&w, tables, data);
	*n = w.n;
	return 0;
}

void pg_toc_tables_free(struct rows_table *tables, const struct pg_entry **data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rows_table *t = &tables[i];
		for (size_t c = 0; c < t->column_count; c++) {
			free(t->columns[c].name);
			free(t->columns[c].type);
		}
		free(t->columns);
		free(t->schema);
		free(t->name);
		free(t->sql);
	}
	free(tables);
	free(data);
}

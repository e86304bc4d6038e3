/* Parts become what a manifest says; and a stored dump its parts again. */
#include "engine/sqldump_parts.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define READ ((size_t)1 << 20)
#define WORTH_SKIPPING ((uint64_t)256 << 10)

void sqldump_map_release(struct sqldump_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].row_hash);
		free(m->v[i].sql);
	}
	free(m->v);
	free(m->client);
	free(m->server);
	free(m->database);
	free(m->command);
	free(m->foreign);
	*m = (struct sqldump_map){0};
}

/* ---- from what is stored ---- */

int sqldump_feed(struct sqldump_lexer *l, struct sqldump_builder *b, const void *p, size_t n, struct error *e)
{
	for (size_t used; n > 0; p = (const char *)p + used, n -= used) {
		int event = sqldump_lexer_step(l, p, n, &used, e);
		if (event < 0)
			return event;
		if (event != LEX_MORE)
			sqldump_builder_take(b, l, event);
		int err = sqldump_builder_check(b, l, e);
		if (err)
			return err;
	}
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct manifest_table *x = *(const struct manifest_table *const *)a,
				    *y = *(const struct manifest_table *const *)b;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Tables whose rows need not be read, in their order. */
static const struct manifest_table **skippable(const struct manifest_source *known, uint64_t size, size_t *n)
{
	const struct manifest_table **v = mem_alloc((known ? known->table_count : 0) * sizeof *v);
	struct row_sum sum;
	*n = 0;
	for (size_t i = 0; known && i < known->table_count; i++) {
		const struct manifest_table *t = &known->tables[i];
		if (t->length >= WORTH_SKIPPING && t->offset <= size && t->length <= size - t->offset &&
		    row_sum_parse(t->row_hash, &sum))
			v[(*n)++] = t;
	}
	qsort(v, *n, sizeof *v, by_offset);
	return v;
}

/* Up to `to`, or the end. */
static int feed_range(struct source *s, struct sqldump_lexer *l, struct sqldump_builder *b, unsigned char *block,
		      uint64_t to, struct error *e)
{
	int err = 0;
	while (!err && l->pos < to) {
		size_t n = to - l->pos < READ ? (size_t)(to - l->pos) : READ;
		err = source_read_exact(s, block, n, l->pos, e);
		if (!err)
			err = sqldump_feed(l, b, block, n, e);
	}
	return err;
}

static int read_all(struct source *s, const struct manifest_source *known, struct sqldump_lexer *l,
		    struct sqldump_builder *b, struct error *e)
{
	size_t n;
	AUTO_FREE const struct manifest_table **skip = skippable(known, s->size, &n);
	AUTO_FREE unsigned char *block = mem_alloc(READ);
	int err = 0;
	bool skipped = false;
	for (size_t i = 0; !err && i < n; i++) {
		if (skip[i]->offset < l->pos)
			continue;
		err = feed_range(s, l, b, block, skip[i]->offset, e);
		if (!err && sqldump_builder_skip(b, l, skip[i])) {
			sqldump_lexer_skip(l, skip[i]->offset + skip[i]->length);
			skipped = true;
		}
	}
	if (!err)
		err = feed_range(s, l, b, block, s->size, e);
	if (err)
		return err;
	int event = sqldump_lexer_end(l, e);
	if (event > 0)
		sqldump_builder_take(b, l, event);
	if (event < 0 && skipped) /* lines were not counted */
		return error_set(e, ERR_CORRUPT, "ends in the middle of a statement");
	return event < 0 ? event : 0;
}

int sqldump_map_read(struct source *s, const struct manifest_source *known, struct sqldump_map *out, struct error *e)
{
	CLEANUP(sqldump_lexer_release) struct sqldump_lexer l;
	struct sqldump_builder *b = sqldump_builder_new();
	*out = (struct sqldump_map){0};
	sqldump_lexer_init(&l);
	int err = read_all(s, known, &l, b, e);
	if (!err)
		sqldump_builder_finish(b, l.pos, out);
	sqldump_builder_free(b);
	return err;
}

/* ---- for the manifest ---- */

struct found {
	struct row_sum sum;
	uint64_t rows, bytes, offset, length;
	const struct sqldump_part *definition;
	bool sequence;
};

static struct found *found_of(struct map *tables, const char *name)
{
	struct found *f = map_get(tables, name, strlen(name));
	if (f)
		return f;
	f = mem_zero(sizeof *f);
	map_put(tables, name, strlen(name), f);
	return f;
}

static void find(struct map *tables, const struct sqldump_part *p)
{
	struct row_sum sum;
	if (p->kind != SQLDUMP_TABLE && p->kind != SQLDUMP_SEQUENCE && p->kind != SQLDUMP_ROWS)
		return;
	struct found *f = found_of(tables, p->name);
	f->sequence |= p->kind == SQLDUMP_SEQUENCE;
	f->definition = p->kind == SQLDUMP_TABLE ? p : f->definition;
	if (p->kind != SQLDUMP_ROWS)
		return;
	if (row_sum_parse(p->row_hash, &sum))
		row_sum_add(&f->sum, sum);
	f->rows += p->rows;
	f->bytes += p->length;
	f->offset = p->plain ? p->offset : 0;
	f->length = p->plain ? p->length : 0;
}

static void describe_table(const char *name, const struct found *f, struct manifest_source *out)
{
	struct rows_table columns = {0};
	struct error ignored = {0};
	struct manifest_table *t = manifest_add_table(out, NULL, name);
	t->rows_known = true;
	t->rows = f->rows;
	t->bytes = f->bytes;
	t->offset = f->offset;
	t->length = f->length;
	t->row_hash = row_sum_text(f->sum);
	if (!f->definition || sqldump_table_parse(f->definition->sql, &columns, &ignored))
		return;
	for (size_t i = 0; i < columns.column_count; i++)
		manifest_table_add_column(t, columns.columns[i].name, columns.columns[i].type, columns.columns[i].key);
	sqldump_table_release(&columns);
}

void sqldump_map_describe(const struct sqldump_map *m, struct manifest_source *out)
{
	const struct {
		const char *type;
		uint64_t count;
	} objects[] = {
		{"view", m->views},   {"trigger", m->triggers},   {"routine", m->routines},
		{"event", m->events}, {"sequence", m->sequences},
	};
	struct map *tables = map_new();
	const void *key;
	void *value;
	size_t n;
	for (size_t i = 0; i < m->n; i++)
		find(tables, &m->v[i]);
	for (size_t i = 0; i < map_slots(tables); i++) {
		const struct found *f = map_at(tables, i, &key, &n, &value) ? value : NULL;
		if (f && !f->sequence) {
			AUTO_FREE char *name = mem_string_n(key, n);
			describe_table(name, f, out);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		if (objects[i].count)
			manifest_count(out, objects[i].type, objects[i].count);
	map_free(tables, free);
}

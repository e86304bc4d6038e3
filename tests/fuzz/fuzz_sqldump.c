/* Any bytes as a dump: no crash, the same map however they are split, parts without gaps, and every row that is counted
 * is read. */
#include "base/mem.h"
#include "engine/sqldump.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int watch(const uint8_t *data, size_t size, size_t piece, struct sqldump_map *out)
{
	struct sqldump_watch *w = sqldump_watch_new(NULL, NULL);
	struct error e = {0};
	int err = 0;
	*out = (struct sqldump_map){0};
	for (size_t at = 0, n; !err && at < size; at += n) {
		n = piece < size - at ? piece : size - at;
		AUTO_FREE uint8_t *exact = mem_copy(data + at, n);
		err = sqldump_watch_write(w, exact, n, &e);
	}
	if (!err)
		err = sqldump_watch_finish(w, out, &e);
	must(!err || err == -ERR_CORRUPT || err == -ERR_LIMIT);
	sqldump_watch_free(w);
	return err;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void compare(const struct sqldump_map *a, const struct sqldump_map *b)
{
	must(a->n == b->n && a->complete == b->complete && a->views == b->views && a->triggers == b->triggers &&
	     a->events == b->events);
	must(same(a->client, b->client) && same(a->server, b->server) && same(a->command, b->command) &&
	     same(a->foreign, b->foreign));
	for (size_t i = 0; i < a->n; i++) {
		const struct sqldump_part *x = &a->v[i], *y = &b->v[i];
		must(x->kind == y->kind && x->offset == y->offset && x->length == y->length && x->rows == y->rows &&
		     x->plain == y->plain);
		must(same(x->name, y->name) && same(x->sql, y->sql) && same(x->row_hash, y->row_hash));
	}
}

/* In the table's own columns, or else in one of text. */
static void read_rows(struct source *s, const struct sqldump_map *m, const struct sqldump_part *p)
{
	struct rows_column text = {.name = (char *)"a", .type = (char *)"bit(64)"};
	struct rows_table t = {.name = p->name, .columns = &text, .column_count = 1}, own = {0};
	struct rows_cursor *c;
	const struct value *v;
	struct error e = {0};
	int got;
	uint64_t n = 0;
	for (size_t i = 0; i < m->n && !own.name; i++)
		if (m->v[i].kind == SQLDUMP_TABLE && same(m->v[i].name, p->name) &&
		    sqldump_table_parse(m->v[i].sql, &own, &e) == 0)
			t = own;
	t.name = p->name;
	must(sqldump_rows_open(s, p->offset, p->length, &t, &c, &e) == 0);
	volatile unsigned sum = 0;     /* every byte is looked at */
	while ((got = c->next(c, &v, &e)) == 1) {
		n++;
		for (size_t i = 0; i < t.column_count; i++)
			for (size_t k = 0; (v[i].type == VALUE_TEXT || v[i].type == VALUE_BLOB) && k < v[i].n; k++)
				sum += (unsigned char)v[i].p[k];
	}
	(void)sum;
	must(got == 0 ? n == p->rows : got == -ERR_CORRUPT);
	rows_cursor_close(c);
	sqldump_table_release(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sqldump_map a, b;
	int whole = watch(data, size, size + 1, &a);
	int pieces = watch(data, size, 1 + (size ? data[size - 1] % 7 : 0), &b);
	must(whole == pieces);
	compare(&a, &b);
	struct source *s = source_from_memory(data, size);
	uint64_t at = 0;
	for (size_t i = 0; i < a.n; i++) {
		must(a.v[i].offset == at);
		at += a.v[i].length;
		if (a.v[i].kind == SQLDUMP_ROWS && i < 16)
			read_rows(s, &a, &a.v[i]);
	}
	must(whole || at == size);
	struct manifest_source m = {0};
	sqldump_map_describe(&a, &m);
	manifest_source_release(&m);
	source_close(s);
	sqldump_map_release(&a);
	sqldump_map_release(&b);
	return 0;
}

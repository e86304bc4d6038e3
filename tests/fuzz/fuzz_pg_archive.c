/* Any bytes as a custom archive: no crash; every finding is one of what it may be; what is whole stays whole when read
 * again, in other pieces, and every row that was counted can be read. */
#include "base/mem.h"
#include "engine/pg_archive.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int may_fail(int err)
{
	if (err && err != -ERR_CORRUPT && err != -ERR_VERSION && err != -ERR_MISMATCH && err != -ERR_LIMIT &&
		err != -ERR_NOT_FOUND)
		abort();
	return err;
}

static int swallow(struct sink *s, const void *p, size_t n, struct error *e)
{
	return 0;
}

static int begin_object(struct pg_lo_sink *l, uint32_t oid, struct error *e)
{
	return 0;
}

static int watch(const uint8_t *data, size_t size, size_t piece, struct manifest_source *m, struct pg_toc *toc)
{
	struct error e = {0};
	struct pg_watch *w = pg_watch_new(NULL, NULL);
	int err = 0;
	for (size_t at = 0; at < size && !err; at += piece)
		err = pg_watch_write(w, data + at, size - at < piece ? size - at : piece, &e);
	if (!err)
		err = pg_watch_finish(w, m, toc, &e);
	pg_watch_free(w);
	return may_fail(err);
}

static void same(const struct manifest_source *a, const struct manifest_source *b)
{
	if (a->table_count != b->table_count || a->object_count != b->object_count)
		abort();
	for (size_t i = 0; i < a->table_count; i++) {
		const struct manifest_table *x = &a->tables[i], *y = &b->tables[i];
		if (x->rows != y->rows || x->offset != y->offset || x->length != y->length || !x->row_hash != !y->row_hash ||
			(x->row_hash && strcmp(x->row_hash, y->row_hash) != 0))
			abort();
	}
}

/* Rows that may have too many fields or too few, but are as many as were counted, and end. */
static void read_rows(struct source *s, const struct pg_toc *toc, const struct manifest_source *m)
{
	struct rows_table *tables;
	const struct pg_entry **data;
	struct error e = {0};
	size_t n;
	if (may_fail(pg_toc_tables(toc, &tables, &data, &n, &e)))
		return;
	for (size_t i = 0; i < n; i++) {
		struct rows_cursor *c;
		const struct value *v;
		uint64_t rows = 0;
		int err;
		if (!data[i] || may_fail(pg_copy_scan(s, toc, data[i], &tables[i], &c, &e)))
			continue;
		while ((err = c->next(c, &v, &e)) == 1 || (err == -ERR_CORRUPT && strncmp(e.text, "a row of", 8) == 0))
			rows++;
		may_fail(err);
		if (m && m->tables[i].rows_known && (err || rows != m->tables[i].rows))
			abort();
		rows_cursor_close(c);
	}
	pg_toc_tables_free(tables, data, n);
}

static void read_data(const uint8_t *data, size_t size, const struct manifest_source *m)
{
	struct source *s = source_from_memory(data, size);
	struct pg_lo_sink to = {.sink.write = swallow, .begin = begin_object};
	struct pg_toc toc;
	struct error e = {0};
	if (!may_fail(pg_toc_read(s, &toc, &e))) {
		read_rows(s, &toc, m);
		for (size_t i = 0; i < toc.n && i < 20; i++) {
			may_fail(pg_data_copy(s, &toc, &toc.v[i], &to.sink, &e));
			may_fail(pg_data_large_objects(s, &toc, &toc.v[i], &to, &e));
		}
		pg_toc_release(&toc);
	}
	may_fail(pg_data_expand(s, &to.sink, NULL, &e));
	source_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(manifest_source_release) struct manifest_source whole = {0}, pieces = {0};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	int err = watch(data, size, size ? size : 1, &whole, &toc);
	if (watch(data, size, 7, &pieces, NULL) != err)
		abort();
	if (!err)
		same(&whole, &pieces);
	/* With the offsets that were found, all that was counted must be there. */
	CLEANUP(buf_release) struct buf patched = BUF_INIT;
	if (!err && toc.by_id) {
		buf_add(&patched, data, size);
		pg_toc_patch(&toc, patched.p);
		read_data(patched.p, size, &whole);
	}
	read_data(data, size, NULL);
	return 0;
}

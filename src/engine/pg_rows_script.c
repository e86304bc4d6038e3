/* What an imported script holds, read again without the rows: the manifest knows where those lie. */
#include "engine/pg_rows.h"

#include "base/mem.h"
#include "engine/pg_script.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)256 << 10)

struct range {
	uint64_t from, to;
};

static void release_watch(struct pg_script_watch **w)
{
	pg_script_watch_free(*w);
}

static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Where rows lie, in their order; heap. */
static struct range *list_rows(const struct manifest_source *m, size_t *n)
{
	struct range *v = mem_array(NULL, m->table_count + 1, sizeof *v);
	*n = 0;
	for (size_t i = 0; i < m->table_count; i++) {
		const struct manifest_table *t = &m->tables[i];
		if (t->length > 0 && t->length <= UINT64_MAX - t->offset)
			v[(*n)++] = (struct range){t->offset, t->offset + t->length};
	}
	qsort(v, *n, sizeof *v, by_place);
	return v;
}

static int take(struct source *s, uint64_t from, uint64_t to, struct pg_script_watch *w, struct error *e)
{
	AUTO_FREE char *block = mem_alloc(BLOCK);
	while (from < to) {
		size_t n = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
		int err = source_read_exact(s, block, n, from, e);
		if (!err)
			err = pg_script_watch_write(w, block, n, e);
		if (err)
			return err;
		from += n;
	}
	return 0;
}

static int take_all_but_rows(struct source *s, const struct manifest_source *m, struct pg_script_watch *w, struct error *e)
{
	size_t n;
	AUTO_FREE struct range *rows = list_rows(m, &n);
	uint64_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].from < at || rows[i].to > s->size)
			return error_set(e, ERR_CORRUPT, "its rows do not lie where the manifest says");
		int err = take(s, at, rows[i].from, w, e);
		if (err)
			return err;
		at = rows[i].to;
	}
	return take(s, at, s->size, w, e);
}

int pg_rows_script_read(struct source *s, const struct manifest_source *m, struct pg_toc *toc, bool *dumped,
	struct error *e)
{
	CLEANUP(release_watch) struct pg_script_watch *w = pg_script_watch_new(NULL, NULL);
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	int err = take_all_but_rows(s, m, w, e);
	if (!err)
		err = pg_script_watch_finish(w, &found, e);
	if (err)
		return err;
	*dumped = pg_script_watch_toc(w, toc);
	if (found.structure && found.table_count == m->table_count)
		return 0;
	error_set(e, ERR_MISMATCH, "this backup is an SQL script that changes its tables, so that they are not known");
	return error_hint(e, "restore it to see them");
}

int pg_rows_script_scan(const struct pg_script_table *t, const struct rows_table *table, struct rows_cursor **out,
	struct error *e)
{
	if (t->dumped && !(t->data && t->data->has_data)) {
		*out = rows_cursor_empty(table);
		return 0;
	}
	if (t->data && pg_toc_is_copy(t->data) && t->known->rows_known) {
		*out = pg_copy_scan_script(t->script, t->known->offset, t->known->length, t->encoding, table);
		return 0;
	}
	error_set(e, ERR_MISMATCH, "the rows of table \"%s\" are not stored as COPY text", table->name);
	return error_hint(e, t->dumped ? "the script was made with --inserts; restore it to see its rows" :
		"the script was not written by pg_dump; restore it to see its rows");
}

/* Any bytes as a script for psql: no crash, errors are findings, and what comes out does not depend on how the bytes were
 * split. The first byte says how. */
#include "base/mem.h"
#include "engine/pg_script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int watch(const uint8_t *p, size_t n, size_t piece, struct manifest_source *m, struct error *e)
{
	struct pg_script_watch *w = pg_script_watch_new(NULL, NULL);
	int err = 0;
	for (size_t at = 0; at < n && !err; at += piece) {
		size_t len = piece < n - at ? piece : n - at;
		AUTO_FREE uint8_t *exact = mem_copy(p + at, len);
		err = pg_script_watch_write(w, exact, len, e);
	}
	if (!err)
		err = pg_script_watch_finish(w, m, e);
	pg_script_watch_free(w);
	if (err && err != -ERR_CORRUPT && err != -ERR_REFUSED && err != -ERR_LIMIT && err != -ERR_MISMATCH)
		abort();
	return err;
}

static void must_be_same(const struct manifest_source *a, const struct manifest_source *b)
{
	if (a->table_count != b->table_count || a->note_count != b->note_count)
		abort();
	for (size_t i = 0; i < a->table_count; i++) {
		const struct manifest_table *x = &a->tables[i], *y = &b->tables[i];
		if (strcmp(x->name, y->name) != 0 || x->rows != y->rows || x->offset != y->offset || x->length != y->length)
			abort();
		if (!x->row_hash != !y->row_hash || (x->row_hash && strcmp(x->row_hash, y->row_hash) != 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(manifest_source_release) struct manifest_source whole = {0}, pieces = {0};
	struct error a = {0}, b = {0};
	if (size < 2)
		return 0;
	int err = watch(data + 1, size - 1, size, &whole, &a);
	int again = watch(data + 1, size - 1, (size_t)data[0] % 61 + 1, &pieces, &b);
	if (err != again || strcmp(a.text, b.text) != 0)
		abort();
	if (!err)
		must_be_same(&whole, &pieces);
	return 0;
}

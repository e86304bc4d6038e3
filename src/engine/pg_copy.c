/* STUB: to be replaced. */
#include "engine/pg_archive.h"

#include <stdlib.h>

struct pg_copy_reader *pg_copy_reader_new(const struct rows_table *t, const char *encoding)
{ abort(); }

void pg_copy_reader_free(struct pg_copy_reader *r)
{ }

int pg_copy_reader_row(struct pg_copy_reader *r, const char *line, size_t n, const struct value **values, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_copy_reader_row"); }

int pg_copy_scan(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, const struct rows_table *table, struct rows_cursor **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_copy_scan"); }

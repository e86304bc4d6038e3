/* STUB: to be replaced. */
#include "engine/pg_archive.h"

#include <stdlib.h>

int pg_toc_tables(const struct pg_toc *t, struct rows_table **tables, const struct pg_entry ***data, size_t *n, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_toc_tables"); }

/* STUB: to be replaced. */
#include "engine/sqldump.h"

#include <stdlib.h>

int sqldump_rows_open(struct source *s, uint64_t offset, uint64_t length, const struct rows_table *t, struct rows_cursor **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: sqldump_rows_open"); }

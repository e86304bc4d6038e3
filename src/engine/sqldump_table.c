/* STUB: to be replaced. */
#include "engine/sqldump.h"

#include <stdlib.h>

int sqldump_table_parse(const char *sql, struct rows_table *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: sqldump_table_parse"); }

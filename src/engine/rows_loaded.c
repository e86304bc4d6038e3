/* STUB: to be replaced. */
#include "engine/rows_loaded.h"

#include <stdlib.h>

struct rows_loaded *rows_loaded_new(struct rows_db *from)
{ abort(); }

void rows_loaded_free(struct rows_loaded *l)
{ }

int rows_loaded_scan(struct rows_loaded *l, const struct rows_table *t, struct rows_cursor **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: rows_loaded_scan"); }

int rows_loaded_query(struct rows_loaded *l, const char *sql, struct rows_cursor **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: rows_loaded_query"); }

/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_rows_stored(const struct stored *s, struct rows_db **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_rows_stored"); }

int pg_rows_live(const struct source_url *u, struct rows_db **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_rows_live"); }

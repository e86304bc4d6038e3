/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_load(const struct pg_load *l, struct restore_result *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_load"); }

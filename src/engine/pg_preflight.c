/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_preflight(PGconn *c, struct manifest_source *m, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_preflight"); }

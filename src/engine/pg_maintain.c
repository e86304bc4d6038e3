/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_info(const struct source_url *u, struct source_info *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_info"); }

int pg_maintain(const struct engine_maintenance *m, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_maintain"); }

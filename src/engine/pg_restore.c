/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_restore"); }

int pg_look(const struct source_url *target, bool *there, char **line, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_look"); }

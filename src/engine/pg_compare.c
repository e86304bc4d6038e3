/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_compare(const struct pg_place *place, const char *database, const struct stored *s, bool hashes, struct progress *p, struct strlist *evidence, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_compare"); }

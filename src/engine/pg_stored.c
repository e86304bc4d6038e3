/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_stored_open(const struct stored *s, struct source **out, struct pg_toc *toc, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_stored_open"); }

int pg_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_check_structure"); }

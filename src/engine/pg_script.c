/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_script_run(PGconn *c, struct source *script, struct strlist *notes, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_script_run"); }

int pg_script_check(struct source *script, struct manifest_source *m, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_script_check"); }

/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_sql_stored"); }

int pg_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_sql_live"); }

/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_sql_stored"); }

int my_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_sql_live"); }

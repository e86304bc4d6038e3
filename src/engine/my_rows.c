/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_rows_stored(const struct stored *s, struct rows_db **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_rows_stored"); }

int my_rows_live(const struct source_url *u, struct rows_db **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_rows_live"); }

/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_preflight(MYSQL *c, const char *database, struct manifest_source *m, bool *lock_tables, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_preflight"); }

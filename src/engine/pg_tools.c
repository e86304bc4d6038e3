/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_tool_find(const char *name, int server, char **path, int *version, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_tool_find"); }

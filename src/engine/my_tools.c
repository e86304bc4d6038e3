/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_tool_find(const char *name, bool mariadb_server, char **path, char **version, bool *mariadb_tool, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_tool_find"); }

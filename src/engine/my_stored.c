/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_stored_open(const struct stored *s, struct source **out, struct sqldump_map *map, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_stored_open"); }

int my_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_check_structure"); }

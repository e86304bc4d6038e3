/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_compare(const struct my_place *place, const char *database, const struct stored *s, bool hashes, struct progress *p, struct strlist *evidence, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_compare"); }

/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_load(const struct my_load *l, struct restore_result *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_load"); }

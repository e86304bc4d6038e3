/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_info(const struct source_url *u, struct source_info *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_info"); }

int my_maintain(const struct engine_maintenance *m, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_maintain"); }

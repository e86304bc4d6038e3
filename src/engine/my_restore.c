/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_restore"); }

int my_look(const struct source_url *target, bool *there, char **line, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_look"); }

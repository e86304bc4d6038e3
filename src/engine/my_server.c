/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_scratch(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_scratch"); }

int my_compare_restored(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_compare_restored"); }

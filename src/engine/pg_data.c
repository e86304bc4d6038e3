/* STUB: to be replaced. */
#include "engine/pg_archive.h"

#include <stdlib.h>

int pg_data_copy(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct sink *to, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_data_copy"); }

int pg_data_large_objects(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct pg_lo_sink *to, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_data_large_objects"); }

int pg_data_expand(struct source *from, struct sink *to, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_data_expand"); }

/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

int pg_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_backup"); }

int pg_backup_stream(const struct pg_place *place, PGconn *c, struct file_sink *to, struct progress *p, struct manifest_source *m, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_backup_stream"); }

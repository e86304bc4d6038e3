/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

int my_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_backup"); }

int my_backup_stream(const struct my_place *place, MYSQL *c, struct file_sink *to, struct progress *p, struct manifest_source *m, struct sqldump_map *map, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_backup_stream"); }

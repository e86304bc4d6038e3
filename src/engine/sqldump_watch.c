/* STUB: to be replaced. */
#include "engine/sqldump.h"

#include <stdlib.h>

void sqldump_map_release(struct sqldump_map *m)
{ }

struct sqldump_watch *sqldump_watch_new(struct file_sink *out, struct progress *p)
{ abort(); }

void sqldump_watch_free(struct sqldump_watch *w)
{ }

int sqldump_watch_write(struct sqldump_watch *w, const void *p, size_t n, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: sqldump_watch_write"); }

int sqldump_watch_finish(struct sqldump_watch *w, struct sqldump_map *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: sqldump_watch_finish"); }

int sqldump_map_read(struct source *s, const struct manifest_source *known, struct sqldump_map *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: sqldump_map_read"); }

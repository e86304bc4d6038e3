/* STUB: to be replaced. */
#include "engine/pg_archive.h"

#include <stdlib.h>

struct pg_watch *pg_watch_new(struct file_sink *out, struct progress *p)
{ abort(); }

void pg_watch_free(struct pg_watch *w)
{ }

int pg_watch_write(struct pg_watch *w, const void *p, size_t n, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_watch_write"); }

int pg_watch_finish(struct pg_watch *w, struct manifest_source *m, struct pg_toc *toc, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_watch_finish"); }

uint64_t pg_watch_bytes(const struct pg_watch *w)
{ abort(); }

/* STUB: to be replaced. */
#include "engine/pg_archive.h"

#include <stdlib.h>

int pg_toc_parse(const void *p, size_t n, struct pg_toc *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_toc_parse"); }

int pg_toc_read(struct source *s, struct pg_toc *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_toc_read"); }

void pg_toc_patch(const struct pg_toc *t, unsigned char *head)
{ }

const struct pg_entry *pg_toc_find(const struct pg_toc *t, int id)
{ abort(); }

void pg_toc_release(struct pg_toc *t)
{ }

/* What of an archive belongs to which of its tables. */
#ifndef ENGINE_PG_BELONGINGS_H
#define ENGINE_PG_BELONGINGS_H

#include "engine/pg_put.h"

/* For each entry the place in the TOC, plus one, of the TABLE entry it belongs to: its own, its rows, defaults, constraints, indexes,
 * triggers, owned sequences and their values, comments, privileges; 0: to none. The caller's. */
size_t *pg_belongings(const struct pg_toc *t);
/* Mark also the partitions of those tables that are marked (marks are by place in the TOC). */
void pg_add_partitions(const struct pg_toc *t, bool *marks);

#endif

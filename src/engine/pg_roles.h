/* The roles an archive speaks of: owners, those that have privileges, those of policies. */
#ifndef ENGINE_PG_ROLES_H
#define ENGINE_PG_ROLES_H

#include "engine/pg_archive.h"

/* Appends each name once; PUBLIC and the like are none. A guess, from the words behind TO, FROM, ROLE and the like. */
void pg_roles_named(const struct pg_toc *t, struct strlist *out);
/* Of these the ones without which something cannot be restored: those of policies and user mappings. */
void pg_roles_needed(const struct pg_toc *t, struct strlist *out);

#endif

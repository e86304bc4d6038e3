/* PostgreSQL: running a tool that prints what is stored. */
#ifndef ENGINE_PG_DUMP_RUN_H
#define ENGINE_PG_DUMP_RUN_H

#include "engine/pg.h"

/* Run argv (NULL-terminated) with the environment for `place`, whose database c is connected to; everything it prints goes to `to`. 0 only when it ended
 * with status 0, had printed something and spoke of no error; what it said on stderr is appended to `said` (empty
 * before) in any case. */
int pg_dump_run(const struct pg_place *place, PGconn *c, const struct strlist *argv, struct sink *to, struct progress *p,
	struct buf *said, struct error *e) MUST_USE;
/* -ERR_CHILD when a tool that ended well spoke of an error on stderr all the same. */
int pg_dump_words(const char *tool, const struct buf *said, struct error *e) MUST_USE;
/* pg_globals.c: roles and tablespaces as PG_GLOBALS_FILE into the current folder; *bytes is its size. Where the user
 * may not see them, a note in m instead, and *bytes 0. */
int pg_globals_store(const struct engine_backup *b, const struct pg_place *place, PGconn *c, struct manifest_source *m,
	uint64_t *bytes, struct error *e) MUST_USE;

#endif

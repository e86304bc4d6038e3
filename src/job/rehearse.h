/* A restore for proof's sake, into a private scratch place. */
#ifndef JOB_REHEARSE_H
#define JOB_REHEARSE_H

#include "engine/engine.h"

/* A place for one source below the folder `dir`, which is its own: a path, or a database on a throw-away server or on the
 * one named for verification.
 * -ERR_NOT_FOUND when this machine lacks what it takes; the text says what. The caller closes it with
 * engine_scratch_close(). */
int rehearse_place(const struct engine *engine, const struct stored *s, const char *dir, struct engine_scratch *out,
		   struct error *e) MUST_USE;
/* V3: restore one source into the place; evidence (one line, with where that is) is appended. */
int rehearse_restore(const struct engine *engine, const struct stored *s, const struct engine_scratch *place,
		     struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;
/* V4: what rehearse_restore() left equals the stored copy and the manifest: rows and row hashes of every table, or
 * every byte of every file. -ERR_VERIFY names the first difference. */
int rehearse_compare(const struct engine *engine, const struct stored *s, const struct source_url *place,
		     struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;

#endif

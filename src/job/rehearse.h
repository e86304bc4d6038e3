/* A restore for proof's sake, into a private scratch place. */
#ifndef JOB_REHEARSE_H
#define JOB_REHEARSE_H

#include "engine/engine.h"

/* V3: restore one source below the folder `scratch`, which is its own; evidence (one line) is appended. */
int rehearse_restore(const struct engine *engine, const struct stored *s, const char *scratch, struct progress *p,
		     struct strlist *evidence, struct error *e) MUST_USE;
/* V4: what rehearse_restore() left equals the stored copy and the manifest: rows and row hashes of every table, or
 * every byte of every file. -ERR_VERIFY names the first difference. */
int rehearse_compare(const struct engine *engine, const struct stored *s, const char *scratch, struct progress *p,
		     struct strlist *evidence, struct error *e) MUST_USE;

#endif

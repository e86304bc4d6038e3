/* Failed attempts, for throttling: counted in the catalog, so that neither a restart nor a second process forgets them. */
#ifndef CATALOG_ATTEMPT_H
#define CATALOG_ATTEMPT_H

#include "catalog/catalog.h"

#define ATTEMPT_WAIT_MAX 900           /* seconds */
#define ATTEMPT_FORGET 86400           /* seconds without an attempt */

/* Count an attempt of `key` ("user:maria") before it is known how it ends, so that many at the same time count too. After
 * `allowed` of them the next one must wait a second, then two, four, ... up to ATTEMPT_WAIT_MAX: an attempt that comes too
 * early is not counted and -ERR_LOCKED "too many attempts; try again in 30 seconds". */
int attempt_begin(struct catalog *c, const char *key, uint64_t allowed, struct timespec now, struct error *e) MUST_USE;
int attempt_take_back(struct catalog *c, const char *key, struct error *e) MUST_USE;     /* the one that was begun does not count */
int attempt_forget(struct catalog *c, const char *key, struct error *e) MUST_USE;        /* nor do all before it */
/* Whether an event that may come in floods may be written down now: at most once a minute for `key`. *untold is how many were
 * not since the last one that was. */
int attempt_tell(struct catalog *c, const char *key, struct timespec now, bool *tell, uint64_t *untold, struct error *e) MUST_USE;

#endif

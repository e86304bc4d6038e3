/* Marks that something holds, since when, until it is over: what was told already, so that it is told once ("overdue:shop",
 * "low-space:main"), and what waits for its time ("prune:main"). */
#ifndef CATALOG_ALARM_H
#define CATALOG_ALARM_H

#include "catalog/catalog.h"

/* *fresh: it did not hold before. One that holds keeps its time. */
int alarm_raise(struct catalog *c, const char *key, struct timespec now, bool *fresh, struct error *e) MUST_USE;
/* *held (may be NULL): it did. */
int alarm_clear(struct catalog *c, const char *key, bool *held, struct error *e) MUST_USE;
/* Zero: it does not hold. */
int alarm_since(struct catalog *c, const char *key, struct timespec *out, struct error *e) MUST_USE;
/* Appends the keys that begin with `prefix`, sorted. */
int alarm_list(struct catalog *c, const char *prefix, struct strlist *keys, struct error *e) MUST_USE;

#endif

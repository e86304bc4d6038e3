/* Time zones by name, without touching TZ: the files of tzdata (RFC 9636, TZif version 1 to 4, with the POSIX rule of
 * their footer for times beyond the table), from TZDIR or /usr/share/zoneinfo. */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/error.h"

#include <stdint.h>
#include <time.h>

struct zone;
/* "Europe/Berlin", "UTC"; NULL or "": the machine's (TZ, /etc/localtime). -ERR_USAGE "there is no time zone named ..." for
 * names with "..", absolute ones and those without a file; -ERR_CORRUPT for a damaged file. Kept for the process's life. */
int zone_load(const char *name, const struct zone **out, struct error *e) MUST_USE;
/* The parser by itself, for tests and fuzzing: p is a TZif file. */
int zone_parse(const void *p, size_t n, struct zone **out, struct error *e) MUST_USE;
void zone_free(struct zone *z);
int zone_offset(const struct zone *z, int64_t utc);                  /* seconds east of UTC then */

struct zone_civil { int year, month, day, hour, minute, second, weekday; };   /* month 1.., weekday 0 = Sunday */
void zone_civil(const struct zone *z, int64_t utc, struct zone_civil *out);
/* The points in time at which clocks there show this: 0 (it is skipped in spring), 1, or 2 (repeated in autumn; out[0] is
 * the first). For 0, out[0] is the moment of the change, when clocks jump over it. Day and month may be out of range: 32 January is
 * 1 February. */
int zone_instants(const struct zone *z, const struct zone_civil *c, int64_t out[2]);

#endif

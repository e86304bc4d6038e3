/* Time zones by name, without touching TZ: the files of tzdata (RFC 9636, TZif version 1 to 4, with the POSIX rule of
 * their footer for times beyond the table), from TZDIR or /usr/share/zoneinfo. */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct zone;
/* "Europe/Berlin", "UTC" (which needs no file). -ERR_USAGE "there is no time zone named ..." for names with "..",
 * absolute ones and those without a file; -ERR_CORRUPT for a damaged file. Kept for the process's life; from any
 * thread. NULL or "": the machine's, by TZ (a name, a path, or a POSIX rule) or /etc/localtime; UTC when there is
 * neither, as the C library has it. */
int zone_load(const char *name, const struct zone **out, struct error *e) MUST_USE;
/* What the machine's is called: "Europe/Berlin", "UTC"; "local time" when nothing says. Heap. */
char *zone_machine_name(void);

/* The parser by itself, for tests and fuzzing: p is a TZif file. Leap seconds are refused: the clock of Unix has none.
 */
int zone_parse(const void *p, size_t n, struct zone **out, struct error *e) MUST_USE;
/* A POSIX rule alone: "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "EST5EDT4,J60/2,300/-1:30"; times of day from -167 to
 * 167 hours. */
int zone_parse_rule(const char *text, struct zone **out, struct error *e) MUST_USE;
void zone_free(struct zone *z);

int zone_offset(const struct zone *z, int64_t utc); /* seconds east of UTC then */
/* The first moment after `utc` at which the offset may change; INT64_MAX: never. */
int64_t zone_next_change(const struct zone *z, int64_t utc);

struct zone_civil {
	int year, month, day, hour, minute, second, weekday; /* month and day from 1; weekday 0 is Sunday */
};
/* Clocks and calendars there. Years beyond a thousand million are clamped. */
void zone_civil(const struct zone *z, int64_t utc, struct zone_civil *out);

/* The calendar by itself: days since 1 January 1970, of any day (which need not be within its month), and back. */
int64_t zone_days(int64_t year, int month, int64_t day);
void zone_date(int64_t days, struct zone_civil *out); /* date and weekday; the time of day is left alone */
int zone_month_days(int64_t year, int month);

#endif

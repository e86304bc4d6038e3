/* Points in time, and how people and files write them. */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include "base/buf.h"

#include <time.h>

/* Now, by the wall clock / since some fixed point (for durations). Tests may fix the wall clock with time_freeze(). */
struct timespec time_now(void);
double time_monotonic(void);                       /* seconds */
void time_sleep(double seconds);                   /* the whole time, whatever signals come; nothing for 0 or less */
void time_freeze(const struct timespec *t);        /* NULL thaws */
void time_shift(int64_t seconds);                  /* what time_now() says is so much later than the clock; before there are threads */

int time_cmp(struct timespec a, struct timespec b);
double time_between(struct timespec from, struct timespec to);    /* seconds */

#define TIME_RFC3339_MAX 40
/* RFC 3339 as Go writes it: up to 9 fraction digits with trailing zeros cut; UTC as "Z". `offset_seconds` is east of UTC.
 * Years outside 0..9999 are clamped: month, day and time of day stay. */
void time_to_rfc3339(struct timespec t, int offset_seconds, char out[TIME_RFC3339_MAX]);
/* The same in the machine's local zone at t (what restic writes). */
void time_to_rfc3339_local(struct timespec t, char out[TIME_RFC3339_MAX]);
/* Seconds east of UTC of the machine's zone at t. */
int time_local_offset(struct timespec t);
/* false when it is not RFC 3339. offset_seconds may be NULL. */
bool time_from_rfc3339(const char *s, size_t n, struct timespec *t, int *offset_seconds);
/* "2026-11-21 07:14:05" in the local zone; out holds 32. */
void time_to_local(struct timespec t, char out[32]);
/* "2026-11-21 07:14 UTC", for what several machines may read; out holds 32. */
void time_to_utc(struct timespec t, char out[32]);

#endif

/* Figures as people read them, and as they type them. Each formatter writes into a caller's buffer and returns it. */
#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define HUMAN_MAX 48

/* 0 B, 999 B, 1.2 KiB, 34.5 MiB, 1.04 GiB (binary units, three significant digits) */
char *human_size(uint64_t bytes, char out[HUMAN_MAX]);
/* 1,234,567 */
char *human_count(uint64_t n, char out[HUMAN_MAX]);
/* 1 table, 1,234 tables; heap */
char *human_plural(uint64_t n, const char *one);
/* 0.3 s, 12 s, 3 min 04 s, 2 h 05 min, 3 d 4 h */
char *human_duration(double seconds, char out[HUMAN_MAX]);
/* just now, 5 min ago, 3 h ago, 2 days ago, 4 months ago, in 3 h */
char *human_age(double seconds, char out[HUMAN_MAX]);
/* "10", "64K", "10M", "1.5G", "2GiB" -> bytes (units are binary) */
int human_parse_size(const char *s, uint64_t *bytes, struct error *e) MUST_USE;
/* "90", "45s", "10m", "24h", "7d", "2w", "6mo" (30 days), "1y" (365 days), combinations "1d12h" -> seconds */
int human_parse_duration(const char *s, uint64_t *seconds, struct error *e) MUST_USE;

#endif

/* Statistics over the catalog: how often it went well, what is stored and saved, how long it takes and how it grows. */
#ifndef JOB_STATISTICS_H
#define JOB_STATISTICS_H

#include "catalog/catalog.h"

#define STATISTICS_DAYS_MAX 3660

/* Of the last `days` days up to `now` (days of the machine's zone; 1..STATISTICS_DAYS_MAX, else -ERR_USAGE), of all sources or one.
 * An object (docs/catalog.md, "Statistics"): "totals", "days" one a day without gaps, "sources", "repositories". */
int statistics_json(struct catalog *c, struct timespec now, uint64_t days, const char *source, struct json_out *w, struct error *e) MUST_USE;

#endif

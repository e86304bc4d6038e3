/* What schedule.c and schedule_json.c share. */
#ifndef CATALOG_SCHEDULE_INNER_H
#define CATALOG_SCHEDULE_INNER_H

#include "catalog/schedule.h"

bool schedule_kind_parse(const char *text, enum schedule_kind *out);
/* Of what schedule_keep_json() wrote. */
int schedule_keep_parse(const char *text, struct schedule_keep *out, struct error *e) MUST_USE;
/* That part of schedule_check() without which nobody may reckon with it. -ERR_USAGE. */
int schedule_check_ranges(const struct schedule_record *s, struct error *e) MUST_USE;

#endif

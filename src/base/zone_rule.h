/* The rule of a time zone as POSIX writes it in TZ, with the extensions of RFC 9636: for zone.c. */
#ifndef BASE_ZONE_RULE_H
#define BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct zone_rule_day {
	enum { ZONE_RULE_WEEKDAY, ZONE_RULE_JULIAN, ZONE_RULE_DAY } kind;
	int month, week, weekday; /* "M3.5.0": the last Sunday of March */
	int day;                  /* "J60": 1 March in every year; "59": the day after 59 others */
	int32_t second;           /* of that day by the clocks before the change, from -167 to 167 hours */
};
struct zone_rule {
	int32_t standard, summer; /* seconds east of UTC; "summer" may well be less, or winter */
	bool changes;
	struct zone_rule_day start, end; /* of summer time */
};

/* false: it is not one. A summer time without days has those of the United States, as in the C library. */
bool zone_rule_parse(const char *text, struct zone_rule *out);
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc);
int64_t zone_rule_next(const struct zone_rule *r, int64_t utc); /* the first change after; INT64_MAX: none */

#endif

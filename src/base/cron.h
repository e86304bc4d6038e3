/* Times that come again: cron expressions, and when they are next due in a time zone. Pure arithmetic, no clock.
 *
 * The rule for changes of the clock: a time of day that is skipped in spring is due at the moment of the change, once
 * however many were skipped; one that comes twice in autumn is due at its first occurrence only. Put otherwise: a time
 * is due as soon as the clock has ever reached it. An expression whose hour field is "*" or "*" / N means every such
 * hour as it passes: it is due in both of the repeated hours, and not in the skipped one. */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include "base/zone.h"

struct cron {
	uint64_t minute, hour, day, month, weekday; /* a bit for each value */
	bool hour_any;                              /* each hour as it passes, see above */
	bool either_day; /* both day fields are restricted: one of them suffices (POSIX crontab) */
	bool last_day;   /* a day that a month does not have is due on its last */
};
/* Five fields (minute hour day-of-month month day-of-week) of numbers, names (jan, mon), ranges, steps of "*" and of
 * ranges, and lists of these; 7 is Sunday too; or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. A
 * day field that begins with "*" does not restrict. -ERR_USAGE names the field: "the hour of "0 25 * * *" cannot be
 * 25". */
int cron_parse(const char *text, struct cron *out, struct error *e) MUST_USE;
/* One time of day, on every day. */
struct cron cron_daily(int hour, int minute);
/* The first time it is due after `after` (UTC seconds); INT64_MAX: never (31 February). */
int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after);
/* "every 6 hours", "at 02:30 on Monday and Thursday". Heap. */
char *cron_words(const struct cron *c);
/* 0 "Sunday" ... 6; 1 "January" ... 12 */
const char *cron_weekday_name(int weekday);
const char *cron_month_name(int month);

#endif

/* When schedules run: pure arithmetic, no clock, no catalog.
 *
 * The rule for changes of the clock: a time of day that is skipped in spring runs at the moment of the change; one that
 * comes twice in autumn runs at its first occurrence only. A cron expression whose hour field is "*" or a step of it ("*" / n)
 * means every such hour as it passes: it runs in both of the repeated hours, and not in the skipped one. */
#ifndef JOB_SCHEDULE_H
#define JOB_SCHEDULE_H

#include "base/zone.h"
#include "catalog/schedule.h"

struct cron { uint64_t minute, hour, day, month, weekday; bool day_any, weekday_any, hour_any; };   /* bits */
/* Five fields (minute hour day-of-month month day-of-week), with lists, ranges, steps, names (jan, mon), 7 as Sunday, or @hourly, @daily, @midnight, @weekly,
 * @monthly, @yearly, @annually. When both day fields are restricted either one suffices (POSIX crontab). -ERR_USAGE names the field: "the hour of "0 25 * * *" cannot be 25". */
int cron_parse(const char *text, struct cron *out, struct error *e) MUST_USE;
/* What it means, in words: "every 6 hours", "at 02:30 on Monday and Thursday". Heap. */
char *schedule_words(const struct schedule_record *s);

/* Is everything in it possible (cron, zone, times)? */
int schedule_check(const struct schedule_record *s, struct error *e) MUST_USE;
/* The first time it is due after `after` (UTC seconds); INT64_MAX when never (31 February). */
int schedule_next(const struct schedule_record *s, int64_t after, int64_t *out, struct error *e) MUST_USE;
/* How much later than due it is started: 0..jitter, the same for the same schedule and run. */
uint64_t schedule_jitter(const struct schedule_record *s, int64_t due);

/* What to do at `now`, given the record as it is: nothing, run (a due time came), run late (missed by more than SCHEDULE_LATE seconds, made up for),
 * or skip (missed, catch_up is off). s->next_run and s->last_run are set to what they are to become. A clock that jumped back runs nothing twice: a due time not
 * after last_run is never run again. */
#define SCHEDULE_LATE 900
enum schedule_verdict { SCHEDULE_WAIT, SCHEDULE_RUN, SCHEDULE_RUN_LATE, SCHEDULE_SKIP };
int schedule_judge(struct schedule_record *s, int64_t now, enum schedule_verdict *out, uint64_t *missed, struct error *e) MUST_USE;

#endif

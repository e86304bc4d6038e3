/* When schedules run: pure arithmetic, no clock, no catalog. Changes of the clock are base/cron.h's rule. */
#ifndef JOB_SCHEDULE_H
#define JOB_SCHEDULE_H

#include "base/cron.h"
#include "catalog/schedule.h"

/* The first time it is due after `after` (UTC seconds), whether enabled or not; INT64_MAX: never. */
int schedule_next(const struct schedule_record *s, int64_t after, int64_t *out, struct error *e) MUST_USE;
/* How much later than due it is started: 0..jitter, the same for the same schedule and run. */
uint64_t schedule_jitter(const struct schedule_record *s, int64_t due);

/* What to do at `now`, given the record as it is: nothing, run (a due time came), run late (its last due time was
 * missed by more than SCHEDULE_LATE seconds, and is made up for, once), or skip (missed, catch_up is off). s->next_run
 * and s->last_run are set to what they are to become: after anything but SCHEDULE_WAIT last_run is the latest due time
 * up to now. *missed: due times that nothing ran at, that one included when it is late; at most SCHEDULE_MISSED_MAX are
 * counted.
 *
 * A clock that jumped back runs nothing twice: a due time not after last_run is never run again. Only a last_run more
 * than SCHEDULE_AHEAD in the future is taken for what it is, the word of a clock that was wrong, and forgotten: else
 * one hour in a wrong year would stop the backups until then. */
#define SCHEDULE_LATE 900
#define SCHEDULE_AHEAD 90000 /* 25 hours: more than clocks are put back by */
#define SCHEDULE_MISSED_MAX 1000
enum schedule_verdict { SCHEDULE_WAIT, SCHEDULE_RUN, SCHEDULE_RUN_LATE, SCHEDULE_SKIP };
int schedule_judge(struct schedule_record *s, int64_t now, enum schedule_verdict *out, uint64_t *missed,
		   struct error *e) MUST_USE;

#endif

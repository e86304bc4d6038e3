#include "job/schedule.h"

struct times {
	struct cron cron;
	const struct zone *zone;
};

static int times_of(const struct schedule_record *s, struct times *out, struct error *e)
{
	int rc = schedule_cron(s, &out->cron, e);

	if (!rc)
		rc = zone_load(s->zone, &out->zone, e);
	return rc ? error_wrap(e, "schedule %s", s->name) : 0;
}

static int64_t next(const struct times *t, int64_t after)
{
	return cron_next(&t->cron, t->zone, after);
}

int schedule_next(const struct schedule_record *s, int64_t after, int64_t *out, struct error *e)
{
	struct times t;
	int rc = times_of(s, &t, e);

	*out = rc ? INT64_MAX : next(&t, after);
	return rc;
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of what comes in moves every bit of what goes out.
 */
static uint64_t scatter(uint64_t v)
{
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
	v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
	return v ^ (v >> 31);
}

uint64_t schedule_jitter(const struct schedule_record *s, int64_t due)
{
	return s->jitter ? scatter(scatter((uint64_t)s->id) + (uint64_t)due) % (s->jitter + 1) : 0;
}

static void set_next(struct schedule_record *s, int64_t due)
{
	s->next_run = (struct timespec){.tv_sec = due == INT64_MAX ? 0 : due};
}

/* The last due time up to now, given that `due` is one. Steps back that double find where to begin, so that a year of
 * minutes is not walked through. */
static int64_t latest(const struct times *t, int64_t due, int64_t now)
{
	int64_t at = due;

	for (int64_t back = 60; now - back > at; back *= 2) {
		int64_t found = next(t, now - back);

		if (found <= now) {
			at = found;
			break;
		}
	}
	for (int64_t following = next(t, at); following <= now; following = next(t, at))
		at = following;
	return at;
}

static uint64_t count_from(const struct times *t, int64_t due, int64_t last)
{
	uint64_t n = 1;

	for (; due < last && n < SCHEDULE_MISSED_MAX; n++)
		due = next(t, due);
	return n;
}

static void judge_due(struct schedule_record *s, const struct times *t, int64_t due, int64_t now,
		      enum schedule_verdict *out, uint64_t *missed)
{
	int64_t last = latest(t, due, now);
	bool late = now - last > SCHEDULE_LATE;

	*missed = count_from(t, due, last) - !late;
	*out = !late ? SCHEDULE_RUN : s->catch_up ? SCHEDULE_RUN_LATE : SCHEDULE_SKIP;
	s->last_run = (struct timespec){.tv_sec = last};
	set_next(s, next(t, last));
}

int schedule_judge(struct schedule_record *s, int64_t now, enum schedule_verdict *out, uint64_t *missed,
		   struct error *e)
{
	struct times t;
	int rc = times_of(s, &t, e);

	*out = SCHEDULE_WAIT;
	*missed = 0;
	if (rc)
		return rc;
	if (!s->enabled) {
		s->next_run = (struct timespec){0};
		return 0;
	}
	bool ahead = s->last_run.tv_sec > now + SCHEDULE_AHEAD;

	if (ahead)
		s->last_run = (struct timespec){.tv_sec = now};
	int64_t due = ahead ? 0 : s->next_run.tv_sec;

	if (due && due <= s->last_run.tv_sec)
		due = next(&t, s->last_run.tv_sec);
	if (due && due <= now)
		judge_due(s, &t, due, now, out, missed);
	else
		set_next(s, next(&t, now > s->last_run.tv_sec ? now : s->last_run.tv_sec));
	return 0;
}

#include "base/timefmt.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct timespec frozen_at;
static atomic_bool frozen;
static int64_t shift;

void time_freeze(const struct timespec *t)
{
	if (t)
		frozen_at = *t;
	frozen = t != NULL;
}

void time_shift(int64_t seconds)
{
	shift = seconds;
}

struct timespec time_now(void)
{
	struct timespec t;

	if (frozen)
		return frozen_at;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += shift;
	return t;
}

double time_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void time_sleep(double seconds)
{
	if (seconds <= 0)
		return;
	struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

int time_cmp(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return (a.tv_nsec > b.tv_nsec) - (a.tv_nsec < b.tv_nsec);
}

double time_between(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Seconds whose year fits `struct tm` in every zone; times beyond come from broken file systems only. */
static time_t representable(time_t s)
{
	const time_t bound = (time_t)1 << 55;

	return s > bound ? bound : s < -bound ? -bound : s;
}

/* Clamp the year alone, as restic does: month, day and time stay. 9999 has no 29 February. */
static void clamp_year(struct tm *tm)
{
	if (tm->tm_year < -1900) {
		tm->tm_year = -1900;
	} else if (tm->tm_year > 9999 - 1900) {
		tm->tm_year = 9999 - 1900;
		if (tm->tm_mon == 1 && tm->tm_mday == 29) {
			tm->tm_mon = 2;
			tm->tm_mday = 1;
		}
	}
}

static void add_fraction(struct buf *b, long nanoseconds)
{
	char fraction[16];
	int n = snprintf(fraction, sizeof fraction, ".%09ld", nanoseconds);

	if (nanoseconds == 0)
		return;
	while (fraction[n - 1] == '0')
		n--;
	buf_add(b, fraction, (size_t)n);
}

void time_to_rfc3339(struct timespec t, int offset_seconds, char out[TIME_RFC3339_MAX])
{
	time_t shifted = representable(t.tv_sec) + offset_seconds;
	int minutes = (offset_seconds < 0 ? -offset_seconds : offset_seconds) / 60;
	struct buf b = BUF_INIT_MAX(TIME_RFC3339_MAX - 1);
	struct tm tm;

	gmtime_r(&shifted, &tm);
	clamp_year(&tm);
	buf_printf(&b, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		   tm.tm_min, tm.tm_sec);
	add_fraction(&b, t.tv_nsec);
	if (offset_seconds == 0)
		buf_add_byte(&b, 'Z');
	else
		buf_printf(&b, "%c%02d:%02d", offset_seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
	memcpy(out, b.p, b.len + 1);
	buf_release(&b);
}

int time_local_offset(struct timespec t)
{
	time_t s = representable(t.tv_sec);
	struct tm tm;

	localtime_r(&s, &tm);
	return (int)tm.tm_gmtoff;
}

void time_to_rfc3339_local(struct timespec t, char out[TIME_RFC3339_MAX])
{
	time_to_rfc3339(t, time_local_offset(t), out);
}

void time_to_local(struct timespec t, char out[32])
{
	time_t s = representable(t.tv_sec);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

void time_to_utc(struct timespec t, char out[32])
{
	time_t s = representable(t.tv_sec);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

struct cursor {
	const char *p, *end;
};

/* Exactly `digits` digits, as a number `*v` within low..high. */
static bool number(struct cursor *c, int digits, int low, int high, int *v)
{
	*v = 0;
	if (c->end - c->p < digits)
		return false;
	for (; digits > 0; digits--, c->p++) {
		if (*c->p < '0' || *c->p > '9')
			return false;
		*v = *v * 10 + (*c->p - '0');
	}
	return *v >= low && *v <= high;
}

/* One of the characters in `set`. */
static bool mark(struct cursor *c, const char *set)
{
	if (c->p == c->end || *c->p == '\0' || !strchr(set, *c->p))
		return false;
	c->p++;
	return true;
}

/* Digits past the ninth are read and dropped. */
static bool fraction(struct cursor *c, long *nanoseconds)
{
	const char *from = c->p;
	long unit = 100000000;

	for (*nanoseconds = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, unit /= 10)
		*nanoseconds += (*c->p - '0') * unit;
	return c->p > from;
}

static bool zone(struct cursor *c, int *offset)
{
	int hours, minutes, sign;

	*offset = 0;
	if (mark(c, "Zz"))
		return true;
	sign = c->p < c->end && *c->p == '-' ? -1 : 1;
	if (!mark(c, "+-") || !number(c, 2, 0, 23, &hours) || !mark(c, ":") || !number(c, 2, 0, 59, &minutes))
		return false;
	*offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The date and time of day as seconds since 1970, taken as UTC. */
static bool date_and_time(struct cursor *c, time_t *seconds)
{
	struct tm tm = {0};
	int year, month, day, second;

	if (!number(c, 4, 0, 9999, &year) || !mark(c, "-") || !number(c, 2, 1, 12, &month) || !mark(c, "-") ||
	    !number(c, 2, 1, 31, &day) || !mark(c, "Tt") || !number(c, 2, 0, 23, &tm.tm_hour) || !mark(c, ":") ||
	    !number(c, 2, 0, 59, &tm.tm_min) || !mark(c, ":") || !number(c, 2, 0, 60, &second))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	*seconds = timegm(&tm) + second;
	return tm.tm_mday == day;    /* timegm() turned 30 February into a day of March */
}

bool time_from_rfc3339(const char *s, size_t n, struct timespec *t, int *offset_seconds)
{
	struct cursor c = {s, s + n};
	struct timespec found = {0};
	int offset;

	if (!date_and_time(&c, &found.tv_sec))
		return false;
	if (mark(&c, ".") && !fraction(&c, &found.tv_nsec))
		return false;
	if (!zone(&c, &offset) || c.p != c.end)
		return false;
	found.tv_sec -= offset;
	*t = found;
	if (offset_seconds)
		*offset_seconds = offset;
	return true;
}

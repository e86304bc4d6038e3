#include "base/zone_rule.h"

#include "base/zone.h"

#include <ctype.h>
#include <string.h>

#define DAY 86400

/* ---- reading: every function moves *p over what it has taken ---- */

static bool take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static bool number(const char **p, int low, int high, int *out)
{
	const char *at = *p;
	int n = 0;

	while (isdigit((unsigned char)*at) && at - *p < 3)
		n = n * 10 + (*at++ - '0');
	if (at == *p || n < low || n > high)
		return false;
	*p = at;
	*out = n;
	return true;
}

/* Three letters or more, or anything sensible in angle brackets. */
static bool name(const char **p)
{
	const char *at = *p;
	bool quoted = take(&at, '<');
	const char *from = at;

	while (isalpha((unsigned char)*at) || (quoted && (isdigit((unsigned char)*at) || *at == '+' || *at == '-')))
		at++;
	if (at - from < 3 || (quoted && !take(&at, '>')))
		return false;
	*p = at;
	return true;
}

/* [+|-]h[:m[:s]] */
static bool clock_time(const char **p, int most_hours, int32_t *out)
{
	int sign = take(p, '-') ? -1 : 1, hours, minutes = 0, seconds = 0;

	if (sign == 1)
		(void)take(p, '+');
	if (!number(p, 0, most_hours, &hours))
		return false;
	if (take(p, ':') && !number(p, 0, 59, &minutes))
		return false;
	if (take(p, ':') && !number(p, 0, 59, &seconds))
		return false;
	*out = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

static bool day(const char **p, struct zone_rule_day *d)
{
	bool ok;

	*d = (struct zone_rule_day){.second = 2 * 3600};
	if (take(p, 'M')) {
		d->kind = ZONE_RULE_WEEKDAY;
		ok = number(p, 1, 12, &d->month) && take(p, '.') && number(p, 1, 5, &d->week) && take(p, '.') &&
		     number(p, 0, 6, &d->weekday);
	} else if (take(p, 'J')) {
		d->kind = ZONE_RULE_JULIAN;
		ok = number(p, 1, 365, &d->day);
	} else {
		d->kind = ZONE_RULE_DAY;
		ok = number(p, 0, 365, &d->day);
	}
	if (ok && take(p, '/'))
		ok = clock_time(p, 167, &d->second);
	return ok;
}

bool zone_rule_parse(const char *text, struct zone_rule *out)
{
	static const char united_states[] = ",M3.2.0,M11.1.0";
	const char *p = text;
	struct zone_rule r = {0};
	int32_t west;

	if (!name(&p) || !clock_time(&p, 24, &west))
		return false;
	r.standard = -west;
	r.changes = *p != '\0';
	if (r.changes) {
		if (!name(&p))
			return false;
		r.summer = r.standard + 3600;
		if (*p && *p != ',') {
			if (!clock_time(&p, 24, &west))
				return false;
			r.summer = -west;
		}
		if (!*p)
			p = united_states;
		if (!take(&p, ',') || !day(&p, &r.start) || !take(&p, ',') || !day(&p, &r.end))
			return false;
	}
	*out = r;
	return *p == '\0';
}

/* ---- when it changes ---- */

static int64_t day_in_year(const struct zone_rule_day *d, int64_t year)
{
	struct zone_civil first;

	if (d->kind == ZONE_RULE_DAY)
		return zone_days(year, 1, 1) + d->day;
	if (d->kind == ZONE_RULE_JULIAN)
		return zone_days(year, 1, 1) + d->day - 1 + (d->day >= 60 && zone_month_days(year, 2) == 29);
	int64_t days = zone_days(year, d->month, 1);

	zone_date(days, &first);
	int in_month = (d->weekday - first.weekday + 7) % 7 + (d->week - 1) * 7;

	return days + (in_month < zone_month_days(year, d->month) ? in_month : in_month - 7);
}

struct change {
	int64_t at;
	int32_t offset; /* from then on */
};

/* Both of a year, as the clocks before each show it. */
static void changes_of(const struct zone_rule *r, int64_t year, struct change out[2])
{
	out[0] = (struct change){day_in_year(&r->end, year) * DAY + r->end.second - r->summer, r->standard};
	out[1] = (struct change){day_in_year(&r->start, year) * DAY + r->start.second - r->standard, r->summer};
}

static int64_t year_of(int64_t utc)
{
	struct zone_civil c;

	zone_date(utc / DAY, &c);
	return c.year;
}

/* A rule's years do not overlap by more than a week or so: two years before are more than enough. Of two changes at the
 * same moment the beginning of summer time counts, which is how a summer time without an end is written. */
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc)
{
	struct change last = {INT64_MIN, r->standard};

	if (!r->changes)
		return r->standard;
	for (int64_t year = year_of(utc) - 2; year <= year_of(utc) + 1; year++) {
		struct change both[2];

		changes_of(r, year, both);
		for (int i = 0; i < 2; i++)
			if (both[i].at <= utc && both[i].at >= last.at)
				last = both[i];
	}
	return last.offset;
}

int64_t zone_rule_next(const struct zone_rule *r, int64_t utc)
{
	int64_t next = INT64_MAX;

	if (!r->changes)
		return INT64_MAX;
	for (int64_t year = year_of(utc) - 1; year <= year_of(utc) + 2; year++) {
		struct change both[2];

		changes_of(r, year, both);
		for (int i = 0; i < 2; i++)
			if (both[i].at > utc && both[i].at < next)
				next = both[i].at;
	}
	return next;
}

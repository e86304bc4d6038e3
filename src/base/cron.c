#include "base/cron.h"

#include "base/mem.h"
#include "base/strlist.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY 86400
#define TEXT_MAX 256

static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
				     "July",    "August",   "September", "October", "November", "December"};

const char *cron_weekday_name(int weekday)
{
	return weekdays[weekday];
}

const char *cron_month_name(int month)
{
	return months[month - 1];
}

/* ---- reading ---- */

static const struct field {
	const char *name;
	int low, high;
	const char *const *names; /* of low, low + 1, ...: their first three letters are said */
	int name_count;
} fields[] = {
	{"minute", 0, 59, NULL, 0},
	{"hour", 0, 23, NULL, 0},
	{"day of the month", 1, 31, NULL, 0},
	{"month", 1, 12, months, 12},
	{"day of the week", 0, 7, weekdays, 7},
};
enum { MINUTE, HOUR, MONTH_DAY, MONTH, WEEKDAY, FIELDS };

struct reading {
	const char *text; /* the whole expression, for errors */
	const struct field *field;
	const char *p; /* within the field */
};

static int wrong(const struct reading *r, struct error *e, const char *what)
{
	return error_set(e, ERR_USAGE, "the %s of \"%s\" %s", r->field->name, r->text, what);
}

static int cannot_be(const struct reading *r, const char *from, size_t n, struct error *e)
{
	return error_set(e, ERR_USAGE, "the %s of \"%s\" cannot be %.*s", r->field->name, r->text, (int)n, from);
}

static int value_named(const struct field *f, const char *word, size_t n)
{
	for (int i = 0; i < f->name_count; i++)
		if (n == 3 && !strncasecmp(f->names[i], word, 3))
			return f->low + i;
	return -1;
}

/* A number or a name. */
static int value(struct reading *r, int *out, struct error *e)
{
	const char *from = r->p;
	char *end;

	while (isalnum((unsigned char)*r->p))
		r->p++;
	size_t n = (size_t)(r->p - from);

	if (n == 0)
		return wrong(r, e,
			     *from ? "has something that is neither a number nor a name in it" : "ends too early");
	if (isalpha((unsigned char)*from)) {
		*out = value_named(r->field, from, n);
	} else {
		*out = n > 4 ? -1 : (int)strtol(from, &end, 10);
		if (*out >= 0 && end != r->p)
			*out = -1;
	}
	return *out < r->field->low || *out > r->field->high ? cannot_be(r, from, n, e) : 0;
}

static int step(struct reading *r, int span, int *out, struct error *e)
{
	const char *from = r->p;

	while (isdigit((unsigned char)*r->p))
		r->p++;
	size_t n = (size_t)(r->p - from);

	*out = n && n < 4 ? atoi(from) : 0;
	if (*out >= 1 && *out <= span)
		return 0;
	return error_set(e, ERR_USAGE, "the %s of \"%s\" cannot go in steps of \"%.*s\"", r->field->name, r->text,
			 (int)n, from);
}

/* "*", "5", "mon-fri", each but the single value with "/N" or without. */
static int item(struct reading *r, uint64_t *bits, struct error *e)
{
	int low = r->field->low, high = r->field->high, by = 1, rc = 0;
	bool several = true;

	if (*r->p == '*') {
		r->p++;
		high -= r->field->low == 0 && high == 7;
	} else {
		rc = value(r, &low, e);
		several = !rc && *r->p == '-';
		high = low;
		if (several) {
			r->p++;
			rc = value(r, &high, e);
		}
		if (!rc && high < low)
			rc = wrong(r, e, "has a range that runs backwards");
	}
	if (!rc && *r->p == '/' && !several)
		rc = wrong(r, e, "has a step of a single value: steps go with \"*\" or a range");
	if (!rc && *r->p == '/') {
		r->p++;
		rc = step(r, r->field->high - r->field->low + 1, &by, e);
	}
	for (int v = low; !rc && v <= high; v += by)
		*bits |= (uint64_t)1 << v;
	return rc;
}

static int field(const char *text, const struct field *f, const char *word, uint64_t *bits, struct error *e)
{
	struct reading r = {.text = text, .field = f, .p = word};
	int rc = item(&r, bits, e);

	while (!rc && *r.p == ',') {
		r.p++;
		rc = item(&r, bits, e);
	}
	if (!rc && *r.p)
		rc = wrong(&r, e, "has something that is neither a number nor a name in it");
	return rc;
}

static const char *named(const char *text)
{
	static const char *const names[][2] = {
		{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
		{"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
		{"@annually", "0 0 1 1 *"},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(text, names[i][0]))
			return names[i][1];
	return text;
}

static int split(const char *text, struct strlist *words, struct error *e)
{
	static const char white[] = " \t";

	if (strlen(text) > TEXT_MAX)
		return error_set(e, ERR_USAGE, "a cron expression has at most %d letters", TEXT_MAX);
	for (const char *p = named(text) + strspn(named(text), white); *p; p += strspn(p, white)) {
		size_t n = strcspn(p, white);

		strlist_take(words, mem_string_n(p, n));
		p += n;
	}
	if (words->n == FIELDS)
		return 0;
	error_set(e, ERR_USAGE,
		  "\"%s\" has %zu field%s, and a cron expression five: minute, hour, day of the month, month, day of "
		  "the week",
		  text, words->n, words->n == 1 ? "" : "s");
	return error_hint(e, "for example \"0 */6 * * *\" for every six hours");
}

/* "*" or steps of it. */
static bool is_any(const char *word)
{
	return word[0] == '*' && !strchr(word, ',');
}

int cron_parse(const char *text, struct cron *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	uint64_t bits[FIELDS] = {0};
	int rc = split(text, &words, e);

	for (int i = 0; !rc && i < FIELDS; i++)
		rc = field(text, &fields[i], words.v[i], &bits[i], e);
	if (rc)
		return rc;
	if (bits[WEEKDAY] & 1 << 7)
		bits[WEEKDAY] = (bits[WEEKDAY] & ~((uint64_t)1 << 7)) | 1;
	*out = (struct cron){
		.minute = bits[MINUTE],
		.hour = bits[HOUR],
		.day = bits[MONTH_DAY],
		.month = bits[MONTH],
		.weekday = bits[WEEKDAY],
		.hour_any = is_any(words.v[HOUR]),
		.either_day = words.v[MONTH_DAY][0] != '*' && words.v[WEEKDAY][0] != '*',
	};
	return 0;
}

#define ALL(low, high) ((((uint64_t)1 << ((high) - (low) + 1)) - 1) << (low))

struct cron cron_daily(int hour, int minute)
{
	return (struct cron){
		.minute = (uint64_t)1 << minute,
		.hour = (uint64_t)1 << hour,
		.day = ALL(1, 31),
		.month = ALL(1, 12),
		.weekday = ALL(0, 6),
	};
}

/* ---- the next time by the calendar alone ---- */

static bool has(uint64_t bits, int value)
{
	return bits >> value & 1;
}

static bool day_matches(const struct cron *c, const struct zone_civil *d)
{
	bool by_month = has(c->day, d->day), by_week = has(c->weekday, d->weekday);

	if (c->last_day && d->day == zone_month_days(d->year, d->month))
		by_month = by_month || c->day >> d->day > 1;
	return c->either_day ? by_month || by_week : by_month && by_week;
}

/* Of a day, the first minute from `from` on: -1 when there is none. */
static int minute_from(const struct cron *c, int from)
{
	for (int hour = from / 60; hour < 24; hour++) {
		if (!has(c->hour, hour))
			continue;
		for (int minute = hour == from / 60 ? from % 60 : 0; minute < 60; minute++)
			if (has(c->minute, minute))
				return hour * 60 + minute;
	}
	return -1;
}

/* 29 February on a certain day of the week comes once in 40 years at the longest. */
#define YEARS 41

/* The first time at or after `local` that the fields name, in seconds since 1970 by the clock on the wall; INT64_MAX:
 * none. */
static int64_t next_local(const struct cron *c, int64_t local)
{
	int64_t minutes = (local + 59 - ((local + 59) % 60 + 60) % 60) / 60;
	int64_t day = (minutes - (minutes % 1440 + 1440) % 1440) / 1440, last = day + YEARS * 366;
	int from = (int)(minutes - day * 1440);

	for (; day <= last; day++, from = 0) {
		struct zone_civil d;

		zone_date(day, &d);
		if (!has(c->month, d.month)) {
			day += zone_month_days(d.year, d.month) - d.day;
			continue;
		}
		int minute = day_matches(c, &d) ? minute_from(c, from) : -1;

		if (minute >= 0)
			return day * DAY + minute * 60;
	}
	return INT64_MAX;
}

/* ---- the next time by the clock ---- */

#define OFFSETS_SPAN ((int64_t)3 * DAY) /* no change of a clock puts it back by more */

/* The latest that clocks have shown up to `utc`. */
static int64_t reached(const struct zone *z, int64_t utc)
{
	int64_t most = utc + zone_offset(z, utc);

	for (int64_t at = zone_next_change(z, utc - OFFSETS_SPAN); at <= utc; at = zone_next_change(z, at)) {
		int64_t before = at - 1 + zone_offset(z, at - 1);

		most = before > most ? before : most;
	}
	return most;
}

/* From one change of the clock to the next: in between it runs evenly. `shown` is what need not be looked at any more.
 */
int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after)
{
	int64_t shown = c->hour_any ? after + zone_offset(z, after) : reached(z, after), local;

	for (;;) {
		int64_t change = zone_next_change(z, after), offset = zone_offset(z, after);

		local = next_local(c, shown + 1);
		if (local == INT64_MAX || local - offset < change)
			return local == INT64_MAX ? INT64_MAX : local - offset;
		int64_t fresh = change + zone_offset(z, change);

		if (c->hour_any)
			shown = fresh - 1;
		else if (local <= fresh)
			return change;
		else if (change - 1 + offset > shown)
			shown = change - 1 + offset;
		after = change;
	}
}

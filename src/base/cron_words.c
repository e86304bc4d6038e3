/* A cron expression in words. */
#include "base/cron.h"

#include "base/buf.h"
#include "base/mem.h"

#define TIMES_LISTED 6 /* as "at 02:30, 08:30 and 14:30" */

struct range {
	int low, high;
};
static const struct range minutes = {0, 59}, hours = {0, 23}, days = {1, 31}, all_months = {1, 12}, week = {1, 7};

static bool has(uint64_t bits, int value)
{
	return bits >> value & 1;
}

static int count(uint64_t bits)
{
	return __builtin_popcountll(bits);
}

static int lowest(uint64_t bits)
{
	return __builtin_ctzll(bits);
}

static int highest(uint64_t bits)
{
	return 63 - __builtin_clzll(bits);
}

static bool is_all(uint64_t bits, struct range r)
{
	return count(bits) == r.high - r.low + 1;
}

/* N when the bits are every Nth of the range from its lowest on, and go round evenly; else 0. */
static int every(uint64_t bits, struct range r)
{
	int size = r.high - r.low + 1, n = count(bits), by = n ? size / n : 0;

	if (n < 2 || size % n)
		return 0;
	for (int v = r.low; v <= r.high; v += by)
		if (!has(bits, v))
			return 0;
	return by;
}

static bool is_run(uint64_t bits)
{
	return count(bits) >= 3 && highest(bits) - lowest(bits) + 1 == count(bits);
}

typedef void (*say_fn)(struct buf *b, int value);

static void say_number(struct buf *b, int value)
{
	buf_printf(b, "%d", value);
}

static void say_ordinal(struct buf *b, int value)
{
	static const char *const ends[] = {"th", "st", "nd", "rd"};
	bool teen = value / 10 == 1;

	buf_printf(b, "%d%s", value, teen || value % 10 > 3 ? "th" : ends[value % 10]);
}

static void say_weekday(struct buf *b, int value)
{
	buf_add_str(b, cron_weekday_name(value % 7));
}

static void say_month(struct buf *b, int value)
{
	buf_add_str(b, cron_month_name(value));
}

/* "a", "a and b", "a, b and c" */
static void say_all(struct buf *b, uint64_t bits, say_fn say)
{
	int left = count(bits);

	for (int v = 0; v < 64; v++)
		if (has(bits, v)) {
			say(b, v);
			left--;
			buf_add_str(b, left > 1 ? ", " : left == 1 ? " and " : "");
		}
}

/* "from a to b", or `word` and the list. */
static void say_some(struct buf *b, const char *word, uint64_t bits, say_fn say)
{
	if (!is_run(bits)) {
		buf_printf(b, "%s ", word);
		say_all(b, bits, say);
		return;
	}
	buf_add_str(b, "from ");
	say(b, lowest(bits));
	buf_add_str(b, " to ");
	say(b, highest(bits));
}

/* ---- the time of day ---- */

static void say_times(struct buf *b, const struct cron *c)
{
	int left = count(c->hour) * count(c->minute);

	buf_add_str(b, "at ");
	for (int hour = 0; hour < 24; hour++)
		for (int minute = 0; has(c->hour, hour) && minute < 60; minute++)
			if (has(c->minute, minute)) {
				left--;
				buf_printf(b, "%02d:%02d%s", hour, minute, left > 1 ? ", " : left == 1 ? " and " : "");
			}
}

static void say_minutes_past(struct buf *b, uint64_t bits)
{
	if (bits == 1)
		return;
	buf_add_str(b, " at ");
	say_all(b, bits, say_number);
	buf_printf(b, " minute%s past", bits == 2 ? "" : "s");
}

static void say_hours(struct buf *b, const struct cron *c)
{
	int first = lowest(c->hour), last = highest(c->hour);

	if (is_run(c->hour)) {
		buf_printf(b, " from %02d:%02d to %02d:%02d", first, lowest(c->minute), last, highest(c->minute));
	} else {
		buf_add_str(b, count(c->hour) == 1 ? " of hour " : " of the hours ");
		say_all(b, c->hour, say_number);
	}
}

/* true when it says of itself that it is so every day. */
static bool say_time_of_day(struct buf *b, const struct cron *c)
{
	int by_minute = every(c->minute, minutes), by_hour = every(c->hour, hours);
	bool all_hours = is_all(c->hour, hours);

	if (!all_hours && count(c->hour) * count(c->minute) <= TIMES_LISTED && !(by_hour && c->minute == 1)) {
		say_times(b, c);
		return false;
	}
	if (by_minute == 1)
		buf_add_str(b, "every minute");
	else if (by_minute)
		buf_printf(b, "every %d minutes", by_minute);
	else if (by_hour > 1)
		buf_printf(b, "every %d hours", by_hour);
	else
		buf_add_str(b, "every hour");
	if (!by_minute)
		say_minutes_past(b, c->minute);
	if (!all_hours && (by_minute || by_hour <= 1))
		say_hours(b, c);
	return all_hours || by_hour;
}

/* ---- the day ---- */

static uint64_t monday_first(uint64_t weekday)
{
	return (weekday & ~(uint64_t)1) | (weekday & 1) << 7;
}

static void say_month_day(struct buf *b, const struct cron *c)
{
	if (c->last_day && c->day == (uint64_t)1 << 31) {
		buf_add_str(b, "on the last day of the month");
		return;
	}
	if (is_run(c->day)) {
		buf_add_str(b, "from the ");
		say_ordinal(b, lowest(c->day));
		buf_add_str(b, " to the ");
		say_ordinal(b, highest(c->day));
	} else {
		buf_add_str(b, "on the ");
		say_all(b, c->day, say_ordinal);
	}
	buf_add_str(b, " of the month");
	if (c->last_day && highest(c->day) > 28)
		buf_add_str(b, ", or its last day");
}

static void say_day(struct buf *b, const struct cron *c, bool obvious)
{
	uint64_t weekday = monday_first(c->weekday);
	bool any_day = is_all(c->day, days), any_weekday = is_all(weekday, week);

	if (c->either_day && (any_day || any_weekday))
		any_day = any_weekday = true;
	if (any_day && any_weekday && !obvious)
		buf_add_str(b, " every day");
	if (!any_day) {
		buf_add_byte(b, ' ');
		say_month_day(b, c);
	}
	if (!any_day && !any_weekday)
		buf_add_str(b, c->either_day ? ", and" : ", if it is");
	if (!any_weekday) {
		buf_add_byte(b, ' ');
		say_some(b, any_day || c->either_day ? "on" : "a", weekday, say_weekday);
	}
	if (!is_all(c->month, all_months)) {
		buf_add_byte(b, ' ');
		say_some(b, "in", c->month, say_month);
	}
}

char *cron_words(const struct cron *c)
{
	struct buf b = BUF_INIT;

	say_day(&b, c, say_time_of_day(&b, c));
	return buf_take_text(&b);
}

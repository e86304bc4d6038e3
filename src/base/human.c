#include "base/human.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MONTH (30 * DAY)
#define YEAR (365 * DAY)

/* "1.50" -> "1.5", "2.0" -> "2" */
static void cut_zeros(char *s)
{
	size_t n = strlen(s);

	if (!strchr(s, '.'))
		return;
	while (s[n - 1] == '0')
		n--;
	if (s[n - 1] == '.')
		n--;
	s[n] = '\0';
}

char *human_size(uint64_t bytes, char out[HUMAN_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t unit = 0;
	char figure[24];

	/* 1023.5 and more would be shown as 1024 */
	while (unit + 1 < ARRAY_LEN(units) && v >= (unit == 0 ? 1024 : 1023.5)) {
		v /= 1024;
		unit++;
	}
	snprintf(figure, sizeof figure, "%.*f", v < 10 ? 2 : v < 100 ? 1 : 0, v);
	cut_zeros(figure);
	snprintf(out, HUMAN_MAX, "%s %s", figure, units[unit]);
	return out;
}

char *human_count(uint64_t n, char out[HUMAN_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

/* Whole seconds of a figure that may be negative, NaN or huge. */
static unsigned long long whole(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds < 1e15 ? (unsigned long long)seconds : (unsigned long long)1e15;
}

char *human_plural(uint64_t n, const char *one)
{
	char text[HUMAN_MAX];

	return mem_printf("%s %s%s", human_count(n, text), one, n == 1 ? "" : "s");
}

char *human_duration(double seconds, char out[HUMAN_MAX])
{
	unsigned long long s = whole(seconds + 0.5);

	if (!(seconds >= 9.95)) {
		snprintf(out, HUMAN_MAX, "%.1f", seconds > 0 ? seconds : 0);
		cut_zeros(out);
		size_t used = strlen(out);

		snprintf(out + used, HUMAN_MAX - used, " s");
	} else if (s < MINUTE) {
		snprintf(out, HUMAN_MAX, "%llu s", s);
	} else if (s < HOUR) {
		snprintf(out, HUMAN_MAX, "%llu min %02llu s", s / MINUTE, s % MINUTE);
	} else if (s < DAY) {
		snprintf(out, HUMAN_MAX, "%llu h %02llu min", s / HOUR, s % HOUR / MINUTE);
	} else {
		snprintf(out, HUMAN_MAX, "%llu d %llu h", s / DAY, s % DAY / HOUR);
	}
	return out;
}

char *human_age(double seconds, char out[HUMAN_MAX])
{
	static const struct {
		unsigned long long seconds;
		const char *one, *many;
	} units[] = {
		{YEAR, "year", "years"}, {MONTH, "month", "months"}, {DAY, "day", "days"},
		{HOUR, "h", "h"}, {MINUTE, "min", "min"},
	};
	unsigned long long s = whole(fabs(seconds));

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		unsigned long long n = s / units[i].seconds;
		const char *unit = n == 1 ? units[i].one : units[i].many;

		if (n == 0)
			continue;
		snprintf(out, HUMAN_MAX, seconds < 0 ? "in %llu %s" : "%llu %s ago", n, unit);
		return out;
	}
	snprintf(out, HUMAN_MAX, "just now");
	return out;
}

/* Consume digits into *v; false when there are none. What passes 2^64 is told through *overflow. */
static bool read_digits(const char **s, uint64_t *v, bool *overflow)
{
	const char *from = *s;

	for (*v = 0; **s >= '0' && **s <= '9'; (*s)++)
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, (unsigned)(**s - '0'), v))
			*overflow = true;
	return *s > from;
}

/* Consume ".5" into 0.5; no point means 0. False when no digit follows the point. */
static bool read_fraction(const char **s, double *v)
{
	double place = 0.1;

	*v = 0;
	if (**s != '.')
		return true;
	const char *from = ++*s;
	for (; **s >= '0' && **s <= '9'; (*s)++, place /= 10)
		*v += (**s - '0') * place;
	return *s > from;
}

/* "", "B", "K", "KB", "KiB", ... to the power of 1024; -1 for anything else. */
static int size_unit(const char *s)
{
	static const char prefixes[] = "KMGTPE";
	char first = *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s;
	const char *found = first ? strchr(prefixes, first) : NULL;

	if (found)
		s++;
	if (found && strcasecmp(s, "ib") == 0)
		s += 2;
	else if (strcasecmp(s, "b") == 0)
		s++;
	if (*s)
		return -1;
	return found ? (int)(found - prefixes) + 1 : 0;
}

int human_parse_size(const char *s, uint64_t *bytes, struct error *e)
{
	const char *p = s;
	uint64_t whole_units, v;
	double part;
	bool overflow = false;
	int power = -1;

	if (read_digits(&p, &whole_units, &overflow) && read_fraction(&p, &part)) {
		if (*p == ' ' && p[1])
			p++;
		power = size_unit(p);
	}
	if (power < 0 || (power == 0 && part > 0)) {
		error_set(e, ERR_USAGE, "\"%s\" is not a size", s);
		return error_hint(e, "write a number and a unit, such as 64K, 10M or 1.5G");
	}
	uint64_t unit = (uint64_t)1 << 10 * power;
	overflow |= __builtin_mul_overflow(whole_units, unit, &v);
	overflow |= __builtin_add_overflow(v, (uint64_t)(part * (double)unit + 0.5), &v);
	if (overflow)
		return error_set(e, ERR_USAGE, "the size \"%s\" is too large", s);
	*bytes = v;
	return 0;
}

/* Consume a unit of time; 0 when there is none. */
static uint64_t duration_unit(const char **s)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {
		{"mo", MONTH}, {"s", 1}, {"m", MINUTE}, {"h", HOUR}, {"d", DAY}, {"w", 7 * DAY}, {"y", YEAR},
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*s, units[i].name, n) == 0) {
			*s += n;
			return units[i].seconds;
		}
	}
	return 0;
}

static int not_a_duration(const char *s, struct error *e)
{
	error_set(e, ERR_USAGE, "\"%s\" is not a duration", s);
	return error_hint(e, "write numbers and units, such as 45s, 10m, 24h, 7d, 2w, 6mo, 1y or 1d12h");
}

int human_parse_duration(const char *s, uint64_t *seconds, struct error *e)
{
	const char *p = s;
	uint64_t n, product, sum = 0;
	bool overflow = false;

	do {
		bool alone = p == s;

		if (!read_digits(&p, &n, &overflow))
			return not_a_duration(s, e);
		uint64_t unit = duration_unit(&p);
		if (unit == 0 && alone && *p == '\0')
			unit = 1;
		if (unit == 0)
			return not_a_duration(s, e);
		overflow |= __builtin_mul_overflow(n, unit, &product);
		overflow |= __builtin_add_overflow(sum, product, &sum);
	} while (*p);
	if (overflow)
		return error_set(e, ERR_USAGE, "the duration \"%s\" is too long", s);
	*seconds = sum;
	return 0;
}

/* Time zones: TZif files (RFC 9636) and the POSIX rules at their end. */
#include "base/zone.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/zone_rule.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONE_FILE_MAX ((size_t)1 << 20) /* those of tzdata have at most four thousand bytes */
#define HEADER 44
#define DAY 86400

struct zone {
	int64_t *at; /* ascending: from then on the offset is after[i] */
	int32_t *after;
	size_t n;
	int32_t first; /* before at[0] */
	bool has_rule; /* holds from the last of `at` on; for all times when there is none */
	struct zone_rule rule;
};

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->after);
	free(z);
}

static void zone_drop(struct zone **z)
{
	zone_free(*z);
}

/* ---- the calendar ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int zone_month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1 January 1970 to that of `year`. */
static int64_t days_before_year(int64_t year)
{
	int64_t full = year - 1;

	return full * 365 + floor_div(full, 4) - floor_div(full, 100) + floor_div(full, 400) - 719162;
}

int64_t zone_days(int64_t year, int month, int64_t day)
{
	int64_t days = days_before_year(year) + day - 1;

	for (int m = 1; m < month; m++)
		days += zone_month_days(year, m);
	return days;
}

void zone_date(int64_t days, struct zone_civil *out)
{
	int64_t year = floor_div((days + 719162) * 400, 146097) + 1;

	year -= days < days_before_year(year);
	year += days >= days_before_year(year + 1);
	int64_t day = days - days_before_year(year);
	int month = 1;

	while (day >= zone_month_days(year, month))
		day -= zone_month_days(year, month++);
	out->year = (int)year;
	out->month = month;
	out->day = (int)day + 1;
	out->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7); /* 1 January 1970 was a Thursday */
}

void zone_civil(const struct zone *z, int64_t utc, struct zone_civil *out)
{
	const int64_t bound = (int64_t)1 << 54;
	int64_t sane = utc > bound ? bound : utc < -bound ? -bound : utc;
	int64_t local = sane + zone_offset(z, sane);
	int64_t days = floor_div(local, DAY);
	int second = (int)(local - days * DAY);

	zone_date(days, out);
	out->hour = second / 3600;
	out->minute = second / 60 % 60;
	out->second = second % 60;
}

/* ---- looking up ---- */

/* How many changes have happened by then. */
static size_t passed(const struct zone *z, int64_t utc)
{
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->at[middle] <= utc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int zone_offset(const struct zone *z, int64_t utc)
{
	size_t i = passed(z, utc);

	if (i == z->n && z->has_rule)
		return zone_rule_offset(&z->rule, utc);
	return i ? z->after[i - 1] : z->first;
}

int64_t zone_next_change(const struct zone *z, int64_t utc)
{
	size_t i = passed(z, utc);

	if (i < z->n)
		return z->at[i];
	return z->has_rule ? zone_rule_next(&z->rule, utc) : INT64_MAX;
}

/* ---- reading a file ---- */

struct block {
	size_t time_size; /* 4 in version 1, then 8 */
	uint64_t utc, std, leap, times, types, letters;
	const unsigned char *p; /* what follows the header */
	size_t n;
};

static int damaged(struct error *e, const char *what)
{
	return error_set(e, ERR_CORRUPT, "the time zone file is damaged: %s", what);
}

static uint32_t big32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big_time(const unsigned char *p, size_t size)
{
	return size == 4 ? (int32_t)big32(p) : (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

/* The header at p, and where its data ends. */
static int read_header(const unsigned char *p, size_t n, size_t time_size, struct block *b, struct error *e)
{
	if (n < HEADER || memcmp(p, "TZif", 4) != 0)
		return damaged(e, "it does not begin as one");
	*b = (struct block){
		.time_size = time_size,
		.utc = big32(p + 20),
		.std = big32(p + 24),
		.leap = big32(p + 28),
		.times = big32(p + 32),
		.types = big32(p + 36),
		.letters = big32(p + 40),
		.p = p + HEADER,
	};
	uint64_t length =
		b->times * (time_size + 1) + b->types * 6 + b->letters + b->leap * (time_size + 4) + b->std + b->utc;

	if (length > n - HEADER)
		return damaged(e, "it is cut off");
	b->n = (size_t)length;
	return 0;
}

/* RFC 9636: more than -25 hours, less than 26. */
static bool is_offset(int64_t seconds)
{
	return seconds > -25 * 3600 && seconds < 26 * 3600;
}

static int read_types(const struct block *b, int32_t offsets[256], struct error *e)
{
	const unsigned char *p = b->p + b->times * (b->time_size + 1);

	if (b->types == 0 || b->types > 256)
		return damaged(e, "it has no kind of time, or too many");
	for (size_t i = 0; i < b->types; i++) {
		offsets[i] = (int32_t)big32(p + i * 6);
		if (!is_offset(offsets[i]))
			return damaged(e, "an offset is out of range");
	}
	return 0;
}

static int read_block(const struct block *b, struct zone *z, struct error *e)
{
	int32_t offsets[256] = {0};
	const unsigned char *kinds = b->p + b->times * b->time_size;

	if (b->leap)
		return error_set(e, ERR_CORRUPT, "the time zone file counts leap seconds, which clocks of Unix do not");
	int rc = read_types(b, offsets, e);

	if (rc)
		return rc;
	z->n = (size_t)b->times;
	z->at = mem_array(NULL, z->n, sizeof *z->at);
	z->after = mem_array(NULL, z->n, sizeof *z->after);
	z->first = offsets[0];
	for (size_t i = 0; i < z->n; i++) {
		z->at[i] = big_time(b->p + i * b->time_size, b->time_size);
		if (i && z->at[i] <= z->at[i - 1])
			return damaged(e, "its changes are not in order");
		if (kinds[i] >= b->types)
			return damaged(e, "a change leads to a kind of time that is not there");
		z->after[i] = offsets[kinds[i]];
	}
	return 0;
}

/* What is between the two line ends after the second block; an empty rule says nothing. */
static int read_footer(const unsigned char *p, size_t n, struct zone *z, struct error *e)
{
	const unsigned char *end = n ? memchr(p + 1, '\n', n - 1) : NULL;

	if (!n || p[0] != '\n' || !end)
		return damaged(e, "it has no footer");
	AUTO_FREE char *text = mem_string_n((const char *)p + 1, (size_t)(end - p) - 1);

	z->has_rule = text[0] != '\0';
	return z->has_rule && !zone_rule_parse(text, &z->rule) ? damaged(e, "its rule makes no sense") : 0;
}

int zone_parse(const void *p, size_t n, struct zone **out, struct error *e)
{
	CLEANUP(zone_drop) struct zone *z = mem_zero(sizeof *z);
	const unsigned char *bytes = p;
	struct block b;
	int rc = read_header(bytes, n, 4, &b, e);

	if (rc)
		return rc;
	if (bytes[4] == '\0') {
		rc = read_block(&b, z, e);
	} else {
		size_t second = HEADER + b.n;

		rc = read_header(bytes + second, n - second, 8, &b, e);
		if (!rc)
			rc = read_block(&b, z, e);
		if (!rc)
			rc = read_footer(b.p + b.n, (size_t)(bytes + n - (b.p + b.n)), z, e);
	}
	if (!rc)
		*out = TAKE(z);
	return rc;
}

int zone_parse_rule(const char *text, struct zone **out, struct error *e)
{
	struct zone_rule rule;

	if (!zone_rule_parse(text, &rule))
		return error_set(e, ERR_USAGE, "\"%s\" is no rule for a time zone", text);
	*out = mem_zero(sizeof **out);
	(*out)->has_rule = true;
	(*out)->rule = rule;
	return 0;
}

/* ---- by name ---- */

static const char *zone_folder(void)
{
	const char *folder = getenv("TZDIR");

	return folder && folder[0] ? folder : "/usr/share/zoneinfo";
}

static bool is_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-./";

	return name[0] != '/' && name[0] != '.' && !strstr(name, "..") && strlen(name) < 256 &&
	       !name[strspn(name, allowed)];
}

static int read_file(const char *path, struct zone **out, struct error *e)
{
	CLEANUP(buf_release) struct buf content = BUF_INIT_MAX(ZONE_FILE_MAX + 1);
	int rc = fs_read_file(path, ZONE_FILE_MAX, &content, e);

	if (!rc)
		rc = zone_parse(content.p, content.len, out, e);
	return rc ? error_wrap(e, "%s", path) : 0;
}

static int no_such_zone(const char *name, struct error *e)
{
	error_set(e, ERR_USAGE, "there is no time zone named \"%s\"", name);
	if (!fs_is_dir(zone_folder()))
		return error_hint(e, "the time zones are not installed: install the package tzdata");
	return error_hint(e, "names are like Europe/Berlin or UTC: the files in %s", zone_folder());
}

static int utc(struct zone **out, struct error *e)
{
	return zone_parse_rule("UTC0", out, e);
}

static int read_named(const char *name, struct zone **out, struct error *e)
{
	if (!is_name(name))
		return no_such_zone(name, e);
	AUTO_FREE char *path = mem_printf("%s/%s", zone_folder(), name);

	if (!fs_exists(path) || fs_is_dir(path))
		return strcmp(name, "UTC") ? no_such_zone(name, e) : utc(out, e);
	return read_file(path, out, e);
}

/* TZ, without the colon it may begin with; or the path of what it stands for when it is not set. */
static const char *machine_text(void)
{
	const char *tz = getenv("TZ");

	if (!tz)
		return "/etc/localtime";
	return tz + (tz[0] == ':');
}

static int read_machine(const char *text, struct zone **out, struct error *e)
{
	struct error ignored = {0};

	if (text[0] == '/')
		return fs_exists(text) ? read_file(text, out, e) : utc(out, e);
	int rc = read_named(text, out, e);

	if (rc != -ERR_USAGE)
		return rc;
	error_clear(e);
	return zone_parse_rule(text, out, &ignored) == 0 ? 0 : utc(out, e);
}

static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *loaded;

/* "m" and TZ for the machine's, "n" and the name for others. */
int zone_load(const char *name, const struct zone **out, struct error *e)
{
	bool machine = !name || !name[0];
	const char *text = machine ? machine_text() : name;
	AUTO_FREE char *key = mem_printf("%c%s", machine ? 'm' : 'n', text);
	struct zone *z;
	int rc = 0;

	pthread_mutex_lock(&loaded_lock);
	if (!loaded)
		loaded = map_new();
	z = map_get(loaded, key, strlen(key));
	if (!z)
		rc = machine ? read_machine(text, &z, e) : read_named(text, &z, e);
	if (!rc)
		map_put(loaded, key, strlen(key), z);
	pthread_mutex_unlock(&loaded_lock);
	*out = rc ? NULL : z;
	return rc;
}

char *zone_machine_name(void)
{
	const char *text = machine_text();
	char target[512];

	if (text[0] != '/')
		return mem_string(text[0] ? text : "UTC");
	if (!fs_exists(text))
		return mem_string("UTC");
	ssize_t n = readlink(text, target, sizeof target - 1);

	target[n > 0 ? n : 0] = '\0';
	const char *at = strstr(target, "zoneinfo/");

	at = at ? at + strlen("zoneinfo/") : "";
	if (!strncmp(at, "Etc/", 4))
		at += 4;
	return mem_string(at[0] ? at : "local time");
}

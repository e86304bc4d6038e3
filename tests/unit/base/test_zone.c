#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600
#define DAY (24 * HOUR)

static struct error e;

static void zone_drop(struct zone **z)
{
	zone_free(*z);
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
	return zone_days(year, month, day) * DAY + hour * HOUR + minute * 60;
}

static const struct zone *load(const char *name)
{
	const struct zone *z;

	assert_int_equal(zone_load(name, &z, &e), 0);
	return z;
}

static void use_tz(const char *tz)
{
	if (tz)
		setenv("TZ", tz, 1);
	else
		unsetenv("TZ");
	tzset();
}

static void assert_shows(const struct zone *z, int64_t at, const char *expected)
{
	struct zone_civil c;

	zone_civil(z, at, &c);
	AUTO_FREE char *text =
		mem_printf("%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);

	assert_string_equal(text, expected);
}

/* ---- what is refused ---- */

static void a_name_that_is_none_is_refused(void **state)
{
	static const char *const names[] = {"Europe/Atlantis",
					    "../../etc/passwd",
					    "/usr/share/zoneinfo/Europe/Berlin",
					    "Europe/../Europe/Berlin",
					    "Europe",
					    "Europe/",
					    ".",
					    "Europe Berlin",
					    "a\nb"};
	const struct zone *z;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *expected = mem_printf("there is no time zone named \"%s\"", names[i]);

		assert_int_equal(zone_load(names[i], &z, &e), -ERR_USAGE);
		assert_string_equal(e.text, expected);
		assert_string_equal(e.hint, "names are like Europe/Berlin or UTC: the files in /usr/share/zoneinfo");
	}
}

static void without_tzdata_only_utc_is_there(void **state)
{
	const struct zone *z;

	setenv("TZDIR", "/nowhere", 1);
	assert_int_equal(zone_load("Europe/Zurich", &z, &e), -ERR_USAGE);
	assert_string_equal(e.hint, "the time zones are not installed: install the package tzdata");
	assert_int_equal(zone_offset(load("UTC"), 0), 0);
	unsetenv("TZDIR");
}

static const char *parse_text(const void *p, size_t n)
{
	CLEANUP(zone_drop) struct zone *z = NULL;
	AUTO_FREE void *exact = mem_copy(p, n);

	error_clear(&e);
	int rc = zone_parse(exact, n, &z, &e);

	assert_true(rc == 0 || rc == -ERR_CORRUPT);
	return rc ? e.text : "";
}

static void read_zone_file(const char *name, struct buf *out)
{
	AUTO_FREE char *path = mem_printf("/usr/share/zoneinfo/%s", name);

	assert_int_equal(fs_read_file(path, 1 << 20, out, &e), 0);
}

static void a_file_that_is_cut_off_anywhere_is_damaged(void **state)
{
	CLEANUP(buf_release) struct buf whole = BUF_INIT;

	read_zone_file("Europe/Berlin", &whole);
	assert_string_equal(parse_text(whole.p, whole.len), "");
	for (size_t n = 0; n < whole.len; n++)
		assert_true(strncmp(parse_text(whole.p, n), "the time zone file is damaged: ", 31) == 0);
	assert_string_equal(parse_text(whole.p, whole.len - 1), "the time zone file is damaged: it has no footer");
	assert_string_equal(parse_text("PK\3\4", 4), "the time zone file is damaged: it does not begin as one");
}

/* A version 1 file with two changes and two kinds of time. */
static const unsigned char small[] = {
	'T', 'Z', 'i', 'f', 0, 0, 0, 0,   0,  0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0,   0,   0,   0,   0, 0, 0, 0,   0,  0,  0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 4, /* changes, kinds, letters */
	0,   0,   0,   100, 0, 0, 0, 200, 1,  0,                                      /* at 100 and 200 */
	0,   0,   14,  16,  0, 0, 0, 0,   28, 32, 1, 0,                               /* +1 h, +2 h */
	'A', 'B', 'C', 0,
};

static void assert_damaged_at(size_t at, unsigned char value, const char *expected)
{
	unsigned char copy[sizeof small];

	memcpy(copy, small, sizeof copy);
	copy[at] = value;
	assert_string_equal(parse_text(copy, sizeof copy), expected);
}

static void a_file_with_nonsense_in_it_is_damaged(void **state)
{
	assert_string_equal(parse_text(small, sizeof small), "");
	assert_damaged_at(51, 100, "the time zone file is damaged: its changes are not in order");
	assert_damaged_at(53, 2, "the time zone file is damaged: a change leads to a kind of time that is not there");
	assert_damaged_at(55, 9, "the time zone file is damaged: an offset is out of range");
	assert_damaged_at(39, 0, "the time zone file is damaged: it has no kind of time, or too many");
	assert_damaged_at(32, 255, "the time zone file is damaged: it is cut off");
	assert_damaged_at(36, 255, "the time zone file is damaged: it is cut off");
	assert_damaged_at(31, 0, "");
	assert_damaged_at(27, 4, "the time zone file is damaged: it is cut off");
}

static void leap_seconds_are_refused(void **state)
{
	CLEANUP(buf_release) struct buf right = BUF_INIT;

	if (!fs_exists("/usr/share/zoneinfo/right/UTC"))
		skip();
	read_zone_file("right/UTC", &right);
	assert_string_equal(parse_text(right.p, right.len),
			    "the time zone file counts leap seconds, which clocks of Unix do not");
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const rules[] = {
		"",
		"CE",
		"CET",
		"CET-25",
		"CET-1:60",
		"CET-1CE",
		"CET-1CEST,",
		"CET-1CEST,M3.5.0",
		"CET-1CEST,M3.5.0,",
		"CET-1CEST,M0.5.0,M10.5.0",
		"CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,J0,J1",
		"CET-1CEST,J366,J1",
		"CET-1CEST,366,1",
		"CET-1CEST,M3.5.0/168,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0 ",
		"<CET-1",
		"<C T>-1",
		"<+0>-1",
		"CET1234",
	};
	struct zone *z;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		AUTO_FREE char *expected = mem_printf("\"%s\" is no rule for a time zone", rules[i]);

		assert_int_equal(zone_parse_rule(rules[i], &z, &e), -ERR_USAGE);
		assert_string_equal(e.text, expected);
	}
}

/* ---- the calendar ---- */

static void days_and_dates_are_each_others_inverse(void **state)
{
	struct zone_civil c;

	assert_int_equal(zone_days(1970, 1, 1), 0);
	assert_int_equal(zone_days(2000, 2, 29), 11016);
	assert_int_equal(zone_days(2026, 1, 32), zone_days(2026, 2, 1));
	assert_int_equal(zone_month_days(1900, 2), 28);
	assert_int_equal(zone_month_days(2000, 2), 29);
	for (int64_t day = -1000000; day < 1000000; day += 97) {
		zone_date(day, &c);
		assert_int_equal(zone_days(c.year, c.month, c.day), day);
		assert_int_equal(c.weekday, ((day + 4) % 7 + 7) % 7);
	}
}

/* ---- against the C library ---- */

static void assert_same_as_the_c_library(const struct zone *z, const char *name, int64_t from, int64_t to, int64_t step)
{
	for (int64_t t = from; t < to; t += step) {
		struct tm tm;
		struct zone_civil c;
		time_t now = t;

		localtime_r(&now, &tm);
		zone_civil(z, t, &c);
		if (zone_offset(z, t) != tm.tm_gmtoff || c.hour != tm.tm_hour || c.minute != tm.tm_min ||
		    c.second != tm.tm_sec || c.day != tm.tm_mday || c.month != tm.tm_mon + 1 ||
		    c.year != tm.tm_year + 1900 || c.weekday != tm.tm_wday)
			fail_msg("%s at %lld: %d, the C library has %ld", name, (long long)t, zone_offset(z, t),
				 tm.tm_gmtoff);
	}
}

/* Every change until 2060 is found, a second before and at it. */
static void assert_changes_at_the_same_second(const struct zone *z, const char *name)
{
	for (int64_t at = zone_next_change(z, utc(1850, 1, 1, 0, 0)); at < utc(2060, 1, 1, 0, 0);
	     at = zone_next_change(z, at))
		assert_same_as_the_c_library(z, name, at - 1, at + 1, 1);
}

static void many_zones_tell_the_time_as_the_c_library_does(void **state)
{
	static const char *const zones[] = {
		"Africa/Abidjan",      "Africa/Cairo",      "Africa/Casablanca",   "Africa/El_Aaiun",
		"Africa/Johannesburg", "America/Anchorage", "America/Asuncion",    "America/Caracas",
		"America/Godthab",     "America/Havana",    "America/Mexico_City", "America/New_York",
		"America/Nuuk",        "America/Santiago",  "America/Sao_Paulo",   "America/Scoresbysund",
		"America/St_Johns",    "Antarctica/Casey",  "Antarctica/Troll",    "Asia/Amman",
		"Asia/Gaza",           "Asia/Hebron",       "Asia/Jerusalem",      "Asia/Kathmandu",
		"Asia/Kolkata",        "Asia/Manila",       "Asia/Pyongyang",      "Asia/Tehran",
		"Asia/Tokyo",          "Atlantic/Azores",   "Australia/Eucla",     "Australia/Lord_Howe",
		"Australia/Sydney",    "Europe/Berlin",     "Europe/Dublin",       "Europe/Istanbul",
		"Europe/Lisbon",       "Europe/London",     "Europe/Moscow",       "Pacific/Apia",
		"Pacific/Auckland",    "Pacific/Chatham",   "Pacific/Easter",      "Pacific/Fiji",
		"Pacific/Kiritimati",  "Pacific/Kwajalein", "Pacific/Marquesas",   "UTC",
	};

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		AUTO_FREE char *path = mem_printf("/usr/share/zoneinfo/%s", zones[i]);

		if (!fs_exists(path))
			continue;
		use_tz(zones[i]);
		assert_same_as_the_c_library(load(zones[i]), zones[i], utc(1850, 1, 1, 0, 0), utc(2110, 1, 1, 0, 0),
					     11 * DAY + 4321);
		assert_same_as_the_c_library(load(zones[i]), zones[i], utc(2020, 1, 1, 0, 0), utc(2040, 1, 1, 0, 0),
					     31 * HOUR);
		assert_changes_at_the_same_second(load(zones[i]), zones[i]);
	}
	use_tz(NULL);
}

static void rules_tell_the_time_as_the_c_library_does(void **state)
{
	static const char *const rules[] = {
		"CET-1CEST,M3.5.0,M10.5.0/3",
		"EST5EDT,M3.2.0,M11.1.0",
		"<+03>-3",
		"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
		"IST-1GMT0,M10.5.0,M3.5.0/1",
		"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
		"NZST-12NZDT,M9.5.0,M4.1.0/3",
		"ABC3DEF,J60/0,J300/0",
		"ABC3DEF,59/0,300/0",
		"IST-2IDT,M3.4.4/26,M10.5.0",
		"EET-2EEST,M3.4.4/50,M10.4.4/50",
		"ABC-5:30:15",
		"XYZ+4:00:30QRS+3:30,M2.1.1/1:02:03,M12.3.6/22:59:59",
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		CLEANUP(zone_drop) struct zone *z = NULL;

		use_tz(rules[i]);
		assert_int_equal(zone_parse_rule(rules[i], &z, &e), 0);
		assert_same_as_the_c_library(z, rules[i], utc(1970, 1, 1, 0, 0), utc(2070, 1, 1, 0, 0), 5 * DAY + 4321);
		for (int64_t at = zone_next_change(z, utc(2000, 1, 1, 0, 0)); at < utc(2030, 1, 1, 0, 0);
		     at = zone_next_change(z, at))
			assert_same_as_the_c_library(z, rules[i], at - 1, at + 1, 1);
	}
	use_tz(NULL);
}

static void a_summer_time_may_last_all_year(void **state)
{
	CLEANUP(zone_drop) struct zone *z = NULL;

	assert_int_equal(zone_parse_rule("EST5EDT,0/0,J365/25", &z, &e), 0);
	for (int64_t t = utc(2026, 1, 1, 0, 0); t < utc(2029, 1, 1, 0, 0); t += HOUR)
		assert_int_equal(zone_offset(z, t), -4 * HOUR);
}

/* ---- odd ones, by their history ---- */

static void lord_howe_goes_forward_by_half_an_hour(void **state)
{
	const struct zone *z = load("Australia/Lord_Howe");

	assert_shows(z, utc(2026, 10, 3, 15, 29), "2026-10-04 01:59:00");
	assert_shows(z, utc(2026, 10, 3, 15, 30), "2026-10-04 02:30:00");
	assert_shows(z, utc(2026, 4, 4, 14, 59), "2026-04-05 01:59:00");
	assert_shows(z, utc(2026, 4, 4, 15, 0), "2026-04-05 01:30:00");
}

static void casablanca_goes_back_for_ramadan(void **state)
{
	const struct zone *z = load("Africa/Casablanca");

	assert_int_equal(zone_offset(z, utc(2024, 2, 1, 12, 0)), HOUR);
	assert_int_equal(zone_offset(z, utc(2024, 3, 20, 12, 0)), 0);
	assert_int_equal(zone_offset(z, utc(2024, 5, 1, 12, 0)), HOUR);
}

static void apia_had_no_30_december_2011(void **state)
{
	const struct zone *z = load("Pacific/Apia");
	int64_t change = utc(2011, 12, 30, 10, 0);

	assert_shows(z, change - 1, "2011-12-29 23:59:59");
	assert_shows(z, change, "2011-12-31 00:00:00");
	assert_int_equal(zone_next_change(z, change - 1), change);
}

static void kiritimati_is_first(void **state)
{
	assert_int_equal(zone_offset(load("Pacific/Kiritimati"), utc(2026, 1, 1, 0, 0)), 14 * HOUR);
	assert_int_equal(zone_offset(load("Pacific/Kiritimati"), utc(2126, 7, 1, 0, 0)), 14 * HOUR);
}

static void a_version_1_file_ends_with_its_last_change(void **state)
{
	CLEANUP(zone_drop) struct zone *z = NULL;

	assert_int_equal(zone_parse(small, sizeof small, &z, &e), 0);
	assert_int_equal(zone_offset(z, 99), HOUR);
	assert_int_equal(zone_offset(z, 100), 2 * HOUR);
	assert_int_equal(zone_offset(z, 200), HOUR);
	assert_int_equal(zone_offset(z, INT64_MAX), HOUR);
	assert_int_equal(zone_next_change(z, INT64_MIN), 100);
	assert_int_equal(zone_next_change(z, 100), 200);
	assert_int_equal(zone_next_change(z, 200), INT64_MAX);
}

static void points_beyond_all_calendars_are_harmless(void **state)
{
	static const char *const zones[] = {"Europe/Berlin", "UTC", "Asia/Tokyo"};
	struct zone_civil c;

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		zone_civil(load(zones[i]), INT64_MAX, &c);
		assert_true(c.year > 500000000);
		zone_civil(load(zones[i]), INT64_MIN, &c);
		assert_true(c.year < -500000000);
	}
}

/* ---- the machine's ---- */

static void the_machines_zone_follows_tz(void **state)
{
	use_tz("America/New_York");
	assert_int_equal(zone_offset(load(NULL), utc(2026, 1, 1, 0, 0)), -5 * HOUR);
	use_tz(":Asia/Tokyo");
	assert_int_equal(zone_offset(load(""), utc(2026, 1, 1, 0, 0)), 9 * HOUR);
	use_tz("/usr/share/zoneinfo/Europe/Berlin");
	assert_int_equal(zone_offset(load(NULL), utc(2026, 7, 1, 0, 0)), 2 * HOUR);
	use_tz("<+03>-3");
	assert_int_equal(zone_offset(load(NULL), utc(2026, 7, 1, 0, 0)), 3 * HOUR);
	use_tz("nonsense");
	assert_int_equal(zone_offset(load(NULL), 0), 0);
	use_tz("");
	assert_int_equal(zone_offset(load(NULL), 0), 0);
	use_tz(NULL);
}

static void assert_machine_name(const char *tz, const char *expected)
{
	use_tz(tz);
	AUTO_FREE char *name = zone_machine_name();

	assert_string_equal(name, expected);
}

static void the_machines_zone_has_a_name(void **state)
{
	assert_machine_name("Europe/Berlin", "Europe/Berlin");
	assert_machine_name(":Europe/Berlin", "Europe/Berlin");
	assert_machine_name("", "UTC");
	assert_machine_name("/nowhere", "UTC");
	assert_machine_name("/usr/share/zoneinfo/Europe/Berlin", "local time");
	use_tz(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_is_none_is_refused),
		cmocka_unit_test(without_tzdata_only_utc_is_there),
		cmocka_unit_test(a_file_that_is_cut_off_anywhere_is_damaged),
		cmocka_unit_test(a_file_with_nonsense_in_it_is_damaged),
		cmocka_unit_test(leap_seconds_are_refused),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(days_and_dates_are_each_others_inverse),
		cmocka_unit_test(many_zones_tell_the_time_as_the_c_library_does),
		cmocka_unit_test(rules_tell_the_time_as_the_c_library_does),
		cmocka_unit_test(a_summer_time_may_last_all_year),
		cmocka_unit_test(lord_howe_goes_forward_by_half_an_hour),
		cmocka_unit_test(casablanca_goes_back_for_ramadan),
		cmocka_unit_test(apia_had_no_30_december_2011),
		cmocka_unit_test(kiritimati_is_first),
		cmocka_unit_test(a_version_1_file_ends_with_its_last_change),
		cmocka_unit_test(points_beyond_all_calendars_are_harmless),
		cmocka_unit_test(the_machines_zone_follows_tz),
		cmocka_unit_test(the_machines_zone_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

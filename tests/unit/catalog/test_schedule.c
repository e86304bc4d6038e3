/* Configured schedules. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct schedule_record nightly(void)
{
	struct schedule_record s = schedule_record_new();

	s.name = mem_string("nightly");
	return s;
}

static void add_source(struct support *s, const char *name)
{
	CLEANUP(source_record_release)
	struct source_record r = {
		.name = mem_string(name),
		.url = mem_printf("sqlite:/srv/%s.db", name),
		.shown = mem_printf("sqlite:/srv/%s.db", name),
		.engine = mem_string("sqlite"),
	};

	assert_int_equal(source_add(s->c, &r, &s->e), 0);
}

static void add_place(struct support *s, const char *name)
{
	CLEANUP(place_record_release)
	struct place_record p = {.name = mem_string(name), .location = mem_printf("/srv/%s", name)};

	assert_int_equal(place_add(s->c, &p, &s->e), 0);
}

/* Reads the JSON into a new record, and adds it. */
static int add_json(struct support *s, const char *text)
{
	CLEANUP(schedule_record_release) struct schedule_record r = schedule_record_new();
	struct json j;

	json_init(&j, text, strlen(text));
	int rc = schedule_from_json(&r, &j, &s->e);

	json_release(&j);
	return rc ? rc : schedule_add(s->c, &r, &s->e);
}

static void assert_refused(struct support *s, const char *json, int kind, const char *text)
{
	CLEANUP(schedule_list_release) struct schedule_list all = {0};

	assert_int_equal(add_json(s, json), -kind);
	assert_string_equal(s->e.text, text);
	assert_int_equal(schedule_list_all(s->c, &all, &s->e), 0);
	assert_int_equal(all.n, 0);
}

static void what_is_impossible_is_refused(void **state)
{
	static const struct {
		const char *json;
		int kind;
		const char *text;
	} cases[] = {
		{"[]", ERR_USAGE, "a schedule must be a JSON object"},
		{"{\"nmae\": \"x\"}", ERR_USAGE, "a schedule has no field \"nmae\""},
		{"{\"name\": \"a/b\"}", ERR_USAGE, "a schedule cannot be called \"a/b\""},
		{"{}", ERR_USAGE, "a schedule cannot be called \"\""},
		{"{\"name\": \"n\", \"action\": \"destroy\"}", ERR_USAGE,
		 "the field \"action\" of a schedule cannot be \"destroy\"; it is one of: backup, verify, optimize, "
		 "check-tables, cleanup, export, check"},
		{"{\"name\": \"n\", \"time\": \"25:00\"}", ERR_USAGE,
		 "the field \"time\" of a schedule must be a time of day such as 02:00, not \"25:00\""},
		{"{\"name\": \"n\", \"time\": \"2:5\"}", ERR_USAGE,
		 "the field \"time\" of a schedule must be a time of day such as 02:00, not \"2:5\""},
		{"{\"name\": \"n\", \"time\": \" 2:00\"}", ERR_USAGE,
		 "the field \"time\" of a schedule must be a time of day such as 02:00, not \" 2:00\""},
		{"{\"name\": \"n\", \"day\": 0}", ERR_USAGE, "0 is no day of a month"},
		{"{\"name\": \"n\", \"day\": 32}", ERR_USAGE, "the field \"day\" of a schedule cannot be more than 31"},
		{"{\"name\": \"n\", \"weekday\": \"someday\"}", ERR_USAGE,
		 "the field \"weekday\" of a schedule cannot be \"someday\"; it is one of: sunday, monday, tuesday, "
		 "wednesday, thursday, friday, saturday"},
		{"{\"name\": \"n\", \"kind\": \"cron\"}", ERR_USAGE,
		 "\"\" has 0 fields, and a cron expression five: minute, hour, day of the month, month, day of the "
		 "week"},
		{"{\"name\": \"n\", \"kind\": \"cron\", \"cron\": \"0 0 30 2 *\"}", ERR_USAGE,
		 "\"0 0 30 2 *\" never comes: there is no such day"},
		{"{\"name\": \"n\", \"zone\": \"Mars/Olympus\"}", ERR_USAGE,
		 "there is no time zone named \"Mars/Olympus\""},
		{"{\"name\": \"n\", \"keep\": {\"daily\": -1}}", ERR_USAGE,
		 "the field \"daily\" of a schedule's keep must be a whole number that is not negative"},
		{"{\"name\": \"n\", \"keep\": {\"hours\": 1}}", ERR_USAGE, "a schedule's keep has no field \"hours\""},
		{"{\"name\": \"n\", \"action\": \"export\"}", ERR_USAGE, "an export needs a format and a folder"},
		{"{\"name\": \"n\", \"action\": \"export\", \"export_format\": \"sql\", \"export_dir\": \"out\"}",
		 ERR_USAGE, "the folder of exports must be a whole path, not \"out\""},
		{"{\"name\": \"n\", \"sources\": [\"shop\"]}", ERR_NOT_FOUND, "there is no source named \"shop\""},
		{"{\"name\": \"n\", \"repository\": \"main\"}", ERR_NOT_FOUND, "there is no repository named \"main\""},
		{"{\"name\": \"n\"", ERR_USAGE, "a schedule: invalid JSON: unexpected end"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(*state, cases[i].json, cases[i].kind, cases[i].text);
}

static void a_name_is_taken_once_and_kept(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_record_release) struct schedule_record a = nightly();
	CLEANUP(schedule_record_release) struct schedule_record b = nightly();

	assert_int_equal(schedule_add(s->c, &a, &s->e), 0);
	assert_int_equal(schedule_add(s->c, &b, &s->e), -ERR_EXISTS);
	assert_string_equal(s->e.text, "there is a schedule named \"nightly\" already");
	free(a.name);
	a.name = mem_string("weekly");
	assert_int_equal(schedule_update(s->c, &a, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the schedule nightly keeps its name: its backups are known by it");
}

static void one_that_is_not_there_is_told_with_the_nearest(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_record_release) struct schedule_record a = nightly();
	struct schedule_record none;

	assert_int_equal(schedule_add(s->c, &a, &s->e), 0);
	assert_int_equal(schedule_find(s->c, "nihgtly", &none, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no schedule named \"nihgtly\"");
	assert_string_equal(s->e.hint, "did you mean \"nightly\"?");
	assert_int_equal(schedule_get(s->c, 99, &none, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no schedule with the number 99");
	assert_int_equal(schedule_remove(s->c, 99, &s->e), -ERR_NOT_FOUND);
	a.id = 99;
	assert_int_equal(schedule_update(s->c, &a, &s->e), -ERR_NOT_FOUND);
}

/* With the times of its making taken out. */
static char *json_of(struct support *s, const char *name)
{
	CLEANUP(schedule_record_release) struct schedule_record r = {0};

	assert_int_equal(schedule_find(s->c, name, &r, &s->e), 0);
	r.created = r.changed = (struct timespec){0};
	return support_json(schedule_json, &r);
}

static void every_field_comes_back_as_it_was(void **state)
{
	struct support *s = *state;
	static const char expected[] =
		"{\"id\":1,\"name\":\"all\",\"enabled\":false,\"action\":\"export\",\"sources\":[\"shop\",\"media\"],"
		"\"repository\":\"main\",\"kind\":\"weekly\",\"time\":\"03:05\","
		"\"weekday\":\"thursday\",\"day\":30,\"cron\":\"0 */6 * * "
		"*\",\"zone\":\"Europe/Berlin\",\"jitter\":60,\"catch_up\":false,\"retries\":3,\"retry_wait\":10,"
		"\"time_limit\":3600,\"verify_level\":2,\"export_format\":\"csv\",\"export_dir\":\"/srv/"
		"out\",\"next_run\":null,\"last_run\":null,\"created\":null,\"changed\":null,"
		"\"when\":\"at 03:05 on "
		"Thursday\",\"keep\":{\"days\":1,\"max_backups\":2,\"last\":3,\"hourly\":4,\"daily\":5,\"weekly\":6,"
		"\"monthly\":7,\"yearly\":8},\"last_job\":null}";

	add_source(s, "shop");
	add_source(s, "media");
	add_place(s, "main");
	/* What was written can be read: what only the program sets is passed over. */
	assert_int_equal(add_json(s, expected), 0);
	AUTO_FREE char *got = json_of(s, "all");

	assert_string_equal(got, expected);
}

static void fields_that_are_not_given_stay_as_they_were(void **state)
{
	CLEANUP(schedule_record_release) struct schedule_record r = nightly();
	static const char text[] = "{\"time\": \"4:30\", \"keep\": {\"daily\": 7}, \"zone\": null}";
	struct json j;
	struct error e;

	r.id = 7;
	r.keep.weekly = 4;
	r.zone = mem_string("UTC");
	json_init(&j, text, strlen(text));
	assert_int_equal(schedule_from_json(&r, &j, &e), 0);
	assert_int_equal(json_finish(&j, &e), 0);
	assert_string_equal(r.name, "nightly");
	assert_int_equal(r.hour, 4);
	assert_int_equal(r.minute, 30);
	assert_int_equal(r.keep.daily, 7);
	assert_int_equal(r.keep.weekly, 4);
	assert_null(r.zone);
}

static void assert_usual(struct support *s, uint64_t days, uint64_t max)
{
	struct schedule_keep keep;

	assert_int_equal(schedule_usual_keep(s->c, &keep, &s->e), 0);
	assert_int_equal(keep.days, days);
	assert_int_equal(keep.max_backups, max);
}

static void a_count_of_the_old_systems_counts_alone_until_days_are_said(void **state)
{
	struct support *s = *state;

	unsetenv("BACKUP_RETENTION_DAYS");
	unsetenv("BACKSTAY_MAX_BACKUPS");
	assert_usual(s, 30, 50);
	setenv("BACKUP_RETENTION_COUNT", "10", 1);
	assert_usual(s, 0, 10);
	setenv("BACKUP_RETENTION_DAYS", "60", 1);
	assert_usual(s, 60, 10);
	unsetenv("BACKUP_RETENTION_DAYS");
	setenv("BACKSTAY_MAX_BACKUPS", "20", 1);
	assert_usual(s, 30, 20);
	unsetenv("BACKSTAY_MAX_BACKUPS");
	unsetenv("BACKUP_RETENTION_COUNT");
}

static void what_a_new_one_is_to_keep_is_all_that_it_keeps(void **state)
{
	CLEANUP(schedule_record_release) struct schedule_record r = nightly();
	static const char text[] = "{\"keep\": {\"daily\": 7}}";
	struct json j;
	struct error e;

	r.keep.days = 30;
	json_init(&j, text, strlen(text));
	assert_int_equal(schedule_from_json(&r, &j, &e), 0);
	assert_int_equal(json_finish(&j, &e), 0);
	assert_int_equal(r.keep.daily, 7);
	assert_int_equal(r.keep.days, 0);
}

static void its_times_are_told_in_words(void **state)
{
	static const struct {
		enum schedule_kind kind;
		int weekday, day;
		const char *cron, *words;
	} cases[] = {
		{SCHEDULE_DAILY, 0, 1, NULL, "at 02:00 every day"},
		{SCHEDULE_WEEKLY, 6, 1, NULL, "at 02:00 on Saturday"},
		{SCHEDULE_MONTHLY, 0, 1, NULL, "at 02:00 on the 1st of the month"},
		{SCHEDULE_MONTHLY, 0, 30, NULL, "at 02:00 on the 30th of the month, or its last day"},
		{SCHEDULE_MONTHLY, 0, 31, NULL, "at 02:00 on the last day of the month"},
		{SCHEDULE_CRON, 0, 1, "0 */6 * * *", "every 6 hours"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(schedule_record_release) struct schedule_record r = nightly();

		r.kind = cases[i].kind;
		r.weekday = cases[i].weekday;
		r.day = cases[i].day;
		r.cron = cases[i].cron ? mem_string(cases[i].cron) : NULL;
		AUTO_FREE char *words = schedule_words(&r);

		assert_string_equal(words, cases[i].words);
	}
}

static struct schedule_record *found(struct support *s, struct schedule_record *out, const char *name)
{
	schedule_record_release(out);
	assert_int_equal(schedule_find(s->c, name, out, &s->e), 0);
	return out;
}

static void runs_are_kept_apart_from_what_people_change(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_record_release) struct schedule_record a = nightly();
	CLEANUP(schedule_record_release) struct schedule_record r = {0};

	assert_int_equal(schedule_add(s->c, &a, &s->e), 0);
	found(s, &r, "nightly");
	r.next_run.tv_sec = 2000;
	r.last_run.tv_sec = 1000;
	snprintf(r.last_job, sizeof r.last_job, "0123456789abcdef");
	assert_int_equal(schedule_ran(s->c, &r, &s->e), 0);
	a.retries = 2;
	assert_int_equal(schedule_update(s->c, &a, &s->e), 0);
	found(s, &r, "1");
	assert_int_equal(r.retries, 2);
	assert_int_equal(r.next_run.tv_sec, 2000);
	assert_int_equal(r.last_run.tv_sec, 1000);
	assert_string_equal(r.last_job, "0123456789abcdef");
}

static void its_next_run_is_found_when_its_times_change(void **state)
{
	const struct timespec now = {.tv_sec = 1795867200}; /* 28 November 2026, 12:00 */
	struct support *s = *state;
	CLEANUP(schedule_record_release) struct schedule_record a = nightly();
	CLEANUP(schedule_record_release) struct schedule_record r = {0};

	time_freeze(&now);
	a.zone = mem_string("UTC");
	assert_int_equal(schedule_add(s->c, &a, &s->e), 0);
	assert_int_equal(found(s, &r, "nightly")->next_run.tv_sec, now.tv_sec + 14 * 3600);
	a.hour = 13;
	assert_int_equal(schedule_update(s->c, &a, &s->e), 0);
	assert_int_equal(found(s, &r, "nightly")->next_run.tv_sec, now.tv_sec + 3600);
	a.enabled = false;
	assert_int_equal(schedule_update(s->c, &a, &s->e), 0);
	assert_int_equal(found(s, &r, "nightly")->next_run.tv_sec, 0);
	time_freeze(NULL);
}

static void a_source_in_use_stays_and_takes_its_new_name_along(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_record_release) struct schedule_record a = nightly();
	CLEANUP(schedule_record_release) struct schedule_record r = {0};
	CLEANUP(source_record_release) struct source_record source = {0};

	add_source(s, "shop");
	strlist_add(&a.sources, "shop");
	assert_int_equal(schedule_add(s->c, &a, &s->e), 0);
	assert_int_equal(source_find(s->c, "shop", &source, &s->e), 0);
	assert_int_equal(source_remove(s->c, source.id, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the source shop is in use: the schedule nightly names it");
	free(source.name);
	source.name = mem_string("store");
	assert_int_equal(source_update(s->c, &source, &s->e), 0);
	assert_string_equal(found(s, &r, "nightly")->sources.v[0], "store");
	assert_int_equal(schedule_remove(s->c, r.id, &s->e), 0);
	assert_int_equal(source_remove(s->c, source.id, &s->e), 0);
}

static void they_are_listed_by_name(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_list_release) struct schedule_list all = {0};

	assert_int_equal(add_json(s, "{\"name\": \"weekly\"}"), 0);
	assert_int_equal(add_json(s, "{\"name\": \"hourly\"}"), 0);
	assert_int_equal(schedule_list_all(s->c, &all, &s->e), 0);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[0].name, "hourly");
	assert_string_equal(all.v[1].name, "weekly");
}

static void a_zone_that_was_uninstalled_hides_no_schedule(void **state)
{
	struct support *s = *state;
	CLEANUP(schedule_list_release) struct schedule_list all = {0};

	assert_int_equal(add_json(s, "{\"name\": \"berlin\", \"zone\": \"Europe/Berlin\"}"), 0);
	setenv("TZDIR", "/nowhere", 1);
	assert_int_equal(schedule_list_all(s->c, &all, &s->e), 0);
	assert_int_equal(all.n, 1);
	unsetenv("TZDIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(what_is_impossible_is_refused),
		CATALOG_TEST(a_name_is_taken_once_and_kept),
		CATALOG_TEST(one_that_is_not_there_is_told_with_the_nearest),
		CATALOG_TEST(every_field_comes_back_as_it_was),
		CATALOG_TEST(fields_that_are_not_given_stay_as_they_were),
		CATALOG_TEST(a_count_of_the_old_systems_counts_alone_until_days_are_said),
		CATALOG_TEST(what_a_new_one_is_to_keep_is_all_that_it_keeps),
		CATALOG_TEST(its_times_are_told_in_words),
		CATALOG_TEST(runs_are_kept_apart_from_what_people_change),
		CATALOG_TEST(its_next_run_is_found_when_its_times_change),
		CATALOG_TEST(a_source_in_use_stays_and_takes_its_new_name_along),
		CATALOG_TEST(they_are_listed_by_name),
		CATALOG_TEST(a_zone_that_was_uninstalled_hides_no_schedule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/setting.h"
#include "job/cleanup.h"
#include "job/record.h"

static struct catalog *c;
static struct cleanup_rules rules;

static int enter(void **state)
{
	struct error e;

	room_enter(state);
	assert_ok(record_catalog(true, &c, &e));
	return 0;
}

static int leave(void **state)
{
	cleanup_rules_release(&rules);
	catalog_close(c);
	return room_leave(state);
}

#define WITH_CATALOG(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void add_schedule(const char *name, enum schedule_action action, struct schedule_keep keep)
{
	CLEANUP(schedule_record_release) struct schedule_record s = schedule_record_new();
	struct error e;

	s.name = mem_string(name);
	s.action = action;
	s.keep = keep;
	assert_ok(schedule_add(c, &s, &e));
}

static void load(const uint64_t *days)
{
	struct error e;

	cleanup_rules_release(&rules);
	assert_ok(cleanup_rules_load(c, NULL, days, &rules, &e));
}

static const struct retention_policy *policy_of(const char *schedule)
{
	for (size_t i = 0; i < rules.n; i++)
		if (schedule ? rules.v[i].schedule && !strcmp(rules.v[i].schedule, schedule) : !rules.v[i].schedule)
			return &rules.v[i].policy;
	return NULL;
}

static void a_setting_that_makes_no_sense_stops_it(void **state)
{
	struct error e;

	setenv("BACKSTAY_RETENTION_DAYS", "soon", 1);
	e = (struct error){0};
	assert_int_equal(cleanup_rules_load(c, NULL, NULL, &rules, &e), -ERR_USAGE);
	assert_non_null(strstr(e.text, "BACKSTAY_RETENTION_DAYS"));
	unsetenv("BACKSTAY_RETENTION_DAYS");
}

static void nothing_is_cleaned_up_after_a_check_that_found_damage(void **state)
{
	CLEANUP(place_record_release)
	struct place_record p = {.name = mem_string("main"), .location = mem_string("/srv/backups")};
	struct error e;

	assert_ok(place_add(c, &p, &e));
	assert_ok(cleanup_check_passed(c, "/srv/backups", &e));
	p.check_failed = true;
	assert_ok(place_found(c, &p, &e));
	assert_fails(cleanup_check_passed(c, "/srv/backups", &e), ERR_REFUSED,
		     "nothing was removed, because the last check found damage in /srv/backups");
	assert_string_equal(e.hint, "see what it is: backstay check; once a check is clean again, cleaning up goes on");
	assert_ok(cleanup_check_passed(c, "/srv/others", &e));
	assert_ok(cleanup_check_passed(NULL, "/srv/backups", &e));
}

static void backups_of_no_schedule_are_kept_by_the_settings(void **state)
{
	load(NULL);
	assert_int_equal(rules.n, 1);
	assert_int_equal(policy_of(NULL)->days, 30);
	assert_int_equal(policy_of(NULL)->max, 50);
	setenv("BACKUP_RETENTION_DAYS", "7", 1);
	setenv("BACKUP_RETENTION_COUNT", "10", 1);
	load(NULL);
	assert_int_equal(policy_of(NULL)->days, 7);
	assert_int_equal(policy_of(NULL)->max, 10);
	unsetenv("BACKUP_RETENTION_DAYS");
	unsetenv("BACKUP_RETENTION_COUNT");
}

static void every_schedule_that_makes_backups_has_its_own_rules(void **state)
{
	add_schedule("nightly", ACTION_BACKUP, (struct schedule_keep){.daily = 7});
	add_schedule("all", ACTION_BACKUP, (struct schedule_keep){0});
	add_schedule("drill", ACTION_VERIFY, (struct schedule_keep){.daily = 1});
	load(NULL);
	assert_int_equal(rules.n, 3);
	assert_int_equal(policy_of("nightly")->daily, 7);
	assert_true(retention_is_empty(policy_of("all")));
	assert_null(policy_of("drill"));
}

static void days_stand_in_the_place_of_those_that_rules_have(void **state)
{
	const uint64_t days = 3;

	add_schedule("month", ACTION_BACKUP, (struct schedule_keep){.days = 30, .max_backups = 50});
	add_schedule("nightly", ACTION_BACKUP, (struct schedule_keep){.daily = 7});
	load(&days);
	assert_int_equal(policy_of(NULL)->days, 3);
	assert_int_equal(policy_of("month")->days, 3);
	assert_int_equal(policy_of("month")->max, 50);
	assert_int_equal(policy_of("nightly")->days, 0);
	assert_int_equal(policy_of("nightly")->daily, 7);
}

static void rules_that_are_given_are_for_backups_of_no_schedule(void **state)
{
	const struct schedule_keep keep = {.weekly = 4};
	struct error e;

	add_schedule("nightly", ACTION_BACKUP, (struct schedule_keep){.daily = 7});
	assert_ok(cleanup_rules_load(c, &keep, NULL, &rules, &e));
	assert_int_equal(policy_of(NULL)->weekly, 4);
	assert_int_equal(policy_of(NULL)->days, 0);
	assert_int_equal(policy_of("nightly")->daily, 7);
}

static void the_host_is_what_backups_say(void **state)
{
	setenv("BACKSTAY_HOST", "web-1", 1);
	load(NULL);
	assert_string_equal(rules.host, "web-1");
	unsetenv("BACKSTAY_HOST");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CATALOG(a_setting_that_makes_no_sense_stops_it),
		WITH_CATALOG(nothing_is_cleaned_up_after_a_check_that_found_damage),
		WITH_CATALOG(backups_of_no_schedule_are_kept_by_the_settings),
		WITH_CATALOG(every_schedule_that_makes_backups_has_its_own_rules),
		WITH_CATALOG(days_stand_in_the_place_of_those_that_rules_have),
		WITH_CATALOG(rules_that_are_given_are_for_backups_of_no_schedule),
		WITH_CATALOG(the_host_is_what_backups_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

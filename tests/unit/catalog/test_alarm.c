#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/alarm.h"

static void an_alarm_is_fresh_once_and_keeps_its_time(void **state)
{
	struct support *s = *state;
	struct timespec since;
	bool fresh;

	assert_int_equal(alarm_since(s->c, "overdue:shop", &since, &s->e), 0);
	assert_int_equal(since.tv_sec, 0);
	assert_int_equal(alarm_raise(s->c, "overdue:shop", (struct timespec){.tv_sec = 100}, &fresh, &s->e), 0);
	assert_true(fresh);
	assert_int_equal(alarm_raise(s->c, "overdue:shop", (struct timespec){.tv_sec = 200}, &fresh, &s->e), 0);
	assert_false(fresh);
	assert_int_equal(alarm_since(s->c, "overdue:shop", &since, &s->e), 0);
	assert_int_equal(since.tv_sec, 100);
}

static void what_is_over_may_begin_anew(void **state)
{
	struct support *s = *state;
	bool fresh, held;

	assert_int_equal(alarm_clear(s->c, "overdue:shop", &held, &s->e), 0);
	assert_false(held);
	assert_int_equal(alarm_raise(s->c, "overdue:shop", (struct timespec){.tv_sec = 100}, &fresh, &s->e), 0);
	assert_int_equal(alarm_clear(s->c, "overdue:shop", &held, &s->e), 0);
	assert_true(held);
	assert_int_equal(alarm_raise(s->c, "overdue:shop", (struct timespec){.tv_sec = 200}, &fresh, &s->e), 0);
	assert_true(fresh);
}

static void they_are_listed_by_how_they_begin(void **state)
{
	struct support *s = *state;
	CLEANUP(strlist_release) struct strlist keys = {0};
	static const char *const all[] = {"prune:b%", "overdue:shop", "prune:a", "prune"};
	bool fresh;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_int_equal(alarm_raise(s->c, all[i], (struct timespec){.tv_sec = 1}, &fresh, &s->e), 0);
	assert_int_equal(alarm_list(s->c, "prune:", &keys, &s->e), 0);
	AUTO_FREE char *text = strlist_join(&keys, " ");

	assert_string_equal(text, "prune:a prune:b%");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(an_alarm_is_fresh_once_and_keeps_its_time),
		CATALOG_TEST(what_is_over_may_begin_anew),
		CATALOG_TEST(they_are_listed_by_how_they_begin),
	};

	return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}

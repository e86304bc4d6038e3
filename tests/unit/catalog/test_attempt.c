#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/attempt.h"

#define KEY "user:maria"
#define START 1000000

static int begin(struct support *s, time_t now)
{
	return attempt_begin(s->c, KEY, 5, (struct timespec){.tv_sec = now}, &s->e);
}

static void fail_five_times(struct support *s)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(begin(s, START), 0);
}

static void after_the_free_ones_each_attempt_waits_twice_as_long(void **state)
{
	static const time_t waits[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
	struct support *s = *state;
	time_t now = START;

	fail_five_times(s);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		AUTO_FREE char *text = mem_printf("too many attempts; try again in %d second%s", (int)waits[i], waits[i] == 1 ? "" : "s");

		/* An attempt that comes too early puts nothing off. */
		assert_int_equal(begin(s, now + waits[i] - 1), -ERR_LOCKED);
		assert_string_equal(s->e.text, "too many attempts; try again in 1 second");
		assert_int_equal(begin(s, now), -ERR_LOCKED);
		assert_string_equal(s->e.text, text);
		now += waits[i];
		assert_int_equal(begin(s, now), 0);
	}
}

static int try_once(struct support *s, int i)
{
	return begin(s, START) ? 1 : 0;
}

static void attempts_at_the_same_moment_all_count(void **state)
{
	struct support *s = *state;

	assert_int_equal(support_at_once(s, 12, try_once), 5);
}

static void keys_are_counted_apart(void **state)
{
	struct support *s = *state;

	fail_five_times(s);
	assert_int_equal(begin(s, START), -ERR_LOCKED);
	assert_int_equal(attempt_begin(s->c, "user:eve", 5, (struct timespec){.tv_sec = START}, &s->e), 0);
}

static void another_process_knows_of_them(void **state)
{
	struct support *s = *state;
	struct error e;

	fail_five_times(s);
	struct catalog *other = support_open(s);

	assert_int_equal(attempt_begin(other, KEY, 5, (struct timespec){.tv_sec = START}, &e), -ERR_LOCKED);
	catalog_close(other);
}

static void what_is_taken_back_does_not_count(void **state)
{
	struct support *s = *state;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(begin(s, START), 0);
		assert_int_equal(attempt_take_back(s->c, KEY, &s->e), 0);
	}
	assert_int_equal(attempt_take_back(s->c, KEY, &s->e), 0);
	fail_five_times(s);
	assert_int_equal(begin(s, START), -ERR_LOCKED);
	assert_int_equal(attempt_forget(s->c, KEY, &s->e), 0);
	assert_int_equal(begin(s, START), 0);
}

static void a_day_later_all_is_forgotten(void **state)
{
	struct support *s = *state;

	for (time_t now = START, i = 0; i < 20; i++, now += ATTEMPT_WAIT_MAX)
		assert_int_equal(begin(s, now), 0);
	assert_int_equal(begin(s, START + 19 * ATTEMPT_WAIT_MAX + ATTEMPT_FORGET + 1), 0);
	assert_int_equal(begin(s, START + 19 * ATTEMPT_WAIT_MAX + ATTEMPT_FORGET + 1), 0);
}

static void a_clock_put_back_locks_nobody_out(void **state)
{
	struct support *s = *state;

	fail_five_times(s);
	assert_int_equal(begin(s, START - 100000), 0);
	assert_int_equal(begin(s, START - 100000), -ERR_LOCKED);
	assert_string_equal(s->e.text, "too many attempts; try again in 2 seconds");
}

static void a_flood_is_told_once_a_minute_with_its_number(void **state)
{
	struct support *s = *state;
	uint64_t untold;
	bool told;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(attempt_tell(s->c, "login-failed", (struct timespec){.tv_sec = START + i / 2}, &told, &untold, &s->e), 0);
		assert_int_equal(told, i == 0);
	}
	assert_int_equal(attempt_tell(s->c, "login-failed", (struct timespec){.tv_sec = START + 60}, &told, &untold, &s->e), 0);
	assert_true(told);
	assert_int_equal(untold, 99);
	assert_int_equal(attempt_tell(s->c, "login-failed", (struct timespec){.tv_sec = START + 120}, &told, &untold, &s->e), 0);
	assert_true(told);
	assert_int_equal(untold, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(after_the_free_ones_each_attempt_waits_twice_as_long),
		CATALOG_TEST(attempts_at_the_same_moment_all_count),
		CATALOG_TEST(keys_are_counted_apart),
		CATALOG_TEST(another_process_knows_of_them),
		CATALOG_TEST(what_is_taken_back_does_not_count),
		CATALOG_TEST(a_day_later_all_is_forgotten),
		CATALOG_TEST(a_clock_put_back_locks_nobody_out),
		CATALOG_TEST(a_flood_is_told_once_a_minute_with_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/progress.h"

static void a_cancelled_work_is_told_so(void **state)
{
	struct progress p = {NULL};
	struct error e = {0};
	assert_int_equal(progress_check(&p, &e), 0);
	atomic_store(&p.cancel, true);
	assert_int_equal(progress_check(&p, &e), -ERR_CANCELLED);
	assert_string_equal(e.text, "cancelled");
	progress_phase(&p, "writing", "files", 0, 0);
	assert_int_equal(progress_check(&p, &e), -ERR_CANCELLED);
}

static void a_phase_begins_at_zero_and_adds_up(void **state)
{
	struct progress p = {NULL};
	progress_phase(&p, "reading", "tables", 100, 3);
	progress_bytes(&p, 40);
	progress_bytes(&p, 2);
	progress_items(&p, 1);
	progress_expect(&p, 11, 2);
	assert_string_equal(atomic_load(&p.phase), "reading");
	assert_string_equal(atomic_load(&p.unit), "tables");
	assert_int_equal(atomic_load(&p.bytes_done), 42);
	assert_int_equal(atomic_load(&p.bytes_total), 111);
	assert_int_equal(atomic_load(&p.items_done), 1);
	assert_int_equal(atomic_load(&p.items_total), 5);
	progress_phase(&p, "checking", NULL, 7, 0);
	assert_string_equal(atomic_load(&p.phase), "checking");
	assert_null(atomic_load(&p.unit));
	assert_int_equal(atomic_load(&p.bytes_done), 0);
	assert_int_equal(atomic_load(&p.bytes_total), 7);
	assert_int_equal(atomic_load(&p.items_done), 0);
	assert_int_equal(atomic_load(&p.items_total), 0);
}

static void a_part_within_a_work_is_called_one_thing_until_it_ends(void **state)
{
	struct progress p = {NULL};
	progress_phase(&p, "restoring", "files", 100, 3);
	progress_within(&p, "safety backup");
	assert_string_equal(atomic_load(&p.phase), "safety backup");
	assert_null(atomic_load(&p.unit));
	progress_phase(&p, "reading", "tables", 7, 2);
	assert_string_equal(atomic_load(&p.phase), "safety backup");
	assert_string_equal(atomic_load(&p.unit), "tables");
	assert_int_equal(atomic_load(&p.bytes_total), 7);
	progress_within(&p, NULL);
	assert_string_equal(atomic_load(&p.phase), "safety backup");
	progress_phase(&p, "writing", NULL, 0, 0);
	assert_string_equal(atomic_load(&p.phase), "writing");
}

static void nobody_needs_to_watch(void **state)
{
	struct error e = {0};
	progress_phase(NULL, "reading", NULL, 1, 1);
	progress_within(NULL, "reading");
	progress_bytes(NULL, 1);
	progress_items(NULL, 1);
	progress_expect(NULL, 1, 1);
	assert_int_equal(progress_check(NULL, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancelled_work_is_told_so),
		cmocka_unit_test(a_phase_begins_at_zero_and_adds_up),
		cmocka_unit_test(a_part_within_a_work_is_called_one_thing_until_it_ends),
		cmocka_unit_test(nobody_needs_to_watch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

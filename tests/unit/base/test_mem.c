#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "unit/base/aborts.h"

#include <stdlib.h>
#include <string.h>

static void overflow_an_array(void)
{
	free(mem_array(NULL, SIZE_MAX / 2, 3));
}

static void an_array_whose_size_overflows_ends_the_program(void **state)
{
	assert_aborts(overflow_an_array, "backstay: out of memory (18446744073709551615 bytes asked for)\n");
}

static void size_zero_gives_a_pointer(void **state)
{
	AUTO_FREE char *a = mem_alloc(0);
	AUTO_FREE char *b = mem_zero(0);
	AUTO_FREE char *c = mem_resize(NULL, 0);
	AUTO_FREE char *d = mem_copy(NULL, 0);
	AUTO_FREE char *e = mem_array(NULL, 0, 8);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_non_null(d);
	assert_non_null(e);
}

static void zeroed_memory_is_zero(void **state)
{
	AUTO_FREE unsigned char *p = mem_zero(1000);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
}

static void copies_are_exact_and_separate(void **state)
{
	char from[] = "ab\0cd";
	AUTO_FREE char *bytes = mem_copy(from, 5);
	AUTO_FREE char *text = mem_string(from);
	AUTO_FREE char *part = mem_string_n("hello", 4);
	AUTO_FREE char *nothing = mem_string_n(NULL, 0);

	memset(from, 'z', sizeof from);
	assert_memory_equal(bytes, "ab\0cd", 5);
	assert_string_equal(text, "ab");
	assert_string_equal(part, "hell");
	assert_string_equal(nothing, "");
}

static void resizing_keeps_the_content(void **state)
{
	AUTO_FREE char *p = mem_string("kept");

	p = mem_resize(p, 100000);
	assert_string_equal(p, "kept");
	p = mem_array(p, 5, 1);
	assert_string_equal(p, "kept");
}

static void printf_makes_a_string_of_any_length(void **state)
{
	AUTO_FREE char *s = mem_printf("%s-%d", "job", 7);
	AUTO_FREE char *wide = mem_printf("%0*d", 5000, 1);

	assert_string_equal(s, "job-7");
	assert_int_equal(strlen(wide), 5000);
}

static int released;

static void count_release(int *v)
{
	released += *v;
}

static void leave_scope(void)
{
	CLEANUP(count_release) int v = 3;

	v++;
}

static char *survive(void)
{
	AUTO_FREE char *p = mem_string("alive");

	return TAKE(p);
}

static void cleanup_runs_at_the_end_of_the_scope(void **state)
{
	released = 0;
	leave_scope();
	assert_int_equal(released, 4);
}

static void what_is_taken_survives_the_scope(void **state)
{
	AUTO_FREE char *p = survive();

	assert_string_equal(p, "alive");
}

static void an_array_grows_by_one_element_at_a_time(void **state)
{
	AUTO_FREE uint32_t *v = NULL;
	size_t n = 0, cap = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		GROW(v, n, cap);
		v[n++] = i;
	}
	assert_true(cap >= 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(v[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_whose_size_overflows_ends_the_program),
		cmocka_unit_test(size_zero_gives_a_pointer),
		cmocka_unit_test(zeroed_memory_is_zero),
		cmocka_unit_test(copies_are_exact_and_separate),
		cmocka_unit_test(resizing_keeps_the_content),
		cmocka_unit_test(printf_makes_a_string_of_any_length),
		cmocka_unit_test(cleanup_runs_at_the_end_of_the_scope),
		cmocka_unit_test(what_is_taken_survives_the_scope),
		cmocka_unit_test(an_array_grows_by_one_element_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/strlist.h"

#include <stdlib.h>

static void a_new_list_is_empty(void **state)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	assert_false(strlist_has(&l, ""));
	strlist_sort(&l);
	AUTO_FREE char *joined = strlist_join(&l, ", ");
	assert_string_equal(joined, "");
}

static void added_strings_are_copies(void **state)
{
	CLEANUP(strlist_release) struct strlist l = {0};
	char name[] = "one";

	strlist_add(&l, name);
	name[0] = 'X';
	strlist_take(&l, mem_string("two"));
	strlist_addf(&l, "%s %d", "number", 3);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0], "one");
	assert_string_equal(l.v[1], "two");
	assert_string_equal(l.v[2], "number 3");
}

static void only_equal_strings_are_found(void **state)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	strlist_add(&l, "users");
	assert_true(strlist_has(&l, "users"));
	assert_false(strlist_has(&l, "user"));
	assert_false(strlist_has(&l, "Users"));
}

static void sorting_goes_by_bytes(void **state)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	strlist_add(&l, "\xc3\xa9");
	strlist_add(&l, "b");
	strlist_add(&l, "B");
	strlist_add(&l, "");
	strlist_add(&l, "ba");
	strlist_sort(&l);
	AUTO_FREE char *joined = strlist_join(&l, "|");
	assert_string_equal(joined, "|B|b|ba|\xc3\xa9");
}

static void copies_are_appended(void **state)
{
	CLEANUP(strlist_release) struct strlist a = {0}, b = {0};

	strlist_add(&a, "x");
	strlist_add(&b, "y");
	strlist_add(&b, "z");
	strlist_copy(&a, &b);
	strlist_copy(&a, &a);
	AUTO_FREE char *joined = strlist_join(&a, "");
	assert_string_equal(joined, "xyzxyz");
	assert_int_equal(b.n, 2);
}

static void a_released_list_can_be_used_again(void **state)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++)
			strlist_addf(&l, "%d", i);
		assert_int_equal(l.n, 100);
		assert_string_equal(l.v[99], "99");
		strlist_release(&l);
		assert_int_equal(l.n, 0);
		assert_null(l.v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_list_is_empty),
		cmocka_unit_test(added_strings_are_copies),
		cmocka_unit_test(only_equal_strings_are_found),
		cmocka_unit_test(sorting_goes_by_bytes),
		cmocka_unit_test(copies_are_appended),
		cmocka_unit_test(a_released_list_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void drop_map(struct map **m)
{
	map_free(*m, NULL);
}

#define AUTO_MAP CLEANUP(drop_map) struct map *

static void *value(uintptr_t v)
{
	return (void *)v;
}

static void an_empty_map_has_nothing(void **state)
{
	AUTO_MAP m = map_new();

	assert_int_equal(map_count(m), 0);
	assert_int_equal(map_slots(m), 0);
	assert_null(map_get(m, "a", 1));
	assert_false(map_has(m, "a", 1));
	assert_null(map_remove(m, "a", 1));
	map_free(NULL, free);
}

static void a_key_is_all_its_bytes(void **state)
{
	AUTO_MAP m = map_new();

	map_put(m, "a\0b", 3, value(1));
	map_put(m, "a", 1, value(2));
	map_put(m, "", 0, value(3));
	map_put(m, "a\0c", 3, value(4));
	assert_ptr_equal(map_get(m, "a\0b", 3), value(1));
	assert_ptr_equal(map_get(m, "a", 1), value(2));
	assert_ptr_equal(map_get(m, NULL, 0), value(3));
	assert_ptr_equal(map_get(m, "a\0c", 3), value(4));
	assert_null(map_get(m, "a\0", 2));
	assert_int_equal(map_count(m), 4);
}

static void keys_of_every_length_are_told_apart(void **state)
{
	AUTO_MAP m = map_new();
	char key[64] = {0};

	for (uintptr_t n = 0; n < sizeof key; n++)
		assert_null(map_put(m, key, n, value(n + 1)));
	for (uintptr_t n = 0; n < sizeof key; n++)
		assert_ptr_equal(map_get(m, key, n), value(n + 1));
}

static void keys_are_copied(void **state)
{
	AUTO_MAP m = map_new();
	char key[] = "users";

	map_put(m, key, 5, value(1));
	key[0] = 'X';
	assert_true(map_has(m, "users", 5));
	assert_false(map_has(m, "Xsers", 5));
}

static void putting_again_replaces_and_returns_the_old_value(void **state)
{
	AUTO_MAP m = map_new();

	assert_null(map_put(m, "k", 1, value(1)));
	assert_ptr_equal(map_put(m, "k", 1, value(2)), value(1));
	assert_ptr_equal(map_get(m, "k", 1), value(2));
	assert_int_equal(map_count(m), 1);
}

static void a_null_value_is_told_from_absence_by_has(void **state)
{
	AUTO_MAP m = map_new();

	map_put(m, "k", 1, NULL);
	assert_true(map_has(m, "k", 1));
	assert_null(map_get(m, "k", 1));
}

static void a_removed_key_is_gone_and_may_come_back(void **state)
{
	AUTO_MAP m = map_new();

	map_put(m, "a", 1, value(1));
	map_put(m, "b", 1, value(2));
	assert_ptr_equal(map_remove(m, "a", 1), value(1));
	assert_null(map_remove(m, "a", 1));
	assert_false(map_has(m, "a", 1));
	assert_int_equal(map_count(m), 1);
	assert_null(map_put(m, "a", 1, value(3)));
	assert_ptr_equal(map_get(m, "a", 1), value(3));
	assert_int_equal(map_count(m), 2);
}

static void entries_come_in_the_order_of_insertion(void **state)
{
	AUTO_MAP m = map_new();
	const void *key;
	size_t len, seen = 0;
	void *v;
	char text[16];

	for (uintptr_t i = 0; i < 1000; i++)
		map_put(m, text, (size_t)snprintf(text, sizeof text, "key %zu", (size_t)i), value(i));
	map_put(m, "key 0", 5, value(0));
	for (size_t i = 0; i < map_slots(m); i++, seen++) {
		assert_true(map_at(m, i, &key, &len, &v));
		assert_int_equal(len, snprintf(text, sizeof text, "key %zu", i));
		assert_memory_equal(key, text, len);
		assert_ptr_equal(v, value(i));
	}
	assert_int_equal(seen, 1000);
}

static void removed_entries_are_passed_over(void **state)
{
	AUTO_MAP m = map_new();
	const void *key;
	size_t seen = 0;

	map_put(m, "a", 1, value(1));
	map_put(m, "b", 1, value(2));
	map_put(m, "c", 1, value(3));
	map_remove(m, "b", 1);
	assert_int_equal(map_slots(m), 3);
	assert_false(map_at(m, 1, &key, NULL, NULL));
	for (size_t i = 0; i < map_slots(m); i++)
		seen += map_at(m, i, NULL, NULL, NULL);
	assert_int_equal(seen, map_count(m));
}

/* Every step compared with a plain array. */
static void many_random_changes_agree_with_an_array(void **state)
{
	AUTO_MAP m = map_new();
	uintptr_t model[512] = {0};
	uint32_t random = 1;
	size_t count = 0;

	for (uintptr_t step = 1; step < 60000; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t k = random >> 23, action = random >> 20 & 3;

		if (action == 0) {
			assert_ptr_equal(map_remove(m, &k, sizeof k), value(model[k]));
			count -= model[k] != 0;
			model[k] = 0;
		} else if (action == 1) {
			assert_ptr_equal(map_put(m, &k, sizeof k, value(step)), value(model[k]));
			count += model[k] == 0;
			model[k] = step;
		} else {
			assert_ptr_equal(map_get(m, &k, sizeof k), value(model[k]));
		}
		assert_int_equal(map_count(m), count);
	}
}

static void removing_and_adding_for_ever_does_not_grow_the_map(void **state)
{
	AUTO_MAP m = map_new();

	for (uint32_t i = 0; i < 100000; i++) {
		map_put(m, &i, sizeof i, value(1));
		map_remove(m, &i, sizeof i);
	}
	assert_int_equal(map_count(m), 0);
	assert_true(map_slots(m) < 100);
}

static void values_are_freed_with_the_map_when_asked(void **state)
{
	struct map *m = map_new();

	map_put(m, "a", 1, mem_string("one"));
	map_put(m, "b", 1, mem_string("two"));
	free(map_remove(m, "a", 1));
	map_free(m, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(a_key_is_all_its_bytes),
		cmocka_unit_test(keys_of_every_length_are_told_apart),
		cmocka_unit_test(keys_are_copied),
		cmocka_unit_test(putting_again_replaces_and_returns_the_old_value),
		cmocka_unit_test(a_null_value_is_told_from_absence_by_has),
		cmocka_unit_test(a_removed_key_is_gone_and_may_come_back),
		cmocka_unit_test(entries_come_in_the_order_of_insertion),
		cmocka_unit_test(removed_entries_are_passed_over),
		cmocka_unit_test(many_random_changes_agree_with_an_array),
		cmocka_unit_test(removing_and_adding_for_ever_does_not_grow_the_map),
		cmocka_unit_test(values_are_freed_with_the_map_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/id.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct id numbered(uint32_t n)
{
	struct id id;
	id_hash(&id, &n, sizeof n);
	return id;
}

static void only_64_lower_case_hex_digits_are_an_id(void **state)
{
	static const char *const cases[] = {
		"",
		"ba7816bf",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
		"BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		" a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	struct id id;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_false(id_parse(&id, cases[i], strlen(cases[i])));
	assert_true(id_parse(&id, ABC, 64));
}

static void an_id_is_the_sha256_in_lower_case_hex(void **state)
{
	struct id id, parsed;
	char hex[ID_HEX_LEN + 1];

	id_hash(&id, "abc", 3);
	assert_string_equal(id_hex(&id, hex), ABC);
	assert_true(id_parse(&parsed, hex, 64));
	assert_true(id_equal(&id, &parsed));
	id_hash(&id, NULL, 0);
	assert_string_equal(id_hex(&id, hex), NOTHING);
	assert_true(id_cmp(&parsed, &id) < 0);
}

static void random_ids_differ_and_are_not_zero(void **state)
{
	struct id a, b, zero = {{0}};

	id_random(&a);
	id_random(&b);
	assert_false(id_equal(&a, &b));
	assert_false(id_is_zero(&a));
	assert_true(id_is_zero(&zero));
	zero.b[31] = 1;
	assert_false(id_is_zero(&zero));
}

static void a_list_keeps_the_order_it_was_given(void **state)
{
	CLEANUP(id_list_release) struct id_list l = {0};

	for (uint32_t i = 0; i < 100; i++) {
		struct id id = numbered(i);
		id_list_add(&l, &id);
	}
	assert_int_equal(l.n, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct id id = numbered(i);
		assert_true(id_equal(&l.v[i], &id));
	}
	id_list_release(&l);
	assert_int_equal(l.n, 0);
	assert_null(l.v);
}

static void a_set_holds_each_id_once_the_zero_id_too(void **state)
{
	struct id_set *s = id_set_new();
	struct id zero = {{0}}, one = numbered(1);

	assert_false(id_set_has(s, &zero));
	assert_false(id_set_has(s, &one));
	assert_false(id_set_remove(s, &zero));
	assert_false(id_set_remove(s, &one));
	assert_true(id_set_add(s, &zero));
	assert_false(id_set_add(s, &zero));
	assert_true(id_set_add(s, &one));
	assert_false(id_set_add(s, &one));
	assert_true(id_set_has(s, &zero));
	assert_true(id_set_remove(s, &zero));
	assert_false(id_set_has(s, &zero));
	assert_true(id_set_has(s, &one));
	id_set_free(s);
	id_set_free(NULL);
}

/* Every third id is removed while others are added: what stays must be found, what went must not. */
static void a_set_forgets_what_is_removed_and_nothing_else(void **state)
{
	const uint32_t n = 30000;
	struct id_set *s = id_set_new();

	for (uint32_t i = 0; i < n; i++) {
		struct id id = numbered(i), old = numbered(i / 2);
		assert_true(id_set_add(s, &id));
		if (i % 2 == 0 && i / 2 % 3 == 0)
			assert_true(id_set_remove(s, &old));
	}
	for (uint32_t i = 0; i < n; i++) {
		struct id id = numbered(i);
		bool gone = i < n / 2 && i % 3 == 0;
		assert_int_equal(id_set_has(s, &id), !gone);
	}
	id_set_free(s);
}

static void a_set_takes_at_most_80_bytes_an_id(void **state)
{
	struct id_set *s = id_set_new();

	for (uint32_t i = 0; i < 100000; i++) {
		struct id id = numbered(i);
		id_set_add(s, &id);
		if (i > 1000)
			assert_in_range(id_set_memory(s) / (i + 1), 40, 80);
	}
	id_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_64_lower_case_hex_digits_are_an_id),
		cmocka_unit_test(an_id_is_the_sha256_in_lower_case_hex),
		cmocka_unit_test(random_ids_differ_and_are_not_zero),
		cmocka_unit_test(a_list_keeps_the_order_it_was_given),
		cmocka_unit_test(a_set_holds_each_id_once_the_zero_id_too),
		cmocka_unit_test(a_set_forgets_what_is_removed_and_nothing_else),
		cmocka_unit_test(a_set_takes_at_most_80_bytes_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

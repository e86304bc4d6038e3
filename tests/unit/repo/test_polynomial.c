#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/polynomial.h"

static void what_has_factors_is_not_irreducible(void **state)
{
	static const uint64_t cases[] = {
		0,
		1,
		4,
		5,
		6,
		9,
		0x20000000000001,   /* x^53 + 1 */
		0x8000000000000001, /* x^63 + 1 */
		0xffffffffffffffff,
		0x3c5d190a97a554, /* divisible by x */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_false(polynomial_irreducible(cases[i]));
}

static void known_irreducible_ones_are_recognised(void **state)
{
	static const uint64_t cases[] = {
		2,
		3,
		7,
		0xb,
		0xd,
		0x11b,
		0x3c5d190a97a555,   /* of a repository of restic's */
		0x3da3358b4dc173,   /* of restic's own tests */
		0x8000000000000003, /* x^63 + x + 1 */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(polynomial_irreducible(cases[i]));
}

/* Gauss counted them for every degree. */
static void there_are_as_many_of_each_degree_as_there_must_be(void **state)
{
	static const unsigned wanted[] = {0, 2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335, 630};

	for (unsigned degree = 1; degree < ARRAY_LEN(wanted); degree++) {
		unsigned found = 0;
		for (uint64_t p = 1ull << degree; p < 2ull << degree; p++)
			found += polynomial_irreducible(p);
		assert_int_equal(found, wanted[degree]);
	}
}

static void a_random_one_is_irreducible_of_degree_53(void **state)
{
	uint64_t before = 0;

	for (int i = 0; i < 20; i++) {
		uint64_t p = polynomial_random();
		assert_true(polynomial_irreducible(p));
		assert_int_equal(p >> 53, 1);
		assert_true(p != before);
		before = p;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_factors_is_not_irreducible),
		cmocka_unit_test(known_irreducible_ones_are_recognised),
		cmocka_unit_test(there_are_as_many_of_each_degree_as_there_must_be),
		cmocka_unit_test(a_random_one_is_irreducible_of_degree_53),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

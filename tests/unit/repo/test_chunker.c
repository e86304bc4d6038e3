#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/chunker.h"

#include <string.h>

#define SIZE ((size_t)12 << 20)
#define CHUNKS_MAX 64

static void fill(unsigned char *p, size_t n, uint64_t x)
{
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (unsigned char)(x >> 32);
	}
}

static struct chunker chunker_of(uint8_t first)
{
	struct cipher_key key;
	struct chunker c;

	for (size_t i = 0; i < sizeof key; i++)
		((uint8_t *)&key)[i] = (uint8_t)(first + i);
	chunker_init(&c, &key);
	return c;
}

/* Cut everything; the lengths. */
static size_t cut(const struct chunker *c, const unsigned char *p, size_t n, size_t length[CHUNKS_MAX])
{
	size_t k = 0;

	while (n > 0) {
		assert_true(k < CHUNKS_MAX);
		length[k] = chunker_next(c, p, n, true);
		assert_true(length[k] > 0 && length[k] <= n);
		p += length[k];
		n -= length[k++];
	}
	return k;
}

static void the_gear_table_is_hkdf_of_the_master_key(void **state)
{
	struct chunker c = chunker_of(0);

	/* Computed by another implementation. */
	assert_true(c.gear[0] == 0x4ca03a09471f9385 && c.gear[255] == 0xd3f3ce804ea277e3);
}

static void the_cuts_of_a_key_never_change(void **state)
{
	static const size_t expected[] = {270089,  1452913, 1119801, 1050313, 1124482, 408245, 1433822,
					  1145268, 781751,  1457610, 952377,  1278986, 107255};
	AUTO_FREE unsigned char *p = mem_alloc(SIZE);
	struct chunker c = chunker_of(0);
	size_t length[CHUNKS_MAX];

	fill(p, SIZE, 42);
	size_t n = cut(&c, p, SIZE, length);

	assert_int_equal(n, ARRAY_LEN(expected));
	assert_memory_equal(length, expected, sizeof expected);
}

static void another_key_cuts_elsewhere(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(SIZE);
	struct chunker a = chunker_of(0), b = chunker_of(1);

	fill(p, SIZE, 42);
	assert_int_not_equal(chunker_next(&a, p, SIZE, true), chunker_next(&b, p, SIZE, true));
}

static void chunks_keep_to_their_bounds_and_average(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(2 * SIZE);
	struct chunker c = chunker_of(7);
	size_t length[CHUNKS_MAX];

	fill(p, 2 * SIZE, 1);
	size_t n = cut(&c, p, 2 * SIZE, length);

	for (size_t i = 0; i + 1 < n; i++)
		assert_in_range(length[i], CHUNK_MIN + 1, CHUNK_MAX);
	assert_in_range(2 * SIZE / n, CHUNK_AVERAGE * 3 / 4, CHUNK_AVERAGE * 3 / 2);
}

static void bytes_without_change_make_the_longest_chunks(void **state)
{
	AUTO_FREE unsigned char *p = mem_zero(SIZE);
	struct chunker c = chunker_of(0);
	size_t length[CHUNKS_MAX];

	assert_int_equal(cut(&c, p, 2 * CHUNK_MAX + 5, length), 3);
	assert_int_equal(length[0], CHUNK_MAX);
	assert_int_equal(length[1], CHUNK_MAX);
	assert_int_equal(length[2], 5);
}

static void the_pieces_that_bytes_come_in_do_not_matter(void **state)
{
	static const size_t steps[] = {1, 7, 4096, 65537, CHUNK_MIN, CHUNK_MIN + 1, CHUNK_MAX + 3};
	AUTO_FREE unsigned char *p = mem_alloc(SIZE);
	struct chunker c = chunker_of(3);
	size_t expected[CHUNKS_MAX], n;

	fill(p, SIZE, 5);
	n = cut(&c, p, SIZE, expected);
	for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
		struct chunker_scan scan = {0};
		size_t at = 0, begun = 0, k = 0;

		while (at < SIZE && (steps[s] > 1 || k < 2)) {
			size_t step = steps[s] < SIZE - at ? steps[s] : SIZE - at;
			size_t end = chunker_scan(&c, &scan, p + at, step);

			at += end ? end : step;
			if (end) {
				assert_int_equal(at - begun, expected[k++]);
				begun = at;
				assert_int_equal(scan.at, 0);
			}
		}
		assert_true(k + 1 >= n || steps[s] == 1);
	}
}

static void too_few_bytes_ask_for_more(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(SIZE);
	struct chunker c = chunker_of(0);

	fill(p, SIZE, 42);
	size_t length = chunker_next(&c, p, SIZE, false);

	assert_int_equal(chunker_next(&c, p, length - 1, false), 0);
	assert_int_equal(chunker_next(&c, p, length - 1, true), length - 1);
	assert_int_equal(chunker_next(&c, p, length, false), length);
	assert_int_equal(chunker_next(&c, p, 0, false), 0);
}

static void an_insertion_changes_only_the_chunks_around_it(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(SIZE + 100);
	struct chunker c = chunker_of(0);
	size_t before[CHUNKS_MAX], after[CHUNKS_MAX], n, m, same = 0;

	fill(p, SIZE, 42);
	n = cut(&c, p, SIZE, before);
	memmove(p + 1000100, p + 1000000, SIZE - 1000000);
	m = cut(&c, p, SIZE + 100, after);
	while (same < n && same < m && before[n - 1 - same] == after[m - 1 - same])
		same++;
	assert_true(n - same <= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gear_table_is_hkdf_of_the_master_key),
		cmocka_unit_test(the_cuts_of_a_key_never_change),
		cmocka_unit_test(another_key_cuts_elsewhere),
		cmocka_unit_test(chunks_keep_to_their_bounds_and_average),
		cmocka_unit_test(bytes_without_change_make_the_longest_chunks),
		cmocka_unit_test(the_pieces_that_bytes_come_in_do_not_matter),
		cmocka_unit_test(too_few_bytes_ask_for_more),
		cmocka_unit_test(an_insertion_changes_only_the_chunks_around_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/blob.h"
#include "repo/compressor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LARGEST ((size_t)4 << 20)
#define WORD 6
#define WORDS 4096

static uint64_t seed;

static uint32_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32);
}

static void fill_random(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)draw();
}

/* Random words of six bytes in random order: matches of six bytes make it shorter, those of seven hardly. */
static void fill_words(unsigned char *p, size_t n)
{
	static unsigned char word[WORDS][WORD];
	static bool made;

	if (!made)
		fill_random(word[0], sizeof word);
	made = true;
	for (size_t i = 0; i < n; i++)
		p[i] = i % WORD ? p[i - 1] : 0;
	for (size_t i = 0; i + WORD <= n; i += WORD)
		memcpy(p + i, word[draw() % WORDS], WORD);
}

/* Lines that differ in a number: any recipe makes them short. */
static void fill_lines(unsigned char *p, size_t n)
{
	char line[64];
	size_t at = 0;

	while (at < n) {
		size_t len = (size_t)snprintf(line, sizeof line, "order %08x was paid and sent to the customer\n", draw());
		size_t part = len < n - at ? len : n - at;

		memcpy(p + at, line, part);
		at += part;
	}
}

struct bench {
	struct compressor *c;
	unsigned char *p; /* LARGEST */
	struct buf frame;
};

static int set_up(void **state)
{
	struct bench *b = mem_zero(sizeof *b);

	seed = 88172645463325252u;
	b->c = compressor_new();
	b->p = mem_alloc(LARGEST);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	compressor_free(b->c);
	free(b->p);
	buf_release(&b->frame);
	free(b);
	return 0;
}

static bool run(struct bench *b, size_t n, int level)
{
	return compressor_run(b->c, b->p, n, level, &b->frame);
}

static void assert_comes_back(const struct bench *b, size_t n)
{
	AUTO_FREE unsigned char *plain = mem_alloc(n);

	assert_int_equal(ZSTD_decompress(plain, n, b->frame.p, b->frame.len), n);
	assert_memory_equal(plain, b->p, n);
}

static void frames_of_every_length_and_level_come_back(void **state)
{
	static const size_t length[] = {100, (128 << 10) - 1, (128 << 10) + 1, 256 << 10, (256 << 10) + 1,
					(512 << 10) - 1, 512 << 10, (512 << 10) + 1, LARGEST};
	static const int level[] = {1, BLOB_LEVEL_DEFAULT, 3};
	struct bench *b = *state;

	fill_lines(b->p, LARGEST);
	for (size_t i = 0; i < sizeof length / sizeof *length; i++)
		for (size_t l = 0; l < sizeof level / sizeof *level; l++) {
			assert_true(run(b, length[i], level[l]));
			assert_comes_back(b, length[i]);
		}
}

static void what_cannot_be_made_a_32nd_shorter_is_left_as_it_is(void **state)
{
	struct bench *b = *state;

	fill_random(b->p, LARGEST);
	for (size_t n = 1; n <= LARGEST; n *= 4)
		assert_false(run(b, n, BLOB_LEVEL_DEFAULT));
	memset(b->p, 0, COMPRESSOR_BLOCK / 40);
	assert_false(run(b, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT));
	memset(b->p, 0, COMPRESSOR_BLOCK / 24);
	assert_true(run(b, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT));
}

/* Whether n bytes of words came out as short as the dense recipe makes them. */
static bool words_are_dense(struct bench *b, size_t n)
{
	fill_words(b->p, n);
	bool made = run(b, n, BLOB_LEVEL_DEFAULT);

	if (made)
		assert_comes_back(b, n);
	return made && b->frame.len < n / 10 * 7;
}

static void run_lines(struct bench *b, size_t n, unsigned times)
{
	fill_lines(b->p, n);
	while (times--)
		assert_true(run(b, n, BLOB_LEVEL_DEFAULT));
}

static void assert_changes_after_four(struct bench *b, size_t n)
{
	assert_true(words_are_dense(b, n));
	run_lines(b, n, 4);
	for (int quick = 0; quick < 3; quick++)
		assert_false(words_are_dense(b, n));
	for (int dense = 0; dense < 8; dense++)
		assert_true(words_are_dense(b, n));
}

static void the_recipe_changes_four_blobs_after_the_content(void **state)
{
	assert_changes_after_four(*state, COMPRESSOR_BLOCK);
	assert_changes_after_four(*state, COMPRESSOR_BLOCK + 1);
}

static void a_recipe_that_would_be_better_unseen_is_found_by_the_64th_blob(void **state)
{
	struct bench *b = *state;

	fill_random(b->p, COMPRESSOR_BLOCK);
	assert_false(run(b, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT));
	for (unsigned i = 1; i < COMPRESSOR_TRY_EVERY; i++)
		assert_false(words_are_dense(b, COMPRESSOR_BLOCK));
	assert_true(words_are_dense(b, COMPRESSOR_BLOCK));
}

static void blocks_and_chunks_have_habits_of_their_own(void **state)
{
	assert_true(words_are_dense(*state, COMPRESSOR_BLOCK));
	run_lines(*state, COMPRESSOR_BLOCK + 1, 8);
	assert_true(words_are_dense(*state, COMPRESSOR_BLOCK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_of_every_length_and_level_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_made_a_32nd_shorter_is_left_as_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_recipe_changes_four_blobs_after_the_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_recipe_that_would_be_better_unseen_is_found_by_the_64th_blob, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blocks_and_chunks_have_habits_of_their_own, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

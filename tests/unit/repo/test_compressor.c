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

static int make(void **state)
{
	(void)state;
	seed = 88172645463325252u;
	return 0;
}

static void assert_comes_back(const struct buf *frame, const unsigned char *p, size_t n)
{
	AUTO_FREE unsigned char *plain = mem_alloc(n);

	assert_int_equal(ZSTD_decompress(plain, n, frame->p, frame->len), n);
	assert_memory_equal(plain, p, n);
}

static void frames_of_every_length_and_level_come_back(void **state)
{
	static const size_t length[] = {100, (128 << 10) - 1, (128 << 10) + 1, 256 << 10, (256 << 10) + 1,
					(512 << 10) - 1, 512 << 10, (512 << 10) + 1, LARGEST};
	static const int level[] = {1, BLOB_LEVEL_DEFAULT, 3};
	CLEANUP(buf_release) struct buf frame = BUF_INIT;
	AUTO_FREE unsigned char *p = mem_alloc(LARGEST);
	struct compressor *c = compressor_new();

	(void)state;
	fill_lines(p, LARGEST);
	for (size_t i = 0; i < sizeof length / sizeof *length; i++)
		for (size_t l = 0; l < sizeof level / sizeof *level; l++) {
			assert_true(compressor_run(c, p, length[i], level[l], &frame));
			assert_comes_back(&frame, p, length[i]);
		}
	compressor_free(c);
}

static void what_cannot_be_made_a_32nd_shorter_is_left_as_it_is(void **state)
{
	CLEANUP(buf_release) struct buf frame = BUF_INIT;
	AUTO_FREE unsigned char *p = mem_alloc(LARGEST);
	struct compressor *c = compressor_new();

	(void)state;
	fill_random(p, LARGEST);
	for (size_t n = 1; n <= LARGEST; n *= 4)
		assert_false(compressor_run(c, p, n, BLOB_LEVEL_DEFAULT, &frame));
	memset(p, 0, COMPRESSOR_BLOCK / 40);
	assert_false(compressor_run(c, p, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT, &frame));
	memset(p, 0, COMPRESSOR_BLOCK / 24);
	assert_true(compressor_run(c, p, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT, &frame));
	compressor_free(c);
}

/* Whether n bytes of words came out as short as the dense recipe makes them. */
static bool words_are_dense(struct compressor *c, unsigned char *p, size_t n)
{
	CLEANUP(buf_release) struct buf frame = BUF_INIT;

	fill_words(p, n);
	bool made = compressor_run(c, p, n, BLOB_LEVEL_DEFAULT, &frame);

	if (made)
		assert_comes_back(&frame, p, n);
	return made && frame.len < n / 10 * 7;
}

static void run_lines(struct compressor *c, unsigned char *p, size_t n, unsigned times)
{
	CLEANUP(buf_release) struct buf frame = BUF_INIT;

	fill_lines(p, n);
	while (times--)
		assert_true(compressor_run(c, p, n, BLOB_LEVEL_DEFAULT, &frame));
}

static void the_recipe_changes_four_blobs_after_the_content(void **state)
{
	static const size_t length[] = {COMPRESSOR_BLOCK, COMPRESSOR_BLOCK + 1};
	AUTO_FREE unsigned char *p = mem_alloc(LARGEST);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct compressor *c = compressor_new();

		assert_true(words_are_dense(c, p, length[i]));
		run_lines(c, p, length[i], 4);
		for (int quick = 0; quick < 3; quick++)
			assert_false(words_are_dense(c, p, length[i]));
		for (int dense = 0; dense < 8; dense++)
			assert_true(words_are_dense(c, p, length[i]));
		compressor_free(c);
	}
}

static void a_recipe_that_would_be_better_unseen_is_found_by_the_64th_blob(void **state)
{
	CLEANUP(buf_release) struct buf frame = BUF_INIT;
	AUTO_FREE unsigned char *p = mem_alloc(COMPRESSOR_BLOCK);
	struct compressor *c = compressor_new();

	(void)state;
	fill_random(p, COMPRESSOR_BLOCK);
	assert_false(compressor_run(c, p, COMPRESSOR_BLOCK, BLOB_LEVEL_DEFAULT, &frame));
	for (unsigned i = 1; i < COMPRESSOR_TRY_EVERY; i++)
		assert_false(words_are_dense(c, p, COMPRESSOR_BLOCK));
	assert_true(words_are_dense(c, p, COMPRESSOR_BLOCK));
	compressor_free(c);
}

static void blocks_and_chunks_have_habits_of_their_own(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(LARGEST);
	struct compressor *c = compressor_new();

	(void)state;
	assert_true(words_are_dense(c, p, COMPRESSOR_BLOCK));
	run_lines(c, p, COMPRESSOR_BLOCK + 1, 8);
	assert_true(words_are_dense(c, p, COMPRESSOR_BLOCK));
	compressor_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(frames_of_every_length_and_level_come_back, make),
		cmocka_unit_test_setup(what_cannot_be_made_a_32nd_shorter_is_left_as_it_is, make),
		cmocka_unit_test_setup(the_recipe_changes_four_blobs_after_the_content, make),
		cmocka_unit_test_setup(a_recipe_that_would_be_better_unseen_is_found_by_the_64th_blob, make),
		cmocka_unit_test_setup(blocks_and_chunks_have_habits_of_their_own, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

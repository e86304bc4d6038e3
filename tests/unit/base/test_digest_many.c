#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/digest_many.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MOST 400

/* Messages that end where their allocations do, begin `odd` bytes behind them, and are the same in every run. */
struct world {
	unsigned char *p[MOST];
	struct digest_message m[MOST];
	unsigned char out[MOST][DIGEST_SHA256], expected[MOST][DIGEST_SHA256];
	size_t n;
	uint32_t seed;
};

static int set_up(void **state)
{
	*state = mem_zero(sizeof(struct world));
	return 0;
}

static uint32_t next(struct world *w)
{
	return (w->seed = w->seed * 1664525 + 1013904223) >> 8;
}

static void add(struct world *w, size_t len, size_t odd)
{
	unsigned char *p = w->p[w->n] = mem_alloc(odd + len);

	for (size_t i = 0; i < odd + len; i++)
		p[i] = (unsigned char)next(w);
	digest_sha256(p + odd, len, w->expected[w->n]);
	w->m[w->n] = (struct digest_message){p + odd, len, w->out[w->n]};
	w->n++;
}

static void clear(struct world *w)
{
	while (w->n > 0)
		free(w->p[--w->n]);
}

static int tear_down(void **state)
{
	clear(*state);
	free(*state);
	return 0;
}

static void expect_all(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		assert_memory_equal(w->out[i], w->expected[i], DIGEST_SHA256);
	memset(w->out, 0, sizeof w->out);
}

static void expect_right(struct world *w)
{
	digest_many_one_by_one(w->m, w->n);
	expect_all(w);
	digest_many_sha256(w->m, w->n);
	expect_all(w);
	if (digest_many_in_lanes(w->m, w->n))
		expect_all(w);
}

static void none_and_too_few_for_lanes_are_hashed_too(void **state)
{
	struct world *w = *state;

	expect_right(w);
	assert_false(digest_many_in_lanes(w->m, 0));
	add(w, 100, 0);
	expect_right(w);
	assert_false(digest_many_in_lanes(w->m, 1));
}

static void every_length_up_to_some_blocks_is_right(void **state)
{
	struct world *w = *state;

	for (size_t len = 0; len <= 300; len++)
		add(w, len, 0);
	expect_right(w);
}

/* All lanes stand at the same place, or all but one. */
static void lengths_around_a_block_are_right_in_every_lane(void **state)
{
	struct world *w = *state;

	for (size_t len = 4096 - 10; len <= 4096 + 1; len++) {
		for (int i = 0; i < 16; i++)
			add(w, len, 0);
		add(w, len + 64, 0);
		expect_right(w);
		clear(w);
	}
}

static void any_number_of_messages_of_any_lengths_at_any_address_is_right(void **state)
{
	struct world *w = *state;

	for (int count = 1; count <= 40; count++) {
		for (int i = 0; i < count; i++)
			add(w, next(w) % (next(w) % 4 ? 700 : 9000), next(w) % 64);
		expect_right(w);
		clear(w);
	}
}

/* One goes on alone when the others have ended, from the middle of itself. */
static void a_message_far_longer_than_the_others_is_right(void **state)
{
	struct world *w = *state;

	for (size_t longest = 1; longest <= 7; longest++) {
		for (size_t i = 0; i < 20; i++)
			add(w, i % 7 < longest ? 20000 + 51 * i : 500, 1);
		expect_right(w);
		clear(w);
	}
}

static void messages_that_are_not_there_have_no_address(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 16; i++)
		add(w, 0, 0);
	for (int i = 0; i < 16; i++)
		w->m[i].p = NULL;
	expect_right(w);
}

static void expect_vector(struct world *w, const char *text, size_t times, const char *hex)
{
	size_t len = strlen(text);
	char got[2 * DIGEST_SHA256 + 1];

	for (int lane = 0; lane < 16; lane++) {
		add(w, len * times, 0);
		for (size_t i = 0; i < times; i++)
			memcpy(w->p[lane] + i * len, text, len);
	}
	digest_many_sha256(w->m, w->n);
	for (int lane = 0; lane < 16; lane++) {
		hex_encode(w->out[lane], DIGEST_SHA256, got);
		assert_string_equal(got, hex);
	}
	clear(w);
}

/* FIPS 180-2, appendix B; FIPS 180-4 refers to NIST's collection of the same. */
static void the_vectors_of_fips_180_come_out(void **state)
{
	expect_vector(*state, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_vector(*state, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_vector(*state, "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_and_too_few_for_lanes_are_hashed_too),
		TEST(every_length_up_to_some_blocks_is_right),
		TEST(lengths_around_a_block_are_right_in_every_lane),
		TEST(any_number_of_messages_of_any_lengths_at_any_address_is_right),
		TEST(a_message_far_longer_than_the_others_is_right),
		TEST(messages_that_are_not_there_have_no_address),
		TEST(the_vectors_of_fips_180_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

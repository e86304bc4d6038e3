#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/index.h"

#include <pthread.h>
#include <string.h>

/* Ids that only differ in a few bits: the index has to spread them itself. */
static struct id numbered(uint32_t n)
{
	struct id id = {{0}};
	memcpy(id.b + 28, &n, sizeof n);
	return id;
}

static struct id pack_id(uint32_t n)
{
	struct id id = numbered(n);
	id.b[0] = 'p';
	return id;
}

/* Add pack `p` with data blobs first..first+n-1, each 100 bytes of stored length. */
static bool add(struct index *x, uint32_t p, uint32_t first, uint32_t n)
{
	AUTO_FREE struct pack_blob *b = mem_array(NULL, n, sizeof *b);
	struct id pack = pack_id(p);

	for (uint32_t i = 0; i < n; i++)
		b[i] = (struct pack_blob){numbered(first + i), BLOB_DATA, i * 100, 100, first + i};
	return index_add_pack(x, &pack, b, n);
}

static bool find(struct index *x, uint32_t blob, struct blob_place *at)
{
	struct id id = numbered(blob);
	return index_find(x, BLOB_DATA, &id, at);
}

static bool is_in(const struct blob_place *at, uint32_t p)
{
	struct id pack = pack_id(p);
	return id_equal(&at->pack, &pack);
}

static void what_was_never_added_is_not_found(void **state)
{
	struct index *x = index_new();
	struct blob_place at;
	struct id id = numbered(7), pack = pack_id(1);
	size_t number;

	assert_false(find(x, 7, &at));
	assert_false(index_number(x, BLOB_DATA, &id, &number));
	index_drop_pack(x, &pack);
	index_unclaim(x, BLOB_DATA, &id);
	assert_int_equal(index_blob_count(x), 0);
	assert_int_equal(index_pack_count(x), 0);
	index_free(x);
	index_free(NULL);
}

static void a_blob_is_found_with_all_that_is_known_of_it(void **state)
{
	struct index *x = index_new();
	struct blob_place at;
	struct id pack = pack_id(9), id = numbered(1);
	struct pack_blob b[2] = {{numbered(1), BLOB_TREE, 0, UINT32_MAX, 0},
				 {numbered(2), BLOB_DATA, 4, 33, UINT32_MAX}};

	assert_true(index_add_pack(x, &pack, b, 2));
	assert_false(find(x, 1, &at)); /* a tree is not data */
	assert_true(index_find(x, BLOB_TREE, &id, &at));
	assert_true(is_in(&at, 9));
	assert_int_equal(at.blob.type, BLOB_TREE);
	assert_int_equal(at.blob.length, UINT32_MAX);
	assert_int_equal(at.blob.plain_len, 0);
	assert_true(find(x, 2, &at));
	assert_true(id_equal(&at.blob.id, &b[1].id));
	assert_int_equal(at.blob.type, BLOB_DATA);
	assert_int_equal(at.blob.offset, 4);
	assert_int_equal(at.blob.length, 33);
	assert_int_equal(at.blob.plain_len, UINT32_MAX);
	index_free(x);
}

static void a_pack_is_added_once(void **state)
{
	struct index *x = index_new();
	struct blob_place at;

	assert_true(add(x, 1, 10, 3));
	assert_false(add(x, 1, 20, 3));
	assert_int_equal(index_blob_count(x), 3);
	assert_int_equal(index_pack_count(x), 1);
	assert_false(find(x, 20, &at));
	index_free(x);
}

static void a_blob_in_several_packs_is_found_in_each(void **state)
{
	struct index *x = index_new();
	struct blob_place all[8];
	struct id id = numbered(5);
	size_t number, again;
	bool seen[4] = {false};

	for (uint32_t p = 0; p < 4; p++)
		assert_true(add(x, p, 3 + p % 3, 3)); /* all hold blob 5 */
	assert_int_equal(index_blob_count(x), 12);
	assert_int_equal(index_find_all(x, BLOB_DATA, &id, all, 8), 4);
	for (size_t i = 0; i < 4; i++)
		seen[all[i].pack.b[28]] = true;
	assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
	assert_int_equal(index_find_all(x, BLOB_DATA, &id, all, 2), 2);
	assert_true(index_number(x, BLOB_DATA, &id, &number));
	assert_true(index_number(x, BLOB_DATA, &id, &again));
	assert_int_equal(number, again);
	assert_true(number < index_number_limit(x));
	index_free(x);
}

static void a_claim_is_given_once_until_it_is_settled_or_given_back(void **state)
{
	struct index *x = index_new();
	struct id id = numbered(5);
	struct blob_place at;

	assert_true(index_claim(x, BLOB_DATA, &id));
	assert_false(index_claim(x, BLOB_DATA, &id));
	assert_true(index_claim(x, BLOB_TREE, &id));
	assert_false(find(x, 5, &at));
	index_unclaim(x, BLOB_DATA, &id);
	assert_true(index_claim(x, BLOB_DATA, &id));
	add(x, 1, 5, 1);
	assert_true(find(x, 5, &at));
	assert_false(index_claim(x, BLOB_DATA, &id));
	/* settled: when the pack is lost the blob may be claimed again */
	struct id pack = pack_id(1);
	index_drop_pack(x, &pack);
	assert_true(index_claim(x, BLOB_DATA, &id));
	index_free(x);
}

static int count_pack(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	size_t *counts = ctx;
	uint32_t number;

	memcpy(&number, pack->b + 28, sizeof number);
	counts[0]++;
	counts[1] += n;
	for (uint32_t i = 0; i < n; i++) {
		struct id wanted = numbered(number * 100 + i);
		assert_true(id_equal(&blobs[i].id, &wanted));
		assert_int_equal(blobs[i].offset, i * 100);
	}
	return counts[0] == counts[2] ? 77 : 0;
}

static int count_blob(const struct blob_place *p, void *ctx)
{
	size_t *counts = ctx;
	uint32_t number;

	memcpy(&number, p->pack.b + 28, sizeof number);
	assert_int_equal(p->blob.plain_len / 100, number);
	counts[0]++;
	return counts[0] == counts[2] ? 78 : 0;
}

static void all_packs_and_blobs_are_visited_but_dropped_ones(void **state)
{
	struct index *x = index_new();
	size_t counts[3] = {0};
	struct id gone = pack_id(2), empty = pack_id(1000);

	for (uint32_t p = 0; p < 5; p++)
		add(x, p, p * 100, 50 + p);
	assert_true(index_add_pack(x, &empty, NULL, 0));
	index_drop_pack(x, &gone);
	assert_int_equal(index_each_pack(x, count_pack, counts), 0);
	assert_int_equal(counts[0], 5);
	assert_int_equal(counts[1], 50 + 51 + 53 + 54);
	memset(counts, 0, sizeof counts);
	assert_int_equal(index_each(x, count_blob, counts), 0);
	assert_int_equal(counts[0], 50 + 51 + 53 + 54);
	assert_int_equal(index_blob_count(x), counts[0]);
	assert_int_equal(index_pack_count(x), 5);

	memset(counts, 0, sizeof counts);
	counts[2] = 2;
	assert_int_equal(index_each_pack(x, count_pack, counts), 77);
	assert_int_equal(counts[0], 2);
	memset(counts, 0, sizeof counts);
	counts[2] = 60;
	assert_int_equal(index_each(x, count_blob, counts), 78);
	index_free(x);
}

static void dropping_packs_hides_their_blobs_and_no_others(void **state)
{
	struct index *x = index_new();
	struct blob_place at;

	for (uint32_t p = 0; p < 300; p++)
		add(x, p, p * 100, 100);
	for (uint32_t p = 0; p < 300; p += 3)
		add(x, 1000 + p, p * 100 + 50, 100); /* half of this pack, half of the next */
	for (uint32_t p = 0; p < 300; p += 2) {
		struct id pack = pack_id(p);
		index_drop_pack(x, &pack);
	}
	for (uint32_t b = 0; b < 30000; b++) {
		uint32_t p = b / 100;
		bool copy = p % 3 == 0 ? b % 100 >= 50 : p % 3 == 1 && b % 100 < 50;
		bool there = p % 2 == 1 || copy;
		assert_int_equal(find(x, b, &at), there);
		if (there && p % 2 == 0)
			assert_true(is_in(&at, 1000 + p - p % 3));
	}
	assert_int_equal(index_pack_count(x), 250);
	assert_int_equal(index_blob_count(x), 25000);
	assert_true(add(x, 0, 0, 100)); /* a dropped pack may come back */
	assert_true(find(x, 0, &at));
	assert_true(is_in(&at, 0));
	assert_int_equal(index_pack_count(x), 251);
	index_free(x);
}

static void a_million_blobs_take_at_most_64_bytes_each(void **state)
{
	const uint32_t packs = 31250, in_a_pack = 32; /* of half a MiB each, in packs of 16 MiB */
	struct index *x = index_new();
	struct pack_blob b[32];
	struct blob_place at;

	for (uint32_t p = 0; p < packs; p++) {
		struct id pack = pack_id(p);
		for (uint32_t i = 0; i < in_a_pack; i++)
			b[i] = (struct pack_blob){numbered(p * in_a_pack + i), BLOB_DATA, i << 19, 1 << 19, 1 << 20};
		assert_true(index_add_pack(x, &pack, b, in_a_pack));
	}
	assert_int_equal(index_blob_count(x), 1000000);
	assert_in_range(index_memory(x), 48000000, 64000000);
	for (uint32_t n = 0; n < 1000000; n += 997) {
		assert_true(find(x, n, &at));
		assert_true(is_in(&at, n / in_a_pack));
		assert_int_equal(at.blob.offset, n % in_a_pack << 19);
	}
	assert_false(find(x, 1000000, &at));
	index_free(x);
}

#define THREADS 4
#define CLAIMS 3000

struct claimer {
	struct index *x;
	uint32_t number;
	size_t won;
};

/* Everyone wants the same blobs; the winner of each writes it. */
static void *claim_all(void *arg)
{
	struct claimer *c = arg;
	struct blob_place at;

	for (uint32_t i = 0; i < CLAIMS; i++) {
		struct id id = numbered(i);
		if (index_claim(c->x, BLOB_DATA, &id)) {
			c->won++;
			add(c->x, c->number * CLAIMS + i, i, 1);
		}
		(void)find(c->x, i, &at);
	}
	return NULL;
}

static void of_many_threads_one_wins_each_claim(void **state)
{
	struct index *x = index_new();
	struct claimer c[THREADS];
	pthread_t t[THREADS];
	size_t won = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		c[i] = (struct claimer){x, i, 0};
		assert_int_equal(pthread_create(&t[i], NULL, claim_all, &c[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		won += c[i].won;
	}
	assert_int_equal(won, CLAIMS);
	assert_int_equal(index_blob_count(x), CLAIMS);
	index_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_never_added_is_not_found),
		cmocka_unit_test(a_blob_is_found_with_all_that_is_known_of_it),
		cmocka_unit_test(a_pack_is_added_once),
		cmocka_unit_test(a_blob_in_several_packs_is_found_in_each),
		cmocka_unit_test(a_claim_is_given_once_until_it_is_settled_or_given_back),
		cmocka_unit_test(all_packs_and_blobs_are_visited_but_dropped_ones),
		cmocka_unit_test(dropping_packs_hides_their_blobs_and_no_others),
		cmocka_unit_test(a_million_blobs_take_at_most_64_bytes_each),
		cmocka_unit_test(of_many_threads_one_wins_each_claim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

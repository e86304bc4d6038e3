#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive_helper.h"
#include "repo/packer.h"
#include "repo/unpacked.h"

#include <pthread.h>
#include <stdio.h>

/* A blob of which only the length matters: the packer looks at nothing but sealed bytes. */
static struct id add(struct packer *p, struct repo *r, enum blob_type type, uint32_t number, size_t sealed_len)
{
	AUTO_FREE unsigned char *sealed = filled(sealed_len, number);
	struct error e = {0};
	struct id id;

	id_hash(&id, &number, sizeof number);
	assert_true(index_claim(r->index, type, &id));
	assert_int_equal(packer_add(p, type, &id, sealed, sealed_len, 0, sealed_len - CIPHER_OVERHEAD, &e), 0);
	return id;
}

static void stored_bytes(struct repo *r, const struct blob_place *place, void *out)
{
	struct store_file f = {.kind = STORE_DATA};
	struct error e = {0};

	id_hex(&place->pack, f.name);
	assert_int_equal(store_get(r->store, &f, place->blob.offset, out, place->blob.length, &e), 0);
}

static void blobs_are_readable_once_settled(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};
	struct blob_place place;
	struct id id = add(p, r, BLOB_DATA, 1, 1000);
	unsigned char got[1000];

	assert_false(index_find(r->index, BLOB_DATA, &id, &place));
	assert_int_equal(packer_settle(p, &e), 0);
	assert_true(index_find(r->index, BLOB_DATA, &id, &place));
	assert_int_equal(place.blob.length, 1000);
	stored_bytes(r, &place, got);
	AUTO_FREE unsigned char *expected = filled(1000, 1);

	assert_memory_equal(got, expected, 1000);
	assert_int_equal(count_files(r, STORE_INDEX), 0);
	packer_free(p);
	repo_free(r);
}

static void flushing_lists_all_blobs_in_an_index_file(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};
	struct blob_place place;
	struct packer_stats s;
	struct id data = add(p, r, BLOB_DATA, 1, 100), tree = add(p, r, BLOB_TREE, 2, 200);

	assert_int_equal(packer_flush(p, &e), 0);
	assert_int_equal(packer_flush(p, &e), 0);
	packer_stats(p, &s);
	packer_free(p);
	assert_int_equal(s.packs, 2);
	assert_int_equal(s.index_files, 1);
	assert_int_equal(s.blobs[BLOB_DATA], 1);
	assert_int_equal(s.stored[BLOB_TREE], 200);
	assert_int_equal(s.plain[BLOB_TREE], 168);
	assert_int_equal(s.pack_bytes, 300 + 2 * (PACK_ENTRY_PLAIN + CIPHER_OVERHEAD + 4));
	assert_int_equal(count_files(r, STORE_INDEX), 1);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	assert_true(index_find(r->index, BLOB_DATA, &data, &place));
	assert_true(index_find(r->index, BLOB_TREE, &tree, &place));
	assert_int_equal(index_pack_count(r->index), 2);
	repo_free(r);
}

static void nothing_added_writes_nothing(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};

	assert_int_equal(packer_flush(p, &e), 0);
	packer_free(p);
	packer_free(NULL);
	assert_int_equal(count_files(r, STORE_DATA), 0);
	assert_int_equal(count_files(r, STORE_INDEX), 0);
	repo_free(r);
}

struct pack_check {
	size_t packs;
	uint64_t bytes;
};

static int check_pack(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct pack_check *c = ctx;
	uint64_t len = 0;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(blobs[i].type, blobs[0].type);
		len += blobs[i].length;
	}
	assert_true(len < PACK_TARGET + (3u << 20));
	c->packs++;
	c->bytes += len;
	return 0;
}

static void packs_are_closed_at_their_target_and_hold_one_type(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};
	struct pack_check c = {0};

	for (uint32_t i = 0; i < 20; i++)
		add(p, r, i % 10 ? BLOB_DATA : BLOB_TREE, i, (size_t)3 << 20);
	assert_int_equal(packer_flush(p, &e), 0);
	packer_free(p);
	index_each_pack(r->index, check_pack, &c);
	/* 54 MiB of data in four packs of 12 MiB and one or two smaller ones, and 6 MiB of trees. */
	assert_in_range(c.packs, 6, 7);
	assert_int_equal(c.bytes, (uint64_t)60 << 20);
	repo_free(r);
}

static void data_blobs_go_to_two_packs_at_a_time(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};

	for (uint32_t i = 0; i < 100; i++)
		add(p, r, BLOB_DATA, i, 64);
	assert_int_equal(packer_flush(p, &e), 0);
	assert_int_equal(index_pack_count(r->index), 2);
	packer_free(p);
	repo_free(r);
}

static void many_blobs_get_an_index_file_on_the_way(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};
	struct packer_stats s;

	for (uint32_t i = 0; i < INDEX_FILE_BLOBS; i++)
		add(p, r, BLOB_DATA, i, CIPHER_OVERHEAD);
	assert_int_equal(packer_settle(p, &e), 0);
	packer_stats(p, &s);
	assert_int_equal(s.index_files, 1);
	packer_free(p);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	assert_int_equal(index_blob_count(r->index), INDEX_FILE_BLOBS);
	repo_free(r);
}

static void what_was_not_flushed_is_forgotten(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct error e = {0};
	struct blob_place place;
	struct id written = add(p, r, BLOB_DATA, 1, 100);

	assert_int_equal(packer_settle(p, &e), 0);
	struct id waiting = add(p, r, BLOB_DATA, 2, 100);

	packer_free(p);
	assert_int_equal(count_files(r, STORE_DATA), 1);
	assert_false(index_find(r->index, BLOB_DATA, &written, &place));
	assert_true(index_claim(r->index, BLOB_DATA, &written));
	assert_true(index_claim(r->index, BLOB_DATA, &waiting));
	repo_free(r);
}

static void a_failed_write_breaks_the_packer(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct fault_plan plan = {.kind = FAULT_ERROR, .at = 1, .writes_only = 1, .error = ERR_NO_SPACE};
	struct error e = {0};
	struct id first = add(p, r, BLOB_DATA, 1, 100), second;
	char expected[200], name[STORE_NAME_LEN + 1] = "";

	r->store = fault_new(r->store, &plan);
	assert_int_equal(packer_settle(p, &e), -ERR_NO_SPACE);
	memcpy(name, e.text + strlen("writing a pack: data/xx/"), STORE_NAME_LEN);
	snprintf(expected, sizeof expected, "writing a pack: data/%.2s/%s: made to fail by a test", name, name);
	assert_string_equal(e.text, expected);
	id_hash(&second, "2", 1);
	assert_true(index_claim(r->index, BLOB_DATA, &second));
	error_clear(&e);
	assert_int_equal(packer_add(p, BLOB_DATA, &second, "x", 1, 0, 1, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, expected);
	assert_int_equal(packer_flush(p, &e), -ERR_NO_SPACE);
	packer_free(p);
	/* The first was the packer's, the second never was. */
	assert_true(index_claim(r->index, BLOB_DATA, &first));
	assert_false(index_claim(r->index, BLOB_DATA, &second));
	repo_free(r);
}

static void a_failed_index_file_breaks_the_packer(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct fault_plan plan = {.kind = FAULT_ERROR, .at = 2, .writes_only = 1};
	struct error e = {0};
	struct blob_place place;
	struct id id = add(p, r, BLOB_DATA, 1, 100);

	r->store = fault_new(r->store, &plan);
	assert_int_equal(packer_flush(p, &e), -ERR_IO);
	assert_memory_equal(e.text, "writing an index file: ", 23);
	assert_int_equal(packer_flush(p, &e), -ERR_IO);
	packer_free(p);
	assert_false(index_find(r->index, BLOB_DATA, &id, &place));
	assert_true(index_claim(r->index, BLOB_DATA, &id));
	repo_free(r);
}

struct adder {
	struct packer *packer;
	struct repo *repo;
	uint32_t from;
	int result;
};

enum { ADDERS = 4, EACH = 30 };

static void *add_many(void *arg)
{
	struct adder *a = arg;
	AUTO_FREE unsigned char *sealed = filled((size_t)512 << 10, a->from);
	struct error e = {0};

	for (uint32_t i = a->from; i < a->from + EACH && a->result == 0; i++) {
		struct id id;

		id_hash(&id, &i, sizeof i);
		index_claim(a->repo->index, BLOB_DATA, &id);
		a->result = packer_add(a->packer, BLOB_DATA, &id, sealed, (size_t)512 << 10, 0, 0, &e);
		if (a->result)
			index_unclaim(a->repo->index, BLOB_DATA, &id);
	}
	return NULL;
}

static void add_from_threads(struct packer *p, struct repo *r, struct adder adders[ADDERS])
{
	pthread_t thread[ADDERS];

	for (uint32_t i = 0; i < ADDERS; i++) {
		adders[i] = (struct adder){.packer = p, .repo = r, .from = i * EACH};
		assert_int_equal(pthread_create(&thread[i], NULL, add_many, &adders[i]), 0);
	}
	for (int i = 0; i < ADDERS; i++)
		pthread_join(thread[i], NULL);
}

static void any_thread_may_add(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct adder adders[ADDERS];
	struct error e = {0};

	add_from_threads(p, r, adders);
	assert_int_equal(packer_flush(p, &e), 0);
	packer_free(p);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	assert_int_equal(index_blob_count(r->index), ADDERS * EACH);
	repo_free(r);
}

static void threads_that_wait_for_a_broken_packer_are_told(void **state)
{
	struct repo *r = loaded_repo();
	struct packer *p = packer_new(r);
	struct fault_plan plan = {.kind = FAULT_ERROR, .at = 1, .writes_only = 1};
	struct adder adders[ADDERS];
	struct error e = {0};

	r->store = fault_new(r->store, &plan);
	add_from_threads(p, r, adders);
	assert_int_equal(packer_settle(p, &e), -ERR_IO);
	packer_free(p);
	for (uint32_t i = 0; i < ADDERS * EACH; i++) {
		struct id id;

		id_hash(&id, &i, sizeof i);
		assert_true(index_claim(r->index, BLOB_DATA, &id));
	}
	repo_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blobs_are_readable_once_settled),
		cmocka_unit_test(flushing_lists_all_blobs_in_an_index_file),
		cmocka_unit_test(nothing_added_writes_nothing),
		cmocka_unit_test(packs_are_closed_at_their_target_and_hold_one_type),
		cmocka_unit_test(data_blobs_go_to_two_packs_at_a_time),
		cmocka_unit_test(many_blobs_get_an_index_file_on_the_way),
		cmocka_unit_test(what_was_not_flushed_is_forgotten),
		cmocka_unit_test(a_failed_write_breaks_the_packer),
		cmocka_unit_test(a_failed_index_file_breaks_the_packer),
		cmocka_unit_test(any_thread_may_add),
		cmocka_unit_test(threads_that_wait_for_a_broken_packer_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Repairing the index, and healing what was lost. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "check_support.h"
#include "repo/prune.h"

#include <stdio.h>

static const struct support_file files_a[] = {{"alpha", ALPHA}, {"shared", SHARED}};
static const struct support_file files_b[] = {{"shared", SHARED}, {"sub/beta", BETA}};

static struct repair_stats repair(struct fixture *f, struct strlist *damaged)
{
	struct repair_stats stats;
	struct error e = {0};

	int rc = repair_index(f->r, NULL, &stats, damaged, &e);
	if (rc)
		fail_msg("%s", e.text);
	assert_null(f->r->index);
	return stats;
}

static struct repair_stats repair_all(struct fixture *f)
{
	CLEANUP(strlist_release) struct strlist damaged = {0};

	struct repair_stats stats = repair(f, &damaged);
	assert_int_equal(damaged.n, 0);
	assert_int_equal(stats.packs_damaged, 0);
	return stats;
}

static void expect_whole(struct fixture *f)
{
	run_check(f, true);
	expect_counts(f, 0, 0);
	assert_true(support_restores(f->r, &f->snapshots[1], files_a, 2));
	assert_true(support_restores(f->r, &f->snapshots[2], files_b, 2));
}

static void a_whole_index_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list before = {0}, after = {0};

	support_list(f->mem, STORE_INDEX, &before);
	struct repair_stats s = repair_all(f);
	support_list(f->mem, STORE_INDEX, &after);
	assert_int_equal(s.packs_read + s.packs_added + s.packs_missing + s.index_files_replaced, 0);
	assert_int_equal(before.n, after.n);
	assert_memory_equal(before.v, after.v, before.n * sizeof *before.v);
}

static void an_index_that_is_gone_is_rebuilt_from_the_packs(void **state)
{
	struct fixture *f = *state;

	support_index_remove_all(f->r);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 6);
	assert_int_equal(s.packs_added, 6);
	assert_int_equal(s.index_files_replaced, 0);
	expect_whole(f);
}

static void damaged_index_files_are_replaced(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list files = {0};

	support_list(f->mem, STORE_INDEX, &files);
	support_flip(f->mem, STORE_INDEX, &files.v[0], 40);
	support_cut(f->mem, STORE_INDEX, &files.v[1], 10);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_added, 4);
	assert_int_equal(s.index_files_replaced, 2);
	expect_whole(f);
}

static void a_pack_split_over_two_index_files_is_listed_whole(void **state)
{
	struct fixture *f = *state;
	struct support_index x;
	struct index_pack *pack = support_index_take(f->r, BLOB_TREE, &f->roots[2], &x, NULL);

	support_index_save(f->r, &(struct index_pack){pack->id, pack->blobs + 1, 1}, 1, NULL);
	pack->n = 1;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 1);
	assert_int_equal(s.packs_added, 0);
	assert_int_equal(s.index_files_replaced, 2);
	expect_whole(f);
}

static void an_index_with_wrong_offsets_is_corrected(void **state)
{
	struct fixture *f = *state;
	struct support_index x;

	support_index_take(f->r, BLOB_TREE, &f->roots[2], &x, NULL)->blobs[1].offset++;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 1);
	assert_int_equal(s.index_files_replaced, 1);
	expect_whole(f);
}

/* One of two listings is wrong, although the size is right: the pack's own header decides. */
static void a_pack_that_two_index_files_list_differently_is_read(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	struct support_index x;

	support_index_load(f->r, &x);
	struct index_pack *wrong = support_index_find(&x, &at.pack);
	id_hash(&wrong->blobs[0].id, "never written", 13);
	support_index_save(f->r, wrong, 1, NULL);
	support_index_release(&x);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 1);
	assert_int_equal(s.packs_added, 0);
	assert_int_equal(s.index_files_replaced, 2);
	expect_whole(f);
}

static void a_pack_listed_twice_is_listed_once(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	struct support_index x;

	support_index_load(f->r, &x);
	support_index_save(f->r, support_index_find(&x, &at.pack), 1, NULL);
	support_index_release(&x);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 0);
	assert_int_equal(s.index_files_replaced, 2);
	expect_whole(f);
}

static void an_index_that_lists_too_much_is_corrected(void **state)
{
	struct fixture *f = *state;
	struct support_index x;
	struct index_pack *p = take_index_of(f, BETA, &x, NULL);

	p->blobs = mem_array(p->blobs, 2, sizeof *p->blobs);
	p->blobs[1] = (struct pack_blob){.type = BLOB_DATA, .offset = p->blobs[0].length, .length = 50};
	id_hash(&p->blobs[1].id, "never written", 13);
	p->n = 2;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_read, 1);
	assert_int_equal(s.index_files_replaced, 1);
	expect_whole(f);
}

static void a_pack_whose_header_is_damaged_is_named_and_left_alone(void **state)
{
	struct fixture *f = *state;
	CLEANUP(strlist_release) struct strlist damaged = {0};
	CLEANUP(id_list_release) struct id_list packs = {0};
	struct blob_place at = place_of(f, ALPHA);
	char text[120];

	support_flip(f->mem, STORE_DATA, &at.pack, at.blob.length + 20);
	support_index_remove_all(f->r);
	struct repair_stats s = repair(f, &damaged);
	assert_int_equal(s.packs_damaged, 1);
	assert_int_equal(s.packs_added, 5);
	assert_int_equal(damaged.n, 1);
	snprintf(text, sizeof text, "pack %.8s: its header is damaged (its MAC does not match)", hex(&at.pack));
	assert_string_equal(damaged.v[0], text);
	support_list(f->mem, STORE_DATA, &packs);
	assert_int_equal(packs.n, 6);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_A, "tree %.8s: file \"alpha\": 1 of its 1 blobs are in no index",
	       hex(&f->roots[1]));
}

/* Its blobs may be whole, and someone may need them. */
static void a_cut_pack_that_is_listed_stays_listed(void **state)
{
	struct fixture *f = *state;
	CLEANUP(strlist_release) struct strlist damaged = {0};
	struct blob_place at = place_of(f, ALPHA);

	support_cut(f->mem, STORE_DATA, &at.pack, at.blob.length + 10);
	struct repair_stats s = repair(f, &damaged);
	assert_int_equal(s.packs_damaged, 1);
	assert_int_equal(s.index_files_replaced, 0);
	assert_true(support_restores(f->r, &f->snapshots[1], files_a, 2));
}

static void packs_with_bytes_that_are_no_pack_are_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} bad[] = {
		{"", 0, "its header is missing: it is only 0 bytes long"},
		{"short", 5, "its header is missing: it is only 5 bytes long"},
		{"..............................................................................\0\0\0\0", 82,
		 "its header is damaged (its length cannot be 0)"},
		{"..............................................................................\xff\xff\xff\xff", 82,
		 "its header is damaged (its length cannot be 4294967295)"},
		{"..............................................................................\x4f\0\0\0", 82,
		 "its header is damaged (its length cannot be 79)"},
		{"..............................................................................\x4e\0\0\0", 82,
		 "its header is damaged (its MAC does not match)"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(strlist_release) struct strlist damaged = {0};
		struct fixture *f;
		void *own;
		struct id id;
		char text[120];

		fixture_new(&own);
		f = own;
		id_hash(&id, &i, sizeof i);
		support_write(f->mem, STORE_DATA, &id, bad[i].bytes, bad[i].n);
		struct repair_stats s = repair(f, &damaged);
		assert_int_equal(s.packs_damaged, 1);
		snprintf(text, sizeof text, "pack %.8s: %s", hex(&id), bad[i].why);
		assert_string_equal(damaged.v[0], text);
		run_check(f, true);
		expect_counts(f, 0, 1);
		fixture_free(&own);
	}
}

static int repair_with(struct fixture *f, const struct fault_plan *plan, unsigned long *operations, struct error *e)
{
	CLEANUP(strlist_release) struct strlist damaged = {0};
	struct store *own = f->r->store;
	struct repair_stats stats;

	f->r->store = fault_new(support_lend(f->mem), plan);
	int rc = repair_index(f->r, NULL, &stats, &damaged, e);
	*operations = fault_count(f->r->store);
	store_free(f->r->store);
	f->r->store = own;
	return rc;
}

static void an_empty_list_of_packs_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};
	unsigned long operations;
	int refused = 0;

	for (unsigned long at = 1; at <= 12; at++) {
		struct fault_plan plan = {.kind = FAULT_EMPTY_LIST, .at = at};
		int rc = repair_with(f, &plan, &operations, &e);
		assert_true(rc == 0 || rc == -ERR_REFUSED);
		refused += rc != 0;
		if (rc)
			assert_string_equal(
				e.text,
				"nothing was changed: the store's list of packs leaves out some that are there");
		/* An empty list of index files makes it read all packs: then each is listed twice. */
		struct repair_stats again = repair_all(f);
		assert_int_equal(again.packs_missing, 0);
		expect_whole(f);
	}
	assert_int_equal(refused, 1);
}

static void a_store_that_cannot_be_reached_changes_nothing_for_the_worse(void **state)
{
	for (unsigned long at = 1;; at++) {
		struct fault_plan plan = {.kind = FAULT_ERROR, .at = at, .and_after = true, .error = ERR_TEMPORARY};
		CLEANUP(id_list_release) struct id_list index = {0};
		unsigned long operations;
		struct error e = {0};
		void *own;

		fixture_new(&own);
		struct fixture *f = own;
		support_list(f->mem, STORE_INDEX, &index);
		support_flip(f->mem, STORE_INDEX, &index.v[0], 40);
		int rc = repair_with(f, &plan, &operations, &e);
		assert_int_equal(rc, operations >= at ? -ERR_TEMPORARY : 0);
		repair_all(f);
		expect_whole(f);
		fixture_free(&own);
		if (operations < at)
			return;
	}
}

/* A pack vanished: the index is repaired, and the next backup of the same files stores what is missing, which heals the
 * old backups too. */
static void P5_a_lost_pack_is_healed_by_the_next_backup(void **state)
{
	struct fixture *f = *state;
	struct blob_place data = place_of(f, ALPHA), tree;
	struct id again;

	assert_true(index_find(f->r->index, BLOB_TREE, &f->roots[1], &tree));
	support_remove(f->mem, STORE_DATA, &data.pack);
	support_remove(f->mem, STORE_DATA, &tree.pack);
	assert_false(support_restores(f->r, &f->snapshots[1], files_a, 2));
	struct repair_stats s = repair_all(f);
	assert_int_equal(s.packs_missing, 2);
	support_backup(f->r, files_a, 2, &again);
	assert_true(support_restores(f->r, &again, files_a, 2));
	expect_whole(f);
}

/* The same for a program that notices by itself: it drops the pack from the index it has in memory. */
static void P5_dropping_a_lost_pack_from_the_index_makes_the_backup_store_it_again(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA), found;
	struct archive_options o = {.level = -1, .threads = 1};
	struct snapshot snap = {.time = {.tv_sec = 1800000000}};
	struct archive *a;
	struct node n;
	struct error e = {0};

	support_remove(f->mem, STORE_DATA, &at.pack);
	index_drop_pack(f->r->index, &at.pack);
	assert_false(index_find(f->r->index, BLOB_DATA, &at.blob.id, &found));
	strlist_add(&snap.paths, "/x");
	assert_int_equal(archive_begin(f->r, &o, &a, &e), 0);
	node_synthetic(&n, "alpha", NODE_FILE, (struct timespec){.tv_sec = 1600000000});
	assert_int_equal(archive_add_file(a, &n, ALPHA, strlen(ALPHA), &e), 0);
	node_release(&n);
	assert_int_equal(archive_finish(a, &snap, NULL, &e), 0);
	assert_true(support_restores(f->r, &snap.id, files_a, 1));
	assert_true(support_restores(f->r, &f->snapshots[1], files_a, 2));
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s is missing", hex(&at.pack));
	expect_counts(f, 1, 0);
	snapshot_release(&snap);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pack_whose_header_is_damaged_is_named_and_left_alone),
		T(a_cut_pack_that_is_listed_stays_listed),
		cmocka_unit_test(packs_with_bytes_that_are_no_pack_are_named),
		T(an_empty_list_of_packs_is_not_believed),
		cmocka_unit_test(a_store_that_cannot_be_reached_changes_nothing_for_the_worse),
		T(a_whole_index_is_left_as_it_is),
		T(an_index_that_is_gone_is_rebuilt_from_the_packs),
		T(damaged_index_files_are_replaced),
		T(a_pack_split_over_two_index_files_is_listed_whole),
		T(an_index_with_wrong_offsets_is_corrected),
		T(a_pack_that_two_index_files_list_differently_is_read),
		T(a_pack_listed_twice_is_listed_once),
		T(an_index_that_lists_too_much_is_corrected),
		T(P5_a_lost_pack_is_healed_by_the_next_backup),
		T(P5_dropping_a_lost_pack_from_the_index_makes_the_backup_store_it_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

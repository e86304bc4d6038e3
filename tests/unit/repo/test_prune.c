/* Prune: what it gives back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "prune_support.h"

#include <stdio.h>

static void nothing_is_done_when_all_is_used(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list before = {0}, after = {0};

	support_list(f->mem, STORE_INDEX, &before);
	support_list(f->mem, STORE_DATA, &before);
	struct prune_stats s = prune_with(f, 0);
	support_list(f->mem, STORE_INDEX, &after);
	support_list(f->mem, STORE_DATA, &after);
	assert_int_equal(after.n, before.n);
	assert_memory_equal(after.v, before.v, before.n * sizeof *before.v);
	assert_int_equal(s.packs_kept, count(f, STORE_DATA));
	assert_int_equal(s.packs_removed + s.packs_repacked + s.packs_unreferenced, 0);
	assert_int_equal(s.blobs_used, 5);
	assert_int_equal(s.blobs_unused + s.blobs_duplicate, 0);
	assert_int_equal(s.bytes_before, s.bytes_after);
	assert_int_equal(s.bytes_removed + s.bytes_repacked, 0);
}

static void what_no_backup_needs_goes_away(void **state)
{
	struct fixture *f = *state;
	struct id gone;

	forget(f, &f->goes);
	struct prune_stats s = prune_with(f, 0);
	assert_int_equal(s.blobs_used, 3);
	assert_int_equal(s.blobs_unused, 2);
	assert_true(s.bytes_after < s.bytes_before);
	assert_null(f->r->index);
	expect_whole(f, 0);
	assert_true(support_restores(f->r, &f->stays, staying, 2));
	id_hash(&gone, GONE, strlen(GONE));
	assert_false(index_find(f->r->index, BLOB_DATA, &gone, &(struct blob_place){0}));
	assert_int_equal(index_blob_count(f->r->index), 3);
	struct prune_stats again = prune_with(f, 0);
	assert_int_equal(again.bytes_before, s.bytes_after);
	assert_int_equal(again.bytes_after, s.bytes_after);
	assert_int_equal(again.packs_repacked + again.packs_removed, 0);
}

static void the_bytes_told_are_those_in_the_store(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list packs = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	uint64_t bytes = 0;

	forget(f, &f->goes);
	struct prune_stats s = prune_with(f, 0);
	support_list(f->mem, STORE_DATA, &packs);
	for (size_t i = 0; i < packs.n; i++) {
		support_read(f->mem, STORE_DATA, &packs.v[i], &b);
		bytes += b.len;
	}
	assert_int_equal(s.bytes_after, bytes);
}

static void a_partly_used_pack_stays_while_its_waste_is_tolerated(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list before = {0}, after = {0};
	struct id snapshot, pack;

	pack_of_two(f, &snapshot, &pack);
	struct prune_stats s = prune_with(f, 0.5);
	assert_int_equal(s.packs_repacked, 0);
	assert_int_equal(s.blobs_unused, 1);
	support_list(f->mem, STORE_DATA, &before);
	assert_true(is_listed(&before, &pack));
	s = prune_with(f, 0);
	assert_int_equal(s.packs_repacked, 1);
	assert_int_equal(s.bytes_repacked, 10 + CIPHER_OVERHEAD);
	support_list(f->mem, STORE_DATA, &after);
	assert_false(is_listed(&after, &pack));
	assert_true(support_restores(f->r, &snapshot, &(struct support_file){"half", "first half"}, 1));
	expect_whole(f, 0);
}

static void the_default_tolerates_a_twentieth(void **state)
{
	struct fixture *f = *state;
	struct id snapshot, pack;

	pack_of_two(f, &snapshot, &pack);
	struct prune_stats tight = prune_with(f, -1);
	assert_int_equal(tight.packs_repacked, 0); /* 42 bytes of about 1900 */
	expect_whole(f, 0);
	forget(f, &f->goes);
	forget(f, &f->stays);
	struct prune_stats s = prune_with(f, -1);
	assert_int_equal(s.packs_repacked, 1);
	expect_whole(f, 0);
}

static void a_blob_in_two_packs_is_kept_once(void **state)
{
	struct fixture *f = *state;
	struct id id, pack;

	support_put_blob(f->r, BLOB_DATA, BOTH, strlen(BOTH), &id, &pack);
	struct prune_stats s = prune_with(f, 0);
	assert_int_equal(s.blobs_duplicate, 1);
	assert_int_equal(s.packs_removed + s.packs_repacked, 1);
	assert_true(support_restores(f->r, &f->stays, staying, 2));
	assert_int_equal(index_blob_count(f->r->index), 5);
	expect_whole(f, 0);
}

static void unreferenced_packs_go_away(void **state)
{
	struct fixture *f = *state;
	struct id id;

	id_hash(&id, "left over", 9);
	support_write(f->mem, STORE_DATA, &id, "left over", 9);
	struct prune_stats s = prune_with(f, 0);
	assert_int_equal(s.packs_unreferenced, 1);
	assert_int_equal(s.bytes_removed, 9);
	expect_whole(f, 0);
}

static void a_pack_of_data_and_trees_is_sorted(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct cipher *c = cipher_new(&f->r->key);
	struct pack_blob b[2] = {{.type = BLOB_DATA}, {.type = BLOB_TREE}};
	struct snapshot snap = {.time = {.tv_sec = 1800000000}};
	struct tree t = {0};
	struct tree_node n = {0};
	struct error e = {0};
	struct id pack;

	id_hash(&b[0].id, "mixed", 5);
	node_synthetic(&n.meta, "mixed", NODE_FILE, (struct timespec){.tv_sec = 1});
	n.meta.size = 5;
	id_list_add(&n.content, &b[0].id);
	tree_add(&t, &n);
	tree_encode(&t, &json);
	tree_release(&t);
	id_hash(&b[1].id, json.p, json.len);
	cipher_seal(c, "mixed", 5, &bytes);
	b[1].offset = b[0].length = (uint32_t)bytes.len;
	cipher_seal(c, json.p, json.len, &bytes);
	b[1].length = (uint32_t)bytes.len - b[1].offset;
	pack_write_header(c, b, 2, &bytes);
	cipher_free(c);
	id_hash(&pack, bytes.p, bytes.len);
	support_write(f->mem, STORE_DATA, &pack, bytes.p, bytes.len);
	support_index_save(f->r, &(struct index_pack){pack, b, 2}, 1, NULL);
	snap.tree = b[1].id;
	strlist_add(&snap.paths, "/x");
	assert_int_equal(snapshot_save(f->r, &snap, &e), 0);
	expect_whole(f, 1);
	struct prune_stats s = prune_with(f, 1);
	assert_int_equal(s.packs_repacked, 1);
	expect_whole(f, 0);
	assert_true(support_restores(f->r, &snap.id, &(struct support_file){"mixed", "mixed"}, 1));
	snapshot_release(&snap);
}

static void many_small_packs_and_index_files_are_merged(void **state)
{
	struct fixture *f = *state;
	struct id snapshots[12];
	char text[32];

	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof text, "text number %d", i);
		support_backup(f->r, &(struct support_file){"file", text}, 1, &snapshots[i]);
	}
	assert_int_equal(count(f, STORE_INDEX), 14);
	assert_true(count(f, STORE_DATA) >= 28);
	prune_with(f, 0);
	assert_true(count(f, STORE_DATA) <= 3);
	assert_true(count(f, STORE_INDEX) <= 2);
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof text, "text number %d", i);
		assert_true(support_restores(f->r, &snapshots[i], &(struct support_file){"file", text}, 1));
	}
	assert_true(support_restores(f->r, &f->goes, going, 2));
	expect_whole(f, 0);
	struct prune_stats s = prune_with(f, 0);
	assert_int_equal(s.packs_repacked + s.packs_removed, 0);
}

static void a_dry_run_tells_the_same_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct prune_options o = {.dry_run = true};
	struct prune_stats dry;
	struct error e = {0};
	struct fault_plan none = {.writes_only = 1};
	struct store *own = f->r->store;

	forget(f, &f->goes);
	f->r->store = fault_new(support_lend(f->mem), &none);
	assert_int_equal(prune_run(f->r, &o, &dry, &e), 0);
	assert_int_equal(fault_count(f->r->store), 0);
	store_free(f->r->store);
	f->r->store = own;
	struct prune_stats wet = prune_with(f, 0);
	assert_int_equal(dry.packs_kept, wet.packs_kept);
	assert_int_equal(dry.packs_repacked, wet.packs_repacked);
	assert_int_equal(dry.packs_removed, wet.packs_removed);
	assert_int_equal(dry.bytes_before, wet.bytes_before);
	assert_int_equal(dry.bytes_removed, wet.bytes_removed);
	assert_int_equal(dry.bytes_repacked, wet.bytes_repacked);
	assert_int_equal(dry.blobs_unused, wet.blobs_unused);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_done_when_all_is_used),
		T(what_no_backup_needs_goes_away),
		T(the_bytes_told_are_those_in_the_store),
		T(a_partly_used_pack_stays_while_its_waste_is_tolerated),
		T(the_default_tolerates_a_twentieth),
		T(a_blob_in_two_packs_is_kept_once),
		T(unreferenced_packs_go_away),
		T(a_pack_of_data_and_trees_is_sorted),
		T(many_small_packs_and_index_files_are_merged),
		T(a_dry_run_tells_the_same_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Defects of packs, each with its text and the backups it hurts; and how a check goes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "check_support.h"

static void a_whole_repository_has_no_problems(void **state)
{
	struct fixture *f = *state;

	run_check(f, true);
	expect_counts(f, 0, 0);
	assert_int_equal(f->report.snapshots, 3);
	assert_int_equal(f->report.trees, 4);
	assert_int_equal(f->report.blobs, 7);
	assert_int_equal(f->report.packs, 6);
	assert_int_equal(f->report.packs_read, 6);
	assert_int_equal(f->report.unused_blobs, 0);
	assert_int_equal(f->report.hurt.n, 0);
	assert_true(f->report.bytes_read > 600);
}

static void an_empty_repository_has_no_problems(void **state)
{
	struct store *mem = mem_store_new();
	struct fixture f = {.mem = mem, .r = support_create(mem)};

	run_check(&f, true);
	expect_counts(&f, 0, 0);
	check_report_release(&f.report);
	repo_free(f.r);
	store_free(mem);
}

static void a_missing_pack_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);

	support_remove(f->mem, STORE_DATA, &at.pack);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_A, "pack %.8s is missing", hex(&at.pack));
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.hurt.n, 1);
	assert_true(id_equal(&f->report.hurt.v[0], &f->snapshots[1]));
	run_check(f, true);
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.packs_read, 5);
}

static void a_missing_pack_of_trees_is_named_with_the_trees_it_takes_away(void **state)
{
	struct fixture *f = *state;
	struct id tree = root_of(f, 1);
	struct blob_place at;

	assert_true(index_find(f->r->index, BLOB_TREE, &tree, &at));
	support_remove(f->mem, STORE_DATA, &at.pack);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_A, "pack %.8s is missing", hex(&at.pack));
	expect(f, CHECK_ERROR, HURT_A,
	       "tree %.8s cannot be read: blob %.8s: its pack is missing: pack %.8s: data/%.2s/%s: no such file in the "
	       "repository",
	       hex(&tree), hex(&tree), hex(&at.pack), hex(&at.pack), hex(&at.pack));
	expect_counts(f, 2, 0);
}

static void a_pack_cut_inside_a_blob_hurts_who_needs_it(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, BETA);
	size_t size = file_size(f, &at.pack);

	support_cut(f->mem, STORE_DATA, &at.pack, at.blob.length - 1);
	for (int read_data = 0; read_data < 2; read_data++) {
		run_check(f, read_data);
		expect(f, CHECK_ERROR, HURT_B, "pack %.8s is %u bytes long, but its index promises %zu", hex(&at.pack),
		       at.blob.length - 1, size);
		expect_counts(f, 1, 0);
	}
}

static void a_pack_cut_behind_its_blobs_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, BETA);
	size_t size = file_size(f, &at.pack);

	support_cut(f->mem, STORE_DATA, &at.pack, size - 1);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s is %zu bytes long, but its index promises %zu", hex(&at.pack),
	       size - 1, size);
	expect_counts(f, 1, 0);
}

static void a_flipped_byte_in_a_blob_hurts_all_who_need_it(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, SHARED);

	support_flip(f->mem, STORE_DATA, &at.pack, at.blob.offset + at.blob.length / 2);
	run_check(f, false);
	expect_counts(f, 0, 0);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_ALL, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&at.pack),
	       hex(&at.blob.id));
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.hurt.n, 3);
}

static void a_flipped_byte_in_a_header_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);

	support_flip(f->mem, STORE_DATA, &at.pack, at.blob.length + 20);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: its header is damaged (its MAC does not match)", hex(&at.pack));
	expect_counts(f, 1, 0);
}

static void a_flipped_byte_in_a_header_length_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	size_t size = file_size(f, &at.pack);
	unsigned header = (unsigned)(size - at.blob.length - 4);

	for (size_t i = 0; i < 4; i++) {
		support_flip(f->mem, STORE_DATA, &at.pack, size - 4 + i);
		run_check(f, true);
		expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: its header length is %u, but it should be %u",
		       hex(&at.pack), header ^ 1u << (8 * i), header);
		expect_counts(f, 1, 0);
		support_flip(f->mem, STORE_DATA, &at.pack, size - 4 + i);
	}
}

/* A file of one blob, whose pack header and index say `lie` more than there is. */
static void snapshot_of_lying_blob(struct fixture *f, uint32_t lie, struct id *blob, struct id *pack, struct id *tree,
				   struct id *snapshot)
{
	CLEANUP(buf_release) struct buf sealed = BUF_INIT;
	struct blob_codec *c = blob_codec_new(&f->r->key);
	struct tree t = {0};
	uint32_t plain_len;
	char text[300];

	memset(text, 'x', sizeof text);
	support_seal(c, text, sizeof text, 3, blob, &sealed, &plain_len);
	assert_int_equal(plain_len, sizeof text);
	blob_codec_free(c);
	support_put_pack(f->r, BLOB_DATA, blob, sealed.p, sealed.len, plain_len + lie, pack);
	add_node(&t, "liar", sizeof text, blob);
	support_snapshot(f->r, &t, tree, snapshot);
}

static void a_wrong_plain_length_in_header_and_index_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct id blob, pack, tree, snapshot;

	snapshot_of_lying_blob(f, 1, &blob, &pack, &tree, &snapshot);
	run_check(f, true);
	expect_one(f, &snapshot, "pack %.8s: blob %.8s is damaged (it has 300 bytes instead of 301)", hex(&pack),
		   hex(&blob));
	expect_one(f, &snapshot, "tree %.8s: file \"liar\" should be 300 bytes long, but its blobs hold 301",
		   hex(&tree));
	expect_counts(f, 2, 0);
}

static void a_plain_length_too_small_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct id blob, pack, tree, snapshot;

	snapshot_of_lying_blob(f, (uint32_t)-1, &blob, &pack, &tree, &snapshot);
	run_check(f, true);
	expect_one(
		f, &snapshot,
		"pack %.8s: blob %.8s is damaged (decompressing to 299 bytes failed: Destination buffer is too small)",
		hex(&pack), hex(&blob));
	expect_one(f, &snapshot, "tree %.8s: file \"liar\" should be 300 bytes long, but its blobs hold 299",
		   hex(&tree));
	expect_counts(f, 2, 0);
}

static void a_wrong_plain_length_in_the_index_alone_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	struct support_index x;

	support_index_load(f->r, &x);
	support_index_remove_all(f->r);
	support_index_find(&x, &at.pack)->blobs[0].plain_len = 7;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_A,
	       "pack %.8s: blob %.8s has 7 bytes (%u stored) in the index, but %zu (%u stored) in the pack",
	       hex(&at.pack), hex(&at.blob.id), at.blob.length, strlen(ALPHA), at.blob.length);
	expect(f, CHECK_ERROR, HURT_A, "tree %.8s: file \"alpha\" should be %zu bytes long, but its blobs hold 7",
	       hex(&f->roots[1]), strlen(ALPHA));
	expect_counts(f, 2, 0);
}

static void a_damaged_blob_with_a_good_copy_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	struct id id, pack;

	support_put_blob(f->r, BLOB_DATA, ALPHA, strlen(ALPHA), &id, &pack);
	support_flip(f->mem, STORE_DATA, &at.pack, 5);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&at.pack),
	       hex(&id));
	expect_counts(f, 1, 0);
	support_flip(f->mem, STORE_DATA, &pack, 5);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_A, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&at.pack),
	       hex(&id));
	expect(f, CHECK_ERROR, HURT_A, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&pack),
	       hex(&id));
	expect_counts(f, 2, 0);
}

static void only_what_the_chosen_backups_need_is_looked_at(void **state)
{
	struct fixture *f = *state;
	struct blob_place alpha = place_of(f, ALPHA), beta = place_of(f, BETA);
	struct check_options o = {.read_data = true, .snapshots = &f->snapshots[2], .snapshot_count = 1};

	support_remove(f->mem, STORE_DATA, &alpha.pack);
	run_options(f, &o);
	expect_counts(f, 0, 0);
	assert_int_equal(f->report.snapshots, 1);
	assert_int_equal(f->report.packs_read, 3);
	support_flip(f->mem, STORE_DATA, &beta.pack, 3);
	run_options(f, &o);
	expect(f, CHECK_ERROR, HURT_B, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&beta.pack),
	       hex(&beta.blob.id));
	expect_counts(f, 1, 0);
}

static void a_chosen_backup_that_is_not_there_ends_the_check(void **state)
{
	struct fixture *f = *state;
	struct check_options o = {.snapshots = &f->roots[0], .snapshot_count = 1};
	struct error e = {0};

	assert_int_equal(check_run(f->r, &o, &f->report, &e), -ERR_NOT_FOUND);
	assert_int_equal(f->report.n, 0);
}

static void errors_come_before_hints_and_what_is_one_thing_stands_together(void **state)
{
	struct fixture *f = *state;
	struct blob_place alpha = place_of(f, ALPHA), beta = place_of(f, BETA);
	struct id stray;

	id_hash(&stray, "stray", 5);
	support_write(f->mem, STORE_DATA, &stray, "stray", 5);
	support_remove(f->mem, STORE_DATA, &alpha.pack);
	support_remove(f->mem, STORE_DATA, &beta.pack);
	run_check(f, false);
	expect_counts(f, 2, 1);
	assert_int_equal(f->report.v[0].severity, CHECK_ERROR);
	assert_int_equal(f->report.v[1].severity, CHECK_ERROR);
	assert_true(strcmp(f->report.v[0].object, f->report.v[1].object) < 0);
	assert_int_equal(f->report.v[2].severity, CHECK_HINT);
}

/* One operation of the store fails; false when the check makes fewer than `at`. */
static bool check_failing_at(struct fixture *f, unsigned long at, enum err_kind kind, int *rc)
{
	struct check_options o = {.read_data = true};
	struct fault_plan plan = {.kind = FAULT_ERROR, .at = at, .error = kind};
	struct store *own = f->r->store;
	struct error e = {0};

	check_report_release(&f->report);
	f->r->store = fault_new(support_lend(f->mem), &plan);
	*rc = check_run(f->r, &o, &f->report, &e);
	bool reached = fault_count(f->r->store) >= at;
	store_free(f->r->store);
	f->r->store = own;
	return reached;
}

static void a_store_that_cannot_be_reached_ends_the_check_wherever_it_happens(void **state)
{
	struct fixture *f = *state;
	unsigned long at = 0;
	int rc;

	while (check_failing_at(f, ++at, ERR_TEMPORARY, &rc))
		assert_int_equal(rc, -ERR_TEMPORARY);
	assert_int_equal(rc, 0);
	assert_true(at > 25);
}

static void an_input_error_of_a_local_disk_is_damage_unless_nothing_can_be_listed(void **state)
{
	struct fixture *f = *state;
	unsigned long at = 0, ended = 0;
	int rc;

	while (check_failing_at(f, ++at, ERR_IO, &rc)) {
		assert_true(rc == -ERR_IO || f->report.errors >= 1);
		ended += rc != 0;
	}
	assert_true(at > 25);
	assert_int_equal(
		ended,
		4 + 3 * 2); /* four listings; size and content of three snapshots, which must not be passed over */
}

static void a_cancelled_check_says_so(void **state)
{
	struct fixture *f = *state;
	struct progress p = {NULL};
	struct check_options o = {.read_data = true, .progress = &p};
	struct error e = {0};

	atomic_store(&p.cancel, true);
	assert_int_equal(check_run(f->r, &o, &f->report, &e), -ERR_CANCELLED);
	assert_string_equal(e.text, "cancelled");
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_missing_pack_is_an_error),
		T(a_missing_pack_of_trees_is_named_with_the_trees_it_takes_away),
		T(a_pack_cut_inside_a_blob_hurts_who_needs_it),
		T(a_pack_cut_behind_its_blobs_hurts_nobody),
		T(a_flipped_byte_in_a_blob_hurts_all_who_need_it),
		T(a_flipped_byte_in_a_header_hurts_nobody),
		T(a_flipped_byte_in_a_header_length_hurts_nobody),
		T(a_wrong_plain_length_in_header_and_index_is_an_error),
		T(a_plain_length_too_small_is_an_error),
		T(a_wrong_plain_length_in_the_index_alone_is_an_error),
		T(a_damaged_blob_with_a_good_copy_hurts_nobody),
		T(only_what_the_chosen_backups_need_is_looked_at),
		T(a_chosen_backup_that_is_not_there_ends_the_check),
		T(errors_come_before_hints_and_what_is_one_thing_stands_together),
		T(a_store_that_cannot_be_reached_ends_the_check_wherever_it_happens),
		T(an_input_error_of_a_local_disk_is_damage_unless_nothing_can_be_listed),
		T(a_cancelled_check_says_so),
		T(a_whole_repository_has_no_problems),
		cmocka_unit_test(an_empty_repository_has_no_problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

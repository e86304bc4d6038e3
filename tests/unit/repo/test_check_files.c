/* Defects of indexes, snapshots, keys and the config, each with its text and the backups it hurts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "check_support.h"
#include "repo/unpacked.h"

#include <stdio.h>

/* Split the tree pack of the last snapshot: its two trees in an index file each. */
static void a_pack_split_over_two_index_files_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at;
	struct support_index x;
	struct id a, b;
	struct index_pack *pack = support_index_take(f->r, BLOB_TREE, &f->roots[2], &x, &at);

	assert_int_equal(pack->n, 2);
	support_index_save(f->r, &(struct index_pack){pack->id, pack->blobs + 1, 1}, 1, &a);
	pack->n = 1;
	support_index_save(f->r, x.v, x.n, &b);
	bool a_first = id_cmp(&a, &b) < 0;
	struct id lost = a_first ? pack->blobs[0].id : pack->blobs[1].id;
	support_index_release(&x);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: index files %.8s and %.8s list different blobs of it",
	       hex(&at.pack), hex(a_first ? &a : &b), hex(a_first ? &b : &a));
	if (id_equal(&lost, &f->roots[2]))
		expect(f, CHECK_ERROR, HURT_B, "snapshot %.8s: its tree %.8s is in no index", hex(&f->snapshots[2]),
		       hex(&lost));
	else
		expect(f, CHECK_ERROR, HURT_B, "tree %.8s: folder \"sub\": its tree %.8s is in no index",
		       hex(&f->roots[2]), hex(&lost));
	assert_int_equal(f->report.hints, 0);
	assert_int_equal(f->report.hurt.n, 1);
}

static void a_pack_listed_twice_is_a_hint(void **state)
{
	struct fixture *f = *state;
	struct blob_place at;
	CLEANUP(id_list_release) struct id_list files = {0};
	struct support_index x;
	struct id again, first;
	struct index_pack *pack = take_index_of(f, ALPHA, &x, &at);

	support_index_save(f->r, x.v, x.n, &first);
	support_index_save(f->r, pack, 1, &again);
	support_index_release(&x);
	support_list(f->mem, STORE_INDEX, &files);
	run_check(f, true);
	expect(f, CHECK_HINT, HURT_NONE, "pack %.8s is listed twice, in index files %.8s and %.8s", hex(&at.pack),
	       hex(&files.v[0]), hex(&files.v[1]));
	expect_counts(f, 0, 1);
}

static void an_index_that_lists_one_blob_too_many_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at;
	struct support_index x;
	struct id ghost;
	struct index_pack *p = take_index_of(f, BETA, &x, &at);
	size_t size = file_size(f, &at.pack);

	p->blobs = mem_array(p->blobs, 2, sizeof *p->blobs);
	p->blobs[1] = (struct pack_blob){.type = BLOB_DATA, .offset = p->blobs[0].length, .length = 50};
	id_hash(&ghost, "never written", 13);
	p->blobs[1].id = ghost;
	p->n = 2;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s is %zu bytes long, but its index promises %zu", hex(&at.pack),
	       size, size + 50 + 37);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: blob %.8s is damaged (its MAC does not match)", hex(&at.pack),
	       hex(&ghost));
	expect_counts(f, 2, 0);
}

static void an_index_that_lists_a_blob_the_pack_does_not_hold_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at;
	struct tree t = {0};
	struct id blob, tree, snapshot;
	struct support_index x;

	id_hash(&blob, "never", strlen("never"));
	take_index_of(f, BETA, &x, &at)->blobs[0].id = blob;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	add_node(&t, "never", at.blob.length - CIPHER_OVERHEAD, &blob);
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, true);
	expect_one(f, &snapshot, "pack %.8s: the index lists blob %.8s, which the pack does not hold", hex(&at.pack),
		   hex(&blob));
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: its blob %.8s is in no index", hex(&at.pack), hex(&at.blob.id));
	expect(f, CHECK_ERROR, HURT_B, "tree %.8s: file \"beta\": 1 of its 1 blobs are in no index", hex(&f->roots[3]));
	expect_counts(f, 3, 0);
}

static void an_index_that_leaves_a_gap_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at;
	struct support_index x;
	struct index_pack *p = support_index_take(f->r, BLOB_TREE, &f->roots[2], &x, &at);
	size_t first = p->blobs[0].offset == 0 ? 0 : 1;
	struct id kept = p->blobs[!first].id, lost = p->blobs[first].id;
	size_t size = file_size(f, &at.pack), less = p->blobs[first].length + 41;
	p->blobs[0] = p->blobs[!first];
	p->n = 1;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: the blobs its index lists overlap or leave gaps", hex(&at.pack));
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s is %zu bytes long, but its index promises %zu", hex(&at.pack),
	       size, size - less);
	if (id_equal(&kept, &f->roots[2]))
		expect(f, CHECK_ERROR, HURT_B, "tree %.8s: folder \"sub\": its tree %.8s is in no index", hex(&kept),
		       hex(&lost));
	else
		expect(f, CHECK_ERROR, HURT_B, "snapshot %.8s: its tree %.8s is in no index", hex(&f->snapshots[2]),
		       hex(&lost));
	expect_counts(f, 3, 0);
}

static void a_pack_that_mixes_data_and_trees_is_a_hint(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	struct cipher *c = cipher_new(&f->r->key);
	struct pack_blob b[2] = {{.type = BLOB_DATA}, {.type = BLOB_TREE}};
	const char *text[2] = {"mixed", "{\"nodes\":[]}\n"};
	struct id pack;

	for (int i = 0; i < 2; i++) {
		id_hash(&b[i].id, text[i], strlen(text[i]));
		b[i].offset = (uint32_t)bytes.len;
		cipher_seal(c, text[i], strlen(text[i]), &bytes);
		b[i].length = (uint32_t)bytes.len - b[i].offset;
	}
	pack_write_header(c, b, 2, &bytes);
	cipher_free(c);
	id_hash(&pack, bytes.p, bytes.len);
	support_write(f->mem, STORE_DATA, &pack, bytes.p, bytes.len);
	support_index_save(f->r, &(struct index_pack){pack, b, 2}, 1, NULL);
	run_check(f, true);
	expect(f, CHECK_HINT, HURT_NONE, "pack %.8s mixes data and trees (prune sorts them)", hex(&pack));
	expect_counts(f, 0, 1);
	assert_int_equal(f->report.unused_blobs, 2);
	assert_int_equal(f->report.unused_bytes, b[0].length + b[1].length);
}

static void a_pack_in_no_index_is_a_hint(void **state)
{
	struct fixture *f = *state;
	struct id id;

	id_hash(&id, "left over", 9);
	support_write(f->mem, STORE_DATA, &id, "left over", 9);
	run_check(f, true);
	expect(f, CHECK_HINT, HURT_NONE, "pack %.8s is in no index (a backup was interrupted, or is running)",
	       hex(&id));
	expect_counts(f, 0, 1);
	assert_int_equal(f->report.unreferenced_packs, 1);
}

/* Move a file to a name that is not its hash. */
static struct id misname(struct fixture *f, enum store_kind kind, const struct id *id)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct id other;

	id_hash(&other, "another name", 12);
	support_read(f->mem, kind, id, &b);
	support_remove(f->mem, kind, id);
	support_write(f->mem, kind, &other, b.p, b.len);
	return other;
}

static void a_pack_under_a_wrong_name_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = place_of(f, ALPHA);
	struct id other = misname(f, STORE_DATA, &at.pack);
	struct support_index x;

	take_index_of(f, ALPHA, &x, NULL)->id = other;
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	run_check(f, true);
	expect_counts(f, 0, 0);
	run_options(f, &(struct check_options){.read_data = true, .pack_names = true});
	expect(f, CHECK_ERROR, HURT_NONE, "pack %.8s: its bytes do not match its name", hex(&other));
	expect_counts(f, 1, 0);
}

static void a_snapshot_under_a_wrong_name_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct id other = misname(f, STORE_SNAPSHOT, &f->snapshots[1]);

	run_check(f, false);
	expect_one(f, &other, "snapshot %.8s is damaged (its bytes do not match its name)", hex(&other));
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.snapshots, 2);
}

static void an_unreadable_snapshot_hides_no_other(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct id id;
	char path[80];

	buf_add(&b, "no snapshot, only text that was never sealed", 44);
	id_hash(&id, b.p, b.len);
	support_write(f->mem, STORE_SNAPSHOT, &id, b.p, b.len);
	run_check(f, false);
	const struct check_problem *p =
		expect_one(f, &id, "snapshot %.8s is damaged (its MAC does not match)", hex(&id));
	snprintf(path, sizeof path, "snapshots/%s", hex(&id));
	assert_string_equal(p->object, path);
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.snapshots, 3);
	assert_int_equal(f->report.trees, 4);
}

static void an_index_file_under_a_wrong_name_is_an_error_and_what_it_lists_is_missed(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list files = {0};
	struct support_index x;
	struct id all;

	support_index_load(f->r, &x);
	support_index_remove_all(f->r);
	support_index_save(f->r, x.v, x.n, &all);
	support_index_release(&x);
	struct id other = misname(f, STORE_INDEX, &all);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_NONE, "index %.8s is damaged (its bytes do not match its name)", hex(&other));
	for (int i = 0; i < 3; i++)
		expect_one(f, &f->snapshots[i], "snapshot %.8s: its tree %.8s is in no index", hex(&f->snapshots[i]),
			   hex(&f->roots[i]));
	expect_counts(f, 4, 6);
	assert_int_equal(f->report.hurt.n, 3);
}

static void an_index_file_that_is_no_index_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};
	struct id id;

	assert_int_equal(unpacked_save(f->r->store, &f->r->key, 2, STORE_INDEX, "{\"packs\":[{}]}", 14, &id, &e), 0);
	run_check(f, false);
	assert_int_equal(f->report.errors, 1);
	assert_true(strncmp(f->report.v[0].text, "index ", 6) == 0);
	assert_non_null(strstr(f->report.v[0].text, " is damaged: "));
}

static void a_key_file_under_a_wrong_name_is_an_error_when_all_is_read(void **state)
{
	struct fixture *f = *state;
	struct id other = misname(f, STORE_KEY, &f->r->key_id);

	run_check(f, false);
	expect_counts(f, 0, 0);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "key %.8s is damaged (its bytes do not match its name)", hex(&other));
	expect_counts(f, 1, 0);
}

static void a_key_file_that_is_no_key_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct id id;

	id_hash(&id, "{}", 2);
	support_write(f->mem, STORE_KEY, &id, "{}", 2);
	run_check(f, true);
	expect(f, CHECK_ERROR, HURT_NONE, "key %.8s is damaged (its salt has 0 bytes instead of 64)", hex(&id));
	expect_counts(f, 1, 0);
}

static void a_damaged_config_is_an_error(void **state)
{
	struct fixture *f = *state;

	support_flip(f->mem, STORE_CONFIG, NULL, 40);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_NONE, "config is damaged (its MAC does not match)");
	expect_counts(f, 1, 0);
	support_remove(f->mem, STORE_CONFIG, NULL);
	run_check(f, false);
	expect(f, CHECK_ERROR, HURT_NONE, "config: no such file in the repository");
	expect_counts(f, 1, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pack_split_over_two_index_files_is_an_error),
		T(a_pack_listed_twice_is_a_hint),
		T(an_index_that_lists_one_blob_too_many_is_an_error),
		T(an_index_that_lists_a_blob_the_pack_does_not_hold_is_an_error),
		T(an_index_that_leaves_a_gap_is_an_error),
		T(a_pack_that_mixes_data_and_trees_is_a_hint),
		T(a_pack_in_no_index_is_a_hint),
		T(a_pack_under_a_wrong_name_is_an_error),
		T(a_snapshot_under_a_wrong_name_is_an_error),
		T(an_unreadable_snapshot_hides_no_other),
		T(an_index_file_under_a_wrong_name_is_an_error_and_what_it_lists_is_missed),
		T(an_index_file_that_is_no_index_is_an_error),
		T(a_key_file_under_a_wrong_name_is_an_error_when_all_is_read),
		T(a_key_file_that_is_no_key_is_an_error),
		T(a_damaged_config_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Defects of trees, and files that do not fit their blobs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "check_support.h"

#include <stdio.h>

/* The blob of SHARED, for files of trees made by hand. */
static struct id shared_blob(void)
{
	struct id id;

	id_hash(&id, SHARED, strlen(SHARED));
	return id;
}

static void add_shared(struct tree *t, const char *name)
{
	struct id id = shared_blob();

	add_node(t, name, strlen(SHARED), &id);
}

static void add_folder(struct tree *t, const char *name, const struct id *subtree)
{
	struct tree_node n = {.subtree = *subtree};

	node_synthetic(&n.meta, name, NODE_DIR, (struct timespec){.tv_sec = 1600000000});
	tree_add(t, &n);
}

static void a_size_that_is_not_the_sum_of_the_blobs_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id blob = shared_blob(), tree, snapshot;

	add_node(&t, "a", strlen(SHARED) + 100, &blob);
	add_shared(&t, "b");
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	expect_one(f, &snapshot, "tree %.8s: file \"a\" should be %zu bytes long, but its blobs hold %zu", hex(&tree),
		   strlen(SHARED) + 100, strlen(SHARED));
	expect_counts(f, 1, 0);
}

static void unsorted_names_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id tree, snapshot;

	add_shared(&t, "a");
	add_shared(&t, "c\xff");
	add_shared(&t, "b");
	add_shared(&t, "a");
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	expect_one(f, &snapshot, "tree %.8s: its names are not sorted (\"c\\xff\" comes before \"b\")", hex(&tree));
	expect_counts(f, 1, 0);
}

static void two_equal_names_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id tree, snapshot;

	add_shared(&t, "twin");
	add_shared(&t, "twin");
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	expect_one(f, &snapshot, "tree %.8s: the name \"twin\" is there twice", hex(&tree));
	expect_counts(f, 1, 0);
}

static void a_file_whose_blobs_no_index_lists_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct tree_node n = {0};
	struct id shared = shared_blob(), nowhere, tree, snapshot;

	id_hash(&nowhere, "nowhere", 7);
	node_synthetic(&n.meta, "holes", NODE_FILE, (struct timespec){.tv_sec = 1600000000});
	id_list_add(&n.content, &nowhere);
	id_list_add(&n.content, &shared);
	id_list_add(&n.content, &nowhere);
	tree_add(&t, &n);
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	expect_one(f, &snapshot, "tree %.8s: file \"holes\": 2 of its 3 blobs are in no index", hex(&tree));
	expect_counts(f, 1, 0);
}

static void a_missing_tree_of_a_folder_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id nowhere, tree, snapshot;

	id_hash(&nowhere, "nowhere", 7);
	add_folder(&t, "gone", &nowhere);
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	expect_one(f, &snapshot, "tree %.8s: folder \"gone\": its tree %.8s is in no index", hex(&tree), hex(&nowhere));
	expect_counts(f, 1, 0);
}

static void a_missing_root_tree_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct snapshot s = {.time = {.tv_sec = 1800000000}};
	struct error e = {0};

	id_hash(&s.tree, "nowhere", 7);
	strlist_add(&s.paths, "/x");
	assert_int_equal(snapshot_save(f->r, &s, &e), 0);
	run_check(f, false);
	expect_one(f, &s.id, "snapshot %.8s: its tree %.8s is in no index", hex(&s.id), hex(&s.tree));
	expect_counts(f, 1, 0);
	snapshot_release(&s);
}

static void a_tree_blob_that_is_no_tree_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id broken, pack, tree, snapshot;
	char start[64];

	support_put_blob(f->r, BLOB_TREE, "[1]", 3, &broken, &pack);
	add_folder(&t, "broken", &broken);
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, true);
	assert_int_equal(f->report.errors, 1);
	snprintf(start, sizeof start, "tree %.8s cannot be read: ", hex(&broken));
	assert_true(strncmp(f->report.v[0].text, start, strlen(start)) == 0);
	assert_int_equal(f->report.v[0].snapshots.n, 1);
	assert_true(id_equal(&f->report.v[0].snapshots.v[0], &snapshot));
}

static void a_name_that_would_leave_its_folder_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct id tree, snapshot;
	char start[64];

	add_shared(&t, "..");
	support_snapshot(f->r, &t, &tree, &snapshot);
	run_check(f, false);
	snprintf(start, sizeof start, "tree %.8s cannot be read: ", hex(&tree));
	assert_int_equal(f->report.errors, 1);
	assert_true(strncmp(f->report.v[0].text, start, strlen(start)) == 0);
}

/* The bad file lies deep in a folder that two backups share, by different ways. */
static void all_backups_that_share_a_damaged_folder_are_named(void **state)
{
	struct fixture *f = *state;
	struct tree inner = {0}, outer = {0}, other = {0};
	struct id blob = shared_blob(), bad, tree, first, second, third;
	struct tree good = {0};

	add_node(&inner, "short", 1, &blob);
	support_snapshot(f->r, &inner, &bad, &first);
	add_folder(&outer, "x", &bad);
	support_snapshot(f->r, &outer, &tree, &second);
	add_folder(&other, "a", &tree);
	add_folder(&other, "b", &bad);
	support_snapshot(f->r, &other, NULL, &third);
	add_shared(&good, "whole");
	support_snapshot(f->r, &good, NULL, &(struct id){{0}});
	run_check(f, false);
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.v[0].snapshots.n, 3);
	assert_true(id_equal(&f->report.v[0].snapshots.v[0], &first));
	assert_true(id_equal(&f->report.v[0].snapshots.v[1], &second));
	assert_true(id_equal(&f->report.v[0].snapshots.v[2], &third));
	assert_int_equal(f->report.hurt.n, 3);
}

static void put_tree(struct fixture *f, struct tree *t, struct id *id)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct id pack;

	tree_encode(t, &json);
	tree_release(t);
	support_put_blob(f->r, BLOB_TREE, json.p, json.len, id, &pack);
}

/* What one backup finds below a folder holds for the next: folders above the bad one are not taken for clean, also when
 * the bad one was met before. */
static void a_folder_above_a_damaged_one_is_bad_for_every_backup(void **state)
{
	struct fixture *f = *state;
	struct tree inner = {0}, left = {0}, right = {0}, both = {0}, only_right = {0}, only_left = {0};
	struct id blob = shared_blob(), bad, a, b, snapshots[3];

	add_node(&inner, "short", 1, &blob);
	put_tree(f, &inner, &bad);
	add_folder(&left, "l", &bad);
	put_tree(f, &left, &a);
	add_folder(&right, "r", &bad);
	put_tree(f, &right, &b);
	add_folder(&both, "a", &a);
	add_folder(&both, "b", &b);
	support_snapshot(f->r, &both, NULL, &snapshots[0]);
	add_folder(&only_right, "b", &b);
	support_snapshot(f->r, &only_right, NULL, &snapshots[1]);
	add_folder(&only_left, "a", &a);
	support_snapshot(f->r, &only_left, NULL, &snapshots[2]);
	run_check(f, false);
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.v[0].snapshots.n, 3);
	assert_memory_equal(f->report.v[0].snapshots.v, snapshots, sizeof snapshots);
}

/* Each folder holds the next one twice: there are 2^40 ways to the bad file, and one folder a level. */
static void a_folder_reached_in_many_ways_is_looked_at_once(void **state)
{
	struct fixture *f = *state;
	struct tree inner = {0};
	struct id blob = shared_blob(), below, first, last;

	add_node(&inner, "short", 1, &blob);
	support_snapshot(f->r, &inner, &below, &first);
	for (int depth = 0; depth < 40; depth++) {
		struct tree t = {0};
		add_folder(&t, "a", &below);
		add_folder(&t, "b", &below);
		support_snapshot(f->r, &t, &below, &last);
	}
	run_check(f, false);
	expect_counts(f, 1, 0);
	assert_int_equal(f->report.v[0].snapshots.n, 41);
	assert_int_equal(f->report.trees, 4 + 41);
	assert_true(names(&f->report.hurt, &first));
	assert_true(names(&f->report.hurt, &last));
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_size_that_is_not_the_sum_of_the_blobs_is_an_error),
		T(unsorted_names_are_an_error),
		T(two_equal_names_are_an_error),
		T(a_file_whose_blobs_no_index_lists_is_an_error),
		T(a_missing_tree_of_a_folder_is_an_error),
		T(a_missing_root_tree_is_an_error),
		T(a_tree_blob_that_is_no_tree_is_an_error),
		T(a_name_that_would_leave_its_folder_is_an_error),
		T(all_backups_that_share_a_damaged_folder_are_named),
		T(a_folder_above_a_damaged_one_is_bad_for_every_backup),
		T(a_folder_reached_in_many_ways_is_looked_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Prune: all that it refuses, and what it leaves alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "prune_support.h"

#include "base/fs.h"
#include "base/path.h"

#include <stdio.h>

static void a_damaged_snapshot_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;

	support_flip(f->mem, STORE_SNAPSHOT, &f->goes, 30);
	expect_refusal(f, "nothing was removed: snapshot %.8s is damaged (its bytes do not match its name)",
		       hex(&f->goes));
}

static void a_damaged_index_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list files = {0};

	support_list(f->mem, STORE_INDEX, &files);
	support_flip(f->mem, STORE_INDEX, &files.v[0], 30);
	expect_refusal(f, "nothing was removed: index %.8s is damaged (its bytes do not match its name)",
		       hex(&files.v[0]));
}

static void a_missing_pack_that_is_needed_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = support_place(f->r, BLOB_DATA, KEPT, strlen(KEPT));

	support_remove(f->mem, STORE_DATA, &at.pack);
	expect_refusal(f, "nothing was removed: pack %.8s, which backups need, is missing", hex(&at.pack));
}

static void a_missing_pack_that_nobody_needs_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct id id, pack;

	support_put_blob(f->r, BLOB_DATA, "unused", 6, &id, &pack);
	support_remove(f->mem, STORE_DATA, &pack);
	prune_with(f, 0);
	expect_whole(f, 0);
}

static void a_cut_pack_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct blob_place at = support_place(f->r, BLOB_DATA, KEPT, strlen(KEPT));

	support_cut(f->mem, STORE_DATA, &at.pack, 20);
	expect_refusal(f, "nothing was removed: pack %.8s, which backups need, does not fit what its index says",
		       hex(&at.pack));
}

static void a_used_blob_in_no_index_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct tree_node n = {0};
	struct id nowhere, tree, snapshot;

	id_hash(&nowhere, "nowhere", 7);
	node_synthetic(&n.meta, "hole", NODE_FILE, (struct timespec){.tv_sec = 1});
	id_list_add(&n.content, &nowhere);
	tree_add(&t, &n);
	support_snapshot(f->r, &t, &tree, &snapshot);
	expect_refusal(f, "nothing was removed: file \"hole\" in tree %.8s needs blob %.8s, which is in no index",
		       hex(&tree), hex(&nowhere));
}

static void a_used_tree_in_no_index_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct tree t = {0};
	struct tree_node n = {0};
	struct id snapshot;

	id_hash(&n.subtree, "nowhere", 7);
	struct id nowhere = n.subtree;
	node_synthetic(&n.meta, "folder", NODE_DIR, (struct timespec){.tv_sec = 1});
	tree_add(&t, &n);
	support_snapshot(f->r, &t, NULL, &snapshot);
	expect_refusal(f, "nothing was removed: tree %.8s, which backups need, is in no index", hex(&nowhere));
	support_index_remove_all(f->r);
	struct prune_options o = {0};
	struct prune_stats stats;
	struct error e = {0};
	assert_int_equal(prune_run(f->r, &o, &stats, &e), -ERR_REFUSED);
}

static void a_damaged_blob_met_while_repacking_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct id snapshot, pack;
	struct prune_options o = {0};
	struct prune_stats stats;
	struct error e = {0};
	char text[200], blob[9];
	struct id id;

	pack_of_two(f, &snapshot, &pack);
	support_flip(f->mem, STORE_DATA, &pack, 20);
	id_hash(&id, "first half", 10);
	snprintf(blob, sizeof blob, "%.8s", hex(&id));
	assert_int_equal(prune_run(f->r, &o, &stats, &e), -ERR_REFUSED);
	snprintf(text, sizeof text,
		 "repacking pack %.8s: nothing was removed: blob %s is damaged (its MAC does not match)", hex(&pack),
		 blob);
	assert_string_equal(e.text, text);
	assert_true(support_restores(f->r, &f->stays, staying, 2));
	assert_true(support_restores(f->r, &f->goes, going, 2));
}

static void all_backups_gone_is_refused_unless_it_may_become_empty(void **state)
{
	struct fixture *f = *state;
	struct prune_options o = {.allow_empty = true};
	struct prune_stats stats;
	struct error e = {0};
	size_t packs = count(f, STORE_DATA);

	forget(f, &f->goes);
	forget(f, &f->stays);
	expect_refusal(f, "nothing was removed: no backup is listed, yet there are %zu packs of data", packs);
	assert_int_equal(prune_run(f->r, &o, &stats, &e), 0);
	assert_int_equal(stats.packs_removed, packs);
	assert_int_equal(stats.bytes_after, 0);
	assert_int_equal(count(f, STORE_DATA), 0);
	assert_int_equal(count(f, STORE_INDEX), 0);
	expect_whole(f, 0);
	assert_int_equal(prune_run(f->r, &(struct prune_options){0}, &stats, &e), 0);
}

/* A store that has one file more, or leaves one or all out, when the listing of a kind is made for the n-th time. */
struct meddler {
	struct store store;
	struct store *inner;
	enum store_kind kind;
	int at; /* n; 0: always */
	struct id file;
	enum { ADD, LEAVE_OUT, EMPTY } what;
	int listings; /* made so far */
};

static int meddler_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	struct meddler *m = (struct meddler *)s;
	CLEANUP(store_listing_release) struct store_listing all = {0};
	int rc = 0;

	bool now = kind == m->kind && (++m->listings == m->at || m->at == 0);
	if (now && m->what == ADD)
		support_write(m->inner, kind, &m->file, "x", 1);
	assert_int_equal(store_list(m->inner, kind, store_listing_add, &all, e), 0);
	for (size_t i = 0; i < all.n && rc == 0; i++)
		if (!now || (m->what != EMPTY && (m->what != LEAVE_OUT || strcmp(all.v[i].name, hex(&m->file)) != 0)))
			rc = fn(all.v[i].name, all.v[i].size, ctx);
	return rc;
}

static int meddler_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	return store_put(((struct meddler *)s)->inner, f, v, n, e);
}

static int meddler_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	return store_get(((struct meddler *)s)->inner, f, at, p, n, e);
}

static int meddler_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	return store_size(((struct meddler *)s)->inner, f, size, e);
}

static int meddler_remove(struct store *s, const struct store_file *f, struct error *e)
{
	return store_remove(((struct meddler *)s)->inner, f, e);
}

static const struct store_ops meddler_ops = {
	.put = meddler_put, .get = meddler_get, .size = meddler_size, .remove = meddler_remove, .list = meddler_list};

static int prune_meddled(struct fixture *f, struct meddler *m, struct error *e)
{
	struct store *own = f->r->store;
	struct prune_options o = {0};
	struct prune_stats stats;

	m->store = (struct store){.ops = &meddler_ops, .features = own->features, .url = own->url};
	m->inner = f->mem;
	f->r->store = &m->store;
	int rc = prune_run(f->r, &o, &stats, e);
	f->r->store = own;
	return rc;
}

/* The listings of snapshots: the first one, that of loading them, one behind the plan and one before anything is
 * removed. */
#define SNAPSHOT_LISTINGS 4

static void a_snapshot_that_appears_between_listings_makes_prune_refuse(void **state)
{
	for (int at = 1; at <= SNAPSHOT_LISTINGS + 1; at++) {
		struct meddler m = {.kind = STORE_SNAPSHOT, .at = at};
		struct error e = {0};
		void *own;

		fixture_new(&own);
		struct fixture *f = own;
		forget(f, &f->goes);
		id_hash(&m.file, "x", 1);
		int rc = prune_meddled(f, &m, &e);
		assert_int_equal(rc, at <= SNAPSHOT_LISTINGS ? -ERR_REFUSED : 0);
		if (at <= 2)
			assert_string_equal(e.text,
					    "nothing was removed: snapshot 2d711642 is damaged (1 bytes are too few)");
		else if (at <= SNAPSHOT_LISTINGS)
			assert_string_equal(e.text, "nothing was removed: the snapshot files changed meanwhile: 2 are "
						    "listed now, 1 were before");
		if (rc)
			support_remove(f->mem, STORE_SNAPSHOT, &m.file);
		assert_true(support_restores(f->r, &f->stays, staying, 2));
		fixture_free(&own);
	}
}

static void an_index_file_that_appears_between_listings_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	struct meddler m = {.kind = STORE_INDEX, .at = 3};
	struct error e = {0};

	id_hash(&m.file, "y", 1);
	assert_int_equal(prune_meddled(f, &m, &e), -ERR_REFUSED);
	assert_string_equal(e.text,
			    "nothing was removed: the index files changed meanwhile: 3 are listed now, 2 were before");
}

/* Every listing in turn comes back empty: whatever prune then does, no backup is hurt. */
static void P4_a_listing_that_comes_back_empty_makes_prune_refuse(void **state)
{
	unsigned long refused = 0;

	for (unsigned long at = 1;; at++) {
		struct fault_plan plan = {.kind = FAULT_EMPTY_LIST, .at = at};
		struct prune_options o = {0};
		struct prune_stats stats;
		struct error e = {0};
		void *own;

		fixture_new(&own);
		struct fixture *f = own;
		struct store *mine = f->r->store;
		forget(f, &f->goes);
		size_t packs = count(f, STORE_DATA);
		f->r->store = fault_new(support_lend(f->mem), &plan);
		int rc = prune_run(f->r, &o, &stats, &e);
		bool reached = fault_count(f->r->store) >= at;
		store_free(f->r->store);
		f->r->store = mine;
		assert_true(rc == 0 || rc == -ERR_REFUSED);
		if (rc) {
			refused++;
			assert_int_equal(strncmp(e.text, "nothing was removed: ", 21), 0);
			assert_true(count(f, STORE_DATA) >= packs);
		}
		assert_true(support_restores(f->r, &f->stays, staying, 2));
		fixture_free(&own);
		if (!reached)
			break;
	}
	assert_true(refused > 0);
}

/* The same for each listing by name. */
static void P4_each_listing_that_comes_back_empty_makes_prune_refuse(void **state)
{
	static const struct {
		enum store_kind kind;
		int listings;
	} kinds[] = {{STORE_SNAPSHOT, SNAPSHOT_LISTINGS}, {STORE_INDEX, 3}, {STORE_DATA, 1}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (int at = 0; at <= kinds[i].listings; at++) {
			struct meddler m = {.kind = kinds[i].kind, .at = at, .what = EMPTY};
			struct error e = {0};
			void *own;

			fixture_new(&own);
			struct fixture *f = own;
			forget(f, &f->goes);
			assert_int_equal(prune_meddled(f, &m, &e), -ERR_REFUSED);
			assert_true(m.listings >= at);
			assert_true(support_restores(f->r, &f->stays, staying, 2));
			fixture_free(&own);
		}
}

/* And when all listings are empty, as from a store that answers "404" to each. */
static void P4_listings_that_are_all_empty_make_prune_refuse_or_do_nothing(void **state)
{
	struct fixture *f = *state;
	struct fault_plan plan = {.kind = FAULT_EMPTY_LIST, .at = 1, .and_after = true};
	struct store *mine = f->r->store;
	struct prune_options o = {0};
	struct prune_stats stats;
	struct error e = {0};
	size_t packs = count(f, STORE_DATA), files = count(f, STORE_INDEX);

	f->r->store = fault_new(support_lend(f->mem), &plan);
	assert_int_equal(prune_run(f->r, &o, &stats, &e), 0);
	o.allow_empty = true;
	assert_int_equal(prune_run(f->r, &o, &stats, &e), 0);
	store_free(f->r->store);
	f->r->store = mine;
	assert_int_equal(count(f, STORE_DATA), packs);
	assert_int_equal(count(f, STORE_INDEX), files);
}

/* Half a list: a file of a kind is left out of the n-th listing of it (0: of all), while both backups are there or
 * after one was forgotten. Whether prune refused. */
static bool prune_half_listed(enum store_kind kind, size_t file, int at, bool forgotten, bool *more)
{
	CLEANUP(id_list_release) struct id_list files = {0};
	struct meddler m = {.kind = kind, .at = at, .what = LEAVE_OUT};
	struct error e = {0};
	void *own;
	int rc = 0;

	fixture_new(&own);
	struct fixture *f = own;
	if (forgotten)
		forget(f, &f->goes);
	support_list(f->mem, kind, &files);
	*more = file < files.n;
	if (*more) {
		m.file = files.v[file];
		rc = prune_meddled(f, &m, &e);
		assert_true(rc == 0 || rc == -ERR_REFUSED);
		assert_true(support_restores(f->r, &f->stays, staying, 2));
		assert_true(forgotten || support_restores(f->r, &f->goes, going, 2));
		expect_whole(f, 0);
	}
	fixture_free(&own);
	return rc != 0;
}

static void P4_half_a_listing_makes_prune_refuse(void **state)
{
	static const struct {
		enum store_kind kind;
		int from, to; /* which listings */
		bool forgotten;
	} half[] = {
		{STORE_SNAPSHOT, 1, SNAPSHOT_LISTINGS - 1, false},
		{STORE_INDEX, 0, 2, false},
		{STORE_INDEX, 1, 2, true},
		{STORE_DATA, 0, 0, false},
		{STORE_DATA, 0, 0, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(half); i++) {
		bool more = true;
		for (size_t file = 0; more; file++)
			for (int at = half[i].from; at <= half[i].to; at++) {
				bool refused = prune_half_listed(half[i].kind, file, at, half[i].forgotten, &more);
				assert_int_equal(refused, more);
			}
	}
}

/* Nobody needs what the file lists, so nothing else would tell; but its packs would go while it stays. */
static void P4_an_index_file_left_out_while_loading_makes_prune_refuse(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_list_release) struct id_list before = {0}, after = {0};
	struct meddler m = {.kind = STORE_INDEX, .at = 2, .what = LEAVE_OUT};
	struct error e = {0};
	struct id blob, pack;

	support_list(f->mem, STORE_INDEX, &before);
	support_put_blob(f->r, BLOB_DATA, "unused", 6, &blob, &pack);
	support_list(f->mem, STORE_INDEX, &after);
	for (size_t i = 0; i < after.n; i++)
		if (!is_listed(&before, &after.v[i]))
			m.file = after.v[i];
	assert_int_equal(prune_meddled(f, &m, &e), -ERR_REFUSED);
	assert_string_equal(e.text,
			    "nothing was removed: the index files changed meanwhile: 2 are listed now, 3 were before");
	expect_whole(f, 0);
}

static int write_text(const char *folder, const char *name, struct error *e)
{
	AUTO_FREE char *path = path_join(folder, name);
	return fs_write_atomic(path, "foreign", 7, 0600, e);
}

/* Names that look like temporary ones, or nearly like ours, in every folder: none is touched, none confuses. */
static void P7_odd_names_are_left_alone_and_take_nothing_with_them(void **state)
{
	static const char *const names[] = {
		"x.tmp.y",
		".tmp.",
		"a.tmp.b.tmp.",
		"0000000000000000000000000000000000000000000000000000000000000000-tmp-1",
		"0000000000000000000000000000000000000000000000000000000000000000.tmp",
		"000000000000000000000000000000000000000000000000000000000000000",
		"00000000000000000000000000000000000000000000000000000000000000000",
		"ABCDEF0000000000000000000000000000000000000000000000000000000000",
		"..data",
		"index",
		"snapshots",
		"\xff\xfe",
		"a b\nc",
		"config",
		"-rf",
		"%s%n",
	};
	static const char *const folders[] = {"data/00", "data/ff", "index", "snapshots", "keys", "locks"};
	struct error e = {0};
	char *dir;
	struct store *local;
	struct id stays, goes;

	assert_int_equal(fs_temp_dir(NULL, "prune-", &dir, &e), 0);
	AUTO_FREE char *place = path_join(dir, "repo");
	assert_int_equal(local_open(place, &local, &e), 0);
	struct fixture f = {.mem = local, .r = support_create(local)};
	support_backup(f.r, going, 2, &goes);
	support_backup(f.r, staying, 2, &stays);
	for (size_t k = 0; k < ARRAY_LEN(folders); k++) {
		AUTO_FREE char *folder = path_join(place, folders[k]);
		assert_int_equal(fs_make_dirs(folder, 0700, &e), 0);
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			assert_int_equal(write_text(folder, names[i], &e), 0);
	}
	support_remove(local, STORE_SNAPSHOT, &goes);
	prune_with(&f, 0);
	store_tidy(local);
	expect_whole(&f, 0);
	assert_true(support_restores(f.r, &stays, staying, 2));
	for (size_t k = 0; k < ARRAY_LEN(folders); k++)
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			AUTO_FREE char *folder = path_join(place, folders[k]);
			AUTO_FREE char *path = path_join(folder, names[i]);
			assert_true(fs_exists(path));
		}
	repo_free(f.r);
	store_free(local);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
	free(dir);
}

static void a_lost_lock_stops_prune_before_anything_is_removed(void **state)
{
	struct fixture *f = *state;
	struct prune_options o = {0};
	struct prune_stats stats;
	struct error e = {0};
	CLEANUP(id_list_release) struct id_list locks = {0};
	size_t packs = count(f, STORE_DATA);

	forget(f, &f->goes);
	assert_int_equal(lock_acquire(f->r, true, &o.lock, &e), 0);
	support_list(f->mem, STORE_LOCK, &locks);
	assert_int_equal(locks.n, 1);
	support_remove(f->mem, STORE_LOCK, &locks.v[0]);
	assert_int_equal(prune_run(f->r, &o, &stats, &e), -ERR_LOCKED);
	assert_true(count(f, STORE_DATA) >= packs);
	assert_true(support_restores(f->r, &f->stays, staying, 2));
	lock_release(o.lock);
}

static void a_cancelled_prune_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct progress p = {NULL};
	struct prune_options o = {.progress = &p};
	struct prune_stats stats;
	struct error e = {0};

	forget(f, &f->goes);
	atomic_store(&p.cancel, true);
	assert_int_equal(prune_run(f->r, &o, &stats, &e), -ERR_CANCELLED);
	assert_true(support_restores(f->r, &f->stays, staying, 2));
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_damaged_snapshot_makes_prune_refuse),
		T(a_damaged_index_makes_prune_refuse),
		T(a_missing_pack_that_is_needed_makes_prune_refuse),
		T(a_missing_pack_that_nobody_needs_is_forgotten),
		T(a_cut_pack_makes_prune_refuse),
		T(a_used_blob_in_no_index_makes_prune_refuse),
		T(a_used_tree_in_no_index_makes_prune_refuse),
		T(a_damaged_blob_met_while_repacking_makes_prune_refuse),
		T(all_backups_gone_is_refused_unless_it_may_become_empty),
		cmocka_unit_test(a_snapshot_that_appears_between_listings_makes_prune_refuse),
		T(an_index_file_that_appears_between_listings_makes_prune_refuse),
		cmocka_unit_test(P4_a_listing_that_comes_back_empty_makes_prune_refuse),
		cmocka_unit_test(P4_each_listing_that_comes_back_empty_makes_prune_refuse),
		T(P4_listings_that_are_all_empty_make_prune_refuse_or_do_nothing),
		T(P4_an_index_file_left_out_while_loading_makes_prune_refuse),
		cmocka_unit_test(P4_half_a_listing_makes_prune_refuse),
		cmocka_unit_test(P7_odd_names_are_left_alone_and_take_nothing_with_them),
		T(a_lost_lock_stops_prune_before_anything_is_removed),
		T(a_cancelled_prune_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

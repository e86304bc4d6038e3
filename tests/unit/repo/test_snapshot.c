#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "memory_repo.h"
#include "repo/snapshot.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID1 "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"
#define ID2 "aaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123"
#define ID3 "49a8d96b0bd96f6a8c937c36fddfae6c1703addbccd0029457ccc8e086f9049b"

static void assert_refused(const char *json, const char *text)
{
	AUTO_FREE char *exact = mem_copy(json, strlen(json));
	struct snapshot s;
	struct error e = {0};

	assert_int_equal(snapshot_parse(exact, strlen(json), &s, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_null(s.paths.v);
	assert_null(s.hostname);
}

static void assert_comes_back(const char *json)
{
	CLEANUP(snapshot_release) struct snapshot s;
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	assert_int_equal(snapshot_parse(json, strlen(json), &s, &e), 0);
	snapshot_encode(&s, &out);
	assert_string_equal(buf_text(&out), json);
}

static void what_is_no_snapshot_is_refused(void **state)
{
	assert_refused("", "invalid JSON at byte 0: unexpected end");
	assert_refused("[]", "invalid JSON at byte 0: an object expected");
	assert_refused("{\"paths\":[\"/a\"],\"hostname\":\"h\"}", "the snapshot has no time");
	assert_refused("{\"time\":\"2023-11-14T18:43:20Z\",\"paths\":[\"/a\"]}", "the snapshot has no tree");
	assert_refused("{\"time\":\"2023-11-14T18:43:20Z\",\"tree\":null}", "the snapshot has no tree");
	assert_refused("{\"time\":\"now\"}", "invalid JSON at byte 13: a time in the form of RFC 3339 expected");
	assert_refused("{\"tree\":\"AB\"}", "invalid JSON at byte 12: an id of 64 lower-case hexadecimal digits "
		"expected");
	assert_refused("{\"tags\":[\"a\",1]}", "invalid JSON at byte 13: a string expected");
	assert_refused("{\"summary\":{\"files_new\":-1}}", "invalid JSON at byte 24: number out of range");
}

static void the_smallest_snapshot_is_read(void **state)
{
	static const char json[] = "{\"time\":\"2023-11-14T18:43:20Z\",\"tree\":\"" ID1 "\",\"paths\":null,"
		"\"x_job\":{\"a\":1}}";
	CLEANUP(snapshot_release) struct snapshot s;
	struct error e = {0};

	assert_int_equal(snapshot_parse(json, strlen(json), &s, &e), 0);
	assert_int_equal(s.time.tv_sec, 1699987400);
	assert_int_equal(s.paths.n, 0);
	assert_false(s.has_parent);
	assert_false(s.summary.present);
	assert_null(s.hostname);
}

/* These three were written by restic 0.14. */
static void snapshots_of_restic_are_encoded_to_the_same_bytes(void **state)
{
	assert_comes_back("{\"time\":\"2026-11-21T04:17:57.38544483-03:30\",\"tree\":\"" ID3
		"\",\"paths\":[\"/srv/src\"],"
			  "\"hostname\":\"vm\",\"username\":\"root\"}");
	assert_comes_back("{\"time\":\"2026-11-21T04:20:47.851702298-03:30\",\"parent\":\"" ID1 "\",\"tree\":\"" ID2
			  "\",\"paths\":[\"/srv/src\"],\"hostname\":\"vm\",\"username\":\"root\"}");
	assert_comes_back("{\"time\":\"2026-11-21T04:19:00.941195655-03:30\",\"tree\":\"" ID2
		"\",\"paths\":[\"/srv/src\"],"
			  "\"hostname\":\"other\",\"username\":\"root\",\"excludes\":[\"gar*\"],\"tags\":[\"a\","
				"\"b\"]}");
}

static void every_member_is_written_in_order(void **state)
{
	assert_comes_back(
		"{\"time\":\"2026-11-21T04:17:57.38544483+05:30\",\"parent\":\"" ID1 "\",\"tree\":\"" ID2
		"\",\"paths\":[\"/a\",\"/b \\u003c\\u003e\"],\"hostname\":\"h\",\"username\":\"u\",\"uid\":1000,"
			"\"gid\":100,"
		"\"excludes\":[\"*.o\"],\"tags\":[\"t\"],\"original\":\"" ID3 "\",\"program_version\":\"backstay "
			"0.1.0\","
		"\"summary\":{\"backup_start\":\"2026-11-21T04:17:57+05:30\","
			"\"backup_end\":\"2026-11-21T04:18:00.5+05:30\","
		"\"files_new\":1,\"files_changed\":2,\"files_unmodified\":3,\"dirs_new\":4,\"dirs_changed\":5,"
		"\"dirs_unmodified\":6,\"data_blobs\":7,\"tree_blobs\":8,\"data_added\":9,\"data_added_packed\":10,"
		"\"total_files_processed\":11,\"total_bytes_processed\":18446744073709551615}}");
}

static void zero_counters_of_a_summary_are_written(void **state)
{
	struct snapshot s = {.summary.present = true};
	CLEANUP(buf_release) struct buf out = BUF_INIT;

	snapshot_encode(&s, &out);
	assert_non_null(strstr(buf_text(&out), "\"paths\":[],\"summary\":{\"backup_start\":\"1970-01-01T00:00:00Z\","
					       "\"backup_end\":\"1970-01-01T00:00:00Z\",\"files_new\":0,"));
}

static void tags_are_found_whole(void **state)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};

	strlist_add(&s.tags, "nightly");
	assert_true(snapshot_has_tag(&s, "nightly"));
	assert_false(snapshot_has_tag(&s, "night"));
	assert_false(snapshot_has_tag(&s, ""));
}

/* In a repository */

static int set_up(void **state)
{
	*state = memory_repo();
	return 0;
}

static int tear_down(void **state)
{
	repo_free(*state);
	return 0;
}

static struct id save_at(struct repo *r, time_t seconds)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time.tv_sec = seconds};
	struct error e = {0};

	assert_true(id_parse(&s.tree, ID1, ID_HEX_LEN));
	strlist_add(&s.paths, "/srv");
	assert_int_equal(snapshot_save(r, &s, &e), 0);
	return s.id;
}

static void put_raw(struct repo *r, const struct id *id, const char *bytes)
{
	struct store_file f = {.kind = STORE_SNAPSHOT};
	struct iovec v = {(void *)(uintptr_t)bytes, strlen(bytes)};
	struct error e = {0};

	id_hex(id, f.name);
	assert_int_equal(store_put(r->store, &f, &v, 1, &e), 0);
}

static void a_saved_snapshot_is_loaded_until_it_is_removed(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct id id = save_at(r, 1700000000);
	struct error e = {0};

	assert_int_equal(snapshot_load(r, &id, &s, &e), 0);
	assert_true(id_equal(&s.id, &id));
	assert_int_equal(s.time.tv_sec, 1700000000);
	assert_string_equal(s.paths.v[0], "/srv");
	assert_int_equal(snapshot_remove(r, &id, &e), 0);
	assert_int_equal(snapshot_remove(r, &id, &e), 0);

	CLEANUP(snapshot_release) struct snapshot gone = {0};
	assert_int_equal(snapshot_load(r, &id, &gone, &e), -ERR_NOT_FOUND);
}

static void no_snapshots_are_an_empty_list(void **state)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct error e = {0};

	assert_int_equal(snapshot_list_load(*state, &l, &e), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(l.damaged.n, 0);
}

static void many_snapshots_are_listed_oldest_first(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct error e = {0};

	for (time_t i = 0; i < 100; i++)
		save_at(r, 1700000000 + i * 37 % 100);
	assert_int_equal(snapshot_list_load(r, &l, &e), 0);
	assert_int_equal(l.n, 100);
	for (size_t i = 0; i < l.n; i++) {
		assert_int_equal(l.v[i].time.tv_sec, 1700000000 + i);
		assert_false(id_is_zero(&l.v[i].id));
	}
}

static void a_damaged_snapshot_is_listed_apart(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct error e = {0};
	struct id bad;

	save_at(r, 1);
	save_at(r, 2);
	id_hash(&bad, "rubbish", 7);
	put_raw(r, &bad, "rubbish");
	assert_int_equal(snapshot_list_load(r, &l, &e), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.damaged.n, 1);
	assert_true(id_equal(&l.damaged.v[0], &bad));
	assert_int_equal(l.damage.n, 1);
	assert_non_null(strstr(l.damage.v[0], "is damaged ("));
}

static struct store_ops patched;
static const struct store_ops *original;
static enum err_kind failing_kind;
static struct store_file victim;
static bool victim_vanishes;
static char newcomer[STORE_NAME_LEN + 1]; /* in no listing before the second */

/* Reading the victim fails; when it vanishes it is not listed any more either. */
static int failing_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	if (f->kind == STORE_SNAPSHOT && strcmp(f->name, victim.name) == 0)
		return error_set(e, failing_kind, "snapshots/%s: reading it fails", f->name);
	return original->get(s, f, at, p, n, e);
}

static int failing_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	if (f->kind == STORE_SNAPSHOT && strcmp(f->name, victim.name) == 0) {
		if (victim_vanishes)
			return error_set(e, ERR_NOT_FOUND, "snapshots/%s: there is no such file", f->name);
		return error_set(e, failing_kind, "snapshots/%s: reading it fails", f->name);
	}
	return original->size(s, f, size, e);
}

static atomic_int lists;

struct listing {
	store_list_fn fn;
	void *ctx;
	const char *hidden;
};

static int all_but_hidden(const char *name, uint64_t size, void *ctx)
{
	struct listing *l = ctx;

	return strcmp(name, l->hidden) == 0 ? 0 : l->fn(name, size, l->ctx);
}

static int forgetting_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	struct listing l = {fn, ctx, newcomer};

	if (victim_vanishes && lists++ > 0)
		l.hidden = victim.name;
	return original->list(s, kind, all_but_hidden, &l, e);
}

static void fail_reading(struct repo *r, const struct id *id, enum err_kind kind, bool vanishes)
{
	struct store_ops *ops = patch_store(r, &patched, &original);

	ops->get = failing_get;
	ops->size = failing_size;
	ops->list = forgetting_list;
	id_hex(id, victim.name);
	failing_kind = kind;
	victim_vanishes = vanishes;
	newcomer[0] = 0;
	lists = 0;
}

static void a_store_that_fails_is_no_list_of_snapshots(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct id id = save_at(r, 1);
	struct error e = {0};

	save_at(r, 2);
	fail_reading(r, &id, ERR_TEMPORARY, false);
	assert_int_equal(snapshot_list_load(r, &l, &e), -ERR_TEMPORARY);
	assert_non_null(strstr(e.text, "reading it fails"));
	assert_int_equal(l.n, 0);
}

static void a_snapshot_that_is_listed_but_not_there_counts_as_damaged(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct id id = save_at(r, 1);
	struct error e = {0};

	save_at(r, 2);
	fail_reading(r, &id, ERR_NOT_FOUND, false);
	assert_int_equal(snapshot_list_load(r, &l, &e), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.damaged.n, 1);
	assert_true(id_equal(&l.damaged.v[0], &id));
}

static void a_snapshot_forgotten_while_it_is_listed_is_left_out(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct id id = save_at(r, 1);
	struct error e = {0};

	save_at(r, 2);
	fail_reading(r, &id, ERR_NOT_FOUND, true);
	assert_int_equal(snapshot_list_load(r, &l, &e), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.damaged.n, 0);
}

static void a_snapshot_that_takes_the_place_of_another_while_it_is_listed_is_found(void **state)
{
	struct repo *r = *state;
	CLEANUP(snapshot_list_release) struct snapshot_list l;
	struct id id = save_at(r, 1), fresh = save_at(r, 2);
	struct error e = {0};

	fail_reading(r, &id, ERR_NOT_FOUND, true);
	id_hex(&fresh, newcomer);
	assert_int_equal(snapshot_list_load(r, &l, &e), 0);
	assert_int_equal(l.n, 1);
	assert_true(id_equal(&l.v[0].id, &fresh));
	assert_int_equal(l.damaged.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_snapshot_is_refused),
		cmocka_unit_test(the_smallest_snapshot_is_read),
		cmocka_unit_test(snapshots_of_restic_are_encoded_to_the_same_bytes),
		cmocka_unit_test(every_member_is_written_in_order),
		cmocka_unit_test(zero_counters_of_a_summary_are_written),
		cmocka_unit_test(tags_are_found_whole),
		cmocka_unit_test_setup_teardown(a_saved_snapshot_is_loaded_until_it_is_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_snapshots_are_an_empty_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_snapshots_are_listed_oldest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_snapshot_is_listed_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_store_that_fails_is_no_list_of_snapshots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_that_is_listed_but_not_there_counts_as_damaged, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_forgotten_while_it_is_listed_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_that_takes_the_place_of_another_while_it_is_listed_is_found,
			set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

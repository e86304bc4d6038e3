/* The catalog's copy of what a repository holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/known.h"
#include "catalog/place.h"
#include "job/record.h"
#include "repo/index.h"
#include "job/verify.h"

static struct repository r;
static struct catalog *c;

static int enter(void **state)
{
	struct error e;

	if (room_enter(state) || mkdir(at("state"), 0700))
		return -1;
	repo_make_at("repository", &r);
	put_db("shop.db", "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); CREATE TABLE u(x)");
	put_file("media/a", "hello");
	assert_ok(record_catalog(false, &c, &e));
	return 0;
}

static int leave(void **state)
{
	catalog_close(c);
	repository_release(&r);
	return room_leave(state);
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

static void scan(unsigned how)
{
	struct progress p = {0};
	struct error e;

	assert_ok(record_scan(c, &r, how, &p, &e));
}

static size_t count(void)
{
	CLEANUP(known_list_release) struct known_list l = {0};
	const struct known_filter all = {.safety = -1};
	struct error e;

	assert_ok(known_list_some(c, &all, &(struct catalog_page){0}, &l, NULL, &e));
	return l.n;
}

static void get(const char *id, struct known_backup *k)
{
	struct error e;

	assert_ok(known_get(c, id, k, &e));
}

static void a_listing_that_fails_changes_nothing(void **state)
{
	struct progress p = {0};
	struct error e;

	back_up(&r, SOURCES("shop.db"));
	scan(RECORD_NEW);
	assert_int_equal(rename(at("repository/snapshots"), at("away")), 0);
	assert_fails(record_scan(c, &r, RECORD_ALL, &p, &e), ERR_CORRUPT, "snapshots/: the folder is missing");
	assert_int_equal(count(), 1);
}

static void a_backup_is_known_with_its_sources_and_counts(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	CLEANUP(place_record_release) struct place_record p = {0};
	const char *id = back_up(&r, SOURCES("shop.db", "media"));
	struct error e;

	scan(RECORD_SIZES);
	get(id, &k);
	assert_string_equal(k.name, "shop.db + media");
	assert_int_equal(k.source_count, 2);
	assert_string_equal(without_room(k.sources[0].shown), "sqlite:@/shop.db");
	assert_int_equal(k.sources[0].tables, 2);
	assert_int_equal(k.sources[0].rows, 2);
	assert_string_equal(k.sources[1].name, "media");
	assert_int_equal(k.sources[1].files, 1);
	assert_true(k.added > 0 && k.seconds >= 0 && k.bytes > 0);
	assert_non_null(k.job);
	assert_false(k.safety || k.imported || k.partial || k.pinned || k.foreign || k.verify_failed);
	assert_ok(place_get(c, k.place, &p, &e));
	assert_string_equal(without_room(p.location), "@/repository");
	assert_string_equal(p.repository_id, r.repo->config.id);
	assert_true(p.bytes > 0 && p.bytes_free > 0 && p.scanned.tv_sec > 0);
	assert_true(p.remembered);
}

static void what_another_job_has_made_since_the_index_was_read_is_known_as_it_is(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	const char *id = back_up(&r, SOURCES("shop.db"));

	for (int all = 0; all < 2; all++) {
		repo_drop_index(r.repo);
		r.repo->index = index_new();
		scan(all ? RECORD_ALL : RECORD_NEW);
		known_backup_release(&k);
		get(id, &k);
		assert_string_equal(k.name, "shop.db");
		assert_int_equal(k.source_count, 1);
		assert_int_equal(k.sources[0].tables, 2);
		assert_non_null(k.job);
	}
}

static void the_size_of_a_repository_grows_by_what_its_backups_add(void **state)
{
	CLEANUP(known_backup_release) struct known_backup one = {0}, two = {0};
	CLEANUP(place_record_release) struct place_record p = {0};
	AUTO_FREE char *first = mem_string(back_up(&r, SOURCES("shop.db")));
	struct error e;

	scan(RECORD_NEW);
	get(first, &one);
	assert_ok(place_get(c, one.place, &p, &e));
	assert_int_equal(p.bytes, one.added);
	AUTO_FREE char *second = mem_string(back_up(&r, SOURCES("media")));

	scan(RECORD_NEW);
	scan(RECORD_NEW);
	get(second, &two);
	place_record_release(&p);
	assert_ok(place_get(c, one.place, &p, &e));
	assert_true(two.added > 0);
	assert_int_equal(p.bytes, one.added + two.added);
}

static void what_is_gone_goes_and_what_is_there_is_not_read_again(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	AUTO_FREE char *one = mem_string(back_up(&r, SOURCES("shop.db")));
	AUTO_FREE char *two = mem_string(back_up(&r, SOURCES("media")));
	struct error e;
	struct id id;

	scan(RECORD_NEW);
	assert_int_equal(count(), 2);
	get(two, &k);
	free(k.name);
	k.name = mem_string("as it was read");
	assert_ok(known_put(c, &k, &e));
	assert_true(id_parse(&id, one, strlen(one)));
	assert_ok(snapshot_remove(r.repo, &id, &e));
	back_up(&r, SOURCES("shop.db"));
	scan(RECORD_NEW);
	assert_int_equal(count(), 2);
	known_backup_release(&k);
	assert_int_equal(known_get(c, one, &k, &e), -ERR_NOT_FOUND);
	get(two, &k);
	assert_string_equal(k.name, "as it was read");
	scan(RECORD_ALL);
	known_backup_release(&k);
	get(two, &k);
	assert_string_equal(k.name, "media");
}

static void a_tag_that_gives_it_another_id_leaves_it_findable_by_the_first(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	AUTO_FREE char *one = mem_string(back_up(&r, SOURCES("shop.db")));
	char hex[ID_HEX_LEN + 1];
	struct id id, fresh;
	struct error e;

	scan(RECORD_NEW);
	assert_true(id_parse(&id, one, strlen(one)));
	assert_ok(backup_add_tag(&r, &id, TAG_PINNED, &fresh, &e));
	scan(RECORD_NEW);
	assert_int_equal(count(), 1);
	get(one, &k);
	assert_string_equal(k.id, id_hex(&fresh, hex));
	assert_string_equal(k.original, one);
	assert_true(k.pinned);
}

static void backups_of_other_programs_are_known_too(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	const char *id = put_snapshot(&r, "/srv/other", "nightly", "file", "text");

	scan(RECORD_NEW);
	get(id, &k);
	assert_true(k.foreign);
	assert_string_equal(k.tags.v[0], "nightly");
}

static void damage_hides_no_backup_and_a_snapshot_that_cannot_be_read_stays_known(void **state)
{
	back_up(&r, SOURCES("shop.db"));
	scan(RECORD_NEW);
	back_up(&r, SOURCES("media"));
	damage_stored(&r, STORE_SNAPSHOT, 0);
	damage_stored(&r, STORE_SNAPSHOT, 1);
	scan(RECORD_NEW);
	assert_int_equal(count(), 1);
	scan(RECORD_ALL);
	assert_int_equal(count(), 1);
}

static void what_a_verification_found_is_known_at_once(void **state)
{
	CLEANUP(known_backup_release) struct known_backup k = {0};
	CLEANUP(backup_release) struct backup b = {0};
	struct verify_result *v;
	struct error e;

	find(&r, back_up(&r, SOURCES("shop.db")), &b);
	scan(RECORD_NEW);
	assert_ok(job_verify(&r, &b, 1, LEVEL_STRUCTURE, false, NULL, &v, NULL, &e));
	assert_ok(record_verified(c, &r, &b, 1, &e));
	char hex[ID_HEX_LEN + 1];

	get(id_hex(&b.snapshot.id, hex), &k);
	assert_int_equal(k.level, LEVEL_STRUCTURE);
	assert_true(k.verified.tv_sec > 0);
	assert_int_equal(k.evidence.n, v->evidence.n);
	assert_string_equal(k.evidence.v[0], v->evidence.v[0]);
	verify_result_release(v);
	free(v);
}

static void what_a_check_found_is_kept_with_the_repository(void **state)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	struct error e;

	assert_ok(record_checked(c, &r, true, &e));
	assert_ok(place_find_location(c, r.location, &p, &e));
	assert_true(p.check_failed && p.checked.tv_sec > 0);
	assert_ok(record_checked(c, &r, false, &e));
	place_record_release(&p);
	assert_ok(place_find_location(c, r.location, &p, &e));
	assert_false(p.check_failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_listing_that_fails_changes_nothing),
		TEST(what_another_job_has_made_since_the_index_was_read_is_known_as_it_is),
		TEST(a_backup_is_known_with_its_sources_and_counts),
		TEST(the_size_of_a_repository_grows_by_what_its_backups_add),
		TEST(what_is_gone_goes_and_what_is_there_is_not_read_again),
		TEST(a_tag_that_gives_it_another_id_leaves_it_findable_by_the_first),
		TEST(backups_of_other_programs_are_known_too),
		TEST(damage_hides_no_backup_and_a_snapshot_that_cannot_be_read_stays_known),
		TEST(what_a_verification_found_is_known_at_once),
		TEST(what_a_check_found_is_kept_with_the_repository),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

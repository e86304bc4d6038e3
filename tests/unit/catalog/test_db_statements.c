#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/fs.h"
#include "base/path.h"
#include "catalog/db.h"
#include "catalog/db_inner.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows of "setting" are as good as any: two texts. */
static void put(struct support *s, const char *name, const char *value)
{
	if (db_run(s->c, &s->e, "INSERT INTO setting (name, value) VALUES (?1, ?2)", "ss", name, value))
		fail_msg("%s", s->e.text);
}

static int64_t number(struct catalog *c, const char *sql)
{
	struct error e;
	int64_t n;
	if (db_number(c, &n, &e, sql, ""))
		fail_msg("%s", e.text);
	return n;
}

static int64_t count(struct support *s)
{
	return number(s->c, "SELECT count(*) FROM setting");
}

/* ---- errors ---- */

static void a_name_that_is_taken_is_told(void **state)
{
	struct support *s = *state;
	put(s, "a", "1");
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO setting (name, value) VALUES (?1, ?2)", "ss", "a", "2"), -ERR_EXISTS);
	assert_string_equal(s->e.text, "this setting.name is taken already");
}

static void a_row_that_others_refer_to_stays(void **state)
{
	struct support *s = *state;
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO session (user, hash, csrf, created, used, expires) VALUES (7, x'00', '', 0, 0, 0)", ""), -ERR_REFUSED);
	assert_string_equal(s->e.text, "other records of the catalog refer to it");
}

static void wrong_sql_is_our_own_fault(void **state)
{
	struct support *s = *state;
	struct db_row q;
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db: no such table: nothing_like_it", s->dir);
	assert_int_equal(db_query(s->c, &q, &s->e, "SELECT 1 FROM nothing_like_it", ""), -ERR_INTERNAL);
	assert_string_equal(s->e.text, text);
	db_done(&q);
	db_done(&q);
}

static void a_value_of_the_wrong_type_is_refused(void **state)
{
	struct support *s = *state;
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO alarm (key, since) VALUES ('a', ?1)", "s", "text"), -ERR_INTERNAL);
}

/* ---- values ---- */

static void every_kind_of_value_comes_back(void **state)
{
	struct support *s = *state;
	struct db_row q;
	int rc;
	size_t n;
	CLEANUP(strlist_release) struct strlist list = {0}, got = {0};
	strlist_add(&list, "a \"b\"");
	strlist_add(&list, "");
	strlist_add(&list, "\xff\xfe\x01 \xc3\xa9");
	rc = db_query(s->c, &q, &s->e, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", "siudbtl", "it's \xff", INT64_MIN, UINT64_MAX, DBL_MIN, "a\0b", (size_t)3,
		(struct timespec){.tv_sec = 1700000000, .tv_nsec = 123456789}, &list);
	assert_int_equal(rc, 0);
	assert_true(db_next(&q, &rc, &s->e));
	assert_string_equal(db_text(&q, 0), "it's \xff");
	assert_true(db_i64(&q, 1) == INT64_MIN);
	assert_true(db_u64(&q, 2) == UINT64_MAX);
	assert_true(db_double(&q, 3) == DBL_MIN);
	assert_memory_equal(db_blob(&q, 4, &n), "a\0b", 3);
	assert_int_equal(n, 3);
	assert_int_equal(db_time(&q, 5).tv_sec, 1700000000);
	assert_int_equal(db_time(&q, 5).tv_nsec, 123456000);
	db_list(&q, 6, &got);
	assert_int_equal(got.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(got.v[i], list.v[i]);
	assert_true(db_bool(&q, 1));
	assert_false(db_next(&q, &rc, &s->e));
	assert_int_equal(rc, 0);
	db_done(&q);
}

static void nothing_is_null(void **state)
{
	struct support *s = *state;
	CLEANUP(strlist_release) struct strlist got = {0};
	struct db_row q;
	size_t n;
	int rc = db_query(s->c, &q, &s->e, "SELECT ?1, ?2, ?3", "stS", NULL, (struct timespec){0}, &(struct secret){0}, "about");
	assert_int_equal(rc, 0);
	assert_true(db_next(&q, &rc, &s->e));
	for (int i = 0; i < 3; i++)
		assert_true(db_null(&q, i));
	assert_null(db_dup(&q, 0));
	assert_string_equal(db_text(&q, 0), "");
	assert_int_equal(db_time(&q, 1).tv_sec, 0);
	assert_null(db_blob(&q, 0, &n));
	db_list(&q, 0, &got);
	assert_int_equal(got.n, 0);
	db_done(&q);
}

static void times_before_1970_come_back(void **state)
{
	struct support *s = *state;
	struct db_row q;
	int rc = db_query(s->c, &q, &s->e, "SELECT ?1", "t", (struct timespec){.tv_sec = -2, .tv_nsec = 500000000});
	assert_int_equal(rc, 0);
	assert_true(db_next(&q, &rc, &s->e));
	assert_int_equal(db_time(&q, 0).tv_sec, -2);
	assert_int_equal(db_time(&q, 0).tv_nsec, 500000000);
	db_done(&q);
}

/* ---- secrets ---- */

static int read_secret(struct support *s, const char *about, struct secret *out)
{
	struct db_row q;
	int rc = db_query(s->c, &q, &s->e, "SELECT value FROM setting WHERE name = 'a'", "");
	assert_true(db_next(&q, &rc, &s->e));
	rc = db_secret(&q, 0, about, out, &s->e);
	db_done(&q);
	return rc;
}

static void put_secret(struct support *s)
{
	CLEANUP(secret_release) struct secret secret = {0};
	secret_set(&secret, "open-sesame", 11);
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO setting (name, value) VALUES ('a', ?1)", "S", &secret, "the a"), 0);
}

static void a_secret_opens_only_as_what_it_was_sealed_for(void **state)
{
	struct support *s = *state;
	CLEANUP(secret_release) struct secret got = {0};
	put_secret(s);
	assert_int_equal(read_secret(s, "the b", &got), -ERR_CORRUPT);
	assert_string_equal(s->e.text, "the secret \"the b\" does not open: it was changed, or sealed with another key");
	assert_int_equal(read_secret(s, "the a", &got), 0);
	assert_string_equal((char *)got.p, "open-sesame");
	assert_false(support_on_disk(s, "open-sesame"));
}

static void a_lost_key_is_told_with_the_file_that_held_it(void **state)
{
	struct support *s = *state;
	CLEANUP(secret_release) struct secret got = {0};
	AUTO_FREE char *key = path_join(s->dir, "secret.key");
	AUTO_FREE char *hint = mem_printf("secrets in the catalog open with the key in %s alone: bring that file back, or set the secret anew", key);
	put_secret(s);
	catalog_close(s->c);
	assert_int_equal(unlink(key), 0);
	s->c = support_open(s);
	assert_int_equal(read_secret(s, "the a", &got), -ERR_CORRUPT);
	assert_string_equal(s->e.hint, hint);
}

/* ---- statements ---- */

static void a_query_may_be_open_twice(void **state)
{
	struct support *s = *state;
	struct db_row outer, inner;
	int rc, pairs = 0;
	put(s, "a", "1");
	put(s, "b", "2");
	rc = db_query(s->c, &outer, &s->e, "SELECT name FROM setting ORDER BY name", "");
	while (!rc && db_next(&outer, &rc, &s->e)) {
		rc = db_query(s->c, &inner, &s->e, "SELECT name FROM setting ORDER BY name", "");
		while (!rc && db_next(&inner, &rc, &s->e))
			pairs++;
		db_done(&inner);
	}
	db_done(&outer);
	assert_int_equal(rc, 0);
	assert_int_equal(pairs, 4);
}

static void numbers_are_those_of_the_last_change(void **state)
{
	struct support *s = *state;
	put(s, "a", "1");
	put(s, "b", "2");
	assert_int_equal(db_run(s->c, &s->e, "UPDATE setting SET value = '3'", ""), 0);
	assert_int_equal(db_changed(s->c), 2);
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO source (name, url, shown, engine, created, changed) VALUES ('a', 'u', 's', 'sqlite', 0, 0)", ""), 0);
	assert_int_equal(db_last_id(s->c), 1);
	assert_int_equal(number(s->c, "SELECT value FROM setting WHERE name = 'none'"), 0);
	assert_int_equal(number(s->c, "SELECT NULL"), 0);
}

/* ---- transactions ---- */

static void only_the_outermost_commit_commits(void **state)
{
	struct support *s = *state;
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	put(s, "a", "1");
	assert_int_equal(catalog_commit(s->c, &s->e), 0);
	struct catalog *other = support_open(s);
	assert_int_equal(number(other, "SELECT count(*) FROM setting"), 0);
	assert_int_equal(catalog_commit(s->c, &s->e), 0);
	assert_int_equal(number(other, "SELECT count(*) FROM setting"), 1);
	catalog_close(other);
}

static void a_rollback_within_undoes_all(void **state)
{
	struct support *s = *state;
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	put(s, "a", "1");
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	put(s, "b", "1");
	catalog_rollback(s->c);
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO setting (name, value) VALUES ('c', '1')", ""), -ERR_INTERNAL);
	assert_string_equal(s->e.text, "a change of the catalog was undone before it was complete");
	assert_int_equal(catalog_commit(s->c, &s->e), -ERR_INTERNAL);
	assert_int_equal(count(s), 0);
	put(s, "a", "1");
	assert_int_equal(count(s), 1);
}

static void what_is_not_committed_is_gone_with_the_connection(void **state)
{
	struct support *s = *state;
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	put(s, "a", "1");
	catalog_close(s->c);
	s->c = support_open(s);
	assert_int_equal(count(s), 0);
}

static int add_ten(struct support *s, int i)
{
	for (int n = 0; n < 10; n++) {
		AUTO_FREE char *name = mem_printf("%d-%d", i, n);
		if (catalog_begin(s->c, &s->e))
			return 1;
		if (db_run(s->c, &s->e, "INSERT INTO setting (name, value) SELECT ?1, count(*) FROM setting", "s", name))
			return 2;
		if (catalog_commit(s->c, &s->e))
			return 3;
	}
	return 0;
}

static void writers_wait_for_each_other(void **state)
{
	struct support *s = *state;
	assert_int_equal(support_at_once(s, 4, add_ten), 4);
	assert_int_equal(number(s->c, "SELECT count(DISTINCT value) FROM setting"), 40);
}

/* ---- stamps ---- */

static void a_stamp_tells_changes_of_others(void **state)
{
	struct support *s = *state;
	struct catalog *other = support_open(s);
	int64_t before = catalog_stamp(other);
	assert_true(catalog_stamp(other) == before);
	put(s, "a", "1");
	int64_t after = catalog_stamp(other);
	assert_true(after != before);
	assert_true(catalog_stamp(other) == after);
	catalog_close(other);
}

static void what_is_written_lightly_is_seen_by_others_at_once(void **state)
{
	struct support *s = *state;
	struct catalog *other = support_open(s);
	int64_t n;
	assert_int_equal(db_run_lightly(s->c, &s->e, "INSERT INTO setting (name, value) VALUES ('a', '1')", ""), 0);
	assert_int_equal(db_number_lightly(s->c, &n, &s->e, "INSERT INTO setting (name, value) VALUES ('b', '7') RETURNING value", ""), 0);
	assert_int_equal(n, 7);
	assert_int_equal(number(other, "SELECT count(*) FROM setting"), 2);
	assert_int_equal(number(s->c, "PRAGMA synchronous"), 2);
	catalog_close(other);
}

/* As a list of a page of one counts. */
static uint64_t counted(struct support *s, const char *value)
{
	CLEANUP(db_filter_release) struct db_filter f = {0};
	const struct catalog_page p = {.limit = 1};
	uint64_t n;
	if (value)
		db_filter_add(&f, "value = ?", 's', value);
	assert_int_equal(db_count_filter(s->c, &n, &s->e, "setting", &f, &p, 1), 0);
	return n;
}

static void a_count_follows_what_we_and_others_change_and_nothing_that_is_undone(void **state)
{
	struct support *s = *state;
	put(s, "a", "1");
	put(s, "b", "2");
	assert_int_equal(counted(s, NULL), 2);
	assert_int_equal(counted(s, NULL), 2);
	assert_int_equal(counted(s, "1"), 1);
	assert_int_equal(counted(s, "2"), 1);
	put(s, "c", "1");
	assert_int_equal(counted(s, NULL), 3);
	assert_int_equal(counted(s, "1"), 2);
	struct catalog *other = support_open(s);
	assert_int_equal(db_run(other, &s->e, "INSERT INTO setting (name, value) VALUES ('d', '1')", ""), 0);
	assert_int_equal(counted(s, NULL), 4);
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	put(s, "e", "1");
	assert_int_equal(counted(s, "1"), 4);
	catalog_rollback(s->c);
	assert_int_equal(counted(s, "1"), 3);
	assert_int_equal(db_run(other, &s->e, "DELETE FROM setting WHERE name = 'd'", ""), 0);
	assert_int_equal(counted(s, "1"), 2);
	catalog_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_name_that_is_taken_is_told),
		CATALOG_TEST(a_row_that_others_refer_to_stays),
		CATALOG_TEST(wrong_sql_is_our_own_fault),
		CATALOG_TEST(a_value_of_the_wrong_type_is_refused),
		CATALOG_TEST(every_kind_of_value_comes_back),
		CATALOG_TEST(nothing_is_null),
		CATALOG_TEST(times_before_1970_come_back),
		CATALOG_TEST(a_secret_opens_only_as_what_it_was_sealed_for),
		CATALOG_TEST(a_lost_key_is_told_with_the_file_that_held_it),
		CATALOG_TEST(a_query_may_be_open_twice),
		CATALOG_TEST(numbers_are_those_of_the_last_change),
		CATALOG_TEST(only_the_outermost_commit_commits),
		CATALOG_TEST(a_rollback_within_undoes_all),
		CATALOG_TEST(what_is_not_committed_is_gone_with_the_connection),
		CATALOG_TEST(writers_wait_for_each_other),
		CATALOG_TEST(a_stamp_tells_changes_of_others),
		CATALOG_TEST(what_is_written_lightly_is_seen_by_others_at_once),
		CATALOG_TEST(a_count_follows_what_we_and_others_change_and_nothing_that_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

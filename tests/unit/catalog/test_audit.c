#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/audit.h"
#include "catalog/db.h"

#include <string.h>

static void add(struct support *s, const char *who, const char *action, const char *object)
{
	if (audit_add(s->c, who, "10.0.0.7", action, object, &s->e, "as %s", who))
		fail_msg("%s", s->e.text);
}

static void add_three(struct support *s)
{
	struct timespec t = {.tv_sec = 1700000000};
	time_freeze(&t);
	add(s, "maria", "login", NULL);
	t.tv_sec += 60;
	time_freeze(&t);
	add(s, "token ci of maria", "source-add", "shop");
	t.tv_sec += 60;
	time_freeze(&t);
	add(s, "root on the command line", "source-remove", "shop");
	time_freeze(NULL);
}

static int run(struct support *s, const char *sql)
{
	return db_run(s->c, &s->e, sql, "");
}

static void rows_cannot_be_changed_or_removed(void **state)
{
	struct support *s = *state;
	add_three(s);
	assert_int_equal(run(s, "UPDATE audit SET who = 'x' WHERE id = 2"), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the audit trail cannot be changed");
	assert_int_equal(run(s, "DELETE FROM audit WHERE id = 3"), -ERR_REFUSED);
}

/* Somebody with an SQLite of his own takes the guards away first. */
static void behind_our_back(struct support *s, const char *sql, const char *wanted)
{
	uint64_t rows;
	add_three(s);
	assert_int_equal(run(s, "DROP TRIGGER audit_no_update"), 0);
	assert_int_equal(run(s, "DROP TRIGGER audit_no_delete"), 0);
	assert_int_equal(run(s, sql), 0);
	assert_int_equal(audit_check(s->c, &rows, &s->e), -ERR_CORRUPT);
	assert_string_equal(s->e.text, wanted);
}

static void a_row_that_was_changed_shows(void **state)
{
	behind_our_back(*state, "UPDATE audit SET who = 'somebody else' WHERE id = 2", "audit row 2 is not what was written");
}

static void a_time_that_was_changed_shows(void **state)
{
	behind_our_back(*state, "UPDATE audit SET time = time + 1 WHERE id = 3", "audit row 3 is not what was written");
}

static void a_text_that_moved_between_columns_shows(void **state)
{
	behind_our_back(*state, "UPDATE audit SET object = action, action = object WHERE id = 2", "audit row 2 is not what was written");
}

static void a_row_that_was_taken_out_shows(void **state)
{
	behind_our_back(*state, "DELETE FROM audit WHERE id = 2", "audit row 2 is missing");
}

static void the_first_row_taken_out_shows(void **state)
{
	behind_our_back(*state, "DELETE FROM audit WHERE id = 1", "audit row 1 is missing");
}

static void the_last_row_taken_out_shows(void **state)
{
	behind_our_back(*state, "DELETE FROM audit WHERE id = 3", "audit row 3 is missing");
}

static void a_row_put_in_between_shows(void **state)
{
	behind_our_back(*state, "UPDATE audit SET id = 4 WHERE id = 3; ", "audit row 3 is missing");
}

static void a_row_replaced_by_a_copy_of_another_shows(void **state)
{
	behind_our_back(*state, "UPDATE audit SET who = (SELECT who FROM audit WHERE id = 1), hash = (SELECT hash FROM audit WHERE id = 1) WHERE id = 2", "audit row 2 is not what was written");
}

static void an_untouched_trail_holds(void **state)
{
	struct support *s = *state;
	uint64_t rows;
	assert_int_equal(audit_check(s->c, &rows, &s->e), 0);
	assert_int_equal(rows, 0);
	add_three(s);
	assert_int_equal(audit_add(s->c, NULL, NULL, "cleanup", NULL, &s->e, NULL), 0);
	assert_int_equal(audit_check(s->c, &rows, &s->e), 0);
	assert_int_equal(rows, 4);
}

static int add_many(struct support *s, int i)
{
	for (int n = 0; n < 10; n++)
		if (audit_add(s->c, "maria", NULL, "login", NULL, &s->e, "%d %d", i, n))
			return 1;
	return 0;
}

static void processes_that_add_at_once_make_one_chain(void **state)
{
	struct support *s = *state;
	uint64_t rows;
	assert_int_equal(support_at_once(s, 4, add_many), 4);
	assert_int_equal(audit_check(s->c, &rows, &s->e), 0);
	assert_int_equal(rows, 40);
}

static void the_newest_comes_first_as_json(void **state)
{
	struct support *s = *state;
	CLEANUP(audit_list_release) struct audit_list l = {0};
	uint64_t total;
	add_three(s);
	assert_int_equal(audit_list_some(s->c, &(struct audit_filter){0}, &(struct catalog_page){.limit = 2}, &l, &total, &s->e), 0);
	assert_int_equal(total, 3);
	assert_int_equal(l.n, 2);
	AUTO_FREE char *json = support_json(audit_json, &l.v[1]);
	AUTO_FREE char *wanted = mem_printf("{\"id\":2,\"time\":\"2023-11-14T22:14:20Z\",\"who\":\"token ci of maria\",\"address\":\"10.0.0.7\",\"action\":\"source-add\","
		"\"object\":\"shop\",\"details\":\"as token ci of maria\",\"hash\":\"%s\"}", l.v[1].hash);
	assert_string_equal(json, wanted);
	assert_string_equal(l.v[0].action, "source-remove");
}

/* How many rows a filter lets through. */
static uint64_t count(struct support *s, struct audit_filter f)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	uint64_t total;
	assert_int_equal(audit_list_some(s->c, &f, &(struct catalog_page){0}, &l, &total, &s->e), 0);
	assert_int_equal(total, l.n);
	return total;
}

static void filters_let_through_what_they_name(void **state)
{
	struct support *s = *state;
	add_three(s);
	assert_int_equal(count(s, (struct audit_filter){.who = "maria"}), 2);
	assert_int_equal(count(s, (struct audit_filter){.who = "%"}), 0);
	assert_int_equal(count(s, (struct audit_filter){.action = "source-add"}), 1);
	assert_int_equal(count(s, (struct audit_filter){.action = "source"}), 0);
	assert_int_equal(count(s, (struct audit_filter){.object = "shop"}), 2);
	assert_int_equal(count(s, (struct audit_filter){.after = {.tv_sec = 1700000060}, .before = {.tv_sec = 1700000120}}), 1);
}

static void what_comes_from_outside_is_cut(void **state)
{
	struct support *s = *state;
	CLEANUP(audit_list_release) struct audit_list l = {0};
	uint64_t rows;
	AUTO_FREE char *name = mem_alloc(100001);
	memset(name, 'x', 100000);
	name[100000] = '\0';
	assert_int_equal(audit_add(s->c, name, name, "login-failed", name, &s->e, "%s", name), 0);
	assert_int_equal(audit_list_some(s->c, &(struct audit_filter){0}, &(struct catalog_page){0}, &l, NULL, &s->e), 0);
	assert_int_equal(strlen(l.v[0].who), 200);
	assert_int_equal(strlen(l.v[0].details), 2000);
	assert_int_equal(audit_check(s->c, &rows, &s->e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(rows_cannot_be_changed_or_removed),
		CATALOG_TEST(a_row_that_was_changed_shows),
		CATALOG_TEST(a_time_that_was_changed_shows),
		CATALOG_TEST(a_text_that_moved_between_columns_shows),
		CATALOG_TEST(a_row_that_was_taken_out_shows),
		CATALOG_TEST(the_first_row_taken_out_shows),
		CATALOG_TEST(the_last_row_taken_out_shows),
		CATALOG_TEST(a_row_put_in_between_shows),
		CATALOG_TEST(a_row_replaced_by_a_copy_of_another_shows),
		CATALOG_TEST(an_untouched_trail_holds),
		CATALOG_TEST(processes_that_add_at_once_make_one_chain),
		CATALOG_TEST(the_newest_comes_first_as_json),
		CATALOG_TEST(filters_let_through_what_they_name),
		CATALOG_TEST(what_comes_from_outside_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

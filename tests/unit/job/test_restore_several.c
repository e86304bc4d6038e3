#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "engine/sqlite.h"

/* Two databases, changed since their backup `b`; a.db is restored first. */
static struct repository r;
static struct backup b;
static struct job_restore_result done;

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("a.db", "CREATE TABLE t(x); INSERT INTO t VALUES ('old')");
	put_db("two.db", "CREATE TABLE t(x); INSERT INTO t VALUES ('old')");
	find(&r, back_up(&r, SOURCES("a.db", "two.db")), &b);
	put_db("a.db", "UPDATE t SET x = 'new'");
	put_db("two.db", "UPDATE t SET x = 'new'");
	sqlite_patience_ms = 50;
	return 0;
}

static int leave(void **state)
{
	job_restore_result_release(&done);
	backup_release(&b);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static int try_restore(bool no_safety, struct error *e)
{
	const struct job_restore j = {.backup = &b, .no_safety = no_safety};

	job_restore_result_release(&done);
	return job_restore(&r, &j, &done, e);
}

static int try_undo(struct error *e)
{
	job_restore_result_release(&done);
	return job_undo(&r, NULL, &(struct job_restore){0}, &done, e);
}

static void assert_state(const char *a, const char *two)
{
	assert_string_equal(db_first("a.db", "SELECT x FROM t"), a);
	assert_string_equal(db_first("two.db", "SELECT x FROM t"), two);
}

/* Safety backups, by whether undo counts them. */
static void assert_safety(size_t open, size_t spent)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	size_t n[2] = {0};
	struct error e;

	assert_ok(backup_list_load_tagged(&r, TAG_SAFETY, &l, &e));
	for (size_t i = 0; i < l.n; i++)
		n[snapshot_has_tag(&l.v[i].snapshot, TAG_SPENT)]++;
	assert_int_equal(n[0], open);
	assert_int_equal(n[1], spent);
}

static void when_the_second_fails_the_first_is_brought_back(void **state)
{
	struct error e;

	db_hold("two.db");
	assert_fails(try_restore(false, &e), ERR_LOCKED,
		     "restoring two.db to sqlite:@/two.db: writing @/two.db: database is locked; what was replaced "
		     "before was "
		     "brought back");
	db_let_go();
	assert_state("new", "new");
	/* No safety backup is made of what cannot be written. */
	assert_safety(0, 1);
	assert_fails(try_undo(&e), ERR_NOT_FOUND,
		     "there is nothing to undo: no restore replaced anything, or all were undone");
}

static void what_was_replaced_without_a_safety_backup_stays_and_is_told(void **state)
{
	struct error e;

	db_hold("two.db");
	assert_fails(try_restore(true, &e), ERR_LOCKED,
		     "restoring two.db to sqlite:@/two.db: writing @/two.db: database is locked; sqlite:@/a.db stays "
		     "replaced, "
		     "for want of a safety backup");
	db_let_go();
	assert_state("old", "new");
	assert_safety(0, 0);
}

static void a_target_that_was_new_stays_and_is_told(void **state)
{
	struct error e;

	assert_int_equal(unlink(at("a.db")), 0);
	db_hold("two.db");
	assert_fails(
		try_restore(false, &e), ERR_LOCKED,
		"restoring two.db to sqlite:@/two.db: writing @/two.db: database is locked; sqlite:@/a.db is new and "
		"stays");
	db_let_go();
	assert_state("old", "new");
}

/* ---- and undone ---- */

static void all_that_one_restore_replaced_is_undone_at_once(void **state)
{
	struct error e;

	assert_ok(try_restore(false, &e));
	assert_state("old", "old");
	assert_safety(2, 0);
	assert_ok(try_undo(&e));
	assert_state("new", "new");
	assert_int_equal(done.n, 2);
	assert_string_equal(without_room(done.v[0].target), "sqlite:@/two.db");
	assert_string_equal(without_room(done.v[1].target), "sqlite:@/a.db");
	assert_safety(2, 2);
	assert_int_equal(try_undo(&e), -ERR_NOT_FOUND);
}

static void what_an_undo_that_failed_half_way_left_is_undone_the_next_time(void **state)
{
	struct error e = {0};

	assert_ok(try_restore(false, &e));
	db_hold("a.db");
	assert_int_equal(try_undo(&e), -ERR_LOCKED);
	db_let_go();
	assert_state("old", "new");
	put_db("two.db", "UPDATE t SET x = 'newer'");
	assert_ok(try_undo(&e));
	assert_state("new", "newer");
	assert_int_equal(try_undo(&e), -ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(when_the_second_fails_the_first_is_brought_back),
		IN_REPOSITORY(what_was_replaced_without_a_safety_backup_stays_and_is_told),
		IN_REPOSITORY(a_target_that_was_new_stays_and_is_told),
		IN_REPOSITORY(all_that_one_restore_replaced_is_undone_at_once),
		IN_REPOSITORY(what_an_undo_that_failed_half_way_left_is_undone_the_next_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

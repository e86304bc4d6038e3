#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "engine/sqlite.h"

/* A database whose table says which state it is in, and a backup of state "one". */
static struct repository r;
static const char *one;
static struct job_restore_result done; /* of the last restore or undo */

static void set(const char *state)
{
	AUTO_FREE char *sql = mem_printf("UPDATE t SET x = '%s'", state);

	put_db("app.db", sql);
}

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x); INSERT INTO t VALUES ('one')");
	one = back_up(&r, SOURCES("app.db"));
	sqlite_patience_ms = 50;
	return 0;
}

static int leave(void **state)
{
	job_restore_result_release(&done);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static int try_restore(const char *id, struct error *e)
{
	CLEANUP(backup_release) struct backup b = {0};
	const struct job_restore j = {.backup = &b};

	find(&r, id, &b);
	job_restore_result_release(&done);
	return job_restore(&r, &j, &done, e);
}

/* Restore, and the id of the safety backup; the caller's. */
static char *restore(const char *id)
{
	struct error e;

	assert_ok(try_restore(id, &e));
	assert_int_equal(done.safety.n, 1);
	return mem_string(done.safety.v[0]);
}

static int try_undo(const char *which, struct error *e)
{
	job_restore_result_release(&done);
	return job_undo(&r, which, &(struct job_restore){0}, &done, e);
}

static void undo(const char *which, const char *state)
{
	struct error e;

	assert_ok(try_undo(which, &e));
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), state);
}

static void assert_nothing_left(void)
{
	struct error e;

	assert_fails(try_undo(NULL, &e), ERR_NOT_FOUND,
		     "there is nothing to undo: no restore replaced anything, or all were undone");
}

static char *job_of(const char *id)
{
	CLEANUP(backup_release) struct backup b = {0};

	find(&r, id, &b);
	return mem_string(b.manifest.job);
}

/* ---- what cannot be undone ---- */

static void without_a_restore_there_is_nothing_to_undo(void **state)
{
	AUTO_FREE char *message = mem_printf("there is no restore %s that could be undone", one);
	struct error e;

	assert_nothing_left();
	assert_fails(try_undo(one, &e), ERR_NOT_FOUND, message);
	assert_fails(try_undo("", &e), ERR_NOT_FOUND, "there is no restore  that could be undone");
}

static void what_another_machine_restored_is_undone_only_when_it_is_named(void **state)
{
	struct error e;

	set("two");
	setenv("BACKSTAY_HOST", "elsewhere", 1);
	AUTO_FREE char *safety = restore(one);

	unsetenv("BACKSTAY_HOST");
	assert_fails(try_undo(NULL, &e), ERR_NOT_FOUND,
		     "there is nothing to undo on this machine; others restored from this repository too");
	assert_string_equal(e.hint, "to undo one of theirs here, name its safety backup by the id from `backstay list`");
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "one");
	undo(safety, "two");
}

static void a_prefix_of_less_than_four_digits_names_none(void **state)
{
	struct error e;

	set("two");
	AUTO_FREE char *safety = restore(one);
	AUTO_FREE char *prefix = mem_string_n(safety, 3);

	e = (struct error){0};
	assert_int_equal(try_undo(prefix, &e), -ERR_NOT_FOUND);
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "one");
}

static void a_restore_that_failed_is_not_undone(void **state)
{
	struct error e = {0};

	set("two");
	AUTO_FREE char *safety = restore(one);

	set("three");
	db_hold("app.db");
	assert_fails(try_restore(one, &e), ERR_LOCKED,
		     "restoring app.db to sqlite:@/app.db: writing @/app.db: database is locked");
	db_let_go();
	undo(NULL, "two");
	assert_nothing_left();
}

static void an_undo_that_failed_is_undone_the_next_time(void **state)
{
	struct error e = {0};

	set("two");
	AUTO_FREE char *safety = restore(one);

	db_hold("app.db");
	assert_fails(try_undo(NULL, &e), ERR_LOCKED,
		     "restoring app.db to sqlite:@/app.db: writing @/app.db: database is locked");
	db_let_go();
	undo(NULL, "two");
	assert_nothing_left();
}

static void an_undo_that_was_cut_off_before_its_mark_is_done_once_more(void **state)
{
	CLEANUP(backup_release) struct backup b = {0};
	struct error e;

	set("two");
	AUTO_FREE char *safety = restore(one);
	const struct job_restore half = {.backup = &b, .undo_of = safety};

	find(&r, safety, &b);
	job_restore_result_release(&done);
	assert_ok(job_restore(&r, &half, &done, &e));
	set("three");
	undo(NULL, "two");
	assert_nothing_left();
}

static void a_damaged_safety_backup_is_not_passed_over(void **state)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l = {0};
	struct error e;

	set("two");
	AUTO_FREE char *first = restore(one);

	set("three");
	AUTO_FREE char *second = restore(one);
	size_t n = 0;

	assert_ok(snapshot_list_load(r.repo, &l, &e));
	for (size_t i = 0; i < l.n; i++) {
		char hex[ID_HEX_LEN + 1];

		n += strcmp(id_hex(&l.v[i].id, hex), second) < 0;
	}
	damage_stored(&r, STORE_SNAPSHOT, n);
	e = (struct error){0};
	assert_int_equal(try_undo(NULL, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.text, "which restore was the last cannot be told: "));
	undo(first, "two");
}

static int say_no(void *ctx, const char *question, struct error *e)
{
	snprintf(ctx, 1000, "%s", without_room(question));
	return error_set(e, ERR_CANCELLED, "not confirmed");
}

static void an_answer_of_no_changes_nothing(void **state)
{
	const struct timespec t = {.tv_sec = 1795245245};
	char asked[1000];
	const struct job_restore how = {.confirm = say_no, .ctx = asked};
	struct error e;

	set("two");
	time_freeze(&t);
	AUTO_FREE char *safety = restore(one);

	job_restore_result_release(&done);
	assert_fails(job_undo(&r, NULL, &how, &done, &e), ERR_CANCELLED, "not confirmed");
	assert_string_equal(asked, "This brings back:\n  sqlite:@/app.db as it was at 2026-11-21 07:14:05\n"
				   "What is there now is kept as a backup. Go on?");
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "one");
}

static void a_preview_tells_what_an_undo_brings_back_and_changes_nothing(void **state)
{
	const struct timespec t = {.tv_sec = 1795245245};
	CLEANUP(restore_preview_release) struct restore_preview back = {0};
	struct error e;

	assert_fails(job_undo_preview(&r, NULL, &back, &e), ERR_NOT_FOUND, "there is nothing to undo: no restore replaced anything, or all were undone");
	set("two");
	time_freeze(&t);
	AUTO_FREE char *safety = restore(one);

	assert_ok(job_undo_preview(&r, NULL, &back, &e));
	assert_int_equal(back.targets.n, 1);
	assert_string_equal(without_room(back.targets.v[0]), "sqlite:@/app.db");
	assert_string_equal(without_room(back.lines.v[0]), "sqlite:@/app.db as it was at 2026-11-21 07:14:05");
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "one");
}

/* ---- what can ---- */

static void P8_restores_are_undone_one_after_the_other(void **state)
{
	set("two");
	const char *two = back_up(&r, SOURCES("app.db"));

	set("three");
	AUTO_FREE char *first = restore(one);
	AUTO_FREE char *second = restore(two);

	undo(NULL, "one");
	undo(NULL, "three");
	assert_nothing_left();
}

static void what_was_there_before_an_undo_is_kept_too(void **state)
{
	CLEANUP(backup_release) struct backup kept = {0};
	struct error e;

	set("two");
	AUTO_FREE char *safety = restore(one);

	set("work since");
	undo(NULL, "two");
	assert_int_equal(done.safety.n, 1);
	AUTO_FREE char *before_undo = mem_string(done.safety.v[0]);
	AUTO_FREE char *tag = mem_printf(TAG_UNDO_OF "%s", safety);

	find(&r, before_undo, &kept);
	assert_true(snapshot_has_tag(&kept.snapshot, tag));
	assert_string_equal(backup_name(&kept), "app.db before undo");
	assert_ok(try_restore(before_undo, &e));
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "work since");
	undo(NULL, "two");
}

static void an_undo_whose_target_is_gone_brings_it_back_and_counts(void **state)
{
	set("two");
	AUTO_FREE char *first = restore(one);

	set("three");
	AUTO_FREE char *second = restore(one);

	assert_int_equal(unlink(at("app.db")), 0);
	undo(NULL, "three");
	assert_int_equal(done.safety.n, 0);
	undo(NULL, "two");
	assert_nothing_left();
}

static void a_restore_is_undone_by_name_as_often_as_it_is_asked_for(void **state)
{
	set("two");
	AUTO_FREE char *safety = restore(one);
	AUTO_FREE char *job = job_of(safety);

	set("three");
	AUTO_FREE char *later = restore(one);
	AUTO_FREE char *prefix = mem_string_n(safety, 12);

	undo(prefix, "two");
	set("four");
	undo(safety, "two");
	set("five");
	undo(job, "two");
	undo(NULL, "three");
	assert_nothing_left();
}

static void an_undo_is_undone_by_name(void **state)
{
	set("two");
	AUTO_FREE char *safety = restore(one);

	set("three");
	undo(NULL, "two");
	AUTO_FREE char *before_undo = mem_string(done.safety.v[0]);

	undo(before_undo, "three");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(without_a_restore_there_is_nothing_to_undo),
		IN_REPOSITORY(what_another_machine_restored_is_undone_only_when_it_is_named),
		IN_REPOSITORY(a_prefix_of_less_than_four_digits_names_none),
		IN_REPOSITORY(a_restore_that_failed_is_not_undone),
		IN_REPOSITORY(an_undo_that_failed_is_undone_the_next_time),
		IN_REPOSITORY(an_undo_that_was_cut_off_before_its_mark_is_done_once_more),
		IN_REPOSITORY(a_damaged_safety_backup_is_not_passed_over),
		IN_REPOSITORY(an_answer_of_no_changes_nothing),
		IN_REPOSITORY(a_preview_tells_what_an_undo_brings_back_and_changes_nothing),
		IN_REPOSITORY(P8_restores_are_undone_one_after_the_other),
		IN_REPOSITORY(what_was_there_before_an_undo_is_kept_too),
		IN_REPOSITORY(an_undo_whose_target_is_gone_brings_it_back_and_counts),
		IN_REPOSITORY(a_restore_is_undone_by_name_as_often_as_it_is_asked_for),
		IN_REPOSITORY(an_undo_is_undone_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

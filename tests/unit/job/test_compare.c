#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/compare.h"

#include <utime.h>

static struct repository r;
static struct backup a, b;
static struct compare_result result;

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x PRIMARY KEY, y); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
	put_file("media/same", "text");
	put_file("media/changed", "old!");
	put_file("media/gone", "text");
	put_file("media/deep/er/x", "text");
	assert_int_equal(symlink("same", at("media/link")), 0);
	return 0;
}

static int leave(void **state)
{
	compare_result_release(&result);
	backup_release(&a);
	backup_release(&b);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void make(struct backup *out, const char *const *sources)
{
	backup_release(out);
	find(&r, back_up(&r, sources), out);
}

static int try_compare(const char *source, bool live, struct error *e)
{
	const struct compare_options o = {.source = source};

	compare_result_release(&result);
	return job_compare(&r, &a, live ? NULL : &b, &o, &result, e);
}

/* "-gone(4) ~changed(4>5) +new(3)" */
static void assert_files(const char *expected)
{
	static const char marks[] = {[DIFF_CHANGED] = '~', [DIFF_ONLY_A] = '-', [DIFF_ONLY_B] = '+'};
	CLEANUP(strlist_release) struct strlist l = {0};

	for (size_t i = 0; i < result.file_count; i++) {
		const struct file_diff *d = &result.files[i];
		unsigned long long from = d->size_a, to = d->size_b;

		if (d->kind == DIFF_CHANGED)
			strlist_addf(&l, "~%s(%llu>%llu)", d->path, from, to);
		else
			strlist_addf(&l, "%c%s(%llu)", marks[d->kind], d->path, from + to);
	}
	AUTO_FREE char *text = strlist_join(&l, " ");
	assert_string_equal(text, expected);
}

/* ---- what cannot be compared ---- */

static void without_a_source_in_common_there_is_nothing_to_compare(void **state)
{
	struct error e;

	make(&a, SOURCES("app.db"));
	make(&b, SOURCES("media"));
	assert_fails(try_compare(NULL, false, &e), ERR_NOT_FOUND, "the two sides have no source in common");
	assert_fails(try_compare("app.db", false, &e), ERR_NOT_FOUND,
		     "the two sides have no source in common that is called app.db");
	assert_fails(try_compare("typo", true, &e), ERR_NOT_FOUND, "the backup has no source that is called typo");
}

static void a_live_source_that_is_gone_is_an_error(void **state)
{
	struct error e;

	make(&a, SOURCES("app.db", "media"));
	assert_int_equal(unlink(at("app.db")), 0);
	assert_fails(try_compare("app.db", true, &e), ERR_NOT_FOUND,
		     "comparing app.db: @/app.db: no such file or folder");
	assert_ok(fs_remove_tree(at("media"), &e));
	assert_fails(try_compare("media", true, &e), ERR_NOT_FOUND, "comparing media: @/media: no such file or folder");
}

static void what_a_program_printed_has_no_live_side(void **state)
{
	struct error e;

	make(&a, SOURCES("command:echo hello"));
	assert_fails(try_compare(NULL, true, &e), ERR_USAGE, "comparing echo: there is no live side to compare with");
}

/* ---- backups ---- */

static void equal_backups_are_equal(void **state)
{
	struct error e;

	make(&a, SOURCES("app.db", "media"));
	make(&b, SOURCES("media", "app.db"));
	assert_ok(try_compare(NULL, false, &e));
	assert_true(result.equal);
	assert_int_equal(result.table_count, 1);
	assert_int_equal(result.tables[0].kind, DIFF_SAME);
	assert_int_equal(result.files_same, 4);
	assert_files("");
}

static void every_difference_of_files_is_told(void **state)
{
	struct error e;

	make(&a, SOURCES("media"));
	put_file("media/changed", "newer");
	put_file("media/new", "new");
	assert_int_equal(unlink(at("media/gone")), 0);
	assert_int_equal(unlink(at("media/link")), 0);
	assert_int_equal(symlink("changed", at("media/link")), 0);
	assert_int_equal(chmod(at("media/deep"), 0700), 0);
	make(&b, SOURCES("media"));
	assert_ok(try_compare("./media", false, &e));
	assert_false(result.equal);
	assert_files("~changed(4>5) ~deep(0>0) -gone(4) ~link(0>0) +new(3)");
	assert_int_equal(result.files_same, 2);
}

static int count_row(const struct row_diff *d, void *ctx, struct error *e)
{
	++*(int *)ctx;
	return 0;
}

static void every_difference_of_tables_is_told(void **state)
{
	const struct compare_options rows = {.on_row = count_row, .ctx = &(int){0}};
	struct error e;

	make(&a, SOURCES("app.db"));
	put_db("app.db",
	       "DELETE FROM t WHERE x = 1; UPDATE t SET y = 'B' WHERE x = 2; INSERT INTO t VALUES (4, 'd'), (5, 'e'); "
	       "CREATE TABLE u(z)");
	make(&b, SOURCES("app.db"));
	assert_ok(job_compare(&r, &a, &b, &rows, &result, &e));
	assert_false(result.equal);
	assert_int_equal(result.table_count, 2);
	assert_int_equal(result.tables[0].kind, DIFF_CHANGED);
	assert_int_equal(result.tables[0].removed, 1);
	assert_int_equal(result.tables[0].changed, 1);
	assert_int_equal(result.tables[0].added, 2);
	assert_int_equal(result.tables[1].kind, DIFF_ONLY_B);
	assert_int_equal(*(int *)rows.ctx, 4);
}

static void sources_of_one_side_only_are_named_and_make_a_difference(void **state)
{
	struct error e;

	put_file("more/x", "text");
	make(&a, SOURCES("app.db", "media"));
	make(&b, SOURCES("media", "more"));
	assert_ok(try_compare(NULL, false, &e));
	assert_false(result.equal);
	assert_int_equal(result.only_a.n, 1);
	assert_string_equal(result.only_a.v[0], "app.db");
	assert_int_equal(result.only_b.n, 1);
	assert_string_equal(result.only_b.v[0], "more");
	assert_ok(try_compare("media", false, &e));
	assert_true(result.equal);
}

static void of_several_folders_paths_say_which(void **state)
{
	struct error e;

	put_file("more/x", "text");
	make(&a, SOURCES("media", "more"));
	put_file("more/x", "changed");
	put_file("media/new", "new");
	make(&b, SOURCES("media", "more"));
	assert_ok(try_compare(NULL, false, &e));
	assert_files("+media/new(3) ~more/x(4>7)");
}

static void commands_of_one_name_are_compared_each_with_itself(void **state)
{
	struct error e;

	make(&a, SOURCES("command:echo one", "command:echo two"));
	make(&b, SOURCES("command:echo one", "command:echo three"));
	assert_ok(try_compare(NULL, false, &e));
	assert_files("~echo-2(4>6)");
	assert_int_equal(result.files_same, 1);
}

/* ---- live ---- */

static void an_untouched_source_equals_its_backup(void **state)
{
	struct error e;

	make(&a, SOURCES("app.db", "media"));
	assert_ok(try_compare(NULL, true, &e));
	assert_true(result.equal);
	assert_int_equal(result.files_same, 4);
}

static void what_changed_since_the_backup_is_told(void **state)
{
	struct error e;

	make(&a, SOURCES("app.db", "media"));
	put_db("app.db", "DELETE FROM t WHERE x = 1");
	put_file("media/changed", "newer");
	put_file("media/deep/new", "new");
	assert_int_equal(unlink(at("media/gone")), 0);
	assert_ok(try_compare(NULL, true, &e));
	assert_false(result.equal);
	assert_int_equal(result.tables[0].removed, 1);
	assert_files("~changed(4>5) +deep/new(3) -gone(4)");
}

static void a_live_file_of_the_same_size_is_compared_by_content(void **state)
{
	struct error e;

	make(&a, SOURCES("media"));
	assert_int_equal(utime(at("media/same"), &(struct utimbuf){1, 1}), 0);
	put_file("media/changed", "new!");
	assert_ok(try_compare(NULL, true, &e));
	assert_files("~changed(4>4)");
}

static void what_a_backup_leaves_out_is_no_difference(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1};
	struct error e;

	strlist_add(&j.options.exclude, "*.mp4");
	put_file("media/a.log", "text");
	put_file("media/.cache/x", "text");
	put_file("media/tagged/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
	put_file("media/film.mp4", "text");
	assert_ok(try_backup(&r, &j, SOURCES("media"), &made, &e));
	strlist_release(&j.options.exclude);
	find(&r, "latest", &a);
	assert_ok(try_compare(NULL, true, &e));
	assert_true(result.equal);
}

static void logs_that_the_backup_has_are_compared(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .options.include_logs = true};
	struct error e;

	put_file("media/a.log", "text");
	assert_ok(try_backup(&r, &j, SOURCES("media"), &made, &e));
	find(&r, "latest", &a);
	put_file("media/a.log", "longer");
	put_file("media/b.log", "not in it");
	assert_ok(try_compare(NULL, true, &e));
	assert_files("~a.log(4>6)");
}

/* ---- rows ---- */

static void rows_are_those_of_the_only_database_or_of_the_one_named(void **state)
{
	struct rows_db *db = NULL;
	struct error e;

	put_db("two.db", "CREATE TABLE u(z)");
	make(&a, SOURCES("app.db", "media"));
	make(&b, SOURCES("app.db", "two.db"));
	assert_ok(job_rows(&r, &a, NULL, &db, &e));
	assert_string_equal(db->tables[0].name, "t");
	rows_close(db);
	assert_fails(job_rows(&r, &b, NULL, &db, &e), ERR_USAGE, "backup \"app.db + two.db\" holds 2 databases");
	assert_string_equal(e.hint, "name one with --source");
	assert_fails(job_rows(&r, &a, "media", &db, &e), ERR_NOT_FOUND,
		     "backup \"app.db + media\" holds no database called media");
	assert_ok(job_rows(&r, &b, "./two.db", &db, &e));
	assert_string_equal(db->tables[0].name, "u");
	rows_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(without_a_source_in_common_there_is_nothing_to_compare),
		IN_REPOSITORY(a_live_source_that_is_gone_is_an_error),
		IN_REPOSITORY(what_a_program_printed_has_no_live_side),
		IN_REPOSITORY(equal_backups_are_equal),
		IN_REPOSITORY(every_difference_of_files_is_told),
		IN_REPOSITORY(every_difference_of_tables_is_told),
		IN_REPOSITORY(sources_of_one_side_only_are_named_and_make_a_difference),
		IN_REPOSITORY(of_several_folders_paths_say_which),
		IN_REPOSITORY(commands_of_one_name_are_compared_each_with_itself),
		IN_REPOSITORY(an_untouched_source_equals_its_backup),
		IN_REPOSITORY(what_changed_since_the_backup_is_told),
		IN_REPOSITORY(a_live_file_of_the_same_size_is_compared_by_content),
		IN_REPOSITORY(what_a_backup_leaves_out_is_no_difference),
		IN_REPOSITORY(logs_that_the_backup_has_are_compared),
		IN_REPOSITORY(rows_are_those_of_the_only_database_or_of_the_one_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

/* A database and a folder, changed since their backup `b`. */
static struct repository r;
static struct backup b;
static struct job_restore_result done; /* of the last restore */

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db",
	       "CREATE TABLE t(x); INSERT INTO t VALUES ('old'); CREATE TABLE u(y); INSERT INTO u VALUES ('old')");
	put_file("media/a.txt", "old");
	put_file("media/2026/b.txt", "old");
	find(&r, back_up(&r, SOURCES("app.db", "media")), &b);
	put_db("app.db", "UPDATE t SET x = 'new'; UPDATE u SET y = 'new'");
	put_file("media/a.txt", "new");
	put_file("media/2026/b.txt", "new");
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

/* A restore with one source, table or path chosen. */
struct choice {
	const char *to, *source, *table, *path;
	enum restore_mode mode;
	enum restore_only only;
	bool no_safety;
	int (*confirm)(void *ctx, const char *question, struct error *e);
};

static int try_choice(const struct backup *of, struct choice *c, struct error *e)
{
	struct job_restore j = {.backup = of, .to = c->to, .mode = c->mode, .only = c->only, .no_safety = c->no_safety};

	j.confirm = c->confirm;
	if (c->source)
		strlist_add(&j.sources, c->source);
	if (c->table)
		strlist_add(&j.tables, c->table);
	if (c->path)
		strlist_add(&j.paths, c->path);
	job_restore_result_release(&done);
	int rc = job_restore(&r, &j, &done, e);

	strlist_release(&j.sources);
	strlist_release(&j.tables);
	strlist_release(&j.paths);
	return rc;
}

#define TRY(...) try_choice(&b, &(struct choice){__VA_ARGS__}, &e)

static void assert_untouched(void)
{
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "new");
	assert_string_equal(db_first("app.db", "SELECT y FROM u"), "new");
	assert_holds("media/a.txt", "new");
	assert_holds("media/2026/b.txt", "new");
	assert_int_equal(count_snapshots(&r), 1);
	assert_names("media", "2026 a.txt");
}

/* ---- what is refused before anything is touched ---- */

static void what_is_not_in_the_backup_is_told(void **state)
{
	struct error e;

	assert_fails(TRY(.source = "typo"), ERR_NOT_FOUND, "backup \"app.db + media\" has no source \"typo\"");
	assert_fails(TRY(.source = "media", .only = ONLY_DATABASE), ERR_NOT_FOUND,
		     "nothing in backup \"app.db + media\" fits what was asked for; it holds: app.db (sqlite), media "
		     "(folder)");
	assert_fails(TRY(.path = "media/typo"), ERR_NOT_FOUND, "backup \"app.db + media\" holds no \"media/typo\"");
	assert_fails(TRY(.path = "../media"), ERR_NOT_FOUND, "backup \"app.db + media\" holds no \"../media\"");
	assert_fails(
		TRY(.table = "typo"), ERR_NOT_FOUND,
		"restoring app.db to sqlite:@/app.db: there is no table \"typo\" in the backup; its tables are: t, u");
	assert_untouched();
}

static void R10_a_target_of_another_kind_is_refused(void **state)
{
	struct error e;

	put_file("notes.txt", "precious");
	assert_fails(TRY(.source = "app.db", .to = "notes.txt"), ERR_MISMATCH,
		     "restoring app.db: notes.txt is not an SQLite database");
	assert_fails(TRY(.source = "media", .to = "notes.txt"), ERR_MISMATCH,
		     "restoring media: notes.txt is not a folder");
	assert_fails(TRY(.source = "media", .to = "sqlite:new.db"), ERR_MISMATCH,
		     "media is a backup of Folder and cannot be restored into sqlite:@/new.db; nothing was changed");
	assert_fails(TRY(.source = "app.db", .to = "folder:new"), ERR_MISMATCH,
		     "app.db is a backup of SQLite and cannot be restored into folder:@/new; nothing was changed");
	assert_holds("notes.txt", "precious");
	assert_untouched();
}

static void of_several_targets_one_of_another_kind_keeps_all_untouched(void **state)
{
	struct error e;

	put_file("out/media", "a file");
	assert_fails(TRY(.to = "out"), ERR_MISMATCH, "restoring media: out/media is not a folder");
	assert_names("out", "media");
	assert_untouched();
}

static char asked[1000];

static int say_no(void *ctx, const char *question, struct error *e)
{
	snprintf(asked, sizeof asked, "%s", without_room(question));
	return error_set(e, ERR_CANCELLED, "not confirmed");
}

static void an_answer_of_no_changes_nothing(void **state)
{
	const struct timespec now = time_now();
	struct error e;

	time_freeze(&now);
	assert_fails(TRY(.confirm = say_no), ERR_CANCELLED, "not confirmed");
	assert_string_equal(asked, "This replaces:\n  @/media: a folder, changed just now\n"
				   "  @/app.db: 12 KiB, changed just now\nA safety backup is made first. Go on?");
	assert_fails(TRY(.confirm = say_no, .table = "t", .no_safety = true), ERR_CANCELLED, "not confirmed");
	assert_string_equal(asked, "This replaces what was chosen in:\n  @/app.db: 12 KiB, changed just now\n"
				   "No safety backup will be made. Go on?");
	assert_fails(TRY(.confirm = say_no, .source = "media", .mode = RESTORE_PRESERVE), ERR_CANCELLED,
		     "not confirmed");
	assert_string_equal(asked, "This adds what is missing to:\n  @/media: a folder, changed just now\n"
				   "Of the backup's 2 sources, only media is restored. A safety backup is made first. "
				   "Go on?");
	assert_untouched();
}

static void damage_on_the_way_to_a_path_is_not_taken_for_its_absence(void **state)
{
	CLEANUP(store_listing_release) struct store_listing packs = {0};
	struct error e;

	assert_ok(store_list(r.repo->store, STORE_DATA, store_listing_add, &packs, &e));
	for (size_t i = 0; i < packs.n; i++)
		damage_stored(&r, STORE_DATA, i);
	e = (struct error){0};
	assert_int_equal(TRY(.path = "media/a.txt"), -ERR_CORRUPT);
	assert_untouched();
}

static void nothing_is_asked_where_nothing_is_replaced(void **state)
{
	struct error e;

	assert_ok(TRY(.confirm = say_no, .to = "out"));
	assert_holds("out/media/a.txt", "old");
}

static void two_sources_never_share_a_target(void **state)
{
	CLEANUP(backup_release) struct backup foreign = {0};
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e;
	struct id id;

	assert_true(id_parse(&id, put_snapshot(&r, "/x/media", "", "x/media/a", "text"), ID_HEX_LEN));
	assert_ok(snapshot_load(r.repo, &id, &s, &e));
	strlist_add(&s.paths, "/x/media/a");
	assert_ok(backup_of_snapshot(&r, &s, &foreign, &e));
	free(foreign.manifest.sources[1].name);
	foreign.manifest.sources[1].name = mem_string("y/media");
	assert_fails(try_choice(&foreign, &(struct choice){.to = "out"}, &e), ERR_USAGE,
		     "x/media and y/media would both be restored to @/out/media");
	assert_false(fs_exists(at("out")));
}

static void what_an_unknown_engine_made_is_told(void **state)
{
	struct error e;

	free(b.manifest.sources[0].engine);
	b.manifest.sources[0].engine = mem_string("oracle");
	assert_fails(TRY(.to = "out"), ERR_VERSION,
		     "app.db was made by the engine \"oracle\", which this program does not know");
	assert_ok(TRY(.to = "out", .source = "media"));
}

/* ---- the swap ---- */

static void without_its_lock_a_restore_stops_before_the_swap(void **state)
{
	struct error e;

	repo_lock(&r);
	remove_stored(&r, STORE_LOCK, 0);
	assert_fails(TRY(.source = "app.db"), ERR_LOCKED,
		     "restoring app.db to sqlite:@/app.db: our lock on the repository was removed by another program");
	assert_fails(TRY(.source = "media", .no_safety = true), ERR_LOCKED,
		     "restoring media to folder:@/media: our lock on the repository was removed by another program");
	assert_untouched();
}

static void a_safety_backup_that_lacks_something_stops_the_restore(void **state)
{
	struct error e;

	become_nobody();
	assert_int_equal(chmod(at("media/a.txt"), 0), 0);
	assert_fails(TRY(.source = "media"), ERR_REFUSED,
		     "restoring media to folder:@/media: making the safety backup of folder:@/media; nothing was "
		     "changed: 1 of "
		     "its entries could not be read");
	assert_string_equal(e.hint, "make them readable, or restore without a safety copy, which cannot be undone: --no-safety");
	assert_holds("media/2026/b.txt", "new");
}

static void what_is_replaced_is_kept_first(void **state)
{
	CLEANUP(backup_release) struct backup safety = {0};
	struct error e;

	assert_ok(TRY(.source = "app.db"));
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "old");
	assert_int_equal(done.n, 1);
	assert_string_equal(done.v[0].source, "app.db");
	assert_string_equal(without_room(done.v[0].target), "sqlite:@/app.db");
	assert_true(done.v[0].result.replaced);
	assert_int_equal(done.v[0].result.tables, 2);
	assert_int_equal(done.safety.n, 1);
	find(&r, done.safety.v[0], &safety);
	assert_true(backup_is_safety(&safety));
	assert_string_equal(backup_name(&safety), "app.db before restore");
	assert_string_equal(without_room(safety.manifest.safety_target), "sqlite:@/app.db");
	assert_ok(try_choice(&safety, &(struct choice){.to = "copy.db"}, &e));
	assert_string_equal(db_first("copy.db", "SELECT x FROM t"), "new");
}

static void no_safety_backup_is_made_when_none_is_wanted(void **state)
{
	struct error e;

	assert_ok(TRY(.source = "media", .no_safety = true));
	assert_holds("media/a.txt", "old");
	assert_int_equal(done.safety.n, 0);
	assert_int_equal(count_snapshots(&r), 1);
}

static void a_damaged_database_is_kept_as_it_is_and_replaced(void **state)
{
	char junk[4000];
	struct error e;

	memset(junk, 0x5a, sizeof junk);
	CLEANUP(fs_close) int fd = open(at("app.db"), O_RDWR);
	assert_int_equal(pwrite(fd, junk, sizeof junk, 4096), sizeof junk);
	assert_ok(TRY(.source = "app.db"));
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "old");
	assert_int_equal(done.safety.n, 1);
}

static void a_restore_tells_a_face_what_it_does(void **state)
{
	struct progress p = {NULL};
	const struct job_restore j = {.backup = &b, .progress = &p};
	CLEANUP(job_restore_result_release) struct job_restore_result result = {0};
	struct error e;

	assert_ok(job_restore(&r, &j, &result, &e));
	assert_null(atomic_load(&p.within));
	assert_string_not_equal(atomic_load(&p.phase), "reading");
	atomic_store(&p.cancel, true);
	job_restore_result_release(&result);
	assert_fails(job_restore(&r, &j, &result, &e), ERR_CANCELLED, "cancelled");
}

/* ---- choosing ---- */

static void a_path_is_one_of_the_backup_or_one_inside_a_source(void **state)
{
	struct error e;

	assert_ok(TRY(.path = "media/2026/b.txt"));
	assert_holds("media/2026/b.txt", "old");
	assert_holds("media/a.txt", "new");
	assert_ok(TRY(.path = "/a.txt"));
	assert_holds("media/a.txt", "old");
	put_file("media/2026/b.txt", "newer");
	assert_ok(TRY(.path = "2026/"));
	assert_holds("media/2026/b.txt", "old");
	put_file("media/c.txt", "newer");
	assert_ok(TRY(.path = "media"));
	assert_names("media", "2026 a.txt");
	assert_string_equal(db_first("app.db", "SELECT x FROM t"), "new");
}

static void a_path_that_begins_like_its_source_is_found_inside_too(void **state)
{
	CLEANUP(backup_release) struct backup deep = {0};
	struct error e;

	put_file("media/media/x", "old");
	find(&r, back_up(&r, SOURCES("media")), &deep);
	put_file("media/media/x", "new");
	assert_ok(try_choice(&deep, &(struct choice){.path = "media/x"}, &e));
	assert_holds("media/media/x", "old");
}

static void a_table_is_taken_from_the_database_that_has_it(void **state)
{
	CLEANUP(backup_release) struct backup two = {0};
	struct error e;

	put_db("b.db", "CREATE TABLE t(x); CREATE TABLE only_b(z); INSERT INTO only_b VALUES ('old')");
	find(&r, back_up(&r, SOURCES("app.db", "b.db", "media")), &two);
	put_db("b.db", "UPDATE only_b SET z = 'new'");
	assert_ok(try_choice(&two, &(struct choice){.table = "ONLY_B"}, &e));
	assert_string_equal(db_first("b.db", "SELECT z FROM only_b"), "old");
	assert_fails(try_choice(&two, &(struct choice){.table = "t"}, &e), ERR_USAGE,
		     "several sources have t: app.db, b.db");
	assert_string_equal(e.hint, "say which with --source");
	assert_fails(try_choice(&two, &(struct choice){.table = "typo"}, &e), ERR_NOT_FOUND,
		     "not one database of backup \"app.db + b.db + media\" has the table typo");
	assert_ok(try_choice(&two, &(struct choice){.table = "t", .source = "b.db"}, &e));
}

static void a_path_that_several_folders_have_needs_its_source(void **state)
{
	CLEANUP(backup_release) struct backup two = {0};
	struct error e;

	put_file("more/a.txt", "old");
	find(&r, back_up(&r, SOURCES("media", "more")), &two);
	put_file("more/a.txt", "newer");
	assert_fails(try_choice(&two, &(struct choice){.path = "a.txt"}, &e), ERR_USAGE,
		     "several sources have a.txt: media, more");
	assert_ok(try_choice(&two, &(struct choice){.path = "more/a.txt"}, &e));
	assert_holds("more/a.txt", "old");
}

static void only_a_kind_of_source_is_restored(void **state)
{
	struct error e;

	assert_ok(TRY(.only = ONLY_DATABASE, .to = "copy.db"));
	assert_string_equal(db_first("copy.db", "SELECT x FROM t"), "old");
	assert_ok(TRY(.only = ONLY_FILES, .to = "copy"));
	assert_holds("copy/a.txt", "old");
}

/* ---- where to ---- */

static void a_database_that_meets_a_folder_goes_into_it(void **state)
{
	struct error e;

	assert_int_equal(mkdir(at("out"), 0700), 0);
	assert_ok(TRY(.source = "app.db", .to = "out"));
	assert_names("out", "app.db");
	assert_ok(TRY(.source = "app.db", .to = "deep/er/copy.db"));
	assert_string_equal(db_first("deep/er/copy.db", "SELECT x FROM t"), "old");
	assert_int_equal(mode_of("deep"), 0700);
}

static void several_sources_go_below_a_folder(void **state)
{
	struct error e;

	assert_ok(TRY(.to = "out"));
	assert_names("out", "app.db media");
	assert_names("out/media", "2026 a.txt");
	assert_int_equal(count_snapshots(&r), 1);
}

static void a_database_inside_a_folder_is_restored_after_it(void **state)
{
	CLEANUP(backup_release) struct backup both = {0};
	struct error e;

	put_db("media/in.db", "CREATE TABLE t(x); INSERT INTO t VALUES ('old')");
	find(&r, back_up(&r, SOURCES("media/in.db", "media")), &both);
	put_db("media/in.db", "UPDATE t SET x = 'new'");
	assert_ok(try_choice(&both, &(struct choice){.to = NULL}, &e));
	assert_string_equal(done.v[0].source, "media");
	assert_string_equal(done.v[1].source, "in.db");
	assert_string_equal(db_first("media/in.db", "SELECT x FROM t"), "old");
}

static void what_a_program_printed_goes_into_a_new_file_only(void **state)
{
	CLEANUP(backup_release) struct backup printed = {0};
	struct error e;

	find(&r, back_up(&r, SOURCES("command:echo hello")), &printed);
	assert_fails(try_choice(&printed, &(struct choice){.to = NULL}, &e), ERR_USAGE,
		     "echo is what a program printed, which is not given back to it");
	assert_string_equal(e.hint, "name the file that receives it: --to FILE");
	assert_ok(try_choice(&printed, &(struct choice){.to = "out.txt"}, &e));
	assert_holds("out.txt", "hello\n");
	assert_fails(try_choice(&printed, &(struct choice){.to = "out.txt"}, &e), ERR_EXISTS,
		     "@/out.txt exists already, and what a program printed is written to new files only; nothing was "
		     "changed");
	assert_fails(try_choice(&printed, &(struct choice){.to = "x", .mode = RESTORE_PRESERVE}, &e), ERR_USAGE,
		     "echo cannot be restored with --mode preserve");
	assert_int_equal(mkdir(at("out"), 0700), 0);
	assert_ok(try_choice(&printed, &(struct choice){.to = "out"}, &e));
	assert_holds("out/echo", "hello\n");
}

static void what_came_from_an_outside_file_needs_a_place(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct error e;

	assert_ok(job_import(&r, "app.db", NULL, NULL, NULL, &made, &e));
	assert_fails(try_choice(&made.backup, &(struct choice){.to = NULL}, &e), ERR_USAGE,
		     "app.db came from an outside file and has no place to go back to");
	assert_ok(try_choice(&made.backup, &(struct choice){.to = "copy.db"}, &e));
	assert_string_equal(db_first("copy.db", "SELECT x FROM t"), "new");
}

static void what_another_program_stored_is_restored_whole(void **state)
{
	CLEANUP(backup_release) struct backup foreign = {0};
	struct error e;

	find(&r, put_snapshot(&r, "/srv/media", "", "srv/media/a", "text"), &foreign);
	assert_ok(try_choice(&foreign, &(struct choice){.to = "out"}, &e));
	assert_holds("out/a", "text");
}

/* ---- previews ---- */

static void a_preview_tells_what_would_be_replaced_and_what_is_wrong(void **state)
{
	CLEANUP(restore_preview_release) struct restore_preview there = {0};
	const struct job_restore j = {.backup = &b}, bad = {.backup = &b, .to = "media/a.txt"};
	const struct timespec now = time_now();
	struct error e;

	time_freeze(&now);
	assert_ok(job_restore_preview(&r, &j, &there, &e));
	assert_int_equal(there.lines.n, 2);
	assert_string_equal(without_room(there.lines.v[1]), "@/app.db: 12 KiB, changed just now");
	assert_int_equal(there.targets.n, 2);
	assert_string_equal(without_room(there.targets.v[1]), "sqlite:@/app.db");
	assert_fails(job_restore_preview(&r, &bad, &there, &e), ERR_MISMATCH,
		     "media/a.txt is no folder, which 2 sources could be restored into");
	assert_untouched();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(what_is_not_in_the_backup_is_told),
		IN_REPOSITORY(R10_a_target_of_another_kind_is_refused),
		IN_REPOSITORY(of_several_targets_one_of_another_kind_keeps_all_untouched),
		IN_REPOSITORY(an_answer_of_no_changes_nothing),
		IN_REPOSITORY(damage_on_the_way_to_a_path_is_not_taken_for_its_absence),
		IN_REPOSITORY(nothing_is_asked_where_nothing_is_replaced),
		IN_REPOSITORY(two_sources_never_share_a_target),
		IN_REPOSITORY(what_an_unknown_engine_made_is_told),
		IN_REPOSITORY(without_its_lock_a_restore_stops_before_the_swap),
		IN_REPOSITORY(a_safety_backup_that_lacks_something_stops_the_restore),
		IN_REPOSITORY(what_is_replaced_is_kept_first),
		IN_REPOSITORY(no_safety_backup_is_made_when_none_is_wanted),
		IN_REPOSITORY(a_damaged_database_is_kept_as_it_is_and_replaced),
		IN_REPOSITORY(a_restore_tells_a_face_what_it_does),
		IN_REPOSITORY(a_path_is_one_of_the_backup_or_one_inside_a_source),
		IN_REPOSITORY(a_path_that_begins_like_its_source_is_found_inside_too),
		IN_REPOSITORY(a_table_is_taken_from_the_database_that_has_it),
		IN_REPOSITORY(a_path_that_several_folders_have_needs_its_source),
		IN_REPOSITORY(only_a_kind_of_source_is_restored),
		IN_REPOSITORY(a_database_that_meets_a_folder_goes_into_it),
		IN_REPOSITORY(several_sources_go_below_a_folder),
		IN_REPOSITORY(a_database_inside_a_folder_is_restored_after_it),
		IN_REPOSITORY(what_a_program_printed_goes_into_a_new_file_only),
		IN_REPOSITORY(what_came_from_an_outside_file_needs_a_place),
		IN_REPOSITORY(what_another_program_stored_is_restored_whole),
		IN_REPOSITORY(a_preview_tells_what_would_be_replaced_and_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

static struct repository r;

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)");
	put_file("media/a.txt", "text");
	return 0;
}

static int leave(void **state)
{
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static int try_with(struct job_backup *j, const char *const *sources, struct error *e)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};

	j->level = -1;
	j->threads = 1;
	return try_backup(&r, j, sources, &made, e);
}

static int try_tag(const char *tag, struct error *e)
{
	CLEANUP(strlist_release) struct strlist tags = {0};
	struct job_backup j = {.tags = &tags};

	strlist_add(&tags, "fine");
	strlist_add(&tags, tag);
	return try_with(&j, SOURCES("app.db"), e);
}

/* The names of a backup's sources, with blanks between. */
static void assert_sources(const char *id, const char *expected)
{
	CLEANUP(backup_release) struct backup b = {0};
	CLEANUP(strlist_release) struct strlist names = {0};

	find(&r, id, &b);
	for (size_t i = 0; i < b.manifest.source_count; i++)
		strlist_add(&names, b.manifest.sources[i].name);
	AUTO_FREE char *joined = strlist_join(&names, " ");
	assert_string_equal(joined, expected);
}

/* The backup that came before, by what the snapshot says; "" for none. */
static void assert_parent(const char *id, const char *parent)
{
	CLEANUP(backup_release) struct backup b = {0};
	char hex[ID_HEX_LEN + 1] = "";

	find(&r, id, &b);
	if (b.snapshot.has_parent)
		id_hex(&b.snapshot.parent, hex);
	assert_string_equal(hex, parent);
}

/* ---- what is refused ---- */

static void what_makes_no_sense_is_refused(void **state)
{
	struct job_backup j = {0};
	struct error e;

	assert_fails(try_with(&j, SOURCES(NULL), &e), ERR_USAGE, "there is nothing to back up: no source was named");
	assert_fails(try_with(&j, SOURCES("app.db", "media", "app.db"), &e), ERR_USAGE,
		     "sqlite:@/app.db is named twice");
	assert_fails(try_with(&j, SOURCES("command:echo a", "command:echo a"), &e), ERR_USAGE,
		     "command:echo (1 argument) is named twice");
	assert_int_equal(count_snapshots(&r), 0);
}

static void tags_that_restic_would_split_or_that_are_ours_are_refused(void **state)
{
	struct error e;

	assert_fails(try_tag("a,b", &e), ERR_USAGE, "a tag can neither be empty nor hold a comma: \"a,b\"");
	assert_fails(try_tag("", &e), ERR_USAGE, "a tag can neither be empty nor hold a comma: \"\"");
	assert_fails(try_tag("backstay-safety", &e), ERR_USAGE,
		     "tags that begin with \"backstay\" are Backstay's own: \"backstay-safety\"");
	assert_int_equal(count_snapshots(&r), 0);
}

/* ---- a source that fails ---- */

static void B2_each_source_failing_alone_leaves_no_backup(void **state)
{
	static const char *const bad[] = {"command:false", "gone.db", "gone"};
	static const char *const kinds[] = {"command:false", "sqlite:@/gone.db", "folder:@/gone"};
	struct source_url urls[3] = {0};
	struct error e;

	put_db("gone.db", "CREATE TABLE t(x)");
	put_file("gone/x", "text");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t k = 0; k < ARRAY_LEN(urls); k++) {
			const char *good[] = {"command:echo hello", at("app.db"), at("media")};

			assert_ok(source_url_parse(k == i ? i ? at(bad[i]) : bad[i] : good[k], false, NULL, &urls[k],
						   &e));
		}
		if (i)
			assert_ok(fs_remove_tree(at(bad[i]), &e));
		CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
		const struct job_backup j = {.sources = urls, .source_count = 3, .level = -1, .threads = 1};
		AUTO_FREE char *begin = mem_printf("backing up %s: ", kinds[i]);

		e = (struct error){0};
		assert_true(job_backup(&r, &j, &made, &e) < 0);
		assert_memory_equal(without_room(e.text), begin, strlen(begin));
		assert_null(strstr(e.text + 1, "backing up"));
		assert_int_equal(count_snapshots(&r), 0);
		for (size_t k = 0; k < ARRAY_LEN(urls); k++)
			source_url_release(&urls[k]);
	}
}

static void a_damaged_database_is_no_backup(void **state)
{
	struct job_backup j = {0};
	struct error e = {0};
	char junk[3000];

	put_db("bad.db", "CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000)); CREATE TABLE u(y)");
	CLEANUP(fs_close) int fd = open(at("bad.db"), O_RDWR);
	memset(junk, 0x5a, sizeof junk);
	assert_int_equal(pwrite(fd, junk, sizeof junk, 4096), sizeof junk);
	assert_int_equal(try_with(&j, SOURCES("app.db", "bad.db"), &e), -ERR_CORRUPT);
	assert_int_equal(count_snapshots(&r), 0);
}

static void a_cancelled_backup_is_none(void **state)
{
	struct progress p = {NULL};
	struct job_backup j = {.progress = &p};
	struct error e;

	atomic_store(&p.cancel, true);
	assert_fails(try_with(&j, SOURCES("media"), &e), ERR_CANCELLED, "backing up folder:@/media: cancelled");
	assert_int_equal(count_snapshots(&r), 0);
}

static void a_lock_that_was_removed_stops_it_before_anything_is_listed(void **state)
{
	struct job_backup j = {0};
	struct error e = {0};

	repo_lock(&r);
	remove_stored(&r, STORE_LOCK, 0);
	assert_fails(try_with(&j, SOURCES("media"), &e), ERR_LOCKED,
		     "our lock on the repository was removed by another program");
	assert_int_equal(count_snapshots(&r), 0);
}

static void what_cannot_be_read_makes_a_partial_backup_that_says_so(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	CLEANUP(backup_release) struct backup b = {0};
	struct job_backup j = {.level = -1, .threads = 1};
	struct error e;

	put_file("media/secret", "text");
	become_nobody();
	assert_int_equal(chmod(at("media/secret"), 0), 0);
	assert_fails(try_backup(&r, &j, SOURCES("media"), &made, &e), ERR_PARTIAL,
		     "the backup was made, but 1 entry could not be read and is not in it");
	assert_int_equal(made.skipped, 1);
	find(&r, "latest", &b);
	assert_true(snapshot_has_tag(&b.snapshot, TAG_PARTIAL));
	assert_true(id_equal(&b.snapshot.id, &made.backup.snapshot.id));
}

/* ---- what is stored ---- */

static void a_backup_says_what_it_is(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	CLEANUP(strlist_release) struct strlist tags = {0};
	CLEANUP(backup_release) struct backup b = {0};
	struct job_backup j = {
		.level = -1, .threads = 1, .name = "nightly", .description = "all", .job = "0123", .tags = &tags};
	struct error e;

	strlist_add(&tags, "keep");
	strlist_add(&j.options.exclude, "*.bak");
	assert_ok(try_backup(&r, &j, SOURCES("app.db", "media"), &made, &e));
	strlist_release(&j.options.exclude);
	find(&r, "latest", &b);
	assert_string_equal(backup_name(&b), "nightly");
	assert_string_equal(b.manifest.description, "all");
	assert_string_equal(b.manifest.job, "0123");
	assert_string_equal(b.manifest.program, "backstay " BACKSTAY_VERSION);
	assert_null(b.manifest.safety_target);
	AUTO_FREE char *paths = strlist_join(&b.snapshot.paths, " ");
	AUTO_FREE char *all = strlist_join(&b.snapshot.tags, " ");
	AUTO_FREE char *excludes = strlist_join(&b.snapshot.excludes, " ");
	assert_string_equal(without_room(paths), "@/app.db @/media");
	assert_string_equal(all, "backstay keep");
	assert_string_equal(excludes, "*.bak");
	assert_true(made.backup.has_manifest);
	assert_int_equal(made.backup.manifest.source_count, 2);
	assert_int_equal(made.stats.files_new, 3);
}

static void without_a_name_it_is_called_by_its_sources(void **state)
{
	CLEANUP(backup_release) struct backup b = {0};

	find(&r, back_up(&r, SOURCES("app.db", "media")), &b);
	assert_string_equal(backup_name(&b), "app.db + media");
	assert_int_equal(strlen(b.manifest.job), 16);
}

/* ---- the names of sources ---- */

static void two_sources_of_one_name_are_told_apart_and_stay_what_they_are(void **state)
{
	put_db("x/app.db", "CREATE TABLE t(x)");
	put_db("y/app.db", "CREATE TABLE t(x)");
	assert_sources(back_up(&r, SOURCES("x/app.db", "y/app.db")), "app.db app.db-2");
	assert_sources(back_up(&r, SOURCES("y/app.db", "x/app.db")), "app.db-2 app.db");
	assert_sources(back_up(&r, SOURCES("app.db", "y/app.db", "x/app.db")), "app.db-3 app.db-2 app.db");
	assert_sources(back_up(&r, SOURCES("command:echo a", "command:echo b")), "echo echo-2");
	assert_sources(back_up(&r, SOURCES("command:echo a", "command:echo b")), "echo echo-2");
}

static void a_folder_named_like_ours_gets_another_name(void **state)
{
	put_file(".backstay/a", "text");
	assert_sources(back_up(&r, SOURCES(".backstay")), ".backstay-2");
}

/* ---- the backup before ---- */

static void the_one_before_is_the_newest_that_shares_most_paths(void **state)
{
	put_file("other/b", "text");
	const char *both = back_up(&r, SOURCES("app.db", "media"));
	const char *one = back_up(&r, SOURCES("media"));

	assert_parent(both, "");
	assert_parent(one, both);
	assert_parent(back_up(&r, SOURCES("other")), "");
	assert_parent(back_up(&r, SOURCES("media", "app.db")), both);
}

static void only_our_own_backups_of_this_machine_come_before(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct error e;

	put_snapshot(&r, at("media"), "", "media/a.txt", "text");
	put_snapshot(&r, at("media"), TAG_BACKSTAY, ".backstay/manifest.json", "{\"version\": 1}");
	assert_ok(job_import(&r, at("app.db"), NULL, NULL, NULL, &made, &e));
	assert_parent(back_up(&r, SOURCES("media")), "");
	assert_parent(back_up(&r, SOURCES("app.db")), "");
}

static void a_damaged_backup_before_is_as_good_as_none(void **state)
{
	back_up(&r, SOURCES("media"));
	damage_stored(&r, STORE_SNAPSHOT, 0);
	assert_parent(back_up(&r, SOURCES("media")), "");
}

/* ---- outside files ---- */

static void an_outside_file_becomes_a_backup_of_what_it_is(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct error e;

	put_file("dump.sql", "CREATE TABLE t(x);\nINSERT INTO t VALUES (1);\n");
	assert_ok(job_import(&r, "dump.sql", NULL, NULL, NULL, &made, &e));
	assert_true(snapshot_has_tag(&made.backup.snapshot, TAG_IMPORTED));
	assert_string_equal(made.backup.manifest.sources[0].engine, "sqlite");
	assert_string_equal(without_room(made.backup.manifest.sources[0].url), "import:@/dump.sql");
	assert_int_equal(made.backup.manifest.sources[0].tables[0].rows, 1);
}

static void an_outside_file_that_is_broken_is_no_backup(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct error e = {0};

	put_file("dump.sql", "CREATE TABLE t(x);\nINSERT INTO u VALUES (1);\n");
	assert_int_equal(job_import(&r, "dump.sql", NULL, NULL, NULL, &made, &e), -ERR_CORRUPT);
	assert_int_equal(count_snapshots(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(what_makes_no_sense_is_refused),
		IN_REPOSITORY(tags_that_restic_would_split_or_that_are_ours_are_refused),
		IN_REPOSITORY(B2_each_source_failing_alone_leaves_no_backup),
		IN_REPOSITORY(a_damaged_database_is_no_backup),
		IN_REPOSITORY(a_cancelled_backup_is_none),
		IN_REPOSITORY(a_lock_that_was_removed_stops_it_before_anything_is_listed),
		IN_REPOSITORY(what_cannot_be_read_makes_a_partial_backup_that_says_so),
		IN_REPOSITORY(a_backup_says_what_it_is),
		IN_REPOSITORY(without_a_name_it_is_called_by_its_sources),
		IN_REPOSITORY(two_sources_of_one_name_are_told_apart_and_stay_what_they_are),
		IN_REPOSITORY(a_folder_named_like_ours_gets_another_name),
		IN_REPOSITORY(the_one_before_is_the_newest_that_shares_most_paths),
		IN_REPOSITORY(only_our_own_backups_of_this_machine_come_before),
		IN_REPOSITORY(a_damaged_backup_before_is_as_good_as_none),
		IN_REPOSITORY(an_outside_file_becomes_a_backup_of_what_it_is),
		IN_REPOSITORY(an_outside_file_that_is_broken_is_no_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

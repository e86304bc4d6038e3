/* What only a repository in a folder can show: modes, drafts, links, files changed behind its back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "local_helper.h"

#include "base/timefmt.h"

#include <fcntl.h>
#include <unistd.h>

static unsigned mode_of(const struct fixture *t, const char *name)
{
	AUTO_FREE char *path = path_in(t, name);
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static unsigned mode_of_file(const struct fixture *t, const struct store_file *f)
{
	char name[STORE_PATH_MAX];
	store_path(f, name);
	return mode_of(t, name);
}

static void write_plain(const struct fixture *t, const char *name, const char *text)
{
	AUTO_FREE char *path = path_in(t, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

/* ---- what must fail ---- */

static void a_missing_folder_is_an_error_not_an_empty_list(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		CLEANUP(store_listing_release) struct store_listing l = {0};
		AUTO_FREE char *path = path_in(t, store_folder(folders[i]));
		AUTO_FREE char *text = mem_printf("%s/: the folder is missing", store_folder(folders[i]));
		struct store_file f = file_named(folders[i], 0x10);
		assert_int_equal(rmdir(path), 0);
		assert_fails(store_list(t->s, folders[i], store_listing_add, &l, &e), ERR_CORRUPT, text);
		assert_fails(put_text(t->s, &f, "x", &e), ERR_CORRUPT, text);
		assert_fails(store_remove(t->s, &f, &e), ERR_CORRUPT, text);
		assert_false(fs_exists(path));
	}
	struct store_file f = file_named(STORE_DATA, 0x10);
	assert_int_equal(put_text(t->s, &f, "x", &e), -ERR_CORRUPT);
	assert_string_equal(e.hint,
			    "see whether the disk is mounted and the repository was copied whole, with empty folders");
}

static void a_folder_that_is_a_file_is_an_error(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	CLEANUP(store_listing_release) struct store_listing l = {0};
	AUTO_FREE char *index = path_in(t, "index");
	struct store_file pack = file_named(STORE_DATA, 0xaa);
	rmdir(index);
	write_plain(t, "index", "");
	write_plain(t, "data/aa", "");
	assert_fails(store_list(t->s, STORE_INDEX, store_listing_add, &l, &e), ERR_CORRUPT,
		     "index/: the folder is missing");
	assert_fails(store_list(t->s, STORE_DATA, store_listing_add, &l, &e), ERR_NOT_FOUND,
		     "data/aa: Not a directory");
	assert_fails(put_text(t->s, &pack, "x", &e), ERR_NOT_FOUND, text_of(&pack, "Not a directory"));
}

/* Each way of making something that is no plain file under a name of ours. */
static void make_link(const char *path)
{
	assert_int_equal(symlink("/etc/hostname", path), 0);
}

static void make_dangling_link(const char *path)
{
	assert_int_equal(symlink("nowhere", path), 0);
}

static void make_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void links_folders_and_pipes_are_refused_under_names_of_ours(void **state)
{
	static void (*const make[])(const char *) = {make_link, make_dangling_link, make_folder, make_fifo};
	struct fixture *t = *state;
	struct error e = {0};
	for (size_t i = 0; i < ARRAY_LEN(make); i++) {
		CLEANUP(store_listing_release) struct store_listing l = {0};
		struct store_file f = file_named(STORE_KEY, 0x20);
		AUTO_FREE char *path = path_of(t, &f);
		const char *text = text_of(&f, "is not a plain file");
		uint64_t size;
		char byte;
		make[i](path);
		assert_fails(store_get(t->s, &f, 0, &byte, 1, &e), ERR_CORRUPT, text);
		assert_fails(store_size(t->s, &f, &size, &e), ERR_CORRUPT, text);
		assert_fails(put_text(t->s, &f, "x", &e), ERR_CORRUPT, text);
		assert_fails(store_list(t->s, STORE_KEY, store_listing_add, &l, &e), ERR_CORRUPT, text);
		assert_ok(fs_remove_tree(path, &e));
	}
}

static void removing_a_link_leaves_what_it_points_to(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	struct store_file f = file_named(STORE_KEY, 0x21);
	AUTO_FREE char *path = path_of(t, &f);
	write_plain(t, "target", "precious");
	assert_int_equal(symlink("../target", path), 0);
	assert_ok(store_remove(t->s, &f, &e));
	assert_false(fs_exists(path));
	assert_int_equal(mode_of(t, "target") & 0600, 0600);
}

/* ---- modes ---- */

static void all_is_private_to_its_owner(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	AUTO_FREE char *repo = path_in(t, "deep/down/repo");
	struct store *s = open_local(repo);
	umask(0);
	assert_ok(store_create(s, &e));
	assert_int_equal(mode_of(t, "deep"), 0700);
	assert_int_equal(mode_of(t, "deep/down/repo"), 0700);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO_FREE char *name = path_join("deep/down/repo", store_folder(folders[i]));
		assert_int_equal(mode_of(t, name), 0700);
	}
	assert_int_equal(names_in(t, "deep/down/repo/data"), 256);
	assert_int_equal(mode_of(t, "deep/down/repo/data/00"), 0700);
	assert_int_equal(mode_of(t, "deep/down/repo/data/ff"), 0700);
	store_free(s);
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0x50);
		assert_ok(put_text(t->s, &f, "x", &e));
		assert_int_equal(mode_of_file(t, &f), 0400);
	}
	assert_int_equal(mode_of(t, "data/50"), 0700);
}

static void a_group_that_may_read_the_config_may_read_what_follows(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	struct store_file config = {STORE_CONFIG, ""}, pack = file_named(STORE_DATA, 0x51);
	struct store_file key = file_named(STORE_KEY, 0x51);
	AUTO_FREE char *path = path_of(t, &config);
	umask(0);
	assert_ok(put_text(t->s, &config, "x", &e));
	assert_int_equal(chmod(path, 0440), 0);
	assert_ok(put_text(t->s, &pack, "x", &e));
	assert_ok(put_text(t->s, &key, "x", &e));
	assert_int_equal(mode_of(t, "data/51"), 0770);
	assert_int_equal(mode_of_file(t, &pack), 0440);
	assert_int_equal(mode_of_file(t, &key), 0440);
	assert_int_equal(chmod(path, 0404), 0);
	pack = file_named(STORE_DATA, 0x52);
	assert_ok(put_text(t->s, &pack, "x", &e));
	assert_int_equal(mode_of_file(t, &pack), 0400);
}

static void an_existing_folder_with_foreign_files_is_used_as_it_is(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	AUTO_FREE char *repo = path_in(t, "repo");
	struct store *s = open_local(repo);
	assert_int_equal(mkdir(repo, 0750), 0);
	write_plain(t, "repo/notes.txt", "mine");
	assert_ok(store_create(s, &e));
	assert_int_equal(mode_of(t, "repo"), 0750);
	assert_true(mode_of(t, "repo/notes.txt") & 0400);
	store_free(s);
}

static void a_config_that_is_only_a_link_is_not_written_over(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	AUTO_FREE char *config = path_in(t, "config");
	assert_int_equal(symlink("nowhere", config), 0);
	assert_fails(store_create(t->s, &e), ERR_EXISTS, "config: there is a repository already");
}

/* ---- drafts and foreign names ---- */

#define HEX32 "0123456789abcdef0123456789abcdef"

static void foreign_names_are_not_listed(void **state)
{
	static const char *const foreign[] = {
		"data/.tmp-0123456789abcdef",
		"data/01/.tmp-0123456789abcdef",
		"data/01/" HEX32 HEX32 "-tmp-12345",
		"data/" HEX32 HEX32,
		"data/01/" HEX32,
		"data/02/" HEX32 HEX32,
		"data/0X/" HEX32 HEX32,
		"data/012/" HEX32 HEX32,
		"data/.x/" HEX32 HEX32,
		"keys/.x",
		"index/bar",
		"snapshots/" HEX32 "0123456789ABCDEF" HEX32,
		"locks/" HEX32 HEX32 "0",
		".ours",
	};
	struct fixture *t = *state;
	struct error e = {0};
	struct store_file f = {STORE_DATA, HEX32 HEX32};
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		AUTO_FREE char *path = path_in(t, foreign[i]);
		AUTO_FREE char *folder = path_dir(path);
		assert_ok(fs_make_dirs(folder, 0700, &e));
		write_plain(t, foreign[i], "x");
	}
	assert_ok(put_text(t->s, &f, "the only pack", &e));
	for (enum store_kind k = 0; k < STORE_KINDS; k++)
		assert_int_equal(count_files(t->s, k), k == STORE_DATA);
}

static void old_drafts_are_tidied_and_nothing_else(void **state)
{
	static const struct {
		const char *name;
		int hours_old;
		bool stays;
	} files[] = {
		{".tmp-0123456789abcdef", 25, false},
		{"data/01/.tmp-0123456789abcdef", 25, false},
		{"data/01/" HEX32 HEX32 "-tmp-123", 25, false},
		{"config-tmp-4711", 25, false},
		{"locks/.tmp-00", 25, false},
		{"index/.tmp-01", 23, true},
		{"keys/.tmp-02", -25, true},
		{"notes-tmp-1", 1000, true},
		{"data/01/" HEX32 HEX32, 1000, true},
		{"config", 1000, true},
		{"snapshots/notes.txt", 1000, true},
	};
	struct fixture *t = *state;
	AUTO_FREE char *folder = path_in(t, "data/01");
	AUTO_FREE char *link = path_in(t, "keys/.tmp-link");
	AUTO_FREE char *subfolder = path_in(t, "keys/.tmp-folder");
	struct timespec now = {.tv_sec = 2000000000};
	time_freeze(&now);
	make_folder(folder);
	make_folder(subfolder);
	make_link(link);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *path = path_in(t, files[i].name);
		struct timespec when[2] = {{.tv_sec = now.tv_sec - files[i].hours_old * 3600}};
		when[1] = when[0];
		write_plain(t, files[i].name, "x");
		assert_int_equal(utimensat(AT_FDCWD, path, when, 0), 0);
	}
	store_tidy(t->s);
	time_freeze(NULL);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *path = path_in(t, files[i].name);
		if (fs_exists(path) != files[i].stays)
			fail_msg("%s is %s", files[i].name, files[i].stays ? "gone" : "still there");
	}
	assert_true(fs_exists(link));
	assert_true(fs_exists(subfolder));
}

static void tidying_what_is_not_there_does_no_harm(void **state)
{
	struct store *s = open_local("/not/there");
	store_tidy(s);
	store_free(s);
}

/* ---- files kept open ---- */

static int open_descriptors(void)
{
	struct error e = {0};
	CLEANUP(strlist_release) struct strlist names = {0};
	assert_ok(fs_list("/proc/self/fd", &names, &e));
	return (int)names.n;
}

static void few_files_are_kept_open_and_removed_ones_not(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	int before = open_descriptors();
	for (int round = 0; round < 2; round++) {
		for (unsigned char c = 0; c < 40; c++) {
			struct store_file f = file_named(STORE_INDEX, c);
			assert_ok(put_text(t->s, &f, "content", &e));
			assert_content(t->s, &f, "content");
			assert_content(t->s, &f, "content");
		}
	}
	assert_int_equal(open_descriptors(), before + 16);
	struct store_file last = file_named(STORE_INDEX, 39), before_last = file_named(STORE_INDEX, 38);
	assert_ok(store_remove(t->s, &last, &e));
	assert_int_equal(open_descriptors(), before + 15);
	assert_ok(put_text(t->s, &before_last, "replaced by more", &e));
	assert_int_equal(open_descriptors(), before + 14);
	assert_content(t->s, &before_last, "replaced by more");
}

static void what_others_removed_or_replaced_is_noticed(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	struct store_file removed = file_named(STORE_INDEX, 1), replaced = file_named(STORE_INDEX, 2);
	struct store_file cut = file_named(STORE_INDEX, 3);
	AUTO_FREE char *removed_path = path_of(t, &removed);
	AUTO_FREE char *replaced_path = path_of(t, &replaced);
	AUTO_FREE char *cut_path = path_of(t, &cut);
	char byte;
	assert_ok(put_text(t->s, &removed, "old", &e));
	assert_ok(put_text(t->s, &replaced, "old", &e));
	assert_ok(put_text(t->s, &cut, "old", &e));
	assert_content(t->s, &removed, "old");
	assert_content(t->s, &replaced, "old");
	assert_content(t->s, &cut, "old");
	assert_int_equal(unlink(removed_path), 0);
	assert_ok(fs_write_atomic(replaced_path, "new", 3, 0600, &e));
	assert_int_equal(chmod(cut_path, 0600), 0);
	assert_int_equal(truncate(cut_path, 1), 0);
	assert_fails(store_get(t->s, &removed, 0, &byte, 1, &e), ERR_NOT_FOUND,
		     text_of(&removed, "no such file in the repository"));
	assert_content(t->s, &replaced, "new");
	assert_fails(store_get(t->s, &cut, 1, &byte, 1, &e), ERR_CORRUPT,
		     text_of(&cut, "is cut short: wanted bytes 1 to 2 of 1"));
}

static void a_relative_path_stays_what_it_was_when_opened(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	AUTO_FREE char *here = getcwd(NULL, 0);
	struct store_file f = file_named(STORE_KEY, 5);
	assert_ok(put_text(t->s, &f, "key", &e));
	assert_int_equal(chdir(t->folder), 0);
	struct store *s = open_local(".");
	assert_int_equal(chdir(here), 0);
	assert_content(s, &f, "key");
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOCAL_TEST(a_missing_folder_is_an_error_not_an_empty_list),
		LOCAL_TEST(a_folder_that_is_a_file_is_an_error),
		LOCAL_TEST(links_folders_and_pipes_are_refused_under_names_of_ours),
		LOCAL_TEST(removing_a_link_leaves_what_it_points_to),
		LOCAL_TEST(all_is_private_to_its_owner),
		LOCAL_TEST(a_group_that_may_read_the_config_may_read_what_follows),
		LOCAL_TEST(an_existing_folder_with_foreign_files_is_used_as_it_is),
		LOCAL_TEST(a_config_that_is_only_a_link_is_not_written_over),
		LOCAL_TEST(foreign_names_are_not_listed),
		LOCAL_TEST(old_drafts_are_tidied_and_nothing_else),
		cmocka_unit_test(tidying_what_is_not_there_does_no_harm),
		LOCAL_TEST(few_files_are_kept_open_and_removed_ones_not),
		LOCAL_TEST(what_others_removed_or_replaced_is_noticed),
		LOCAL_TEST(a_relative_path_stays_what_it_was_when_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

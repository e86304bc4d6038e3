#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/files_helper.h"

#include <sys/wait.h>

static int open_room(void)
{
	int fd = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static size_t open_descriptors(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list("/proc/self/fd", &names, &e), 0);
	return names.n;
}

static void names_come_in_the_order_of_bytes_with_their_paths(void **state)
{
	CLEANUP(files_walk_release) struct files_walk w = {0};
	CLEANUP(fs_close) int left = -1;
	put("b/inner", "");
	put("a", "");
	put("B", "");
	put("\xff", "");
	assert_int_equal(files_walk_dir(&w), -1);
	assert_int_equal(files_walk_push(&w, open_room(), ""), 0);
	assert_string_equal(buf_text(&w.path), "");
	assert_int_equal(files_walk_list(&w), 0);
	assert_string_equal(files_walk_next(&w), "B");
	assert_string_equal(files_walk_next(&w), "a");
	assert_string_equal(files_walk_next(&w), "b");
	assert_string_equal(buf_text(&w.path), "b");
	assert_int_equal(files_walk_push(&w, files_open_folder(files_walk_dir(&w), "b"), "b"), 0);
	assert_int_equal(files_walk_list(&w), 0);
	assert_string_equal(files_walk_next(&w), "inner");
	assert_string_equal(buf_text(&w.path), "b/inner");
	assert_null(files_walk_next(&w));
	assert_int_equal(files_walk_pop(&w, &left), 0);
	assert_string_equal(buf_text(&w.path), "b");
	assert_string_equal(files_walk_next(&w), "\xff");
	assert_string_equal(buf_text(&w.path), "\xff");
	assert_null(files_walk_next(&w));
}

enum { DEEP = 300 };

/* Down to the bottom; every level is called "d". */
static void go_down(struct files_walk *w)
{
	assert_int_equal(files_walk_push(w, open_room(), ""), 0);
	for (int i = 0; i < DEEP; i++) {
		assert_int_equal(mkdirat(files_walk_dir(w), "d", 0700), 0);
		assert_int_equal(files_walk_push(w, files_open_folder(files_walk_dir(w), "d"), "d"), 0);
	}
}

static void a_deep_way_down_needs_few_descriptors(void **state)
{
	CLEANUP(files_walk_release) struct files_walk w = {0};
	size_t before = open_descriptors();
	go_down(&w);
	assert_int_equal(w.path.len, 2 * DEEP - 1);
	assert_true(open_descriptors() - before <= 64);
	for (int i = DEEP; i > 0; i--) {
		CLEANUP(fs_close) int fd = -1;
		assert_int_equal(files_walk_pop(&w, &fd), 0);
		assert_true(fd >= 0 && files_walk_dir(&w) >= 0);
	}
	struct stat top, there;
	assert_int_equal(stat(room, &top), 0);
	assert_int_equal(fstat(files_walk_dir(&w), &there), 0);
	assert_true(top.st_ino == there.st_ino);
}

static void a_folder_that_was_moved_meanwhile_is_not_taken_for_another(void **state)
{
	CLEANUP(files_walk_release) struct files_walk w = {0};
	make_dir("elsewhere");
	go_down(&w);
	assert_int_equal(renameat(files_walk_dir(&w), ".", AT_FDCWD, at("no")), -1);
	CLEANUP(fs_close) int folder = w.v[200].fd;
	assert_int_equal(folder, -1);
	/* The lower part, from a level whose descriptor is closed, moves into another folder. */
	CLEANUP(buf_release) struct buf path = BUF_INIT;
	for (int i = 0; i < 100; i++)
		buf_add_str(&path, i ? "/d" : "d");
	assert_int_equal(rename(at(buf_text(&path)), at("elsewhere/d")), 0);
	int err = 0, level = DEEP;
	for (; level > 0 && !err; level--) {
		CLEANUP(fs_close) int fd = -1;
		err = files_walk_pop(&w, &fd);
	}
	assert_int_equal(err, ESTALE);
	assert_int_equal(level, 99);
}

static void links_are_not_opened(void **state)
{
	CLEANUP(fs_close) int dir = open_room();
	put("file", "x");
	make_dir("folder");
	assert_int_equal(symlink("file", at("to-file")), 0);
	assert_int_equal(symlink("folder", at("to-folder")), 0);
	assert_int_equal(files_open_file(dir, "to-file"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(files_open_folder(dir, "to-folder"), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(files_open_folder(dir, "file"), -1);
	CLEANUP(fs_close) int file = files_open_file(dir, "file");
	assert_true(file >= 0);
}

static void exchanging_and_moving(bool plain)
{
	CLEANUP(fs_close) int dir = open_room();
	files_plain_renames = plain;
	put("a", "A");
	put("b/b", "B");
	assert_int_equal(files_exchange(dir, "a", dir, "b", "aside"), 0);
	assert_holds("b", "A");
	assert_holds("a/b", "B");
	assert_int_equal(files_exchange(dir, "a", dir, "absent", "aside"), ENOENT);
	assert_int_equal(files_exchange(dir, "absent", dir, "a", "aside"), ENOENT);
	assert_holds("a/b", "B");
	assert_int_equal(files_move(dir, "a", dir, "b"), EEXIST);
	assert_int_equal(files_move(dir, "a", dir, "c"), 0);
	assert_names("", "b c");
	files_plain_renames = false;
}

static void names_are_exchanged(void **state)
{
	exchanging_and_moving(false);
}

static void names_are_exchanged_where_the_file_system_cannot(void **state)
{
	exchanging_and_moving(true);
}

static void a_mount_point_is_found(void **state)
{
	AUTO_FREE char *proc = files_mount_within("/proc");
	AUTO_FREE char *nothing = files_mount_within(room);
	assert_string_equal(proc, "/proc");
	assert_null(nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(names_come_in_the_order_of_bytes_with_their_paths),
		IN_ROOM(a_deep_way_down_needs_few_descriptors),
		IN_ROOM(a_folder_that_was_moved_meanwhile_is_not_taken_for_another),
		IN_ROOM(links_are_not_opened),
		IN_ROOM(names_are_exchanged),
		IN_ROOM(names_are_exchanged_where_the_file_system_cannot),
		IN_ROOM(a_mount_point_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

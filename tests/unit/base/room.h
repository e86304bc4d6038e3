/* A private folder for each test, and looks into it. */
#ifndef TEST_BASE_ROOM_H
#define TEST_BASE_ROOM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each test works in a folder of its own, which is also the current one. */
static char *room, *home;

static inline int enter_room(void **state)
{
	struct error e = {0};
	home = getcwd(NULL, 0);
	return fs_temp_dir(NULL, "fs-test-", &room, &e) || chdir(room);
}

static inline int leave_room(void **state)
{
	struct error e = {0};
	int err = chdir(home) || fs_remove_tree(room, &e) || fs_exists(room);
	free(room);
	free(home);
	return err;
}

static inline void put(const char *path, const char *text)
{
	struct error e = {0};
	if (fs_write_atomic(path, text, strlen(text), 0644, &e) != 0)
		fail_msg("%s", e.text);
}

static inline void assert_holds(const char *path, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	if (fs_read_file(path, 1 << 20, &b, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&b), text);
}

static inline void assert_names(const char *path, const char *joined)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	if (fs_list(path, &names, &e) != 0)
		fail_msg("%s", e.text);
	AUTO_FREE char *text = strlist_join(&names, " ");
	assert_string_equal(text, joined);
}

static inline mode_t mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static inline size_t open_descriptors(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list("/proc/self/fd", &names, &e), 0);
	return names.n;
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, enter_room, leave_room)

#endif

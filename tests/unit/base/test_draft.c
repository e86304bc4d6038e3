#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "room.h"

#include "base/draft.h"
#include "base/path.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT "A draft of Backstay. It may be removed when no process has this file locked.\n"

static void draft_names_are_told_by_their_exact_form(void **state)
{
	static const char *const no[] = {
		"", ".", "media", ".media.backstay-draft-", ".media.backstay-draft-0123456789abcde",
		".media.backstay-draft-0123456789abcdef0", ".media.backstay-draft-0123456789ABCDEF",
		".media.backstay-draft-0123456789abcdeg", "media.backstay-draft-0123456789abcdef",
		".media2.backstay-draft-0123456789abcdef", ".xmedia.backstay-draft-0123456789abcdef",
		".backstay-draft-0123456789abcdef", ".media.backstay-draft-0123456789abcdef.tmp",
	};
	assert_true(draft_is(".media.backstay-draft-0123456789abcdef", "media"));
	assert_true(draft_is(".backstay-draft-0123456789abcdef", ""));
	assert_false(draft_is(".media.backstay-draft-0123456789abcdef", ""));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(draft_is(no[i], "media"));
}

static void a_draft_is_private_and_goes_with_all_it_holds(void **state)
{
	struct error e = {0};
	CLEANUP(draft_release) struct draft d = DRAFT_NONE;
	assert_int_equal(draft_make(".", "media", &d, &e), 0);
	assert_true(draft_is(path_base(d.path), "media"));
	assert_int_equal(mode_of(d.path), 0700);
	AUTO_FREE char *path = mem_string(d.path), *file = path_join(path, "sub/file");
	AUTO_FREE char *sub = path_join(path, "sub");
	assert_int_equal(mkdir(sub, 0500), 0);
	put(file, "x");
	assert_int_equal(draft_remove(&d, &e), 0);
	assert_false(fs_exists(path));
	assert_int_equal(draft_remove(&d, &e), 0);
	assert_int_equal(d.fd, -1);
	assert_int_equal(d.mark, -1);
}

static void a_draft_that_somebody_removed_is_no_error(void **state)
{
	struct error e = {0};
	struct draft d;
	assert_int_equal(draft_make(".", "media", &d, &e), 0);
	assert_int_equal(fs_remove_tree(d.path, &e), 0);
	assert_int_equal(draft_remove(&d, &e), 0);
}

static void where_no_folder_can_be_made_there_is_no_draft(void **state)
{
	struct error e = {0};
	struct draft d;
	assert_int_equal(draft_make("/absent", "media", &d, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making a folder in /absent for what is not yet whole: No such file or directory");
	assert_null(d.path);
	draft_release(&d);
}

static void a_long_name_gets_a_draft_too(void **state)
{
	struct error e = {0};
	CLEANUP(draft_release) struct draft d = DRAFT_NONE;
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(draft_make(".", name, &d, &e), 0);
	assert_true(draft_is(path_base(d.path), name));
}

/* ---- what others left ---- */

/* A process that has made a draft beside "media" with a file in it, and waits for its end. */
static pid_t another(void)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct error e = {0};
		struct draft d;
		if (draft_make(".", "media", &d, &e) != 0)
			_exit(1);
		AUTO_FREE char *file = path_join(d.path, "file");
		put(file, "half a file");
		if (write(ready[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (waitpid(pid, NULL, 0) < 0)
		assert_int_equal(errno, EINTR);
}

/* The only draft beside "media" that is none of ours; heap, NULL when there is none. */
static char *left_draft(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	char *found = NULL;
	assert_int_equal(fs_list(".", &names, &e), 0);
	for (size_t i = 0; i < names.n; i++)
		if (draft_is(names.v[i], "media")) {
			assert_null(found);
			found = mem_string(names.v[i]);
		}
	return found;
}

static void P7_a_draft_is_swept_once_its_process_is_gone_and_not_before(void **state)
{
	pid_t pid = another();
	AUTO_FREE char *draft = left_draft();
	assert_non_null(draft);
	draft_sweep(".", "media");
	assert_true(fs_exists(draft));
	end(pid);
	draft_sweep(".", "");
	draft_sweep(".", "media2");
	assert_true(fs_exists(draft));
	draft_sweep(".", "media");
	assert_false(fs_exists(draft));
}

static void P7_a_draft_of_our_own_is_not_swept(void **state)
{
	struct error e = {0};
	CLEANUP(draft_release) struct draft first = DRAFT_NONE, second = DRAFT_NONE;
	assert_int_equal(draft_make(".", "media", &first, &e), 0);
	assert_int_equal(draft_make(".", "media", &second, &e), 0);
	assert_true(fs_exists(first.path));
}

static void a_sweep_that_was_cut_off_is_finished(void **state)
{
	end(another());
	AUTO_FREE char *draft = left_draft();
	AUTO_FREE char *file = path_join(draft, "file");
	assert_int_equal(unlink(file), 0);
	draft_sweep(".", "media");
	assert_false(fs_exists(draft));
}

#define LOOKALIKE ".media.backstay-draft-0123456789abcdef"

static void assert_not_swept(const char *path)
{
	draft_sweep(".", "media");
	assert_true(fs_exists(path));
	struct error e = {0};
	assert_int_equal(fs_remove_tree(path, &e), 0);
}

static void P7_no_name_alone_makes_a_folder_ours(void **state)
{
	assert_int_equal(mkdir(LOOKALIKE, 0700), 0);
	put(LOOKALIKE "/mine", "kept");
	assert_not_swept(LOOKALIKE);
	put(LOOKALIKE, "a file of that name");
	assert_not_swept(LOOKALIKE);
	static const char *const marks[] = {"", "A draft", TEXT "\n", TEXT "more", "B" TEXT};
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		assert_int_equal(mkdir(LOOKALIKE, 0700), 0);
		put(LOOKALIKE "/.backstay-draft", marks[i]);
		assert_not_swept(LOOKALIKE);
	}
	assert_int_equal(mkdir(LOOKALIKE ".old", 0700), 0);
	put(LOOKALIKE ".old/.backstay-draft", TEXT);
	assert_not_swept(LOOKALIKE ".old");
	assert_int_equal(mkdir(LOOKALIKE, 0700), 0);
	put(LOOKALIKE "/.backstay-draft", TEXT);
	draft_sweep(".", "media");
	assert_false(fs_exists(LOOKALIKE));
}

static void P7_no_link_makes_a_folder_ours(void **state)
{
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	put("elsewhere/.backstay-draft", TEXT);
	assert_int_equal(symlink("elsewhere", LOOKALIKE), 0);
	assert_not_swept(LOOKALIKE);
	assert_true(fs_exists("elsewhere/.backstay-draft"));
	assert_int_equal(mkdir(LOOKALIKE, 0700), 0);
	assert_int_equal(symlink("../elsewhere/.backstay-draft", LOOKALIKE "/.backstay-draft"), 0);
	assert_not_swept(LOOKALIKE);
	assert_true(fs_exists("elsewhere/.backstay-draft"));
}

static void P7_what_belongs_to_another_user_is_not_swept(void **state)
{
	if (geteuid() != 0)
		skip();
	for (int who = 0; who < 2; who++) {
		assert_int_equal(mkdir(LOOKALIKE, 0700), 0);
		put(LOOKALIKE "/.backstay-draft", TEXT);
		assert_int_equal(chown(who ? LOOKALIKE : LOOKALIKE "/.backstay-draft", 12345, 12345), 0);
		assert_not_swept(LOOKALIKE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(draft_names_are_told_by_their_exact_form),
		IN_ROOM(a_draft_is_private_and_goes_with_all_it_holds),
		IN_ROOM(a_draft_that_somebody_removed_is_no_error),
		IN_ROOM(where_no_folder_can_be_made_there_is_no_draft),
		IN_ROOM(a_long_name_gets_a_draft_too),
		IN_ROOM(P7_a_draft_is_swept_once_its_process_is_gone_and_not_before),
		IN_ROOM(P7_a_draft_of_our_own_is_not_swept),
		IN_ROOM(a_sweep_that_was_cut_off_is_finished),
		IN_ROOM(P7_no_name_alone_makes_a_folder_ours),
		IN_ROOM(P7_no_link_makes_a_folder_ours),
		IN_ROOM(P7_what_belongs_to_another_user_is_not_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

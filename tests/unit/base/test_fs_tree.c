#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "room.h"

#include "base/path.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void folders_are_made_with_all_above_them(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_make_dirs("a/b//c/", 0700, &e), 0);
	assert_true(fs_is_dir("a/b/c"));
	assert_int_equal(fs_make_dirs("a/b/c", 0700, &e), 0);
	assert_int_equal(fs_make_dirs("a/../d", 0700, &e), 0);
	assert_int_equal(mode_of("d"), 0700);
	AUTO_FREE char *absolute = path_join(room, "x/y");
	assert_int_equal(fs_make_dirs(absolute, 0700, &e), 0);
	assert_true(fs_is_dir("x/y"));
	assert_int_equal(fs_make_dirs("/", 0700, &e), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(fs_make_dirs("link/z", 0700, &e), 0);
	assert_true(fs_is_dir("a/z"));
}

static void a_file_in_the_way_of_folders_is_named(void **state)
{
	struct error e = {0};
	put("file", "");
	assert_int_equal(fs_make_dirs("file", 0700, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making folder file: Not a directory");
	assert_int_equal(fs_make_dirs("file/a/b", 0700, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making folder file/a/b: Not a directory");
	assert_int_equal(fs_make_dirs("", 0700, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making folder : No such file or directory");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(fs_make_dirs("dangling/a", 0700, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making folder dangling: Not a directory");
}

static void a_folder_is_synced_or_named(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_sync_dir(".", &e), 0);
	assert_int_equal(fs_sync_dir("absent", &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening folder absent: No such file or directory");
}

static void questions_about_a_path_are_answered(void **state)
{
	put("file", "");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(symlink(".", "here"), 0);
	assert_true(fs_exists("dangling"));
	assert_false(fs_exists("absent"));
	assert_false(fs_is_dir("file"));
	assert_false(fs_is_dir("dangling"));
	assert_true(fs_is_dir("here"));
	assert_true(fs_is_writable_dir("here"));
	assert_false(fs_is_writable_dir("file"));
	assert_false(fs_is_writable_dir("absent"));
}

static void names_are_listed_by_their_bytes(void **state)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list("absent", &names, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening folder absent: No such file or directory");
	assert_names(".", "");
	static const char *const unsorted[] = {"b", "a", "B", "...", "a.b", "\xff", "ab", ".x"};
	for (size_t i = 0; i < ARRAY_LEN(unsorted); i++)
		put(unsorted[i], "");
	assert_names(".", "... .x B a a.b ab b \xff");
}

static void free_space_is_known_or_the_path_named(void **state)
{
	struct error e = {0};
	uint64_t bytes = 0;
	assert_int_equal(fs_free_space("absent", &bytes, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "asking for the free space of absent: No such file or directory");
	assert_int_equal(fs_free_space(".", &bytes, &e), 0);
	assert_true(bytes > 0);
}

static void removing_what_names_no_entry_is_refused(void **state)
{
	struct error e = {0};
	static const char *const bad[] = {"", "/", "//", ".", "..", "a/..", "a/.", "../"};
	assert_int_equal(mkdir("a", 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(fs_remove_tree(bad[i], &e), -ERR_REFUSED);
		AUTO_FREE char *want = mem_printf("refusing to remove %s", bad[i]);
		assert_string_equal(e.text, want);
	}
	assert_names(".", "a");
}

static void removing_what_is_absent_is_fine(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_remove_tree("absent", &e), 0);
	assert_int_equal(fs_remove_tree("absent/below", &e), 0);
	put("file", "");
	assert_int_equal(fs_remove_tree("file/below", &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "removing file/below: Not a directory");
}

static void a_tree_of_everything_is_removed_and_nothing_behind_its_links(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_make_dirs("outside", 0700, &e), 0);
	put("outside/precious", "kept");
	assert_int_equal(fs_make_dirs("tree/a/b", 0700, &e), 0);
	assert_int_equal(fs_make_dirs("tree/empty", 0700, &e), 0);
	put("tree/a/b/file", "x");
	assert_int_equal(mkfifo("tree/fifo", 0600), 0);
	assert_int_equal(symlink("../outside", "tree/to-folder"), 0);
	assert_int_equal(symlink("../../outside/precious", "tree/a/to-file"), 0);
	assert_int_equal(symlink("nowhere", "tree/dangling"), 0);
	assert_int_equal(link("outside/precious", "tree/hard"), 0);
	size_t before = open_descriptors();
	assert_int_equal(fs_remove_tree("tree/", &e), 0);
	assert_int_equal(open_descriptors(), before);
	assert_names(".", "outside");
	assert_holds("outside/precious", "kept");
}

static void a_link_at_the_top_is_removed_itself(void **state)
{
	struct error e = {0};
	assert_int_equal(mkdir("folder", 0700), 0);
	put("folder/file", "kept");
	assert_int_equal(symlink("folder", "link"), 0);
	assert_int_equal(fs_remove_tree("link", &e), 0);
	assert_int_equal(symlink("folder", "link"), 0);
	assert_int_equal(fs_remove_tree("link/", &e), 0);
	assert_names(".", "folder");
	assert_holds("folder/file", "kept");
}

static void dots_behind_a_link_mean_what_the_system_says(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_make_dirs("far/inner", 0700, &e), 0);
	put("x", "kept");
	put("far/x", "goes");
	assert_int_equal(symlink("far/inner", "link"), 0);
	assert_int_equal(fs_remove_tree("link/../x", &e), 0);
	assert_holds("x", "kept");
	assert_false(fs_exists("far/x"));
}

/* A chain of folders, each in the one before; the current folder ends up where it began. */
static void dig(const char *top, int levels)
{
	assert_int_equal(mkdir(top, 0700), 0);
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < levels; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		int file = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(file >= 0 && next >= 0);
		close(file);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void a_tree_of_any_depth_is_removed_with_few_descriptors(void **state)
{
	struct error e = {0};
	struct rlimit before, few;
	dig("deep", 600);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int err = fs_remove_tree("deep", &e);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	if (err)
		fail_msg("%s", e.text);
	assert_false(fs_exists("deep"));
}

static void moved_up_folders_do_not_meet_equal_names(void **state)
{
	struct error e = {0};
	dig("deep", 200);
	put("deep/.tmp-0", "in the way");
	assert_int_equal(fs_make_dirs("deep/.tmp-1/full", 0700, &e), 0);
	assert_int_equal(fs_remove_tree("deep", &e), 0);
	assert_names(".", "");
}

/* Run check() in a child, as an ordinary user when we are root: what root may do proves nothing. */
static void as_ordinary_user(void (*check)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(1);
		check();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); _exit(1); } } while (0)

static void remove_closed_folders(void)
{
	struct error e = {0};
	MUST(fs_make_dirs("mine/closed/below", 0700, &e) == 0);
	MUST(fs_make_dirs("mine/read-only/below", 0700, &e) == 0);
	MUST(chmod("mine/closed", 0000) == 0);
	MUST(chmod("mine/read-only/below", 0500) == 0);
	MUST(chmod("mine/read-only", 0500) == 0);
	MUST(chmod("mine", 0500) == 0);
	MUST(fs_remove_tree("mine", &e) == 0);
	MUST(!fs_exists("mine"));
}

static void folders_without_rights_are_removed_by_their_owner(void **state)
{
	assert_int_equal(chmod(".", 0777), 0);
	as_ordinary_user(remove_closed_folders);
}

static void fail_in_a_foreign_folder(void)
{
	struct error e = {0};
	MUST(fs_remove_tree("foreign/file", &e) == -ERR_ACCESS);
	MUST(strcmp(e.text, "removing foreign/file: Permission denied") == 0);
	MUST(fs_remove_tree("foreign", &e) == -ERR_ACCESS);
	MUST(strcmp(e.text, "removing foreign: Permission denied") == 0);
	MUST(fs_write_atomic("foreign/new", "x", 1, 0600, &e) == -ERR_ACCESS);
	MUST(strcmp(e.text, "creating a file in foreign: Permission denied") == 0);
	MUST(!fs_is_writable_dir("foreign"));
}

static void a_folder_of_others_is_left_alone(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(mkdir("foreign", 0755), 0);
	put("foreign/file", "kept");
	as_ordinary_user(fail_in_a_foreign_folder);
	assert_holds("foreign/file", "kept");
}

enum { CANNOT_MOUNT = 77 };

/* In a mount namespace of its own, so that nothing of it outlives the child. */
static void remove_around_a_mount(void)
{
	struct error e = {0};
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		_exit(CANNOT_MOUNT);
	if (mount("outside", "tree/mounted", NULL, MS_BIND, NULL) != 0)
		_exit(CANNOT_MOUNT);
	MUST(fs_remove_tree("tree", &e) == -ERR_REFUSED);
	MUST(strcmp(e.text, "removing tree/mounted: it is another file system") == 0);
	MUST(fs_exists("outside/precious"));
	_exit(0);
}

static void a_mount_inside_the_tree_is_not_emptied(void **state)
{
	struct error e = {0};
	assert_int_equal(mkdir("outside", 0700), 0);
	put("outside/precious", "kept");
	assert_int_equal(fs_make_dirs("tree/mounted", 0700, &e), 0);
	pid_t pid = fork();
	if (pid == 0)
		remove_around_a_mount();
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_holds("outside/precious", "kept");
	if (WEXITSTATUS(status) == CANNOT_MOUNT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

struct swapper {
	atomic_bool stop;
	atomic_uint swaps;
};

/* Exchange the folder tree/a/b and the link tree/a/evil, again and again. */
static void *swap(void *arg)
{
	struct swapper *s = arg;
	while (!atomic_load(&s->stop)) {
		renameat2(AT_FDCWD, "tree/a/b", AT_FDCWD, "tree/a/evil", RENAME_EXCHANGE);
		atomic_fetch_add(&s->swaps, 1);
	}
	return NULL;
}

static void a_folder_swapped_for_a_link_meanwhile_leads_nowhere(void **state)
{
	struct error e = {0};
	assert_int_equal(mkdir("outside", 0700), 0);
	put("outside/precious", "kept");
	struct swapper s = {0};
	pthread_t thread;
	assert_int_equal(thread_start(&thread, "swap", swap, &s), 0);
	for (int round = 0; round < 30; round++) {
		assert_int_equal(fs_make_dirs("tree/a/b/c", 0700, &e), 0);
		int fd = open("tree/a/b/precious", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		fs_close(&fd);
		assert_int_equal(symlink("../../outside", "tree/a/evil"), 0);
		unsigned seen = atomic_load(&s.swaps);
		while (atomic_load(&s.swaps) == seen)
			sched_yield();
		(void)!fs_remove_tree("tree", &e);
		while (fs_exists("tree"))
			(void)!fs_remove_tree("tree", &e);
		assert_true(fs_exists("outside/precious"));
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	assert_holds("outside/precious", "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(folders_are_made_with_all_above_them),
		IN_ROOM(a_file_in_the_way_of_folders_is_named),
		IN_ROOM(a_folder_is_synced_or_named),
		IN_ROOM(questions_about_a_path_are_answered),
		IN_ROOM(names_are_listed_by_their_bytes),
		IN_ROOM(free_space_is_known_or_the_path_named),
		IN_ROOM(removing_what_names_no_entry_is_refused),
		IN_ROOM(removing_what_is_absent_is_fine),
		IN_ROOM(a_tree_of_everything_is_removed_and_nothing_behind_its_links),
		IN_ROOM(a_link_at_the_top_is_removed_itself),
		IN_ROOM(dots_behind_a_link_mean_what_the_system_says),
		IN_ROOM(a_tree_of_any_depth_is_removed_with_few_descriptors),
		IN_ROOM(moved_up_folders_do_not_meet_equal_names),
		IN_ROOM(folders_without_rights_are_removed_by_their_owner),
		IN_ROOM(a_folder_of_others_is_left_alone),
		IN_ROOM(a_mount_inside_the_tree_is_not_emptied),
		IN_ROOM(a_folder_swapped_for_a_link_meanwhile_leads_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

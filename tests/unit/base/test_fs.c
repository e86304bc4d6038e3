#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test works in a folder of its own, which is also the current one. */
static char *room, *home;

static int enter_room(void **state)
{
	struct error e = {0};
	home = getcwd(NULL, 0);
	return fs_temp_dir(NULL, "fs-test-", &room, &e) || chdir(room);
}

static int leave_room(void **state)
{
	struct error e = {0};
	int err = chdir(home) || fs_remove_tree(room, &e) || fs_exists(room);
	free(room);
	free(home);
	return err;
}

static void put(const char *path, const char *text)
{
	struct error e = {0};
	if (fs_write_atomic(path, text, strlen(text), 0644, &e) != 0)
		fail_msg("%s", e.text);
}

static void assert_holds(const char *path, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	if (fs_read_file(path, 1 << 20, &b, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&b), text);
}

static void assert_names(const char *path, const char *joined)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	if (fs_list(path, &names, &e) != 0)
		fail_msg("%s", e.text);
	AUTO_FREE char *text = strlist_join(&names, " ");
	assert_string_equal(text, joined);
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static size_t open_descriptors(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list("/proc/self/fd", &names, &e), 0);
	return names.n;
}

static void reading_what_is_not_there_names_it(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_read_file("absent", 10, &b, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening absent: No such file or directory");
	assert_int_equal(fs_read_file(".", 10, &b, &e), -ERR_IO);
	assert_string_equal(e.text, "reading .: Is a directory");
}

static void a_file_above_the_limit_is_not_read(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	put("five", "12345");
	assert_int_equal(fs_read_file("five", 4, &b, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "five is larger than the 4 bytes allowed");
	assert_int_equal(fs_read_file("/dev/zero", 1000000, &b, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "/dev/zero is larger than the 1000000 bytes allowed");
	buf_clear(&b);
	assert_int_equal(fs_read_file("five", 5, &b, &e), 0);
	assert_string_equal(buf_text(&b), "12345");
}

static void a_file_beyond_the_buffers_maximum_is_not_read(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(8);
	struct error e = {0};
	put("five", "12345");
	assert_int_equal(fs_read_file("five", 100, &b, &e), 0);
	assert_int_equal(fs_read_file("five", 100, &b, &e), -ERR_LIMIT);
	assert_string_equal(buf_text(&b), "12345");
}

static void reading_appends(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	put("empty", "");
	put("word", "word");
	buf_add_str(&b, "a ");
	assert_int_equal(fs_read_file("empty", 0, &b, &e), 0);
	assert_int_equal(fs_read_file("word", 4, &b, &e), 0);
	assert_string_equal(buf_text(&b), "a word");
}

static void a_file_longer_than_a_block_is_read_whole(void **state)
{
	enum { SIZE = 3 * 65536 };
	AUTO_FREE unsigned char *bytes = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 31 >> 3);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_write_atomic("long", bytes, SIZE, 0600, &e), 0);
	assert_int_equal(fs_read_file("long", SIZE, &b, &e), 0);
	assert_int_equal(b.len, SIZE);
	assert_memory_equal(b.p, bytes, SIZE);
}

static void writing_where_no_folder_is_fails(void **state)
{
	struct error e = {0};
	assert_int_equal(fs_write_atomic("absent/x", "x", 1, 0600, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening folder absent: No such file or directory");
	put("file", "");
	assert_int_equal(fs_write_atomic("file/x", "x", 1, 0600, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening folder file: Not a directory");
	static const char *const no_names[] = {"", "/", ".", "..", "a/", "a/.."};
	for (size_t i = 0; i < ARRAY_LEN(no_names); i++) {
		assert_int_equal(fs_write_atomic(no_names[i], "x", 1, 0600, &e), -ERR_USAGE);
		AUTO_FREE char *want = mem_printf("%s is not a file name", no_names[i]);
		assert_string_equal(e.text, want);
	}
	assert_names(".", "file");
}

static void writing_over_a_folder_leaves_no_trace(void **state)
{
	struct error e = {0};
	assert_int_equal(mkdir("folder", 0700), 0);
	size_t before = open_descriptors();
	assert_int_equal(fs_write_atomic("folder", "x", 1, 0600, &e), -ERR_IO);
	assert_string_equal(e.text, "putting folder in its place: Is a directory");
	assert_names(".", "folder");
	assert_int_equal(open_descriptors(), before);
}

static void a_failed_write_keeps_the_old_content(void **state)
{
	struct error e = {0};
	struct rlimit before, small;
	put("file", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 2;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int err = fs_write_atomic("file", "newer", 5, 0600, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(err, -ERR_IO);
	assert_string_equal(e.text, "writing file: File too large");
	assert_names(".", "file");
	assert_holds("file", "old");
}

static void writing_replaces_content_and_mode_whatever_the_umask(void **state)
{
	struct error e = {0};
	put("file", "old");
	mode_t before = umask(0077);
	assert_int_equal(fs_write_atomic("file", "new", 3, 0664, &e), 0);
	umask(before);
	assert_holds("file", "new");
	assert_int_equal(mode_of("file"), 0664);
	assert_int_equal(fs_write_atomic("file", "", 0, 0400, &e), 0);
	assert_holds("file", "");
	assert_int_equal(mode_of("file"), 0400);
	assert_names(".", "file");
}

static void writing_replaces_a_link_not_what_it_leads_to(void **state)
{
	put("target", "kept");
	assert_int_equal(symlink("target", "link"), 0);
	put("link", "new");
	assert_holds("target", "kept");
	assert_holds("link", "new");
}

static void pieces_are_written_in_order(void **state)
{
	struct error e = {0};
	char one[] = "one ", two[] = "two ", three[] = "three";
	struct iovec v[] = {{one, 4}, {NULL, 0}, {two, 4}, {three, 5}};
	AUTO_FREE char *path = path_join(room, "pieces");
	assert_int_equal(fs_writev_atomic(path, v, 4, 0600, &e), 0);
	assert_holds("pieces", "one two three");
}

static void full_reads_and_writes_report_errno(void **state)
{
	char c;
	assert_int_equal(fs_read_full(-1, &c, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fs_pread_full(-1, &c, 1, 0), -1);
	assert_int_equal(errno, EBADF);
	CLEANUP(fs_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fs_write_full(full, "x", 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fs_pwrite_full(full, "x", 1, 0), -1);
	assert_int_equal(errno, ENOSPC);
}

static void *write_in_drops(void *arg)
{
	int fd = *(int *)arg;
	for (int i = 0; i < 1000; i++)
		if (fs_write_full(fd, "drop", 4) != 0)
			break;
	close(fd);
	return NULL;
}

static void short_counts_are_made_up_for(void **state)
{
	char got[5000];
	int ends[2];
	pthread_t writer;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(thread_start(&writer, "drops", write_in_drops, &ends[1]), 0);
	assert_int_equal(fs_read_full(ends[0], got, 3999), 3999);
	assert_int_equal(fs_read_full(ends[0], got, sizeof got), 1);
	assert_int_equal(got[0], 'p');
	pthread_join(writer, NULL);
	close(ends[0]);
}

static void places_are_read_and_written(void **state)
{
	struct error e = {0};
	char got[8];
	CLEANUP(fs_close) int fd = -1;
	assert_int_equal(fs_temp_anonymous(".", &fd, &e), 0);
	assert_int_equal(fs_pwrite_full(fd, "world", 5, 6), 0);
	assert_int_equal(fs_pwrite_full(fd, "hello ", 6, 0), 0);
	assert_int_equal(fs_pread_full(fd, got, 8, 4), 7);
	assert_memory_equal(got, "o world", 7);
	assert_int_equal(fs_pread_full(fd, got, 8, 11), 0);
	assert_names(".", "");
}

static void closing_keeps_errno_and_forgets_the_descriptor(void **state)
{
	int fd = open(".", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	errno = ENOSPC;
	fs_close(&fd);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fd, -1);
	fs_close(&fd);
}

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

static void temporary_files_and_folders_are_private_and_new(void **state)
{
	struct error e = {0};
	AUTO_FREE char *one = NULL;
	AUTO_FREE char *two = NULL;
	AUTO_FREE char *folder = NULL;
	CLEANUP(fs_close) int a = -1;
	CLEANUP(fs_close) int b = -1;
	mode_t before = umask(0);
	assert_int_equal(fs_temp_file(".", "file-", &one, &a, &e), 0);
	assert_int_equal(fs_temp_file(".", "file-", &two, &b, &e), 0);
	assert_int_equal(fs_temp_dir(".", "dir-", &folder, &e), 0);
	umask(before);
	assert_string_not_equal(one, two);
	assert_memory_equal(one, "./file-", 7);
	assert_int_equal(strlen(one), 7 + 16);
	assert_int_equal(mode_of(one), 0600);
	assert_int_equal(mode_of(folder), 0700);
	assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fs_write_full(a, "x", 1), 0);
	assert_holds(one, "x");
}

static void temporary_files_follow_tmpdir(void **state)
{
	struct error e = {0};
	const char *had = getenv("TMPDIR");
	AUTO_FREE char *before = had ? mem_string(had) : NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *none = NULL;
	setenv("TMPDIR", room, 1);
	int err = fs_temp_dir(NULL, "t-", &path, &e);
	setenv("TMPDIR", "/absent", 1);
	CLEANUP(fs_close) int fd = -1;
	int file_err = fs_temp_file(NULL, "t-", &none, &fd, &e);
	if (before)
		setenv("TMPDIR", before, 1);
	else
		unsetenv("TMPDIR");
	assert_int_equal(err, 0);
	assert_true(path_within(path, room));
	assert_int_equal(file_err, -ERR_NOT_FOUND);
	assert_string_equal(e.text, "creating a temporary file in /absent: No such file or directory");
	assert_int_equal(fs_temp_dir("/absent", "t-", &none, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "creating a temporary folder in /absent: No such file or directory");
	assert_int_equal(fs_temp_anonymous("/absent", &fd, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "creating a temporary file in /absent: No such file or directory");
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

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, enter_room, leave_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(reading_what_is_not_there_names_it),
		IN_ROOM(a_file_above_the_limit_is_not_read),
		IN_ROOM(a_file_beyond_the_buffers_maximum_is_not_read),
		IN_ROOM(reading_appends),
		IN_ROOM(a_file_longer_than_a_block_is_read_whole),
		IN_ROOM(writing_where_no_folder_is_fails),
		IN_ROOM(writing_over_a_folder_leaves_no_trace),
		IN_ROOM(a_failed_write_keeps_the_old_content),
		IN_ROOM(writing_replaces_content_and_mode_whatever_the_umask),
		IN_ROOM(writing_replaces_a_link_not_what_it_leads_to),
		IN_ROOM(pieces_are_written_in_order),
		IN_ROOM(full_reads_and_writes_report_errno),
		IN_ROOM(short_counts_are_made_up_for),
		IN_ROOM(places_are_read_and_written),
		IN_ROOM(closing_keeps_errno_and_forgets_the_descriptor),
		IN_ROOM(folders_are_made_with_all_above_them),
		IN_ROOM(a_file_in_the_way_of_folders_is_named),
		IN_ROOM(a_folder_is_synced_or_named),
		IN_ROOM(questions_about_a_path_are_answered),
		IN_ROOM(names_are_listed_by_their_bytes),
		IN_ROOM(temporary_files_and_folders_are_private_and_new),
		IN_ROOM(temporary_files_follow_tmpdir),
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

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
#include <signal.h>
#include <sys/resource.h>

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

static void pieces_that_can_pass_by_the_page_cache_and_those_after_them_are_whole(void **state)
{
	AUTO_FREE char *path = path_join(room, "pack");
	AUTO_FREE unsigned char *p = mem_alloc_aligned(4 * FS_DIRECT, FS_DIRECT);
	CLEANUP(buf_release) struct buf expected = BUF_INIT, got = BUF_INIT;
	struct error e = {0};
	for (size_t i = 0; i < 4 * FS_DIRECT; i++)
		p[i] = (unsigned char)(i * 7 + i / 251);
	struct iovec v[] = {{p, 2 * FS_DIRECT}, {p + 2 * FS_DIRECT, FS_DIRECT}, {p + 1, 1000}, {p, FS_DIRECT}};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		buf_add(&expected, v[i].iov_base, v[i].iov_len);
	assert_int_equal(fs_writev_atomic(path, v, ARRAY_LEN(v), 0600, &e), 0);
	assert_int_equal(fs_read_file(path, 1 << 20, &got, &e), 0);
	assert_int_equal(got.len, expected.len);
	assert_memory_equal(got.p, expected.p, got.len);
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
		IN_ROOM(pieces_that_can_pass_by_the_page_cache_and_those_after_them_are_whole),
		IN_ROOM(full_reads_and_writes_report_errno),
		IN_ROOM(short_counts_are_made_up_for),
		IN_ROOM(places_are_read_and_written),
		IN_ROOM(closing_keeps_errno_and_forgets_the_descriptor),
		IN_ROOM(temporary_files_and_folders_are_private_and_new),
		IN_ROOM(temporary_files_follow_tmpdir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

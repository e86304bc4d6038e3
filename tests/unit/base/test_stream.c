#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int file_of(const void *p, size_t n)
{
	struct error e = {0};
	int fd;
	assert_int_equal(fs_temp_anonymous(NULL, &fd, &e), 0);
	assert_int_equal(fs_write_full(fd, p, n), 0);
	return fd;
}

static void a_pipe_is_no_source_and_is_closed(void **state)
{
	struct error e = {0};
	struct source *s = NULL;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(source_from_fd(ends[0], &s, &e), -ERR_MISMATCH);
	assert_string_equal(e.text, "not a regular file");
	assert_null(s);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	close(ends[1]);
}

static void a_closed_descriptor_is_no_source(void **state)
{
	struct error e = {0};
	struct source *s;
	assert_int_equal(source_from_fd(-1, &s, &e), -ERR_IO);
	assert_string_equal(e.text, "looking at an open file: Bad file descriptor");
}

static void a_source_that_cannot_be_read_says_so(void **state)
{
	struct error e = {0};
	struct source *s;
	char path[64], byte;
	int fd = file_of("abc", 3);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int write_only = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(write_only >= 0);
	assert_int_equal(source_from_fd(write_only, &s, &e), 0);
	assert_int_equal(s->pread(s, &byte, 1, 0, &e), -ERR_IO);
	assert_string_equal(e.text, "reading: Bad file descriptor");
	source_close(s);
	close(fd);
}

static void check_reading(struct source *s)
{
	struct error e = {0};
	char got[8] = "";
	assert_int_equal(s->size, 6);
	assert_int_equal(s->pread(s, got, 3, 2, &e), 3);
	assert_memory_equal(got, "cde", 3);
	assert_int_equal(s->pread(s, got, 8, 4, &e), 2);
	assert_memory_equal(got, "ef", 2);
	assert_int_equal(s->pread(s, got, 8, 6, &e), 0);
	assert_int_equal(s->pread(s, got, 8, UINT64_MAX, &e), 0);
	assert_int_equal(source_read_exact(s, got, 2, 5, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "unexpected end");
	assert_int_equal(source_read_exact(s, got, 6, 0, &e), 0);
	assert_memory_equal(got, "abcdef", 6);
	assert_int_equal(source_read_exact(s, got, 0, 6, &e), 0);
}

static void a_file_is_read_at_any_place(void **state)
{
	struct error e = {0};
	struct source *s;
	assert_int_equal(source_from_fd(file_of("abcdef", 6), &s, &e), 0);
	check_reading(s);
	source_close(s);
	source_close(NULL);
}

static void memory_is_copied_and_read_at_any_place(void **state)
{
	struct error e = {0};
	char text[] = "abcdef";
	struct source *s = source_from_memory(text, 6);
	memset(text, 'x', 6);
	check_reading(s);
	source_close(s);
	s = source_from_memory(NULL, 0);
	assert_int_equal(s->size, 0);
	assert_int_equal(s->pread(s, text, 1, 0, &e), 0);
	source_close(s);
}

static void a_full_disk_stops_the_copy(void **state)
{
	struct error e = {0};
	struct source *s = source_from_memory("abc", 3);
	CLEANUP(fs_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	struct fd_sink to;
	fd_sink_init(&to, full);
	assert_int_equal(source_copy(s, &to.sink, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "writing: No space left on device");
	assert_int_equal(to.written, 0);
	source_close(s);
}

static void a_file_that_shrinks_while_copied_is_an_error(void **state)
{
	struct error e = {0};
	struct source *s;
	int fd = file_of("abcdef", 6);
	assert_int_equal(source_from_fd(fd, &s, &e), 0);
	assert_int_equal(ftruncate(fd, 4), 0);
	CLEANUP(fs_close) int out = file_of("", 0);
	struct fd_sink to;
	fd_sink_init(&to, out);
	assert_int_equal(source_copy(s, &to.sink, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "unexpected end");
	source_close(s);
}

static void a_copy_is_complete_and_in_order(void **state)
{
	enum { SIZE = (2 << 20) + 12345 };
	struct error e = {0};
	AUTO_FREE unsigned char *bytes = mem_alloc(SIZE);
	AUTO_FREE unsigned char *copy = mem_alloc(SIZE);
	random_bytes(bytes, SIZE);
	struct source *s = source_from_memory(bytes, SIZE);
	CLEANUP(fs_close) int out = file_of("head", 4);
	struct fd_sink to;
	fd_sink_init(&to, out);
	assert_int_equal(source_copy(s, &to.sink, &e), 0);
	assert_int_equal(to.written, SIZE);
	assert_int_equal(lseek(out, 0, SEEK_END), SIZE + 4);
	assert_int_equal(fs_pread_full(out, copy, SIZE, 4), SIZE);
	assert_memory_equal(copy, bytes, SIZE);
	source_close(s);
}

static void a_sink_counts_what_it_wrote(void **state)
{
	struct error e = {0};
	char got[6];
	CLEANUP(fs_close) int out = file_of("", 0);
	struct fd_sink to;
	fd_sink_init(&to, out);
	assert_int_equal(sink_write(&to.sink, "abc", 3, &e), 0);
	assert_int_equal(sink_write(&to.sink, NULL, 0, &e), 0);
	assert_int_equal(sink_write(&to.sink, "def", 3, &e), 0);
	assert_int_equal(to.written, 6);
	assert_int_equal(fs_pread_full(out, got, 6, 0), 6);
	assert_memory_equal(got, "abcdef", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_no_source_and_is_closed),
		cmocka_unit_test(a_closed_descriptor_is_no_source),
		cmocka_unit_test(a_source_that_cannot_be_read_says_so),
		cmocka_unit_test(a_file_is_read_at_any_place),
		cmocka_unit_test(memory_is_copied_and_read_at_any_place),
		cmocka_unit_test(a_full_disk_stops_the_copy),
		cmocka_unit_test(a_file_that_shrinks_while_copied_is_an_error),
		cmocka_unit_test(a_copy_is_complete_and_in_order),
		cmocka_unit_test(a_sink_counts_what_it_wrote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A repository in a folder on a disk that is full, read-only or closed to us, or read while it is written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "local_helper.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Root may write anywhere, so the tests act as somebody else then. */
static void act_as_nobody(bool nobody)
{
	static bool switched;
	if (nobody && geteuid() == 0) {
		assert_int_equal(seteuid(65534), 0);
		switched = true;
	} else if (!nobody && switched) {
		assert_int_equal(seteuid(0), 0);
		switched = false;
	}
}

static void a_read_only_folder_is_said_to_be_so(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	struct store_file f = file_named(STORE_INDEX, 0x30), old = file_named(STORE_INDEX, 0x31);
	AUTO_FREE char *index = path_in(t, "index");
	assert_ok(put_text(t->s, &old, "old", &e));
	chmod(t->folder, 0755);
	chmod(index, 0555);
	act_as_nobody(true);
	int put = put_text(t->s, &f, "x", &e);
	struct error put_error = e;
	int removed = store_remove(t->s, &old, &e);
	act_as_nobody(false);
	chmod(index, 0700);
	assert_int_equal(put, -ERR_ACCESS);
	assert_string_equal(put_error.text, text_of(&f, "Permission denied"));
	assert_int_equal(removed, -ERR_ACCESS);
	assert_string_equal(e.text, text_of(&old, "Permission denied"));
	assert_content(t->s, &old, "old");
	assert_int_equal(names_in(t, "index"), 1);
}

static void a_folder_that_cannot_be_looked_into_is_not_called_missing(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	CLEANUP(store_listing_release) struct store_listing l = {0};
	struct store_file f = file_named(STORE_DATA, 0x32);
	char byte;
	chmod(t->folder, 0);
	act_as_nobody(true);
	int listed = store_list(t->s, STORE_DATA, store_listing_add, &l, &e);
	struct error list_error = e;
	int got = store_get(t->s, &f, 0, &byte, 1, &e);
	act_as_nobody(false);
	chmod(t->folder, 0700);
	assert_int_equal(listed, -ERR_ACCESS);
	assert_string_equal(list_error.text, "data: Permission denied");
	assert_int_equal(got, -ERR_ACCESS);
	assert_string_equal(e.text, text_of(&f, "Permission denied"));
}

/* In a child: a file system of 64 KiB of its own over the folder `data`. 0, or -1 where this is not permitted. */
static int mount_small_disk(const char *folder)
{
	char map[64];
	struct error e = {0};
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -1;
	int n = snprintf(map, sizeof map, "0 %u 1", uid);
	int fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, (size_t)n) != n || close(fd))
		return -1;
	fd = open("/proc/self/setgroups", O_WRONLY);
	if (fd < 0 || write(fd, "deny", 4) != 4 || close(fd))
		return -1;
	n = snprintf(map, sizeof map, "0 %u 1", gid);
	fd = open("/proc/self/gid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, (size_t)n) != n || close(fd))
		return -1;
	return mount("small", folder, "tmpfs", 0, "size=64k") || fs_sync_dir(folder, &e) ? -1 : 0;
}

enum { NOT_PERMITTED = 77 };

/* What the child found wrong, as its exit status. */
static int fill_small_disk(const struct fixture *t)
{
	static char bytes[100000];
	struct error e = {0};
	struct store_file large = file_named(STORE_DATA, 0x40), small = file_named(STORE_DATA, 0x41);
	uint64_t size;
	AUTO_FREE char *data = path_in(t, "data");
	if (mount_small_disk(data))
		return NOT_PERMITTED;
	if (put_bytes(t->s, &large, bytes, sizeof bytes, &e) != -ERR_NO_SPACE)
		return 1;
	if (strcmp(e.text, text_of(&large, "No space left on device")))
		return 2;
	error_clear(&e);
	if (store_size(t->s, &large, &size, &e) != -ERR_NOT_FOUND || names_in(t, "data/40") != 0)
		return 3;
	return put_bytes(t->s, &small, bytes, 1000, &e) ? 4 : 0;
}

static int status_of_child(const struct fixture *t, int (*fn)(const struct fixture *))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_full_disk_is_told_and_leaves_nothing_half_written(void **state)
{
	int status = status_of_child(*state, fill_small_disk);
	if (status == NOT_PERMITTED)
		skip();
	assert_int_equal(status, 0);
}

static int pass_size_limit(const struct fixture *t)
{
	static char bytes[100000];
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 0x42);
	uint64_t size;
	struct rlimit limit = {65536, 65536};
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return NOT_PERMITTED;
	if (put_bytes(t->s, &f, bytes, sizeof bytes, &e) != -ERR_IO || strcmp(e.text, text_of(&f, "File too large")))
		return 1;
	error_clear(&e);
	return store_size(t->s, &f, &size, &e) != -ERR_NOT_FOUND || names_in(t, "data/42") != 0;
}

static void a_write_cut_off_in_the_middle_leaves_nothing_half_written(void **state)
{
	assert_int_equal(status_of_child(*state, pass_size_limit), 0);
}

enum { PACK_SIZE = 100000, PACKS = 40 };

static void *write_packs(void *arg)
{
	static char bytes[PACK_SIZE];
	struct error e = {0};
	intptr_t r = 0;
	for (unsigned char c = 0; c < PACKS && r == 0; c++) {
		struct store_file f = file_named(STORE_INDEX, c);
		r = put_bytes(arg, &f, bytes, sizeof bytes, &e);
	}
	return (void *)r;
}

static int is_whole(const char *name, uint64_t size, void *ctx)
{
	*(size_t *)ctx += 1;
	return size == PACK_SIZE ? 0 : -ERR_CORRUPT;
}

static void a_reader_never_sees_a_part_of_a_file(void **state)
{
	struct fixture *t = *state;
	struct error e = {0};
	pthread_t writer;
	void *result;
	size_t seen = 0;
	assert_int_equal(pthread_create(&writer, NULL, write_packs, t->s), 0);
	while (seen < PACKS) {
		seen = 0;
		assert_ok(store_list(t->s, STORE_INDEX, is_whole, &seen, &e));
		if (pthread_tryjoin_np(writer, &result) == 0)
			break;
	}
	if (seen >= PACKS)
		pthread_join(writer, &result);
	assert_null(result);
	assert_int_equal(count_files(t->s, STORE_INDEX), PACKS);
	assert_int_equal(names_in(t, "index"), PACKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOCAL_TEST(a_read_only_folder_is_said_to_be_so),
		LOCAL_TEST(a_folder_that_cannot_be_looked_into_is_not_called_missing),
		LOCAL_TEST(a_full_disk_is_told_and_leaves_nothing_half_written),
		LOCAL_TEST(a_write_cut_off_in_the_middle_leaves_nothing_half_written),
		LOCAL_TEST(a_reader_never_sees_a_part_of_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

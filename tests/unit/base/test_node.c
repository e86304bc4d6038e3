#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/node.h"
#include "base/thread.h"

#include <pwd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct stat stat_of(mode_t mode)
{
	return (struct stat){
		.st_mode = mode,
		.st_uid = 0,
		.st_gid = 0,
		.st_size = 1234,
		.st_ino = 77,
		.st_dev = 5,
		.st_rdev = makedev(8, 1),
		.st_nlink = 3,
		.st_mtim = {1000000000, 123456789},
		.st_ctim = {1000000001, 987654321},
	};
}

static void an_id_without_a_name_has_none(void **state)
{
	struct stat st = stat_of(S_IFREG | 0644);
	st.st_uid = 4000000001u;
	st.st_gid = 4000000002u;
	for (int i = 0; i < 2; i++) {    /* looked up, then remembered */
		struct node n;
		node_from_stat(&n, "x", &st);
		assert_null(n.user);
		assert_null(n.group);
		assert_int_equal(n.uid, 4000000001u);
		assert_int_equal(n.gid, 4000000002u);
		node_release(&n);
	}
}

static void a_file_keeps_what_stat_says(void **state)
{
	struct stat st = stat_of(S_IFREG | 06751);
	struct node n;
	char name[] = "caf\xe9";
	node_from_stat(&n, name, &st);
	name[0] = 'x';
	assert_string_equal(n.name, "caf\xe9");
	assert_int_equal(n.type, NODE_FILE);
	assert_int_equal(n.mode, 06751);
	assert_int_equal(n.size, 1234);
	assert_int_equal(n.inode, 77);
	assert_int_equal(n.dev_id, 5);
	assert_int_equal(n.links, 3);
	assert_int_equal(n.rdev, 0);
	assert_int_equal(n.mtime.tv_sec, 1000000000);
	assert_int_equal(n.mtime.tv_nsec, 123456789);
	assert_int_equal(n.ctime.tv_sec, 1000000001);
	assert_int_equal(n.ctime.tv_nsec, 987654321);
	assert_string_equal(n.user, "root");
	assert_string_equal(n.group, "root");
	assert_null(n.link_target);
	assert_int_equal(n.xattr_count, 0);
	node_release(&n);
	assert_null(n.name);
	node_release(&n);
}

static void every_type_is_told_and_named(void **state)
{
	static const struct {
		mode_t mode;
		enum node_type type;
		const char *name;
		bool is_device;
	} cases[] = {
		{S_IFREG, NODE_FILE, "file", false},        {S_IFDIR, NODE_DIR, "dir", false},
		{S_IFLNK, NODE_SYMLINK, "symlink", false},  {S_IFIFO, NODE_FIFO, "fifo", false},
		{S_IFSOCK, NODE_SOCKET, "socket", false},   {S_IFCHR, NODE_CHARDEV, "chardev", true},
		{S_IFBLK, NODE_BLOCKDEV, "dev", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stat st = stat_of(cases[i].mode | 01777);
		struct node n;
		node_from_stat(&n, "x", &st);
		assert_int_equal(n.type, cases[i].type);
		assert_string_equal(node_type_name(n.type), cases[i].name);
		assert_int_equal(n.mode, 01777);
		assert_int_equal(n.size, n.type == NODE_FILE ? 1234 : 0);
		assert_int_equal(n.rdev, cases[i].is_device ? makedev(8, 1) : 0);
		node_release(&n);
	}
	assert_string_equal(node_type_name((enum node_type)99), "unknown");
}

static void a_copy_shares_nothing(void **state)
{
	struct stat st = stat_of(S_IFLNK | 0777);
	struct node from, to;
	node_from_stat(&from, "link", &st);
	from.link_target = mem_string("somewhere");
	node_add_xattr(&from, "user.a", "1\0002", 3);
	node_add_xattr(&from, "user.empty", "", 0);
	node_copy(&to, &from);
	memset(from.name, 'x', strlen(from.name));
	memset(from.xattrs[0].value, 'x', from.xattrs[0].len);
	node_release(&from);
	assert_string_equal(to.name, "link");
	assert_string_equal(to.link_target, "somewhere");
	assert_string_equal(to.user, "root");
	assert_string_equal(to.group, "root");
	assert_int_equal(to.xattr_count, 2);
	assert_string_equal(to.xattrs[0].name, "user.a");
	assert_int_equal(to.xattrs[0].len, 3);
	assert_memory_equal(to.xattrs[0].value, "1\0002", 3);
	assert_string_equal(to.xattrs[1].name, "user.empty");
	assert_int_equal(to.xattrs[1].len, 0);
	assert_int_equal(to.inode, 77);
	node_release(&to);
}

static void a_copy_of_an_empty_node_is_empty(void **state)
{
	struct node from = {0}, to;
	node_copy(&to, &from);
	assert_null(to.name);
	assert_null(to.user);
	assert_null(to.link_target);
	assert_null(to.xattrs);
	node_release(&to);
}

static void a_synthetic_node_belongs_to_this_process(void **state)
{
	struct node n;
	struct timespec t = {42, 7};
	node_synthetic(&n, "dump.pgc", NODE_FILE, t);
	assert_string_equal(n.name, "dump.pgc");
	assert_int_equal(n.type, NODE_FILE);
	assert_int_equal(n.mode, 0600);
	assert_int_equal(n.uid, geteuid());
	assert_int_equal(n.gid, getegid());
	const struct passwd *user = getpwuid(geteuid());
	if (user)
		assert_string_equal(n.user, user->pw_name);
	else
		assert_null(n.user);
	assert_int_equal(n.mtime.tv_sec, 42);
	assert_int_equal(n.ctime.tv_nsec, 7);
	assert_int_equal(n.inode, 0);
	assert_int_equal(n.links, 0);
	node_release(&n);
	node_synthetic(&n, "folder", NODE_DIR, t);
	assert_int_equal(n.mode, 0700);
	assert_int_equal(n.type, NODE_DIR);
	node_release(&n);
}

static void look_up(int worker, void *item, void *ctx)
{
	struct stat st = stat_of(S_IFREG);
	st.st_uid = st.st_gid = (uintptr_t)item % 50 ? 3000000000u + (uid_t)((uintptr_t)item % 50) : 0;
	struct node n;
	node_from_stat(&n, "x", &st);
	bool right = st.st_uid == 0 ? n.user && strcmp(n.user, "root") == 0 : !n.user && !n.group;
	if (!right)
		atomic_fetch_add((atomic_int *)ctx, 1);
	node_release(&n);
}

static void names_are_looked_up_from_many_threads(void **state)
{
	atomic_int wrong = 0;
	struct pool *p = pool_new("names", 4, 16, look_up, &wrong);
	for (uintptr_t i = 0; i < 2000; i++)
		pool_submit(p, (void *)i);
	pool_free(p);
	assert_int_equal(atomic_load(&wrong), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_without_a_name_has_none),
		cmocka_unit_test(a_file_keeps_what_stat_says),
		cmocka_unit_test(every_type_is_told_and_named),
		cmocka_unit_test(a_copy_shares_nothing),
		cmocka_unit_test(a_copy_of_an_empty_node_is_empty),
		cmocka_unit_test(a_synthetic_node_belongs_to_this_process),
		cmocka_unit_test(names_are_looked_up_from_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

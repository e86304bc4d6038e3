#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/files_helper.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* A restore of a media's backup to a path in the room. */
struct back {
	const char *to;
	enum restore_mode mode;
	struct strlist tables, paths;
	int (*before_swap)(void *ctx, struct error *e);
	size_t asked;
	struct restore_result result;
	struct error e;
};

static int count_question(void *ctx, struct error *e)
{
	((struct back *)ctx)->asked++;
	return 0;
}

static int refuse(void *ctx, struct error *e)
{
	((struct back *)ctx)->asked++;
	return error_set(e, ERR_NO_SPACE, "no room for the safety backup");
}

static int try_restore(struct media *m, struct back *b)
{
	AUTO_FREE char *path = mem_string(at(b->to ? b->to : "target"));
	struct source_url url = {.engine = &engine_folder, .path = path, .shown = path};
	struct stored s = test_stored(m->tree, &m->manifest);
	struct engine_restore r = {.from = &s, .target = &url, .mode = b->mode,
		.tables = &b->tables, .paths = &b->paths,
		.before_swap = b->before_swap ? b->before_swap : count_question, .ctx = b, .progress = &m->progress};
	restore_result_release(&b->result);
	return engine_folder.restore(&r, &b->result, &b->e);
}

static void restore(struct media *m, struct back *b)
{
	if (try_restore(m, b) != 0)
		fail_msg("%s", b->e.text);
}

static void back_release(struct back *b)
{
	restore_result_release(&b->result);
	strlist_release(&b->paths);
}

static void assert_no_scratch(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list(room, &names, &e), 0);
	for (size_t i = 0; i < names.n; i++)
		if (strstr(names.v[i], "backstay-restore"))
			fail_msg("%s was left", names.v[i]);
	if (!fs_is_dir(at("target")))
		return;
	CLEANUP(strlist_release) struct strlist inner = {0};
	assert_int_equal(fs_list(at("target"), &inner, &e), 0);
	for (size_t i = 0; i < inner.n; i++)
		assert_null(strstr(inner.v[i], "backstay-restore"));
}

static size_t xattrs_of(const char *path, char out[1024])
{
	ssize_t n = llistxattr(path, out, 1024);
	return n < 0 ? 0 : (size_t)n;
}

static void assert_same_file(const char *a, const char *b)
{
	CLEANUP(buf_release) struct buf x = BUF_INIT, y = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_read_file(a, 64 << 20, &x, &e), 0);
	assert_int_equal(fs_read_file(b, 64 << 20, &y, &e), 0);
	assert_int_equal(x.len, y.len);
	if (x.len)
		assert_memory_equal(x.p, y.p, x.len);
}

static void assert_same(const char *a, const char *b)
{
	struct stat x, y;
	char names[2][1024];
	assert_int_equal(lstat(a, &x), 0);
	if (lstat(b, &y) != 0)
		fail_msg("%s was not restored", b);
	assert_int_equal(x.st_mode, y.st_mode);
	assert_int_equal(x.st_uid, y.st_uid);
	assert_int_equal(x.st_gid, y.st_gid);
	if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
		fail_msg("the time of %s was not restored", b);
	assert_int_equal(x.st_rdev, y.st_rdev);
	assert_int_equal(xattrs_of(a, names[0]), xattrs_of(b, names[1]));
	if (S_ISREG(x.st_mode)) {
		assert_int_equal(x.st_nlink, y.st_nlink);
		assert_same_file(a, b);
	}
	if (S_ISLNK(x.st_mode)) {
		char targets[2][256] = {{0}};
		assert_true(readlink(a, targets[0], 255) >= 0 && readlink(b, targets[1], 255) >= 0);
		assert_string_equal(targets[0], targets[1]);
	}
	if (!S_ISDIR(x.st_mode))
		return;
	CLEANUP(strlist_release) struct strlist in_a = {0}, in_b = {0};
	struct error e = {0};
	assert_int_equal(fs_list(a, &in_a, &e), 0);
	assert_int_equal(fs_list(b, &in_b, &e), 0);
	assert_int_equal(in_a.n, in_b.n);
	for (size_t i = 0; i < in_a.n; i++) {
		AUTO_FREE char *child_a = path_join(a, in_a.v[i]), *child_b = path_join(b, in_a.v[i]);
		assert_same(child_a, child_b);
	}
}

static void assert_target_is_media(void)
{
	AUTO_FREE char *media = mem_string(at("media"));
	assert_same(media, at("target"));
}

/* ---- what must not succeed ---- */

static void R1_content_that_cannot_be_read_leaves_the_target_as_it_is(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("media/b", "new");
	put("target/a", "old");
	back_up(&m);
	/* The tree says more than there is. */
	struct test_entry *x = (struct test_entry *)stored(&m, "b");
	x->node.size = 4;
	m.manifest.bytes++;
	assert_int_equal(try_restore(&m, &b), -ERR_VERIFY);
	assert_string_equal(b.e.text, "\"b\" has 3 bytes where 4 were expected");
	assert_names("target", "a");
	assert_holds("target/a", "old");
	assert_int_equal(b.asked, 0);
	assert_no_scratch();
}

static void R7_a_tree_that_is_not_what_the_manifest_says_is_not_restored(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("target/a", "old");
	back_up(&m);
	manifest_count(&m.manifest, "file", 1);
	assert_int_equal(try_restore(&m, &b), -ERR_VERIFY);
	assert_string_equal(b.e.text, "1 file where 2 were expected");
	assert_holds("target/a", "old");
	assert_no_scratch();
}

static void a_safety_backup_that_fails_stops_the_restore(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.before_swap = refuse};
	put("media/a", "new");
	put("target/b", "old");
	back_up(&m);
	struct stat before = stat_of("target");
	assert_int_equal(try_restore(&m, &b), -ERR_NO_SPACE);
	assert_string_equal(b.e.text, "no room for the safety backup");
	assert_names("target", "b");
	assert_int_equal(before.st_ino, stat_of("target").st_ino);
	assert_no_scratch();
	b.mode = RESTORE_PRESERVE;
	assert_int_equal(try_restore(&m, &b), -ERR_NO_SPACE);
	assert_names("target", "b");
	strlist_add(&b.paths, "a");
	assert_int_equal(try_restore(&m, &b), -ERR_NO_SPACE);
	assert_names("target", "b");
	assert_int_equal(b.asked, 3);
	assert_no_scratch();
}

static void R10_a_folder_is_not_restored_over_a_file_nor_a_file_over_a_folder(void **state)
{
	CLEANUP(media_release) struct media folder = {0}, file = {.path = "file"};
	CLEANUP(back_release) struct back b = {.to = "file"}, c = {.to = "media"};
	char expected[4200];
	put("media/a", "new");
	put("file", "old");
	back_up(&folder);
	back_up(&file);
	assert_int_equal(try_restore(&folder, &b), -ERR_MISMATCH);
	snprintf(expected, sizeof expected, "%s is no folder, but the backup holds a folder", at("file"));
	assert_string_equal(b.e.text, expected);
	assert_int_equal(try_restore(&file, &c), -ERR_MISMATCH);
	snprintf(expected, sizeof expected, "%s is a folder, but the backup holds a file", at("media"));
	assert_string_equal(c.e.text, expected);
	assert_holds("file", "old");
	assert_holds("media/a", "new");
}

static void R12_names_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const names[] = {"..", ".", "a/b", ""};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(media_release) struct media m = {0};
		CLEANUP(back_release) struct back b = {0};
		put("media/sub/x", "new");
		back_up(&m);
		struct test_entry *x = (struct test_entry *)stored(&m, "sub/x");
		free(x->node.name);
		x->node.name = mem_string(names[i]);
		assert_int_equal(try_restore(&m, &b), -ERR_CORRUPT);
		assert_non_null(strstr(b.e.text, "whose name cannot be one"));
		assert_false(fs_exists(at("target")));
		assert_no_scratch();
	}
}

static void a_path_that_is_not_in_the_backup_stops_everything(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("target/a", "old");
	back_up(&m);
	strlist_add(&b.paths, "a");
	strlist_add(&b.paths, "a/below");
	strlist_add(&b.paths, "sub/x");
	assert_int_equal(try_restore(&m, &b), -ERR_NOT_FOUND);
	assert_string_equal(b.e.text, "the backup of media holds no \"sub/x\"");
	assert_holds("target/a", "old");
	strlist_release(&b.paths);
	strlist_add(&b.paths, "../precious");
	assert_int_equal(try_restore(&m, &b), -ERR_USAGE);
	assert_string_equal(b.e.text, "\"../precious\" does not lie inside the backup");
}

static void a_cancelled_restore_leaves_no_trace(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	back_up(&m);
	atomic_store(&m.progress.cancel, true);
	assert_int_equal(try_restore(&m, &b), -ERR_CANCELLED);
	assert_names("", "media");
}

/* ---- all of it ---- */

static void make_media(void)
{
	bool root = geteuid() == 0;
	put("media/a", "first");
	put("media/empty", "");
	put("media/sub/deep/b", "second");
	make_dir("media/sub/nothing");
	assert_int_equal(symlink("../a", at("media/sub/to-a")), 0);
	assert_int_equal(symlink("/nowhere", at("media/dangling")), 0);
	assert_int_equal(mkfifo(at("media/fifo"), 0640), 0);
	assert_int_equal(link(at("media/a"), at("media/sub/also-a")), 0);
	assert_int_equal(link(at("media/a"), at("media/z")), 0);
	put("media/sparse", "");
	assert_int_equal(truncate(at("media/sparse"), 2 << 20), 0);
	setxattr(at("media/a"), "user.color", "red", 3, 0);
	setxattr(at("media/sub"), "user.color", "red", 3, 0);
	if (root) {
		assert_int_equal(mknod(at("media/device"), S_IFCHR | 0600, makedev(1, 3)), 0);
		assert_int_equal(chown(at("media/sub/deep"), 12, 34), 0);
		assert_int_equal(lchown(at("media/dangling"), 12, 34), 0);
		assert_int_equal(chown(at("media/empty"), 12, 34), 0);
	}
	assert_int_equal(chmod(at("media/empty"), 06755), 0);
	assert_int_equal(chmod(at("media/sub/nothing"), 0500), 0);
	assert_int_equal(chmod(at("media/sub"), 02750), 0);
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1234567890, .tv_nsec = 123456789}};
	assert_int_equal(utimensat(AT_FDCWD, at("media/dangling"), old, AT_SYMLINK_NOFOLLOW), 0);
	test_file_age(at("media/a"), 1000);
	test_file_age(at("media/fifo"), 1000);
	test_file_age(at("media/sub/deep"), 2000);
	test_file_age(at("media/sub"), 3000);
	test_file_age(at("media"), 4000);
}

static void a_restore_brings_back_everything(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.to = "deep/er/target"};
	make_media();
	back_up(&m);
	restore(&m, &b);
	AUTO_FREE char *media = mem_string(at("media"));
	assert_same(media, at("deep/er/target"));
	assert_int_equal(b.result.files, 6);
	assert_int_equal(b.result.folders, 4);
	assert_int_equal(b.result.bytes, 15 + 6 + (2 << 20));
	assert_false(b.result.replaced);
	assert_int_equal(b.result.notes.n, 0);
	assert_int_equal(b.asked, 0);
	assert_names("deep/er", "target");
	assert_int_equal(stat_of("deep/er/target/a").st_ino, stat_of("deep/er/target/sub/also-a").st_ino);
}

static void R8_what_is_not_in_the_backup_is_gone_afterwards(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	make_media();
	put("target/newer", "x");
	put("target/sub/newer", "x");
	put("target/a", "changed");
	put("beside", "kept");
	back_up(&m);
	restore(&m, &b);
	assert_target_is_media();
	assert_true(b.result.replaced);
	assert_int_equal(b.asked, 1);
	assert_holds("beside", "kept");
	assert_no_scratch();
}

static void a_folder_is_replaced_where_names_cannot_be_exchanged(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("target/b", "old");
	back_up(&m);
	files_plain_renames = true;
	restore(&m, &b);
	files_plain_renames = false;
	assert_target_is_media();
	assert_no_scratch();
}

static void a_link_to_the_target_stays_one(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0}, nowhere = {.to = "dangling"};
	put("media/a", "new");
	put("real/b", "old");
	assert_int_equal(symlink("real", at("target")), 0);
	assert_int_equal(symlink("absent", at("dangling")), 0);
	back_up(&m);
	restore(&m, &b);
	assert_true(S_ISLNK(stat_of("target").st_mode));
	assert_names("real", "a");
	assert_int_equal(try_restore(&m, &nowhere), -ERR_NOT_FOUND);
	assert_non_null(strstr(nowhere.e.text, "following the link "));
}

static void a_folder_that_is_read_only_can_be_put_in_its_place(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	become_nobody();
	put("media/sub/a", "new");
	assert_int_equal(chmod(at("media/sub"), 0500), 0);
	assert_int_equal(chmod(at("media"), 0500), 0);
	int err = try_backup((m.tree = test_tree_new(NULL), &m));
	int restored = try_restore(&m, &b);
	become_root_again();
	assert_int_equal(err, 0);
	assert_int_equal(restored, 0);
	assert_int_equal(stat_of("target").st_mode & 07777, 0500);
	assert_target_is_media();
	assert_no_scratch();
}

static void what_only_root_may_is_told_with_counts(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	if (geteuid() != 0)
		skip();
	put("media/a", "x");
	assert_int_equal(chmod(at("media/a"), 06755), 0);
	put_socket("media/socket");
	assert_int_equal(mknod(at("media/device"), S_IFCHR | 0644, makedev(1, 3)), 0);
	back_up(&m);
	become_nobody();
	int err = try_restore(&m, &b);
	become_root_again();
	assert_int_equal(err, 0);
	AUTO_FREE char *notes = strlist_join(&b.result.notes, "\n");
	assert_string_equal(notes, "2 entries could not be given back to the owner (only root may)\n"
		"1 device could not be made (only root may)\n"
		"1 socket not restored: the program that listens makes it anew");
	/* Not for another owner. */
	assert_int_equal(stat_of("target/a").st_mode & 07777, 0755);
}

static void links_that_differ_are_files_of_their_own(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "text");
	assert_int_equal(link(at("media/a"), at("media/b")), 0);
	back_up(&m);
	/* As if the file had changed between its two names. */
	struct test_entry *x = (struct test_entry *)stored(&m, "b");
	x->node.mtime.tv_sec++;
	x->bytes[0] = 'T';
	restore(&m, &b);
	assert_holds("target/a", "text");
	assert_holds("target/b", "Text");
	assert_string_equal(b.result.notes.v[0], "1 hard link restored as a file of its own");
}

static void what_the_backup_had_left_out_is_told(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0}, fresh = {.to = "fresh"};
	put("media/a", "x");
	put("media/app.log", "x");
	put("target/a", "x");
	back_up(&m);
	restore(&m, &b);
	restore(&m, &fresh);
	assert_string_equal(b.result.notes.v[0],
		"1 entry the backup had left out (logs, caches, excludes) is not there any more");
	assert_int_equal(fresh.result.notes.n, 0);
}

static void a_single_file_is_restored_as_one(void **state)
{
	CLEANUP(media_release) struct media m = {.path = "notes"};
	CLEANUP(back_release) struct back fresh = {.to = "fresh"}, over = {.to = "old"}, kept = {.to = "old"};
	put("notes", "new");
	put("old", "old");
	assert_int_equal(chmod(at("notes"), 0640), 0);
	back_up(&m);
	kept.mode = RESTORE_PRESERVE;
	restore(&m, &kept);
	assert_holds("old", "old");
	assert_string_equal(kept.result.notes.v[0], "1 entry exists already and was left as found");
	assert_int_equal(kept.asked, 0);
	restore(&m, &fresh);
	restore(&m, &over);
	assert_holds("fresh", "new");
	assert_holds("old", "new");
	assert_int_equal(over.asked, 1);
	AUTO_FREE char *notes = mem_string(at("notes"));
	assert_same(notes, at("old"));
	assert_names("", "fresh notes old");
}

/* ---- interrupted ---- */

static int die(void *ctx, struct error *e)
{
	raise(SIGKILL);
	return 0;
}

static void a_killed_restore_leaves_the_target_and_the_next_one_clears_up(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.before_swap = die};
	put("media/a", "new");
	put("target/b", "old");
	put(".target.backstay-draft-x/mine", "kept");
	back_up(&m);
	for (enum restore_mode mode = RESTORE_OVERWRITE; mode <= RESTORE_PRESERVE; mode++) {
		b.mode = mode;
		pid_t pid = fork();
		if (pid == 0)
			_exit(try_restore(&m, &b));
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_holds("target/b", "old");
		assert_false(fs_exists(at("target/a")));
	}
	b.before_swap = NULL;
	restore(&m, &b);
	assert_names("target", "a b");
	b.mode = RESTORE_OVERWRITE;
	restore(&m, &b);
	assert_names("target", "a");
	assert_names("", ".target.backstay-draft-x media target");
}

/* ---- chosen paths ---- */

static void chosen_paths_are_replaced_and_nothing_else(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("media/b", "new");
	put("media/sub/c", "new");
	put("media/sub/d", "new");
	put("media/whole/e", "new");
	put("media/missing/deep/f", "new");
	put("media/missing/deep/g", "new");
	assert_int_equal(chmod(at("media/missing"), 0710), 0);
	put("target/a", "old");
	put("target/b", "old");
	put("target/sub/c/was-a-folder", "old");
	put("target/sub/d", "old");
	put("target/whole/e", "old");
	put("target/whole/newer", "old");
	back_up(&m);
	strlist_add(&b.paths, "/a");
	strlist_add(&b.paths, "./sub//c");
	strlist_add(&b.paths, "whole/");
	strlist_add(&b.paths, "whole/e");
	strlist_add(&b.paths, "missing/deep/f");
	restore(&m, &b);
	assert_holds("target/a", "new");
	assert_holds("target/b", "old");
	assert_holds("target/sub/c", "new");
	assert_holds("target/sub/d", "old");
	assert_names("target/whole", "e");
	assert_holds("target/whole/e", "new");
	assert_names("target/missing/deep", "f");
	assert_int_equal(stat_of("target/missing").st_mode & 07777, 0710);
	assert_int_equal(b.result.files, 4);
	assert_int_equal(b.asked, 1);
	assert_no_scratch();
}

static void chosen_paths_go_into_a_new_target_alone(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0};
	put("media/a", "new");
	put("media/sub/c", "new");
	put("media/sub/d", "new");
	back_up(&m);
	strlist_add(&b.paths, "sub/c");
	restore(&m, &b);
	assert_names("target", "sub");
	assert_names("target/sub", "c");
	assert_int_equal(b.asked, 0);
}

static void R9_links_in_the_target_are_not_followed(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {0}, c = {.mode = RESTORE_PRESERVE};
	put("media/sub/a", "new");
	put("media/sub/missing", "new");
	put("precious/a", "of others");
	make_dir("target");
	assert_int_equal(symlink("../precious", at("target/sub")), 0);
	back_up(&m);
	restore(&m, &c);
	assert_names("precious", "a");
	assert_string_equal(c.result.notes.v[0], "1 entry exists already and was left as found");
	strlist_add(&b.paths, "sub/a");
	assert_int_equal(try_restore(&m, &b), -ERR_REFUSED);
	assert_string_equal(b.e.text, "sub in the target is not a folder: nothing can be restored below it");
	assert_holds("precious/a", "of others");
	strlist_release(&b.paths);
	strlist_add(&b.paths, "sub");
	restore(&m, &b);
	assert_holds("target/sub/a", "new");
	assert_holds("precious/a", "of others");
}

static int swap_folder_for_link(void *ctx, struct error *e)
{
	assert_int_equal(rename(at("target/sub"), at("moved")), 0);
	assert_int_equal(symlink("../precious", at("target/sub")), 0);
	return 0;
}

static void a_move_that_fails_undoes_those_before_it(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.before_swap = swap_folder_for_link};
	put("media/a", "new");
	put("media/b", "new");
	put("media/sub/c", "new");
	put("target/a", "old");
	put("target/sub/c", "old");
	put("precious/c", "of others");
	back_up(&m);
	strlist_add(&b.paths, "a");
	strlist_add(&b.paths, "b");
	strlist_add(&b.paths, "sub/c");
	assert_true(try_restore(&m, &b) < 0);
	assert_non_null(strstr(b.e.text, "/target/sub/c in its place: Not a directory"));
	assert_holds("target/a", "old");
	assert_false(fs_exists(at("target/b")));
	assert_holds("precious/c", "of others");
	assert_holds("moved/c", "old");
	assert_no_scratch();
}

/* ---- what is missing ---- */

static int add_meanwhile(void *ctx, struct error *e)
{
	put("target/d", "appeared");
	return 0;
}

static void what_is_there_is_preserved(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.mode = RESTORE_PRESERVE, .before_swap = add_meanwhile};
	put("media/a", "new");
	put("media/b", "new");
	put("media/sub/c", "new");
	put("media/sub/kept", "new");
	put("media/lost/x", "new");
	put("media/lost/y", "new");
	put("media/d", "new");
	put("media/other/z", "new");
	assert_int_equal(chmod(at("media/lost"), 0710), 0);
	put("target/a", "old");
	put("target/newer", "old");
	put("target/sub/kept", "old");
	put("target/other", "a file now");
	assert_int_equal(chmod(at("target/sub"), 0711), 0);
	back_up(&m);
	restore(&m, &b);
	assert_names("target", "a b d lost newer other sub");
	assert_holds("target/a", "old");
	assert_holds("target/b", "new");
	assert_holds("target/sub/kept", "old");
	assert_holds("target/sub/c", "new");
	assert_holds("target/other", "a file now");
	assert_names("target/lost", "x y");
	assert_holds("target/d", "appeared");
	assert_int_equal(stat_of("target/lost").st_mode & 07777, 0710);
	assert_int_equal(stat_of("target/sub").st_mode & 07777, 0711);
	assert_string_equal(b.result.notes.v[0], "4 entries exist already and were left as found");
	assert_true(b.result.replaced);
	assert_no_scratch();
}

static void nothing_missing_is_nothing_to_ask_about(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(back_release) struct back b = {.mode = RESTORE_PRESERVE};
	put("media/a", "new");
	put("target/a", "old");
	back_up(&m);
	restore(&m, &b);
	assert_int_equal(b.asked, 0);
	assert_holds("target/a", "old");
}

/* ---- mounts, in a namespace of their own ---- */

enum { CANNOT_MOUNT = 77 };

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); _exit(1); } } while (0)

/* The exit code of check() in a child. */
static int run_with_mounts(void (*check)(struct media *m))
{
	CLEANUP(media_release) struct media m = {0};
	make_media();
	back_up(&m);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
			_exit(CANNOT_MOUNT);
		check(&m);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void with_mounts(void (*check)(struct media *m))
{
	int code = run_with_mounts(check);
	if (code == CANNOT_MOUNT)
		skip();
	assert_int_equal(code, 0);
}

static void restore_to_a_mount_point(struct media *m)
{
	struct back b = {0};
	make_dir("target");
	MUST(mount("none", at("target"), "tmpfs", 0, NULL) == 0);
	put("target/a", "old");
	put("target/newer/x", "old");
	put("target/lost+found/x", "of the file system");
	MUST(try_restore(m, &b) == 0);
	MUST(b.asked == 1);
	MUST(!fs_exists(at("target/newer")));
	assert_holds("target/a", "first");
	assert_holds("target/sub/deep/b", "second");
	assert_holds("target/lost+found/x", "of the file system");
	MUST(fs_remove_tree(at("target/lost+found"), &b.e) == 0);
	struct stat st = stat_of("media");
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	MUST(utimensat(AT_FDCWD, at("target"), times, 0) == 0);
	assert_target_is_media();
	assert_no_scratch();
}

static void all_that_is_on_a_mount_point_is_replaced(void **state)
{
	with_mounts(restore_to_a_mount_point);
}

static void restore_over_a_mount(struct media *m)
{
	struct back b = {0}, c = {0};
	make_dir("target/sub/mounted");
	MUST(mount("none", at("target/sub/mounted"), "tmpfs", 0, NULL) == 0);
	put("target/sub/mounted/x", "kept");
	MUST(try_restore(m, &b) == -ERR_REFUSED);
	MUST(strstr(b.e.text, "target/sub/mounted is a mount point, and what is there would be replaced") != NULL);
	strlist_add(&c.paths, "sub");
	MUST(try_restore(m, &c) == -ERR_REFUSED);
	assert_holds("target/sub/mounted/x", "kept");
	assert_names("target", "sub");
	assert_no_scratch();
}

static void a_target_with_a_mount_in_it_is_not_replaced(void **state)
{
	with_mounts(restore_over_a_mount);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(R1_content_that_cannot_be_read_leaves_the_target_as_it_is),
		IN_ROOM(R7_a_tree_that_is_not_what_the_manifest_says_is_not_restored),
		IN_ROOM(a_safety_backup_that_fails_stops_the_restore),
		IN_ROOM(R10_a_folder_is_not_restored_over_a_file_nor_a_file_over_a_folder),
		IN_ROOM(R12_names_that_lead_elsewhere_are_refused),
		IN_ROOM(a_path_that_is_not_in_the_backup_stops_everything),
		IN_ROOM(a_cancelled_restore_leaves_no_trace),
		IN_ROOM(a_restore_brings_back_everything),
		IN_ROOM(R8_what_is_not_in_the_backup_is_gone_afterwards),
		IN_ROOM(a_folder_is_replaced_where_names_cannot_be_exchanged),
		IN_ROOM(a_link_to_the_target_stays_one),
		IN_ROOM(a_folder_that_is_read_only_can_be_put_in_its_place),
		IN_ROOM(what_only_root_may_is_told_with_counts),
		IN_ROOM(links_that_differ_are_files_of_their_own),
		IN_ROOM(what_the_backup_had_left_out_is_told),
		IN_ROOM(a_single_file_is_restored_as_one),
		IN_ROOM(a_killed_restore_leaves_the_target_and_the_next_one_clears_up),
		IN_ROOM(chosen_paths_are_replaced_and_nothing_else),
		IN_ROOM(chosen_paths_go_into_a_new_target_alone),
		IN_ROOM(R9_links_in_the_target_are_not_followed),
		IN_ROOM(a_move_that_fails_undoes_those_before_it),
		IN_ROOM(what_is_there_is_preserved),
		IN_ROOM(nothing_missing_is_nothing_to_ask_about),
		IN_ROOM(all_that_is_on_a_mount_point_is_replaced),
		IN_ROOM(a_target_with_a_mount_in_it_is_not_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

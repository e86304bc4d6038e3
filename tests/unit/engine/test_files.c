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

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	char expected[4200];
	assert_int_equal(try_backup(&m), -ERR_NOT_FOUND);
	snprintf(expected, sizeof expected, "opening %s: No such file or directory", at("media"));
	assert_string_equal(m.e.text, expected);
}

static void a_folder_that_may_not_be_listed_is_an_error(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	become_nobody();
	make_dir("media");
	assert_int_equal(chmod(at("media"), 0), 0);
	int err = try_backup(&m);
	assert_int_equal(chmod(at("media"), 0700), 0);
	become_root_again();
	assert_int_equal(err, -ERR_ACCESS);
	assert_non_null(strstr(m.e.text, "media: Permission denied"));
}

static void what_is_neither_folder_nor_file_is_refused(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	assert_int_equal(mkfifo(at("media"), 0600), 0);
	assert_int_equal(try_backup(&m), -ERR_MISMATCH);
	assert_non_null(strstr(m.e.text, "media is neither a folder nor a file"));
}

static void a_store_that_fails_is_an_error_and_nothing_is_left_open(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	put("media/a", "0123456789");
	m.tree->fail_after = 5;
	assert_int_equal(try_backup(&m), -ERR_NO_SPACE);
	assert_string_equal(m.e.text, "the store is full");
	assert_int_equal(m.tree->files_aborted, 1);
	assert_int_equal(m.tree->files_closed, 0);
}

static void a_cancelled_backup_ends(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	put("media/a", "x");
	atomic_store(&m.progress.cancel, true);
	assert_int_equal(try_backup(&m), -ERR_CANCELLED);
	assert_int_equal(m.tree->files_begun, 0);
}

static void remove_late(void *ctx)
{
	unlink(at("media/z-vanishes"));
	unlink(at("media/z-folder/x"));
	rmdir(at("media/z-folder"));
}

static void B6_every_kind_of_entry_is_stored_or_counted(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	bool root = geteuid() == 0;
	become_nobody();
	make_dir("media/folder/empty");
	put("media/a", "first");
	put("media/folder/b", "second");
	put("media/nothing", "");
	assert_int_equal(symlink("folder", at("media/to-folder")), 0);
	assert_int_equal(symlink("/nowhere/at all", at("media/dangling")), 0);
	assert_int_equal(mkfifo(at("media/fifo"), 0640), 0);
	put_socket("media/socket");
	assert_int_equal(link(at("media/a"), at("media/second-name")), 0);
	put("media/sparse", "");
	assert_int_equal(truncate(at("media/sparse"), 3 << 20), 0);
	put("media/secret", "hidden");
	assert_int_equal(chmod(at("media/secret"), 0), 0);
	put("media/closed/inside", "hidden");
	assert_int_equal(chmod(at("media/closed"), 0), 0);
	put("media/z-vanishes", "soon gone");
	put("media/z-folder/x", "soon gone");
	m.tree->meanwhile = remove_late;
	become_root_again();
	if (root)
		assert_int_equal(mknod(at("media/device"), S_IFCHR | 0644, makedev(1, 3)), 0);
	become_nobody();
	int err = try_backup(&m);
	become_root_again();
	assert_int_equal(err, 0);

	assert_int_equal(count_of(&m, "file"), 5);          /* a, second-name, folder/b, nothing, sparse */
	assert_int_equal(count_of(&m, "hardlink"), 1);
	assert_int_equal(count_of(&m, "folder"), 4);        /* media, folder, empty, closed */
	assert_int_equal(count_of(&m, "symlink"), 2);
	assert_int_equal(count_of(&m, "fifo"), 1);
	assert_int_equal(count_of(&m, "socket"), 1);
	assert_int_equal(count_of(&m, "device"), root ? 1 : 0);
	assert_int_equal(count_of(&m, "vanished"), 2);
	assert_int_equal(m.manifest.skipped, 2);
	assert_int_equal(m.manifest.bytes, 5 + 5 + 6 + (3 << 20));
	assert_string_equal(note_of(&m, "unreadable", "secret"), "opening it: Permission denied");
	assert_string_equal(note_of(&m, "unreadable", "closed"), "opening it: Permission denied");
	assert_string_equal(note_of(&m, "vanished", "z-vanishes"),
		"it went away, or was replaced, while its folder was read");
	assert_non_null(note_of(&m, "vanished", "z-folder"));
	assert_string_equal(note_of(&m, "unsupported", "socket"),
		"a socket: only the program that listens can make it anew");

	assert_stored(&m, "a", "first");
	assert_stored(&m, "second-name", "first");
	assert_stored(&m, "folder/b", "second");
	assert_stored(&m, "nothing", "");
	assert_int_equal(stored(&m, "sparse")->size, 3 << 20);
	assert_int_equal(stored(&m, "a")->node.links, 2);
	assert_true(stored(&m, "a")->node.inode == stored(&m, "second-name")->node.inode);
	assert_string_equal(stored(&m, "to-folder")->node.link_target, "folder");
	assert_string_equal(stored(&m, "dangling")->node.link_target, "/nowhere/at all");
	assert_int_equal(stored(&m, "fifo")->node.type, NODE_FIFO);
	assert_int_equal(stored(&m, "fifo")->node.mode, 0640 & ~022);
	assert_int_equal(stored(&m, "socket")->node.type, NODE_SOCKET);
	assert_int_equal(stored(&m, "folder/empty")->count, 0);
	assert_int_equal(stored(&m, "closed")->count, 0);
	assert_null(stored(&m, "secret"));
	assert_null(stored(&m, "z-vanishes"));
	if (root) {
		assert_int_equal(stored(&m, "device")->node.type, NODE_CHARDEV);
		assert_int_equal(stored(&m, "device")->node.rdev, makedev(1, 3));
	}
	chmod(at("media/closed"), 0700);
}

static void R12_hostile_names_are_kept_to_the_byte(void **state)
{
	static const char *const names[] = {
		"-rf", "--", "a\nb", "a\rb", "a\tb", " space ", "'quote'", "\"double\"", "`id`", "$(id)", "100%s%n",
		"a\\b", "*", "?", "[a]", "...", "..a", "~", "#", "caf\xc3\xa9", "\xff\xfe", "\xe2\x98\x83",
		"\xf0\x9f\x92\xbe", "a&b;c|d", "\x01\x7f", ".tmp-0123", "backstay",
	};
	CLEANUP(media_release) struct media m = {0};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];
		snprintf(path, sizeof path, "media/%s", names[i]);
		put(path, names[i]);
		snprintf(path, sizeof path, "media/deep/%s/%s", names[i], names[i]);
		put(path, names[i]);
	}
	back_up(&m);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];
		assert_stored(&m, names[i], names[i]);
		snprintf(path, sizeof path, "deep/%s/%s", names[i], names[i]);
		assert_stored(&m, path, names[i]);
	}
	assert_int_equal(count_of(&m, "file"), 2 * ARRAY_LEN(names));
	assert_int_equal(m.manifest.skipped, 0);
}

static void metadata_is_stored(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	put("media/a", "x");
	assert_int_equal(chmod(at("media/a"), 04751), 0);
	test_file_age(at("media/a"), 1000);
	if (setxattr(at("media/a"), "user.color", "r\0d", 3, 0) != 0 ||
	    setxattr(at("media"), "user.top", "", 0, 0) != 0)
		skip();
	struct stat st = stat_of("media/a");
	back_up(&m);
	const struct node *n = &stored(&m, "a")->node;
	assert_int_equal(n->mode, 04751);
	assert_int_equal(n->uid, geteuid());
	assert_int_equal(n->mtime.tv_sec, st.st_mtim.tv_sec);
	assert_int_equal(n->mtime.tv_nsec, st.st_mtim.tv_nsec);
	assert_int_equal(n->inode, st.st_ino);
	assert_int_equal(n->xattr_count, 1);
	assert_string_equal(n->xattrs[0].name, "user.color");
	assert_int_equal(n->xattrs[0].len, 3);
	assert_memory_equal(n->xattrs[0].value, "r\0d", 3);
	assert_string_equal(test_tree_find(m.tree, "media")->node.xattrs[0].name, "user.top");
}

static void append_more(void *ctx)
{
	CLEANUP(fs_close) int fd = open(at("media/growing"), O_WRONLY | O_APPEND);
	assert_int_equal(fs_write_full(fd, "!", 1), 0);
}

static void a_file_that_changes_meanwhile_is_stored_as_read_and_noted(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	put("media/growing", "text");
	m.tree->meanwhile = append_more;
	back_up(&m);
	assert_stored(&m, "growing", "text");
	assert_string_equal(note_of(&m, "changed", "growing"), "it changed while it was read; stored as read");
	assert_int_equal(m.manifest.skipped, 0);
	assert_int_equal(m.manifest.bytes, 4);
}

/* ---- links ---- */

static void swap_for_links(void *ctx)
{
	unlink(at("media/b"));
	assert_true(symlink("../precious/file", at("media/b")) == 0 || errno == EEXIST);
	rename(at("media/c"), at("moved"));
	assert_true(symlink("../precious", at("media/c")) == 0 || errno == EEXIST);
	unlink(at("media/d"));
	assert_true(mkfifo(at("media/d"), 0600) == 0 || errno == EEXIST);
}

/* The names were listed, and even looked at, before they became something else. */
static void what_is_swapped_for_a_link_leads_nowhere(void **state)
{
	CLEANUP(media_release) struct media m = {.tree = test_tree_new(NULL)};
	put("precious/file", "of others");
	put("media/a", "mine");
	put("media/b", "mine");
	put("media/c/file", "mine");
	put("media/d", "mine");
	m.tree->meanwhile = swap_for_links;
	back_up(&m);
	assert_stored(&m, "a", "mine");
	assert_int_equal(stored(&m, "b")->node.type, NODE_SYMLINK);
	assert_int_equal(stored(&m, "c")->node.type, NODE_SYMLINK);
	assert_int_equal(stored(&m, "d")->node.type, NODE_FIFO);
	assert_null(stored(&m, "c/file"));
}

static void the_source_itself_may_be_a_link(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	put("elsewhere/a", "text");
	assert_int_equal(symlink("elsewhere", at("media")), 0);
	back_up(&m);
	assert_stored(&m, "a", "text");
}

/* ---- what is left out ---- */

static void logs_and_caches_are_left_out_and_counted(void **state)
{
	static const char *const out[] = {
		"app.log", "app.log.1", "app.log.gz", "logs/x", "sub/log/x", ".cache/x", "cache/x", "py/__pycache__/x",
		"x.tmp", ".Trash-1000/x", "Thumbs.db", ".DS_Store", "lost+found/x",
	};
	static const char *const in[] = {
		"app.logo", "catalog", "blog/x", "log.txt", "mylogs/x", "cached", "app.log.old", "logs2",
	};
	CLEANUP(media_release) struct media m = {0}, all = {.options.include_logs = true};
	for (size_t i = 0; i < ARRAY_LEN(out); i++) {
		AUTO_FREE char *path = path_join("media", out[i]);
		put(path, "x");
	}
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		AUTO_FREE char *path = path_join("media", in[i]);
		put(path, "x");
	}
	back_up(&m);
	back_up(&all);
	assert_int_equal(count_of(&m, "excluded"), ARRAY_LEN(out));
	assert_int_equal(count_of(&m, "file"), ARRAY_LEN(in));
	assert_int_equal(count_of(&all, "excluded"), 0);
	assert_int_equal(count_of(&all, "file"), ARRAY_LEN(in) + ARRAY_LEN(out));
	assert_string_equal(note_of(&m, "excluded", "app.log"), "left out: *.log");
	assert_string_equal(note_of(&m, "excluded", "py/__pycache__"), "left out: __pycache__/");
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		assert_stored(&m, in[i], "x");
	assert_int_equal(m.manifest.skipped, 0);
}

static void a_folder_tagged_as_a_cache_is_left_out(void **state)
{
	CLEANUP(media_release) struct media m = {0}, all = {.options.include_logs = true};
	put("media/build/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# more\n");
	put("media/build/object", "x");
	put("media/other/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc5");
	put("media/other/object", "x");
	/* What was named itself is meant. */
	put("media/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
	back_up(&m);
	back_up(&all);
	assert_null(stored(&m, "build"));
	assert_string_equal(note_of(&m, "excluded", "build"), "left out: a cache (CACHEDIR.TAG)");
	assert_int_equal(count_of(&m, "excluded"), 1);
	assert_stored(&m, "other/object", "x");
	assert_stored(&all, "build/object", "x");
}

static void excludes_are_patterns_below_the_source(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	strlist_add(&m.options.exclude, "*.mp4");
	strlist_add(&m.options.exclude, "/top");
	strlist_add(&m.options.exclude, "a/b/");
	strlist_add(&m.options.exclude, "matches-nothing");
	put("media/x.mp4", "x");
	put("media/sub/y.mp4", "x");
	put("media/top", "x");
	put("media/sub/top", "kept");
	put("media/a/b/c", "x");
	put("media/a/bb", "kept");
	back_up(&m);
	assert_int_equal(count_of(&m, "file"), 2);
	assert_int_equal(count_of(&m, "excluded"), 4);
	assert_stored(&m, "sub/top", "kept");
	assert_stored(&m, "a/bb", "kept");
	assert_string_equal(note_of(&m, "excluded", "a/b"), "left out: a/b/");
}

static void includes_bring_only_what_they_match_and_the_way_to_it(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	strlist_add(&m.options.include, "*.jpg");
	strlist_add(&m.options.include, "docs/");
	put("media/x.jpg", "kept");
	put("media/x.txt", "x");
	put("media/deep/er/y.jpg", "kept");
	put("media/other/text", "x");
	put("media/docs/text", "kept");
	make_dir("media/docs/empty");
	back_up(&m);
	assert_int_equal(count_of(&m, "file"), 3);
	assert_int_equal(count_of(&m, "folder"), 5);
	assert_int_equal(count_of(&m, "excluded"), 2);
	assert_stored(&m, "deep/er/y.jpg", "kept");
	assert_stored(&m, "docs/text", "kept");
	assert_non_null(stored(&m, "docs/empty"));
	assert_null(stored(&m, "other"));
}

static void a_restore_under_way_is_left_out_but_not_what_looks_like_one(void **state)
{
	CLEANUP(media_release) struct media m = {.options.include_logs = true};
	put("media/.backstay-draft-0123456789abcdef/0/x", "x");
	put("media/.backstay-draft-0123456789abcdef.old/x", "kept");
	put("media/sub/.backstay-draft-0123456789abcdef/x", "kept");
	back_up(&m);
	assert_int_equal(count_of(&m, "file"), 2);
	assert_string_equal(note_of(&m, "excluded", ".backstay-draft-0123456789abcdef"),
		"left out: a restore's draft");
}

enum { CANNOT_MOUNT = 77 };

static void other_file_systems_are_left_out_when_asked(void **state)
{
	put("media/a", "x");
	make_dir("media/mounted");
	pid_t pid = fork();
	if (pid == 0) {
		struct media m = {.options.one_file_system = true}, all = {0};
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("none", at("media/mounted"), "tmpfs", 0, NULL) != 0)
			_exit(CANNOT_MOUNT);
		put("media/mounted/b", "x");
		back_up(&m);
		back_up(&all);
		bool good = count_of(&m, "file") == 1 && count_of(&m, "folder") == 2 && count_of(&m, "excluded") == 1 &&
			note_of(&m, "excluded", "mounted") && count_of(&all, "file") == 2;
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_MOUNT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- unchanged files ---- */

/* A second backup of the same media, some time later. */
static void back_up_again(struct media *m, struct media *before)
{
	before->manifest.start.tv_sec += 10;
	m->tree = test_tree_new(before->tree);
	m->previous = &before->manifest;
	back_up(m);
}

static void an_unchanged_file_is_not_read_again(void **state)
{
	CLEANUP(media_release) struct media first = {0}, second = {0};
	put("media/sub/a", "text");
	put("media/b", "text");
	setxattr(at("media/b"), "user.color", "red", 3, 0);
	back_up(&first);
	back_up_again(&second, &first);
	assert_int_equal(second.tree->files_begun, 0);
	assert_true(stored(&second, "sub/a")->reused);
	assert_stored(&second, "sub/a", "text");
	assert_int_equal(stored(&second, "b")->node.xattr_count, stored(&first, "b")->node.xattr_count);
	assert_int_equal(count_of(&second, "file"), 2);
	assert_int_equal(second.manifest.bytes, 8);
}

static void a_changed_file_is_read_again(void **state)
{
	CLEANUP(media_release) struct media first = {0}, second = {0};
	put("media/longer", "text");
	put("media/touched", "text");
	put("media/same-size-and-time", "text");
	put("media/replaced", "text");
	put("media/same", "text");
	back_up(&first);
	struct stat st = stat_of("media/same-size-and-time");
	put("media/longer", "text!");
	test_file_age(at("media/touched"), 5);
	put("media/same-size-and-time", "TEXT");
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(utimensat(AT_FDCWD, at("media/same-size-and-time"), times, 0), 0);
	put("media/new", "text");
	assert_int_equal(rename(at("media/new"), at("media/replaced")), 0);
	back_up_again(&second, &first);
	assert_int_equal(second.tree->files_begun, 4);
	assert_stored(&second, "longer", "text!");
	assert_stored(&second, "same-size-and-time", "TEXT");
	assert_true(stored(&second, "same")->reused);
}

static void force_reads_everything(void **state)
{
	CLEANUP(media_release) struct media first = {0}, second = {.options.force = true};
	put("media/a", "text");
	back_up(&first);
	back_up_again(&second, &first);
	assert_int_equal(second.tree->files_begun, 1);
}

/* Between looking at it and the end of that instant of the clock it may have changed without a trace. */
static void a_file_as_young_as_the_previous_backup_is_read_again(void **state)
{
	CLEANUP(media_release) struct media first = {0}, second = {0};
	put("media/a", "text");
	back_up(&first);
	struct stat st = stat_of("media/a");
	first.manifest.start = st.st_ctim;
	first.manifest.start.tv_sec -= 10;
	back_up_again(&second, &first);
	assert_int_equal(second.tree->files_begun, 1);
}

static int lost(struct tree_sink *t, const char *name, const struct node *n, struct error *e)
{
	return error_set(e, ERR_NOT_FOUND, "a part of \"%s\" is no longer in the repository", name);
}

static void P5_content_the_repository_lost_is_stored_again(void **state)
{
	CLEANUP(media_release) struct media first = {0}, second = {0};
	put("media/a", "text");
	back_up(&first);
	first.manifest.start.tv_sec += 10;
	second.tree = test_tree_new(first.tree);
	second.tree->sink.reuse = lost;
	second.previous = &first.manifest;
	back_up(&second);
	assert_int_equal(second.tree->files_begun, 1);
	assert_stored(&second, "a", "text");
	assert_int_equal(second.e.kind, ERR_NONE);
}

static void a_single_file_is_a_source_too(void **state)
{
	CLEANUP(media_release) struct media first = {.path = "notes.log"}, second = {.path = "notes.log"};
	put("notes.log", "text");
	back_up(&first);
	back_up_again(&second, &first);
	const struct test_entry *x = test_tree_find(first.tree, "media");
	assert_int_equal(x->node.type, NODE_FILE);
	assert_int_equal(x->size, 4);
	assert_int_equal(count_of(&first, "file"), 1);
	assert_int_equal(count_of(&first, "folder"), 0);
	assert_true(test_tree_find(second.tree, "media")->reused);
}

/* ---- looking at what is stored ---- */

static int check(struct media *m, struct strlist *evidence)
{
	struct stored s = test_stored(m->tree, &m->manifest);
	return engine_folder.check_structure(&s, &m->progress, evidence, &m->e);
}

static void the_stored_tree_is_compared_with_the_manifest(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(strlist_release) struct strlist evidence = {0};
	put("media/sub/a", "text");
	put("media/b", "text");
	assert_int_equal(symlink("b", at("media/c")), 0);
	back_up(&m);
	assert_int_equal(check(&m, &evidence), 0);
	assert_string_equal(evidence.v[0], "files: 2 in 2 folders, 8 B, as the manifest says");
	m.manifest.bytes--;
	assert_int_equal(check(&m, &evidence), -ERR_VERIFY);
	assert_string_equal(m.e.text, "8 bytes of files where 7 were expected");
	manifest_count(&m.manifest, "symlink", 1);
	assert_int_equal(check(&m, &evidence), -ERR_VERIFY);
	assert_string_equal(m.e.text, "1 symbolic link where 2 were expected");
	free(m.manifest.name);
	m.manifest.name = mem_string("other");
	assert_int_equal(check(&m, &evidence), -ERR_NOT_FOUND);
	assert_string_equal(m.e.text, "the backup holds nothing of other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(a_folder_that_is_not_there_is_an_error),
		IN_ROOM(a_folder_that_may_not_be_listed_is_an_error),
		IN_ROOM(what_is_neither_folder_nor_file_is_refused),
		IN_ROOM(a_store_that_fails_is_an_error_and_nothing_is_left_open),
		IN_ROOM(a_cancelled_backup_ends),
		IN_ROOM(B6_every_kind_of_entry_is_stored_or_counted),
		IN_ROOM(R12_hostile_names_are_kept_to_the_byte),
		IN_ROOM(metadata_is_stored),
		IN_ROOM(a_file_that_changes_meanwhile_is_stored_as_read_and_noted),
		IN_ROOM(what_is_swapped_for_a_link_leads_nowhere),
		IN_ROOM(the_source_itself_may_be_a_link),
		IN_ROOM(logs_and_caches_are_left_out_and_counted),
		IN_ROOM(a_folder_tagged_as_a_cache_is_left_out),
		IN_ROOM(excludes_are_patterns_below_the_source),
		IN_ROOM(includes_bring_only_what_they_match_and_the_way_to_it),
		IN_ROOM(a_restore_under_way_is_left_out_but_not_what_looks_like_one),
		IN_ROOM(other_file_systems_are_left_out_when_asked),
		IN_ROOM(an_unchanged_file_is_not_read_again),
		IN_ROOM(a_changed_file_is_read_again),
		IN_ROOM(force_reads_everything),
		IN_ROOM(a_file_as_young_as_the_previous_backup_is_read_again),
		IN_ROOM(P5_content_the_repository_lost_is_stored_again),
		IN_ROOM(a_single_file_is_a_source_too),
		IN_ROOM(the_stored_tree_is_compared_with_the_manifest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

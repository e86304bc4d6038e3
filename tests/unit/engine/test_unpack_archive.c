#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/unpack_helper.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define MAKE(kind, items) make_archive(kind, archive_names[kind], items, ARRAY_LEN(items))

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {"../x", "/abs/x", "a/../../x", "a/..", "..", "/", "a/../b"};
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++)
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			CLEANUP(imported_release) struct imported x = {0};
			const struct item items[] = {{"good", AE_IFREG, "x", 0}, {names[i], AE_IFREG, "bad", 0}};
			char expected[4300];
			MAKE(kind, items);
			snprintf(expected, sizeof expected, "%s holds \"%s\", which leads out of it",
				at(archive_names[kind]), names[i]);
			assert_int_equal(try_import(&x, archive_names[kind]), -ERR_CORRUPT);
			assert_string_equal(x.e.text, expected);
		}
}

static void a_link_is_never_written_through(void **state)
{
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++) {
		CLEANUP(imported_release) struct imported x = {0};
		AUTO_FREE char *outside = mem_string(at("outside"));
		const struct item items[] = {{"link", AE_IFLNK, outside, 0}, {"link/sub/x", AE_IFREG, "bad", 0}};
		make_dir("outside/sub");
		MAKE(kind, items);
		assert_int_equal(try_import(&x, archive_names[kind]), -ERR_CORRUPT);
		assert_non_null(strstr(x.e.text,
			"holds \"link/sub/x\", which passes through something that is no folder"));
		assert_names("outside/sub", "");
	}
}

/* The link itself is replaced; what it leads to is not touched. */
static void a_file_named_as_an_earlier_link_replaces_the_link(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	AUTO_FREE char *outside = mem_string(at("outside"));
	const struct item items[] = {{"link", AE_IFLNK, outside, 0}, {"link", AE_IFREG, "new", 0}};
	put("outside", "precious");
	MAKE(TAR, items);
	import(&x, "x.tar");
	assert_imported(&x, "link", "new");
	assert_int_equal(node_of(&x, "link")->type, NODE_FILE);
	assert_holds("outside", "precious");
}

/* é in one piece, and as e with an accent behind it. */
static void names_that_look_alike_stay_two_files(void **state)
{
	const struct item items[] = {{"\xc3\xa9", AE_IFREG, "one", 0}, {"e\xcc\x81", AE_IFREG, "two", 0}};
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++) {
		CLEANUP(imported_release) struct imported x = {0};
		MAKE(kind, items);
		import(&x, archive_names[kind]);
		assert_imported(&x, "\xc3\xa9", "one");
		assert_imported(&x, "e\xcc\x81", "two");
	}
}

static void hard_links_stay_inside(void **state)
{
	AUTO_FREE char *outside = mem_string(at("outside"));
	const struct {
		struct item first, second;
		const char *text;
	} cases[] = {
		{{"a", AE_IFREG, "x", 0}, {"b", 0, "../../outside", 0}, "\"../../outside\", which leads out of it"},
		{{"a", AE_IFREG, "x", 0}, {"b", 0, outside, 0}, "outside\", which leads out of it"},
		{{"a", AE_IFREG, "x", 0}, {"b", 0, "c", 0}, "holds \"b\" as a link to \"c\", which is not before it"},
		{{"a", AE_IFDIR, "", 0}, {"b", 0, "a", 0}, "holds \"b\" as a link to \"a\", which is not before it"},
		{{"a", AE_IFLNK, "..", 0}, {"b", 0, "a/outside", 0}, "\"a/outside\", which passes through something"},
	};
	put("outside", "precious");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		const struct item items[] = {cases[i].first, cases[i].second};
		MAKE(TAR, items);
		assert_int_equal(try_import(&x, "x.tar"), -ERR_CORRUPT);
		if (!strstr(x.e.text, cases[i].text))
			fail_msg("%s", x.e.text);
	}
	assert_int_equal(stat_of("outside").st_nlink, 1);
}

static void B6_devices_are_noted_and_never_made(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	const struct item items[] = {
		{"a", AE_IFREG, "x", 0}, {"disk", AE_IFBLK, "", 0}, {"dev/null", AE_IFCHR, "", 0},
		{"pipe", AE_IFIFO, "", 0},
	};
	MAKE(TAR_GZ, items);
	import(&x, "x.tar.gz");
	assert_null(node_of(&x, "disk"));
	assert_null(node_of(&x, "dev"));
	assert_int_equal(node_of(&x, "pipe")->type, NODE_FIFO);
	assert_int_equal(x.manifest.skipped, 2);
	assert_string_equal(x.manifest.notes[0].kind, "unsupported");
	assert_string_equal(x.manifest.notes[0].text, "disk: a device");
	assert_string_equal(x.manifest.notes[1].text, "dev/null: a device");
}

static void a_folder_and_a_file_of_one_name_are_refused(void **state)
{
	static const struct item file_last[] = {{"a/x", AE_IFREG, "x", 0}, {"a", AE_IFREG, "x", 0}};
	static const struct item folder_last[] = {{"a", AE_IFREG, "x", 0}, {"a/", AE_IFDIR, "", 0}};
	CLEANUP(imported_release) struct imported x = {0}, y = {0};
	MAKE(TAR, file_last);
	assert_int_equal(try_import(&x, "x.tar"), -ERR_CORRUPT);
	assert_non_null(strstr(x.e.text, "holds \"a\" twice, once as a folder"));
	MAKE(TAR, folder_last);
	assert_int_equal(try_import(&y, "x.tar"), -ERR_CORRUPT);
	assert_string_equal(x.e.text, y.e.text);
}

static const struct item some[] = {
	{"deep/er/x", AE_IFREG, "inner before outer", 0640},
	{"deep/er/link", AE_IFLNK, "../../nowhere", 0777},
	{"deep/", AE_IFDIR, "", 0500},
	{"deep/late", AE_IFREG, "into what is read-only", 0400},
	{"./top", AE_IFREG, "first", 0},
	{"empty", AE_IFREG, "", 0},
	{"top", AE_IFREG, "again", 0755},
	{"./", AE_IFDIR, "", 0750},
};

static void assert_some(const struct imported *x)
{
	assert_imported(x, "deep/er/x", "inner before outer");
	assert_imported(x, "deep/late", "into what is read-only");
	assert_imported(x, "top", "again");
	assert_imported(x, "empty", "");
	assert_int_equal(node_of(x, "deep/er/x")->mode, 0640);
	assert_int_equal(node_of(x, "deep/er/x")->mtime.tv_sec, 1234567890);
	assert_int_equal(node_of(x, "deep")->mode, 0500);
	assert_int_equal(node_of(x, "deep")->mtime.tv_sec, 1234567890);
	assert_int_equal(node_of(x, "")->mode, 0750);
	assert_string_equal(node_of(x, "deep/er/link")->link_target, "../../nowhere");
	assert_int_equal(x->manifest.skipped, 0);
	assert_int_equal(x->manifest.note_count, 0);
}

static void entries_may_come_in_any_order(void **state)
{
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++) {
		CLEANUP(imported_release) struct imported x = {0};
		char url[4200];
		MAKE(kind, some);
		import(&x, archive_names[kind]);
		assert_some(&x);
		assert_string_equal(x.manifest.engine, "folder");
		snprintf(url, sizeof url, "import:%s", at(archive_names[kind]));
		assert_string_equal(x.manifest.url, url);
	}
}

static void logs_in_an_archive_are_not_left_out(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	static const struct item items[] = {{"logs/app.log", AE_IFREG, "x", 0}};
	MAKE(ZIP, items);
	import(&x, "x.zip");
	assert_imported(&x, "logs/app.log", "x");
}

static void an_archive_without_entries_is_an_empty_folder(void **state)
{
	CLEANUP(imported_release) struct imported zip = {0};
	for (enum archive_kind kind = TAR; kind < ZIP; kind++) {
		CLEANUP(imported_release) struct imported x = {0};
		make_archive(kind, archive_names[kind], NULL, 0);
		import(&x, archive_names[kind]);
		assert_int_equal(node_of(&x, "")->type, NODE_DIR);
	}
	make_archive(ZIP, "x.zip", NULL, 0);
	assert_int_equal(try_import(&zip, "x.zip"), -ERR_MISMATCH);
	assert_non_null(strstr(zip.e.text, "x.zip is a zip archive with nothing in it"));
}

static void R2_an_archive_cut_anywhere_is_an_error(void **state)
{
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++) {
		CLEANUP(buf_release) struct buf whole = BUF_INIT;
		struct error e = {0};
		MAKE(kind, some);
		assert_int_equal(fs_read_file(at(archive_names[kind]), 1 << 20, &whole, &e), 0);
		/* A tar is whole with the first of the zeros at its end. */
		size_t least = kind == TAR ? whole.len - 2 * 512 : whole.len - 1;
		for (size_t n = 1; n <= least; n += kind == TAR ? 101 : 13) {
			CLEANUP(imported_release) struct imported x = {0};
			test_file_write(at("cut"), whole.p, n);
			int err = try_import(&x, "cut");
			if (err != -ERR_CORRUPT && err != -ERR_MISMATCH)
				fail_msg("%s cut at %zu: %d %s", archive_names[kind], n, err, x.e.text);
			assert_int_equal(x.tree->files_begun, 0);
		}
		CLEANUP(imported_release) struct imported x = {0};
		test_file_write(at("cut"), whole.p, least);
		assert_true(try_import(&x, "cut") < 0);
	}
}

/* Now and then one makes no difference: among zeros a copy may come from anywhere. */
static void a_flipped_bit_in_a_compressed_archive_is_never_believed(void **state)
{
	CLEANUP(buf_release) struct buf whole = BUF_INIT;
	struct error e = {0};
	MAKE(TAR_GZ, some);
	assert_int_equal(fs_read_file(at("x.tar.gz"), 1 << 20, &whole, &e), 0);
	for (size_t i = 10; i < whole.len; i += 7) {
		CLEANUP(imported_release) struct imported x = {0};
		whole.p[i] ^= 0x10;
		test_file_write(at("flipped"), whole.p, whole.len);
		whole.p[i] ^= 0x10;
		int err = try_import(&x, "flipped");
		if (err == 0)
			assert_some(&x);
		else if (err != -ERR_CORRUPT)
			fail_msg("byte %zu of %zu: %d %s", i, whole.len, err, x.e.text);	}
}

static void a_zip_whose_content_is_damaged_is_an_error(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	CLEANUP(buf_release) struct buf whole = BUF_INIT;
	struct error e = {0};
	static const struct item items[] = {{"a", AE_IFREG, "0123456789", 0}};
	MAKE(ZIP, items);
	assert_int_equal(fs_read_file(at("x.zip"), 1 << 20, &whole, &e), 0);
	/* Behind the local header: 30 bytes, the name, extra fields of which the header tells the length. */
	size_t extra = whole.p[28] | (size_t)whole.p[29] << 8;
	whole.p[30 + 1 + extra + 3] ^= 0x10;
	test_file_write(at("flipped"), whole.p, whole.len);
	assert_int_equal(try_import(&x, "flipped"), -ERR_CORRUPT);
	assert_non_null(strstr(x.e.text, "flipped is damaged: "));
}

/* ---- more than there is room for ---- */

enum { CANNOT_MOUNT = 77 };

static void an_archive_that_does_not_fit_is_refused_before_it_is_unpacked(void **state)
{
	AUTO_FREE char *zeros = mem_zero((8 << 20) + 1);
	memset(zeros, 'z', 8 << 20);
	const struct item items[] = {{"a", AE_IFREG, "x", 0}, {"bomb", AE_IFREG, zeros, 0}};
	MAKE(TAR_GZ, items);
	make_dir("tmp");
	pid_t pid = fork();
	if (pid == 0) {
		struct imported x = {0};
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("none", at("tmp"), "tmpfs", 0, "size=1m") != 0)
			_exit(CANNOT_MOUNT);
		int err = try_import(&x, "x.tar.gz");
		bool good = err == -ERR_NO_SPACE &&
			strstr(x.e.text, "takes 8 MiB, but there are only 1 MiB free in ") &&
			strcmp(x.e.hint, "set TMPDIR to a folder with more room") == 0;
		if (!good)
			fprintf(stderr, "%s\n", x.e.text);
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_MOUNT) {
		free(TAKE(zeros));
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_import_can_be_cancelled(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	MAKE(TAR, some);
	atomic_store(&x.progress.cancel, true);
	assert_int_equal(try_import(&x, "x.tar"), -ERR_CANCELLED);
}

static void an_ordinary_user_can_import_what_nobody_may_read(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	static const struct item items[] = {
		{"a", AE_IFREG, "text", 01}, {"b/c", AE_IFREG, "text", 0}, {"b", AE_IFDIR, "", 01},
	};
	become_nobody();
	MAKE(TAR, items);
	int err = try_import(&x, "x.tar");
	become_root_again();
	assert_int_equal(err, 0);
	assert_imported(&x, "a", "text");
	assert_imported(&x, "b/c", "text");
	assert_int_equal(x.manifest.skipped, 0);
	assert_string_equal(x.manifest.notes[0].text, "2 entries could not be given back mode or time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(names_that_lead_out_are_refused),
		IN_ROOM(a_link_is_never_written_through),
		IN_ROOM(a_file_named_as_an_earlier_link_replaces_the_link),
		IN_ROOM(names_that_look_alike_stay_two_files),
		IN_ROOM(hard_links_stay_inside),
		IN_ROOM(B6_devices_are_noted_and_never_made),
		IN_ROOM(a_folder_and_a_file_of_one_name_are_refused),
		IN_ROOM(entries_may_come_in_any_order),
		IN_ROOM(logs_in_an_archive_are_not_left_out),
		IN_ROOM(an_archive_without_entries_is_an_empty_folder),
		IN_ROOM(R2_an_archive_cut_anywhere_is_an_error),
		IN_ROOM(a_flipped_bit_in_a_compressed_archive_is_never_believed),
		IN_ROOM(a_zip_whose_content_is_damaged_is_an_error),
		IN_ROOM(an_archive_that_does_not_fit_is_refused_before_it_is_unpacked),
		IN_ROOM(an_import_can_be_cancelled),
		IN_ROOM(an_ordinary_user_can_import_what_nobody_may_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

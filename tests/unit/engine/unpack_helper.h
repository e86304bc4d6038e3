/* Outside files made for a test, and their import. */
#ifndef TESTS_UNIT_ENGINE_UNPACK_HELPER_H
#define TESTS_UNIT_ENGINE_UNPACK_HELPER_H

#include "unit/engine/files_helper.h"

#include "engine/unpack.h"

#include <archive.h>
#include <archive_entry.h>

enum archive_kind { TAR, TAR_GZ, TAR_ZST, ZIP, ARCHIVE_KINDS };
static const char *const archive_names[ARCHIVE_KINDS] UNUSED = {"x.tar", "x.tar.gz", "x.tar.zst", "x.zip"};

/* An entry of an archive that is written as it stands, whatever it says. */
struct item {
	const char *path;
	unsigned type;               /* AE_IF...; 0: a hard link */
	const char *text;            /* content, or where a link leads */
	unsigned mode;               /* 0: 0600 or 0700 */
};

UNUSED static void write_item(struct archive *a, const struct item *x)
{
	struct archive_entry *entry = archive_entry_new();
	size_t size = x->type == AE_IFREG ? strlen(x->text) : 0;
	archive_entry_copy_pathname(entry, x->path);
	archive_entry_set_filetype(entry, x->type ? x->type : AE_IFREG);
	archive_entry_set_perm(entry, x->mode ? x->mode : x->type == AE_IFDIR ? 0700 : 0600);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_uid(entry, geteuid());
	archive_entry_set_gid(entry, getegid());
	archive_entry_set_mtime(entry, 1234567890, 0);
	if (x->type == AE_IFLNK)
		archive_entry_copy_symlink(entry, x->text);
	if (x->type == 0)
		archive_entry_copy_hardlink(entry, x->text);
	assert_true(archive_write_header(a, entry) >= ARCHIVE_WARN);
	if (size > 0)
		assert_int_equal(archive_write_data(a, x->text, size), size);
	archive_entry_free(entry);
}

UNUSED static void make_archive(enum archive_kind kind, const char *name, const struct item *items, size_t n)
{
	struct archive *a = archive_write_new();
	int bad = kind == ZIP ? archive_write_set_format_zip(a) : archive_write_set_format_pax_restricted(a);
	if (kind == TAR_GZ)
		bad += archive_write_add_filter_gzip(a);
	if (kind == TAR_ZST)
		bad += archive_write_add_filter_zstd(a);
	assert_int_equal(bad, 0);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), 0);
	assert_int_equal(archive_write_open_filename(a, at(name)), 0);
	for (size_t i = 0; i < n; i++)
		write_item(a, &items[i]);
	assert_int_equal(archive_write_close(a), 0);
	archive_write_free(a);
}

/* An import of a file in the room as "media". */
struct imported {
	const char *target;          /* or NULL */
	struct test_tree *tree;
	struct manifest_source manifest;
	struct progress progress;
	struct error e;
};

UNUSED static void imported_release(struct imported *i)
{
	test_tree_free(i->tree);
	manifest_source_release(&i->manifest);
	*i = (struct imported){0};
}

/* Whatever happens, nothing is left in the folder for temporary files, and of a failure nothing is in the manifest. */
UNUSED static int try_import(struct imported *i, const char *name)
{
	AUTO_FREE char *path = mem_string(at(name));
	make_dir("tmp");
	setenv("TMPDIR", at("tmp"), 1);
	i->tree = test_tree_new(NULL);
	int err = unpack_import(path, i->target, "media", &i->tree->sink, &i->manifest, &i->progress, &i->e);
	unsetenv("TMPDIR");
	assert_names("tmp", "");
	if (err)
		assert_null(i->manifest.name);
	return err;
}

UNUSED static void import(struct imported *i, const char *name)
{
	if (try_import(i, name) != 0)
		fail_msg("%s", i->e.text);
}

UNUSED static void assert_imported(const struct imported *i, const char *path, const char *text)
{
	AUTO_FREE char *full = path_join("media", path);
	const struct test_entry *x = test_tree_find(i->tree, full);
	if (!x)
		fail_msg("%s is not there", path);
	assert_int_equal(x->size, strlen(text));
	assert_memory_equal(x->bytes, text, x->size);
}

UNUSED static const struct node *node_of(const struct imported *i, const char *path)
{
	AUTO_FREE char *full = path_join("media", path);
	const struct test_entry *x = test_tree_find(i->tree, full);
	return x ? &x->node : NULL;
}

/* gzip, or zstd, around what is in a file. */
UNUSED static void compress_file(const char *from, const char *to, bool zstd)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_read_file(at(from), 64 << 20, &b, &e), 0);
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_set_format_raw(a), 0);
	assert_int_equal(zstd ? archive_write_add_filter_zstd(a) : archive_write_add_filter_gzip(a), 0);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), 0);
	assert_int_equal(archive_write_open_filename(a, at(to)), 0);
	assert_int_equal(archive_write_header(a, entry), 0);
	assert_int_equal(archive_write_data(a, b.p, b.len), b.len);
	assert_int_equal(archive_write_close(a), 0);
	archive_write_free(a);
	archive_entry_free(entry);
}

#endif

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive_helper.h"
#include "repo/artifact.h"
#include "support.h"

#include <stdio.h>

#define MIB ((size_t)1 << 20)

static void assert_content(struct repo *r, const struct id *root, const char *path, const void *p, size_t n)
{
	CLEANUP(tree_node_release) struct tree_node file = stored(r, root, path);
	AUTO_FREE unsigned char *got = mem_alloc(n + 1);
	struct source *s;
	struct error e = {0};

	assert_int_equal(file.meta.size, n);
	assert_int_equal(artifact_open(r, &file, 0, &s, &e), 0);
	assert_int_equal(s->pread(s, got, n + 1, 0, &e), n);
	assert_memory_equal(got, p, n);
	source_close(s);
}

static struct id store_one(struct repo *r, const struct id *previous, const void *p, size_t n, struct archive_stats *s)
{
	struct archive *a = begin(r, previous);

	add_file(a, "file", p, n);
	return finish(a, s);
}

/* ---- what goes in comes out ---- */

static void folders_files_and_links_come_out_as_they_went_in(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct tree_sink *t = archive_tree(a);
	CLEANUP(node_release) struct node link = named("link", NODE_SYMLINK);
	CLEANUP(node_release) struct node hollow = named("hollow", NODE_FILE);
	struct archive_stats s;
	struct error e = {0};

	link.link_target = mem_string("deep/er");
	hollow.size = 77;
	add_file(a, "z", "last", 4);
	enter(a, "deep");
	enter(a, "er");
	add_file(a, "b", "bytes", 5);
	leave(a);
	enter(a, "empty");
	leave(a);
	leave(a);
	add_file(a, "a", "first", 5);
	assert_int_equal(t->add(t, &link, &e), 0);
	assert_int_equal(t->add(t, &hollow, &e), 0);
	struct id root = finish(a, &s);

	assert_content(r, &root, "z", "last", 4);
	assert_content(r, &root, "a", "first", 5);
	assert_content(r, &root, "deep/er/b", "bytes", 5);
	assert_content(r, &root, "hollow", "", 0);
	CLEANUP(tree_node_release)
	struct tree_node node = stored(r, &root, "link"),
			 empty = stored(r, &root, "deep/empty");

	assert_string_equal(node.meta.link_target, "deep/er");
	assert_int_equal(empty.meta.type, NODE_DIR);
	assert_int_equal(s.files_new, 4);
	assert_int_equal(s.dirs_new, 3);
	assert_int_equal(s.files_total, 4);
	assert_int_equal(s.bytes_total, 14);
	assert_int_equal(s.bytes_read, 14);
	assert_int_equal(s.stored.blobs[BLOB_DATA], 3);
	assert_int_equal(s.stored.blobs[BLOB_TREE], 4);
	repo_free(r);
}

static void the_snapshot_tells_what_was_done(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	CLEANUP(snapshot_release) struct snapshot s = {.time = {1700000000, 0}}, loaded = {0};
	struct archive_stats stats;
	struct error e = {0};

	strlist_add(&s.paths, "/data");
	s.hostname = mem_string("host");
	add_file(a, "x", "0123456789", 10);
	assert_int_equal(archive_finish(a, &s, &stats, &e), 0);
	assert_int_equal(snapshot_load(r, &s.id, &loaded, &e), 0);
	assert_true(id_equal(&loaded.tree, &s.tree));
	assert_string_equal(loaded.hostname, "host");
	assert_true(loaded.summary.present);
	assert_int_equal(loaded.summary.files_new, 1);
	assert_int_equal(loaded.summary.data_blobs, 1);
	assert_int_equal(loaded.summary.tree_blobs, 1);
	assert_int_equal(loaded.summary.total_files_processed, 1);
	assert_int_equal(loaded.summary.total_bytes_processed, 10);
	assert_int_equal(loaded.summary.data_added, 10 + stats.stored.plain[BLOB_TREE]);
	assert_int_equal(loaded.summary.data_added_packed, 10 + CIPHER_OVERHEAD + stats.stored.stored[BLOB_TREE]);
	repo_free(r);
}

static void a_large_file_is_cut_and_found_again(void **state)
{
	struct repo *r = loaded_repo();
	AUTO_FREE unsigned char *p = filled(9 * MIB, 1);
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false);
	struct archive_stats s;
	struct error e = {0};

	for (size_t at = 0; at < 9 * MIB; at += 100000)
		assert_int_equal(f->write(f, p + at, 9 * MIB - at < 100000 ? 9 * MIB - at : 100000, &e), 0);
	close_file(f, "file");
	struct id root = finish(a, &s);

	assert_content(r, &root, "file", p, 9 * MIB);
	assert_in_range(s.stored.blobs[BLOB_DATA], 6, 12);
	assert_int_equal(s.stored.plain[BLOB_DATA], 9 * MIB);
	/* With a new first byte all but the first chunk are known, and one tree is new. */
	p[0] ^= 1;
	struct id next = store_one(r, &root, p, 9 * MIB, &s);

	assert_content(r, &next, "file", p, 9 * MIB);
	assert_int_equal(s.stored.blobs[BLOB_DATA], 1);
	assert_int_equal(s.stored.blobs[BLOB_TREE], 1);
	assert_int_equal(s.files_changed, 1);
	/* The same again: nothing at all is written but an index-less snapshot. */
	size_t packs = count_files(r, STORE_DATA), indexes = count_files(r, STORE_INDEX);

	store_one(r, &next, p, 9 * MIB, &s);
	assert_int_equal(s.stored.packs, 0);
	assert_int_equal(s.files_unmodified, 1);
	assert_int_equal(count_files(r, STORE_DATA), packs);
	assert_int_equal(count_files(r, STORE_INDEX), indexes);
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 3);
	repo_free(r);
}

static void equal_contents_are_stored_once(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct archive_stats s;
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "f%d", i);
		add_file(a, name, "same", 4);
	}
	struct id root = finish(a, &s);

	assert_int_equal(s.stored.blobs[BLOB_DATA], 1);
	assert_int_equal(s.files_total, 1000);
	assert_content(r, &root, "f999", "same", 4);
	repo_free(r);
}

static void many_files_in_many_folders_arrive(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct archive_stats s;
	char name[32];

	for (int d = 0; d < 60; d++) {
		snprintf(name, sizeof name, "d%d", d);
		enter(a, name);
		for (int i = 0; i < 20; i++) {
			size_t n = (size_t)snprintf(name, sizeof name, "%d", d * 20 + i);

			add_file(a, name, name, n);
		}
		leave(a);
	}
	struct id root = finish(a, &s);

	assert_int_equal(s.files_new, 1200);
	assert_int_equal(s.stored.blobs[BLOB_DATA], 1200);
	assert_int_equal(s.stored.blobs[BLOB_TREE], 61);
	assert_content(r, &root, "d0/0", "0", 1);
	assert_content(r, &root, "d59/1199", "1199", 4);
	repo_free(r);
}

static void a_file_may_be_closed_after_its_folder(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct error e = {0};

	enter(a, "one");
	struct file_sink *late = open_file(a, false), *never = open_file(a, false);

	assert_int_equal(late->write(late, "la", 2, &e), 0);
	assert_int_equal(never->write(never, "gone", 4, &e), 0);
	leave(a);
	enter(a, "two");
	add_file(a, "other", "text", 4);
	leave(a);
	assert_int_equal(late->write(late, "te", 2, &e), 0);
	close_file(late, "late");
	never->abort(never);
	struct id root = finish(a, NULL);

	assert_content(r, &root, "one/late", "late", 4);
	CLEANUP(tree_node_release) struct tree_node none = {0};

	assert_int_equal(walk_find(r, &root, "one/never", &none, &e), -ERR_NOT_FOUND);
	repo_free(r);
}

static void cut_forces_a_boundary(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false);
	struct error e = {0};

	assert_int_equal(f->cut(f, &e), 0);
	assert_int_equal(f->write(f, "table a", 7, &e), 0);
	assert_int_equal(f->cut(f, &e), 0);
	assert_int_equal(f->cut(f, &e), 0);
	assert_int_equal(f->write(f, "table b", 7, &e), 0);
	close_file(f, "dump");
	struct id root = finish(a, NULL), half;
	CLEANUP(tree_node_release) struct tree_node dump = stored(r, &root, "dump");

	assert_content(r, &root, "dump", "table atable b", 14);
	assert_int_equal(dump.content.n, 2);
	id_hash(&half, "table b", 7);
	assert_true(id_equal(&dump.content.v[1], &half));
	repo_free(r);
}

static void what_is_prepended_comes_first_and_ends_the_writing(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false), *only = open_file(a, false), *hashed = open_file(a, true);
	AUTO_FREE unsigned char *whole = filled(9 * MIB, 7);
	struct error e = {0};

	assert_int_equal(hashed->prepend(hashed, "x", 1, &e), -ERR_INTERNAL);
	hashed->abort(hashed);
	assert_int_equal(f->write(f, whole + 3 * MIB + 5, 6 * MIB - 5, &e), 0);
	assert_int_equal(f->prepend(f, whole, 3 * MIB + 5, &e), 0);
	assert_int_equal(f->write(f, "more", 4, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "write() after prepend()");
	assert_int_equal(f->prepend(f, "again", 5, &e), -ERR_INTERNAL);
	close_file(f, "dump");
	assert_int_equal(only->prepend(only, "head", 4, &e), 0);
	close_file(only, "only");
	struct id root = finish(a, NULL);

	assert_content(r, &root, "dump", whole, 9 * MIB);
	assert_content(r, &root, "only", "head", 4);
	repo_free(r);
}

static void a_hashed_file_tells_its_sha256(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, true);
	CLEANUP(node_release) struct node n = named("x", NODE_FILE);
	struct error e = {0};
	struct id expected, got;

	assert_int_equal(f->write(f, "ab", 2, &e), 0);
	assert_int_equal(f->write(f, "c", 1, &e), 0);
	assert_int_equal(f->close(f, &n, got.b, &e), 0);
	id_hash(&expected, "abc", 3);
	assert_true(id_equal(&expected, &got));
	archive_abort(a);
	repo_free(r);
}

/* ---- blocks in any order ---- */

static void put(struct file_sink *f, uint64_t index, const void *p, size_t n)
{
	struct error e = {0};

	assert_int_equal(f->put(f, index, p, n, &e), 0);
}

static void blocks_may_come_in_any_order_and_again(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false);
	AUTO_FREE unsigned char *p = filled(3 * MIB, 3), *junk = filled(MIB, 4);
	struct error e = {0};

	put(f, 2, p + 2 * MIB, MIB - 5);
	put(f, 0, junk, MIB);
	put(f, 1, p + MIB, MIB);
	for (int i = 0; i < 8; i++)
		put(f, 0, i % 2 ? p : junk, MIB);
	put(f, 3, junk, MIB);
	assert_int_equal(f->truncate(f, 3, &e), 0);
	assert_int_equal(f->truncate(f, 30, &e), 0);
	close_file(f, "db");
	struct id root = finish(a, NULL);

	assert_content(r, &root, "db", p, 3 * MIB - 5);
	repo_free(r);
}

static void a_block_dropped_and_put_again_is_the_new_one(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false);
	struct error e = {0};

	put(f, 0, "aaaa", 4);
	put(f, 1, "bbbb", 4);
	assert_int_equal(f->truncate(f, 0, &e), 0);
	put(f, 1, "dd", 2);
	put(f, 0, "cccc", 4);
	close_file(f, "db");
	struct id root = finish(a, NULL);

	assert_content(r, &root, "db", "ccccdd", 6);
	repo_free(r);
}

/* More than a batch, and more than is sealed at a time; a quarter is there twice. */
static void many_blocks_are_stored_once_each(void **state)
{
	const size_t block = MIB / 2, n = 20;
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	AUTO_FREE unsigned char *p = filled(n * block, 9);
	struct archive_stats s;

	for (size_t i = 0; i < n; i += 4)
		memcpy(p + i * block, p + (i + 1) * block, block);
	for (int round = 0; round < 2; round++) {
		struct file_sink *f = open_file(a, false);

		for (size_t i = 0; i < n; i++)
			put(f, i, p + i * block, block);
		close_file(f, "db");
		struct id root = finish(a, &s);

		assert_content(r, &root, "db", p, n * block);
		assert_int_equal(s.stored.blobs[BLOB_DATA], round == 0 ? n - n / 4 : 0);
		assert_int_equal(s.stored.plain[BLOB_DATA], round == 0 ? (n - n / 4) * block : 0);
		a = round == 0 ? begin(r, NULL) : NULL;
	}
	repo_free(r);
}

static void assert_close_fails(struct file_sink *f, const char *text)
{
	CLEANUP(node_release) struct node n = named("db", NODE_FILE);
	struct error e = {0};

	assert_int_equal(f->close(f, &n, NULL, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, text);
}

static void a_missing_or_odd_block_is_refused(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false);

	put(f, 2, "aaaa", 4);
	put(f, 0, "aaaa", 4);
	assert_close_fails(f, "block 1 of 3 was not stored");
	f = open_file(a, false);
	put(f, 0, "aaaa", 4);
	put(f, 1, "aa", 2);
	put(f, 2, "aaaa", 4);
	assert_close_fails(f, "block 1 of 3 has a length of its own");
	f = open_file(a, false);
	put(f, 0, "aa", 2);
	put(f, 1, "aaaa", 4);
	assert_close_fails(f, "block 1 of 2 has a length of its own");
	struct id root = finish(a, NULL);
	CLEANUP(tree_node_release) struct tree_node none = {0};
	struct error e = {0};

	assert_int_equal(walk_find(r, &root, "db", &none, &e), -ERR_NOT_FOUND);
	repo_free(r);
}

static void writing_and_putting_do_not_mix(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct file_sink *f = open_file(a, false), *g = open_file(a, false), *h = open_file(a, true);
	AUTO_FREE unsigned char *p = mem_zero(CHUNK_MAX + 1);
	struct error e = {0};

	assert_int_equal(f->write(f, "x", 1, &e), 0);
	assert_int_equal(f->put(f, 0, "x", 1, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "put() into a streamed or hashed file");
	assert_int_equal(f->truncate(f, 0, &e), -ERR_INTERNAL);
	assert_int_equal(h->put(h, 0, "x", 1, &e), -ERR_INTERNAL);
	assert_int_equal(g->put(g, 0, p, CHUNK_MAX + 1, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "put() of 4194305 bytes");
	assert_int_equal(g->put(g, 0, p, 0, &e), -ERR_INTERNAL);
	assert_int_equal(g->put(g, (uint64_t)1 << 40, p, 1, &e), -ERR_LIMIT);
	put(g, 0, p, CHUNK_MAX);
	assert_int_equal(g->write(g, "x", 1, &e), -ERR_INTERNAL);
	assert_int_equal(g->cut(g, &e), -ERR_INTERNAL);
	archive_abort(a);
	repo_free(r);
}

/* ---- the previous backup ---- */

static struct id first_backup(struct repo *r)
{
	struct archive *a = begin(r, NULL);

	add_file(a, "kept", "kept text", 9);
	add_file(a, "changed", "old", 3);
	add_file(a, "removed", "old", 3);
	enter(a, "same");
	add_file(a, "inner", "inner text", 10);
	leave(a);
	enter(a, "other");
	add_file(a, "inner", "x", 1);
	leave(a);
	return finish(a, NULL);
}

static void reuse(struct archive *a, const char *name, const char *as)
{
	struct tree_sink *t = archive_tree(a);
	CLEANUP(node_release) struct node n = named(as, NODE_FILE);
	struct error e = {0};

	assert_int_equal(t->reuse(t, name, &n, &e), 0);
}

static void known_files_are_used_again_and_counted(void **state)
{
	struct repo *r = loaded_repo();
	struct id before = first_backup(r);
	struct archive *a = begin(r, &before);
	struct tree_sink *t = archive_tree(a);
	struct archive_stats s;
	struct known_file k;
	struct error e = {0};

	assert_int_equal(t->known(t, "kept", &k, &e), 0);
	assert_true(k.present);
	assert_int_equal(k.node.size, 9);
	assert_int_equal(k.node.mtime.tv_nsec, 5);
	assert_int_equal(t->known(t, "inner", &k, &e), 0);
	assert_false(k.present);
	reuse(a, "kept", "kept");
	reuse(a, "kept", "renamed");
	add_file(a, "changed", "new", 3);
	enter(a, "same");
	assert_int_equal(t->known(t, "inner", &k, &e), 0);
	assert_true(k.present);
	reuse(a, "inner", "inner");
	leave(a);
	enter(a, "other");
	add_file(a, "inner", "y", 1);
	leave(a);
	enter(a, "new");
	assert_int_equal(t->known(t, "inner", &k, &e), 0);
	assert_false(k.present);
	leave(a);
	struct id root = finish(a, &s);

	assert_content(r, &root, "kept", "kept text", 9);
	assert_content(r, &root, "renamed", "kept text", 9);
	assert_content(r, &root, "same/inner", "inner text", 10);
	assert_content(r, &root, "other/inner", "y", 1);
	assert_int_equal(s.files_unmodified, 2);
	assert_int_equal(s.files_changed, 2);
	assert_int_equal(s.files_new, 1);
	assert_int_equal(s.dirs_unmodified, 1);
	assert_int_equal(s.dirs_changed, 1);
	assert_int_equal(s.dirs_new, 1);
	assert_int_equal(s.bytes_total, 9 + 9 + 3 + 10 + 1);
	assert_int_equal(s.bytes_read, 4);
	repo_free(r);
}

static void other_metadata_make_a_file_changed(void **state)
{
	struct repo *r = loaded_repo();
	struct id before = first_backup(r);
	struct archive *a = begin(r, &before);
	struct tree_sink *t = archive_tree(a);
	CLEANUP(node_release) struct node n = named("kept", NODE_FILE);
	struct archive_stats s;
	struct error e = {0};

	n.mode = 0644;
	assert_int_equal(t->reuse(t, "kept", &n, &e), 0);
	finish(a, &s);
	assert_int_equal(s.files_changed, 1);
	assert_int_equal(s.files_unmodified, 0);
	repo_free(r);
}

static void content_that_is_gone_is_not_used_again(void **state)
{
	struct repo *r = loaded_repo();
	struct id before = first_backup(r);
	CLEANUP(tree_node_release) struct tree_node kept = stored(r, &before, "kept");
	struct blob_place place;
	struct error e = {0};

	assert_true(index_find(r->index, BLOB_DATA, &kept.content.v[0], &place));
	struct archive *a = begin(r, &before);
	struct tree_sink *t = archive_tree(a);

	index_drop_pack(r->index, &place.pack);
	assert_int_equal(t->reuse(t, "kept", &kept.meta, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "a part of \"kept\" is no longer in the repository");
	assert_int_equal(t->reuse(t, "nowhere", &kept.meta, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "the previous backup has no file \"nowhere\" here");
	assert_int_equal(t->reuse(t, "same", &kept.meta, &e), -ERR_NOT_FOUND);
	add_file(a, "kept", "kept text", 9);
	struct id root = finish(a, NULL);

	assert_content(r, &root, "kept", "kept text", 9);
	repo_free(r);
}

static void a_previous_tree_that_is_gone_is_as_good_as_none(void **state)
{
	struct repo *r = loaded_repo();
	struct id nowhere = {{1}};
	struct archive *a = begin(r, &nowhere);
	struct tree_sink *t = archive_tree(a);
	struct known_file k;
	struct archive_stats s;
	struct error e = {0};

	assert_int_equal(t->known(t, "kept", &k, &e), 0);
	assert_false(k.present);
	add_file(a, "kept", "x", 1);
	finish(a, &s);
	assert_int_equal(s.files_new, 1);
	repo_free(r);
}

/* ---- reading what was just written ---- */

static void assert_opens(struct archive *a, const char *path, const char *text)
{
	struct tree_sink *t = archive_tree(a);
	struct source *s;
	struct error e = {0};
	char got[64];

	assert_int_equal(t->open(t, path, &s, &e), 0);
	assert_int_equal(s->size, strlen(text));
	assert_int_equal(s->pread(s, got, sizeof got, 0, &e), strlen(text));
	assert_memory_equal(got, text, strlen(text));
	source_close(s);
}

static void closed_files_can_be_read_before_the_end(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct tree_sink *t = archive_tree(a);
	struct source *s;
	struct error e = {0};

	enter(a, "one");
	enter(a, "left");
	add_file(a, "deep", "deep text", 9);
	leave(a);
	add_file(a, "here", "here text", 9);
	struct file_sink *f = open_file(a, false);

	assert_int_equal(f->write(f, "begun ", 6, &e), 0);
	add_file(a, "beside", "beside text", 11);
	assert_opens(a, "one/left/deep", "deep text");
	assert_opens(a, "one/here", "here text");
	assert_opens(a, "one/beside", "beside text");
	assert_int_equal(t->open(t, "one/begun", &s, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "no closed file \"one/begun\" in this backup");
	assert_int_equal(t->open(t, "one/left/none", &s, &e), -ERR_NOT_FOUND);
	assert_int_equal(t->open(t, "one", &s, &e), -ERR_NOT_FOUND);
	assert_int_equal(f->write(f, "and ended", 9, &e), 0);
	close_file(f, "begun");
	leave(a);
	assert_opens(a, "one/begun", "begun and ended");
	struct id root = finish(a, NULL);

	assert_content(r, &root, "one/begun", "begun and ended", 15);
	repo_free(r);
}

/* ---- what goes wrong ---- */

static void an_aborted_backup_leaves_no_snapshot(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	AUTO_FREE unsigned char *p = filled(3 * MIB, 1);
	struct error e = {0};

	enter(a, "folder");
	add_file(a, "whole", p, 3 * MIB);
	struct file_sink *f = open_file(a, true);

	assert_int_equal(f->write(f, p, 2 * MIB, &e), 0);
	archive_abort(a);
	archive_abort(NULL);
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 0);
	assert_int_equal(count_files(r, STORE_INDEX), 0);
	assert_int_equal(index_blob_count(r->index), 0);
	/* No claim is left behind: the same again works. */
	struct id root = store_one(r, NULL, p, 3 * MIB, NULL);

	assert_content(r, &root, "file", p, 3 * MIB);
	repo_free(r);
}

static void two_entries_of_one_name_are_an_error(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};

	enter(a, "folder");
	add_file(a, "x", "1", 1);
	add_file(a, "x", "2", 1);
	leave(a);
	assert_int_equal(archive_finish(a, &s, NULL, &e), -ERR_EXISTS);
	assert_string_equal(e.text, "storing folder \"folder\": two entries are named \"x\"");
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 0);
	repo_free(r);
}

static void names_that_leave_the_folder_are_refused(void **state)
{
	static const char *const bad[] = {"..", ".", "", "a/b"};
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct tree_sink *t = archive_tree(a);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(node_release) struct node n = named(bad[i], NODE_FILE);
		struct error e = {0};
		char expected[64];

		snprintf(expected, sizeof expected, "\"%s\" cannot be the name of an entry", bad[i]);
		assert_int_equal(archive_add_file(a, &n, "x", 1, &e), -ERR_INTERNAL);
		assert_string_equal(e.text, expected);
		assert_int_equal(t->enter(t, &n, &e), -ERR_INTERNAL);
		assert_int_equal(t->add(t, &n, &e), -ERR_INTERNAL);
		assert_int_equal(t->reuse(t, "x", &n, &e), -ERR_INTERNAL);
	}
	finish(a, NULL);
	repo_free(r);
}

static void calls_out_of_order_are_refused(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct tree_sink *t = archive_tree(a);
	CLEANUP(node_release) struct node dir = named("d", NODE_DIR);
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};

	assert_int_equal(t->leave(t, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "leave() without enter()");
	assert_int_equal(t->add(t, &dir, &e), -ERR_INTERNAL);
	assert_int_equal(archive_add_file(a, &dir, "x", 1, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "\"d\" is closed as a dir");
	enter(a, "d");
	assert_int_equal(archive_finish(a, &s, NULL, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "the backup was finished with an open file or folder");
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 0);
	repo_free(r);
}

static void cancelling_stops_the_backup(void **state)
{
	struct repo *r = loaded_repo();
	struct progress progress = {NULL};
	struct archive_options o = {.level = -1, .progress = &progress};
	struct archive *a;
	CLEANUP(node_release) struct node n = named("x", NODE_FILE);
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};

	assert_int_equal(archive_begin(r, &o, &a, &e), 0);
	add_file(a, "first", "12345", 5);
	assert_int_equal(atomic_load(&progress.bytes_done), 5);
	atomic_store(&progress.cancel, true);
	assert_int_equal(archive_add_file(a, &n, "x", 1, &e), -ERR_CANCELLED);
	assert_int_equal(archive_finish(a, &s, NULL, &e), -ERR_CANCELLED);
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 0);
	repo_free(r);
}

/* A small backup that does everything: 0, or the first error, with the archive freed. */
static int small_backup(struct repo *r, const struct id *previous, const unsigned char *p, struct id *root,
			struct error *e)
{
	struct archive_options o = {.level = 1, .threads = 2, .previous_tree = previous};
	CLEANUP(node_release) struct node n = named("big", NODE_FILE), m = named("small", NODE_FILE);
	CLEANUP(node_release) struct node d = named("d", NODE_DIR);
	CLEANUP(snapshot_release) struct snapshot s = {.time = {1700000000, 0}};
	struct archive *a;
	struct source *view;
	char first;

	if (archive_begin(r, &o, &a, e))
		return -e->kind;
	struct tree_sink *t = archive_tree(a);

	strlist_add(&s.paths, "/data");
	if (archive_add_file(a, &n, p, MIB, e) || t->enter(t, &d, e) || archive_add_file(a, &m, "small", 5, e) ||
	    t->open(t, "d/small", &view, e)) {
		archive_abort(a);
		return -e->kind;
	}
	bool readable = source_read_exact(view, &first, 1, 0, e) == 0;

	source_close(view);
	if (!readable || t->leave(t, e)) {
		archive_abort(a);
		return -e->kind;
	}
	int rc = archive_finish(a, &s, NULL, e);

	*root = s.tree;
	return rc;
}

/* The small backup on a store that fails as planned, then on the same store when it is well again. */
static bool fails_then_works(const struct fault_plan *plan, const unsigned char *p)
{
	struct repo *r = loaded_repo();
	struct store *inner = r->store;
	struct error e = {0};
	struct id root;

	r->store = fault_new(support_lend(inner), plan);
	bool failed = small_backup(r, NULL, p, &root, &e) != 0;

	assert_true(failed == (fault_count(r->store) >= plan->at));
	store_free(r->store);
	r->store = inner;
	if (failed) {
		assert_int_equal(e.kind, ERR_NO_SPACE);
		assert_non_null(strstr(e.text, "made to fail by a test"));
	}
	assert_int_equal(count_files(r, STORE_SNAPSHOT), !failed);
	assert_int_equal(small_backup(r, NULL, p, &root, &e), 0);
	assert_content(r, &root, "big", p, MIB);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	assert_content(r, &root, "big", p, MIB);
	assert_content(r, &root, "d/small", "small", 5);
	repo_free(r);
	return failed;
}

static void a_store_failing_anywhere_leaves_no_snapshot_and_no_claim(void **state)
{
	AUTO_FREE unsigned char *p = filled(MIB, 9);

	for (int and_after = 0; and_after < 2; and_after++) {
		struct fault_plan plan = {.kind = FAULT_ERROR, .and_after = and_after, .error = ERR_NO_SPACE};

		do
			plan.at++;
		while (fails_then_works(&plan, p));
		/* Packs and a read on the way, a pack of trees, an index file, a snapshot: 6 to 7, as chance divides
		 * blobs. */
		assert_in_range(plan.at, 6, 9);
	}
}

static void a_snapshot_whose_reply_was_lost_is_an_error_and_is_withdrawn(void **state)
{
	struct repo *r = loaded_repo();
	/* A pack, a pack of trees, an index file, the snapshot. */
	struct fault_plan plan = {.kind = FAULT_LOST_REPLY, .at = 4, .writes_only = 1};
	CLEANUP(snapshot_release) struct snapshot s = {.time = {1700000000, 0}};
	struct error e = {0};

	r->store = fault_new(r->store, &plan);
	struct archive *a = begin(r, NULL);

	strlist_add(&s.paths, "/data");
	add_file(a, "file", "text", 4);
	assert_int_equal(archive_finish(a, &s, NULL, &e), -ERR_IO);
	assert_int_equal(count_files(r, STORE_SNAPSHOT), 0);
	struct id root = store_one(r, NULL, "text", 4, NULL);

	assert_content(r, &root, "file", "text", 4);
	repo_free(r);
}

static void an_error_of_a_worker_is_told_by_the_next_calls(void **state)
{
	AUTO_FREE unsigned char *p = filled(8 * MIB, 2);
	struct repo *r = loaded_repo();
	struct fault_plan plan = {
		.kind = FAULT_ERROR, .at = 1, .and_after = true, .writes_only = 1, .error = ERR_NO_SPACE};
	CLEANUP(node_release) struct node n = named("x", NODE_FILE);
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};
	int rc = 0;

	r->store = fault_new(r->store, &plan);
	struct archive *a = begin(r, NULL);
	struct tree_sink *t = archive_tree(a);

	for (uint64_t i = 0; i < 20 && rc == 0; i++) {
		struct file_sink *f;

		fill(p, 8, i);
		rc = t->file(t, false, &f, &e);
		if (rc == 0 && (rc = f->write(f, p, 8 * MIB, &e)) != 0)
			f->abort(f);
		else if (rc == 0)
			rc = f->close(f, &n, NULL, &e);
		fill(p + MIB, 7 * MIB, i);
	}
	assert_int_equal(rc, -ERR_NO_SPACE);
	assert_memory_equal(e.text, "writing a pack: data/", 21);
	error_clear(&e);
	assert_int_equal(t->enter(t, &n, &e), -ERR_NO_SPACE);
	assert_int_equal(archive_finish(a, &s, NULL, &e), -ERR_NO_SPACE);
	repo_free(r);
}

/* ---- levels and versions ---- */

static uint64_t stored_with(int level, int version, uint64_t *trees)
{
	AUTO_FREE unsigned char *p = mem_zero(MIB);
	struct repo *r = loaded_repo();
	struct archive_options o = {.level = level, .threads = 1};
	struct archive *a;
	struct archive_stats s;
	struct error e = {0};
	char name[16];

	r->config.version = version;
	assert_int_equal(archive_begin(r, &o, &a, &e), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "f%d", i);
		add_file(a, name, p, MIB);
	}
	struct id root = finish(a, &s);

	assert_content(r, &root, "f7", p, MIB);
	*trees = s.stored.stored[BLOB_TREE] * 2 < s.stored.plain[BLOB_TREE];
	repo_free(r);
	return s.stored.stored[BLOB_DATA];
}

static void data_are_compressed_unless_told_otherwise_and_trees_always(void **state)
{
	uint64_t trees;

	assert_in_range(stored_with(-1, 2, &trees), 1, 4096);
	assert_true(trees);
	assert_int_equal(stored_with(BLOB_LEVEL_OFF, 2, &trees), MIB + CIPHER_OVERHEAD);
	assert_true(trees);
}

static void a_repository_of_version_1_gets_nothing_compressed(void **state)
{
	uint64_t trees;

	assert_int_equal(stored_with(3, 1, &trees), MIB + CIPHER_OVERHEAD);
	assert_false(trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_files_and_links_come_out_as_they_went_in),
		cmocka_unit_test(the_snapshot_tells_what_was_done),
		cmocka_unit_test(a_large_file_is_cut_and_found_again),
		cmocka_unit_test(equal_contents_are_stored_once),
		cmocka_unit_test(many_files_in_many_folders_arrive),
		cmocka_unit_test(a_file_may_be_closed_after_its_folder),
		cmocka_unit_test(cut_forces_a_boundary),
		cmocka_unit_test(what_is_prepended_comes_first_and_ends_the_writing),
		cmocka_unit_test(a_hashed_file_tells_its_sha256),
		cmocka_unit_test(blocks_may_come_in_any_order_and_again),
		cmocka_unit_test(a_block_dropped_and_put_again_is_the_new_one),
		cmocka_unit_test(many_blocks_are_stored_once_each),
		cmocka_unit_test(a_missing_or_odd_block_is_refused),
		cmocka_unit_test(writing_and_putting_do_not_mix),
		cmocka_unit_test(known_files_are_used_again_and_counted),
		cmocka_unit_test(other_metadata_make_a_file_changed),
		cmocka_unit_test(content_that_is_gone_is_not_used_again),
		cmocka_unit_test(a_previous_tree_that_is_gone_is_as_good_as_none),
		cmocka_unit_test(closed_files_can_be_read_before_the_end),
		cmocka_unit_test(an_aborted_backup_leaves_no_snapshot),
		cmocka_unit_test(two_entries_of_one_name_are_an_error),
		cmocka_unit_test(names_that_leave_the_folder_are_refused),
		cmocka_unit_test(calls_out_of_order_are_refused),
		cmocka_unit_test(cancelling_stops_the_backup),
		cmocka_unit_test(a_store_failing_anywhere_leaves_no_snapshot_and_no_claim),
		cmocka_unit_test(a_snapshot_whose_reply_was_lost_is_an_error_and_is_withdrawn),
		cmocka_unit_test(an_error_of_a_worker_is_told_by_the_next_calls),
		cmocka_unit_test(data_are_compressed_unless_told_otherwise_and_trees_always),
		cmocka_unit_test(a_repository_of_version_1_gets_nothing_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* For tests that store files: bytes that look random yet are always the same, and a backup in few words. */
#ifndef TEST_ARCHIVE_HELPER_H
#define TEST_ARCHIVE_HELPER_H

#include "base/mem.h"
#include "base/stream.h"
#include "memory_repo.h"
#include "repo/archive.h"
#include "repo/walk.h"

#include <stdlib.h>

#define UNUSED_HELPER __attribute__((unused)) static

UNUSED_HELPER void fill(void *p, size_t n, uint64_t seed)
{
	unsigned char *bytes = p;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (unsigned char)(x >> 32);
	}
}

UNUSED_HELPER unsigned char *filled(size_t n, uint64_t seed)
{
	unsigned char *p = mem_alloc(n);

	fill(p, n, seed);
	return p;
}

/* An empty repository whose index is loaded. */
UNUSED_HELPER struct repo *loaded_repo(void)
{
	struct repo *r = memory_repo();
	struct error e = {0};

	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	return r;
}

UNUSED_HELPER struct archive *begin(struct repo *r, const struct id *previous)
{
	struct archive_options o = {.level = 1, .threads = 2, .previous_tree = previous};
	struct archive *a;
	struct error e = {0};

	assert_int_equal(archive_begin(r, &o, &a, &e), 0);
	return a;
}

UNUSED_HELPER struct node named(const char *name, enum node_type type)
{
	struct node n;

	node_synthetic(&n, name, type, (struct timespec){1700000000, 5});
	return n;
}

UNUSED_HELPER void add_file(struct archive *a, const char *name, const void *p, size_t len)
{
	CLEANUP(node_release) struct node n = named(name, NODE_FILE);
	struct error e = {0};

	assert_int_equal(archive_add_file(a, &n, p, len, &e), 0);
}

UNUSED_HELPER void enter(struct archive *a, const char *name)
{
	CLEANUP(node_release) struct node n = named(name, NODE_DIR);
	struct tree_sink *t = archive_tree(a);
	struct error e = {0};

	assert_int_equal(t->enter(t, &n, &e), 0);
}

UNUSED_HELPER void leave(struct archive *a)
{
	struct tree_sink *t = archive_tree(a);
	struct error e = {0};

	assert_int_equal(t->leave(t, &e), 0);
}

UNUSED_HELPER struct file_sink *open_file(struct archive *a, bool hashed)
{
	struct tree_sink *t = archive_tree(a);
	struct file_sink *f;
	struct error e = {0};

	assert_int_equal(t->file(t, hashed, &f, &e), 0);
	return f;
}

UNUSED_HELPER void close_file(struct file_sink *f, const char *name)
{
	CLEANUP(node_release) struct node n = named(name, NODE_FILE);
	struct error e = {0};

	assert_int_equal(f->close(f, &n, NULL, &e), 0);
}

/* Finish and answer the root tree. */
UNUSED_HELPER struct id finish(struct archive *a, struct archive_stats *stats)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time = {1700000000, 0}};
	struct error e = {0};

	strlist_add(&s.paths, "/data");
	assert_int_equal(archive_finish(a, &s, stats, &e), 0);
	return s.tree;
}

UNUSED_HELPER struct tree_node stored(struct repo *r, const struct id *root, const char *path)
{
	struct tree_node n = {0};
	struct error e = {0};

	assert_int_equal(walk_find(r, root, path, &n, &e), 0);
	return n;
}

static int count_name(const char *name, uint64_t size, void *ctx)
{
	++*(size_t *)ctx;
	return 0;
}

UNUSED_HELPER size_t count_files(struct repo *r, enum store_kind kind)
{
	struct error e = {0};
	size_t n = 0;

	assert_int_equal(store_list(r->store, kind, count_name, &n, &e), 0);
	return n;
}

#endif

/* What the engines' tests stand on: a tree_sink held in memory, the same tree read back as `stored`,
 * private folders. */
#ifndef TESTS_UNIT_ENGINE_SUPPORT_H
#define TESTS_UNIT_ENGINE_SUPPORT_H

#include "engine/engine.h"

/* One entry of a stored tree; folders have children in the order they were added. */
struct test_entry {
	struct node node;
	unsigned char *bytes;             /* files */
	size_t size;
	bool reused;                      /* taken over by reuse() */
	struct test_entry **children;
	size_t count, cap;
};

struct test_tree {
	struct tree_sink sink;            /* first: the sink is the tree */
	struct test_entry *root;
	const struct test_tree *previous; /* what known() and reuse() look into, or NULL */
	struct test_entry *stack[64];     /* the folders entered, stack[depth] the current one */
	size_t depth;
	size_t files_begun, files_closed, files_aborted;
	uint64_t bytes_taken;             /* by write() and put(), those put again included */
	uint64_t puts;
	/* When not 0: the call of write() or put() after that many bytes fails with ERR_NO_SPACE
	 * "the store is full". */
	uint64_t fail_after;
	/* Called at each put() and write(), to let something happen in the middle of a backup. */
	void (*meanwhile)(void *ctx);
	void *meanwhile_ctx;
};

struct test_tree *test_tree_new(const struct test_tree *previous);
void test_tree_free(struct test_tree *t);
/* "a/b"; "" is the root; NULL when absent. */
struct test_entry *test_tree_find(const struct test_tree *t, const char *path);
/* A file put there directly, its folders made; replaces one that is there. */
struct test_entry *test_tree_put(struct test_tree *t, const char *path, const void *p, size_t n);
/* `stored` over the tree; t and m must outlive it. */
struct stored test_stored(struct test_tree *t, const struct manifest_source *m);

/* A private folder, and the heap string "<dir>/<name>". */
char *test_dir(void);
void test_dir_remove(char *dir);          /* frees the string */
char *test_path(const char *dir, const char *name);
void test_file_write(const char *path, const void *p, size_t n);
/* Set the file's times `seconds` into the past (mtime; the kernel sets ctime). */
void test_file_age(const char *path, int seconds);

#endif

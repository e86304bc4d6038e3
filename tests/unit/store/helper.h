/* What the tests of stores share: a private folder, files with made-up hash names, listings gathered and sorted. */
#ifndef TEST_STORE_HELPER_H
#define TEST_STORE_HELPER_H

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every test may use one error, which is expected to be clear unless something just failed. */
#define assert_ok(call) \
	do { \
		int r_ = (call); \
		if (r_) \
			fail_msg("%s returned %d: %s", #call, r_, e.text); \
	} while (0)

#define assert_fails(call, err_kind, expected_text) \
	do { \
		error_clear(&e); \
		assert_int_equal((call), -(int)(err_kind)); \
		assert_int_equal(e.kind, (err_kind)); \
		assert_string_equal(e.text, (expected_text)); \
		error_clear(&e); \
	} while (0)

/* The file of a kind whose name is 32 times the byte `c`. */
static inline struct store_file file_named(enum store_kind kind, unsigned char c)
{
	struct store_file f = {.kind = kind};
	for (int i = 0; kind != STORE_CONFIG && i < STORE_NAME_LEN; i += 2)
		snprintf(f.name + i, 3, "%02x", c);
	return f;
}

/* "index/abab...: <rest>", in a buffer of its own for each of the last four calls. */
static inline const char *text_of(const struct store_file *f, const char *rest)
{
	static char texts[4][256];
	static int next;
	char path[STORE_PATH_MAX];
	store_path(f, path);
	next = (next + 1) % 4;
	snprintf(texts[next], sizeof texts[next], "%s: %s", path, rest);
	return texts[next];
}

static inline int put_bytes(struct store *s, const struct store_file *f, const void *p, size_t n, struct error *e)
{
	struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	return store_put(s, f, &v, 1, e);
}

static inline int put_text(struct store *s, const struct store_file *f, const char *text, struct error *e)
{
	return put_bytes(s, f, text, strlen(text), e);
}

static inline void assert_content(struct store *s, const struct store_file *f, const char *text)
{
	struct error e = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	assert_ok(store_get_all(s, f, 1 << 20, &b, &e));
	assert_string_equal(buf_text(&b), text);
}

static inline void assert_absent(struct store *s, const struct store_file *f)
{
	struct error e = {0};
	uint64_t size;
	assert_fails(store_size(s, f, &size, &e), ERR_NOT_FOUND, text_of(f, "no such file in the repository"));
}

static inline char *temp_folder(void)
{
	struct error e = {0};
	char *path = NULL;
	assert_ok(fs_temp_dir(NULL, "store-", &path, &e));
	return path;
}

static inline void remove_folder(char *path)
{
	struct error e = {0};
	assert_ok(fs_remove_tree(path, &e));
	free(path);
}

static inline struct store *open_local(const char *path)
{
	struct error e = {0};
	struct store *s = NULL;
	assert_ok(local_open(path, &s, &e));
	return s;
}

static inline size_t count_files(struct store *s, enum store_kind kind)
{
	struct error e = {0};
	CLEANUP(store_listing_release) struct store_listing l = {0};
	assert_ok(store_list(s, kind, store_listing_add, &l, &e));
	return l.n;
}

#endif

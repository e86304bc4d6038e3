/* A repository in a private folder for the tests of local.c. */
#ifndef TEST_STORE_LOCAL_HELPER_H
#define TEST_STORE_LOCAL_HELPER_H

#include "helper.h"

#define LOCAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const enum store_kind folders[] = {STORE_KEY, STORE_LOCK, STORE_SNAPSHOT, STORE_INDEX, STORE_DATA};

struct fixture {
	struct store *s;
	char *folder;
};

/* An existing repository as a frugal copy left it: without the 256 folders in data/. */
static inline int set_up(void **state)
{
	struct error e = {0};
	static struct fixture t;
	t.folder = temp_folder();
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO_FREE char *path = path_join(t.folder, store_folder(folders[i]));
		assert_ok(fs_make_dirs(path, 0700, &e));
	}
	t.s = open_local(t.folder);
	*state = &t;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *t = *state;
	umask(022);
	store_free(t->s);
	remove_folder(t->folder);
	return 0;
}

static inline char *path_in(const struct fixture *t, const char *name)
{
	return path_join(t->folder, name);
}

static inline char *path_of(const struct fixture *t, const struct store_file *f)
{
	char name[STORE_PATH_MAX];
	store_path(f, name);
	return path_join(t->folder, name);
}

static inline size_t names_in(const struct fixture *t, const char *name)
{
	struct error e = {0};
	AUTO_FREE char *path = path_in(t, name);
	CLEANUP(strlist_release) struct strlist names = {0};
	assert_ok(fs_list(path, &names, &e));
	return names.n;
}

#endif

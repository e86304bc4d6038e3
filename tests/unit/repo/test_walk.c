#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "memory_repo.h"
#include "repo/packer.h"
#include "repo/walk.h"
#include "support.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a test works on: a repository and the means to put blobs into it. */
struct bench {
	struct repo *repo;
	struct packer *packer;
	struct blob_codec *codec;
};

static int set_up(void **state)
{
	struct bench *b = mem_zero(sizeof *b);
	struct error e = {0};

	b->repo = memory_repo();
	assert_int_equal(repo_load_index(b->repo, NULL, NULL, &e), 0);
	b->packer = packer_new(b->repo);
	b->codec = blob_codec_new(&b->repo->key);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	packer_free(b->packer);
	blob_codec_free(b->codec);
	repo_free(b->repo);
	free(b);
	return 0;
}

static struct id put_blob(struct bench *b, enum blob_type type, const void *p, size_t n)
{
	CLEANUP(buf_release) struct buf sealed = BUF_INIT;
	struct error e = {0};
	struct id id;
	uint32_t plain_len;

	support_seal(b->codec, p, n, 1, &id, &sealed, &plain_len);
	if (!index_claim(b->repo->index, type, &id))
		return id;
	assert_int_equal(packer_add(b->packer, type, &id, sealed.p, sealed.len, plain_len, n, &e), 0);
	return id;
}

static void settle(struct bench *b)
{
	struct error e = {0};

	assert_int_equal(packer_settle(b->packer, &e), 0);
}

static void add(struct tree *t, const char *name, enum node_type type, const struct id *id)
{
	struct tree_node n = {0};

	node_synthetic(&n.meta, name, type, (struct timespec){1700000000, 0});
	if (type == NODE_DIR)
		n.subtree = *id;
	else if (id)
		id_list_add(&n.content, id);
	if (type == NODE_FILE && id)
		n.meta.size = 5;
	tree_add(t, &n);
}

/* Encode, store and release. */
static struct id put_tree(struct bench *b, struct tree *t)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	tree_encode(t, &json);
	tree_release(t);
	return put_blob(b, BLOB_TREE, json.p, json.len);
}

/* a/b/deep, a/file ("hello"), empty/, link, z */
static struct id put_sample(struct bench *b)
{
	struct tree deep = {0}, a = {0}, root = {0}, none = {0};

	struct id hello = put_blob(b, BLOB_DATA, "hello", 5);
	add(&deep, "deep", NODE_FILE, NULL);
	struct id deep_id = put_tree(b, &deep);
	add(&a, "b", NODE_DIR, &deep_id);
	add(&a, "file", NODE_FILE, &hello);
	struct id a_id = put_tree(b, &a), none_id = put_tree(b, &none);
	add(&root, "a", NODE_DIR, &a_id);
	add(&root, "empty", NODE_DIR, &none_id);
	add(&root, "link", NODE_SYMLINK, NULL);
	add(&root, "z", NODE_FIFO, NULL);
	struct id id = put_tree(b, &root);
	settle(b);
	return id;
}

static void a_missing_tree_is_named(void **state)
{
	struct bench *b = *state;
	struct tree t;
	struct error e = {0};
	struct id id;

	assert_true(id_parse(&id, "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4", ID_HEX_LEN));
	assert_int_equal(walk_load_tree(b->repo, b->codec, &id, &t, &e), -ERR_NOT_FOUND);
	assert_memory_equal(e.text, "tree 18ac3e73: ", 15);
	assert_null(t.v);
}

static void a_damaged_tree_is_named_with_its_folder(void **state)
{
	struct bench *b = *state;
	struct tree root = {0};
	struct error e = {0};
	struct tree_source *s;
	enum tree_event event;
	const struct node *n;
	const char *path;
	char hex[ID_HEX_LEN + 1];

	struct id bad = put_blob(b, BLOB_TREE, "{\"nodes\":1}", 11);
	add(&root, "inner", NODE_DIR, &bad);
	struct id id = put_tree(b, &root);
	settle(b);
	AUTO_FREE char *text = mem_printf("inner: tree %.8s: invalid JSON at byte 9: an array expected", id_hex(&bad,
		hex));
	assert_int_equal(walk_source(b->repo, &id, NULL, &s, &e), 0);
	assert_int_equal(s->next(s, &event, &n, &path, &e), 0);
	assert_int_equal(s->next(s, &event, &n, &path, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	s->close(s);
	assert_int_equal(walk_source(b->repo, &bad, NULL, &s, &e), -ERR_CORRUPT);
}

static void assert_not_found(struct bench *b, const struct id *root, const char *path, const char *text)
{
	struct tree_node n;
	struct error e = {0};

	assert_int_equal(walk_find(b->repo, root, path, &n, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, text);
}

static void what_is_not_there_is_named(void **state)
{
	struct bench *b = *state;
	struct id root = put_sample(b);

	assert_not_found(b, &root, "nothing", "nothing: there is no \"nothing\"");
	assert_not_found(b, &root, "a/nothing/more", "a/nothing: there is no \"nothing\"");
	assert_not_found(b, &root, "/a/file/x/y", "/a/file/x: \"x\" is not in a folder");
	assert_not_found(b, &root, "a/..", "a/..: there is no \"..\"");
}

static void entries_are_found_by_path(void **state)
{
	static const struct {
		const char *path, *name;
		enum node_type type;
	} cases[] = {
		{"", "", NODE_DIR}, {"/", "", NODE_DIR}, {"a", "a", NODE_DIR}, {"/a/b/", "b", NODE_DIR},
		{"a//file", "file", NODE_FILE}, {"a/b/deep", "deep", NODE_FILE}, {"link", "link", NODE_SYMLINK},
	};
	struct bench *b = *state;
	struct id root = put_sample(b);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(tree_node_release) struct tree_node n;
		struct error e = {0};

		assert_int_equal(walk_find(b->repo, &root, cases[i].path, &n, &e), 0);
		assert_string_equal(n.meta.name, cases[i].name);
		assert_int_equal(n.meta.type, cases[i].type);
		if (!cases[i].name[0])
			assert_true(id_equal(&n.subtree, &root));
	}
}

/* Writes down what it sees; `skip` is not entered, `stop` ends the walk. */
struct notes {
	struct buf text;
	const char *skip, *stop;
};

static int note(const char *path, const struct tree_node *n, void *ctx, struct error *e)
{
	struct notes *s = ctx;

	buf_printf(&s->text, "%s%s ", path, n->meta.type == NODE_DIR ? "/" : "");
	if (s->stop && strcmp(path, s->stop) == 0)
		return error_set(e, ERR_CANCELLED, "stopped");
	return s->skip && strcmp(path, s->skip) == 0 ? WALK_SKIP : 0;
}

static void assert_walk(struct bench *b, const struct id *root, struct notes s, int result, const char *seen)
{
	struct error e = {0};

	assert_int_equal(walk_tree(b->repo, root, note, &s, &e), result);
	assert_string_equal(buf_text(&s.text), seen);
	buf_release(&s.text);
}

static void a_walk_visits_folders_before_what_they_hold(void **state)
{
	struct bench *b = *state;
	struct id root = put_sample(b);

	assert_walk(b, &root, (struct notes){0}, 0, "a/ a/b/ a/b/deep a/file empty/ link z ");
	assert_walk(b, &root, (struct notes){.skip = "a"}, 0, "a/ empty/ link z ");
	assert_walk(b, &root, (struct notes){.skip = "a/b"}, 0, "a/ a/b/ a/file empty/ link z ");
	assert_walk(b, &root, (struct notes){.skip = "a/file"}, 0, "a/ a/b/ a/b/deep a/file empty/ link z ");
	assert_walk(b, &root, (struct notes){.stop = "a/b/deep"}, -ERR_CANCELLED, "a/ a/b/ a/b/deep ");
}

static int count_levels(const char *path, const struct tree_node *n, void *ctx, struct error *e)
{
	++*(int *)ctx;
	return 0;
}

/* Folders named "d" one in the other, `levels` of them. */
static struct id put_nest(struct bench *b, int levels)
{
	struct tree empty = {0};
	struct id id = put_tree(b, &empty);

	for (int i = 0; i < levels; i++) {
		struct tree t = {0};

		add(&t, "d", NODE_DIR, &id);
		id = put_tree(b, &t);
	}
	settle(b);
	return id;
}

static void folders_nested_too_deeply_end_a_walk(void **state)
{
	struct bench *b = *state;
	struct error e = {0};
	int levels = 0;

	struct id deepest = put_nest(b, 4095);
	assert_int_equal(walk_tree(b->repo, &deepest, count_levels, &levels, &e), 0);
	assert_int_equal(levels, 4095);
	struct id deeper = put_nest(b, 4096);
	assert_int_equal(walk_tree(b->repo, &deeper, count_levels, &levels, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "folders are nested deeper than 4096 levels");
}

/* The tree as a source */

static struct tree_source *opened(struct bench *b)
{
	struct id root = put_sample(b);
	struct tree_source *s = NULL;
	struct error e = {0};

	assert_int_equal(walk_source(b->repo, &root, NULL, &s, &e), 0);
	return s;
}

/* cmocka has a macro of the member's name. */
static int skip_folder(struct tree_source *s, struct error *e)
{
	return (s->skip)(s, e);
}

static void step(struct tree_source *s, enum tree_event wanted, const char *wanted_path)
{
	struct error e = {0};
	enum tree_event event;
	const struct node *n;
	const char *path;

	assert_int_equal(s->next(s, &event, &n, &path, &e), 0);
	assert_int_equal(event, wanted);
	if (event == TREE_END) {
		assert_null(n);
		return;
	}
	assert_string_equal(path, wanted_path);
	assert_string_equal(n->name, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	assert_int_equal(n->type == NODE_DIR, event != TREE_NODE);
}

static void a_source_enters_and_leaves_every_folder(void **state)
{
	struct tree_source *s = opened(*state);

	step(s, TREE_ENTER, "a");
	step(s, TREE_ENTER, "a/b");
	step(s, TREE_NODE, "a/b/deep");
	step(s, TREE_LEAVE, "a/b");
	step(s, TREE_NODE, "a/file");
	step(s, TREE_LEAVE, "a");
	step(s, TREE_ENTER, "empty");
	step(s, TREE_LEAVE, "empty");
	step(s, TREE_NODE, "link");
	step(s, TREE_NODE, "z");
	step(s, TREE_END, NULL);
	step(s, TREE_END, NULL);
	s->close(s);
}

static void a_skipped_folder_is_neither_read_nor_left(void **state)
{
	struct tree_source *s = opened(*state);
	struct error e = {0};

	assert_int_equal(skip_folder(s, &e), -ERR_INTERNAL);
	step(s, TREE_ENTER, "a");
	step(s, TREE_ENTER, "a/b");
	assert_int_equal(skip_folder(s, &e), 0);
	step(s, TREE_NODE, "a/file");
	assert_int_equal(skip_folder(s, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "no folder was just entered, so none can be skipped");
	step(s, TREE_LEAVE, "a");
	step(s, TREE_ENTER, "empty");
	assert_int_equal(skip_folder(s, &e), 0);
	step(s, TREE_NODE, "link");
	s->close(s);
}

static void a_file_can_be_opened_and_read_after_stepping_on(void **state)
{
	struct tree_source *s = opened(*state);
	struct source *content = NULL;
	struct error e = {0};
	char text[8];

	assert_int_equal(s->open(s, &content, &e), -ERR_INTERNAL);
	step(s, TREE_ENTER, "a");
	assert_int_equal(s->open(s, &content, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "a is not a file, so it has no content");
	step(s, TREE_ENTER, "a/b");
	assert_int_equal(skip_folder(s, &e), 0);
	step(s, TREE_NODE, "a/file");
	assert_int_equal(s->open(s, &content, &e), 0);
	step(s, TREE_LEAVE, "a");
	assert_int_equal(content->size, 5);
	assert_int_equal(content->pread(content, text, sizeof text, 1, &e), 4);
	assert_memory_equal(text, "ello", 4);
	source_close(content);
	s->close(s);
}

static void write_result(void *ctx, int fd, int result, const struct error *why)
{
	char text[8] = "";

	if (result == 0 && pread(fd, text, sizeof text, 0) == 5 && memcmp(text, "hello", 5) == 0)
		atomic_fetch_add((atomic_int *)ctx, 1);
}

static void files_are_fetched_into_descriptors(void **state)
{
	struct tree_source *s = opened(*state);
	atomic_int written = 0;
	struct error e = {0};

	assert_int_equal(s->wait(s, &e), 0);
	step(s, TREE_ENTER, "a");
	int unused = dup(0);
	assert_int_equal(s->fetch(s, unused, false, write_result, &written, &e), -ERR_INTERNAL);
	assert_int_equal(fcntl(unused, F_GETFD), -1);
	step(s, TREE_ENTER, "a/b");
	step(s, TREE_NODE, "a/b/deep");
	step(s, TREE_LEAVE, "a/b");
	step(s, TREE_NODE, "a/file");
	for (int i = 0; i < 3; i++) {
		int fd;

		assert_int_equal(fs_temp_anonymous(NULL, &fd, &e), 0);
		assert_int_equal(s->fetch(s, fd, i == 1, write_result, &written, &e), 0);
	}
	assert_int_equal(s->wait(s, &e), 0);
	assert_int_equal(written, 3);
	s->close(s);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_missing_tree_is_named),
		TEST(a_damaged_tree_is_named_with_its_folder),
		TEST(what_is_not_there_is_named),
		TEST(entries_are_found_by_path),
		TEST(a_walk_visits_folders_before_what_they_hold),
		TEST(folders_nested_too_deeply_end_a_walk),
		TEST(a_source_enters_and_leaves_every_folder),
		TEST(a_skipped_folder_is_neither_read_nor_left),
		TEST(a_file_can_be_opened_and_read_after_stepping_on),
		TEST(files_are_fetched_into_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

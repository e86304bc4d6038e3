#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/support.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_entry *entry_new(const struct node *n)
{
	struct test_entry *x = mem_zero(sizeof *x);
	node_copy(&x->node, n);
	return x;
}

static void entry_free(struct test_entry *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->count; i++)
		entry_free(x->children[i]);
	free(x->children);
	free(x->bytes);
	node_release(&x->node);
	free(x);
}

static struct test_entry *entry_child(const struct test_entry *dir, const char *name, size_t n)
{
	for (size_t i = 0; i < dir->count; i++) {
		const char *have = dir->children[i]->node.name;
		if (strlen(have) == n && memcmp(have, name, n) == 0)
			return dir->children[i];
	}
	return NULL;
}

static void entry_add(struct test_entry *dir, struct test_entry *x)
{
	assert_null(entry_child(dir, x->node.name, strlen(x->node.name)));
	GROW(dir->children, dir->count, dir->cap);
	dir->children[dir->count++] = x;
}

static struct test_entry *entry_find(struct test_entry *at, const char *path)
{
	while (at && *path) {
		size_t n = strcspn(path, "/");
		at = n ? entry_child(at, path, n) : at;
		path += n + (path[n] == '/');
	}
	return at;
}

/* The file being written. */
struct test_file {
	struct file_sink sink;
	struct test_tree *tree;
	unsigned char *bytes;
	size_t size, cap;
	bool written, put;                /* which of the two ways is used */
	size_t block;                     /* length of a full block, 0 until known */
	struct { unsigned char *p; size_t n; } *blocks;
	size_t block_count;
};

static int file_take(struct test_file *f, size_t n, struct error *e)
{
	struct test_tree *t = f->tree;
	if (t->meanwhile)
		t->meanwhile(t->meanwhile_ctx);
	t->bytes_taken += n;
	if (t->fail_after && t->bytes_taken > t->fail_after)
		return error_set(e, ERR_NO_SPACE, "the store is full");
	return 0;
}

static int file_write(struct file_sink *s, const void *p, size_t n, struct error *e)
{
	struct test_file *f = (struct test_file *)s;
	assert_false(f->put);
	f->written = true;
	int err = file_take(f, n, e);
	if (err)
		return err;
	if (f->size + n > f->cap) {
		f->cap = (f->size + n) * 2;
		f->bytes = mem_resize(f->bytes, f->cap);
	}
	memcpy(f->bytes + f->size, p, n);
	f->size += n;
	return 0;
}

static int file_cut(struct file_sink *s, struct error *e)
{
	return 0;
}

static int file_prepend(struct file_sink *s, const void *p, size_t n, struct error *e)
{
	struct test_file *f = (struct test_file *)s;
	size_t before = f->size;
	int err = file_write(s, p, n, e);
	if (err)
		return err;
	memmove(f->bytes + n, f->bytes, before);
	memcpy(f->bytes, p, n);
	return 0;
}

static int file_put(struct file_sink *s, uint64_t index, const void *p, size_t n, struct error *e)
{
	struct test_file *f = (struct test_file *)s;
	assert_false(f->written);
	assert_true(n > 0);
	f->put = true;
	f->tree->puts++;
	int err = file_take(f, n, e);
	if (err)
		return err;
	if (index >= f->block_count) {
		size_t count = (size_t)index + 1;
		f->blocks = mem_array(f->blocks, count, sizeof *f->blocks);
		memset(f->blocks + f->block_count, 0, (count - f->block_count) * sizeof *f->blocks);
		f->block_count = count;
	}
	free(f->blocks[index].p);
	f->blocks[index].p = mem_copy(p, n);
	f->blocks[index].n = n;
	return 0;
}

static int file_truncate(struct file_sink *s, uint64_t index, struct error *e)
{
	struct test_file *f = (struct test_file *)s;
	while (f->block_count > index)
		free(f->blocks[--f->block_count].p);
	return 0;
}

static void file_free(struct test_file *f)
{
	for (size_t i = 0; i < f->block_count; i++)
		free(f->blocks[i].p);
	free(f->blocks);
	free(f->bytes);
	free(f);
}

/* All blocks are there and have one length, only the last may be shorter. */
static void file_join_blocks(struct test_file *f)
{
	for (size_t i = 0; i < f->block_count; i++) {
		assert_non_null(f->blocks[i].p);
		if (i + 1 < f->block_count)
			assert_int_equal(f->blocks[i].n, f->blocks[0].n);
		else
			assert_true(f->blocks[i].n <= f->blocks[0].n);
		f->size += f->blocks[i].n;
	}
	f->bytes = mem_alloc(f->size);
	for (size_t i = 0, at = 0; i < f->block_count; at += f->blocks[i++].n)
		memcpy(f->bytes + at, f->blocks[i].p, f->blocks[i].n);
}

static int file_close(struct file_sink *s, const struct node *node, uint8_t *sha256, struct error *e)
{
	struct test_file *f = (struct test_file *)s;
	if (f->put)
		file_join_blocks(f);
	if (sha256)
		assert_int_equal(EVP_Digest(f->bytes, f->size, sha256, NULL, EVP_sha256(), NULL), 1);
	struct test_entry *x = entry_new(node);
	x->bytes = TAKE(f->bytes);
	x->size = f->size;
	x->node.size = f->size;
	entry_add(f->tree->stack[f->tree->depth], x);
	f->tree->files_closed++;
	file_free(f);
	return 0;
}

static void file_abort(struct file_sink *s)
{
	struct test_file *f = (struct test_file *)s;
	f->tree->files_aborted++;
	file_free(f);
}

static int tree_enter(struct tree_sink *s, const struct node *dir, struct error *e)
{
	struct test_tree *t = (struct test_tree *)s;
	struct test_entry *x = entry_new(dir);
	entry_add(t->stack[t->depth], x);
	assert_true(t->depth + 1 < ARRAY_LEN(t->stack));
	t->stack[++t->depth] = x;
	return 0;
}

static int tree_leave(struct tree_sink *s, struct error *e)
{
	struct test_tree *t = (struct test_tree *)s;
	assert_true(t->depth > 0);
	t->depth--;
	return 0;
}

static int tree_add(struct tree_sink *s, const struct node *n, struct error *e)
{
	struct test_tree *t = (struct test_tree *)s;
	entry_add(t->stack[t->depth], entry_new(n));
	return 0;
}

static int tree_file(struct tree_sink *s, bool hashed, struct file_sink **out, struct error *e)
{
	struct test_tree *t = (struct test_tree *)s;
	struct test_file *f = mem_zero(sizeof *f);
	f->sink = (struct file_sink){.write = file_write, .cut = file_cut, .prepend = file_prepend, .put = file_put, .truncate = file_truncate,
		.close = file_close, .abort = file_abort};
	f->tree = t;
	t->files_begun++;
	*out = &f->sink;
	return 0;
}

/* The entry of the previous tree in the folder that corresponds to the current one. */
static struct test_entry *previous_entry(const struct test_tree *t, const char *name)
{
	struct test_entry *at = t->previous ? t->previous->root : NULL;
	for (size_t i = 1; at && i <= t->depth; i++)
		at = entry_child(at, t->stack[i]->node.name, strlen(t->stack[i]->node.name));
	return at ? entry_child(at, name, strlen(name)) : NULL;
}

static int tree_known(struct tree_sink *s, const char *name, struct known_file *k, struct error *e)
{
	struct test_entry *x = previous_entry((struct test_tree *)s, name);
	*k = (struct known_file){.present = x != NULL};
	if (x)
		k->node = x->node;
	return 0;
}

static int tree_reuse(struct tree_sink *s, const char *name, const struct node *n, struct error *e)
{
	struct test_tree *t = (struct test_tree *)s;
	struct test_entry *from = previous_entry(t, name);
	if (!from)
		return error_set(e, ERR_NOT_FOUND, "%s is no longer in the repository", name);
	struct test_entry *x = entry_new(n);
	x->bytes = mem_copy(from->bytes, from->size);
	x->size = from->size;
	x->reused = true;
	entry_add(t->stack[t->depth], x);
	return 0;
}

static int open_entry(struct test_entry *root, const char *path, struct source **out, struct error *e)
{
	struct test_entry *x = entry_find(root, path);
	if (!x || x->node.type != NODE_FILE)
		return error_set(e, ERR_NOT_FOUND, "%s: no such file in the backup", path);
	*out = source_from_memory(x->bytes, x->size);
	return 0;
}

static int tree_open(struct tree_sink *s, const char *path, struct source **out, struct error *e)
{
	return open_entry(((struct test_tree *)s)->root, path, out, e);
}

struct test_tree *test_tree_new(const struct test_tree *previous)
{
	struct test_tree *t = mem_zero(sizeof *t);
	CLEANUP(node_release) struct node top = {0};
	node_synthetic(&top, "", NODE_DIR, (struct timespec){0});
	t->sink = (struct tree_sink){.enter = tree_enter, .leave = tree_leave, .add = tree_add, .file = tree_file,
		.known = tree_known, .reuse = tree_reuse, .open = tree_open};
	t->root = t->stack[0] = entry_new(&top);
	t->previous = previous;
	return t;
}

void test_tree_free(struct test_tree *t)
{
	if (t)
		entry_free(t->root);
	free(t);
}

struct test_entry *test_tree_find(const struct test_tree *t, const char *path)
{
	return entry_find(t->root, path);
}

struct test_entry *test_tree_put(struct test_tree *t, const char *path, const void *p, size_t n)
{
	struct test_entry *dir = t->root;
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		struct test_entry *sub = entry_child(dir, path, (size_t)(slash - path));
		if (!sub) {
			AUTO_FREE char *name = mem_string_n(path, (size_t)(slash - path));
			CLEANUP(node_release) struct node node = {0};
			node_synthetic(&node, name, NODE_DIR, (struct timespec){0});
			sub = entry_new(&node);
			entry_add(dir, sub);
		}
		dir = sub;
	}
	struct test_entry *x = entry_child(dir, path, strlen(path));
	if (!x) {
		CLEANUP(node_release) struct node node = {0};
		node_synthetic(&node, path, NODE_FILE, (struct timespec){0});
		x = entry_new(&node);
		entry_add(dir, x);
	}
	free(x->bytes);
	x->bytes = mem_copy(p, n);
	x->size = n;
	x->node.size = n;
	return x;
}

/* The tree being read. */
struct test_walk {
	struct tree_source source;
	struct { struct test_entry *dir; size_t next; } stack[64];
	size_t depth;                     /* open folders; stack[0] is the top, which is not reported */
	struct test_entry *current;
	struct buf path;
	int failed;
	struct error why;
};

static void walk_name(struct test_walk *w, const char *name)
{
	if (w->path.len)
		buf_add_byte(&w->path, '/');
	buf_add_str(&w->path, name);
}

/* The path of the folder that is open at present. */
static void walk_path(struct test_walk *w)
{
	buf_clear(&w->path);
	for (size_t i = 1; i <= w->depth; i++)
		walk_name(w, w->stack[i].dir->node.name);
}

static int walk_next(struct tree_source *s, enum tree_event *event, const struct node **node, const char **path,
	struct error *e)
{
	struct test_walk *w = (struct test_walk *)s;
	struct test_entry *dir = w->stack[w->depth].dir;
	walk_path(w);
	if (w->stack[w->depth].next == dir->count) {
		w->current = dir;
		*event = w->depth ? TREE_LEAVE : TREE_END;
		w->depth -= w->depth > 0;
	} else {
		w->current = dir->children[w->stack[w->depth].next++];
		walk_name(w, w->current->node.name);
		*event = w->current->node.type == NODE_DIR ? TREE_ENTER : TREE_NODE;
		if (*event == TREE_ENTER) {
			w->depth++;
			w->stack[w->depth].dir = w->current;
			w->stack[w->depth].next = 0;
		}
	}
	*node = &w->current->node;
	*path = buf_text(&w->path);
	return 0;
}

static int walk_skip(struct tree_source *s, struct error *e)
{
	struct test_walk *w = (struct test_walk *)s;
	assert_true(w->depth > 0 && w->current == w->stack[w->depth].dir && w->stack[w->depth].next == 0);
	w->depth--;
	return 0;
}

struct test_fetch {
	struct test_walk *walk;
	struct test_entry *entry;
	int fd;
	void (*done)(void *ctx, int fd, int result, const struct error *why);
	void *ctx;
};

static void *fetch_run(void *arg)
{
	struct test_fetch *f = arg;
	struct error e = {0};
	int err = 0;
	if (ftruncate(f->fd, (off_t)f->entry->size) != 0 || fs_pwrite_full(f->fd, f->entry->bytes, f->entry->size, 0))
		err = error_set(&e, ERR_IO, "writing %s", f->entry->node.name);
	if (err && !f->walk->failed) {
		f->walk->failed = err;
		f->walk->why = e;
	}
	f->done(f->ctx, f->fd, err, &e);
	fs_close(&f->fd);
	return NULL;
}

/* Done on another thread, as the real one does, but waited for at once. */
static int walk_fetch(struct tree_source *s, int fd, bool sparse,
	void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx, struct error *e)
{
	struct test_walk *w = (struct test_walk *)s;
	struct test_fetch f = {.walk = w, .entry = w->current, .fd = fd, .done = done, .ctx = ctx};
	pthread_t thread;
	assert_int_equal(thread_start(&thread, "fetch", fetch_run, &f), 0);
	pthread_join(thread, NULL);
	return 0;
}

static int walk_open(struct tree_source *s, struct source **out, struct error *e)
{
	const struct test_entry *x = ((struct test_walk *)s)->current;
	*out = source_from_memory(x->bytes, x->size);
	return 0;
}

static int walk_wait(struct tree_source *s, struct error *e)
{
	struct test_walk *w = (struct test_walk *)s;
	if (w->failed)
		*e = w->why;
	return w->failed;
}

static void walk_close(struct tree_source *s)
{
	struct test_walk *w = (struct test_walk *)s;
	buf_release(&w->path);
	free(w);
}

static int stored_open(const struct stored *s, const char *path, struct source **out, struct error *e)
{
	return open_entry(((struct test_tree *)s->ctx)->root, path, out, e);
}

static int stored_tree(const struct stored *s, const char *path, struct tree_source **out, struct error *e)
{
	struct test_entry *x = entry_find(((struct test_tree *)s->ctx)->root, path);
	if (!x || x->node.type != NODE_DIR)
		return error_set(e, ERR_NOT_FOUND, "%s: no such folder in the backup", path);
	struct test_walk *w = mem_zero(sizeof *w);
	w->source = (struct tree_source){.next = walk_next, .skip = walk_skip, .fetch = walk_fetch, .open = walk_open,
		.wait = walk_wait, .close = walk_close};
	w->stack[0].dir = x;
	*out = &w->source;
	return 0;
}

struct stored test_stored(struct test_tree *t, const struct manifest_source *m)
{
	return (struct stored){.manifest = m, .open = stored_open, .tree = stored_tree, .ctx = t};
}

char *test_dir(void)
{
	struct error e = {0};
	char *dir = NULL;
	if (fs_temp_dir(NULL, "backstay-test-", &dir, &e))
		fail_msg("%s", e.text);
	return dir;
}

void test_dir_remove(char *dir)
{
	struct error e = {0};
	if (fs_remove_tree(dir, &e))
		fail_msg("%s", e.text);
	free(dir);
}

char *test_path(const char *dir, const char *name)
{
	return path_join(dir, name);
}

void test_file_write(const char *path, const void *p, size_t n)
{
	CLEANUP(fs_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_full(fd, p, n), 0);
}

void test_file_age(const char *path, int seconds)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	struct timespec times[2] = {st.st_atim, st.st_mtim};
	times[1].tv_sec -= seconds;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

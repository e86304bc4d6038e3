/* Two trees of files, each stored or live, entry by entry. */
#include "job/compare_files.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/files.h"
#include "job/same_content.h"
#include "repo/artifact.h"
#include "repo/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is compared of an entry. */
struct entry {
	enum node_type type;
	uint32_t mode;
	uint64_t size;
	struct timespec mtime;
	bool live;
	struct id content; /* stored: hash of the list of blob ids */
	char *link;
};

struct comparison {
	const struct compare_side *a, *b;
	char *live;                    /* path of the live source, or NULL */
	struct backup_options options; /* what a backup of it would leave out; borrows */
	struct map *left, *right;      /* path ("" is the source itself, when it is no folder) to entry */
	struct progress *progress;
	struct compare_result *out;
	bool prefix;
};

static void entry_free(void *p)
{
	struct entry *x = p;

	free(x->link);
	free(x);
}

static void comparison_release(struct comparison *x)
{
	map_free(x->left, entry_free);
	map_free(x->right, entry_free);
	free(x->live);
}

static struct entry *entry_of(const struct node *n)
{
	struct entry *x = mem_zero(sizeof *x);

	*x = (struct entry){.type = n->type, .mode = n->mode, .size = n->size, .mtime = n->mtime};
	x->link = n->link_target ? mem_string(n->link_target) : NULL;
	return x;
}

/* ---- stored ---- */

static int collect_stored(const char *path, const struct tree_node *n, void *ctx, struct error *e)
{
	struct entry *x = entry_of(&n->meta);

	id_hash(&x->content, n->content.v, n->content.n * sizeof *n->content.v);
	map_put(ctx, path, strlen(path), x);
	return 0;
}

static int collect_side(const struct compare_side *s, struct map *m, struct error *e)
{
	struct tree_node top = {0};
	int rc = backup_entry(s->backup, s->source->name, &top, e);

	if (!rc && top.meta.type == NODE_DIR)
		rc = walk_tree(s->backup->repository->repo, &top.subtree, collect_stored, m, e);
	else if (!rc)
		rc = collect_stored("", &top, m, e);
	tree_node_release(&top);
	return rc;
}

/* ---- live ---- */

static char *read_link(const char *path, const struct stat *st)
{
	size_t room = (size_t)st->st_size + 1;
	char *target = mem_zero(room + 1);

	if (readlink(path, target, room) < 0)
		*target = 0;
	return target;
}

static bool is_cache(const char *folder)
{
	CLEANUP(fs_close) int fd = files_open_folder(AT_FDCWD, folder);

	return fd >= 0 && files_is_cache(fd);
}

/* What the backup holds is compared, however it came there. */
static bool is_left_out(const struct comparison *x, const char *full, const char *path, bool folder)
{
	if (!*path || map_has(x->left, path, strlen(path)))
		return false;
	return files_left_out(&x->options, path, folder) || (folder && is_cache(full)) ||
	       (folder && !strchr(path, '/') && draft_is(path, ""));
}

static int collect_live(struct comparison *x, const char *path, struct error *e);

static int collect_folder(struct comparison *x, const char *full, const char *path, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = progress_check(x->progress, e);

	if (!rc)
		rc = fs_list(full, &names, e);
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *below = *path ? path_join(path, names.v[i]) : mem_string(names.v[i]);

		rc = collect_live(x, below, e);
	}
	return rc;
}

/* An entry and what lies below it. One that goes away meanwhile is not there. */
static int collect_live(struct comparison *x, const char *path, struct error *e)
{
	AUTO_FREE char *full = *path ? path_join(x->live, path) : mem_string(x->live);
	CLEANUP(node_release) struct node n = {0};
	struct stat st;

	if (*path ? lstat(full, &st) : stat(full, &st))
		return errno == ENOENT && *path ? 0 : error_sys(e, errno, "%s", full);
	bool folder = S_ISDIR(st.st_mode);

	if (is_left_out(x, full, path, folder))
		return 0;
	node_from_stat(&n, path_base(full), &st);
	if (S_ISLNK(st.st_mode))
		n.link_target = read_link(full, &st);
	if (*path || !folder) {
		struct entry *found = entry_of(&n);

		found->live = true;
		map_put(x->right, path, strlen(path), found);
	}
	return folder ? collect_folder(x, full, path, e) : 0;
}

/* ---- comparing ---- */

/* A live file of the same size but another time: only its content tells. */
static int read_both(const struct comparison *x, const char *path, bool *same, struct error *e)
{
	AUTO_FREE char *stored = *path ? path_join(x->a->source->name, path) : mem_string(x->a->source->name);
	AUTO_FREE char *full = *path ? path_join(x->live, path) : mem_string(x->live);
	struct tree_node node = {0};
	struct source *kept = NULL;
	int rc = backup_entry(x->a->backup, stored, &node, e);

	if (!rc)
		rc = artifact_open(x->a->backup->repository->repo, &node, 0, &kept, e);
	if (!rc)
		rc = same_content(kept, full, x->progress, same, e);
	source_close(kept);
	tree_node_release(&node);
	return rc;
}

static int compare_entries(const struct comparison *x, const char *path, const struct entry *a, const struct entry *b,
			   bool *same, struct error *e)
{
	*same = a->type == b->type && a->mode == b->mode;
	if (!*same)
		return 0;
	if (a->type == NODE_SYMLINK)
		*same = a->link && b->link && !strcmp(a->link, b->link);
	if (a->type != NODE_FILE)
		return 0;
	*same = a->size == b->size;
	if (!b->live)
		*same = *same && id_equal(&a->content, &b->content);
	else if (*same && time_cmp(a->mtime, b->mtime))
		return read_both(x, path, same, e);
	return 0;
}

static void add_difference(const struct comparison *x, enum diff_kind kind, const char *path, const struct entry *a,
			   const struct entry *b)
{
	struct compare_result *out = x->out;
	const char *source = x->a->source->name;
	struct file_diff d = {.kind = kind, .size_a = a ? a->size : 0, .size_b = b ? b->size : 0};

	d.path = !*path ? mem_string(source) : x->prefix ? path_join(source, path) : mem_string(path);
	out->files = mem_array(out->files, out->file_count + 1, sizeof *out->files);
	out->files[out->file_count++] = d;
	out->equal = false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file_diff *)a)->path, ((const struct file_diff *)b)->path);
}

static int compare_left(const struct comparison *x, struct error *e)
{
	const void *key;
	size_t len;
	void *value;

	for (size_t i = 0; i < map_slots(x->left); i++) {
		if (!map_at(x->left, i, &key, &len, &value))
			continue;
		AUTO_FREE char *path = mem_string_n(key, len);
		const struct entry *a = value, *b = map_get(x->right, key, len);
		bool same = false;
		int rc = b ? compare_entries(x, path, a, b, &same, e) : 0;

		if (rc)
			return rc;
		if (same)
			x->out->files_same += a->type == NODE_FILE;
		else
			add_difference(x, b ? DIFF_CHANGED : DIFF_ONLY_A, path, a, b);
	}
	return 0;
}

static void add_right_only(const struct comparison *x)
{
	const void *key;
	size_t len;
	void *value;

	for (size_t i = 0; i < map_slots(x->right); i++) {
		if (!map_at(x->right, i, &key, &len, &value) || map_has(x->left, key, len))
			continue;
		AUTO_FREE char *path = mem_string_n(key, len);

		add_difference(x, DIFF_ONLY_B, path, NULL, value);
	}
}

static int collect_other(struct comparison *x, struct error *e)
{
	CLEANUP(source_url_release) struct source_url url = {0};

	if (x->b->backup)
		return collect_side(x->b, x->right, e);
	AUTO_FREE char *text = repository_source_url(x->a->backup->repository, x->a->source->url);
	int rc = source_url_parse(text, false, NULL, &url, e);

	if (rc)
		return rc;
	x->live = mem_string(url.path);
	x->options = (struct backup_options){.exclude = x->a->backup->snapshot.excludes};
	return collect_live(x, "", e);
}

int compare_files(const struct compare_side *a, const struct compare_side *b, bool prefix, struct progress *p,
		  struct compare_result *out, struct error *e)
{
	CLEANUP(comparison_release) struct comparison x = {.a = a, .b = b, .progress = p, .out = out, .prefix = prefix};
	size_t before = out->file_count;

	x.left = map_new();
	x.right = map_new();
	int rc = collect_side(a, x.left, e);

	if (!rc)
		rc = collect_other(&x, e);
	if (!rc)
		rc = compare_left(&x, e);
	if (rc)
		return rc;
	add_right_only(&x);
	if (out->file_count > before)
		qsort(out->files + before, out->file_count - before, sizeof *out->files, by_path);
	return 0;
}

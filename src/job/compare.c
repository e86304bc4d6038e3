/* Two backups, or a backup and the live source, side by side. */
#include "job/compare.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "repo/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void compare_result_release(struct compare_result *c)
{
	table_diff_free(c->tables, c->table_count);
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i].path);
	free(c->files);
	*c = (struct compare_result){0};
}

/* ---- one source on both sides ---- */

/* The same source in the other backup: by URL, else by name. */
static const struct manifest_source *counterpart(const struct manifest *m, const struct manifest_source *s)
{
	for (size_t i = 0; i < m->source_count; i++)
		if (!strcmp(m->sources[i].url, s->url))
			return &m->sources[i];
	return manifest_find_source(m, s->name);
}

static int open_rows(const struct backup *b, const struct manifest_source *s, struct rows_db **out, struct error *e)
{
	struct stored stored;

	backup_stored(b, s, &stored);
	return engine_by_name(s->engine)->rows_stored(&stored, out, e);
}

static int open_live_rows(const struct manifest_source *s, struct rows_db **out, struct error *e)
{
	CLEANUP(source_url_release) struct source_url url = {0};
	int rc = source_url_parse(s->url, false, NULL, &url, e);

	return rc ? rc : url.engine->rows_live(&url, out, e);
}

static void take_tables(struct compare_result *out, struct table_diff *v, size_t n)
{
	out->tables = mem_array(out->tables, out->table_count + n, sizeof *v);
	memcpy(out->tables + out->table_count, v, n * sizeof *v);
	out->table_count += n;
	free(v);
	for (size_t i = 0; i < out->table_count; i++)
		out->equal &= out->tables[i].kind == DIFF_SAME;
}

static int compare_rows(const struct backup *a, const struct manifest_source *s, const struct backup *b, const struct manifest_source *t,
			const struct compare_options *o, struct compare_result *out, struct error *e)
{
	struct rows_db *left = NULL, *right = NULL;
	struct table_diff *v = NULL;
	size_t n = 0;
	int rc = open_rows(a, s, &left, e);

	if (!rc)
		rc = b ? open_rows(b, t, &right, e) : open_live_rows(s, &right, e);
	if (!rc)
		rc = rows_diff(left, right, &o->tables, o->on_row, o->ctx, o->progress, &v, &n, e);
	if (!rc)
		take_tables(out, v, n);
	rows_close(left);
	rows_close(right);
	return rc;
}

/* ---- folders ---- */

/* What is compared of an entry. */
struct entry {
	enum node_type type;
	uint32_t mode;
	uint64_t size;
	struct timespec mtime;
	bool has_content;                 /* stored: ids tell; live: size and time must do */
	struct id content;                /* hash of the list of blob ids */
	char *link;
};

static void entry_free(void *p)
{
	struct entry *x = p;

	free(x->link);
	free(x);
}

static void map_release(struct map **m)
{
	map_free(*m, entry_free);
}

static struct entry *entry_of(const struct node *n)
{
	struct entry *x = mem_zero(sizeof *x);

	*x = (struct entry){.type = n->type, .mode = n->mode, .size = n->size, .mtime = n->mtime, .link = n->link_target ? mem_string(n->link_target) : NULL};
	return x;
}

static int collect_stored(const char *path, const struct tree_node *n, void *ctx, struct error *e)
{
	struct entry *x = entry_of(&n->meta);

	x->has_content = n->meta.type == NODE_FILE;
	id_hash(&x->content, n->content.v, n->content.n * sizeof *n->content.v);
	map_put(ctx, path, strlen(path), x);
	return 0;
}

static int collect_stored_tree(const struct backup *b, const struct manifest_source *s, struct map *m, struct error *e)
{
	struct tree_node top = {0};
	int rc = backup_entry(b, s->name, &top, e);

	if (!rc && top.meta.type == NODE_DIR)
		rc = walk_tree(b->repository->repo, &top.subtree, collect_stored, m, e);
	else if (!rc)
		rc = collect_stored("", &top, m, e);
	tree_node_release(&top);
	return rc;
}

static int collect_live(const char *top, const char *path, struct map *m, struct error *e)
{
	AUTO_FREE char *full = path_join(top, path);
	struct stat st;
	CLEANUP(node_release) struct node n = {0};
	char target[4097];

	if (lstat(full, &st))
		return error_sys(e, errno, "%s", full);
	node_from_stat(&n, path_base(full), &st);
	ssize_t length = S_ISLNK(st.st_mode) ? readlink(full, target, sizeof target - 1) : -1;

	if (length >= 0)
		n.link_target = mem_string_n(target, (size_t)length);
	if (*path || !S_ISDIR(st.st_mode))
		map_put(m, path, strlen(path), entry_of(&n));
	if (!S_ISDIR(st.st_mode))
		return 0;
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = fs_list(full, &names, e);

	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *below = *path ? path_join(path, names.v[i]) : mem_string(names.v[i]);

		rc = collect_live(top, below, m, e);
	}
	return rc;
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
	if (a->type != b->type || a->mode != b->mode)
		return false;
	if (a->type == NODE_SYMLINK)
		return a->link && b->link && !strcmp(a->link, b->link);
	if (a->type != NODE_FILE)
		return true;
	if (a->has_content && b->has_content)
		return a->size == b->size && id_equal(&a->content, &b->content);
	return a->size == b->size && time_cmp(a->mtime, b->mtime) == 0;
}

static void add_file(struct compare_result *out, enum diff_kind kind, const char *path, size_t len, const struct entry *a, const struct entry *b)
{
	out->files = mem_array(out->files, out->file_count + 1, sizeof *out->files);
	out->files[out->file_count++] = (struct file_diff){
		.kind = kind,
		.path = mem_string_n(path, len),
		.size_a = a ? a->size : 0,
		.size_b = b ? b->size : 0,
	};
	out->equal = false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file_diff *)a)->path, ((const struct file_diff *)b)->path);
}

static void compare_maps(const struct map *left, const struct map *right, struct compare_result *out)
{
	const void *key;
	size_t len;
	void *value;

	for (size_t i = 0; i < map_slots(left); i++) {
		if (!map_at(left, i, &key, &len, &value))
			continue;
		const struct entry *a = value, *b = map_get(right, key, len);

		if (!b)
			add_file(out, DIFF_ONLY_A, key, len, a, NULL);
		else if (same_entry(a, b))
			out->files_same++;
		else
			add_file(out, DIFF_CHANGED, key, len, a, b);
	}
	for (size_t i = 0; i < map_slots(right); i++)
		if (map_at(right, i, &key, &len, &value) && !map_has(left, key, len))
			add_file(out, DIFF_ONLY_B, key, len, NULL, value);
	if (out->file_count)
		qsort(out->files, out->file_count, sizeof *out->files, by_path);
}

static int compare_folders(const struct backup *a, const struct manifest_source *s, const struct backup *b, const struct manifest_source *t, struct compare_result *out,
			   struct error *e)
{
	CLEANUP(map_release) struct map *left = map_new();
	CLEANUP(map_release) struct map *right = map_new();
	CLEANUP(source_url_release) struct source_url live = {0};
	int rc = collect_stored_tree(a, s, left, e);

	if (!rc && b)
		rc = collect_stored_tree(b, t, right, e);
	else if (!rc) {
		rc = source_url_parse(s->url, false, NULL, &live, e);
		if (!rc)
			rc = collect_live(live.path, "", right, e);
	}
	if (!rc)
		compare_maps(left, right, out);
	return rc;
}

/* ---- all ---- */

static int compare_source(const struct backup *a, const struct manifest_source *s, const struct backup *b, const struct manifest_source *t,
			  const struct compare_options *o, struct compare_result *out, struct error *e)
{
	const struct engine *engine = engine_by_name(s->engine);

	if (!engine)
		return error_set(e, ERR_VERSION, "%s was made by the engine \"%s\", which this program does not know", s->name, s->engine);
	if (engine->features & ENGINE_ROWS)
		return compare_rows(a, s, b, t, o, out, e);
	if (!b && !(engine->features & ENGINE_RESTORE))
		return error_set(e, ERR_USAGE, "%s has no live side to compare with", s->name);
	return compare_folders(a, s, b, t, out, e);
}

static bool chosen(const struct compare_options *o, const struct manifest_source *s)
{
	return !o->source || !strcmp(o->source, s->name) || !strcmp(o->source, s->url);
}

int job_compare(struct repository *r, const struct backup *a, const struct backup *b, const struct compare_options *o, struct compare_result *out, struct error *e)
{
	size_t compared = 0;
	int rc = 0;

	*out = (struct compare_result){.equal = true};
	for (size_t i = 0; !rc && i < a->manifest.source_count; i++) {
		const struct manifest_source *s = &a->manifest.sources[i];
		const struct manifest_source *t = b ? counterpart(&b->manifest, s) : NULL;

		if (!chosen(o, s) || (b && (!t || strcmp(t->engine, s->engine))))
			continue;
		compared++;
		rc = compare_source(a, s, b, t, o, out, e);
		if (rc)
			error_wrap(e, "comparing %s", s->name);
	}
	if (!rc && !compared)
		return error_set(e, ERR_NOT_FOUND, "the two sides have no source in common%s%s", o->source ? " that is called " : "", o->source ? o->source : "");
	return rc;
}

int job_rows(struct repository *r, const struct backup *b, const char *source, struct rows_db **out, struct error *e)
{
	const struct manifest_source *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];
		const struct engine *engine = engine_by_name(s->engine);

		if (!engine || !(engine->features & ENGINE_ROWS) || (source && strcmp(source, s->name) && strcmp(source, s->url)))
			continue;
		found = s;
		n++;
	}
	if (n == 1)
		return open_rows(b, found, out, e);
	if (!n)
		return error_set(e, ERR_NOT_FOUND, "backup \"%s\" holds no database%s%s", backup_name(b), source ? " called " : "", source ? source : "");
	error_set(e, ERR_USAGE, "backup \"%s\" holds %zu databases", backup_name(b), n);
	return error_hint(e, "name one with --source");
}

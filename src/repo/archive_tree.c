#include "repo/archive_parts.h"

#include "base/mem.h"
#include "base/path.h"
#include "repo/artifact.h"
#include "repo/walk.h"

#include <string.h>

static struct archive *self(struct tree_sink *t)
{
	return (struct archive *)t;
}

int archive_tree_check_name(const struct node *n, struct error *e)
{
	if (n->name && path_component_ok(n->name, strlen(n->name)))
		return 0;
	return error_set(e, ERR_INTERNAL, "\"%s\" cannot be the name of an entry", n->name ? n->name : "");
}

/* Exactly as long as it is: a folder of many small files keeps many of them. */
void archive_tree_copy_content(struct id_list *to, const struct id_list *from)
{
	to->v = mem_copy(from->v, from->n * sizeof *from->v);
	to->n = to->cap = from->n;
}

static const struct tree_node *find_previous(const struct archive *a, const char *name)
{
	return tree_find(&a->current->previous, name);
}

static int sink_enter(struct tree_sink *t, const struct node *dir, struct error *e)
{
	struct archive *a = self(t);
	struct node meta;

	if (archive_going(a, e) || archive_tree_check_name(dir, e))
		return -e->kind;
	const struct tree_node *previous = find_previous(a, dir->name);

	node_copy(&meta, dir);
	meta.type = NODE_DIR;
	return archive_folder_enter(a, &meta, previous && previous->meta.type == NODE_DIR ? &previous->subtree : NULL,
				    e);
}

static int sink_leave(struct tree_sink *t, struct error *e)
{
	struct archive *a = self(t);

	if (archive_going(a, e))
		return -e->kind;
	if (!a->current->parent)
		return error_set(e, ERR_INTERNAL, "leave() without enter()");
	archive_folder_leave(a);
	return 0;
}

static void add_entry(struct archive *a, struct tree_node *entry)
{
	pthread_mutex_lock(&a->lock);
	archive_folder_add(a->current, entry);
	pthread_mutex_unlock(&a->lock);
}

static int sink_add(struct tree_sink *t, const struct node *n, struct error *e)
{
	struct archive *a = self(t);
	struct tree_node entry = {0};

	if (archive_going(a, e) || archive_tree_check_name(n, e))
		return -e->kind;
	if (n->type == NODE_DIR)
		return error_set(e, ERR_INTERNAL, "add() of folder \"%s\"", n->name);
	node_copy(&entry.meta, n);
	entry.meta.size = 0;
	add_entry(a, &entry);
	return 0;
}

static int sink_file(struct tree_sink *t, bool hashed, struct file_sink **out, struct error *e)
{
	struct archive *a = self(t);

	if (archive_going(a, e))
		return -e->kind;
	*out = archive_file_open(a, hashed);
	return 0;
}

static int sink_known(struct tree_sink *t, const char *name, struct known_file *k, struct error *e)
{
	struct archive *a = self(t);

	*k = (struct known_file){0};
	if (archive_going(a, e))
		return -e->kind;
	const struct tree_node *previous = find_previous(a, name);

	if (previous)
		*k = (struct known_file){.node = previous->meta, .present = true};
	return 0;
}

/* All blobs of a previous file are still listed; the sum of their lengths. */
static int content_size(struct archive *a, const struct tree_node *file, uint64_t *size, struct error *e)
{
	struct blob_place place;

	*size = 0;
	for (size_t i = 0; i < file->content.n; i++) {
		if (!index_find(a->repo->index, BLOB_DATA, &file->content.v[i], &place))
			return error_set(e, ERR_NOT_FOUND, "a part of \"%s\" is no longer in the repository",
					 file->meta.name);
		*size += blob_plain_size(place.blob.length, place.blob.plain_len);
	}
	return 0;
}

static int sink_reuse(struct tree_sink *t, const char *name, const struct node *n, struct error *e)
{
	struct archive *a = self(t);
	struct tree_node entry = {0};
	uint64_t size;

	if (archive_going(a, e) || archive_tree_check_name(n, e))
		return -e->kind;
	const struct tree_node *previous = find_previous(a, name);

	if (!previous || previous->meta.type != NODE_FILE)
		return error_set(e, ERR_NOT_FOUND, "the previous backup has no file \"%s\" here", name);
	if (content_size(a, previous, &size, e))
		return -e->kind;
	node_copy(&entry.meta, n);
	entry.meta.type = NODE_FILE;
	entry.meta.size = size;
	archive_tree_copy_content(&entry.content, &previous->content);
	add_entry(a, &entry);
	return 0;
}

/* The folder on the way from the root to the current one that lies at this depth. */
static struct archive_folder *open_folder(struct archive *a, size_t depth)
{
	struct archive_folder *d = a->current;
	size_t above = 0;

	for (struct archive_folder *f = d; f->parent; f = f->parent)
		above++;
	if (depth > above)
		return NULL;
	while (above-- > depth)
		d = d->parent;
	return d;
}

/* Find a file that is closed, when all workers rest: folders not left yet are in memory, others in the repository. */
static int find_file(struct archive *a, const char *path, struct tree_node *out, struct error *e)
{
	const char *rest = path;
	const struct tree_node *entry;

	for (size_t depth = 0;; depth++) {
		struct archive_folder *d = open_folder(a, depth), *below = open_folder(a, depth + 1);
		size_t len = strcspn(rest, "/");
		AUTO_FREE char *name = mem_string_n(rest, len);

		rest += len + (rest[len] == '/');
		if (below && *rest && strcmp(below->meta.name, name) == 0)
			continue;
		entry = tree_find(&d->entries, name);
		break;
	}
	if (entry && entry->meta.type == NODE_DIR && *rest)
		return walk_find(a->repo, &entry->subtree, rest, out, e);
	if (!entry || *rest)
		return error_set(e, ERR_NOT_FOUND, "no closed file \"%s\" in this backup", path);
	node_copy(&out->meta, &entry->meta);
	archive_tree_copy_content(&out->content, &entry->content);
	return 0;
}

static int sink_open(struct tree_sink *t, const char *path, struct source **out, struct error *e)
{
	struct archive *a = self(t);
	CLEANUP(tree_node_release) struct tree_node file = {0};

	if (archive_going(a, e))
		return -e->kind;
	archive_pipeline_drain(a);
	if (archive_going(a, e) || packer_settle(a->packer, e) || find_file(a, path, &file, e))
		return -e->kind;
	return artifact_open(a->repo, &file, 0, out, e);
}

void archive_tree_init(struct archive *a)
{
	a->sink = (struct tree_sink){.enter = sink_enter,
				     .leave = sink_leave,
				     .add = sink_add,
				     .file = sink_file,
				     .known = sink_known,
				     .reuse = sink_reuse,
				     .open = sink_open};
}

#include "repo/archive_parts.h"

#include "base/mem.h"
#include "repo/walk.h"

#include <stdlib.h>
#include <string.h>

/* What an entry and an id in it take at least as JSON: a folder that is too large is refused before it is encoded. */
#define ENTRY_BYTES 200
#define ID_BYTES 67

/* A previous tree that cannot be had is none: its files are stored anew. */
static int load_previous(struct archive *a, struct archive_folder *d, const struct id *previous, struct error *e)
{
	int r = walk_load_tree(a->repo, a->codec, previous, &d->previous, e);

	if (r == -ERR_NOT_FOUND || r == -ERR_CORRUPT)
		return 0;
	if (r)
		return error_wrap(e, "reading a folder of the previous backup");
	d->known = true;
	d->previous_id = *previous;
	return 0;
}

static void link_folder(struct archive *a, struct archive_folder *d)
{
	pthread_mutex_lock(&a->lock);
	d->next = a->folders;
	if (d->next)
		d->next->prev = d;
	a->folders = d;
	if (d->parent)
		d->parent->pending++;
	pthread_mutex_unlock(&a->lock);
	a->current = d;
}

static void free_folder(struct archive_folder *d)
{
	node_release(&d->meta);
	tree_release(&d->entries);
	tree_release(&d->previous);
	free(d);
}

/* With the lock held, or when nobody else is left. */
static void drop_folder(struct archive *a, struct archive_folder *d)
{
	if (d->prev)
		d->prev->next = d->next;
	else
		a->folders = d->next;
	if (d->next)
		d->next->prev = d->prev;
	free_folder(d);
}

int archive_folder_enter(struct archive *a, struct node *meta, const struct id *previous, struct error *e)
{
	struct archive_folder *d = mem_zero(sizeof *d);

	d->parent = a->current;
	d->meta = *meta;
	d->pending = 1;
	*meta = (struct node){0};
	if (previous && load_previous(a, d, previous, e)) {
		free_folder(d);
		return -e->kind;
	}
	link_folder(a, d);
	return 0;
}

void archive_folder_leave(struct archive *a)
{
	struct archive_folder *d = a->current;

	a->current = d->parent;
	pthread_mutex_lock(&a->lock);
	archive_folder_unref(a, d);
	pthread_mutex_unlock(&a->lock);
	archive_pipeline_nudge(a);
}

void archive_folder_release(struct archive *a)
{
	while (a->folders)
		drop_folder(a, a->folders);
}

void archive_folder_add(struct archive_folder *d, struct tree_node *entry)
{
	tree_add(&d->entries, entry);
}

void archive_folder_unref(struct archive *a, struct archive_folder *d)
{
	if (--d->pending > 0)
		return;
	d->next_whole = a->whole;
	a->whole = d;
	a->whole_n++;
}

static int encode(struct archive_folder *d, struct buf *json, struct error *e)
{
	size_t least = 0;

	for (size_t i = 0; i < d->entries.n; i++)
		least += ENTRY_BYTES + d->entries.v[i].content.n * ID_BYTES;
	if (tree_sort(&d->entries, e))
		return -e->kind;
	if (least <= BLOB_MAX_PLAIN)
		tree_encode(&d->entries, json);
	if (least > BLOB_MAX_PLAIN || json->len > BLOB_MAX_PLAIN)
		return error_set(e, ERR_LIMIT, "its list of entries and contents would be larger than %zu MiB",
				 BLOB_MAX_PLAIN >> 20);
	return 0;
}

static int store_tree(struct archive *a, struct bench *b, struct archive_folder *d, struct id *id, struct error *e)
{
	buf_clear(&b->json);
	int r = encode(d, &b->json, e);

	if (r == 0) {
		struct blob_plain plain = {.p = b->json.p, .n = b->json.len};

		blob_hash(&plain, 1);
		*id = plain.id;
		r = archive_pipeline_store(a, b, BLOB_TREE, &plain, 1, e);
	}
	/* One very large folder must not hold its memory until the end. */
	if (b->json.cap > CHUNK_MAX)
		buf_release(&b->json);
	return r ? error_wrap(e, "storing folder \"%s\"", d->meta.name ? d->meta.name : "/") : 0;
}

/* As stored, down to the last byte. */
static bool equal_entries(const struct tree_node *x, const struct tree_node *y)
{
	CLEANUP(buf_release) struct buf a = BUF_INIT, b = BUF_INIT;
	struct tree first = {.v = (struct tree_node *)x, .n = 1}, second = {.v = (struct tree_node *)y, .n = 1};

	if (x->content.n != y->content.n || x->meta.size != y->meta.size)
		return false;
	tree_encode(&first, &a);
	tree_encode(&second, &b);
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Count a stored folder's entries into s. Equal trees have equal entries, without a look. */
static void count_entries(const struct archive_folder *d, const struct id *id, struct archive_stats *s)
{
	bool equal = d->known && id_equal(id, &d->previous_id);

	for (size_t i = 0; i < d->entries.n; i++) {
		const struct tree_node *now = &d->entries.v[i];
		const struct tree_node *then = tree_find(&d->previous, now->meta.name);
		bool dir = now->meta.type == NODE_DIR;

		if (!dir && now->meta.type != NODE_FILE)
			continue;
		if (!dir) {
			s->files_total++;
			s->bytes_total += now->meta.size;
		}
		if (!then || then->meta.type != now->meta.type)
			++*(dir ? &s->dirs_new : &s->files_new);
		else if (equal || equal_entries(now, then))
			++*(dir ? &s->dirs_unmodified : &s->files_unmodified);
		else
			++*(dir ? &s->dirs_changed : &s->files_changed);
	}
}

static void add_counts(struct archive_stats *to, const struct archive_stats *s)
{
	to->files_new += s->files_new;
	to->files_changed += s->files_changed;
	to->files_unmodified += s->files_unmodified;
	to->dirs_new += s->dirs_new;
	to->dirs_changed += s->dirs_changed;
	to->dirs_unmodified += s->dirs_unmodified;
	to->files_total += s->files_total;
	to->bytes_total += s->bytes_total;
}

/* Its tree is stored as `id` (or nothing is any more): tell its parent. With the lock held. */
static void deliver_folder(struct archive *a, struct archive_folder *d, const struct id *id)
{
	struct archive_folder *parent = d->parent;

	if (parent) {
		struct tree_node entry = {.meta = d->meta, .subtree = *id};

		d->meta = (struct node){0};
		archive_folder_add(parent, &entry);
		archive_folder_unref(a, parent);
	} else {
		a->root = *id;
		a->root_stored = true;
	}
	drop_folder(a, d);
}

void archive_folder_store_whole(struct archive *a, struct bench *b)
{
	pthread_mutex_lock(&a->lock);
	while (a->whole) {
		struct archive_folder *d = a->whole;
		struct archive_stats counts = {0};
		struct error e = {0};
		struct id id = {0};

		a->whole = d->next_whole;
		a->whole_n--;
		pthread_mutex_unlock(&a->lock);
		if (!atomic_load(&a->broken)) {
			if (store_tree(a, b, d, &id, &e))
				archive_break(a, &e);
			else
				count_entries(d, &id, &counts);
		}
		pthread_mutex_lock(&a->lock);
		add_counts(&a->stats, &counts);
		deliver_folder(a, d, &id);
	}
	pthread_mutex_unlock(&a->lock);
}

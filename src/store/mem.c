/* store/mem.c - a repository in memory, with the behaviour of the others in every detail a caller can see. */
#include "store/store.h"

#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mem_store {
	struct store store;
	pthread_mutex_t mutex; /* guards what follows */
	bool created;
	struct map *files; /* path -> struct mem_file */
};

struct mem_file {
	struct store_file file;
	size_t size;
	unsigned char bytes[];
};

static struct mem_store *mem_of(struct store *s)
{
	return (struct mem_store *)s;
}

static struct mem_file *find(struct mem_store *m, const struct store_file *f)
{
	char path[STORE_PATH_MAX];
	store_path(f, path);
	return map_get(m->files, path, strlen(path));
}

static int check_created(const struct mem_store *m, enum store_kind kind, struct error *e)
{
	return m->created ? 0 : store_missing_folder(&m->store, kind, e);
}

static int mem_create(struct store *s, struct error *e)
{
	struct mem_store *m = mem_of(s);
	pthread_mutex_lock(&m->mutex);
	bool there = find(m, &(struct store_file){STORE_CONFIG, ""});
	m->created = true;
	pthread_mutex_unlock(&m->mutex);
	return there ? error_set(e, ERR_EXISTS, "config: there is a repository already") : 0;
}

static struct mem_file *file_from(const struct store_file *f, const struct iovec *v, int n)
{
	size_t size = store_iov_size(v, n), at = 0;
	struct mem_file *file = mem_alloc(sizeof *file + size);
	file->file = *f;
	file->size = size;
	for (int i = 0; i < n; at += v[i++].iov_len)
		if (v[i].iov_len)
			memcpy(file->bytes + at, v[i].iov_base, v[i].iov_len);
	return file;
}

static int mem_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	struct mem_store *m = mem_of(s);
	char path[STORE_PATH_MAX];
	store_path(f, path);
	AUTO_FREE struct mem_file *file = file_from(f, v, n);
	pthread_mutex_lock(&m->mutex);
	int r = check_created(m, f->kind, e);
	const struct mem_file *old = find(m, f);
	if (r == 0 && (!old || old->size != file->size))
		file = map_put(m->files, path, strlen(path), file);
	pthread_mutex_unlock(&m->mutex);
	return r;
}

static int mem_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	struct mem_store *m = mem_of(s);
	int r = 0;
	pthread_mutex_lock(&m->mutex);
	const struct mem_file *file = find(m, f);
	if (!file)
		r = store_not_found(f, e);
	else if (at > file->size || n > file->size - at)
		r = store_cut_short(f, at, n, file->size, e);
	else if (n)
		memcpy(p, file->bytes + at, n);
	pthread_mutex_unlock(&m->mutex);
	return r;
}

static int mem_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	struct mem_store *m = mem_of(s);
	int r = 0;
	pthread_mutex_lock(&m->mutex);
	const struct mem_file *file = find(m, f);
	if (file)
		*size = file->size;
	else
		r = store_not_found(f, e);
	pthread_mutex_unlock(&m->mutex);
	return r;
}

static int mem_remove(struct store *s, const struct store_file *f, struct error *e)
{
	struct mem_store *m = mem_of(s);
	char path[STORE_PATH_MAX];
	store_path(f, path);
	pthread_mutex_lock(&m->mutex);
	int r = check_created(m, f->kind, e);
	AUTO_FREE struct mem_file *old = map_remove(m->files, path, strlen(path));
	pthread_mutex_unlock(&m->mutex);
	return r;
}

/* The callback may call the store, so the names are gathered first. */
static int mem_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	struct mem_store *m = mem_of(s);
	CLEANUP(store_listing_release) struct store_listing found = {0};
	pthread_mutex_lock(&m->mutex);
	int r = check_created(m, kind, e);
	void *file;
	for (size_t i = 0; i < map_slots(m->files); i++)
		if (map_at(m->files, i, NULL, NULL, &file) && ((struct mem_file *)file)->file.kind == kind)
			store_listing_add(((struct mem_file *)file)->file.name, ((struct mem_file *)file)->size,
					  &found);
	pthread_mutex_unlock(&m->mutex);
	return r ? r : store_listing_tell(&found, fn, ctx);
}

static void mem_tidy(struct store *s)
{
	/* a write is one pointer here: nothing is ever left behind */
}

static void mem_free(struct store *s)
{
	struct mem_store *m = mem_of(s);
	map_free(m->files, free);
	pthread_mutex_destroy(&m->mutex);
	free(s->url);
	free(m);
}

static const struct store_ops mem_ops = {
	.create = mem_create,
	.put = mem_put,
	.get = mem_get,
	.size = mem_size,
	.remove = mem_remove,
	.list = mem_list,
	.tidy = mem_tidy,
	.free = mem_free,
};

struct store *mem_store_new(void)
{
	struct mem_store *m = mem_zero(sizeof *m);
	m->store = (struct store){.ops = &mem_ops, .features = STORE_LOCAL, .url = mem_string("mem:")};
	pthread_mutex_init(&m->mutex, NULL);
	m->files = map_new();
	return &m->store;
}

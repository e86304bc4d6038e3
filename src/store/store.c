/* store/store.c - names, opening by URL, and the members, called with names checked once for all stores. */
#include "store/store.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *folder;
} kinds[STORE_KINDS] = {
	[STORE_CONFIG] = {"config", ""},
	[STORE_KEY] = {"key", "keys"},
	[STORE_LOCK] = {"lock", "locks"},
	[STORE_SNAPSHOT] = {"snapshot", "snapshots"},
	[STORE_INDEX] = {"index", "index"},
	[STORE_DATA] = {"pack", "data"},
};

const char *store_kind_name(enum store_kind k)
{
	return (unsigned)k < STORE_KINDS ? kinds[k].name : "unknown";
}

const char *store_folder(enum store_kind k)
{
	return (unsigned)k < STORE_KINDS ? kinds[k].folder : "";
}

bool store_name_ok(const char *name)
{
	return strspn(name, "0123456789abcdef") == STORE_NAME_LEN && !name[STORE_NAME_LEN];
}

void store_path(const struct store_file *f, char out[STORE_PATH_MAX])
{
	if (f->kind == STORE_CONFIG)
		snprintf(out, STORE_PATH_MAX, "config");
	else if (f->kind == STORE_DATA)
		snprintf(out, STORE_PATH_MAX, "data/%.2s/%.*s", f->name, STORE_NAME_LEN, f->name);
	else
		snprintf(out, STORE_PATH_MAX, "%s/%.*s", store_folder(f->kind), STORE_NAME_LEN, f->name);
}

int store_not_found(const struct store_file *f, struct error *e)
{
	char path[STORE_PATH_MAX];
	store_path(f, path);
	return error_set(e, ERR_NOT_FOUND, "%s: no such file in the repository", path);
}

int store_cut_short(const struct store_file *f, uint64_t at, size_t n, uint64_t size, struct error *e)
{
	char path[STORE_PATH_MAX];
	store_path(f, path);
	return error_set(e, ERR_CORRUPT, "%s: is cut short: wanted bytes %llu to %llu of %llu", path,
			 (unsigned long long)at, (unsigned long long)(at + n), (unsigned long long)size);
}

int store_missing_folder(const struct store *s, enum store_kind kind, struct error *e)
{
	if (kind == STORE_CONFIG)
		error_set(e, ERR_CORRUPT, "%s: the folder is missing", s->url);
	else
		error_set(e, ERR_CORRUPT, "%s/: the folder is missing", store_folder(kind));
	return error_hint(e, "see whether the disk is mounted and the repository was copied whole, with empty folders");
}

size_t store_iov_size(const struct iovec *v, int n)
{
	size_t size = 0;
	for (int i = 0; i < n; i++)
		size += v[i].iov_len;
	return size;
}

int store_listing_add(const char *name, uint64_t size, void *listing)
{
	struct store_listing *l = listing;
	GROW(l->v, l->n, l->cap);
	struct store_entry *entry = &l->v[l->n++];
	snprintf(entry->name, sizeof entry->name, "%s", name);
	entry->size = size;
	return 0;
}

int store_listing_tell(const struct store_listing *l, store_list_fn fn, void *ctx)
{
	int r = 0;
	for (size_t i = 0; i < l->n && r == 0; i++)
		r = fn(l->v[i].name, l->v[i].size, ctx);
	return r;
}

void store_listing_release(struct store_listing *l)
{
	free(l->v);
	*l = (struct store_listing){0};
}

/* Names come from indexes and command lines; one that is no hash must not become a path. */
static int check_file(const struct store_file *f, struct error *e)
{
	bool ok = (unsigned)f->kind < STORE_KINDS && memchr(f->name, 0, sizeof f->name) &&
		  (f->kind == STORE_CONFIG ? !f->name[0] : store_name_ok(f->name));
	if (!ok)
		return error_set(e, ERR_INTERNAL, "\"%.*s\" cannot be the name of a %s file", STORE_NAME_LEN, f->name,
				 store_kind_name(f->kind));
	return 0;
}

int store_create(struct store *s, struct error *e)
{
	return s->ops->create(s, e);
}

int store_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	int r = check_file(f, e);
	return r ? r : s->ops->put(s, f, v, n, e);
}

int store_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	int r = check_file(f, e);
	return r ? r : s->ops->get(s, f, at, p, n, e);
}

int store_get_all(struct store *s, const struct store_file *f, size_t limit, struct buf *out, struct error *e)
{
	uint64_t size;
	int r = store_size(s, f, &size, e);
	if (r)
		return r;
	if (size > limit || !buf_fits(out, size)) {
		char path[STORE_PATH_MAX];
		store_path(f, path);
		return error_set(e, ERR_LIMIT, "%s: is %llu bytes long, more than the %zu allowed", path,
				 (unsigned long long)size, limit);
	}
	buf_reserve(out, size);
	r = store_get(s, f, 0, out->p + out->len, size, e);
	if (r == 0)
		out->len += size;
	out->p[out->len] = 0;
	return r;
}

int store_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	int r = check_file(f, e);
	return r ? r : s->ops->size(s, f, size, e);
}

int store_remove(struct store *s, const struct store_file *f, struct error *e)
{
	int r = check_file(f, e);
	return r ? r : s->ops->remove(s, f, e);
}

int store_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	return s->ops->list(s, kind, fn, ctx, e);
}

void store_tidy(struct store *s)
{
	s->ops->tidy(s);
}

void store_free(struct store *s)
{
	if (s)
		s->ops->free(s);
}

/* Length of the scheme in front of a colon; 0 when this is a plain path ("dir/a:b" and ":x" are). */
static size_t scheme_length(const char *url)
{
	size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-");
	return url[n] == ':' ? n : 0;
}

int store_open(const char *url, struct store **out, struct error *e)
{
	size_t n = scheme_length(url);
	if (!n)
		return local_open(url, out, e);
	if (n == strlen("local") && !strncmp(url, "local", n))
		return local_open(url + n + 1, out, e);
	error_set(e, ERR_USAGE, "unknown kind of repository \"%.*s:\"; known are a path and local:PATH", (int)n, url);
	return error_hint(e, "for a folder whose name has a colon, write local: in front of it");
}

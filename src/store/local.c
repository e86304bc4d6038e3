/* store/local.c - a repository in a folder of this machine.
 *
 * Every file is written by fs_writev_atomic(), so what has a hash name is whole. Folders are never made where the
 * repository seems to be gone: the disk may only be unmounted, and a backup into the empty place under it would look
 * like success. */
#include "store/store.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "store/filecache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIDY_AGE = 24 * 60 * 60 };

struct local {
	struct store store;
	struct filecache *open;
};

/* A file under both its names: within the repository for people, absolute for the system. */
struct place {
	char name[STORE_PATH_MAX];
	char *path;
};

static void place_release(struct place *p)
{
	free(p->path);
}

static struct place place_of(const struct store *s, const struct store_file *f)
{
	struct place p;
	store_path(f, p.name);
	p.path = path_join(s->url, p.name);
	return p;
}

static struct filecache *cache_of(struct store *s)
{
	return ((struct local *)s)->open;
}

static int not_plain(const struct place *p, struct error *e)
{
	return error_set(e, ERR_CORRUPT, "%s: is not a plain file", p->name);
}

/* An error of the base layer names the absolute path; ours is the one within the repository. */
static int by_name(const char *name, struct error *e)
{
	return e->sys ? error_sys(e, e->sys, "%s", name) : error_wrap(e, "%s", name);
}

/* Whether the folder of a kind is there; one that cannot be looked at is not called missing. */
static int check_folder(const struct store *s, enum store_kind kind, struct error *e)
{
	AUTO_FREE char *folder = path_join(s->url, store_folder(kind));
	struct stat st;
	if (stat(folder, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : store_missing_folder(s, kind, e);
	if (errno == ENOENT || errno == ENOTDIR)
		return store_missing_folder(s, kind, e);
	return error_sys(e, errno, "%s", kind == STORE_CONFIG ? s->url : store_folder(kind));
}

static int look(const struct store_file *f, const struct place *p, struct stat *st, struct error *e)
{
	if (lstat(p->path, st))
		return errno == ENOENT ? store_not_found(f, e) : error_sys(e, errno, "%s", p->name);
	return S_ISREG(st->st_mode) ? 0 : not_plain(p, e);
}

/* restic's rule for repositories that a group shares: the config file's mode decides. */
static mode_t group_bits(const struct store *s, mode_t bits)
{
	struct stat st;
	AUTO_FREE char *config = path_join(s->url, "config");
	return stat(config, &st) == 0 && (st.st_mode & S_IRGRP) ? bits : 0;
}

static int sync_parent(const struct place *p, struct error *e)
{
	AUTO_FREE char *folder = path_dir(p->path);
	return fs_sync_dir(folder, e) ? by_name(p->name, e) : 0;
}

/* Make folders so that they survive a power cut, up to one that is there already. */
static int make_root(const char *path, struct error *e)
{
	if (fs_is_dir(path))
		return 0;
	AUTO_FREE char *parent = path_dir(path);
	int r = make_root(parent, e);
	if (r == 0)
		r = fs_make_dirs(path, 0700, e);
	return r ? r : fs_sync_dir(parent, e);
}

static int make_data_folders(const struct store *s, struct error *e)
{
	AUTO_FREE char *data = path_join(s->url, "data");
	int r = 0;
	for (int i = 0; i < 256 && r == 0; i++) {
		AUTO_FREE char *folder = mem_printf("%s/%02x", data, i);
		r = fs_make_dirs(folder, 0700, e);
	}
	return r ? r : fs_sync_dir(data, e);
}

static int local_create(struct store *s, struct error *e)
{
	AUTO_FREE char *config = path_join(s->url, "config");
	if (fs_exists(config))
		return error_set(e, ERR_EXISTS, "config: there is a repository already");
	int r = make_root(s->url, e);
	for (enum store_kind k = STORE_KEY; k < STORE_KINDS && r == 0; k++) {
		AUTO_FREE char *folder = path_join(s->url, store_folder(k));
		r = fs_make_dirs(folder, 0700, e);
	}
	if (r == 0)
		r = make_data_folders(s, e);
	return r ? r : fs_sync_dir(s->url, e);
}

/* After a put found no folder to write into: data/xx is made on demand, all others must be there. */
static int make_missing_folder(const struct store *s, const struct store_file *f, const struct place *p,
			       struct error *e)
{
	int r = check_folder(s, f->kind, e);
	if (r || f->kind != STORE_DATA)
		return r;
	AUTO_FREE char *folder = path_dir(p->path);
	AUTO_FREE char *data = path_dir(folder);
	if (mkdir(folder, 0700 | group_bits(s, 0070)) && errno != EEXIST)
		return error_sys(e, errno, "%s", p->name);
	return fs_sync_dir(data, e) ? by_name(p->name, e) : 0;
}

/* Whoever wrote the file that is there may have been cut off before it was safe on disk. */
static int make_durable(const struct place *p, struct error *e)
{
	CLEANUP(fs_close) int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fsync(fd))
		return error_sys(e, errno, "%s", p->name);
	return sync_parent(p, e);
}

static int local_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	CLEANUP(place_release) struct place p = place_of(s, f);
	struct stat st;
	int r = look(f, &p, &st, e);
	if (r == 0 && (uint64_t)st.st_size == store_iov_size(v, n))
		return make_durable(&p, e);
	if (r && r != -ERR_NOT_FOUND)
		return r;
	mode_t mode = 0400 | group_bits(s, 0040);
	r = fs_writev_atomic(p.path, v, n, mode, e);
	if (r == -ERR_NOT_FOUND) {
		r = make_missing_folder(s, f, &p, e);
		if (r)
			return r;
		r = fs_writev_atomic(p.path, v, n, mode, e);
	}
	filecache_forget(cache_of(s), p.path);
	if (r)
		return by_name(p.name, e);
	error_clear(e);
	return 0;
}

static int local_get(struct store *s, const struct store_file *f, uint64_t at, void *buffer, size_t n, struct error *e)
{
	CLEANUP(place_release) struct place p = place_of(s, f);
	struct filecache_file *file = filecache_open(cache_of(s), p.path);
	if (!file && errno == ENOENT)
		return store_not_found(f, e);
	if (!file)
		return errno == ELOOP ? not_plain(&p, e) : error_sys(e, errno, "%s", p.name);
	int r = 0;
	if (at > file->size || n > file->size - at) {
		r = store_cut_short(f, at, n, file->size, e);
	} else {
		ssize_t got = fs_pread_full(file->fd, buffer, n, (off_t)at);
		if (got < 0)
			r = error_sys(e, errno, "%s", p.name);
		else if ((size_t)got < n)
			r = store_cut_short(f, at, n, at + (size_t)got, e);
	}
	filecache_close(cache_of(s), file);
	return r;
}

static int local_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	CLEANUP(place_release) struct place p = place_of(s, f);
	struct stat st;
	int r = look(f, &p, &st, e);
	if (r == 0)
		*size = (uint64_t)st.st_size;
	return r;
}

/* The folder is synced also when the file was gone before: who removed it may have been cut off. */
static int local_remove(struct store *s, const struct store_file *f, struct error *e)
{
	CLEANUP(place_release) struct place p = place_of(s, f);
	AUTO_FREE char *folder = path_dir(p.path);
	if (unlink(p.path) && errno != ENOENT)
		return error_sys(e, errno, "%s", p.name);
	filecache_forget(cache_of(s), p.path);
	if (!fs_is_dir(folder))
		return check_folder(s, f->kind, e);
	return sync_parent(&p, e);
}

struct walk {
	struct store *s;
	enum store_kind kind;
	store_list_fn fn;
	void *ctx;
};

/* One file of a listing; one that went away meanwhile is none. */
static int tell_file(const struct walk *w, const char *name, struct error *e)
{
	struct store_file f = {.kind = w->kind};
	snprintf(f.name, sizeof f.name, "%s", name);
	CLEANUP(place_release) struct place p = place_of(w->s, &f);
	struct stat st;
	int r = look(&f, &p, &st, e);
	if (r == -ERR_NOT_FOUND) {
		error_clear(e);
		return 0;
	}
	return r ? r : w->fn(name, (uint64_t)st.st_size, w->ctx);
}

/* The files of one folder whose names begin with `prefix`: a pack in the wrong data/xx could not be read, so it is
 * none. */
static int tell_folder(const struct walk *w, const char *folder, const char *prefix, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *path = path_join(w->s->url, folder);
	if (fs_list(path, &names, e))
		return by_name(folder, e);
	int r = 0;
	for (size_t i = 0; i < names.n && r == 0; i++)
		if (store_name_ok(names.v[i]) && !strncmp(names.v[i], prefix, strlen(prefix)))
			r = tell_file(w, names.v[i], e);
	return r;
}

static bool is_data_folder(const char *name)
{
	return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

static int tell_packs(const struct walk *w, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *data = path_join(w->s->url, store_folder(STORE_DATA));
	if (fs_list(data, &names, e))
		return by_name(store_folder(STORE_DATA), e);
	int r = 0;
	for (size_t i = 0; i < names.n && r == 0; i++) {
		AUTO_FREE char *folder = path_join(store_folder(STORE_DATA), names.v[i]);
		if (is_data_folder(names.v[i]))
			r = tell_folder(w, folder, names.v[i], e);
	}
	return r;
}

static int local_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	struct walk w = {.s = s, .kind = kind, .fn = fn, .ctx = ctx};
	int r = check_folder(s, kind, e);
	if (r)
		return r;
	if (kind == STORE_CONFIG)
		return tell_file(&w, "", e);
	return kind == STORE_DATA ? tell_packs(&w, e) : tell_folder(&w, store_folder(kind), "", e);
}

/* fs_writev_atomic() calls its drafts ".tmp-...", restic "<final name>-tmp-...". */
static bool is_draft(const char *name)
{
	if (!strncmp(name, ".tmp-", strlen(".tmp-")))
		return true;
	AUTO_FREE char *final = mem_string(name);
	char *suffix = strstr(final, "-tmp-");
	if (!suffix)
		return false;
	*suffix = 0;
	return store_name_ok(final) || !strcmp(final, "config");
}

static void tidy_folder(const char *path)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error ignored = {0};
	if (fs_list(path, &names, &ignored))
		return;
	time_t before = time_now().tv_sec - TIDY_AGE;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *file = path_join(path, names.v[i]);
		struct stat st;
		if (is_draft(names.v[i]) && lstat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtime < before)
			unlink(file);
	}
}

static void local_tidy(struct store *s)
{
	for (enum store_kind k = STORE_CONFIG; k < STORE_DATA; k++) {
		AUTO_FREE char *folder = path_join(s->url, store_folder(k));
		tidy_folder(folder);
	}
	for (int i = 0; i < 256; i++) {
		AUTO_FREE char *folder = mem_printf("%s/%s/%02x", s->url, store_folder(STORE_DATA), i);
		tidy_folder(folder);
	}
}

static void local_free(struct store *s)
{
	filecache_free(cache_of(s));
	free(s->url);
	free(s);
}

static const struct store_ops local_ops = {
	.create = local_create,
	.put = local_put,
	.get = local_get,
	.size = local_size,
	.remove = local_remove,
	.list = local_list,
	.tidy = local_tidy,
	.free = local_free,
};

int local_open(const char *path, struct store **out, struct error *e)
{
	if (!*path)
		return error_set(e, ERR_USAGE, "the path of the repository is empty");
	struct local *l = mem_zero(sizeof *l);
	l->store = (struct store){&local_ops, STORE_LOCAL | STORE_DURABLE, path_absolute(path)};
	l->open = filecache_new();
	*out = &l->store;
	return 0;
}

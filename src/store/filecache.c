#include "store/filecache.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16 };

struct filecache {
	pthread_mutex_t mutex; /* guards the slots, and `users` and `used` of every file */
	struct filecache_file *slots[SLOTS];
	uint64_t clock; /* counts uses */
};

struct filecache *filecache_new(void)
{
	struct filecache *c = mem_zero(sizeof *c);
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

static void let_go(struct filecache_file *f)
{
	if (!f || --f->users > 0)
		return;
	fs_close(&f->fd);
	free(f->path);
	free(f);
}

void filecache_free(struct filecache *c)
{
	for (int i = 0; i < SLOTS; i++)
		let_go(c->slots[i]);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

void filecache_close(struct filecache *c, struct filecache_file *f)
{
	pthread_mutex_lock(&c->mutex);
	let_go(f);
	pthread_mutex_unlock(&c->mutex);
}

void filecache_forget(struct filecache *c, const char *path)
{
	pthread_mutex_lock(&c->mutex);
	for (int i = 0; i < SLOTS; i++)
		if (c->slots[i] && !strcmp(c->slots[i]->path, path))
			let_go(TAKE(c->slots[i]));
	pthread_mutex_unlock(&c->mutex);
}

static struct filecache_file *find(struct filecache *c, const char *path)
{
	struct filecache_file *found = NULL;
	pthread_mutex_lock(&c->mutex);
	for (int i = 0; i < SLOTS && !found; i++)
		if (c->slots[i] && !strcmp(c->slots[i]->path, path))
			found = c->slots[i];
	if (found) {
		found->users++;
		found->used = ++c->clock;
	}
	pthread_mutex_unlock(&c->mutex);
	return found;
}

/* Takes the place of the one unused for longest. Two threads that open the same file at once may both keep it: that
 * does no harm. */
static void keep(struct filecache *c, struct filecache_file *f)
{
	int oldest = 0;
	pthread_mutex_lock(&c->mutex);
	for (int i = 1; i < SLOTS && c->slots[oldest]; i++)
		if (!c->slots[i] || c->slots[i]->used < c->slots[oldest]->used)
			oldest = i;
	let_go(c->slots[oldest]);
	c->slots[oldest] = f;
	f->users++;
	f->used = ++c->clock;
	pthread_mutex_unlock(&c->mutex);
}

static struct filecache_file *open_anew(struct filecache *c, const char *path)
{
	struct stat st;
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = ELOOP;
		return NULL;
	}
	struct filecache_file *f = mem_zero(sizeof *f);
	*f = (struct filecache_file){.fd = fd, .size = (uint64_t)st.st_size, .path = mem_string(path), .users = 1};
	fd = -1;
	keep(c, f);
	return f;
}

struct filecache_file *filecache_open(struct filecache *c, const char *path)
{
	struct filecache_file *f = find(c, path);
	struct stat st;
	if (f && (fstat(f->fd, &st) || st.st_nlink == 0 || (uint64_t)st.st_size != f->size)) {
		filecache_forget(c, path);
		filecache_close(c, f);
		f = NULL;
	}
	return f ? f : open_anew(c, path);
}

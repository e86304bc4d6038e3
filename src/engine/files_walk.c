#include "engine/files.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So many folders on the way down keep their descriptors; those above are found again when they are needed. */
#define LEVELS_OPEN 64

static void level_release(struct files_level *l)
{
	fs_close(&l->fd);
	strlist_release(&l->names);
}

void files_walk_release(struct files_walk *w)
{
	while (w->n > 0)
		level_release(&w->v[--w->n]);
	free(w->v);
	buf_release(&w->path);
	*w = (struct files_walk){0};
}

static void cut_path(struct files_walk *w, size_t len)
{
	if (len == w->path.len)
		return;
	w->path.len = len;
	w->path.p[len] = '\0';
}

/* The path of an entry of the innermost folder. */
static void show_entry(struct files_walk *w, const char *name)
{
	cut_path(w, w->v[w->n - 1].path_len);
	if (w->path.len > 0)
		buf_add_byte(&w->path, '/');
	buf_add_str(&w->path, name);
}

int files_walk_push(struct files_walk *w, int fd, const char *name)
{
	struct stat st;
	if (fstat(fd, &st) != 0) {
		int err = errno;
		close(fd);
		return err;
	}
	if (w->n > 0)
		show_entry(w, name);
	if (w->n >= LEVELS_OPEN)
		fs_close(&w->v[w->n - LEVELS_OPEN].fd);
	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct files_level){.fd = fd, .dev = st.st_dev, .ino = st.st_ino, .path_len = w->path.len};
	return 0;
}

int files_walk_dir(const struct files_walk *w)
{
	return w->n > 0 ? w->v[w->n - 1].fd : -1;
}

/* Open the folder above `fd`, if it is still the same. 0 or an errno. */
static int find_again(struct files_level *l, int fd)
{
	struct stat st;
	l->fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return errno;
	return st.st_dev == l->dev && st.st_ino == l->ino ? 0 : ESTALE;
}

int files_walk_pop(struct files_walk *w, int *fd)
{
	struct files_level *l = &w->v[--w->n];
	cut_path(w, l->path_len);
	*fd = l->fd;
	l->fd = -1;
	level_release(l);
	return w->n > 0 && w->v[w->n - 1].fd < 0 ? find_again(&w->v[w->n - 1], *fd) : 0;
}

int files_walk_list(struct files_walk *w)
{
	struct files_level *l = &w->v[w->n - 1];
	if (fs_list_fd(l->fd, &l->names) != 0) {
		int err = errno;
		strlist_release(&l->names);
		return err;
	}
	strlist_sort(&l->names);
	return 0;
}

const char *files_walk_next(struct files_walk *w)
{
	struct files_level *l = &w->v[w->n - 1];
	if (l->next == l->names.n)
		return NULL;
	const char *name = l->names.v[l->next++];
	show_entry(w, name);
	return name;
}

/* Only the owner may leave the access time alone. */
static int open_quietly(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOATIME);
	return fd < 0 && errno == EPERM ? openat(dir, name, flags) : fd;
}

int files_open_file(int dir, const char *name)
{
	/* Not to wait, should it have become a FIFO. */
	return open_quietly(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int files_open_folder(int dir, const char *name)
{
	return open_quietly(dir, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
}

#include "base/fs.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A new name is drawn again when it is taken; so often in a row only if something is badly wrong. */
#define NAME_TRIES 100

void fs_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
	*fd = -1;
}

static size_t room_in(const struct buf *b, size_t limit)
{
	size_t room = (b->max ? b->max : BUF_DEFAULT_MAX) - b->len;
	return room < limit ? room : limit;
}

int fs_read_file(const char *path, size_t limit, struct buf *out, struct error *e)
{
	enum { BLOCK = 65536 };
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(e, errno, "opening %s", path);
	size_t room = room_in(out, limit);
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size <= room)
		buf_reserve(out, (size_t)st.st_size);
	AUTO_FREE unsigned char *block = mem_alloc(BLOCK);
	for (;;) {
		ssize_t n = fs_read_full(fd, block, BLOCK);
		if (n < 0)
			return error_sys(e, errno, "reading %s", path);
		if ((size_t)n > room)
			return error_set(e, ERR_LIMIT, "%s is larger than the %zu bytes allowed", path, limit);
		buf_add(out, block, (size_t)n);
		room -= (size_t)n;
		if (n < BLOCK)
			return 0;
	}
}

/* "<prefix><16 random hexadecimal digits>" */
static char *random_name(const char *prefix)
{
	unsigned char bytes[8];
	char hex[2 * sizeof bytes + 1];
	random_bytes(bytes, sizeof bytes);
	hex_encode(bytes, sizeof bytes, hex);
	return mem_printf("%s%s", prefix, hex);
}

/* A new private file in the folder `dir` (a path's beginning when AT_FDCWD). *name is heap. Returns fd or -1 with
 * errno. */
static int create_private(int dir, const char *prefix, char **name)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		AUTO_FREE char *candidate = random_name(prefix);
		int fd = openat(dir, candidate, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			*name = TAKE(candidate);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* A file on its way to its final name. */
struct draft {
	int dir, fd;
	char *name;        /* NULL once it has its final name */
};

static void draft_release(struct draft *d)
{
	if (d->name)
		unlinkat(d->dir, d->name, 0);
	free(d->name);
	fs_close(&d->fd);
	fs_close(&d->dir);
}

static bool is_aligned(const struct iovec *v)
{
	return v->iov_len > 0 && v->iov_len % FS_DIRECT == 0 && (uintptr_t)v->iov_base % FS_DIRECT == 0;
}

/* The pieces that can go past the page cache: all of them at once, or none. Returns how many, or -1 with errno; the rest
 * is left to be written as usual. */
static int write_direct(int fd, const struct iovec *v, int n)
{
	int count = 0;
	while (count < n && count < IOV_MAX && is_aligned(&v[count]))
		count++;
	int flags = count > 0 ? fcntl(fd, F_GETFL) : -1;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
		return 0;
	size_t size = 0;
	for (int i = 0; i < count; i++)
		size += v[i].iov_len;
	bool all = writev(fd, v, count) == (ssize_t)size;
	if (fcntl(fd, F_SETFL, flags) != 0 || (!all && lseek(fd, 0, SEEK_SET) != 0))
		return -1;
	return all ? count : 0;
}

static int draft_fill(const struct draft *d, const struct iovec *v, int n, mode_t mode)
{
	int done = write_direct(d->fd, v, n);
	if (done < 0)
		return -1;
	for (int i = done; i < n; i++)
		if (fs_write_full(d->fd, v[i].iov_base, v[i].iov_len) != 0)
			return -1;
	return fchmod(d->fd, mode) != 0 || fsync(d->fd) != 0 ? -1 : 0;
}

/* Some network file systems cannot sync a folder and keep its entries safe by themselves. */
static int sync_dir_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

int fs_writev_atomic(const char *path, const struct iovec *v, int n, mode_t mode, struct error *e)
{
	const char *base = path_base(path);
	if (!path_component_ok(base, strlen(base)))
		return error_set(e, ERR_USAGE, "%s is not a file name", path);
	AUTO_FREE char *folder = path_dir(path);
	CLEANUP(draft_release) struct draft d = {.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1};
	if (d.dir < 0)
		return error_sys(e, errno, "opening folder %s", folder);
	d.fd = create_private(d.dir, ".tmp-", &d.name);
	if (d.fd < 0)
		return error_sys(e, errno, "creating a file in %s", folder);
	if (draft_fill(&d, v, n, mode) != 0)
		return error_sys(e, errno, "writing %s", path);
	if (renameat(d.dir, d.name, d.dir, base) != 0)
		return error_sys(e, errno, "putting %s in its place", path);
	mem_free_ptr(&d.name);
	d.name = NULL;
	if (sync_dir_fd(d.dir) != 0)
		return error_sys(e, errno, "syncing folder %s", folder);
	return 0;
}

int fs_write_atomic(const char *path, const void *p, size_t n, mode_t mode, struct error *e)
{
	struct iovec v = {.iov_base = (void *)p, .iov_len = n};
	return fs_writev_atomic(path, &v, 1, mode, e);
}

int fs_sync_dir(const char *path, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(e, errno, "opening folder %s", path);
	return sync_dir_fd(fd) != 0 ? error_sys(e, errno, "syncing folder %s", path) : 0;
}

ssize_t fs_read_full(int fd, void *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = read(fd, (char *)p + done, n - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t fs_pread_full(int fd, void *p, size_t n, off_t at)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = pread(fd, (char *)p + done, n - done, at + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* What a write of ours came to: 1 go on, 0 try again, -1 with errno. */
static int wrote(ssize_t put)
{
	if (put > 0)
		return 1;
	if (put < 0 && errno == EINTR)
		return 0;
	if (put == 0)
		errno = EIO;
	return -1;
}

int fs_write_full(int fd, const void *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);
		int go = wrote(put);
		if (go < 0)
			return -1;
		if (go > 0) {
			p = (const char *)p + put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int fs_pwrite_full(int fd, const void *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, at);
		int go = wrote(put);
		if (go < 0)
			return -1;
		if (go > 0) {
			p = (const char *)p + put;
			n -= (size_t)put;
			at += put;
		}
	}
	return 0;
}

const char *fs_temp_folder(const char *dir)
{
	if (dir)
		return dir;
	const char *chosen = getenv("TMPDIR");
	return chosen && chosen[0] ? chosen : "/tmp";
}

int fs_temp_file(const char *dir, const char *prefix, char **path, int *fd, struct error *e)
{
	dir = fs_temp_folder(dir);
	AUTO_FREE char *start = path_join(dir, prefix);
	int made = create_private(AT_FDCWD, start, path);
	if (made < 0)
		return error_sys(e, errno, "creating a temporary file in %s", dir);
	*fd = made;
	return 0;
}

int fs_temp_dir(const char *dir, const char *prefix, char **path, struct error *e)
{
	dir = fs_temp_folder(dir);
	AUTO_FREE char *start = path_join(dir, prefix);
	for (int i = 0; i < NAME_TRIES; i++) {
		AUTO_FREE char *candidate = random_name(start);
		if (mkdir(candidate, 0700) == 0) {
			*path = TAKE(candidate);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return error_sys(e, errno, "creating a temporary folder in %s", dir);
}

int fs_temp_anonymous(const char *dir, int *fd, struct error *e)
{
	dir = fs_temp_folder(dir);
	int made = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (made >= 0) {
		*fd = made;
		return 0;
	}
	/* EISDIR: a kernel, the others: a file system without O_TMPFILE. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return error_sys(e, errno, "creating a temporary file in %s", dir);
	AUTO_FREE char *path = NULL;
	int err = fs_temp_file(dir, ".tmp-", &path, fd, e);
	if (!err)
		unlink(path);
	return err;
}

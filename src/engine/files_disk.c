#include "engine/files.h"

#include "base/human.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Where extended attributes are: an open file, or a path that leads to the entry itself. */
struct place {
	int fd;
	char path[32 + NAME_MAX + 1];
};

static struct place place_of(int fd, int dir, const char *name)
{
	struct place p = {.fd = fd};
	/* A name that does not fit leads nowhere. */
	if (fd < 0)
		snprintf(p.path, sizeof p.path, "/proc/self/fd/%d/%s", dir, name);
	return p;
}

static ssize_t list_names(const struct place *p, char *names, size_t n)
{
	return p->fd >= 0 ? flistxattr(p->fd, names, n) : llistxattr(p->path, names, n);
}

static ssize_t get_value(const struct place *p, const char *name, void *value, size_t n)
{
	return p->fd >= 0 ? fgetxattr(p->fd, name, value, n) : lgetxattr(p->path, name, value, n);
}

static int set_value(const struct place *p, const struct node_xattr *x)
{
	if (p->fd >= 0)
		return fsetxattr(p->fd, x->name, x->value, x->len, 0);
	return lsetxattr(p->path, x->name, x->value, x->len, 0);
}

static int read_values(const struct place *p, const char *names, size_t len, struct node *out)
{
	AUTO_FREE unsigned char *value = mem_alloc(XATTR_SIZE_MAX);
	int err = 0;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t n = get_value(p, name, value, XATTR_SIZE_MAX);
		if (n >= 0)
			node_add_xattr(out, name, value, (size_t)n);
		else if (errno != ENODATA && !err)
			err = errno;
	}
	return err;
}

int files_read_xattrs(int fd, int dir, const char *name, struct node *out)
{
	struct place p = place_of(fd, dir, name);
	char few[1024];
	ssize_t n = list_names(&p, few, sizeof few);
	if (n == 0 || (n < 0 && (errno == ENOTSUP || errno == ENOENT)))
		return 0;
	if (n > 0)
		return read_values(&p, few, (size_t)n, out);
	AUTO_FREE char *many = mem_alloc(XATTR_LIST_MAX);
	n = list_names(&p, many, XATTR_LIST_MAX);
	return n < 0 ? errno : read_values(&p, many, (size_t)n, out);
}

static void count(atomic_uint_fast64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

/* Give it its owner; when that is refused, at least its group. Returns the mode it may have. */
static mode_t dress_owner(int fd, int dir, const char *name, const struct node *n, struct files_refused *r)
{
	struct stat st;
	int flags = AT_SYMLINK_NOFOLLOW | (fd >= 0 ? AT_EMPTY_PATH : 0);
	int at = fd >= 0 ? fd : dir;
	const char *path = fd >= 0 ? "" : name;
	if (fstatat(at, path, &st, flags) == 0 && st.st_uid == n->uid && st.st_gid == n->gid)
		return n->mode;
	if (fchownat(at, path, n->uid, n->gid, flags) == 0)
		return n->mode;
	(void)!fchownat(at, path, (uid_t)-1, n->gid, flags);
	count(&r->owners);
	return n->mode & ~(mode_t)(S_ISUID | S_ISGID);
}

static void dress_xattrs(const struct place *p, const struct node *n, struct files_refused *r)
{
	bool refused = false;
	for (size_t i = 0; i < n->xattr_count; i++)
		refused = set_value(p, &n->xattrs[i]) != 0 || refused;
	if (refused)
		count(&r->xattrs);
}

static void times_of(const struct node *n, struct timespec times[2])
{
	times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	times[1] = n->mtime;
}

/* Attributes before the mode, which may forbid to set them, and after the owner, whose change takes some away. */
void files_dress(int fd, const struct node *n, struct files_refused *r)
{
	struct place p = place_of(fd, -1, "");
	struct timespec times[2];
	mode_t mode = dress_owner(fd, -1, "", n, r);
	dress_xattrs(&p, n, r);
	times_of(n, times);
	bool refused = fchmod(fd, mode) != 0;
	refused = futimens(fd, times) != 0 || refused;
	if (refused)
		count(&r->modes);
}

static void dress_special(int dir, const char *name, const struct node *n, struct files_refused *r)
{
	struct place p = place_of(-1, dir, name);
	struct timespec times[2];
	mode_t mode = dress_owner(-1, dir, name, n, r);
	dress_xattrs(&p, n, r);
	times_of(n, times);
	bool refused = n->type != NODE_SYMLINK && fchmodat(dir, name, mode, 0) != 0;
	refused = utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) != 0 || refused;
	if (refused)
		count(&r->modes);
}

static int make_device(int dir, const char *name, const struct node *n)
{
	return mknodat(dir, name, (n->type == NODE_CHARDEV ? S_IFCHR : S_IFBLK) | 0600, (dev_t)n->rdev);
}

int files_make_special(int dir, const char *name, const struct node *n, struct files_refused *r, struct error *e)
{
	bool device = n->type == NODE_CHARDEV || n->type == NODE_BLOCKDEV;
	int made;
	if (n->type == NODE_SOCKET) {
		count(&r->sockets);
		return 0;
	}
	if (n->type == NODE_SYMLINK)
		made = symlinkat(n->link_target ? n->link_target : "", dir, name);
	else
		made = device ? make_device(dir, name, n) : mkfifoat(dir, name, 0600);
	if (made != 0 && device && (errno == EPERM || errno == EACCES)) {
		count(&r->devices);
		return 0;
	}
	if (made != 0)
		return error_sys(e, errno, "making %s \"%s\"", node_type_name(n->type), name);
	dress_special(dir, name, n, r);
	return 0;
}

int files_make_file(int dir, const char *name)
{
	return openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int files_make_folder(int dir, const char *name)
{
	if (mkdirat(dir, name, 0700) != 0)
		return -1;
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void tell(struct strlist *notes, const atomic_uint_fast64_t *n, const char *one, const char *many,
	const char *what)
{
	char number[HUMAN_MAX];
	uint64_t count = atomic_load(n);
	if (count > 0)
		strlist_addf(notes, "%s %s %s", human_count(count, number), count == 1 ? one : many, what);
}

void files_refused_tell(const struct files_refused *r, struct strlist *notes)
{
	tell(notes, &r->owners, "entry", "entries", "could not be given back to the owner (only root may)");
	tell(notes, &r->modes, "entry", "entries", "could not be given back mode or time");
	tell(notes, &r->xattrs, "entry", "entries", "could not be given back all extended attributes");
	tell(notes, &r->devices, "device", "devices", "could not be made (only root may)");
	tell(notes, &r->sockets, "socket", "sockets", "not restored: the program that listens makes it anew");
	tell(notes, &r->links, "hard link", "hard links", "restored as a file of its own");
}

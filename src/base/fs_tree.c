/* Folders: looking, making, listing, removing. */
#include "base/fs.h"

#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

bool fs_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_writable_dir(const char *path)
{
	return fs_is_dir(path) && faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

int fs_free_space(const char *path, uint64_t *bytes, struct error *e)
{
	struct statvfs vfs;
	if (statvfs(path, &vfs) != 0)
		return error_sys(e, errno, "asking for the free space of %s", path);
	*bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

/* 0 or an errno. Someone else may make the same folder at the same time. */
static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0)
		return 0;
	int err = errno;
	if (err == EEXIST && !fs_is_dir(path))
		return ENOTDIR;
	return err == EEXIST ? 0 : err;
}

int fs_make_dirs(const char *path, mode_t mode, struct error *e)
{
	int err = make_dir(path, mode);
	if (err != ENOENT || path[0] == '\0')
		return err ? error_sys(e, err, "making folder %s", path) : 0;
	/* From the top down, the path cut for a moment behind each component. */
	AUTO_FREE char *part = mem_string(path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		err = make_dir(part, mode);
		if (err)
			return error_sys(e, err, "making folder %s", part);
		*slash = '/';
	}
	err = make_dir(path, mode);
	return err ? error_sys(e, err, "making folder %s", path) : 0;
}

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

int fs_list_fd(int fd, struct strlist *names)
{
	/* A description of its own, so that reading begins at the beginning. */
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own < 0)
		return -1;
	CLEANUP(dir_close) DIR *d = fdopendir(own);
	if (!d) {
		fs_close(&own);
		return -1;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(d);
		if (!entry)
			return errno ? -1 : 0;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strlist_add(names, entry->d_name);
	}
}

int fs_list(const char *path, struct strlist *names, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(e, errno, "opening folder %s", path);
	if (fs_list_fd(fd, names) != 0)
		return error_sys(e, errno, "reading folder %s", path);
	strlist_sort(names);
	return 0;
}

/* A removal under way. Folders are only ever reached through their parent's descriptor and never through a link, so
 * that whoever swaps a folder for a link in between gains nothing. */
struct removal {
	int top;             /* the folder being removed */
	dev_t dev;
	uint64_t mount;      /* 0 where the system does not tell */
	unsigned long moved; /* folders moved up so far */
};

/* Deeper ones are moved up to the top first: descriptors and stack stay bounded however deep the tree. */
#define DEPTH_MAX 64

static int where_is(int fd, dev_t *dev, uint64_t *mount)
{
	struct statx sx;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return -1;
	*dev = st.st_dev;
	/* A bind mount has the same device: only the mount's number tells it. */
	bool told = statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0 && (sx.stx_mask & STATX_MNT_ID);
	*mount = told ? sx.stx_mnt_id : 0;
	return 0;
}

/* Open a folder with the rights to empty it, given to it where it lacks them and is ours. -1 with errno. */
static int open_to_empty(int parent, const char *name)
{
	CLEANUP(fs_close) int look = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (look < 0 || fstat(look, &st) != 0)
		return -1;
	if ((st.st_mode & S_IRWXU) != S_IRWXU && geteuid() == st.st_uid) {
		char link[48];
		snprintf(link, sizeof link, "/proc/self/fd/%d", look);
		(void)chmod(link, (st.st_mode & 07777) | S_IRWXU);
	}
	return openat(look, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int remove_at(struct removal *r, int parent, const char *name, const char *path, int depth, struct error *e);

static int remove_children(struct removal *r, int fd, const char *path, int depth, bool *any, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	if (fs_list_fd(fd, &names) != 0)
		return error_sys(e, errno, "reading folder %s", path);
	*any = names.n > 0;
	int err = 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		AUTO_FREE char *child = path_join(path, names.v[i]);
		err = remove_at(r, fd, names.v[i], child, depth, e);
	}
	return err;
}

static int move_to_top(struct removal *r, int parent, const char *name, const char *path, struct error *e)
{
	for (;;) {
		char up[32];
		snprintf(up, sizeof up, ".tmp-%lu", r->moved++);
		if (renameat(parent, name, r->top, up) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return error_sys(e, errno, "removing %s", path);
	}
}

static int remove_folder(struct removal *r, int parent, const char *name, const char *path, int depth, struct error *e)
{
	CLEANUP(fs_close) int fd = open_to_empty(parent, name);
	dev_t dev;
	uint64_t mount;
	if (fd < 0 || where_is(fd, &dev, &mount) != 0)
		return error_sys(e, errno, "removing %s", path);
	if (dev != r->dev || mount != r->mount)
		return error_set(e, ERR_REFUSED, "removing %s: it is another file system", path);
	bool any;
	int err = remove_children(r, fd, path, depth + 1, &any, e);
	if (!err && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		err = error_sys(e, errno, "removing %s", path);
	return err;
}

static int remove_at(struct removal *r, int parent, const char *name, const char *path, int depth, struct error *e)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return error_sys(e, errno, "removing %s", path);
	if (depth == DEPTH_MAX)
		return move_to_top(r, parent, name, path, e);
	return remove_folder(r, parent, name, path, depth, e);
}

static int empty_top(struct removal *r, const char *path, struct error *e)
{
	if (where_is(r->top, &r->dev, &r->mount) != 0)
		return error_sys(e, errno, "removing %s", path);
	/* Again, for what was moved up in the pass before. */
	for (bool any = true; any;) {
		int err = remove_children(r, r->top, path, 0, &any, e);
		if (err)
			return err;
	}
	return 0;
}

int fs_remove_tree(const char *path, struct error *e)
{
	/* ".." inside the path is left to the system: cleaning it away by text would go wrong behind a link. */
	const char *last = path_base(path);
	AUTO_FREE char *base = mem_string_n(last, strcspn(last, "/"));
	if (!path_component_ok(base, strlen(base)))
		return error_set(e, ERR_REFUSED, "refusing to remove %s", path);
	AUTO_FREE char *folder = path_dir(path);
	CLEANUP(fs_close) int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return errno == ENOENT ? 0 : error_sys(e, errno, "removing %s", path);
	if (unlinkat(parent, base, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return error_sys(e, errno, "removing %s", path);
	CLEANUP(fs_close) int top = open_to_empty(parent, base);
	if (top < 0)
		return error_sys(e, errno, "removing %s", path);
	struct removal r = {.top = top};
	int err = empty_top(&r, path, e);
	if (!err && unlinkat(parent, base, AT_REMOVEDIR) != 0 && errno != ENOENT)
		err = error_sys(e, errno, "removing %s", path);
	return err;
}

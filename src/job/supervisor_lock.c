/* One daemon a state folder: a lock of its open file (F_OFD_SETLK), which can be looked at without being taken. */
#include "job/supervisor.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *lock_path(const char *state_dir)
{
	return path_join(state_dir, "daemon.lock");
}

static int read_pid(int fd)
{
	char text[16] = {0};

	return fs_pread_full(fd, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
}

static int taken(const char *state_dir, int fd, struct error *e)
{
	error_set(e, ERR_LOCKED, "a daemon is running with %s already (process %d)", state_dir, read_pid(fd));
	return error_hint(e, "stop it first, or give this one a state folder of its own: BACKSTAY_HOME");
}

static int take(const char *state_dir, const char *path, int fd, struct error *e)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[16];

	if (fcntl(fd, F_OFD_SETLK, &whole) != 0)
		return errno == EAGAIN || errno == EACCES ? taken(state_dir, fd, e) : error_sys(e, errno, "locking %s", path);
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 || fs_pwrite_full(fd, text, (size_t)n, 0) != 0)
		return error_sys(e, errno, "writing %s", path);
	return 0;
}

int supervisor_lock(const char *state_dir, int *fd, struct error *e)
{
	AUTO_FREE char *path = lock_path(state_dir);

	*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return error_sys(e, errno, "opening %s", path);
	int rc = take(state_dir, path, *fd, e);

	if (rc)
		fs_close(fd);
	return rc;
}

pid_t supervisor_daemon(const char *state_dir)
{
	AUTO_FREE char *path = lock_path(state_dir);
	CLEANUP(fs_close) int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &whole) != 0 || whole.l_type == F_UNLCK)
		return 0;
	return read_pid(fd);
}

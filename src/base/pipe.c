#include "base/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOK_UP_MS 200 /* how often a silent program lets us see that we are cancelled */
/* Most programs write 4 KiB at a time and would have us turn to each of them: as little as that is given a moment to grow. */
#define LITTLE ((int)PIPE_BLOCK / 4)
#define MOMENT_US 1000

void pipe_widen(int fd)
{
	(void)fcntl(fd, F_SETPIPE_SZ, (int)PIPE_BLOCK);
}

/* A pipe too narrow to hold what comes meanwhile is read at once: its writer must not wait for us. */
static void let_grow(int fd)
{
	int there = 0;

	if (ioctl(fd, FIONREAD, &there) == 0 && there > 0 && there < LITTLE && fcntl(fd, F_GETPIPE_SZ) >= (int)PIPE_BLOCK)
		usleep(MOMENT_US);
}

int pipe_read(int fd, const char *name, struct progress *progress, void *block, size_t *n, struct error *e)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		int rc = progress_check(progress, e);

		if (rc)
			return rc;
		if (poll(&wait, 1, LOOK_UP_MS) <= 0)
			continue;
		let_grow(fd);
		ssize_t got = read(fd, block, PIPE_BLOCK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(e, errno, "reading the output of %s", name);
		*n = (size_t)got;
		return 0;
	}
}

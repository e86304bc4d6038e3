/* What a program prints, on its way to where it belongs. */
#include "base/proc.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define LOOK_UP_MS 200 /* how often a silent program lets us see that we are cancelled */
/* Most programs write 4 KiB at a time and would have us turn to each of them: as little as that is given a moment to grow. */
#define LITTLE ((int)BLOCK / 4)
#define MOMENT_US 1000

/* A pipe too narrow to hold what comes meanwhile is read at once: its writer must not wait for us. */
static void let_grow(const struct proc *p)
{
	int there = 0;
	if (ioctl(p->out, FIONREAD, &there) == 0 && there > 0 && there < LITTLE && fcntl(p->out, F_GETPIPE_SZ) >= (int)BLOCK)
		usleep(MOMENT_US);
}

/* Some of it, 0 at its end. */
static int read_some(const struct proc *p, struct progress *progress, unsigned char *block, size_t *n, struct error *e)
{
	struct pollfd wait = {.fd = p->out, .events = POLLIN};
	for (;;) {
		int err = progress_check(progress, e);
		if (err)
			return err;
		if (poll(&wait, 1, LOOK_UP_MS) <= 0)
			continue;
		let_grow(p);
		ssize_t got = read(p->out, block, BLOCK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(e, errno, "reading the output of %s", p->name);
		*n = (size_t)got;
		return 0;
	}
}

int proc_output(const struct proc *p, struct sink *to, struct progress *progress, uint64_t *size, struct error *e)
{
	AUTO_FREE unsigned char *block = mem_alloc(BLOCK);
	/* Fewer turns of the two; where the system allows less, that is as right. */
	(void)fcntl(p->out, F_SETPIPE_SZ, (int)BLOCK);
	for (*size = 0;;) {
		size_t n = 0;
		int err = read_some(p, progress, block, &n, e);
		if (!err && n > 0)
			err = sink_write(to, block, n, e);
		if (err || n == 0)
			return err;
		*size += n;
	}
}

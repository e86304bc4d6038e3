#include "engine/pg_dump_run.h"

#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define LOOK_UP_MS 200              /* how often a silent program lets us see that we are cancelled */

/* Some of its output, 0 at its end. */
static int read_some(const struct proc *p, struct progress *progress, unsigned char *block, size_t *n, struct error *e)
{
	struct pollfd wait = {.fd = p->out, .events = POLLIN};
	for (;;) {
		int err = progress_check(progress, e);
		if (err)
			return err;
		if (poll(&wait, 1, LOOK_UP_MS) <= 0)
			continue;
		ssize_t got = read(p->out, block, BLOCK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(e, errno, "reading the output of %s", p->name);
		*n = (size_t)got;
		return 0;
	}
}

static int pass_on(const struct proc *p, struct sink *to, struct progress *progress, uint64_t *size, struct error *e)
{
	AUTO_FREE unsigned char *block = mem_alloc(BLOCK);
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

int pg_dump_run(const struct pg_place *place, const struct strlist *argv, struct sink *to, struct progress *progress,
	struct buf *said, struct error *e)
{
	CLEANUP(strlist_release) struct strlist env = {0};
	struct proc p = {0};
	uint64_t size = 0;
	pg_tool_env(place, &env);
	strlist_add(&env, "LC_ALL=C");
	strlist_take(&env, NULL);
	int err = proc_start(&p, (const char *const *)argv->v, (const char *const *)env.v, PROC_PIPE_OUT, e);
	if (err)
		return err;
	(void)fcntl(p.out, F_SETPIPE_SZ, (int)BLOCK);     /* fewer changes between it and us; smaller is as right */
	err = pass_on(&p, to, progress, &size, e);
	if (err) {
		proc_stderr(&p, said);
		proc_stop(&p);
		return err;
	}
	err = proc_wait_said(&p, said, e);
	if (!err && size == 0)
		err = error_set(e, ERR_CHILD, "%s printed nothing", argv->v[0]);
	return err;
}

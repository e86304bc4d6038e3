#include "job/leftover.h"

#include "base/fs.h"
#include "base/mem.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define ENVIRONMENT_MAX ((size_t)4 << 20)
#define DYING_MS 1000
#define ROUNDS 20               /* one that is ended may have started another meanwhile */

static bool has_variable(const struct buf *environment, const char *variable)
{
	const char *p = (const char *)environment->p, *end = p + environment->len;

	for (; p < end; p += strlen(p) + 1)
		if (!strcmp(p, variable))
			return true;
	return false;
}

/* What cannot be read is somebody else's, or gone. */
static bool is_of_job(const char *pid, const char *variable)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	AUTO_FREE char *path = mem_printf("/proc/%s/environ", pid);
	struct error ignored = {0};

	return fs_read_file(path, ENVIRONMENT_MAX, &text, &ignored) == 0 && has_variable(&text, variable);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* By a descriptor, so that it is the process that was looked at, whatever becomes of its number. */
static bool kill_if_of_job(const char *pid, const char *variable)
{
	CLEANUP(fs_close) int fd = pidfd_open(atoi(pid), 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};

	if (fd < 0 || !is_of_job(pid, variable) || pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0)
		return false;
	poll(&end, 1, DYING_MS);
	return true;
}

static size_t kill_round(const char *variable)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error ignored = {0};
	size_t n = 0;

	if (fs_list("/proc", &names, &ignored) != 0)
		return 0;
	for (size_t i = 0; i < names.n; i++)
		if (is_number(names.v[i]) && atoi(names.v[i]) != getpid() && kill_if_of_job(names.v[i], variable))
			n++;
	return n;
}

size_t leftover_kill(const char *job_id)
{
	AUTO_FREE char *variable = mem_printf("BACKSTAY_JOB=%s", job_id);
	size_t all = 0, n;

	for (int i = 0; i < ROUNDS && (n = kill_round(variable)) > 0; i++)
		all += n;
	return all;
}

/* Children as real processes. */
#include "job/supervisor_parts.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_FAILED 127

static void default_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec, where other threads of ours may have held any lock: system calls only. Our end may come before prctl(). */
static _Noreturn void become(const char *program, char *const argv[], int nothing, int said, pid_t parent)
{
	static const char failed[] = "backstay cannot be started\n";

	default_signals();
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0)
		_exit(EXEC_FAILED);
	execv(program, argv);
	(void)!write(STDERR_FILENO, failed, sizeof failed - 1);
	_exit(EXEC_FAILED);
}

static char **argv_of(const struct strlist *words)
{
	static char name[] = "backstay";
	char **argv = mem_array(NULL, words->n + 2, sizeof *argv);

	argv[0] = name;
	if (words->n)
		memcpy(argv + 1, words->v, words->n * sizeof *argv);
	argv[words->n + 1] = NULL;
	return argv;
}

static int start(void *program, const struct strlist *words, pid_t *pid, int *output, struct error *e)
{
	CLEANUP(fs_close) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2];

	if (nothing < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return error_sys(e, errno, "making a pipe to a job");
	CLEANUP(fs_close) int said = ends[1];
	AUTO_FREE char **argv = argv_of(words);
	pid_t parent = getpid();

	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*pid = fork();
	if (*pid == 0)
		become(program, argv, nothing, said, parent);
	if (*pid < 0) {
		error_sys(e, errno, "starting a process for a job");
		fs_close(&ends[0]);
		return -(int)e->kind;
	}
	/* Here too: it may be signalled before it has come so far. */
	setpgid(*pid, *pid);
	*output = ends[0];
	return 0;
}

static bool ended(void *ctx, pid_t pid, int *status)
{
	pid_t gone;

	do
		gone = waitpid(pid, status, WNOHANG);
	while (gone < 0 && errno == EINTR);
	/* Somebody else's child, or none: it is gone in any case. */
	if (gone < 0)
		*status = 0;
	return gone != 0;
}

static void send_signal(void *ctx, pid_t pid, int number)
{
	kill(-pid, number);
}

void supervisor_process_init(struct supervisor_processes *p, const char *program)
{
	*p = (struct supervisor_processes){.start = start, .ended = ended, .signal = send_signal, .ctx = (void *)program};
}

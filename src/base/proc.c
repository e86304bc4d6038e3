#include "base/proc.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strlist.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define STDERR_KEPT ((size_t)64 << 10)
#define PIPE_HOLDS ((size_t)1 << 20)
#define STDERR_SHOWN ((size_t)1024)
#define STOP_PATIENCE_MS 2000

/* What reads the child's stderr. It ends at end of file, or when told that the child is gone: a grandchild that was
 * left running may hold the pipe open for ever. */
struct drain {
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf text;
	int from;          /* non-blocking */
	int gone;          /* eventfd */
};

static void drain_keep(struct drain *d, const char *p, size_t n)
{
	pthread_mutex_lock(&d->lock);
	buf_add(&d->text, p, n);
	if (d->text.len > STDERR_KEPT)
		buf_remove_front(&d->text, d->text.len - STDERR_KEPT);
	pthread_mutex_unlock(&d->lock);
}

/* Read what is there now, but no more than a pipe holds: a writer without pause must not keep us from looking up.
 * False at the end. */
static bool drain_read(struct drain *d)
{
	char block[4096];
	for (size_t i = 0; i < PIPE_HOLDS / sizeof block; i++) {
		ssize_t n = read(d->from, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		drain_keep(d, block, (size_t)n);
	}
	return true;
}

static void *drain_run(void *arg)
{
	struct drain *d = arg;
	struct pollfd wait[] = {{.fd = d->from, .events = POLLIN}, {.fd = d->gone, .events = POLLIN}};
	do {
		wait[1].revents = 0;
		poll(wait, ARRAY_LEN(wait), -1);
	} while (drain_read(d) && !wait[1].revents);
	return NULL;
}

static void drain_free(struct drain *d)
{
	fs_close(&d->gone);
	pthread_mutex_destroy(&d->lock);
	buf_release(&d->text);
	free(d);
}

static struct drain *drain_new(int from, struct error *e)
{
	struct drain *d = mem_zero(sizeof *d);
	pthread_mutex_init(&d->lock, NULL);
	d->from = from;
	d->gone = eventfd(0, EFD_CLOEXEC);
	int err = d->gone < 0 ? errno : 0;
	if (!err && fcntl(from, F_SETFL, O_NONBLOCK) != 0)
		err = errno;
	if (!err)
		err = thread_start(&d->thread, "stderr", drain_run, d);
	if (!err)
		return d;
	drain_free(d);
	error_sys(e, err, "reading its messages");
	return NULL;
}

/* The child's three ends, and ours, until each is handed over. */
struct plumbing {
	int child[3], ours[3];
};

static void plumbing_release(struct plumbing *pl)
{
	for (int i = 0; i < 3; i++) {
		fs_close(&pl->child[i]);
		fs_close(&pl->ours[i]);
	}
}

static int lay_pipe(struct plumbing *pl, int i, struct error *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_sys(e, errno, "making a pipe");
	bool child_reads = i == STDIN_FILENO;
	pl->child[i] = ends[child_reads ? 0 : 1];
	pl->ours[i] = ends[child_reads ? 1 : 0];
	return 0;
}

static int lay_pipes(struct plumbing *pl, unsigned flags, struct error *e)
{
	const bool wanted[3] = {flags & PROC_PIPE_IN, flags & PROC_PIPE_OUT, true};
	for (int i = 0; i < 3; i++) {
		int err = 0;
		if (wanted[i])
			err = lay_pipe(pl, i, e);
		else if ((pl->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
			err = error_sys(e, errno, "opening /dev/null");
		if (err)
			return err;
	}
	return 0;
}

static bool sets_same(const char *setting, const char *other)
{
	size_t n = strcspn(setting, "=");
	return strncmp(setting, other, n) == 0 && (other[n] == '=' || other[n] == '\0');
}

/* Our environment with `extra` in place of what has the same names. Only the array is heap. */
static char **environment(const char *const extra[])
{
	size_t own = 0, more = 0;
	while (environ && environ[own])
		own++;
	while (extra && extra[more])
		more++;
	char **all = mem_array(NULL, own + more + 1, sizeof *all);
	size_t n = 0;
	for (size_t i = 0; i < own; i++) {
		bool replaced = false;
		for (size_t k = 0; k < more && !replaced; k++)
			replaced = sets_same(extra[k], environ[i]);
		if (!replaced)
			all[n++] = environ[i];
	}
	for (size_t k = 0; k < more; k++)
		all[n++] = (char *)extra[k];
	all[n] = NULL;
	return all;
}

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool proc_available(const char *name)
{
	if (name[0] == '\0' || strchr(name, '/'))
		return is_program(name);
	const char *path = getenv("PATH");
	if (!path)
		path = "/bin:/usr/bin";
	for (;; path++) {
		size_t n = strcspn(path, ":");
		AUTO_FREE char *folder = mem_string_n(path, n);
		AUTO_FREE char *candidate = path_join(folder, name);
		if (is_program(candidate))
			return true;
		path += n;
		if (*path == '\0')
			return false;
	}
}

/* posix_spawn reports a failed exec itself, and does not copy our memory to start a child. Returns 0 or an errno. */
static int spawn(pid_t *pid, const char *const argv[], char **env, const struct plumbing *pl)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	int err = 0;
	for (int i = 0; i < 3 && !err; i++)
		err = posix_spawn_file_actions_adddup2(&files, pl->child[i], i);
	if (!err)
		err = posix_spawnp(pid, argv[0], &files, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return err;
}

/* A child that goes away while we write to it is an EPIPE, not our end. */
static void ignore_sigpipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

static void release(struct proc *p)
{
	fs_close(&p->in);
	fs_close(&p->out);
	if (p->drain)
		drain_free(p->drain);
	fs_close(&p->err);
	free(p->name);
	*p = (struct proc){.out = -1, .in = -1, .err = -1};
}

int proc_start(struct proc *p, const char *const argv[], const char *const env[], unsigned flags, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, ignore_sigpipe);
	*p = (struct proc){.out = -1, .in = -1, .err = -1};
	CLEANUP(plumbing_release) struct plumbing pl = {{-1, -1, -1}, {-1, -1, -1}};
	int err = lay_pipes(&pl, flags, e);
	if (err)
		return error_wrap(e, "cannot start %s", argv[0]);
	AUTO_FREE char **all_env = environment(env);
	pid_t pid;
	int failed = spawn(&pid, argv, all_env, &pl);
	/* A folder in PATH that we may not look into, or a file that is no program, hides that it is nowhere. */
	if (failed == EACCES && !strchr(argv[0], '/') && !proc_available(argv[0]))
		failed = ENOENT;
	if (failed) {
		err = error_sys(e, failed, "cannot start %s", argv[0]);
		if (failed == ENOENT)
			error_hint(e, "install %s, or add its folder to PATH", path_base(argv[0]));
		return err;
	}
	*p = (struct proc){.pid = pid, .in = pl.ours[0], .out = pl.ours[1], .err = pl.ours[2]};
	p->name = mem_string(argv[0]);
	pl.ours[0] = pl.ours[1] = pl.ours[2] = -1;
	p->drain = drain_new(p->err, e);
	if (!p->drain) {
		proc_stop(p);
		return error_wrap(e, "cannot start %s", argv[0]);
	}
	return 0;
}

/* The child's exit status as waitpid() gives it; its thread has ended then. */
static int reap(struct proc *p)
{
	int status = 0;
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	struct drain *d = p->drain;
	if (d) {
		(void)eventfd_write(d->gone, 1);
		pthread_join(d->thread, NULL);
	}
	return status;
}

/* The end of what it said on stderr, on one line: whole lines if they fit, without control characters. Heap. */
static char *last_words(struct proc *p)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	proc_stderr(p, &text);
	size_t from = text.len > STDERR_SHOWN ? text.len - STDERR_SHOWN : 0;
	const unsigned char *line = from > 0 ? memchr(text.p + from, '\n', text.len - from) : NULL;
	if (line && line + 1 < text.p + text.len)
		from = (size_t)(line - text.p);
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	bool between = false;
	for (size_t i = from; i < text.len; i++) {
		unsigned char c = text.p[i];
		between = between || c == '\n' || c == '\r';
		if (c <= ' ' && (between || out.len == 0))
			continue;
		if (between && out.len > 0)
			buf_add_str(&out, "; ");
		between = false;
		buf_add_byte(&out, c < ' ' || c == 0x7f ? ' ' : c);
	}
	return buf_take_text(&out);
}

static int tell_failure(struct proc *p, int status, struct error *e)
{
	AUTO_FREE char *said = last_words(p);
	const char *colon = said[0] ? ": " : "";
	int number = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	if (WIFEXITED(status))
		return error_set(e, ERR_CHILD, "%s failed with status %d%s%s", p->name, number, colon, said);
	const char *text = sigdescr_np(number);
	return error_set(e, ERR_CHILD, "%s was ended by signal %d (%s)%s%s", p->name, number, text ? text : "unknown",
		colon, said);
}

int proc_wait_said(struct proc *p, struct buf *said, struct error *e)
{
	/* A zeroed p would mean any child at all, and our own descriptor 0. */
	if (p->pid <= 0)
		return error_set(e, ERR_INTERNAL, "waiting for a program that was not started");
	fs_close(&p->in);
	fs_close(&p->out);
	int status = reap(p);
	int err = status != 0 ? tell_failure(p, status, e) : 0;
	if (said)
		proc_stderr(p, said);
	release(p);
	return err;
}

int proc_wait(struct proc *p, struct error *e)
{
	return proc_wait_said(p, NULL, e);
}

void proc_stderr(struct proc *p, struct buf *out)
{
	struct drain *d = p->drain;
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	if (buf_fits(out, d->text.len))
		buf_add(out, d->text.p, d->text.len);
	pthread_mutex_unlock(&d->lock);
}

/* Wait until the child has ended, for so long. It is not reaped: its number, and its group's, stay its own. */
static void wait_for_end(pid_t pid, int ms)
{
	CLEANUP(fs_close) int fd = pidfd_open(pid, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};
	/* Where the kernel has no such descriptor (-1 is skipped), the whole time passes. */
	poll(&end, 1, ms);
}

void proc_stop(struct proc *p)
{
	if (p->pid <= 0)
		return;
	kill(-p->pid, SIGTERM);
	kill(-p->pid, SIGCONT);
	wait_for_end(p->pid, STOP_PATIENCE_MS);
	kill(-p->pid, SIGKILL);
	(void)reap(p);
	release(p);
}

#include "engine/scratch_server.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define LOOK_UP_MS 20
#define STOP_PATIENCE_MS 10000
#define PREFIX "server-"
#define MARK "backstay-rehearsal"
#define FRESH_SECONDS 60                  /* a folder may still be in the making */

static int choose_user(struct scratch_server *s, const char *const users[], struct error *e)
{
	s->uid = geteuid();
	s->gid = getegid();
	if (s->uid != 0)
		return 0;
	for (size_t i = 0; users[i]; i++) {
		char room[16384];
		struct passwd entry, *found = NULL;
		if (getpwnam_r(users[i], &entry, room, sizeof room, &found) || !found || !found->pw_uid)
			continue;
		s->user = mem_string(users[i]);
		s->uid = found->pw_uid;
		s->gid = found->pw_gid;
		return 0;
	}
	error_set(e, ERR_NOT_FOUND, "a throw-away server does not run as root, and there is no user \"%s\"", users[0]);
	return error_hint(e, "create that user, or run as an ordinary one");
}

/* Whether the server's user may pass through this folder and all above it. */
static bool is_reached(const struct scratch_server *s, const char *dir)
{
	AUTO_FREE char *path = path_absolute(dir);
	while (s->user) {
		struct stat st;
		if (stat(path, &st) != 0)
			return false;
		mode_t need = st.st_uid == s->uid ? S_IXUSR : st.st_gid == s->gid ? S_IXGRP : S_IXOTH;
		if (!(st.st_mode & need))
			return false;
		if (strcmp(path, "/") == 0)
			break;
		char *up = path_dir(path);
		free(path);
		path = up;
	}
	return true;
}

static int make_folder(const struct scratch_server *s, const char *parent, char **out, struct error *e)
{
	int err = fs_temp_dir(parent, PREFIX, out, e);
	if (!err && s->user && chown(*out, s->uid, s->gid) != 0)
		err = error_sys(e, errno, "giving %s to the user %s", *out, s->user);
	return err;
}

/* A folder whose lock nobody holds belongs to a process that was killed. */
static void remove_stale(const char *parent)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error ignored = {0};
	if (fs_list(parent, &names, &ignored))
		return;
	for (size_t i = 0; i < names.n; i++) {
		if (strncmp(names.v[i], PREFIX, strlen(PREFIX)) != 0)
			continue;
		AUTO_FREE char *dir = path_join(parent, names.v[i]);
		AUTO_FREE char *mark = path_join(dir, MARK);
		CLEANUP(fs_close) int fd = open(mark, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		    time_now().tv_sec - st.st_mtime > FRESH_SECONDS && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)!fs_remove_tree(dir, &ignored);
	}
}

static int mark_folder(struct scratch_server *s, struct error *e)
{
	AUTO_FREE char *mark = path_join(s->dir, MARK);
	s->lock = open(mark, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0 ? 0 : error_sys(e, errno, "writing %s", mark);
}

/* The caller's folder, or the first temporary one that the server's user reaches. */
static int make_data_folder(struct scratch_server *s, const char *dir, struct error *e)
{
	const char *const places[] = {dir, getenv("TMPDIR"), "/var/tmp", "/tmp"};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i] && places[i][0] && is_reached(s, places[i])) {
			remove_stale(places[i]);
			int err = make_folder(s, places[i], &s->dir, e);
			return err ? err : mark_folder(s, e);
		}
	error_set(e, ERR_ACCESS, "the user %s has no way to %s, nor to /var/tmp or /tmp", s->user, dir);
	return error_hint(e, "set TMPDIR to a folder that user can reach");
}

int scratch_server_open(struct scratch_server *s, const char *dir, const char *const users[], const char *socket_name,
	struct error *e)
{
	*s = (struct scratch_server){.lock = -1, .proc = {.in = -1, .out = -1, .err = -1}};
	int err = choose_user(s, users, e);
	if (!err)
		err = make_data_folder(s, dir, e);
	if (err)
		return err;
	AUTO_FREE char *absolute = path_absolute(s->dir);
	free(s->dir);
	s->dir = TAKE(absolute);
	if (strlen(s->dir) + 1 + strlen(socket_name) <= SCRATCH_SOCKET_MAX)
		s->socket_dir = mem_string(s->dir);
	else
		err = make_folder(s, "/tmp", &s->socket_dir, e);
	return err ? error_wrap(e, "making the folder of a throw-away server") : 0;
}

void scratch_server_command(const struct scratch_server *s, struct strlist *argv)
{
	if (s->user || proc_available("setpriv")) {
		strlist_add(argv, "setpriv");
		strlist_add(argv, "--pdeathsig=KILL");
	}
	if (s->user) {
		strlist_addf(argv, "--reuid=%u", (unsigned)s->uid);
		strlist_addf(argv, "--regid=%u", (unsigned)s->gid);
		strlist_add(argv, "--clear-groups");
	}
	if (argv->n)
		strlist_add(argv, "--");
	/* Where we are may be a folder that the user cannot enter. */
	strlist_add(argv, "env");
	strlist_addf(argv, "--chdir=%s", s->dir);
	strlist_addf(argv, "HOME=%s", s->dir);
	strlist_addf(argv, "TMPDIR=%s", s->dir);
}

static int start(const struct scratch_server *s, const char *const argv[], const char *const env[], struct proc *p,
	struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	scratch_server_command(s, &words);
	for (size_t i = 0; argv[i]; i++)
		strlist_add(&words, argv[i]);
	strlist_take(&words, NULL);
	int err = proc_start(p, (const char *const *)words.v, env, 0, e);
	if (!err) {
		/* Messages name the program, not what started it. */
		free(p->name);
		p->name = mem_string(path_base(argv[0]));
	}
	return err;
}

/* The program's own words are kept; InnoDB says only the number. */
static int room_told(struct error *e)
{
	if (!strstr(e->text, "No space left on device") && !strstr(e->text, "with error 28"))
		return -(int)e->kind;
	e->kind = ERR_NO_SPACE;
	return error_hint_typed(e, "set TMPDIR to a larger place, or verify no more than the structure",
				" (--level 2)");
}

int scratch_server_run(const struct scratch_server *s, const char *const argv[], const char *const env[], struct error *e)
{
	struct proc p = {0};
	int err = start(s, argv, env, &p, e);
	if (!err)
		err = proc_wait(&p, e) ? room_told(e) : 0;
	return err;
}

/* Whether it has ended, looked at for so long. It is not reaped. */
static bool has_ended(pid_t pid, int ms)
{
	CLEANUP(fs_close) int fd = pidfd_open(pid, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};
	return poll(&end, 1, ms) == 1 && end.revents;
}

static int wait_until_ready(struct scratch_server *s, unsigned seconds, int (*ready)(void *ctx, struct error *e), void *ctx,
	struct progress *p, struct error *e)
{
	double until = time_monotonic() + seconds;
	for (;;) {
		int err = progress_check(p, e);
		if (err)
			return err;
		if (has_ended(s->proc.pid, LOOK_UP_MS)) {
			AUTO_FREE char *name = mem_string(s->proc.name);
			return proc_wait(&s->proc, e) ? -(int)e->kind
			                              : error_set(e, ERR_CHILD, "%s ended at once", name);
		}
		err = ready(ctx, e);
		if (err <= 0)
			return err;
		if (time_monotonic() > until)
			return error_set(e, ERR_TEMPORARY, "%s did not answer within %u seconds", s->proc.name, seconds);
	}
}

int scratch_server_start(struct scratch_server *s, const char *const argv[], const char *const env[], unsigned seconds,
	int (*ready)(void *ctx, struct error *e), void *ctx, struct progress *p, struct error *e)
{
	int err = start(s, argv, env, &s->proc, e);
	if (!err)
		err = wait_until_ready(s, seconds, ready, ctx, p, e);
	return err ? error_wrap(e, "starting a throw-away server") : 0;
}

void scratch_server_close(struct scratch_server *s)
{
	struct error ignored = {0};
	if (s->proc.pid > 0) {
		if (s->stop_signal && kill(s->proc.pid, s->stop_signal) == 0)
			has_ended(s->proc.pid, STOP_PATIENCE_MS);
		proc_stop(&s->proc);
	}
	if (s->dir)
		(void)!fs_remove_tree(s->dir, &ignored);
	if (s->socket_dir && (!s->dir || strcmp(s->dir, s->socket_dir) != 0))
		(void)!fs_remove_tree(s->socket_dir, &ignored);
	/* A zeroed one has no lock, and its 0 is our own input. */
	if (s->lock > 0)
		fs_close(&s->lock);
	free(s->dir);
	free(s->socket_dir);
	free(s->user);
	*s = (struct scratch_server){.lock = -1, .proc = {.in = -1, .out = -1, .err = -1}};
}

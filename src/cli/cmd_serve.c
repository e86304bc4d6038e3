/* The daemon. */
#include "base/fs.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "catalog/setting.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "job/access.h"
#include "job/password.h"
#include "job/source_environment.h"
#include "job/status.h"
#include "job/supervisor.h"
#include "web/web.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define JOBS_MAX 64
#define SELF "/proc/self/exe"   /* children are of the version that is running, whatever an update puts in its place */

static const struct opt options[] = {
	{"listen", 0, OPT_STRING, "ADDR:PORT", "where the dashboard and the API are; else the setting listen (127.0.0.1:8484)", NULL},
	{"no-web", 0, OPT_FLAG, NULL, "no dashboard and no API, only schedules and jobs", NULL},
	{"jobs", 0, OPT_COUNT, "N", "so many jobs at once; else the setting jobs (2)", NULL},
	{0},
};

/* What the signal handlers reach. */
static struct supervisor *supervisor;
static volatile bool stop;
static volatile sig_atomic_t reload;

static void on_signal(int number)
{
	int saved = errno;

	if (number == SIGHUP)
		reload = 1;
	else if (stop)
		_exit(128 + number);
	else
		stop = true;
	supervisor_wake(supervisor);
	errno = saved;
}

static void catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

/* ---- the service manager ---- */

/* One datagram to NOTIFY_SOCKET, as sd_notify(3) documents it: "READY=1", "STOPPING=1". Nobody listens: nothing is sent. */
static void tell_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	CLEANUP(fs_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

/* ---- settings ---- */

static int set_log(struct catalog *c, struct error *e)
{
	AUTO_FREE char *format = NULL;
	AUTO_FREE char *level = NULL;
	int most = LOG_ERROR, rc = setting_text(c, "log_format", &format, NULL, e);

	if (!rc)
		rc = setting_text(c, "log_level", &level, NULL, e);
	if (rc)
		return rc;
	while (most < LOG_DEBUG && strcmp(log_level_name(most), level))
		most++;
	log_setup((enum log_level)most, !strcmp(format, "json"));
	return 0;
}

struct daemon {
	const struct parsed *p;
	struct catalog *c;
	uint64_t jobs, grace;
};

static int read_settings(struct daemon *d, struct error *e)
{
	int rc = set_log(d->c, e);

	if (!rc)
		rc = setting_number(d->c, "jobs", &d->jobs, e);
	if (!rc)
		rc = setting_number(d->c, "stop_grace", &d->grace, e);
	if (opt_get(d->p, "jobs")->given)
		d->jobs = opt_get(d->p, "jobs")->number;
	if (!rc && (d->jobs < 1 || d->jobs > JOBS_MAX))
		rc = error_set(e, ERR_USAGE, "--jobs is 1 to %d", JOBS_MAX);
	return rc;
}

/* The source that the environment describes; and what of it has no effect is said. */
static void take_environment(struct daemon *d)
{
	CLEANUP(strlist_release) struct strlist notes = {0};
	struct error e = {0};

	if (source_environment_apply(d->c, &e) || setting_notes(&notes, &e))
		log_write(LOG_ERROR, "serve", "%s", e.text);
	for (size_t i = 0; i < notes.n; i++)
		log_write(LOG_WARNING, "serve", "%s", notes.v[i]);
}

static void before_round(void *ctx, struct supervisor *s)
{
	struct daemon *d = ctx;
	struct error e = {0};

	if (!reload)
		return;
	reload = 0;
	if (read_settings(d, &e))
		log_write(LOG_ERROR, "serve", "the settings stay as they were: %s", e.text);
	else {
		supervisor_set(s, (int)d->jobs, (double)d->grace);
		log_write(LOG_NOTICE, "serve", "settings read anew: %llu jobs at once", (unsigned long long)d->jobs);
	}
}

/* ---- the web ---- */

static void wake(void *ctx)
{
	supervisor_wake(supervisor);
}

/* A place on which it listens as people type it into a browser. Heap. */
static char *url_of(const char *listen, int port)
{
	const char *colon = strrchr(listen, ':');

	if (!strncmp(listen, "unix:", 5) || !colon)
		return mem_string(listen);
	int n = (int)(colon - listen);
	bool any = !strncmp(listen, "0.0.0.0:", 8) || !strncmp(listen, "[::]:", 5) || n == 0;

	return any ? mem_printf("http://127.0.0.1:%d", port) : mem_printf("http://%.*s:%d", n, listen, port);
}

static int public_url(struct daemon *d, const char *own, char **out, struct error *e)
{
	int rc = setting_text(d->c, "public_url", out, NULL, e);

	if (!rc && !**out) {
		free(*out);
		*out = mem_string(own);
	}
	for (size_t n = rc ? 0 : strlen(*out); n && (*out)[n - 1] == '/';)
		(*out)[--n] = 0;
	return rc;
}

/* While there is no user, whoever has the link makes the first one. */
static int offer_first_link(struct daemon *d, const char *own, struct error *e)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *url = NULL;
	int rc = access_first_link(d->c, time_now().tv_sec, &text, e);

	if (!rc && text)
		rc = public_url(d, own, &url, e);
	if (!rc && text)
		log_write(LOG_NOTICE, "serve", "nobody can log in yet; make the first administrator, within a day: %s/#/setup?link=%s", url, text);
	return rc;
}

static int start_web(struct daemon *d, struct web_server **out, char **url, struct error *e)
{
	AUTO_FREE char *listen = NULL;
	int rc = setting_text(d->c, "listen", &listen, NULL, e);

	if (rc)
		return rc;
	const char *where = opt_text(d->p, "listen") ? opt_text(d->p, "listen") : listen;
	const struct web_options o = {.listen = where, .state_dir = catalog_state_dir(d->c), .program = SELF, .wake = wake};

	rc = web_start(&o, out, e);
	if (rc)
		return rc;
	*url = url_of(where, web_port(*out));
	return offer_first_link(d, *url, e);
}

/* ---- serving ---- */

static int begin(struct daemon *d, struct web_server **web, struct error *e)
{
	const struct supervisor_options o = {
		.program = SELF, .jobs = (int)d->jobs, .grace = (double)d->grace, .before_round = before_round, .ctx = d,
	};
	AUTO_FREE char *url = NULL;
	int rc = supervisor_new(d->c, &o, &supervisor, e);

	if (rc)
		return rc;
	status_daemon_started(time_now());
	catch_signals();
	if (!opt_flag(d->p, "no-web"))
		rc = start_web(d, web, &url, e);
	if (rc)
		return rc;
	AUTO_FREE char *ready = mem_printf("READY=1\nSTATUS=%s", url ? url : "without a dashboard");

	tell_manager(ready);
	return 0;
}

static int serve(struct daemon *d, struct error *e)
{
	struct web_server *web = NULL;
	int rc = begin(d, &web, e);

	if (!rc) {
		log_write(LOG_NOTICE, "serve", "backstay %s has begun with %s, process %d, %llu jobs at once", BACKSTAY_VERSION, catalog_state_dir(d->c), (int)getpid(),
			  (unsigned long long)d->jobs);
		supervisor_run(supervisor, &stop);
		tell_manager("STOPPING=1");
	}
	web_stop(web);
	if (!rc)
		log_write(LOG_NOTICE, "serve", "stopped");
	return rc;
}

static int run(const struct parsed *p, struct error *e)
{
	struct daemon d = {.p = p};
	CLEANUP(fs_close) int lock = -1;
	AUTO_FREE char *state = NULL;
	int rc = password_state_dir(true, &state, e);

	if (!rc)
		rc = supervisor_lock(state, &lock, e);
	if (!rc)
		rc = catalog_open(state, &d.c, e);
	if (!rc)
		rc = read_settings(&d, e);
	if (!rc) {
		take_environment(&d);
		rc = serve(&d, e);
	}
	supervisor_free(supervisor);
	catalog_close(d.c);
	return rc;
}

const struct command cmd_serve = {
	.name = "serve",
	.arguments = "",
	.summary = "run schedules and jobs, and serve the dashboard and the API",
	.details =
		"The daemon, one for each state folder (BACKSTAY_HOME). It runs what is due and\n"
		"what is queued, each job in a process of its own, and logs to standard error.\n"
		"SIGTERM ends it: running jobs get the setting stop_grace (30 seconds) to end\n"
		"and are then made up for at the next start. SIGHUP reads the settings anew.\n",
	.examples =
		"backstay serve\n"
		"backstay serve --listen 0.0.0.0:8484 --jobs 4\n"
		"backstay serve --no-web\n",
	.max_args = 0,
	.options = options,
	.run = run,
};

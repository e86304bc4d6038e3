#include "engine/line.h"

#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOK_UP_NS 200000000L

struct line {
	const void *owner;
	int fd;                   /* our own: the library may close its one and the number be another file's */
	struct progress *progress;
	double since;             /* cancelled, or the last statement began after that; 0: not cancelled */
	bool cut;
	struct line *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct line *lines;
static bool watching;

static struct line *find(const void *owner)
{
	struct line *l = lines;
	while (l && l->owner != owner)
		l = l->next;
	return l;
}

static void look_at(struct line *l, double now)
{
	struct error ignored;
	if (l->cut || !progress_check(l->progress, &ignored))
		return;
	if (l->since == 0)
		l->since = now;
	if (now - l->since < LINE_GRACE_SECONDS)
		return;
	shutdown(l->fd, SHUT_RDWR);
	l->cut = true;
}

static void *watch(void *arg)
{
	const struct timespec pause = {.tv_nsec = LOOK_UP_NS};
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!lines)
			pthread_cond_wait(&more, &lock);
		double now = time_monotonic();
		for (struct line *l = lines; l; l = l->next)
			look_at(l, now);
		pthread_mutex_unlock(&lock);
		nanosleep(&pause, NULL);
	}
	return arg;
}

/* Without the thread nothing is cut, and all else works. It lives as long as the process. */
static void start_watching(void)
{
	pthread_t thread;
	if (!watching && thread_start(&thread, "lines", watch, NULL) == 0) {
		pthread_detach(thread);
		watching = true;
	}
}

void line_watch(const void *owner, int fd, struct progress *p)
{
	int own = p ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	line_forget(owner);
	if (own < 0)
		return;
	struct line *l = mem_zero(sizeof *l);
	*l = (struct line){.owner = owner, .fd = own, .progress = p};
	pthread_mutex_lock(&lock);
	l->next = lines;
	lines = l;
	start_watching();
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

void line_forget(const void *owner)
{
	pthread_mutex_lock(&lock);
	struct line **at = &lines;
	while (*at && (*at)->owner != owner)
		at = &(*at)->next;
	struct line *l = *at;
	if (l)
		*at = l->next;
	pthread_mutex_unlock(&lock);
	if (l)
		close(l->fd);
	free(l);
}

void line_touch(const void *owner)
{
	pthread_mutex_lock(&lock);
	struct line *l = find(owner);
	if (l && l->since > 0)
		l->since = time_monotonic();
	pthread_mutex_unlock(&lock);
}

bool line_is_cut(const void *owner)
{
	pthread_mutex_lock(&lock);
	struct line *l = find(owner);
	bool cut = l && l->cut;
	pthread_mutex_unlock(&lock);
	return cut;
}

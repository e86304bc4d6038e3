/* Statements that take long are ended at the server once the work is cancelled: the library waits for its answer, come what
 * may. */
#include "engine/my_restore.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <time.h>

#define LOOK_UP_NS 200000000L

static void kill_query(const struct my_guard *g)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	struct error ignored = {0};
	if (my_connect(g->place, "", &c, &ignored) == 0)
		(void)!my_exec(c, &ignored, my_sql("KILL QUERY %llu", (unsigned long long)g->connection));
}

static void *guard_run(void *arg)
{
	struct my_guard *g = arg;
	struct error cancelled = {0};
	pthread_mutex_lock(&g->lock);
	while (!g->done) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_UP_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&g->wake, &g->lock, &until);
		if (g->done || !progress_check(g->progress, &cancelled))
			continue;
		/* Again and again: one may come between two statements. */
		pthread_mutex_unlock(&g->lock);
		kill_query(g);
		pthread_mutex_lock(&g->lock);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int my_guard_start(struct my_guard *g, const struct my_place *place, MYSQL *c, struct progress *p, struct error *e)
{
	*g = (struct my_guard){.place = place, .progress = p, .connection = mysql_thread_id(c)};
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->wake, NULL);
	int failed = thread_start(&g->thread, "guard", guard_run, g);
	return failed ? error_sys(e, failed, "starting a thread") : 0;
}

int my_guard_end(struct my_guard *g, int err, struct error *e)
{
	struct error cancelled = {0};
	pthread_mutex_lock(&g->lock);
	g->done = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->wake);
	if (!err || !progress_check(g->progress, &cancelled))
		return err;
	*e = cancelled;
	return -(int)cancelled.kind;
}

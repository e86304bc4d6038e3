#include "web/keeper.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "web/events.h"
#include "web/upload.h"
#include "web/watch.h"

#include <stdlib.h>

#define LOOK_SECONDS 0.5
#define SWEEP_SECONDS 600.0
#define KEEP_SECONDS 3600.0             /* files younger than this stay */

struct keeper {
	const char *state_dir;
	struct events *events;
	struct watch *watch;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t nudge;
	bool stop, resting;             /* under the lock */
};

static void sweep(const struct keeper *k)
{
	struct catalog *c = NULL;
	struct error e = {0};

	if (catalog_open(k->state_dir, &c, &e))
		log_write(LOG_WARNING, "web", "old uploads stay for now: %s", e.text);
	else
		upload_sweep(c, KEEP_SECONDS);
	catalog_close(c);
}

static struct timespec in_a_while(double seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	t.tv_sec += (time_t)seconds + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Until the next look; false: it is to end. */
static bool pause_until_next(struct keeper *k, bool rest)
{
	struct timespec until = in_a_while(rest ? SWEEP_SECONDS : LOOK_SECONDS);

	pthread_mutex_lock(&k->lock);
	k->resting = rest;
	if (!k->stop)
		pthread_cond_timedwait(&k->nudge, &k->lock, &until);
	bool go_on = !k->stop;

	pthread_mutex_unlock(&k->lock);
	return go_on;
}

static void *keep(void *ctx)
{
	struct keeper *k = ctx;
	double swept = time_monotonic();
	bool rest = false;

	while (pause_until_next(k, rest)) {
		double now = time_monotonic();
		unsigned streams = events_tick(k->events, now);
		unsigned connections = watch_tick(k->watch, now);

		rest = !streams && !connections;
		if (now - swept < SWEEP_SECONDS)
			continue;
		sweep(k);
		swept = now;
	}
	return NULL;
}

int keeper_start(const char *state_dir, struct events *events, struct watch *watch, struct keeper **out, struct error *e)
{
	struct keeper *k = mem_zero(sizeof *k);
	pthread_condattr_t monotonic;

	k->state_dir = state_dir;
	k->events = events;
	k->watch = watch;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->nudge, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int failed = thread_start(&k->thread, "web-keeper", keep, k);

	if (!failed) {
		*out = k;
		return 0;
	}
	pthread_cond_destroy(&k->nudge);
	pthread_mutex_destroy(&k->lock);
	free(k);
	return error_sys(e, failed, "starting the web server's keeper");
}

void keeper_nudge(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->resting)
		pthread_cond_signal(&k->nudge);
	k->resting = false;
	pthread_mutex_unlock(&k->lock);
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->nudge);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->nudge);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

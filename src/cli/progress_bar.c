/* The bar of a long work. */
#include "base/human.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "cli/out.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR 20
#define TICK_TERMINAL 0.5
#define TICK_LOG 10.0

struct progress_bar {
	struct progress *p;
	char *what;
	bool terminal;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	/* of the phase under way, by its thread only: */
	const char *phase;
	uint64_t bytes;
	double at, rate;
};

/* Bytes a second, smoothed; anew in each phase. */
static void measure(struct progress_bar *b, const char *phase, uint64_t bytes)
{
	double now = time_monotonic(), passed = now - b->at;

	if (phase != b->phase || bytes < b->bytes)
		b->rate = -1;
	else if (passed > 0) {
		double current = (double)(bytes - b->bytes) / passed;

		b->rate = b->rate < 0 ? current : 0.75 * b->rate + 0.25 * current;
	}
	b->phase = phase;
	b->bytes = bytes;
	b->at = now;
}

static void add_share(struct buf *line, uint64_t done, uint64_t total, bool terminal)
{
	int filled = done >= total ? BAR : (int)((double)done / (double)total * BAR);
	int percent = done >= total ? 100 : (int)((double)done / (double)total * 100);

	if (terminal) {
		buf_add_str(line, "  [");
		for (int i = 0; i < BAR; i++)
			buf_add_byte(line, i < filled ? '=' : i == filled ? '>' : ' ');
		buf_add_byte(line, ']');
	}
	buf_printf(line, "  %d%%", percent);
}

static void add_figures(struct buf *line, const struct progress_bar *b, uint64_t total)
{
	char a[HUMAN_MAX], c[HUMAN_MAX];
	const char *unit = atomic_load(&b->p->unit);
	uint64_t items = atomic_load(&b->p->items_done), items_total = atomic_load(&b->p->items_total);

	if (total)
		buf_printf(line, "  %s of %s", human_size(b->bytes, a), human_size(total, c));
	else if (b->bytes)
		buf_printf(line, "  %s", human_size(b->bytes, a));
	if (unit && items_total)
		buf_printf(line, "  %s of %s %s", human_count(items, a), human_count(items_total, c), unit);
	else if (unit && items)
		buf_printf(line, "  %s %s", human_count(items, a), unit);
	if (b->bytes && b->rate > 0)
		buf_printf(line, "  %s/s", human_size((uint64_t)b->rate, a));
	if (total > b->bytes && b->rate > 0)
		buf_printf(line, "  %s left", human_duration((double)(total - b->bytes) / b->rate, a));
}

static void describe(struct progress_bar *b, struct buf *line)
{
	const char *phase = atomic_load(&b->p->phase);
	uint64_t total = atomic_load(&b->p->bytes_total), items_total = atomic_load(&b->p->items_total);

	measure(b, phase, atomic_load(&b->p->bytes_done));
	buf_add_str(line, b->what);
	if (phase)
		buf_printf(line, ": %s", phase);
	if (total)
		add_share(line, b->bytes, total, b->terminal);
	else if (items_total)
		add_share(line, atomic_load(&b->p->items_done), items_total, b->terminal);
	add_figures(line, b, total);
}

static void draw(struct progress_bar *b)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	size_t width = terminal_width(STDERR_FILENO);

	describe(b, &line);
	if (b->terminal)
		fprintf(stderr, "\r%.*s\x1b[K", (int)terminal_fitting(buf_text(&line), width ? width - 1 : 79), buf_text(&line));
	else
		fprintf(stderr, "%s\n", buf_text(&line));
	fflush(stderr);
}

/* Until the next tick, or the end: whether it is the end. */
static bool wait_tick(struct progress_bar *b)
{
	double tick = b->terminal ? TICK_TERMINAL : TICK_LOG;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)tick;
	until.tv_nsec += (long)((tick - (double)(time_t)tick) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&b->lock);
	while (!b->stop && pthread_cond_timedwait(&b->wake, &b->lock, &until) == 0)
		;
	bool stop = b->stop;

	pthread_mutex_unlock(&b->lock);
	return stop;
}

static void *run(void *arg)
{
	struct progress_bar *b = arg;

	while (!wait_tick(b))
		draw(b);
	return NULL;
}

static void bar_free(struct progress_bar *b)
{
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b->what);
	free(b);
}

struct progress_bar *progress_bar_start(struct progress *p, const char *what)
{
	const char *term = getenv("TERM");
	pthread_condattr_t monotonic;

	if (out_mode.quiet || (out_mode.json && !out_mode.verbose))
		return NULL;
	struct progress_bar *b = mem_zero(sizeof *b);

	b->p = p;
	b->what = out_safe(what);
	b->terminal = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
	b->rate = -1;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (thread_start(&b->thread, "progress", run, b)) {
		bar_free(b);
		return NULL;
	}
	return b;
}

void progress_bar_stop(struct progress_bar *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	if (b->terminal)
		fputs("\r\x1b[K", stderr);
	bar_free(b);
}

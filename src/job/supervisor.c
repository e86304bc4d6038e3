/* The supervisor's round, and the loop around it. */
#include "job/supervisor_parts.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "job/record.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define JOBS 2
#define GRACE 10.0
#define LOOK_SECONDS 1.0        /* how soon what others wrote into the catalog is seen */
#define ROUND_SECONDS 60.0      /* between two rounds at the most: what goes by the steady clock is looked at in each */
#define NEVER 1e9
#define DYING_SECONDS 10.0      /* one that SIGKILL does not end hangs in the system */
#define SAME_AGAIN 60.0

/* ---- what the steps share ---- */

void supervisor_trouble(struct supervisor *s, int rc, const char *area, const struct error *e)
{
	if (!rc)
		return;
	if (s->failed && s->failed->kind == ERR_NONE)
		*s->failed = *e;
	if (s->trouble && !strcmp(e->text, s->trouble) && s->steady - s->trouble_at < SAME_AGAIN)
		return;
	free(s->trouble);
	s->trouble = mem_string(e->text);
	s->trouble_at = s->steady;
	log_write(LOG_ERROR, area, "%s%s%s", e->text, *e->hint ? "; try: " : "", e->hint);
}

int supervisor_queue(struct supervisor *s, struct job_record *j, struct error *e)
{
	int rc = job_add(s->c, j, e);

	if (!rc && s->mine)
		strlist_add(s->mine, j->id);
	if (!rc && j->attempt > 1)
		log_write(LOG_NOTICE, "job", "%s (job %s) is tried again: attempt %d of %d", j->title, j->id, j->attempt, j->attempts);
	else if (!rc)
		log_write(LOG_INFO, "job", "%s (job %s) is queued by %s", j->title, j->id, j->author);
	return rc;
}

/* ---- making one ---- */

int supervisor_new(struct catalog *c, const struct supervisor_options *o, struct supervisor **out, struct error *e)
{
	int rc = record_sweep(c, NULL, e);

	if (rc)
		return error_wrap(e, "looking for jobs that were interrupted");
	struct supervisor *s = mem_zero(sizeof *s);

	s->c = c;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0) {
		free(s);
		return error_sys(e, errno, "making an event");
	}
	s->program = mem_string(o->program ? o->program : "");
	supervisor_set(s, o->jobs, o->grace);
	s->next_due = INT64_MAX;
	s->before_round = o->before_round;
	s->ctx = o->ctx;
	if (o->processes)
		s->processes = *o->processes;
	else
		supervisor_process_init(&s->processes, s->program);
	*out = s;
	return 0;
}

void supervisor_set(struct supervisor *s, int jobs, double grace)
{
	s->jobs = jobs ? jobs : JOBS;
	s->grace = grace > 0 ? grace : GRACE;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->child_count; i++)
		supervisor_child_release(&s->children[i]);
	free(s->children);
	free(s->held);
	free(s->trouble);
	free(s->program);
	fs_close(&s->wake);
	free(s);
}

/* ---- a round ---- */

static double until(const struct supervisor *s, struct timespec t)
{
	double left = time_between(s->now, t);

	return left > 0 ? left : 0;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* Until the next time that is known; what children do, and those that keep others waiting, is looked at often. */
static double time_left(const struct supervisor *s, struct timespec next_start)
{
	double left = s->child_count || s->ready ? LOOK_SECONDS : NEVER;

	if (s->next_due != INT64_MAX)
		left = least(left, until(s, (struct timespec){.tv_sec = s->next_due}));
	if (next_start.tv_sec)
		left = least(left, until(s, next_start));
	if (s->next_care <= s->steady)
		left = 0;
	return left;
}

void supervisor_tick(struct supervisor *s, struct timespec now, double steady, double *wait)
{
	struct timespec next_start;

	s->now = now;
	s->steady = steady;
	supervisor_child_output(s);
	supervisor_child_reap(s);
	supervisor_care(s);
	supervisor_follow(s);
	supervisor_due(s);
	supervisor_child_watch(s);
	supervisor_quiet(s);
	supervisor_start(s, &next_start);
	*wait = time_left(s, next_start);
	supervisor_deliver(s, wait);
}

/* ---- the loop ---- */

void supervisor_wake(struct supervisor *s)
{
	(void)!eventfd_write(s->wake, 1);
}

bool supervisor_wait(struct supervisor *s, double seconds)
{
	struct pollfd *fds = mem_array(NULL, 1 + 2 * s->child_count, sizeof *fds);
	eventfd_t woken;
	nfds_t n = 0;

	fds[n++] = (struct pollfd){.fd = s->wake, .events = POLLIN};
	for (size_t i = 0; i < s->child_count; i++) {
		fds[n++] = (struct pollfd){.fd = s->children[i].output, .events = POLLIN};
		fds[n++] = (struct pollfd){.fd = s->children[i].ended ? -1 : s->children[i].end, .events = POLLIN};
	}
	bool happened = poll(fds, n, (int)(seconds * 1000) + 1) > 0;

	free(fds);
	/* Also when it came as the time was over. */
	return eventfd_read(s->wake, &woken) == 0 || happened;
}

/* Until something happened: an event of ours, a change of the catalog by others since it had this stamp, or the time is over. */
static void wait_for_something(struct supervisor *s, int64_t stamp, double seconds)
{
	double end = time_monotonic() + seconds, left = seconds;

	while (left > 0 && catalog_stamp(s->c) == stamp && !supervisor_wait(s, least(left, LOOK_SECONDS)))
		left = end - time_monotonic();
}

void supervisor_run_down(struct supervisor *s)
{
	double until_ended = s->steady + s->grace + DYING_SECONDS;

	supervisor_child_stop_all(s);
	while (s->child_count && s->steady < until_ended) {
		supervisor_wait(s, least(s->grace, LOOK_SECONDS) / 4);
		s->now = time_now();
		s->steady = time_monotonic();
		supervisor_child_output(s);
		supervisor_child_reap(s);
		supervisor_child_watch(s);
	}
	supervisor_follow(s);
}

void supervisor_run(struct supervisor *s, const volatile bool *stop)
{
	while (!*stop) {
		double wait;
		/* Before anything is read: what comes in while it is, is seen in the next round. */
		int64_t stamp = catalog_stamp(s->c);

		if (s->before_round)
			s->before_round(s->ctx, s);
		supervisor_tick(s, time_now(), time_monotonic(), &wait);
		if (!*stop)
			wait_for_something(s, stamp, least(wait, ROUND_SECONDS));
	}
	if (s->child_count)
		log_write(LOG_NOTICE, "job", "stopping: %zu job%s %.0f seconds to end", supervisor_child_jobs(s), supervisor_child_jobs(s) == 1 ? " gets" : "s get", s->grace);
	s->steady = time_monotonic();
	supervisor_run_down(s);
}

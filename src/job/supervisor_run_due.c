/* What is due, run by a command line. */
#include "job/supervisor_parts.h"

#include "base/mem.h"
#include "base/progress.h"
#include "base/timefmt.h"

#include <string.h>

#define LOOK_SECONDS 0.25
#define SWEEP_EVERY 30.0

struct once {
	struct supervisor *s;
	const struct supervisor_due *d;
	struct strlist mine, told;      /* ids */
	struct strlist failed;          /* titles */
	struct error trouble;
	bool cancelled;
};

static void once_release(struct once *o)
{
	supervisor_free(o->s);
	strlist_release(&o->mine);
	strlist_release(&o->told);
	strlist_release(&o->failed);
}

static void look_at_clock(struct supervisor *s)
{
	s->now = time_now();
	s->steady = time_monotonic();
}

static bool is_cancelled(struct once *o)
{
	struct error ignored = {0};

	o->cancelled = o->cancelled || progress_check(o->d->progress, &ignored) != 0;
	return o->cancelled;
}

/* ---- telling ---- */

/* Once each, when it has ended, or (dry) as it is. */
static void tell(struct once *o, const char *id, bool dry)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct error e = {0};

	if (strlist_has(&o->told, id))
		return;
	int rc = job_get(o->s->c, id, &j, &e);

	supervisor_trouble(o->s, rc, "job", &e);
	if (rc || (!dry && (j.state == JOB_QUEUED || j.state == JOB_RUNNING)))
		return;
	strlist_add(&o->told, id);
	if (!dry && j.state != JOB_SUCCESS)
		strlist_add(&o->failed, j.title);
	if (o->d->job)
		o->d->job(o->d->ctx, &j);
}

static void tell_ended(struct once *o)
{
	for (size_t i = 0; i < o->mine.n; i++)
		tell(o, o->mine.v[i], false);
}

/* ---- doing it ---- */

/* All that it would be, and none of it. */
static int dry_run(struct once *o, struct error *e)
{
	int rc = catalog_begin(o->s->c, e);

	if (rc)
		return rc;
	supervisor_due(o->s);
	for (size_t i = 0; i < o->mine.n; i++)
		tell(o, o->mine.v[i], true);
	catalog_rollback(o->s->c);
	return 0;
}

/* Jobs of ours and what follows them, until none is left that could begin now. */
static void run_all(struct once *o)
{
	struct supervisor *s = o->s;
	struct timespec next;
	double next_sweep = s->steady + SWEEP_EVERY;

	do {
		look_at_clock(s);
		supervisor_child_output(s);
		supervisor_child_reap(s);
		if (s->steady >= next_sweep) {
			next_sweep = s->steady + SWEEP_EVERY;
			supervisor_sweep(s);
		}
		supervisor_follow(s);
		tell_ended(o);
		supervisor_child_watch(s);
		supervisor_start(s, &next);
		if (s->child_count || s->ready)
			supervisor_wait(s, LOOK_SECONDS);
	} while (!is_cancelled(o) && (s->child_count || s->ready));
	if (o->cancelled)
		supervisor_run_down(s);
	tell_ended(o);
}

static void deliver(struct once *o)
{
	struct supervisor *s = o->s;
	double ignored = 0;

	supervisor_deliver(s, &ignored);
	while (s->child_count && !is_cancelled(o)) {
		supervisor_wait(s, LOOK_SECONDS);
		look_at_clock(s);
		supervisor_child_output(s);
		supervisor_child_reap(s);
	}
	if (s->child_count)
		supervisor_run_down(s);
}

static bool has_daemon(const struct once *o)
{
	return supervisor_daemon(catalog_state_dir(o->s->c)) > 0;
}

/* It runs them and all that follows; only ours are waited for. False: it is gone, and they are ours to run. */
static bool wait_for_daemon(struct once *o)
{
	tell_ended(o);
	while (o->told.n < o->mine.n && !is_cancelled(o)) {
		if (!has_daemon(o))
			return false;
		supervisor_wait(o->s, LOOK_SECONDS);
		tell_ended(o);
	}
	return true;
}

static int run(struct once *o, struct error *e)
{
	struct supervisor *s = o->s;
	bool daemon = has_daemon(o);

	look_at_clock(s);
	if (o->d->dry_run)
		return dry_run(o, e);
	if (!daemon || o->d->force)
		supervisor_due(s);
	if (daemon && wait_for_daemon(o))
		return 0;
	run_all(o);
	supervisor_alarm(s);
	if (!o->cancelled)
		deliver(o);
	return 0;
}

static int result(struct once *o, struct error *e)
{
	if (o->cancelled)
		return error_set(e, ERR_CANCELLED, "cancelled");
	if (o->failed.n) {
		AUTO_FREE char *titles = strlist_join(&o->failed, ", ");

		return error_set(e, ERR_CHILD, "%zu of %zu job%s failed: %s", o->failed.n, o->told.n, o->told.n == 1 ? "" : "s", titles);
	}
	if (o->trouble.kind == ERR_NONE)
		return 0;
	*e = o->trouble;
	return -(int)e->kind;
}

int supervisor_run_due(struct catalog *c, const struct supervisor_options *o, const struct supervisor_due *d, struct error *e)
{
	CLEANUP(once_release) struct once once = {.d = d};
	CLEANUP(schedule_record_release) struct schedule_record named = {0};
	struct supervisor_options one = *o;
	int rc = d->id ? schedule_get(c, d->id, &named, e) : 0;

	one.jobs = 1;
	if (!rc)
		rc = supervisor_new(c, &one, &once.s, e);
	if (rc)
		return rc;
	once.s->only = d->id;
	once.s->once = d;
	once.s->mine = &once.mine;
	once.s->failed = &once.trouble;
	rc = run(&once, e);
	return rc ? rc : result(&once, e);
}

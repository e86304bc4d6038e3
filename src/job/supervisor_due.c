/* Schedules that are due become queued jobs. */
#include "job/supervisor_parts.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/notify.h"
#include "job/request.h"
#include "job/schedule.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the schedule still has under way ---- */

/* Its own jobs (not what follows them) that have not ended, oldest first. */
static int open_jobs(struct supervisor *s, const struct schedule_record *r, struct job_list *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist states = {0};
	CLEANUP(strlist_release) struct strlist kinds = {0};

	strlist_add(&states, job_state_name(JOB_QUEUED));
	strlist_add(&states, job_state_name(JOB_RUNNING));
	strlist_add(&kinds, schedule_action_name(r->action));
	const struct job_filter f = {.states = states, .kinds = kinds, .schedule = r->id, .oldest_first = true};
	const struct catalog_page p = {0};

	return job_list_some(s->c, &f, &p, out, NULL, e);
}

static int give_up_retry(struct supervisor *s, struct job_record *j, struct error *e)
{
	j->state = JOB_CANCELLED;
	j->ended = s->now;
	j->error_kind = mem_string(error_kind_name(ERR_CANCELLED));
	j->error = mem_string("the next run of the schedule came before this retry");
	return job_end(s->c, j, e);
}

/* A retry that waits gives way to a new run; a job that runs, or waits for its turn, does not: *why says so. */
static int make_way(struct supervisor *s, const struct schedule_record *r, char **why, struct error *e)
{
	CLEANUP(job_list_release) struct job_list open = {0};
	int rc = open_jobs(s, r, &open, e);

	for (size_t i = 0; !rc && i < open.n && !*why; i++) {
		struct job_record *j = &open.v[i];

		if (j->state == JOB_QUEUED && j->attempt > 1 && time_cmp(j->not_before, s->now) > 0)
			rc = give_up_retry(s, j, e);
		else
			*why = mem_printf("its last run has not ended yet (job %s)", j->id);
	}
	return rc;
}

/* ---- queueing ---- */

/* What cannot even be queued is told like any other failure. */
static int queue_failure(struct supervisor *s, struct schedule_record *r, const struct error *why, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {
		.kind = mem_string(schedule_action_name(r->action)),
		.title = mem_printf("%s by schedule %s", schedule_action_name(r->action), r->name),
		.author = mem_printf("schedule %s", r->name), .schedule = r->id, .attempt = 1, .attempts = 1,
	};

	char hint[ERROR_HINT_SIZE];

	error_plain_hint(why, hint);
	strlist_copy(&j.sources, &r->sources);
	strlist_add(&j.words, j.kind);
	int rc = job_add(s->c, &j, e);

	if (rc)
		return rc;
	memcpy(r->last_job, j.id, sizeof r->last_job);
	j.state = JOB_FAILED;
	j.ended = s->now;
	j.error_kind = mem_string(error_kind_name(why->kind));
	j.error = mem_string(why->text);
	j.hint = *hint ? mem_string(hint) : NULL;
	log_write(LOG_ERROR, "schedule", "%s", why->text);
	return job_end(s->c, &j, e);
}

static int queue_jobs(struct supervisor *s, struct schedule_record *r, int64_t due, struct job_list *jobs, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < jobs->n; i++) {
		struct job_record *j = &jobs->v[i];

		j->not_before = (struct timespec){.tv_sec = due + (int64_t)schedule_jitter(r, due)};
		rc = supervisor_queue(s, j, e);
		if (!rc && i == 0)
			memcpy(r->last_job, j->id, sizeof r->last_job);
	}
	return rc;
}

/* Only in a transaction. */
static int queue_run(struct supervisor *s, struct schedule_record *r, int64_t due, char **why, struct error *e)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	struct error failed = {0};
	int rc = make_way(s, r, why, e);

	if (rc || *why)
		return rc;
	rc = request_schedule(s->c, r, due, &jobs, &failed);
	if (rc)
		return queue_failure(s, r, &failed, e);
	if (!jobs.n)
		*why = mem_string("there is no source for it");
	return queue_jobs(s, r, due, &jobs, e);
}

static int run_whole(struct supervisor *s, struct schedule_record *r, int64_t due, char **why, struct error *e)
{
	int rc = catalog_begin(s->c, e);

	if (rc)
		return rc;
	rc = queue_run(s, r, due, why, e);
	if (!rc)
		rc = schedule_ran(s->c, r, e);
	return catalog_end(s->c, rc, e);
}

/* ---- missed runs ---- */

/* When the last of them was due: with the one that is made up for, or that nothing makes up for, that is the run; else it is one before. */
static int last_missed(const struct schedule_record *r, int64_t first, enum schedule_verdict verdict, uint64_t missed, struct timespec *out, struct error *e)
{
	int64_t due = first;
	int rc = 0;

	*out = r->last_run;
	if (verdict != SCHEDULE_RUN)
		return 0;
	for (uint64_t i = 1; !rc && i < missed; i++)
		rc = schedule_next(r, due, &due, e);
	*out = (struct timespec){.tv_sec = due};
	return rc;
}

static int tell_missed(struct supervisor *s, const struct schedule_record *r, int64_t first, enum schedule_verdict verdict, uint64_t missed, struct error *e)
{
	struct timespec last;
	char due[32];
	int rc = last_missed(r, first, verdict, missed, &last, e);

	if (rc)
		return rc;
	time_to_utc(last, due);
	log_write(LOG_WARNING, "schedule", "schedule %s: %llu runs were missed, the last one of %s; %s", r->name, (unsigned long long)missed, due,
		  verdict == SCHEDULE_SKIP ? "they are not made up for" : verdict == SCHEDULE_RUN ? "this one is on time" : "it is made up for now");
	return notify_missed(s->c, r, last, missed, verdict == SCHEDULE_RUN_LATE, e);
}

/* ---- one round ---- */

static int run(struct supervisor *s, struct schedule_record *r, struct error *e)
{
	AUTO_FREE char *why = NULL;
	int rc = run_whole(s, r, r->last_run.tv_sec, &why, e);

	if (!rc && why)
		log_write(LOG_NOTICE, "schedule", "schedule %s is due, but %s", r->name, why);
	if (!rc && why && s->once && s->once->left_out)
		s->once->left_out(s->once->ctx, r, why);
	return rc;
}

/* Told in the transaction that says that it was run. */
static int act(struct supervisor *s, struct schedule_record *r, int64_t first, enum schedule_verdict verdict, uint64_t missed, struct error *e)
{
	int rc = catalog_begin(s->c, e);

	if (rc)
		return rc;
	if (missed)
		rc = tell_missed(s, r, first, verdict, missed, e);
	if (!rc)
		rc = verdict == SCHEDULE_SKIP ? schedule_ran(s->c, r, e) : run(s, r, e);
	return catalog_end(s->c, rc, e);
}

/* As if it were due now; what was missed before is made up for by this. */
static int force(struct supervisor *s, struct schedule_record *r, struct error *e)
{
	if (!r->enabled && r->id != s->only)
		return 0;
	r->last_run = (struct timespec){.tv_sec = s->now.tv_sec};
	return run(s, r, e);
}

static int consider(struct supervisor *s, struct schedule_record *r, struct error *e)
{
	struct timespec next = r->next_run;
	enum schedule_verdict verdict;
	uint64_t missed;
	int rc = schedule_judge(r, s->now.tv_sec, &verdict, &missed, e);

	if (rc)
		return rc;
	if (s->once && s->once->force)
		return force(s, r, e);
	if (verdict != SCHEDULE_WAIT)
		return act(s, r, next.tv_sec, verdict, missed, e);
	return time_cmp(next, r->next_run) ? schedule_ran(s->c, r, e) : 0;
}

void supervisor_due(struct supervisor *s)
{
	CLEANUP(schedule_list_release) struct schedule_list l = {0};
	struct error e = {0};
	int rc = schedule_list_all(s->c, &l, &e);

	supervisor_trouble(s, rc, "schedule", &e);
	s->next_due = INT64_MAX;
	for (size_t i = 0; !rc && i < l.n; i++) {
		struct schedule_record *r = &l.v[i];

		if (s->only && r->id != s->only)
			continue;
		int failed = consider(s, r, &e);

		supervisor_trouble(s, failed, "schedule", &e);
		if (r->enabled && r->next_run.tv_sec && r->next_run.tv_sec < s->next_due)
			s->next_due = r->next_run.tv_sec;
	}
}

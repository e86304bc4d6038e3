/* Queued jobs that may begin. */
#include "job/supervisor_parts.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/notify.h"
#include "job/request.h"

#include <string.h>

#define LOOKED_AT 1000          /* of the queue at a time */
#define PATIENCE 3600           /* seconds: after these a job that needs its repository for itself lets no later one pass */
#define PAUSE_FIRST 2.0
#define PAUSE_MOST 60.0

/* ---- those that could not begin ---- */

static struct held_back *find_held(struct supervisor *s, const char *job)
{
	for (size_t i = 0; i < s->held_count; i++)
		if (!strcmp(s->held[i].id, job))
			return &s->held[i];
	return NULL;
}

void supervisor_hold_back(struct supervisor *s, const char *job)
{
	struct held_back *h = find_held(s, job);

	if (!h) {
		GROW(s->held, s->held_count, s->held_cap);
		h = &s->held[s->held_count++];
		*h = (struct held_back){.pause = PAUSE_FIRST};
		memcpy(h->id, job, sizeof h->id);
	}
	h->until = s->steady + h->pause;
	h->pause = h->pause * 2 < PAUSE_MOST ? h->pause * 2 : PAUSE_MOST;
}

static void forget_held(struct supervisor *s, const struct job_list *queued)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->held_count; i++) {
		bool there = false;

		for (size_t k = 0; k < queued->n && !there; k++)
			there = !strcmp(queued->v[k].id, s->held[i].id);
		if (there)
			s->held[kept++] = s->held[i];
	}
	s->held_count = kept;
}

/* ---- who keeps whom waiting ---- */

static bool share_lock(const struct job_record *a, const struct job_record *b)
{
	for (size_t i = 0; i < a->locks.n; i++)
		if (strlist_has(&b->locks, a->locks.v[i]))
			return true;
	return false;
}

static bool same_repository(const struct job_record *a, const struct job_record *b)
{
	return a->repository && b->repository && !strcmp(a->repository, b->repository);
}

static bool in_the_way(const struct job_record *a, const struct job_record *b)
{
	return share_lock(a, b) || (same_repository(a, b) && (request_is_exclusive(a->kind) || request_is_exclusive(b->kind)));
}

struct queue {
	struct job_list running, queued;        /* of all processes; oldest first */
	const struct job_record *waiting[LOOKED_AT];      /* whom later ones must not pass */
	size_t waiting_count;
};

static void queue_release(struct queue *q)
{
	job_list_release(&q->running);
	job_list_release(&q->queued);
}

static bool must_wait(const struct supervisor *s, const struct queue *q, const struct job_record *j)
{
	for (size_t i = 0; i < q->running.n; i++)
		if (in_the_way(&q->running.v[i], j))
			return true;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].kind == CHILD_JOB && in_the_way(&s->children[i].job, j))
			return true;
	for (size_t i = 0; i < q->waiting_count; i++)
		if (in_the_way(q->waiting[i], j))
			return true;
	return false;
}

static int list_state(struct supervisor *s, enum job_state state, struct job_list *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist states = {0};

	strlist_add(&states, job_state_name(state));
	const struct job_filter f = {.states = states, .oldest_first = true};
	const struct catalog_page p = {.limit = LOOKED_AT};

	return job_list_some(s->c, &f, &p, out, NULL, e);
}

static bool is_child(const struct supervisor *s, const char *job)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].kind == CHILD_JOB && !strcmp(s->children[i].job.id, job))
			return true;
	return false;
}

/* ---- starting ---- */

static void start_one(struct supervisor *s, struct job_record *j)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	struct error e = {0};

	strlist_add(&words, "job");
	strlist_add(&words, "run");
	strlist_add(&words, j->id);
	strlist_add(&words, "--quiet");
	if (s->mine && !strlist_has(s->mine, j->id))
		strlist_add(s->mine, j->id);
	log_write(LOG_INFO, "job", "%s (job %s) begins, asked for by %s", j->title, j->id, j->author);
	if (!find_held(s, j->id))
		supervisor_trouble(s, notify_start(s->c, j, &e), "notice", &e);
	int rc = supervisor_child_start(s, CHILD_JOB, j, &words, &e);

	supervisor_trouble(s, rc, "job", &e);
	if (rc)
		supervisor_hold_back(s, j->id);
}

/* Whether it is one that this supervisor looks after. */
static bool is_ours(const struct supervisor *s, const struct job_record *j)
{
	return !s->only || j->schedule == s->only;
}

static bool is_held(struct supervisor *s, const char *job)
{
	const struct held_back *h = find_held(s, job);

	return h && h->until > s->steady;
}

static void consider(struct supervisor *s, struct queue *q, struct job_record *j)
{
	if (supervisor_child_jobs(s) < (size_t)s->jobs && !is_held(s, j->id) && !must_wait(s, q, j)) {
		start_one(s, j);
		return;
	}
	s->ready++;
	if (request_is_exclusive(j->kind) && time_between(j->created, s->now) > PATIENCE)
		q->waiting[q->waiting_count++] = j;
}

void supervisor_start(struct supervisor *s, struct timespec *next)
{
	CLEANUP(queue_release) struct queue q = {0};
	struct error e = {0};
	int rc = list_state(s, JOB_QUEUED, &q.queued, &e);

	*next = (struct timespec){0};
	s->ready = 0;
	if (!rc && q.queued.n)
		rc = list_state(s, JOB_RUNNING, &q.running, &e);
	supervisor_trouble(s, rc, "job", &e);
	if (rc)
		return;
	forget_held(s, &q.queued);
	for (size_t i = 0; i < q.queued.n; i++) {
		struct job_record *j = &q.queued.v[i];

		if (time_cmp(j->not_before, s->now) > 0) {
			if (!next->tv_sec || time_cmp(j->not_before, *next) < 0)
				*next = j->not_before;
		} else if (is_ours(s, j) && !is_child(s, j->id))
			consider(s, &q, j);
	}
}

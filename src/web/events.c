#include "web/events.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/change.h"
#include "catalog/job.h"
#include "web/answer.h"
#include "web/events_jobs.h"
#include "web/exchange.h"
#include "web/watch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 1024                       /* events kept for those who come back */
#define PENDING_MAX ((size_t)64 << 10)  /* a reader who has so much to read gets no more for now */
#define ALIVE_SECONDS 15.0
#define PROOF_SECONDS 15.0              /* sessions also end by time alone */

struct web_stream {
	struct web_stream *next, *previous;
	struct events *events;
	pthread_mutex_t lock;
	struct events_connection at;            /* connection NULL: not attached yet */
	struct buf pending;
	bool asleep, ended, left;
	double spoken;                          /* when it last had something to say */
	struct auth_proof proof;
	uint64_t seen;                          /* of the ring: the last event it has */
	struct events_job *job;                 /* of a job's stream; else NULL */
};

struct events {
	pthread_mutex_t lock;                   /* of the list; taken before a stream's */
	struct web_stream all;                  /* head of the ring of streams */
	unsigned count;
	bool stopping;
	/* of the thread that looks */
	const char *state_dir;
	struct catalog *catalog;                /* NULL while there are no streams */
	int64_t stamp;
	uint64_t counters[CHANGE_KINDS];
	struct events_watch *jobs;
	double proved;
	/* under the lock */
	uint64_t epoch, last;                   /* ids are "<epoch>-<number>"; the last one given */
	char *ring[RING];                       /* number n is at n % RING */
};

struct events *events_new(const char *state_dir)
{
	struct events *v = mem_zero(sizeof *v);

	pthread_mutex_init(&v->lock, NULL);
	v->all.next = v->all.previous = &v->all;
	v->state_dir = state_dir;
	random_bytes(&v->epoch, sizeof v->epoch);
	return v;
}

static void forget(struct events *v)
{
	catalog_close(v->catalog);
	v->catalog = NULL;
	events_watch_free(v->jobs);
	v->jobs = NULL;
}

void events_free(struct events *v)
{
	if (!v)
		return;
	forget(v);
	for (size_t i = 0; i < RING; i++)
		free(v->ring[i]);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* ---- streams ---- */

static struct web_stream *stream_new(struct events *v, const struct web_request *r)
{
	struct web_stream *s = mem_zero(sizeof *s);

	pthread_mutex_init(&s->lock, NULL);
	s->events = v;
	s->at.fd = -1;
	auth_proof_copy(&s->proof, &exchange_of(r)->proof);
	buf_add_str(&s->pending, "retry: 1000\n\n");
	return s;
}

static void stream_free(struct web_stream *s)
{
	events_job_free(s->job);
	auth_proof_release(&s->proof);
	buf_release(&s->pending);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void events_close(struct web_stream *s)
{
	if (!s)
		return;
	struct events *v = s->events;

	pthread_mutex_lock(&v->lock);
	s->next->previous = s->previous;
	s->previous->next = s->next;
	v->count--;
	pthread_mutex_unlock(&v->lock);
	stream_free(s);
}

void events_attach(struct web_stream *s, const struct events_connection *c)
{
	pthread_mutex_lock(&s->lock);
	s->at = *c;
	pthread_mutex_unlock(&s->lock);
}

static void wake(struct web_stream *s)
{
	if (s->asleep)
		s->at.wake(s->at.connection);
	s->asleep = false;
}

ssize_t events_read(struct web_stream *s, char *p, size_t n)
{
	ssize_t got = -1;

	pthread_mutex_lock(&s->lock);
	if (s->pending.len && !s->left) {
		got = (ssize_t)(s->pending.len < n ? s->pending.len : n);
		memcpy(p, s->pending.p, (size_t)got);
		buf_remove_front(&s->pending, (size_t)got);
	} else if (!s->ended && !s->left) {
		got = 0;
		s->asleep = true;
		s->at.sleep(s->at.connection);
	}
	pthread_mutex_unlock(&s->lock);
	return got;
}

/* ---- events for everybody ---- */

/* Under the lock. */
static void publish(struct events *v, const char *name, const char *data)
{
	char **place = &v->ring[++v->last % RING];

	free(*place);
	*place = mem_printf("id: %016" PRIx64 "-%" PRIu64 "\nevent: %s\ndata: %s\n\n", v->epoch, v->last, name, data);
}

static void publish_job(void *ctx, const char *json)
{
	publish(ctx, "job", json);
}

static void publish_kinds(struct events *v, const uint64_t fresh[CHANGE_KINDS])
{
	for (int k = 0; k < CHANGE_KINDS; k++)
		if (k != CHANGE_JOBS && fresh[k] != v->counters[k])
			publish(v, change_name(k), "{}");
}

/* A reader who has missed something is told to look at everything again. */
static void add_all(struct events *v, struct web_stream *s)
{
	buf_printf(&s->pending, "id: %016" PRIx64 "-%" PRIu64 "\nevent: all\ndata: {}\n\n", v->epoch, v->last);
	s->seen = v->last;
}

/* What the ring has beyond what it has seen. */
static void add_from_ring(struct events *v, struct web_stream *s)
{
	if (s->pending.len < PENDING_MAX && v->last - s->seen > RING)
		add_all(v, s);
	while (s->seen < v->last && s->pending.len < PENDING_MAX)
		buf_add_str(&s->pending, v->ring[++s->seen % RING]);
}

/* ---- one look ---- */

/* The state with which later looks are compared. */
static int begin(struct events *v, struct error *e)
{
	int rc = catalog_open(v->state_dir, &v->catalog, e);

	if (rc)
		return rc;
	v->stamp = catalog_stamp(v->catalog);
	v->jobs = events_watch_new();
	rc = change_load(v->catalog, v->counters, e);
	if (!rc)
		rc = events_watch_look(v->jobs, v->catalog, NULL, NULL, e);
	if (rc)
		forget(v);
	return rc;
}

/* What a look found. */
struct found { bool changed, sessions; };

static int look(struct events *v, struct found *out, struct error *e)
{
	uint64_t fresh[CHANGE_KINDS];
	int64_t stamp = catalog_stamp(v->catalog);

	out->changed = stamp != v->stamp || stamp < 0;
	if (!out->changed)
		return 0;
	int rc = change_load(v->catalog, fresh, e);

	if (rc)
		return rc;
	out->sessions = fresh[CHANGE_SESSIONS] != v->counters[CHANGE_SESSIONS] || fresh[CHANGE_USERS] != v->counters[CHANGE_USERS];
	publish_kinds(v, fresh);
	if (fresh[CHANGE_JOBS] != v->counters[CHANGE_JOBS])
		rc = events_watch_look(v->jobs, v->catalog, publish_job, v, e);
	memcpy(v->counters, fresh, sizeof fresh);
	v->stamp = stamp;
	return rc;
}

/* New text for one stream, whose lock is held. */
static void add_news(struct events *v, struct web_stream *s, bool changed)
{
	if (!s->job)
		add_from_ring(v, s);
	else if (s->pending.len < PENDING_MAX && (changed || events_job_is_new(s->job)))
		s->ended = events_job_look(s->job, v->catalog, &s->pending);
}

static void fill(struct events *v, struct web_stream *s, const struct found *f, bool prove, double now)
{
	size_t before = s->pending.len;

	if (prove && !s->ended)
		s->ended = !auth_holds(v->catalog, &s->proof);
	if (s->ended)
		return;
	add_news(v, s, f->changed);
	if (s->pending.len > before || !s->spoken)
		s->spoken = now;
	if (now - s->spoken < ALIVE_SECONDS || s->pending.len)
		return;
	buf_add_str(&s->pending, ": still here\n\n");
	s->spoken = now;
}

static void spread(struct events *v, const struct found *f, double now)
{
	bool prove = f->sessions || now - v->proved >= PROOF_SECONDS;

	if (prove)
		v->proved = now;
	for (struct web_stream *s = v->all.next; s != &v->all; s = s->next) {
		pthread_mutex_lock(&s->lock);
		/* A connection that sleeps does not see it by itself. */
		s->left = watch_is_left(s->at.fd);
		fill(v, s, f, prove, now);
		if (s->pending.len || s->ended || s->left)
			wake(s);
		pthread_mutex_unlock(&s->lock);
	}
}

unsigned events_tick(struct events *v, double now)
{
	struct found f = {0};
	struct error e = {0};

	pthread_mutex_lock(&v->lock);
	unsigned n = v->count;

	if (!n)
		forget(v);
	else if (v->catalog && look(v, &f, &e))
		log_write(LOG_WARNING, "web", "looking for what changed: %s", e.text);
	if (n)
		spread(v, &f, now);
	pthread_mutex_unlock(&v->lock);
	return n;
}

void events_stop(struct events *v)
{
	pthread_mutex_lock(&v->lock);
	v->stopping = true;
	for (struct web_stream *s = v->all.next; s != &v->all; s = s->next) {
		pthread_mutex_lock(&s->lock);
		s->ended = true;
		wake(s);
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_unlock(&v->lock);
}

/* ---- routes ---- */

/* Where a reader who comes back was: the number behind our epoch. One of another time has to look at everything again. */
static void resume(struct events *v, struct web_stream *s, const char *last_id)
{
	uint64_t epoch, n;

	s->seen = v->last;
	if (!last_id)
		return;
	if (sscanf(last_id, "%16" SCNx64 "-%19" SCNu64, &epoch, &n) == 2 && epoch == v->epoch && n <= v->last)
		s->seen = n;
	else
		add_all(v, s);
}

static int too_many(struct web_response *out, struct error *e)
{
	answer_header(out, "Retry-After", "10");
	return error_set(e, ERR_TEMPORARY, "%d event streams are open already", EVENTS_STREAMS_MAX);
}

/* Under the lock. The state to compare with is taken now, so that nothing is missed that happens from here on. */
static int join(struct events *v, struct web_stream *s, const char *last_id, struct web_response *out, struct error *e)
{
	int rc = v->count >= EVENTS_STREAMS_MAX || v->stopping ? too_many(out, e) : 0;

	if (!rc && !v->catalog)
		rc = begin(v, e);
	if (rc)
		return rc;
	if (!s->job)
		resume(v, s, last_id);
	s->next = v->all.next;
	s->previous = &v->all;
	s->next->previous = s->previous->next = s;
	v->count++;
	return 0;
}

static int open_stream(struct web_request *r, struct events_job *job, struct web_response *out, struct error *e)
{
	struct events *v = exchange_of(r)->site->events;
	struct web_stream *s = stream_new(v, r);

	s->job = job;
	pthread_mutex_lock(&v->lock);
	int rc = join(v, s, web_header(r, "Last-Event-ID"), out, e);

	pthread_mutex_unlock(&v->lock);
	if (rc) {
		stream_free(s);
		return rc;
	}
	out->type = "text/event-stream";
	out->stream = s;
	answer_header(out, "X-Accel-Buffering", "no");
	return 0;
}

static int follow_all(struct web_request *r, struct web_response *out, struct error *e)
{
	return open_stream(r, NULL, out, e);
}

static int follow_job(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(r->catalog, r->params[0], &j, e);
	const char *last_id = web_header(r, "Last-Event-ID");

	return rc ? rc : open_stream(r, events_job_new(j.id, last_id ? strtoull(last_id, NULL, 10) : 0), out, e);
}

const struct web_route events_routes[] = {
	{"GET", "/backup/api/events/", WEB_VIEWER, follow_all, "events", "What changes, as server-sent events", NULL, NULL, WEB_EVENTS},
	{"GET", "/backup/api/jobs/{id}/events/", WEB_VIEWER, follow_job, "events", "A job's progress, log lines and end, as server-sent events", NULL, NULL, WEB_EVENTS},
	{0},
};

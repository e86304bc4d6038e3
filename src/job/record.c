/* The record of the job that this process runs. */
#include "job/record.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "job/record_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_SECONDS 0.5
#define LOCK_LOOK_SECONDS 0.25
#define LINES_KEPT ((size_t)JOB_LOG_MAX)     /* between two beats */

struct line {
	int level;
	char *text;
};

struct recorder {
	struct catalog *catalog;
	pthread_mutex_t using;         /* the catalog's connection, and what is below */
	char id[JOB_ID_LEN + 1];
	bool of_daemon;                /* it was queued */
	struct strlist sources, locks; /* as the record has them */
	char *title, *repository;
	bool asked, too_long;          /* for its end */
	char *failed;                  /* the first thing that the catalog refused; heap */
	const char *phase;             /* the last one that was logged */
	unsigned phases;               /* seen so far */

	struct progress *progress;
	double deadline;               /* of time_monotonic(); 0: none */
	uint64_t time_limit;
	int lock;

	pthread_mutex_t waiting;       /* guards the lines and `ending` */
	pthread_cond_t wake;
	struct line *lines;
	size_t line_count, line_cap;
	bool ending;
	bool has_thread;
	pthread_t thread;
};

/* Drafts are noted in the lock file of the one job that this process runs. */
static int noting = -1;

static void note_draft(const char *dir, const char *beside)
{
	record_lock_note(noting, dir, beside);
}

/* ---- what is written twice a second ---- */

static struct line *take_lines(struct recorder *r, size_t *n)
{
	pthread_mutex_lock(&r->waiting);
	struct line *lines = TAKE(r->lines);

	*n = r->line_count;
	r->line_count = r->line_cap = 0;
	pthread_mutex_unlock(&r->waiting);
	return lines;
}

static int write_lines(struct recorder *r, const struct line *lines, size_t n, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = job_log(r->catalog, r->id, lines[i].level, lines[i].text, e);
	return rc;
}

/* Those since the last beat, a line each; what begins again and again is one. */
static int write_phases(struct recorder *r, struct error *e)
{
	unsigned begun = atomic_load(&r->progress->phase_count);
	int rc = 0;

	if (begun - r->phases > PROGRESS_PHASES)
		r->phases = begun - PROGRESS_PHASES;
	for (; !rc && r->phases != begun; r->phases++) {
		const char *phase = atomic_load(&r->progress->phases[r->phases % PROGRESS_PHASES]);

		if (phase && (!r->phase || strcmp(phase, r->phase)))
			rc = job_log(r->catalog, r->id, LOG_INFO, phase, e);
		r->phase = phase;
	}
	return rc;
}

static int write_progress(struct recorder *r, struct error *e)
{
	struct progress *p = r->progress;
	struct job_record now = {
		.phase = (char *)atomic_load(&p->phase),
		.unit = (char *)atomic_load(&p->unit),
		.bytes_done = atomic_load(&p->bytes_done),
		.bytes_total = atomic_load(&p->bytes_total),
		.items_done = atomic_load(&p->items_done),
		.items_total = atomic_load(&p->items_total),
	};
	bool asked = false;

	memcpy(now.id, r->id, sizeof now.id);
	int rc = job_beat(r->catalog, &now, &asked, e);

	r->asked = r->asked || asked;
	return rc;
}

static void keep_failure(struct recorder *r, const struct error *e)
{
	if (!r->failed)
		r->failed = mem_printf("job %s is not recorded as it should be: %s", r->id, e->text);
}

static void beat(struct recorder *r)
{
	struct error e = {0};
	size_t n;
	struct line *lines = take_lines(r, &n);

	pthread_mutex_lock(&r->using);
	int rc = write_phases(r, &e);

	if (!rc)
		rc = write_lines(r, lines, n, &e);
	if (!rc)
		rc = write_progress(r, &e);
	if (rc)
		keep_failure(r, &e);
	r->too_long = r->too_long || (r->deadline > 0 && time_monotonic() > r->deadline);
	if (r->asked || r->too_long)
		atomic_store(&r->progress->cancel, true);
	pthread_mutex_unlock(&r->using);
	for (size_t i = 0; i < n; i++)
		free(lines[i].text);
	free(lines);
}

/* Until the next beat; false at the end. */
static bool wait_for_beat(struct recorder *r)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(BEAT_SECONDS * 1e9);
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&r->waiting);
	while (!r->ending && pthread_cond_timedwait(&r->wake, &r->waiting, &until) != ETIMEDOUT)
		;
	bool going_on = !r->ending;

	pthread_mutex_unlock(&r->waiting);
	return going_on;
}

static void *run(void *arg)
{
	struct recorder *r = arg;

	while (wait_for_beat(r))
		beat(r);
	return NULL;
}

void recorder_log(struct recorder *r, int level, const char *text)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->waiting);
	if (r->line_count < LINES_KEPT) {
		GROW(r->lines, r->line_count, r->line_cap);
		r->lines[r->line_count++] = (struct line){level, mem_string(text)};
	}
	pthread_mutex_unlock(&r->waiting);
}

const char *recorder_id(const struct recorder *r)
{
	return r ? r->id : NULL;
}

/* ---- the beginning ---- */

static struct recorder *new_recorder(struct catalog *c, struct progress *p)
{
	struct recorder *r = mem_zero(sizeof *r);
	pthread_condattr_t monotonic;

	r->catalog = c;
	r->progress = p;
	r->lock = -1;
	pthread_mutex_init(&r->using, NULL);
	pthread_mutex_init(&r->waiting, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return r;
}

/* The lock goes after whatever the catalog has to be told. */
static void free_recorder(struct recorder *r)
{
	if (!r)
		return;
	record_lock_drop(catalog_state_dir(r->catalog), r->id, &r->lock);
	catalog_close(r->catalog);
	pthread_mutex_destroy(&r->using);
	pthread_mutex_destroy(&r->waiting);
	pthread_cond_destroy(&r->wake);
	for (size_t i = 0; i < r->line_count; i++)
		free(r->lines[i].text);
	free(r->lines);
	strlist_release(&r->sources);
	strlist_release(&r->locks);
	free(r->title);
	free(r->repository);
	free(r->failed);
	free(r);
}

static void drop_recorder(struct recorder **r)
{
	free_recorder(*r);
}

/* The record is seen by others only once its lock is held. */
static int begin_new(struct recorder *r, struct job_record *j, struct error *e)
{
	int rc = catalog_begin(r->catalog, e);

	if (rc)
		return rc;
	j->pid = (int)getpid();
	j->attempt = j->attempts = 1;
	rc = job_add(r->catalog, j, e);
	memcpy(r->id, j->id, sizeof r->id);
	if (!rc)
		rc = record_lock_make(catalog_state_dir(r->catalog), r->id, &r->lock, e);
	if (!rc)
		return catalog_commit(r->catalog, e);
	catalog_rollback(r->catalog);
	return rc;
}

static int begin_queued(struct recorder *r, struct job_record *j, struct error *e)
{
	r->of_daemon = true;
	memcpy(r->id, j->id, sizeof r->id);
	int rc = record_lock_make(catalog_state_dir(r->catalog), r->id, &r->lock, e);

	if (rc == -ERR_LOCKED)
		return error_set(e, ERR_LOCKED, "job %s is run by another process already", r->id);
	if (!rc)
		rc = job_start(r->catalog, j, (int)getpid(), e);
	if (rc != -ERR_LOCKED)
		return rc;
	/* Who holds it may be gone. */
	uint64_t swept = 0;
	struct error why = {0};

	return record_sweep(r->catalog, &swept, &why) || !swept ? rc : job_start(r->catalog, j, (int)getpid(), e);
}

static int begin(struct recorder *r, struct job_record *j, struct error *e)
{
	int rc = *j->id ? begin_queued(r, j, e) : begin_new(r, j, e);

	if (rc)
		return rc;
	r->title = mem_string(j->title);
	r->repository = j->repository ? mem_string(j->repository) : NULL;
	strlist_copy(&r->sources, &j->sources);
	strlist_copy(&r->locks, &j->locks);
	r->time_limit = j->time_limit;
	r->deadline = j->time_limit ? time_monotonic() + (double)j->time_limit : 0;
	setenv("BACKSTAY_JOB", r->id, 1);
	noting = r->lock;
	draft_watch(note_draft);
	int failed = thread_start(&r->thread, "record", run, r);

	r->has_thread = !failed;
	return failed ? error_sys(e, failed, "starting a thread") : 0;
}

static char *not_recorded(const struct error *e)
{
	return mem_printf("this is not recorded: %s", e->text);
}

int recorder_begin(struct job_record *j, struct progress *p, struct recorder **out, char **warning, struct error *e)
{
	struct error why = {0};
	struct catalog *c;
	bool queued = *j->id;

	*out = NULL;
	*warning = NULL;
	int rc = record_catalog(false, &c, &why);
	CLEANUP(drop_recorder) struct recorder *r = rc ? NULL : new_recorder(c, p);

	if (!rc)
		rc = begin(r, j, &why);
	if (!rc)
		*out = TAKE(r);
	else if (queued)
		*e = why;
	else if (rc != -ERR_NOT_FOUND)
		*warning = not_recorded(&why);
	return queued ? rc : 0;
}

/* ---- what it is about ---- */

static void add_all(struct strlist *to, const struct strlist *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!strlist_has(to, from->v[i]))
			strlist_add(to, from->v[i]);
}

static void replace(char **to, const char *text)
{
	if (!text)
		return;
	free(*to);
	*to = mem_string(text);
}

/* In the catalog, and when that has it, in r. */
static int tell(struct recorder *r, const struct recorder_about *a, struct error *e)
{
	struct job_record now = {.title = mem_string(a->title ? a->title : r->title)};
	const char *repository = a->repository ? a->repository : r->repository;

	now.repository = repository ? mem_string(repository) : NULL;
	memcpy(now.id, r->id, sizeof now.id);
	strlist_copy(&now.sources, &r->sources);
	strlist_copy(&now.locks, &r->locks);
	add_all(&now.sources, &a->sources);
	add_all(&now.locks, &a->locks);
	pthread_mutex_lock(&r->using);
	int rc = job_about(r->catalog, &now, e);

	pthread_mutex_unlock(&r->using);
	if (!rc) {
		replace(&r->title, a->title);
		replace(&r->repository, a->repository);
		add_all(&r->sources, &a->sources);
		add_all(&r->locks, &a->locks);
	}
	job_record_release(&now);
	return rc;
}

/* One that holds a lock may be gone; else it is waited for. */
static int tell_patiently(struct recorder *r, const struct recorder_about *a, double wait_seconds, struct error *e)
{
	double until = time_monotonic() + wait_seconds;
	struct error ignored = {0};
	int rc = tell(r, a, e);

	if (rc == -ERR_LOCKED) {
		pthread_mutex_lock(&r->using);
		(void)!record_sweep(r->catalog, NULL, &ignored);
		pthread_mutex_unlock(&r->using);
		rc = tell(r, a, e);
	}
	if (rc == -ERR_LOCKED && wait_seconds > 0)
		progress_phase(r->progress, "waiting for another job", NULL, 0, 0);
	while (rc == -ERR_LOCKED && time_monotonic() < until) {
		time_sleep(LOCK_LOOK_SECONDS);
		rc = progress_check(r->progress, e);
		if (!rc)
			rc = tell(r, a, e);
	}
	return rc;
}

int recorder_about(struct recorder *r, const struct recorder_about *a, double wait_seconds, struct error *e)
{
	struct error why = {0};

	if (!r)
		return 0;
	int rc = tell_patiently(r, a, wait_seconds, &why);

	if (rc == -ERR_LOCKED || rc == -ERR_CANCELLED) {
		*e = why;
		return rc;
	}
	if (rc) {
		pthread_mutex_lock(&r->using);
		keep_failure(r, &why);
		pthread_mutex_unlock(&r->using);
	}
	return 0;
}

/* ---- the end ---- */

static void end_thread(struct recorder *r)
{
	pthread_mutex_lock(&r->waiting);
	r->ending = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->waiting);
	if (r->has_thread)
		pthread_join(r->thread, NULL);
}

static enum job_state state_of(const struct recorder *r, int rc)
{
	if (!rc || rc == -ERR_PARTIAL)
		return JOB_SUCCESS;
	if (rc != -ERR_CANCELLED || (r->too_long && !r->asked))
		return JOB_FAILED;
	return r->asked || !r->of_daemon ? JOB_CANCELLED : JOB_INTERRUPTED;
}

/* Why, in the words of the record. */
static void explain(const struct recorder *r, enum job_state state, const struct error *e, struct error *why)
{
	char limit[HUMAN_MAX];

	*why = *e;
	if (state == JOB_FAILED && e->kind == ERR_CANCELLED)
		error_set(why, ERR_LIMIT, "it was ended because it took longer than its time limit of %s", human_duration((double)r->time_limit, limit));
	else if (state == JOB_INTERRUPTED)
		error_set(why, ERR_CANCELLED, "it was ended because Backstay was stopped");
}

static int write_end(struct recorder *r, int rc, const struct error *e, const struct job_record *figures, struct error *late)
{
	struct job_record end = *figures;
	struct error why;
	char hint[ERROR_HINT_SIZE];

	memcpy(end.id, r->id, sizeof end.id);
	end.state = state_of(r, rc);
	end.partial = rc == -ERR_PARTIAL;
	end.ended = time_now();
	explain(r, end.state, e, &why);
	end.error_kind = rc ? (char *)error_kind_name(why.kind) : NULL;
	end.error = rc ? why.text : NULL;
	error_plain_hint(&why, hint);
	end.hint = rc && *hint ? hint : NULL;
	int failed = rc ? job_log(r->catalog, r->id, end.partial ? LOG_WARNING : LOG_ERROR, why.text, late) : 0;

	return failed ? failed : job_end(r->catalog, &end, late);
}

void recorder_end(struct recorder *r, int rc, const struct error *e, const struct job_record *figures, char **warning)
{
	struct error late = {0};

	*warning = NULL;
	if (!r)
		return;
	end_thread(r);
	draft_watch(NULL);
	/* The last lines, the last figures, and whether its end was asked for. */
	beat(r);
	if (write_end(r, rc, e, figures, &late))
		keep_failure(r, &late);
	*warning = TAKE(r->failed);
	free_recorder(r);
}

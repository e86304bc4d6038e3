/* What the end of a job brings: a retry, notices, retention, a drill, and later a prune. */
#include "job/supervisor_parts.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/alarm.h"
#include "catalog/job_care.h"
#include "catalog/setting.h"
#include "job/notify.h"
#include "job/record.h"
#include "job/request.h"

#include <stdlib.h>
#include <string.h>

#define AT_A_TIME 50
#define STALE 86400             /* seconds: what ended longer ago brings nothing any more */
#define RETRY_MOST 86400        /* seconds between two attempts */

/* ---- retries ---- */

/* What may be different the next time: the network, another's lock, a tool that failed, a disk that did not answer. Not so what was
 * refused, is missing, damaged or full, a wrong password, or a time limit: these take somebody. */
static bool may_pass(const struct job_record *j)
{
	static const enum err_kind kinds[] = {ERR_TEMPORARY, ERR_IO, ERR_LOCKED, ERR_CHILD};

	for (size_t i = 0; j->state == JOB_FAILED && j->error_kind && i < ARRAY_LEN(kinds); i++)
		if (!strcmp(j->error_kind, error_kind_name(kinds[i])))
			return true;
	return j->state == JOB_INTERRUPTED;
}

/* A run that a power cut or the end of the daemon interrupted is made up for once, as one that was missed. */
static bool attempt_is_left(const struct job_record *j, const struct schedule_record *r)
{
	return j->attempt < j->attempts || (j->state == JOB_INTERRUPTED && r->catch_up && j->attempt == 1);
}

static bool will_retry(const struct job_record *j, const struct schedule_record *r)
{
	return r->id && r->enabled && j->words.n && may_pass(j) && attempt_is_left(j, r);
}

/* The first after retry_wait, each further after twice the time; what was interrupted, at once. */
static uint64_t retry_pause(const struct job_record *j, const struct schedule_record *r)
{
	uint64_t pause = r->retry_wait;

	if (j->state == JOB_INTERRUPTED)
		return 0;
	for (int i = 1; i < j->attempt && pause < RETRY_MOST; i++)
		pause *= 2;
	return pause < RETRY_MOST ? pause : RETRY_MOST;
}

static int retry(struct supervisor *s, const struct job_record *j, const struct schedule_record *r, struct error *e)
{
	CLEANUP(job_record_release) struct job_record again = {
		.kind = mem_string(j->kind), .title = mem_string(j->title), .repository = mem_string_or_null(j->repository),
		.schedule = j->schedule, .author = mem_string(j->author), .notes = mem_string_or_null(j->notes), .time_limit = j->time_limit,
		.attempt = j->attempt + 1, .attempts = j->attempts > j->attempt ? j->attempts : j->attempt + 1,
		.retry_of = mem_string(j->retry_of ? j->retry_of : j->id),
		.not_before = {.tv_sec = s->now.tv_sec + (int64_t)retry_pause(j, r)},
	};

	strlist_copy(&again.words, &j->words);
	strlist_copy(&again.sources, &j->sources);
	strlist_copy(&again.locks, &j->locks);
	return supervisor_queue(s, &again, e);
}

/* ---- what follows a good backup of a schedule ---- */

static int follow_by(struct supervisor *s, struct job_record *j, const struct schedule_record *r, struct error *e)
{
	j->schedule = r->id;
	j->author = mem_printf("schedule %s", r->name);
	return supervisor_queue(s, j, e);
}

static bool waits_already(struct supervisor *s, const char *kind, const char *repository, int64_t schedule)
{
	CLEANUP(strlist_release) struct strlist states = {0};
	CLEANUP(strlist_release) struct strlist kinds = {0};
	CLEANUP(job_list_release) struct job_list l = {0};
	struct error e = {0};

	strlist_add(&states, job_state_name(JOB_QUEUED));
	strlist_add(&kinds, kind);
	const struct job_filter f = {.states = states, .kinds = kinds, .repository = repository, .schedule = schedule};
	const struct catalog_page p = {.limit = 1};
	int rc = job_list_some(s->c, &f, &p, &l, NULL, &e);

	supervisor_trouble(s, rc, "job", &e);
	return l.n > 0;
}

static int retention(struct supervisor *s, const struct job_record *j, const struct schedule_record *r, struct error *e)
{
	CLEANUP(job_record_release) struct job_record next = {0};
	const struct request_cleanup q = {.repository = j->repository, .schedule = r->name};

	bool wanted = false;
	int rc = setting_bool(s->c, "auto_cleanup", &wanted, e);

	if (rc || !wanted || !schedule_keeps(&r->keep) || waits_already(s, "cleanup", j->repository, r->id))
		return rc;
	rc = request_cleanup(s->c, &q, &next, e);

	if (rc)
		return rc;
	strlist_copy(&next.sources, &j->sources);
	return follow_by(s, &next, r, e);
}

static int drill(struct supervisor *s, const struct job_record *j, const struct schedule_record *r, struct error *e)
{
	CLEANUP(job_record_release) struct job_record next = {0};
	char *id = j->backup;
	const struct strlist backups = {.v = &id, .n = 1};

	if (!r->verify_level || !j->backup)
		return 0;
	int rc = request_verify(s->c, j->repository, &backups, r->verify_level, &next, e);

	if (rc)
		return rc;
	strlist_release(&next.sources);
	strlist_copy(&next.sources, &j->sources);
	return follow_by(s, &next, r, e);
}

/* ---- what was removed waits for its prune ---- */

/* How many backups the document of `cleanup` or `forget` says are gone. */
static uint64_t removed(const struct job_record *j)
{
	struct error ignored = {0};
	bool dry = false;
	uint64_t n = 0;
	struct json doc;

	if (!j->result)
		return 0;
	json_init(&doc, j->result, strlen(j->result));
	json_object_begin(&doc);
	while (json_member(&doc))
		if (json_name_is(&doc, "removed") && json_peek(&doc) == JSON_NUMBER)
			n = json_u64(&doc);
		else if (json_name_is(&doc, "dry_run"))
			dry = json_bool(&doc);
		else
			json_skip(&doc);
	return json_finish(&doc, &ignored) == 0 && !dry ? n : 0;
}

static int mark_for_prune(struct supervisor *s, const struct job_record *j, struct error *e)
{
	AUTO_FREE char *key = mem_printf(SUPERVISOR_PRUNE "%s", j->repository ? j->repository : "");
	bool fresh;

	if (!strcmp(j->kind, "prune"))
		return alarm_clear(s->c, key, NULL, e);
	if ((strcmp(j->kind, "cleanup") && strcmp(j->kind, "forget")) || !removed(j))
		return 0;
	return alarm_raise(s->c, key, s->now, &fresh, e);
}

/* ---- one job ---- */

static int follow_success(struct supervisor *s, const struct job_record *j, const struct schedule_record *r, struct error *e)
{
	int rc = mark_for_prune(s, j, e);

	if (rc || !r->id || r->action != ACTION_BACKUP || strcmp(j->kind, "backup"))
		return rc;
	/* The newest verified backup is kept by all means: after the drill that is this one. */
	rc = drill(s, j, r, e);
	return rc ? rc : retention(s, j, r, e);
}

static int schedule_of(struct supervisor *s, const struct job_record *j, struct schedule_record *out, struct error *e)
{
	struct error gone = {0};
	int rc = j->schedule ? schedule_get(s->c, j->schedule, out, &gone) : 0;

	if (rc && rc != -ERR_NOT_FOUND)
		*e = gone;
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int follow(struct supervisor *s, const struct job_record *j, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record r = {0};
	int rc = schedule_of(s, j, &r, e);

	if (rc)
		return rc;
	bool again = will_retry(j, &r);

	if (!again)
		record_remove_uploads(s->c, j);
	rc = notify_job(s->c, j, again, e);
	if (!rc && again)
		rc = retry(s, j, &r, e);
	if (!rc && j->state == JOB_SUCCESS)
		rc = follow_success(s, j, &r, e);
	return rc;
}

static void log_end(const struct job_record *j)
{
	char took[HUMAN_MAX];

	human_duration(j->started.tv_sec ? time_between(j->started, j->ended) : 0, took);
	if (j->state == JOB_SUCCESS)
		log_write(LOG_INFO, "job", "%s (job %s): success%s in %s", j->title, j->id, j->partial ? ", but some of it could not be read," : "", took);
	else
		log_write(j->state == JOB_CANCELLED ? LOG_NOTICE : LOG_ERROR, "job", "%s (job %s): %s after %s: %s", j->title, j->id,
			  job_state_name(j->state), took, j->error ? j->error : "no reason is known");
}

/* All of it or nothing. */
static int follow_whole(struct supervisor *s, const struct job_record *j, struct error *e)
{
	int rc = catalog_begin(s->c, e);

	if (rc)
		return rc;
	rc = follow(s, j, e);
	if (!rc)
		rc = job_set_followed(s->c, j->id, e);
	return catalog_end(s->c, rc, e);
}

/* What will fail for ever is told once and given up; a catalog that cannot be written now is another matter. */
static bool is_hopeless(int rc)
{
	return rc != -ERR_LOCKED && rc != -ERR_IO && rc != -ERR_NO_SPACE && rc != -ERR_ACCESS;
}

static int follow_once(struct supervisor *s, const char *id, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct error failed = {0};
	int rc = job_get(s->c, id, &j, e);

	if (rc)
		return rc;
	bool fresh = time_between(j.ended, s->now) < STALE;

	rc = fresh ? follow_whole(s, &j, &failed) : 0;
	supervisor_trouble(s, rc, "job", &failed);
	if (!fresh || (rc && is_hopeless(rc)))
		rc = job_set_followed(s->c, id, e);
	else if (rc)
		return 0;
	if (!rc && fresh)
		log_end(&j);
	return rc;
}

void supervisor_follow(struct supervisor *s)
{
	CLEANUP(strlist_release) struct strlist ids = {0};
	struct error e = {0};
	int rc = job_unfollowed(s->c, AT_A_TIME, &ids, &e);

	for (size_t i = 0; !rc && i < ids.n; i++)
		rc = follow_once(s, ids.v[i], &e);
	supervisor_trouble(s, rc, "job", &e);
}

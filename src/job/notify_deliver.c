/* Out of the outbox. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "job/notify_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define RETRY_LEAST 60
#define RETRY_MOST 86400

static const int waits[] = {60, 300, 900, 3600, 14400};      /* seconds, before each further try */

int notify_send(struct catalog *c, const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e)
{
	*out = (struct notify_outcome){.retry_after = -1};
	if (!strcmp(n->kind, "mail"))
		return notify_mail(c, n, m, p, out, e);
	if (!strcmp(n->kind, "heartbeat"))
		return notify_heartbeat(n, m, p, out, e);
	return notify_webhook(n, m, p, out, e);
}

static void outcome_release(struct notify_outcome *o)
{
	free(o->note);
}

/* ---- one message ---- */

static struct timespec later(double seconds)
{
	struct timespec t = time_now();

	t.tv_sec += (time_t)seconds;
	return t;
}

static double wait_of(const struct delivery_record *d, double retry_after)
{
	if (retry_after < 0)
		return waits[d->tries - 1];
	return retry_after < RETRY_LEAST ? RETRY_LEAST : retry_after > RETRY_MOST ? RETRY_MOST : retry_after;
}

static void set_error(struct delivery_record *d, const char *text)
{
	free(d->error);
	d->error = text ? mem_string(text) : NULL;
}

static int note_sent(struct catalog *c, struct delivery_record *d, const struct notify_outcome *o, struct error *e)
{
	d->sent = time_now();
	set_error(d, o->note);
	d->given_up = o->note != NULL;
	return delivery_update(c, d, e);
}

/* A late "a backup begins" says what is not so any more. */
static int note_failed(struct catalog *c, struct delivery_record *d, const struct notify_outcome *o, const struct error *why, struct error *e)
{
	set_error(d, why->text);
	d->given_up = d->tries > (int)ARRAY_LEN(waits) || d->event == NOTICE_START;
	if (d->given_up)
		return delivery_update(c, d, e);
	d->not_before = later(wait_of(d, o->retry_after));
	int rc = delivery_update(c, d, e);

	return rc ? rc : delivery_postpone(c, d->notice, d->not_before, e);
}

static int find_job(struct catalog *c, const char *id, struct job_record *out, bool *found, struct error *e)
{
	int rc = id ? job_get(c, id, out, e) : -ERR_NOT_FOUND;

	*found = rc == 0;
	if (rc != -ERR_NOT_FOUND)
		return rc;
	error_clear(e);
	return 0;
}

static int send_one(struct catalog *c, const struct notice_record *n, const struct delivery_record *d, struct progress *p, struct notify_outcome *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *host = notify_text_host();
	bool has_job = false;
	int rc = find_job(c, d->job, &j, &has_job, e);

	*out = (struct notify_outcome){.retry_after = -1};
	if (rc)
		return rc;
	struct notify_message m = {.id = d->id, .event = d->event, .title = d->title, .text = d->text, .source = d->source, .job_id = d->job, .job = has_job ? &j : NULL, .host = host,
				   .created = d->created};

	return notify_send(c, n, &m, p, out, e);
}

struct delivering {
	struct catalog *c;
	struct progress *progress;
	uint64_t sent, failed;
};

static int try_one(struct delivering *v, const struct notice_record *n, struct delivery_record *d, struct error *e)
{
	CLEANUP(outcome_release) struct notify_outcome o = {0};
	struct error why = {0};
	int rc = send_one(v->c, n, d, v->progress, &o, &why);

	if (rc == -ERR_CANCELLED) {
		*e = why;
		return rc;
	}
	d->tries++;
	v->sent += rc == 0;
	v->failed += rc != 0 || o.note != NULL;
	return rc ? note_failed(v->c, d, &o, &why, e) : note_sent(v->c, d, &o, e);
}

/* *failed: what else is due on this notice waits now. */
static int handle(struct delivering *v, struct delivery_record *d, bool *failed, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	bool wanted = false, outdated = false;
	int rc = progress_check(v->progress, e);

	if (!rc)
		rc = notice_get(v->c, d->notice, &n, e);
	if (!rc)
		rc = notify_is_active(v->c, &n, &wanted, e);
	if (!rc && wanted && !strcmp(n.kind, "heartbeat"))
		rc = delivery_is_outdated(v->c, d, &outdated, e);
	if (rc)
		return rc;
	if (!wanted || outdated)
		return delivery_remove(v->c, d->id, e);
	rc = try_one(v, &n, d, e);
	*failed = !d->sent.tv_sec;
	return rc;
}

/* ---- all of them ---- */

/* *busy: another process delivers. */
static int take_lock(struct catalog *c, int *fd, bool *busy, struct error *e)
{
	AUTO_FREE char *path = path_join(catalog_state_dir(c), "deliver.lock");

	*busy = false;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return error_sys(e, errno, "%s", path);
	if (!flock(*fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return error_sys(e, errno, "locking %s", path);
	*busy = true;
	return 0;
}

/* One list of what is due; *n is how many there were. */
static int round_of(struct delivering *v, size_t *n, struct error *e)
{
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	bool failed = false;
	int rc = delivery_due(v->c, time_now(), &l, e);

	for (size_t i = 0; !rc && !failed && i < l.n; i++)
		rc = handle(v, &l.v[i], &failed, e);
	*n = l.n;
	return rc;
}

int notify_deliver(struct catalog *c, struct progress *p, uint64_t *sent, uint64_t *failed, struct error *e)
{
	struct delivering v = {.c = c, .progress = p};
	CLEANUP(fs_close) int lock = -1;
	bool busy;
	size_t n = 1;
	int rc = take_lock(c, &lock, &busy, e);

	*sent = *failed = 0;
	if (rc || busy)
		return rc;
	while (!rc && n)
		rc = round_of(&v, &n, e);
	*sent = v.sent;
	*failed = v.failed;
	return rc;
}

int notify_test(struct catalog *c, const struct notice_record *n, struct progress *p, struct error *e)
{
	CLEANUP(outcome_release) struct notify_outcome o = {0};
	AUTO_FREE char *title = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *host = notify_text_host();

	notify_text_test(n->name, &title, &text);
	struct notify_message m = {.event = NOTICE_TEST, .title = title, .text = text, .host = host, .created = time_now()};
	int rc = notify_send(c, n, &m, p, &o, e);

	return !rc && o.note ? error_set(e, ERR_PARTIAL, "not everybody takes the mail: %s", o.note) : rc;
}

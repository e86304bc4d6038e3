/* Which notice wants what: into the outbox. */
#include "job/notify.h"

#include "base/mem.h"
#include "catalog/setting.h"
#include "job/notify_parts.h"

#include <stdlib.h>
#include <string.h>

#define EMAIL "email"      /* the notice of BACKUP_EMAIL_NOTIFICATIONS */

/* ---- the settings ---- */

int notify_setting(struct catalog *c, const char *name, char **out, struct error *e)
{
	enum setting_origin ignored;
	int rc = setting_text(c, name, out, &ignored, e);

	if (!rc && *out && !**out) {
		free(*out);
		*out = NULL;
	}
	return rc;
}

/* Whether the settings say whom to tell by mail. */
static int email_is_on(struct catalog *c, bool *out, struct error *e)
{
	AUTO_FREE char *to = NULL;
	int rc = setting_bool(c, "email_notifications", out, e);

	if (!rc)
		rc = notify_setting(c, "notification_email", &to, e);
	*out = !rc && *out && to;
	return rc;
}

static int make_email(struct catalog *c, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {.name = mem_string(EMAIL), .kind = mem_string("mail"), .enabled = true};
	int rc = notice_add(c, &n, e);

	if (rc == -ERR_EXISTS) {
		error_clear(e);
		return 0;
	}
	return rc;
}

int notify_list(struct catalog *c, struct notice_list *out, struct error *e)
{
	bool on = false;
	int rc = email_is_on(c, &on, e);

	if (!rc)
		rc = notice_list_all(c, out, e);
	for (size_t i = 0; !rc && i < out->n; i++)
		on &= strcmp(out->v[i].name, EMAIL) != 0;
	if (rc || !on)
		return rc;
	notice_list_release(out);
	rc = make_email(c, e);
	return rc ? rc : notice_list_all(c, out, e);
}

int notify_is_active(struct catalog *c, const struct notice_record *n, bool *out, struct error *e)
{
	*out = n->enabled;
	if (!n->enabled || strcmp(n->kind, "mail") != 0 || n->to.n)
		return 0;
	return email_is_on(c, out, e);
}

/* ---- who wants it ---- */

struct event {
	enum notice_event event;
	const struct strlist *sources;  /* it is about */
	const char *source, *job;       /* as the message has them; or NULL */
	bool of_backup;                 /* or of no job at all: heartbeats are about backups */
};

static bool is_about(const struct notice_record *n, const struct strlist *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (strlist_has(&n->sources, sources->v[i]))
			return true;
	return n->sources.n == 0;
}

static bool wants(const struct notice_record *n, const struct event *v)
{
	bool heartbeat = !strcmp(n->kind, "heartbeat");

	if (!(n->events & NOTICE_BIT(v->event)) || !is_about(n, v->sources) || (heartbeat && !v->of_backup))
		return false;
	return !strcmp(n->kind, "mail") || notify_url(n, v->event);
}

/* Takes title and text over. */
static int put(struct catalog *c, const struct event *v, char *title, char *text, struct error *e)
{
	CLEANUP(notice_list_release) struct notice_list l = {0};
	AUTO_FREE char *first = title;
	AUTO_FREE char *rest = text;
	int rc = notify_list(c, &l, e);

	for (size_t i = 0; !rc && i < l.n; i++) {
		struct delivery_record d = {.notice = l.v[i].id, .event = v->event, .title = first, .text = rest, .source = (char *)v->source, .job = (char *)v->job};
		bool active = false;

		rc = wants(&l.v[i], v) ? notify_is_active(c, &l.v[i], &active, e) : 0;
		if (!rc && active)
			rc = delivery_add(c, &d, e);
	}
	return rc;
}

int notify_event(struct catalog *c, enum notice_event event, const char *source, const char *job, const char *title, const char *text, struct error *e)
{
	CLEANUP(strlist_release) struct strlist sources = {0};
	struct event v = {.event = event, .sources = &sources, .source = source, .job = job, .of_backup = true};

	if (source)
		strlist_add(&sources, source);
	return put(c, &v, mem_string(title), mem_string(text), e);
}

/* ---- jobs ---- */

static bool is(const struct job_record *j, const char *kind)
{
	return !strcmp(j->kind, kind);
}

static int put_job(struct catalog *c, const struct job_record *j, enum notice_event event, char *title, char *text, struct error *e)
{
	AUTO_FREE char *sources = strlist_join(&j->sources, ", ");
	struct event v = {.event = event, .sources = &j->sources, .source = j->sources.n ? sources : NULL, .job = j->id, .of_backup = is(j, "backup")};

	return put(c, &v, title, text, e);
}

int notify_start(struct catalog *c, const struct job_record *j, struct error *e)
{
	char *title, *text;

	if (!is(j, "backup"))
		return 0;
	notify_text_start(j, &title, &text);
	return put_job(c, j, NOTICE_START, title, text, e);
}

int notify_job(struct catalog *c, const struct job_record *j, bool will_retry, struct error *e)
{
	bool good = j->state == JOB_SUCCESS && !j->partial, bad = j->state == JOB_FAILED || j->state == JOB_INTERRUPTED || (j->state == JOB_SUCCESS && j->partial);
	bool told = is(j, "backup") || is(j, "restore") || is(j, "verify") || is(j, "export");
	char *title, *text;

	if (will_retry || (!bad && !(good && told)))
		return 0;
	notify_text_job(j, &title, &text);
	return put_job(c, j, good ? NOTICE_SUCCESS : is(j, "verify") ? NOTICE_DRILL_FAILED : NOTICE_FAILURE, title, text, e);
}

/* ---- what else there is to tell ---- */

int notify_missed(struct catalog *c, const struct schedule_record *s, struct timespec due, uint64_t missed, bool made_up, struct error *e)
{
	AUTO_FREE char *sources = strlist_join(&s->sources, ", ");
	struct event v = {.event = NOTICE_MISSED, .sources = &s->sources, .source = s->sources.n ? sources : NULL, .of_backup = s->action == ACTION_BACKUP};
	char *title, *text;

	notify_text_missed(s, due, missed, made_up, &title, &text);
	return put(c, &v, title, text, e);
}

int notify_overdue(struct catalog *c, const char *source, struct timespec last_good, uint64_t hours, struct error *e)
{
	CLEANUP(strlist_release) struct strlist sources = {0};
	struct event v = {.event = NOTICE_OVERDUE, .sources = &sources, .source = source, .of_backup = true};
	char *title, *text;

	strlist_add(&sources, source);
	notify_text_overdue(source, last_good, hours, &title, &text);
	return put(c, &v, title, text, e);
}

int notify_low_space(struct catalog *c, const struct place_record *p, uint64_t limit, struct error *e)
{
	struct strlist none = {0};
	struct event v = {.event = NOTICE_LOW_SPACE, .sources = &none, .of_backup = true};
	char *title, *text;

	notify_text_low_space(p, limit, &title, &text);
	return put(c, &v, title, text, e);
}

/* ---- looking ---- */

int notify_problems(struct catalog *c, struct strlist *out, struct error *e)
{
	CLEANUP(delivery_troubles_release) struct delivery_troubles t;
	int rc = delivery_trouble_list(c, &t, e);

	for (size_t i = 0; !rc && i < t.n; i++) {
		const struct delivery_trouble *one = &t.v[i];
		unsigned long long n = one->given_up ? one->given_up : one->waiting;

		strlist_addf(out, "notice %s: %llu message%s %s: %s", one->name, n, n == 1 ? "" : "s",
			     one->given_up ? "could not be sent" : n == 1 ? "waits for another try" : "wait for another try", one->error);
	}
	return rc;
}

/* What makes up a notice: shared by the files notify*.c. */
#ifndef JOB_NOTIFY_PARTS_H
#define JOB_NOTIFY_PARTS_H

#include "base/strlist.h"
#include "job/notify.h"

/* ---- notify_text.c: sentences. *title: one, without its full stop; *text: what to do, then details. Heap. ---- */

void notify_text_job(const struct job_record *j, char **title, char **text);
void notify_text_start(const struct job_record *j, char **title, char **text);
void notify_text_missed(const struct schedule_record *s, struct timespec due, uint64_t missed, bool made_up, char **title, char **text);
void notify_text_overdue(const char *source, struct timespec last_good, uint64_t hours, char **title, char **text);
void notify_text_low_space(const struct place_record *p, uint64_t limit, char **title, char **text);
void notify_text_test(const char *notice, char **title, char **text);
/* The name of this machine. Heap. */
char *notify_text_host(void);

/* ---- one message, as it is sent ---- */

struct notify_message {
	int64_t id;                     /* the delivery's; 0: a test */
	enum notice_event event;
	const char *title, *text;
	const char *source;             /* or NULL */
	const char *job_id;             /* or NULL */
	const struct job_record *job;   /* or NULL: none, or it is gone */
	const char *host;
	struct timespec created;
};
/* "success", "failed", "partial", "interrupted" of a job; else the event. */
const char *notify_state(const struct notify_message *m);
/* The whole of it for people: title, full stop, empty line, text. Appends. */
void notify_whole(const struct notify_message *m, struct buf *out);

struct notify_outcome {
	double retry_after;             /* what the server asked for; -1: nothing */
	char *note;                     /* it was sent, but: "a@b: 550 no such user"; or NULL. Heap */
};

/* ---- notify_format.c: the body of a webhook ---- */

struct notify_body {
	char *url;                      /* where to, when it is not the notice's (telegram); or NULL */
	const char *type;               /* Content-Type */
	struct buf body;
};
void notify_body_release(struct notify_body *b);
int notify_body_make(const struct notice_record *n, const struct notify_message *m, const char *url, struct notify_body *out, struct error *e) MUST_USE;

/* ---- the ways ---- */

/* The URL for an event; NULL: there is none. */
const char *notify_url(const struct notice_record *n, enum notice_event event);
int notify_webhook(const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e) MUST_USE;
int notify_heartbeat(const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e) MUST_USE;
int notify_mail(struct catalog *c, const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e) MUST_USE;
/* By its kind. */
int notify_send(struct catalog *c, const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e) MUST_USE;

/* ---- settings ---- */

/* NULL when it is not set. Heap. */
int notify_setting(struct catalog *c, const char *name, char **out, struct error *e) MUST_USE;

#endif

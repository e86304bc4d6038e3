/* Notices: where to tell what, and what is still to be told. */
#ifndef CATALOG_NOTICE_H
#define CATALOG_NOTICE_H

#include "catalog/catalog.h"

enum notice_event {
	NOTICE_SUCCESS,
	NOTICE_FAILURE,
	NOTICE_MISSED,          /* a schedule's run */
	NOTICE_OVERDUE,         /* no good backup for too long */
	NOTICE_DRILL_FAILED,    /* a verification */
	NOTICE_LOW_SPACE,
	NOTICE_START,           /* a backup begins; only for heartbeats */
	NOTICE_TEST,            /* asked for; nothing to choose */
	NOTICE_EVENTS
};
const char *notice_event_name(enum notice_event n);         /* "success", "failure", "missed", "overdue", "drill-failed", "low-space", "start", "test" */
bool notice_event_parse(const char *text, enum notice_event *out);
#define NOTICE_BIT(event) (1u << (event))

struct notice_record {              /* a way to tell people or programs */
	int64_t id;
	char *name;                     /* unique */
	char *kind;                     /* "mail", "webhook", "heartbeat" */
	bool enabled;
	unsigned events;                /* NOTICE_BIT()s; 0 when it is added: those of its kind (notice_usual_events) */
	struct strlist sources;         /* only about these; empty: all */
	/* mail */
	char *server;                   /* "smtp.example.org:587"; NULL: the settings smtp_server, smtp_security, smtp_user, smtp_password */
	char *security;                 /* "starttls", "tls", "none" (base/mail.h); NULL: starttls */
	char *user, *from;              /* from NULL: the setting smtp_from, else backstay@<this machine> */
	struct secret password;         /* sealed */
	struct strlist to;              /* empty: the setting notification_email, while email_notifications is on */
	/* webhook: `url`, or one for success and one for everything else; sealed, as they often hold tokens */
	char *url, *url_success, *url_failure;
	char *format;                   /* "json", "slack", "discord", "teams", "telegram", "template"; NULL when it is added: json */
	char *template_;                /* for "template": text with {{title}} ... (notice_template_names), see base/template.h */
	struct secret signing;          /* HMAC-SHA-256 of timestamp and body in X-Backstay-Signature; sealed; empty: unsigned */
	/* heartbeat: url is called after each good backup, url_failure (or url/fail) after one that failed, url/start when one begins (NOTICE_START) */
	struct timespec created, changed;
};
void notice_record_release(struct notice_record *n);
struct notice_list { struct notice_record *v; size_t n, cap; };
void notice_list_release(struct notice_list *l);
/* Everything in it is checked: -ERR_USAGE. -ERR_EXISTS for a name that is taken. */
int notice_add(struct catalog *c, struct notice_record *n, struct error *e) MUST_USE;
int notice_get(struct catalog *c, int64_t id, struct notice_record *out, struct error *e) MUST_USE;
int notice_find(struct catalog *c, const char *name, struct notice_record *out, struct error *e) MUST_USE;
int notice_list_all(struct catalog *c, struct notice_list *out, struct error *e) MUST_USE;      /* by name */
int notice_update(struct catalog *c, struct notice_record *n, struct error *e) MUST_USE;        /* its kind stays */
int notice_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;                     /* and its messages */
void notice_json(const struct notice_record *n, struct json_out *w);       /* secrets as "..._known", URLs as http_shown() */
/* As source_from_json(). A URL that is just what is shown of the one it has stays that one. */
int notice_from_json(struct notice_record *n, struct json *j, struct error *e) MUST_USE;
unsigned notice_usual_events(const char *kind);
/* NULL-terminated: "title", "text", "source", "state", "event", "job", "host", "time". */
extern const char *const notice_template_names[];

struct delivery_record {            /* one message on its way over one notice */
	int64_t id, notice;
	char *name;                     /* the notice's; only read */
	enum notice_event event;
	char *title, *text;             /* one sentence without its full stop; what to do, and details */
	char *source, *job;             /* or NULL */
	int tries;
	struct timespec created, not_before, sent;    /* sent zero: not yet */
	char *error;                    /* of the last try; or NULL */
	bool given_up;                  /* shown until somebody has seen it. With `sent`: some of its recipients refused it */
};
void delivery_record_release(struct delivery_record *d);
struct delivery_list { struct delivery_record *v; size_t n, cap; };
void delivery_list_release(struct delivery_list *l);
int delivery_add(struct catalog *c, struct delivery_record *d, struct error *e) MUST_USE;       /* sets id, created and, when it is zero, not_before */
/* Those due at `now`, oldest first, at most 100. */
int delivery_due(struct catalog *c, struct timespec now, struct delivery_list *out, struct error *e) MUST_USE;
/* When the next one is due, now or later: zero when none waits. */
int delivery_next(struct catalog *c, struct timespec *out, struct error *e) MUST_USE;
int delivery_update(struct catalog *c, const struct delivery_record *d, struct error *e) MUST_USE;      /* tries, times, error, given_up */
int delivery_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
/* What else waits for this notice and would be due before `until` waits for that too. */
int delivery_postpone(struct catalog *c, int64_t notice, struct timespec until, struct error *e) MUST_USE;
/* Whether something newer is to be told, or was, over the same notice (but for tests and the begin of backups). */
int delivery_is_outdated(struct catalog *c, const struct delivery_record *d, bool *out, struct error *e) MUST_USE;
/* Newest first; of the notice of this name, or (NULL) of all. */
int delivery_list_some(struct catalog *c, const char *notice, bool only_failed, const struct catalog_page *p, struct delivery_list *out, uint64_t *total, struct error *e) MUST_USE;
/* Those given up have been seen: they go, of one notice or (0) of all. */
int delivery_seen(struct catalog *c, int64_t notice, uint64_t *removed, struct error *e) MUST_USE;
/* Those sent, or given up, before `before` go. */
int delivery_forget_old(struct catalog *c, struct timespec before, struct error *e) MUST_USE;
int delivery_count(struct catalog *c, uint64_t *waiting, uint64_t *failed, struct error *e) MUST_USE;
/* What is wrong with which notice: messages given up, and such as wait for another try. By name. */
struct delivery_trouble {
	char *name, *error;             /* of the newest one that has one */
	uint64_t given_up, waiting;
};
struct delivery_troubles { struct delivery_trouble *v; size_t n, cap; };
void delivery_troubles_release(struct delivery_troubles *t);
int delivery_trouble_list(struct catalog *c, struct delivery_troubles *out, struct error *e) MUST_USE;
void delivery_json(const struct delivery_record *d, struct json_out *w);

#endif

/* Notices: where to tell what, and what is still to be told. */
#ifndef CATALOG_NOTICE_H
#define CATALOG_NOTICE_H

#include "catalog/catalog.h"

enum notice_event { NOTICE_SUCCESS, NOTICE_FAILURE, NOTICE_MISSED, NOTICE_OVERDUE, NOTICE_DRILL_FAILED, NOTICE_LOW_SPACE, NOTICE_TEST, NOTICE_EVENTS };
const char *notice_event_name(enum notice_event n);         /* "success", "failure", "missed", "overdue", "drill-failed", "low-space", "test" */

struct notice_record {              /* a way to tell people or programs */
	int64_t id;
	char *name;                     /* unique */
	char *kind;                     /* "mail", "webhook", "heartbeat" */
	bool enabled;
	unsigned events;                /* bits 1 << enum notice_event */
	struct strlist sources;         /* only about these; empty: all */
	/* mail */
	char *server, *security, *user, *from;      /* "smtp.example.org:587"; "starttls", "tls", "none" */
	struct secret password;         /* sealed */
	struct strlist to;
	/* webhook: `url`, or one for success and one for everything else; sealed, as they often hold tokens */
	char *url, *url_success, *url_failure;
	char *format;                   /* "json", "slack", "discord", "teams", "telegram", "template" */
	char *template_;                /* for "template": text with {{title}} {{text}} {{source}} {{state}} {{event}} {{job}} */
	struct secret signing;          /* HMAC-SHA-256 of the body in X-Backstay-Signature; sealed; empty: unsigned */
	/* heartbeat: url is called after each success, url_failure (or url/fail) after a failure */
	struct timespec created, changed;
};
void notice_record_release(struct notice_record *n);
struct notice_list { struct notice_record *v; size_t n, cap; };
void notice_list_release(struct notice_list *l);
int notice_add(struct catalog *c, struct notice_record *n, struct error *e) MUST_USE;
int notice_get(struct catalog *c, int64_t id, struct notice_record *out, struct error *e) MUST_USE;
int notice_find(struct catalog *c, const char *name, struct notice_record *out, struct error *e) MUST_USE;
int notice_list_all(struct catalog *c, struct notice_list *out, struct error *e) MUST_USE;
int notice_update(struct catalog *c, struct notice_record *n, struct error *e) MUST_USE;
int notice_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
void notice_json(const struct notice_record *n, struct json_out *w);       /* secrets as "..._known", URLs without their query and last part */
int notice_from_json(struct notice_record *n, struct json *j, struct error *e) MUST_USE;

struct delivery_record {            /* one message on its way over one notice */
	int64_t id, notice;
	enum notice_event event;
	char *title, *text;             /* one sentence; the rest */
	char *source, *job;             /* or NULL */
	int tries;
	struct timespec created, not_before, sent;    /* sent zero: not yet */
	char *error;                    /* of the last try; or NULL */
	bool given_up;                  /* shown until somebody has seen it */
};
void delivery_record_release(struct delivery_record *d);
struct delivery_list { struct delivery_record *v; size_t n, cap; };
void delivery_list_release(struct delivery_list *l);
int delivery_add(struct catalog *c, struct delivery_record *d, struct error *e) MUST_USE;
/* Those due at `now`, oldest first. */
int delivery_due(struct catalog *c, struct timespec now, struct delivery_list *out, struct error *e) MUST_USE;
int delivery_update(struct catalog *c, const struct delivery_record *d, struct error *e) MUST_USE;
int delivery_list_some(struct catalog *c, bool only_failed, const struct catalog_page *p, struct delivery_list *out, uint64_t *total, struct error *e) MUST_USE;
void delivery_json(const struct delivery_record *d, struct json_out *w);

#endif

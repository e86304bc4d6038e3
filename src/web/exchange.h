/* One request and its answer, without the sockets: what server.c feeds with heads and bodies.
 *
 * exchange_begin() sees the head and decides: refused requests have their answer at once. Else the body is fed in pieces, and
 * exchange_run() calls the route's handler, on the same thread or (exchange_is_slow) on one that may wait. */
#ifndef WEB_EXCHANGE_H
#define WEB_EXCHANGE_H

#include "web/auth.h"
#include "web/body.h"
#include "web/framing.h"
#include "web/send.h"
#include "web/uri.h"

#include <stdatomic.h>

struct events;

/* What all requests share. */
struct exchange_site {
	const char *listen, *state_dir, *program;
	void (*wake)(void *ctx);
	void *ctx;
	struct events *events;
	atomic_bool stopping;           /* whoever waits gives up */
};

/* Settings as of a moment ago: a thread has its own, and reads them again once a second. */
struct exchange_settings {
	char *public_url, *trusted;     /* or NULL */
	uint64_t upload_max;
	double read;                    /* time_monotonic(); 0: never */
};
int exchange_settings_read(struct exchange_settings *s, struct catalog *c, struct error *e) MUST_USE;
void exchange_settings_release(struct exchange_settings *s);

struct exchange {
	struct web_request r;
	struct web_response out;
	struct exchange_site *site;
	const struct web_route *route;  /* NULL: refused, or a file of the page */
	struct framing head;            /* its texts are the server's, as long as the request lasts */
	uint64_t length;                /* of the body, as announced: 0, or FRAMING_CHUNKED */
	struct uri uri;
	struct body body;
	struct auth_proof proof;
	struct send_part part;          /* of a file, instead of a body; fd -1: none */
	int fd;                         /* of the connection, only to see whether somebody is still there; or -1 */
	bool https;                     /* the browser reached us by it: the public_url says so, or a proxy we trust */
	bool answered;                  /* `out` is what is to be sent */
	bool close;                     /* and then the connection is closed, without reading on */
};
struct exchange *exchange_new(struct exchange_site *site, int fd);
void exchange_free(struct exchange *x);
/* `peer`: the address at the other end, "unix" for a socket of this machine. x->answered afterwards: refused. */
void exchange_begin(struct exchange *x, const struct framing *head, const char *peer, struct catalog *c, const struct exchange_settings *s);
/* x->answered when it is too much, or wrong. */
void exchange_feed(struct exchange *x, const void *p, size_t n);
bool exchange_is_slow(const struct exchange *x);
void exchange_run(struct exchange *x, struct catalog *c);
/* Answer with an error. `status` 0: web_status(). */
void exchange_refuse(struct exchange *x, int status, const struct error *e);

struct exchange *exchange_of(const struct web_request *r);
/* Nobody waits for the answer any more: whoever asked has left, or the server ends. */
bool exchange_is_unwanted(const struct exchange *x);
/* What was asked for, encoded, with its query but for offset and limit. Appends. */
void exchange_target(const struct web_request *r, struct buf *out);

#endif

/* HTTP as a client (libcurl): one request, one answer of bounded size. Certificates are always checked; redirects are never
 * followed, they are an answer like any other; only http and https; proxies as curl's environment variables say. */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include "base/buf.h"
#include "base/progress.h"
#include "base/strlist.h"

#define HTTP_URL_MAX 8192

struct http_request {
	const char *method, *url;         /* method NULL: GET, or POST with a body */
	const struct strlist *headers;    /* "Name: value"; or NULL */
	const void *body;
	size_t body_len;
	double timeout;                   /* seconds for all of it; 0: 30 */
	size_t answer_max;                /* 0: 64 KiB; what is beyond is not read */
	struct progress *progress;        /* cancels; or NULL */
};
struct http_answer {
	int status;
	double retry_after;               /* seconds, from Retry-After; -1: none */
	struct buf body;
};
void http_answer_release(struct http_answer *a);
/* 0 for any answer, whatever its status. -ERR_TEMPORARY for what may pass (no connection, time-out, lost midway), -ERR_USAGE
 * for a URL that is none, -ERR_ACCESS for a certificate that does not hold, -ERR_LIMIT for headers without end. Texts name the host, never the
 * path or query, which may hold tokens. Release *out in any case. */
int http_send(const struct http_request *r, struct http_answer *out, struct error *e) MUST_USE;
/* "https://hooks.example.org/..." of a URL: what may be shown; "..." of what is none. Heap. */
char *http_shown(const char *url);
/* Whether it can be sent to at all: -ERR_USAGE "it is not a URL that begins with http:// or https://". */
int http_check_url(const char *url, struct error *e) MUST_USE;
/* The query of a URL, decoded, as "name=value" each, and the URL without it and without its fragment. -ERR_USAGE as above. */
int http_split_query(const char *url, char **bare, struct strlist *query, struct error *e) MUST_USE;

#endif

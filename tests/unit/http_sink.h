/* A web server for tests, on loopback: it keeps what it is sent, and answers as told. */
#ifndef UNIT_HTTP_SINK_H
#define UNIT_HTTP_SINK_H

#include "base/strlist.h"

#include <pthread.h>
#include <stdatomic.h>

#define HTTP_SINK_SILENT "(silent)"      /* instead of an answer: keeps the connection and says nothing until the end */

struct http_sink {
	int port, fd;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct strlist answers;          /* whole, one a request; the last is given again; "": the connection is closed */
	size_t given;
	struct strlist requests;         /* whole, headers and body */
};
/* `answer` may be NULL: "200 OK" with an empty body. */
void http_sink_start(struct http_sink *s, const char *answer);
/* From now on: the next requests get these. */
void http_sink_answer(struct http_sink *s, const char *answer);
/* "http://127.0.0.1:PORT<path>"; heap. */
char *http_sink_url(const struct http_sink *s, const char *path);
size_t http_sink_count(struct http_sink *s);
/* The i-th request, from the first on; heap. Fails the test when there is none. */
char *http_sink_request(struct http_sink *s, size_t i);
void http_sink_stop(struct http_sink *s);

#endif

/* Server-sent events (HTML standard, "Server-sent events"): what changed, as it changes.
 *
 * One thread looks: twice a second it asks the catalog whether anything was changed, and only then what. Events for
 * everybody stand in a ring, and a stream is a place in it; the stream of a job is a place in its log. So a reader who is slow, or
 * comes back with the Last-Event-ID it had, goes on where it was, and 500 streams cost little more than one. */
#ifndef WEB_EVENTS_H
#define WEB_EVENTS_H

#include "web/auth.h"

#include <sys/types.h>

#define EVENTS_STREAMS_MAX 500

struct events;
struct events *events_new(const char *state_dir);
void events_free(struct events *v);             /* no stream is left */
/* One look, and what follows from it. Returns the number of streams. Only one thread calls it. */
unsigned events_tick(struct events *v, double now);
/* All streams end, and no new one begins. */
void events_stop(struct events *v);

/* The connection of a stream, which may be put to sleep when there is nothing to read, and woken. Both are called with the stream's
 * lock held, so that one is never overtaken by the other. */
struct events_connection {
	void *connection;
	void (*sleep)(void *connection);
	void (*wake)(void *connection);
	int fd;                                 /* to see that the reader has left */
};
void events_attach(struct web_stream *s, const struct events_connection *c);
/* Some of what it has to say: 0 after the connection was put to sleep, -1 at its end. */
ssize_t events_read(struct web_stream *s, char *p, size_t n);
void events_close(struct web_stream *s);        /* NULL is legal */

#endif

#include "web/watch.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "job/access.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum watch_state { WATCH_HEAD, WATCH_BODY, WATCH_ANSWER };
struct watch_connection {
	struct watch_connection *next, *previous;
	int fd;
	enum watch_state state;
	double since;                   /* in this state */
	uint64_t received;              /* of the body */
	char *place;                    /* what is counted; NULL: not counted */
};

struct watch {
	pthread_mutex_t lock;
	struct watch_connection all;    /* head of the ring */
	unsigned count;
	struct map *places;             /* place -> number */
	double patience;
};

struct watch *watch_new(double patience)
{
	struct watch *w = mem_zero(sizeof *w);

	pthread_mutex_init(&w->lock, NULL);
	w->all.next = w->all.previous = &w->all;
	w->places = map_new();
	w->patience = patience;
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	map_free(w->places, NULL);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static bool is_here(const char *address)
{
	return !strcmp(address, "unix") || !strcmp(address, "::1") || !strncmp(address, "127.", 4);
}

/* One more, or less, from this place: how many there are then. */
static intptr_t count(struct watch *w, const char *place, intptr_t change)
{
	intptr_t n = (intptr_t)map_get(w->places, place, strlen(place)) + change;

	if (n > 0)
		map_put(w->places, place, strlen(place), (void *)n);
	else
		map_remove(w->places, place, strlen(place));
	return n;
}

static void end(struct watch_connection *c)
{
	shutdown(c->fd, SHUT_RDWR);
}

struct watch_connection *watch_add(struct watch *w, int fd, const char *address)
{
	struct watch_connection *c = mem_zero(sizeof *c);

	c->fd = fd;
	c->since = time_monotonic();
	c->place = is_here(address) ? NULL : access_client_place(address);
	pthread_mutex_lock(&w->lock);
	c->next = w->all.next;
	c->previous = &w->all;
	c->next->previous = c->previous->next = c;
	w->count++;
	if (c->place && count(w, c->place, 1) > WATCH_PLACE_MAX)
		end(c);
	pthread_mutex_unlock(&w->lock);
	return c;
}

void watch_remove(struct watch *w, struct watch_connection *c)
{
	pthread_mutex_lock(&w->lock);
	c->next->previous = c->previous;
	c->previous->next = c->next;
	w->count--;
	if (c->place)
		count(w, c->place, -1);
	pthread_mutex_unlock(&w->lock);
	free(c->place);
	free(c);
}

static void set(struct watch *w, struct watch_connection *c, enum watch_state state)
{
	pthread_mutex_lock(&w->lock);
	c->state = state;
	c->since = time_monotonic();
	c->received = 0;
	pthread_mutex_unlock(&w->lock);
}

void watch_body(struct watch *w, struct watch_connection *c)
{
	set(w, c, WATCH_BODY);
}

void watch_answering(struct watch *w, struct watch_connection *c)
{
	set(w, c, WATCH_ANSWER);
}

void watch_waiting(struct watch *w, struct watch_connection *c)
{
	set(w, c, WATCH_HEAD);
}

void watch_received(struct watch *w, struct watch_connection *c, uint64_t n)
{
	pthread_mutex_lock(&w->lock);
	c->received += n;
	pthread_mutex_unlock(&w->lock);
}

static bool takes_too_long(const struct watch *w, const struct watch_connection *c, double now)
{
	double late = now - c->since - w->patience;

	if (late <= 0 || c->state == WATCH_ANSWER)
		return false;
	return c->state == WATCH_HEAD || (double)c->received < late * WATCH_RATE;
}

unsigned watch_tick(struct watch *w, double now)
{
	pthread_mutex_lock(&w->lock);
	for (struct watch_connection *c = w->all.next; c != &w->all; c = c->next)
		if (takes_too_long(w, c, now))
			end(c);
	unsigned n = w->count;

	pthread_mutex_unlock(&w->lock);
	return n;
}

bool watch_is_left(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return fd >= 0 && poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

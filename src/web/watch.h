/* The connections there are: how many from where, and who takes too long. The library knows only clients that are silent; one
 * that sends a byte now and then would hold its connection for ever. */
#ifndef WEB_WATCH_H
#define WEB_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_PLACE_MAX 100             /* connections from one address; from this machine any number */
#define WATCH_RATE 4096                 /* bytes a second that a body must bring, after `patience` */

struct watch;
struct watch_connection;

struct watch *watch_new(double patience);       /* seconds for a head, and before a body's rate counts */
void watch_free(struct watch *w);               /* no connection is left */
/* A connection was made from `address`. When there are too many from there already its reading and writing ends at once. fd must stay
 * open until watch_remove(). */
struct watch_connection *watch_add(struct watch *w, int fd, const char *address);
void watch_remove(struct watch *w, struct watch_connection *c);
/* Where it stands: waiting for a head (at first, and after each answer), reading a body, or neither. */
void watch_body(struct watch *w, struct watch_connection *c);
void watch_received(struct watch *w, struct watch_connection *c, uint64_t n);
void watch_answering(struct watch *w, struct watch_connection *c);
void watch_waiting(struct watch *w, struct watch_connection *c);
/* End what took too long by `now` (time_monotonic()). Returns the number of connections. */
unsigned watch_tick(struct watch *w, double now);

/* Whether whoever was at the other end has closed the connection. -1: nobody knows. */
bool watch_is_left(int fd);

#endif

/* Connections to servers that must not outlive the user's wish to stop. The client libraries wait for a server's answer, come
 * what may; so once the work is cancelled, and the server has had time to end what it is at, the connection is cut from outside
 * and whatever waits on it fails at once. */
#ifndef ENGINE_LINE_H
#define ENGINE_LINE_H

#include "base/progress.h"

#define LINE_GRACE_SECONDS 2.0    /* for a server to end a statement once we are cancelled */

/* Watch the socket of a connection, which is known by `owner` from now on; again: with another progress or socket. p NULL: it is
 * never cut. Any thread. */
void line_watch(const void *owner, int fd, struct progress *p);
/* Before the connection is closed; not watched is legal. */
void line_forget(const void *owner);
/* A statement begins: when the work is cancelled already, it has a time of its own to end, so that what is left can be tidied up. */
void line_touch(const void *owner);
bool line_is_cut(const void *owner);

#endif

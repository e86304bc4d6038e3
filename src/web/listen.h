/* The socket that waits for connections. */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "base/error.h"

struct listen {
	int fd;
	int port;               /* 0 for a socket of this machine */
	char *path;             /* of such a one: removed by listen_close(); or NULL */
};
/* "127.0.0.1:8484", "[::1]:8484", "localhost:8484", "unix:/run/backstay.sock" (0600). Port 0: any. -ERR_USAGE for what is none of these,
 * -ERR_EXISTS when somebody listens there already, or the file is no socket. */
int listen_open(const char *where, struct listen *out, struct error *e) MUST_USE;
void listen_close(struct listen *l);

struct sockaddr;
/* "10.0.0.7", "2001:db8::1", "unix". An IPv4 address within an IPv6 one is shown as what it is. */
#define LISTEN_ADDRESS_MAX 64
void listen_address(const struct sockaddr *a, char out[LISTEN_ADDRESS_MAX]);

#endif

#include "web/listen.h"

#include "base/fs.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511

/* ---- addresses ---- */

static int no_address(const char *where, struct error *e)
{
	error_set(e, ERR_USAGE, "\"%s\" is no address to listen on", where);
	return error_hint(e, "give ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; only this machine: 127.0.0.1:8484");
}

/* "host:port" or "[host]:port" in two. */
static int split(const char *where, char **host, char **port, struct error *e)
{
	const char *colon = strrchr(where, ':');
	bool bracket = *where == '[';
	size_t n = colon ? (size_t)(colon - where) : 0;

	if (!n || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || atoi(colon + 1) > 65535 || (bracket && where[n - 1] != ']'))
		return no_address(where, e);
	*host = bracket ? mem_string_n(where + 1, n - 2) : mem_string_n(where, n);
	*port = mem_string(colon + 1);
	return 0;
}

static int taken(const char *where, struct error *e)
{
	error_set(e, ERR_EXISTS, "another program listens on %s already", where);
	return error_hint(e, "end it, or listen elsewhere: --listen 127.0.0.1:8485");
}

static int bind_to(const char *where, const struct addrinfo *a, int *out, struct error *e)
{
	CLEANUP(fs_close) int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return error_sys(e, errno, "listening on %s", where);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG))
		return errno == EADDRINUSE ? taken(where, e) : error_sys(e, errno, "listening on %s", where);
	*out = fd;
	fd = -1;
	return 0;
}

static int port_of(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t n = sizeof a;

	getsockname(fd, (struct sockaddr *)&a, &n);
	if (a.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&a)->sin_port);
	return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port) : 0;
}

static int open_inet(const char *where, struct listen *out, struct error *e)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	AUTO_FREE char *host = NULL;
	AUTO_FREE char *port = NULL;
	struct addrinfo *found = NULL;
	int rc = split(where, &host, &port, e);

	if (rc)
		return rc;
	int failed = getaddrinfo(host, port, &hints, &found);

	if (failed)
		return error_set(e, ERR_USAGE, "cannot listen on %s: %s", where, gai_strerror(failed));
	rc = bind_to(where, found, &out->fd, e);
	freeaddrinfo(found);
	if (!rc)
		out->port = port_of(out->fd);
	return rc;
}

/* ---- a socket of this machine ---- */

/* A socket that nobody answers at was left behind, and goes. Anything else stays. */
static int clear_way(const char *where, const struct sockaddr_un *a, struct error *e)
{
	struct stat st;

	if (lstat(a->sun_path, &st))
		return errno == ENOENT ? 0 : error_sys(e, errno, "listening on %s", where);
	if (!S_ISSOCK(st.st_mode))
		return error_set(e, ERR_EXISTS, "%s is there already, and no socket", a->sun_path);
	CLEANUP(fs_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !connect(fd, (const struct sockaddr *)a, sizeof *a) || errno != ECONNREFUSED)
		return taken(where, e);
	return unlink(a->sun_path) ? error_sys(e, errno, "removing the old socket %s", a->sun_path) : 0;
}

static int open_unix(const char *where, const char *path, struct listen *out, struct error *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (*path != '/' || strlen(path) >= sizeof a.sun_path)
		return error_set(e, ERR_USAGE, "the path of %s must begin with a slash and have at most %zu bytes", where, sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	int rc = clear_way(where, &a, e);

	if (rc)
		return rc;
	CLEANUP(fs_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Nobody can connect before listen(), so that the mode is right in time. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || chmod(path, 0600) || listen(fd, BACKLOG))
		return error_sys(e, errno, "listening on %s", where);
	out->path = mem_string(path);
	out->fd = fd;
	fd = -1;
	return 0;
}

int listen_open(const char *where, struct listen *out, struct error *e)
{
	*out = (struct listen){.fd = -1};
	return strncmp(where, "unix:", 5) ? open_inet(where, out, e) : open_unix(where, where + 5, out, e);
}

void listen_close(struct listen *l)
{
	fs_close(&l->fd);
	if (l->path)
		unlink(l->path);
	free(l->path);
	*l = (struct listen){.fd = -1};
}

void listen_address(const struct sockaddr *a, char out[LISTEN_ADDRESS_MAX])
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

	snprintf(out, LISTEN_ADDRESS_MAX, "unix");
	if (a->sa_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, out, LISTEN_ADDRESS_MAX);
	else if (a->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, (const char *)&six->sin6_addr + 12, out, LISTEN_ADDRESS_MAX);
	else if (a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, LISTEN_ADDRESS_MAX);
}

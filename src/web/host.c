#include "web/host.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HOST_MAX 256

/* A host without its port, in its own room; false when it is too long or none. */
struct host { char text[HOST_MAX]; };

static bool cut(const char *p, size_t n, struct host *out)
{
	size_t len = n && *p == '[' ? strcspn(p, "]") + 1 : strcspn(p, ":");

	if (len > n)
		len = n;
	if (!len || len >= sizeof out->text || (len < n && (p[len] != ':' || strspn(p + len + 1, "0123456789") < n - len - 1)))
		return false;
	memcpy(out->text, p, len);
	out->text[len] = '\0';
	return true;
}

/* What stands between "//" and the next slash; the whole of what has no "//". */
static const char *authority(const char *url, size_t *n)
{
	const char *slashes = strstr(url, "//");
	const char *p = slashes ? slashes + 2 : url;

	*n = strcspn(p, "/?#");
	return p;
}

static bool host_of(const char *url, struct host *out)
{
	size_t n;
	const char *p = authority(url, &n);

	return cut(p, n, out);
}

static bool is_address(const char *host)
{
	struct in6_addr room;
	char inner[INET6_ADDRSTRLEN + 1];
	size_t n = strlen(host);

	if (inet_pton(AF_INET, host, &room) == 1)
		return true;
	if (*host != '[' || host[n - 1] != ']' || n - 2 >= sizeof inner)
		return false;
	memcpy(inner, host + 1, n - 2);
	inner[n - 2] = '\0';
	return inet_pton(AF_INET6, inner, &room) == 1;
}

static bool is_this_machine(const char *host)
{
	char name[HOST_MAX] = "";

	return !strcasecmp(host, "localhost") || (!gethostname(name, sizeof name - 1) && *name && !strcasecmp(host, name));
}

static bool same_host(const char *host, const char *url)
{
	struct host other;

	return url && *url && host_of(url, &other) && !strcasecmp(host, other.text);
}

bool host_is_ours(const char *host, const char *listen, const char *public_url)
{
	struct host h;

	if (!host || !cut(host, strlen(host), &h))
		return false;
	return is_address(h.text) || is_this_machine(h.text) || same_host(h.text, listen) || same_host(h.text, public_url);
}

static bool same_authority(const char *origin, const char *url)
{
	size_t n, m;
	const char *a = authority(origin, &n), *b = url ? authority(url, &m) : NULL;

	return b && n && n == m && !strncasecmp(a, b, n);
}

bool host_is_origin(const char *origin, const char *host, const char *public_url)
{
	return strstr(origin, "//") && (same_authority(origin, host) || same_authority(origin, public_url));
}

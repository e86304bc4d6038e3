/* Whose request it is, when there are proxies in between. */
#include "base/mem.h"
#include "job/access.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t\r\n"
#define LONGEST 80

/* IPv4 as "::ffff:a.b.c.d": one form for both. */
struct address {
	unsigned char b[16];
};

static bool is_v4(const struct address *a)
{
	static const unsigned char mapped[12] = {[10] = 0xff, 0xff};

	return !memcmp(a->b, mapped, sizeof mapped);
}

/* "10.0.0.7", "10.0.0.7:4711", "::1", "[::1]", "[::1]:4711". */
static bool parse(const char *text, size_t n, struct address *out)
{
	char copy[LONGEST], *end;

	if (!n || n >= sizeof copy)
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	char *start = copy;

	if (*start == '[') {
		start++;
		end = strchr(start, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*end = '\0';
	} else if ((end = strchr(start, ':')) && !strchr(end + 1, ':')) {
		*end = '\0';
	}
	*out = (struct address){{[10] = 0xff, 0xff}};
	return inet_pton(AF_INET, start, out->b + 12) == 1 || inet_pton(AF_INET6, start, out->b) == 1;
}

static char *write_address(const struct address *a)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(is_v4(a) ? AF_INET : AF_INET6, is_v4(a) ? a->b + 12 : a->b, text, sizeof text);
	return mem_string(text);
}

/* ---- what is trusted ---- */

static bool same_bits(const struct address *a, const struct address *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return !memcmp(a->b, b->b, whole) && (!rest || (a->b[whole] ^ b->b[whole]) >> (8 - rest) == 0);
}

/* An address, or a network with the bits of it that count. */
static bool in_network(const struct address *a, const char *text, size_t n)
{
	const char *slash = memchr(text, '/', n);
	size_t length = slash ? (size_t)(slash - text) : n, digits = n - length - (slash != NULL);
	struct address net;
	unsigned bits = 0;

	if (!parse(text, length, &net))
		return false;
	unsigned most = is_v4(&net) ? 32 : 128;

	if (!slash)
		return same_bits(a, &net, 128);
	if (!digits || digits > 3 || strspn(slash + 1, "0123456789") < digits)
		return false;
	for (size_t i = 0; i < digits; i++)
		bits = 10 * bits + (unsigned)(slash[1 + i] - '0');
	return bits <= most && same_bits(a, &net, bits + 128 - most);
}

static bool listed(const char *text, const struct address *a, const char *trusted)
{
	for (const char *p = trusted ? trusted : ""; *p; p += strspn(p, SEPARATORS)) {
		size_t n = strcspn(p, SEPARATORS);

		if (n && (a ? in_network(a, p, n) : n == strlen(text) && !strncmp(p, text, n)))
			return true;
		p += n;
	}
	return false;
}

bool access_client_trusted(const char *peer, const char *trusted)
{
	struct address a;

	return listed(peer, parse(peer, strlen(peer), &a) ? &a : NULL, trusted);
}

/* ---- who it is ---- */

/* The last entry that ends before *end, which moves in front of it. */
static bool last_entry(const char *text, size_t *end, struct address *out)
{
	size_t start;

	while (*end && strchr(SEPARATORS, text[*end - 1]))
		--*end;
	for (start = *end; start && !strchr(SEPARATORS, text[start - 1]); start--)
		;
	bool good = parse(text + start, *end - start, out);

	*end = start;
	return good;
}

char *access_client(const char *peer, const char *forwarded, const char *trusted)
{
	struct address a, next;
	size_t end = forwarded ? strlen(forwarded) : 0;
	char *who = parse(peer, strlen(peer), &a) ? write_address(&a) : mem_string(peer);

	while (access_client_trusted(who, trusted) && last_entry(forwarded ? forwarded : "", &end, &next)) {
		free(who);
		who = write_address(&next);
	}
	return who;
}

char *access_client_place(const char *address)
{
	struct address a;

	if (!parse(address, strlen(address), &a))
		return mem_string(address);
	if (is_v4(&a))
		return write_address(&a);
	memset(a.b + 8, 0, 8);
	AUTO_FREE char *network = write_address(&a);

	return mem_printf("%s/64", network);
}

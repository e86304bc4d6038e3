#include "web/uri.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void uri_pairs_release(struct uri_pairs *p)
{
	strlist_release(&p->names);
	strlist_release(&p->values);
}

const char *uri_pairs_get(const struct uri_pairs *p, const char *name)
{
	for (size_t i = 0; i < p->names.n; i++)
		if (!strcmp(p->names.v[i], name))
			return p->values.v[i];
	return NULL;
}

void uri_release(struct uri *u)
{
	strlist_release(&u->segments);
	uri_pairs_release(&u->query);
	free(u->path);
	free(u->authority);
	*u = (struct uri){0};
}

/* ---- escapes ---- */

static int digit(char c)
{
	char lower = c | 0x20;

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte after a "%" at p, or -1. */
static int escaped(const char *p, const char *end)
{
	int high = end - p > 2 ? digit(p[1]) : -1;
	int low = high < 0 ? -1 : digit(p[2]);

	return low < 0 ? -1 : high << 4 | low;
}

bool uri_decode(const char *p, size_t n, bool plus, struct buf *out)
{
	const char *end = p + n;

	while (p < end) {
		int c = *p == '%' ? escaped(p, end) : *p == '+' && plus ? ' ' : (unsigned char)*p;

		if (c <= 0)
			return false;
		p += *p == '%' ? 3 : 1;
		buf_add_byte(out, (unsigned char)c);
	}
	return true;
}

void uri_encode(const char *p, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *p; p++) {
		if (strchr(plain, *p))
			buf_add_byte(out, (unsigned char)*p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

/* Heap; NULL when it cannot be decoded. */
static char *decoded(const char *p, size_t n, bool plus)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	return uri_decode(p, n, plus, &b) ? buf_take_text(&b) : NULL;
}

/* ---- lists of pairs ---- */

static int add_pair(const char *p, size_t n, struct uri_pairs *out, struct error *e)
{
	const char *equals = memchr(p, '=', n);
	size_t name_len = equals ? (size_t)(equals - p) : n;
	AUTO_FREE char *name = decoded(p, name_len, true);
	AUTO_FREE char *value = equals ? decoded(equals + 1, n - name_len - 1, true) : mem_string("");

	if (!name || !value)
		return error_set(e, ERR_USAGE, "a name or value of the query or form is not encoded properly");
	if (out->names.n == URI_PAIRS_MAX)
		return error_set(e, ERR_LIMIT, "there are more than %d names in the query or form", URI_PAIRS_MAX);
	strlist_take(&out->names, TAKE(name));
	strlist_take(&out->values, TAKE(value));
	return 0;
}

int uri_pairs_parse(const char *p, size_t n, struct uri_pairs *out, struct error *e)
{
	const char *end = p + n;
	int rc = 0;

	while (p < end && !rc) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		size_t len = (size_t)((amp ? amp : end) - p);

		if (len)
			rc = add_pair(p, len, out, e);
		p += len + 1;
	}
	return rc;
}

/* ---- targets ---- */

static int add_segment(const char *p, size_t n, struct uri *out, struct error *e)
{
	AUTO_FREE char *text = decoded(p, n, false);

	if (!text)
		return error_set(e, ERR_USAGE, "the path is not encoded properly");
	if (!n || !strcmp(text, ".") || !strcmp(text, ".."))
		return error_set(e, ERR_USAGE, "the path has \"//\", \".\" or \"..\" in it");
	if (out->segments.n == URI_SEGMENTS_MAX)
		return error_set(e, ERR_LIMIT, "the path has more than %d parts", URI_SEGMENTS_MAX);
	strlist_take(&out->segments, TAKE(text));
	return 0;
}

/* `p` begins with the slash. */
static int split_path(const char *p, size_t n, struct uri *out, struct error *e)
{
	const char *end = p + n;
	int rc = 0;

	for (p++; p < end && !rc;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t len = (size_t)((slash ? slash : end) - p);

		rc = add_segment(p, len, out, e);
		p += len + 1;
	}
	if (rc)
		return rc;
	AUTO_FREE char *joined = strlist_join(&out->segments, "/");

	out->path = mem_printf("/%s", joined);
	return 0;
}

/* Past "http://host", which is kept. */
static const char *skip_authority(const char *target, struct uri *out)
{
	const char *host = !strncasecmp(target, "http://", 7) ? target + 7 : !strncasecmp(target, "https://", 8) ? target + 8 : NULL;

	if (!host)
		return target;
	size_t n = strcspn(host, "/?#");

	out->authority = mem_string_n(host, n);
	return host[n] == '/' ? host + n : n && !host[n] ? "/" : "";
}

int uri_parse(const char *target, struct uri *out, struct error *e)
{
	*out = (struct uri){0};
	const char *path = skip_authority(target, out);
	size_t n = strcspn(path, "?");

	if (*path != '/' || strchr(path, '#'))
		return error_set(e, ERR_USAGE, "the first line of the request names no path");
	int rc = split_path(path, n, out, e);

	if (!rc && path[n])
		rc = uri_pairs_parse(path + n + 1, strlen(path + n + 1), &out->query, e);
	return rc;
}

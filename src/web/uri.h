/* What a request asks for: the target of its first line (RFC 9112, section 3.2), percent-decoded once, and lists of
 * "name=value" as queries and forms have them. */
#ifndef WEB_URI_H
#define WEB_URI_H

#include "base/buf.h"
#include "base/strlist.h"

#define URI_SEGMENTS_MAX 32
#define URI_PAIRS_MAX 1000

struct uri_pairs { struct strlist names, values; };      /* in their order; names may repeat */
void uri_pairs_release(struct uri_pairs *p);
const char *uri_pairs_get(const struct uri_pairs *p, const char *name);      /* the first; NULL */

struct uri {
	struct strlist segments;    /* of the path, decoded: "/a/b%2Fc/" has "a" and "b/c" */
	char *path;                 /* them joined, for people: "/a/b/c" */
	char *authority;            /* of a target that is a whole URL; or NULL */
	struct uri_pairs query;
};
void uri_release(struct uri *u);
/* "/path?query", or "http://host/path?query". -ERR_USAGE for anything else: a broken escape, a zero byte, "." or ".." as a
 * segment, an empty segment in the middle, too much of something. */
int uri_parse(const char *target, struct uri *out, struct error *e) MUST_USE;
/* Appends what p stands for; with `plus` a "+" is a blank. False for a broken escape or a zero byte. */
bool uri_decode(const char *p, size_t n, bool plus, struct buf *out);
/* Appends p so that it can stand as a value of a query or a segment of a path. */
void uri_encode(const char *p, struct buf *out);
/* "a=1&b=2" (application/x-www-form-urlencoded); appends. */
int uri_pairs_parse(const char *p, size_t n, struct uri_pairs *out, struct error *e) MUST_USE;

#endif

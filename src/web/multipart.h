/* Forms with files, as they arrive (multipart/form-data, RFC 7578): a parser that holds no more than one header of a part. */
#ifndef WEB_MULTIPART_H
#define WEB_MULTIPART_H

#include "base/buf.h"

#define MULTIPART_HEADER_MAX ((size_t)8 << 10)
#define MULTIPART_PARTS_MAX 1000
#define MULTIPART_NAME_MAX 200

struct multipart_part {
	char *name;             /* of the field */
	char *file;             /* cleaned by multipart_clean_name(); NULL: a plain field */
};
struct multipart_events {       /* each returns 0, or -kind, which ends it all */
	int (*begin)(void *ctx, const struct multipart_part *part, struct error *e);
	int (*data)(void *ctx, const void *p, size_t n, struct error *e);
	int (*end)(void *ctx, struct error *e);
	void *ctx;
};
enum multipart_state { MULTIPART_BEFORE, MULTIPART_DELIMITER, MULTIPART_HEADERS, MULTIPART_DATA, MULTIPART_AFTER };
struct multipart {
	struct multipart_events events;
	enum multipart_state state;
	char *delimiter;        /* CR LF "--" and the boundary */
	size_t matched;         /* bytes of the delimiter seen so far */
	struct buf line;        /* of headers, or behind a delimiter */
	size_t header_bytes, parts;
	struct multipart_part part;
};
/* `type` is the Content-Type: -ERR_USAGE without a proper boundary (1..70 characters, RFC 2046). */
int multipart_begin(struct multipart *m, const char *type, const struct multipart_events *events, struct error *e) MUST_USE;
/* The next bytes: -ERR_USAGE for what is no such form, -ERR_LIMIT. */
int multipart_feed(struct multipart *m, const void *p, size_t n, struct error *e) MUST_USE;
/* -ERR_USAGE when the form was cut short. */
int multipart_end(const struct multipart *m, struct error *e) MUST_USE;
void multipart_release(struct multipart *m);

/* A file's name as a browser gives it, as one that may stand in a folder: what is behind the last slash or backslash, control
 * characters and invalid UTF-8 as "_", at most MULTIPART_NAME_MAX bytes, "upload" when nothing is left. Heap. */
char *multipart_clean_name(const char *name);

#endif

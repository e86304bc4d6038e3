/* Whether the head of a request leaves no doubt where its body ends (RFC 9112, sections 5 and 6): what a proxy in front of us could
 * read in another way than we do is refused, and the connection closed. */
#ifndef WEB_FRAMING_H
#define WEB_FRAMING_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct framing_header { const char *name, *value; };
struct framing {
	const char *method, *target, *version;          /* of the first line */
	const struct framing_header *headers;
	size_t count;
	size_t size;                                    /* bytes of the head as they came */
};
#define FRAMING_HEADERS_MAX 100
#define FRAMING_CHUNKED UINT64_MAX
/* *length: of the body, 0 for none, FRAMING_CHUNKED. -ERR_USAGE. */
int framing_check(const struct framing *f, uint64_t *length, struct error *e) MUST_USE;
/* The value of the first header of this name; NULL. */
const char *framing_get(const struct framing *f, const char *name);
/* The values of all headers of this name in their order, as one list with commas (RFC 9110, section 5.3). Heap, or NULL. */
char *framing_list(const struct framing *f, const char *name);

#endif

/* Which part of a file a request wants: Range and If-Range (RFC 9110, sections 13.1.5 and 14.2). */
#ifndef WEB_RANGE_H
#define WEB_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,            /* no range, one that is not understood, or several: all of it, 200 */
	RANGE_PART,             /* 206 */
	RANGE_NONE              /* nothing of it is there: 416 */
};
/* `range` may be NULL; the part is of `size` bytes. */
enum range_kind range_parse(const char *range, uint64_t size, uint64_t *from, uint64_t *length);
/* Whether a Range counts: without If-Range (NULL), or when that is this very strong ETag, or this Last-Modified. */
bool range_counts(const char *if_range, const char *etag, const char *modified);
/* Whether the list of ETags of an If-None-Match has this one, in the weak comparison, or "*". */
bool range_etag_listed(const char *list, const char *etag);

#endif

/* Compression of answers (RFC 1952). */
#ifndef WEB_GZIP_H
#define WEB_GZIP_H

#include "base/buf.h"

/* Appends p as gzip. Level 1..9. */
void gzip_add(const void *p, size_t n, int level, struct buf *out);
/* Whether an Accept-Encoding header takes gzip (RFC 9110, section 12.5.3). NULL does not. */
bool gzip_accepted(const char *header);

#endif

#include "web/gzip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_FORMAT (15 + 16)      /* the largest window, with gzip's header */

void gzip_add(const void *p, size_t n, int level, struct buf *out)
{
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)p, .avail_in = (uInt)n};

	/* What fails here is memory, or a call that is wrong. */
	assert(n <= UINT32_MAX);
	if (deflateInit2(&z, level, Z_DEFLATED, GZIP_FORMAT, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	size_t room = deflateBound(&z, n);

	buf_reserve(out, room);
	z.next_out = out->p + out->len;
	z.avail_out = (uInt)room;
	int done = deflate(&z, Z_FINISH);

	assert(done == Z_STREAM_END);
	(void)done;
	out->len += z.total_out;
	out->p[out->len] = '\0';
	deflateEnd(&z);
}

/* "q=0", "q=0.000" */
static bool is_refused(const char *parameters, size_t n)
{
	const char *q = memmem(parameters, n, "q=", 2);

	return q && q[2] == '0' && strspn(q + 3, ".0") >= strcspn(q + 3, ",; \t");
}

bool gzip_accepted(const char *header)
{
	for (const char *p = header; p && *p; p += strcspn(p, ","), p += *p == ',') {
		p += strspn(p, " \t");
		size_t n = strcspn(p, ",; \t");

		if (n == 4 && !strncasecmp(p, "gzip", n))
			return !is_refused(p + n, strcspn(p + n, ","));
	}
	return false;
}

#include "base/gzip_sink.h"

#include "base/mem.h"

#include <stdlib.h>

#define GZIP_FORMAT (15 + 16)      /* the largest window, with gzip's header */

/* All that zlib makes of z.next_in, onwards. */
static int pass(struct gzip_sink *s, int flush, struct error *e)
{
	for (;;) {
		s->z.next_out = s->out;
		s->z.avail_out = sizeof s->out;
		deflate(&s->z, flush);
		size_t n = sizeof s->out - s->z.avail_out;
		int rc = n ? sink_write(s->next, s->out, n, e) : 0;

		if (rc || s->z.avail_out)
			return rc;
	}
}

static int compress_and_pass(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct gzip_sink *s = (struct gzip_sink *)sink;
	const unsigned char *at = p;

	while (n > 0) {
		uInt step = n < UINT32_MAX ? (uInt)n : UINT32_MAX;

		s->z.next_in = (unsigned char *)(uintptr_t)at;
		s->z.avail_in = step;
		int rc = pass(s, Z_NO_FLUSH, e);

		if (rc)
			return rc;
		at += step;
		n -= step;
	}
	return 0;
}

void gzip_sink_init(struct gzip_sink *s, struct sink *next)
{
	s->sink.write = compress_and_pass;
	s->next = next;
	s->z = (z_stream){0};
	/* What fails here is memory. */
	if (deflateInit2(&s->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_FORMAT, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
}

int gzip_sink_finish(struct gzip_sink *s, struct error *e)
{
	s->z.avail_in = 0;
	return pass(s, Z_FINISH, e);
}

void gzip_sink_release(struct gzip_sink *s)
{
	deflateEnd(&s->z);
}

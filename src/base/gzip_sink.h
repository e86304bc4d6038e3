/* A sink that compresses what passes (RFC 1952). The header names no file and no time: equal content becomes equal bytes. */
#ifndef BASE_GZIP_SINK_H
#define BASE_GZIP_SINK_H

#include "base/stream.h"

#include <zlib.h>

/* About 330 KiB, however much passes. The struct is the caller's and must not move. */
struct gzip_sink {
	struct sink sink;
	struct sink *next;
	z_stream z;
	unsigned char out[65536];
};
void gzip_sink_init(struct gzip_sink *s, struct sink *next);
/* What is still held back, and the end. Errors are those of `next`. Nothing may be written afterwards. */
int gzip_sink_finish(struct gzip_sink *s, struct error *e) MUST_USE;
void gzip_sink_release(struct gzip_sink *s);

#endif

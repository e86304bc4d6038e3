/* Text of rows on its way into a sink, gathered into large writes. The first failure sticks: what comes after it is
 * dropped, and every rows_out_done() returns it. */
#ifndef ENGINE_ROWS_OUT_H
#define ENGINE_ROWS_OUT_H

#include "base/buf.h"
#include "base/stream.h"

struct rows_out {
	struct sink *to;
	struct error *e;          /* receives the failure */
	struct buf b;
	uint64_t taken;           /* bytes, those still here included */
	int failed;
};
#define ROWS_OUT_INIT(sink_, error_) ((struct rows_out){.to = (sink_), .e = (error_)})

void rows_out_bytes(struct rows_out *o, const void *p, size_t n);
void rows_out_str(struct rows_out *o, const char *s);
void rows_out_hex(struct rows_out *o, const void *p, size_t n);
/* p with every `quote` in it doubled, without the outer ones. */
void rows_out_doubled(struct rows_out *o, const char *p, size_t n, char quote);
/* Write what is held back. */
int rows_out_done(struct rows_out *o) MUST_USE;
void rows_out_release(struct rows_out *o);

#endif

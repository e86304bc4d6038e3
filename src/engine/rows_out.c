#include "engine/rows_out.h"

#include "base/codec.h"
#include "base/mem.h"

#include <string.h>

#define GATHER ((size_t)64 << 10)

static void flush(struct rows_out *o)
{
	if (!o->failed && o->b.len)
		o->failed = sink_write(o->to, o->b.p, o->b.len, o->e);
	buf_clear(&o->b);
}

void rows_out_bytes(struct rows_out *o, const void *p, size_t n)
{
	if (o->failed || n == 0)
		return;
	o->taken += n;
	if (o->b.len + n > GATHER)
		flush(o);
	if (n < GATHER)
		buf_add(&o->b, p, n);
	else if (!o->failed)
		o->failed = sink_write(o->to, p, n, o->e);
}

void rows_out_str(struct rows_out *o, const char *s)
{
	rows_out_bytes(o, s, strlen(s));
}

void rows_out_hex(struct rows_out *o, const void *p, size_t n)
{
	const unsigned char *at = p;
	char hex[2 * 2048 + 1];

	while (n > 0) {
		size_t part = n < 2048 ? n : 2048;

		hex_encode(at, part, hex);
		rows_out_bytes(o, hex, 2 * part);
		at += part;
		n -= part;
	}
}

void rows_out_doubled(struct rows_out *o, const char *p, size_t n, char quote)
{
	const char *end = p + n;

	while (n > 0) {
		const char *q = memchr(p, quote, n);

		rows_out_bytes(o, p, q ? (size_t)(q + 1 - p) : n);
		if (!q)
			return;
		rows_out_bytes(o, q, 1);
		p = q + 1;
		n = (size_t)(end - p);
	}
}

int rows_out_done(struct rows_out *o)
{
	flush(o);
	return o->failed;
}

void rows_out_release(struct rows_out *o)
{
	buf_release(&o->b);
}

#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t maximum(const struct buf *b)
{
	return b->max ? b->max : BUF_DEFAULT_MAX;
}

static _Noreturn void past_maximum(const struct buf *b, size_t extra)
{
	fprintf(stderr, "backstay: a buffer of %zu bytes cannot grow by %zu, its maximum is %zu\n", b->len, extra,
		maximum(b));
	abort();
}

bool buf_fits(const struct buf *b, size_t n)
{
	return n <= maximum(b) - b->len;
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT_MAX(b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->p)
		b->p[0] = '\0';
}

/* Capacity doubles, so that adding byte by byte stays linear; it never passes the maximum and the closing 0. */
static void grow(struct buf *b, size_t extra)
{
	size_t need = b->len + extra + 1;
	size_t cap = b->cap ? b->cap * 2 : 64;

	if (cap > maximum(b))
		cap = maximum(b) + 1;
	if (cap < need)
		cap = need;
	b->p = mem_resize(b->p, cap);
	b->cap = cap;
	b->p[b->len] = '\0';
}

void buf_reserve(struct buf *b, size_t extra)
{
	if (!buf_fits(b, extra))
		past_maximum(b, extra);
	if (extra >= b->cap - b->len)
		grow(b, extra);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	buf_reserve(b, n);
	memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_byte(struct buf *b, unsigned char c)
{
	buf_reserve(b, 1);
	b->p[b->len++] = c;
	b->p[b->len] = '\0';
}

void buf_add_u32le(struct buf *b, uint32_t v)
{
	unsigned char le[4] = {v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff, v >> 24};

	buf_add(b, le, sizeof le);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char room[256];
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(room, sizeof room, fmt, ap);
	assert(n >= 0);
	if ((size_t)n < sizeof room) {
		buf_add(b, room, (size_t)n);
	} else {
		buf_reserve(b, (size_t)n);
		vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_remove_front(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
}

void buf_swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	*a = *b;
	*b = t;
}

const char *buf_text(const struct buf *b)
{
	return b->p ? (const char *)b->p : "";
}

char *buf_take_text(struct buf *b)
{
	char *text = b->p ? (char *)b->p : mem_string("");

	*b = BUF_INIT_MAX(b->max);
	return text;
}

/* A growing byte buffer that is born with a maximum, so that no input can eat the memory.
 *
 * The bytes are always followed by a 0 that does not count in `len`, so `(char *)b.p` is a C string when the content is
 * text (p may be NULL only while nothing was ever added; buf_text() hides that). Growing past `max` is a programming
 * error and aborts: code that reads from outside checks `max` itself and reports ERR_LIMIT.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	unsigned char *p;
	size_t len;
	size_t cap;
	size_t max;        /* 0 means BUF_DEFAULT_MAX */
};

#define BUF_DEFAULT_MAX ((size_t)1 << 31)
#define BUF_INIT ((struct buf){0})
#define BUF_INIT_MAX(m) ((struct buf){.max = (m)})

void buf_release(struct buf *b);                  /* frees, back to BUF_INIT with the same max */
void buf_clear(struct buf *b);                    /* len = 0, memory kept */
void buf_reserve(struct buf *b, size_t extra);    /* room for `extra` more bytes */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, unsigned char c);
void buf_add_u32le(struct buf *b, uint32_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_remove_front(struct buf *b, size_t n);   /* n <= len */
void buf_swap(struct buf *a, struct buf *b);
/* The content as a C string; "" when empty. Valid until the next change. */
const char *buf_text(const struct buf *b);
/* The content as a heap string of the caller's (free()); b is left empty. */
char *buf_take_text(struct buf *b);
/* Whether n more bytes would stay within the maximum. */
bool buf_fits(const struct buf *b, size_t n);

#endif

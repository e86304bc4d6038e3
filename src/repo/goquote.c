#include "repo/goquote.h"

#include "base/codec.h"

#include <string.h>

/* Escapes of one letter: the byte at short_bytes[i] is written as a backslash and short_letters[i]. */
static const char short_bytes[] = "\a\b\f\n\r\t\v\\\"";
static const char short_letters[] = "abfnrtv\\\"";

static void quote_rune(uint32_t cp, struct buf *out)
{
	const char *found = cp && cp < 0x80 ? strchr(short_bytes, (int)cp) : NULL;

	if (found)
		buf_printf(out, "\\%c", short_letters[found - short_bytes]);
	else if (go_printable(cp))
		utf8_encode(cp, out);
	else if (cp < ' ' || cp == 0x7f)
		buf_printf(out, "\\x%02x", cp);
	else if (cp < 0x10000)
		buf_printf(out, "\\u%04x", cp);
	else
		buf_printf(out, "\\U%08x", cp);
}

void goquote(const char *raw, size_t n, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)raw, *end = p + n;

	while (p < end) {
		uint32_t cp;
		int len = utf8_decode(p, (size_t)(end - p), &cp);

		if (len == 0)
			buf_printf(out, "\\x%02x", *p);
		else
			quote_rune(cp, out);
		p += len ? len : 1;
	}
}

static int digit(char c, unsigned base)
{
	char lower = c | 0x20;
	unsigned v = base;

	if (c >= '0' && c <= '9')
		v = (unsigned)(c - '0');
	else if (lower >= 'a' && lower <= 'f')
		v = (unsigned)(lower - 'a' + 10);
	return v < base ? (int)v : -1;
}

/* A number of exactly `count` digits at p. */
static bool number(const char *p, const char *end, int count, unsigned base, uint32_t *v)
{
	*v = 0;
	if (end - p < count)
		return false;
	for (int i = 0; i < count; i++) {
		int d = digit(p[i], base);

		if (d < 0)
			return false;
		*v = *v * base + (uint32_t)d;
	}
	return true;
}

/* The escape at p, which points behind its backslash: appends what it stands for and returns where it ends, NULL
 * when it is malformed. */
static const char *unquote_escape(const char *p, const char *end, struct buf *out)
{
	const char *found = p < end && *p ? strchr(short_letters, *p) : NULL;
	uint32_t v;

	if (found) {
		buf_add_byte(out, (unsigned char)short_bytes[found - short_letters]);
		return p + 1;
	}
	if (p < end && *p == 'x' && number(p + 1, end, 2, 16, &v)) {
		buf_add_byte(out, (unsigned char)v);
		return p + 3;
	}
	if (number(p, end, 3, 8, &v) && v <= 0xff) {
		buf_add_byte(out, (unsigned char)v);
		return p + 3;
	}
	int count = p < end && *p == 'u' ? 4 : p < end && *p == 'U' ? 8 : 0;
	if (count == 0 || !number(p + 1, end, count, 16, &v) || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return NULL;
	utf8_encode(v, out);
	return p + 1 + count;
}

int gounquote(const char *quoted, size_t n, struct buf *out, struct error *e)
{
	const char *p = quoted, *end = quoted + n;
	size_t before = out->len;

	while (p && p < end) {
		if (*p == '\\') {
			p = unquote_escape(p + 1, end, out);
		} else if (*p == '"' || *p == '\n') {
			p = NULL;
		} else {
			buf_add_byte(out, (unsigned char)*p++);
		}
	}
	const char *problem = NULL;
	if (!p)
		problem = "malformed escape";
	else if (out->len > before && memchr(out->p + before, 0, out->len - before))
		problem = "zero byte";
	if (problem)
		return error_set(e, ERR_CORRUPT, "%s in the name \"%.*s\"", problem, (int)(n > 200 ? 200 : n), quoted);
	return 0;
}

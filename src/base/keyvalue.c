#include "base/keyvalue.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

struct reading {
	const char *p, *end;
	int line;
	struct error *e;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* The next character, consumed; lines are counted. */
static char take(struct reading *r)
{
	char c = *r->p++;
	r->line += c == '\n';
	return c;
}

static bool at(const struct reading *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static void skip_blanks(struct reading *r)
{
	while (r->p < r->end && is_blank(*r->p))
		r->p++;
}

/* To the end of the line; one that ends in a backslash goes on. */
static void skip_comment(struct reading *r)
{
	while (r->p < r->end && *r->p != '\n') {
		bool escapes = take(r) == '\\';
		if (escapes && r->p < r->end)
			take(r);
	}
}

static int read_name(struct reading *r, struct strlist *names)
{
	const char *start = r->p;
	while (r->p < r->end && is_name_char(*r->p, r->p == start))
		r->p++;
	size_t n = (size_t)(r->p - start);
	skip_blanks(r);
	if (n == 0 || !at(r, '='))
		return error_set(r->e, ERR_USAGE, "line %d is no NAME=VALUE", r->line);
	r->p++;
	CLEANUP(buf_release) struct buf name = BUF_INIT;
	buf_add(&name, start, n);
	strlist_add(names, buf_text(&name));
	return 0;
}

/* Behind the opening quote, up to and with the closing one. */
static int read_quoted(struct reading *r, char quote, struct buf *value)
{
	int line = r->line;
	while (r->p < r->end) {
		char c = take(r);
		if (c == quote)
			return 0;
		if (quote == '\'' || c != '\\' || r->p == r->end) {
			buf_add_byte(value, (unsigned char)c);
			continue;
		}
		c = take(r);
		if (c == '\n')
			continue;
		if (!strchr("\"\\`$", c))
			buf_add_byte(value, '\\');
		buf_add_byte(value, (unsigned char)c);
	}
	return error_set(r->e, ERR_USAGE, "line %d: a quote is not closed", line);
}

/* What begins without a quote: to the end of the line, without the white space there. */
static void read_plain(struct reading *r, struct buf *value)
{
	size_t keep = value->len;
	while (r->p < r->end && *r->p != '\n') {
		char c = take(r);
		bool escaped = c == '\\' && r->p < r->end;
		if (escaped)
			c = take(r);
		if (escaped && c == '\n')
			continue;
		buf_add_byte(value, (unsigned char)c);
		if (escaped || !is_blank(c))
			keep = value->len;
	}
	if (value->p)
		value->p[value->len = keep] = '\0';
}

static int read_value(struct reading *r, struct buf *value)
{
	for (;;) {
		skip_blanks(r);
		if (r->p == r->end || *r->p == '\n')
			return 0;
		if (*r->p != '\'' && *r->p != '"') {
			read_plain(r, value);
			return 0;
		}
		int rc = read_quoted(r, take(r), value);
		if (rc)
			return rc;
	}
}

static int read_line(struct reading *r, struct strlist *names, struct strlist *values)
{
	CLEANUP(buf_release) struct buf value = BUF_INIT;
	skip_blanks(r);
	if (r->p == r->end || *r->p == '\n')
		return 0;
	if (*r->p == '#' || *r->p == ';') {
		skip_comment(r);
		return 0;
	}
	int rc = read_name(r, names);
	if (!rc)
		rc = read_value(r, &value);
	if (!rc)
		strlist_add(values, buf_text(&value));
	return rc;
}

int keyvalue_parse(const char *text, size_t n, struct strlist *names, struct strlist *values, struct error *e)
{
	struct reading r = {.p = text, .end = text + n, .line = 1, .e = e};
	if (n && memchr(text, '\0', n))
		return error_set(e, ERR_USAGE, "it holds a zero byte, and is no text");
	while (r.p < r.end) {
		int rc = read_line(&r, names, values);
		if (rc)
			return rc;
		if (r.p < r.end)
			take(&r);
	}
	return 0;
}

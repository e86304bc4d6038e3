#include "base/codec.h"
#include "base/json.h"
#include "base/timefmt.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void jw_init(struct json_out *w, struct buf *b)
{
	*w = (struct json_out){.b = b};
}

/* Before any value or name. */
static void separate(struct json_out *w)
{
	if (w->comma)
		buf_add_byte(w->b, ',');
	w->comma = true;
}

static void open_container(struct json_out *w, char c)
{
	separate(w);
	buf_add_byte(w->b, (unsigned char)c);
	w->comma = false;
	w->depth++;
}

static void close_container(struct json_out *w, char c)
{
	assert(w->depth > 0);
	buf_add_byte(w->b, (unsigned char)c);
	w->comma = true;
	w->depth--;
}

void jw_object(struct json_out *w)
{
	open_container(w, '{');
}

void jw_object_end(struct json_out *w)
{
	close_container(w, '}');
}

void jw_array(struct json_out *w)
{
	open_container(w, '[');
}

void jw_array_end(struct json_out *w)
{
	close_container(w, ']');
}

static bool stands_for_itself(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void escape_ascii(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_add_str(b, "\\\"");
		break;
	case '\\':
		buf_add_str(b, "\\\\");
		break;
	case '\n':
		buf_add_str(b, "\\n");
		break;
	case '\r':
		buf_add_str(b, "\\r");
		break;
	case '\t':
		buf_add_str(b, "\\t");
		break;
	default:
		buf_printf(b, "\\u%04x", c);
	}
}

/* One sequence of UTF-8, or one byte that is none. Returns the bytes consumed. */
static size_t escape_utf8(struct buf *b, const unsigned char *p, size_t n)
{
	uint32_t cp;
	int len = utf8_decode(p, n, &cp);

	if (len == 0) {
		buf_add_str(b, "\\ufffd");
		return 1;
	}
	if (cp == 0x2028 || cp == 0x2029)
		buf_printf(b, "\\u%04x", (unsigned)cp);
	else
		buf_add(b, p, (size_t)len);
	return (size_t)len;
}

static void quote(struct buf *b, const void *text, size_t n)
{
	const unsigned char *p = text;

	buf_add_byte(b, '"');
	for (size_t i = 0; i < n;) {
		size_t from = i;

		while (i < n && stands_for_itself(p[i]))
			i++;
		buf_add(b, p + from, i - from);
		if (i < n && p[i] < 0x80)
			escape_ascii(b, p[i++]);
		else if (i < n)
			i += escape_utf8(b, p + i, n - i);
	}
	buf_add_byte(b, '"');
}

void jw_name(struct json_out *w, const char *name)
{
	separate(w);
	quote(w->b, name, strlen(name));
	buf_add_byte(w->b, ':');
	w->comma = false;
}

void jw_bytes(struct json_out *w, const void *p, size_t n)
{
	separate(w);
	quote(w->b, p, n);
}

void jw_string(struct json_out *w, const char *s)
{
	if (s)
		jw_bytes(w, s, strlen(s));
	else
		jw_null(w);
}

void jw_u64(struct json_out *w, uint64_t v)
{
	separate(w);
	buf_printf(w->b, "%llu", (unsigned long long)v);
}

void jw_i64(struct json_out *w, int64_t v)
{
	separate(w);
	buf_printf(w->b, "%lld", (long long)v);
}

void jw_double(struct json_out *w, double v)
{
	char text[40];

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* 10, not 1e+01: as long as every digit counts. */
	if (strchr(text, 'e') && v > -1e15 && v < 1e15 && v == (double)(int64_t)v)
		snprintf(text, sizeof text, "%.0f", v);
	jw_raw(w, text, strlen(text));
}

void jw_bool(struct json_out *w, bool v)
{
	jw_raw(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct json_out *w)
{
	jw_raw(w, "null", 4);
}

void jw_raw(struct json_out *w, const char *text, size_t n)
{
	separate(w);
	buf_add(w->b, text, n);
}

void jw_kv_string(struct json_out *w, const char *name, const char *s)
{
	jw_name(w, name);
	jw_string(w, s);
}

void jw_kv_u64(struct json_out *w, const char *name, uint64_t v)
{
	jw_name(w, name);
	jw_u64(w, v);
}

void jw_kv_i64(struct json_out *w, const char *name, int64_t v)
{
	jw_name(w, name);
	jw_i64(w, v);
}

void jw_kv_bool(struct json_out *w, const char *name, bool v)
{
	jw_name(w, name);
	jw_bool(w, v);
}

void jw_kv_time(struct json_out *w, const char *name, struct timespec t)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339(t, 0, text);
	jw_kv_string(w, name, t.tv_sec || t.tv_nsec ? text : NULL);
}

/* Forms with files, as they arrive.
 *
 * The delimiter begins with a CR and has no other one, so that a match that fails can begin anew only at a CR: one counter
 * is all there is to remember between two pieces. */
#include "web/multipart.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/path.h"
#include "web/uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70

static void part_release(struct multipart_part *p)
{
	free(p->name);
	free(p->file);
	*p = (struct multipart_part){0};
}

/* ---- parameters of a header's value: '; name="shop.sql"' ---- */

/* What a quoted text at p stands for, up to *end behind its closing quote; NULL without one. Browsers write a quote in it
 * as %22, others as \". */
static char *quoted(const char *p, const char **end)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	for (p++; *p && *p != '"'; p++) {
		if (p[0] == '\\' && p[1] == '"')
			p++;
		buf_add_byte(&b, (unsigned char)*p);
	}
	*end = p + 1;
	return *p ? buf_take_text(&b) : NULL;
}

/* The parameter `name` of a value such as 'form-data; name="a"; filename="b"'. Heap, or NULL. */
static char *parameter(const char *value, const char *name)
{
	size_t name_len = strlen(name);

	for (const char *p = value + strcspn(value, ";"); *p == ';';) {
		p += 1 + strspn(p + 1, " \t");
		size_t n = strcspn(p, "=;");
		bool wanted = n == name_len && !strncasecmp(p, name, n);

		if (p[n] != '=') {
			p += n;
			continue;
		}
		p += n + 1;
		const char *end = p + strcspn(p, ";");
		char *text = *p == '"' ? quoted(p, &end) : mem_string_n(p, (size_t)(end - p));

		if (wanted || !text)
			return text;
		free(text);
		p = end + strcspn(end, ";");
	}
	return NULL;
}

/* RFC 8187: UTF-8'en'na%C3%AFve.sql */
static char *extended(const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	const char *quote = strncasecmp(text, "UTF-8'", 6) ? NULL : strchr(text + 6, '\'');

	return quote && uri_decode(quote + 1, strlen(quote + 1), false, &b) ? buf_take_text(&b) : NULL;
}

static void add_clean(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t c;
		int len = utf8_decode((const unsigned char *)p + i, n - i, &c);
		bool good = len && c >= 0x20 && (c < 0x7f || c > 0x9f);
		size_t used = good ? (size_t)len : 1;

		if (b->len + used > MULTIPART_NAME_MAX)
			return;
		buf_add(b, good ? p + i : "_", used);
		i += len ? (size_t)len : 1;
	}
}

char *multipart_clean_name(const char *name)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	const char *base = name;

	for (const char *p = name; *p; p++)
		if (*p == '/' || *p == '\\')
			base = p + 1;
	add_clean(&b, base, strlen(base));
	return path_component_ok(buf_text(&b), b.len) ? buf_take_text(&b) : mem_string("upload");
}

/* ---- headers of a part ---- */

static int disposition(struct multipart *m, const char *value, struct error *e)
{
	if (strncasecmp(value, "form-data", 9) || m->part.name)
		return error_set(e, ERR_USAGE, "a part of the form is no form-data");
	m->part.name = parameter(value, "name");
	AUTO_FREE char *plain = parameter(value, "filename");
	AUTO_FREE char *star = parameter(value, "filename*");
	AUTO_FREE char *wide = star ? extended(star) : NULL;

	if (!m->part.name)
		return error_set(e, ERR_USAGE, "a part of the form has no name");
	if (wide || plain)
		m->part.file = multipart_clean_name(wide ? wide : plain);
	return 0;
}

static int header(struct multipart *m, const char *line, struct error *e)
{
	const char *colon = strchr(line, ':');
	size_t n = colon ? (size_t)(colon - line) : 0;

	if (!n)
		return error_set(e, ERR_USAGE, "a part of the form has a header that is none");
	const char *value = colon + 1 + strspn(colon + 1, " \t");

	if (n == 19 && !strncasecmp(line, "content-disposition", n))
		return disposition(m, value, e);
	if (n == 25 && !strncasecmp(line, "content-transfer-encoding", n) && strcasecmp(value, "binary") && strcasecmp(value, "8bit") && strcasecmp(value, "7bit"))
		return error_set(e, ERR_USAGE, "a part of the form is encoded as %.40s, which is not taken", value);
	return 0;
}

static int headers_done(struct multipart *m, struct error *e)
{
	if (!m->part.name)
		return error_set(e, ERR_USAGE, "a part of the form has no name");
	if (m->parts++ == MULTIPART_PARTS_MAX)
		return error_set(e, ERR_LIMIT, "the form has more than %d parts", MULTIPART_PARTS_MAX);
	m->state = MULTIPART_DATA;
	return m->events.begin(m->events.ctx, &m->part, e);
}

/* ---- the stream ---- */

/* A whole line, without its end. */
static int line_done(struct multipart *m, struct error *e)
{
	const char *line = buf_text(&m->line);

	if (strlen(line) != m->line.len)
		return error_set(e, ERR_USAGE, "a part of the form has a zero byte in its header");
	if (m->state == MULTIPART_HEADERS)
		return m->line.len ? header(m, line, e) : headers_done(m, e);
	if (line[strspn(line, " \t")])
		return error_set(e, ERR_USAGE, "something stands behind a boundary of the form");
	m->state = MULTIPART_HEADERS;
	m->header_bytes = 0;
	return 0;
}

/* One byte of a line behind a delimiter, or of a header. */
static int take_line_byte(struct multipart *m, char c, struct error *e)
{
	if (m->header_bytes++ == MULTIPART_HEADER_MAX)
		return error_set(e, ERR_LIMIT, "a part of the form has more than %zu bytes of headers", MULTIPART_HEADER_MAX);
	buf_add_byte(&m->line, (unsigned char)c);
	size_t n = m->line.len;

	if (m->state == MULTIPART_DELIMITER && n == 2 && !memcmp(m->line.p, "--", 2)) {
		m->state = MULTIPART_AFTER;
		return 0;
	}
	if (n < 2 || m->line.p[n - 2] != '\r' || c != '\n')
		return 0;
	m->line.len -= 2;
	m->line.p[n - 2] = '\0';
	int rc = line_done(m, e);

	buf_clear(&m->line);
	return rc;
}

static int data(struct multipart *m, const void *p, size_t n, struct error *e)
{
	return m->state == MULTIPART_DATA && n ? m->events.data(m->events.ctx, p, n, e) : 0;
}

static int delimiter_found(struct multipart *m, struct error *e)
{
	int rc = m->state == MULTIPART_DATA ? m->events.end(m->events.ctx, e) : 0;

	part_release(&m->part);
	m->state = MULTIPART_DELIMITER;
	m->matched = m->header_bytes = 0;
	buf_clear(&m->line);
	return rc;
}

/* One byte while a delimiter may have begun: what looked like one and is none was data. */
static int match_byte(struct multipart *m, char c, struct error *e)
{
	if (c == m->delimiter[m->matched]) {
		m->matched++;
		return m->delimiter[m->matched] ? 0 : delimiter_found(m, e);
	}
	int rc = data(m, m->delimiter, m->matched, e);

	m->matched = c == '\r';
	return rc || m->matched ? rc : data(m, &c, 1, e);
}

/* Data and delimiters; *used is how much of p was taken. */
static int feed_data(struct multipart *m, const char *p, size_t n, size_t *used, struct error *e)
{
	const char *cr = m->matched ? p : memchr(p, '\r', n);

	if (cr == p) {
		*used = 1;
		return match_byte(m, *p, e);
	}
	*used = cr ? (size_t)(cr - p) : n;
	return data(m, p, *used, e);
}

int multipart_feed(struct multipart *m, const void *p, size_t n, struct error *e)
{
	const char *at = p, *end = at + n;
	int rc = 0;

	while (at < end && !rc && m->state != MULTIPART_AFTER) {
		size_t used = 1;

		if (m->state == MULTIPART_DELIMITER || m->state == MULTIPART_HEADERS)
			rc = take_line_byte(m, *at, e);
		else
			rc = feed_data(m, at, (size_t)(end - at), &used, e);
		at += used;
	}
	return rc;
}

/* The characters RFC 2046 has for boundaries. */
static bool boundary_ok(const char *b)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";
	size_t n = strlen(b);

	return n && n <= BOUNDARY_MAX && strspn(b, may) == n && b[n - 1] != ' ';
}

int multipart_begin(struct multipart *m, const char *type, const struct multipart_events *events, struct error *e)
{
	AUTO_FREE char *boundary = parameter(type, "boundary");

	*m = (struct multipart){.events = *events, .line = BUF_INIT_MAX(MULTIPART_HEADER_MAX)};
	if (!boundary || !boundary_ok(boundary))
		return error_set(e, ERR_USAGE, "the form has no proper boundary");
	m->delimiter = mem_printf("\r\n--%s", boundary);
	/* The first one may stand at the very beginning, without the line end before it. */
	m->matched = 2;
	return 0;
}

int multipart_end(const struct multipart *m, struct error *e)
{
	return m->state == MULTIPART_AFTER ? 0 : error_set(e, ERR_USAGE, "the form ends before its last boundary");
}

void multipart_release(struct multipart *m)
{
	part_release(&m->part);
	buf_release(&m->line);
	free(m->delimiter);
	m->delimiter = NULL;
}

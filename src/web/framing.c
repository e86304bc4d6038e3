#include "web/framing.h"

#include "base/mem.h"
#include "base/strlist.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_token(const char *s)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";

	return *s && !s[strspn(s, may)];
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

const char *framing_get(const struct framing *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcasecmp(f->headers[i].name, name))
			return f->headers[i].value;
	return NULL;
}

char *framing_list(const struct framing *f, const char *name)
{
	CLEANUP(strlist_release) struct strlist values = {0};

	for (size_t i = 0; i < f->count; i++)
		if (!strcasecmp(f->headers[i].name, name))
			strlist_add(&values, f->headers[i].value);
	return values.n ? strlist_join(&values, ", ") : NULL;
}

static int check_header(const struct framing_header *h, struct error *e)
{
	if (!is_token(h->name))
		return error_set(e, ERR_USAGE, "a header of the request has a name that is none");
	if (has_control(h->value))
		return error_set(e, ERR_USAGE, "the header %.40s has a control character in it", h->name);
	return 0;
}

/* What came more than once, and must not. */
static int check_single(const struct framing *f, const char *name, struct error *e)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += !strcasecmp(f->headers[i].name, name);
	return n > 1 ? error_set(e, ERR_USAGE, "the header %s came more than once", name) : 0;
}

/* The head's lines as everybody writes them, "Name: value", hold this many bytes. One that holds more has folded lines, long runs of blanks or zero
 * bytes, which the library takes out before we see them, and a proxy may not. */
static size_t plain_size(const struct framing *f)
{
	size_t n = strlen(f->method) + 1 + strlen(f->target) + 1 + strlen(f->version) + 2 + 2;

	for (size_t i = 0; i < f->count; i++)
		n += strlen(f->headers[i].name) + 2 + strlen(f->headers[i].value) + 2;
	return n;
}

static int check_length(const char *text, uint64_t *length, struct error *e)
{
	*length = 0;
	for (const char *p = text; *p; p++)
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(*length, 10, length) || __builtin_add_overflow(*length, (uint64_t)(*p - '0'), length))
			return error_set(e, ERR_USAGE, "the Content-Length is no number");
	return *text ? 0 : error_set(e, ERR_USAGE, "the Content-Length is no number");
}

static int check_body(const struct framing *f, uint64_t *length, struct error *e)
{
	const char *encoding = framing_get(f, "Transfer-Encoding"), *text = framing_get(f, "Content-Length");

	if (encoding && text)
		return error_set(e, ERR_USAGE, "the request has both a Content-Length and a Transfer-Encoding");
	if (encoding && (strcasecmp(encoding, "chunked") || !strcmp(f->version, "HTTP/1.0")))
		return error_set(e, ERR_USAGE, "the Transfer-Encoding is not \"chunked\"");
	*length = encoding ? FRAMING_CHUNKED : 0;
	return text ? check_length(text, length, e) : 0;
}

int framing_check(const struct framing *f, uint64_t *length, struct error *e)
{
	static const char *const single[] = {"Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "X-CSRF-Token", "Origin", NULL};
	int rc = 0;

	*length = 0;
	if (f->count > FRAMING_HEADERS_MAX)
		return error_set(e, ERR_USAGE, "the request has more than %d headers", FRAMING_HEADERS_MAX);
	if (!is_token(f->method) || has_control(f->target) || strpbrk(f->target, " \t"))
		return error_set(e, ERR_USAGE, "the first line of the request is none");
	for (size_t i = 0; i < f->count && !rc; i++)
		rc = check_header(&f->headers[i], e);
	for (size_t i = 0; single[i] && !rc; i++)
		rc = check_single(f, single[i], e);
	if (!rc && f->size > plain_size(f))
		rc = error_set(e, ERR_USAGE, "a header of the request is folded or padded");
	return rc ? rc : check_body(f, length, e);
}

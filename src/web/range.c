#include "web/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The digits at *p; false without any, or beyond 64 bits. */
static bool number(const char **p, uint64_t *out)
{
	const char *begin = *p;

	for (*out = 0; **p >= '0' && **p <= '9'; ++*p)
		if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(**p - '0'), out))
			return false;
	return *p != begin;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* "-500": the last bytes. */
static enum range_kind suffix(const char *p, uint64_t size, uint64_t *from, uint64_t *length)
{
	uint64_t n;

	if (!number(&p, &n) || *skip_blanks(p))
		return RANGE_WHOLE;
	*length = n < size ? n : size;
	*from = size - *length;
	return *length ? RANGE_PART : RANGE_NONE;
}

enum range_kind range_parse(const char *range, uint64_t size, uint64_t *from, uint64_t *length)
{
	uint64_t first, last = UINT64_MAX;
	const char *p = range;

	if (!p || strncasecmp(p, "bytes=", 6))
		return RANGE_WHOLE;
	p = skip_blanks(p + 6);
	if (*p == '-')
		return suffix(p + 1, size, from, length);
	if (!number(&p, &first) || *p++ != '-')
		return RANGE_WHOLE;
	p = skip_blanks(p);
	if (*p && !number(&p, &last))
		return RANGE_WHOLE;
	if (*skip_blanks(p) || last < first)
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_NONE;
	*from = first;
	*length = (last < size ? last + 1 : size) - first;
	return RANGE_PART;
}

bool range_counts(const char *if_range, const char *etag, const char *modified)
{
	return !if_range || (*if_range == '"' ? !strcmp(if_range, etag) : !strcmp(if_range, modified));
}

static const char *opaque(const char *etag)
{
	return !strncmp(etag, "W/", 2) ? etag + 2 : etag;
}

bool range_etag_listed(const char *list, const char *etag)
{
	const char *wanted = opaque(etag);
	size_t n = strlen(wanted);

	for (const char *p = skip_blanks(list); *p; p = skip_blanks(p)) {
		const char *tag = opaque(p);
		const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;

		if (*p == '*')
			return true;
		if (!end)
			return false;
		if ((size_t)(end + 1 - tag) == n && !memcmp(tag, wanted, n))
			return true;
		p = end + 1 + strspn(end + 1, " \t,");
	}
	return false;
}

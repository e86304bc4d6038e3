/* Exclude patterns. Both levels, characters in a component and components in a path, use the same rule: on a mismatch
 * only the last wildcard gives way by one. That is complete, and its time is bounded by the product of the two lengths.
 */
#include "base/path.h"

#include "base/codec.h"

#include <string.h>

struct part {
	const char *p, *end;
};

/* The character at p, and the place behind it. A byte that begins no UTF-8 character stands for itself, above all of
 * them. */
static uint32_t character(const char **p, const char *end)
{
	uint32_t c;
	int n = utf8_decode((const unsigned char *)*p, (size_t)(end - *p), &c);
	if (n == 0) {
		c = 0x110000u + (unsigned char)**p;
		n = 1;
	}
	*p += n;
	return c;
}

/* A pattern's character, after a backslash if there is one. */
static uint32_t literal(const char **p, const char *end)
{
	if (**p == '\\' && *p + 1 < end)
		(*p)++;
	return character(p, end);
}

/* The ']' that closes the set beginning at p ("[..."), or NULL: then the '[' is an ordinary character. */
static const char *set_end(const char *p, const char *end)
{
	p++;
	if (p < end && (*p == '^' || *p == '!'))
		p++;
	for (bool first = true; p < end; first = false) {
		if (*p == ']' && !first)
			return p;
		literal(&p, end);
	}
	return NULL;
}

static bool set_has(const char *p, const char *close, uint32_t c)
{
	p++;
	bool negated = *p == '^' || *p == '!';
	bool found = false;
	for (p += negated; p < close;) {
		uint32_t low = literal(&p, close), high = low;
		if (p + 1 < close && *p == '-') {
			p++;
			high = literal(&p, close);
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Whether the pattern's element at *p (no '*') takes the character c; moves *p behind it. */
static bool element_takes(const char **p, const char *end, uint32_t c)
{
	if (**p == '?') {
		(*p)++;
		return true;
	}
	const char *close = **p == '[' ? set_end(*p, end) : NULL;
	if (close) {
		const char *set = *p;
		*p = close + 1;
		return set_has(set, close, c);
	}
	return literal(p, end) == c;
}

static bool name_match(struct part want, struct part have)
{
	const char *p = want.p, *s = have.p;
	const char *star = NULL, *star_s = NULL;
	while (s < have.end || p < want.end) {
		if (p < want.end && *p == '*') {
			star = ++p;
			star_s = s;
			continue;
		}
		if (p < want.end && s < have.end && element_takes(&p, want.end, character(&s, have.end)))
			continue;
		if (!star || star_s == have.end)
			return false;
		character(&star_s, have.end);
		p = star;
		s = star_s;
	}
	return true;
}

/* The next component at *at; false at the end. */
static bool next_part(const char **at, const char *end, struct part *out)
{
	while (*at < end && **at == '/')
		(*at)++;
	out->p = *at;
	while (*at < end && **at != '/')
		(*at)++;
	out->end = *at;
	return out->p < out->end;
}

static bool is_any_depth(struct part part)
{
	return part.end - part.p == 2 && part.p[0] == '*' && part.p[1] == '*';
}

/* A used-up pattern has matched the path itself or a folder above it. A pattern that may begin anywhere behaves as
 * if "**" stood before it. */
static bool parts_match(struct part pattern, struct part path, bool anywhere)
{
	const char *star = anywhere ? pattern.p : NULL, *star_path = path.p;
	struct part want, have;
	for (const char *next = pattern.p; next_part(&next, pattern.end, &want);) {
		if (is_any_depth(want)) {
			star = next;
			star_path = path.p;
			continue;
		}
		if (next_part(&path.p, path.end, &have) && name_match(want, have))
			continue;
		if (!star || !next_part(&star_path, path.end, &have))
			return false;
		next = star;
		path.p = star_path;
	}
	return true;
}

bool path_match(const char *pattern, const char *path, bool is_dir)
{
	struct part want = {pattern, pattern + strlen(pattern)}, have = {path, path + strlen(path)}, first;
	const char *p = want.p;
	if (!next_part(&p, want.end, &first))
		return false;
	/* A pattern for folders only looks at what surely is one: for a file, the folders it lies in. */
	if (want.end[-1] == '/' && !is_dir)
		while (have.end > have.p && have.end[-1] != '/')
			have.end--;
	p = have.p;
	if (!next_part(&p, have.end, &first))
		return false;
	return parts_match(want, have, want.p[0] != '/');
}

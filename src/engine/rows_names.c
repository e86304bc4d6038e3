#include "engine/rows_names.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

void rows_names_init(struct rows_names *s)
{
	*s = (struct rows_names){.taken = map_new(), .locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
}

void rows_names_release(struct rows_names *s)
{
	map_free(s->taken, NULL);
	if (s->locale)
		freelocale(s->locale);
	*s = (struct rows_names){0};
}

static bool is_one_of(uint32_t cp, const char *set)
{
	return cp > 0 && cp < 0x80 && strchr(set, (int)cp);
}

static bool is_forbidden(uint32_t cp, const struct rows_names_rule *rule)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xfffe || cp == 0xffff || is_one_of(cp, rule->never);
}

/* The name by the rule, at most `max` UTF-16 units of it, to `out`. */
static void clean(const char *name, const struct rows_names_rule *rule, size_t max, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)name;
	size_t n = strlen(name), units = 0;

	while (n > 0) {
		uint32_t cp;
		int len = utf8_decode(p, n, &cp);

		if (len == 0 || is_forbidden(cp, rule) || (out->len == 0 && is_one_of(cp, rule->first)))
			cp = '_';
		if (len == 0)
			len = 1;
		units += cp > 0xffff ? 2 : 1;
		if (units > max)
			break;
		utf8_encode(cp, out);
		p += len;
		n -= (size_t)len;
	}
	if (out->len == 0)
		buf_add_byte(out, '_');
	if (is_one_of(out->p[out->len - 1], rule->last))
		out->p[out->len - 1] = '_';
}

/* Whether the name, upper and lower case being the same, was free; it is taken from now on. */
static bool take(struct rows_names *s, const struct buf *name)
{
	CLEANUP(buf_release) struct buf key = BUF_INIT;
	uint32_t cp;

	for (size_t at = 0; at < name->len;) {
		at += (size_t)utf8_decode(name->p + at, name->len - at, &cp);
		if (s->locale)
			cp = (uint32_t)towlower_l((wint_t)cp, s->locale);
		else if (cp >= 'A' && cp <= 'Z')
			cp += 'a' - 'A';
		utf8_encode(cp, &key);
	}
	if (map_has(s->taken, key.p, key.len))
		return false;
	map_put(s->taken, key.p, key.len, s);
	return true;
}

char *rows_names_make(struct rows_names *s, const char *name, const struct rows_names_rule *rule)
{
	CLEANUP(buf_release) struct buf made = BUF_INIT;
	char tail[32] = "";

	for (unsigned long i = 2;; i++) {
		buf_clear(&made);
		clean(name, rule, rule->max - strlen(tail), &made);
		buf_add_str(&made, tail);
		if (take(s, &made))
			return buf_take_text(&made);
		snprintf(tail, sizeof tail, " (%lu)", i);
	}
}

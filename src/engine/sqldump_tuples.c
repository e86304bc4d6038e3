/* The rows of a dump, at full speed. */
#include "engine/sqldump_parts.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- long stretches ---- */

/* The next byte from i on that may matter within a tuple outside strings: " # $ % & ' ( ) / ` \ and a "-" that another
 * one or the end of the bytes follows. */
static inline size_t scan_tuple(const unsigned char *p, size_t i, size_t n)
{
#ifdef __SSE2__
	const __m128i first = _mm_set1_epi8('"'), range = _mm_set1_epi8(')' - '"'), slash = _mm_set1_epi8('/'),
		      dash = _mm_set1_epi8('-'), tick = _mm_set1_epi8('`'), back = _mm_set1_epi8('\\');
	for (; i + 16 <= n; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i from = _mm_sub_epi8(x, first);
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(from, range), from), _mm_cmpeq_epi8(x, slash));
		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(x, tick), _mm_cmpeq_epi8(x, back)));
		unsigned dashes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, dash));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit) | (dashes & (dashes >> 1 | 0x8000));
		if (mask)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < n && !(p[i] >= '"' && p[i] <= ')') && p[i] != '/' && p[i] != '-' && p[i] != '`' && p[i] != '\\')
		i++;
	return i;
}

/* The next quote or backslash from i on. */
static inline size_t scan_quoted(const unsigned char *p, size_t i, size_t n, unsigned char quote)
{
#ifdef __SSE2__
	const __m128i end = _mm_set1_epi8((char)quote), back = _mm_set1_epi8('\\');
	for (; i + 16 <= n; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		unsigned mask =
			(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, end), _mm_cmpeq_epi8(x, back)));
		if (mask)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < n && p[i] != quote && p[i] != '\\')
		i++;
	return i;
}

size_t sqldump_scan_quoted(const void *p, size_t n, char quote)
{
	return scan_quoted(p, 0, n, (unsigned char)quote);
}

/* ---- tuples ---- */

void sqldump_begin_tuple(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	l->state = IN_TUPLE;
	l->in_tuple = true;
	l->depth = 1;
	l->hashing = false;
	l->hashed = w->i;
	l->tuple = w->base + w->i;
}

static void end_tuple(struct sqldump_window *w, size_t end)
{
	struct sqldump_lexer *l = w->l;
	const unsigned char *from = w->p + l->hashed;
	XXH128_hash_t h;
	if (l->hashing) {
		XXH3_128bits_update(l->hash, from, end - l->hashed);
		h = XXH3_128bits_digest(l->hash);
	} else {
		h = XXH3_128bits(from, end - l->hashed);
	}
	row_sum_add_hash(&l->sum, h);
	l->tuples++;
	l->in_tuple = false;
	l->state = IN_BETWEEN;
	l->depth = 0;
}

void sqldump_hash_rest(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	if (!l->hashing)
		XXH3_128bits_reset(l->hash);
	l->hashing = true;
	XXH3_128bits_update(l->hash, w->p + l->hashed, w->n - l->hashed);
	l->hashed = 0;
}

/* Through a string within a tuple; false when the bytes end in it. */
static inline bool through_string(struct sqldump_window *w, unsigned char quote)
{
	size_t i = w->i + 1;
	for (;;) {
		i = scan_quoted(w->p, i, w->n, quote);
		if (i < w->n && w->p[i] == quote) {
			w->i = i + 1;
			return true;
		}
		bool escapes = i < w->n && quote != '`';
		if (i >= w->n || (escapes && i + 1 == w->n)) {
			w->l->state = escapes ? IN_ESCAPE : IN_QUOTE;
			w->l->back = IN_TUPLE;
			w->l->quote = (char)quote;
			w->i = w->n;
			return false;
		}
		i += quote == '`' ? 1 : 2;
	}
}

/* Behind a tuple's ")": straight into the next one, if it is there to be seen. */
static inline bool next_tuple(struct sqldump_window *w)
{
	const unsigned char *p = w->p + w->i;
	size_t left = w->n - w->i;
	size_t skip = left >= 2 && p[0] == ',' && p[1] == '('                   ? 2
		      : left >= 3 && p[0] == ',' && p[1] == '\n' && p[2] == '(' ? 3
										: 0;
	if (!skip)
		return false;
	w->i += skip;
	sqldump_begin_tuple(w);
	return true;
}

int sqldump_through_tuples(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	while ((w->i = scan_tuple(w->p, w->i, w->n)) < w->n) {
		unsigned char c = w->p[w->i];
		if (c == '\'' || c == '"' || c == '`') {
			if (!through_string(w, c))
				return LEX_MORE;
		} else if (c == ')') {
			w->i++;
			if (--l->depth)
				continue;
			end_tuple(w, w->i - 1);
			if (l->want_tuples)
				return LEX_TUPLE;
			if (!next_tuple(w))
				return LEX_MORE;
		} else if (c == '-' || c == '#' || c == '/') {
			w->i++;
			if (c == '-' && w->i < w->n && w->p[w->i] != '-')
				continue;
			l->back = IN_TUPLE;
			l->comment = false;
			l->state = c == '-' ? IN_DASH : c == '#' ? IN_LINE : IN_SLASH;
			return LEX_MORE;
		} else {
			l->depth += c == '(';
			l->command |= c == '\\';
			w->i++;
		}
	}
	return LEX_MORE;
}

#include "engine/rows_decimal.h"

#include <string.h>
#include <strings.h>

#define EXPONENT_MAX 1000000000 /* more than any database has */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

/* The exponent behind an "e"; false when it is none. */
static bool read_exponent(const char *p, const char *end, int64_t *out)
{
	bool negative = p < end && *p == '-';
	int64_t x = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		if (x < EXPONENT_MAX)
			x = x * 10 + (*p - '0');
	}
	*out = negative ? -x : x;
	return true;
}

/* The digits from p on, with at most one point; returns where they end, or NULL when there is no digit. */
static const char *read_digits(const char *p, const char *end, struct rows_decimal *d)
{
	bool any = false, point = false;
	const char *last = NULL;
	int64_t place = -1; /* of the digit before, as an exponent, as if the point stood before all of them */
	int64_t whole = 0;
	size_t seen = 0;

	for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		any = true;
		whole += !point;
		if (*p != '0' && !d->p) {
			d->p = p;
			d->exponent = place;
		}
		place--;
		seen += d->p != NULL;
		if (*p != '0') {
			last = p;
			d->digits = seen;
		}
	}
	if (d->p) {
		d->n = (size_t)(last + 1 - d->p);
		d->exponent += whole;
	}
	return any ? p : NULL;
}

void rows_decimal_read(const char *p, size_t n, struct rows_decimal *out)
{
	const char *end = p + n;
	int64_t exponent = 0;

	*out = (struct rows_decimal){.kind = DECIMAL_NONE};
	if (is_word(p, n, "nan")) {
		out->kind = DECIMAL_NAN;
		return;
	}
	if (n && (*p == '-' || *p == '+'))
		out->negative = *p++ == '-';
	if (is_word(p, (size_t)(end - p), "inf") || is_word(p, (size_t)(end - p), "infinity")) {
		out->kind = DECIMAL_INFINITE;
		return;
	}
	p = read_digits(p, end, out);
	if (!p || (p < end && ((*p != 'e' && *p != 'E') || !read_exponent(p + 1, end, &exponent))))
		return;
	out->kind = DECIMAL_FINITE;
	out->exponent += exponent;
}

/* The next digit of a number, zeros without end behind the last. */
static int next_digit(const char **p, const char *end)
{
	if (*p < end && **p == '.')
		++*p;
	return *p < end ? *(*p)++ - '0' : 0;
}

static int compare_digits(const struct rows_decimal *a, const struct rows_decimal *b)
{
	const char *p = a->p, *q = b->p, *p_end = a->p + a->n, *q_end = b->p + b->n;

	while (p < p_end || q < q_end) {
		int x = next_digit(&p, p_end), y = next_digit(&q, q_end);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

/* Without their signs. */
static int compare_size(const struct rows_decimal *a, const struct rows_decimal *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == DECIMAL_INFINITE || (!a->n && !b->n))
		return 0;
	if (!a->n || !b->n)
		return a->n ? 1 : -1;
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -1 : 1;
	return compare_digits(a, b);
}

/* -1, 0, 1, where zero has no sign. */
static int sign_of(const struct rows_decimal *d)
{
	if (d->kind == DECIMAL_FINITE && !d->n)
		return 0;
	return d->negative ? -1 : 1;
}

static int compare_bytes(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int order = n ? memcmp(a, b, n) : 0;

	return order ? (order < 0 ? -1 : 1) : (na > nb) - (na < nb);
}

int rows_decimal_compare(const char *a, size_t na, const char *b, size_t nb)
{
	struct rows_decimal x, y;

	rows_decimal_read(a, na, &x);
	rows_decimal_read(b, nb, &y);
	if (x.kind >= DECIMAL_NAN || y.kind >= DECIMAL_NAN) {
		if (x.kind == DECIMAL_NONE && y.kind == DECIMAL_NONE)
			return compare_bytes(a, na, b, nb);
		int p = x.kind >= DECIMAL_NAN ? (int)x.kind : 0, q = y.kind >= DECIMAL_NAN ? (int)y.kind : 0;
		return (p > q) - (p < q);
	}

	int s = sign_of(&x), t = sign_of(&y);

	if (s != t)
		return s < t ? -1 : 1;
	return s < 0 ? compare_size(&y, &x) : compare_size(&x, &y);
}

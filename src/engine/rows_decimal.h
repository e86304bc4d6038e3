/* Decimal numbers that stay text, because no binary number holds them: read and compared exactly. */
#ifndef ENGINE_ROWS_DECIMAL_H
#define ENGINE_ROWS_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rows_decimal_kind { DECIMAL_FINITE, DECIMAL_INFINITE, DECIMAL_NAN, DECIMAL_NONE };

struct rows_decimal {
	enum rows_decimal_kind kind;      /* NONE: the text is no number */
	bool negative;
	const char *p;                    /* FINITE: from the first digit that is not 0 to the last such, a point among them */
	size_t n;                         /* 0 for zero */
	size_t digits;                    /* significant ones: those of p */
	int64_t exponent;                 /* the number is d.ddd times ten to this */
};
/* [+-] digits [. digits] [e [+-] digits], NaN, [+-] Inf or Infinity, in any case of letters; nothing before or behind. */
void rows_decimal_read(const char *p, size_t n, struct rows_decimal *out);
/* -1, 0, 1. By value, so that 1.50 equals 1.5; NaN comes behind all numbers, what is no number behind that, by bytes. */
int rows_decimal_compare(const char *a, size_t na, const char *b, size_t nb);

#endif

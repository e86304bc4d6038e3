#include "repo/polynomial.h"

#include "base/secret.h"

#define RANDOM_DEGREE 53

/* Degree of a polynomial that is not 0. */
static int degree(uint64_t a)
{
	return 63 - __builtin_clzll(a);
}

static uint64_t remainder_of(uint64_t a, uint64_t p)
{
	int d = degree(p);
	while (a && degree(a) >= d)
		a ^= p << (degree(a) - d);
	return a;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = remainder_of(a, b);
		a = b;
		b = r;
	}
	return a;
}

/* a squared modulo p; a is of lower degree than p. */
static uint64_t square(uint64_t a, uint64_t p)
{
	uint64_t top = (uint64_t)1 << degree(p), result = 0, shifted = a;

	for (uint64_t rest = a; rest; rest >>= 1) {
		if (rest & 1)
			result ^= shifted;
		shifted <<= 1;
		if (shifted & top)
			shifted ^= p;
	}
	return result;
}

/* p of degree n is irreducible when it shares no factor with x^(2^i) - x, the product of all irreducible polynomials of
 * a degree that divides i, for every i up to n/2. */
bool polynomial_irreducible(uint64_t p)
{
	if (p < 2)
		return false;
	const uint64_t x = 2;
	uint64_t power = remainder_of(x, p);
	for (int i = 1; i <= degree(p) / 2; i++) {
		power = square(power, p);
		if (common_divisor(p, power ^ x) != 1)
			return false;
	}
	return true;
}

uint64_t polynomial_random(void)
{
	const uint64_t top = (uint64_t)1 << RANDOM_DEGREE;
	uint64_t p;

	do {
		random_bytes(&p, sizeof p);
		p = (p & (top - 1)) | top | 1;
	} while (!polynomial_irreducible(p));
	return p;
}

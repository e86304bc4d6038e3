#include "base/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, removals, replacements and swaps of neighbours that lead from a to b. */
static size_t distance(const char *a, const char *b)
{
	enum { LONGEST = 24 };
	size_t d[LONGEST + 1][LONGEST + 1], n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

struct nearest nearest_to(const char *word)
{
	return (struct nearest){.word = word, .best = least(strlen(word) / 3 + 1, 3) + 1};
}

void nearest_consider(struct nearest *n, const char *candidate)
{
	size_t d = distance(n->word, candidate);

	if (d < n->best) {
		n->best = d;
		n->found = candidate;
	}
}

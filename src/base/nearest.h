/* The right word nearest to one that is wrong, for "did you mean". */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word;         /* what was written */
	const char *found;        /* the best candidate so far, which stays the caller's; NULL: none is near enough */
	size_t best;
};
/* Words further apart than a third of the length are not meant for each other. */
struct nearest nearest_to(const char *word);
void nearest_consider(struct nearest *n, const char *candidate);

#endif

/* A set of small numbers: one bit each. */
#ifndef REPO_BITS_H
#define REPO_BITS_H

#include "base/mem.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct bits {
	unsigned char *p;
	size_t limit; /* numbers are below it */
};

static inline void bits_init(struct bits *b, size_t limit)
{
	*b = (struct bits){mem_zero(limit / 8 + 1), limit};
}

static inline void bits_release(struct bits *b)
{
	free(b->p);
	*b = (struct bits){0};
}

static inline void bits_clear(struct bits *b)
{
	memset(b->p, 0, b->limit / 8 + 1);
}

static inline bool bits_has(const struct bits *b, size_t i)
{
	assert(i < b->limit);
	return b->p[i / 8] >> (i % 8) & 1;
}

/* true when it was not set yet */
static inline bool bits_set(struct bits *b, size_t i)
{
	bool fresh = !bits_has(b, i);
	b->p[i / 8] |= (unsigned char)(1u << (i % 8));
	return fresh;
}

#endif

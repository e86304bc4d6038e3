#include "engine/rows_bag.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Open addressing, linear probing; a slot is free when its count is 0. The hashes come out of SHA-256 and serve as
 * their own places. */
struct slot {
	uint64_t hash[2];
	int64_t count;
};

struct rows_bag {
	struct slot *slots;
	size_t size; /* a power of two */
	size_t used, max;
};

#define FIRST_SIZE 1024

struct rows_bag *rows_bag_new(size_t max)
{
	struct rows_bag *b = mem_zero(sizeof *b);

	*b = (struct rows_bag){.slots = mem_zero(FIRST_SIZE * sizeof *b->slots), .size = FIRST_SIZE, .max = max};
	return b;
}

void rows_bag_free(struct rows_bag **b)
{
	if (!*b)
		return;
	free((*b)->slots);
	free(TAKE(*b));
}

static size_t home_of(const struct rows_bag *b, const struct slot *s)
{
	return (size_t)s->hash[0] & (b->size - 1);
}

/* The hash's slot, or the free one where it would go. */
static struct slot *find(const struct rows_bag *b, const uint64_t hash[2])
{
	size_t at = (size_t)hash[0] & (b->size - 1);

	while (b->slots[at].count && memcmp(b->slots[at].hash, hash, ROWS_BAG_HASH) != 0)
		at = (at + 1) & (b->size - 1);
	return &b->slots[at];
}

static void grow(struct rows_bag *b)
{
	AUTO_FREE struct slot *old = TAKE(b->slots);
	size_t old_size = b->size;

	b->size *= 2;
	b->slots = mem_array(NULL, b->size, sizeof *b->slots);
	memset(b->slots, 0, b->size * sizeof *b->slots);
	for (size_t i = 0; i < old_size; i++)
		if (old[i].count)
			*find(b, old[i].hash) = old[i];
}

/* Free the slot and move those that were pushed behind it by it closer to their homes. */
static void forget(struct rows_bag *b, struct slot *s)
{
	size_t hole = (size_t)(s - b->slots), mask = b->size - 1;

	for (size_t at = (hole + 1) & mask; b->slots[at].count; at = (at + 1) & mask) {
		size_t home = home_of(b, &b->slots[at]);

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		b->slots[hole] = b->slots[at];
		hole = at;
	}
	b->slots[hole].count = 0;
	b->used--;
}

int rows_bag_add(struct rows_bag *b, const uint8_t hash[ROWS_BAG_HASH], int64_t by, struct error *e)
{
	uint64_t key[2];

	memcpy(key, hash, sizeof key);

	struct slot *s = find(b, key);

	if (by == 0)
		return 0;
	if (s->count) {
		s->count += by;
		if (s->count == 0)
			forget(b, s);
		return 0;
	}
	if (b->used == b->max)
		return error_set(e, ERR_LIMIT, "more than %zu different rows", b->max);
	if ((b->used + 1) * 4 > b->size * 3) {
		grow(b);
		s = find(b, key);
	}
	*s = (struct slot){.hash = {key[0], key[1]}, .count = by};
	b->used++;
	return 0;
}

int64_t rows_bag_count(const struct rows_bag *b, const uint8_t hash[ROWS_BAG_HASH])
{
	uint64_t key[2];

	memcpy(key, hash, sizeof key);
	return find(b, key)->count;
}

void rows_bag_sums(const struct rows_bag *b, uint64_t *above, uint64_t *below)
{
	*above = *below = 0;
	for (size_t i = 0; i < b->size; i++) {
		int64_t count = b->slots[i].count;

		*(count > 0 ? above : below) += (uint64_t)(count > 0 ? count : -count);
	}
}

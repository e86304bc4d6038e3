/* A multiset of 16-byte hashes whose counts may be negative; one whose count comes back to 0 is forgotten. */
#ifndef ENGINE_ROWS_BAG_H
#define ENGINE_ROWS_BAG_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define ROWS_BAG_HASH 16

struct rows_bag;

struct rows_bag *rows_bag_new(size_t max);
void rows_bag_free(struct rows_bag **b);      /* for CLEANUP() */
/* -ERR_LIMIT when there would be more than `max` different hashes. */
int rows_bag_add(struct rows_bag *b, const uint8_t hash[ROWS_BAG_HASH], int64_t by, struct error *e) MUST_USE;
int64_t rows_bag_count(const struct rows_bag *b, const uint8_t hash[ROWS_BAG_HASH]);
/* Sum of the positive counts, and of the negative ones without their sign. */
void rows_bag_sums(const struct rows_bag *b, uint64_t *above, uint64_t *below);

#endif

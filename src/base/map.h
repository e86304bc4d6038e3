/* A hash map from byte strings to pointers or numbers. Keys are copied; values are the caller's. Iteration order is
 * the order of insertion. The hash is keyed per process, so that hostile keys cannot make it slow. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m, void (*free_value)(void *));    /* free_value may be NULL; map may be NULL */
size_t map_count(const struct map *m);
/* Set key to value; returns the value it replaced, or NULL. */
void *map_put(struct map *m, const void *key, size_t key_len, void *value);
/* NULL when absent (so NULL is no useful value; map_has() tells). */
void *map_get(const struct map *m, const void *key, size_t key_len);
bool map_has(const struct map *m, const void *key, size_t key_len);
void *map_remove(struct map *m, const void *key, size_t key_len);
/* The i-th entry in insertion order, i < map_slots(); false for a removed one. Any output may be NULL. map_put() may
 * renumber the entries after removals; map_remove() does not. */
size_t map_slots(const struct map *m);
bool map_at(const struct map *m, size_t i, const void **key, size_t *key_len, void **value);

#endif

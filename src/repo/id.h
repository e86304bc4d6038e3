/* The name of a stored thing: SHA-256 (FIPS 180-4) of its bytes, written as 64 lower-case hex digits. */
#ifndef REPO_ID_H
#define REPO_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ID_LEN 32
#define ID_HEX_LEN 64

struct id {
	uint8_t b[ID_LEN];
};

void id_hash(struct id *out, const void *p, size_t n);
bool id_parse(struct id *out, const char *hex, size_t len);  /* exactly 64 lower-case hex digits */
char *id_hex(const struct id *id, char out[ID_HEX_LEN + 1]); /* returns out */
void id_random(struct id *out);
bool id_is_zero(const struct id *id);
/* Where an id belongs in a hash table: keyed anew in every process, so that nobody can make ids that collide. */
uint64_t id_table_hash(const struct id *id);
static inline int id_cmp(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_LEN);
}
static inline bool id_equal(const struct id *a, const struct id *b)
{
	return id_cmp(a, b) == 0;
}

/* A growing list of ids. */
struct id_list {
	struct id *v;
	size_t n, cap;
};
void id_list_add(struct id_list *l, const struct id *id);
void id_list_release(struct id_list *l);

/* A set of ids (open addressing, 40 to 80 bytes an id). Not safe against concurrent writers. */
struct id_set;
struct id_set *id_set_new(void);
void id_set_free(struct id_set *s);
bool id_set_add(struct id_set *s, const struct id *id); /* true when it was new */
bool id_set_has(const struct id_set *s, const struct id *id);
bool id_set_remove(struct id_set *s, const struct id *id); /* true when it was there */
size_t id_set_memory(const struct id_set *s); /* bytes held */

#endif

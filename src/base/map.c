#include "base/map.h"

#include "base/mem.h"
#include "base/secret.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The entries lie in the order of insertion; `index` is an open-addressed table of their numbers + 1, probed linearly.
 * A removed entry keeps its place (with no key), so that probing passes over it, until the next rebuild drops it. */
struct entry {
	void *key;
	size_t key_len;
	uint64_t hash;
	void *value;
};

struct map {
	struct entry *entries;
	size_t n, cap;
	size_t removed;
	uint32_t *index;
	size_t index_size;     /* 0 or a power of two */
};

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
	random_bytes(hash_key, sizeof hash_key);
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-1-3. */
static uint64_t hash_of(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t last = (uint64_t)n << 56;

	pthread_once(&hash_key_once, make_hash_key);
	uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575, hash_key[1] ^ 0x646f72616e646f6d,
			 hash_key[0] ^ 0x6c7967656e657261, hash_key[1] ^ 0x7465646279746573};
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof word);
		sip_word(v, le64toh(word));
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << 8 * i;
	sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
	return mem_zero(sizeof(struct map));
}

void map_free(struct map *m, void (*free_value)(void *))
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		if (free_value && m->entries[i].key)
			free_value(m->entries[i].value);
		free(m->entries[i].key);
	}
	free(m->entries);
	free(m->index);
	free(m);
}

size_t map_count(const struct map *m)
{
	return m->n - m->removed;
}

static struct entry *find(const struct map *m, const void *key, size_t key_len, uint64_t hash)
{
	size_t mask = m->index_size - 1;

	if (m->index_size == 0)
		return NULL;
	for (size_t i = hash & mask; m->index[i]; i = (i + 1) & mask) {
		struct entry *e = &m->entries[m->index[i] - 1];

		if (e->key && e->hash == hash && e->key_len == key_len && (!key_len || !memcmp(e->key, key, key_len)))
			return e;
	}
	return NULL;
}

static void index_entry(struct map *m, size_t number)
{
	size_t mask = m->index_size - 1, i = m->entries[number].hash & mask;

	while (m->index[i])
		i = (i + 1) & mask;
	m->index[i] = (uint32_t)(number + 1);
}

static void drop_removed(struct map *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->entries[i].key)
			m->entries[kept++] = m->entries[i];
	m->n = kept;
	m->removed = 0;
}

/* Room for one more entry: the index stays at most three quarters full, and at most half full after a rebuild. */
static void make_room(struct map *m)
{
	if (m->n + 1 <= m->index_size / 4 * 3)
		return;
	drop_removed(m);
	assert(m->n < UINT32_MAX / 2);
	size_t size = 16;
	while (size < 2 * (m->n + 1))
		size *= 2;
	free(m->index);
	m->index = mem_zero(size * sizeof *m->index);
	m->index_size = size;
	for (size_t i = 0; i < m->n; i++)
		index_entry(m, i);
}

void *map_put(struct map *m, const void *key, size_t key_len, void *value)
{
	uint64_t hash = hash_of(key, key_len);
	struct entry *e = find(m, key, key_len, hash);

	if (e) {
		void *old = e->value;

		e->value = value;
		return old;
	}
	make_room(m);
	GROW(m->entries, m->n, m->cap);
	m->entries[m->n] = (struct entry){mem_copy(key, key_len), key_len, hash, value};
	index_entry(m, m->n++);
	return NULL;
}

void *map_get(const struct map *m, const void *key, size_t key_len)
{
	struct entry *e = find(m, key, key_len, hash_of(key, key_len));

	return e ? e->value : NULL;
}

bool map_has(const struct map *m, const void *key, size_t key_len)
{
	return find(m, key, key_len, hash_of(key, key_len)) != NULL;
}

void *map_remove(struct map *m, const void *key, size_t key_len)
{
	struct entry *e = find(m, key, key_len, hash_of(key, key_len));

	if (!e)
		return NULL;
	free(e->key);
	e->key = NULL;
	m->removed++;
	return e->value;
}

size_t map_slots(const struct map *m)
{
	return m->n;
}

bool map_at(const struct map *m, size_t i, const void **key, size_t *key_len, void **value)
{
	assert(i < m->n);
	const struct entry *e = &m->entries[i];
	if (!e->key)
		return false;
	if (key)
		*key = e->key;
	if (key_len)
		*key_len = e->key_len;
	if (value)
		*value = e->value;
	return true;
}

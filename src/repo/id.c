#include "repo/id.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>

static uint64_t table_key[4];
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	random_bytes(table_key, sizeof table_key);
}

void id_hash(struct id *out, const void *p, size_t n)
{
	digest_sha256(p, n, out->b);
}

bool id_parse(struct id *out, const char *hex, size_t len)
{
	return len == ID_HEX_LEN && hex_decode(hex, len, out->b, ID_LEN);
}

char *id_hex(const struct id *id, char out[ID_HEX_LEN + 1])
{
	hex_encode(id->b, ID_LEN, out);
	return out;
}

void id_random(struct id *out)
{
	random_bytes(out->b, ID_LEN);
}

bool id_is_zero(const struct id *id)
{
	static const struct id zero;
	return id_equal(id, &zero);
}

/* The universal hash NH (Black et al., "UMAC", CRYPTO 1999) over the four words of an id. */
uint64_t id_table_hash(const struct id *id)
{
	__extension__ typedef unsigned __int128 u128;
	uint64_t w[4];

	pthread_once(&prepared, prepare);
	memcpy(w, id->b, sizeof w);
	u128 sum = (u128)(w[0] + table_key[0]) * (w[1] + table_key[1]) +
		   (u128)(w[2] + table_key[2]) * (w[3] + table_key[3]);
	return (uint64_t)sum ^ (uint64_t)(sum >> 64);
}

void id_list_add(struct id_list *l, const struct id *id)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *id;
}

void id_list_release(struct id_list *l)
{
	free(l->v);
	*l = (struct id_list){0};
}

/* Linear probing in a power of two of slots, at most 4/5 full. A slot of zeros is free, so the zero id is counted
 * apart. */
struct id_set {
	struct id *v;
	size_t mask; /* slots - 1 */
	size_t n;    /* slots in use */
	bool has_zero;
};

#define FIRST_SLOTS 16

struct id_set *id_set_new(void)
{
	struct id_set *s = mem_zero(sizeof *s);
	s->v = mem_zero(FIRST_SLOTS * sizeof *s->v);
	s->mask = FIRST_SLOTS - 1;
	return s;
}

void id_set_free(struct id_set *s)
{
	if (s)
		free(s->v);
	free(s);
}

/* The slot of `id`, or the free one where it belongs. */
static size_t slot_of(const struct id_set *s, const struct id *id)
{
	size_t i = id_table_hash(id) & s->mask;
	while (!id_is_zero(&s->v[i]) && !id_equal(&s->v[i], id))
		i = (i + 1) & s->mask;
	return i;
}

static void double_slots(struct id_set *s)
{
	struct id *old = s->v;
	size_t slots = s->mask + 1;
	s->mask = slots * 2 - 1;
	s->v = mem_zero(slots * 2 * sizeof *s->v);
	for (size_t i = 0; i < slots; i++)
		if (!id_is_zero(&old[i]))
			s->v[slot_of(s, &old[i])] = old[i];
	free(old);
}

bool id_set_add(struct id_set *s, const struct id *id)
{
	if (id_is_zero(id)) {
		bool was_new = !s->has_zero;
		s->has_zero = true;
		return was_new;
	}
	if ((s->n + 1) * 5 > (s->mask + 1) * 4)
		double_slots(s);
	size_t i = slot_of(s, id);
	if (!id_is_zero(&s->v[i]))
		return false;
	s->v[i] = *id;
	s->n++;
	return true;
}

bool id_set_has(const struct id_set *s, const struct id *id)
{
	return id_is_zero(id) ? s->has_zero : !id_is_zero(&s->v[slot_of(s, id)]);
}

/* What follows a freed slot moves up unless it would come before its own place, so that no search ends early. */
static void close_gap(struct id_set *s, size_t gap)
{
	for (size_t i = (gap + 1) & s->mask; !id_is_zero(&s->v[i]); i = (i + 1) & s->mask) {
		size_t home = id_table_hash(&s->v[i]) & s->mask;
		if (((i - home) & s->mask) < ((i - gap) & s->mask))
			continue;
		s->v[gap] = s->v[i];
		gap = i;
	}
	s->v[gap] = (struct id){{0}};
}

bool id_set_remove(struct id_set *s, const struct id *id)
{
	if (!id_set_has(s, id))
		return false;
	if (id_is_zero(id)) {
		s->has_zero = false;
		return true;
	}
	close_gap(s, slot_of(s, id));
	s->n--;
	return true;
}

size_t id_set_memory(const struct id_set *s)
{
	return sizeof *s + (s->mask + 1) * sizeof *s->v;
}

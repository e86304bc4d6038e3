#include "repo/index.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* 48 bytes. Compressed is what has a plain_len. */
struct entry {
	struct id id;
	uint32_t offset, length, plain_len;
	uint32_t pack : 31; /* number in index.packs */
	uint32_t type : 1;
};

/* The entries of a pack lie one after the other. */
struct pack_entry {
	struct id id;
	uint32_t first;
	uint32_t count;
};

/* An open-addressing hash table (linear probing) of numbers + 1; 0 is a free slot. */
struct slots {
	uint32_t *v;
	size_t mask; /* slots - 1 */
	size_t n;    /* slots in use, at most 4/5 */
};

#define BLOCK_BITS 16
#define BLOCK_ENTRIES ((size_t)1 << BLOCK_BITS)
#define FIRST_SLOTS 64
#define MAX_ENTRIES ((size_t)UINT32_MAX - 1)
#define MAX_PACKS ((size_t)1 << 31)

struct index {
	pthread_rwlock_t lock; /* guards what follows */
	struct entry **blocks; /* of BLOCK_ENTRIES, which never move */
	size_t blocks_n, blocks_cap;
	size_t entries; /* dropped ones included */
	struct pack_entry *packs;
	size_t packs_n, packs_cap;
	struct slots by_blob;     /* numbers of entries, by id; copies of a blob each have a slot */
	struct slots by_pack;     /* numbers of packs, by id */
	struct id_set *claims[2]; /* by enum blob_type */
};

_Static_assert(sizeof(struct entry) == 48, "an index entry is 48 bytes");

struct index *index_new(void)
{
	struct index *x = mem_zero(sizeof *x);
	pthread_rwlock_init(&x->lock, NULL);
	x->by_blob = (struct slots){.v = mem_zero(FIRST_SLOTS * sizeof(uint32_t)), .mask = FIRST_SLOTS - 1};
	x->by_pack = (struct slots){.v = mem_zero(FIRST_SLOTS * sizeof(uint32_t)), .mask = FIRST_SLOTS - 1};
	x->claims[BLOB_DATA] = id_set_new();
	x->claims[BLOB_TREE] = id_set_new();
	return x;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->blocks_n; i++)
		free(x->blocks[i]);
	free(x->blocks);
	free(x->packs);
	free(x->by_blob.v);
	free(x->by_pack.v);
	id_set_free(x->claims[BLOB_DATA]);
	id_set_free(x->claims[BLOB_TREE]);
	pthread_rwlock_destroy(&x->lock);
	free(x);
}

/* The lock is the one member that looking things up changes. */
static void lock_read(const struct index *x)
{
	pthread_rwlock_rdlock(&((struct index *)x)->lock);
}

static void lock_write(struct index *x)
{
	pthread_rwlock_wrlock(&x->lock);
}

static void unlock(const struct index *x)
{
	pthread_rwlock_unlock(&((struct index *)x)->lock);
}

static struct entry *entry_at(const struct index *x, size_t number)
{
	return &x->blocks[number >> BLOCK_BITS][number & (BLOCK_ENTRIES - 1)];
}

/* What the two tables differ in: whose number is in a slot. */
typedef const struct id *(*id_of_fn)(const struct index *x, uint32_t number);

static const struct id *id_of_entry(const struct index *x, uint32_t number)
{
	return &entry_at(x, number)->id;
}

static const struct id *id_of_pack(const struct index *x, uint32_t number)
{
	return &x->packs[number].id;
}

static void slots_put(struct slots *s, const struct id *id, uint32_t number)
{
	size_t i = id_table_hash(id) & s->mask;
	while (s->v[i])
		i = (i + 1) & s->mask;
	s->v[i] = number + 1;
	s->n++;
}

/* Make room for `more`. */
static void slots_reserve(struct slots *s, size_t more, const struct index *x, id_of_fn id_of)
{
	size_t slots = s->mask + 1;
	while ((s->n + more) * 5 > slots * 4)
		slots *= 2;
	if (slots == s->mask + 1)
		return;
	struct slots old = *s;
	*s = (struct slots){.v = mem_zero(slots * sizeof *s->v), .mask = slots - 1};
	for (size_t i = 0; i <= old.mask; i++)
		if (old.v[i])
			slots_put(s, id_of(x, old.v[i] - 1), old.v[i] - 1);
	free(old.v);
}

/* What follows a freed slot moves up unless it would come before its own place, so that no search ends early. */
static void slots_remove(struct slots *s, uint32_t number, const struct index *x, id_of_fn id_of)
{
	size_t gap = id_table_hash(id_of(x, number)) & s->mask;
	while (s->v[gap] != number + 1)
		gap = (gap + 1) & s->mask;
	for (size_t i = (gap + 1) & s->mask; s->v[i]; i = (i + 1) & s->mask) {
		size_t home = id_table_hash(id_of(x, s->v[i] - 1)) & s->mask;
		if (((i - home) & s->mask) < ((i - gap) & s->mask))
			continue;
		s->v[gap] = s->v[i];
		gap = i;
	}
	s->v[gap] = 0;
	s->n--;
}

static struct pack_entry *find_pack(const struct index *x, const struct id *id)
{
	for (size_t i = id_table_hash(id) & x->by_pack.mask; x->by_pack.v[i]; i = (i + 1) & x->by_pack.mask)
		if (id_equal(&x->packs[x->by_pack.v[i] - 1].id, id))
			return &x->packs[x->by_pack.v[i] - 1];
	return NULL;
}

/* The first entry of a blob at or after slot *at, which ends up behind it; NULL when there is none. */
static struct entry *next_entry(const struct index *x, enum blob_type type, const struct id *id, size_t *at)
{
	for (;;) {
		uint32_t v = x->by_blob.v[*at];
		if (v == 0)
			return NULL;
		*at = (*at + 1) & x->by_blob.mask;
		struct entry *n = entry_at(x, v - 1);
		if (n->type == (unsigned)type && id_equal(&n->id, id))
			return n;
	}
}

static size_t first_slot(const struct index *x, const struct id *id)
{
	return id_table_hash(id) & x->by_blob.mask;
}

static struct pack_blob blob_of(const struct entry *n)
{
	return (struct pack_blob){.id = n->id,
				  .type = (enum blob_type)n->type,
				  .offset = n->offset,
				  .length = n->length,
				  .plain_len = n->plain_len};
}

static struct blob_place place_of(const struct index *x, const struct entry *n)
{
	return (struct blob_place){.pack = x->packs[n->pack].id, .blob = blob_of(n)};
}

static void append(struct index *x, uint32_t pack, const struct pack_blob *b)
{
	if (x->entries == x->blocks_n << BLOCK_BITS) {
		GROW(x->blocks, x->blocks_n, x->blocks_cap);
		x->blocks[x->blocks_n++] = mem_alloc(BLOCK_ENTRIES * sizeof **x->blocks);
	}
	uint32_t number = (uint32_t)x->entries++;
	*entry_at(x, number) = (struct entry){.id = b->id,
					      .offset = b->offset,
					      .length = b->length,
					      .plain_len = b->plain_len,
					      .pack = pack & 0x7fffffff,
					      .type = b->type == BLOB_TREE};
	slots_put(&x->by_blob, &b->id, number);
	id_set_remove(x->claims[b->type], &b->id);
}

bool index_add_pack(struct index *x, const struct id *pack, const struct pack_blob *blobs, size_t n)
{
	lock_write(x);
	bool is_new = !find_pack(x, pack);
	if (is_new) {
		assert(n <= MAX_ENTRIES - x->entries && x->packs_n < MAX_PACKS);
		uint32_t number = (uint32_t)x->packs_n;
		GROW(x->packs, x->packs_n, x->packs_cap);
		x->packs[x->packs_n++] = (struct pack_entry){*pack, (uint32_t)x->entries, (uint32_t)n};
		slots_reserve(&x->by_pack, 1, x, id_of_pack);
		slots_put(&x->by_pack, pack, number);
		slots_reserve(&x->by_blob, n, x, id_of_entry);
		for (size_t i = 0; i < n; i++)
			append(x, number, &blobs[i]);
	}
	unlock(x);
	return is_new;
}

bool index_claim(struct index *x, enum blob_type type, const struct id *id)
{
	lock_write(x);
	size_t at = first_slot(x, id);
	bool mine = !next_entry(x, type, id, &at) && id_set_add(x->claims[type], id);
	unlock(x);
	return mine;
}

void index_unclaim(struct index *x, enum blob_type type, const struct id *id)
{
	lock_write(x);
	id_set_remove(x->claims[type], id);
	unlock(x);
}

size_t index_find_all(const struct index *x, enum blob_type type, const struct id *id, struct blob_place *out,
		      size_t max)
{
	size_t found = 0;
	lock_read(x);
	size_t at = first_slot(x, id);
	const struct entry *n;
	while (found < max && (n = next_entry(x, type, id, &at)))
		out[found++] = place_of(x, n);
	unlock(x);
	return found;
}

bool index_find(const struct index *x, enum blob_type type, const struct id *id, struct blob_place *out)
{
	return index_find_all(x, type, id, out, 1) == 1;
}

size_t index_blob_count(const struct index *x)
{
	lock_read(x);
	size_t n = x->by_blob.n;
	unlock(x);
	return n;
}

size_t index_pack_count(const struct index *x)
{
	lock_read(x);
	size_t n = x->by_pack.n;
	unlock(x);
	return n;
}

size_t index_memory(const struct index *x)
{
	lock_read(x);
	size_t bytes = sizeof *x + x->blocks_cap * sizeof *x->blocks +
		       (x->blocks_n << BLOCK_BITS) * sizeof **x->blocks + x->packs_cap * sizeof *x->packs +
		       (x->by_blob.mask + x->by_pack.mask + 2) * sizeof *x->by_blob.v +
		       id_set_memory(x->claims[BLOB_DATA]) + id_set_memory(x->claims[BLOB_TREE]);
	unlock(x);
	return bytes;
}

/* The numbers of a dropped pack and its entries are not used again: nothing refers to them any more. */
void index_drop_pack(struct index *x, const struct id *pack)
{
	lock_write(x);
	const struct pack_entry *p = find_pack(x, pack);
	if (p) {
		for (uint32_t i = 0; i < p->count; i++)
			slots_remove(&x->by_blob, p->first + i, x, id_of_entry);
		slots_remove(&x->by_pack, (uint32_t)(p - x->packs), x, id_of_pack);
	}
	unlock(x);
}

bool index_number(const struct index *x, enum blob_type type, const struct id *id, size_t *number)
{
	lock_read(x);
	size_t at = first_slot(x, id);
	bool found = next_entry(x, type, id, &at) != NULL;
	if (found)
		*number = x->by_blob.v[(at - 1) & x->by_blob.mask] - 1;
	unlock(x);
	return found;
}

size_t index_number_limit(const struct index *x)
{
	lock_read(x);
	size_t limit = x->entries;
	unlock(x);
	return limit;
}

/* A dropped pack is one whose number the table no longer holds. */
static bool is_dropped(const struct index *x, size_t number)
{
	return find_pack(x, &x->packs[number].id) != &x->packs[number];
}

int index_each_pack(const struct index *x,
		    int (*fn)(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx), void *ctx)
{
	AUTO_FREE struct pack_blob *blobs = NULL;
	size_t cap = 0;
	int r = 0;

	lock_read(x);
	for (size_t p = 0; p < x->packs_n && r == 0; p++) {
		const struct pack_entry *pack = &x->packs[p];
		if (is_dropped(x, p))
			continue;
		if (pack->count > cap)
			blobs = mem_array(blobs, cap = pack->count, sizeof *blobs);
		for (uint32_t i = 0; i < pack->count; i++)
			blobs[i] = blob_of(entry_at(x, pack->first + i));
		r = fn(&pack->id, blobs, pack->count, ctx);
	}
	unlock(x);
	return r;
}

int index_each(const struct index *x, int (*fn)(const struct blob_place *p, void *ctx), void *ctx)
{
	int r = 0;

	lock_read(x);
	for (size_t p = 0; p < x->packs_n && r == 0; p++) {
		if (is_dropped(x, p))
			continue;
		for (uint32_t i = 0; i < x->packs[p].count && r == 0; i++) {
			struct blob_place place = place_of(x, entry_at(x, x->packs[p].first + i));
			r = fn(&place, ctx);
		}
	}
	unlock(x);
	return r;
}

/* What the index files promise next to what the store lists: the ground that check, prune and repair stand on. */
#ifndef REPO_INVENTORY_H
#define REPO_INVENTORY_H

#include "repo/repo.h"

#define INVENTORY_NONE UINT32_MAX

struct inventory_file { /* an index file */
	struct id id;
	int result;     /* 0, or why nothing in it counts: -ERR_KIND */
	char *why;      /* with its text, or NULL */
	uint32_t blobs; /* listed in it */
	bool replace;   /* reindex_remove() removes it */
};

struct inventory_pack {
	struct id id;
	struct id listing; /* hash of what the index says about it */
	uint64_t promised; /* size of the file according to the index */
	uint64_t size;     /* in the store */
	uint32_t blobs;
	uint32_t file;       /* number of the index file that lists it; INVENTORY_NONE: none does */
	uint32_t other_file; /* another one that lists it as well, or INVENTORY_NONE */
	bool differs;        /* and says something else */
	bool gapless;        /* its blobs follow one another from 0 on */
	bool mixed;          /* it holds data and trees */
	bool there;          /* the store has it */
	bool left_out;       /* there, but the store's listing does not name it */
	bool write;          /* reindex_write() lists it anew */
};

struct inventory {
	struct inventory_file *files; /* sorted by id */
	size_t file_count;
	struct inventory_pack *packs;
	size_t pack_count, pack_cap;
	struct map *by_id;
	bool incomplete; /* some pack is left_out: the listing cannot be believed */
};

/* Replaces r->index by what the readable index files say; the blobs of a pack are in the order of their offsets there.
 * Of a pack that two files list differently, the file with the lower id counts. An index file that cannot be read is no
 * error but has its `result`. A pack that the listing leaves out is asked for by itself before it counts as gone. */
int inventory_load(struct repo *r, struct inventory *out, struct progress *p, struct error *e) MUST_USE;
void inventory_release(struct inventory *v);
/* The number of a pack; INVENTORY_NONE when neither an index nor the store has it. */
uint32_t inventory_find(const struct inventory *v, const struct id *pack);

/* Whether a failed read means that the file is damaged or gone, rather than that the store cannot be reached: on a
 * local disk an input error is the disk's way to say "damaged". */
bool inventory_is_damage(const struct repo *r, int result);
struct store_file inventory_store_file(enum store_kind kind, const struct id *id);
/* The ids of all files of a kind, sorted, appended to *out. */
int inventory_list(struct repo *r, enum store_kind kind, struct id_list *out, struct error *e) MUST_USE;

#endif

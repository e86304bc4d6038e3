/* A small repository in memory for tests, and ways to look at it and to break it. Everything asserts that it worked,
 * but what is called try. */
#ifndef TEST_REPO_SUPPORT_H
#define TEST_REPO_SUPPORT_H

#include "base/mem.h"
#include "repo/archive.h"
#include "repo/repo.h"

struct support_file {
	const char *path; /* "name" or "folder/name"; those of one folder side by side */
	const char *text;
};

/* The same store, but to free it frees nothing: what a repository takes over can so outlive it. */
struct store *support_lend(struct store *s);

/* The repository in `s`, which is lent to it. */
struct repo *support_create(struct store *s);
struct repo *support_open(struct store *s);
int support_try_open(struct store *s, struct repo **out, struct error *e) MUST_USE;

/* Loads the index, stores the files, writes a snapshot one second younger than the one before. */
int support_try_backup(struct repo *r, const struct support_file *files, size_t n, struct id *snapshot,
		       struct error *e) MUST_USE;
void support_backup(struct repo *r, const struct support_file *files, size_t n, struct id *snapshot);
/* Whether the snapshot holds all these files with these texts (it may hold more). Loads the index. */
bool support_restores(struct repo *r, const struct id *snapshot, const struct support_file *files, size_t n);

/* Store files, sorted by name; read, replace, remove. */
void support_list(struct store *s, enum store_kind kind, struct id_list *out);
void support_read(struct store *s, enum store_kind kind, const struct id *id, struct buf *out); /* out cleared first */
void support_write(struct store *s, enum store_kind kind, const struct id *id, const void *p, size_t n);
void support_remove(struct store *s, enum store_kind kind, const struct id *id);
void support_flip(struct store *s, enum store_kind kind, const struct id *id, size_t at);
void support_cut(struct store *s, enum store_kind kind, const struct id *id, size_t length);

/* Where the blob with this text lies; loads the index. */
struct blob_place support_place(struct repo *r, enum blob_type type, const void *p, size_t n);

/* All packs that the index files list, one after the other; and back, as one file. */
struct support_index {
	struct index_pack *v;
	size_t n, cap;
};
void support_index_load(struct repo *r, struct support_index *out);
void support_index_release(struct support_index *x);
struct index_pack *support_index_find(struct support_index *x, const struct id *pack);
void support_index_save(struct repo *r, const struct index_pack *packs, size_t n, struct id *file);
void support_index_remove_all(struct repo *r);
/* The index taken out of the repository, to be put back changed: all packs as they were listed, the index files gone.
 * What comes back is the pack with the blob `id` (not NULL), which *place, unless NULL, is told too. */
struct index_pack *support_index_take(struct repo *r, enum blob_type type, const struct id *id,
				      struct support_index *out, struct blob_place *place);

/* The id of a blob, and its stored bytes appended to `out`. */
void support_seal(struct blob_codec *c, const void *p, size_t n, int level, struct id *id, struct buf *out,
		  uint32_t *plain_len);
/* Write one pack with one blob, and list it in an index file of its own. `plain_len` says in both what the blob's plain
 * length is (0: not compressed). */
void support_put_pack(struct repo *r, enum blob_type type, const struct id *id, const void *sealed, size_t n,
		      uint32_t plain_len, struct id *pack);
/* A blob made properly, in a pack of its own. */
void support_put_blob(struct repo *r, enum blob_type type, const void *p, size_t n, struct id *id, struct id *pack);
/* A snapshot of a tree made by hand; takes over what the tree owns. */
struct tree;
void support_snapshot(struct repo *r, struct tree *t, struct id *tree, struct id *snapshot);

#endif

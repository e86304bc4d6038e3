/* An open repository: its store, its master key, its config and, when loaded, its index. */
#ifndef REPO_REPO_H
#define REPO_REPO_H

#include "base/progress.h"
#include "repo/chunker.h"
#include "repo/config.h"
#include "repo/index.h"
#include "repo/key.h"
#include "repo/lock.h"
#include "store/store.h"

struct repo {
	struct store *store; /* owned */
	struct cipher_key key;
	struct repo_config config;
	struct id key_id;    /* the key file that opened it */
	struct index *index; /* NULL until repo_load_index() */
	struct chunker chunker;
};

/* Both take over `s`, also on failure. Creating writes the key before the config, so that a half-made repository is
 * never taken for a whole one; made again with the same password it is finished with the key that is there, with
 * another it is -ERR_EXISTS, as a whole one is. Opening: -ERR_NO_REPO when there is no config. */
int repo_create(struct store *s, const struct secret *password, const struct key_params *params, struct repo **out,
		struct error *e) MUST_USE;
int repo_open(struct store *s, const struct secret *password, struct repo **out, struct error *e) MUST_USE;
void repo_free(struct repo *r); /* wipes the key; NULL is legal */

/* Read every index file into memory (again: what is loaded already is replaced). Any unreadable index file is an error:
 * never work on half an index. With `damaged` not NULL, unreadable index files are collected there instead (for check
 * and repair). When a file is not listed any more (somebody prunes), all are listed and read again. Loading is spread
 * over threads. */
int repo_load_index(struct repo *r, struct progress *p, struct id_list *damaged, struct error *e) MUST_USE;
void repo_drop_index(struct repo *r);

/* Whether a file is listed: 1, 0, or -kind. What was listed, is not there and not listed now either has been removed by
 * somebody meanwhile; what is listed still is missing from a broken store. */
int repo_is_listed(struct repo *r, enum store_kind kind, const struct id *id, struct error *e) MUST_USE;

/* One blob's plaintext (out cleared first). -ERR_NOT_FOUND when no index lists it; -ERR_CORRUPT when damaged (another
 * copy is tried before). Any thread, each with its own codec. */
int repo_read_blob(struct repo *r, struct blob_codec *c, enum blob_type type, const struct id *id, struct buf *out,
		   struct error *e) MUST_USE;

/* Resolve an id prefix (at least 4 hex digits) among the files of a kind. -ERR_NOT_FOUND, or -ERR_USAGE when ambiguous.
 */
int repo_resolve(struct repo *r, enum store_kind kind, const char *prefix, struct id *out, struct error *e) MUST_USE;

#endif

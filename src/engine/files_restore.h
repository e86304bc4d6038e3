/* A restore of files under way: what files_restore.c, files_grow.c and files_place.c share.
 *
 * Everything grows in a private scratch folder, in pieces: the whole source, or each chosen or missing part of it that
 * is put somewhere on its own. Once all of it is there and compared, each piece is moved or exchanged into its place;
 * what it replaces lands in the scratch folder and goes with it. Until then the target is untouched, and a move that
 * fails undoes those before it. */
#ifndef ENGINE_FILES_RESTORE_H
#define ENGINE_FILES_RESTORE_H

#include "base/draft.h"
#include "engine/files.h"

#include <pthread.h>

struct map;

struct files_piece {
	char *path;              /* relative to the target; "" is the target itself */
	bool removal;            /* nothing takes the place of what is there */
	bool replaces;           /* something is there */
	bool placed;
	bool held;               /* its mode would forbid to move it, and is set when it is in its place */
	mode_t mode;
};

struct files_restoring {
	const struct engine_restore *r;
	struct restore_result *out;
	struct files_plan plan;
	char *target, *parent;   /* no links in them when the target exists */
	bool exists;
	bool whole;              /* one piece takes the place of the target itself */
	bool children;           /* the target cannot be moved: all that is in it is replaced instead */
	int target_fd;           /* the folder, unless `whole` */
	struct draft scratch;    /* its entries are pieces, by number, and "old-<number>" */

	struct files_chosen chosen;
	struct files_walk in_target, in_piece;   /* the folders at hand: there already, growing */
	struct files_piece *pieces;
	size_t piece_n, piece_cap;
	struct node top;         /* what the target itself gets with `children` */
	struct map *links;       /* first names of files with several: device and inode */
	struct files_tally seen; /* chosen entries, however they ended */
	bool partly_seen;        /* some were passed over without a look */
	uint64_t existing;       /* entries left as they are */
	struct files_refused refused;
	pthread_mutex_t lock;
	struct error failed;     /* the first failure of a file that had its content; under the lock */
};

/* files_grow.c: let all pieces grow and compare them with the plan. */
int files_grow(struct files_restoring *r, struct error *e) MUST_USE;
/* A further piece; -ERR_REFUSED when it would replace what holds a mount point. */
int files_piece_add(struct files_restoring *r, const char *path, bool replaces, struct error *e) MUST_USE;
void files_grow_release(struct files_restoring *r);

/* files_place.c: put all pieces into their places, or none. */
int files_place(struct files_restoring *r, struct error *e) MUST_USE;

#endif

/* A private folder beside a place, in which something grows until it takes that place. It is called
 * ".<beside>.backstay-draft-<16 hex>", or ".backstay-draft-<16 hex>" beside nothing, and removed with all it holds.
 *
 * What a killed process has left is removed by the next draft beside the same place. A name proves nothing: a folder
 * goes only when it is of exactly that name, belongs to this user, and holds our mark, a file (".backstay-draft") of ours
 * with our text on which nobody holds a lock. Who makes a draft locks the mark (flock) before the text is in it, and for
 * as long as it lives, whatever its process id or machine. Where a file system knows no such locks the mark stays
 * empty, so that nothing is ever swept there. */
#ifndef BASE_DRAFT_H
#define BASE_DRAFT_H

#include "base/error.h"

struct draft {
	char *path;        /* NULL when there is none */
	int fd;            /* of the folder */
	int mark;          /* holds the lock */
};
#define DRAFT_NONE ((struct draft){.fd = -1, .mark = -1})

/* Sweep, then make one in the folder `dir` (NULL: $TMPDIR or /tmp) with no rights for others. `beside` is the name of what
 * will be replaced, or "". On failure *out is DRAFT_NONE. */
int draft_make(const char *dir, const char *beside, struct draft *out, struct error *e) MUST_USE;
/* Remove it with all it holds. Legal on a removed one, and on DRAFT_NONE. */
int draft_remove(struct draft *d, struct error *e);
void draft_release(struct draft *d);               /* for CLEANUP(), whatever becomes of it */
/* Whether it is the name of a draft, judged by its exact form alone: what a backup passes over, not what may go. */
bool draft_is(const char *name, const char *beside);
/* Remove what killed processes have left, as above. What cannot be removed stays. */
void draft_sweep(const char *dir, const char *beside);
/* From now on `made` is told of every draft that draft_make() is about to make, with what draft_sweep() needs to find it (an absolute path), so
 * that somebody can write it down; any thread. NULL ends it. */
void draft_watch(void (*made)(const char *dir, const char *beside));

#endif

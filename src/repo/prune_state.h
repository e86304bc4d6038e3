/* What the parts of prune share (prune*.c only). */
#ifndef REPO_PRUNE_STATE_H
#define REPO_PRUNE_STATE_H

#include "repo/bits.h"
#include "repo/inventory.h"
#include "repo/prune.h"

enum prune_fate { PRUNE_REMOVE, PRUNE_REPACK, PRUNE_KEEP };

/* Beside an inventory_pack of the same number. A blob in several packs counts as used in one of them, its owner. */
struct prune_pack {
	uint64_t bytes;       /* of its blobs */
	uint64_t owned_bytes; /* of those it owns */
	uint32_t owned;       /* blobs */
	bool full;            /* all its blobs are used */
	bool tree;            /* its first blob is a tree */
	enum prune_fate fate;
};

struct prune {
	struct repo *r;
	const struct prune_options *o;
	struct prune_stats *out;
	struct inventory inv;
	struct prune_pack *packs;
	struct bits used; /* by index_number(), until packs are dropped from the index */
	uint64_t used_count;
};

/* -ERR_REFUSED "nothing was removed: ..." */
int prune_refuse(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* prune_plan.c: who uses what, and each pack's fate. */
int prune_plan_mark(struct prune *p, const struct id_list *roots, struct error *e) MUST_USE;
int prune_plan_decide(struct prune *p, struct error *e) MUST_USE;

/* prune_repack.c: copy what is used in packs of the fate PRUNE_REPACK into new packs with an index of their own.
 * Afterwards r->index has no pack but the kept and the new ones. */
int prune_repack_run(struct prune *p, struct error *e) MUST_USE;

#endif

/* What was found by reading an artifact again, held against its manifest. */
#ifndef ENGINE_MANIFEST_COMPARE_H
#define ENGINE_MANIFEST_COMPARE_H

#include "engine/manifest.h"

/* Tables (columns, rows, row hash, place) and counted objects are the same, in any order; bytes of names that JSON could
 * not keep are no difference. -ERR_VERIFY with the first that differs. */
int manifest_compare(const struct manifest_source *expected, const struct manifest_source *found,
	struct error *e) MUST_USE;
/* How many objects of that type were counted. */
uint64_t manifest_object_count(const struct manifest_source *s, const char *type);
/* "shop: dump ok; 3 tables and 6 rows as in the manifest" */
void manifest_evidence(const char *name, const char *what, const struct manifest_source *found,
	struct strlist *evidence);

#endif

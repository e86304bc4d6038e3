/* Names for files and sheets made from names of tables: legal, and unique without regard to upper and lower case. */
#ifndef ENGINE_ROWS_NAMES_H
#define ENGINE_ROWS_NAMES_H

#include "base/map.h"

#include <locale.h>

struct rows_names {
	struct map *taken;        /* names in lower case */
	locale_t locale;          /* that knows lower case beyond ASCII, or 0 */
};

struct rows_names_rule {
	const char *never;        /* ASCII characters that become "_" anywhere; control characters always do */
	const char *first, *last; /* those that become "_" at the beginning, at the end */
	size_t max;               /* UTF-16 units */
};

void rows_names_init(struct rows_names *s);
void rows_names_release(struct rows_names *s);
/* `name` by the rule, and with " (2)", " (3)", ... when that is taken already; never empty. Bytes that are not UTF-8
 * become "_". Heap string. */
char *rows_names_make(struct rows_names *s, const char *name, const struct rows_names_rule *rule);

#endif

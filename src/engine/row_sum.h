/* What the rows of a dump add up to: the sum modulo 2^128 of the XXH3-128 of each row's bytes, so that neither the order of
 * rows nor the pieces they come in matter. What a row's bytes are is told by pg_archive.h and sqldump.h. */
#ifndef ENGINE_ROW_SUM_H
#define ENGINE_ROW_SUM_H

#include <stdbool.h>
#include <stdint.h>
#include <xxhash.h>

struct row_sum {
	uint64_t high, low;
};

static inline void row_sum_add(struct row_sum *s, struct row_sum more)
{
	s->low += more.low;
	s->high += more.high + (s->low < more.low);
}
static inline void row_sum_add_hash(struct row_sum *s, XXH128_hash_t row)
{
	row_sum_add(s, (struct row_sum){.high = row.high64, .low = row.low64});
}
/* "xxh128:" and 32 hex digits; heap. */
char *row_sum_text(struct row_sum s);
/* False when the text (or NULL) is none. */
bool row_sum_parse(const char *text, struct row_sum *out);

#endif

/* Rows as bytes, to be laid aside and taken up again within one process. */
#ifndef ENGINE_ROWS_PACK_H
#define ENGINE_ROWS_PACK_H

#include "base/buf.h"
#include "engine/rows.h"

#define ROWS_PACK_MAX ((size_t)2 << 30)           /* bytes of a row; the `max` of a buffer for rows_pack() */

/* Append. -ERR_LIMIT for a row beyond ROWS_PACK_MAX. */
int rows_pack(const struct value *values, size_t n, struct buf *out, struct error *e) MUST_USE;
/* Exactly n values, which point into p. -ERR_INTERNAL when these are not their bytes. */
int rows_unpack(const void *p, size_t bytes, struct value *values, size_t n, struct error *e) MUST_USE;

#endif

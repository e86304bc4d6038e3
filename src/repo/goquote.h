/* File names in trees: Go's strconv.Quote without its quotes, over raw bytes (the form of restic node names). The
 * table of printable code points is generated from the Unicode categories L, M, N, P, S (goprintable.c). */
#ifndef REPO_GOQUOTE_H
#define REPO_GOQUOTE_H

#include "base/buf.h"

void goquote(const char *raw, size_t n, struct buf *out);                    /* appends */
/* Undo; -ERR_CORRUPT for a malformed escape or a name with NUL. Appends raw bytes. */
int gounquote(const char *quoted, size_t n, struct buf *out, struct error *e) MUST_USE;
bool go_printable(uint32_t cp);

#endif

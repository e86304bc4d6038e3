/* Whether a file on this machine has the content of a stored one. */
#ifndef JOB_SAME_CONTENT_H
#define JOB_SAME_CONTENT_H

#include "base/progress.h"
#include "base/stream.h"

/* Reads both, as far as they are equal. The last component of `path` may not be a link. An error, with `sys` set, when
 * the file cannot be opened. */
int same_content(struct source *kept, const char *path, struct progress *p, bool *same, struct error *e) MUST_USE;

#endif

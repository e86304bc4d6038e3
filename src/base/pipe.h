/* Reading what another program writes, in few turns of the two. */
#ifndef BASE_PIPE_H
#define BASE_PIPE_H

#include "base/progress.h"

#include <stddef.h>

#define PIPE_BLOCK ((size_t)1 << 20)

/* As wide as a block; where the system allows less, or it is no pipe, it stays as it is. */
void pipe_widen(int fd);
/* Some of it, at most PIPE_BLOCK bytes, *n 0 at its end. What is little is given a moment to grow, where the pipe can
 * hold what comes meanwhile. A silent writer does not keep us from seeing that we are cancelled (`progress` may be
 * NULL). `name` is who writes, for messages: "reading the output of pg_dump: Input/output error". */
int pipe_read(int fd, const char *name, struct progress *progress, void *block, size_t *n, struct error *e) MUST_USE;

#endif

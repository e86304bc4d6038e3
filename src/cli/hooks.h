/* The commands before and after a backup: those of the command line around those of its sources. */
#ifndef CLI_HOOKS_H
#define CLI_HOOKS_H

#include "base/error.h"

#include <stddef.h>

struct hooks_entry { const char *source, *before, *after; };        /* before, after: or NULL */
struct hooks {
	struct hooks_entry *v;
	size_t n;
	size_t begun;           /* entries whose turn has come */
};
/* In order; the first that fails ends it. */
int hooks_before(struct hooks *h, struct error *e) MUST_USE;
/* Of all that have begun, in the other order, whatever happened in between: `rc` is how the backup ended. All of them are run; the first error is told. */
int hooks_after(struct hooks *h, int rc, struct error *e) MUST_USE;

#endif

/* Commands that are run before and after a backup: to stop an application, to tell another program. Run without a shell, by words (base/words.h);
 * "sh -c '...'" has one. They end with this process, and when it is cancelled. */
#ifndef JOB_HOOK_H
#define JOB_HOOK_H

#include "base/progress.h"

struct hook {
	const char *when;         /* "before", "after": for messages */
	const char *command;
	const char *source;       /* BACKSTAY_SOURCE: the configured name, else what is shown of the URL */
	const char *state;        /* BACKSTAY_STATE: "running" before; "success", "partial", "failed", "cancelled" after */
	struct progress *progress;        /* or NULL: it is not to be cancelled */
	/* Each line that it prints, its standard output first; or NULL. */
	void (*line)(void *ctx, const char *text);
	void *ctx;
};
/* 0 only for exit status 0. -ERR_CHILD "the command before shop: app failed with status 1: no such service". BACKSTAY_JOB is in the environment of
 * every job anyhow (record.h). */
int hook_run(const struct hook *h, struct error *e) MUST_USE;

#endif

#ifndef CLI_RESTORED_H
#define CLI_RESTORED_H

#include "job/restore.h"

/* What follows when something was replaced (access_after_restore()), notes, and the result as text or document. `b` is what was restored; NULL for an undo. */
int restored_show(const struct repository *r, const struct job_restore_result *res, const struct backup *b, struct error *e) MUST_USE;
/* An outside file, recognised. */
struct restored_file {
	const char *what, *engine;      /* for people; NULL: it could be of several */
};
/* The result of a dry run. file: NULL for a backup. */
int restored_preview(const struct repository *r, const struct restored_file *file, const struct restore_preview *p, struct error *e) MUST_USE;

#endif

#ifndef CLI_BACKED_UP_H
#define CLI_BACKED_UP_H

#include "job/backup.h"

/* Notes, and the result as text or document. rc is how the backup went, which is returned unless writing fails; `made`: the repository was made for it. */
int backed_up_show(const struct repository *r, const struct job_backup_result *res, bool made, int rc, struct error *e) MUST_USE;

#endif

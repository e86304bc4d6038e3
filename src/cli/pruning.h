/* Pruning, for `prune` and `forget --prune`. */
#ifndef CLI_PRUNING_H
#define CLI_PRUNING_H

#include "base/json.h"
#include "job/repository.h"
#include "repo/prune.h"

/* With a progress bar. The repository is locked exclusively unless it is a dry run. */
int pruning_run(struct repository *r, bool dry_run, bool allow_empty, struct prune_stats *out, struct error *e) MUST_USE;
void pruning_print(const struct prune_stats *s, bool dry_run);
void pruning_json(const struct prune_stats *s, struct json_out *w);

#endif

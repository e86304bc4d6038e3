/* What is forgotten and what is kept, for `forget` and `cleanup`. */
#ifndef CLI_FORGETTING_H
#define CLI_FORGETTING_H

#include "base/json.h"
#include "cli/opt.h"
#include "job/forget.h"

/* A row for each backup: kept or not, and why. */
void forgetting_print(const struct forget_result *f);
/* Members "removed", "kept", "backups", "unreadable". */
void forgetting_members(const struct forget_result *f, struct json_out *w);
/* On a terminal, unless --yes: show what would go, and ask. */
int forgetting_ask(const struct parsed *p, struct repository *r, const struct forget_options *o,
		   struct error *e) MUST_USE;
/* Whether forgetting_ask() has not shown it already. */
bool forgetting_is_news(const struct parsed *p, bool dry_run);

#endif

/* Commands whose first argument says what to do: "user add NAME". */
#ifndef CLI_ACTIONS_H
#define CLI_ACTIONS_H

#include "cli/opt.h"

struct action {
	const char *name;         /* "add" */
	size_t min, max;          /* arguments behind it */
	const char *arguments;    /* "NAME", for messages */
	const char *options;      /* "role|new-password-file": those of the command's own that only this action, and others that name them, take; or NULL */
	int (*run)(const struct parsed *p, struct error *e);
};
/* Run the action that the first argument names, one of the command's choices; `table` ends with a zeroed entry. -ERR_USAGE for
 * too few or too many arguments, and for an option that goes with other actions only. */
int actions_run(const struct action *table, const struct parsed *p, struct error *e) MUST_USE;

#endif

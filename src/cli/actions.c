#include "cli/actions.h"

#include "base/mem.h"

#include <string.h>

static bool names_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *o = options; o && *o; o += strcspn(o, "|"), o += *o == '|')
		if (strcspn(o, "|") == n && !strncmp(o, name, n))
			return true;
	return false;
}

/* The actions an option goes with, "add, edit"; NULL: with any. Heap. */
static char *goes_with(const struct action *table, const char *option)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	for (; table->name; table++)
		if (names_option(table->options, option))
			strlist_add(&l, table->name);
	return l.n ? strlist_join(&l, ", ") : NULL;
}

static int check_options(const struct action *table, const struct action *a, const struct parsed *p, struct error *e)
{
	for (const struct opt *o = p->command->options; o && o->name; o++) {
		AUTO_FREE char *with = goes_with(table, o->name);

		if (opt_flag(p, o->name) && with && !names_option(a->options, o->name))
			return error_set(e, ERR_USAGE, "%s %s has no option --%s; it goes with: %s", p->command->name, a->name, o->name, with);
	}
	return 0;
}

static int check_arguments(const struct action *a, const struct parsed *p, struct error *e)
{
	const char *command = p->command->name;
	size_t n = p->args.n - 1;
	AUTO_FREE char *usage = mem_printf("backstay %s %s%s%s", command, a->name, *a->arguments ? " " : "", a->arguments);

	if (n < a->min)
		return error_set(e, ERR_USAGE, "%s %s needs more: %s", command, a->name, usage);
	if (n > a->max)
		return error_set(e, ERR_USAGE, "%s %s cannot take \"%s\" too: %s", command, a->name, p->args.v[a->max + 1], usage);
	return 0;
}

int actions_run(const struct action *table, const struct parsed *p, struct error *e)
{
	const struct action *a = table;

	while (strcmp(a->name, p->args.v[0]) != 0)
		a++;
	int rc = check_arguments(a, p, e);

	if (!rc)
		rc = check_options(table, a, p, e);
	if (rc)
		return error_hint(e, "backstay %s --help", p->command->name);
	return a->run(p, e);
}

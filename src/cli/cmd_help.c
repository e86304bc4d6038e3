#include "cli/cmd.h"

static const struct opt options[] = {{0}};

static int run(const struct parsed *p, struct error *e)
{
	const struct command *c = p->args.n ? opt_command(p->args.v[0]) : NULL;

	if (p->args.n && !c)
		return opt_unknown_command(p->args.v[0], e);
	opt_print_help(c);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "explain the program or a command",
	.examples =
		"backstay help\n"
		"backstay help restore\n",
	.max_args = 1,
	.options = options,
	.run = run,
};

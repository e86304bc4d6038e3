/* Completion scripts from the tables. */
#include "cli/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct opt options[] = {{0}};

/* "a|b" as "a b". */
static void print_choices(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

static void print_names(const struct opt *o)
{
	for (; o->name; o++)
		printf(" --%s", o->name);
}

/* Inside single quotes of a shell; zsh's lists want brackets and colons escaped too. */
static void print_quoted(const char *text, const char *escaped)
{
	for (; *text; text++) {
		if (strchr(escaped, *text))
			putchar('\\');
		if (*text == '\'')
			fputs("'\\'", stdout);
		putchar(*text);
	}
}

/* ---- bash ---- */

static void bash_values(const char *command, const struct opt *o)
{
	for (; o->name; o++) {
		if (o->type == OPT_FLAG)
			continue;
		printf("\t%s:--%s", command, o->name);
		if (o->letter)
			printf("|%s:-%c", command, o->letter);
		if (o->choices) {
			printf(") COMPREPLY=($(compgen -W '");
			print_choices(o->choices);
			printf("' -- \"$cur\")); return;;\n");
		} else {
			printf(") COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n");
		}
	}
}

static void bash_command(const struct command *c)
{
	printf("\t%s) words='", c->name);
	if (c->choices)
		print_choices(c->choices);
	printf("'; options='");
	print_names(c->options);
	printf("';;\n");
}

static void print_bash(void)
{
	printf("# bash completion of backstay: source <(backstay completion bash)\n"
	       "_backstay() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word command= words= options=\n"
	       "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\tcase $word in\n\t\t");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? "|" : "", commands[i]->name);
	printf(") command=$word; break;;\n\t\tesac\n\tdone\n\tcase $command:$prev in\n");
	for (size_t i = 0; commands[i]; i++)
		bash_values(commands[i]->name, commands[i]->options);
	bash_values("*", global_options);
	printf("\tesac\n\tcase $command in\n\t'') words='");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("';;\n");
	for (size_t i = 0; commands[i]; i++)
		bash_command(commands[i]);
	printf("\tesac\n\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$options");
	print_names(global_options);
	printf("\" -- \"$cur\"))\n"
	       "\telif [[ -n $words ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\telse\n\t\tCOMPREPLY=($(compgen -W latest -- \"$cur\") $(compgen -f -- \"$cur\"))\n\tfi\n}\n"
	       "complete -o filenames -F _backstay backstay\n");
}

/* ---- zsh ---- */

static void zsh_options(const struct opt *o)
{
	for (; o->name; o++) {
		printf(" \\\n\t\t\t'%s--%s%s[", o->type == OPT_LIST ? "*" : "", o->name, o->type == OPT_FLAG ? "" : "=");
		print_quoted(o->help, "[]:\\");
		putchar(']');
		if (o->choices) {
			printf(":%s:(", o->value);
			print_choices(o->choices);
			putchar(')');
		} else if (o->type != OPT_FLAG) {
			printf(":%s:_files", o->value);
		}
		putchar('\'');
	}
}

static void print_zsh(void)
{
	printf("#compdef backstay\n"
	       "# zsh completion of backstay: backstay completion zsh > \"${fpath[1]}/_backstay\"\n"
	       "_backstay() {\n\tlocal -a commands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t'%s:", commands[i]->name);
		print_quoted(commands[i]->summary, "");
		printf("'\n");
	}
	printf("\t)\n\tlocal state line\n\t_arguments -C '1:command:->command' '*::argument:->argument'\n"
	       "\tcase $state in\n\tcommand) _describe command commands;;\n\targument)\n\t\tcase $line[1] in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t%s) _arguments", commands[i]->name);
		zsh_options(commands[i]->options);
		zsh_options(global_options);
		if (commands[i]->choices) {
			printf(" \\\n\t\t\t'1:action:(");
			print_choices(commands[i]->choices);
			printf(")'");
		}
		printf(" \\\n\t\t\t'*:file:_files';;\n");
	}
	printf("\t\tesac;;\n\tesac\n}\n"
	       "if [ \"$funcstack[1]\" = _backstay ]; then _backstay \"$@\"; else compdef _backstay backstay; fi\n");
}

/* ---- fish ---- */

static void fish_options(const char *condition, const struct opt *o)
{
	for (; o->name; o++) {
		printf("complete -c backstay%s -l %s", condition, o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		if (o->type != OPT_FLAG)
			printf(" -r");
		if (o->choices) {
			printf(" -f -a '");
			print_choices(o->choices);
			putchar('\'');
		}
		printf(" -d '");
		print_quoted(o->help, "\\");
		printf("'\n");
	}
}

static void print_fish(void)
{
	char condition[128];

	printf("# fish completion of backstay: backstay completion fish > ~/.config/fish/completions/backstay.fish\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("complete -c backstay -n __fish_use_subcommand -f -a %s -d '", commands[i]->name);
		print_quoted(commands[i]->summary, "\\");
		printf("'\n");
		snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'", commands[i]->name);
		fish_options(condition, commands[i]->options);
		if (commands[i]->choices) {
			printf("complete -c backstay%s -f -a '", condition);
			print_choices(commands[i]->choices);
			printf("'\n");
		}
	}
	fish_options("", global_options);
}

static int run(const struct parsed *p, struct error *e)
{
	const char *shell = p->args.v[0];

	if (!strcmp(shell, "bash"))
		print_bash();
	else if (!strcmp(shell, "zsh"))
		print_zsh();
	else
		print_fish();
	return 0;
}

const struct command cmd_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "print a script that completes command lines in a shell",
	.examples =
		"source <(backstay completion bash)\n"
		"backstay completion fish > ~/.config/fish/completions/backstay.fish\n",
	.min_args = 1,
	.max_args = 1,
	.choices = "bash|zsh|fish",
	.options = options,
	.run = run,
};

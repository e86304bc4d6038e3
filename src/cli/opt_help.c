/* --help from the tables. */
#include "cli/opt.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 79
#define OPTION_COLUMN 26
#define COMMAND_COLUMN 14

/* Words of `text` from column `start` on, broken before WIDTH; the line stands at `column` already. */
static void print_beside(const char *text, size_t column, size_t start)
{
	if (column >= start) {
		putchar('\n');
		column = 0;
	}
	printf("%*s", (int)(start - column), "");
	column = start;
	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > start && column + 1 + n > WIDTH) {
			printf("\n%*s", (int)start, "");
			column = start;
		} else if (column > start) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_options(const char *title, const struct opt *o)
{
	if (!o || !o->name)
		return;
	printf("\n%s:\n", title);
	for (; o->name; o++) {
		int n = o->letter ? printf("  -%c, --%s", o->letter, o->name) : printf("      --%s", o->name);

		if (o->value)
			n += printf(" %s", o->value);
		print_beside(o->help, (size_t)n, OPTION_COLUMN);
	}
}

/* Each line of a text, indented. */
static void print_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("  %.*s\n", (int)n, text);
		text += n;
		text += *text == '\n';
	}
}

static void print_program_help(void)
{
	printf("Backstay backs up databases and folders into an encrypted, deduplicated\n"
	       "repository that restic reads too, and proves that it can bring them back.\n\n"
	       "Usage: backstay [options] COMMAND [options] [arguments]\n\nCommands:\n");
	for (size_t i = 0; commands[i]; i++) {
		int n = printf("  %s", commands[i]->name);

		print_beside(commands[i]->summary, (size_t)n, COMMAND_COLUMN);
	}
	print_options("Options of every command", global_options);
	printf("\nThe first steps:\n");
	print_lines("backstay backup app.db      makes the repository too\n"
		    "backstay list\n"
		    "backstay verify --level 4   proves that it comes back equal\n"
		    "backstay restore latest --to copy.db\n");
	printf("\n\"backstay help COMMAND\" tells more; so does \"man backstay\".\n");
}

void opt_print_help(const struct command *c)
{
	if (!c) {
		print_program_help();
		return;
	}
	printf("%s: %s\n\nUsage: backstay %s [options] %s\n", c->name, c->summary, c->name, c->arguments);
	if (c->details)
		printf("\n%s", c->details);
	print_options("Options", c->options);
	print_options("Options of every command", global_options);
	printf("\nExamples:\n");
	print_lines(c->examples);
}

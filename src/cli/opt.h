/* Command lines from tables: one table of commands drives parsing, usage, --help and shell completion; tests hold the
 * man page against it. */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include "base/error.h"
#include "base/strlist.h"

#include <stdint.h>

enum opt_type { OPT_FLAG, OPT_STRING, OPT_LIST, OPT_COUNT /* a whole number */, OPT_DURATION /* seconds */ };

/* An option of one name, and one letter, has the same type wherever it stands. */
struct opt {
	const char *name;         /* long name without dashes */
	char letter;              /* short form, or 0 */
	enum opt_type type;
	const char *value;        /* what the value is called in the help: "PATH"; NULL for flags */
	const char *help;         /* one line */
	const char *choices;      /* "sql|csv|xlsx": checked and completed; or NULL */
};

#define OPT_MAX 48

struct opt_value {
	bool given;
	const char *text;         /* last value, inside argv */
	struct strlist list;      /* all values */
	uint64_t number;
};

struct command;
struct parsed {
	const struct command *command;            /* NULL: none was named */
	struct opt_value values[OPT_MAX];         /* of the command's table, then the global one */
	struct strlist args;
};

struct command {
	const char *name;
	const char *arguments;    /* "SOURCE...", as in the usage line */
	const char *summary;      /* one line for the list of commands */
	const char *details;      /* paragraphs for its --help, or NULL */
	const char *examples;     /* lines "backstay backup app.db\n" */
	int min_args, max_args;   /* max -1: any */
	const char *choices;      /* of the first argument: "list|add"; or NULL */
	const struct opt *options;    /* ends with a zeroed entry */
	bool about_backups;       /* its arguments name backups and --source sources of theirs: configured names stand for URLs there (names.h) */
	int (*run)(const struct parsed *p, struct error *e);      /* 0, or -kind; the exit code follows from the kind (exit.h) */
};

extern const struct opt global_options[];         /* --repo, --json, --help ...; ends with a zeroed entry */
extern const struct command *const commands[];    /* NULL-terminated, in the order of the help */

/* Options may stand anywhere; "--" ends them; "--name=value", "--name value", "-n value", "-nvalue", "-qv". -ERR_USAGE
 * names what is wrong and, for a misspelt word, the nearest right one. Arguments are not counted when --help or
 * --version is given. Release *out in any case. */
int opt_parse(int argc, char **argv, struct parsed *out, struct error *e) MUST_USE;
void opt_release(struct parsed *p);
const struct opt_value *opt_find(const struct parsed *p, const char *name);      /* NULL: no table has it */
const struct opt_value *opt_get(const struct parsed *p, const char *name);       /* the name must be in a table (assert) */
bool opt_flag(const struct parsed *p, const char *name);
const char *opt_text(const struct parsed *p, const char *name);                  /* NULL when not given */
/* NULL when there is none of that name. */
const struct command *opt_command(const char *name);
/* -ERR_USAGE "there is no command ...", with the nearest one. */
int opt_unknown_command(const char *name, struct error *e);

/* opt_help.c: NULL is the whole program. Fits 80 columns; to stdout. */
void opt_print_help(const struct command *c);

#endif

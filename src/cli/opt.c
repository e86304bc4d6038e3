/* Parsing the command line. */
#include "cli/opt.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_options(const struct opt *o)
{
	size_t n = 0;

	while (o && o[n].name)
		n++;
	return n;
}

const struct command *opt_command(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

int opt_unknown_command(const char *name, struct error *e)
{
	struct nearest n = nearest_to(name);

	for (size_t i = 0; commands[i]; i++)
		nearest_consider(&n, commands[i]->name);
	if (n.found) {
		error_set(e, ERR_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, n.found);
		return error_hint(e, "backstay %s --help", n.found);
	}
	error_set(e, ERR_USAGE, "there is no command \"%s\"", name);
	return error_hint(e, "backstay help");
}

static int hint_help(const struct command *c, struct error *e)
{
	return c ? error_hint(e, "backstay %s --help", c->name) : error_hint(e, "backstay help");
}

static int unknown_option(const struct command *c, const char *name, struct error *e)
{
	struct nearest n = nearest_to(name);
	AUTO_FREE char *who = c ? mem_printf("%s has no", c->name) : mem_string("there is no");

	for (const struct opt *o = c ? c->options : NULL; o && o->name; o++)
		nearest_consider(&n, o->name);
	for (const struct opt *o = global_options; o->name; o++)
		nearest_consider(&n, o->name);
	if (n.found)
		error_set(e, ERR_USAGE, "%s option --%s; did you mean --%s?", who, name, n.found);
	else
		error_set(e, ERR_USAGE, "%s option --%s", who, name);
	return hint_help(c, e);
}

/* ---- words and options, one after the other ---- */

struct scan {
	const struct command *command;
	bool anywhere;            /* options of every command are known */
	int argc, at;
	char **argv;
	const char *letters;      /* rest of a group such as "-qv" */
	bool ended;               /* "--" was seen */
};

enum scanned { SCAN_END, SCAN_OPTION, SCAN_WORD };

static const struct opt *in_table(const struct opt *o, const char *name, size_t len, char letter)
{
	for (; o && o->name; o++)
		if (letter ? o->letter == letter : strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct opt *find_option(const struct scan *s, const char *name, size_t len, char letter)
{
	const struct opt *o = s->command ? in_table(s->command->options, name, len, letter) : NULL;

	if (!o)
		o = in_table(global_options, name, len, letter);
	for (size_t i = 0; !o && s->anywhere && commands[i]; i++)
		o = in_table(commands[i]->options, name, len, letter);
	return o;
}

static int next_value(struct scan *s, const struct opt *o, const char **value, struct error *e)
{
	if (s->at >= s->argc) {
		error_set(e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
		return hint_help(s->command, e);
	}
	*value = s->argv[s->at++];
	return SCAN_OPTION;
}

static int long_option(struct scan *s, const char *text, const struct opt **o, const char **value, struct error *e)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	*o = find_option(s, text, len, 0);
	if (!*o) {
		AUTO_FREE char *name = mem_string_n(text, len);

		return unknown_option(s->command, name, e);
	}
	*value = equals ? equals + 1 : NULL;
	if ((*o)->type == OPT_FLAG && equals) {
		error_set(e, ERR_USAGE, "--%s takes no value", (*o)->name);
		return hint_help(s->command, e);
	}
	return equals || (*o)->type == OPT_FLAG ? SCAN_OPTION : next_value(s, *o, value, e);
}

static int letter_option(struct scan *s, const struct opt **o, const char **value, struct error *e)
{
	char letter = *s->letters++;

	*o = find_option(s, NULL, 0, letter);
	if (!*o) {
		if (s->command)
			error_set(e, ERR_USAGE, "%s has no option -%c", s->command->name, letter);
		else
			error_set(e, ERR_USAGE, "there is no option -%c", letter);
		return hint_help(s->command, e);
	}
	*value = NULL;
	if ((*o)->type == OPT_FLAG)
		return SCAN_OPTION;
	if (*s->letters) {
		*value = s->letters;
		s->letters = NULL;
		return SCAN_OPTION;
	}
	return next_value(s, *o, value, e);
}

/* One of enum scanned, or -kind. A word is in *value. */
static int scan_next(struct scan *s, const struct opt **o, const char **value, struct error *e)
{
	if (s->letters && *s->letters)
		return letter_option(s, o, value, e);
	if (s->at >= s->argc)
		return SCAN_END;
	const char *text = s->argv[s->at++];

	if (!s->ended && !strcmp(text, "--")) {
		s->ended = true;
		return scan_next(s, o, value, e);
	}
	if (!s->ended && !strncmp(text, "--", 2))
		return long_option(s, text + 2, o, value, e);
	if (!s->ended && text[0] == '-' && text[1]) {
		s->letters = text + 1;
		return letter_option(s, o, value, e);
	}
	*value = text;
	return SCAN_WORD;
}

/* The first word that is no option's value; NULL when there is none, or something before it cannot be understood. */
static const char *command_word(int argc, char **argv)
{
	struct scan s = {.anywhere = true, .argc = argc, .at = 1, .argv = argv};
	struct error ignored = {0};
	const struct opt *o;
	const char *value;
	int rc;

	while ((rc = scan_next(&s, &o, &value, &ignored)) == SCAN_OPTION)
		;
	return rc == SCAN_WORD ? value : NULL;
}

/* ---- values ---- */

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
		if (strcspn(c, "|") == n && !strncmp(c, value, n))
			return true;
	return false;
}

static int check_choice(const char *what, const char *choices, const char *value, struct error *e)
{
	if (!choices || is_choice(choices, value))
		return 0;
	CLEANUP(strlist_release) struct strlist list = {0};

	for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
		strlist_take(&list, mem_string_n(c, strcspn(c, "|")));
	AUTO_FREE char *all = strlist_join(&list, ", ");

	return error_set(e, ERR_USAGE, "%s cannot be \"%s\"; it is one of: %s", what, value, all);
}

static int parse_count(const struct opt *o, const char *text, uint64_t *number, struct error *e)
{
	unsigned long long n = 0;

	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18 || sscanf(text, "%llu", &n) != 1)
		return error_set(e, ERR_USAGE, "--%s needs a whole number, not \"%s\"", o->name, text);
	*number = n;
	return 0;
}

static int parse_value(const struct command *c, const struct opt *o, const char *text, struct opt_value *v, struct error *e)
{
	AUTO_FREE char *what = mem_printf("--%s", o->name);
	int rc = 0;

	v->given = true;
	if (o->type == OPT_FLAG)
		return 0;
	v->text = text;
	strlist_add(&v->list, text);
	if (o->type == OPT_COUNT)
		rc = parse_count(o, text, &v->number, e);
	else if (o->type == OPT_DURATION && human_parse_duration(text, &v->number, e))
		rc = error_wrap(e, "--%s", o->name);
	else
		rc = check_choice(what, o->choices, text, e);
	return rc ? (*e->hint ? rc : hint_help(c, e)) : 0;
}

/* Where the value of this name is kept; NULL when no table has it. */
static struct opt_value *slot(const struct parsed *p, const char *name)
{
	const struct opt *own = p->command ? p->command->options : NULL;
	size_t n = count_options(own);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(own[i].name, name))
			return (struct opt_value *)&p->values[i];
	for (size_t i = 0; global_options[i].name; i++)
		if (!strcmp(global_options[i].name, name))
			return (struct opt_value *)&p->values[n + i];
	return NULL;
}

static int check_arguments(const struct parsed *p, struct error *e)
{
	const struct command *c = p->command;

	if (opt_flag(p, "help") || opt_flag(p, "version"))
		return 0;
	if (!c) {
		error_set(e, ERR_USAGE, "no command is given");
		return hint_help(c, e);
	}
	if (p->args.n < (size_t)c->min_args)
		error_set(e, ERR_USAGE, "%s needs more: backstay %s %s", c->name, c->name, c->arguments);
	else if (c->max_args >= 0 && p->args.n > (size_t)c->max_args)
		error_set(e, ERR_USAGE, "%s cannot take \"%s\" too: backstay %s %s", c->name, p->args.v[c->max_args], c->name, c->arguments);
	else if (!p->args.n || !check_choice(c->name, c->choices, p->args.v[0], e))
		return 0;
	return hint_help(c, e);
}

int opt_parse(int argc, char **argv, struct parsed *out, struct error *e)
{
	const char *word = command_word(argc, argv), *value;
	const struct opt *o;
	bool past_command = false;
	int rc;

	*out = (struct parsed){0};
	if (word && !(out->command = opt_command(word)))
		return opt_unknown_command(word, e);
	assert(count_options(global_options) + count_options(out->command ? out->command->options : NULL) <= OPT_MAX);
	struct scan s = {.command = out->command, .argc = argc, .at = 1, .argv = argv};

	while ((rc = scan_next(&s, &o, &value, e)) > SCAN_END) {
		if (rc == SCAN_OPTION) {
			rc = parse_value(out->command, o, value, slot(out, o->name), e);
			if (rc)
				return rc;
		} else if (past_command) {
			strlist_add(&out->args, value);
		}
		past_command = past_command || rc == SCAN_WORD;
	}
	return rc ? rc : check_arguments(out, e);
}

void opt_release(struct parsed *p)
{
	for (size_t i = 0; i < OPT_MAX; i++)
		strlist_release(&p->values[i].list);
	strlist_release(&p->args);
}

const struct opt_value *opt_find(const struct parsed *p, const char *name)
{
	return slot(p, name);
}

const struct opt_value *opt_get(const struct parsed *p, const char *name)
{
	const struct opt_value *v = slot(p, name);

	assert(v);
	return v;
}

bool opt_flag(const struct parsed *p, const char *name)
{
	return opt_get(p, name)->given;
}

const char *opt_text(const struct parsed *p, const char *name)
{
	return opt_get(p, name)->text;
}

/* What a script says about itself: whose dump it is, whether it is whole, into how many databases it goes. */
#include "engine/pg_script.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PASSED_MAX 64

struct pg_script_passed {
	const char *what;
	uint64_t line, count;     /* the first time; how often */
};

void pg_script_story_release(struct pg_script_story *s)
{
	free(s->server);
	free(s->tool);
	free(s->database);
	strlist_release(&s->filled);
	free(s->passed);
	*s = (struct pg_script_story){0};
}

void pg_script_story_pass(struct pg_script_story *s, const char *what, uint64_t line)
{
	for (size_t i = 0; i < s->passed_count; i++)
		if (strcmp(s->passed[i].what, what) == 0) {
			s->passed[i].count++;
			return;
		}
	if (s->passed_count == PASSED_MAX)
		return;
	GROW(s->passed, s->passed_count, s->passed_cap);
	s->passed[s->passed_count++] = (struct pg_script_passed){.what = what, .line = line, .count = 1};
}

void pg_script_story_notes(const struct pg_script_story *s, struct strlist *out)
{
	for (size_t i = 0; i < s->passed_count; i++) {
		const struct pg_script_passed *x = &s->passed[i];
		unsigned long long line = x->line, more = x->count - 1;
		if (more > 0)
			strlist_addf(out, "%s passed over (line %llu and %llu more)", x->what, line, more);
		else
			strlist_addf(out, "%s passed over (line %llu)", x->what, line);
	}
}

int pg_script_story_refuse(const char *what, uint64_t line, struct error *e)
{
	error_set(e, ERR_REFUSED, "line %llu: %s is not allowed", (unsigned long long)line, what);
	return error_hint(e, "only what builds one database is run from a file");
}

/* ---- comments ---- */

static bool after(const char *text, const char *begin, char **out)
{
	size_t n = strlen(begin);
	if (strncmp(text, begin, n) != 0)
		return false;
	if (!*out)
		*out = mem_string(text + n);
	return true;
}

void pg_script_story_comment(struct pg_script_story *s, const char *text)
{
	text += strspn(text, " ");
	if (strcmp(text, "PostgreSQL database dump") == 0)
		s->dumps++;
	else if (strcmp(text, "PostgreSQL database dump complete") == 0)
		s->complete++;
	else if (strcmp(text, "PostgreSQL database cluster dump") == 0)
		s->cluster = true;
	else if (strcmp(text, "PostgreSQL database cluster dump complete") == 0)
		s->cluster_complete = true;
	else if (!after(text, "Dumped from database version ", &s->server))
		(void)!after(text, "Dumped by pg_dump version ", &s->tool);
}

/* ---- backslash commands ---- */

/* The next argument of a command: words and quoted pieces, as psql takes them; NULL at the end. */
static char *argument(const char **line)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(PG_SCRIPT_LINE_MAX + 1);
	const char *p = *line + strspn(*line, " \t");
	char quote = 0;
	if (!*p)
		return NULL;
	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (quote ? *p == quote && p[1] != quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		p += quote && *p == quote;
		p += quote == '\'' && *p == '\\' && p[1];
		buf_add_byte(&b, (unsigned char)*p);
	}
	*line = p;
	return buf_take_text(&b);
}

/* "dbname='it''s' port=5432": the value of dbname; other text is the name itself. */
static char *database_of(char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(PG_SCRIPT_LINE_MAX + 1);
	const char *p = strstr(text, "dbname=");
	if (!p)
		return text;
	p += strlen("dbname=");
	bool quoted = *p == '\'';
	for (p += quoted; *p && (quoted ? *p != '\'' : *p != ' '); p++) {
		p += *p == '\\' && p[1];
		buf_add_byte(&b, (unsigned char)*p);
	}
	free(text);
	return buf_take_text(&b);
}

static void connect_to(struct pg_script_story *s, const char *arguments)
{
	char *name = argument(&arguments);
	while (name && strncmp(name, "-reuse-previous", strlen("-reuse-previous")) == 0) {
		free(name);
		name = argument(&arguments);
	}
	if (!name || strcmp(name, "-") == 0) {
		free(name);
		return;
	}
	free(s->database);
	s->database = database_of(name);
}

/* Another command may follow on the same line. */
static bool has_backslash(const char *p)
{
	char quote = 0;
	for (; *p; p++) {
		if (quote == '\'' && *p == '\\' && p[1])
			p++;
		else if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (*p == '\\' || *p == '`')
			return true;
	}
	return false;
}

static bool harmless(const char *command, const char *arguments)
{
	static const char *const names[] = {"restrict", "unrestrict", "timing", "pset", "echo", "qecho", "warn"};
	static const char *const variables[] = {"ON_ERROR_STOP", "QUIET", "ECHO", "VERBOSITY", "SHOW_CONTEXT"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(command, names[i]) == 0)
			return true;
	if (strcmp(command, "set") != 0)
		return false;
	AUTO_FREE char *variable = argument(&arguments);
	for (size_t i = 0; variable && i < ARRAY_LEN(variables); i++)
		if (strcmp(variable, variables[i]) == 0)
			return true;
	return false;
}

int pg_script_story_command(struct pg_script_story *s, const char *line, uint64_t at, struct error *e)
{
	size_t n = 1;
	while (isalpha((unsigned char)line[n]))
		n++;
	AUTO_FREE char *command = mem_string_n(line + 1, n - 1);
	const char *arguments = line + n;
	bool clean = !has_backslash(arguments) && (!*arguments || *arguments == ' ' || *arguments == '\t');
	if (clean && (strcmp(command, "connect") == 0 || strcmp(command, "c") == 0)) {
		connect_to(s, arguments);
		pg_script_story_pass(s, "\\connect", at);
		return 0;
	}
	if (clean && harmless(command, arguments))
		return 0;
	error_set(e, ERR_REFUSED, "line %llu: \"%.60s\" is a command of psql that is not run from a file",
		(unsigned long long)at, line);
	return error_hint(e, "if you trust the file, run it with psql itself");
}

/* ---- databases ---- */

void pg_script_story_fill(struct pg_script_story *s)
{
	const char *name = s->database ? s->database : "";
	if (!strlist_has(&s->filled, name))
		strlist_add(&s->filled, name);
}

int pg_script_story_one(const struct pg_script_story *s, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	if (s->filled.n <= 1)
		return 0;
	for (size_t i = 0; i < s->filled.n; i++)
		strlist_add(&names, *s->filled.v[i] ? s->filled.v[i] : "one without a name");
	AUTO_FREE char *all = strlist_join(&names, ", ");
	error_set(e, ERR_REFUSED, "it holds %zu databases: %s", s->filled.n, all);
	return error_hint(e, "dump the one you want by itself, with pg_dump; only one database can be restored at a time");
}

int pg_script_story_end(const struct pg_script_story *s, struct error *e)
{
	if (s->complete < s->dumps)
		return error_set(e, ERR_CORRUPT,
			"it is cut short: the line \"-- PostgreSQL database dump complete\" is missing");
	if (s->cluster && !s->cluster_complete)
		return error_set(e, ERR_CORRUPT,
			"it is cut short: the line \"-- PostgreSQL database cluster dump complete\" is missing");
	if (s->cluster && s->filled.n == 0)
		return error_set(e, ERR_MISMATCH, "it holds roles and other things of a whole server, but no database");
	return pg_script_story_one(s, e);
}

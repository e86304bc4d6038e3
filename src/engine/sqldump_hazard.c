/* What a statement must not be in a file from elsewhere. It is looked at by its words: what hides what it does is a hazard, too. */
#include "engine/sqldump_parts.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char on_server[] = "LOAD DATA, GRANT, or another statement about files or the whole server";
static const char on_accounts[] = "a statement about users, roles, servers or tablespaces";
static const char on_files[] = "writing or reading a file of the server";
static const char on_code[] = "loading code into the server";
static const char hidden[] = "a statement that does not show what it does (CALL, PREPARE, EXECUTE, BEGIN NOT ATOMIC and the like)";
static const char global[] = "a setting of the whole server";
static const char elsewhere[] = "a statement that names a database with a table: it would write there";

static bool is_any(const struct sqldump_token *t, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sqldump_token_is(t, words[i]))
			return true;
	return false;
}

static bool begins(const struct sqldump_token *t, const char *with)
{
	size_t n = strlen(with);
	return t->kind == TOKEN_WORD && t->n >= n && strncasecmp(t->p, with, n) == 0;
}

static bool has_word(struct sqldump_reader r, const char *const words[], size_t n)
{
	for (struct sqldump_token t = sqldump_token_next(&r); t.kind != TOKEN_END; t = sqldump_token_next(&r))
		if (is_any(&t, words, n))
			return true;
	return false;
}

/* ---- settings ---- */

/* SET STATEMENT x=1 FOR ... runs what follows. Of several settings any may be a global one; the first is seen elsewhere. */
static const char *judge_set(struct sqldump_reader r)
{
	int depth = 0;
	bool begun = false;
	struct sqldump_token t = sqldump_token_next(&r);
	if (sqldump_token_is(&t, "statement"))
		return hidden;
	for (; t.kind != TOKEN_END; t = sqldump_token_next(&r)) {
		depth += sqldump_token_is(&t, "(") - sqldump_token_is(&t, ")");
		if (begun && (begins(&t, "@@global") || begins(&t, "@@persist") || sqldump_token_is(&t, "global") || begins(&t, "persist")))
			return global;
		begun = depth == 0 && sqldump_token_is(&t, ",");
	}
	return NULL;
}

/* ---- names ---- */

static bool may_name(const struct sqldump_token *t)
{
	return t->kind == TOKEN_NAME || (t->kind == TOKEN_WORD && !isdigit((unsigned char)*t->p) && *t->p != '@');
}

/* database.table, outside parentheses and before the word `end`. What a foreign key refers to is not written to. */
static bool names_database(struct sqldump_reader r, const char *end)
{
	struct sqldump_token before = {0}, name = {0};
	int depth = 0;
	for (struct sqldump_token t = sqldump_token_next(&r); t.kind != TOKEN_END; t = sqldump_token_next(&r)) {
		depth += sqldump_token_is(&t, "(") - sqldump_token_is(&t, ")");
		if (end && depth == 0 && sqldump_token_is(&t, end))
			return false;
		if (depth == 0 && sqldump_token_is(&t, ".") && may_name(&name) && !sqldump_token_is(&before, "references")) {
			struct sqldump_reader ahead = r;
			struct sqldump_token second = sqldump_token_next(&ahead);
			if (may_name(&second))
				return true;
		}
		before = name;
		name = t;
	}
	return false;
}

/* ---- by the first word ---- */

static const char *judge_made(struct sqldump_reader r)
{
	static const char *const things[] = {"user", "role", "server", "tablespace", "logfile", "instance"};
	struct sqldump_token t = sqldump_token_next(&r);
	if (sqldump_token_is(&t, "or"))
		for (int i = 0; i < 2; i++)
			t = sqldump_token_next(&r);
	return is_any(&t, things, ARRAY_LEN(things)) ? on_accounts : NULL;
}

static const char *judge_other(const struct sqldump_token *first, struct sqldump_reader r)
{
	static const char *const all[] = {"alter", "create", "drop", "rename", "optimize", "analyze", "repair", "check", "checksum", "truncate"};
	struct sqldump_token next, second;
	struct sqldump_reader ahead = r;
	next = sqldump_token_next(&ahead);
	second = sqldump_token_next(&ahead);
	/* What is analyzed is run, unless it is a table. */
	if (sqldump_token_is(first, "analyze") && !sqldump_token_is(&next, "table") && !sqldump_token_is(&second, "table"))
		return hidden;
	if (is_any(first, all, ARRAY_LEN(all)))
		return names_database(r, NULL) ? elsewhere : NULL;
	if (sqldump_token_is(first, "update"))
		return names_database(r, "set") ? elsewhere : NULL;
	if (sqldump_token_is(first, "delete"))
		return names_database(r, "where") ? elsewhere : NULL;
	return NULL;
}

static bool is_compound(const struct sqldump_token *first, struct sqldump_reader r)
{
	static const char *const words[] = {"if", "case", "loop", "while", "repeat", "for"};
	struct sqldump_token next = sqldump_token_next(&r);
	if (sqldump_token_is(first, "begin"))
		return next.kind != TOKEN_END && !sqldump_token_is(&next, "work") && !sqldump_token_is(&next, ";");
	return is_any(first, words, ARRAY_LEN(words)) || sqldump_token_is(&next, ":");
}

const char *sqldump_hazard(enum sqldump_verb verb, const char *text, size_t n)
{
	static const char *const verbs[] = {
		"load", "install", "uninstall", "shutdown", "kill", "restart", "clone", "flush", "reset", "grant", "revoke", "handler",
		"import", "change", "purge", "backup", "cache", "xa", "stop", "binlog",
	};
	static const char *const runners[] = {"call", "prepare", "execute", "deallocate", "with", "get", "signal", "do"};
	static const char *const makers[] = {"create", "alter", "drop", "rename"};
	static const char *const files[] = {"outfile", "dumpfile", "load_file"}, *const code[] = {"soname"};
	struct sqldump_reader r = {.p = text, .end = text + n};
	struct sqldump_token first = sqldump_token_next(&r);
	/* The bodies of routines may hold anything; one without a body is a library. */
	if (verb == VERB_CREATE_ROUTINE)
		return !has_word(r, (const char *const[]){"begin", "return"}, 2) && has_word(r, code, 1) ? on_code : NULL;
	if (verb == VERB_CREATE_TRIGGER || verb == VERB_CREATE_EVENT || verb == VERB_INSERT || verb == VERB_DATABASE || verb == VERB_SERVER ||
	    verb == VERB_CREATE_VIEW || verb == VERB_CREATE_TABLE || verb == VERB_SETVAL)
		return NULL;
	if (sqldump_token_is(&first, "set"))
		return judge_set(r);
	if (is_any(&first, verbs, ARRAY_LEN(verbs)))
		return on_server;
	if (is_any(&first, runners, ARRAY_LEN(runners)) || is_compound(&first, r))
		return hidden;
	if (has_word(r, files, ARRAY_LEN(files)))
		return on_files;
	const char *what = is_any(&first, makers, ARRAY_LEN(makers)) ? judge_made(r) : NULL;
	return what ? what : verb == VERB_OTHER ? judge_other(&first, r) : NULL;
}

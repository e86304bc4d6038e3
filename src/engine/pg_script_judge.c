/* What a statement of PostgreSQL is, by its first words. Not a parser: what is not known here is simply run, and the
 * server says what it thinks of it. */
#include "engine/pg_script.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- tokens ---- */

enum { END, WORD, NAME, STRING, SIGN };

struct tokens {
	const char *p, *end;
	int type;
	const char *at;           /* of the token */
	size_t n;
	unsigned depth;           /* of parentheses, the token's own not counted */
};

static bool in_word(unsigned char c)
{
	return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

/* Comments are not in here any more. Escapes in strings do not matter for what is asked here. */
static void take_quoted(struct tokens *t, char quote)
{
	for (t->p++; t->p < t->end; t->p++) {
		if (*t->p != quote)
			continue;
		if (t->p + 1 == t->end || t->p[1] != quote)
			break;
		t->p++;
	}
	t->p += t->p < t->end;
}

static bool next(struct tokens *t)
{
	while (t->p < t->end && isspace((unsigned char)*t->p))
		t->p++;
	if (t->type == SIGN && t->n == 1 && *t->at == '(')
		t->depth++;
	t->at = t->p;
	t->type = END;
	if (t->p == t->end)
		return false;
	unsigned char c = (unsigned char)*t->p;
	if (c == '"' || c == '\'') {
		take_quoted(t, (char)c);
		t->type = c == '"' ? NAME : STRING;
	} else if (in_word(c)) {
		while (t->p < t->end && in_word((unsigned char)*t->p))
			t->p++;
		t->type = WORD;
	} else {
		t->p++;
		t->type = SIGN;
		if (c == ')' && t->depth > 0)
			t->depth--;
	}
	t->n = (size_t)(t->p - t->at);
	return true;
}

static bool is(const struct tokens *t, const char *word)
{
	return (t->type == WORD || t->type == SIGN) && t->n == strlen(word) && strncasecmp(t->at, word, t->n) == 0;
}

static bool is_any(const struct tokens *t, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(t, words[i]))
			return true;
	return false;
}

/* Take the word if it is there. */
static bool take(struct tokens *t, const char *word)
{
	return is(t, word) && (next(t), true);
}

/* A word folded to lower case, a quoted name as it is, a string's content. */
static char *text_of(const struct tokens *t)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	bool quoted = t->type != WORD;
	for (size_t i = quoted; i + quoted < t->n; i++) {
		char c = t->at[i];
		buf_add_byte(&b, (unsigned char)(quoted ? c : tolower((unsigned char)c)));
		i += quoted && c == *t->at;
	}
	return buf_take_text(&b);
}

/* [schema.]name, and what follows is the token at hand; false: no name. */
static bool take_name(struct tokens *t, char **schema, char **name)
{
	if (t->type != WORD && t->type != NAME)
		return false;
	*name = text_of(t);
	while (next(t) && is(t, ".") && next(t) && (t->type == WORD || t->type == NAME)) {
		free(*schema);
		*schema = *name;
		*name = text_of(t);
	}
	return true;
}

/* ---- kinds ---- */

static void say(struct pg_script_statement *s, enum pg_script_kind kind, const char *what)
{
	s->kind = kind;
	s->what = what;
}

static bool has_word(struct tokens t, const char *word)
{
	while (next(&t))
		if (is(&t, word))
			return true;
	return false;
}

/* COPY name [(columns)] FROM STDIN ...: everything else that COPY can do is done to files and programs of the server,
 * or writes to us. */
static void judge_copy(struct tokens *t, struct pg_script_statement *s)
{
	bool binary = take(t, "binary");
	say(s, PG_SCRIPT_REFUSE, "COPY with anything but stdin");
	if (!take_name(t, &s->schema, &s->table))
		return;
	while (t->type != END && (t->depth > 0 || !(is(t, "from") || is(t, "to"))))
		next(t);
	if (!take(t, "from") || !is(t, "stdin"))
		return;
	if (binary || has_word(*t, "binary"))
		say(s, PG_SCRIPT_REFUSE, "COPY of binary data");
	else
		say(s, PG_SCRIPT_COPY, "COPY");
	s->rows_are_lines = !has_word(*t, "csv") && !has_word(*t, "where");
}

/* GRANT and REVOKE: of roles when there is no ON. */
static void judge_grant(struct tokens *t, struct pg_script_statement *s)
{
	while (next(t) && (t->depth > 0 || !is(t, "on")))
		;
	if (t->type == END) {
		say(s, PG_SCRIPT_SKIP, "membership in roles");
		return;
	}
	next(t);
	if (is(t, "database") || is(t, "tablespace") || is(t, "parameter"))
		say(s, PG_SCRIPT_SKIP, "privileges on a database, tablespace or parameter");
	else
		say(s, PG_SCRIPT_OWNER, "privileges");
}

static bool global(const struct tokens *t)
{
	static const char *const kinds[] = {"database", "role", "tablespace"};
	return is_any(t, kinds, ARRAY_LEN(kinds));
}

static void judge_about(struct tokens *t, struct pg_script_statement *s)
{
	while (next(t) && (t->depth > 0 || !is(t, "on")))
		;
	if (next(t) && global(t))
		say(s, PG_SCRIPT_SKIP, "remarks on a database, role or tablespace");
}

static bool sets_owner(struct tokens t)
{
	while (next(&t))
		if (t.depth == 0 && is(&t, "owner"))
			return next(&t) && is(&t, "to");
	return false;
}

static void judge_change(struct tokens *t, const char *verb, struct pg_script_statement *s)
{
	bool create = strcmp(verb, "create") == 0, drop = strcmp(verb, "drop") == 0;
	if (is(t, "system"))
		say(s, PG_SCRIPT_REFUSE, "ALTER SYSTEM");
	else if (is(t, "database"))
		say(s, PG_SCRIPT_SKIP, create ? "CREATE DATABASE" : drop ? "DROP DATABASE" : "ALTER DATABASE");
	else if (is(t, "tablespace"))
		say(s, PG_SCRIPT_SKIP, create ? "CREATE TABLESPACE" : drop ? "DROP TABLESPACE" : "ALTER TABLESPACE");
	else if (is(t, "role") || is(t, "group") || (is(t, "user") && next(t) && !is(t, "mapping")))
		say(s, PG_SCRIPT_SKIP, create ? "CREATE ROLE" : drop ? "DROP ROLE" : "ALTER ROLE");
	else if (drop || (!create && has_word(*t, "drop")))
		say(s, PG_SCRIPT_DROP, "DROP");
	else if (!create && (is(t, "default") || sets_owner(*t)))
		say(s, PG_SCRIPT_OWNER, is(t, "default") ? "default privileges" : "an owner");
}

/* Tables that all databases of a server share. */
static bool shared_table(const char *name)
{
	static const char *const names[] = {
		"pg_authid", "pg_auth_members", "pg_database", "pg_db_role_setting", "pg_parameter_acl",
		"pg_replication_origin", "pg_shdepend", "pg_shdescription", "pg_shseclabel", "pg_subscription",
		"pg_tablespace",
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void judge_rows(struct tokens *t, struct pg_script_statement *s)
{
	bool insert = is(t, "insert");
	next(t);
	while (is(t, "into") || is(t, "from") || is(t, "only"))
		next(t);
	if (!take_name(t, &s->schema, &s->table))
		return;
	if (shared_table(s->table))
		say(s, PG_SCRIPT_SKIP, "a change of the server's own tables");
	else if (insert)
		say(s, PG_SCRIPT_INSERT, "INSERT");
}

/* COMMIT, ROLLBACK and their synonyms; ROLLBACK TO a savepoint is as any statement. */
static void judge_end(struct tokens *t, enum pg_script_kind kind, struct pg_script_statement *s)
{
	next(t);
	if (is(t, "prepared"))
		say(s, PG_SCRIPT_REFUSE, "a transaction in two phases");
	else if (kind == PG_SCRIPT_COMMIT || !(is(t, "to") || has_word(*t, "to")))
		say(s, kind, NULL);
}

/* SET [SESSION|LOCAL] name {=|TO} value */
static void judge_set(struct tokens *t, struct pg_script_statement *s)
{
	say(s, PG_SCRIPT_SETTING, "SET");
	next(t);
	if (is(t, "session") || is(t, "local"))
		next(t);
	if (take(t, "names")) {
		s->setting = mem_string("client_encoding");
	} else {
		AUTO_FREE char *schema = NULL;
		if (!take_name(t, &schema, &s->setting) || !(take(t, "=") || take(t, "to")))
			return;
	}
	if (t->type != END && t->type != SIGN)
		s->value = text_of(t);
}

/* SELECT pg_catalog.set_config('name', 'value', ...) */
static void judge_select(struct tokens *t, struct pg_script_statement *s)
{
	AUTO_FREE char *schema = NULL, *function = NULL;
	next(t);
	if (!take_name(t, &schema, &function) || strcmp(function, "set_config") != 0)
		return;
	say(s, PG_SCRIPT_SETTING, "SELECT set_config");
	if (!take(t, "(") || t->type != STRING)
		return;
	s->setting = text_of(t);
	if (next(t) && take(t, ",") && t->type == STRING)
		s->value = text_of(t);
}

void pg_script_judge(const char *sql, size_t n, struct pg_script_statement *out)
{
	static const char *const changes[] = {"create", "drop", "alter"};
	static const char *const rows[] = {"insert", "update", "delete", "merge"};
	struct tokens t = {.p = sql, .end = sql + n};
	*out = (struct pg_script_statement){.kind = PG_SCRIPT_RUN};
	next(&t);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		if (is(&t, changes[i])) {
			next(&t);
			judge_change(&t, changes[i], out);
			return;
		}
	if (take(&t, "copy"))
		judge_copy(&t, out);
	else if (is(&t, "grant") || is(&t, "revoke"))
		judge_grant(&t, out);
	else if (is(&t, "comment") || is(&t, "security"))
		judge_about(&t, out);
	else if (is_any(&t, rows, ARRAY_LEN(rows)))
		judge_rows(&t, out);
	else if (is(&t, "begin") || is(&t, "start"))
		say(out, PG_SCRIPT_BEGIN, NULL);
	else if (is(&t, "commit") || is(&t, "end"))
		judge_end(&t, PG_SCRIPT_COMMIT, out);
	else if (is(&t, "rollback") || is(&t, "abort"))
		judge_end(&t, PG_SCRIPT_ROLLBACK, out);
	else if (take(&t, "prepare") && is(&t, "transaction"))
		say(out, PG_SCRIPT_REFUSE, "a transaction in two phases");
	else if (is(&t, "set"))
		judge_set(&t, out);
	else if (is(&t, "reset") || is(&t, "discard"))
		say(out, PG_SCRIPT_SETTING, "RESET");
	else if (is(&t, "select"))
		judge_select(&t, out);
}

void pg_script_judge_release(struct pg_script_statement *s)
{
	free(s->schema);
	free(s->table);
	free(s->setting);
	free(s->value);
	*s = (struct pg_script_statement){0};
}

/* ---- tables ---- */

static bool judge_created(struct tokens *t, struct pg_script_object *out)
{
	static const char *const kinds[] = {"unlogged", "foreign"};
	while (is_any(t, kinds, ARRAY_LEN(kinds)))
		next(t);
	if (!take(t, "table"))
		return false;
	if (take(t, "if") && take(t, "not"))
		take(t, "exists");
	return take_name(t, &out->schema, &out->name);
}

static bool judge_constrained(struct tokens *t, struct pg_script_object *out)
{
	AUTO_FREE char *none = NULL;
	if (!take(t, "table"))
		return false;
	if (take(t, "if"))
		take(t, "exists");
	take(t, "only");
	return take_name(t, &out->schema, &out->name) && take(t, "add") && take(t, "constraint") &&
		take_name(t, &none, &out->constraint);
}

bool pg_script_judge_table(const char *sql, size_t n, struct pg_script_object *out)
{
	struct tokens t = {.p = sql, .end = sql + n};
	*out = (struct pg_script_object){0};
	next(&t);
	bool found = take(&t, "create") ? judge_created(&t, out) : take(&t, "alter") && judge_constrained(&t, out);
	if (!found)
		pg_script_judge_table_release(out);
	return found;
}

void pg_script_judge_table_release(struct pg_script_object *o)
{
	free(o->schema);
	free(o->name);
	free(o->constraint);
	*o = (struct pg_script_object){0};
}

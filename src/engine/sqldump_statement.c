/* What a statement of a dump is about: its first words tell. */
#include "engine/sqldump_parts.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- tokens ---- */

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '@' || (unsigned char)c >= 0x80;
}

/* Behind a comment or the mark of an executable one; p itself when there is none. */
static const char *skip_comment(const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	if (*p == '#' || (n >= 3 && p[0] == '-' && p[1] == '-' && (unsigned char)p[2] <= ' ')) {
		const char *nl = memchr(p, '\n', n);
		return nl ? nl + 1 : end;
	}
	if (n >= 2 && p[0] == '*' && p[1] == '/')
		return p + 2;
	if (n < 3 || p[0] != '/' || p[1] != '*')
		return p;
	if (p[2] == '!' || (n > 3 && p[2] == 'M' && p[3] == '!')) {
		p += p[2] == '!' ? 3 : 4;
		while (p < end && isdigit((unsigned char)*p))
			p++;
		return p;
	}
	const char *close = memmem(p + 2, n - 2, "*/", 2);
	return close ? close + 2 : end;
}

static void skip_blank(struct sqldump_reader *r)
{
	for (const char *before = NULL; r->p != before && r->p < r->end;) {
		while (r->p < r->end && (unsigned char)*r->p <= ' ')
			r->p++;
		before = r->p;
		if (r->p < r->end)
			r->p = skip_comment(r->p, r->end);
	}
}

/* Behind the quote that ends what begins at p. */
static const char *quoted_end(const char *p, const char *end)
{
	char quote = *p++;
	for (; p < end; p++) {
		if (*p == '\\' && quote != '`')
			p++;
		else if (*p == quote && p + 1 < end && p[1] == quote)
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return end;
}

struct sqldump_token sqldump_token_next(struct sqldump_reader *r)
{
	skip_blank(r);
	struct sqldump_token t = {.kind = TOKEN_END, .p = r->p};
	if (r->p >= r->end)
		return t;
	if (strchr("'\"`", *r->p) && *r->p) {
		t.kind = *r->p == '\'' ? TOKEN_STRING : TOKEN_NAME;
		r->p = quoted_end(r->p, r->end);
	} else if (word_char(*r->p)) {
		t.kind = TOKEN_WORD;
		while (r->p < r->end && word_char(*r->p))
			r->p++;
	} else {
		t.kind = TOKEN_SIGN;
		r->p++;
	}
	t.n = (size_t)(r->p - t.p);
	return t;
}

bool sqldump_token_is(const struct sqldump_token *t, const char *word)
{
	return (t->kind == TOKEN_WORD || t->kind == TOKEN_SIGN) && strlen(word) == t->n &&
	       strncasecmp(t->p, word, t->n) == 0;
}

char *sqldump_token_name(const struct sqldump_token *t)
{
	if (t->kind != TOKEN_NAME && t->kind != TOKEN_STRING)
		return mem_string_n(t->p, t->n);
	char *out = mem_alloc(t->n + 1);
	size_t n = 0;
	for (size_t i = 1; i + 1 < t->n; i++) {
		i += t->p[i] == t->p[0];
		out[n++] = t->p[i];
	}
	out[n] = '\0';
	return out;
}

static struct sqldump_token peek(const struct sqldump_reader *r)
{
	struct sqldump_reader ahead = *r;
	return sqldump_token_next(&ahead);
}

static bool accept(struct sqldump_reader *r, const char *word)
{
	struct sqldump_reader ahead = *r;
	struct sqldump_token t = sqldump_token_next(&ahead);
	if (!sqldump_token_is(&t, word))
		return false;
	*r = ahead;
	return true;
}

char *sqldump_read_name(struct sqldump_reader *r, bool *qualified)
{
	struct sqldump_token t = peek(r);
	*qualified = false;
	if (t.kind != TOKEN_NAME && t.kind != TOKEN_WORD)
		return NULL;
	sqldump_token_next(r);
	while (accept(r, ".")) {
		*qualified = true;
		t = sqldump_token_next(r);
	}
	return t.kind == TOKEN_NAME || t.kind == TOKEN_WORD ? sqldump_token_name(&t) : NULL;
}

/* ---- INSERT ---- */

void sqldump_insert_release(struct sqldump_insert *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->columns[i]);
	free(h->columns);
	free(h->table);
	*h = (struct sqldump_insert){0};
}

static bool read_columns(struct sqldump_reader *r, struct sqldump_insert *out)
{
	out->named = true;
	if (accept(r, ")"))
		return true;
	do {
		struct sqldump_token t = sqldump_token_next(r);
		if (t.kind != TOKEN_NAME && t.kind != TOKEN_WORD)
			return false;
		GROW(out->columns, out->n, out->cap);
		out->columns[out->n++] = sqldump_token_name(&t);
	} while (accept(r, ","));
	return accept(r, ")");
}

static void insert_words(struct sqldump_reader *r)
{
	while (accept(r, "LOW_PRIORITY") || accept(r, "DELAYED") || accept(r, "HIGH_PRIORITY") || accept(r, "IGNORE"))
		;
	accept(r, "INTO");
}

bool sqldump_insert_read(const char *text, size_t n, struct sqldump_insert *out)
{
	struct sqldump_reader r = {.p = text, .end = text + n};
	*out = (struct sqldump_insert){0};
	if (!accept(&r, "INSERT") && !accept(&r, "REPLACE"))
		return false;
	insert_words(&r);
	out->table = sqldump_read_name(&r, &out->qualified);
	if (!out->table || (accept(&r, "(") && !read_columns(&r, out)))
		return false;
	return (accept(&r, "VALUES") || accept(&r, "VALUE")) && peek(&r).kind == TOKEN_END;
}

/* ---- verbs ---- */

void sqldump_statement_release(struct sqldump_statement *s)
{
	free(s->charset);
	free(s->name);
	*s = (struct sqldump_statement){0};
}

static bool token_begins(const struct sqldump_token *t, const char *with)
{
	size_t n = strlen(with);
	return t->n >= n && strncasecmp(t->p, with, n) == 0;
}

/* A variable in which a value is kept for later, as the dump tools name them. */
static enum sqldump_verb kept(const struct sqldump_token *t)
{
	static const char *const local[] = {"@saved_", "@save_", "@OLD_AUTOCOMMIT", "@old_system_versioning",
					    "@OLDTMP_"};
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (token_begins(t, local[i]))
			return VERB_SAVE;
	return token_begins(t, "@OLD_") ? VERB_SAVE_ALL : VERB_OTHER;
}

static bool beyond_session(const struct sqldump_token *t, struct sqldump_reader *r)
{
	if (token_begins(t, "@@GLOBAL") || token_begins(t, "@@PERSIST") || sqldump_token_is(t, "GLOBAL") ||
	    sqldump_token_is(t, "PERSIST"))
		return true;
	if (token_begins(t, "@@SESSION") || sqldump_token_is(t, "SESSION")) {
		accept(r, ".");
		struct sqldump_token name = peek(r);
		return sqldump_token_is(&name, "SQL_LOG_BIN");
	}
	return sqldump_token_is(t, "SQL_LOG_BIN") || sqldump_token_is(t, "@@SQL_LOG_BIN");
}

static enum sqldump_verb read_set(struct sqldump_reader *r)
{
	struct sqldump_token first = sqldump_token_next(r);
	struct sqldump_reader rest = *r;
	if (sqldump_token_is(&first, "PASSWORD") || sqldump_token_is(&first, "ROLE") ||
	    sqldump_token_is(&first, "DEFAULT"))
		return VERB_OTHER;
	if (beyond_session(&first, &rest))
		return VERB_SERVER;
	enum sqldump_verb found = kept(&first);
	if (found != VERB_OTHER)
		return found;
	for (struct sqldump_token t = sqldump_token_next(r); t.kind != TOKEN_END; t = sqldump_token_next(r)) {
		found = kept(&t);
		if (found != VERB_OTHER)
			return found == VERB_SAVE ? VERB_RESTORE : VERB_RESTORE_ALL;
	}
	return sqldump_token_is(&first, "AUTOCOMMIT") || sqldump_token_is(&first, "@@AUTOCOMMIT") ? VERB_AUTOCOMMIT
												  : VERB_SET;
}

/* "NAMES gbk", "CHARACTER SET gbk", "character_set_client = gbk". */
static void read_charset(struct sqldump_reader r, struct sqldump_statement *out)
{
	for (struct sqldump_token t = sqldump_token_next(&r); t.kind != TOKEN_END; t = sqldump_token_next(&r)) {
		if (sqldump_token_is(&t, "NAMES") || sqldump_token_is(&t, "CHARSET") ||
		    (sqldump_token_is(&t, "CHARACTER") && accept(&r, "SET"))) {
			t = sqldump_token_next(&r);
		} else if (sqldump_token_is(&t, "CHARACTER_SET_CLIENT") || sqldump_token_is(&t, "@@CHARACTER_SET_CLIENT")) {
			accept(&r, ":");
			if (!accept(&r, "="))
				continue;
			t = sqldump_token_next(&r);
		} else {
			continue;
		}
		free(out->charset);
		out->charset = sqldump_token_name(&t);
	}
}

static const struct kind {
	const char *word;
	enum sqldump_verb create, drop;
} kinds[] = {
	{"TABLE", VERB_CREATE_TABLE, VERB_DROP_TABLE},
	{"VIEW", VERB_CREATE_VIEW, VERB_DROP_VIEW},
	{"SEQUENCE", VERB_CREATE_SEQUENCE, VERB_DROP_SEQUENCE},
	{"TRIGGER", VERB_CREATE_TRIGGER, VERB_DROP_TRIGGER},
	{"EVENT", VERB_CREATE_EVENT, VERB_DROP_EVENT},
	{"FUNCTION", VERB_CREATE_ROUTINE, VERB_DROP_ROUTINE},
	{"PROCEDURE", VERB_CREATE_ROUTINE, VERB_DROP_ROUTINE},
	{"PACKAGE", VERB_CREATE_ROUTINE, VERB_DROP_ROUTINE},
	{"DATABASE", VERB_DATABASE, VERB_DATABASE},
	{"SCHEMA", VERB_DATABASE, VERB_DATABASE},
};

static const struct kind *kind_of(const struct sqldump_token *t)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (sqldump_token_is(t, kinds[i].word))
			return &kinds[i];
	return NULL;
}

static void read_target(struct sqldump_reader *r, struct sqldump_statement *out)
{
	if (accept(r, "IF")) {
		accept(r, "NOT");
		accept(r, "EXISTS");
	}
	out->name = sqldump_read_name(r, &out->qualified);
}

/* CREATE TRIGGER t BEFORE INSERT ON orders: the table is what counts. */
static void read_trigger_table(struct sqldump_reader *r, struct sqldump_statement *out)
{
	bool qualified = out->qualified;
	free(TAKE(out->name));
	for (int i = 0; i < 6; i++) {
		struct sqldump_token t = sqldump_token_next(r);
		if (!sqldump_token_is(&t, "ON"))
			continue;
		out->name = sqldump_read_name(r, &out->qualified);
		break;
	}
	out->qualified |= qualified;
}

/* What stands between CREATE and the kind of thing: OR REPLACE, ALGORITHM, DEFINER, SQL SECURITY, AGGREGATE, TEMPORARY.
 */
static void read_create(struct sqldump_reader *r, struct sqldump_statement *out)
{
	static const char *const others[] = {"USER", "ROLE", "INDEX", "SERVER", "TABLESPACE", "LOGFILE", "AS", "("};
	const struct kind *k = NULL;
	for (int i = 0; i < 30 && !k; i++) {
		struct sqldump_token t = sqldump_token_next(r);
		k = kind_of(&t);
		for (size_t j = 0; j < ARRAY_LEN(others); j++)
			if (sqldump_token_is(&t, others[j]) || t.kind == TOKEN_END)
				return;
	}
	if (!k)
		return;
	accept(r, "BODY");
	out->verb = k->create;
	read_target(r, out);
	if (k->create == VERB_CREATE_TRIGGER)
		read_trigger_table(r, out);
}

static void read_drop(struct sqldump_reader *r, struct sqldump_statement *out)
{
	accept(r, "TEMPORARY");
	struct sqldump_token t = sqldump_token_next(r);
	const struct kind *k = kind_of(&t);
	if (!k)
		return;
	accept(r, "BODY");
	read_target(r, out);
	struct sqldump_token behind = peek(r);
	out->verb = sqldump_token_is(&behind, ",") ? VERB_OTHER : k->drop;
}

static void read_alter(struct sqldump_reader *r, struct sqldump_statement *out)
{
	if (accept(r, "DATABASE") || accept(r, "SCHEMA")) {
		out->verb = VERB_DATABASE;
		out->name = sqldump_read_name(r, &out->qualified);
	} else if (accept(r, "TABLE")) {
		read_target(r, out);
		bool keys =
			(accept(r, "DISABLE") || accept(r, "ENABLE")) && accept(r, "KEYS") && peek(r).kind == TOKEN_END;
		out->verb = keys ? VERB_KEYS : VERB_OTHER;
	}
}

static void read_lock(struct sqldump_reader *r, struct sqldump_statement *out)
{
	if (!accept(r, "TABLES") && !accept(r, "TABLE"))
		return;
	out->name = sqldump_read_name(r, &out->qualified);
	bool one = accept(r, "WRITE") && peek(r).kind == TOKEN_END;
	out->verb = one ? VERB_LOCK : VERB_TRANSACTION;
}

static void read_setval(struct sqldump_reader *r, struct sqldump_statement *out)
{
	if (!accept(r, "SETVAL") || !accept(r, "("))
		return;
	out->verb = VERB_SETVAL;
	out->name = sqldump_read_name(r, &out->qualified);
}

static void read_insert(const char *text, size_t n, struct sqldump_reader *r, struct sqldump_statement *out)
{
	struct sqldump_insert head;
	if (sqldump_insert_read(text, n, &head)) {
		out->verb = VERB_INSERT;
		out->qualified = head.qualified;
		out->name = TAKE(head.table);
	} else {
		insert_words(r);
		out->name = sqldump_read_name(r, &out->qualified);
		out->verb = out->name ? VERB_INSERT : VERB_OTHER;
	}
	sqldump_insert_release(&head);
}

/* Statements that change a table we need not know more about. */
static void read_change(struct sqldump_reader *r, struct sqldump_statement *out)
{
	accept(r, "FROM");
	accept(r, "TABLE");
	out->name = sqldump_read_name(r, &out->qualified);
}

static bool is_command(const struct sqldump_token *t)
{
	static const char *const words[] = {
		"system",
		"source",
		"tee",
		"notee",
		"pager",
		"nopager",
		"edit",
		"connect",
		"quit",
		"exit",
		"go",
		"ego",
		"help",
		"clear",
		"status",
		"print",
		"rehash",
		"prompt",
		"sandbox",
		"nowarning",
		"warnings",
		"costs",
		"ssl_session_data_print",
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (sqldump_token_is(t, words[i]))
			return true;
	return false;
}

/* What replication would be told, or users. */
static bool is_server(const struct sqldump_token *first, const struct sqldump_reader *r)
{
	struct sqldump_token t = peek(r);
	if (sqldump_token_is(first, "CHANGE"))
		return sqldump_token_is(&t, "MASTER") || sqldump_token_is(&t, "REPLICATION");
	return (sqldump_token_is(first, "START") || sqldump_token_is(first, "STOP") ||
		sqldump_token_is(first, "RESET")) &&
	       (sqldump_token_is(&t, "SLAVE") || sqldump_token_is(&t, "REPLICA") || sqldump_token_is(&t, "ALL") ||
		sqldump_token_is(&t, "MASTER") || sqldump_token_is(&t, "GROUP_REPLICATION"));
}

static bool needs_name(enum sqldump_verb v)
{
	return (v >= VERB_DROP_TABLE && v <= VERB_INSERT);
}

void sqldump_statement_read(const char *text, size_t n, struct sqldump_statement *out)
{
	struct sqldump_reader r = {.p = text, .end = text + n};
	struct sqldump_token first = sqldump_token_next(&r);
	*out = (struct sqldump_statement){.verb = first.kind == TOKEN_END ? VERB_EMPTY : VERB_OTHER};
	if (sqldump_token_is(&first, "SET")) {
		read_charset(r, out);
		out->verb = read_set(&r);
	} else if (sqldump_token_is(&first, "INSERT") || sqldump_token_is(&first, "REPLACE"))
		read_insert(text, n, &r, out);
	else if (sqldump_token_is(&first, "CREATE"))
		read_create(&r, out);
	else if (sqldump_token_is(&first, "DROP"))
		read_drop(&r, out);
	else if (sqldump_token_is(&first, "ALTER"))
		read_alter(&r, out);
	else if (sqldump_token_is(&first, "LOCK"))
		read_lock(&r, out);
	else if (sqldump_token_is(&first, "UNLOCK"))
		out->verb = VERB_UNLOCK;
	else if (sqldump_token_is(&first, "COMMIT"))
		out->verb = VERB_COMMIT;
	else if (sqldump_token_is(&first, "DO") || sqldump_token_is(&first, "SELECT"))
		read_setval(&r, out);
	else if (sqldump_token_is(&first, "USE")) {
		out->verb = VERB_DATABASE;
		out->name = sqldump_read_name(&r, &out->qualified);
	} else if (is_server(&first, &r))
		out->verb = VERB_SERVER;
	else if (sqldump_token_is(&first, "UPDATE") || sqldump_token_is(&first, "DELETE") ||
		 sqldump_token_is(&first, "TRUNCATE"))
		read_change(&r, out);
	else if (sqldump_token_is(&first, "BEGIN") || sqldump_token_is(&first, "START"))
		out->verb = VERB_TRANSACTION;
	else if (is_command(&first))
		out->verb = VERB_COMMAND;
	if (needs_name(out->verb) && !out->name)
		out->verb = VERB_OTHER;
}

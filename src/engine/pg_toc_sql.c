/* Reads the few statements of a table of contents that tell about tables, in the forms in which pg_dump writes them:
 * keywords in capitals, every name that needs it in double quotes, expressions as the server prints them. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum token { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_STRING, TOKEN_SIGN };

struct lexer {
	const char *p;           /* behind the current token */
	enum token token;
	const char *at, *end;    /* of the current token */
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
		(unsigned char)c >= 0x80;
}

static const char *skip_space(const char *p)
{
	for (;;) {
		p += strspn(p, " \t\r\n\f\v");
		if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\n");
		else
			return p;
	}
}

/* Behind the quote that ends what begins at p; a doubled one stands for itself. */
static const char *skip_quoted(const char *p, bool backslashes)
{
	char quote = *p++;
	for (; *p; p++) {
		if (backslashes && *p == '\\' && p[1])
			p++;
		else if (*p == quote && *++p != quote)
			return p;
	}
	return p;
}

static enum token next(struct lexer *x)
{
	const char *p = skip_space(x->p);
	x->at = p;
	if (*p == '\0') {
		x->token = TOKEN_END;
	} else if (*p == '"' || *p == '\'') {
		x->token = *p == '"' ? TOKEN_NAME : TOKEN_STRING;
		p = skip_quoted(p, false);
	} else if (*p == 'E' && p[1] == '\'') {
		x->token = TOKEN_STRING;
		p = skip_quoted(p + 1, true);
	} else if (is_word(*p)) {
		x->token = TOKEN_WORD;
		while (is_word(*p))
			p++;
	} else {
		x->token = TOKEN_SIGN;
		p++;
	}
	x->p = x->end = p;
	return x->token;
}

static bool at_word(const struct lexer *x, const char *word)
{
	size_t n = strlen(word);
	return x->token == TOKEN_WORD && (size_t)(x->end - x->at) == n && memcmp(x->at, word, n) == 0;
}

static bool at_sign(const struct lexer *x, char sign)
{
	return x->token == TOKEN_SIGN && *x->at == sign;
}

/* The current token is this word; on to the next. */
static bool accept(struct lexer *x, const char *word)
{
	if (!at_word(x, word))
		return false;
	next(x);
	return true;
}

static bool accept_sign(struct lexer *x, char sign)
{
	if (!at_sign(x, sign))
		return false;
	next(x);
	return true;
}

/* The name at the current token, without quotes, heap; NULL when there is none. */
static char *take_name(struct lexer *x)
{
	char *name = NULL;
	size_t n = 0;
	if (x->token == TOKEN_WORD) {
		name = mem_string_n(x->at, (size_t)(x->end - x->at));
	} else if (x->token == TOKEN_NAME && x->end - x->at >= 2 && x->end[-1] == '"') {
		name = mem_alloc((size_t)(x->end - x->at));
		for (const char *p = x->at + 1; p < x->end - 1; p++) {
			name[n++] = *p;
			p += *p == '"';
		}
		name[n] = '\0';
	}
	if (name)
		next(x);
	return name;
}

/* "table" or "schema.table"; *schema stays NULL without one. */
static bool take_table(struct lexer *x, char **schema, char **table)
{
	char *name = take_name(x);
	if (name && accept_sign(x, '.')) {
		*schema = name;
		name = take_name(x);
	}
	*table = name;
	return name != NULL;
}

/* ---- CREATE TABLE ---- */

void pg_toc_sql_release(struct pg_sql_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].type);
	}
	free(t->v);
	strlist_release(&t->parent_schemas);
	strlist_release(&t->parents);
	*t = (struct pg_sql_table){0};
}

static bool take_parent(struct lexer *x, struct pg_sql_table *out)
{
	char *schema = NULL, *table = NULL;
	bool good = take_table(x, &schema, &table);
	if (good) {
		strlist_take(&out->parent_schemas, schema ? TAKE(schema) : mem_string(""));
		strlist_take(&out->parents, TAKE(table));
	}
	free(schema);
	free(table);
	return good;
}

/* Whether the type of a column ends here and what belongs to the column begins. */
static bool at_option(const struct lexer *x)
{
	static const char *const words[] = {"COLLATE", "CONSTRAINT", "DEFAULT", "NOT", "NULL", "GENERATED", "CHECK",
		"OPTIONS", "STORAGE", "COMPRESSION"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (at_word(x, words[i]))
			return true;
	return false;
}

/* One step within an item; false at its end: a comma or the closing bracket that is not inside. */
static bool step(struct lexer *x, int *depth)
{
	if (x->token == TOKEN_END || (*depth == 0 && (at_sign(x, ',') || at_sign(x, ')'))))
		return false;
	*depth += (at_sign(x, '(') || at_sign(x, '[')) - (at_sign(x, ')') || at_sign(x, ']'));
	next(x);
	return true;
}

/* From behind the type to the end of the item: whether it says GENERATED ALWAYS AS (. */
static bool skip_options(struct lexer *x)
{
	bool generated = false;
	int depth = 0;
	do {
		while (depth == 0 && accept(x, "GENERATED"))
			if (accept(x, "ALWAYS") && accept(x, "AS") && at_sign(x, '('))
				generated = true;
	} while (step(x, &depth));
	return generated;
}

static bool is_constraint(const struct lexer *x)
{
	static const char *const words[] = {"CONSTRAINT", "CHECK", "NOT", "PRIMARY", "UNIQUE", "FOREIGN", "LIKE"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (at_word(x, words[i]))
			return true;
	return false;
}

static bool take_column(struct lexer *x, struct pg_sql_table *out, size_t *cap)
{
	if (is_constraint(x)) {
		skip_options(x);
		return true;
	}
	char *name = take_name(x);
	if (!name)
		return false;
	const char *from = x->at, *to = x->at;
	int depth = 0;
	while (depth > 0 || !at_option(x)) {
		const char *end = x->end;
		if (!step(x, &depth))
			break;
		to = end;
	}
	GROW(out->v, out->n, *cap);
	out->v[out->n++] = (struct pg_sql_column){.name = name, .type = mem_string_n(from, (size_t)(to - from)),
		.generated = skip_options(x)};
	return true;
}

static bool take_columns(struct lexer *x, struct pg_sql_table *out)
{
	size_t cap = 0;
	if (accept_sign(x, ')'))
		return true;
	do {
		if (!take_column(x, out, &cap))
			return false;
	} while (accept_sign(x, ','));
	return accept_sign(x, ')');
}

/* What follows the columns. */
static bool take_rest(struct lexer *x, struct pg_sql_table *out)
{
	bool good = true;
	while (good && x->token != TOKEN_END && !at_sign(x, ';')) {
		if (accept(x, "INHERITS") && accept_sign(x, '(')) {
			do
				good = take_parent(x, out);
			while (good && accept_sign(x, ','));
		} else if (accept(x, "PARTITION") && at_word(x, "BY")) {
			out->partitioned = true;
		} else {
			next(x);
		}
	}
	return good;
}

bool pg_toc_sql_table(const char *defn, struct pg_sql_table *out)
{
	struct lexer x = {.p = defn};
	char *schema = NULL, *table = NULL;
	*out = (struct pg_sql_table){0};
	next(&x);
	bool good = accept(&x, "CREATE");
	while (good && (accept(&x, "UNLOGGED") || accept(&x, "FOREIGN")))
		;
	good = good && accept(&x, "TABLE") && take_table(&x, &schema, &table);
	free(schema);
	free(table);
	if (good && accept(&x, "PARTITION"))
		good = accept(&x, "OF") && take_parent(&x, out);
	else if (good && accept_sign(&x, '('))
		good = take_columns(&x, out);
	/* OF a type: the columns are the type's. */
	if (good && take_rest(&x, out))
		return true;
	pg_toc_sql_release(out);
	return false;
}

/* ---- the others ---- */

/* Names in brackets; the current token is behind the opening one. */
static bool take_names(struct lexer *x, struct strlist *names)
{
	do {
		char *name = take_name(x);
		if (!name)
			return false;
		strlist_take(names, name);
		if (accept(x, "WITHOUT"))
			accept(x, "OVERLAPS");
	} while (accept_sign(x, ','));
	return accept_sign(x, ')');
}

static void put_first(struct strlist *l, const char *name)
{
	strlist_add(l, name);
	char *last = l->v[l->n - 1];
	memmove(l->v + 1, l->v, (l->n - 1) * sizeof *l->v);
	l->v[0] = last;
}

bool pg_toc_sql_copy(const char *statement, struct strlist *columns)
{
	struct lexer x = {.p = statement};
	char *schema = NULL, *table = NULL;
	next(&x);
	bool good = accept(&x, "COPY") && take_table(&x, &schema, &table);
	free(schema);
	free(table);
	if (good && accept_sign(&x, '('))
		good = take_names(&x, columns);
	if (good && accept(&x, "WITH") && accept(&x, "OIDS"))
		put_first(columns, "oid");
	return good && accept(&x, "FROM");
}

bool pg_toc_sql_key(const char *defn, char **schema, char **table, struct strlist *columns)
{
	struct lexer x = {.p = defn};
	*schema = *table = NULL;
	next(&x);
	if (!accept(&x, "ALTER") || !accept(&x, "TABLE"))
		return false;
	accept(&x, "ONLY");
	bool good = take_table(&x, schema, table) && accept(&x, "ADD") && accept(&x, "CONSTRAINT");
	AUTO_FREE char *name = good ? take_name(&x) : NULL;
	if (name && accept(&x, "PRIMARY") && accept(&x, "KEY") && accept_sign(&x, '(') && take_names(&x, columns))
		return true;
	free(TAKE(*schema));
	free(TAKE(*table));
	return false;
}

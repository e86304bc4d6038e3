/* SQL text on its way into another database. Only what stands where the grammar of CREATE, DROP and ALTER has an account or
 * a qualified name is changed; bodies of routines pass as they are. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

#define DELIMITER_MAX 32

enum kind { END, STATEMENT_END, WORD, NAME, STRING, SIGN };

struct token {
	enum kind kind;
	size_t from, to;
};

struct scan {
	const char *p;
	size_t n, at;
	char delimiter[DELIMITER_MAX];
	bool fresh;                       /* nothing of the statement was seen yet */
	const struct my_rewrite *r;
	struct buf *out;
	size_t copied;                    /* up to here the text has gone to out */
};

static bool is_word(unsigned char c)
{
	return c >= 0x80 || c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool starts(const struct scan *s, const char *text)
{
	size_t n = strlen(text);
	return s->n - s->at >= n && memcmp(s->p + s->at, text, n) == 0;
}

static void skip_line(struct scan *s)
{
	const char *end = memchr(s->p + s->at, '\n', s->n - s->at);
	s->at = end ? (size_t)(end - s->p) + 1 : s->n;
}

/* The opening of a comment that is executed (an exclamation mark, M before it or not, and a version). Its content is like any other text. */
static bool skip_opening(struct scan *s)
{
	size_t at = s->at + 2;
	if (at < s->n && s->p[at] == 'M')
		at++;
	if (at >= s->n || s->p[at] != '!')
		return false;
	for (at++; at < s->n && s->p[at] >= '0' && s->p[at] <= '9';)
		at++;
	s->at = at;
	return true;
}

static void skip_comment(struct scan *s)
{
	const char *end = s->n - s->at > 2 ? memmem(s->p + s->at + 2, s->n - s->at - 2, "*/", 2) : NULL;
	s->at = end ? (size_t)(end - s->p) + 2 : s->n;
}

/* Past white space and comments; false when there were none. */
static bool skip_blank(struct scan *s)
{
	if (is_space(s->p[s->at]))
		s->at++;
	else if (s->p[s->at] == '#' || (starts(s, "--") && (s->n - s->at == 2 || is_space(s->p[s->at + 2]))))
		skip_line(s);
	else if (starts(s, "*/"))
		s->at += 2;
	else if (!starts(s, "/*"))
		return false;
	else if (!skip_opening(s))
		skip_comment(s);
	return true;
}

static void skip_quoted(struct scan *s)
{
	char quote = s->p[s->at++];
	while (s->at < s->n) {
		char c = s->p[s->at++];
		if (c == '\\' && quote != '`' && s->at < s->n)
			s->at++;
		else if (c == quote && s->at < s->n && s->p[s->at] == quote)
			s->at++;
		else if (c == quote)
			return;
	}
}

/* "DELIMITER ;;" is the client's, and ends with its line. */
static bool take_delimiter(struct scan *s)
{
	static const char word[] = "DELIMITER";
	size_t n = sizeof word - 1;
	if (!s->fresh || s->n - s->at <= n || strncasecmp(s->p + s->at, word, n) != 0 || !is_space(s->p[s->at + n]))
		return false;
	size_t from = s->at + n;
	skip_line(s);
	while (from < s->at && is_space(s->p[from]))
		from++;
	size_t to = from;
	while (to < s->at && !is_space(s->p[to]))
		to++;
	if (to > from && to - from < DELIMITER_MAX) {
		memcpy(s->delimiter, s->p + from, to - from);
		s->delimiter[to - from] = '\0';
	}
	return true;
}

static struct token next(struct scan *s)
{
	while (s->at < s->n && (skip_blank(s) || take_delimiter(s)))
		continue;
	struct token t = {.from = s->at, .to = s->at};
	if (s->at >= s->n)
		return t;
	char c = s->p[s->at];
	s->fresh = false;
	if (starts(s, s->delimiter)) {
		s->at += strlen(s->delimiter);
		s->fresh = true;
		t.kind = STATEMENT_END;
	} else if (c == '`' || c == '\'' || c == '"') {
		skip_quoted(s);
		t.kind = c == '`' ? NAME : STRING;
	} else if (is_word((unsigned char)c)) {
		while (s->at < s->n && is_word((unsigned char)s->p[s->at]))
			s->at++;
		t.kind = WORD;
	} else {
		s->at++;
		t.kind = SIGN;
	}
	t.to = s->at;
	return t;
}

static struct token peek(const struct scan *s)
{
	struct scan ahead = *s;
	return next(&ahead);
}

static bool is(const struct scan *s, struct token t, const char *word)
{
	return t.kind == WORD && t.to - t.from == strlen(word) && strncasecmp(s->p + t.from, word, t.to - t.from) == 0;
}

static bool is_sign(const struct scan *s, struct token t, char c)
{
	return t.kind == SIGN && s->p[t.from] == c;
}

static bool at_end(struct token t)
{
	return t.kind == END || t.kind == STATEMENT_END;
}

/* Put `with` in place of what stands between the two. */
static void replace(struct scan *s, size_t from, size_t to, const char *with)
{
	buf_add(s->out, s->p + s->copied, from - s->copied);
	buf_add_str(s->out, with);
	s->copied = to;
}

/* A word or a quoted name as its text. Heap. */
static char *text_of(const struct scan *s, struct token t)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	if (t.kind != NAME && t.kind != STRING)
		return mem_string_n(s->p + t.from, t.to - t.from);
	char quote = s->p[t.from];
	for (size_t i = t.from + 1; i + 1 < t.to; i++) {
		if (s->p[i] == quote || (s->p[i] == '\\' && quote != '`'))
			i++;
		buf_add_byte(&b, (unsigned char)s->p[i]);
	}
	return buf_take_text(&b);
}

static void note_definer(struct scan *s, struct token user, struct token host)
{
	AUTO_FREE char *name = text_of(s, user);
	if (!s->r->definers || (user.kind == WORD && strncasecmp(name, "CURRENT_", 8) == 0))
		return;
	AUTO_FREE char *at = at_end(host) ? NULL : text_of(s, host);
	AUTO_FREE char *account = at ? my_sql("%L@%L", name, at) : my_sql("%L", name);
	if (!strlist_has(s->r->definers, account))
		strlist_add(s->r->definers, account);
}

/* After the word DEFINER, when "=" follows: an account or a role. */
static void definer(struct scan *s, struct token word)
{
	if (!is_sign(s, peek(s), '='))
		return;
	next(s);
	struct token user = next(s), host = {0};
	size_t end = user.to;
	if (is_sign(s, peek(s), '@')) {
		next(s);
		host = next(s);
		end = host.to;
	} else if (user.kind == WORD && is_sign(s, peek(s), '(')) {
		next(s);
		end = next(s).to;
	}
	if (at_end(user))
		return;
	note_definer(s, user, host);
	if (s->r->drop_definers)
		replace(s, word.from, end, "");
}

/* A name that may have a database's in front, which goes away. */
static void unqualify(struct scan *s)
{
	struct token name = next(s);
	if ((name.kind != NAME && name.kind != WORD) || !is_sign(s, peek(s), '.'))
		return;
	struct token dot = next(s);
	replace(s, name.from, dot.to, "");
	next(s);
}

static void skip_if_exists(struct scan *s)
{
	if (!is(s, peek(s), "IF"))
		return;
	while (!at_end(peek(s)) && !is(s, next(s), "EXISTS"))
		continue;
}

static void trigger(struct scan *s)
{
	skip_if_exists(s);
	unqualify(s);
	struct token t;
	while (!at_end(t = peek(s)) && !is(s, t, "FOR")) {
		next(s);
		if (is(s, t, "ON")) {
			unqualify(s);
			return;
		}
	}
}

static bool is_object(const struct scan *s, struct token t)
{
	static const char *const words[] = {"VIEW", "EVENT", "FUNCTION", "PROCEDURE", "PACKAGE", "TABLE", "SEQUENCE", "TRIGGER"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is(s, t, words[i]))
			return true;
	return false;
}

static void create(struct scan *s)
{
	struct token t;
	while (!at_end(t = peek(s)) && !is_object(s, t)) {
		next(s);
		if (is(s, t, "DEFINER"))
			definer(s, t);
	}
	if (is(s, t, "TRIGGER")) {
		next(s);
		trigger(s);
	}
}

static void alter_or_drop(struct scan *s)
{
	struct token t = peek(s);
	if (is(s, t, "TRIGGER")) {
		next(s);
		skip_if_exists(s);
		unqualify(s);
	} else if (is(s, t, "DATABASE") || is(s, t, "SCHEMA")) {
		next(s);
		t = peek(s);
		if (t.kind == NAME)
			replace(s, t.from, t.to, "");
	}
}

/* After nextval, lastval, setval: the sequence's database, when it is the one the dump was made of. */
static void sequence(struct scan *s)
{
	if (!is_sign(s, peek(s), '('))
		return;
	next(s);
	struct token database = peek(s);
	if (database.kind != NAME && database.kind != WORD)
		return;
	next(s);
	AUTO_FREE char *name = text_of(s, database);
	if (!is_sign(s, peek(s), '.') || strcmp(name, s->r->from) != 0)
		return;
	AUTO_FREE char *to = my_sql("%I", s->r->to);
	replace(s, database.from, database.to, to);
}

static void drop_qualifier(struct scan *s, struct token t)
{
	if (t.kind != NAME || !is_sign(s, peek(s), '.'))
		return;
	AUTO_FREE char *name = text_of(s, t);
	if (strcmp(name, s->r->unqualify) == 0)
		replace(s, t.from, next(s).to, "");
}

/* A name of three parts begins with a database for certain; one of two may as well be a table's column. */
static void drop_column_database(struct scan *s, struct token t)
{
	struct scan ahead = *s;
	if (t.kind != NAME)
		return;
	struct token dot = next(&ahead), table = next(&ahead);
	AUTO_FREE char *name = text_of(s, t);
	if (strcmp(name, s->r->column_database) == 0 && is_sign(s, dot, '.') && table.kind == NAME && is_sign(s, peek(&ahead), '.'))
		replace(s, t.from, dot.to, "");
}

static void statement(struct scan *s)
{
	struct token t = next(s);
	if (is(s, t, "CREATE"))
		create(s);
	else if (is(s, t, "ALTER") || is(s, t, "DROP"))
		alter_or_drop(s);
	while (!at_end(t)) {
		t = next(s);
		if (s->r->sequences && s->r->from && (is(s, t, "nextval") || is(s, t, "lastval") || is(s, t, "setval")))
			sequence(s);
		else if (s->r->unqualify)
			drop_qualifier(s, t);
		else if (s->r->column_database)
			drop_column_database(s, t);
	}
}

void my_rewrite(const struct my_rewrite *r, const char *sql, size_t n, struct buf *out)
{
	struct scan s = {.p = sql, .n = n, .delimiter = ";", .fresh = true, .r = r, .out = out};
	while (s.at < s.n)
		statement(&s);
	replace(&s, n, n, "");
}

/* The rest of ALTER DATABASE, when it says nothing but a character set. */
static bool is_charset_only(struct scan *s)
{
	static const char *const words[] = {"DEFAULT", "CHARACTER", "SET", "CHARSET", "COLLATE"};
	struct token t = next(s);
	bool value = false, some = false;
	if (t.kind == NAME)
		t = next(s);
	for (; !at_end(t); t = next(s)) {
		bool known = is_sign(s, t, '=');
		for (size_t i = 0; i < ARRAY_LEN(words) && !known && !value; i++)
			known = is(s, t, words[i]);
		if (!known && (!value || t.kind != WORD))
			return false;
		some = some || (value && t.kind == WORD);
		if (!is_sign(s, t, '='))
			value = is(s, t, "SET") || is(s, t, "CHARSET") || is(s, t, "COLLATE");
	}
	return some;
}

bool my_is_charset_change(const char *sql, size_t n)
{
	struct buf none = BUF_INIT;
	const struct my_rewrite r = {0};
	struct scan s = {.p = sql, .n = n, .delimiter = ";", .fresh = true, .r = &r, .out = &none};
	bool some = false;
	for (;;) {
		struct token t = next(&s);
		if (t.kind == END)
			return some;
		if (t.kind == STATEMENT_END)
			continue;
		if (!is(&s, t, "ALTER"))
			return false;
		t = next(&s);
		if ((!is(&s, t, "DATABASE") && !is(&s, t, "SCHEMA")) || !is_charset_only(&s))
			return false;
		some = true;
	}
}

/* PostgreSQL's lexical rules, one byte after the other, so that a script may be cut anywhere on its way in. */
#include "engine/pg_script.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TAG_MAX ((size_t)1 << 10)
#define COMMENT_MAX ((size_t)1 << 10)

enum {
	START,                /* of the text, where a byte order mark may be */
	CODE,
	STRING,               /* in '...' */
	ESCAPED,              /* in E'...', or '...' without standard_conforming_strings */
	ESCAPED_NEXT,         /* behind its backslash */
	NAME,                 /* in "..." */
	TAG,                  /* in the opening $tag$ */
	DOLLAR,               /* behind it */
	LINE,                 /* in -- ... */
	BLOCK,                /* in a block comment */
	COMMAND,              /* in a backslash command */
	REST,                 /* between a COPY statement and its data */
	DATA,                 /* inside a line of data */
	DATA_LINE,            /* at its beginning */
	DATA_BACKSLASH, DATA_DOT, DATA_RETURN,     /* behind "\", "\.", "\.\r" there */
};

void pg_script_lex_init(struct pg_script_lexer *l)
{
	*l = (struct pg_script_lexer){.line = 1, .begun = 1, .standard = true, .state = START};
	l->sql = BUF_INIT_MAX(PG_SCRIPT_STATEMENT_MAX);
	l->tag = BUF_INIT_MAX(TAG_MAX + 2);
	l->text = BUF_INIT_MAX(PG_SCRIPT_LINE_MAX);
}

void pg_script_lex_release(struct pg_script_lexer *l)
{
	buf_release(&l->sql);
	buf_release(&l->tag);
	buf_release(&l->text);
}

enum pg_script_pairs pg_script_lex_pairs(const char *encoding)
{
	static const char *const sjis[] = {
		"SJIS", "SHIFT_JIS", "SHIFTJIS", "MSKANJI", "WIN932", "WINDOWS932", "SHIFT_JIS_2004", "SHIFTJIS2004",
	};
	static const char *const others[] = {
		"BIG5", "WIN950", "WINDOWS950", "GBK", "WIN936", "WINDOWS936", "UHC", "WIN949", "WINDOWS949", "JOHAB",
		"GB18030",
	};
	for (size_t i = 0; encoding && i < ARRAY_LEN(sjis); i++)
		if (strcasecmp(encoding, sjis[i]) == 0)
			return PG_SCRIPT_PAIRS_SJIS;
	for (size_t i = 0; encoding && i < ARRAY_LEN(others); i++)
		if (strcasecmp(encoding, others[i]) == 0)
			return PG_SCRIPT_PAIRS;
	return PG_SCRIPT_NO_PAIRS;
}

static int corrupt(const struct pg_script_lexer *l, uint64_t line, const char *what, struct error *e)
{
	return error_set(e, ERR_CORRUPT, "line %llu: %s", (unsigned long long)line, what);
}

static bool blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool starts_name(unsigned char c)
{
	return isalpha(c) || c == '_' || c >= 0x80;
}

static bool goes_on_name(unsigned char c)
{
	return starts_name(c) || isdigit(c) || c == '$';
}

/* ---- statements ---- */

static int keep(struct pg_script_lexer *l, char c, struct error *e)
{
	if (l->sql.len == 0)
		l->begun = l->line;
	if (!l->whole && l->sql.len == PG_SCRIPT_HEAD)
		return 0;
	if (l->sql.len == PG_SCRIPT_STATEMENT_MAX)
		return error_set(e, ERR_LIMIT, "line %llu: a statement of more than %zu MiB",
			(unsigned long long)l->begun, PG_SCRIPT_STATEMENT_MAX >> 20);
	buf_add_byte(&l->sql, (unsigned char)c);
	return 0;
}

static void forget(struct pg_script_lexer *l)
{
	buf_clear(&l->sql);
	l->depth = l->begins = 0;
	l->words = l->word_len = 0;
	l->tuples = 0;
	l->insert = l->values = l->vague = false;
	l->closed = l->before = 0;
	memset(l->first, 0, sizeof l->first);
}

static bool word_is(const struct pg_script_lexer *l, const char *word)
{
	return l->word_len < sizeof l->word && strcmp(l->word, word) == 0;
}

/* The bodies of SQL functions hold semicolons: psql counts their BEGIN and END just so. */
static void follow_body(struct pg_script_lexer *l)
{
	static const char *const heads[] = {"cf", "cp", "corf", "corp"};
	bool body = false;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		body |= strncmp(l->first, heads[i], strlen(heads[i])) == 0;
	if (!body || l->depth > 0)
		return;
	if (word_is(l, "begin") || (word_is(l, "case") && l->begins > 0))
		l->begins++;
	else if (word_is(l, "end") && l->begins > 0)
		l->begins--;
}

static void follow_insert(struct pg_script_lexer *l)
{
	if (l->depth > 0)
		return;
	if (word_is(l, "values") && !l->values)
		l->values = true;
	else if (word_is(l, "select") || word_is(l, "conflict") || word_is(l, "returning"))
		l->vague = true;
}

static void end_word(struct pg_script_lexer *l)
{
	static const char *const heads[] = {"create", "function", "procedure", "or", "replace"};
	if (l->word_len == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(heads) && l->words < sizeof l->first - 1; i++)
		if (word_is(l, heads[i]))
			l->first[l->words] = heads[i][0];
	if (l->words == 0)
		l->insert = word_is(l, "insert");
	l->words++;
	follow_body(l);
	if (l->insert)
		follow_insert(l);
	l->word_len = 0;
}

static void add_to_word(struct pg_script_lexer *l, char c)
{
	if (l->word_len < sizeof l->word - 1) {
		l->word[l->word_len] = (char)tolower((unsigned char)c);
		l->word[l->word_len + 1] = '\0';
	}
	l->word_len++;
}

static int end_statement(struct pg_script_lexer *l, struct error *e)
{
	end_word(l);
	while (l->sql.len > 0 && blank(l->sql.p[l->sql.len - 1]))
		l->sql.p[--l->sql.len] = '\0';
	if (l->insert && l->values && l->tuples == 0)
		l->tuples = 1;    /* DEFAULT VALUES */
	l->copying = false;
	int err = l->sql.len > 0 ? l->statement(l, e) : 0;
	forget(l);
	l->state = l->copying ? REST : CODE;
	return err;
}

/* ---- comments and commands ---- */

static void begin_text(struct pg_script_lexer *l, int state)
{
	buf_clear(&l->text);
	l->state = state;
	l->before = 0;
}

/* The character that made it a comment is the second; the first was kept. */
static void begin_comment(struct pg_script_lexer *l, int state)
{
	if (l->sql.len > 0 && (l->whole || l->sql.len < PG_SCRIPT_HEAD))
		l->sql.p[--l->sql.len] = '\0';
	begin_text(l, state);
	l->comments = 1;
}

static int end_line(struct pg_script_lexer *l, struct error *e)
{
	bool command = l->state == COMMAND;
	l->state = CODE;
	if (l->closed)
		l->newline = true;
	if (command)
		return l->command(l, buf_text(&l->text), e);
	return l->sql.len == 0 ? l->comment(l, buf_text(&l->text), e) : keep(l, '\n', e);
}

static int take_line(struct pg_script_lexer *l, char c, struct error *e)
{
	if (c == '\n' || c == '\r')
		return end_line(l, e);
	if (l->text.len < (l->state == COMMAND ? PG_SCRIPT_LINE_MAX : COMMENT_MAX))
		buf_add_byte(&l->text, (unsigned char)c);
	else if (l->state == COMMAND)
		return corrupt(l, l->begun, "a backslash command without an end", e);
	return 0;
}

/* A comment is as good as a blank. */
static int take_block(struct pg_script_lexer *l, char c, struct error *e)
{
	char before = l->before;
	l->before = 0;
	if (before == '/' && c == '*')
		l->comments++;
	else if (before == '*' && c == '/')
		l->comments--;
	else
		l->before = c;
	if (l->comments > 0)
		return 0;
	l->state = CODE;
	l->before = 0;
	return l->sql.len > 0 ? keep(l, ' ', e) : 0;
}

/* ---- strings ---- */

static void open_string(struct pg_script_lexer *l, char before)
{
	bool goes_on = l->closed && (l->newline || before == '\'');
	if (goes_on)
		l->state = l->closed == 'e' ? ESCAPED : STRING;
	else if (l->word_len == 1 && l->word[0] == 'e')
		l->state = ESCAPED;
	else if (l->standard || (l->word_len == 1 && strchr("bx", l->word[0])) || before == '&')
		l->state = STRING;
	else
		l->state = ESCAPED;
	l->quote = l->state == ESCAPED ? 'e' : '\'';
	if (l->word_len == 1 && strchr("bexn", l->word[0]))
		l->word_len = 0;
	end_word(l);
	l->closed = 0;
}

static void close_string(struct pg_script_lexer *l)
{
	l->state = CODE;
	l->closed = l->quote;
	l->newline = false;
	l->before = '\'';
}

/* $1 is a parameter, $tag$ and $$ begin a string. */
static int take_tag(struct pg_script_lexer *l, char c, bool *again, struct error *e)
{
	unsigned char u = (unsigned char)c;
	if (c == '$' || (starts_name(u) || (l->tag.len > 1 && isdigit(u)))) {
		if (l->tag.len > TAG_MAX)
			return corrupt(l, l->begun, "a dollar quote with an endless name", e);
		buf_add_byte(&l->tag, u);
		l->match = 0;
		l->state = c == '$' ? DOLLAR : TAG;
		return keep(l, c, e);
	}
	l->state = CODE;
	l->before = 0;
	*again = true;
	return 0;
}

static void take_dollar(struct pg_script_lexer *l, char c)
{
	l->match = c == (char)l->tag.p[l->match] ? l->match + 1 : c == '$';
	if (l->match < l->tag.len)
		return;
	l->state = CODE;
	l->before = 0;
}

/* Inside any string: *c is kept as it is. */
static int take_string(struct pg_script_lexer *l, char c, struct error *e)
{
	if (l->state == DOLLAR)
		take_dollar(l, c);
	else if (l->state == ESCAPED_NEXT)
		l->state = ESCAPED;
	else if (l->state == ESCAPED && c == '\\')
		l->state = ESCAPED_NEXT;
	else if (l->state == NAME && c == '"')
		l->state = CODE;
	else if (l->state != NAME && c == '\'')
		close_string(l);
	return keep(l, c, e);
}

/* ---- code ---- */

static int take_sign(struct pg_script_lexer *l, char c, struct error *e)
{
	char before = l->before;
	end_word(l);
	l->before = c == '-' || c == '/' || c == '&' ? c : 0;
	if (c == '(') {
		l->tuples += l->values && l->depth == 0;
		l->depth++;
	} else if (c == ')' && l->depth > 0) {
		l->depth--;
	} else if (c == ';' && l->depth == 0 && l->begins == 0) {
		return end_statement(l, e);
	} else if (c == '-' && before == '-') {
		begin_comment(l, LINE);
		return 0;
	} else if (c == '*' && before == '/') {
		begin_comment(l, BLOCK);
		return 0;
	} else if (c == '"') {
		l->state = NAME;
	}
	return keep(l, c, e);
}

static int take_backslash(struct pg_script_lexer *l, struct error *e)
{
	if (l->sql.len > 0) {
		corrupt(l, l->line, "a backslash inside a statement", e);
		return error_hint(e, "commands of psql are not run from a file");
	}
	l->begun = l->line;
	begin_text(l, COMMAND);
	return take_line(l, '\\', e);
}

static int take_code(struct pg_script_lexer *l, char c, struct error *e)
{
	unsigned char u = (unsigned char)c;
	bool in_word = l->word_len > 0;
	/* Between the parts of a string may be blanks with a newline, and comments. */
	if (l->before == '-' && c != '-')
		l->closed = 0;
	if (blank(u)) {
		end_word(l);
		l->before = 0;
		l->newline |= c == '\n' || c == '\r';
		return l->sql.len > 0 ? keep(l, c, e) : 0;
	}
	if (c == '\'') {
		open_string(l, l->before);
		return keep(l, c, e);
	}
	if (c != '-')
		l->closed = 0;
	if (c == '\\')
		return take_backslash(l, e);
	if (in_word ? goes_on_name(u) : starts_name(u) || isdigit(u)) {
		add_to_word(l, c);
		l->before = 0;
		return keep(l, c, e);
	}
	if (c == '$') {
		l->state = TAG;
		l->before = 0;
		buf_clear(&l->tag);
		buf_add_byte(&l->tag, u);
		return keep(l, c, e);
	}
	/* U&'...': what is between is no operator. */
	bool unicode = c == '&' && l->word_len == 1 && l->word[0] == 'u';
	int err = take_sign(l, c, e);
	if (c == '&' && !unicode)
		l->before = 0;
	return err;
}

/* ---- data ---- */

static int end_data(struct pg_script_lexer *l, struct error *e)
{
	l->state = CODE;
	l->copying = false;
	return l->data(l, NULL, 0, e);
}

/* What looked like the end of the data was none. */
static int give_back(struct pg_script_lexer *l, struct error *e)
{
	static const char held[] = "\\.\r";
	size_t n = (size_t)(l->state - DATA_LINE);
	l->state = DATA;
	return n > 0 ? l->data(l, held, n, e) : 0;
}

/* At the beginning of a line, where "\." may stand; *used tells whether c was taken. */
static int take_line_start(struct pg_script_lexer *l, char c, bool *used, struct error *e)
{
	*used = true;
	if (c == '\n' && l->state >= DATA_DOT) {
		l->line++;
		return end_data(l, e);
	}
	if ((c == '\\' && l->state == DATA_LINE) || (c == '.' && l->state == DATA_BACKSLASH) ||
		(c == '\r' && l->state == DATA_DOT)) {
		l->state++;
		return 0;
	}
	*used = false;
	return give_back(l, e);
}

static int take_data(struct pg_script_lexer *l, const char *end, struct error *e)
{
	bool used = false;
	if (l->state != DATA) {
		int err = take_line_start(l, *l->at, &used, e);
		l->at += used;
		if (err || used)
			return err;
	}
	/* All lines up to one that begins with a backslash at once. */
	const char *from = l->at, *p = from;
	while (p < end && l->state == DATA) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		l->line += stop != NULL;
		p = stop ? stop + 1 : end;
		if (stop && (p == end || *p == '\\'))
			l->state = DATA_LINE;
	}
	l->at = p;
	if (memchr(from, '\0', (size_t)(p - from)))
		return corrupt(l, l->begun, "its data hold a byte that is no text", e);
	return p > from ? l->data(l, from, (size_t)(p - from), e) : 0;
}

static int take_rest(struct pg_script_lexer *l, char c, struct error *e)
{
	if (c == '\n') {
		l->state = DATA_LINE;
		return 0;
	}
	return blank((unsigned char)c) ? 0 : corrupt(l, l->line, "something stands between COPY and its data", e);
}

/* ---- all of it ---- */

static int take_byte(struct pg_script_lexer *l, char c, struct error *e)
{
	bool again = false;
	int err = 0;
	switch (l->state) {
	case STRING:
	case ESCAPED:
	case ESCAPED_NEXT:
	case NAME:
	case DOLLAR:
		return take_string(l, c, e);
	case LINE:
	case COMMAND:
		return take_line(l, c, e);
	case BLOCK:
		return take_block(l, c, e);
	case REST:
		return take_rest(l, c, e);
	case TAG:
		err = take_tag(l, c, &again, e);
		if (err || !again)
			return err;
		break;
	default:
		break;
	}
	return take_code(l, c, e);
}

/* The second byte of a character is never a sign of its own. */
static bool is_second(struct pg_script_lexer *l, unsigned char c)
{
	bool second = l->second;
	bool single = c < 0x80 || (l->pairs == PG_SCRIPT_PAIRS_SJIS && c >= 0xa1 && c <= 0xdf);
	l->second = l->pairs != PG_SCRIPT_NO_PAIRS && !second && !single;
	return second;
}

static int take_char(struct pg_script_lexer *l, char c, struct error *e)
{
	if (c == '\0')
		return corrupt(l, l->line, "a byte that is no text", e);
	bool string = l->state == STRING || l->state == ESCAPED || l->state == NAME || l->state == DOLLAR;
	int err = is_second(l, (unsigned char)c) && (string || l->state == CODE) ? keep(l, c, e) : take_byte(l, c, e);
	l->line += c == '\n';
	return err;
}

/* A byte order mark; what only began like one is text. */
static int take_start(struct pg_script_lexer *l, char c, struct error *e)
{
	static const char mark[] = "\xef\xbb\xbf";
	int err = 0;
	if (c == mark[l->match]) {
		l->state = ++l->match == 3 ? CODE : START;
		return 0;
	}
	l->state = CODE;
	for (size_t i = 0; i < l->match && !err; i++)
		err = take_char(l, mark[i], e);
	return err ? err : take_char(l, c, e);
}

int pg_script_lex_take(struct pg_script_lexer *l, const char *p, size_t n, struct error *e)
{
	const char *end = p + n;
	int err = 0;
	l->piece = l->at = p;
	while (l->at < end && !err) {
		if (l->state >= DATA) {
			err = take_data(l, end, e);
			continue;
		}
		char c = *l->at++;
		err = l->state == START ? take_start(l, c, e) : take_char(l, c, e);
	}
	l->offset += n;
	l->piece = l->at = NULL;
	return err;
}

int pg_script_lex_end(struct pg_script_lexer *l, struct error *e)
{
	int err = 0;
	if (l->state == LINE || l->state == COMMAND)
		err = end_line(l, e);
	if (err)
		return err;
	if (l->state == DATA_DOT || l->state == DATA_RETURN)
		return end_data(l, e);
	if (l->state >= REST)
		return corrupt(l, l->begun, "the text ends inside the data of this COPY", e);
	if (l->state == BLOCK)
		return corrupt(l, l->begun, "the text ends inside a comment", e);
	return l->sql.len > 0 ? corrupt(l, l->begun, "the text ends inside a statement", e) : 0;
}

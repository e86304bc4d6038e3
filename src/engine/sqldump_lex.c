/* Bytes in, statements out: the lexical rules of MySQL's text and of its client. */
#include "engine/sqldump_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void sqldump_lexer_init(struct sqldump_lexer *l)
{
	*l = (struct sqldump_lexer){
		.text = BUF_INIT_MAX(SQLDUMP_STATEMENT_MAX), .delimiter = ";", .delimiter_len = 1, .line = 1};
	l->hash = XXH3_createState();
	if (!l->hash)
		abort();
}

void sqldump_lexer_release(struct sqldump_lexer *l)
{
	buf_release(&l->text);
	buf_release(&l->line_text);
	buf_release(&l->head);
	XXH3_freeState(l->hash);
	l->hash = NULL;
}

bool sqldump_lexer_idle(const struct sqldump_lexer *l)
{
	return l->state == IN_LEAD;
}

void sqldump_lexer_skip(struct sqldump_lexer *l, uint64_t to)
{
	l->pos = to;
	l->begin = to;
}

static bool is_blank(unsigned char c)
{
	return c <= ' ';
}

static uint64_t count_lines(const unsigned char *p, size_t n)
{
	uint64_t count = 0;
	size_t i = 0;
#ifdef __SSE2__
	const __m128i newline = _mm_set1_epi8('\n');
	while (i + 16 <= n) {
		__m128i sum = _mm_setzero_si128();
		for (int k = 0; k < 255 && i + 16 <= n; k++, i += 16)
			sum = _mm_sub_epi8(
				sum, _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)), newline));
		sum = _mm_sad_epu8(sum, _mm_setzero_si128());
		count += (uint64_t)_mm_cvtsi128_si64(sum) + (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(sum, 8));
	}
#endif
	for (; i < n; i++)
		count += p[i] == '\n';
	return count;
}

static void count_to(struct sqldump_window *w, size_t i)
{
	if (i > w->counted) {
		w->l->lines += count_lines(w->p + w->counted, i - w->counted);
		w->counted = i;
	}
}

/* A statement begins; `before` of its bytes are behind us already. */
static void begin_statement(struct sqldump_window *w, size_t before)
{
	struct sqldump_lexer *l = w->l;
	count_to(w, w->i);
	l->start = w->base + w->i - before;
	l->line = l->lines + 1;
	l->state = IN_TEXT;
	buf_clear(&l->text);
	l->solid = l->tail = l->depth = l->attempts = 0;
	l->odd = l->exec = false;
	l->tuples = 0;
	l->sum = (struct row_sum){0};
}

/* ---- everything else, byte by byte ---- */

static void add(struct sqldump_lexer *l, const void *p, size_t n, bool solid)
{
	if (buf_fits(&l->text, n))
		buf_add(&l->text, p, n);
	else
		l->too_long = true;
	if (solid)
		l->solid = l->text.len;
}

/* What was taken for the beginning of a comment is text. */
static void not_a_comment(struct sqldump_window *w, const char *text)
{
	struct sqldump_lexer *l = w->l;
	if (l->back == IN_LEAD) {
		begin_statement(w, strlen(text));
		l->back = IN_TEXT;
		if (l->delimiter_len > 1 && strcmp(text, "/") == 0 && l->delimiter[0] == '/') {
			l->matched = 1;
			l->state = IN_DELIMITER;
			return;
		}
	}
	if (l->back == IN_BETWEEN || l->back == IN_COMMA) {
		l->odd = true;
		l->back = IN_TEXT;
	}
	if (l->back == IN_TEXT)
		add(l, text, strlen(text), true);
	l->state = l->back;
}

/* Looked for a few times only: no dump has more than the names of columns before VALUES. */
static bool insert_begins(struct sqldump_lexer *l)
{
	const char *t = buf_text(&l->text);
	size_t n = l->solid;
	struct sqldump_insert head;
	if (l->tail || l->depth || n < 6 || !strchr("SsEe", t[n - 1]) || l->attempts++ >= 4)
		return false;
	bool ok = sqldump_insert_read(t, n, &head);
	sqldump_insert_release(&head);
	return ok;
}

static int begin_rows(struct sqldump_lexer *l)
{
	l->tail = l->text.len;
	l->state = IN_COMMA;
	buf_clear(&l->head);
	if (l->text.len < 65536 && l->delimiter_len == 1 && !l->exec && !l->command)
		buf_add(&l->head, l->text.p, l->text.len);
	return LEX_ROWS;
}

static int text_mark(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	bool closes = c == '/' && l->exec && l->text.len && l->text.p[l->text.len - 1] == '*';
	if (c == '(' && insert_begins(l))
		return begin_rows(l);
	w->i++;
	l->depth += c == '(';
	l->depth -= c == ')' && l->depth;
	l->command |= c == '\\';
	if (c == '\'' || c == '"' || c == '`') {
		l->state = IN_QUOTE;
		l->quote = c;
		l->back = IN_TEXT;
	} else if (c == '-' || c == '#' || (c == '/' && !closes)) {
		l->state = c == '-' ? IN_DASH : c == '#' ? IN_LINE : IN_SLASH;
		l->back = IN_TEXT;
		l->comment = false;
		if (c != '#')
			return LEX_MORE;
	}
	l->exec = l->exec && !closes;
	add(l, &c, 1, c != '#');
	return LEX_MORE;
}

static int in_text(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	if (c == l->delimiter[0]) {
		w->i++;
		l->matched = 1;
		l->state = l->delimiter_len == 1 ? IN_AFTER : IN_DELIMITER;
		return LEX_MORE;
	}
	if (is_blank((unsigned char)c) && l->text.len == 9 && strncasecmp((char *)l->text.p, "DELIMITER", 9) == 0) {
		l->state = IN_COMMAND;
		buf_clear(&l->line_text);
		return LEX_MORE;
	}
	if (strchr("'\"`-#/()\\", c) && c)
		return text_mark(w, c);
	w->i++;
	add(l, &c, 1, !is_blank((unsigned char)c));
	return LEX_MORE;
}

static int in_delimiter(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	if (c == l->delimiter[l->matched]) {
		w->i++;
		l->state = ++l->matched == l->delimiter_len ? IN_AFTER : IN_DELIMITER;
		return LEX_MORE;
	}
	if (l->matched == 1 && l->delimiter[0] == '/') {
		l->state = IN_SLASH;
		l->back = IN_TEXT;
		return LEX_MORE;
	}
	add(l, l->delimiter, l->matched, true);
	l->state = IN_TEXT;
	return LEX_MORE;
}

static void set_delimiter(struct sqldump_lexer *l)
{
	const char *p = buf_text(&l->line_text);
	p += strspn(p, " \t\r\n");
	size_t n = strcspn(p, " \t\r\n");
	if (n > 2 && strchr("'\"`", *p) && p[n - 1] == *p) {
		p++;
		n -= 2;
	}
	if (n == 0 || n > SQLDUMP_DELIMITER_MAX)
		return;
	buf_clear(&l->head);
	memcpy(l->delimiter, p, n);
	l->delimiter[n] = '\0';
	l->delimiter_len = n;
}

/* The same INSERT as the one before: no need to read its head again. */
static bool known_head(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	size_t n = l->head.len;
	if (!n || w->n - w->i <= n || memcmp(w->p + w->i, l->head.p, n) != 0 || w->p[w->i + n] != '(')
		return false;
	begin_statement(w, 0);
	add(l, l->head.p, n, true);
	w->i += n;
	l->tail = l->text.len;
	l->state = IN_COMMA;
	return true;
}

static int in_lead(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	bool mark = w->base + w->i < 3 && (unsigned char)c == (unsigned char)"\xef\xbb\xbf"[w->base + w->i];
	if (is_blank((unsigned char)c) || mark) {
		w->i++;
	} else if (c == '-' || c == '/' || c == '#') {
		l->state = c == '-' ? IN_DASH : c == '/' ? IN_SLASH : IN_LINE;
		l->back = IN_LEAD;
		l->comment = true;
		buf_clear(&l->line_text);
		w->i++;
	} else if (known_head(w)) {
		return LEX_ROWS;
	} else {
		begin_statement(w, 0);
	}
	return LEX_MORE;
}

static int in_between(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	if (c == '(' && l->state == IN_COMMA) {
		w->i++;
		sqldump_begin_tuple(w);
	} else if (is_blank((unsigned char)c)) {
		w->i++;
	} else if (c == ',' && l->state == IN_BETWEEN) {
		w->i++;
		l->state = IN_COMMA;
	} else if ((c == '-' || c == '#' || c == '/') && c != l->delimiter[0]) {
		w->i++;
		l->back = l->state;
		l->comment = false;
		l->state = c == '-' ? IN_DASH : c == '#' ? IN_LINE : IN_SLASH;
	} else {
		l->odd |= l->state == IN_COMMA;
		l->solid = l->tail;
		l->state = IN_TEXT;
	}
	return LEX_MORE;
}

/* In a comment to the end of the line, or the line of a command. */
static int in_line(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	const unsigned char *p = w->p + w->i, *nl = memchr(p, '\n', w->n - w->i);
	size_t n = nl ? (size_t)(nl - p) + 1 : w->n - w->i;
	bool command = l->state == IN_COMMAND;
	if (command || (l->back == IN_LEAD && l->comment))
		buf_add(&l->line_text, p, l->line_text.len + n > 4096 ? 4096 - l->line_text.len : n);
	else if (l->back == IN_TEXT)
		add(l, p, n, false);
	w->i += n;
	if (!nl)
		return LEX_MORE;
	if (command) {
		set_delimiter(l);
		l->state = IN_LEAD;
		return LEX_DELIMITER;
	}
	l->state = l->back;
	return l->back == IN_LEAD ? LEX_COMMENT : LEX_MORE;
}

static void in_quote(struct sqldump_window *w)
{
	struct sqldump_lexer *l = w->l;
	size_t from = w->i, i = from;
	if (l->state == IN_ESCAPE) {
		i++;
		l->state = IN_QUOTE;
	} else {
		i += sqldump_scan_quoted(w->p + i, w->n - i, l->quote);
		if (i < w->n) {
			bool ends = w->p[i] == (unsigned char)l->quote;
			l->state = ends ? l->back : l->quote == '`' ? IN_QUOTE : IN_ESCAPE;
			i++;
		}
	}
	if (l->back == IN_TEXT)
		add(l, w->p + from, i - from, true);
	w->i = i;
}

static void in_block(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	size_t from = w->i;
	if (l->state == IN_BLOCK) {
		const unsigned char *star = memchr(w->p + w->i, '*', w->n - w->i);
		w->i = star ? (size_t)(star - w->p) + 1 : w->n;
		l->state = star ? IN_BLOCK_STAR : IN_BLOCK;
	} else {
		w->i++;
		l->state = c == '/' ? l->back : c == '*' ? IN_BLOCK_STAR : IN_BLOCK;
	}
	if (l->back == IN_TEXT)
		add(l, w->p + from, w->i - from, false);
}

/* Behind "/" followed by "*", "*M", "*!" and a version. What an executable comment holds is text; one that holds a
 * client's command alone (MariaDB's sandbox line) is not. */
static void in_opening(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	bool lead = l->back == IN_LEAD;
	if (l->state == IN_STAR && c == 'M') {
		l->state = IN_STAR_M;
		w->i++;
		return;
	}
	if (l->state != IN_EXEC && c == '!') {
		buf_clear(&l->line_text);
		buf_add_str(&l->line_text, l->state == IN_STAR_M ? "/*M!" : "/*!");
		l->state = IN_EXEC;
		w->i++;
		return;
	}
	if (l->state != IN_EXEC) {
		if (l->back == IN_TEXT)
			add(l, "/*M", l->state == IN_STAR_M ? 3 : 2, false);
		l->state = IN_BLOCK;
		return;
	}
	if (c >= '0' && c <= '9' && l->line_text.len < 12) {
		buf_add_byte(&l->line_text, (unsigned char)c);
		w->i++;
		return;
	}
	if (lead && c == '\\') {
		l->state = IN_SANDBOX;
		w->i++;
		return;
	}
	if (lead)
		begin_statement(w, l->line_text.len);
	if (lead || l->back == IN_TEXT) {
		add(l, l->line_text.p, l->line_text.len, false);
		l->exec = true;
		l->back = IN_TEXT;
	}
	l->state = l->back;
}

static int in_mark(struct sqldump_window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	switch (l->state) {
	case IN_DASH:
		if (c != '-') {
			not_a_comment(w, "-");
			return LEX_MORE;
		}
		w->i++;
		l->state = IN_DASHES;
		return LEX_MORE;
	case IN_DASHES:
		if (!is_blank((unsigned char)c)) {
			not_a_comment(w, "--");
			return LEX_MORE;
		}
		if (l->back == IN_TEXT)
			add(l, "--", 2, false);
		l->state = IN_LINE;
		return LEX_MORE;
	case IN_SLASH:
		if (c != '*') {
			not_a_comment(w, "/");
			return LEX_MORE;
		}
		w->i++;
		l->state = IN_STAR;
		return LEX_MORE;
	case IN_SANDBOX:
		l->command |= c != '-';
		l->state = IN_BLOCK;
		return LEX_MORE;
	default:
		in_opening(w, c);
		return LEX_MORE;
	}
}

/* The rest of a statement's line is its own. */
static int in_after(struct sqldump_window *w, char c)
{
	bool newline = c == '\n';
	if (newline || c == ' ' || c == '\t' || c == '\r')
		w->i++;
	else
		newline = true;
	if (!newline)
		return LEX_MORE;
	w->l->state = IN_LEAD;
	return LEX_STATEMENT;
}

static int one(struct sqldump_window *w)
{
	char c = (char)w->p[w->i];
	switch (w->l->state) {
	case IN_LEAD:
		return in_lead(w, c);
	case IN_TEXT:
		return in_text(w, c);
	case IN_TUPLE:
		return sqldump_through_tuples(w);
	case IN_BETWEEN:
	case IN_COMMA:
		return in_between(w, c);
	case IN_AFTER:
		return in_after(w, c);
	case IN_COMMAND:
	case IN_LINE:
		return in_line(w);
	case IN_DELIMITER:
		return in_delimiter(w, c);
	case IN_QUOTE:
	case IN_ESCAPE:
		in_quote(w);
		return LEX_MORE;
	case IN_BLOCK:
	case IN_BLOCK_STAR:
		in_block(w, c);
		return LEX_MORE;
	default:
		return in_mark(w, c);
	}
}

int sqldump_lexer_step(struct sqldump_lexer *l, const void *p, size_t n, size_t *used, struct error *e)
{
	struct sqldump_window w = {.l = l, .p = p, .n = n, .base = l->pos};
	int event = LEX_MORE;
	l->hashed = 0;
	if (l->ended)
		l->begin = l->pos;
	while (event == LEX_MORE && w.i < n)
		event = one(&w);
	if (l->in_tuple)
		sqldump_hash_rest(&w);
	count_to(&w, w.i);
	l->pos += w.i;
	l->ended = event == LEX_STATEMENT || event == LEX_DELIMITER;
	*used = w.i;
	if (l->too_long)
		return error_set(e, ERR_LIMIT, "a statement of more than %zu MiB (line %llu)",
				 SQLDUMP_STATEMENT_MAX >> 20, (unsigned long long)l->line);
	return event;
}

int sqldump_lexer_end(struct sqldump_lexer *l, struct error *e)
{
	switch (l->state) {
	case IN_LEAD:
		return LEX_MORE;
	case IN_AFTER:
		l->state = IN_LEAD;
		return LEX_STATEMENT;
	case IN_COMMAND:
		set_delimiter(l);
		l->state = IN_LEAD;
		return LEX_DELIMITER;
	case IN_LINE:
	case IN_DASHES:
		if (l->back == IN_LEAD)
			return LEX_MORE;
		break;
	case IN_BLOCK:
	case IN_BLOCK_STAR:
		l->line = l->back == IN_LEAD ? l->lines + 1 : l->line;
		break;
	default:
		break;
	}
	return error_set(e, ERR_CORRUPT, "ends in the middle of a statement (line %llu)", (unsigned long long)l->line);
}

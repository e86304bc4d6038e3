/* Bytes in, statements out: the lexical rules of MySQL's text and of its client. */
#include "engine/sqldump_parts.h"

#include "base/codec.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- sums ---- */

void sqldump_sum_add(struct sqldump_sum *s, struct sqldump_sum more)
{
	s->low += more.low;
	s->high += more.high + (s->low < more.low);
}

char *sqldump_sum_text(struct sqldump_sum s)
{
	return mem_printf("xxh128:%016llx%016llx", (unsigned long long)s.high, (unsigned long long)s.low);
}

bool sqldump_sum_parse(const char *text, struct sqldump_sum *out)
{
	unsigned char b[16];
	*out = (struct sqldump_sum){0};
	if (!text || strncmp(text, "xxh128:", 7) != 0 || !hex_decode(text + 7, strlen(text + 7), b, sizeof b))
		return false;
	for (int i = 0; i < 8; i++) {
		out->high = out->high << 8 | b[i];
		out->low = out->low << 8 | b[i + 8];
	}
	return true;
}

/* ---- long stretches ---- */

/* The next byte from i on that may matter within a tuple outside strings: " # $ % & ' ( ) / ` \ and a "-" that another one or
 * the end of the bytes follows. */
static inline size_t scan_tuple(const unsigned char *p, size_t i, size_t n)
{
#ifdef __SSE2__
	const __m128i first = _mm_set1_epi8('"'), range = _mm_set1_epi8(')' - '"'), slash = _mm_set1_epi8('/'), dash = _mm_set1_epi8('-'),
		      tick = _mm_set1_epi8('`'), back = _mm_set1_epi8('\\');
	for (; i + 16 <= n; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i from = _mm_sub_epi8(x, first);
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(from, range), from), _mm_cmpeq_epi8(x, slash));
		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(x, tick), _mm_cmpeq_epi8(x, back)));
		unsigned dashes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, dash));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit) | (dashes & (dashes >> 1 | 0x8000));
		if (mask)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < n && !(p[i] >= '"' && p[i] <= ')') && p[i] != '/' && p[i] != '-' && p[i] != '`' && p[i] != '\\')
		i++;
	return i;
}

/* The next quote or backslash from i on. */
static inline size_t scan_quoted(const unsigned char *p, size_t i, size_t n, unsigned char quote)
{
#ifdef __SSE2__
	const __m128i end = _mm_set1_epi8((char)quote), back = _mm_set1_epi8('\\');
	for (; i + 16 <= n; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, end), _mm_cmpeq_epi8(x, back)));
		if (mask)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < n && p[i] != quote && p[i] != '\\')
		i++;
	return i;
}

size_t sqldump_scan_quoted(const void *p, size_t n, char quote)
{
	return scan_quoted(p, 0, n, (unsigned char)quote);
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
			sum = _mm_sub_epi8(sum, _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)), newline));
		sum = _mm_sad_epu8(sum, _mm_setzero_si128());
		count += (uint64_t)_mm_cvtsi128_si64(sum) + (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(sum, 8));
	}
#endif
	for (; i < n; i++)
		count += p[i] == '\n';
	return count;
}

/* ---- the lexer ---- */

void sqldump_lexer_init(struct sqldump_lexer *l)
{
	*l = (struct sqldump_lexer){.text = BUF_INIT_MAX(SQLDUMP_STATEMENT_MAX), .delimiter = ";", .delimiter_len = 1, .line = 1};
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

/* One call's bytes. */
struct window {
	struct sqldump_lexer *l;
	const unsigned char *p;
	size_t i, n;
	size_t counted;           /* whose newlines are counted */
	uint64_t base;            /* where p lies */
};

static bool is_blank(unsigned char c)
{
	return c <= ' ';
}

static void count_to(struct window *w, size_t i)
{
	if (i > w->counted) {
		w->l->lines += count_lines(w->p + w->counted, i - w->counted);
		w->counted = i;
	}
}

/* A statement begins; `before` of its bytes are behind us already. */
static void begin_statement(struct window *w, size_t before)
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
	l->sum = (struct sqldump_sum){0};
}

static void begin_tuple(struct window *w)
{
	struct sqldump_lexer *l = w->l;
	l->state = IN_TUPLE;
	l->in_tuple = true;
	l->depth = 1;
	l->hashing = false;
	l->hashed = w->i;
	l->tuple = w->base + w->i;
}

static void end_tuple(struct window *w, size_t end)
{
	struct sqldump_lexer *l = w->l;
	const unsigned char *from = w->p + l->hashed;
	XXH128_hash_t h;
	if (l->hashing) {
		XXH3_128bits_update(l->hash, from, end - l->hashed);
		h = XXH3_128bits_digest(l->hash);
	} else {
		h = XXH3_128bits(from, end - l->hashed);
	}
	sqldump_sum_add(&l->sum, (struct sqldump_sum){.high = h.high64, .low = h.low64});
	l->tuples++;
	l->in_tuple = false;
	l->state = IN_BETWEEN;
	l->depth = 0;
}

/* The bytes at hand end within a tuple. */
static void hash_rest(struct window *w)
{
	struct sqldump_lexer *l = w->l;
	if (!l->hashing)
		XXH3_128bits_reset(l->hash);
	l->hashing = true;
	XXH3_128bits_update(l->hash, w->p + l->hashed, w->n - l->hashed);
	l->hashed = 0;
}

/* Through a string within a tuple; false when the bytes end in it. */
static inline bool through_string(struct window *w, unsigned char quote)
{
	size_t i = w->i + 1;
	for (;;) {
		i = scan_quoted(w->p, i, w->n, quote);
		if (i < w->n && w->p[i] == quote) {
			w->i = i + 1;
			return true;
		}
		bool escapes = i < w->n && quote != '`';
		if (i >= w->n || (escapes && i + 1 == w->n)) {
			w->l->state = escapes ? IN_ESCAPE : IN_QUOTE;
			w->l->back = IN_TUPLE;
			w->l->quote = (char)quote;
			w->i = w->n;
			return false;
		}
		i += quote == '`' ? 1 : 2;
	}
}

/* Behind a tuple's ")": straight into the next one, if it is there to be seen. */
static inline bool next_tuple(struct window *w)
{
	const unsigned char *p = w->p + w->i;
	size_t left = w->n - w->i;
	size_t skip = left >= 2 && p[0] == ',' && p[1] == '(' ? 2 : left >= 3 && p[0] == ',' && p[1] == '\n' && p[2] == '(' ? 3 : 0;
	if (!skip)
		return false;
	w->i += skip;
	begin_tuple(w);
	return true;
}

/* The rows, at full speed. Returns when something else than tuples is at hand, or (want_tuples) behind each. */
static int through_tuples(struct window *w)
{
	struct sqldump_lexer *l = w->l;
	while ((w->i = scan_tuple(w->p, w->i, w->n)) < w->n) {
		unsigned char c = w->p[w->i];
		if (c == '\'' || c == '"' || c == '`') {
			if (!through_string(w, c))
				return LEX_MORE;
		} else if (c == ')') {
			w->i++;
			if (--l->depth)
				continue;
			end_tuple(w, w->i - 1);
			if (l->want_tuples)
				return LEX_TUPLE;
			if (!next_tuple(w))
				return LEX_MORE;
		} else if (c == '-' || c == '#' || c == '/') {
			w->i++;
			if (c == '-' && w->i < w->n && w->p[w->i] != '-')
				continue;
			l->back = IN_TUPLE;
			l->comment = false;
			l->state = c == '-' ? IN_DASH : c == '#' ? IN_LINE : IN_SLASH;
			return LEX_MORE;
		} else {
			l->depth += c == '(';
			l->command |= c == '\\';
			w->i++;
		}
	}
	return LEX_MORE;
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
static void not_a_comment(struct window *w, const char *text)
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

static int text_mark(struct window *w, char c)
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

static int in_text(struct window *w, char c)
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

static int in_delimiter(struct window *w, char c)
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
static bool known_head(struct window *w)
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

static int in_lead(struct window *w, char c)
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

static int in_between(struct window *w, char c)
{
	struct sqldump_lexer *l = w->l;
	if (c == '(' && l->state == IN_COMMA) {
		w->i++;
		begin_tuple(w);
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
static int in_line(struct window *w)
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

static void in_quote(struct window *w)
{
	struct sqldump_lexer *l = w->l;
	size_t from = w->i, i = from;
	if (l->state == IN_ESCAPE) {
		i++;
		l->state = IN_QUOTE;
	} else {
		i = scan_quoted(w->p, i, w->n, (unsigned char)l->quote);
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

static void in_block(struct window *w, char c)
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

/* Behind "/" followed by "*", "*M", "*!" and a version. What an executable comment holds is text; one that holds a client's
 * command alone (MariaDB's sandbox line) is not. */
static void in_opening(struct window *w, char c)
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

static int in_mark(struct window *w, char c)
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
static int in_after(struct window *w, char c)
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

static int one(struct window *w)
{
	char c = (char)w->p[w->i];
	switch (w->l->state) {
	case IN_LEAD:
		return in_lead(w, c);
	case IN_TEXT:
		return in_text(w, c);
	case IN_TUPLE:
		return through_tuples(w);
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
	struct window w = {.l = l, .p = p, .n = n, .base = l->pos};
	int event = LEX_MORE;
	l->hashed = 0;
	if (l->ended)
		l->begin = l->pos;
	while (event == LEX_MORE && w.i < n)
		event = one(&w);
	if (l->in_tuple)
		hash_rest(&w);
	count_to(&w, w.i);
	l->pos += w.i;
	l->ended = event == LEX_STATEMENT || event == LEX_DELIMITER;
	*used = w.i;
	if (l->too_long)
		return error_set(e, ERR_LIMIT, "a statement of more than %zu MiB (line %llu)", SQLDUMP_STATEMENT_MAX >> 20,
			(unsigned long long)l->line);
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

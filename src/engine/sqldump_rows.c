/* The rows of a dump as values. */
#include "engine/sqldump_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define READ ((size_t)1 << 20)
#define TUPLE_MAX ((size_t)1 << 30)
#define NOWHERE SIZE_MAX

enum sort { SORT_TEXT, SORT_INT, SORT_BINARY, SORT_BIT };

struct cursor {
	struct rows_cursor cursor;
	struct source *source;
	const struct rows_table *table;
	uint64_t next, end; /* to be read */
	struct sqldump_lexer lexer;
	struct buf window; /* bytes read, from `base` on */
	uint64_t base;
	struct buf insert; /* whose columns `targets` are */
	size_t *targets;   /* where each value of a tuple belongs */
	size_t target_count;
	bool settled; /* false: of an INSERT without names, whose first tuple tells whether it has generated columns */
	struct value *values;
	enum sort *sorts;
	struct buf decoded;
	uint64_t row;
};

/* ---- what a column holds ---- */

static bool one_of(const char *type, size_t n, const char *const words[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == n && strncasecmp(type, words[i], n) == 0)
			return true;
	return false;
}

static enum sort sort_of(const char *type)
{
	static const char *const ints[] = {"tinyint", "smallint", "mediumint", "int",     "integer",
					   "bigint",  "year",     "bool",      "boolean", "serial"};
	static const char *const binary[] = {
		"binary",         "varbinary",
		"tinyblob",       "blob",
		"mediumblob",     "longblob",
		"geometry",       "point",
		"linestring",     "polygon",
		"multipoint",     "multilinestring",
		"multipolygon",   "geometrycollection",
		"geomcollection", "vector",
	};
	size_t n = strcspn(type, "( ");
	if (one_of(type, n, ints, ARRAY_LEN(ints)))
		return SORT_INT;
	if (one_of(type, n, binary, ARRAY_LEN(binary)))
		return SORT_BINARY;
	return n == 3 && strncasecmp(type, "bit", 3) == 0 ? SORT_BIT : SORT_TEXT;
}

/* ---- which value goes where ---- */

/* Of a table with history, written with it (--dump-history). */
static bool is_period(const char *name)
{
	return strcasecmp(name, "row_start") == 0 || strcasecmp(name, "row_end") == 0;
}

static int target_of(const struct rows_table *t, const char *name, size_t *out, struct error *e)
{
	for (size_t i = 0; i < t->column_count; i++) {
		if (strcasecmp(t->columns[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	*out = NOWHERE;
	return is_period(name) ? 0 : error_set(e, ERR_CORRUPT, "table %s has no column %s", t->name, name);
}

static int map_named(struct cursor *c, const struct sqldump_insert *head, struct error *e)
{
	int err = 0;
	c->targets = mem_array(c->targets, head->n, sizeof *c->targets);
	c->target_count = head->n;
	for (size_t i = 0; !err && i < head->n; i++)
		err = target_of(c->table, head->columns[i], &c->targets[i], e);
	return err;
}

static void map_all(struct cursor *c, bool with_generated)
{
	c->targets = mem_array(c->targets, c->table->column_count, sizeof *c->targets);
	c->target_count = 0;
	for (size_t i = 0; i < c->table->column_count; i++)
		if (with_generated || !c->table->columns[i].generated)
			c->targets[c->target_count++] = i;
}

static int take_head(struct cursor *c, struct error *e)
{
	const struct buf *text = &c->lexer.text;
	CLEANUP(sqldump_insert_release) struct sqldump_insert head = {0};
	if (c->insert.len == text->len && memcmp(c->insert.p, text->p, text->len) == 0)
		return 0;
	if (!sqldump_insert_read(buf_text(text), text->len, &head) || strcasecmp(head.table, c->table->name) != 0)
		return error_set(e, ERR_CORRUPT, "rows of %s where those of %s should be",
				 head.table ? head.table : "no table", c->table->name);
	c->settled = head.named;
	if (head.named) {
		int err = map_named(c, &head, e);
		if (err)
			return err;
	} else {
		map_all(c, true);
	}
	buf_clear(&c->insert);
	buf_add(&c->insert, text->p, text->len);
	return 0;
}

/* ---- a value ---- */

struct text {
	const char *p, *end;
};

static void skip_blank(struct text *t)
{
	while (t->p < t->end && (unsigned char)*t->p <= ' ')
		t->p++;
}

/* Behind the string that begins at t->p: its content without the quotes, and whether it must be decoded. */
static struct text through_string(struct text *t, bool *plain)
{
	char quote = *t->p++;
	struct text inner = {.p = t->p, .end = t->end};
	*plain = true;
	for (; t->p < t->end; t->p++) {
		t->p += sqldump_scan_quoted(t->p, (size_t)(t->end - t->p), quote);
		if (t->p >= t->end)
			break;
		if (*t->p == '\\' && quote != '`') {
			*plain = false;
			t->p += t->p + 1 < t->end;
		} else if (*t->p == quote) {
			inner.end = t->p++;
			if (t->p >= t->end || *t->p != quote)
				return inner;
			*plain = false;
			inner.end = t->end;
		}
	}
	return inner;
}

static char unescaped(char c)
{
	static const char from[] = "0bnrtZ", to[] = "\0\b\n\r\t\x1a";
	const char *at = c ? strchr(from, c) : NULL;
	return at ? to[at - from] : c;
}

/* String literals of the manual's table "Special Character Escape Sequences". There is room in `out`. */
static void decode_string(struct buf *out, struct text in, char quote)
{
	unsigned char *to = out->p + out->len;
	for (const char *p = in.p; p < in.end; p++) {
		size_t n = sqldump_scan_quoted(p, (size_t)(in.end - p), quote);
		memcpy(to, p, n);
		to += n;
		p += n;
		if (p >= in.end)
			break;
		char c = *p;
		if (p + 1 < in.end) {
			p++;
			if (c == '\\' && (*p == '%' || *p == '_'))
				*to++ = '\\';
			c = c == '\\' ? unescaped(*p) : c;
		}
		*to++ = (unsigned char)c;
	}
	out->len = (size_t)(to - out->p);
}

static int digit_of(char c)
{
	static const signed char digits[256] = {
		['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
		['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
		['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
	};
	return digits[(unsigned char)c] - 1;
}

/* Digits of 4 bits (hexadecimal) or 1, of which the first byte may have fewer. There is room in `out`. */
static bool decode_digits(struct buf *out, struct text in, unsigned bits)
{
	size_t per_byte = 8 / bits, n = (size_t)(in.end - in.p), left = n % per_byte;
	unsigned char *to = out->p + out->len;
	unsigned byte = 0;
	for (size_t i = 0; i < n; i++) {
		int d = digit_of(in.p[i]);
		if (d < 0 || d >= 1 << bits)
			return false;
		byte = byte << bits | (unsigned)d;
		if ((i + 1) % per_byte == left) {
			*to++ = (unsigned char)byte;
			byte = 0;
		}
	}
	out->len = (size_t)(to - out->p);
	return true;
}

static void set_bytes(struct value *v, enum sort sort, const char *p, size_t n)
{
	*v = (struct value){.type = sort == SORT_BINARY || sort == SORT_BIT ? VALUE_BLOB : VALUE_TEXT, .p = p, .n = n};
}

static void set_text(struct value *v, enum sort sort, const char *p, size_t n)
{
	char number[24], *end;
	set_bytes(v, sort, p, n);
	if (sort != SORT_INT || n == 0 || n >= sizeof number || (unsigned char)*p <= ' ')
		return;
	memcpy(number, p, n);
	number[n] = '\0';
	errno = 0;
	long long i = strtoll(number, &end, 10);
	if (!errno && end == number + n)
		*v = (struct value){.type = VALUE_INT, .i = i};
}

/* Digits became bytes: of a BIT column as wide as it is, of an integer column a number. */
static void set_digits(struct cursor *c, struct value *v, size_t column, size_t from)
{
	enum sort sort = c->sorts[column];
	const unsigned char *p = c->decoded.p + from;
	size_t n = c->decoded.len - from;
	uint64_t i = 0;
	if (sort == SORT_INT && n <= 8) {
		for (size_t k = 0; k < n; k++)
			i = i << 8 | p[k];
		if (i <= INT64_MAX) {
			*v = (struct value){.type = VALUE_INT, .i = (int64_t)i};
			return;
		}
	}
	const char *paren = sort == SORT_BIT ? strchr(c->table->columns[column].type, '(') : NULL;
	unsigned long bits = paren ? strtoul(paren + 1, NULL, 10) : 0;
	size_t width = bits <= 64 ? (bits + 7) / 8 : 0;
	if (n < width) {
		unsigned char zeros[8] = {0};
		buf_add(&c->decoded, zeros, width - n);
		unsigned char *q = c->decoded.p + from;
		memmove(q + (width - n), q, n);
		memset(q, 0, width - n);
		n = width;
	}
	set_bytes(v, sort, (const char *)c->decoded.p + from, n);
}

static void read_quoted(struct cursor *c, struct text *t, struct value *v, size_t column)
{
	bool plain;
	char quote = *t->p;
	struct text inner = through_string(t, &plain);
	size_t from = c->decoded.len;
	if (plain) {
		set_text(v, c->sorts[column], inner.p, (size_t)(inner.end - inner.p));
		return;
	}
	decode_string(&c->decoded, inner, quote);
	set_text(v, c->sorts[column], (const char *)c->decoded.p + from, c->decoded.len - from);
}

/* x'4142', b'0101', 0x4142, 0b0101; false when it is none of them. */
static bool read_digits(struct cursor *c, struct text *t, struct value *v, size_t column)
{
	const char *p = t->p;
	size_t left = (size_t)(t->end - p), from = c->decoded.len;
	if (left < 3)
		return false;
	char mark = p[0] == '0' ? p[1] : p[1] == '\'' ? p[0] : 0;
	if (!mark || !strchr("xXbB", mark))
		return false;
	struct text digits = {.p = p + 2, .end = p + 2};
	while (digits.end < t->end && digit_of(*digits.end) >= 0)
		digits.end++;
	if (p[0] != '0' && (digits.end == t->end || *digits.end != '\''))
		return false;
	if (!decode_digits(&c->decoded, digits, strchr("xX", mark) ? 4 : 1)) {
		c->decoded.len = from;
		return false;
	}
	t->p = digits.end + (p[0] != '0');
	set_digits(c, v, column, from);
	return true;
}

/* Numbers, NULL, and expressions, which stay as they are written. */
static void read_bare(struct cursor *c, struct text *t, struct value *v, size_t column)
{
	const char *from = t->p;
	size_t depth = 0;
	bool ignored;
	while (t->p < t->end && (depth || *t->p != ',')) {
		if ((unsigned char)*t->p >= '-' && *t->p != '`') {
			t->p++;
			continue;
		}
		depth += *t->p == '(';
		depth -= *t->p == ')' && depth;
		if (strchr("'\"`", *t->p) && *t->p)
			through_string(t, &ignored);
		else
			t->p++;
	}
	size_t n = (size_t)(t->p - from);
	while (n && (unsigned char)from[n - 1] <= ' ')
		n--;
	if (n == 4 && strncasecmp(from, "NULL", 4) == 0)
		*v = (struct value){.type = VALUE_NULL};
	else
		set_text(v, c->sorts[column], from, n);
}

/* _binary 'x', _utf8mb4 'x' and N'x': what stands before the string says how it is meant, which the column knows. */
static void skip_introducer(struct text *t)
{
	struct text ahead = *t;
	if (*ahead.p != '_' && !(strchr("nN", *ahead.p) && *ahead.p && ahead.p + 1 < ahead.end && ahead.p[1] == '\''))
		return;
	while (ahead.p < ahead.end && (digit_of(*ahead.p) >= 0 || *ahead.p == '_' ||
				       (*ahead.p >= 'a' && *ahead.p <= 'z') || (*ahead.p >= 'A' && *ahead.p <= 'Z')))
		ahead.p++;
	skip_blank(&ahead);
	if (ahead.p < ahead.end && (*ahead.p == '\'' || *ahead.p == '0' || ahead.p[0] == 'x' || ahead.p[0] == 'X'))
		*t = ahead;
}

static void read_value(struct cursor *c, struct text *t, struct value *v, size_t column)
{
	struct text begin = *t;
	if (*t->p == '_' || *t->p == 'N' || *t->p == 'n')
		skip_introducer(t);
	if (*t->p == '\'' || *t->p == '"')
		read_quoted(c, t, v, column);
	else if (!read_digits(c, t, v, column))
		read_bare(c, t, v, column);
	skip_blank(t);
	if (t->p < t->end && *t->p != ',') {
		*t = begin; /* part of an expression */
		read_bare(c, t, v, column);
	}
}

/* ---- a row ---- */

static int wrong_count(struct cursor *c, size_t have, struct error *e)
{
	return error_set(e, ERR_CORRUPT, "row %llu of table %s has %zu value%s where %zu belong",
			 (unsigned long long)c->row, c->table->name, have, have == 1 ? "" : "s", c->target_count);
}

static size_t count_values(struct cursor *c, struct text t)
{
	size_t n = 0;
	struct value ignored;
	size_t decoded = c->decoded.len;
	for (bool more = true; more; n++) {
		skip_blank(&t);
		if (t.p < t.end)
			read_value(c, &t, &ignored, 0);
		more = t.p < t.end && *t.p == ',';
		t.p += more;
		c->decoded.len = decoded;
	}
	return n;
}

/* A list without names of columns holds all of them, or all that are not generated; the first row tells. */
static int settle(struct cursor *c, struct text t, struct error *e)
{
	if (c->settled)
		return 0;
	size_t have = count_values(c, t);
	if (have != c->target_count)
		map_all(c, false);
	c->settled = true;
	return have == c->target_count ? 0 : wrong_count(c, have, e);
}

static int read_row(struct cursor *c, struct text t, struct error *e)
{
	size_t n = 0;
	c->row++;
	buf_clear(&c->decoded);
	/* Values point into it: it must not move. None becomes longer by decoding, but bits, by up to 8 bytes. */
	buf_reserve(&c->decoded, (size_t)(t.end - t.p) + 8 * (c->target_count + 1));
	int err = settle(c, t, e);
	if (err)
		return err;
	memset(c->values, 0, c->table->column_count * sizeof *c->values);
	skip_blank(&t);
	if (t.p >= t.end && c->target_count == 0)
		return 0;
	for (bool more = true; more; n++) {
		struct value ignored;
		bool wanted = n < c->target_count && c->targets[n] != NOWHERE;
		size_t column = wanted ? c->targets[n] : 0, decoded = c->decoded.len;
		skip_blank(&t);
		if (t.p < t.end)
			read_value(c, &t, wanted ? &c->values[column] : &ignored, column);
		if (!wanted)
			c->decoded.len = decoded;
		more = t.p < t.end && *t.p == ',';
		t.p += more;
	}
	return n == c->target_count ? 0 : wrong_count(c, n, e);
}

static int refill(struct cursor *c, struct error *e)
{
	uint64_t keep = c->lexer.in_tuple ? c->lexer.tuple : c->lexer.pos;
	size_t n = c->end - c->next < READ ? (size_t)(c->end - c->next) : READ;
	buf_remove_front(&c->window, (size_t)(keep - c->base));
	c->base = keep;
	if (c->window.len > TUPLE_MAX)
		return error_set(e, ERR_LIMIT, "a row of table %s is longer than %zu MiB", c->table->name,
				 TUPLE_MAX >> 20);
	buf_reserve(&c->window, n);
	int err = source_read_exact(c->source, c->window.p + c->window.len, n, c->next, e);
	c->window.len += err ? 0 : n;
	c->next += err ? 0 : n;
	return err;
}

/* The next event but LEX_MORE; LEX_MORE at the end. */
static int step(struct cursor *c, struct error *e)
{
	for (;;) {
		size_t done = (size_t)(c->lexer.pos - c->base), used;
		int event = done < c->window.len
				    ? sqldump_lexer_step(&c->lexer, c->window.p + done, c->window.len - done, &used, e)
				    : LEX_MORE;
		if (event != LEX_MORE)
			return event;
		if (c->next == c->end) {
			event = sqldump_lexer_end(&c->lexer, e);
			return event < 0 ? error_wrap(e, "the rows of table %s", c->table->name) : LEX_MORE;
		}
		int err = refill(c, e);
		if (err)
			return err;
	}
}

static int cursor_next(struct rows_cursor *r, const struct value **values, struct error *e)
{
	struct cursor *c = (struct cursor *)r;
	for (;;) {
		int event = step(c, e), err = 0;
		if (event <= 0)
			return event;
		if (event == LEX_ROWS)
			err = take_head(c, e);
		if (event == LEX_TUPLE) {
			const char *p = (const char *)c->window.p + (c->lexer.tuple - c->base);
			err = read_row(
				c,
				(struct text){.p = p, .end = (const char *)c->window.p + (c->lexer.pos - 1 - c->base)},
				e);
			*values = c->values;
		}
		if (err || event == LEX_TUPLE)
			return err ? err : 1;
	}
}

static void cursor_close(struct rows_cursor *r)
{
	struct cursor *c = (struct cursor *)r;
	sqldump_lexer_release(&c->lexer);
	buf_release(&c->window);
	buf_release(&c->insert);
	buf_release(&c->decoded);
	free(c->targets);
	free(c->values);
	free(c->sorts);
	free(c);
}

int sqldump_rows_open(struct source *s, uint64_t offset, uint64_t length, const struct rows_table *t,
		      struct rows_cursor **out, struct error *e)
{
	if (offset > s->size || length > s->size - offset)
		return error_set(e, ERR_CORRUPT, "the rows of table %s lie beyond the end of the dump", t->name);
	struct cursor *c = mem_zero(sizeof *c);
	c->cursor = (struct rows_cursor){
		.next = cursor_next, .close = cursor_close, .columns = t->columns, .column_count = t->column_count};
	c->source = s;
	c->table = t;
	c->next = c->base = offset;
	c->end = offset + length;
	c->window = BUF_INIT;
	c->values = mem_zero((t->column_count + 1) * sizeof *c->values);
	c->sorts = mem_zero((t->column_count + 1) * sizeof *c->sorts);
	for (size_t i = 0; i < t->column_count; i++)
		c->sorts[i] = sort_of(t->columns[i].type);
	sqldump_lexer_init(&c->lexer);
	sqldump_lexer_skip(&c->lexer, offset);
	c->lexer.want_tuples = true;
	*out = &c->cursor;
	return 0;
}

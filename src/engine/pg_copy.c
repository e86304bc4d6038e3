/* COPY text as values (PostgreSQL manual, COPY, "Text Format"). */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_INT, KIND_BYTES, KIND_ABSENT };

struct pg_copy_reader {
	const struct rows_table *table;
	size_t fields;                    /* of a line: generated columns are not in it */
	enum kind *kinds;                 /* one for each column */
	struct value *values;
	struct pg_encoding encoding;
	struct buf converted;             /* the line in UTF-8, when that differs */
	unsigned char *room;              /* values without their escapes */
	size_t room_size, used;
};

static enum kind kind_of(const struct rows_column *c)
{
	static const char *const integers[] = {"smallint", "integer", "bigint", "int2", "int4", "int8", "oid"};
	if (c->generated)
		return KIND_ABSENT;
	for (size_t i = 0; i < ARRAY_LEN(integers); i++)
		if (strcmp(c->type, integers[i]) == 0)
			return KIND_INT;
	return strcmp(c->type, "bytea") == 0 ? KIND_BYTES : KIND_TEXT;
}

struct pg_copy_reader *pg_copy_reader_new(const struct rows_table *t, const char *encoding)
{
	struct pg_copy_reader *r = mem_zero(sizeof *r);
	r->table = t;
	r->kinds = mem_array(NULL, t->column_count + 1, sizeof *r->kinds);
	r->values = mem_zero((t->column_count + 1) * sizeof *r->values);
	for (size_t i = 0; i < t->column_count; i++) {
		r->kinds[i] = kind_of(&t->columns[i]);
		r->fields += r->kinds[i] != KIND_ABSENT;
	}
	pg_encoding_open(&r->encoding, encoding);
	return r;
}

void pg_copy_reader_free(struct pg_copy_reader *r)
{
	if (!r)
		return;
	pg_encoding_close(&r->encoding);
	buf_release(&r->converted);
	free(r->kinds);
	free(r->values);
	free(r->room);
	free(r);
}

/* ---- escapes ---- */

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte that a backslash and what follows it, from *p on, stand for. */
static unsigned char unescape(const char **p, const char *end)
{
	static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
	char c = *(*p)++;
	const char *known = c ? strchr(from, c) : NULL;
	unsigned v = 0;
	if (known)
		return (unsigned char)to[known - from];
	if (c == 'x' && *p < end && hex_of(**p) >= 0) {
		for (int i = 0; i < 2 && *p < end && hex_of(**p) >= 0; i++)
			v = v * 16 + (unsigned)hex_of(*(*p)++);
		return (unsigned char)v;
	}
	if (!is_octal(c))
		return (unsigned char)c;
	v = (unsigned)(c - '0');
	for (int i = 0; i < 2 && *p < end && is_octal(**p); i++)
		v = v * 8 + (unsigned)(*(*p)++ - '0');
	return (unsigned char)v;
}

/* The field without its escapes, in the room when it has any. */
static void decode(struct pg_copy_reader *r, struct value *v, const char *p, const char *end)
{
	const char *escape = memchr(p, '\\', (size_t)(end - p));
	v->type = VALUE_TEXT;
	v->p = p;
	v->n = (size_t)(end - p);
	if (!escape)
		return;
	unsigned char *to = r->room + r->used, *begin = to;
	while (escape) {
		memcpy(to, p, (size_t)(escape - p));
		to += escape - p;
		p = escape + 1;
		*to++ = p < end ? unescape(&p, end) : '\\';
		escape = memchr(p, '\\', (size_t)(end - p));
	}
	memcpy(to, p, (size_t)(end - p));
	to += end - p;
	v->p = (const char *)begin;
	v->n = (size_t)(to - begin);
	r->used += v->n;
}

/* ---- types ---- */

/* Digits up to what int64_t holds; a text that is none stays text. */
static void to_int(struct value *v)
{
	bool negative = v->n > 0 && v->p[0] == '-';
	uint64_t sum = 0;
	if (v->n == negative || v->n > 20)
		return;
	for (size_t i = negative; i < v->n; i++) {
		unsigned digit = (unsigned)(v->p[i] - '0');
		if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
			return;
		sum = sum * 10 + digit;
	}
	if (sum > (uint64_t)INT64_MAX + negative)
		return;
	v->type = VALUE_INT;
	v->i = negative ? (int64_t)(0 - sum) : (int64_t)sum;
}

static bool bytes_of_hex(struct value *v, unsigned char *to)
{
	size_t n = 0;
	if (v->n % 2)
		return false;
	for (size_t i = 2; i < v->n; i += 2) {
		int high = hex_of(v->p[i]), low = hex_of(v->p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[n++] = (unsigned char)(high << 4 | low);
	}
	v->n = n;
	return true;
}

/* bytea_output = escape: "\\" and "\ooo". */
static bool bytes_of_escapes(struct value *v, unsigned char *to)
{
	size_t n = 0;
	for (size_t i = 0; i < v->n;) {
		if (v->p[i] != '\\') {
			to[n++] = (unsigned char)v->p[i++];
		} else if (i + 1 < v->n && v->p[i + 1] == '\\') {
			to[n++] = '\\';
			i += 2;
		} else {
			const char *p = v->p + i + 1;
			if (v->n - i < 4 || p[0] > '3' || !is_octal(p[0]) || !is_octal(p[1]) || !is_octal(p[2]))
				return false;
			to[n++] = (unsigned char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
			i += 4;
		}
	}
	v->n = n;
	return true;
}

static void to_bytes(struct pg_copy_reader *r, struct value *v)
{
	unsigned char *to = r->room + r->used;
	bool is_hex = v->n >= 2 && v->p[0] == '\\' && v->p[1] == 'x';
	if (is_hex ? !bytes_of_hex(v, to) : !bytes_of_escapes(v, to))
		return;
	v->type = VALUE_BLOB;
	v->p = (const char *)to;
	r->used += v->n;
}

/* ---- lines ---- */

static void take_field(struct pg_copy_reader *r, size_t column, const char *p, const char *end)
{
	struct value *v = &r->values[column];
	if (end - p == 2 && p[0] == '\\' && p[1] == 'N') {
		*v = (struct value){.type = VALUE_NULL};
		return;
	}
	decode(r, v, p, end);
	if (r->kinds[column] == KIND_INT)
		to_int(v);
	else if (r->kinds[column] == KIND_BYTES)
		to_bytes(r, v);
}

static int wrong_fields(const struct pg_copy_reader *r, const char *line, size_t n, struct error *e)
{
	size_t fields = n > 0 || r->fields > 0;
	for (size_t i = 0; i < n; i++)
		fields += line[i] == '\t';
	return error_set(e, ERR_CORRUPT, "a row of table \"%s\" has %zu fields instead of %zu", r->table->name, fields,
		r->fields);
}

/* Twice the line: a bytea's text without the escapes of COPY, and its bytes. */
static void make_room(struct pg_copy_reader *r, size_t n)
{
	if (r->room_size < 2 * n + 1) {
		r->room_size = 4 * n + 64;
		r->room = mem_resize(r->room, r->room_size);
	}
	r->used = 0;
}

int pg_copy_reader_row(struct pg_copy_reader *r, const char *line, size_t n, const struct value **values,
	struct error *e)
{
	if (pg_encoding_changes(&r->encoding, line, n)) {
		buf_clear(&r->converted);
		pg_encoding_add(&r->encoding, line, n, &r->converted);
		line = (const char *)r->converted.p;
		n = r->converted.len;
	}
	const char *p = line, *end = line + n;
	bool more = r->fields > 0;
	make_room(r, n);
	for (size_t i = 0; i < r->table->column_count; i++) {
		if (r->kinds[i] == KIND_ABSENT)
			continue;
		if (!more)
			return wrong_fields(r, line, n, e);
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		take_field(r, i, p, tab ? tab : end);
		more = tab != NULL;
		p = tab ? tab + 1 : end;
	}
	if (more || p != end)
		return wrong_fields(r, line, n, e);
	*values = r->values;
	return 0;
}

/* ---- a cursor ---- */

struct scan {
	struct rows_cursor cursor;
	struct pg_copy_reader *reader;
	struct pg_lines *lines;
};

static int scan_next(struct rows_cursor *c, const struct value **values, struct error *e)
{
	struct scan *x = (struct scan *)c;
	const char *line;
	size_t n;
	int err = pg_copy_lines_next(x->lines, &line, &n, e);
	if (err != 1)
		return err;
	err = pg_copy_reader_row(x->reader, line, n, values, e);
	return err ? err : 1;
}

static void scan_close(struct rows_cursor *c)
{
	struct scan *x = (struct scan *)c;
	pg_copy_reader_free(x->reader);
	pg_copy_lines_free(x->lines);
	free(x);
}

static struct rows_cursor *scan_new(struct pg_lines *lines, const char *encoding, const struct rows_table *table)
{
	struct scan *x = mem_zero(sizeof *x);
	x->cursor = (struct rows_cursor){.next = scan_next, .close = scan_close, .columns = table->columns,
		.column_count = table->column_count};
	x->reader = pg_copy_reader_new(table, encoding);
	x->lines = lines;
	return &x->cursor;
}

struct rows_cursor *pg_copy_scan_script(struct source *s, uint64_t offset, uint64_t length, const char *encoding,
	const struct rows_table *table)
{
	return scan_new(pg_copy_lines_of_script(s, offset, length, table->name), encoding, table);
}

int pg_copy_scan(struct source *s, const struct pg_toc *t, const struct pg_entry *entry,
	const struct rows_table *table, struct rows_cursor **out, struct error *e)
{
	struct pg_block *b;
	if (!pg_toc_is_copy(entry)) {
		error_set(e, ERR_MISMATCH, "the rows of table \"%s\" are not stored as COPY text", table->name);
		return error_hint(e, "the archive was made with --inserts; restore it to see its rows");
	}
	int err = pg_data_find(s, t, entry, &b, e);
	if (err)
		return err;
	*out = scan_new(pg_copy_lines_new(b), t->encoding, table);
	return 0;
}

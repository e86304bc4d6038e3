#include "base/json.h"

#include "base/codec.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT 0xfffd

void json_init(struct json *j, const void *p, size_t n)
{
	*j = (struct json){.start = p, .p = p, .end = n ? (const char *)p + n : p};
}

void json_release(struct json *j)
{
	buf_release(&j->name);
	buf_release(&j->scratch);
}

static void fail_at(struct json *j, const char *at, const char *reason)
{
	if (j->failed)
		return;
	j->failed = reason;
	j->failed_at = (size_t)(at - j->start);
}

void json_fail(struct json *j, const char *reason)
{
	fail_at(j, j->p, reason);
}

bool json_failed(const struct json *j)
{
	return j->failed != NULL;
}

int json_finish(struct json *j, struct error *e)
{
	int r = 0;

	enum json_type rest = json_peek(j);
	if (rest != JSON_NONE || j->p != j->end)
		json_fail(j, "more text than one value");
	else if (j->depth > 0)
		json_fail(j, "unexpected end");
	if (j->failed)
		r = error_set(e, ERR_CORRUPT, "invalid JSON at byte %zu: %s", j->failed_at, j->failed);
	json_release(j);
	return r;
}

/* The next byte that is not white space, or 0 at the end and after an error. A 0 in the text is nowhere legal. */
static char next_byte(struct json *j)
{
	if (j->failed)
		return 0;
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
		j->p++;
	return j->p < j->end ? *j->p : 0;
}

enum json_type json_peek(struct json *j)
{
	char c = next_byte(j);

	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? JSON_NUMBER : JSON_NONE;
	}
}

/* Whether a value of this type comes next; otherwise the error says what should have been there. */
static bool expect(struct json *j, enum json_type type, const char *reason)
{
	enum json_type next = json_peek(j);

	if (next == type)
		return true;
	json_fail(j, next != JSON_NONE ? reason : j->p < j->end ? "unexpected character" : "unexpected end");
	return false;
}

static bool literal(struct json *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->p) >= n && memcmp(j->p, word, n) == 0) {
		j->p += n;
		return true;
	}
	json_fail(j, "unknown word");
	return false;
}

/* Containers */

static void open_container(struct json *j, char closer)
{
	if (j->depth == JSON_MAX_DEPTH) {
		json_fail(j, "nested too deeply");
		return;
	}
	j->closers[j->depth] = closer;
	j->first[j->depth] = true;
	j->depth++;
}

/* A null is opened as a container with no closer, which the next json_member() or json_element() ends. */
static void begin(struct json *j, enum json_type type, char closer, const char *reason)
{
	if (json_peek(j) == JSON_NULL) {
		if (literal(j, "null"))
			open_container(j, 0);
	} else if (expect(j, type, reason)) {
		open_container(j, closer);
		if (!j->failed)
			j->p++;
	}
}

void json_object_begin(struct json *j)
{
	begin(j, JSON_OBJECT, '}', "an object expected");
}

void json_array_begin(struct json *j)
{
	begin(j, JSON_ARRAY, ']', "an array expected");
}

/* Step over what separates elements: true when another one begins here, false when the container ended. */
static bool another(struct json *j, char closer)
{
	if (j->failed)
		return false;
	if (j->depth == 0 || (j->closers[j->depth - 1] && j->closers[j->depth - 1] != closer)) {
		json_fail(j, "read as another type of value than it is");
		return false;
	}
	int top = j->depth - 1;
	if (!j->closers[top]) {
		j->depth--;
		return false;
	}
	char c = next_byte(j);
	if (c == closer) {
		j->p++;
		j->depth--;
		return false;
	}
	if (!j->first[top]) {
		if (c != ',') {
			json_fail(j, j->p < j->end ? "a comma or the end expected" : "unexpected end");
			return false;
		}
		j->p++;
		if (next_byte(j) == closer) {
			json_fail(j, "a value expected after the comma");
			return false;
		}
	}
	j->first[top] = false;
	return true;
}

bool json_element(struct json *j)
{
	return another(j, ']');
}

/* Strings */

/* Where a run of bytes ends that stand for themselves: printable ASCII but no quote and no backslash. Eight at a time:
 * names and hexadecimal ids, which is nearly all there is in our files, are passed in a few steps. */
static const char *plain_run(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;

	while (end - p >= 8) {
		uint64_t w;

		memcpy(&w, p, sizeof w);
		uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\';
		if ((w | (w - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops)
			break;
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

static void add(struct json *j, struct buf *out, const void *p, size_t n)
{
	if (buf_fits(out, n))
		buf_add(out, p, n);
	else
		json_fail(j, "string too long");
}

static void add_code_point(struct json *j, struct buf *out, uint32_t cp)
{
	if (buf_fits(out, 4))
		utf8_encode(cp, out);
	else
		json_fail(j, "string too long");
}

/* The four digits after "\u" at p, or -1. */
static int32_t unicode_escape(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char c = p[i];
		char lower = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v << 4 | (lower - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static bool is_surrogate(int32_t v)
{
	return v >= 0xd800 && v <= 0xdfff;
}

/* At "\u": one escape, or two that form a surrogate pair. `out` may be NULL. */
static void read_unicode(struct json *j, struct buf *out)
{
	int32_t v = unicode_escape(j->p, j->end);

	if (v < 0) {
		json_fail(j, "broken \\u escape");
		return;
	}
	j->p += 6;
	if (is_surrogate(v)) {
		int32_t second = unicode_escape(j->p, j->end);

		if (v < 0xdc00 && second >= 0xdc00 && second <= 0xdfff) {
			j->p += 6;
			v = 0x10000 + ((v - 0xd800) << 10) + (second - 0xdc00);
		} else {
			v = REPLACEMENT;
		}
	}
	if (out)
		add_code_point(j, out, (uint32_t)v);
}

/* At a backslash. */
static void read_escape(struct json *j, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = j->end - j->p >= 2 ? j->p[1] : 0;
	const char *found = c ? strchr(from, c) : NULL;

	if (c == 'u') {
		read_unicode(j, out);
	} else if (found) {
		j->p += 2;
		if (out)
			add(j, out, &to[found - from], 1);
	} else {
		json_fail(j, "broken escape");
	}
}

/* At a byte of 0x80 or above. */
static void read_utf8(struct json *j, struct buf *out)
{
	uint32_t cp;
	int len = utf8_decode((const unsigned char *)j->p, (size_t)(j->end - j->p), &cp);

	if (out && len == 0)
		add_code_point(j, out, REPLACEMENT);
	else if (out)
		add(j, out, j->p, (size_t)len);
	j->p += len ? len : 1;
}

/* At the opening quote: the string's content is appended to `out` (NULL: only checked). */
static void read_string(struct json *j, struct buf *out)
{
	j->p++;
	while (!j->failed) {
		const char *run = plain_run(j->p, j->end);

		if (out && run > j->p)
			add(j, out, j->p, (size_t)(run - j->p));
		j->p = run;
		if (run == j->end) {
			json_fail(j, "unexpected end");
		} else if (*run == '"') {
			j->p++;
			return;
		} else if (*run == '\\') {
			read_escape(j, out);
		} else if ((unsigned char)*run >= 0x80) {
			read_utf8(j, out);
		} else {
			json_fail(j, "control character in a string");
		}
	}
}

bool json_member(struct json *j)
{
	if (!another(j, '}'))
		return false;
	if (!expect(j, JSON_STRING, "a member name expected"))
		return false;
	buf_clear(&j->name);
	read_string(j, &j->name);
	if (next_byte(j) != ':') {
		json_fail(j, j->p < j->end ? "a colon expected" : "unexpected end");
		return false;
	}
	j->p++;
	return true;
}

bool json_name_is(const struct json *j, const char *name)
{
	size_t n = strlen(name);

	return j->name.len == n && strncasecmp(buf_text(&j->name), name, n) == 0;
}

const char *json_name(const struct json *j)
{
	return buf_text(&j->name);
}

void json_string(struct json *j, struct buf *out)
{
	buf_clear(out);
	if (json_peek(j) == JSON_NULL)
		literal(j, "null");
	else if (expect(j, JSON_STRING, "a string expected"))
		read_string(j, out);
}

char *json_string_dup(struct json *j)
{
	json_string(j, &j->scratch);
	if (!j->failed && memchr(buf_text(&j->scratch), 0, j->scratch.len))
		json_fail(j, "a zero byte in the string");
	return j->failed ? NULL : mem_string_n(buf_text(&j->scratch), j->scratch.len);
}

/* Numbers and words */

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Where the number at p ends by the grammar, or NULL. `*integer`: neither fraction nor exponent. */
static const char *number_end(const char *p, const char *end, bool *integer)
{
	if (*p == '-')
		p++;
	const char *q = digits(p, end);
	if (q == p || (*p == '0' && q - p > 1))
		return NULL;
	*integer = true;
	if (q < end && *q == '.') {
		*integer = false;
		p = q + 1;
		q = digits(p, end);
		if (q == p)
			return NULL;
	}
	if (q < end && (*q == 'e' || *q == 'E')) {
		*integer = false;
		p = q + 1;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, end);
		if (q == p)
			return NULL;
	}
	return q;
}

/* Consume a number; NULL after an error, else where it began. */
static const char *number(struct json *j, bool *integer)
{
	if (!expect(j, JSON_NUMBER, "a number expected"))
		return NULL;
	const char *from = j->p, *to = number_end(from, j->end, integer);
	if (!to) {
		json_fail(j, "broken number");
		return NULL;
	}
	j->p = to;
	return from;
}

/* Consume an integer: its sign, and its magnitude up to `lowest` below zero and up to `highest` above. */
static uint64_t magnitude(struct json *j, uint64_t lowest, uint64_t highest, bool *negative)
{
	bool integer;
	const char *from = number(j, &integer);
	uint64_t v = 0;

	*negative = false;
	if (!from)
		return 0;
	if (!integer) {
		fail_at(j, from, "an integer expected");
		return 0;
	}
	*negative = *from == '-';
	for (const char *p = from + *negative; p < j->p; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			fail_at(j, from, "number out of range");
	}
	if (v > (*negative ? lowest : highest))
		fail_at(j, from, "number out of range");
	return j->failed ? 0 : v;
}

uint64_t json_u64(struct json *j)
{
	bool negative;

	return magnitude(j, 0, UINT64_MAX, &negative);
}

int64_t json_i64(struct json *j)
{
	bool negative;
	uint64_t v = magnitude(j, (uint64_t)INT64_MAX + 1, INT64_MAX, &negative);

	return negative ? (int64_t)(0 - v) : (int64_t)v;
}

double json_double(struct json *j)
{
	bool integer;
	const char *from = number(j, &integer);

	if (!from)
		return 0;
	/* strtod() needs a terminated text, which the input is not. */
	buf_clear(&j->scratch);
	buf_add(&j->scratch, from, (size_t)(j->p - from));
	errno = 0;
	double v = strtod(buf_text(&j->scratch), NULL);
	if (errno == ERANGE && (v > 1 || v < -1)) {
		fail_at(j, from, "number out of range");
		return 0;
	}
	return v;
}

bool json_bool(struct json *j)
{
	if (!expect(j, JSON_BOOL, "true or false expected"))
		return false;
	if (*j->p == 't')
		return literal(j, "true");
	literal(j, "false");
	return false;
}

/* Any value */

/* Consume a scalar, or what opens a container. */
static void skip_one(struct json *j)
{
	bool integer;

	switch (json_peek(j)) {
	case JSON_OBJECT:
		json_object_begin(j);
		break;
	case JSON_ARRAY:
		json_array_begin(j);
		break;
	case JSON_STRING:
		read_string(j, NULL);
		break;
	case JSON_NUMBER:
		number(j, &integer);
		break;
	case JSON_BOOL:
		json_bool(j);
		break;
	case JSON_NULL:
		literal(j, "null");
		break;
	case JSON_NONE:
		json_fail(j, j->p < j->end ? "unexpected character" : "unexpected end");
		break;
	}
}

void json_skip(struct json *j)
{
	int outside = j->depth;

	skip_one(j);
	while (!j->failed && j->depth > outside)
		if (j->closers[j->depth - 1] == '}' ? json_member(j) : json_element(j))
			skip_one(j);
}

void json_raw(struct json *j, const char **p, size_t *n)
{
	next_byte(j);
	*p = j->p;
	json_skip(j);
	*n = j->failed ? 0 : (size_t)(j->p - *p);
}

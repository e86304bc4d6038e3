/* JSON (RFC 8259): a streaming writer whose bytes are stable, and a pull reader that needs no tree in memory.
 *
 * Reader: the whole text is in memory, values are visited in order; memory does not grow with the text. Reading an
 * index of fifty thousand entries costs a buffer, not a tree, which is why this is not left to a library.
 * Member names are matched case-insensitively in ASCII, and of two equal names the last one wins, as Go's encoding/json
 * (whose files we share) does; a caller gets this for free by simply assigning again.
 *
 *     struct json j;  json_init(&j, p, n);
 *     json_object_begin(&j);
 *     while (json_member(&j))
 *             if (json_name_is(&j, "version")) v = json_u64(&j);
 *             else if (json_name_is(&j, "id")) json_string(&j, &id);
 *             else json_skip(&j);
 *     if (json_finish(&j, e)) ...            // one check at the end
 *
 * Errors are sticky: after the first, every call is a harmless no-op, loops end, and json_finish() reports it with
 * the byte offset.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

#include <time.h>

#define JSON_MAX_DEPTH 64

struct json {
	const char *start, *p, *end;
	const char *failed;          /* first error's reason, static text, or NULL */
	size_t failed_at;            /* byte offset */
	int depth;
	char closers[JSON_MAX_DEPTH];/* '}' or ']' expected at each depth */
	bool first[JSON_MAX_DEPTH];  /* no element seen yet at this depth */
	struct buf name;             /* current member name, unescaped */
	struct buf scratch;
};

enum json_type { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* p must stay valid and unchanged while reading. Call json_finish() or json_release() in the end. */
void json_init(struct json *j, const void *p, size_t n);
void json_release(struct json *j);
/* Type of the next value without consuming it; JSON_NONE after an error or when there is none. */
enum json_type json_peek(struct json *j);
/* Consume `{` / `[`. A JSON null in their place is accepted and behaves as an empty one. */
void json_object_begin(struct json *j);
void json_array_begin(struct json *j);
/* Advance to the next member / element; false at the end (which is consumed) or after an error. */
bool json_member(struct json *j);
bool json_element(struct json *j);
bool json_name_is(const struct json *j, const char *name);
const char *json_name(const struct json *j);
/* Scalars. A wrong type is an error. json_string() clears `out` first; JSON null gives an empty string.
 * Invalid UTF-8 or lone surrogates become U+FFFD, as in Go. */
void json_string(struct json *j, struct buf *out);
char *json_string_dup(struct json *j);             /* heap; NULL after an error. A NUL inside is an error. */
uint64_t json_u64(struct json *j);                 /* an integer 0..2^64-1, no fraction, no exponent */
int64_t json_i64(struct json *j);
double json_double(struct json *j);
bool json_bool(struct json *j);
void json_skip(struct json *j);                    /* any one value; json_name() is lost */
/* The next value's raw text, consumed; points into the input. */
void json_raw(struct json *j, const char **p, size_t *n);
/* Let the caller mark a semantic error at this place; `reason` is static text. Only the first counts. */
void json_fail(struct json *j, const char *reason);
bool json_failed(const struct json *j);
/* The text must end here (white space aside). 0 or -ERR_CORRUPT "invalid JSON at byte N: reason". Releases j. */
int json_finish(struct json *j, struct error *e) MUST_USE;

/* Writer: appends to a buf; commas and nesting are its business. Strings are escaped exactly as Go's encoding/json does
 * (HTML-safe: < > & as \u003c \u003e \u0026; U+2028/2029 escaped; invalid UTF-8 as \ufffd; \b \f as \u0008 \u000c), because
 * the bytes are hashed and must equal those restic writes. Doubles, here and in the reader, need the decimal point of the C
 * locale, which a program has as long as it leaves LC_NUMERIC alone. */
struct json_out {
	struct buf *b;
	int depth;
	bool comma;
};

void jw_init(struct json_out *w, struct buf *b);
void jw_object(struct json_out *w);
void jw_object_end(struct json_out *w);
void jw_array(struct json_out *w);
void jw_array_end(struct json_out *w);
void jw_name(struct json_out *w, const char *name);
void jw_string(struct json_out *w, const char *s);                     /* NULL writes null */
void jw_bytes(struct json_out *w, const void *p, size_t n);            /* as a string */
void jw_u64(struct json_out *w, uint64_t v);
void jw_i64(struct json_out *w, int64_t v);
void jw_double(struct json_out *w, double v);                          /* shortest form; NaN/Inf write null */
void jw_bool(struct json_out *w, bool v);
void jw_null(struct json_out *w);
void jw_raw(struct json_out *w, const char *text, size_t n);           /* one ready value */
/* name + value in one call */
void jw_kv_string(struct json_out *w, const char *name, const char *s);
void jw_kv_u64(struct json_out *w, const char *name, uint64_t v);
void jw_kv_i64(struct json_out *w, const char *name, int64_t v);
void jw_kv_bool(struct json_out *w, const char *name, bool v);
void jw_kv_time(struct json_out *w, const char *name, struct timespec t);     /* RFC 3339 in UTC ("...Z"); null for zero */

#endif

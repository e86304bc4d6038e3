/* Bodies and queries, held against the table of their route. */
#include "base/mem.h"
#include "base/strlist.h"
#include "base/timefmt.h"
#include "web/web.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 4096
#define INTEGER_MAX ((int64_t)1 << 53)   /* what every reader of JSON keeps exactly */
#define LIST_MAX 1000

bool web_field_is(const struct web_field *f, const char *type)
{
	size_t n = strcspn(f->type, "!?");

	return strlen(type) == n && !memcmp(f->type, type, n);
}

bool web_answer_is_list(const char *answer)
{
	size_t n = answer ? strlen(answer) : 0;

	return n > 2 && !strcmp(answer + n - 2, "[]");
}

static bool required(const struct web_field *f)
{
	return strchr(f->type, '!') != NULL;
}

static bool of_query(const struct web_field *f)
{
	return strchr(f->type, '?') != NULL;
}

static const struct web_field *find_in(const struct web_route *route, bool query, const char *name)
{
	for (const struct web_field *f = route->fields; f && f->name; f++)
		if (of_query(f) == query && !strcmp(f->name, name))
			return f;
	return NULL;
}

static const struct web_field *find(const struct web_route *route, const char *name)
{
	return find_in(route, false, name);
}

static int unknown(const struct web_route *route, bool query, const char *name, struct error *e)
{
	CLEANUP(strlist_release) struct strlist known = {0};

	for (const struct web_field *f = route->fields; f && f->name; f++)
		if (of_query(f) == query)
			strlist_add(&known, f->name);
	if (query && web_answer_is_list(route->answer)) {
		strlist_add(&known, "offset");
		strlist_add(&known, "limit");
	}
	error_set(e, ERR_USAGE, "there is no %s \"%.64s\" here", query ? "parameter" : "field", name);
	if (!known.n)
		return error_hint(e, "%s %s takes none", route->method, route->path);
	AUTO_FREE char *names = strlist_join(&known, ", ");

	return error_hint(e, "it takes %s", names);
}

/* ---- single values ---- */

static int wrong(const struct web_field *f, struct error *e, const char *must)
{
	return error_set(e, ERR_USAGE, "the %s \"%s\" must be %s", of_query(f) ? "parameter" : "field", f->name, must);
}

static bool among(const char *choices, const char *text)
{
	size_t n = strlen(text);

	for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == n && !memcmp(p, text, n))
			return true;
	return false;
}

/* "a|b|c" as "a, b or c" */
static char *choices_words(const char *choices)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	for (const char *p = choices; *p;) {
		size_t n = strcspn(p, "|");
		bool last = !p[n];

		if (p != choices)
			buf_add_str(&b, last ? " or " : ", ");
		buf_add(&b, p, n);
		p += n + !last;
	}
	return buf_take_text(&b);
}

static int check_text(const struct web_field *f, const char *text, struct error *e)
{
	size_t most = f->max ? (size_t)f->max : TEXT_MAX;
	struct timespec t;

	if (f->choices && !among(f->choices, text)) {
		AUTO_FREE char *words = choices_words(f->choices);

		return wrong(f, e, words);
	}
	if (web_field_is(f, "time") && !time_from_rfc3339(text, strlen(text), &t, NULL))
		return wrong(f, e, "a time as RFC 3339 writes it, such as 2026-11-21T07:14:05Z");
	if (strlen(text) > most)
		return error_set(e, ERR_LIMIT, "the field \"%s\" is longer than %zu bytes", f->name, most);
	return 0;
}

static int check_integer(const struct web_field *f, int64_t v, struct error *e)
{
	bool open = !f->min && !f->max;
	int64_t most = open ? INTEGER_MAX : f->max;

	if (v >= f->min && v <= most)
		return 0;
	AUTO_FREE char *must = open ? mem_string("a whole number, 0 or more") : mem_printf("a whole number from %" PRId64 " to %" PRId64, f->min, most);

	return wrong(f, e, must);
}

static const char *must_be(const struct web_field *f)
{
	return web_field_is(f, "integer") ? "a whole number" : web_field_is(f, "boolean") ? "true or false"
		: web_field_is(f, "array") ? "a list of texts" : web_field_is(f, "object") ? "an object" : web_field_is(f, "file") ? "a file" : "a text";
}

static enum json_type json_type_of(const struct web_field *f)
{
	return web_field_is(f, "integer") ? JSON_NUMBER : web_field_is(f, "boolean") ? JSON_BOOL
		: web_field_is(f, "array") ? JSON_ARRAY : web_field_is(f, "object") ? JSON_OBJECT : JSON_STRING;
}

static int check_string(const struct web_field *f, struct json *j, struct error *e)
{
	AUTO_FREE char *text = json_peek(j) == JSON_STRING ? json_string_dup(j) : NULL;

	return text ? check_text(f, text, e) : json_failed(j) ? 0 : wrong(f, e, must_be(f));
}

static int check_list(const struct web_field *f, struct json *j, struct error *e)
{
	size_t n = 0;
	int rc = 0;

	json_array_begin(j);
	while (!rc && json_element(j))
		rc = n++ == LIST_MAX ? error_set(e, ERR_LIMIT, "the field \"%s\" has more than %d entries", f->name, LIST_MAX) : check_string(f, j, e);
	return rc;
}

/* An error of the JSON itself is left to json_finish(). */
static int check_value(const struct web_field *f, struct json *j, struct error *e)
{
	enum json_type type = json_peek(j);

	if (type == JSON_NULL && !required(f)) {
		json_skip(j);
		return 0;
	}
	if (type == JSON_NONE)
		return 0;
	if (type != json_type_of(f) || web_field_is(f, "file"))
		return wrong(f, e, must_be(f));
	if (type == JSON_STRING)
		return check_string(f, j, e);
	if (type == JSON_ARRAY)
		return check_list(f, j, e);
	if (type != JSON_NUMBER) {
		json_skip(j);
		return 0;
	}
	int64_t v = json_i64(j);

	return json_failed(j) ? wrong(f, e, must_be(f)) : check_integer(f, v, e);
}

/* ---- the body ---- */

static int check_members(const struct web_route *route, struct json *j, struct strlist *seen, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = 0;

	if (json_peek(j) != JSON_OBJECT && json_peek(j) != JSON_NONE)
		return error_set(e, ERR_USAGE, "the body must be a JSON object");
	json_object_begin(j);
	while (!rc && json_member(j)) {
		AUTO_FREE char *name = mem_string(json_name(j));
		const struct web_field *f = find(route, name);

		if (f && strlist_has(&names, name))
			return error_set(e, ERR_USAGE, "the field \"%s\" is there twice", name);
		strlist_add(&names, name);
		if (f && json_peek(j) != JSON_NULL)
			strlist_add(seen, name);
		if (f || !(route->flags & WEB_RECORD))
			rc = f ? check_value(f, j, e) : unknown(route, false, name, e);
		else
			json_skip(j);
	}
	return rc;
}

static int check_body(const struct web_route *route, const struct web_request *r, struct strlist *seen, struct error *e)
{
	struct json j;
	struct error broken = {0};

	if (!r->body.len)
		return 0;
	json_init(&j, r->body.p, r->body.len);
	int rc = check_members(route, &j, seen, e);

	if (rc) {
		json_release(&j);
		return rc;
	}
	return json_finish(&j, &broken) ? error_set(e, ERR_USAGE, "the body is no JSON: %s", broken.text) : 0;
}

static int check_uploads(const struct web_route *route, const struct web_request *r, struct strlist *seen, struct error *e)
{
	for (size_t i = 0; i < r->upload_count; i++) {
		const char *name = r->uploads[i].field;
		const struct web_field *f = name ? find(route, name) : NULL;

		if (!f || !web_field_is(f, "file"))
			return unknown(route, false, name ? name : "", e);
		if (strlist_has(seen, name))
			return error_set(e, ERR_USAGE, "the file \"%s\" was sent twice", name);
		strlist_add(seen, name);
	}
	return 0;
}

static int check_required(const struct web_route *route, const struct strlist *seen, struct error *e)
{
	for (const struct web_field *f = route->fields; f && f->name; f++)
		if (required(f) && !of_query(f) && !strlist_has(seen, f->name)) {
			error_set(e, ERR_USAGE, "the field \"%s\" is missing", f->name);
			return error_hint(e, "it is %s: %s", must_be(f), f->help);
		}
	return 0;
}

/* ---- the query ---- */

static int check_parameter(const struct web_field *f, const char *text, struct error *e)
{
	char *end;

	if (web_field_is(f, "integer")) {
		int64_t v = strtoll(text, &end, 10);

		return *text && !*end && strspn(text, "-0123456789") == strlen(text) && strlen(text) < 18 ? check_integer(f, v, e) : wrong(f, e, must_be(f));
	}
	if (web_field_is(f, "boolean"))
		return among("true|false|1|0", text) ? 0 : wrong(f, e, must_be(f));
	return check_text(f, text, e);
}

/* A page of a list; and what the file in the body of a PUT is called. */
static bool goes_without_saying(const struct web_route *route, const char *name)
{
	return web_answer_is_list(route->answer) ? among("offset|limit", name) : route->flags & WEB_UPLOAD && !strcmp(name, "name");
}

/* A filter that was misspelt would let everything through. */
static int check_names(const struct web_route *route, const struct web_request *r, struct error *e)
{
	const char *name;

	for (size_t i = 0; (name = web_query_name(r, i)); i++)
		if (!find_in(route, true, name) && !goes_without_saying(route, name))
			return unknown(route, true, name, e);
	return 0;
}

static int check_query(const struct web_route *route, const struct web_request *r, struct error *e)
{
	int rc = check_names(route, r, e);

	for (const struct web_field *f = route->fields; !rc && f && f->name; f++) {
		const char *text = of_query(f) ? web_query(r, f->name) : NULL;

		if (text)
			rc = check_parameter(f, text, e);
		else if (of_query(f) && required(f))
			rc = error_set(e, ERR_USAGE, "the parameter \"%s\" is missing", f->name);
	}
	return rc;
}

/* ---- forms ---- */

static bool is_form(const struct web_request *r)
{
	const char *type = web_header(r, "Content-Type");

	return type && (!strncasecmp(type, "application/x-www-form-urlencoded", 33) || !strncasecmp(type, "multipart/form-data", 19));
}

/* 1 yes, 0 no, -1 neither. */
static int truth(const char *text)
{
	static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(words[i], text))
			return i % 2;
	return -1;
}

/* A text as the type its field has; one that is none stays as it is, for check_value() to tell. */
static void retype(const struct web_field *f, const char *text, struct json_out *w)
{
	size_t digits = strspn(text + (*text == '-'), "0123456789");

	if (web_field_is(f, "boolean") && truth(text) >= 0)
		jw_bool(w, truth(text) == 1);
	else if (web_field_is(f, "integer") && digits && digits < 18 && !text[(*text == '-') + digits])
		jw_i64(w, strtoll(text, NULL, 10));
	else if (!*text && !web_field_is(f, "string"))
		jw_null(w);
	else
		jw_string(w, text);
}

/* All values the form has for `name`. */
static void values_of(const struct web_request *r, const char *name, struct strlist *out)
{
	struct json j;

	json_init(&j, r->body.p, r->body.len);
	json_object_begin(&j);
	while (json_member(&j)) {
		bool it = !strcmp(json_name(&j), name);

		if (it && json_peek(&j) == JSON_STRING)
			strlist_take(out, json_string_dup(&j));
		else
			json_skip(&j);
	}
	json_release(&j);
}

/* Each once; of those that the table has not, the first will do: it is an error. */
static void names_of(const struct web_route *route, const struct web_request *r, struct strlist *out)
{
	struct json j;
	bool stranger = false;

	json_init(&j, r->body.p, r->body.len);
	json_object_begin(&j);
	while (json_member(&j)) {
		bool known = find(route, json_name(&j)) != NULL;

		if ((known && !strlist_has(out, json_name(&j))) || (!known && !stranger))
			strlist_add(out, json_name(&j));
		stranger = stranger || !known;
		json_skip(&j);
	}
	json_release(&j);
}

static void form_member(const struct web_request *r, const struct web_field *f, const char *name, struct json_out *w)
{
	CLEANUP(strlist_release) struct strlist values = {0};

	values_of(r, name, &values);
	jw_name(w, name);
	if (!f || !web_field_is(f, "array")) {
		const char *last = values.n ? values.v[values.n - 1] : "";

		if (f)
			retype(f, last, w);
		else
			jw_string(w, last);
		return;
	}
	jw_array(w);
	for (size_t i = 0; i < values.n; i++)
		if (*values.v[i])
			jw_string(w, values.v[i]);
	jw_array_end(w);
}

static void form_to_json(const struct web_route *route, struct web_request *r)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	CLEANUP(buf_release) struct buf typed = BUF_INIT_MAX(r->body.max);
	struct json_out w;

	names_of(route, r, &names);
	jw_init(&w, &typed);
	jw_object(&w);
	for (size_t i = 0; i < names.n; i++)
		form_member(r, find(route, names.v[i]), names.v[i], &w);
	jw_object_end(&w);
	buf_swap(&r->body, &typed);
}

int web_fields(const struct web_route *route, struct web_request *r, struct error *e)
{
	CLEANUP(strlist_release) struct strlist seen = {0};

	if (r->body.len && is_form(r))
		form_to_json(route, r);
	int rc = check_query(route, r, e);

	if (!rc)
		rc = check_body(route, r, &seen, e);
	if (!rc)
		rc = check_uploads(route, r, &seen, e);
	return rc ? rc : check_required(route, &seen, e);
}

/* ---- for handlers ---- */

/* Stop at the member; false when it is absent or null. Release j in any case. */
static bool seek(const struct web_request *r, const char *name, struct json *j)
{
	json_init(j, r->body.p, r->body.len);
	json_object_begin(j);
	while (json_member(j)) {
		if (!strcmp(json_name(j), name))
			return json_peek(j) != JSON_NULL && json_peek(j) != JSON_NONE;
		json_skip(j);
	}
	return false;
}

bool web_field_given(const struct web_request *r, const char *name)
{
	CLEANUP(json_release) struct json j;

	return seek(r, name, &j);
}

char *web_field_text(const struct web_request *r, const char *name)
{
	CLEANUP(json_release) struct json j;

	return seek(r, name, &j) ? json_string_dup(&j) : NULL;
}

bool web_field_bool(const struct web_request *r, const char *name, bool otherwise)
{
	CLEANUP(json_release) struct json j;

	return seek(r, name, &j) ? json_bool(&j) : otherwise;
}

int64_t web_field_integer(const struct web_request *r, const char *name, int64_t otherwise)
{
	CLEANUP(json_release) struct json j;

	return seek(r, name, &j) ? json_i64(&j) : otherwise;
}

void web_field_list(const struct web_request *r, const char *name, struct strlist *out)
{
	CLEANUP(json_release) struct json j;

	if (!seek(r, name, &j))
		return;
	json_array_begin(&j);
	while (json_element(&j))
		strlist_take(out, json_string_dup(&j));
}

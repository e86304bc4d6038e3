/* Records from and to JSON by their tables. */
#include "catalog/field.h"

#include "base/mem.h"
#include "base/nearest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void write_list(const struct strlist *l, struct json_out *w)
{
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jw_string(w, l->v[i]);
	jw_array_end(w);
}

static void write_value(const struct field *f, const void *p, struct json_out *w)
{
	switch (f->type) {
	case FIELD_TEXT:
		jw_string(w, *(char *const *)p);
		break;
	case FIELD_LIST:
		write_list(p, w);
		break;
	case FIELD_BOOL:
		jw_bool(w, *(const bool *)p);
		break;
	case FIELD_INT:
		jw_i64(w, *(const int *)p);
		break;
	case FIELD_I64:
		jw_i64(w, *(const int64_t *)p);
		break;
	case FIELD_U64:
		jw_u64(w, *(const uint64_t *)p);
		break;
	case FIELD_TIME:
	case FIELD_SECRET:
		jw_null(w);
		break;
	}
}

void field_write(const struct field *table, const void *record, struct json_out *w)
{
	for (const struct field *f = table; f->name; f++) {
		const void *p = (const char *)record + f->at;

		if (f->flags & FIELD_IN)
			continue;
		if (f->type == FIELD_TIME) {
			jw_kv_time(w, f->name, *(const struct timespec *)p);
			continue;
		}
		jw_name(w, f->name);
		write_value(f, p, w);
	}
}

/* ---- reading ---- */

struct reading {
	const struct field *field;
	const char *what;
	struct json *j;
	struct error *e;
};

static int wrong(const struct reading *r, const char *why)
{
	return error_set(r->e, ERR_USAGE, "the field \"%s\" of a %s %s", r->field->name, r->what, why);
}

static int not_chosen(const struct reading *r, const char *value)
{
	CLEANUP(strlist_release) struct strlist list = {0};

	for (const char *c = r->field->choices; *c; c += strcspn(c, "|"), c += *c == '|')
		strlist_take(&list, mem_string_n(c, strcspn(c, "|")));
	if (strlist_has(&list, value))
		return 0;
	AUTO_FREE char *all = strlist_join(&list, ", ");

	return error_set(r->e, ERR_USAGE, "the field \"%s\" of a %s cannot be \"%.100s\"; it is one of: %s", r->field->name, r->what, value, all);
}

/* A text within its limits, NULL for null. */
static int read_text(const struct reading *r, char **out)
{
	uint64_t max = r->field->max ? r->field->max : FIELD_TEXT_MAX;
	enum json_type type = json_peek(r->j);

	*out = NULL;
	if (type != JSON_STRING && type != JSON_NULL)
		return wrong(r, "must be a text");
	if (type == JSON_NULL) {
		json_skip(r->j);
		return 0;
	}
	AUTO_FREE char *text = json_string_dup(r->j);

	if (!text)
		return wrong(r, "is no valid text");
	if (strlen(text) > max)
		return error_set(r->e, ERR_USAGE, "the field \"%s\" of a %s is longer than %llu bytes", r->field->name, r->what, (unsigned long long)max);
	int rc = *text && r->field->choices ? not_chosen(r, text) : 0;

	if (!rc && *text)
		*out = TAKE(text);
	return rc;
}

static int replace_text(const struct reading *r, char **to)
{
	char *text;
	int rc = read_text(r, &text);

	if (rc)
		return rc;
	free(*to);
	*to = text;
	return 0;
}

static int replace_secret(const struct reading *r, struct secret *to)
{
	AUTO_FREE char *text = NULL;
	int rc = read_text(r, &text);

	if (rc)
		return rc;
	secret_release(to);
	if (text) {
		secret_set(to, text, strlen(text));
		secret_wipe(text, strlen(text));
	}
	return 0;
}

static int replace_list(const struct reading *r, struct strlist *to)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	if (json_peek(r->j) != JSON_ARRAY && json_peek(r->j) != JSON_NULL)
		return wrong(r, "must be a list of texts");
	json_array_begin(r->j);
	while (json_element(r->j)) {
		char *text;
		int rc = read_text(r, &text);

		if (rc)
			return rc;
		if (text)
			strlist_take(&l, text);
		if (l.n > FIELD_LIST_MAX)
			return wrong(r, "holds too many texts");
	}
	strlist_release(to);
	*to = l;
	l = (struct strlist){0};
	return 0;
}

static int read_number(const struct reading *r, uint64_t type_max, uint64_t *out)
{
	uint64_t max = r->field->max ? r->field->max : type_max;

	if (json_peek(r->j) == JSON_NUMBER)
		*out = json_u64(r->j);
	else
		return wrong(r, "must be a whole number");
	if (json_failed(r->j))
		return wrong(r, "must be a whole number that is not negative");
	if (*out > max)
		return error_set(r->e, ERR_USAGE, "the field \"%s\" of a %s cannot be more than %llu", r->field->name, r->what, (unsigned long long)max);
	return 0;
}

static int replace_number(const struct reading *r, void *to)
{
	uint64_t n = 0;
	int rc = read_number(r, r->field->type == FIELD_INT ? INT_MAX : r->field->type == FIELD_I64 ? INT64_MAX : UINT64_MAX, &n);

	if (rc)
		return rc;
	if (r->field->type == FIELD_INT)
		*(int *)to = (int)n;
	else
		*(uint64_t *)to = n;
	return 0;
}

static int replace_bool(const struct reading *r, bool *to)
{
	if (json_peek(r->j) != JSON_BOOL)
		return wrong(r, "must be true or false");
	*to = json_bool(r->j);
	return 0;
}

static int replace_time(const struct reading *r, struct timespec *to)
{
	AUTO_FREE char *text = NULL;
	struct timespec t = {0};
	int rc = read_text(r, &text);

	if (rc)
		return rc;
	if (text && !time_from_rfc3339(text, strlen(text), &t, NULL))
		return wrong(r, "must be a time as \"2026-11-21T07:14:05Z\"");
	*to = t;
	return 0;
}

static int read_value(const struct reading *r, void *to)
{
	switch (r->field->type) {
	case FIELD_TEXT:
		return replace_text(r, to);
	case FIELD_LIST:
		return replace_list(r, to);
	case FIELD_BOOL:
		return replace_bool(r, to);
	case FIELD_TIME:
		return replace_time(r, to);
	case FIELD_SECRET:
		return replace_secret(r, to);
	case FIELD_INT:
	case FIELD_I64:
	case FIELD_U64:
		break;
	}
	return replace_number(r, to);
}

static int no_such_field(const struct field *table, const char *what, const char *name, struct error *e)
{
	struct nearest n = nearest_to(name);

	for (const struct field *f = table; f->name; f++)
		nearest_consider(&n, f->name);
	error_set(e, ERR_USAGE, "a %s has no field \"%.100s\"", what, name);
	return n.found ? error_hint(e, "did you mean \"%s\"?", n.found) : -ERR_USAGE;
}

int field_read(const struct field *table, const char *what, void *record, struct json *j, struct error *e)
{
	bool shown = false;

	for (const struct field *f = table; f->name; f++) {
		if (!json_name_is(j, f->name))
			continue;
		shown = true;
		if (!(f->flags & FIELD_OUT))
			return read_value(&(struct reading){f, what, j, e}, (char *)record + f->at);
	}
	if (!shown)
		return no_such_field(table, what, json_name(j), e);
	json_skip(j);
	return 0;
}

int field_read_all(const struct field *table, const char *what, void *record, struct json *j, struct error *e)
{
	int rc = 0;

	if (json_peek(j) != JSON_OBJECT)
		return error_set(e, ERR_USAGE, "a %s must be a JSON object", what);
	json_object_begin(j);
	while (!rc && json_member(j))
		rc = field_read(table, what, record, j, e);
	if (!rc && json_failed(j))
		rc = error_set(e, ERR_USAGE, "a %s: invalid JSON: %s", what, j->failed);
	return rc;
}

/* Schemas of values, for the OpenAPI document. */
#include "web/openapi_schema.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void ref(struct json_out *w, const char *schema)
{
	AUTO_FREE char *path = mem_printf("#/components/schemas/%s", schema);

	jw_kv_string(w, "$ref", path);
}

/* "string", or ["string", "null"] */
static void type_member(struct json_out *w, const char *type, bool null)
{
	jw_name(w, "type");
	if (!null) {
		jw_string(w, type);
		return;
	}
	jw_array(w);
	jw_string(w, type);
	jw_string(w, "null");
	jw_array_end(w);
}

void openapi_schema_choices(struct json_out *w, const char *choices, bool null)
{
	jw_name(w, "enum");
	jw_array(w);
	for (const char *p = choices; *p;) {
		size_t n = strcspn(p, "|");

		jw_bytes(w, p, n);
		p += n + (p[n] == '|');
	}
	if (null)
		jw_null(w);
	jw_array_end(w);
}

static void any_of_null(struct json_out *w, const char *schema)
{
	jw_name(w, "anyOf");
	jw_array(w);
	jw_object(w);
	ref(w, schema);
	jw_object_end(w);
	jw_object(w);
	jw_kv_string(w, "type", "null");
	jw_object_end(w);
	jw_array_end(w);
}

void openapi_schema_type(struct json_out *w, const char *type, bool null)
{
	if (!strcmp(type, "any"))
		return;
	if (isupper((unsigned char)*type)) {
		if (null)
			any_of_null(w, type);
		else
			ref(w, type);
	} else if (strchr(type, '|')) {
		type_member(w, "string", null);
		openapi_schema_choices(w, type, null);
	} else if (!strcmp(type, "time")) {
		type_member(w, "string", null);
		jw_kv_string(w, "format", "date-time");
	} else
		type_member(w, type, null);
}

/* An openapi_member's type. */
static void member_schema(struct json_out *w, const struct openapi_member *m)
{
	size_t n = strcspn(m->type, "[?~");
	AUTO_FREE char *type = mem_string_n(m->type, n);
	bool null = strchr(m->type, '?') != NULL, list = m->type[n] == '[';

	jw_name(w, m->name);
	jw_object(w);
	if (list) {
		type_member(w, "array", null);
		jw_name(w, "items");
		jw_object(w);
		openapi_schema_type(w, type, false);
		jw_object_end(w);
	} else
		openapi_schema_type(w, type, null);
	if (m->help)
		jw_kv_string(w, "description", m->help);
	jw_object_end(w);
}

void openapi_schema_of_object(struct json_out *w, const struct openapi_schema *s)
{
	jw_object(w);
	jw_kv_string(w, "type", "object");
	if (s->help)
		jw_kv_string(w, "description", s->help);
	jw_name(w, "properties");
	jw_object(w);
	for (const struct openapi_member *m = s->members; m->name; m++)
		member_schema(w, m);
	jw_object_end(w);
	jw_name(w, "required");
	jw_array(w);
	for (const struct openapi_member *m = s->members; m->name; m++)
		if (!strchr(m->type, '~'))
			jw_string(w, m->name);
	jw_array_end(w);
	jw_kv_bool(w, "additionalProperties", s->open);
	jw_object_end(w);
}

/* "Backup[]": a page of them. */
static void page_schema(struct json_out *w, const char *of)
{
	static const char *const members[] = {"items", "total", "offset", "limit"};

	jw_kv_string(w, "type", "object");
	jw_name(w, "properties");
	jw_object(w);
	jw_name(w, "items");
	jw_object(w);
	jw_kv_string(w, "type", "array");
	jw_name(w, "items");
	jw_object(w);
	ref(w, of);
	jw_object_end(w);
	jw_object_end(w);
	for (size_t i = 1; i < ARRAY_LEN(members); i++) {
		jw_name(w, members[i]);
		jw_object(w);
		jw_kv_string(w, "type", "integer");
		jw_object_end(w);
	}
	jw_object_end(w);
	jw_name(w, "required");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		jw_string(w, members[i]);
	jw_array_end(w);
	jw_kv_bool(w, "additionalProperties", false);
}

void openapi_schema_of_answer(struct json_out *w, const char *answer)
{
	AUTO_FREE char *of = web_answer_is_list(answer) ? mem_string_n(answer, strlen(answer) - 2) : NULL;

	jw_object(w);
	if (of)
		page_schema(w, of);
	else
		ref(w, answer);
	jw_object_end(w);
}

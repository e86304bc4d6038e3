#include "web/openapi.h"

#include "base/mem.h"
#include "web/api.h"
#include "web/openapi_schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- fields of requests ---- */

static bool of_query(const struct web_field *f)
{
	return strchr(f->type, '?') != NULL;
}

static bool required(const struct web_field *f)
{
	return strchr(f->type, '!') != NULL;
}

static void text_limits(struct json_out *w, const struct web_field *f)
{
	if (f->choices)
		openapi_schema_choices(w, f->choices, false);
	else if (f->max)
		jw_kv_i64(w, "maxLength", f->max);
}

static void integer_limits(struct json_out *w, const struct web_field *f)
{
	jw_kv_i64(w, "minimum", f->min);
	if (f->min || f->max)
		jw_kv_i64(w, "maximum", f->max);
}

static void field_schema(struct json_out *w, const struct web_field *f)
{
	size_t n = strcspn(f->type, "!?");
	AUTO_FREE char *type = mem_string_n(f->type, n);
	bool null = !required(f) && !of_query(f) && !f->choices;

	jw_object(w);
	if (!strcmp(type, "file")) {
		jw_kv_string(w, "type", "string");
		jw_kv_string(w, "contentMediaType", "application/octet-stream");
	} else
		openapi_schema_type(w, type, null);
	if (!strcmp(type, "string"))
		text_limits(w, f);
	if (!strcmp(type, "integer"))
		integer_limits(w, f);
	if (!strcmp(type, "array")) {
		jw_name(w, "items");
		jw_object(w);
		jw_kv_string(w, "type", "string");
		text_limits(w, f);
		jw_object_end(w);
	}
	if (!of_query(f))
		jw_kv_string(w, "description", f->help);
	jw_object_end(w);
}

static void begin_parameter(struct json_out *w, const char *name, const char *in, bool must)
{
	jw_object(w);
	jw_kv_string(w, "name", name);
	jw_kv_string(w, "in", in);
	jw_kv_bool(w, "required", must);
}

static void path_parameters(struct json_out *w, const char *path)
{
	for (const char *p = strchr(path, '{'); p; p = strchr(p + 1, '{')) {
		AUTO_FREE char *name = mem_string_n(p + 1, strcspn(p + 1, "}"));

		begin_parameter(w, name, "path", true);
		jw_name(w, "schema");
		jw_object(w);
		jw_kv_string(w, "type", "string");
		jw_object_end(w);
		jw_object_end(w);
	}
}

static void query_parameter(struct json_out *w, const struct web_field *f)
{
	begin_parameter(w, f->name, "query", required(f));
	jw_kv_string(w, "description", f->help);
	jw_name(w, "schema");
	field_schema(w, f);
	jw_object_end(w);
}

static void parameters(struct json_out *w, const struct web_route *r)
{
	static const struct web_field page[] = {
		{"offset", "integer?", "entries to pass over first"},
		{"limit", "integer?", "how many entries at most, 100 unless said", NULL, 1, 1000},
		{0},
	};

	jw_name(w, "parameters");
	jw_array(w);
	path_parameters(w, r->path);
	for (const struct web_field *f = r->fields; f && f->name; f++)
		if (of_query(f))
			query_parameter(w, f);
	for (const struct web_field *f = page; web_answer_is_list(r->answer) && f->name; f++)
		query_parameter(w, f);
	jw_array_end(w);
}

static void body_schema(struct json_out *w, const struct web_route *r)
{
	jw_object(w);
	jw_kv_string(w, "type", "object");
	jw_name(w, "properties");
	jw_object(w);
	for (const struct web_field *f = r->fields; f && f->name; f++)
		if (!of_query(f)) {
			jw_name(w, f->name);
			field_schema(w, f);
		}
	jw_object_end(w);
	jw_name(w, "required");
	jw_array(w);
	for (const struct web_field *f = r->fields; f && f->name; f++)
		if (!of_query(f) && required(f))
			jw_string(w, f->name);
	jw_array_end(w);
	jw_kv_bool(w, "additionalProperties", (r->flags & WEB_RECORD) != 0);
	jw_object_end(w);
}

static bool has_body(const struct web_route *r)
{
	for (const struct web_field *f = r->fields; f && f->name; f++)
		if (!of_query(f))
			return true;
	return r->flags & WEB_RECORD;
}

/* JSON and forms; what has files is one kind of form only. */
static void request_body(struct json_out *w, const struct web_route *r)
{
	static const char *const types[] = {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"};
	bool files = r->flags & WEB_UPLOAD;

	if (!has_body(r))
		return;
	jw_name(w, "requestBody");
	jw_object(w);
	jw_name(w, "content");
	jw_object(w);
	for (size_t i = files ? 2 : 0; i < (files ? 3 : 2); i++) {
		jw_name(w, types[i]);
		jw_object(w);
		jw_name(w, "schema");
		body_schema(w, r);
		jw_object_end(w);
	}
	jw_object_end(w);
	jw_object_end(w);
}

/* ---- responses ---- */

static void response(struct json_out *w, const char *status, const char *text, const char *type, const char *answer)
{
	jw_name(w, status);
	jw_object(w);
	jw_kv_string(w, "description", text);
	if (type) {
		jw_name(w, "content");
		jw_object(w);
		jw_name(w, type);
		jw_object(w);
		jw_name(w, "schema");
		if (answer)
			openapi_schema_of_answer(w, answer);
		else {
			jw_object(w);
			jw_kv_string(w, "type", "string");
			jw_object_end(w);
		}
		jw_object_end(w);
		jw_object_end(w);
	}
	jw_object_end(w);
}

/* "Job|Cleanup" is a 202 or a 200. */
static void good_responses(struct json_out *w, const struct web_route *r)
{
	static const char json[] = "application/json";
	size_t n = r->answer ? strcspn(r->answer, "|") : 0;
	AUTO_FREE char *answer = n ? mem_string_n(r->answer, n) : NULL;

	if (r->flags & WEB_EVENTS) {
		response(w, "200", "Server-sent events, without end", "text/event-stream", NULL);
		return;
	}
	if (r->flags & WEB_FILE)
		response(w, "200", "The file", "application/octet-stream", NULL);
	if (answer && !strcmp(answer, "text")) {
		response(w, "200", "Text", "text/plain", NULL);
		return;
	}
	if (answer && r->answer[n])
		response(w, "200", "Done", json, r->answer + n + 1);
	if (answer && r->flags & WEB_QUEUES)
		response(w, "202", "It will be done", json, answer);
	else if (answer)
		response(w, r->flags & WEB_CREATES ? "201" : "200", r->flags & WEB_CREATES ? "Made" : "Done", json, answer);
	else if (!(r->flags & WEB_FILE))
		response(w, "204", "Done", NULL, NULL);
}

static bool asks_for_confirmation(const struct web_route *r)
{
	for (const struct web_field *f = r->fields; f && f->name; f++)
		if (!strcmp(f->name, "confirm"))
			return true;
	return false;
}

static void responses(struct json_out *w, const struct web_route *r)
{
	jw_name(w, "responses");
	jw_object(w);
	good_responses(w, r);
	if (asks_for_confirmation(r))
		response(w, "409", "Something would be replaced, and \"confirm\" is not its name", "application/problem+json", "Confirmation");
	jw_name(w, "default");
	jw_object(w);
	jw_kv_string(w, "$ref", "#/components/responses/Problem");
	jw_object_end(w);
	jw_object_end(w);
}

/* ---- operations ---- */

/* "post_backups_id_verify" */
static char *operation_id(const struct web_route *r)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	const char *path = strncmp(r->path, API, strlen(API)) ? r->path : r->path + strlen(API);

	for (const char *p = r->method; *p; p++)
		buf_add_byte(&b, (unsigned char)tolower((unsigned char)*p));
	for (const char *p = path; *p; p++) {
		bool word = isalnum((unsigned char)*p);

		if (word && (p == path || !isalnum((unsigned char)p[-1])))
			buf_add_byte(&b, '_');
		if (word)
			buf_add_byte(&b, (unsigned char)*p);
	}
	return buf_take_text(&b);
}

static const char *permission_text(enum web_permission p)
{
	static const char *const texts[] = {
		[WEB_NONE] = "Needs no login.", [WEB_VIEWER] = "For viewers, operators and admins.", [WEB_OPERATOR] = "For operators and admins.",
		[WEB_ADMIN] = "For admins.", [WEB_USER] = "For whoever is logged in.",
	};

	return texts[p];
}

static void kv_array1(struct json_out *w, const char *name, const char *value)
{
	jw_name(w, name);
	jw_array(w);
	jw_string(w, value);
	jw_array_end(w);
}

static void operation(struct json_out *w, const struct web_route *r)
{
	static const char *const permissions[] = {"none", "viewer", "operator", "admin", "user"};
	AUTO_FREE char *id = operation_id(r);
	AUTO_FREE char *method = mem_string(r->method);

	for (char *p = method; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	jw_name(w, method);
	jw_object(w);
	jw_kv_string(w, "operationId", id);
	kv_array1(w, "tags", r->tag);
	jw_kv_string(w, "summary", r->summary);
	jw_kv_string(w, "description", permission_text(r->permission));
	jw_kv_string(w, "x-permission", permissions[r->permission]);
	if (r->permission == WEB_NONE) {
		jw_name(w, "security");
		jw_array(w);
		jw_array_end(w);
	}
	parameters(w, r);
	request_body(w, r);
	responses(w, r);
	jw_object_end(w);
}

/* The route numbered n over all tables; NULL at the end. */
static const struct web_route *route_at(const struct web_route *const *tables, size_t n)
{
	for (; *tables; tables++)
		for (const struct web_route *r = *tables; r->method; r++)
			if (!n--)
				return r;
	return NULL;
}

static bool path_is_new(const struct web_route *const *tables, size_t n)
{
	const char *path = route_at(tables, n)->path;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(route_at(tables, i)->path, path))
			return false;
	return true;
}

static void paths(struct json_out *w, const struct web_route *const *tables)
{
	const struct web_route *r, *other;

	jw_name(w, "paths");
	jw_object(w);
	for (size_t n = 0; (r = route_at(tables, n)); n++) {
		if (!path_is_new(tables, n))
			continue;
		jw_name(w, r->path);
		jw_object(w);
		for (size_t i = n; (other = route_at(tables, i)); i++)
			if (!strcmp(other->path, r->path))
				operation(w, other);
		jw_object_end(w);
	}
	jw_object_end(w);
}

/* ---- the document ---- */

static void security_scheme(struct json_out *w, const char *name, const char *const members[][2])
{
	jw_name(w, name);
	jw_object(w);
	for (size_t i = 0; members[i][0]; i++)
		jw_kv_string(w, members[i][0], members[i][1]);
	jw_object_end(w);
}

static void components(struct json_out *w)
{
	static const char *const session[][2] = {{"type", "apiKey"}, {"in", "cookie"}, {"name", "backstay_session"}, {NULL, NULL}};
	static const char *const bearer[][2] = {{"type", "http"}, {"scheme", "bearer"}, {"description", "An API token, or a JWT"}, {NULL, NULL}};

	jw_name(w, "components");
	jw_object(w);
	jw_name(w, "securitySchemes");
	jw_object(w);
	security_scheme(w, "session", session);
	security_scheme(w, "bearer", bearer);
	jw_object_end(w);
	jw_name(w, "responses");
	jw_object(w);
	response(w, "Problem", "It cannot be done", "application/problem+json", "Problem");
	jw_object_end(w);
	jw_name(w, "schemas");
	jw_object(w);
	for (const struct openapi_schema *s = openapi_schemas; s->name; s++) {
		jw_name(w, s->name);
		openapi_schema_of_object(w, s);
	}
	jw_object_end(w);
	jw_object_end(w);
}

static void security(struct json_out *w)
{
	static const char *const schemes[] = {"session", "bearer"};

	jw_name(w, "security");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		jw_object(w);
		jw_name(w, schemes[i]);
		jw_array(w);
		jw_array_end(w);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void openapi_write(const struct web_route *const *tables, struct buf *out)
{
	struct json_out w;

	jw_init(&w, out);
	jw_object(&w);
	jw_kv_string(&w, "openapi", "3.1.0");
	jw_name(&w, "info");
	jw_object(&w);
	jw_kv_string(&w, "title", "Backstay");
	jw_kv_string(&w, "version", BACKSTAY_VERSION);
	jw_kv_string(&w, "description", "Backups of databases and folders: made, kept, verified, restored. docs/api.md has examples.");
	jw_object_end(&w);
	security(&w);
	paths(&w, tables);
	components(&w);
	jw_object_end(&w);
}

static int get(struct web_request *r, struct web_response *out, struct error *e)
{
	openapi_write(web_routes, &out->body);
	return 0;
}

const struct web_route api_openapi[] = {
	{"GET", API "openapi.json", WEB_NONE, get, "Monitoring", "This document", NULL, "OpenAPI"},
	{0},
};

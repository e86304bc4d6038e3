/* Bodies and queries held against a route's table. */
#include "base/mem.h"
#include "web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct web_field table[] = {
	{"level", "integer?", "at least this level", NULL, 1, 4},
	{"since", "time?", "not before this"},
	{"good", "boolean?", "only good ones"},
	{"name", "string!", "what to call it", NULL, 0, 20},
	{"kind", "string", "what to take", "database|media|full"},
	{"days", "integer", "how long", NULL, 1, 365},
	{"count", "integer", "how many"},
	{"compress", "boolean", "make it small"},
	{"sources", "array", "which ones"},
	{"keep", "object", "rules"},
	{"dump", "file", "a file"},
	{0},
};
static const struct web_route route = {.method = "POST", .path = "/things/", .fields = table};

/* What server.c would know of the request. */
static const char *content_type, *query_name, *query_text;

const char *web_header(const struct web_request *r, const char *name)
{
	return strcmp(name, "Content-Type") ? NULL : content_type;
}

const char *web_query(const struct web_request *r, const char *name)
{
	return query_name && !strcmp(name, query_name) ? query_text : NULL;
}

const char *web_query_name(const struct web_request *r, size_t i)
{
	return i ? NULL : query_name;
}

static int check(struct web_request *r, const char *body, struct error *e)
{
	error_clear(e);
	buf_release(&r->body);
	buf_add_str(&r->body, body);
	return web_fields(&route, r, e);
}

static void assert_refused(const char *body, enum err_kind kind, const char *text)
{
	struct web_request r = {0};
	struct error e;

	assert_int_equal(check(&r, body, &e), -(int)kind);
	assert_string_equal(e.text, text);
	buf_release(&r.body);
}

static void assert_query_refused(const char *name, const char *value, const char *text)
{
	query_name = name;
	query_text = value;
	assert_refused("{\"name\": \"a\"}", ERR_USAGE, text);
	query_name = NULL;
}

static void the_field_that_is_wrong_is_named(void **state)
{
	content_type = "application/json";
	assert_refused("", ERR_USAGE, "the field \"name\" is missing");
	assert_refused("{}", ERR_USAGE, "the field \"name\" is missing");
	assert_refused("{\"name\": null}", ERR_USAGE, "the field \"name\" must be a text");
	assert_refused("{\"name\": 7}", ERR_USAGE, "the field \"name\" must be a text");
	assert_refused("{\"name\": \"123456789012345678901\"}", ERR_LIMIT, "the field \"name\" is longer than 20 bytes");
	assert_refused("{\"name\": \"a\", \"name\": \"b\"}", ERR_USAGE, "the field \"name\" is there twice");
	assert_refused("{\"name\": \"a\", \"Name\": \"b\"}", ERR_USAGE, "there is no field \"Name\" here");
	assert_refused("{\"name\": \"a\", \"level\": 1}", ERR_USAGE, "there is no field \"level\" here");
	assert_refused("{\"name\": \"a\", \"kind\": \"disk\"}", ERR_USAGE, "the field \"kind\" must be database, media or full");
	assert_refused("{\"name\": \"a\", \"days\": 0}", ERR_USAGE, "the field \"days\" must be a whole number from 1 to 365");
	assert_refused("{\"name\": \"a\", \"days\": 1.5}", ERR_USAGE, "the field \"days\" must be a whole number");
	assert_refused("{\"name\": \"a\", \"days\": \"7\"}", ERR_USAGE, "the field \"days\" must be a whole number");
	assert_refused("{\"name\": \"a\", \"count\": -1}", ERR_USAGE, "the field \"count\" must be a whole number, 0 or more");
	assert_refused("{\"name\": \"a\", \"compress\": \"yes\"}", ERR_USAGE, "the field \"compress\" must be true or false");
	assert_refused("{\"name\": \"a\", \"sources\": \"shop\"}", ERR_USAGE, "the field \"sources\" must be a list of texts");
	assert_refused("{\"name\": \"a\", \"sources\": [\"shop\", 1]}", ERR_USAGE, "the field \"sources\" must be a list of texts");
	assert_refused("{\"name\": \"a\", \"keep\": []}", ERR_USAGE, "the field \"keep\" must be an object");
	assert_refused("{\"name\": \"a\", \"dump\": \"x\"}", ERR_USAGE, "the field \"dump\" must be a file");
}

static void what_is_no_json_object_is_refused(void **state)
{
	content_type = "application/json";
	assert_refused("[]", ERR_USAGE, "the body must be a JSON object");
	assert_refused("\"name\"", ERR_USAGE, "the body must be a JSON object");
	assert_refused("{\"name\": \"a\"", ERR_USAGE, "the body is no JSON: invalid JSON at byte 12: unexpected end");
	assert_refused("{\"name\": \"a\"} x", ERR_USAGE, "the body is no JSON: invalid JSON at byte 14: more text than one value");
}

static void parameters_of_the_query_are_looked_at_too(void **state)
{
	content_type = "application/json";
	assert_query_refused("level", "5", "the parameter \"level\" must be a whole number from 1 to 4");
	assert_query_refused("level", "", "the parameter \"level\" must be a whole number");
	assert_query_refused("level", "1e3", "the parameter \"level\" must be a whole number");
	assert_query_refused("levle", "4", "there is no parameter \"levle\" here");
	assert_query_refused("limit", "4", "there is no parameter \"limit\" here");
	assert_query_refused("good", "maybe", "the parameter \"good\" must be true or false");
	assert_query_refused("since", "yesterday", "the parameter \"since\" must be a time as RFC 3339 writes it, such as 2026-11-21T07:14:05Z");
}

static void a_good_body_is_read_by_its_names(void **state)
{
	CLEANUP(strlist_release) struct strlist sources = {0};
	struct web_request r = {0};
	struct error e;

	content_type = "application/json";
	query_name = "level";
	query_text = "4";
	assert_int_equal(check(&r, "{\"name\": \"nightly\", \"days\": 30, \"compress\": false, \"sources\": [\"shop\", \"media\"], \"kind\": null, \"keep\": {\"daily\": 7}}", &e), 0);
	query_name = NULL;
	AUTO_FREE char *name = web_field_text(&r, "name");

	assert_string_equal(name, "nightly");
	assert_null(web_field_text(&r, "kind"));
	assert_int_equal(web_field_integer(&r, "days", 1), 30);
	assert_int_equal(web_field_integer(&r, "count", 5), 5);
	assert_false(web_field_bool(&r, "compress", true));
	assert_true(web_field_given(&r, "keep"));
	assert_false(web_field_given(&r, "kind"));
	web_field_list(&r, "sources", &sources);
	assert_int_equal(sources.n, 2);
	assert_string_equal(sources.v[1], "media");
	buf_release(&r.body);
}

static void a_form_takes_the_types_of_the_table(void **state)
{
	struct web_request r = {0};
	struct error e;

	content_type = "application/x-www-form-urlencoded";
	assert_int_equal(check(&r, "{\"name\": \"a\", \"compress\": \"True\", \"days\": \"30\", \"sources\": \"shop\", \"sources\": \"media\", \"count\": \"\"}", &e), 0);
	assert_string_equal(buf_text(&r.body), "{\"name\":\"a\",\"compress\":true,\"days\":30,\"sources\":[\"shop\",\"media\"],\"count\":null}");
	buf_release(&r.body);
	assert_refused("{\"name\": \"a\", \"compress\": \"perhaps\"}", ERR_USAGE, "the field \"compress\" must be true or false");
	assert_refused("{\"name\": \"a\", \"days\": \"many\"}", ERR_USAGE, "the field \"days\" must be a whole number");
	assert_refused("{\"name\": \"a\", \"x\": \"1\", \"y\": \"2\"}", ERR_USAGE, "there is no field \"x\" here");
}

static void a_file_has_its_field(void **state)
{
	struct web_upload files[2] = {{.field = mem_string("dump")}, {.field = mem_string("other")}};
	struct web_request r = {.uploads = files, .upload_count = 1};
	struct error e;

	content_type = "multipart/form-data; boundary=x";
	assert_int_equal(check(&r, "{\"name\": \"a\"}", &e), 0);
	r.upload_count = 2;
	assert_int_equal(check(&r, "{\"name\": \"a\"}", &e), -ERR_USAGE);
	assert_string_equal(e.text, "there is no field \"other\" here");
	strcpy(files[1].field, "dump");
	assert_int_equal(check(&r, "{\"name\": \"a\"}", &e), -ERR_USAGE);
	assert_string_equal(e.text, "the file \"dump\" was sent twice");
	free(files[0].field);
	free(files[1].field);
	buf_release(&r.body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_field_that_is_wrong_is_named),
		cmocka_unit_test(what_is_no_json_object_is_refused),
		cmocka_unit_test(parameters_of_the_query_are_looked_at_too),
		cmocka_unit_test(a_good_body_is_read_by_its_names),
		cmocka_unit_test(a_form_takes_the_types_of_the_table),
		cmocka_unit_test(a_file_has_its_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

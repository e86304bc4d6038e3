/* Records from and to JSON by tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "catalog/field.h"

#include <stdlib.h>
#include <string.h>

struct thing {
	char *name, *kind, *input;
	struct strlist parts;
	bool on;
	int few;
	int64_t id;
	uint64_t many;
	struct timespec made;
	struct secret key;
};

static const struct field table[] = {
	{"id", FIELD_I64, offsetof(struct thing, id), FIELD_OUT},
	{"name", FIELD_TEXT, offsetof(struct thing, name), .max = 10},
	{"kind", FIELD_TEXT, offsetof(struct thing, kind), .choices = "big|small"},
	{"parts", FIELD_LIST, offsetof(struct thing, parts)},
	{"on", FIELD_BOOL, offsetof(struct thing, on)},
	{"few", FIELD_INT, offsetof(struct thing, few), .max = 31},
	{"many", FIELD_U64, offsetof(struct thing, many)},
	{"made", FIELD_TIME, offsetof(struct thing, made)},
	{"url", FIELD_TEXT, offsetof(struct thing, name), FIELD_OUT},
	{"url", FIELD_TEXT, offsetof(struct thing, input), FIELD_IN},
	{"key", FIELD_SECRET, offsetof(struct thing, key), FIELD_IN},
	{0},
};

static void thing_release(struct thing *t)
{
	free(t->name);
	free(t->kind);
	free(t->input);
	strlist_release(&t->parts);
	secret_release(&t->key);
}

static int read_text(const char *text, struct thing *t, struct error *e)
{
	struct json j;

	json_init(&j, text, strlen(text));
	int rc = field_read_all(table, "thing", t, &j, e);
	struct error late = {0};
	int end = json_finish(&j, rc ? &late : e);

	return rc ? rc : end;
}

static void refuses(const char *text, const char *message)
{
	CLEANUP(thing_release) struct thing t = {.name = mem_string("as it was")};
	struct error e = {0};

	assert_int_equal(read_text(text, &t, &e), -ERR_USAGE);
	assert_string_equal(e.text, message);
	assert_string_equal(t.name, "as it was");
}

static void what_is_wrong_with_a_field_is_named(void **state)
{
	refuses("[]", "a thing must be a JSON object");
	refuses("null", "a thing must be a JSON object");
	refuses("{\"nmae\": 1}", "a thing has no field \"nmae\"");
	refuses("{\"name\": 1}", "the field \"name\" of a thing must be a text");
	refuses("{\"name\": \"12345678901\"}", "the field \"name\" of a thing is longer than 10 bytes");
	refuses("{\"name\": \"a\\u0000b\"}", "the field \"name\" of a thing is no valid text");
	refuses("{\"kind\": \"medium\"}", "the field \"kind\" of a thing cannot be \"medium\"; it is one of: big, small");
	refuses("{\"parts\": \"a\"}", "the field \"parts\" of a thing must be a list of texts");
	refuses("{\"parts\": [\"a\", 2]}", "the field \"parts\" of a thing must be a text");
	refuses("{\"on\": 1}", "the field \"on\" of a thing must be true or false");
	refuses("{\"few\": 32}", "the field \"few\" of a thing cannot be more than 31");
	refuses("{\"few\": -1}", "the field \"few\" of a thing must be a whole number that is not negative");
	refuses("{\"many\": 1.5}", "the field \"many\" of a thing must be a whole number that is not negative");
	refuses("{\"many\": \"1\"}", "the field \"many\" of a thing must be a whole number");
	refuses("{\"made\": \"yesterday\"}", "the field \"made\" of a thing must be a time as \"2026-11-21T07:14:05Z\"");
	refuses("{\"on\": true", "a thing: invalid JSON: unexpected end");
}

static void the_nearest_field_is_the_hint(void **state)
{
	CLEANUP(thing_release) struct thing t = {0};
	struct error e = {0};

	assert_int_equal(read_text("{\"nmae\": 1}", &t, &e), -ERR_USAGE);
	assert_string_equal(e.hint, "did you mean \"name\"?");
	assert_int_equal(read_text("{\"frobnicate\": 1}", &t, &e), -ERR_USAGE);
}

static void what_was_written_is_read_back(void **state)
{
	CLEANUP(thing_release) struct thing t = {0}, back = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	struct json_out w;

	assert_int_equal(read_text("{\"id\": \"passed over\", \"name\": \"ab\", \"kind\": \"big\", \"parts\": [\"x\", \"y\"], \"on\": true, \"few\": 31,"
				   "\"many\": 18446744073709551615, \"made\": \"2026-11-21T08:14:05.25+01:00\", \"key\": \"hidden\", \"url\": \"in\"}", &t, &e), 0);
	assert_string_equal(t.key.p, "hidden");
	assert_string_equal(t.input, "in");
	t.id = 7;
	jw_init(&w, &b);
	jw_object(&w);
	field_write(table, &t, &w);
	jw_object_end(&w);
	assert_string_equal(buf_text(&b), "{\"id\":7,\"name\":\"ab\",\"kind\":\"big\",\"parts\":[\"x\",\"y\"],\"on\":true,\"few\":31,\"many\":18446744073709551615,"
					  "\"made\":\"2026-11-21T07:14:05.25Z\",\"url\":\"ab\"}");
	assert_int_equal(read_text(buf_text(&b), &back, &e), 0);
	assert_int_equal(back.id, 0);
	assert_int_equal(back.many, UINT64_MAX);
	assert_int_equal(time_cmp(back.made, t.made), 0);
}

static void fields_that_are_not_named_stay_and_null_empties_one(void **state)
{
	CLEANUP(thing_release) struct thing t = {.name = mem_string("n"), .kind = mem_string("big"), .few = 3, .made = {1, 0}};
	struct error e = {0};

	strlist_add(&t.parts, "x");
	secret_set(&t.key, "k", 1);
	assert_int_equal(read_text("{\"name\": null, \"parts\": null, \"made\": null, \"key\": null}", &t, &e), 0);
	assert_null(t.name);
	assert_string_equal(t.kind, "big");
	assert_int_equal(t.few, 3);
	assert_int_equal(t.parts.n, 0);
	assert_int_equal(t.made.tv_sec, 0);
	assert_int_equal(t.key.len, 0);
	assert_int_equal(read_text("{\"kind\": \"\"}", &t, &e), 0);
	assert_null(t.kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_with_a_field_is_named),
		cmocka_unit_test(the_nearest_field_is_the_hint),
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(fields_that_are_not_named_stay_and_null_empties_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Configured sources. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/db.h"
#include "catalog/place.h"
#include "catalog/source.h"

#include <stdlib.h>
#include <string.h>

static struct source_record shop(const char *name)
{
	return (struct source_record){
		.name = mem_string(name),
		.url = mem_string("postgresql://shop:Tr0ub4dor@db/shop"),
		.shown = mem_string("postgresql://db/shop"),
		.engine = mem_string("postgresql"),
	};
}

static void add(struct support *s, const char *name)
{
	CLEANUP(source_record_release) struct source_record r = shop(name);

	assert_int_equal(source_add(s->c, &r, &s->e), 0);
}

static void refuses(struct support *s, struct source_record *r, int kind, const char *text, const char *hint)
{
	error_clear(&s->e);
	assert_int_equal(source_add(s->c, r, &s->e), -kind);
	assert_string_equal(s->e.text, text);
	assert_string_equal(s->e.hint, hint);
	source_record_release(r);
}

#define RULE "a name has 1 to 64 letters, digits, \".\", \"_\" and \"-\", and begins with a letter or digit"

static void a_source_that_makes_no_sense_is_refused(void **state)
{
	struct support *s = *state;
	struct source_record r = shop("a/b");

	refuses(s, &r, ERR_USAGE, "a source cannot be called \"a/b\"", RULE);
	r = shop("");
	refuses(s, &r, ERR_USAGE, "a source cannot be called \"\"", RULE);
	r = shop("-x");
	refuses(s, &r, ERR_USAGE, "a source cannot be called \"-x\"", RULE);
	r = shop("..");
	refuses(s, &r, ERR_USAGE, "a source cannot be called \"..\"", RULE);
	r = shop("shop");
	r.before = mem_string("stop 'it");
	refuses(s, &r, ERR_USAGE, "the command \"before\" of a source: a quote is not closed", "");
	r = shop("shop");
	r.repository = mem_string("offsite");
	refuses(s, &r, ERR_NOT_FOUND, "there is no repository named \"offsite\"", "");
	r = shop("shop");
	r.url[0] = 0;
	refuses(s, &r, ERR_USAGE, "the source shop has no URL", "");
	add(s, "shop");
	r = shop("shop");
	refuses(s, &r, ERR_EXISTS, "there is a source named \"shop\" already", "");
}

static void a_name_that_is_none_has_the_nearest_as_hint(void **state)
{
	struct support *s = *state;
	struct source_record r;

	add(s, "shop");
	assert_int_equal(source_find(s->c, "shp", &r, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no source named \"shp\"");
	assert_string_equal(s->e.hint, "did you mean \"shop\"?");
	error_clear(&s->e);
	assert_int_equal(source_find(s->c, "warehouse", &r, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.hint, "");
	assert_int_equal(source_find(s->c, "SHOP", &r, &s->e), -ERR_NOT_FOUND);
	assert_int_equal(source_get(s->c, 99, &r, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no source with the number 99");
	assert_int_equal(source_find_shown(s->c, "mysql://db/shop", &r, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "no source is configured for mysql://db/shop");
}

static void everything_about_a_source_is_kept_and_its_password_is_not_on_disk(void **state)
{
	struct support *s = *state;
	CLEANUP(source_record_release) struct source_record r = shop("shop");
	CLEANUP(source_record_release) struct source_record back = {0};
	CLEANUP(place_record_release) struct place_record p = {.name = mem_string("offsite"), .location = mem_string("/mnt/b")};

	time_freeze(&(struct timespec){1700000000, 0});
	assert_int_equal(place_add(s->c, &p, &s->e), 0);
	strlist_add(&r.include, "*.jpg");
	strlist_add(&r.exclude, "/cache");
	strlist_add(&r.exclude, "\"quoted\"");
	r.include_logs = r.one_file_system = r.optimize_first = r.restore_protected = true;
	r.check = mem_string("full");
	r.before = mem_string("app stop");
	r.after = mem_string("app start");
	r.overdue_hours = 26;
	r.repository = mem_string("offsite");
	r.notes = mem_string("ask Maria");
	assert_int_equal(source_add(s->c, &r, &s->e), 0);
	time_freeze(NULL);
	assert_int_equal(source_find_shown(s->c, "postgresql://db/shop", &back, &s->e), 0);
	AUTO_FREE char *one = support_json(source_json, &r);
	AUTO_FREE char *two = support_json(source_json, &back);

	assert_string_equal(one, two);
	assert_string_equal(back.url, "postgresql://shop:Tr0ub4dor@db/shop");
	assert_null(strstr(one, "Tr0ub4dor"));
	assert_false(support_on_disk(s, "Tr0ub4dor"));
	assert_true(support_on_disk(s, "postgresql://db/shop"));
}

static void a_change_replaces_the_record_and_its_name_follows_into_schedules_and_notices(void **state)
{
	struct support *s = *state;
	CLEANUP(source_record_release) struct source_record r = shop("shop");
	CLEANUP(source_record_release) struct source_record back = {0};
	int64_t n = 0;

	add(s, "blog");
	assert_int_equal(source_add(s->c, &r, &s->e), 0);
	assert_int_equal(db_run(s->c, &s->e,
				"INSERT INTO schedule (name, enabled, action, sources, kind, created, changed) VALUES ('nightly', 1, 'backup', '[\"blog\",\"shop\"]', 'daily', 1, 1)", ""), 0);
	assert_int_equal(db_run(s->c, &s->e,
				"INSERT INTO notice (name, kind, enabled, events, sources, created, changed) VALUES ('mail', 'mail', 1, 1, '[\"shop\"]', 1, 1)", ""), 0);
	free(r.name);
	r.name = mem_string("blog");
	assert_int_equal(source_update(s->c, &r, &s->e), -ERR_EXISTS);
	free(r.name);
	r.name = mem_string("store");
	free(r.url);
	r.url = mem_string("postgresql://shop:other@db/shop");
	assert_int_equal(source_update(s->c, &r, &s->e), 0);
	assert_int_equal(source_get(s->c, r.id, &back, &s->e), 0);
	assert_string_equal(back.name, "store");
	assert_string_equal(back.url, "postgresql://shop:other@db/shop");
	assert_int_equal(db_number(s->c, &n, &s->e, "SELECT count(*) FROM schedule WHERE sources = '[\"blog\",\"store\"]'", ""), 0);
	assert_int_equal(n, 1);
	assert_int_equal(db_number(s->c, &n, &s->e, "SELECT count(*) FROM notice WHERE sources = '[\"store\"]'", ""), 0);
	assert_int_equal(n, 1);
	r.id = 77;
	assert_int_equal(source_update(s->c, &r, &s->e), -ERR_NOT_FOUND);
}

static void a_source_that_a_schedule_names_stays(void **state)
{
	struct support *s = *state;
	CLEANUP(source_record_release) struct source_record r = shop("shop");
	CLEANUP(source_list_release) struct source_list l = {0};

	add(s, "blog");
	assert_int_equal(source_add(s->c, &r, &s->e), 0);
	assert_int_equal(db_run(s->c, &s->e,
				"INSERT INTO schedule (name, enabled, action, sources, kind, created, changed) VALUES ('nightly', 1, 'backup', '[\"shop\"]', 'daily', 1, 1)", ""), 0);
	assert_int_equal(source_remove(s->c, r.id, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the source shop is in use: the schedule nightly names it");
	assert_int_equal(db_run(s->c, &s->e, "DELETE FROM schedule", ""), 0);
	assert_int_equal(source_remove(s->c, r.id, &s->e), 0);
	assert_int_equal(source_remove(s->c, r.id, &s->e), -ERR_NOT_FOUND);
	assert_int_equal(source_list_all(s->c, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0].name, "blog");
}

static int from_text(struct source_record *r, const char *text, struct error *e)
{
	struct json j;

	json_init(&j, text, strlen(text));
	int rc = source_from_json(r, &j, e);

	json_release(&j);
	return rc;
}

static void what_is_shown_can_be_read_back_without_losing_the_password(void **state)
{
	struct support *s = *state;
	CLEANUP(source_record_release) struct source_record r = shop("shop");
	AUTO_FREE char *text = support_json(source_json, &r);

	assert_int_equal(from_text(&r, text, &s->e), 0);
	assert_string_equal(r.url, "postgresql://shop:Tr0ub4dor@db/shop");
	assert_int_equal(from_text(&r, "{\"url\": \"postgresql://x:y@db/other\", \"overdue_hours\": 26}", &s->e), 0);
	assert_string_equal(r.url, "postgresql://x:y@db/other");
	assert_int_equal(r.overdue_hours, 26);
	assert_int_equal(from_text(&r, "{\"check\": \"twice\"}", &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, "the field \"check\" of a source cannot be \"twice\"; it is one of: auto, full, none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_source_that_makes_no_sense_is_refused),
		CATALOG_TEST(a_name_that_is_none_has_the_nearest_as_hint),
		CATALOG_TEST(everything_about_a_source_is_kept_and_its_password_is_not_on_disk),
		CATALOG_TEST(a_change_replaces_the_record_and_its_name_follows_into_schedules_and_notices),
		CATALOG_TEST(a_source_that_a_schedule_names_stays),
		CATALOG_TEST(what_is_shown_can_be_read_back_without_losing_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

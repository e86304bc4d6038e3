#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/manifest.h"

#include <stdio.h>
#include <string.h>

static int parse(const char *text, struct manifest *m, struct error *e)
{
	return manifest_parse(text, strlen(text), m, e);
}

static void a_newer_manifest_is_refused_by_its_version(void **state)
{
	struct manifest m;
	struct error e = {0};

	assert_int_equal(parse("{\"version\":2,\"name\":\"x\",\"later\":[1,{\"a\":null}]}", &m, &e), -ERR_VERSION);
	assert_string_equal(e.text, "manifest version 2 is newer than this program knows (1)");
}

static void a_manifest_that_is_cut_short_is_corrupt(void **state)
{
	struct manifest m;
	struct error e = {0};

	assert_int_equal(parse("{\"version\":1,\"name\":\"x\",\"sources\":[{\"name\":\"a\"", &m, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.text, "the manifest is damaged: invalid JSON at byte "));
	assert_null(m.sources);
}

static void what_a_manifest_must_have_is_demanded(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"{\"name\":\"x\"}", "the manifest has no version"},
		{"{\"version\":1}", "the manifest has no name"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"name\":\"a\",\"engine\":\"sqlite\"}]}", "a source without name, engine or url"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"tables\":[{\"rows\":1}]}]}", "a table without a name"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"artifacts\":[{\"path\":null}]}]}", "an artifact without path or format"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"notes\":[{\"kind\":\"a\"}]}]}", "a note without kind or text"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"start\":\"yesterday\"}]}", "not a time"},
		{"{\"version\":1,\"name\":\"x\",\"sources\":[{\"tables\":[{\"name\":\"t\",\"columns\":[{\"name\":\"c\",\"key\":99999}]}]}]}", "not a column"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct manifest m;
		struct error e = {0};

		assert_int_equal(parse(cases[i].text, &m, &e), -ERR_CORRUPT);
		assert_non_null(strstr(e.text, cases[i].why));
	}
}

static void fill(struct manifest *m)
{
	*m = (struct manifest){.version = 1, .name = mem_string("nightly"), .program = mem_string("backstay 0.1.0"), .hostname = mem_string("h")};
	struct manifest_source *s = manifest_add_source(m);

	s->name = mem_string("app.db");
	s->engine = mem_string("sqlite");
	s->url = mem_string("sqlite:/srv/app.db");
	s->start = (struct timespec){1700000000, 5};
	s->charset = mem_string("latin1/latin1_german1_ci");
	s->bytes = 8192;
	s->unchanged = true;
	manifest_add_artifact(s, "app.db", "sqlite3", 8192)->block = 65536;
	struct manifest_table *t = manifest_add_table(s, NULL, "a \"quoted\"\n<name>");
	t->rows_known = true;
	manifest_table_add_column(t, "id", "INTEGER", 1);
	manifest_table_add_column(t, "note", "", 0);
	manifest_count(s, "view", 1);
	manifest_count(s, "view", 2);
	manifest_note(s, "note", NULL, "%d rows", 3);
}

static void a_manifest_comes_back_as_it_was_written(void **state)
{
	struct manifest m, back;
	struct error e = {0};
	CLEANUP(buf_release) struct buf first = BUF_INIT;
	CLEANUP(buf_release) struct buf second = BUF_INIT;

	fill(&m);
	manifest_encode(&m, &first);
	assert_int_equal(manifest_parse(first.p, first.len, &back, &e), 0);
	manifest_encode(&back, &second);
	assert_string_equal(buf_text(&first), buf_text(&second));
	const struct manifest_source *s = manifest_find_source(&back, "app.db");
	assert_non_null(s);
	assert_int_equal(s->start.tv_nsec, 5);
	const struct manifest_table *t = manifest_find_table(s, "a \"quoted\"\n<name>");
	assert_non_null(t);
	assert_true(t->rows_known && t->rows == 0 && t->columns[0].key == 1 && t->columns[1].key == 0);
	assert_int_equal(s->objects[0].count, 3);
	manifest_release(&m);
	manifest_release(&back);
}

static void a_source_is_copied_whole_and_apart(void **state)
{
	struct manifest m, other = {.version = 1, .name = mem_string("nightly"), .program = mem_string("backstay 0.1.0"), .hostname = mem_string("h")};
	CLEANUP(buf_release) struct buf first = BUF_INIT;
	CLEANUP(buf_release) struct buf second = BUF_INIT;

	fill(&m);
	manifest_source_copy(manifest_add_source(&other), &m.sources[0]);
	manifest_encode(&m, &first);
	manifest_release(&m);
	manifest_encode(&other, &second);
	assert_string_equal(buf_text(&first), buf_text(&second));
	manifest_release(&other);
}

static void notes_beyond_the_limit_are_counted(void **state)
{
	struct manifest_source s = {0};

	for (int i = 0; i < MANIFEST_NOTES + 7; i++)
		manifest_note(&s, "unreadable", "p", "denied");
	assert_int_equal(s.note_count, MANIFEST_NOTES);
	assert_int_equal(s.notes_dropped, 7);
	manifest_source_release(&s);
}

static void a_table_is_found_by_name_or_with_its_schema(void **state)
{
	struct manifest_source s = {0};

	manifest_add_table(&s, "public", "orders");
	assert_non_null(manifest_find_table(&s, "orders"));
	assert_non_null(manifest_find_table(&s, "public.orders"));
	assert_null(manifest_find_table(&s, "other.orders"));
	manifest_source_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_manifest_is_refused_by_its_version),
		cmocka_unit_test(a_manifest_that_is_cut_short_is_corrupt),
		cmocka_unit_test(what_a_manifest_must_have_is_demanded),
		cmocka_unit_test(a_manifest_comes_back_as_it_was_written),
		cmocka_unit_test(a_source_is_copied_whole_and_apart),
		cmocka_unit_test(notes_beyond_the_limit_are_counted),
		cmocka_unit_test(a_table_is_found_by_name_or_with_its_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t add_place(struct support *s, const char *name)
{
	CLEANUP(place_record_release) struct place_record p = {.name = mem_string(name), .location = mem_printf("/srv/%s", name)};
	if (place_add(s->c, &p, &s->e))
		fail_msg("%s", s->e.text);
	return p.id;
}

static int with_places(void **state)
{
	if (support_setup(state))
		return -1;
	add_place(*state, "one");
	add_place(*state, "two");
	return 0;
}
#define KNOWN_TEST(f) cmocka_unit_test_setup_teardown(f, with_places, support_teardown)

/* An id of 64 digits that begins with these. */
static void set_id(char id[65], const char *start)
{
	snprintf(id, 65, "%s%0*d", start, 64 - (int)strlen(start), 0);
}

/* "shop blog": a backup of these sources of 10 bytes each, in the first repository, so many minutes after a fixed time. */
static struct known_backup make(const char *id, const char *sources, int minutes)
{
	struct known_backup b = {
		.place = 1, .time = {.tv_sec = 1700000000 + 60 * minutes}, .name = mem_printf("of %s", sources), .host = mem_string("ash"),
		.sources = mem_zero(4 * sizeof *b.sources),
	};
	set_id(b.id, id);
	for (const char *c = sources; *c; c += strcspn(c, " "), c += *c == ' ') {
		char *name = mem_string_n(c, strcspn(c, " "));
		b.sources[b.source_count++] = (struct known_source){.name = name, .engine = mem_string("sqlite"), .shown = mem_printf("sqlite:/srv/%s.db", name), .bytes = 10, .rows = 3, .tables = 2};
		b.bytes += 10;
	}
	return b;
}

static void put(struct support *s, struct known_backup *b)
{
	if (known_put(s->c, b, &s->e))
		fail_msg("%s", s->e.text);
	known_backup_release(b);
}

static void what_is_not_known_is_told(void **state)
{
	struct support *s = *state;
	struct known_backup b;
	const char *const wrong[] = {"", "abc", "ABCD", "abcd", "latest", "abcd0000000000000000000000000000000000000000000000000000000000000"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_FREE char *text = mem_printf("the catalog knows no backup %s", wrong[i]);
		assert_int_equal(known_get(s->c, wrong[i], &b, &s->e), -ERR_NOT_FOUND);
		assert_string_equal(s->e.text, text);
	}
}

static void a_backup_of_a_repository_that_is_not_there_is_refused(void **state)
{
	struct support *s = *state;
	CLEANUP(known_backup_release) struct known_backup b = make("aaaa", "shop", 0);
	b.place = 99;
	assert_int_equal(known_put(s->c, &b, &s->e), -ERR_REFUSED);
}

static char *name_of(struct support *s, const char *id)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	int rc = known_get(s->c, id, &b, &s->e);
	return rc ? mem_string(s->e.text) : mem_string(b.name);
}

static void assert_finds(struct support *s, const char *id, const char *wanted)
{
	AUTO_FREE char *name = name_of(s, id);
	assert_string_equal(name, wanted);
}

static void a_backup_is_found_by_what_its_id_was_and_is(void **state)
{
	struct support *s = *state;
	char original[65];
	struct known_backup one = make("abcd1", "one", 0), two = make("abcd2", "two", 1), copy = make("abcd1", "one", 0), pinned = make("eeee", "three", 2);
	copy.place = 2;
	set_id(original, "ffff7");
	pinned.original = mem_string(original);
	put(s, &one);
	put(s, &two);
	put(s, &copy);
	put(s, &pinned);
	assert_finds(s, "abcd1", "of one");
	assert_finds(s, "abcd2", "of two");
	assert_finds(s, "abcd", "abcd is ambiguous: several backups of the catalog begin with it");
	assert_finds(s, "ffff", "of three");
	assert_finds(s, original, "of three");
	assert_finds(s, "eeee", "of three");
}

static void an_id_that_is_goes_before_one_that_was(void **state)
{
	struct support *s = *state;
	struct known_backup before = make("abcd", "before", 0), after = make("eeee", "after", 0);
	after.original = mem_string(before.id);
	AUTO_FREE char *id = mem_string(before.id);
	put(s, &after);
	put(s, &before);
	assert_finds(s, id, "of before");
}

static void every_field_comes_back(void **state)
{
	struct support *s = *state;
	CLEANUP(known_backup_release) struct known_backup b = make("abcd", "shop blog", 0), got = {0};
	b.original = mem_string("0123");
	b.description = mem_string("before the change");
	strlist_add(&b.tags, "backstay");
	b.added = UINT64_MAX;
	b.seconds = 1.5;
	b.safety = b.imported = b.partial = b.pinned = b.foreign = true;
	b.level = 3;
	b.verified.tv_sec = 1700000001;
	strlist_add(&b.evidence, "2 tables");
	b.job = mem_string("1111222233334444");
	assert_int_equal(known_put(s->c, &b, &s->e), 0);
	assert_int_equal(known_get(s->c, b.id, &got, &s->e), 0);
	AUTO_FREE char *json = support_json(known_json, &got);
	AUTO_FREE char *wanted = mem_printf(
		"{\"id\":\"%s\",\"short_id\":\"abcd0000\",\"original\":\"0123\",\"time\":\"2023-11-14T22:13:20Z\",\"name\":\"of shop blog\",\"description\":\"before the change\","
		"\"hostname\":\"ash\",\"tags\":[\"backstay\"],\"bytes\":20,\"partial\":true,\"safety\":true,\"imported\":true,\"foreign\":true,\"pinned\":true,"
		"\"verified\":\"2023-11-14T22:13:21Z\",\"evidence\":[\"2 tables\"],\"job\":\"1111222233334444\",\"author\":null,\"notes\":null,\"sources\":[{\"name\":\"shop\",\"engine\":\"sqlite\","
		"\"url\":\"sqlite:/srv/shop.db\",\"bytes\":10,\"tables\":2,\"rows\":3,\"files\":0},{\"name\":\"blog\",\"engine\":\"sqlite\",\"url\":\"sqlite:/srv/blog.db\",\"bytes\":10,"
		"\"tables\":2,\"rows\":3,\"files\":0}],\"tables\":4,\"rows\":6,\"files\":0,\"verification\":\"restored\",\"repository\":1,\"added\":18446744073709551615,\"seconds\":1.5}", b.id);
	assert_string_equal(json, wanted);
}

static void who_asked_for_it_and_notes_are_its_jobs(void **state)
{
	struct support *s = *state;
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string("backup"), .title = mem_string("back up shop"), .author = mem_string("maria")};
	CLEANUP(known_backup_release) struct known_backup got = {0};
	assert_int_equal(job_add(s->c, &j, &s->e), 0);
	assert_int_equal(job_set_notes(s->c, j.id, "before the change", &s->e), 0);
	struct known_backup b = make("abcd", "shop", 0);
	b.job = mem_string(j.id);
	put(s, &b);
	assert_int_equal(known_get(s->c, "abcd", &got, &s->e), 0);
	assert_string_equal(got.author, "maria");
	assert_string_equal(got.notes, "before the change");
}

static void what_is_put_again_is_replaced(void **state)
{
	struct support *s = *state;
	CLEANUP(known_backup_release) struct known_backup got = {0};
	struct known_backup first = make("abcd", "shop blog", 0), second = make("abcd", "media", 0);
	second.verify_failed = true;
	second.level = 2;
	put(s, &first);
	put(s, &second);
	assert_int_equal(known_get(s->c, "abcd", &got, &s->e), 0);
	assert_int_equal(got.source_count, 1);
	assert_string_equal(got.sources[0].name, "media");
	AUTO_FREE char *json = support_json(known_json, &got);
	assert_non_null(strstr(json, "\"verification\":\"failed\""));
}

/* Names of the sources of the backups that a filter lets through, and their number by *total. */
static char *list(struct support *s, struct known_filter f, struct catalog_page p, uint64_t *total)
{
	CLEANUP(known_list_release) struct known_list l = {0};
	CLEANUP(strlist_release) struct strlist names = {0};
	if (known_list_some(s->c, &f, &p, &l, total, &s->e))
		fail_msg("%s", s->e.text);
	for (size_t i = 0; i < l.n; i++)
		strlist_add(&names, l.v[i].name + 3);
	return strlist_join(&names, ", ");
}

static void assert_lists(struct support *s, struct known_filter f, const char *wanted, uint64_t count)
{
	uint64_t total;
	AUTO_FREE char *names = list(s, f, (struct catalog_page){0}, &total);
	assert_string_equal(names, wanted);
	assert_int_equal(total, count);
}

/* a, b, "a b" (partial), c (safety, pinned), d (verified, in the second repository), e (verification failed) */
static void put_six(struct support *s)
{
	struct known_backup v[] = {make("aaaa", "a", 0), make("bbbb", "b", 1), make("cccc", "a b", 2), make("dddd", "c", 3), make("eeee", "d", 4), make("ffff", "e", 5)};
	v[2].partial = true;
	v[3].safety = v[3].pinned = true;
	v[4].level = 3;
	v[4].place = 2;
	v[4].description = mem_string("50%_off");
	v[5].verify_failed = true;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		put(s, &v[i]);
}

static void filters_let_through_what_they_name(void **state)
{
	struct support *s = *state;
	put_six(s);
	assert_lists(s, (struct known_filter){.safety = 0}, "e, d, a b, b, a", 5);
	assert_lists(s, (struct known_filter){.safety = 1}, "c", 1);
	assert_lists(s, (struct known_filter){.safety = -1, .oldest_first = true}, "a, b, a b, c, d, e", 6);
	assert_lists(s, (struct known_filter){.source = "a"}, "a b, a", 2);
	assert_lists(s, (struct known_filter){.source = "sqlite:/srv/b.db"}, "a b, b", 2);
	assert_lists(s, (struct known_filter){.source = "x"}, "", 0);
	assert_lists(s, (struct known_filter){.place = 2}, "d", 1);
	assert_lists(s, (struct known_filter){.good = 1, .safety = -1}, "d, b, a", 3);
	assert_lists(s, (struct known_filter){.pinned = 1, .safety = -1}, "c", 1);
	assert_lists(s, (struct known_filter){.min_level = 3}, "d", 1);
	assert_lists(s, (struct known_filter){.text = "50%_"}, "d", 1);
	assert_lists(s, (struct known_filter){.text = "SRV/B"}, "a b, b", 2);
	assert_lists(s, (struct known_filter){.after = {.tv_sec = 1700000060}, .before = {.tv_sec = 1700000240}}, "a b, b", 2);
	uint64_t total;
	AUTO_FREE char *page = list(s, (struct known_filter){.safety = -1}, (struct catalog_page){.offset = 2, .limit = 2}, &total);
	assert_string_equal(page, "c, a b");
	assert_int_equal(total, 6);
}

static void the_newest_good_backup_is_no_partial_failed_or_safety_one(void **state)
{
	struct support *s = *state;
	struct timespec t;
	char id[65];
	put_six(s);
	assert_int_equal(known_newest_good(s->c, "a", &t, id, &s->e), 0);
	assert_int_equal(t.tv_sec, 1700000000);
	assert_memory_equal(id, "aaaa0", 5);
	assert_int_equal(known_newest_good(s->c, "sqlite:/srv/b.db", &t, id, &s->e), 0);
	assert_memory_equal(id, "bbbb0", 5);
	assert_int_equal(known_newest_good(s->c, "c", &t, id, &s->e), 0);
	assert_string_equal(id, "");
	assert_int_equal(t.tv_sec, 0);
	assert_int_equal(known_newest_good(s->c, "e", &t, id, &s->e), 0);
	assert_string_equal(id, "");
}

static void those_that_are_gone_go_and_no_others(void **state)
{
	struct support *s = *state;
	CLEANUP(strlist_release) struct strlist ids = {0}, gone = {0};
	put_six(s);
	assert_int_equal(known_ids(s->c, 1, &ids, &s->e), 0);
	assert_int_equal(ids.n, 5);
	strlist_sort(&ids);
	strlist_take(&gone, ids.v[--ids.n]);
	assert_int_equal(known_drop(s->c, 1, &gone, &s->e), 0);
	assert_lists(s, (struct known_filter){.safety = -1}, "d, c, a b, b, a", 5);
	assert_int_equal(known_remove(s->c, 1, ids.v[0], &s->e), 0);
	assert_int_equal(known_remove(s->c, 2, ids.v[1], &s->e), 0);
	assert_lists(s, (struct known_filter){.safety = -1}, "d, c, a b, b", 4);
	assert_int_equal(known_drop(s->c, 1, &ids, &s->e), 0);
	assert_lists(s, (struct known_filter){.safety = -1}, "d", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KNOWN_TEST(what_is_not_known_is_told),
		KNOWN_TEST(a_backup_of_a_repository_that_is_not_there_is_refused),
		KNOWN_TEST(a_backup_is_found_by_what_its_id_was_and_is),
		KNOWN_TEST(an_id_that_is_goes_before_one_that_was),
		KNOWN_TEST(every_field_comes_back),
		KNOWN_TEST(who_asked_for_it_and_notes_are_its_jobs),
		KNOWN_TEST(what_is_put_again_is_replaced),
		KNOWN_TEST(filters_let_through_what_they_name),
		KNOWN_TEST(the_newest_good_backup_is_no_partial_failed_or_safety_one),
		KNOWN_TEST(those_that_are_gone_go_and_no_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

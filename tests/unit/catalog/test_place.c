/* Configured repositories. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/place.h"
#include "catalog/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct place_record place(const char *name, const char *location)
{
	return (struct place_record){.name = mem_string(name), .location = mem_string(location)};
}

static int64_t add(struct support *s, const char *name, const char *location)
{
	CLEANUP(place_record_release) struct place_record p = place(name, location);

	assert_int_equal(place_add(s->c, &p, &s->e), 0);
	return p.id;
}

static void refuses(struct support *s, const char *name, const char *location, int kind, const char *text)
{
	CLEANUP(place_record_release) struct place_record p = place(name, location);

	assert_int_equal(place_add(s->c, &p, &s->e), -kind);
	assert_string_equal(s->e.text, text);
}

static void names_and_locations_are_taken_once(void **state)
{
	struct support *s = *state;

	add(s, "main", "/srv/b");
	refuses(s, "main", "/srv/c", ERR_EXISTS, "there is a repository named \"main\" already, at /srv/b");
	refuses(s, "other", "/srv/b", ERR_EXISTS, "/srv/b is configured already, as \"main\"");
	refuses(s, "s3:x", "/srv/d", ERR_USAGE, "a repository cannot be called \"s3:x\"");
	refuses(s, "empty", "", ERR_USAGE, "the repository empty has no location");
	refuses(s, "somewhere", "backups/b", ERR_USAGE, "backups/b is not a whole path");
}

static const char *default_name(struct support *s)
{
	static char name[65];
	struct place_record p = {0};
	int rc = place_default(s->c, &p, &s->e);

	snprintf(name, sizeof name, "%s", rc ? "" : p.name);
	place_record_release(&p);
	return name;
}

static void the_first_one_that_a_person_adds_is_the_default(void **state)
{
	struct support *s = *state;
	struct place_record p;

	assert_int_equal(place_remember(s->c, "/var/backups/backstay", &p, &s->e), 0);
	assert_string_equal(p.name, "backstay");
	place_record_release(&p);
	assert_int_equal(place_default(s->c, &p, &s->e), -ERR_NOT_FOUND);
	add(s, "main", "/srv/b");
	int64_t second = add(s, "second", "/srv/c");

	assert_string_equal(default_name(s), "main");
	assert_int_equal(place_get(s->c, second, &p, &s->e), 0);
	p.is_default = true;
	assert_int_equal(place_update(s->c, &p, &s->e), 0);
	assert_string_equal(default_name(s), "second");
	p.is_default = false;
	assert_int_equal(place_update(s->c, &p, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "second is the default repository");
	assert_int_equal(place_remove(s->c, second, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.hint, "make another one the default first: backstay repository default NAME");
	place_record_release(&p);
}

static void a_repository_that_was_used_is_remembered_once_under_a_name_of_its_own(void **state)
{
	struct support *s = *state;
	CLEANUP(place_record_release) struct place_record one = {0}, again = {0}, two = {0}, odd = {0};

	assert_int_equal(place_remember(s->c, "/srv/a/repository", &one, &s->e), 0);
	assert_int_equal(place_remember(s->c, "/srv/a/repository", &again, &s->e), 0);
	assert_int_equal(place_remember(s->c, "/srv/b/repository", &two, &s->e), 0);
	assert_int_equal(place_remember(s->c, "/srv/ my \xc3\xa9t\xc3\xa9: 2026/", &odd, &s->e), 0);
	assert_int_equal(one.id, again.id);
	assert_string_equal(one.name, "repository");
	assert_string_equal(two.name, "repository-2");
	assert_string_equal(odd.name, "my-t-2026");
	assert_false(one.is_default);
}

static void one_that_is_remembered_becomes_the_one_that_is_added(void **state)
{
	struct support *s = *state;
	CLEANUP(place_record_release) struct place_record used = {0}, back = {0};

	assert_int_equal(place_remember(s->c, "/srv/b", &used, &s->e), 0);
	assert_true(used.remembered);
	assert_int_equal(add(s, "main", "/srv/b"), used.id);
	assert_int_equal(place_get(s->c, used.id, &back, &s->e), 0);
	assert_string_equal(back.name, "main");
	assert_true(back.is_default);
	assert_false(back.remembered);
	refuses(s, "other", "/srv/b", ERR_EXISTS, "/srv/b is configured already, as \"main\"");
}

static void a_password_is_kept_sealed_and_shown_nowhere(void **state)
{
	struct support *s = *state;
	CLEANUP(place_record_release) struct place_record p = place("main", "/srv/b"), back = {0};

	secret_set(&p.password, "Tr0ub4dor", 9);
	assert_int_equal(place_add(s->c, &p, &s->e), 0);
	assert_int_equal(place_find(s->c, "main", &back, &s->e), 0);
	assert_string_equal(back.password.p, "Tr0ub4dor");
	assert_false(support_on_disk(s, "Tr0ub4dor"));
	AUTO_FREE char *text = support_json(place_json, &back);

	assert_null(strstr(text, "Tr0ub4dor"));
	assert_non_null(strstr(text, "\"password_known\":true"));
	secret_release(&back.password);
	assert_int_equal(place_update(s->c, &back, &s->e), 0);
	place_record_release(&back);
	assert_int_equal(place_find(s->c, "main", &back, &s->e), 0);
	assert_int_equal(back.password.len, 0);
}

static void what_names_a_repository_follows_its_name_and_keeps_it(void **state)
{
	struct support *s = *state;
	CLEANUP(place_record_release) struct place_record p = place("offsite", "/mnt/b");
	CLEANUP(source_record_release) struct source_record r = {
		.name = mem_string("shop"), .url = mem_string("sqlite:/srv/shop.db"), .shown = mem_string("sqlite:/srv/shop.db"), .engine = mem_string("sqlite"),
		.repository = mem_string("offsite")};

	add(s, "main", "/srv/b");
	assert_int_equal(place_add(s->c, &p, &s->e), 0);
	assert_int_equal(source_add(s->c, &r, &s->e), 0);
	assert_int_equal(place_remove(s->c, p.id, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the repository offsite is in use: the source shop names it");
	free(p.name);
	p.name = mem_string("far");
	assert_int_equal(place_update(s->c, &p, &s->e), 0);
	source_record_release(&r);
	assert_int_equal(source_find(s->c, "shop", &r, &s->e), 0);
	assert_string_equal(r.repository, "far");
	assert_int_equal(source_remove(s->c, r.id, &s->e), 0);
	assert_int_equal(place_remove(s->c, p.id, &s->e), 0);
	assert_int_equal(place_remove(s->c, p.id, &s->e), -ERR_NOT_FOUND);
}

static void what_was_found_out_changes_nothing_else(void **state)
{
	struct support *s = *state;
	CLEANUP(place_record_release) struct place_record p = place("main", "/srv/b"), back = {0};

	secret_set(&p.password, "secret", 6);
	assert_int_equal(place_add(s->c, &p, &s->e), 0);
	p.repository_id = mem_string("ab12");
	p.scanned = p.checked = (struct timespec){1700000000, 0};
	p.check_failed = true;
	p.bytes = 12;
	p.bytes_free = 34;
	free(p.name);
	p.name = mem_string("ignored");
	assert_int_equal(place_found(s->c, &p, &s->e), 0);
	assert_int_equal(place_get(s->c, p.id, &back, &s->e), 0);
	assert_string_equal(back.name, "main");
	assert_string_equal(back.repository_id, "ab12");
	assert_string_equal(back.password.p, "secret");
	assert_int_equal(back.scanned.tv_sec, 1700000000);
	assert_true(back.check_failed);
	assert_int_equal(back.bytes_free, 34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(names_and_locations_are_taken_once),
		CATALOG_TEST(the_first_one_that_a_person_adds_is_the_default),
		CATALOG_TEST(a_repository_that_was_used_is_remembered_once_under_a_name_of_its_own),
		CATALOG_TEST(one_that_is_remembered_becomes_the_one_that_is_added),
		CATALOG_TEST(a_password_is_kept_sealed_and_shown_nowhere),
		CATALOG_TEST(what_names_a_repository_follows_its_name_and_keeps_it),
		CATALOG_TEST(what_was_found_out_changes_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

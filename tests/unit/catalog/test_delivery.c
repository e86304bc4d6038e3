/* Messages on their way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/notice.h"

#include <stdlib.h>
#include <string.h>

static const struct timespec NOON = {.tv_sec = 1764072000};

static struct timespec after_noon(int seconds)
{
	return (struct timespec){.tv_sec = NOON.tv_sec + seconds};
}

static int64_t notice(struct support *s, const char *name)
{
	CLEANUP(notice_record_release) struct notice_record n = {.name = mem_string(name), .kind = mem_string("heartbeat"), .enabled = true, .url = mem_string("http://x/")};

	assert_int_equal(notice_add(s->c, &n, &s->e), 0);
	return n.id;
}

static int64_t add(struct support *s, int64_t notice, enum notice_event event, const char *title)
{
	struct delivery_record d = {.notice = notice, .event = event, .title = (char *)title, .text = (char *)"details\n", .source = (char *)"shop"};

	assert_int_equal(delivery_add(s->c, &d, &s->e), 0);
	return d.id;
}

/* Titles of what is due so many seconds after noon, joined by "|". */
static char *due(struct support *s, int seconds)
{
	CLEANUP(delivery_list_release) struct delivery_list l;
	CLEANUP(strlist_release) struct strlist titles = {0};

	assert_int_equal(delivery_due(s->c, after_noon(seconds), &l, &s->e), 0);
	for (size_t i = 0; i < l.n; i++)
		strlist_add(&titles, l.v[i].title);
	return strlist_join(&titles, "|");
}

static void assert_due(struct support *s, int seconds, const char *expected)
{
	AUTO_FREE char *got = due(s, seconds);

	assert_string_equal(got, expected);
}

static void change(struct support *s, int64_t id, void (*how)(struct delivery_record *d))
{
	CLEANUP(delivery_list_release) struct delivery_list l;

	assert_int_equal(delivery_list_some(s->c, NULL, false, &(struct catalog_page){0}, &l, NULL, &s->e), 0);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].id == id) {
			how(&l.v[i]);
			assert_int_equal(delivery_update(s->c, &l.v[i], &s->e), 0);
		}
}

static void sent(struct delivery_record *d)
{
	d->sent = after_noon(5);
	d->tries = 1;
}

static void failed(struct delivery_record *d)
{
	d->tries = 1;
	d->not_before = after_noon(60);
	d->error = mem_string("cannot connect to x");
}

static void given_up(struct delivery_record *d)
{
	d->tries = 6;
	d->given_up = true;
	free(d->error);
	d->error = mem_string("it says no");
}

static void what_is_due_comes_oldest_first_until_it_is_sent_or_given_up(void **state)
{
	struct support *s = *state;
	struct timespec next;

	assert_int_equal(delivery_next(s->c, &next, &s->e), 0);
	assert_int_equal(next.tv_sec, 0);
	int64_t n = notice(s, "beat");
	int64_t first = add(s, n, NOTICE_SUCCESS, "one"), second = add(s, n, NOTICE_FAILURE, "two");
	add(s, n, NOTICE_TEST, "three");
	assert_due(s, -1, "");
	assert_due(s, 0, "one|two|three");
	change(s, first, sent);
	assert_due(s, 0, "two|three");
	change(s, second, failed);
	assert_due(s, 59, "three");
	assert_due(s, 60, "two|three");
	change(s, second, given_up);
	assert_due(s, 3600, "three");
	assert_int_equal(delivery_next(s->c, &next, &s->e), 0);
	assert_int_equal(next.tv_sec, NOON.tv_sec);
}

static void what_waits_for_the_same_notice_can_be_postponed(void **state)
{
	struct support *s = *state;
	int64_t n = notice(s, "beat"), other = notice(s, "other");

	add(s, n, NOTICE_SUCCESS, "one");
	int64_t id = add(s, n, NOTICE_SUCCESS, "two");
	add(s, other, NOTICE_SUCCESS, "three");
	change(s, id, failed);
	assert_int_equal(delivery_postpone(s->c, n, after_noon(30), &s->e), 0);
	assert_due(s, 29, "three");
	assert_due(s, 30, "one|three");
	assert_due(s, 60, "one|two|three");
}

static void a_newer_event_outdates_an_older_one_but_no_start_and_no_test_does(void **state)
{
	struct support *s = *state;
	int64_t n = notice(s, "beat"), other = notice(s, "other");
	struct delivery_record d = {.notice = n};
	bool outdated = true;

	d.id = add(s, n, NOTICE_SUCCESS, "one");
	add(s, n, NOTICE_START, "two");
	add(s, n, NOTICE_TEST, "three");
	add(s, other, NOTICE_FAILURE, "four");
	assert_int_equal(delivery_is_outdated(s->c, &d, &outdated, &s->e), 0);
	assert_false(outdated);
	add(s, n, NOTICE_FAILURE, "five");
	assert_int_equal(delivery_is_outdated(s->c, &d, &outdated, &s->e), 0);
	assert_true(outdated);
}

static void the_list_is_newest_first_and_tells_what_became_of_each(void **state)
{
	struct support *s = *state;
	CLEANUP(delivery_list_release) struct delivery_list l;
	uint64_t total, waiting, bad;
	int64_t n = notice(s, "beat");

	change(s, add(s, n, NOTICE_SUCCESS, "one"), sent);
	change(s, add(s, n, NOTICE_FAILURE, "two"), failed);
	change(s, add(s, n, NOTICE_MISSED, "three"), given_up);
	assert_int_equal(delivery_list_some(s->c, NULL, false, &(struct catalog_page){.offset = 1, .limit = 1}, &l, &total, &s->e), 0);
	assert_int_equal(total, 3);
	assert_int_equal(l.n, 1);
	AUTO_FREE char *two = support_json(delivery_json, &l.v[0]);
	assert_string_equal(two, "{\"id\":2,\"notice\":\"beat\",\"event\":\"failure\",\"state\":\"waiting\",\"title\":\"two\",\"text\":\"details\\n\",\"source\":\"shop\",\"job\":null,\"tries\":1,"
			    "\"created\":\"2025-11-25T12:00:00Z\",\"next_try\":\"2025-11-25T12:01:00Z\",\"sent\":null,\"error\":\"cannot connect to x\"}");
	delivery_list_release(&l);
	assert_int_equal(delivery_list_some(s->c, NULL, true, &(struct catalog_page){0}, &l, &total, &s->e), 0);
	assert_int_equal(total, 1);
	AUTO_FREE char *three = support_json(delivery_json, &l.v[0]);
	assert_string_equal(three, "{\"id\":3,\"notice\":\"beat\",\"event\":\"missed\",\"state\":\"failed\",\"title\":\"three\",\"text\":\"details\\n\",\"source\":\"shop\",\"job\":null,\"tries\":6,"
			    "\"created\":\"2025-11-25T12:00:00Z\",\"next_try\":null,\"sent\":null,\"error\":\"it says no\"}");
	delivery_list_release(&l);
	assert_int_equal(delivery_count(s->c, &waiting, &bad, &s->e), 0);
	assert_int_equal(waiting, 1);
	assert_int_equal(bad, 1);
	assert_int_equal(delivery_list_some(s->c, NULL, false, &(struct catalog_page){.offset = 2}, &l, &total, &s->e), 0);
	AUTO_FREE char *one = support_json(delivery_json, &l.v[0]);
	assert_non_null(strstr(one, "\"state\":\"sent\""));
	assert_non_null(strstr(one, "\"next_try\":null,\"sent\":\"2025-11-25T12:00:05Z\",\"error\":null}"));
}

static void what_was_given_up_goes_when_it_was_seen(void **state)
{
	struct support *s = *state;
	int64_t n = notice(s, "beat"), other = notice(s, "other");
	uint64_t removed, waiting, bad;

	change(s, add(s, n, NOTICE_FAILURE, "one"), given_up);
	change(s, add(s, other, NOTICE_FAILURE, "two"), given_up);
	change(s, add(s, other, NOTICE_FAILURE, "three"), failed);
	assert_int_equal(delivery_seen(s->c, n, &removed, &s->e), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(delivery_seen(s->c, 0, &removed, &s->e), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(delivery_count(s->c, &waiting, &bad, &s->e), 0);
	assert_int_equal(waiting, 1);
	assert_int_equal(bad, 0);
}

static void old_ones_go_but_not_those_that_wait(void **state)
{
	struct support *s = *state;
	int64_t n = notice(s, "beat");
	uint64_t total;
	CLEANUP(delivery_list_release) struct delivery_list l;

	change(s, add(s, n, NOTICE_FAILURE, "one"), given_up);
	change(s, add(s, n, NOTICE_FAILURE, "two"), sent);
	change(s, add(s, n, NOTICE_FAILURE, "three"), failed);
	assert_int_equal(delivery_forget_old(s->c, NOON, &s->e), 0);
	assert_int_equal(delivery_list_some(s->c, NULL, false, &(struct catalog_page){0}, &l, &total, &s->e), 0);
	assert_int_equal(total, 3);
	delivery_list_release(&l);
	assert_int_equal(delivery_forget_old(s->c, after_noon(1), &s->e), 0);
	assert_int_equal(delivery_list_some(s->c, NULL, false, &(struct catalog_page){0}, &l, &total, &s->e), 0);
	assert_int_equal(total, 1);
	assert_string_equal(l.v[0].title, "three");
}

static void a_notice_that_goes_takes_its_messages_along(void **state)
{
	struct support *s = *state;
	int64_t n = notice(s, "beat");
	int64_t id = add(s, n, NOTICE_FAILURE, "one");

	assert_int_equal(delivery_remove(s->c, id, &s->e), 0);
	assert_due(s, 0, "");
	add(s, n, NOTICE_FAILURE, "two");
	assert_int_equal(notice_remove(s->c, n, &s->e), 0);
	assert_due(s, 0, "");
}

static int at_noon(void **state)
{
	time_freeze(&NOON);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(what_is_due_comes_oldest_first_until_it_is_sent_or_given_up),
		CATALOG_TEST(what_waits_for_the_same_notice_can_be_postponed),
		CATALOG_TEST(a_newer_event_outdates_an_older_one_but_no_start_and_no_test_does),
		CATALOG_TEST(the_list_is_newest_first_and_tells_what_became_of_each),
		CATALOG_TEST(what_was_given_up_goes_when_it_was_seen),
		CATALOG_TEST(old_ones_go_but_not_those_that_wait),
		CATALOG_TEST(a_notice_that_goes_takes_its_messages_along),
	};

	return cmocka_run_group_tests(tests, at_noon, NULL);
}

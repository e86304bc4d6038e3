/* retry.c: what is tried again, how often, after how long, and what is not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper.h"

static double pauses[64];
static int pause_count;

static void note_pause(double seconds)
{
	assert_true(pause_count < 64);
	pauses[pause_count++] = seconds;
}

/* retry over fault over a memory store that says it is far away or near. */
static struct store *retrying(int tries, bool near, enum fault_kind kind, unsigned long at, bool and_after,
			      enum err_kind error)
{
	struct error e = {0};
	struct store *mem = mem_store_new();
	struct store_file f = file_named(STORE_DATA, 1);
	struct fault_plan plan = {.kind = kind, .at = at, .and_after = and_after, .error = error};
	assert_ok(store_create(mem, &e));
	assert_ok(put_text(mem, &f, "content", &e));
	if (!near)
		mem->features &= ~(unsigned)STORE_LOCAL;
	pause_count = 0;
	return retry_new(fault_new(mem, &plan), tries, note_pause);
}

static int get_byte(struct store *s, struct error *e)
{
	struct store_file f = file_named(STORE_DATA, 1);
	char byte;
	return store_get(s, &f, 0, &byte, 1, e);
}

static void what_stays_broken_is_given_up_after_the_tries_allowed(void **state)
{
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 1);
	char text[256];
	snprintf(text, sizeof text, "given up after 4 tries: %s", text_of(&f, "made to fail by a test"));
	struct store *s = retrying(4, false, FAULT_ERROR, 1, true, ERR_TEMPORARY);
	assert_fails(get_byte(s, &e), ERR_TEMPORARY, text);
	assert_int_equal(pause_count, 3);
	store_free(s);
}

static void one_try_is_one_try(void **state)
{
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 1);
	for (int tries = -1; tries <= 1; tries++) {
		struct store *s = retrying(tries, false, FAULT_ERROR, 1, false, ERR_TEMPORARY);
		assert_fails(get_byte(s, &e), ERR_TEMPORARY, text_of(&f, "made to fail by a test"));
		assert_int_equal(pause_count, 0);
		assert_ok(get_byte(s, &e));
		store_free(s);
	}
}

static void what_trying_again_cannot_mend_is_not_tried_again(void **state)
{
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 1);
	for (enum err_kind kind = ERR_INTERNAL; kind < ERR_KIND_COUNT; kind++) {
		if (kind == ERR_TEMPORARY || kind == ERR_IO)
			continue;
		struct store *s = retrying(3, false, FAULT_ERROR, 1, false, kind);
		assert_fails(get_byte(s, &e), kind, text_of(&f, "made to fail by a test"));
		assert_int_equal(pause_count, 0);
		store_free(s);
	}
}

static void a_disk_of_this_machine_that_fails_is_not_asked_again(void **state)
{
	struct error e = {0};
	struct store *s = retrying(3, true, FAULT_ERROR, 1, false, ERR_IO);
	assert_int_equal(get_byte(s, &e), -ERR_IO);
	assert_int_equal(pause_count, 0);
	store_free(s);
	s = retrying(3, false, FAULT_ERROR, 1, false, ERR_IO);
	assert_ok(get_byte(s, &(struct error){0}));
	assert_int_equal(pause_count, 1);
	store_free(s);
}

static void pauses_double_with_jitter_up_to_a_minute(void **state)
{
	struct error e = {0};
	bool differ = false;
	struct store *s = retrying(12, false, FAULT_ERROR, 1, true, ERR_TEMPORARY);
	assert_int_equal(get_byte(s, &e), -ERR_TEMPORARY);
	assert_int_equal(pause_count, 11);
	double expected = 0.5;
	for (int i = 0; i < pause_count; i++, expected *= 2) {
		double low = expected < 48 ? expected * 0.75 : 36;
		double high = expected < 48 ? expected * 1.25 : 60;
		if (pauses[i] < low || pauses[i] > high)
			fail_msg("pause %d is %f s, not within %f and %f", i, pauses[i], low, high);
		differ = differ || pauses[i] != expected;
	}
	assert_true(differ);
	store_free(s);
}

/* Each member, failing in its first try and then not. */
static int do_create(struct store *s, struct error *e)
{
	return store_create(s, e);
}

static int do_put(struct store *s, struct error *e)
{
	struct store_file f = file_named(STORE_DATA, 2);
	return put_text(s, &f, "new", e);
}

static int do_size(struct store *s, struct error *e)
{
	struct store_file f = file_named(STORE_DATA, 1);
	uint64_t size;
	return store_size(s, &f, &size, e);
}

static int do_remove(struct store *s, struct error *e)
{
	struct store_file f = file_named(STORE_DATA, 1);
	return store_remove(s, &f, e);
}

static int do_list(struct store *s, struct error *e)
{
	CLEANUP(store_listing_release) struct store_listing l = {0};
	int r = store_list(s, STORE_DATA, store_listing_add, &l, e);
	return r ? r : l.n == 1 ? 0 : -ERR_INTERNAL;
}

static int (*const members[])(struct store *, struct error *) = {
	do_create, do_put, get_byte, do_size, do_remove, do_list,
};

static void every_member_is_tried_again_and_success_leaves_no_error(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct error e = {0};
		struct store *s = retrying(2, false, FAULT_ERROR, 1, false, ERR_TEMPORARY);
		assert_ok(members[i](s, &e));
		assert_int_equal(e.kind, ERR_NONE);
		assert_string_equal(e.text, "");
		assert_int_equal(pause_count, 1);
		store_free(s);
	}
}

/* The listing is among them: what was told before the reply got lost is not told twice. */
static void a_lost_reply_does_no_harm_to_any_member(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct error e = {0};
		struct store *s = retrying(2, false, FAULT_LOST_REPLY, 1, false, ERR_TEMPORARY);
		assert_ok(members[i](s, &e));
		assert_int_equal(pause_count, 1);
		store_free(s);
	}
}

static void a_half_written_file_is_replaced_by_the_next_try(void **state)
{
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 2);
	struct store *s = retrying(2, false, FAULT_SHORT, 1, false, ERR_TEMPORARY);
	assert_ok(put_text(s, &f, "whole", &e));
	assert_content(s, &f, "whole");
	store_free(s);
}

static int count_only(const char *name, uint64_t size, void *ctx)
{
	++*(int *)ctx;
	return 0;
}

static void a_listing_that_failed_tells_no_name(void **state)
{
	struct error e = {0};
	int told = 0;
	struct store *s = retrying(3, false, FAULT_LOST_REPLY, 1, true, ERR_TEMPORARY);
	assert_fails(store_list(s, STORE_DATA, count_only, &told, &e), ERR_TEMPORARY,
		     "given up after 3 tries: pack: made to fail by a test");
	assert_int_equal(told, 0);
	store_free(s);
}

static int end_for_a_while(const char *name, uint64_t size, void *ctx)
{
	++*(int *)ctx;
	return -ERR_TEMPORARY;
}

static void what_the_receiver_of_a_listing_answers_is_not_tried_again(void **state)
{
	struct error e = {0};
	int told = 0;
	struct store *s = retrying(3, false, FAULT_NONE, 0, false, ERR_NONE);
	assert_int_equal(store_list(s, STORE_DATA, end_for_a_while, &told, &e), -ERR_TEMPORARY);
	assert_int_equal(told, 1);
	assert_int_equal(pause_count, 0);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_broken_is_given_up_after_the_tries_allowed),
		cmocka_unit_test(one_try_is_one_try),
		cmocka_unit_test(what_trying_again_cannot_mend_is_not_tried_again),
		cmocka_unit_test(a_disk_of_this_machine_that_fails_is_not_asked_again),
		cmocka_unit_test(pauses_double_with_jitter_up_to_a_minute),
		cmocka_unit_test(every_member_is_tried_again_and_success_leaves_no_error),
		cmocka_unit_test(a_lost_reply_does_no_harm_to_any_member),
		cmocka_unit_test(a_half_written_file_is_replaced_by_the_next_try),
		cmocka_unit_test(a_listing_that_failed_tells_no_name),
		cmocka_unit_test(what_the_receiver_of_a_listing_answers_is_not_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

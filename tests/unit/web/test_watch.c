/* Connections: how many from where, and how long they may take, by a clock of the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "web/watch.h"

#include <stdlib.h>
#include <sys/socket.h>

/* Both ends of a connection. */
struct ends { int theirs, ours; };

static struct ends connect_ends(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	return (struct ends){pair[0], pair[1]};
}

static void close_ends(struct ends *e)
{
	fs_close(&e->theirs);
	fs_close(&e->ours);
}

static void the_101st_connection_from_one_place_ends_at_once(void **state)
{
	struct watch *w = watch_new(30);
	struct ends ends[WATCH_PLACE_MAX + 2];
	struct watch_connection *c[WATCH_PLACE_MAX + 2];

	for (int i = 0; i <= WATCH_PLACE_MAX; i++) {
		ends[i] = connect_ends();
		c[i] = watch_add(w, ends[i].ours, "10.0.0.7");
		assert_int_equal(watch_is_left(ends[i].theirs), i == WATCH_PLACE_MAX);
	}
	/* One more from elsewhere, and one in the place of one that has left. */
	ends[WATCH_PLACE_MAX + 1] = connect_ends();
	c[WATCH_PLACE_MAX + 1] = watch_add(w, ends[WATCH_PLACE_MAX + 1].ours, "10.0.0.8");
	assert_false(watch_is_left(ends[WATCH_PLACE_MAX + 1].theirs));
	for (int i = 0; i < 2; i++) {
		watch_remove(w, c[i]);
		close_ends(&ends[i]);
	}
	ends[0] = connect_ends();
	c[0] = watch_add(w, ends[0].ours, "10.0.0.7");
	assert_false(watch_is_left(ends[0].theirs));
	for (int i = 0; i < WATCH_PLACE_MAX + 2; i++)
		if (i != 1) {
			watch_remove(w, c[i]);
			close_ends(&ends[i]);
		}
	watch_free(w);
}

static void a_network_of_ipv6_is_one_place(void **state)
{
	struct watch *w = watch_new(30);
	struct ends ends[WATCH_PLACE_MAX + 1];
	struct watch_connection *c[WATCH_PLACE_MAX + 1];

	for (int i = 0; i <= WATCH_PLACE_MAX; i++) {
		AUTO_FREE char *address = mem_printf("2001:db8:1:2::%x", i + 1);

		ends[i] = connect_ends();
		c[i] = watch_add(w, ends[i].ours, address);
	}
	assert_true(watch_is_left(ends[WATCH_PLACE_MAX].theirs));
	for (int i = 0; i <= WATCH_PLACE_MAX; i++) {
		watch_remove(w, c[i]);
		close_ends(&ends[i]);
	}
	watch_free(w);
}

static void this_machine_has_any_number(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.1.2.3", "::1", "unix"};
	struct watch *w = watch_new(30);
	struct ends one = connect_ends();
	struct watch_connection *c[2 * WATCH_PLACE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = watch_add(w, one.ours, here[i % ARRAY_LEN(here)]);
	assert_false(watch_is_left(one.theirs));
	assert_int_equal(watch_tick(w, time_monotonic()), ARRAY_LEN(c));
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		watch_remove(w, c[i]);
	close_ends(&one);
	watch_free(w);
}

/* Whether a connection that is put into a state is still there so much later. */
static bool lasts(void (*put)(struct watch *w, struct watch_connection *c), uint64_t received, double seconds)
{
	struct watch *w = watch_new(30);
	struct ends ends = connect_ends();
	struct watch_connection *c = watch_add(w, ends.ours, "unix");

	if (put)
		put(w, c);
	watch_received(w, c, received);
	watch_tick(w, time_monotonic() + seconds);
	bool there = !watch_is_left(ends.theirs);

	watch_remove(w, c);
	close_ends(&ends);
	watch_free(w);
	return there;
}

static void a_head_has_30_seconds_whatever_comes_of_it(void **state)
{
	assert_true(lasts(NULL, 0, 29));
	assert_false(lasts(NULL, 1000000, 31));
	assert_true(lasts(watch_waiting, 0, 29));
	assert_false(lasts(watch_waiting, 0, 31));
}

static void a_body_may_take_long_when_it_is_long(void **state)
{
	assert_true(lasts(watch_body, 0, 29));
	assert_false(lasts(watch_body, 0, 31));
	assert_true(lasts(watch_body, 100 * WATCH_RATE, 129));
	assert_false(lasts(watch_body, 100 * WATCH_RATE, 131));
}

static void an_answer_takes_as_long_as_it_takes(void **state)
{
	assert_true(lasts(watch_answering, 0, 86400));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_101st_connection_from_one_place_ends_at_once),
		cmocka_unit_test(a_network_of_ipv6_is_one_place),
		cmocka_unit_test(this_machine_has_any_number),
		cmocka_unit_test(a_head_has_30_seconds_whatever_comes_of_it),
		cmocka_unit_test(a_body_may_take_long_when_it_is_long),
		cmocka_unit_test(an_answer_takes_as_long_as_it_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Connections that are cut once their work is cancelled. */
#include "engine/line.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>

struct connection {
	int ours, theirs;
	struct progress progress;
};

static void connect_pair(struct connection *c)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*c = (struct connection){.ours = fds[0], .theirs = fds[1]};
}

static void close_pair(struct connection *c)
{
	line_forget(c);
	close(c->ours);
	close(c->theirs);
}

/* Whether the connection ends within so many seconds. */
static bool ends_within(struct connection *c, double seconds)
{
	struct pollfd wait = {.fd = c->ours, .events = POLLIN};
	return poll(&wait, 1, (int)(seconds * 1000)) == 1;
}

static void a_cancelled_connection_is_cut_when_its_time_is_over(void **state)
{
	struct connection c, other;
	char byte;
	connect_pair(&c);
	connect_pair(&other);
	line_watch(&c, c.ours, &c.progress);
	line_watch(&other, other.ours, &other.progress);
	double start = time_monotonic();
	atomic_store(&c.progress.cancel, true);
	assert_true(ends_within(&c, 20));
	assert_true(time_monotonic() - start >= LINE_GRACE_SECONDS);
	assert_int_equal(read(c.ours, &byte, 1), 0);
	assert_int_equal(read(c.theirs, &byte, 1), 0);
	assert_true(line_is_cut(&c));
	assert_false(line_is_cut(&other));
	close_pair(&c);
	close_pair(&other);
}

static void a_statement_that_begins_after_the_cancellation_has_a_time_of_its_own(void **state)
{
	struct connection c;
	connect_pair(&c);
	line_watch(&c, c.ours, &c.progress);
	atomic_store(&c.progress.cancel, true);
	assert_false(ends_within(&c, LINE_GRACE_SECONDS - 0.5));
	double start = time_monotonic();
	line_touch(&c);
	assert_true(ends_within(&c, 20));
	assert_true(time_monotonic() - start >= LINE_GRACE_SECONDS);
	close_pair(&c);
}

static void what_is_forgotten_or_has_no_progress_is_never_cut(void **state)
{
	struct connection forgotten, never;
	connect_pair(&forgotten);
	connect_pair(&never);
	line_watch(&forgotten, forgotten.ours, &forgotten.progress);
	line_watch(&never, never.ours, NULL);
	line_forget(&forgotten);
	line_forget(&forgotten);
	atomic_store(&forgotten.progress.cancel, true);
	assert_false(ends_within(&forgotten, LINE_GRACE_SECONDS + 0.5));
	assert_false(ends_within(&never, 0));
	assert_false(line_is_cut(&forgotten));
	assert_false(line_is_cut(&never));
	line_touch(&never);
	close_pair(&forgotten);
	close_pair(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancelled_connection_is_cut_when_its_time_is_over),
		cmocka_unit_test(a_statement_that_begins_after_the_cancellation_has_a_time_of_its_own),
		cmocka_unit_test(what_is_forgotten_or_has_no_progress_is_never_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

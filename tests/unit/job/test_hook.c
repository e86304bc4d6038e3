/* Commands before and after a backup. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/hook.h"

static void add_line(void *ctx, const char *text)
{
	strlist_add(ctx, text);
}

static int run(const char *command, struct strlist *lines, struct progress *p, struct error *e)
{
	const struct hook h = {.when = "before", .command = command, .source = "shop", .state = "running", .progress = p, .line = add_line, .ctx = lines};

	*e = (struct error){0};
	return hook_run(&h, e);
}

static void fails(const char *command, enum err_kind kind, const char *text)
{
	CLEANUP(strlist_release) struct strlist lines = {0};
	struct error e;

	assert_int_equal(run(command, &lines, NULL, &e), -(int)kind);
	assert_string_equal(e.text, text);
}

static void what_cannot_be_run_or_fails_is_told(void **state)
{
	fails("", ERR_USAGE, "the command before shop: it is empty");
	fails("a 'b", ERR_USAGE, "the command before shop: a quote is not closed");
	fails("no-such-program x", ERR_NOT_FOUND, "the command before shop: cannot start no-such-program: No such file or directory");
	fails("sh -c 'echo why >&2; exit 3'", ERR_CHILD, "the command before shop: sh failed with status 3: why");
	fails("/bin/sh -c 'kill -9 $$'", ERR_CHILD, "the command before shop: sh was ended by signal 9 (Killed)");
}

static void what_it_prints_is_told_line_by_line(void **state)
{
	CLEANUP(strlist_release) struct strlist lines = {0};
	struct error e;

	assert_ok(run("sh -c 'echo one; echo; echo warning >&2; printf two; exec head -c 5000 /dev/zero'", &lines, NULL, &e));
	assert_int_equal(lines.n, 4);
	assert_string_equal(lines.v[0], "one");
	assert_memory_equal(lines.v[1], "two   ", 6);
	assert_int_equal(strlen(lines.v[1]) + strlen(lines.v[2]), 5003);
	assert_string_equal(lines.v[3], "warning");
}

static void it_knows_what_it_is_for(void **state)
{
	CLEANUP(strlist_release) struct strlist lines = {0};
	struct error e;

	assert_ok(run("sh -c 'echo $BACKSTAY_SOURCE $BACKSTAY_STATE'", &lines, NULL, &e));
	assert_string_equal(lines.v[0], "shop running");
}

static void it_is_ended_when_it_is_cancelled(void **state)
{
	CLEANUP(strlist_release) struct strlist lines = {0};
	struct progress p = {0};
	struct error e;

	atomic_store(&p.cancel, true);
	assert_int_equal(run("sleep 1000", &lines, &p, &e), -ERR_CANCELLED);
	assert_string_equal(e.text, "the command before shop: cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_run_or_fails_is_told),
		cmocka_unit_test(what_it_prints_is_told_line_by_line),
		cmocka_unit_test(it_knows_what_it_is_for),
		cmocka_unit_test(it_is_ended_when_it_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

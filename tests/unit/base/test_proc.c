#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const *shell(const char *script)
{
	static const char *argv[] = {"sh", "-c", NULL, NULL};
	argv[2] = script;
	return argv;
}

static void start(struct proc *p, const char *script, unsigned flags)
{
	struct error e = {0};
	if (proc_start(p, shell(script), NULL, flags, &e) != 0)
		fail_msg("%s", e.text);
}

/* Run to the end; its stdout in `out`. */
static int run(const char *script, struct buf *out, struct error *e)
{
	struct proc p;
	char block[4096];
	start(&p, script, PROC_PIPE_OUT);
	ssize_t n = fs_read_full(p.out, block, sizeof block);
	assert_true(n >= 0);
	buf_add(out, block, (size_t)n);
	return proc_wait(&p, e);
}

static void assert_fails(const char *script, const char *text)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	assert_int_equal(run(script, &out, &e), -ERR_CHILD);
	assert_string_equal(e.text, text);
}

static void assert_prints(const char *script, const char *text)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	if (run(script, &out, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&out), text);
}

struct kept_output {
	struct sink sink;
	struct buf text;
	struct progress *cancelled; /* by what comes */
};

static int keep(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct kept_output *k = (struct kept_output *)s;
	buf_add(&k->text, p, n);
	if (k->cancelled)
		atomic_store(&k->cancelled->cancel, true);
	return k->text.len > 5 ? error_set(e, ERR_NO_SPACE, "full") : 0;
}

static void what_a_program_prints_goes_to_a_sink_until_that_is_full_or_all_is_cancelled(void **state)
{
	struct progress progress = {NULL};
	struct kept_output k = {.sink.write = keep};
	struct error e = {0};
	struct proc p;
	uint64_t size;
	start(&p, "printf one; printf toolong", PROC_PIPE_OUT);
	assert_int_equal(proc_output(&p, &k.sink, NULL, &size, &e), -ERR_NO_SPACE);
	proc_stop(&p);
	buf_clear(&k.text);
	start(&p, "printf hello", PROC_PIPE_OUT);
	assert_int_equal(proc_output(&p, &k.sink, &progress, &size, &e), 0);
	assert_int_equal(size, 5);
	assert_string_equal(buf_text(&k.text), "hello");
	assert_int_equal(proc_wait(&p, &e), 0);
	buf_clear(&k.text);
	k.cancelled = &progress;
	start(&p, "printf hello; exec sleep 1000", PROC_PIPE_OUT);
	assert_int_equal(proc_output(&p, &k.sink, &progress, &size, &e), -ERR_CANCELLED);
	assert_int_equal(size, 5);
	proc_stop(&p);
	buf_release(&k.text);
}

static void a_program_that_is_not_there_cannot_be_started(void **state)
{
	struct proc p;
	struct error e = {0};
	const char *const argv[] = {"no-such-program-here", NULL};
	assert_int_equal(proc_start(&p, argv, NULL, PROC_PIPE_IN | PROC_PIPE_OUT, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "cannot start no-such-program-here: No such file or directory");
	assert_string_equal(e.hint, "install no-such-program-here, or add its folder to PATH");
	assert_int_equal(p.in, -1);
	assert_int_equal(p.out, -1);
	proc_stop(&p);
}

static void a_file_in_path_that_is_no_program_counts_for_nothing(void **state)
{
	struct error e = {0};
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *before = mem_string(getenv("PATH"));
	assert_int_equal(fs_temp_dir(NULL, "proc-test-", &folder, &e), 0);
	AUTO_FREE char *no_program = mem_printf("%s/no-such-program-here", folder);
	assert_int_equal(fs_write_atomic(no_program, "", 0, 0600, &e), 0);
	AUTO_FREE char *path = mem_printf("%s:%s", folder, before);
	setenv("PATH", path, 1);
	a_program_that_is_not_there_cannot_be_started(state);
	setenv("PATH", before, 1);
	assert_int_equal(fs_remove_tree(folder, &e), 0);
}

static void a_file_that_is_no_program_cannot_be_started(void **state)
{
	struct proc p;
	struct error e = {0};
	const char *const argv[] = {"/dev/null", NULL};
	assert_int_equal(proc_start(&p, argv, NULL, 0, &e), -ERR_ACCESS);
	assert_string_equal(e.text, "cannot start /dev/null: Permission denied");
	assert_string_equal(e.hint, "");
}

static void a_failure_tells_status_and_last_words(void **state)
{
	assert_fails("exit 3", "sh failed with status 3");
	assert_fails("echo no such table >&2; exit 1", "sh failed with status 1: no such table");
	assert_fails("printf '\\n one \\r\\n\\n\\ttwo\\a\\033[1m\\n\\n' >&2; exit 255",
		"sh failed with status 255: one ; two  [1m");
}

static void a_child_ended_by_a_signal_says_which(void **state)
{
	assert_fails("kill -9 $$", "sh was ended by signal 9 (Killed)");
	assert_fails("echo bye >&2; kill -TERM $$", "sh was ended by signal 15 (Terminated): bye");
}

static void only_whole_last_lines_are_told(void **state)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	assert_int_equal(run("i=0; while [ $i -lt 300 ]; do echo \"line $i is here\" >&2; i=$((i+1)); done; exit 1",
			     &out, &e), -ERR_CHILD);
	static const char begin[] = "sh failed with status 1: line ";
	assert_memory_equal(e.text, begin, sizeof begin - 1);
	assert_non_null(strstr(e.text, "; line 298 is here; line 299 is here"));
	assert_true(strlen(e.text) < 1300);
}

static void a_last_line_without_end_is_told_in_part(void **state)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	assert_int_equal(run("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", &out, &e), -ERR_CHILD);
	assert_int_equal(strlen(e.text), strlen("sh failed with status 1: ") + 1024);
}

static void the_last_64_kib_of_stderr_are_kept(void **state)
{
	struct proc p;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	start(&p, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end >&2; exec >&-; read wait",
	      PROC_PIPE_IN | PROC_PIPE_OUT);
	char byte;
	assert_int_equal(fs_read_full(p.out, &byte, 1), 0);    /* all of it is in the pipe or read */
	do {
		buf_clear(&text);
		proc_stderr(&p, &text);
	} while (text.len < 5 || memcmp(text.p + text.len - 4, "end\n", 4) != 0);
	assert_int_equal(text.len, 64 << 10);
	assert_int_equal(text.p[0], 'x');
	proc_stop(&p);
}

static void waiting_for_nothing_is_a_broken_promise(void **state)
{
	struct proc p = {0};
	struct error e = {0};
	assert_int_equal(proc_wait(&p, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "waiting for a program that was not started");
}

static void bytes_go_in_and_come_out(void **state)
{
	struct proc p;
	struct error e = {0};
	char got[16] = "";
	const char *const argv[] = {"cat", NULL};
	assert_int_equal(proc_start(&p, argv, NULL, PROC_PIPE_IN | PROC_PIPE_OUT, &e), 0);
	assert_int_equal(fs_write_full(p.in, "hello", 5), 0);
	fs_close(&p.in);
	assert_int_equal(fs_read_full(p.out, got, sizeof got), 5);
	assert_string_equal(got, "hello");
	assert_int_equal(proc_wait(&p, &e), 0);
	assert_int_equal(p.pid, 0);
	assert_int_equal(p.out, -1);
	assert_null(p.name);
}

static void without_pipes_input_is_empty_and_output_goes_nowhere(void **state)
{
	struct proc p;
	struct error e = {0};
	start(&p, "cat; echo something", 0);
	assert_int_equal(p.in, -1);
	assert_int_equal(p.out, -1);
	assert_int_equal(proc_wait(&p, &e), 0);
}

static void writing_to_a_child_that_does_not_read_is_an_error_not_our_end(void **state)
{
	struct proc p;
	start(&p, "exec <&-; echo closed; read wait <&1", PROC_PIPE_IN | PROC_PIPE_OUT);
	char line[7];
	assert_int_equal(fs_read_full(p.out, line, 7), 7);
	assert_int_equal(fs_write_full(p.in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	proc_stop(&p);
}

static void the_environment_is_extended_in_the_child_only(void **state)
{
	struct proc p;
	struct error e = {0};
	char got[64] = "";
	setenv("BASE_TEST_OURS", "ours", 1);
	setenv("BASE_TEST_LONG", "long", 1);
	const char *const env[] = {"BASE_TEST_OURS=theirs", "BASE_TEST_NEW=a=b", NULL};
	const char *script = "echo $BASE_TEST_OURS $BASE_TEST_NEW $BASE_TEST_LONG; env | grep -c BASE_TEST_OURS";
	assert_int_equal(proc_start(&p, shell(script), env, PROC_PIPE_OUT, &e), 0);
	assert_true(fs_read_full(p.out, got, sizeof got - 1) > 0);
	assert_int_equal(proc_wait(&p, &e), 0);
	assert_string_equal(got, "theirs a=b long\n1\n");
	assert_string_equal(getenv("BASE_TEST_OURS"), "ours");
	assert_null(getenv("BASE_TEST_NEW"));
}

static void a_child_starts_with_signals_unblocked_and_not_ignored(void **state)
{
	sigset_t term, before;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, &before);
	signal(SIGINT, SIG_IGN);
	assert_fails("kill -TERM $$; exit 7", "sh was ended by signal 15 (Terminated)");
	assert_fails("kill -INT $$; exit 7", "sh was ended by signal 2 (Interrupt)");
	assert_fails("kill -PIPE $$; exit 7", "sh was ended by signal 13 (Broken pipe)");
	signal(SIGINT, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void a_child_leads_a_process_group_of_its_own(void **state)
{
	struct proc p;
	start(&p, "read wait", PROC_PIPE_IN);
	assert_int_equal(getpgid(p.pid), p.pid);
	assert_int_not_equal(getpgrp(), p.pid);
	proc_stop(&p);
}

static void no_child_holds_the_pipes_of_another(void **state)
{
	struct proc first, second;
	struct error e = {0};
	char byte;
	start(&first, "cat", PROC_PIPE_IN | PROC_PIPE_OUT);
	start(&second, "cat", PROC_PIPE_IN | PROC_PIPE_OUT);
	fs_close(&first.in);
	assert_int_equal(fs_read_full(first.out, &byte, 1), 0);
	assert_int_equal(proc_wait(&first, &e), 0);
	assert_int_equal(proc_wait(&second, &e), 0);
}

static void a_grandchild_that_keeps_stderr_open_holds_nobody_up(void **state)
{
	struct proc p;
	struct error e = {0};
	char text[32] = "";
	start(&p, "sleep 60 >/dev/null & echo $!; echo left >&2; exit 1", PROC_PIPE_OUT);
	assert_true(fs_read_full(p.out, text, sizeof text - 1) > 0);
	pid_t left = (pid_t)atoi(text);
	assert_true(left > 1);
	assert_int_equal(proc_wait(&p, &e), -ERR_CHILD);
	assert_string_equal(e.text, "sh failed with status 1: left");
	assert_int_equal(kill(left, SIGKILL), 0);
}

static void stopping_ends_the_whole_group(void **state)
{
	struct proc p;
	char byte;
	start(&p, "(trap '' TERM; echo ready; while :; do sleep 60; done) & read wait", PROC_PIPE_IN | PROC_PIPE_OUT);
	assert_int_equal(fs_read_full(p.out, (char[6]){0}, 6), 6);
	int out = dup(p.out);
	proc_stop(&p);
	assert_int_equal(fs_read_full(out, &byte, 1), 0);    /* the grandchild has let go of it too */
	close(out);
	proc_stop(&p);
}

static void a_child_that_ignores_the_request_is_killed(void **state)
{
	struct proc p;
	start(&p, "trap '' TERM; echo ready; while :; do sleep 1; done", PROC_PIPE_OUT);
	assert_int_equal(fs_read_full(p.out, (char[6]){0}, 6), 6);
	pid_t pid = p.pid;
	proc_stop(&p);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void a_child_may_clean_up_when_asked_to_stop(void **state)
{
	struct proc p;
	char got[32] = "";
	start(&p, "trap 'echo cleaned; exit 0' TERM; echo ready; read wait", PROC_PIPE_IN | PROC_PIPE_OUT);
	assert_int_equal(fs_read_full(p.out, got, 6), 6);
	int out = dup(p.out);
	proc_stop(&p);
	assert_int_equal(fs_read_full(out, got, 8), 8);
	assert_memory_equal(got, "cleaned\n", 8);
	close(out);
}

static void stopping_nothing_is_legal(void **state)
{
	struct proc p = {0};
	proc_stop(&p);
	proc_stop(&p);
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	proc_stderr(&p, &out);
	assert_int_equal(out.len, 0);
}

static void a_program_is_available_when_path_leads_to_it(void **state)
{
	assert_false(proc_available("no-such-program-here"));
	assert_false(proc_available(""));
	assert_false(proc_available("/"));
	assert_false(proc_available("/etc/passwd"));
	assert_true(proc_available("sh"));
	assert_true(proc_available("/bin/sh"));
	AUTO_FREE char *before = mem_string(getenv("PATH"));
	setenv("PATH", "/nowhere", 1);
	assert_false(proc_available("sh"));
	setenv("PATH", "/nowhere:/bin", 1);
	assert_true(proc_available("sh"));
	setenv("PATH", "", 1);
	assert_false(proc_available("sh"));
	unsetenv("PATH");
	assert_true(proc_available("sh"));
	setenv("PATH", before, 1);
	assert_prints("echo found", "found\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_is_not_there_cannot_be_started),
		cmocka_unit_test(a_file_in_path_that_is_no_program_counts_for_nothing),
		cmocka_unit_test(a_file_that_is_no_program_cannot_be_started),
		cmocka_unit_test(a_failure_tells_status_and_last_words),
		cmocka_unit_test(a_child_ended_by_a_signal_says_which),
		cmocka_unit_test(only_whole_last_lines_are_told),
		cmocka_unit_test(a_last_line_without_end_is_told_in_part),
		cmocka_unit_test(the_last_64_kib_of_stderr_are_kept),
		cmocka_unit_test(waiting_for_nothing_is_a_broken_promise),
		cmocka_unit_test(bytes_go_in_and_come_out),
		cmocka_unit_test(without_pipes_input_is_empty_and_output_goes_nowhere),
		cmocka_unit_test(writing_to_a_child_that_does_not_read_is_an_error_not_our_end),
		cmocka_unit_test(the_environment_is_extended_in_the_child_only),
		cmocka_unit_test(a_child_starts_with_signals_unblocked_and_not_ignored),
		cmocka_unit_test(a_child_leads_a_process_group_of_its_own),
		cmocka_unit_test(no_child_holds_the_pipes_of_another),
		cmocka_unit_test(a_grandchild_that_keeps_stderr_open_holds_nobody_up),
		cmocka_unit_test(stopping_ends_the_whole_group),
		cmocka_unit_test(a_child_that_ignores_the_request_is_killed),
		cmocka_unit_test(a_child_may_clean_up_when_asked_to_stop),
		cmocka_unit_test(stopping_nothing_is_legal),
		cmocka_unit_test(what_a_program_prints_goes_to_a_sink_until_that_is_full_or_all_is_cancelled),
		cmocka_unit_test(a_program_is_available_when_path_leads_to_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

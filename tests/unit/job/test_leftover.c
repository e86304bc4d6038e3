#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "job/leftover.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB "0123456789abcdef"
#define OTHER "0123456789abcdee"

/* A program that sleeps, in a process group of its own, with BACKSTAY_JOB in its environment; NULL: without. */
static pid_t sleeper(const char *job)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (job)
			setenv("BACKSTAY_JOB", job, 1);
		else
			unsetenv("BACKSTAY_JOB");
		execlp("sh", "sh", "-c", "sleep 1000 & wait", (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

/* Until it is another program: before, its environment is still that of this test. */
static void wait_for_exec(pid_t pid)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/exe", (int)pid);
	char own[4096] = {0}, now[4096] = {0};

	assert_true(readlink("/proc/self/exe", own, sizeof own - 1) > 0);
	do {
		assert_true(readlink(path, now, sizeof now - 1) > 0);
		usleep(1000);
	} while (!strncmp(own, now, sizeof own));
}

static int status_of(pid_t pid, int flags)
{
	int status = -1;

	return waitpid(pid, &status, flags) == pid ? status : -1;
}

static void end(pid_t pid)
{
	kill(-pid, SIGKILL);
	status_of(pid, 0);
}

static void without_any_nothing_is_ended(void **state)
{
	pid_t none = sleeper(NULL), other = sleeper(OTHER);

	wait_for_exec(none);
	wait_for_exec(other);
	assert_int_equal(leftover_kill(JOB), 0);
	assert_int_equal(status_of(none, WNOHANG), -1);
	assert_int_equal(status_of(other, WNOHANG), -1);
	end(none);
	end(other);
}

static void a_job_of_ones_own_id_does_not_end_oneself(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		setenv("BACKSTAY_JOB", JOB, 1);
		execl("/proc/self/exe", "test_leftover", "self", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(status_of(pid, 0), 0);
}

static void what_a_job_started_is_ended_with_its_children_in_whatever_group(void **state)
{
	pid_t first = sleeper(JOB), second = sleeper(JOB), other = sleeper(OTHER);

	wait_for_exec(first);
	wait_for_exec(second);
	wait_for_exec(other);
	assert_true(leftover_kill(JOB) >= 2);
	assert_int_equal(WTERMSIG(status_of(first, 0)), SIGKILL);
	assert_int_equal(WTERMSIG(status_of(second, 0)), SIGKILL);
	assert_int_equal(status_of(other, WNOHANG), -1);
	assert_int_equal(leftover_kill(JOB), 0);
	end(other);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_any_nothing_is_ended),
		cmocka_unit_test(a_job_of_ones_own_id_does_not_end_oneself),
		cmocka_unit_test(what_a_job_started_is_ended_with_its_children_in_whatever_group),
	};

	if (argc > 1)
		return leftover_kill(JOB) == 0 ? 0 : 1;
	return cmocka_run_group_tests_name("leftover", tests, NULL, NULL);
}

/* For tests of what ends the program: run fn in a child and check that it aborts with exactly this line on stderr. */
#ifndef TESTS_UNIT_BASE_ABORTS_H
#define TESTS_UNIT_BASE_ABORTS_H

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void assert_aborts(void (*fn)(void), const char *line)
{
	char said[512] = "";
	size_t n = 0;
	ssize_t got;
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(fds[1]);
	while (n < sizeof said - 1 && (got = read(fds[0], said + n, sizeof said - 1 - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_string_equal(said, line);
}

#endif

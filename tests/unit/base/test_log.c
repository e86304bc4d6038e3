#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int real_stderr = -1, file = -1;

/* Standard error goes into a file from now on. */
static void catch(void)
{
	struct error e;
	assert_int_equal(fs_temp_anonymous(NULL, &file, &e), 0);
	real_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
}

/* What was written there since; heap. */
static char *caught(void)
{
	char text[65536];
	ssize_t n = fs_pread_full(file, text, sizeof text, 0);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(file);
	assert_true(n >= 0);
	return mem_string_n(text, (size_t)n);
}

static void freeze(void)
{
	struct timespec t = {.tv_sec = 1700000000, .tv_nsec = 5000000};
	time_freeze(&t);
}

static void what_is_less_than_asked_for_is_left_out(void **state)
{
	freeze();
	catch();
	log_setup(LOG_WARNING, false);
	log_write(LOG_ERROR, "web", "one");
	log_write(LOG_WARNING, "job", "two");
	log_write(LOG_NOTICE, "job", "three");
	AUTO_FREE char *text = caught();
	assert_string_equal(text, "2023-11-14 22:13:20 error web: one\n2023-11-14 22:13:20 warning job: two\n");
}

static void no_text_makes_a_line_of_its_own(void **state)
{
	freeze();
	catch();
	log_setup(LOG_INFO, false);
	log_write(LOG_INFO, "web", "login of %s failed", "x\n<0>forged\r\t\x1b[2J\x7f \xc2\x9b \xe2\x80\xa8 \xff \xc3\xa9");
	AUTO_FREE char *text = caught();
	assert_string_equal(text, "2023-11-14 22:13:20 info web: login of x\\n<0>forged\\x0d\\t\\x1b[2J\\x7f \\xc2\\x9b \\xe2\\x80\\xa8 \\xff \xc3\xa9 failed\n");
}

static void json_is_a_line_an_object(void **state)
{
	freeze();
	catch();
	log_setup(LOG_DEBUG, true);
	log_write(LOG_DEBUG, "job", "a \"b\"\n%d", 7);
	AUTO_FREE char *text = caught();
	assert_string_equal(text, "{\"time\":\"2023-11-14T22:13:20.005Z\",\"level\":\"debug\",\"area\":\"job\",\"text\":\"a \\\"b\\\"\\n7\"}\n");
}

static void the_journal_is_told_the_level_when_it_listens(void **state)
{
	struct stat st;
	freeze();
	catch();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	AUTO_FREE char *stream = mem_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LOG_INFO, false);
	log_write(LOG_WARNING, "web", "one");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_setup(LOG_INFO, false);
	log_write(LOG_WARNING, "web", "two");
	unsetenv("JOURNAL_STREAM");
	AUTO_FREE char *text = caught();
	assert_string_equal(text, "<4>web: one\n2023-11-14 22:13:20 warning web: two\n");
}

static void a_long_text_is_cut(void **state)
{
	freeze();
	catch();
	log_setup(LOG_INFO, false);
	log_write(LOG_INFO, "web", "%9000d", 1);
	AUTO_FREE char *text = caught();
	assert_int_equal(strlen(text), strlen("2023-11-14 22:13:20 info web: \n") + 8192);
}

static void *hundred(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_write(LOG_INFO, "web", "%s", (const char *)arg);
	return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
	char of_a[] = "aaaaaaaaaaaaaaaaaaaa", of_b[] = "bbbbbbbbbbbbbbbbbbbb";
	pthread_t a, b;
	freeze();
	catch();
	log_setup(LOG_INFO, false);
	assert_int_equal(thread_start(&a, "a", hundred, of_a), 0);
	assert_int_equal(thread_start(&b, "b", hundred, of_b), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	AUTO_FREE char *text = caught();
	int lines = 0;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
		*end = '\0';
		assert_true(!strcmp(line, "2023-11-14 22:13:20 info web: aaaaaaaaaaaaaaaaaaaa") || !strcmp(line, "2023-11-14 22:13:20 info web: bbbbbbbbbbbbbbbbbbbb"));
	}
	assert_int_equal(lines, 200);
}

static void levels_have_names(void **state)
{
	assert_string_equal(log_level_name(3), "error");
	assert_string_equal(log_level_name(LOG_NOTICE), "notice");
	assert_string_equal(log_level_name(99), "error");
	assert_string_equal(log_level_name(-1), "error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_less_than_asked_for_is_left_out),
		cmocka_unit_test(no_text_makes_a_line_of_its_own),
		cmocka_unit_test(json_is_a_line_an_object),
		cmocka_unit_test(the_journal_is_told_the_level_when_it_listens),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(lines_of_threads_stay_whole),
		cmocka_unit_test(levels_have_names),
	};
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

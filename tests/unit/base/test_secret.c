#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/secret.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_number_below_nothing_aborts(void **state)
{
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		_exit((int)random_below(0));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void a_secret_is_a_terminated_copy(void **state)
{
	struct secret s = {0};
	char word[] = "open sesame";
	secret_set(&s, word, strlen(word));
	memset(word, 'x', sizeof word - 1);
	assert_int_equal(s.len, 11);
	assert_string_equal((char *)s.p, "open sesame");
	secret_release(&s);
	assert_null(s.p);
	assert_int_equal(s.len, 0);
	secret_release(&s);
}

static void setting_a_secret_replaces_it_even_from_itself(void **state)
{
	struct secret s = {0};
	secret_set(&s, "first", 5);
	secret_set(&s, s.p + 1, 3);
	assert_int_equal(s.len, 3);
	assert_string_equal((char *)s.p, "irs");
	secret_set(&s, NULL, 0);
	assert_int_equal(s.len, 0);
	assert_string_equal((char *)s.p, "");
	secret_release(&s);
}

static void a_secret_may_fill_whole_pages(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	AUTO_FREE unsigned char *bytes = mem_alloc(2 * page);
	random_bytes(bytes, 2 * page);
	struct secret s = {0};
	secret_set(&s, bytes, 2 * page);
	assert_memory_equal(s.p, bytes, 2 * page);
	assert_int_equal(s.p[2 * page], 0);
	secret_release(&s);
}

static void wiping_leaves_zeros(void **state)
{
	unsigned char bytes[] = {1, 2, 3, 4}, want[] = {0, 0, 0, 4};
	secret_wipe(bytes, 3);
	assert_memory_equal(bytes, want, sizeof want);
	secret_wipe(NULL, 0);
}

static void equality_sees_every_byte(void **state)
{
	unsigned char a[33], b[33];
	random_bytes(a, sizeof a);
	memcpy(b, a, sizeof b);
	assert_true(secret_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		assert_false(secret_equal(a, b, sizeof a));
		b[i] ^= 0x80;
	}
	assert_true(secret_equal(NULL, NULL, 0));
}

static void random_bytes_fill_all_of_a_large_block(void **state)
{
	enum { SIZE = 1000000, PART = 32 };
	AUTO_FREE unsigned char *p = mem_zero(SIZE);
	random_bytes(p, SIZE);
	static const unsigned char zeros[PART];
	for (size_t i = 0; i + PART <= SIZE; i += PART)
		assert_memory_not_equal(p + i, zeros, PART);
}

static void random_numbers_reach_all_values_and_no_other(void **state)
{
	unsigned seen[7] = {0};
	for (int i = 0; i < 7000; i++) {
		uint32_t r = random_below(7);
		assert_true(r < 7);
		seen[r]++;
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_in_range(seen[i], 700, 1300);    /* ten standard deviations */
	assert_int_equal(random_below(1), 0);
}

static void a_password_has_six_groups_without_look_alikes(void **state)
{
	AUTO_FREE char *one = random_password();
	AUTO_FREE char *two = random_password();
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), 35);
	for (size_t i = 0; i < 35; i++) {
		if (i % 6 == 5)
			assert_int_equal(one[i], '-');
		else
			assert_non_null(memchr("abcdefghjkmnpqrstuvwxyz23456789", one[i], 31));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_below_nothing_aborts),
		cmocka_unit_test(a_secret_is_a_terminated_copy),
		cmocka_unit_test(setting_a_secret_replaces_it_even_from_itself),
		cmocka_unit_test(a_secret_may_fill_whole_pages),
		cmocka_unit_test(wiping_leaves_zeros),
		cmocka_unit_test(equality_sees_every_byte),
		cmocka_unit_test(random_bytes_fill_all_of_a_large_block),
		cmocka_unit_test(random_numbers_reach_all_values_and_no_other),
		cmocka_unit_test(a_password_has_six_groups_without_look_alikes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* limit.c: that the time a transfer should take is taken. Only lower bounds are asserted: a busy machine may be slower,
 * never faster. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper.h"

#include "base/timefmt.h"

#include <pthread.h>

enum { SIZE = 10000 }; /* a tenth of a second at 100,000 bytes a second */

static char bytes[SIZE];

static struct store *limited(uint64_t upload, uint64_t download)
{
	struct error e = {0};
	struct store *mem = mem_store_new();
	struct store_file f = file_named(STORE_DATA, 1);
	assert_ok(store_create(mem, &e));
	assert_ok(put_bytes(mem, &f, bytes, SIZE, &e));
	return limit_new(mem, upload, download);
}

static void get_once(struct store *s)
{
	struct error e = {0};
	char copy[SIZE];
	struct store_file f = file_named(STORE_DATA, 1);
	assert_ok(store_get(s, &f, 0, copy, SIZE, &e));
}

static void put_once(struct store *s, unsigned char name)
{
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, name);
	assert_ok(put_bytes(s, &f, bytes, SIZE, &e));
}

static void uploads_keep_to_their_speed(void **state)
{
	struct store *s = limited(100000, 0);
	double start = time_monotonic();
	for (unsigned char c = 2; c < 5; c++)
		put_once(s, c);
	assert_true(time_monotonic() - start >= 0.2);
	store_free(s);
}

static void downloads_keep_to_their_speed(void **state)
{
	struct store *s = limited(0, 100000);
	double start = time_monotonic();
	for (int i = 0; i < 3; i++)
		get_once(s);
	assert_true(time_monotonic() - start >= 0.2);
	store_free(s);
}

static void *put_two(void *s)
{
	struct error e = {0};
	for (unsigned char c = 2; c < 4; c++) {
		struct store_file f = file_named(STORE_DATA, c);
		if (put_bytes(s, &f, bytes, SIZE, &e))
			return s;
	}
	return NULL;
}

static void threads_share_one_speed(void **state)
{
	struct store *s = limited(100000, 0);
	pthread_t threads[2];
	double start = time_monotonic();
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_two, s), 0);
	for (int i = 0; i < 2; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_true(time_monotonic() - start >= 0.3);
	store_free(s);
}

/* A second at this speed would be a day: the test would not end. */
static void the_first_transfer_and_the_other_direction_do_not_wait(void **state)
{
	struct store *s = limited(1, 0);
	put_once(s, 2);
	for (int i = 0; i < 10; i++)
		get_once(s);
	store_free(s);
	s = limited(0, 1);
	get_once(s);
	for (unsigned char c = 2; c < 12; c++)
		put_once(s, c);
	store_free(s);
}

static void asking_listing_and_removing_are_free(void **state)
{
	struct error e = {0};
	struct store *s = limited(1, 1);
	struct store_file f = file_named(STORE_DATA, 1);
	uint64_t size;
	put_once(s, 2);
	get_once(s);
	assert_ok(store_size(s, &f, &size, &e));
	assert_int_equal(size, SIZE);
	assert_int_equal(count_files(s, STORE_DATA), 2);
	assert_ok(store_remove(s, &f, &e));
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uploads_keep_to_their_speed),
		cmocka_unit_test(downloads_keep_to_their_speed),
		cmocka_unit_test(threads_share_one_speed),
		cmocka_unit_test(the_first_transfer_and_the_other_direction_do_not_wait),
		cmocka_unit_test(asking_listing_and_removing_are_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

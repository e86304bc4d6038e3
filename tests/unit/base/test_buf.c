#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "unit/base/aborts.h"

#include <stdlib.h>
#include <string.h>

static void pass_the_maximum(void)
{
	struct buf b = BUF_INIT_MAX(8);

	buf_add(&b, "12345", 5);
	buf_add(&b, "6789", 4);
}

static void overflow_a_size(void)
{
	struct buf b = BUF_INIT;

	buf_add(&b, "12345", 5);
	buf_reserve(&b, SIZE_MAX);
}

static void print_past_the_maximum(void)
{
	struct buf b = BUF_INIT_MAX(300);

	buf_printf(&b, "%0*d", 301, 1);
}

static void growing_past_the_maximum_ends_the_program(void **state)
{
	assert_aborts(pass_the_maximum, "backstay: a buffer of 5 bytes cannot grow by 4, its maximum is 8\n");
	assert_aborts(overflow_a_size,
		      "backstay: a buffer of 5 bytes cannot grow by 18446744073709551615, its maximum is 2147483648\n");
	assert_aborts(print_past_the_maximum, "backstay: a buffer of 0 bytes cannot grow by 301, its maximum is 300\n");
}

static void the_maximum_itself_can_be_filled(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(100);

	for (int i = 0; i < 100; i++) {
		assert_true(buf_fits(&b, 1));
		buf_add_byte(&b, 'x');
	}
	assert_false(buf_fits(&b, 1));
	assert_true(buf_fits(&b, 0));
	assert_false(buf_fits(&b, SIZE_MAX));
	assert_int_equal(strlen(buf_text(&b)), 100);
}

static void an_empty_buffer_reads_as_an_empty_text(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	assert_string_equal(buf_text(&b), "");
	buf_add(&b, NULL, 0);
	assert_null(b.p);
	buf_add_str(&b, "");
	assert_string_equal(buf_text(&b), "");
	AUTO_FREE char *text = buf_take_text(&b);
	assert_string_equal(text, "");
}

static void pieces_follow_each_other_and_a_zero_follows_them(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add(&b, "ab", 2);
	buf_add_str(&b, "cd");
	buf_add_byte(&b, 'e');
	buf_printf(&b, "%d%s", 12, "f");
	buf_add_u32le(&b, 0x64636261);
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.p, "abcde12fabcd", 13);
}

static void a_number_is_written_with_its_low_byte_first(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add_u32le(&b, 0xfedcba01);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.p, "\x01\xba\xdc\xfe", 4);
}

static void printing_may_be_longer_than_any_guess(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	for (int width = 250; width < 262; width++) {
		buf_clear(&b);
		buf_add_str(&b, ">");
		buf_printf(&b, "%0*d", width, 7);
		assert_int_equal(b.len, width + 1);
		assert_int_equal(strlen(buf_text(&b)), width + 1);
		assert_int_equal(b.p[b.len - 1], '7');
	}
}

static void clearing_keeps_the_memory(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add_str(&b, "something");
	unsigned char *p = b.p;
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_ptr_equal(b.p, p);
	assert_string_equal(buf_text(&b), "");
}

static void releasing_keeps_the_maximum(void **state)
{
	struct buf b = BUF_INIT_MAX(50);

	buf_add_str(&b, "something");
	buf_release(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
	assert_int_equal(b.max, 50);
	buf_release(&b);
}

static void reserved_room_can_be_filled_without_moving(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_reserve(&b, 1000);
	unsigned char *p = b.p;
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&b, (unsigned char)i);
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.len, 1000);
}

static void the_front_can_be_removed(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_remove_front(&b, 0);
	buf_add_str(&b, "abcdef");
	buf_remove_front(&b, 2);
	assert_string_equal(buf_text(&b), "cdef");
	assert_int_equal(b.len, 4);
	buf_remove_front(&b, 4);
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(b.len, 0);
}

static void two_buffers_swap_everything(void **state)
{
	CLEANUP(buf_release) struct buf a = BUF_INIT_MAX(10), b = BUF_INIT_MAX(20);

	buf_add_str(&a, "a");
	buf_swap(&a, &b);
	assert_string_equal(buf_text(&a), "");
	assert_int_equal(a.max, 20);
	assert_string_equal(buf_text(&b), "a");
	assert_int_equal(b.max, 10);
	buf_release(&b);
}

static void a_taken_text_leaves_the_buffer_empty(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(10);

	buf_add_str(&b, "text");
	AUTO_FREE char *text = buf_take_text(&b);
	assert_string_equal(text, "text");
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 10);
	buf_add_str(&b, "more");
	assert_string_equal(text, "text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growing_past_the_maximum_ends_the_program),
		cmocka_unit_test(the_maximum_itself_can_be_filled),
		cmocka_unit_test(an_empty_buffer_reads_as_an_empty_text),
		cmocka_unit_test(pieces_follow_each_other_and_a_zero_follows_them),
		cmocka_unit_test(a_number_is_written_with_its_low_byte_first),
		cmocka_unit_test(printing_may_be_longer_than_any_guess),
		cmocka_unit_test(clearing_keeps_the_memory),
		cmocka_unit_test(releasing_keeps_the_maximum),
		cmocka_unit_test(reserved_room_can_be_filled_without_moving),
		cmocka_unit_test(the_front_can_be_removed),
		cmocka_unit_test(two_buffers_swap_everything),
		cmocka_unit_test(a_taken_text_leaves_the_buffer_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

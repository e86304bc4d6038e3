#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/gzip_sink.h"
#include "base/mem.h"

#include <string.h>

/* Where the packed bytes go, until `room` is full. */
struct place {
	struct sink sink;
	struct buf got;
	size_t room;
};

static int take(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct place *x = (struct place *)s;

	if (x->got.len + n > x->room)
		return error_set(e, ERR_NO_SPACE, "no room");
	buf_add(&x->got, p, n);
	return 0;
}

static void place_release(struct place *x)
{
	buf_release(&x->got);
}

#define PLACE(name, n) CLEANUP(place_release) struct place name = {.sink.write = take, .room = n}

/* n bytes that gzip cannot make smaller. */
static void fill(unsigned char *p, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (unsigned char)(x >> 24);
	}
}

/* `p` in writes of `step` bytes. */
static int pack(struct place *to, const unsigned char *p, size_t n, size_t step, struct error *e)
{
	CLEANUP(gzip_sink_release) struct gzip_sink s;
	int rc = 0;

	gzip_sink_init(&s, &to->sink);
	for (size_t at = 0; at < n && !rc; at += step)
		rc = sink_write(&s.sink, p + at, n - at < step ? n - at : step, e);
	return rc ? rc : gzip_sink_finish(&s, e);
}

static void assert_unpacks_to(const struct buf *packed, const unsigned char *p, size_t n)
{
	AUTO_FREE unsigned char *out = mem_alloc(n + 1);
	z_stream z = {.next_in = packed->p, .avail_in = (uInt)packed->len, .next_out = out, .avail_out = (uInt)n + 1};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, n);
	assert_memory_equal(out, p, n);
}

static void what_the_next_sink_refuses_is_the_error(void **state)
{
	AUTO_FREE unsigned char *p = mem_alloc(1 << 20);
	struct error e = {0};

	fill(p, 1 << 20);
	PLACE(none, 0);
	assert_int_equal(pack(&none, p, 5, 5, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "no room");
	PLACE(narrow, 200000);
	assert_int_equal(pack(&narrow, p, 1 << 20, 1000, &e), -ERR_NO_SPACE);
}

static void nothing_is_a_whole_file_too(void **state)
{
	PLACE(to, 100);
	struct error e = {0};

	assert_int_equal(pack(&to, NULL, 0, 1, &e), 0);
	assert_unpacks_to(&to.got, (const unsigned char *)"", 0);
}

static void what_passes_comes_out_whole_in_any_steps(void **state)
{
	const size_t n = 300000, steps[] = {n, 7, 65536};
	AUTO_FREE unsigned char *p = mem_alloc(n);
	struct error e = {0};

	fill(p, n / 2);
	memset(p + n / 2, 'x', n - n / 2);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		PLACE(to, 1 << 20);
		assert_int_equal(pack(&to, p, n, steps[i], &e), 0);
		assert_unpacks_to(&to.got, p, n);
		assert_true(to.got.len < n * 6 / 10);
	}
}

static void the_header_tells_no_time_and_no_name(void **state)
{
	PLACE(to, 100);
	struct error e = {0};

	assert_int_equal(pack(&to, (const unsigned char *)"text", 4, 4, &e), 0);
	assert_memory_equal(to.got.p, "\x1f\x8b\x08\0\0\0\0\0", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_next_sink_refuses_is_the_error),
		cmocka_unit_test(nothing_is_a_whole_file_too),
		cmocka_unit_test(what_passes_comes_out_whole_in_any_steps),
		cmocka_unit_test(the_header_tells_no_time_and_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

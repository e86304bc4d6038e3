#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "golden.h"
#include "repo/pack.h"

#include <stdlib.h>

static struct id numbered(uint32_t n)
{
	struct id id;
	id_hash(&id, &n, sizeof n);
	return id;
}

/* Four blobs, one of each kind, in the order of the file. */
static void four_blobs(struct pack_blob b[4])
{
	static const uint32_t lengths[4] = {32, 100, 33, 5000}, plain[4] = {0, 0, 1, 70000};
	uint32_t offset = 0;

	for (uint32_t i = 0; i < 4; i++) {
		b[i] = (struct pack_blob){numbered(i), i % 2 ? BLOB_TREE : BLOB_DATA, offset, lengths[i], plain[i]};
		offset += lengths[i];
	}
}

/* The plain header of these blobs. */
static void header_of(const struct pack_blob *b, size_t n, struct buf *out)
{
	struct cipher_key k = golden_master();
	struct cipher *c = cipher_new(&k);
	struct buf sealed = BUF_INIT;
	struct error e;

	pack_write_header(c, b, n, &sealed);
	buf_clear(out);
	assert_int_equal(cipher_open(c, sealed.p, sealed.len - 4, out, &e), 0);
	buf_release(&sealed);
	cipher_free(c);
}

static void expect_refused(const void *p, size_t n, uint64_t blobs_end, const char *text)
{
	struct pack_blob *blobs = (void *)1;
	size_t count = 1;
	struct error e;

	assert_int_equal(pack_parse_header(p, n, blobs_end, &blobs, &count, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_null(blobs);
	assert_int_equal(count, 0);
}

static void headers_that_lie_are_refused(void **state)
{
	struct pack_blob b[4];
	struct buf h = BUF_INIT;

	four_blobs(b);
	header_of(b, 4, &h);
	expect_refused(h.p, 0, 0, "pack header: it has no entries");
	expect_refused(h.p, h.len, 5166, "pack header: its blobs do not fill the file");
	expect_refused(h.p, h.len, 5164, "pack header: its blobs reach beyond the file");
	expect_refused(h.p, h.len, 1ull << 32, "pack header: it is too large");
	for (size_t n = 1; n < h.len; n++) {
		bool whole = n == 37 || n == 2 * 37 || n == 2 * 37 + 41;
		expect_refused(h.p, n, 5165,
			       whole ? "pack header: its blobs do not fill the file"
				     : "pack header: its last entry is cut short");
	}
	h.p[37] = 4;
	expect_refused(h.p, h.len, 5165, "pack header: an entry has an unknown type");
	buf_release(&h);
}

static void impossible_lengths_are_refused(void **state)
{
	static const struct {
		uint32_t length, plain_len;
	} cases[] = {{31, 0}, {0, 0}, {32, 5}};
	struct buf h = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pack_blob b = {numbered(1), BLOB_DATA, 0, cases[i].length, cases[i].plain_len};
		header_of(&b, 1, &h);
		expect_refused(h.p, h.len, cases[i].length, "pack header: an entry has an impossible length");
	}
	struct pack_blob b = {numbered(1), BLOB_DATA, 0, 100, 5};
	header_of(&b, 1, &h);
	h.p[5] = 0; /* compressed from nothing */
	expect_refused(h.p, h.len, 100, "pack header: an entry has an impossible length");
	buf_release(&h);
}

static void lengths_that_overflow_are_refused(void **state)
{
	struct pack_blob b[3] = {{numbered(1), BLOB_DATA, 0, 0x80000000, 0},
				 {numbered(2), BLOB_DATA, 0, 0x80000000, 0},
				 {numbered(3), BLOB_DATA, 0, 100, 0}};
	struct buf h = BUF_INIT;

	header_of(b, 3, &h);
	expect_refused(h.p, h.len, 100, "pack header: its blobs reach beyond the file");
	expect_refused(h.p, h.len, UINT32_MAX, "pack header: its blobs reach beyond the file");
	buf_release(&h);
}

static void a_header_above_the_limit_is_refused(void **state)
{
	const size_t n = PACK_MAX_HEADER + 1;
	AUTO_FREE uint8_t *p = mem_zero(n);

	expect_refused(p, n, 100, "pack header: it is too large");
}

static void what_is_written_is_read(void **state)
{
	struct pack_blob b[4], *read;
	struct buf h = BUF_INIT;
	struct error e;
	size_t n;

	four_blobs(b);
	header_of(b, 4, &h);
	assert_int_equal(h.len, 2 * PACK_ENTRY_PLAIN + 2 * PACK_ENTRY_COMPRESSED);
	assert_int_equal(pack_parse_header(h.p, h.len, 5165, &read, &n, &e), 0);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(id_equal(&read[i].id, &b[i].id));
		assert_int_equal(read[i].type, b[i].type);
		assert_int_equal(read[i].offset, b[i].offset);
		assert_int_equal(read[i].length, b[i].length);
		assert_int_equal(read[i].plain_len, b[i].plain_len);
	}
	free(read);
	buf_release(&h);
}

static void a_header_ends_with_its_length_and_the_file_has_the_size_promised(void **state)
{
	struct cipher_key k = golden_master();
	struct cipher *c = cipher_new(&k);
	struct pack_blob b[4];
	struct buf out = BUF_INIT;

	four_blobs(b);
	buf_add_str(&out, "blobs");
	pack_write_header(c, b, 4, &out);
	size_t sealed = 2 * 37 + 2 * 41 + CIPHER_OVERHEAD;
	assert_int_equal(out.len, 5 + sealed + 4);
	assert_int_equal(out.p[out.len - 4], sealed);
	assert_int_equal(out.p[out.len - 3] | out.p[out.len - 2] | out.p[out.len - 1], 0);
	assert_int_equal(pack_file_size(b, 4), 5165 + sealed + 4);
	buf_release(&out);
	cipher_free(c);
}

static void a_pack_of_restic_is_read(void **state)
{
	struct cipher_key k = golden_master();
	struct cipher *c = cipher_new(&k);
	struct buf pack = BUF_INIT, h = BUF_INIT;
	struct id id = golden_id(GOLDEN_PACK_ID), hash, blob = golden_id(GOLDEN_BLOB_ID);
	struct pack_blob *read;
	struct error e;
	size_t n;

	golden_bytes(GOLDEN_PACK, &pack);
	id_hash(&hash, pack.p, pack.len);
	assert_true(id_equal(&hash, &id));
	size_t len = pack.p[pack.len - 4];
	assert_int_equal(cipher_open(c, pack.p + pack.len - 4 - len, len, &h, &e), 0);
	assert_int_equal(pack_parse_header(h.p, h.len, pack.len - 4 - len, &read, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_true(id_equal(&read->id, &blob));
	assert_int_equal(read->type, BLOB_DATA);
	assert_int_equal(read->length, 74);
	assert_int_equal(read->plain_len, 33);
	assert_int_equal(pack_file_size(read, n), pack.len);
	free(read);
	buf_release(&pack);
	buf_release(&h);
	cipher_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(impossible_lengths_are_refused),
		cmocka_unit_test(lengths_that_overflow_are_refused),
		cmocka_unit_test(a_header_above_the_limit_is_refused),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_header_ends_with_its_length_and_the_file_has_the_size_promised),
		cmocka_unit_test(a_pack_of_restic_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

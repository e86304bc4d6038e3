#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/pg_builder.h"

#include <stdlib.h>

struct kept {
	struct pg_lo_sink sink;
	struct buf all;
	size_t fail_at;
};

static int kept_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct kept *k = (struct kept *)s;
	buf_add(&k->all, p, n);
	return k->fail_at && k->all.len >= k->fail_at ? error_set(e, ERR_NO_SPACE, "the disk is full") : 0;
}

static int kept_begin(struct pg_lo_sink *l, uint32_t oid, struct error *e)
{
	struct kept *k = (struct kept *)l;
	buf_printf(&k->all, "[%u]", oid);
	return 0;
}

static void kept_release(struct kept *k)
{
	buf_release(&k->all);
}

#define KEPT {.sink = {.sink.write = kept_write, .begin = kept_begin}}

/* An archive as a source with its table of contents. */
struct opened {
	struct buf bytes;
	struct source *s;
	struct pg_toc toc;
	struct error e;
};

static void opened_release(struct opened *o)
{
	buf_release(&o->bytes);
	source_close(o->s);
	pg_toc_release(&o->toc);
}

static void open_made(struct opened *o, struct made *m)
{
	made_archive(m, &o->bytes, NULL);
	o->s = source_from_memory(o->bytes.p, o->bytes.len);
	if (pg_toc_read(o->s, &o->toc, &o->e))
		fail_msg("%s", o->e.text);
}

static const enum pg_compression kinds[] = {PG_COMPRESS_NONE, PG_COMPRESS_GZIP, PG_COMPRESS_ZSTD};

static void assert_content(struct opened *o, int id, const char *expected)
{
	CLEANUP(kept_release) struct kept k = KEPT;
	if (pg_data_copy(o->s, &o->toc, pg_toc_find(&o->toc, id), &k.sink.sink, &o->e))
		fail_msg("%s", o->e.text);
	assert_string_equal(buf_text(&k.all), expected);
}

static int copy_fails(struct opened *o, int id)
{
	CLEANUP(kept_release) struct kept k = KEPT;
	return pg_data_copy(o->s, &o->toc, pg_toc_find(&o->toc, id), &k.sink.sink, &o->e);
}

/* ---- what cannot be read ---- */

static void lz4_is_named_with_the_way_out(void **state)
{
	CLEANUP(made_release) struct made m = {.minor = 16};
	CLEANUP(opened_release) struct opened o = {0};
	made_shop(&m);
	m.compression = PG_COMPRESS_LZ4;
	open_made(&o, &m);
	assert_int_equal(copy_fails(&o, 6), -ERR_VERSION);
	assert_string_equal(o.e.text, "the archive is compressed with lz4, which this program cannot read");
	assert_string_equal(o.e.hint, "make it again with pg_dump -Fc -Z0, or with --compress=gzip or zstd");
	CLEANUP(kept_release) struct kept k = KEPT;
	assert_int_equal(pg_data_expand(o.s, &k.sink.sink, NULL, &o.e), -ERR_VERSION);
}

static void what_has_no_data_says_so(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(opened_release) struct opened o = {0};
	made_shop(&m);
	open_made(&o, &m);
	assert_int_equal(copy_fails(&o, 3), -ERR_NOT_FOUND);
	assert_string_equal(o.e.text, "the archive has no data of \"orders\"");
	assert_int_equal(copy_fails(&o, 9), -ERR_MISMATCH);
	assert_string_equal(o.e.text, "\"BLOBS\" are large objects");
	CLEANUP(kept_release) struct kept k = KEPT;
	assert_int_equal(pg_data_large_objects(o.s, &o.toc, pg_toc_find(&o.toc, 6), &k.sink, &o.e), -ERR_MISMATCH);
	assert_string_equal(o.e.text, "\"orders\" is no large objects");
}

static void other_data_at_an_offset_are_found_out(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(opened_release) struct opened o = {0};
	made_shop(&m);
	open_made(&o, &m);
	o.toc.v[5].offset = o.toc.head + m.block_at[7];
	assert_int_equal(copy_fails(&o, 6), -ERR_CORRUPT);
	assert_string_equal(o.e.text, "the archive has other data where those of \"orders\" should be");
	o.toc.v[5].offset = o.toc.head + m.block_at[7] + 3;
	assert_int_equal(copy_fails(&o, 6), -ERR_CORRUPT);
	o.toc.v[5].offset = o.bytes.len + 5;
	assert_int_equal(copy_fails(&o, 6), -ERR_CORRUPT);
}

static void B1_compressed_archives_cut_anywhere_are_never_whole(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(made_release) struct made m = {.minor = 16, .compression = kinds[i], .piece = 11};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		struct error e = {0};
		made_shop(&m);
		made_archive(&m, &b, NULL);
		for (size_t n = 0; n < b.len; n++) {
			CLEANUP(kept_release) struct kept k = KEPT;
			struct source *s = source_from_memory(b.p, n);
			assert_int_equal(pg_data_expand(s, &k.sink.sink, NULL, &e), -ERR_CORRUPT);
			source_close(s);
		}
	}
}

static void compressed_damage_is_found(void **state)
{
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(made_release) struct made m = {.minor = 15, .compression = kinds[i]};
		CLEANUP(opened_release) struct opened o = {0};
		made_shop(&m);
		m.body.p[m.block_at[6] + 12] ^= 0x55;
		open_made(&o, &m);
		assert_int_equal(copy_fails(&o, 6), -ERR_CORRUPT);
		assert_non_null(strstr(o.e.text, ": compressed data that make no sense"));
	}
}

static void rows_without_their_end_are_refused(void **state)
{
	static const char *const contents[] = {"", "1\n", "1\\.\n", "\n\n", "\\.x\n", "1\n\\."};
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		CLEANUP(made_release) struct made m = {0};
		CLEANUP(opened_release) struct opened o = {0};
		made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .has_data = true,
			.copy = "COPY t (a) FROM stdin;\n"});
		made_begin(&m, 1, 1);
		made_content(&m, contents[i], strlen(contents[i]));
		open_made(&o, &m);
		if (i == ARRAY_LEN(contents) - 1) {
			assert_content(&o, 1, "1\n");
			continue;
		}
		assert_int_equal(copy_fails(&o, 1), -ERR_CORRUPT);
		assert_string_equal(o.e.text, "the archive is damaged: the rows of table \"t\" have no end");
	}
}

static void a_sink_that_fails_is_heard(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(opened_release) struct opened o = {0};
	CLEANUP(kept_release) struct kept k = KEPT;
	made_shop(&m);
	open_made(&o, &m);
	k.fail_at = 1;
	assert_int_equal(pg_data_copy(o.s, &o.toc, pg_toc_find(&o.toc, 6), &k.sink.sink, &o.e), -ERR_NO_SPACE);
	k.fail_at = 12;
	assert_int_equal(pg_data_large_objects(o.s, &o.toc, pg_toc_find(&o.toc, 9), &k.sink, &o.e), -ERR_NO_SPACE);
}

/* ---- what can ---- */

static void content_is_the_same_however_it_is_stored(void **state)
{
	static const size_t pieces[] = {1, 7, 100000};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
			CLEANUP(made_release) struct made m = {.minor = 16, .compression = kinds[i], .piece = pieces[p]};
			CLEANUP(opened_release) struct opened o = {0};
			CLEANUP(kept_release) struct kept k = KEPT;
			made_shop(&m);
			open_made(&o, &m);
			assert_content(&o, 6, "1\tfirst\t1.50\n2\t\\N\t2.00\n3\ta\\tb\t\\N\n");
			assert_content(&o, 7, "\\\\x00ff\n\\N\n");
			assert_content(&o, 8, "k\tv\n");
			assert_int_equal(pg_data_large_objects(o.s, &o.toc, pg_toc_find(&o.toc, 9), &k.sink, &o.e), 0);
			assert_string_equal(buf_text(&k.all), "[16500]hello[3000000000]");
		}
}

static void large_content_passes_whole(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(buf_release) struct buf rows = BUF_INIT;
		CLEANUP(made_release) struct made m = {.minor = 16, .compression = kinds[i], .piece = 4096};
		CLEANUP(opened_release) struct opened o = {0};
		for (int r = 0; r < 60000; r++)
			buf_printf(&rows, "%d\t%d\n", r, r * 7919 % 10007);
		made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .has_data = true,
			.copy = "COPY t (a, b) FROM stdin;\n"});
		made_rows(&m, 1, buf_text(&rows));
		open_made(&o, &m);
		assert_content(&o, 1, buf_text(&rows));
	}
}

/* Expanding gives the archive that pg_dump -Z0 writes to a file: the same blocks, with offsets. */
static void an_expanded_archive_is_the_uncompressed_one(void **state)
{
	for (int minor = 12; minor <= 16; minor++)
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			CLEANUP(made_release) struct made m = {.minor = minor, .compression = kinds[i]}, plain = {.minor = minor};
			CLEANUP(opened_release) struct opened o = {0}, expected = {0};
			CLEANUP(kept_release) struct kept k = KEPT;
			CLEANUP(pg_toc_release) struct pg_toc toc = {0};
			if (kinds[i] == PG_COMPRESS_ZSTD && minor < 15)
				continue;
			made_shop(&m);
			made_shop(&plain);
			open_made(&o, &m);
			open_made(&expected, &plain);
			for (int id = 6; id <= 9; id++)
				expected.toc.v[id - 1].offset = expected.toc.head + plain.block_at[id];
			pg_toc_patch(&expected.toc, expected.bytes.p);
			if (pg_data_expand(o.s, &k.sink.sink, NULL, &o.e))
				fail_msg("%s", o.e.text);
			assert_int_equal(k.all.len, expected.bytes.len);
			assert_memory_equal(k.all.p, expected.bytes.p, k.all.len);
		}
}

static void large_objects_are_expanded_in_pieces_of_16_kib(void **state)
{
	CLEANUP(made_release) struct made m = {.minor = 16, .compression = PG_COMPRESS_ZSTD};
	CLEANUP(opened_release) struct opened o = {0}, again = {0};
	CLEANUP(kept_release) struct kept k = KEPT, objects = KEPT;
	AUTO_FREE char *content = mem_alloc(40001);
	for (int i = 0; i < 40000; i++)
		content[i] = (char)('a' + i % 26);
	content[40000] = 0;
	made_add(&m, &(struct made_entry){.id = 1, .desc = "BLOBS", .has_data = true});
	made_begin(&m, 3, 1);
	made_object(&m, 5, content);
	made_objects_end(&m);
	open_made(&o, &m);
	assert_int_equal(pg_data_expand(o.s, &k.sink.sink, NULL, &o.e), 0);
	assert_int_equal(k.all.len, o.toc.head + 1 + 5 + 5 + 3 * 5 + 40000 + 5 + 5);
	assert_memory_equal(k.all.p + o.toc.head, "\3\0\1\0\0\0\0\5\0\0\0\0\0\100\0\0ab", 18);
	again.s = source_from_memory(k.all.p, k.all.len);
	assert_int_equal(pg_toc_read(again.s, &again.toc, &again.e), 0);
	assert_int_equal(pg_data_large_objects(again.s, &again.toc, &again.toc.v[0], &objects.sink, &again.e), 0);
	assert_string_equal(buf_text(&objects.all) + 3, content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lz4_is_named_with_the_way_out),
		cmocka_unit_test(what_has_no_data_says_so),
		cmocka_unit_test(other_data_at_an_offset_are_found_out),
		cmocka_unit_test(B1_compressed_archives_cut_anywhere_are_never_whole),
		cmocka_unit_test(compressed_damage_is_found),
		cmocka_unit_test(rows_without_their_end_are_refused),
		cmocka_unit_test(a_sink_that_fails_is_heard),
		cmocka_unit_test(content_is_the_same_however_it_is_stored),
		cmocka_unit_test(large_content_passes_whole),
		cmocka_unit_test(an_expanded_archive_is_the_uncompressed_one),
		cmocka_unit_test(large_objects_are_expanded_in_pieces_of_16_kib),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

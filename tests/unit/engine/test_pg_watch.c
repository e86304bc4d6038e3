#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/pg_builder.h"

#include <stdlib.h>
#include <xxhash.h>

/* A file_sink that keeps what it gets, and where it was cut. */
struct kept {
	struct file_sink sink;
	struct buf all;
	size_t prepended;
	size_t cuts[64], cut_count;       /* in what was written, without the head */
	size_t fail_at;                   /* fail once that many bytes came; 0: never */
};

static int kept_write(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	struct kept *k = (struct kept *)f;
	assert_int_equal(k->prepended, 0);
	assert_true(n > 0);
	buf_add(&k->all, p, n);
	if (k->fail_at && k->all.len >= k->fail_at)
		return error_set(e, ERR_NO_SPACE, "the store is full");
	return 0;
}

static int kept_cut(struct file_sink *f, struct error *e)
{
	struct kept *k = (struct kept *)f;
	assert_true(k->cut_count < ARRAY_LEN(k->cuts));
	k->cuts[k->cut_count++] = k->all.len;
	return 0;
}

static int kept_prepend(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	struct kept *k = (struct kept *)f;
	struct buf whole = BUF_INIT;
	buf_add(&whole, p, n);
	if (k->all.len)
		buf_add(&whole, k->all.p, k->all.len);
	buf_swap(&whole, &k->all);
	buf_release(&whole);
	k->prepended = n;
	return 0;
}

struct watched {
	struct kept kept;
	struct pg_watch *w;
	struct manifest_source m;
	struct pg_toc toc;
	struct progress progress;
	struct error e;
};

static void watched_release(struct watched *x)
{
	pg_watch_free(x->w);
	buf_release(&x->kept.all);
	manifest_source_release(&x->m);
	pg_toc_release(&x->toc);
}

/* The archive through a watch in pieces of that many bytes, each of them its own allocation. */
static int watch(struct watched *x, const void *p, size_t n, size_t piece)
{
	x->kept.sink = (struct file_sink){.write = kept_write, .cut = kept_cut, .prepend = kept_prepend};
	x->w = pg_watch_new(&x->kept.sink, &x->progress);
	for (size_t at = 0; at < n; at += piece) {
		size_t len = n - at < piece ? n - at : piece;
		AUTO_FREE unsigned char *exact = mem_copy((const char *)p + at, len);
		int err = pg_watch_write(x->w, exact, len, &x->e);
		if (err)
			return err;
	}
	assert_true(pg_watch_bytes(x->w) == n);
	return pg_watch_finish(x->w, &x->m, &x->toc, &x->e);
}

static int watch_all(struct watched *x, const struct buf *archive)
{
	return watch(x, archive->p, archive->len, archive->len ? archive->len : 1);
}

/* ---- what is not whole ---- */

static void B1_an_archive_cut_anywhere_is_never_whole(void **state)
{
	for (int minor = 12; minor <= 16; minor++) {
		CLEANUP(made_release) struct made m = {.minor = minor};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		made_shop(&m);
		made_archive(&m, &b, NULL);
		for (size_t n = 0; n < b.len; n++) {
			CLEANUP(watched_release) struct watched x = {0};
			assert_int_equal(watch(&x, b.p, n, n ? n : 1), -ERR_CORRUPT);
			assert_int_equal(x.m.table_count, 0);
			assert_int_equal(x.kept.prepended, 0);
		}
	}
}

static void B1_a_cut_says_where_it_is(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	size_t head;
	made_shop(&m);
	made_archive(&m, &b, &head);
	const struct {
		size_t at;
		const char *text;
	} cases[] = {
		{0, "the archive is empty"},
		{3, "the archive ends within its table of contents"},
		{head - 1, "the archive ends within its table of contents"},
		{head, "the archive ends before the data of \"orders\""},
		{head + 3, "the archive ends where a block begins"},
		{head + 20, "the archive ends within the data of \"orders\""},
		{head + m.block_at[7], "the archive ends before the data of \"t\nx\""},
		{head + m.block_at[9], "the archive ends before the data of \"BLOBS\""},
		{b.len - 1, "the archive ends within the data of \"BLOBS\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(watched_release) struct watched x = {0};
		assert_int_equal(watch(&x, b.p, cases[i].at, 7), -ERR_CORRUPT);
		assert_string_equal(x.e.text, cases[i].text);
	}
}

/* One table "t", its block begun. */
static void made_table(struct made *m)
{
	made_add(m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .schema = "s", .has_data = true,
		.copy = "COPY s.t (a) FROM stdin;\n"});
	made_add(m, &(struct made_entry){.id = 2, .desc = "VIEW", .tag = "v", .schema = "s"});
	made_begin(m, 1, 1);
}

static void assert_refused(const struct made *m, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (size_t piece = 1; piece < 200; piece += 50) {
		CLEANUP(watched_release) struct watched x = {0};
		made_archive((struct made *)(uintptr_t)m, &b, NULL);
		assert_int_equal(watch(&x, b.p, b.len, piece), -ERR_CORRUPT);
		assert_string_equal(x.e.text, text);
	}
}

static void B1_rows_without_their_end_are_refused(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	made_table(&m);
	made_piece(&m, "1\n", 2);
	made_int(&m, &m.body, 0);
	assert_refused(&m, "the archive is damaged: the rows of table \"t\" have no end");
	m.body.len = 0;
	made_begin(&m, 1, 1);
	made_piece(&m, "1\n\\.", 4);
	made_int(&m, &m.body, 0);
	assert_refused(&m, "the archive is damaged: the rows of table \"t\" have no end");
}

static void what_follows_the_end_of_rows_is_refused(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	made_table(&m);
	made_piece(&m, "\\.\n\nx\n", 6);
	made_int(&m, &m.body, 0);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	made_archive(&m, &b, NULL);
	assert_int_equal(watch_all(&x, &b), -ERR_CORRUPT);
	AUTO_FREE char *text = mem_printf("the archive is damaged before byte %zu: something follows the end of a table's "
		"rows", b.len - 5);
	assert_string_equal(x.e.text, text);
}

static void blocks_that_do_not_belong_are_refused(void **state)
{
	static const struct {
		int type, id;
		const char *what;
	} cases[] = {
		{2, 1, "a block of unknown type"}, {1, 3, "a block that its table of contents does not have"},
		{1, 2, "a block that its table of contents does not have"}, {3, 1, "a block of the wrong type"},
		{1, 1, "a block that was there before"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(made_release) struct made m = {0};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		CLEANUP(watched_release) struct watched x = {0};
		made_table(&m);
		made_piece(&m, "\\.\n", 3);
		made_int(&m, &m.body, 0);
		made_begin(&m, cases[i].type, cases[i].id);
		made_archive(&m, &b, NULL);
		assert_int_equal(watch_all(&x, &b), -ERR_CORRUPT);
		AUTO_FREE char *text = mem_printf("the archive is damaged before byte %zu: %s",
			cases[i].type == 2 ? b.len - 5 : b.len, cases[i].what);
		assert_string_equal(x.e.text, text);
	}
}

static void a_store_that_fails_is_heard(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {.kept.fail_at = 1};
	made_shop(&m);
	made_archive(&m, &b, NULL);
	assert_int_equal(watch(&x, b.p, b.len, 100), -ERR_NO_SPACE);
	assert_string_equal(x.e.text, "the store is full");
}

static void a_watch_can_be_cancelled(void **state)
{
	CLEANUP(watched_release) struct watched x = {0};
	atomic_store(&x.progress.cancel, true);
	assert_int_equal(watch(&x, "PGDMP", 5, 5), -ERR_CANCELLED);
}

/* ---- what is whole ---- */

/* The sum of the rows' hashes, the simple way. */
static char *hash_of(const char *const rows[], size_t n)
{
	uint64_t high = 0, low = 0;
	for (size_t i = 0; i < n; i++) {
		XXH128_hash_t h = XXH3_128bits(rows[i], strlen(rows[i]));
		low += h.low64;
		high += h.high64 + (low < h.low64);
	}
	return mem_printf("xxh128:%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
}

static void assert_table(const struct manifest_table *t, const char *schema, const char *name, const char *const rows[], size_t n,
	uint64_t offset, uint64_t length)
{
	AUTO_FREE char *hash = hash_of(rows, n);
	assert_string_equal(t->schema, schema);
	assert_string_equal(t->name, name);
	assert_true(t->rows_known);
	assert_int_equal(t->rows, n);
	assert_int_equal(t->offset, offset);
	assert_int_equal(t->length, length);
	assert_int_equal(t->bytes, length);
	assert_string_equal(t->row_hash, hash);
}

static void check_shop(const struct watched *x, const struct made *m, size_t head)
{
	static const char *const odd[] = {"\\\\x00ff", "\\N"}, *const config[] = {"k\tv"};
	static const char *const orders[] = {"1\tfirst\t1.50", "2\t\\N\t2.00", "3\ta\\tb\t\\N"};
	assert_int_equal(x->m.table_count, 3);
	assert_table(&x->m.tables[0], "odd.sch\"ema", "t\nx", odd, 2, head + m->block_at[7], m->block_at[8] - m->block_at[7]);
	assert_table(&x->m.tables[1], "public", "config", config, 1, head + m->block_at[8], m->block_at[9] - m->block_at[8]);
	assert_table(&x->m.tables[2], "public", "orders", orders, 3, head + m->block_at[6], m->block_at[7] - m->block_at[6]);
	assert_int_equal(x->m.tables[2].column_count, 4);
	assert_string_equal(x->m.tables[2].columns[0].name, "id");
	assert_int_equal(x->m.tables[2].columns[0].key, 1);
	assert_int_equal(x->m.object_count, 4);
	assert_string_equal(x->m.objects[0].type, "view");
	assert_string_equal(x->m.objects[1].type, "constraint");
	assert_string_equal(x->m.objects[2].type, "index");
	assert_string_equal(x->m.objects[3].type, "large object");
	assert_int_equal(x->m.objects[3].count, 2);
	assert_int_equal(x->m.note_count, 0);
}

/* The archive with the offset of each block in its table of contents, otherwise as it was. */
static void assert_patched(const struct watched *x, const struct buf *b, const struct made *m, size_t head)
{
	CLEANUP(buf_release) struct buf expected = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	struct error e = {0};
	buf_add(&expected, b->p, b->len);
	assert_int_equal(pg_toc_parse(b->p, b->len, &toc, &e), 0);
	for (int id = 6; id <= 9; id++) {
		const struct pg_entry *entry = pg_toc_find(&toc, id);
		expected.p[entry->offset_at] = 2;
		uint64_t offset = head + m->block_at[id];
		for (int i = 1; i <= m->off_size; i++, offset >>= 8)
			expected.p[entry->offset_at + (size_t)i] = (unsigned char)offset;
		assert_true(pg_toc_find(&x->toc, id)->offset == head + m->block_at[id]);
	}
	assert_int_equal(x->kept.all.len, expected.len);
	assert_memory_equal(x->kept.all.p, expected.p, expected.len);
	assert_int_equal(x->kept.prepended, head);
}

static void every_version_in_pieces_of_any_size_is_understood(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 11, 64, 1000, 1 << 20};
	for (int minor = 12; minor <= 16; minor++)
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			CLEANUP(made_release) struct made m = {.minor = minor, .int_size = minor == 13 ? 8 : 4,
				.off_size = minor == 12 ? 4 : 8};
			CLEANUP(buf_release) struct buf b = BUF_INIT;
			CLEANUP(watched_release) struct watched x = {0};
			size_t head;
			made_shop(&m);
			made_archive(&m, &b, &head);
			if (watch(&x, b.p, b.len, pieces[i]))
				fail_msg("%s", x.e.text);
			check_shop(&x, &m, head);
			assert_patched(&x, &b, &m, head);
			assert_int_equal(x.progress.bytes_done, b.len);
			assert_int_equal(x.progress.items_done, 4);
			assert_int_equal(x.progress.items_total, 4);
		}
}

static void an_unknown_version_passes_and_is_noted(void **state)
{
	for (size_t piece = 1; piece < 300; piece += 60) {
		CLEANUP(watched_release) struct watched x = {0};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		buf_add(&b, "PGDMP\1\21\0", 8);
		for (int i = 0; i < 1000; i++)
			buf_add_byte(&b, (unsigned char)i);
		assert_int_equal(watch(&x, b.p, b.len, piece), 0);
		assert_int_equal(x.kept.all.len, b.len);
		assert_memory_equal(x.kept.all.p, b.p, b.len);
		assert_int_equal(x.m.note_count, 1);
		assert_string_equal(x.m.notes[0].kind, "unsupported");
		assert_string_equal(x.m.notes[0].text, "the archive is stored as it is, but not understood: the archive has "
			"format 1.17, and only 1.12 to 1.16 are known; that it is whole only pg_dump says");
		assert_int_equal(x.toc.minor, 17);
		assert_int_equal(x.m.table_count, 0);
	}
}

static void an_archive_without_data_is_whole(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	made_archive(&m, &b, NULL);
	assert_int_equal(watch(&x, b.p, b.len, 10), 0);
	assert_memory_equal(x.kept.all.p, b.p, b.len);
	assert_int_equal(x.kept.cut_count, 0);
	assert_int_equal(x.m.table_count, 0);
}

static void rows_without_columns_are_counted(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	static const char *const rows[] = {"", "", ""};
	made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .schema = "s", .has_data = true,
		.copy = "COPY s.t  FROM stdin;\n"});
	made_rows(&m, 1, "\n\n\n");
	made_archive(&m, &b, NULL);
	assert_int_equal(watch(&x, b.p, b.len, 3), 0);
	AUTO_FREE char *hash = hash_of(rows, 3);
	assert_int_equal(x.m.tables[0].rows, 3);
	assert_string_equal(x.m.tables[0].row_hash, hash);
}

static void the_order_of_rows_does_not_change_their_hash(void **state)
{
	char hashes[2][64];
	static const char *const rows[] = {"1\ta\n2\tb\n3\tc\n", "3\tc\n1\ta\n2\tb\n"};
	for (int i = 0; i < 2; i++) {
		CLEANUP(made_release) struct made m = {0};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		CLEANUP(watched_release) struct watched x = {0};
		made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .has_data = true,
			.copy = "COPY t (a, b) FROM stdin;\n"});
		made_rows(&m, 1, rows[i]);
		made_archive(&m, &b, NULL);
		assert_int_equal(watch_all(&x, &b), 0);
		snprintf(hashes[i], sizeof hashes[i], "%s", x.m.tables[0].row_hash);
		assert_null(x.m.tables[0].schema);
	}
	assert_string_equal(hashes[0], hashes[1]);
}

static void rows_as_inserts_are_not_counted(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	made_add(&m, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .tag = "t", .schema = "s", .has_data = true});
	made_begin(&m, 1, 1);
	made_content(&m, "INSERT INTO s.t VALUES (1);\n", 28);
	made_archive(&m, &b, NULL);
	assert_int_equal(watch_all(&x, &b), 0);
	assert_false(x.m.tables[0].rows_known);
	assert_null(x.m.tables[0].row_hash);
	assert_int_equal(x.m.tables[0].length, 5 + 1 + 5 + 28 + 5);
}

static void compressed_blocks_are_followed_but_not_counted(void **state)
{
	CLEANUP(made_release) struct made m = {.compression = PG_COMPRESS_GZIP};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	made_shop(&m);
	made_archive(&m, &b, NULL);
	assert_int_equal(watch_all(&x, &b), 0);
	assert_int_equal(x.m.table_count, 3);
	assert_false(x.m.tables[2].rows_known);
}

static void every_kind_of_object_is_counted_by_its_name(void **state)
{
	static const char *const descs[] = {"ACCESS METHOD", "AGGREGATE", "CAST", "CHECK CONSTRAINT", "COLLATION", "CONSTRAINT",
		"CONVERSION", "DEFAULT", "DOMAIN", "EVENT TRIGGER", "EXTENSION", "FK CONSTRAINT", "FOREIGN DATA WRAPPER",
		"FOREIGN TABLE", "FUNCTION", "INDEX", "MATERIALIZED VIEW", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "POLICY",
		"PROCEDURAL LANGUAGE", "PROCEDURE", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA",
		"ROW SECURITY", "RULE", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS", "SUBSCRIPTION", "TEXT SEARCH CONFIGURATION",
		"TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "TRANSFORM", "TRIGGER", "TYPE",
		"USER MAPPING", "VIEW"};
	static const char *const others[] = {"ACL", "COMMENT", "SEQUENCE SET", "SEQUENCE OWNED BY", "INDEX ATTACH", "ENCODING",
		"MATERIALIZED VIEW DATA", "DATABASE", "BLOB", "BLOB METADATA", "STATISTICS DATA", "ZZZ"};
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(watched_release) struct watched x = {0};
	for (size_t i = 0; i < ARRAY_LEN(descs); i++)
		made_add(&m, &(struct made_entry){.id = (int)i + 1, .desc = descs[i], .schema = "s", .tag = "x"});
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		made_add(&m, &(struct made_entry){.id = (int)i + 101, .desc = others[i], .schema = "s", .tag = "x"});
	made_add(&m, &(struct made_entry){.id = 200, .desc = "SCHEMA", .tag = "public"});
	made_archive(&m, &b, NULL);
	assert_int_equal(watch_all(&x, &b), 0);
	assert_int_equal(x.m.object_count, ARRAY_LEN(descs));
	for (size_t i = 0; i < x.m.object_count; i++)
		assert_int_equal(x.m.objects[i].count, 1);
	assert_string_equal(x.m.objects[11].type, "foreign key");
	assert_string_equal(x.m.objects[16].type, "materialized view");
	assert_string_equal(x.m.objects[33].type, "text search configuration");
}

/* ---- cuts ---- */

/* Tables with blocks of about that many KiB, 1 to 8; the beginning of each block behind the head goes to `at`, and the end of the
 * last. */
static void made_blocks(struct made *m, const int *kib, size_t n, size_t *at)
{
	char row[1024];
	memset(row, 'x', sizeof row);
	row[sizeof row - 1] = '\n';
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *name = mem_printf("t%zu", i);
		made_add(m, &(struct made_entry){.id = (int)i + 1, .desc = "TABLE DATA", .tag = name, .schema = "s",
			.has_data = true, .copy = "COPY t (a) FROM stdin;\n"});
		made_begin(m, 1, (int)i + 1);
		at[i] = m->block_at[i + 1];
		for (int k = 0; k < kib[i]; k++)
			made_piece(m, row, sizeof row);
		made_piece(m, "\\.\n\n\n", 5);
		made_int(m, &m->body, 0);
		at[i + 1] = m->body.len;
	}
}

static void assert_cuts(const int *kib, size_t n, const char *cut_at)
{
	static const size_t pieces[] = {100, 1000, 65536, 300000, 1 << 22};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		CLEANUP(made_release) struct made m = {0};
		CLEANUP(buf_release) struct buf b = BUF_INIT, cuts = BUF_INIT;
		CLEANUP(watched_release) struct watched x = {0};
		size_t at[16], head;
		made_blocks(&m, kib, n, at);
		made_archive(&m, &b, &head);
		assert_int_equal(watch(&x, b.p, b.len, pieces[i]), 0);
		for (size_t c = 0, block = 0; c < x.kept.cut_count; c++) {
			while (block < n && at[block] < x.kept.cuts[c])
				block++;
			assert_int_equal(at[block], x.kept.cuts[c]);
			buf_printf(&cuts, "%s%zu", c ? " " : "", block);
		}
		assert_string_equal(buf_text(&cuts), cut_at);
		assert_memory_equal(x.kept.all.p + head, b.p + head, b.len - head);
	}
}

static void a_large_block_is_cut_off_from_its_neighbours(void **state)
{
	/* The cut at the beginning of the first block is the end of the head. */
	assert_cuts((int[]){300}, 1, "1");
	assert_cuts((int[]){10, 300, 10}, 3, "1 2");
	assert_cuts((int[]){255, 256, 10, 1000, 2, 2, 2, 400}, 8, "1 2 3 4 7 8");
}

static void small_blocks_share_chunks(void **state)
{
	assert_cuts((int[]){10, 10, 10}, 3, "");
	assert_cuts((int[]){100, 100, 100, 100, 100, 100, 100, 100}, 8, "3 6");
	assert_cuts((int[]){200, 200, 200, 300}, 4, "2 3 4");
}

static void what_a_table_gains_does_not_move_the_cuts_of_large_ones(void **state)
{
	assert_cuts((int[]){10, 300, 10, 500, 10}, 5, "1 2 3 4");
	assert_cuts((int[]){90, 300, 200, 500, 10}, 5, "1 2 3 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(B1_an_archive_cut_anywhere_is_never_whole),
		cmocka_unit_test(B1_a_cut_says_where_it_is),
		cmocka_unit_test(B1_rows_without_their_end_are_refused),
		cmocka_unit_test(what_follows_the_end_of_rows_is_refused),
		cmocka_unit_test(blocks_that_do_not_belong_are_refused),
		cmocka_unit_test(a_store_that_fails_is_heard),
		cmocka_unit_test(a_watch_can_be_cancelled),
		cmocka_unit_test(every_version_in_pieces_of_any_size_is_understood),
		cmocka_unit_test(an_unknown_version_passes_and_is_noted),
		cmocka_unit_test(an_archive_without_data_is_whole),
		cmocka_unit_test(rows_without_columns_are_counted),
		cmocka_unit_test(the_order_of_rows_does_not_change_their_hash),
		cmocka_unit_test(rows_as_inserts_are_not_counted),
		cmocka_unit_test(compressed_blocks_are_followed_but_not_counted),
		cmocka_unit_test(every_kind_of_object_is_counted_by_its_name),
		cmocka_unit_test(a_large_block_is_cut_off_from_its_neighbours),
		cmocka_unit_test(small_blocks_share_chunks),
		cmocka_unit_test(what_a_table_gains_does_not_move_the_cuts_of_large_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

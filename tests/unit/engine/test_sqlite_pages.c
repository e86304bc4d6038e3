/* How sqlite_pages derives rows and soundness from pages alone. The databases are made by SQLite itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/support.h"

#include "base/fs.h"
#include "base/mem.h"
#include "engine/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A database made by SQL, as its bytes. */
static void make(const char *sql, struct buf *out)
{
	struct error e = {0};
	char *dir = test_dir(), *path = test_path(dir, "x.db"), *why = NULL;
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
	assert_int_equal(fs_read_file(path, (size_t)1 << 30, out, &e), 0);
	free(path);
	test_dir_remove(dir);
}

static struct sqlite_pages *watch(const struct buf *b)
{
	uint32_t page = sqlite_header_page_size(b->p);
	struct sqlite_pages *w = sqlite_pages_new(page, b->p[20]);
	for (size_t i = 0; i < b->len / page; i++)
		sqlite_pages_see(w, (uint32_t)i + 1, b->p + i * page);
	return w;
}

static void open_bytes(const struct buf *b, sqlite3 **db)
{
	struct error e = {0};
	if (sqlite_open_source(source_from_memory(b->p, b->len), db, &e))
		fail_msg("%s", e.text);
}

/* The inventory agrees with count(*) for every table, and everything is reached once. */
static void assert_sound(const struct buf *b)
{
	struct error e = {0};
	struct sqlite_pages *w = watch(b);
	sqlite3 *db;
	open_bytes(b, &db);
	struct manifest_source by_pages = {0}, by_count = {0};
	struct sqlite_look pages = {.pages = w}, count = {0};
	if (sqlite_inventory(db, &pages, &by_pages, &e) || sqlite_inventory(db, &count, &by_count, &e) ||
		sqlite_inventory_compare(&by_count, &by_pages, &e))
		fail_msg("%s", e.text);
	assert_int_equal(by_pages.table_count, by_count.table_count);
	for (size_t i = 0; i < by_pages.table_count; i++)
		assert_int_equal(by_pages.tables[i].rows, by_count.tables[i].rows);
	manifest_source_release(&by_pages);
	manifest_source_release(&by_count);
	sqlite3_close(db);
	sqlite_pages_free(w);
}

static void assert_sound_sql(const char *sql)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	make(sql, &b);
	assert_sound(&b);
}

#define NUMBERS(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ") "

static void every_page_size_is_understood(void **state)
{
	for (int size = 512; size <= 65536; size *= 2) {
		char sql[1024];
		snprintf(sql, sizeof sql, "PRAGMA page_size=%d; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB);"
			"CREATE INDEX i ON t(b);" NUMBERS(3000)
			"INSERT INTO t SELECT i, 'row number ' || i, zeroblob(i %% 97) FROM n;", size);
		assert_sound_sql(sql);
	}
}

static void rows_without_rowid_are_counted_in_inner_pages_too(void **state)
{
	assert_sound_sql("PRAGMA page_size=512; CREATE TABLE w(a TEXT PRIMARY KEY, b) WITHOUT ROWID;"
		NUMBERS(5000) "INSERT INTO w SELECT 'key ' || i, hex(zeroblob(i % 300)) FROM n;");
}

static void overflow_chains_are_followed(void **state)
{
	assert_sound_sql("PRAGMA page_size=1024; CREATE TABLE t(a, b); CREATE INDEX i ON t(b);"
		NUMBERS(200) "INSERT INTO t SELECT i, hex(randomblob(i * 37)) FROM n;"
		"INSERT INTO t VALUES(0, zeroblob(3000000));");
}

static void free_pages_are_reached_through_the_free_list(void **state)
{
	assert_sound_sql("PRAGMA page_size=512; CREATE TABLE t(a, b); CREATE TABLE keep(x);"
		NUMBERS(4000) "INSERT INTO t SELECT i, hex(randomblob(60)) FROM n; INSERT INTO keep VALUES(1); DROP "
		"TABLE t;");
}

static void pointer_maps_of_autovacuum_are_known(void **state)
{
	assert_sound_sql("PRAGMA page_size=512; PRAGMA auto_vacuum=FULL; CREATE TABLE t(a, b);" NUMBERS(4000)
		"INSERT INTO t SELECT i, hex(randomblob(60)) FROM n; DELETE FROM t WHERE a % 3 = 0;");
	assert_sound_sql("PRAGMA page_size=1024; PRAGMA auto_vacuum=INCREMENTAL; CREATE TABLE t(a, b);" NUMBERS(4000)
		"INSERT INTO t SELECT i, hex(randomblob(60)) FROM n; DELETE FROM t WHERE a % 3 = 0;");
}

static void an_empty_schema_is_sound(void **state)
{
	assert_sound_sql("CREATE TABLE t(a); DROP TABLE t;");
	struct error e = {0};
	struct sqlite_pages *w = sqlite_pages_new(4096, 0);
	assert_int_equal(sqlite_pages_check(w, &e), 0);
	sqlite_pages_free(w);
}

static void full_text_and_shadow_tables_are_accounted_for(void **state)
{
	assert_sound_sql("CREATE VIRTUAL TABLE f USING fts5(body);" NUMBERS(500)
		"INSERT INTO f SELECT 'some words ' || i FROM n;");
}

static void a_tables_bytes_are_its_pages(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	uint64_t rows;
	make("PRAGMA page_size=1024; CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(10000));", &b);
	struct sqlite_pages *w = watch(&b);
	assert_int_equal(sqlite_pages_rows(w, 2, false, &rows, &e), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(sqlite_pages_bytes(w, 2), b.len - 1024);
	assert_int_equal(sqlite_pages_bytes(w, 3), 0);
	sqlite_pages_free(w);
}

/* The outcome of a table rooted at page 2 and the whole check, after `change`. */
static void assert_finding(const char *sql, void (*change)(struct buf *b), const char *expected)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	uint64_t rows;
	make(sql, &b);
	change(&b);
	struct sqlite_pages *w = watch(&b);
	int err = sqlite_pages_rows(w, 2, false, &rows, &e);
	if (!err)
		err = sqlite_pages_check(w, &e);
	assert_int_equal(err, -ERR_CORRUPT);
	assert_string_equal(e.text, expected);
	sqlite_pages_free(w);
}

#define TWO_LEVELS "PRAGMA page_size=512; CREATE TABLE t(a);" NUMBERS(100) \
	"INSERT INTO t SELECT hex(zeroblob(20)) FROM n"

static void child_out_of_file(struct buf *b)
{
	b->p[512 + 8 + 3] = 200;
}

static void child_is_itself(struct buf *b)
{
	b->p[512 + 8 + 3] = 2;
}

static void child_of_other_kind(struct buf *b)
{
	b->p[2 * 512] = 10;
}

static void cell_out_of_page(struct buf *b)
{
	b->p[2 * 512 + 8] = 0xff;
}

static void too_many_cells(struct buf *b)
{
	b->p[2 * 512 + 3] = 0x7f;
}

static void drop_last_page(struct buf *b)
{
	b->len -= 512;
}

static void claim_more_free_pages(struct buf *b)
{
	b->p[36 + 3] = 7;
}

static void damage_is_named_by_page(void **state)
{
	assert_finding(TWO_LEVELS, child_out_of_file, "the b-tree at page 2: page 200 does not exist");
	assert_finding(TWO_LEVELS, child_is_itself, "the b-tree at page 2: page 2 is used twice");
	assert_finding(TWO_LEVELS, child_of_other_kind, "the b-tree at page 2: page 3 is no page of a table");
	assert_finding(TWO_LEVELS, cell_out_of_page, "the b-tree at page 2: page 3 has a cell outside its bounds");
	assert_finding(TWO_LEVELS, too_many_cells, "the b-tree at page 2: page 3 has more cells than it can hold");
	assert_finding(TWO_LEVELS, claim_more_free_pages, "the free list: 0 pages instead of 7");
}

static void a_page_missing_at_the_end_is_found(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	make(TWO_LEVELS, &b);
	drop_last_page(&b);
	struct sqlite_pages *w = watch(&b);
	assert_int_equal(sqlite_pages_check(w, &e), -ERR_CORRUPT);
	char expected[80];
	snprintf(expected, sizeof expected, "the file has %zu pages instead of %zu", b.len / 512, b.len / 512 + 1);
	assert_string_equal(e.text, expected);
	sqlite_pages_free(w);
}

static void a_table_that_was_not_asked_for_leaves_pages_unused(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	make("CREATE TABLE t(a); CREATE TABLE u(a)", &b);
	struct sqlite_pages *w = watch(&b);
	assert_int_equal(sqlite_pages_check(w, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "page 2 is used by nothing (one of 2)");
	sqlite_pages_free(w);
}

static void overflow_next(struct buf *b)
{
	/* The chain's second page: page 3 is the first. */
	b->p[2 * 512 + 3] = 3;
}

static void a_looping_overflow_chain_is_found(void **state)
{
	assert_finding("PRAGMA page_size=512; CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000))", overflow_next,
		"the b-tree at page 2: overflow page 2 of 5: page 3 is used twice");
}

static void a_page_seen_again_replaces_what_was_known(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	uint64_t rows;
	make(TWO_LEVELS, &b);
	struct sqlite_pages *w = watch(&b);
	unsigned char broken[512] = {0};
	sqlite_pages_see(w, 3, broken);
	assert_int_equal(sqlite_pages_rows(w, 2, false, &rows, &e), -ERR_CORRUPT);
	assert_int_equal(rows, 0);
	sqlite_pages_see(w, 3, b.p + 2 * 512);
	assert_int_equal(sqlite_pages_rows(w, 2, false, &rows, &e), 0);
	assert_int_equal(rows, 100);
	assert_int_equal(sqlite_pages_check(w, &e), 0);
	sqlite_pages_free(w);
}

static void the_order_of_pages_does_not_matter(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	uint64_t rows;
	make(TWO_LEVELS, &b);
	struct sqlite_pages *w = sqlite_pages_new(512, 0);
	for (size_t i = b.len / 512; i-- > 0;)
		sqlite_pages_see(w, (uint32_t)i + 1, b.p + i * 512);
	assert_int_equal(sqlite_pages_rows(w, 2, false, &rows, &e), 0);
	assert_int_equal(rows, 100);
	assert_int_equal(sqlite_pages_check(w, &e), 0);
	sqlite_pages_free(w);
}

/* Each byte turned over: never a crash, never another kind of error. */
static void no_flipped_byte_harms(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	make("PRAGMA page_size=512; PRAGMA auto_vacuum=FULL; CREATE TABLE t(a); CREATE INDEX i ON t(a);" NUMBERS(40)
		"INSERT INTO t SELECT hex(zeroblob(30)) FROM n; INSERT INTO t VALUES(zeroblob(2000));", &b);
	for (size_t i = 0; i < b.len; i++) {
		uint64_t rows;
		b.p[i] ^= 0xff;
		struct sqlite_pages *w = sqlite_pages_new(512, 0);
		for (size_t j = 0; j < b.len / 512; j++)
			sqlite_pages_see(w, (uint32_t)j + 1, b.p + j * 512);
		for (uint32_t root = 1; root < 6; root++)
			if (sqlite_pages_rows(w, root, root & 1, &rows, &e) < 0)
				assert_int_equal(e.kind, ERR_CORRUPT);
		if (sqlite_pages_check(w, &e) < 0)
			assert_int_equal(e.kind, ERR_CORRUPT);
		sqlite_pages_free(w);
		b.p[i] ^= 0xff;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_is_named_by_page),
		cmocka_unit_test(a_page_missing_at_the_end_is_found),
		cmocka_unit_test(a_table_that_was_not_asked_for_leaves_pages_unused),
		cmocka_unit_test(a_looping_overflow_chain_is_found),
		cmocka_unit_test(no_flipped_byte_harms),
		cmocka_unit_test(every_page_size_is_understood),
		cmocka_unit_test(rows_without_rowid_are_counted_in_inner_pages_too),
		cmocka_unit_test(overflow_chains_are_followed),
		cmocka_unit_test(free_pages_are_reached_through_the_free_list),
		cmocka_unit_test(pointer_maps_of_autovacuum_are_known),
		cmocka_unit_test(an_empty_schema_is_sound),
		cmocka_unit_test(full_text_and_shadow_tables_are_accounted_for),
		cmocka_unit_test(a_tables_bytes_are_its_pages),
		cmocka_unit_test(a_page_seen_again_replaces_what_was_known),
		cmocka_unit_test(the_order_of_pages_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

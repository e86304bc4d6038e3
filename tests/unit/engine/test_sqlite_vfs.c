/* Databases read from any source and written into a file_sink. */
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

static void run(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static int64_t number(sqlite3 *db, const char *sql)
{
	struct error e = {0};
	int64_t n = 0;
	if (sqlite_number(db, &n, &e, "%s", sql))
		fail_msg("%s", e.text);
	return n;
}

static void make(const char *sql, struct buf *out)
{
	struct error e = {0};
	char *dir = test_dir(), *path = test_path(dir, "x.db");
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	run(db, sql);
	sqlite3_close(db);
	assert_int_equal(fs_read_file(path, (size_t)1 << 30, out, &e), 0);
	free(path);
	test_dir_remove(dir);
}

#define NUMBERS(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ") "
#define TABLE "CREATE TABLE t(a INTEGER PRIMARY KEY, b); " NUMBERS(2000) "INSERT INTO t SELECT i, 'row ' || i FROM n"

/* A source that cannot be read from some place on, and counts how often it is closed. */
struct broken {
	struct source source;
	const struct buf *bytes;
	uint64_t from;
	int *closed;
};

static ssize_t broken_pread(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	const struct broken *b = (const struct broken *)s;
	if (at >= b->from)
		return error_set(e, ERR_CORRUPT, "blob 12ab34cd is damaged");
	memcpy(p, b->bytes->p + at, n);
	return (ssize_t)n;
}

static void broken_close(struct source *s)
{
	++*((struct broken *)s)->closed;
	free(s);
}

static struct source *broken_new(const struct buf *bytes, uint64_t from, int *closed)
{
	struct broken *b = mem_zero(sizeof *b);
	b->source = (struct source){.pread = broken_pread, .close = broken_close, .size = bytes->len};
	b->bytes = bytes;
	b->from = from;
	b->closed = closed;
	return &b->source;
}

static void the_words_of_a_source_that_fails_come_before_sqlites(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	sqlite3 *db;
	int closed = 0;
	int64_t n;
	make(TABLE, &b);
	assert_int_equal(sqlite_open_source(broken_new(&b, 8192, &closed), &db, &e), 0);
	assert_int_equal(sqlite_number(db, &n, &e, "SELECT sum(a) FROM t"), -ERR_CORRUPT);
	assert_string_equal(e.text, "reading the database: blob 12ab34cd is damaged");
	sqlite3_close(db);
	assert_int_equal(closed, 1);
}

static void a_source_that_is_no_database_is_refused_and_closed(void **state)
{
	struct error e = {0};
	struct buf b = BUF_INIT;
	sqlite3 *db;
	int closed = 0;
	for (int i = 0; i < 400; i++)
		buf_add_str(&b, "not a database");
	assert_int_equal(sqlite_open_source(broken_new(&b, b.len, &closed), &db, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "opening the stored database: file is not a database");
	assert_int_equal(closed, 1);
	assert_int_equal(sqlite_open_source(broken_new(&b, 0, &closed), &db, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "opening the stored database: blob 12ab34cd is damaged");
	assert_int_equal(closed, 2);
	buf_release(&b);
}

static void a_stored_database_cannot_be_written(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	sqlite3 *db;
	make(TABLE, &b);
	assert_int_equal(sqlite_open_source(source_from_memory(b.p, b.len), &db, &e), 0);
	assert_int_equal(sqlite_exec(db, &e, "DELETE FROM t"), -ERR_ACCESS);
	assert_string_equal(e.text, "DELETE: attempt to write a readonly database");
	sqlite3_close(db);
}

static void everything_in_a_stored_database_can_be_read(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	sqlite3 *db;
	make(TABLE, &b);
	assert_int_equal(sqlite_open_source(source_from_memory(b.p, b.len), &db, &e), 0);
	assert_int_equal(number(db, "SELECT sum(a) FROM t"), 2001000);
	assert_int_equal(sqlite_integrity(db, &e), 0);
	sqlite3_close(db);
}

static void an_empty_source_is_an_empty_database(void **state)
{
	struct error e = {0};
	sqlite3 *db;
	assert_int_equal(sqlite_open_source(source_from_memory("", 0), &db, &e), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 0);
	sqlite3_close(db);
}

static void a_header_that_says_wal_needs_none(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	sqlite3 *db;
	make("PRAGMA journal_mode=WAL; " TABLE, &b);
	assert_int_equal(b.p[18], 2);
	assert_int_equal(sqlite_open_source(source_from_memory(b.p, b.len), &db, &e), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 2000);
	sqlite3_close(db);
}

static void large_sorts_spill_to_the_systems_files(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	sqlite3 *db;
	make(TABLE, &b);
	assert_int_equal(sqlite_open_source(source_from_memory(b.p, b.len), &db, &e), 0);
	run(db, "PRAGMA temp_store=FILE; PRAGMA cache_size=10; PRAGMA main.cache_size=10");
	assert_int_equal(number(db, "SELECT count(*) FROM (SELECT x.b || y.b AS k FROM t x, t y WHERE y.a < 10 "
		"ORDER BY k DESC LIMIT 100000)"), 18000);
	sqlite3_close(db);
}

static void two_stored_databases_are_open_at_once(void **state)
{
	CLEANUP(buf_release) struct buf a = BUF_INIT, b = BUF_INIT;
	struct error e = {0};
	sqlite3 *one, *two;
	make("CREATE TABLE t(x); INSERT INTO t VALUES(1)", &a);
	make("CREATE TABLE t(x); INSERT INTO t VALUES(2)", &b);
	assert_int_equal(sqlite_open_source(source_from_memory(a.p, a.len), &one, &e), 0);
	assert_int_equal(sqlite_open_source(source_from_memory(b.p, b.len), &two, &e), 0);
	assert_int_equal(number(one, "SELECT x FROM t"), 1);
	assert_int_equal(number(two, "SELECT x FROM t"), 2);
	sqlite3_close(one);
	sqlite3_close(two);
}

static void a_stored_database_is_attached_to_a_live_one(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	char *dir = test_dir(), *path = test_path(dir, "live.db");
	sqlite3 *db;
	int closed = 0;
	make(TABLE, &b);
	assert_int_equal(sqlite_open_live(path, LIVE_WRITE | LIVE_CREATE, NULL, &db, &e), 0);
	assert_int_equal(sqlite_attach_source(db, source_from_memory(b.p, b.len), "it's \"odd\"", &e), 0);
	run(db, "CREATE TABLE u AS SELECT * FROM \"it's \"\"odd\"\"\".t");
	assert_int_equal(number(db, "SELECT count(*) FROM u"), 2000);
	/* A name that is taken: refused before the file is opened, the source closed all the same. */
	assert_int_equal(sqlite_attach_source(db, broken_new(&b, b.len, &closed), "main", &e), -ERR_IO);
	assert_string_equal(e.text, "opening the stored database: ATTACH: database main is already in use");
	assert_int_equal(closed, 1);
	sqlite3_close(db);
	free(path);
	test_dir_remove(dir);
}

static void blocks_grow_with_the_database(void **state)
{
	assert_int_equal(sqlite_writer_block(0), 65536);
	assert_int_equal(sqlite_writer_block(64 << 20), 65536);
	assert_int_equal(sqlite_writer_block((64 << 20) + 1024), 131072);
	assert_int_equal(sqlite_writer_block(1242 << 20), 524288);
	assert_int_equal(sqlite_writer_block((uint64_t)1 << 50), 524288);
}

/* Through the backup API into a writer, and back. */
static int write_copy(const struct buf *b, struct test_tree *t, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *from = NULL, *to = NULL;
	CLEANUP(node_release) struct node node = {0};
	uint32_t page = sqlite_header_page_size(b->p);
	struct sqlite_pages *pages = sqlite_pages_new(page, b->p[20]);
	struct file_sink *file;
	uint64_t size = 0;
	node_synthetic(&node, "copy", NODE_FILE, (struct timespec){0});
	assert_int_equal(t->sink.file(&t->sink, false, &file, e), 0);
	struct sqlite_writer *w = sqlite_writer_new(file, pages, sqlite_writer_block(b->len), page);
	assert_int_equal(sqlite_open_source(source_from_memory(b->p, b->len), &from, e), 0);
	assert_int_equal(sqlite_writer_open(w, &to, e), 0);
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int rc = sqlite3_backup_step(backup, -1);
	int err = rc == SQLITE_DONE ? 0 : sqlite_error(to, rc, e, "copying");
	sqlite3_backup_finish(backup);
	sqlite_close_handle(&to);
	if (!err)
		err = sqlite_writer_finish(w, &size, e);
	if (!err)
		assert_int_equal(size, b->len);
	sqlite_writer_free(w);
	sqlite_pages_free(pages);
	if (err)
		file->abort(file);
	return err ? err : file->close(file, &node, NULL, e);
}

static void what_is_written_is_the_database_page_for_page(void **state)
{
	for (uint32_t size = 512; size <= 65536; size *= 2) {
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		struct error e = {0};
		struct test_tree *t = test_tree_new(NULL);
		char sql[512];
		snprintf(sql, sizeof sql, "PRAGMA page_size=%u; CREATE TABLE t(a, b); " NUMBERS(3000)
			"INSERT INTO t SELECT i, hex(randomblob(100)) FROM n", size);
		make(sql, &b);
		assert_int_equal(write_copy(&b, t, &e), 0);
		const struct test_entry *x = test_tree_find(t, "copy");
		assert_int_equal(x->size, b.len);
		/* Page 1 has counters of its own; all others are equal. */
		assert_memory_equal(x->bytes + size, b.p + size, b.len - size);
		assert_int_equal(t->puts, (b.len + 65535) / 65536);
		test_tree_free(t);
	}
}

static void a_sink_that_fails_ends_the_copy_with_its_words(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	make("CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(2000000))", &b);
	struct test_tree *t = test_tree_new(NULL);
	t->fail_after = 1000000;
	assert_int_equal(write_copy(&b, t, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "copying: the store is full");
	assert_int_equal(t->files_aborted, 1);
	test_tree_free(t);
}

/* The pager's file as the writer sees it, driven by hand. */
static void a_page_wanted_again_after_it_went_out_spoils_the_copy(void **state)
{
	struct error e = {0};
	struct test_tree *t = test_tree_new(NULL);
	struct sqlite_pages *pages = sqlite_pages_new(65536, 0);
	struct file_sink *file;
	sqlite3_file *f = NULL;
	sqlite3 *db = NULL;
	unsigned char *page = mem_zero(65536);
	uint64_t size;
	assert_int_equal(t->sink.file(&t->sink, false, &file, &e), 0);
	struct sqlite_writer *w = sqlite_writer_new(file, pages, 65536, 65536);
	assert_int_equal(sqlite_writer_open(w, &db, &e), 0);
	assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f), SQLITE_OK);
	assert_int_equal(f->pMethods->xWrite(f, page, 65536, 65536), SQLITE_OK);
	assert_false(sqlite_writer_spoiled(w));
	assert_int_equal(sqlite_writer_finish(w, &size, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "SQLite did not write all pages of the copy");
	assert_int_equal(f->pMethods->xRead(f, page, 65536, 65536), SQLITE_IOERR_READ);
	assert_true(sqlite_writer_spoiled(w));
	assert_int_equal(f->pMethods->xWrite(f, page, 65536, 65536), SQLITE_IOERR_WRITE);
	sqlite3_close(db);
	file->abort(file);
	sqlite_writer_free(w);
	sqlite_pages_free(pages);
	free(page);
	test_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_words_of_a_source_that_fails_come_before_sqlites),
		cmocka_unit_test(a_source_that_is_no_database_is_refused_and_closed),
		cmocka_unit_test(a_stored_database_cannot_be_written),
		cmocka_unit_test(a_sink_that_fails_ends_the_copy_with_its_words),
		cmocka_unit_test(a_page_wanted_again_after_it_went_out_spoils_the_copy),
		cmocka_unit_test(everything_in_a_stored_database_can_be_read),
		cmocka_unit_test(an_empty_source_is_an_empty_database),
		cmocka_unit_test(a_header_that_says_wal_needs_none),
		cmocka_unit_test(large_sorts_spill_to_the_systems_files),
		cmocka_unit_test(two_stored_databases_are_open_at_once),
		cmocka_unit_test(a_stored_database_is_attached_to_a_live_one),
		cmocka_unit_test(blocks_grow_with_the_database),
		cmocka_unit_test(what_is_written_is_the_database_page_for_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

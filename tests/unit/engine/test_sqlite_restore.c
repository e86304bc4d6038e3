/* Restoring into new places and over live databases, whole or by table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/sqlite_support.h"

#include "base/fs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

struct place {
	char *dir, *source, *target;
	struct lite_backup b;
	struct restore_result result;
	struct error e;
	struct strlist tables;
	enum restore_mode mode;
	int swaps;                /* how often before_swap() was called */
	bool refuse_swap;
};

static int begin(void **state)
{
	struct place *p = mem_zero(sizeof *p);
	p->dir = test_dir();
	p->source = test_path(p->dir, "source.db");
	p->target = test_path(p->dir, "app.db");
	sqlite_patience_ms = 30000;
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	lite_backup_release(&p->b);
	restore_result_release(&p->result);
	strlist_release(&p->tables);
	test_dir_remove(p->dir);
	free(p->source);
	free(p->target);
	free(p);
	return 0;
}

static void back_up(struct place *p, const char *sql)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", p->source), *shm = mem_printf("%s-shm", p->source);
	lite_make(p->source, sql);
	lite_backup_release(&p->b);
	lite_backup_ok(&p->b, p->source);
	/* What reading a database in WAL mode leaves beside it. */
	unlink(wal);
	unlink(shm);
}

static int write_as_another(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, "CREATE TABLE of_another(x)", NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static int count_swap(void *ctx, struct error *e)
{
	struct place *p = ctx;
	p->swaps++;
	/* What was written after the safety backup would be in neither. */
	assert_int_equal(write_as_another(p->target), SQLITE_BUSY);
	return p->refuse_swap ? error_set(e, ERR_NO_SPACE, "no room for the safety backup") : 0;
}

static int restore_to(struct place *p, const char *target)
{
	struct source_url url = {.engine = &engine_sqlite, .path = (char *)target};
	struct stored s = test_stored(p->b.tree, &p->b.m);
	struct engine_restore r = {.from = &s, .target = &url, .mode = p->mode, .tables = &p->tables,
		.before_swap = count_swap, .ctx = p};
	restore_result_release(&p->result);
	p->e = (struct error){0};
	return sqlite_restore(&r, &p->result, &p->e);
}

static void restore_ok(struct place *p)
{
	if (restore_to(p, p->target))
		fail_msg("%s", p->e.text);
}

static void assert_text(struct place *p, const char *sql, const char *expected)
{
	assert_string_equal(lite_text_at(p->target, sql), expected);
}

/* Nothing but these files is there. */
static void assert_files(struct place *p, const char *expected)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list(p->dir, &names, &e), 0);
	AUTO_FREE char *all = strlist_join(&names, " ");
	assert_string_equal(all, expected);
}

/* The bytes of the target, to see that nothing changed. */
static void read_target(struct place *p, struct buf *out)
{
	struct error e = {0};
	buf_clear(out);
	assert_int_equal(fs_read_file(p->target, 1 << 24, out, &e), 0);
}

static void R10_a_target_that_is_no_database_is_refused_before_anything(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_release) struct buf after = BUF_INIT;
	char *notes = test_path(p->dir, "notes.txt");
	back_up(p, "CREATE TABLE t(a)");
	test_file_write(notes, "my notes, nothing else", 22);
	assert_int_equal(restore_to(p, notes), -ERR_MISMATCH);
	assert_string_equal(p->e.text, "notes.txt is not an SQLite database; nothing was changed");
	assert_int_equal(fs_read_file(notes, 100, &after, &p->e), 0);
	assert_string_equal(buf_text(&after), "my notes, nothing else");
	assert_int_equal(restore_to(p, p->dir), -ERR_MISMATCH);
	assert_int_equal(p->swaps, 0);
	assert_files(p, "notes.txt source.db");
	free(notes);
}

static void R10_a_backup_that_is_no_database_is_refused_before_anything(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a)");
	lite_make(p->target, "CREATE TABLE live(a)");
	test_tree_put(p->b.tree, "app.db", "PGDMP...", 8);
	assert_int_equal(restore_to(p, p->target), -ERR_CORRUPT);
	assert_string_equal(p->e.text, "the stored file is not an SQLite database");
	free(p->b.m.artifacts[0].format);
	p->b.m.artifacts[0].format = mem_string("stream");
	assert_int_equal(restore_to(p, p->target), -ERR_MISMATCH);
	assert_string_equal(p->e.text, "app.db in the backup is not an SQLite database");
	assert_int_equal(p->swaps, 0);
	assert_text(p, "SELECT count(*) FROM live", "0");
}

static void a_stored_copy_that_is_damaged_leaves_the_target_as_it_was(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_release) struct buf before = BUF_INIT, after = BUF_INIT;
	back_up(p, "CREATE TABLE t(a); " NUMBERS(3000) "INSERT INTO t SELECT 'row ' || i FROM n");
	lite_make(p->target, "CREATE TABLE live(a); INSERT INTO live VALUES('here')");
	read_target(p, &before);
	struct test_entry *x = test_tree_find(p->b.tree, "app.db");
	x->bytes[3 * 4096] ^= 0xff;
	assert_int_equal(restore_to(p, p->target), -ERR_CORRUPT);
	assert_non_null(strstr(p->e.text, "the backup of app.db is not sound; nothing was changed: integrity_check: "));
	x->bytes[3 * 4096] ^= 0xff;
	x->size -= 100;
	assert_int_equal(restore_to(p, p->target), -ERR_CORRUPT);
	assert_string_equal(p->e.text, "the stored database is cut short");
	x->size += 100;
	p->b.m.tables[0].rows++;
	assert_int_equal(restore_to(p, p->target), -ERR_VERIFY);
	assert_string_equal(p->e.text, "the backup of app.db is not sound; nothing was changed: "
		"table \"t\" has 3,000 rows instead of 3,001");
	read_target(p, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.p, after.p, before.len);
	assert_int_equal(p->swaps, 0);
	assert_files(p, "app.db source.db");
}

static void nobody_else_writes_from_the_safety_backup_to_the_end_of_the_restore(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a)");
	for (int i = 0; i < 4; i++) {
		p->mode = i & 1 ? RESTORE_PRESERVE : RESTORE_OVERWRITE;
		unlink(p->target);
		lite_make(p->target, i & 2 ? "PRAGMA journal_mode=WAL; CREATE TABLE live(a)" : "CREATE TABLE live(a)");
		restore_ok(p);
		/* count_swap() tried. */
		assert_int_equal(p->swaps, i + 1);
		assert_text(p, "SELECT count(*) FROM sqlite_schema WHERE name = 'of_another'", "0");
		assert_int_equal(write_as_another(p->target), SQLITE_OK);
	}
}

static void a_refused_safety_backup_stops_the_restore(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a)");
	lite_make(p->target, "CREATE TABLE live(a)");
	p->refuse_swap = true;
	assert_int_equal(restore_to(p, p->target), -ERR_NO_SPACE);
	assert_string_equal(p->e.text, "no room for the safety backup");
	assert_text(p, "SELECT count(*) FROM live", "0");
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_new_database_gets_the_mode_of_the_source_and_an_old_one_keeps_its_own(void **state)
{
	static const mode_t modes[][2] = {{0640, 0640}, {04644, 0644}, {0600, 0600}, {0444, 0444}};
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a)");
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(chmod(p->source, modes[i][0]), 0);
		lite_backup_release(&p->b);
		lite_backup_ok(&p->b, p->source);
		restore_ok(p);
		assert_int_equal(mode_of(p->target), modes[i][1]);
		assert_int_equal(chmod(p->target, 0604), 0);
		restore_ok(p);
		assert_int_equal(mode_of(p->target), 0604);
		assert_int_equal(unlink(p->target), 0);
	}
	strlist_add(&p->tables, "t");
	restore_ok(p);
	assert_int_equal(mode_of(p->target), 0444);
}

static void a_new_database_whose_source_has_no_known_mode_is_private(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a)");
	test_tree_find(p->b.tree, "app.db")->node.mode = 0;
	restore_ok(p);
	assert_int_equal(mode_of(p->target), 0600);
}

static void a_new_place_gets_the_whole_database(void **state)
{
	struct place *p = *state;
	back_up(p, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES('x'), ('y'); CREATE TABLE u(b)");
	restore_ok(p);
	assert_int_equal(p->swaps, 0);
	assert_false(p->result.replaced);
	assert_int_equal(p->result.tables, 2);
	assert_int_equal(p->result.rows, 2);
	assert_int_equal(p->result.bytes, 3 * 4096);
	assert_int_equal(p->result.notes.n, 0);
	assert_files(p, "app.db source.db");
	assert_text(p, "SELECT group_concat(a) FROM t", "x,y");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void an_empty_database_comes_back_empty(void **state)
{
	struct place *p = *state;
	test_file_write(p->source, "", 0);
	lite_backup_ok(&p->b, p->source);
	restore_ok(p);
	struct stat st;
	assert_int_equal(stat(p->target, &st), 0);
	assert_int_equal(st.st_size, 0);
	lite_make(p->target, "CREATE TABLE live(a)");
	restore_ok(p);
	assert_text(p, "SELECT count(*) FROM sqlite_schema", "0");
}

static void R11_a_wal_without_its_database_is_never_replayed_over_a_restored_one(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *wal = mem_printf("%s-wal", p->target);
	CLEANUP(buf_release) struct buf stale = BUF_INIT;
	back_up(p, "CREATE TABLE t(a); INSERT INTO t VALUES('restored')");
	/* A writer died, and somebody removed the database but not its WAL. */
	sqlite3 *db = lite_open(p->target);
	lite_run(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES('stale')");
	assert_int_equal(fs_read_file(wal, 1 << 24, &stale, &p->e), 0);
	sqlite3_close(db);
	unlink(p->target);
	test_file_write(wal, stale.p, stale.len);
	restore_ok(p);
	assert_int_equal(p->result.notes.n, 1);
	assert_string_equal(p->result.notes.v[0], "app.db-wal of an earlier database was set aside as "
		"app.db-wal.stale-1");
	assert_text(p, "SELECT a FROM t", "restored");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void R11_a_stale_wal_is_never_replayed_over_a_restored_database(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *wal = mem_printf("%s-wal", p->target);
	struct stat st;
	back_up(p, "CREATE TABLE t(a); " NUMBERS(500) "INSERT INTO t SELECT 'restored ' || i FROM n");
	sqlite3 *open = lite_open(p->target);
	lite_run(open, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a);"
		"INSERT INTO t VALUES('stale'); CREATE TABLE added(b)");
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	restore_ok(p);
	assert_int_equal(p->swaps, 1);
	assert_true(p->result.replaced);
	/* The program that has it open goes on with the restored rows, and so does who comes later. */
	assert_string_equal(lite_text(open, "SELECT count(*) || min(a) FROM t"), "500restored 1");
	assert_string_equal(lite_text(open, "SELECT count(*) FROM sqlite_schema"), "1");
	assert_string_equal(lite_text(open, "PRAGMA integrity_check"), "ok");
	lite_run(open, "INSERT INTO t VALUES('after')");
	sqlite3_close(open);
	assert_text(p, "SELECT count(*) FROM t", "501");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void R5_every_row_is_that_of_the_backup_and_nothing_else_stays(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(1, 'one'), (2, 'two');"
		"CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT * FROM t");
	lite_make(p->target, "PRAGMA user_version=7; CREATE TABLE t(id INTEGER PRIMARY KEY, a, extra);"
		"INSERT INTO t VALUES(1, 'changed', 0), (3, 'new', 0); CREATE TABLE later(x)");
	restore_ok(p);
	assert_text(p, "SELECT group_concat(id || a) FROM t", "1one,2two");
	assert_text(p, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY name)", "i,t,v");
	assert_text(p, "PRAGMA user_version", "0");
	assert_files(p, "app.db source.db");
}

static void a_target_in_use_is_waited_for_and_then_named(void **state)
{
	struct place *p = *state;
	char text[4200];
	back_up(p, "CREATE TABLE t(a)");
	lite_make(p->target, "CREATE TABLE live(a)");
	sqlite3 *other = lite_open(p->target);
	lite_run(other, "BEGIN IMMEDIATE");
	sqlite_patience_ms = 20;
	assert_int_equal(restore_to(p, p->target), -ERR_LOCKED);
	snprintf(text, sizeof text, "writing %s: database is locked", p->target);
	assert_string_equal(p->e.text, text);
	lite_run(other, "COMMIT");
	assert_text(p, "SELECT count(*) FROM live", "0");
	restore_ok(p);
	sqlite3_close(other);
}

static void another_page_size_is_no_obstacle(void **state)
{
	static const char *const modes[] = {"DELETE", "WAL"};
	struct place *p = *state;
	for (int size = 512; size <= 65536; size *= 8)
		for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
			char sql[400];
			snprintf(sql, sizeof sql, "PRAGMA page_size=%d; CREATE TABLE t(a); " NUMBERS(300)
				"INSERT INTO t SELECT hex(zeroblob(i)) FROM n", size);
			unlink(p->source);
			back_up(p, sql);
			unlink(p->target);
			snprintf(sql, sizeof sql, "PRAGMA page_size=4096; PRAGMA journal_mode=%s; "
				"CREATE TABLE live(a); INSERT INTO live VALUES(zeroblob(100000))", modes[i]);
			lite_make(p->target, sql);
			restore_ok(p);
			assert_text(p, "SELECT count(*) || ' ' || sum(length(a)) FROM t", "300 90300");
			assert_text(p, "PRAGMA integrity_check", "ok");
			snprintf(sql, sizeof sql, "%d", size);
			assert_text(p, "PRAGMA page_size", sql);
			assert_text(p, "PRAGMA journal_mode", i ? "wal" : "delete");
		}
}

static void another_page_size_needs_a_wal_database_for_itself(void **state)
{
	struct place *p = *state;
	char text[4200];
	back_up(p, "PRAGMA page_size=1024; CREATE TABLE t(a)");
	sqlite3 *open = lite_open(p->target);
	lite_run(open, "PRAGMA journal_mode=WAL; CREATE TABLE live(a)");
	assert_int_equal(restore_to(p, p->target), -ERR_LOCKED);
	snprintf(text, sizeof text, "changing the page size of %s: PRAGMA: database is locked", p->target);
	assert_string_equal(p->e.text, text);
	assert_string_equal(p->e.hint, "no other program may have it open meanwhile: stop them first");
	assert_string_equal(lite_text(open, "SELECT count(*) FROM live"), "0");
	sqlite3_close(open);
	restore_ok(p);
	assert_text(p, "SELECT count(*) FROM t", "0");
}

/* A VFS between SQLite and the system that ends the process at the n-th write, sync, truncation or removal. */
static struct {
	sqlite3_vfs vfs, *below;
	long left;
} killer;

struct killed_file {
	sqlite3_file base;
	sqlite3_io_methods methods;
	const sqlite3_io_methods *below;
	long long room[];         /* the system's file */
};

static void killer_step(void)
{
	if (--killer.left <= 0)
		raise(SIGKILL);
}

static sqlite3_file *below(sqlite3_file *f)
{
	return (sqlite3_file *)((struct killed_file *)f)->room;
}

static int k_close(sqlite3_file *f) { return below(f)->pMethods->xClose(below(f)); }
static int k_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { return below(f)->pMethods->xRead(below(f), p, n,
	at); }
static int k_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	killer_step();
	return below(f)->pMethods->xWrite(below(f), p, n, at);
}
static int k_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	killer_step();
	return below(f)->pMethods->xTruncate(below(f), n);
}
static int k_sync(sqlite3_file *f, int flags)
{
	killer_step();
	return SQLITE_OK;
}
static int k_size(sqlite3_file *f, sqlite3_int64 *n) { return below(f)->pMethods->xFileSize(below(f), n); }
static int k_lock(sqlite3_file *f, int l) { return below(f)->pMethods->xLock(below(f), l); }
static int k_unlock(sqlite3_file *f, int l) { return below(f)->pMethods->xUnlock(below(f), l); }
static int k_reserved(sqlite3_file *f, int *r) { return below(f)->pMethods->xCheckReservedLock(below(f), r); }
static int k_control(sqlite3_file *f, int op, void *a) { return below(f)->pMethods->xFileControl(below(f), op, a); }
static int k_sector(sqlite3_file *f) { return below(f)->pMethods->xSectorSize(below(f)); }
static int k_traits(sqlite3_file *f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); }
static int k_map(sqlite3_file *f, int i, int n, int x, void volatile **p) { return below(f)->pMethods->xShmMap(below(f),
	i, n, x, p); }
static int k_shm_lock(sqlite3_file *f, int o, int n, int flags) { return below(f)->pMethods->xShmLock(below(f), o, n,
	flags); }
static void k_barrier(sqlite3_file *f) { below(f)->pMethods->xShmBarrier(below(f)); }
static int k_unmap(sqlite3_file *f, int d) { return below(f)->pMethods->xShmUnmap(below(f), d); }

static int killer_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
	static const sqlite3_io_methods methods = {2, k_close, k_read, k_write, k_truncate, k_sync, k_size, k_lock,
		k_unlock,
		k_reserved, k_control, k_sector, k_traits, k_map, k_shm_lock, k_barrier, k_unmap, NULL, NULL};
	int rc = killer.below->xOpen(killer.below, name, below(file), flags, out);
	file->pMethods = rc == SQLITE_OK ? &methods : NULL;
	return rc;
}

static int killer_delete(sqlite3_vfs *v, const char *name, int sync)
{
	killer_step();
	return killer.below->xDelete(killer.below, name, 0);
}

/* In a child: restore with the killer below it. */
static void restore_until_killed(struct place *p, long steps)
{
	killer.below = sqlite3_vfs_find(NULL);
	killer.vfs = *killer.below;
	killer.vfs.zName = "killer";
	killer.vfs.xOpen = killer_open;
	killer.vfs.xDelete = killer_delete;
	killer.vfs.szOsFile = (int)sizeof(struct killed_file) + killer.below->szOsFile;
	killer.left = steps;
	sqlite3_vfs_register(&killer.vfs, 1);
	_exit(restore_to(p, p->target) ? 1 : 0);
}

/* Kill the restore at each of its steps: the live database is wholly the old one or wholly the new one. */
static void kill_everywhere(struct place *p, const char *live_sql, long stride)
{
	bool finished = false;
	int olds = 0, news = 0;
	for (long steps = 1; !finished; steps += stride) {
		const char *files[] = {"", "-wal", "-shm", "-journal"};
		for (size_t i = 0; i < ARRAY_LEN(files); i++) {
			AUTO_FREE char *path = mem_printf("%s%s", p->target, files[i]);
			unlink(path);
		}
		lite_make(p->target, live_sql);
		pid_t child = fork();
		if (child == 0)
			restore_until_killed(p, steps);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		finished = WIFEXITED(status);
		assert_true(finished ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
		sqlite3 *db = lite_open(p->target);
		assert_string_equal(lite_text(db, "PRAGMA integrity_check"), "ok");
		bool old = atoi(lite_text(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'live'")) == 1;
		if (old)
			assert_string_equal(lite_text(db, "SELECT count(*) || sum(length(a)) FROM live"), "200040000");
		else
			assert_string_equal(lite_text(db, "SELECT count(*) || sum(length(a)) FROM t"), "300090000");
		olds += old;
		news += !old;
		sqlite3_close(db);
	}
	assert_true(olds > 5);
	assert_true(news > 0);
}

#define NEW "CREATE TABLE t(a); " NUMBERS(3000) "INSERT INTO t SELECT zeroblob(30) FROM n"
#define OLD "PRAGMA synchronous=OFF; CREATE TABLE live(a); " NUMBERS(2000) "INSERT INTO live SELECT zeroblob(20) FROM n"

static void a_kill_at_any_moment_leaves_the_old_or_the_new_database(void **state)
{
	struct place *p = *state;
	back_up(p, NEW);
	kill_everywhere(p, OLD, 5);
}

static void a_kill_at_any_moment_is_harmless_in_wal_mode(void **state)
{
	struct place *p = *state;
	back_up(p, NEW);
	kill_everywhere(p, "PRAGMA journal_mode=WAL; " OLD, 9);
}

static void a_kill_at_any_moment_is_harmless_with_another_page_size(void **state)
{
	struct place *p = *state;
	back_up(p, "PRAGMA page_size=1024; " NEW);
	kill_everywhere(p, OLD, 11);
	kill_everywhere(p, "PRAGMA journal_mode=WAL; " OLD, 13);
}

#define SHOP "CREATE TABLE customer(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);" \
	"CREATE TABLE orders(id INTEGER PRIMARY KEY, customer REFERENCES customer(id), what TEXT);" \
	"CREATE INDEX by_what ON orders(what); CREATE TABLE log(text);" \
	"CREATE TRIGGER logged AFTER INSERT ON orders BEGIN INSERT INTO log VALUES(new.what); END;" \
	"INSERT INTO customer VALUES(1, 'ann'), (2, 'bob'); INSERT INTO orders VALUES(10, 1, 'tea'), (11, 2, 'cake');" \
	"DELETE FROM log; UPDATE sqlite_sequence SET seq = 50"

static void a_table_that_is_not_in_the_backup_stops_it_before_anything(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP);
	strlist_add(&p->tables, "orders");
	strlist_add(&p->tables, "order");
	assert_int_equal(restore_to(p, p->target), -ERR_NOT_FOUND);
	assert_string_equal(p->e.text, "there is no table \"order\" in the backup; its tables are: customer, log, "
		"orders");
	assert_files(p, "source.db");
}

static void chosen_tables_are_replaced_exactly_and_others_left_alone(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP);
	lite_make(p->target, SHOP "; UPDATE orders SET what = 'wrong'; INSERT INTO orders VALUES(12, 1, 'more');"
		"DELETE FROM log; ALTER TABLE orders ADD COLUMN note; DROP INDEX by_what; CREATE INDEX other ON "
		"orders(id, note);"
		"CREATE TRIGGER later AFTER DELETE ON orders BEGIN INSERT INTO log VALUES('gone'); END;"
		"UPDATE customer SET name = 'eve' WHERE id = 2; INSERT INTO log VALUES('kept')");
	strlist_add(&p->tables, "ORDERS");
	restore_ok(p);
	assert_int_equal(p->swaps, 1);
	assert_int_equal(p->result.tables, 1);
	assert_int_equal(p->result.rows, 2);
	assert_text(p, "SELECT group_concat(id || customer || what) FROM orders", "101tea,112cake");
	assert_text(p, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE tbl_name = 'orders' "
		"ORDER BY name)",
		"by_what,logged,orders");
	assert_text(p, "SELECT group_concat(text) FROM log", "kept");
	assert_text(p, "SELECT name FROM customer WHERE id = 2", "eve");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void a_sequence_comes_back_with_its_table(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP);
	lite_make(p->target, SHOP "; UPDATE sqlite_sequence SET seq = 90");
	strlist_add(&p->tables, "customer");
	restore_ok(p);
	assert_text(p, "SELECT group_concat(name || seq) FROM sqlite_sequence", "customer50");
}

static void foreign_keys_that_would_break_stop_it_all(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP);
	lite_make(p->target, SHOP "; INSERT INTO customer VALUES(3, 'new'); INSERT INTO orders VALUES(13, 3, 'pie')");
	strlist_add(&p->tables, "customer");
	assert_int_equal(restore_to(p, p->target), -ERR_VERIFY);
	assert_string_equal(p->e.text, "table \"orders\" would have 1 rows that refer to rows missing from "
		"\"customer\"");
	assert_string_equal(p->e.hint, "restore both tables, or the whole database");
	assert_text(p, "SELECT count(*) FROM customer", "3");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void a_name_taken_by_something_else_stops_it_all(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP);
	lite_make(p->target, "CREATE TABLE x(a); CREATE INDEX by_what ON x(a); CREATE VIEW log AS SELECT 1");
	strlist_add(&p->tables, "orders");
	assert_int_equal(restore_to(p, p->target), -ERR_IO);
	assert_string_equal(p->e.text, "table \"orders\": CREATE: index by_what already exists");
	strlist_release(&p->tables);
	strlist_add(&p->tables, "log");
	assert_int_equal(restore_to(p, p->target), -ERR_MISMATCH);
	assert_string_equal(p->e.text, "table \"log\": it is a view in the live database");
	assert_text(p, "SELECT count(*) FROM sqlite_schema", "3");
}

static void chosen_tables_make_a_new_database_where_there_is_none(void **state)
{
	struct place *p = *state;
	back_up(p, "PRAGMA page_size=1024; PRAGMA encoding='UTF-16le'; CREATE TABLE t(a); INSERT INTO t "
		"VALUES('\xc3\xa4');"
		"CREATE TABLE u(b)");
	strlist_add(&p->tables, "t");
	restore_ok(p);
	assert_int_equal(p->swaps, 0);
	assert_text(p, "SELECT group_concat(name) FROM sqlite_schema", "t");
	assert_text(p, "SELECT a FROM t", "\xc3\xa4");
	assert_text(p, "PRAGMA encoding", "UTF-16le");
	assert_text(p, "PRAGMA page_size", "1024");
	assert_files(p, "app.db source.db");
}

static void row_ids_and_generated_columns_survive(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE TABLE t(a, double AS (a * 2) STORED, rowid TEXT); INSERT INTO t(_rowid_, a, rowid) "
		"VALUES(77, 5, 'x');"
		"CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('k', zeroblob(10))");
	lite_make(p->target, "CREATE TABLE t(x)");
	strlist_add(&p->tables, "t");
	strlist_add(&p->tables, "w");
	restore_ok(p);
	assert_text(p, "SELECT _rowid_ || ' ' || a || ' ' || double || ' ' || rowid FROM t", "77 5 10 x");
	assert_text(p, "SELECT length(v) FROM w", "10");
}

static void a_full_text_table_comes_back_with_its_index(void **state)
{
	struct place *p = *state;
	back_up(p, "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('the quick fox'), ('a lazy dog');"
		"CREATE VIRTUAL TABLE f_x USING fts5(body); INSERT INTO f_x VALUES('other');"
		"CREATE VIRTUAL TABLE bare USING fts5(body, content=''); INSERT INTO bare(rowid, body) VALUES(3, "
		"'unseen words')");
	lite_make(p->target, "CREATE VIRTUAL TABLE f USING fts5(other, columns); INSERT INTO f VALUES('x', 'y')");
	strlist_add(&p->tables, "f");
	strlist_add(&p->tables, "bare");
	restore_ok(p);
	assert_text(p, "SELECT rowid FROM f WHERE f MATCH 'lazy'", "2");
	assert_text(p, "SELECT rowid FROM bare WHERE bare MATCH 'unseen'", "3");
	assert_text(p, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'f_x%'", "0");
	lite_make(p->target, "INSERT INTO f(f) VALUES('integrity-check')");
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void preserve_fills_in_what_is_missing_and_keeps_the_rest(void **state)
{
	struct place *p = *state;
	back_up(p, SHOP "; CREATE VIEW names AS SELECT name FROM customer; CREATE TABLE extra(a); "
		"INSERT INTO extra VALUES(1); CREATE TABLE pair(a, b, v, PRIMARY KEY(a, b));"
		"INSERT INTO pair VALUES(1, NULL, 'null'), (1, 2, 'old')");
	lite_make(p->target, SHOP "; DELETE FROM orders WHERE id = 10; UPDATE orders SET what = 'kept' WHERE id = 11;"
		"INSERT INTO orders VALUES(12, 1, 'kept too'); INSERT INTO log VALUES('x');"
		"CREATE TABLE pair(a, b, v, more DEFAULT 9, PRIMARY KEY(a, b)); INSERT INTO pair VALUES(1, 2, 'new', "
		"1)");
	p->mode = RESTORE_PRESERVE;
	restore_ok(p);
	assert_text(p, "SELECT group_concat(id || what) FROM (SELECT * FROM orders ORDER BY id)",
		"10tea,11kept,12kept too");
	assert_text(p, "SELECT group_concat(v || more) FROM (SELECT * FROM pair ORDER BY b)", "null9,new1");
	assert_text(p, "SELECT count(*) FROM extra", "1");
	assert_text(p, "SELECT count(*) FROM names", "2");
	/* No trigger of the live database fired. */
	assert_text(p, "SELECT count(*) FROM log", "2");
	assert_int_equal(p->result.rows, 3);
	assert_text(p, "PRAGMA integrity_check", "ok");
}

static void R6_preserve_over_a_drifted_schema_is_all_or_nothing(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_release) struct buf before = BUF_INIT, after = BUF_INIT;
	back_up(p, "CREATE TABLE a(x); INSERT INTO a VALUES(1); CREATE TABLE b(id INTEGER PRIMARY KEY, u UNIQUE);"
		"INSERT INTO b VALUES(1, 'same')");
	lite_make(p->target, "CREATE TABLE b(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO b VALUES(2, 'same')");
	read_target(p, &before);
	p->mode = RESTORE_PRESERVE;
	assert_int_equal(restore_to(p, p->target), -ERR_IO);
	assert_string_equal(p->e.text, "table \"b\": INSERT: UNIQUE constraint failed: b.u");
	lite_make(p->target, "DROP TABLE b; CREATE TABLE b(id INTEGER PRIMARY KEY)");
	assert_int_equal(restore_to(p, p->target), -ERR_MISMATCH);
	assert_string_equal(p->e.text, "table \"b\": the live table has no column \"u\"");
	lite_make(p->target, "DROP TABLE b; CREATE TABLE b(id, u PRIMARY KEY)");
	assert_int_equal(restore_to(p, p->target), -ERR_MISMATCH);
	assert_string_equal(p->e.text, "table \"b\": the live table has another primary key");
	assert_text(p, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'", "b");
}

static void hostile_table_names_are_restored_like_others(void **state)
{
	static const char *const names[] = {"it's", "say \"hi\"", "two\nlines", "-leading", "\xf0\x9f\x90\x98", "%s%n"};
	struct place *p = *state;
	sqlite3 *db = lite_open(p->source);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *sql = sqlite3_mprintf("CREATE TABLE \"%w\"(\"%w\"); INSERT INTO \"%w\" VALUES(%d)", names[i],
			names[i],
			names[i], (int)i);
		lite_run(db, sql);
		sqlite3_free(sql);
		strlist_add(&p->tables, names[i]);
	}
	sqlite3_close(db);
	lite_backup_ok(&p->b, p->source);
	lite_make(p->target, "CREATE TABLE live(a)");
	restore_ok(p);
	assert_int_equal(p->result.rows, ARRAY_LEN(names));
	assert_text(p, "SELECT count(*) FROM sqlite_schema", "7");
	p->mode = RESTORE_PRESERVE;
	restore_ok(p);
	assert_int_equal(p->result.rows, 0);
}

static void the_structure_of_a_stored_database_is_evidence(void **state)
{
	struct place *p = *state;
	CLEANUP(strlist_release) struct strlist evidence = {0};
	back_up(p, SHOP);
	struct stored s = test_stored(p->b.tree, &p->b.m);
	assert_int_equal(engine_sqlite.check_structure(&s, NULL, &evidence, &p->e), 0);
	assert_int_equal(evidence.n, 1);
	assert_string_equal(evidence.v[0], "app.db: integrity_check ok; 3 tables and 4 rows as in the manifest");
	p->b.m.tables[0].rows = 3;
	assert_int_equal(engine_sqlite.check_structure(&s, NULL, &evidence, &p->e), -ERR_VERIFY);
	assert_string_equal(p->e.text, "app.db: table \"customer\" has 2 rows instead of 3");
	p->b.m.tables[0].rows = 2;
	test_tree_find(p->b.tree, "app.db")->bytes[4096 + 3] ^= 1;
	assert_int_equal(engine_sqlite.check_structure(&s, NULL, &evidence, &p->e), -ERR_VERIFY);
	assert_int_equal(evidence.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(R10_a_target_that_is_no_database_is_refused_before_anything),
		T(R10_a_backup_that_is_no_database_is_refused_before_anything),
		T(a_stored_copy_that_is_damaged_leaves_the_target_as_it_was),
		T(nobody_else_writes_from_the_safety_backup_to_the_end_of_the_restore),
		T(a_refused_safety_backup_stops_the_restore),
		T(a_table_that_is_not_in_the_backup_stops_it_before_anything),
		T(a_target_in_use_is_waited_for_and_then_named),
		T(another_page_size_needs_a_wal_database_for_itself),
		T(foreign_keys_that_would_break_stop_it_all),
		T(a_name_taken_by_something_else_stops_it_all),
		T(R6_preserve_over_a_drifted_schema_is_all_or_nothing),
		T(a_new_database_gets_the_mode_of_the_source_and_an_old_one_keeps_its_own),
		T(a_new_database_whose_source_has_no_known_mode_is_private),
		T(a_new_place_gets_the_whole_database),
		T(an_empty_database_comes_back_empty),
		T(R11_a_wal_without_its_database_is_never_replayed_over_a_restored_one),
		T(R11_a_stale_wal_is_never_replayed_over_a_restored_database),
		T(R5_every_row_is_that_of_the_backup_and_nothing_else_stays),
		T(another_page_size_is_no_obstacle),
		T(chosen_tables_are_replaced_exactly_and_others_left_alone),
		T(a_sequence_comes_back_with_its_table),
		T(chosen_tables_make_a_new_database_where_there_is_none),
		T(row_ids_and_generated_columns_survive),
		T(a_full_text_table_comes_back_with_its_index),
		T(preserve_fills_in_what_is_missing_and_keeps_the_rest),
		T(hostile_table_names_are_restored_like_others),
		T(the_structure_of_a_stored_database_is_evidence),
		T(a_kill_at_any_moment_leaves_the_old_or_the_new_database),
		T(a_kill_at_any_moment_is_harmless_in_wal_mode),
		T(a_kill_at_any_moment_is_harmless_with_another_page_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

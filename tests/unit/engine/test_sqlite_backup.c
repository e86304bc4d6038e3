/* Backing up live databases. Writers are other processes, as in life: connections of one process share their locks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/sqlite_support.h"

#include "base/fs.h"
#include "base/timefmt.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct place {
	char *dir, *db;
};

static int begin(void **state)
{
	struct place *p = mem_zero(sizeof *p);
	p->dir = test_dir();
	p->db = test_path(p->dir, "app.db");
	*state = p;
	sqlite_patience_ms = 30000;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	time_freeze(NULL);
	test_dir_remove(p->dir);
	free(p->db);
	free(p);
	return 0;
}

static const struct manifest_table *table(const struct lite_backup *b, const char *name)
{
	for (size_t i = 0; i < b->m.table_count; i++)
		if (strcmp(b->m.tables[i].name, name) == 0)
			return &b->m.tables[i];
	fail_msg("no table %s in the manifest", name);
	return NULL;
}

static uint64_t objects(const struct lite_backup *b, const char *type)
{
	for (size_t i = 0; i < b->m.object_count; i++)
		if (strcmp(b->m.objects[i].type, type) == 0)
			return b->m.objects[i].count;
	return 0;
}

/* The wall clock an hour on, so that what was just written has settled. */
static void later(void)
{
	time_freeze(NULL);
	struct timespec t = time_now();
	t.tv_sec += 3600;
	time_freeze(&t);
}

static void assert_backup_fails(const char *path, enum err_kind kind, const char *text)
{
	struct lite_backup b = {0};
	struct error e;
	assert_int_equal(lite_backup_run(&b, path, &e), -(int)kind);
	assert_string_equal(e.text, text);
	assert_int_equal(b.m.table_count, 0);
	lite_backup_release(&b);
}

static void what_is_no_database_is_refused(void **state)
{
	struct place *p = *state;
	char text[4200];
	test_file_write(p->db, "hello, I am a text", 18);
	snprintf(text, sizeof text, "backing up sqlite:%s: %s is not an SQLite database", p->db, p->db);
	assert_backup_fails(p->db, ERR_MISMATCH, text);
	snprintf(text, sizeof text, "backing up sqlite:%s: %s is not an SQLite database", p->dir, p->dir);
	assert_backup_fails(p->dir, ERR_MISMATCH, text);
	unlink(p->db);
	snprintf(text, sizeof text, "backing up sqlite:%s: looking at %s: No such file or directory", p->db, p->db);
	assert_backup_fails(p->db, ERR_NOT_FOUND, text);
}

static void a_lock_that_is_never_given_up_is_named(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		sqlite3 *db;
		bool ok = sqlite3_open(p->db, &db) == SQLITE_OK && sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL,
			NULL) == SQLITE_OK;
		if (write(ready[1], ok ? "y" : "n", 1) == 1)
			pause();
		_exit(0);
	}
	char ok = 0;
	assert_int_equal(read(ready[0], &ok, 1), 1);
	assert_int_equal(ok, 'y');
	sqlite_patience_ms = 50;
	struct lite_backup b = {0};
	struct error e;
	assert_int_equal(lite_backup_run(&b, p->db, &e), -ERR_LOCKED);
	char text[4200];
	snprintf(text, sizeof text, "backing up sqlite:%s: opening %s: database is locked", p->db, p->db);
	assert_string_equal(e.text, text);
	assert_string_equal(e.hint, "another program holds a lock on the database: stop it or try again later");
	lite_backup_release(&b);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

/* Turn bytes of the file over, from `at` on. */
static void damage(const char *path, off_t at, size_t n)
{
	unsigned char bytes[4096];
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, n, at), n);
	for (size_t i = 0; i < n; i++)
		bytes[i] ^= 0x5a;
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void B5_a_corrupt_source_never_becomes_a_good_backup(void **state)
{
	struct place *p = *state;
	struct error e;
	struct lite_backup b = {0}, none = {.options.check = CHECK_NONE};
	lite_make(p->db, "CREATE TABLE t(a); " NUMBERS(2000) "INSERT INTO t SELECT hex(randomblob(40)) FROM n; "
		"CREATE TABLE good(x); INSERT INTO good VALUES(1)");
	damage(p->db, 5 * 4096, 16);
	assert_int_equal(lite_backup_run(&b, p->db, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.text, "integrity_check: "));
	assert_string_equal(e.hint, "the database itself is damaged; without a check it is stored as it is: --check none");
	lite_backup_release(&b);
	/* Asked for, it is stored as it is, and what is known to be wrong is noted. */
	lite_backup_ok(&none, p->db);
	assert_null(none.m.structure);
	assert_false(table(&none, "t")->rows_known);
	assert_true(table(&none, "good")->rows_known);
	assert_true(none.m.note_count >= 1);
	assert_string_equal(none.m.notes[0].kind, "damaged");
	assert_string_equal(none.m.notes[0].path, "t");
	struct stat st;
	assert_int_equal(stat(p->db, &st), 0);
	assert_int_equal(test_tree_find(none.tree, "app.db")->size, st.st_size);
	lite_backup_release(&none);
}

static void a_store_that_fails_fails_the_backup(void **state)
{
	struct place *p = *state;
	struct error e;
	char text[4200];
	lite_make(p->db, "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000000))");
	struct lite_backup b = {0};
	b.url = (struct source_url){.engine = &engine_sqlite, .path = mem_string(p->db), .shown = mem_string("app")};
	b.tree = test_tree_new(NULL);
	b.tree->fail_after = 100000;
	struct engine_backup run = {.url = &b.url, .name = "app.db", .sink = &b.tree->sink, .options = &b.options};
	e = (struct error){0};
	assert_int_equal(engine_backup_source(&run, &b.m, &e), -ERR_NO_SPACE);
	snprintf(text, sizeof text, "backing up app: copying the database: the store is full");
	assert_string_equal(e.text, text);
	assert_int_equal(b.tree->files_begun, b.tree->files_aborted);
	lite_backup_release(&b);
}

static void a_cancelled_backup_stops(void **state)
{
	struct place *p = *state;
	struct error e;
	struct progress progress = {NULL};
	atomic_store(&progress.cancel, true);
	lite_make(p->db, "CREATE TABLE t(a)");
	struct lite_backup b = {.progress = &progress};
	assert_int_equal(lite_backup_run(&b, p->db, &e), -ERR_CANCELLED);
	assert_int_equal(b.tree->files_begun, b.tree->files_aborted);
	lite_backup_release(&b);
}

static void the_manifest_tells_what_is_in_it(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "CREATE TABLE \"my \"\"table\"\"\"(id INTEGER PRIMARY KEY, name TEXT NOT NULL, len AS "
		"(length(name)));"
		"CREATE TABLE w(a TEXT, b INT, c, PRIMARY KEY(b, a)) WITHOUT ROWID; CREATE INDEX i ON w(c);"
		"CREATE VIEW v AS SELECT 1; CREATE TRIGGER tr AFTER INSERT ON w BEGIN SELECT 1; END;"
		"CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT);"
		"INSERT INTO \"my \"\"table\"\"\"(name) VALUES('x'), ('y'); INSERT INTO w VALUES('a', 1, 2);"
		"CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('words'), ('more words')");
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_int_equal(b.m.table_count, 4);
	assert_string_equal(b.m.tables[0].name, "auto");
	assert_string_equal(b.m.tables[1].name, "f");
	const struct manifest_table *t = table(&b, "my \"table\"");
	assert_int_equal(t->rows, 2);
	assert_int_equal(t->column_count, 3);
	assert_string_equal(t->columns[0].type, "INTEGER");
	assert_int_equal(t->columns[0].key, 1);
	assert_int_equal(t->columns[1].key, 0);
	assert_string_equal(t->columns[2].name, "len");
	assert_int_equal(table(&b, "w")->columns[0].key, 2);
	assert_int_equal(table(&b, "w")->bytes, 2 * 4096);
	assert_true(table(&b, "f")->rows_known);
	assert_int_equal(table(&b, "f")->rows, 2);
	assert_int_equal(objects(&b, "view"), 1);
	assert_int_equal(objects(&b, "trigger"), 1);
	assert_int_equal(objects(&b, "index"), 1);
	assert_int_equal(objects(&b, "virtual table"), 1);
	assert_int_equal(objects(&b, "shadow table"), 5);
	assert_string_equal(b.m.structure, "integrity_check");
	assert_string_equal(b.m.engine, "sqlite");
	assert_int_equal(b.m.artifact_count, 1);
	assert_string_equal(b.m.artifacts[0].path, "app.db");
	assert_string_equal(b.m.artifacts[0].format, "sqlite3");
	assert_int_equal(b.m.artifacts[0].bytes, test_tree_find(b.tree, "app.db")->size);
	assert_int_equal(b.m.artifacts[0].block, 65536);
	assert_int_equal(b.m.bytes, b.m.artifacts[0].bytes);
	assert_int_equal(b.m.skipped, 0);
	assert_int_equal(b.m.note_count, 0);
	lite_backup_release(&b);
}

static void an_empty_file_is_a_legal_database(void **state)
{
	struct place *p = *state;
	test_file_write(p->db, "", 0);
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_int_equal(test_tree_find(b.tree, "app.db")->size, 0);
	assert_int_equal(b.m.table_count, 0);
	lite_backup_release(&b);
}

static void hostile_names_are_names_like_others(void **state)
{
	static const char *const names[] = {"it's", "say \"hi\"", "two\nlines", "-leading", "\xf0\x9f\x90\x98", "a.b",
		"%s%n", "[x]", "; DROP TABLE t; --", "select"};
	struct place *p = *state;
	sqlite3 *db = lite_open(p->db);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *sql = sqlite3_mprintf("CREATE TABLE \"%w\"(\"%w\" PRIMARY KEY); INSERT INTO \"%w\" VALUES(%d)",
			names[i],
			names[i], names[i], (int)i);
		lite_run(db, sql);
		sqlite3_free(sql);
	}
	sqlite3_close(db);
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_int_equal(b.m.table_count, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(table(&b, names[i])->rows, 1);
		assert_string_equal(table(&b, names[i])->columns[0].name, names[i]);
	}
	lite_backup_release(&b);
}

static void what_an_application_brings_itself_is_no_damage(void **state)
{
	struct place *p = *state;
	sqlite3 *db = lite_open(p->db);
	lite_run(db, "CREATE TABLE t(a TEXT); INSERT INTO t VALUES('x'); PRAGMA writable_schema=ON;"
		"INSERT INTO sqlite_schema VALUES('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING "
		"app_module(x)');"
		"UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a TEXT COLLATE app_order)' WHERE name = 't'");
	sqlite3_close(db);
	db = lite_open(p->db);
	lite_run(db, "PRAGMA writable_schema=ON; CREATE TABLE u(a, b)");
	sqlite3_close(db);
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_int_equal(table(&b, "t")->rows, 1);
	assert_false(table(&b, "odd")->rows_known);
	assert_int_equal(b.m.notes[b.m.note_count - 1].text != NULL, 1);
	assert_string_equal(b.m.notes[b.m.note_count - 1].text, "its columns are not known: reading the database: "
		"no such module: app_module");
	lite_backup_release(&b);
}

static void an_unchanged_database_is_known_again_without_reading(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	struct lite_backup fresh = {0};
	lite_backup_ok(&fresh, p->db);
	/* Written a moment ago: a change in the same tick would not show. */
	assert_null(fresh.m.fingerprint);
	later();
	struct lite_backup first = {.previous = &fresh}, second = {.previous = &first}, third = {.previous = &second};
	lite_backup_ok(&first, p->db);
	assert_false(first.m.unchanged);
	assert_non_null(first.m.fingerprint);
	lite_backup_ok(&second, p->db);
	assert_true(second.m.unchanged);
	assert_int_equal(second.tree->files_begun, 0);
	assert_true(test_tree_find(second.tree, "app.db")->reused);
	assert_int_equal(second.m.tables[0].rows, 1);
	assert_string_equal(second.m.fingerprint, first.m.fingerprint);
	assert_string_equal(lite_stored_text(&second, "SELECT a FROM t"), "1");
	lite_backup_ok(&third, p->db);
	assert_true(third.m.unchanged);
	lite_backup_release(&third);

	/* Asked to read everything, it does. */
	third = (struct lite_backup){.previous = &second, .options.force = true};
	lite_backup_ok(&third, p->db);
	assert_false(third.m.unchanged);
	lite_backup_release(&third);

	/* What is no longer in the repository is stored anew. */
	struct test_tree *kept = second.tree, *empty = test_tree_new(NULL);
	second.tree = empty;
	third = (struct lite_backup){.previous = &second};
	lite_backup_ok(&third, p->db);
	assert_false(third.m.unchanged);
	second.tree = kept;
	third.tree->previous = NULL;
	test_tree_free(empty);
	lite_backup_release(&third);
	lite_backup_release(&second);
	lite_backup_release(&first);
	lite_backup_release(&fresh);
}

static void a_closer_look_than_last_time_reads_again(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	later();
	struct lite_backup first = {.options.check = CHECK_NONE};
	struct lite_backup second = {.previous = &first, .options.check = CHECK_FULL};
	lite_backup_ok(&first, p->db);
	lite_backup_ok(&second, p->db);
	assert_false(second.m.unchanged);
	assert_string_equal(second.m.structure, "integrity_check");
	lite_backup_release(&second);
	lite_backup_release(&first);
}

/* Whether a second backup, an hour after both backups and the change between them, takes the source for unchanged. */
static bool unchanged_after(const char *path, void (*change)(const char *path))
{
	later();
	struct lite_backup first = {0}, second = {.previous = &first};
	lite_backup_ok(&first, path);
	assert_non_null(first.m.fingerprint);
	change(path);
	later();
	lite_backup_ok(&second, path);
	bool unchanged = second.m.unchanged;
	lite_backup_release(&second);
	lite_backup_release(&first);
	return unchanged;
}

static void insert_row(const char *path)
{
	lite_make(path, "INSERT INTO t VALUES(2)");
}

static void add_hot_journal(const char *path)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", path);
	test_file_write(journal, "not quite a journal", 19);
}

static void add_wiped_journal(const char *path)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", path);
	unsigned char zeros[64] = {0};
	test_file_write(journal, zeros, sizeof zeros);
}

static void replace_by_copy(const char *path)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_read_file(path, 1 << 20, &b, &e), 0);
	assert_int_equal(fs_write_atomic(path, b.p, b.len, 0600, &e), 0);
}

static void add_empty_wal(const char *path)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", path);
	test_file_write(wal, "", 0);
}

static void every_change_shows(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	assert_false(unchanged_after(p->db, insert_row));
	assert_false(unchanged_after(p->db, replace_by_copy));
	assert_true(unchanged_after(p->db, add_wiped_journal));
	assert_false(unchanged_after(p->db, add_hot_journal));
}

static void a_wal_is_part_of_what_is_known_again(void **state)
{
	struct place *p = *state;
	sqlite3 *keep = lite_open(p->db);
	lite_run(keep, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a); INSERT INTO t "
		"VALUES(1)");
	assert_false(unchanged_after(p->db, insert_row));
	sqlite3_close(keep);
	assert_true(unchanged_after(p->db, add_empty_wal));
}

static void nothing_is_left_beside_a_wal_database_that_nobody_uses(void **state)
{
	struct place *p = *state;
	lite_make(p->db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
	later();
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_string_equal(lite_stored_text(&b, "SELECT a FROM t"), "1");
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	assert_int_equal(fs_list(p->dir, &names, &e), 0);
	assert_int_equal(names.n, 1);
	lite_backup_release(&b);
}

static void what_is_only_in_the_wal_is_backed_up_and_never_checkpointed(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *wal = mem_printf("%s-wal", p->db);
	struct stat before, after, main_before, main_after;
	sqlite3 *keep = lite_open(p->db);
	lite_run(keep, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a); INSERT INTO t "
		"VALUES('in wal')");
	assert_int_equal(stat(wal, &before), 0);
	assert_int_equal(stat(p->db, &main_before), 0);
	struct lite_backup b = {0};
	lite_backup_ok(&b, p->db);
	assert_string_equal(b.m.consistency, "one read transaction");
	assert_string_equal(lite_stored_text(&b, "SELECT a FROM t"), "in wal");
	assert_int_equal(stat(wal, &after), 0);
	assert_int_equal(stat(p->db, &main_after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(main_before.st_size, main_after.st_size);
	sqlite3_close(keep);
	/* The stored file is complete without a WAL for anybody who restores it by other means. */
	const struct test_entry *x = test_tree_find(b.tree, "app.db");
	char *alone = test_path(p->dir, "alone.db");
	test_file_write(alone, x->bytes, x->size);
	assert_string_equal(lite_text_at(alone, "SELECT a FROM t"), "in wal");
	assert_string_equal(lite_text_at(alone, "PRAGMA integrity_check"), "ok");
	free(alone);
	lite_backup_release(&b);
}

static void copy_file(const char *from, const char *to)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	assert_int_equal(fs_read_file(from, 1 << 24, &b, &e), 0);
	test_file_write(to, b.p, b.len);
}

static void a_wal_left_by_a_writer_that_died_is_read(void **state)
{
	struct place *p = *state;
	char *dead = test_path(p->dir, "dead.db");
	AUTO_FREE char *wal = mem_printf("%s-wal", p->db), *dead_wal = mem_printf("%s-wal", dead);
	sqlite3 *keep = lite_open(p->db);
	lite_run(keep, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a); INSERT INTO t "
		"VALUES('kept')");
	copy_file(p->db, dead);
	copy_file(wal, dead_wal);
	sqlite3_close(keep);
	struct lite_backup b = {0};
	lite_backup_ok(&b, dead);
	assert_string_equal(lite_stored_text(&b, "SELECT a FROM t"), "kept");
	lite_backup_release(&b);
	free(dead);
}

static void a_journal_left_by_a_writer_that_died_is_rolled_back(void **state)
{
	struct place *p = *state;
	char *dead = test_path(p->dir, "dead.db");
	AUTO_FREE char *journal = mem_printf("%s-journal", p->db), *dead_journal = mem_printf("%s-journal", dead);
	lite_make(p->db, "CREATE TABLE t(a); " NUMBERS(2000) "INSERT INTO t SELECT 'old' FROM n");
	sqlite3 *keep = lite_open(p->db);
	lite_run(keep, "PRAGMA cache_size=5; PRAGMA cache_spill=5; BEGIN; UPDATE t SET a = 'NEW'");
	copy_file(p->db, dead);
	copy_file(journal, dead_journal);
	sqlite3_close(keep);
	struct lite_backup b = {0};
	lite_backup_ok(&b, dead);
	assert_string_equal(lite_stored_text(&b, "SELECT group_concat(DISTINCT a) || count(*) FROM t"), "old2000");
	lite_backup_release(&b);
	free(dead);
}

#define ACCOUNTS 200
#define TWO_STEPS 5000000         /* bytes that take more than one step to copy */
#define TOTAL "SELECT (SELECT sum(amount) FROM left_account) + (SELECT sum(amount) FROM right_account)"

static void make_accounts(const char *path, const char *mode, int padding)
{
	char sql[1024];
	snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s;"
		"CREATE TABLE left_account(id INTEGER PRIMARY KEY, amount INT);"
		"CREATE TABLE right_account(id INTEGER PRIMARY KEY, amount INT);"
		"CREATE TABLE pad(a); CREATE TABLE mark(n INT);"
		NUMBERS(200) "INSERT INTO left_account SELECT i, 1000 FROM n;"
		"INSERT INTO right_account SELECT id, 1000 FROM left_account; INSERT INTO mark VALUES(0);"
		"INSERT INTO pad VALUES(zeroblob(%d))", mode, padding);
	lite_make(path, sql);
}

/* Moves money between the tables until killed; how many transfers are committed is in *moved. */
static void move_money(const char *path, atomic_int *moved)
{
	sqlite3 *db;
	if (sqlite3_open(path, &db) != SQLITE_OK)
		_exit(1);
	sqlite3_busy_timeout(db, 10000);
	sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
	for (int i = 1;; i++) {
		char sql[400];
		snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; UPDATE left_account SET amount = amount - %d WHERE id = %d;"
			"UPDATE right_account SET amount = amount + %d WHERE id = %d; UPDATE mark SET n = %d; COMMIT",
			i % 17,
			i % ACCOUNTS + 1, i % 17, i * 7 % ACCOUNTS + 1, i);
		if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			_exit(2);
		atomic_store(moved, i);
	}
}

/* Wait until the other process has moved on. */
static int wait_for_moves(atomic_int *moved, int from, pid_t child)
{
	while (atomic_load(moved) <= from) {
		assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
		sched_yield();
	}
	return atomic_load(moved);
}

static void backups_beside_a_writer(struct place *p, const char *mode, int padding, int count)
{
	atomic_int *moved = mmap(NULL, sizeof *moved, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(moved, MAP_FAILED);
	make_accounts(p->db, mode, padding);
	pid_t child = fork();
	if (child == 0)
		move_money(p->db, moved);
	int committed = 0;
	for (int i = 0; i < count; i++) {
		committed = wait_for_moves(moved, committed, child);
		struct lite_backup b = {.options.check = CHECK_NONE};
		lite_backup_ok(&b, p->db);
		sqlite3 *db = lite_stored(&b);
		assert_string_equal(lite_text(db, TOTAL), "400000");
		assert_string_equal(lite_text(db, "PRAGMA integrity_check"), "ok");
		/* What was committed before the backup began is in it. */
		assert_true(atoi(lite_text(db, "SELECT n FROM mark")) >= committed);
		sqlite3_close(db);
		lite_backup_release(&b);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(moved, sizeof *moved);
}

static void B5_B7_sums_hold_beside_a_writer_in_wal_mode(void **state)
{
	backups_beside_a_writer(*state, "WAL", 1000000, 20);
}

static void B5_B7_sums_hold_beside_a_writer_with_a_rollback_journal(void **state)
{
	backups_beside_a_writer(*state, "DELETE", TWO_STEPS, 8);
}

/* Another process that commits a row each time it is asked, and then answers. */
struct writer {
	pid_t pid;
	int ask[2], answer[2];
	int file;                 /* a descriptor of the database, to see the writer's locks by */
	bool wal, asked;
};

static void writer_run(struct writer *w, const char *path)
{
	sqlite3 *db;
	char c;
	/* The other end is the test's alone: when it is gone, reading ends. */
	close(w->ask[1]);
	sqlite3_open(path, &db);
	sqlite3_busy_timeout(db, 60000);
	while (read(w->ask[0], &c, 1) == 1) {
		int rc = sqlite3_exec(db, "UPDATE left_account SET amount = amount + 1 WHERE id = 1", NULL, NULL, NULL);
		if (write(w->answer[1], rc == SQLITE_OK ? "y" : "n", 1) != 1)
			break;
	}
	_exit(0);
}

static void writer_start(struct writer *w, const char *path, bool wal)
{
	*w = (struct writer){.wal = wal};
	assert_int_equal(pipe(w->ask), 0);
	assert_int_equal(pipe(w->answer), 0);
	w->pid = fork();
	if (w->pid == 0)
		writer_run(w, path);
	w->file = open(path, O_RDONLY);
	assert_true(w->file >= 0);
	if (!wal)
		assert_int_equal(fcntl(w->answer[0], F_SETFL, O_NONBLOCK), 0);
}

static void writer_stop(struct writer *w)
{
	close(w->ask[1]);
	waitpid(w->pid, NULL, 0);
	close(w->ask[0]);
	close(w->answer[0]);
	close(w->answer[1]);
	close(w->file);
}

/* Whether the writer holds the lock that lets no new reader in ("pending"), and waits for those there are. */
static bool writer_is_pending(const struct writer *w)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 1};
	assert_int_equal(fcntl(w->file, F_GETLK, &lock), 0);
	return lock.l_type != F_UNLCK;
}

static void write_meanwhile(void *ctx)
{
	struct writer *w = ctx;
	char c = 0;
	if (w->asked && read(w->answer[0], &c, 1) == 1) {
		assert_int_equal(c, 'y');
		w->asked = false;
	}
	if (w->asked)
		return;
	w->asked = true;
	assert_int_equal(write(w->ask[1], "x", 1), 1);
	/* In WAL mode it can commit at once: the next call waits for just that. Otherwise not before the copy lets go.
	 * */
	while (!w->wal && !writer_is_pending(w))
		sched_yield();
}

static void copy_beside(struct place *p, struct writer *w, struct sqlite_copy *c, struct test_tree *t)
{
	struct error e = {0};
	sqlite3 *db;
	assert_int_equal(sqlite_open_live(p->db, 0, NULL, &db, &e), 0);
	*c = (struct sqlite_copy){.sink = &t->sink};
	t->meanwhile = write_meanwhile;
	t->meanwhile_ctx = w;
	if (sqlite_copy(c, db, &e))
		fail_msg("%s", e.text);
	assert_int_equal(t->files_begun, t->files_aborted + 1);
	sqlite_copy_release(c);
	sqlite3_close(db);
}

static void a_source_that_never_rests_is_held_in_the_end(void **state)
{
	struct place *p = *state;
	struct test_tree *t = test_tree_new(NULL);
	struct writer w;
	struct sqlite_copy c;
	make_accounts(p->db, "DELETE", TWO_STEPS);
	writer_start(&w, p->db, false);
	copy_beside(p, &w, &c, t);
	assert_int_equal(c.restarts, 4);
	assert_true(c.held > 0);
	assert_false(c.wal);
	test_tree_free(t);
	writer_stop(&w);
}

static void writers_in_wal_mode_never_wait_for_the_copy(void **state)
{
	struct place *p = *state;
	struct test_tree *t = test_tree_new(NULL);
	struct writer w;
	struct sqlite_copy c;
	make_accounts(p->db, "WAL", TWO_STEPS);
	writer_start(&w, p->db, true);
	copy_beside(p, &w, &c, t);
	assert_true(t->puts > 50);
	assert_int_equal(c.restarts, 0);
	assert_true(c.held == 0);
	assert_true(c.wal);
	test_tree_free(t);
	writer_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_lock_that_is_never_given_up_is_named, begin, end),
		cmocka_unit_test_setup_teardown(B5_a_corrupt_source_never_becomes_a_good_backup, begin, end),
		cmocka_unit_test_setup_teardown(a_store_that_fails_fails_the_backup, begin, end),
		cmocka_unit_test_setup_teardown(a_cancelled_backup_stops, begin, end),
		cmocka_unit_test_setup_teardown(the_manifest_tells_what_is_in_it, begin, end),
		cmocka_unit_test_setup_teardown(an_empty_file_is_a_legal_database, begin, end),
		cmocka_unit_test_setup_teardown(hostile_names_are_names_like_others, begin, end),
		cmocka_unit_test_setup_teardown(what_an_application_brings_itself_is_no_damage, begin, end),
		cmocka_unit_test_setup_teardown(an_unchanged_database_is_known_again_without_reading, begin, end),
		cmocka_unit_test_setup_teardown(a_closer_look_than_last_time_reads_again, begin, end),
		cmocka_unit_test_setup_teardown(every_change_shows, begin, end),
		cmocka_unit_test_setup_teardown(a_wal_is_part_of_what_is_known_again, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_left_beside_a_wal_database_that_nobody_uses, begin, end),
		cmocka_unit_test_setup_teardown(what_is_only_in_the_wal_is_backed_up_and_never_checkpointed, begin,
		end),
		cmocka_unit_test_setup_teardown(a_wal_left_by_a_writer_that_died_is_read, begin, end),
		cmocka_unit_test_setup_teardown(a_journal_left_by_a_writer_that_died_is_rolled_back, begin, end),
		cmocka_unit_test_setup_teardown(a_source_that_never_rests_is_held_in_the_end, begin, end),
		cmocka_unit_test_setup_teardown(writers_in_wal_mode_never_wait_for_the_copy, begin, end),
		cmocka_unit_test_setup_teardown(B5_B7_sums_hold_beside_a_writer_in_wal_mode, begin, end),
		cmocka_unit_test_setup_teardown(B5_B7_sums_hold_beside_a_writer_with_a_rollback_journal, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

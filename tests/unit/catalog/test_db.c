#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/fs.h"
#include "base/path.h"
#include "catalog/db_inner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The catalog is closed, changed as bytes by `change`, and opened again: the error of that. */
static int reopen(struct support *s, void (*change)(const char *path))
{
	AUTO_FREE char *path = path_join(s->dir, "catalog.db");
	catalog_close(s->c);
	s->c = NULL;
	change(path);
	return catalog_open(s->dir, &s->c, &s->e);
}

static void no_sqlite(const char *path)
{
	struct error e;
	assert_int_equal(fs_write_atomic(path, "this is a note, not a database, and long enough to have a header of its own", 75, 0600, &e), 0);
}

static void a_file_that_is_no_database_is_told(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db is damaged: file is not a database", s->dir);
	assert_int_equal(reopen(s, no_sqlite), -ERR_CORRUPT);
	assert_string_equal(s->e.text, text);
	assert_string_equal(s->e.hint, "move it away with its -wal and -shm, then run `backstay catalog rebuild`: backups are not touched by this");
}

static void damage(const char *path)
{
	CLEANUP(fs_close) int fd = open(path, O_RDWR);
	char wrong[4096];
	memset(wrong, 0x5a, sizeof wrong);
	assert_int_equal(fs_pwrite_full(fd, wrong, sizeof wrong, 8192), 0);
}

static void a_damaged_page_is_found_by_a_check(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db is damaged: ", s->dir);
	assert_int_equal(catalog_check(s->c, &s->e), 0);
	assert_int_equal(reopen(s, damage), 0);
	assert_int_equal(catalog_check(s->c, &s->e), -ERR_CORRUPT);
	assert_memory_equal(s->e.text, text, strlen(text));
}

static void set_version(struct support *s, int version)
{
	AUTO_FREE char *sql = mem_printf("PRAGMA user_version = %d", version);
	assert_int_equal(db_script(s->c, sql, &s->e), 0);
}

static void leave(const char *path)
{
	assert_true(fs_exists(path));
}

static void a_catalog_of_a_newer_program_is_refused_and_left_alone(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db was written by a newer Backstay: its version is 99, this program knows up to 1", s->dir);
	set_version(s, 99);
	assert_int_equal(reopen(s, leave), -ERR_VERSION);
	assert_string_equal(s->e.text, text);
}

static void a_database_of_something_else_is_refused(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *text = mem_printf("%s/catalog.db is a database of something else, no catalog", s->dir);
	set_version(s, 0);
	assert_int_equal(reopen(s, leave), -ERR_MISMATCH);
	assert_string_equal(s->e.text, text);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	struct catalog *c;
	struct error e;
	assert_int_equal(catalog_open("/nowhere/at/all", &c, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "making the catalog /nowhere/at/all/catalog.db: No such file or directory");
	assert_false(catalog_exists("/nowhere/at/all"));
}

static void a_folder_in_its_place_is_told(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *dir = path_join(s->dir, "other"), *path = path_join(dir, "catalog.db");
	AUTO_FREE char *text = mem_printf("the catalog %s is not a file", path);
	struct catalog *c;
	assert_int_equal(fs_make_dirs(path, 0700, &s->e), 0);
	assert_int_equal(catalog_open(dir, &c, &s->e), -ERR_MISMATCH);
	assert_string_equal(s->e.text, text);
}

static const struct embedded grown[] = {
	{"001.sql", (const unsigned char *)"CREATE TABLE never (x)", 22},
	{"002.sql", (const unsigned char *)"CREATE TABLE second (x); INSERT INTO second VALUES (2)", 54},
	{"003.sql", (const unsigned char *)"INSERT INTO second VALUES (3)", 29},
	{0},
};
static const struct embedded broken[] = {
	{"001.sql", (const unsigned char *)"", 0},
	{"002.sql", (const unsigned char *)"CREATE TABLE second (x); INSERT INTO second VALUES (2)", 54},
	{"003.sql", (const unsigned char *)"CREATE TABLE third (x); INSERT INTO absent VALUES (3)", 53},
	{0},
};

static int64_t number(struct catalog *c, const char *sql)
{
	struct error e;
	int64_t n;
	if (db_number(c, &n, &e, sql, ""))
		fail_msg("%s", e.text);
	return n;
}

static void only_the_steps_that_are_missing_are_made(void **state)
{
	struct support *s = *state;
	assert_int_equal(catalog_migrate(s->c, grown, &s->e), 0);
	assert_int_equal(number(s->c, "SELECT sum(x) FROM second"), 5);
	assert_int_equal(number(s->c, "PRAGMA user_version"), 3);
	assert_int_equal(catalog_migrate(s->c, grown, &s->e), 0);
	assert_int_equal(number(s->c, "SELECT sum(x) FROM second"), 5);
}

static void a_step_that_fails_leaves_the_one_before(void **state)
{
	struct support *s = *state;
	assert_int_equal(catalog_migrate(s->c, broken, &s->e), -ERR_INTERNAL);
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db: no such table: absent", s->dir);
	assert_string_equal(s->e.text, text);
	assert_int_equal(number(s->c, "PRAGMA user_version"), 2);
	assert_int_equal(number(s->c, "SELECT count(*) FROM sqlite_schema WHERE name = 'third'"), 0);
}

static int nothing_more(struct support *s, int i)
{
	return 0;
}

static void processes_that_make_the_catalog_at_once_all_get_it(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = path_join(s->dir, "catalog.db");
	catalog_close(s->c);
	s->c = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(support_at_once(s, 6, nothing_more), 6);
	assert_int_equal(number(s->c, "PRAGMA user_version"), 1);
}

static void files_are_private_whatever_the_umask(void **state)
{
	struct support *s = *state;
	const char *const names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm"};
	mode_t before = umask(0);
	catalog_close(s->c);
	AUTO_FREE char *file = path_join(s->dir, "catalog.db");
	assert_int_equal(chmod(file, 0664), 0);
	s->c = support_open(s);
	assert_int_equal(db_run(s->c, &s->e, "INSERT INTO setting VALUES ('a', 'b')", ""), 0);
	umask(before);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *path = path_join(s->dir, names[i]);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_file_that_is_no_database_is_told),
		CATALOG_TEST(a_damaged_page_is_found_by_a_check),
		CATALOG_TEST(a_catalog_of_a_newer_program_is_refused_and_left_alone),
		CATALOG_TEST(a_database_of_something_else_is_refused),
		cmocka_unit_test(a_folder_that_is_not_there_is_told),
		CATALOG_TEST(a_folder_in_its_place_is_told),
		CATALOG_TEST(only_the_steps_that_are_missing_are_made),
		CATALOG_TEST(a_step_that_fails_leaves_the_one_before),
		CATALOG_TEST(processes_that_make_the_catalog_at_once_all_get_it),
		CATALOG_TEST(files_are_private_whatever_the_umask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

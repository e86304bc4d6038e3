/* How sources and targets are named. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/support.h"

#include "base/mem.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char *dir, *before;
	struct source_url u;
	struct error e;
};

/* Tests run inside a folder with a database, a text, an empty file of either kind, and a folder. */
static int begin(void **state)
{
	struct place *p = mem_zero(sizeof *p);
	sqlite3 *db;
	p->before = getcwd(NULL, 0);
	p->dir = test_dir();
	assert_int_equal(chdir(p->dir), 0);
	assert_int_equal(sqlite3_open("app.data", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	test_file_write("notes.txt", "just some notes here", 20);
	test_file_write("empty.db", "", 0);
	test_file_write("empty.txt", "", 0);
	test_file_write("a:b.data", "x", 1);
	assert_int_equal(mkdir("media", 0700), 0);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	source_url_release(&p->u);
	assert_int_equal(chdir(p->before), 0);
	free(p->before);
	test_dir_remove(p->dir);
	free(p);
	return 0;
}

static void assert_fails(struct place *p, const char *text, bool may_be_new, const struct engine *hint,
	enum err_kind kind,
	const char *words)
{
	p->e = (struct error){0};
	assert_int_equal(source_url_parse(text, may_be_new, hint, &p->u, &p->e), -(int)kind);
	assert_string_equal(p->e.text, words);
	assert_null(p->u.text);
}

static void assert_parses(struct place *p, const char *text, bool may_be_new, const struct engine *hint,
	const char *engine, const char *path, const char *name)
{
	AUTO_FREE char *absolute = path[0] == '/' ? mem_string(path) : mem_printf("%s/%s", p->dir, path);
	AUTO_FREE char *shown = mem_printf("%s:%s", engine, absolute);
	source_url_release(&p->u);
	if (source_url_parse(text, may_be_new, hint, &p->u, &p->e))
		fail_msg("%s: %s", text, p->e.text);
	assert_string_equal(p->u.text, text);
	assert_string_equal(p->u.engine->name, engine);
	assert_string_equal(p->u.path, absolute);
	assert_string_equal(p->u.shown, shown);
	assert_string_equal(p->u.name, name);
}

static void a_scheme_nobody_knows_is_named_with_those_known(void **state)
{
	struct place *p = *state;
	assert_fails(p, "oracle:shop", false, NULL, ERR_USAGE, "unknown scheme \"oracle\" in oracle:shop");
	assert_string_equal(p->e.hint, "known are: sqlite:, sqlite3:, postgresql:, postgres:, mysql:, mariadb:, folder:, command:, or a plain path; "
		"a path with a colon in it can be written as ./oracle:shop");
	assert_fails(p, "orcale://shop:secret@db/shop", false, NULL, ERR_USAGE, "unknown scheme \"orcale\"");
	assert_string_equal(p->e.hint, "known are: sqlite:, sqlite3:, postgresql:, postgres:, mysql:, mariadb:, folder:, command:, "
		"or a plain path");
	assert_fails(p, "", false, NULL, ERR_USAGE, "an empty name is no source");
	assert_fails(p, "sqlite:", false, NULL, ERR_USAGE, "sqlite: names no path");
	assert_fails(p, "sqlite://", false, NULL, ERR_USAGE, "sqlite:// names no path");
	assert_fails(p, "command: ", false, NULL, ERR_USAGE, "the command makes no sense: it is empty");
}

static void a_host_is_refused(void **state)
{
	struct place *p = *state;
	assert_fails(p, "sqlite://srv/app.db", false, NULL, ERR_USAGE,
		"sqlite://srv/app.db names a host, but SQLite sources lie on this machine");
	assert_string_equal(p->e.hint, "write sqlite:srv/app.db or sqlite:///srv/app.db");
}

static void what_is_not_there_is_not_found(void **state)
{
	struct place *p = *state;
	assert_fails(p, "./x.db", false, NULL, ERR_NOT_FOUND, "./x.db: no such file or folder");
	assert_fails(p, "sqlite:x.db", false, NULL, ERR_NOT_FOUND, "x.db: no such file or folder");
	assert_fails(p, "x.db", false, &engine_sqlite, ERR_NOT_FOUND, "x.db: no such file or folder");
	assert_fails(p, "x.db", true, NULL, ERR_USAGE, "x.db does not exist, and nothing says what it should become");
	assert_string_equal(p->e.hint, "put the kind in front: sqlite:x.db or folder:x.db");
}

static void R10_content_that_is_something_else_is_refused(void **state)
{
	struct place *p = *state;
	assert_fails(p, "sqlite:notes.txt", false, NULL, ERR_MISMATCH, "notes.txt is not an SQLite database");
	assert_fails(p, "sqlite:media", false, NULL, ERR_MISMATCH, "media is not an SQLite database");
	assert_fails(p, "folder:app.data", false, NULL, ERR_MISMATCH, "app.data is not a folder");
	assert_fails(p, "notes.txt", true, &engine_sqlite, ERR_MISMATCH, "notes.txt is not an SQLite database");
	assert_fails(p, "notes.txt", false, NULL, ERR_MISMATCH, "notes.txt is neither a folder nor a database file "
		"known here");
	assert_fails(p, "empty.txt", false, NULL, ERR_MISMATCH, "empty.txt is neither a folder nor a database file "
		"known here");
}

static void a_fifo_is_never_opened(void **state)
{
	struct place *p = *state;
	assert_int_equal(mkfifo("pipe.db", 0600), 0);
	assert_fails(p, "sqlite:pipe.db", false, NULL, ERR_MISMATCH, "pipe.db is not an SQLite database");
}

static void a_plain_path_is_known_by_its_content(void **state)
{
	struct place *p = *state;
	assert_parses(p, "app.data", false, NULL, "sqlite", "app.data", "app.data");
	assert_parses(p, "./media/../app.data", false, NULL, "sqlite", "app.data", "app.data");
	assert_parses(p, "empty.db", false, NULL, "sqlite", "empty.db", "empty.db");
	assert_parses(p, "media/", false, NULL, "folder", "media", "media");
	assert_parses(p, "/", false, NULL, "folder", "/", "root");
}

static void a_scheme_says_what_it_is(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *absolute = mem_printf("sqlite://%s/app.data", p->dir);
	assert_parses(p, "sqlite:app.data", false, NULL, "sqlite", "app.data", "app.data");
	assert_parses(p, "sqlite3:app.data", false, NULL, "sqlite", "app.data", "app.data");
	assert_parses(p, absolute, false, NULL, "sqlite", "app.data", "app.data");
	assert_parses(p, "folder:./media", false, NULL, "folder", "media", "media");
	assert_string_equal(p->u.rest, "./media");
}

static void a_target_may_be_new(void **state)
{
	struct place *p = *state;
	assert_parses(p, "new.db", true, &engine_sqlite, "sqlite", "new.db", "new.db");
	assert_parses(p, "sqlite:new.db", true, NULL, "sqlite", "new.db", "new.db");
	assert_parses(p, "new", true, &engine_folder, "folder", "new", "new");
	assert_parses(p, "app.data", true, NULL, "sqlite", "app.data", "app.data");
}

static void a_colon_in_an_existing_path_is_no_scheme(void **state)
{
	struct place *p = *state;
	assert_fails(p, "a:b.data", false, NULL, ERR_MISMATCH, "a:b.data is neither a folder nor a database file "
		"known here");
	assert_parses(p, "./c:d.db", true, &engine_sqlite, "sqlite", "c:d.db", "c:d.db");
}

static void a_command_is_shown_without_its_arguments(void **state)
{
	struct place *p = *state;
	assert_int_equal(source_url_parse("command:/usr/bin/pg_dump -Fc shop", false, NULL, &p->u, &p->e), 0);
	assert_string_equal(p->u.engine->name, "command");
	assert_string_equal(p->u.name, "pg_dump");
	assert_null(p->u.path);
	assert_string_equal(p->u.rest, "/usr/bin/pg_dump -Fc shop");
	assert_null(strstr(p->u.shown, "shop"));
}

static void of_a_server_another_database_can_be_named(void **state)
{
	struct place *p = *state;
	static const char *const refused[] = {"/srv/app.db", "sqlite:/srv/app.db", "folder:/srv", "command:pg_dump", "postgresql:dbname=shop", "postgresql://db/?dbname=shop"};
	static const struct { const char *from, *to; } pairs[] = {
		{"postgresql://shop:s%2Fcret@db:5433/shop?sslmode=require", "postgresql://shop:s%2Fcret@db:5433/shop%20copy%2F2?sslmode=require"},
		{"postgres://db", "postgres://db/shop%20copy%2F2"},
		{"mysql://root@localhost/shop?socket=/run/s", "mysql://root@localhost/shop%20copy%2F2?socket=/run/s"},
	};
	char *url = NULL;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(source_url_with_database(refused[i], "x", &url, &p->e), -ERR_USAGE);
		assert_string_equal(p->e.text, "only of a server's URL can another database be named");
	}
	assert_int_equal(source_url_with_database("postgresql://db/shop", "", &url, &p->e), -ERR_USAGE);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(source_url_with_database(pairs[i].from, "shop copy/2", &url, &p->e), 0);
		assert_string_equal(url, pairs[i].to);
		free(url);
	}
}

static void engines_are_found_by_name_and_scheme(void **state)
{
	assert_ptr_equal(engine_by_name("sqlite"), &engine_sqlite);
	assert_ptr_equal(engine_by_name("sqlite3"), &engine_sqlite);
	assert_ptr_equal(engine_by_name("folder"), &engine_folder);
	assert_null(engine_by_name("oracle"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(a_scheme_nobody_knows_is_named_with_those_known),
		T(a_host_is_refused),
		T(what_is_not_there_is_not_found),
		T(R10_content_that_is_something_else_is_refused),
		T(a_fifo_is_never_opened),
		T(a_plain_path_is_known_by_its_content),
		T(a_scheme_says_what_it_is),
		T(a_target_may_be_new),
		T(a_colon_in_an_existing_path_is_no_scheme),
		T(a_command_is_shown_without_its_arguments),
		T(of_a_server_another_database_can_be_named),
		cmocka_unit_test(engines_are_found_by_name_and_scheme),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

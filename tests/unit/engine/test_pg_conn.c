/* How PostgreSQL databases are named, what their SQL is made of, and which of PostgreSQL's programs is taken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/support.h"

#include "base/mem.h"
#include "engine/pg.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char *dir;
	struct source_url u;
	struct error e;
};

/* An environment without any of libpq's variables, and no service file. */
static int begin(void **state)
{
	static const char *const names[] = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE",
		"PGSERVICEFILE", "PGSSLMODE", "PGOPTIONS", "PGCONNECT_TIMEOUT", "BACKSTAY_PG_BIN"};
	struct place *p = mem_zero(sizeof *p);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	p->dir = test_dir();
	AUTO_FREE char *none = mem_printf("%s/pgpass", p->dir);
	AUTO_FREE char *service = mem_printf("%s/services", p->dir);
	setenv("PGPASSFILE", none, 1);
	setenv("PGSERVICEFILE", service, 1);
	setenv("PGSYSCONFDIR", p->dir, 1);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	source_url_release(&p->u);
	test_dir_remove(p->dir);
	free(p);
	return 0;
}

static void parse(struct place *p, const char *text)
{
	source_url_release(&p->u);
	p->e = (struct error){0};
	if (source_url_parse(text, false, NULL, &p->u, &p->e))
		fail_msg("%s: %s", text, p->e.text);
}

static void assert_url(struct place *p, const char *text, const char *identity, const char *shown, const char *name)
{
	parse(p, text);
	assert_string_equal(p->u.identity, identity);
	assert_string_equal(p->u.shown, shown);
	assert_string_equal(p->u.name, name);
	assert_null(p->u.path);
	assert_ptr_equal(p->u.engine, &engine_postgresql);
	/* What is shown leads to the same place, and is shown as it is. */
	AUTO_FREE char *again = mem_string(p->u.shown);
	parse(p, again);
	assert_string_equal(p->u.identity, identity);
	assert_string_equal(p->u.shown, shown);
}

static void assert_fails(struct place *p, const char *text, const char *words)
{
	struct source_url u;
	p->e = (struct error){0};
	assert_int_equal(source_url_parse(text, false, NULL, &u, &p->e), -ERR_USAGE);
	assert_string_equal(p->e.text, words);
	assert_true(p->e.hint[0] != '\0');
	assert_null(strstr(p->e.hint, "secret"));
}

#define NOT_UNDERSTOOD "the PostgreSQL URL is not understood"

/* ---- URLs ---- */

static void a_url_that_makes_no_sense_is_refused_without_a_word_of_its_password(void **state)
{
	struct place *p = *state;
	assert_fails(p, "postgresql://me:top/secret@db/shop", NOT_UNDERSTOOD ": there is an \"@\" too many in it");
	assert_fails(p, "postgresql://me:top@secret@db/shop", NOT_UNDERSTOOD ": there is an \"@\" too many in it");
	assert_fails(p, "postgresql://me:top%zzsecret@db/shop", NOT_UNDERSTOOD);
	assert_fails(p, "postgresql://me:secret@db:port/shop", NOT_UNDERSTOOD ": its port is no number from 1 to 65535");
	assert_fails(p, "postgresql://db:0/shop", NOT_UNDERSTOOD ": its port is no number from 1 to 65535");
	assert_fails(p, "postgresql://db:65536/shop", NOT_UNDERSTOOD ": its port is no number from 1 to 65535");
	assert_fails(p, "postgresql:password=my secret dbname=shop", NOT_UNDERSTOOD);
	assert_fails(p, "postgresql:me:secret@db/shop", NOT_UNDERSTOOD);
	assert_fails(p, "postgresql://db/shop?passwort=secret", NOT_UNDERSTOOD);
	assert_fails(p, "postgresql://db/shop?colour=blue", NOT_UNDERSTOOD ": invalid URI query parameter: \"colour\"");
	assert_fails(p, "postgresql:dbname='shop", NOT_UNDERSTOOD ": unterminated quoted string in connection info string");
}

static void a_secret_that_pg_dump_would_take_as_an_argument_is_refused(void **state)
{
	struct place *p = *state;
	struct source_url u;
	assert_int_equal(source_url_parse("postgresql://db/shop?sslpassword=secret", false, NULL, &u, &p->e), -ERR_USAGE);
	assert_string_equal(p->e.text, "sslpassword cannot be part of a URL: other users of this machine would see it");
	assert_string_equal(p->e.hint, "put it into a service file and write postgresql:service=NAME");
}

static void the_identity_is_host_port_and_database(void **state)
{
	struct place *p = *state;
	assert_url(p, "postgresql://db/shop", "/postgresql/db:5432/shop", "postgresql://db/shop", "shop");
	assert_url(p, "postgres://me@DB.example.com:5433/shop", "/postgresql/db.example.com:5433/shop",
		"postgresql://me@DB.example.com:5433/shop", "shop");
	assert_url(p, "postgresql://[::1]:5433/shop", "/postgresql/::1:5433/shop", "postgresql://[::1]:5433/shop", "shop");
	assert_url(p, "postgresql:host=db port=5433 dbname=shop", "/postgresql/db:5433/shop", "postgresql://db:5433/shop", "shop");
	assert_url(p, "postgresql://a,b:5433/shop", "/postgresql/a,b:,5433/shop", "postgresql:///shop?host=a,b&port=,5433", "shop");
	assert_url(p, "postgresql://me@/?dbname=shop&hostaddr=10.0.0.1", "/postgresql/10.0.0.1:5432/shop",
		"postgresql://me@10.0.0.1/shop?hostaddr=10.0.0.1", "shop");
}

static void the_folder_of_a_socket_is_one_part_of_the_identity(void **state)
{
	struct place *p = *state;
	const char *identity = "/postgresql/%2Frun%2Fpg:5432/shop", *shown = "postgresql:///shop?host=/run/pg";
	assert_url(p, "postgresql:///shop?host=/run/pg", identity, shown, "shop");
	assert_url(p, "postgresql://%2Frun%2Fpg/shop", identity, shown, "shop");
	assert_url(p, "postgresql:host=/run/pg dbname=shop", identity, shown, "shop");
	parse(p, "postgresql:host=/run//pg/ dbname=shop");
	assert_string_equal(p->u.identity, identity);
}

static void what_is_not_given_comes_from_the_environment(void **state)
{
	struct place *p = *state;
	setenv("PGHOST", "other", 1);
	setenv("PGPORT", "6000", 1);
	setenv("PGDATABASE", "till", 1);
	assert_url(p, "postgresql:", "/postgresql/other:6000/till", "postgresql://other:6000/till", "till");
	assert_url(p, "postgresql:shop", "/postgresql/other:6000/shop", "postgresql://other:6000/shop", "shop");
	assert_url(p, "postgresql://db/shop", "/postgresql/db:6000/shop", "postgresql://db:6000/shop", "shop");
	unsetenv("PGHOST");
	unsetenv("PGPORT");
	unsetenv("PGDATABASE");
	parse(p, "postgresql:user=me");
	assert_non_null(strstr(p->u.identity, ":5432/me"));
	assert_string_equal(p->u.shown, "postgresql://me@/me");
}

static void a_service_is_looked_up_in_its_file(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *file = mem_printf("%s/services", p->dir);
	static const char text[] = "[shop]\nhost=db.example.com\nport=5433\ndbname=sales\npassword=secret\n";
	test_file_write(file, "[other]\n", 8);
	assert_fails(p, "postgresql:service=shop",
		"the PostgreSQL URL cannot be used: definition of service \"shop\" not found");
	test_file_write(file, text, strlen(text));
	assert_url(p, "postgresql:service=shop", "/postgresql/db.example.com:5433/sales",
		"postgresql://db.example.com:5433/sales?service=shop", "sales");
}

static void a_password_goes_to_libpq_only(void **state)
{
	struct place *p = *state;
	CLEANUP(pg_place_release) struct pg_place place = {0};
	CLEANUP(strlist_release) struct strlist env = {0};
	parse(p, "postgresql://me:se%63ret@db/shop?sslmode=require&options=endpoint%3Dep-cool%20x");
	assert_string_equal(p->u.shown, "postgresql://me@db/shop?options=endpoint%3Dep-cool%20x&sslmode=require");
	assert_string_equal(p->u.identity, "/postgresql/db:5432/shop");
	assert_int_equal(pg_place_of(&p->u, &place, &p->e), 0);
	assert_string_equal(place.password, "secret");
	AUTO_FREE char *conninfo = pg_tool_conninfo(&place, NULL);
	assert_string_equal(conninfo, "user='me' host='db' options='endpoint=ep-cool x' sslmode='require' dbname='shop'");
	pg_tool_env(&place, &env);
	assert_true(strlist_has(&env, "PGPASSWORD=secret"));
	assert_true(strlist_has(&env, "PGAPPNAME=backstay"));
	assert_true(strlist_has(&env, "PGCONNECT_TIMEOUT=30"));
}

static void names_of_databases_are_made_harmless_and_stay_unique(void **state)
{
	struct place *p = *state;
	assert_url(p, "postgresql://db/a%2Fb", "/postgresql/db:5432/a%2Fb", "postgresql://db/a%2Fb", "a%2Fb");
	assert_url(p, "postgresql://db/a%252Fb", "/postgresql/db:5432/a%252Fb", "postgresql://db/a%252Fb", "a%2Fb");
	assert_url(p, "postgresql://db/%2E%2E", "/postgresql/db:5432/%2E%2E", "postgresql://db/..", "%2E%2E");
	assert_url(p, "postgresql://db/it's%20%22odd%22%5C", "/postgresql/db:5432/it's \"odd\"\\",
		"postgresql://db/it%27s%20%22odd%22%5C", "it's \"odd\"\\");
	CLEANUP(pg_place_release) struct pg_place place = {0};
	assert_int_equal(pg_place_of(&p->u, &place, &p->e), 0);
	AUTO_FREE char *conninfo = pg_tool_conninfo(&place, NULL);
	assert_string_equal(conninfo, "host='db' dbname='it\\'s \"odd\"\\\\'");
}

/* ---- SQL ---- */

static void names_and_literals_are_quoted(void **state)
{
	AUTO_FREE char *a = pg_sql("SELECT %I.%I, %L, %L, %L", "a\"b", "select", "it's", "a\\b", NULL);
	assert_string_equal(a, "SELECT \"a\"\"b\".\"select\", 'it''s',  E'a\\\\b', NULL");
	AUTO_FREE char *b = pg_sql("%d %u %lld %llu %s 100%%", -1, 4000000000u, -5000000000LL, 18446744073709551615ULL, "x y");
	assert_string_equal(b, "-1 4000000000 -5000000000 18446744073709551615 x y 100%");
}

/* ---- programs ---- */

static void make_tool(const char *dir, const char *name, const char *version)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_FREE char *text = mem_printf("#!/bin/sh\necho x >>'%s.asked'\necho '%s'\n", path, version);
	test_file_write(path, text, strlen(text));
	assert_int_equal(chmod(path, 0755), 0);
}

static void a_program_older_than_the_server_is_an_error_that_names_the_package(void **state)
{
	struct place *p = *state;
	char *path;
	setenv("BACKSTAY_PG_BIN", p->dir, 1);
	make_tool(p->dir, "pg_dump", "pg_dump (PostgreSQL) 14.1 (Debian 14.1-1)");
	assert_int_equal(pg_tool_find("pg_dump", 150020, &path, NULL, &p->e), -ERR_VERSION);
	assert_string_equal(p->e.text, "the server is PostgreSQL 15, the newest pg_dump here is 14.1");
	assert_non_null(strstr(p->e.hint, "install postgresql-client-15 (Debian"));
	make_tool(p->dir, "initdb", "initdb (PostgreSQL) 9.6.24");
	assert_int_equal(pg_tool_find("initdb", 100001, &path, NULL, &p->e), -ERR_VERSION);
	assert_string_equal(p->e.text, "the server is PostgreSQL 10, the newest initdb here is 9.6.24");
	assert_non_null(strstr(p->e.hint, "install postgresql-10 (Debian"));
}

static void a_program_that_is_nowhere_or_does_not_answer_is_not_installed(void **state)
{
	struct place *p = *state;
	char *path;
	setenv("BACKSTAY_PG_BIN", p->dir, 1);
	make_tool(p->dir, "pg_odd", "something else entirely");
	assert_int_equal(pg_tool_find("pg_odd", 0, &path, NULL, &p->e), -ERR_NOT_FOUND);
	assert_string_equal(p->e.text, "pg_odd is not installed on this machine");
	assert_int_equal(pg_tool_find("pg_nowhere", 150020, &path, NULL, &p->e), -ERR_NOT_FOUND);
	assert_string_equal(p->e.text, "pg_nowhere is not installed on this machine");
}

static void a_named_folder_is_asked_once_and_newer_programs_suit_older_servers(void **state)
{
	struct place *p = *state;
	AUTO_FREE char *first = NULL, *second = NULL, *asked = NULL;
	int version = 0;
	struct stat st;
	setenv("BACKSTAY_PG_BIN", p->dir, 1);
	make_tool(p->dir, "pg_restore", "pg_restore (PostgreSQL) 17beta1");
	assert_int_equal(pg_tool_find("pg_restore", 100000, &first, &version, &p->e), 0);
	assert_int_equal(version, 170000);
	assert_int_equal(pg_tool_find("pg_restore", 170005, &second, &version, &p->e), 0);
	assert_string_equal(first, second);
	asked = mem_printf("%s.asked", first);
	assert_int_equal(stat(asked, &st), 0);
	assert_int_equal(st.st_size, 2);
}

static void an_address_that_nobody_answers_at_is_temporary(void **state)
{
	struct place *p = *state;
	CLEANUP(pg_place_release) struct pg_place place = {0};
	AUTO_FREE char *text = mem_printf("postgresql://me:secret@/shop?host=%s", p->dir);
	PGconn *c;
	parse(p, text);
	assert_int_equal(pg_place_of(&p->u, &place, &p->e), 0);
	assert_int_equal(pg_connect(&place, NULL, &c, &p->e), -ERR_TEMPORARY);
	assert_non_null(strstr(p->e.text, "cannot connect to the database shop: "));
	assert_non_null(strstr(p->e.text, "No such file or directory"));
	assert_null(strstr(p->e.text, "secret"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_url_that_makes_no_sense_is_refused_without_a_word_of_its_password),
		TEST(a_secret_that_pg_dump_would_take_as_an_argument_is_refused),
		TEST(the_identity_is_host_port_and_database),
		TEST(the_folder_of_a_socket_is_one_part_of_the_identity),
		TEST(what_is_not_given_comes_from_the_environment),
		TEST(a_service_is_looked_up_in_its_file),
		TEST(a_password_goes_to_libpq_only),
		TEST(names_of_databases_are_made_harmless_and_stay_unique),
		TEST(names_and_literals_are_quoted),
		TEST(a_program_older_than_the_server_is_an_error_that_names_the_package),
		TEST(a_program_that_is_nowhere_or_does_not_answer_is_not_installed),
		TEST(a_named_folder_is_asked_once_and_newer_programs_suit_older_servers),
		TEST(an_address_that_nobody_answers_at_is_temporary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

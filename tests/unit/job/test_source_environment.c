#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/audit.h"
#include "job/record.h"
#include "job/source_environment.h"

static struct error e;

static void set(const char *host, const char *port, const char *user, const char *password, const char *database)
{
	const char *const v[][2] = {{"BACKUP_MYSQL_HOST", host}, {"BACKUP_MYSQL_PORT", port}, {"BACKUP_MYSQL_USER", user}, {"BACKUP_MYSQL_PASSWORD", password}, {"BACKUP_MYSQL_DATABASE", database}};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (v[i][1])
			setenv(v[i][0], v[i][1], 1);
		else
			unsetenv(v[i][0]);
}

static int leave(void **state)
{
	set(NULL, NULL, NULL, NULL, NULL);
	return room_leave(state);
}
#define ENVIRONMENT_TEST(f) cmocka_unit_test_setup_teardown(f, room_enter, leave)

/* "<shown> <url>" of the source "mysql" after the catalog was opened; heap. */
static char *mysql(void)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	struct catalog *c;
	if (record_catalog(false, &c, &e))
		return mem_string(e.text);
	char *text = source_find(c, "mysql", &s, &e) ? mem_string(e.text) : mem_printf("%s %s", s.shown, s.url);
	catalog_close(c);
	return text;
}

static void assert_mysql(const char *wanted)
{
	AUTO_FREE char *got = mysql();
	assert_string_equal(got, wanted);
}

static void variables_that_make_no_url_are_told(void **state)
{
	set("db", "many", "root", NULL, "shop");
	AUTO_FREE char *got = mysql();
	assert_memory_equal(got, "the source of BACKUP_MYSQL_*: ", 30);
}

static void without_a_database_there_is_none(void **state)
{
	set("db", "3306", "root", "x", NULL);
	assert_false(source_environment_given());
	struct catalog *c;
	assert_int_equal(record_catalog(false, &c, &e), -ERR_NOT_FOUND);
}

static void the_variables_are_a_source(void **state)
{
	set(NULL, NULL, NULL, NULL, "shop");
	assert_mysql("mysql://127.0.0.1:3306/shop mysql://127.0.0.1:3306/shop");
	set("::1", "3307", "backup user", "p@ss:w/rd%", "shop 1");
	assert_mysql("mysql://backup%20user@[::1]:3307/shop%201 mysql://backup%20user:p%40ss%3Aw%2Frd%25@[::1]:3307/shop%201");
	assert_mysql("mysql://backup%20user@[::1]:3307/shop%201 mysql://backup%20user:p%40ss%3Aw%2Frd%25@[::1]:3307/shop%201");
	set(NULL, NULL, NULL, NULL, NULL);
	assert_mysql("mysql://backup%20user@[::1]:3307/shop%201 mysql://backup%20user:p%40ss%3Aw%2Frd%25@[::1]:3307/shop%201");
}

static void each_change_is_in_the_audit_trail_without_the_password(void **state)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	struct catalog *c;
	set("db", NULL, "u", "secret-one", "shop");
	free(mysql());
	set("db", NULL, "u", "secret-two", "shop");
	free(mysql());
	free(mysql());
	assert_int_equal(record_catalog(false, &c, &e), 0);
	assert_int_equal(audit_list_some(c, &(struct audit_filter){0}, &(struct catalog_page){0}, &l, NULL, &e), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].action, "source-edit");
	assert_string_equal(l.v[0].details, "mysql://u@db:3306/shop");
	assert_string_equal(l.v[0].who, "the environment");
	catalog_close(c);
}

static void a_source_that_somebody_made_stays(void **state)
{
	struct source_record s = {.name = mem_string("mysql"), .url = mem_string("mysql://db/other"), .shown = mem_string("mysql://db/other"), .engine = mem_string("mysql")};
	struct catalog *c;
	assert_int_equal(record_catalog(true, &c, &e), 0);
	assert_int_equal(source_add(c, &s, &e), 0);
	source_record_release(&s);
	catalog_close(c);
	set("db", NULL, NULL, NULL, "shop");
	assert_mysql("mysql://db/other mysql://db/other");
}

static void what_another_source_has_already_is_not_added(void **state)
{
	struct source_record s = {.name = mem_string("shop"), .url = mem_string("mysql://db:3306/shop"), .shown = mem_string("mysql://db:3306/shop"), .engine = mem_string("mysql")};
	struct catalog *c;
	assert_int_equal(record_catalog(true, &c, &e), 0);
	assert_int_equal(source_add(c, &s, &e), 0);
	source_record_release(&s);
	catalog_close(c);
	set("db", NULL, NULL, NULL, "shop");
	assert_mysql("there is no source named \"mysql\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENVIRONMENT_TEST(variables_that_make_no_url_are_told),
		ENVIRONMENT_TEST(without_a_database_there_is_none),
		ENVIRONMENT_TEST(the_variables_are_a_source),
		ENVIRONMENT_TEST(each_change_is_in_the_audit_trail_without_the_password),
		ENVIRONMENT_TEST(a_source_that_somebody_made_stays),
		ENVIRONMENT_TEST(what_another_source_has_already_is_not_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* URLs of MySQL and MariaDB databases, option files, and what the vendor's tools are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/support.h"

#include "base/mem.h"
#include "engine/my.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char *dir;
	struct my_place p;
	struct source_url u;
	struct error e;
};

/* Nothing of this machine's settings is seen: HOME is a new folder. */
static int begin(void **state)
{
	static const char *const unset[] = {"MYSQL_PWD", "MYSQL_HOME", "MARIADB_HOME"};
	struct place *t = mem_zero(sizeof *t);
	t->dir = test_dir();
	setenv("HOME", t->dir, 1);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		unsetenv(unset[i]);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct place *t = *state;
	my_place_release(&t->p);
	source_url_release(&t->u);
	test_dir_remove(t->dir);
	free(t);
	return 0;
}

static void place_of(struct place *t, const char *text)
{
	my_place_release(&t->p);
	source_url_release(&t->u);
	error_clear(&t->e);
	assert_int_equal(source_url_parse(text, true, NULL, &t->u, &t->e), 0);
	assert_int_equal(my_place_of(&t->u, &t->p, &t->e), 0);
}

static void write_file(struct place *t, const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = mem_printf("%s/%s", t->dir, name);
	test_file_write(path, text, strlen(text));
	assert_int_equal(chmod(path, mode), 0);
}

static void check_refused(const char *text, const char *why)
{
	struct my_place p = {0};
	struct error e = {0};
	assert_int_equal(my_place_parse(text, &p, &e), -ERR_USAGE);
	AUTO_FREE char *all = mem_printf("the URL of the database makes no sense: %s", why);
	assert_string_equal(e.text, all);
	assert_null(strstr(e.text, "geheim"));
	assert_null(strstr(e.hint, "geheim"));
}

static void what_makes_no_sense_is_refused_without_showing_a_password(void **state)
{
	check_refused("shop", "two slashes must follow the scheme");
	check_refused("//u:geheim@h", "it names no database");
	check_refused("//u:geheim@h/", "it names no database");
	check_refused("//u:geheim@h/?socket=/s", "it names no database");
	check_refused("//u:geheim@h:x/d", "the port is not a number");
	check_refused("//u:geheim@h:65536/d", "the port is above 65535");
	check_refused("//u:geheim@h:99999999999999999999/d", "the port is above 65535");
	check_refused("//u:geheim@h:0/d", "the port is 0");
	check_refused("//u:geheim@[::1/d", "a bracket is not closed");
	check_refused("//u:geheim@[::1]x/d", "only a port may follow an address in brackets");
	check_refused("//u:geheim%@h/d", "two hexadecimal digits, not 00, must follow a percent sign");
	check_refused("//u:geheim%1@h/d", "two hexadecimal digits, not 00, must follow a percent sign");
	check_refused("//u:geheim%zz@h/d", "two hexadecimal digits, not 00, must follow a percent sign");
	check_refused("//u:geheim%00@h/d", "two hexadecimal digits, not 00, must follow a percent sign");
	check_refused("//u:gehe/geheim@h/d",
		"an @ follows the first slash or question mark; in a user name or password these are %2F and %3F");
	check_refused("//u:gehe?geheim@h/d",
		"an @ follows the first slash or question mark; in a user name or password these are %2F and %3F");
	check_refused("//h/a/b", "a slash in the name of a database is written %2F");
	check_refused("//h/d?geheim=1",
		"it may set socket, ssl-mode, ssl-ca, ssl-cert, ssl-key and defaults-file, nothing else");
	check_refused("//h/d?socket=", "a setting has no value, or two");
	check_refused("//h/d?socket=/a&socket=/b", "a setting has no value, or two");
	check_refused("//h/d?ssl-mode=geheim",
		"ssl-mode is one of disabled, preferred, required, verify-ca, verify-identity");
}

static void every_part_of_a_url_is_understood(void **state)
{
	struct place *t = *state;
	place_of(t,
		"mysql://sh%40p:a%2Fb%3A@c@DB.example.org:3307/my%2Fshop?ssl-mode=verify-identity&ssl-ca=/etc/ca.pem");
	assert_string_equal(t->p.user, "sh@p");
	assert_string_equal(t->p.password, "a/b:@c");
	assert_string_equal(t->p.host, "DB.example.org");
	assert_int_equal(t->p.port, 3307);
	assert_string_equal(t->p.database, "my/shop");
	assert_string_equal(t->p.ssl_mode, "verify-identity");
	assert_string_equal(t->p.ssl_ca, "/etc/ca.pem");
	assert_string_equal(
		t->u.shown, "mysql://sh%40p@DB.example.org:3307/my%2Fshop?ssl-mode=verify-identity&ssl-ca=/etc/ca.pem");
	assert_string_equal(t->u.identity, "/mysql/db.example.org:3307/my%2Fshop");
	assert_string_equal(t->u.name, "my_shop");
	place_of(t, "mariadb://root@[fe80::1]:3308/d");
	assert_string_equal(t->p.host, "fe80::1");
	assert_int_equal(t->p.port, 3308);
	assert_null(t->p.password);
	assert_string_equal(t->u.shown, "mysql://root@[fe80::1]:3308/d");
	place_of(t, "mysql:///..?socket=/run/my%20sql.sock");
	assert_string_equal(t->p.socket, "/run/my sql.sock");
	assert_null(t->p.host);
	assert_string_equal(t->u.shown, "mysql:///..?socket=/run/my%20sql.sock");
	assert_string_equal(t->u.identity, "/mysql/run/my sql.sock/%2E.");
	assert_string_equal(t->u.name, "_.");
}

static void what_is_shown_is_read_as_the_same_place(void **state)
{
	struct place *t = *state;
	place_of(t, "mysql://u@h:1/d%25%20x?ssl-key=/k%26&defaults-file=/dev/null");
	AUTO_FREE char *shown = mem_string(t->u.shown), *identity = mem_string(t->u.identity);
	place_of(t, shown);
	assert_string_equal(t->u.shown, shown);
	assert_string_equal(t->u.identity, identity);
	assert_string_equal(t->p.database, "d% x");
	assert_string_equal(t->p.ssl_key, "/k&");
}

static void the_same_name_on_two_ports_is_two_places(void **state)
{
	struct place *t = *state;
	place_of(t, "mysql://localhost/d?defaults-file=/dev/null");
	assert_string_equal(t->u.identity, "/mysql/localhost/d");
	assert_false(t->p.tcp);
	place_of(t, "mysql://localhost:3307/d?defaults-file=/dev/null");
	assert_string_equal(t->u.identity, "/mysql/localhost:3307/d");
	assert_true(t->p.tcp);
	place_of(t, "mysql://db/d?defaults-file=/dev/null");
	assert_string_equal(t->u.identity, "/mysql/db:3306/d");
}

static void what_a_url_lacks_comes_from_option_files(void **state)
{
	struct place *t = *state;
	write_file(t, ".my.cnf",
		"[mysqld]\nuser=server\n\n# note\n[client]\nuser = \"us er\"\npassword='p#w\\\\d' \nhost=db1 # the "
		"first\nport=3399\n"
		"ssl_ca=/ca.pem\nssl-verify-server-cert\n[mysqldump]\npassword=other\n",
		0600);
	place_of(t, "mysql:///d");
	assert_string_equal(t->p.user, "us er");
	assert_string_equal(t->p.password, "p#w\\d");
	assert_string_equal(t->p.host, "db1");
	assert_int_equal(t->p.port, 3399);
	assert_string_equal(t->p.ssl_mode, "verify-identity");
	assert_string_equal(t->p.ssl_ca, "/ca.pem");
	assert_string_equal(t->u.identity, "/mysql/db1:3399/d");
	assert_string_equal(t->u.shown, "mysql:///d");
	place_of(t, "mysql://me:mine@db2:3400/d?ssl-mode=disabled");
	assert_string_equal(t->p.user, "me");
	assert_string_equal(t->p.password, "mine");
	assert_string_equal(t->p.host, "db2");
	assert_int_equal(t->p.port, 3400);
	assert_string_equal(t->p.ssl_mode, "disabled");
}

static void a_socket_of_an_option_file_is_not_for_another_host(void **state)
{
	struct place *t = *state;
	write_file(t, ".my.cnf", "[client]\nsocket=/run/s\n", 0600);
	place_of(t, "mysql:///d");
	assert_string_equal(t->p.socket, "/run/s");
	place_of(t, "mysql://localhost/d");
	assert_string_equal(t->p.socket, "/run/s");
	place_of(t, "mysql://localhost:3307/d");
	assert_null(t->p.socket);
	place_of(t, "mysql://other/d");
	assert_null(t->p.socket);
}

static void an_option_file_that_everybody_may_write_is_not_used(void **state)
{
	struct place *t = *state;
	write_file(t, ".my.cnf", "[client]\nhost=evil\n", 0666);
	place_of(t, "mysql:///d");
	assert_null(t->p.host);
}

static void files_are_included(void **state)
{
	struct place *t = *state;
	AUTO_FREE char *conf = mem_printf("%s/conf.d", t->dir),
		       *text = mem_printf("!includedir %s\n!include %s/.my.cnf\n[client]\nport=1\n", conf, t->dir);
	assert_int_equal(mkdir(conf, 0700), 0);
	write_file(t, "conf.d/a.cnf", "[client]\nhost=a\nport=7\n", 0600);
	write_file(t, "conf.d/b.txt", "[client]\nhost=b\n", 0600);
	write_file(t, ".my.cnf", text, 0600);
	place_of(t, "mysql:///d");
	assert_string_equal(t->p.host, "a");
	assert_int_equal(t->p.port, 1);
}

static void a_named_option_file_replaces_the_usual_ones_and_must_be_there(void **state)
{
	struct place *t = *state;
	write_file(t, ".my.cnf", "[client]\nhost=usual\n", 0600);
	write_file(t, "own.cnf", "[client]\nuser=own\n", 0600);
	AUTO_FREE char *url = mem_printf("mysql:///d?defaults-file=%s/own.cnf", t->dir);
	place_of(t, url);
	assert_string_equal(t->p.user, "own");
	assert_null(t->p.host);
	struct source_url u = {0};
	assert_int_equal(
		source_url_parse("mysql:///d?defaults-file=/nonexistent/x.cnf", true, NULL, &u, &t->e), -ERR_NOT_FOUND);
	assert_non_null(strstr(t->e.text, "/nonexistent/x.cnf"));
}

static void the_password_comes_last_from_the_environment(void **state)
{
	struct place *t = *state;
	setenv("MYSQL_PWD", "from env", 1);
	place_of(t, "mysql://u@h/d");
	assert_string_equal(t->p.password, "from env");
	place_of(t, "mysql://u:url@h/d");
	assert_string_equal(t->p.password, "url");
	place_of(t, "mysql://u:@h/d");
	assert_string_equal(t->p.password, "");
	unsetenv("MYSQL_PWD");
}

static void check_args(const struct my_place *p, bool mariadb_tool, const char *expected)
{
	CLEANUP(strlist_release) struct strlist argv = {0};
	my_tool_args(p, mariadb_tool, &argv);
	AUTO_FREE char *all = strlist_join(&argv, " ");
	assert_string_equal(all, expected);
}

static void the_tools_get_no_option_files_and_no_password_on_their_command_line(void **state)
{
	struct place *t = *state;
	CLEANUP(strlist_release) struct strlist env = {0};
	place_of(t, "mysql://u:geheim@h/d");
	check_args(&t->p, true,
		"--no-defaults --user=u --host=h --port=3306 --protocol=TCP --ssl --skip-ssl-verify-server-cert");
	check_args(&t->p, false, "--no-defaults --user=u --host=h --port=3306 --protocol=TCP --ssl-mode=preferred");
	my_tool_env(&t->p, &env);
	assert_string_equal(env.v[0], "MYSQL_PWD=geheim");
	place_of(t, "mysql:///d?socket=/s&ssl-mode=disabled");
	check_args(&t->p, true, "--no-defaults --host=localhost --socket=/s --skip-ssl");
	place_of(t, "mysql://localhost:3307/d?ssl-mode=verify-ca&ssl-ca=/ca&ssl-cert=/c&ssl-key=/k");
	check_args(&t->p, true,
		"--no-defaults --host=localhost --port=3307 --protocol=TCP --ssl --ssl-verify-server-cert --ssl-ca=/ca "
		"--ssl-cert=/c --ssl-key=/k");
	check_args(&t->p, false,
		"--no-defaults --host=localhost --port=3307 --protocol=TCP --ssl-mode=VERIFY_CA --ssl-ca=/ca "
		"--ssl-cert=/c --ssl-key=/k");
}

static void names_and_literals_in_sql_are_quoted(void **state)
{
	AUTO_FREE char *sql = my_sql(
		"SELECT %I.%I, %L, %L %% %d %u %lld %llu %s", "a`b", "", "it's \\ x", NULL, -1, 2u, -3LL, 4ULL, "end");
	assert_string_equal(sql, "SELECT `a``b`.``, 'it\\'s \\\\ x', NULL % -1 2 -3 4 end");
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_makes_no_sense_is_refused_without_showing_a_password),
		T(every_part_of_a_url_is_understood),
		T(what_is_shown_is_read_as_the_same_place),
		T(the_same_name_on_two_ports_is_two_places),
		T(what_a_url_lacks_comes_from_option_files),
		T(a_socket_of_an_option_file_is_not_for_another_host),
		T(an_option_file_that_everybody_may_write_is_not_used),
		T(files_are_included),
		T(a_named_option_file_replaces_the_usual_ones_and_must_be_there),
		T(the_password_comes_last_from_the_environment),
		T(the_tools_get_no_option_files_and_no_password_on_their_command_line),
		T(names_and_literals_in_sql_are_quoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SQL text on its way into another database. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/my_restore.h"

#include <string.h>

static char *rewritten(const struct my_rewrite *r, const char *sql)
{
	struct buf out = BUF_INIT;
	my_rewrite(r, sql, strlen(sql), &out);
	char *text = buf_take_text(&out);
	return text;
}

static void becomes(const struct my_rewrite *r, const char *sql, const char *expected)
{
	AUTO_FREE char *text = rewritten(r, sql);
	assert_string_equal(text, expected);
}

static void what_asks_for_nothing_passes_unchanged(void **state)
{
	const struct my_rewrite r = {0};
	static const char *const same[] = {
		"", ";", "-- only a comment", "/* open", "'open", "`open", "\\", "DELIMITER", "DELIMITER ", "CREATE", "CREATE DEFINER", "CREATE DEFINER=",
		"CREATE DEFINER=`a`@", "CREATE TRIGGER", "CREATE TRIGGER t BEFORE INSERT ON", "DROP TRIGGER IF", "ALTER DATABASE",
		"INSERT INTO t VALUES ('CREATE TRIGGER a.b ON c.d', \"x;\\\"\", `q``;`);\nSELECT 1 # ;\n;",
		"CREATE DEFINER=`a`@`b` VIEW v AS SELECT 1;",
	};
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		becomes(&r, same[i], same[i]);
}

static void definers_go_only_where_create_has_them(void **state)
{
	const struct my_rewrite r = {.drop_definers = true};
	becomes(&r, "CREATE DEFINER=`a`@`b` FUNCTION f() RETURNS int RETURN 'DEFINER=`a`@`b`';",
		"CREATE  FUNCTION f() RETURNS int RETURN 'DEFINER=`a`@`b`';");
	becomes(&r, "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;",
		"/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013  SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;");
	becomes(&r, "/*!50003 CREATE*/ /*!50017 DEFINER=`a``x`@`b`*/ /*!50003 TRIGGER t BEFORE INSERT ON o FOR EACH ROW SET @definer = 1 */;;",
		"/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t BEFORE INSERT ON o FOR EACH ROW SET @definer = 1 */;;");
	becomes(&r, "CREATE DEFINER = CURRENT_USER() PROCEDURE p() SELECT 1;CREATE DEFINER=role EVENT e DO SELECT 1", "CREATE  PROCEDURE p() SELECT 1;CREATE  EVENT e DO SELECT 1");
}

static void a_delimiter_keeps_a_body_together(void **state)
{
	const struct my_rewrite r = {.drop_definers = true};
	becomes(&r, "DELIMITER ;;\nCREATE DEFINER=a@b PROCEDURE p() BEGIN SELECT 1; CREATE DEFINER=a@b VIEW v AS SELECT 1; END;;\nDELIMITER ;\nCREATE DEFINER=a@b VIEW w AS SELECT 1;",
		"DELIMITER ;;\nCREATE  PROCEDURE p() BEGIN SELECT 1; CREATE DEFINER=a@b VIEW v AS SELECT 1; END;;\nDELIMITER ;\nCREATE  VIEW w AS SELECT 1;");
}

static void definers_are_listed_once_each(void **state)
{
	struct strlist found = {0};
	const struct my_rewrite r = {.definers = &found};
	AUTO_FREE char *text = rewritten(&r, "CREATE DEFINER=`a``x`@`%` VIEW v AS SELECT 1;CREATE DEFINER=`a``x`@`%` VIEW w AS SELECT 1;"
		"CREATE DEFINER='o\\'k'@\"h\" VIEW x AS SELECT 1;CREATE DEFINER=`role` EVENT e DO SELECT 1;CREATE DEFINER=CURRENT_USER VIEW y AS SELECT 1;");
	assert_int_equal(found.n, 3);
	assert_string_equal(found.v[0], "'a`x'@'%'");
	assert_string_equal(found.v[1], "'o\\'k'@'h'");
	assert_string_equal(found.v[2], "'role'");
	strlist_release(&found);
}

static void triggers_lose_the_name_of_a_database(void **state)
{
	const struct my_rewrite r = {0};
	becomes(&r, "CREATE TRIGGER shop.t AFTER INSERT ON `shop`.`orders` FOR EACH ROW INSERT INTO shop.log VALUES (1);",
		"CREATE TRIGGER t AFTER INSERT ON `orders` FOR EACH ROW INSERT INTO shop.log VALUES (1);");
	becomes(&r, "CREATE OR REPLACE TRIGGER IF NOT EXISTS `a.b`.`c` BEFORE DELETE ON x FOR EACH ROW SET @a = 1",
		"CREATE OR REPLACE TRIGGER IF NOT EXISTS `c` BEFORE DELETE ON x FOR EACH ROW SET @a = 1");
	becomes(&r, "DROP TRIGGER /*!50032 IF EXISTS */ shop.t;", "DROP TRIGGER /*!50032 IF EXISTS */ t;");
}

static void alter_database_means_the_current_one(void **state)
{
	const struct my_rewrite r = {0};
	becomes(&r, "ALTER DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;", "ALTER DATABASE  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;");
	becomes(&r, "ALTER DATABASE CHARACTER SET utf8mb4;", "ALTER DATABASE CHARACTER SET utf8mb4;");
}

static void sequences_are_looked_for_in_the_new_database(void **state)
{
	const struct my_rewrite r = {.sequences = true, .from = "sh`op", .to = "new"};
	becomes(&r, "CREATE TABLE t (id int DEFAULT nextval(`sh``op`.`s`), v varchar(9) DEFAULT 'nextval(`sh``op`.`s`)', w int DEFAULT nextval(`else`.`s`));",
		"CREATE TABLE t (id int DEFAULT nextval(`new`.`s`), v varchar(9) DEFAULT 'nextval(`sh``op`.`s`)', w int DEFAULT nextval(`else`.`s`));");
}

static void the_name_of_the_scratch_database_goes(void **state)
{
	const struct my_rewrite r = {.unqualify = "x_restore_01234567"};
	becomes(&r, "CREATE VIEW `v` AS select `x_restore_01234567`.`t`.`id` AS `id`,'`x_restore_01234567`.`t`' AS `s` from `x_restore_01234567`.`t`",
		"CREATE VIEW `v` AS select `t`.`id` AS `id`,'`x_restore_01234567`.`t`' AS `s` from `t`");
}

static void only_a_change_of_the_character_set_may_be_sent(void **state)
{
	static const char *const yes[] = {"ALTER DATABASE `a;b` CHARACTER SET latin1 COLLATE latin1_bin ;\n", "alter schema `x` default character set = utf8mb4;",
		"ALTER DATABASE COLLATE utf8mb4_bin; ALTER DATABASE `x` CHARSET latin1"};
	static const char *const no[] = {"", ";", "-- x", "ALTER DATABASE `x`;", "USE `x`;", "CREATE DATABASE `x` CHARACTER SET latin1;",
		"ALTER DATABASE `x` CHARACTER SET latin1; USE `y`;", "ALTER DATABASE `x` UPGRADE DATA DIRECTORY NAME;", "ALTER DATABASE `x` READ ONLY = 1;",
		"ALTER DATABASE `x` COLLATE latin1_bin COMMENT 'y';", "ALTER TABLE `x` COLLATE latin1_bin;", "ALTER DATABASE `x` COLLATE (SELECT 1);"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(my_is_charset_change(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(my_is_charset_change(no[i], strlen(no[i])));
}

static void only_names_of_three_parts_lose_the_database_of_a_view(void **state)
{
	const struct my_rewrite r = {.column_database = "shop"};
	becomes(&r, "CREATE VIEW `shop` AS select `shop`.`log`.`id` AS `id`,`shop`.`id` AS `x` from (`log` join `shop`) where `other`.`log`.`id` = 'shop.`a`.`b`';",
		"CREATE VIEW `shop` AS select `log`.`id` AS `id`,`shop`.`id` AS `x` from (`log` join `shop`) where `other`.`log`.`id` = 'shop.`a`.`b`';");
}

static void defers(const char *sql, const char *create, const char *keys)
{
	struct buf out = BUF_INIT, more = BUF_INIT;
	assert_int_equal(my_defer_keys(sql, strlen(sql), &out, &more), create != NULL);
	assert_string_equal(buf_text(&out), create ? create : "");
	assert_string_equal(buf_text(&more), keys);
	buf_release(&out);
	buf_release(&more);
}

static void indexes_that_can_wait_are_taken_out_of_a_table(void **state)
{
	defers("CREATE TABLE `t` (\n  `a` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`a`),\n  UNIQUE KEY `u` (`b`),\n  KEY `k,` (`b`),\n  KEY `l` (`c`)\n) ENGINE=InnoDB;\n",
		"CREATE TABLE `t` (\n  `a` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`a`),\n  UNIQUE KEY `u` (`b`)\n) ENGINE=InnoDB;\n",
		"ADD KEY `k,` (`b`), ADD KEY `l` (`c`)");
	defers("CREATE TABLE `t` (\n  `a` int,\n  KEY `k` (`a`),\n  CHECK (`a` > 0)\n) ENGINE=InnoDB", "CREATE TABLE `t` (\n  `a` int,\n  CHECK (`a` > 0)\n) ENGINE=InnoDB",
		"ADD KEY `k` (`a`)");
}

static void tables_that_might_not_become_the_same_stay_as_they_are(void **state)
{
	static const char *const same[] = {
		"", "\n", "  KEY `", "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `a` int,\n  KEY `k` (`a`)\n) ENGINE=MyISAM",
		"CREATE TABLE `t` (\n  `a` int,\n  KEY `k` (`a`),\n  CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `p` (`a`)\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `a` int,\n  SPATIAL KEY `s` (`p`),\n  KEY `k` (`a`)\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `a` text,\n  KEY `k` (`a`(3)),\n  FULLTEXT KEY `f` (`a`)\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `n` int AUTO_INCREMENT,\n  `a` int,\n  PRIMARY KEY (`a`),\n  KEY `n` (`n`)\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `n` int AUTO_INCREMENT,\n  KEY `n` (`n`)\n) ENGINE=InnoDB",
		"CREATE TABLE `t` (\n  `n` int AUTO_INCREMENT,\n  PRIMARY KEY (`n``x`),\n  KEY `n` (`n`)\n) ENGINE=InnoDB",
	};
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		defers(same[i], NULL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_asks_for_nothing_passes_unchanged),
		cmocka_unit_test(definers_go_only_where_create_has_them),
		cmocka_unit_test(a_delimiter_keeps_a_body_together),
		cmocka_unit_test(definers_are_listed_once_each),
		cmocka_unit_test(triggers_lose_the_name_of_a_database),
		cmocka_unit_test(alter_database_means_the_current_one),
		cmocka_unit_test(sequences_are_looked_for_in_the_new_database),
		cmocka_unit_test(the_name_of_the_scratch_database_goes),
		cmocka_unit_test(only_a_change_of_the_character_set_may_be_sent),
		cmocka_unit_test(only_names_of_three_parts_lose_the_database_of_a_view),
		cmocka_unit_test(indexes_that_can_wait_are_taken_out_of_a_table),
		cmocka_unit_test(tables_that_might_not_become_the_same_stay_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

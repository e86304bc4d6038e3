#include "unit/engine/sqldump_helper.h"

static void what_has_no_list_of_columns_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"SELECT 1",
		"CREATE TABLE",
		"CREATE TABLE a",
		"CREATE TABLE a LIKE b",
		"CREATE VIEW a AS SELECT 1",
		"DROP TABLE a (b int)",
		"CREATE OR REPLACE TEMPORARY x y TABLE a (b int)",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rows_table t;
		struct error e = {0};
		assert_int_equal(sqldump_table_parse(cases[i], &t, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, "not a CREATE TABLE with a list of columns");
		assert_null(t.name);
	}
}

static void a_list_that_is_cut_short_is_refused(void **state)
{
	static const char *const cases[] = {
		"CREATE TABLE a (",          "CREATE TABLE a ()",          "CREATE TABLE a (b int",
		"CREATE TABLE a (b int, `c", "CREATE TABLE a (b enum('x'", "CREATE TABLE a (b int, PRIMARY KEY (b",
		"CREATE TABLE a (KEY (b))",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rows_table t;
		struct error e = {0};
		assert_int_equal(sqldump_table_parse(cases[i], &t, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, "the columns of table a cannot be told");
		assert_null(t.name);
	}
}

static void assert_columns(const char *sql, const char *name, const char *want)
{
	struct rows_table t;
	struct error e = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	if (sqldump_table_parse(sql, &t, &e))
		fail_msg("%s", e.text);
	for (size_t i = 0; i < t.column_count; i++)
		buf_printf(&b, "%s%s=%s#%d%s", i ? " | " : "", t.columns[i].name, t.columns[i].type, t.columns[i].key,
			   t.columns[i].generated ? "g" : "");
	assert_string_equal(buf_text(&b), want);
	assert_string_equal(t.name, name);
	assert_string_equal(t.sql, sql);
	assert_null(t.schema);
	sqldump_table_release(&t);
}

static void names_types_and_keys_are_read(void **state)
{
	assert_columns(
		"CREATE TABLE `a` (\n  `id` int(10) unsigned zerofill NOT NULL AUTO_INCREMENT,\n  `b` varchar(20) "
		"COLLATE x DEFAULT 'PRIMARY KEY, (',\n"
		"  `c` enum('a,b',')','it''s') DEFAULT NULL,\n  `d` decimal(10,2) DEFAULT NULL,\n  PRIMARY KEY "
		"(`b`(3),`id` DESC) USING BTREE,\n"
		"  KEY `x` (`c`),\n  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `z` (`q`) ON DELETE SET NULL\n) "
		"ENGINE=InnoDB",
		"a",
		"id=int(10) unsigned zerofill#2 | b=varchar(20)#1 | c=enum('a,b',')','it''s')#0 | d=decimal(10,2)#0");
}

static void generated_columns_are_known(void **state)
{
	assert_columns("CREATE TABLE a (x int, y int GENERATED ALWAYS AS (x + (2 * 3)) STORED, z int as (x) virtual, "
		       "s timestamp(6) GENERATED ALWAYS AS ROW START, w int COMMENT 'GENERATED AS' DEFAULT (x))",
		       "a", "x=int#0 | y=int#0g | z=int#0g | s=timestamp(6)#0g | w=int#0");
}

static void odd_spellings_are_read(void **state)
{
	assert_columns("create table if not exists `shop`.`we ird`` (;` (`b``c` INT primary key, /* `no` int, */ `d` "
		       "text -- , e int\n)",
		       "we ird` (;", "b`c=INT#1 | d=text#0");
	assert_columns("/*!50001 CREATE TABLE \"v\" (\n  \"a\" tinyint NOT NULL\n) ENGINE=MyISAM */", "v",
		       "a=tinyint#0");
	assert_columns("CREATE TEMPORARY TABLE t (`key` int, `primary` double precision, `check` bit(3) /*!80023 "
		       "INVISIBLE */, check (`key` > 0), "
		       "constraint primary key (`primary`), period for system_time (a,b))",
		       "t", "key=int#0 | primary=double precision#1 | check=bit(3)#0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_list_of_columns_is_refused),
		cmocka_unit_test(a_list_that_is_cut_short_is_refused),
		cmocka_unit_test(names_types_and_keys_are_read),
		cmocka_unit_test(generated_columns_are_known),
		cmocka_unit_test(odd_spellings_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit/engine/sqldump_helper.h"

/* ---- failing paths ---- */

static void a_dump_that_ends_within_a_statement_is_told_with_its_line(void **state)
{
	static const struct {
		const char *sql;
		int line;
	} cases[] = {
		{"SET NAMES utf8;\n\nDROP TABLE `a", 3},
		{"CREATE TABLE a (b int);\nINSERT INTO a VALUES (1),\n(2),\n(3", 2},
		{"INSERT INTO a VALUES (1),(2)", 1},
		{"INSERT INTO a VALUES (1),(2),", 1},
		{"INSERT INTO a VALUES ('x\n\n", 1},
		{"-- x\n\n/* not closed", 3},
		{"DELIMITER ;;\ncreate procedure a() begin end;", 2},
		{"\nUNLOCK TABLES", 2},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sqldump_map m;
		struct error e = {0};
		AUTO_FREE char *want = mem_printf("ends in the middle of a statement (line %d)", cases[i].line);
		for (size_t piece = 1; piece < 100; piece += 49) {
			assert_int_equal(watch_pieces(cases[i].sql, strlen(cases[i].sql), 0, piece, &m, &e),
					 -ERR_CORRUPT);
			assert_string_equal(e.text, want);
		}
	}
}

static void test_B1_a_truncated_dump_is_never_complete(void **state)
{
	static const char *const files[] = {"mysql-8.sql", "mariadb-10.11.sql"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(buf_release) struct buf sql = dump_file(files[i]);
		struct sqldump_map m;
		struct error e = {0};
		/* Each byte of the short one, and of the end of the long one. */
		for (size_t n = sql.len > 5000 ? sql.len - 200 : 0; n < sql.len; n++) {
			int err = watch_pieces(sql.p, n, 0, n + 1, &m, &e);
			assert_true(err == -ERR_CORRUPT || (err == 0 && !m.complete));
			sqldump_map_release(&m);
		}
		assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
		assert_true(m.complete);
		sqldump_map_release(&m);
	}
}

static void only_a_comment_at_the_very_end_is_the_trailer(void **state)
{
	static const struct {
		const char *sql;
		bool complete;
	} cases[] = {
		{"SELECT 1;\n-- Dump completed\n", true},
		{"SELECT 1;\n-- Dump completed on 2026-11-21 10:36:29\n\n", true},
		{"SELECT 1;\r\n-- Dump completed\r\n", true},
		{"SELECT 1;\n-- Dump completed", false},
		{"SELECT 1;\n-- Dump completedly\n", false},
		{"SELECT 1;\n-- Dump completed\nSELECT 2;\n", false},
		{"SELECT '\n-- Dump completed\n';\n", false},
		{"INSERT INTO a VALUES ('\n-- Dump completed\n');\n", false},
		{"/*\n-- Dump completed\n*/\n", false},
		{"", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sqldump_map m;
		struct error e = {0};
		assert_int_equal(watch_pieces(cases[i].sql, strlen(cases[i].sql), 0, 7, &m, &e), 0);
		assert_int_equal(m.complete, cases[i].complete);
		sqldump_map_release(&m);
	}
}

static void what_must_not_be_given_to_a_client_is_found(void **state)
{
	static const struct {
		const char *sql, *command, *foreign;
	} cases[] = {
		{"SELECT 1;\n\\! id\nSELECT 2;\n", "\\", NULL},
		{"system id;\n", "system", NULL},
		{"CREATE TABLE a (b int) \\g\n;", "\\", NULL},
		{"/*M!999999\\! id */\nSELECT 1;\n", "\\", NULL},
		{"/*M!999999\\- enable the sandbox mode */ \nINSERT INTO a VALUES ('\\! id');\n-- \\! id\nSELECT '\\! "
		 "id' /* \\! */;\n",
		 NULL, NULL},
		{"INSERT INTO `shop`.`orders` VALUES (1);\n", NULL, "orders"},
		{"INSERT INTO a VALUES (1);\nINSERT INTO b.c VALUES (1);\n", NULL, "c"},
		{"DROP TABLE IF EXISTS shop.orders;\n", NULL, "orders"},
		{"DELETE FROM shop.orders;\n", NULL, "orders"},
		{"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = b.c;\n", NULL, NULL},
		{"DROP TRIGGER shop.t;\n", NULL, "t"},
		/* What is written into a table is not hidden by a trigger of that table's name. */
		{"INSERT INTO shop.orders VALUES (1);\nCREATE TRIGGER shop.t BEFORE INSERT ON shop.orders FOR EACH ROW SET @a = 1;\n",
		 NULL, "orders"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sqldump_map m;
		struct error e = {0};
		assert_int_equal(watch_pieces(cases[i].sql, strlen(cases[i].sql), 0, 100, &m, &e), 0);
		assert_true(!m.command == !cases[i].command &&
			    (!m.command || strcmp(m.command, cases[i].command) == 0));
		assert_true(!m.foreign == !cases[i].foreign &&
			    (!m.foreign || strcmp(m.foreign, cases[i].foreign) == 0));
		sqldump_map_release(&m);
	}
}

static void a_trigger_with_a_databases_name_is_told_from_what_writes_there(void **state)
{
	static const struct {
		const char *sql;
		bool qualified;
	} cases[] = {
		{"CREATE TRIGGER shop.t BEFORE INSERT ON a FOR EACH ROW SET @a = 1;\n", true},
		{"/*!50003 CREATE TRIGGER t BEFORE INSERT ON `shop`.`a` FOR EACH ROW SET @a = 1 */;\n", true},
		{"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW INSERT INTO shop.a VALUES (1);\n", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sqldump_map m;
		struct error e = {0};
		assert_int_equal(watch_pieces(cases[i].sql, strlen(cases[i].sql), 0, 100, &m, &e), 0);
		assert_null(m.foreign);
		assert_int_equal(m.qualified_triggers, cases[i].qualified);
		sqldump_map_release(&m);
	}
}

static void a_character_set_with_backslashes_in_characters_is_refused(void **state)
{
	static const struct {
		const char *sql;
		int err;
	} cases[] = {
		{"SET NAMES gbk;\nINSERT INTO a VALUES ('\xbf\\');\n", -ERR_REFUSED},
		{"/*!40101 SET NAMES big5 */;\nSELECT 1;\n", -ERR_REFUSED},
		{"SET CHARACTER SET 'sjis';\nSELECT 1;\n", -ERR_REFUSED},
		{"SET @x = 1, @@character_set_client := CP932;\nSELECT 1;\n", -ERR_REFUSED},
		{"SET @@SESSION.character_set_client=gb18030;\nSELECT 1;\n", -ERR_REFUSED},
		{"SET NAMES utf8mb4;\nSELECT 'SET NAMES gbk';\n", 0},
		{"SET NAMES latin1;\nSET character_set_results = gbk;\n", 0},
		{"CREATE TABLE a (b int);\nDELIMITER ;;\nSET character_set_client = gbk ;;\nCREATE TRIGGER t BEFORE INSERT ON a "
		 "FOR EACH ROW SET @a = 1 ;;\nDELIMITER ;\n", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sqldump_map m = {0};
		struct error e = {0};
		assert_int_equal(watch_pieces(cases[i].sql, strlen(cases[i].sql), 0, 100, &m, &e), cases[i].err);
		if (i == 0)
			assert_string_equal(e.text, "it is written in the character set gbk, in which a character may end in a backslash");
		sqldump_map_release(&m);
	}
}

/* ---- parts ---- */

static void a_dump_of_mariadb_is_told_apart(void **state)
{
	static const char want[] = "head sequence:s1 sequence:s2 table:customers rows:customers(3) triggers:customers "
				   "table:empty_one rows:empty_one(0) "
				   "table:nokey rows:nokey(3) table:orders rows:orders(2) triggers:orders table:parts "
				   "rows:parts(2) stand-in:v1 stand-in:v2 "
				   "table:versioned rows:versioned(1) table:we ird` na;me rows:we ird` na;me(1) events "
				   "routines view:v1 view:v2 tail";
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql");
	struct sqldump_map m;
	struct error e = {0};
	assert_outline(buf_text(&sql), want);
	assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
	assert_string_equal(m.client, "mariadb-dump 10.19-10.11.19");
	assert_string_equal(m.server, "10.11.19-MariaDB-0+deb12u1");
	assert_string_equal(m.database, "shop");
	assert_true(m.complete && m.views == 2 && m.triggers == 3 && m.routines == 2 && m.events == 1 &&
		    m.sequences == 2);
	assert_true(m.databases == 0 && !m.command && !m.foreign);
	sqldump_map_release(&m);
}

static void a_dump_of_mysql_is_told_apart(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mysql-8.sql");
	struct sqldump_map m;
	struct error e = {0};
	assert_outline(buf_text(&sql), "head database table:orders rows:orders(3) triggers:orders other stand-in:cheap "
				       "events database:shop events database:shop events "
				       "routines view:cheap database tail");
	assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
	assert_string_equal(m.client, "mysqldump 10.13-8.0.36");
	assert_string_equal(m.server, "8.0.36-0ubuntu0.22.04.1");
	for (size_t i = 0; i < m.n; i++) {
		AUTO_FREE char *part = mem_string_n((char *)sql.p + m.v[i].offset, m.v[i].length);
		bool apart = strstr(part, "GTID_PURGED") || strstr(part, "ALTER DATABASE") ||
			     strstr(part, "SET @@SESSION.SQL_LOG_BIN");
		assert_int_equal(m.v[i].kind == SQLDUMP_DATABASE, apart);
		assert_false(m.v[i].kind == SQLDUMP_DATABASE && strstr(part, "DELIMITER"));
	}
	sqldump_map_release(&m);
}

static void without_comments_and_locks_the_statements_tell(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-compact.sql");
	assert_outline(buf_text(&sql), "sequence:s1 sequence:s2 table:customers rows:customers(3) triggers:customers "
				       "table:empty_one table:nokey rows:nokey(3) "
				       "table:orders rows:orders(2) triggers:orders table:parts rows:parts(2) "
				       "stand-in:v1 stand-in:v2 table:versioned rows:versioned(1) "
				       "table:we ird` na;me rows:we ird` na;me(1) view:v1 view:v2");
}

static void a_file_of_phpmyadmin_is_told_apart(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("phpmyadmin.sql");
	assert_outline(buf_text(&sql), "head other routines table:a rows:a(3)! triggers:a stand-in:v view:v other");
}

static void files_of_heidisql_and_adminer_are_told_apart(void **state)
{
	assert_outline(
		"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\nSET NAMES utf8;\n"
		"CREATE DATABASE IF NOT EXISTS `shop` /*!40100 DEFAULT CHARACTER SET utf8 */;\nUSE `shop`;\n"
		"CREATE TABLE IF NOT EXISTS `a` (\n  `id` int(11)\n);\nDELETE FROM `a`;\n/*!40000 ALTER TABLE `a` "
		"DISABLE KEYS */;\n"
		"INSERT INTO `a` (`id`) VALUES\n\t(1),\n\t(2);\n/*!40000 ALTER TABLE `a` ENABLE KEYS */;\n"
		"CREATE TABLE `v` (\n\t`id` INT(11) NULL\n) ENGINE=MyISAM;\n"
		"SET @OLDTMP_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_ZERO_DATE';\nDELIMITER //\n"
		"CREATE TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW BEGIN SELECT 1; END//\nDELIMITER ;\nSET "
		"SQL_MODE=@OLDTMP_SQL_MODE;\n"
		"DROP TABLE IF EXISTS `v`;\nCREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1;\n"
		"/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;\n",
		"head database:shop table:a other rows:a(2) stand-in:v triggers:a view:v tail");
	assert_outline("-- Adminer 4.8.1 MySQL 8.0 dump\n\nSET NAMES utf8;\nSET foreign_key_checks = 0;\n\nDELIMITER "
		       ";;\n\nDROP PROCEDURE IF EXISTS `p`;;\n"
		       "CREATE PROCEDURE `p` ()\nBEGIN SELECT 1; END;;\n\nDELIMITER ;\n\nSET NAMES utf8mb4;\n\nDROP "
		       "TABLE IF EXISTS `a`;\n"
		       "CREATE TABLE `a` (`id` int);\n\nINSERT INTO `a` (`id`) VALUES\n(1),\n(2)\nON DUPLICATE KEY "
		       "UPDATE `id` = VALUES(`id`);\n\n"
		       "DROP VIEW IF EXISTS `v`;\nCREATE TABLE `v` (`id` int);\n\nDROP TABLE IF EXISTS `v`;\nCREATE "
		       "VIEW `v` AS select 1;\n\n-- 2026-11-21\n",
		       "head routines other table:a rows:a(2)! stand-in:v view:v");
}

static void what_newer_versions_write_is_told_apart(void **state)
{
	assert_outline(
		"/*M!999999\\- enable the sandbox mode */ \n/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n"
		"/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;\n"
		"CREATE SEQUENCE `s` start with 1;\nDO SETVAL(`s`, 1, 0);\n"
		"CREATE TABLE `t` (`a` int);\nset autocommit=0;\nLOCK TABLES `t` WRITE;\nINSERT INTO `t` "
		"VALUES\n(1);\nUNLOCK TABLES;\ncommit;\n"
		"/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;\n-- Dump completed\n",
		"head sequence:s table:t rows:t(1) tail");
	assert_outline("SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\nSET NAMES "
		       "utf8mb4;\n"
		       "CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1);\nSET @@SESSION.SQL_LOG_BIN = "
		       "@MYSQLDUMP_TEMP_LOG_BIN;\n",
		       "head database head table:t rows:t(1) database");
}

static void rows_that_need_more_than_themselves_are_not_plain(void **state)
{
	assert_outline("INSERT INTO a VALUES (1),(2);\nINSERT INTO a (b) VALUES (3);\n", "rows:a(3)");
	assert_outline("INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nINSERT INTO a VALUES (2);\n",
		       "rows:a(1)! rows:b(1) rows:a(1)!");
	assert_outline("INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE b=VALUES(b);\n", "rows:a(1)!");
	assert_outline("INSERT INTO a SELECT * FROM b ON DUPLICATE KEY UPDATE b= VALUES (b);\n", "rows:a(0)!");
	assert_outline("INSERT INTO a SET b=1;\n", "rows:a(0)!");
	assert_outline("LOCK TABLES a WRITE;\nINSERT INTO a VALUES (1);\n", "rows:a(1)!");
	assert_outline("LOCK TABLES a WRITE;\nINSERT INTO b VALUES (1);\nUNLOCK TABLES;\n", "rows:a(0)! rows:b(1)!");
	assert_outline("START TRANSACTION;\nINSERT INTO a VALUES (1);\nCOMMIT;\n", "other rows:a(1)!");
	assert_outline("SET autocommit=0;\nINSERT INTO a VALUES (1);\nCOMMIT;\n", "other rows:a(1)!");
	assert_outline("SET NAMES utf8;\nDROP TABLE a;\nCREATE TABLE a (b int);\nSET sql_mode='';\nINSERT INTO a "
		       "VALUES (1);\n",
		       "head table:a other rows:a(1)!");
	assert_outline("REPLACE INTO a VALUES (1);\nINSERT IGNORE INTO a VALUES (2);\n", "rows:a(2)");
	assert_outline("LOCK TABLES `a` WRITE;\n/*!40000 ALTER TABLE `a` DISABLE KEYS */;\nset autocommit=0;\nINSERT "
		       "INTO `a` VALUES (1);\n"
		       "/*!40000 ALTER TABLE `a` ENABLE KEYS */;\nUNLOCK TABLES;\ncommit;\n",
		       "rows:a(1)");
}

static void every_statement_belongs_somewhere(void **state)
{
	assert_outline("CREATE DATABASE `a`;\nUSE `a`;\nCREATE TABLE t (b int);\nUSE c;\n",
		       "database:a table:t database:c");
	assert_outline("DROP TABLE IF EXISTS a, b;\nDROP TABLE c;\nCREATE TABLE d LIKE e;\nTRUNCATE d;\n",
		       "other other table:d other");
	assert_outline("CHANGE MASTER TO MASTER_LOG_FILE='x';\nSTART SLAVE;\nSET GLOBAL x=1;\n", "database");
	assert_outline("-- only a comment\n", "head");
	assert_outline(";;\n;", "head");
	assert_outline("CREATE TABLE a (b int);\nDELIMITER //\nCREATE TRIGGER t AFTER DELETE ON a FOR EACH ROW BEGIN "
		       "SELECT 1; /* // */ END //\n//\n"
		       "DELIMITER ;\nINSERT INTO a VALUES (1);\n",
		       "table:a triggers:a rows:a(1)");
	assert_outline("\xef\xbb\xbfINSERT INTO a VALUES (1);\n", "rows:a(1)");
	assert_outline("insert  into a values(1) , -- one\n (2)\n/* ; */,(3) # more\n ;\n", "rows:a(3)");
	assert_outline("INSERT INTO a VALUES (1,(2),'(' \")\", `)`, x -- )\n, 0x29 /* ) */);\n", "rows:a(1)");
	assert_outline("INSERT INTO a VALUES (1-1,2--1,3/4,'a\\\\','b''','');\nDROP TABLE c;\n", "rows:a(1) other");
	assert_outline("INSERT INTO `values` (`values`) VALUES (1);\n", "rows:values(1)");
}

static void the_create_statement_is_kept(void **state)
{
	static const char sql[] =
		"/*!40101 SET @saved_cs_client = @@x */;\nCREATE TABLE `a;` (\n  `b` int -- ;\n) COMMENT='\\';' ;\n";
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(watch_pieces(sql, strlen(sql), 0, 3, &m, &e), 0);
	assert_int_equal(m.n, 1);
	assert_string_equal(m.v[0].name, "a;");
	assert_string_equal(m.v[0].sql, "CREATE TABLE `a;` (\n  `b` int -- ;\n) COMMENT='\\';'");
	sqldump_map_release(&m);
}

static void a_rows_hash_is_the_sum_of_its_tuples(void **state)
{
	static const char *const same[] = {
		"INSERT INTO a VALUES (1,'x'),(2,'y');\n",
		"INSERT INTO a VALUES\n(2,'y'),\n(1,'x');\n",
		"INSERT INTO a VALUES (2,'y');\nREPLACE INTO a (`p`,`q`) VALUES (1,'x');\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct sqldump_map m;
		struct error e = {0};
		assert_int_equal(watch_pieces(same[i], strlen(same[i]), 0, 5, &m, &e), 0);
		/* xxhsum -H2 of "1,'x'" and "2,'y'", added up. */
		assert_string_equal(m.v[0].row_hash, "xxh128:254cc600dbfcf4b7621575abc7c5957d");
		sqldump_map_release(&m);
	}
}

/* ---- any split ---- */

static void where_the_bytes_are_split_makes_no_difference(void **state)
{
	static const char *const files[] = {"mysql-8.sql", "phpmyadmin.sql"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(buf_release) struct buf sql = dump_file(files[i]);
		struct sqldump_map m;
		struct error e = {0};
		assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
		AUTO_FREE char *want = map_text(&m);
		sqldump_map_release(&m);
		for (size_t first = 1; first < sql.len; first++) {
			assert_int_equal(watch_pieces(sql.p, sql.len, first, sql.len, &m, &e), 0);
			AUTO_FREE char *have = map_text(&m);
			assert_string_equal(have, want);
			sqldump_map_release(&m);
		}
	}
}

static void bytes_one_by_one_give_the_same(void **state)
{
	static const char *const files[] = {"mysql-8.sql", "phpmyadmin.sql", "mariadb-10.11.sql",
					    "mariadb-compact.sql"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(buf_release) struct buf sql = dump_file(files[i]);
		struct sqldump_map m;
		struct error e = {0};
		AUTO_FREE char *want = NULL;
		for (size_t piece = 20000; piece > 0; piece = piece > 40 ? piece - 1999 : piece - 1) {
			assert_int_equal(watch_pieces(sql.p, sql.len, 0, piece, &m, &e), 0);
			AUTO_FREE char *have = map_text(&m);
			if (want)
				assert_string_equal(have, want);
			else
				want = TAKE(have);
			sqldump_map_release(&m);
		}
	}
}

/* ---- passing on ---- */

struct taker {
	struct file_sink sink;
	struct buf got, cuts;
	uint64_t fail_at;
};

static int take_bytes(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	struct taker *t = (struct taker *)f;
	if (t->fail_at && t->got.len + n > t->fail_at)
		return error_set(e, ERR_NO_SPACE, "the store is full");
	buf_add(&t->got, p, n);
	return 0;
}

static int take_cut(struct file_sink *f, struct error *e)
{
	struct taker *t = (struct taker *)f;
	buf_printf(&t->cuts, "%zu ", t->got.len);
	return 0;
}

static struct taker taker(void)
{
	return (struct taker){.sink = {.write = take_bytes, .cut = take_cut}, .got = BUF_INIT, .cuts = BUF_INIT};
}

static void taker_release(struct taker *t)
{
	buf_release(&t->got);
	buf_release(&t->cuts);
}

/* Tables a (small), b (long), c (small), d (long): with LOCK TABLES or without. */
static struct buf four_tables(bool locks, size_t *places)
{
	struct buf b = BUF_INIT;
	for (int i = 0; i < 4; i++) {
		buf_printf(&b, "DROP TABLE IF EXISTS `%c`;\nCREATE TABLE `%c` (x int);\n", 'a' + i, 'a' + i);
		if (locks)
			buf_printf(&b, "LOCK TABLES `%c` WRITE;\n", 'a' + i);
		buf_printf(&b, "INSERT INTO `%c` VALUES ", 'a' + i);
		places[2 * i] = b.len;
		for (int k = 0; k < (i % 2 ? 60000 : 10); k++)
			buf_printf(&b, "%s(%d)", k ? "," : "", k);
		buf_printf(&b, locks ? ";\nUNLOCK TABLES;\n" : ";\n");
		places[2 * i + 1] = b.len + (locks ? 0 : strlen("DROP TABLE IF EXISTS `x`;\n"));
	}
	return b;
}

static void cut_at_any_split(bool locks)
{
	size_t places[8];
	CLEANUP(buf_release) struct buf sql = four_tables(locks, places);
	AUTO_FREE char *want =
		mem_printf(locks ? "%zu %zu %zu %zu " : "%zu %zu %zu ", places[2], places[3], places[6], places[7]);
	static const size_t pieces[] = {1, 1000, 65536, 300000, SIZE_MAX};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		CLEANUP(taker_release) struct taker t = taker();
		struct progress p = {NULL};
		struct sqldump_watch *w = sqldump_watch_new(&t.sink, &p);
		struct sqldump_map m;
		struct error e = {0};
		for (size_t at = 0, n; at < sql.len; at += n) {
			n = pieces[i] < sql.len - at ? pieces[i] : sql.len - at;
			assert_int_equal(sqldump_watch_write(w, sql.p + at, n, &e), 0);
		}
		assert_int_equal(sqldump_watch_finish(w, &m, &e), 0);
		assert_string_equal(buf_text(&t.cuts), want);
		assert_int_equal(t.got.len, sql.len);
		assert_memory_equal(t.got.p, sql.p, sql.len);
		assert_int_equal(p.items_done, locks ? 4 : 3);
		sqldump_map_release(&m);
		sqldump_watch_free(w);
	}
}

static void long_rows_are_cut_off_before_and_behind(void **state)
{
	cut_at_any_split(true);
}

static void without_locks_the_cut_comes_behind_the_next_statement(void **state)
{
	cut_at_any_split(false);
}

static void a_store_that_fails_stops_the_watch(void **state)
{
	CLEANUP(taker_release) struct taker t = taker();
	struct sqldump_watch *w = sqldump_watch_new(&t.sink, NULL);
	struct error e = {0};
	t.fail_at = 5;
	assert_int_equal(sqldump_watch_write(w, "SELECT 1;\n", 10, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "the store is full");
	sqldump_watch_free(w);
}

static void a_cancelled_watch_stops(void **state)
{
	struct progress p = {.cancel = true};
	struct sqldump_watch *w = sqldump_watch_new(NULL, &p);
	struct error e = {0};
	assert_int_equal(sqldump_watch_write(w, "SELECT 1;\n", 10, &e), -ERR_CANCELLED);
	sqldump_watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_that_ends_within_a_statement_is_told_with_its_line),
		cmocka_unit_test(test_B1_a_truncated_dump_is_never_complete),
		cmocka_unit_test(only_a_comment_at_the_very_end_is_the_trailer),
		cmocka_unit_test(what_must_not_be_given_to_a_client_is_found),
		cmocka_unit_test(a_trigger_with_a_databases_name_is_told_from_what_writes_there),
		cmocka_unit_test(a_character_set_with_backslashes_in_characters_is_refused),
		cmocka_unit_test(a_dump_of_mariadb_is_told_apart),
		cmocka_unit_test(a_dump_of_mysql_is_told_apart),
		cmocka_unit_test(without_comments_and_locks_the_statements_tell),
		cmocka_unit_test(a_file_of_phpmyadmin_is_told_apart),
		cmocka_unit_test(files_of_heidisql_and_adminer_are_told_apart),
		cmocka_unit_test(what_newer_versions_write_is_told_apart),
		cmocka_unit_test(rows_that_need_more_than_themselves_are_not_plain),
		cmocka_unit_test(every_statement_belongs_somewhere),
		cmocka_unit_test(the_create_statement_is_kept),
		cmocka_unit_test(a_rows_hash_is_the_sum_of_its_tuples),
		cmocka_unit_test(where_the_bytes_are_split_makes_no_difference),
		cmocka_unit_test(bytes_one_by_one_give_the_same),
		cmocka_unit_test(long_rows_are_cut_off_before_and_behind),
		cmocka_unit_test(without_locks_the_cut_comes_behind_the_next_statement),
		cmocka_unit_test(a_store_that_fails_stops_the_watch),
		cmocka_unit_test(a_cancelled_watch_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

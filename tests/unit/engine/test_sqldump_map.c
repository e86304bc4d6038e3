#include "unit/engine/sqldump_helper.h"

#include "engine/my.h"
#include "unit/engine/support.h"

#include <stdio.h>

/* ---- reading the map again ---- */

/* Counts what is read. */
struct counter {
	struct source source;
	struct source *inner;
	uint64_t bytes;
};

static ssize_t counted(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	struct counter *c = (struct counter *)s;
	c->bytes += n;
	return c->inner->pread(c->inner, p, n, at, e);
}

static char *long_dump(size_t rows)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	buf_add_str(&b, "-- MariaDB dump 10.19-11.8.3-MariaDB, for debian-linux-gnu (x86_64)\n/*!40101 SET "
			"@OLD_SQL_MODE=@@SQL_MODE */;\n");
	for (int t = 0; t < 3; t++) {
		buf_printf(&b,
			   "CREATE TABLE `t%d` (\n  `id` int NOT NULL,\n  `x` text,\n  PRIMARY KEY (`id`)\n);\nLOCK "
			   "TABLES `t%d` WRITE;\n",
			   t, t);
		for (size_t i = 0; i < rows * (t != 1); i++)
			buf_printf(&b, "INSERT INTO `t%d` VALUES (%zu,'some text; to make it longer');\n", t, i);
		buf_add_str(&b, "UNLOCK TABLES;\n");
	}
	buf_add_str(&b, "/*!50001 CREATE VIEW `v` AS select 1 */;\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n-- Dump "
			"completed\n");
	return buf_take_text(&b);
}

static void a_map_is_read_again_without_the_rows_that_are_known(void **state)
{
	AUTO_FREE char *sql = long_dump(30000);
	CLEANUP(manifest_source_release) struct manifest_source known = {0};
	struct counter c = {.source = {.pread = counted, .size = strlen(sql)},
			    .inner = source_from_memory(sql, strlen(sql))};
	struct sqldump_map first, again;
	struct error e = {0};
	assert_int_equal(sqldump_map_read(&c.source, NULL, &first, &e), 0);
	assert_int_equal(c.bytes, strlen(sql));
	c.bytes = 0;
	sqldump_map_describe(&first, &known);
	assert_int_equal(sqldump_map_read(&c.source, &known, &again, &e), 0);
	assert_true(c.bytes < 2000);
	AUTO_FREE char *want = map_text(&first), *have = map_text(&again);
	assert_string_equal(have, want);
	assert_string_equal(first.client, "mariadb-dump 10.19-11.8.3");
	sqldump_map_release(&first);
	sqldump_map_release(&again);
	source_close(c.inner);
}

static void places_that_are_wrong_are_not_believed(void **state)
{
	AUTO_FREE char *sql = long_dump(30000);
	CLEANUP(manifest_source_release) struct manifest_source known = {0};
	struct source *s = source_from_memory(sql, strlen(sql));
	struct sqldump_map first, again;
	struct error e = {0};
	assert_int_equal(sqldump_map_read(s, NULL, &first, &e), 0);
	sqldump_map_describe(&first, &known);
	known.tables[0].offset += 3;
	known.tables[2].length = UINT64_MAX;
	assert_int_equal(sqldump_map_read(s, &known, &again, &e), 0);
	AUTO_FREE char *want = map_text(&first), *have = map_text(&again);
	assert_string_equal(have, want);
	sqldump_map_release(&first);
	sqldump_map_release(&again);
	source_close(s);
}

static void a_stored_dump_that_ends_too_early_is_damaged(void **state)
{
	struct source *s = source_from_memory("SELECT 1;\nSELECT 2", 18);
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(sqldump_map_read(s, NULL, &m, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "ends in the middle of a statement (line 2)");
	assert_null(m.v);
	source_close(s);
}

/* ---- the manifest ---- */

static void a_manifest_tells_tables_and_counts_the_rest(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql");
	CLEANUP(manifest_source_release) struct manifest_source s = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(watch_pieces(sql.p, sql.len, 0, sql.len, &m, &e), 0);
	sqldump_map_describe(&m, &s);
	for (size_t i = 0; i < s.table_count; i++)
		buf_printf(&b, "%s:%zu:%llu ", s.tables[i].name, s.tables[i].column_count,
			   (unsigned long long)s.tables[i].rows);
	assert_string_equal(
		buf_text(&b),
		"customers:20:3 empty_one:2:0 nokey:2:3 orders:4:2 parts:2:2 versioned:2:1 we ird` na;me:2:1 ");
	buf_clear(&b);
	for (size_t i = 0; i < s.object_count; i++)
		buf_printf(&b, "%s:%llu ", s.objects[i].type, (unsigned long long)s.objects[i].count);
	assert_string_equal(buf_text(&b), "view:2 trigger:3 routine:2 event:1 sequence:2 ");
	const struct manifest_table *t = manifest_find_table(&s, "parts");
	assert_true(t->rows_known && t->bytes == t->length && t->columns[0].key == 2 && t->columns[1].key == 1);
	assert_string_equal(t->columns[1].type, "varchar(3)");
	assert_memory_equal(sql.p + t->offset, "\n--\n-- Dumping data for table `parts`\n", 38);
	assert_int_equal(strlen(t->row_hash), 39);
	sqldump_map_release(&m);
}

/* mariadb-dump ends well when its connection is lost while it asks for the views' last definitions. */
static void test_B1_a_view_without_its_final_structure_is_none(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql"), cut = BUF_INIT;
	struct sqldump_map m;
	struct error e = {0};
	const char *final = strstr(buf_text(&sql), "--\n-- Final view structure for view `v2`");
	const char *end = strstr(buf_text(&sql), "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;");
	assert_true(final && end && final < end);
	buf_add(&cut, sql.p, (size_t)(final - (const char *)sql.p));
	buf_add_str(&cut, end);
	assert_int_equal(watch_pieces(cut.p, cut.len, 0, cut.len, &m, &e), 0);
	AUTO_FREE char *outline = map_outline(&m);
	assert_true(m.complete);
	assert_int_equal(m.views, 1);
	assert_non_null(strstr(outline, " stand-in:v2 "));
	assert_non_null(strstr(outline, " view:v1 "));
	assert_null(strstr(outline, " view:v2 "));
	sqldump_map_release(&m);
}

static void rows_in_several_places_are_added_up_and_have_none(void **state)
{
	static const char sql[] = "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nINSERT INTO a VALUES (2);\n";
	static const char one[] = "INSERT INTO a VALUES (2),(1);\n";
	CLEANUP(manifest_source_release) struct manifest_source s = {0}, t = {0};
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(watch_pieces(sql, strlen(sql), 0, 99, &m, &e), 0);
	sqldump_map_describe(&m, &s);
	sqldump_map_release(&m);
	assert_int_equal(watch_pieces(one, strlen(one), 0, 99, &m, &e), 0);
	sqldump_map_describe(&m, &t);
	sqldump_map_release(&m);
	assert_true(s.table_count == 2 && s.tables[0].rows == 2 && s.tables[0].offset == 0 && s.tables[0].length == 0);
	assert_int_equal(s.tables[0].bytes, 52);
	assert_true(s.tables[1].offset == 26 && s.tables[1].length == 26);
	assert_string_equal(s.tables[0].row_hash, t.tables[0].row_hash);
}

/* ---- a stored dump looked at again ---- */

struct kept {
	struct test_tree *tree;
	struct manifest_source manifest;
};

static struct kept keep(const void *sql, size_t n)
{
	struct kept k = {.tree = test_tree_new(NULL), .manifest = {.name = mem_string("shop")}};
	struct sqldump_map m;
	struct error e = {0};
	test_tree_put(k.tree, "shop/database.sql", sql, n);
	manifest_add_artifact(&k.manifest, "shop/database.sql", MY_FORMAT, n);
	assert_int_equal(watch_pieces(sql, n, 0, n, &m, &e), 0);
	sqldump_map_describe(&m, &k.manifest);
	sqldump_map_release(&m);
	return k;
}

static void kept_release(struct kept *k)
{
	test_tree_free(k->tree);
	manifest_source_release(&k->manifest);
}

static void assert_check(struct kept *k, int want, const char *text)
{
	struct stored s = test_stored(k->tree, &k->manifest);
	CLEANUP(strlist_release) struct strlist evidence = {0};
	struct error e = {0};
	assert_int_equal(my_check_structure(&s, NULL, &evidence, &e), want);
	assert_int_equal(evidence.n, want ? 0 : 1);
	assert_string_equal(want ? e.text : evidence.v[0], text);
}

static void a_source_without_a_dump_is_told(void **state)
{
	CLEANUP(kept_release) struct kept k = keep("", 0);
	struct stored s = test_stored(k.tree, &k.manifest);
	struct source *src;
	struct sqldump_map m;
	struct error e = {0};
	free(k.manifest.artifacts[0].format);
	k.manifest.artifacts[0].format = mem_string("sqlite3");
	assert_int_equal(my_stored_open(&s, &src, &m, &e), -ERR_MISMATCH);
	assert_string_equal(e.text, "shop in the backup is not a MySQL or MariaDB dump");
	assert_check(&k, -ERR_MISMATCH, "shop in the backup is not a MySQL or MariaDB dump");
}

static void what_differs_from_the_manifest_is_named(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql");
	CLEANUP(kept_release) struct kept k = keep(sql.p, sql.len);
	struct manifest_table *t = &k.manifest.tables[3];
	t->rows++;
	assert_check(&k, -ERR_VERIFY, "shop: table \"orders\" has 2 rows instead of 3");
	t->rows--;
	t->row_hash[10] ^= 1;
	assert_check(&k, -ERR_VERIFY, "shop: table \"orders\" has other rows than the manifest says");
	t->row_hash[10] ^= 1;
	t->offset++;
	assert_check(&k, -ERR_VERIFY, "shop: the rows of table \"orders\" are not where the manifest says");
	t->offset--;
	t->columns[1].name[0] ^= 1;
	assert_check(&k, -ERR_VERIFY, "shop: table \"orders\" has other columns than the manifest says");
	t->columns[1].name[0] ^= 1;
	t->name[0] ^= 1;
	assert_check(&k, -ERR_VERIFY, "shop: table \"nrders\" is missing");
	t->name[0] ^= 1;
	k.manifest.objects[1].count = 4;
	assert_check(&k, -ERR_VERIFY, "shop: the number of trigger objects is 3 instead of 4");
	k.manifest.objects[1].count = 3;
	k.manifest.artifacts[0].bytes++;
	AUTO_FREE char *want = mem_printf("shop: the dump has %zu bytes, the manifest says %zu", sql.len, sql.len + 1);
	assert_check(&k, -ERR_VERIFY, want);
	k.manifest.artifacts[0].bytes--;
	manifest_add_table(&k.manifest, NULL, "more");
	assert_check(&k, -ERR_VERIFY, "shop: table \"more\" is missing");
}

static void names_that_are_no_utf8_are_compared_as_the_manifest_keeps_them(void **state)
{
	static const char sql[] = "CREATE TABLE `t\377` (`c\376` int);\nINSERT INTO `t\377` VALUES (1);\n-- Dump completed\n";
	CLEANUP(kept_release) struct kept k = keep(sql, strlen(sql));
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	CLEANUP(manifest_release) struct manifest again = {0};
	CLEANUP(strlist_release) struct strlist evidence = {0};
	struct error e = {0};
	struct manifest m = {.version = MANIFEST_VERSION, .name = (char[]){"x"}, .program = (char[]){"x"},
		.hostname = (char[]){"x"}, .sources = &k.manifest, .source_count = 1};
	k.manifest.engine = mem_string("mysql");
	k.manifest.url = mem_string("mysql:x");
	manifest_encode(&m, &json);
	assert_int_equal(manifest_parse(json.p, json.len, &again, &e), 0);
	assert_string_equal(again.sources[0].tables[0].name, "t\357\277\275");
	struct stored s = test_stored(k.tree, &again.sources[0]);
	if (my_check_structure(&s, NULL, &evidence, &e))
		fail_msg("%s", e.text);
	assert_string_equal(evidence.v[0], "shop: dump ok; 1 table and 1 row as in the manifest");
}

static void each_byte_of_the_rows_counts(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mysql-8.sql");
	CLEANUP(kept_release) struct kept k = keep(sql.p, sql.len);
	const char *from = strstr(buf_text(&sql), "VALUES (1") + 8, *to = strstr(from, ";\n/*!40000");
	for (const char *p = from; p < to; p++) {
		struct stored s = test_stored(k.tree, &k.manifest);
		CLEANUP(strlist_release) struct strlist evidence = {0};
		struct error e = {0};
		unsigned char *stored = test_tree_find(k.tree, "shop/database.sql")->bytes + (p - buf_text(&sql));
		*stored ^= 4;
		assert_int_equal(my_check_structure(&s, NULL, &evidence, &e), -ERR_VERIFY);
		*stored ^= 4;
	}
}

static void a_lost_trailer_is_found_unless_there_was_none(void **state)
{
	static const char sql[] = "CREATE TABLE a (b int);\nINSERT INTO a VALUES (1),(2);\n";
	CLEANUP(kept_release) struct kept k = keep(sql, strlen(sql));
	assert_check(&k, -ERR_VERIFY, "shop: the dump lacks its last line, \"-- Dump completed\"");
	manifest_note(&k.manifest, MY_NO_TRAILER, NULL, "written by another program");
	assert_check(&k, 0, "shop: dump ok; 1 table and 2 rows as in the manifest");
}

static void a_whole_dump_is_evidence(void **state)
{
	CLEANUP(buf_release) struct buf sql = dump_file("mariadb-10.11.sql");
	CLEANUP(kept_release) struct kept k = keep(sql.p, sql.len);
	assert_check(&k, 0, "shop: dump ok; 7 tables and 12 rows as in the manifest");
	struct stored s = test_stored(k.tree, &k.manifest);
	struct source *src;
	struct sqldump_map m;
	struct error e = {0};
	assert_int_equal(my_stored_open(&s, &src, &m, &e), 0);
	assert_true(src->size == sql.len && m.complete);
	source_close(src);
	sqldump_map_release(&m);
}

/* ---- what a file from elsewhere must not have ---- */

static const char *hazard_of(const char *text, uint64_t *line)
{
	struct sqldump_map m;
	struct error e = {0};
	struct source *s = source_from_memory(text, strlen(text));
	assert_int_equal(sqldump_map_read(s, NULL, &m, &e), 0);
	const char *found = m.hazard ? m.hazard : m.foreign ? "foreign" : m.command ? "command" : "";
	*line = m.hazard_line;
	sqldump_map_release(&m);
	source_close(s);
	return found;
}

static void statements_that_reach_beyond_one_database_are_told(void **state)
{
	static const struct {
		const char *sql, *begins;
	} all[] = {
		{"ALTER TABLE t ADD INDEX (a);\nGRANT ALL ON *.* TO x;\n", "LOAD DATA, GRANT"},
		{"UPDATE t SET a = 1;\nLOAD DATA INFILE '/etc/passwd' INTO TABLE t;\n", "LOAD DATA, GRANT"},
		{"SELECT 1;\n/*!50000 CREATE USER x */;\n", "a statement about users"},
		{"SELECT 1 INTO /*!50000 OUTFILE */ '/tmp/x';\n", "writing or reading a file"},
		{"CREATE FUNCTION f RETURNS STRING SONAME 'x.so';\n", "loading code"},
		{"SET @s = 'DROP TABLE o.t';\nPREPARE p FROM @s;\n", "a statement that does not show"},
		{"EXECUTE IMMEDIATE 'DROP TABLE o.t';\n", "a statement that does not show"},
		{"CALL p();\n", "a statement that does not show"},
		{"DO f();\n", "a statement that does not show"},
		{"ANALYZE DELETE FROM o.t;\n", "a statement that does not show"},
		{"SET STATEMENT max_statement_time=1 FOR DELETE FROM o.t;\n", "a statement that does not show"},
		{"WITH x AS (SELECT 1) DELETE FROM o.t;\n", "a statement that does not show"},
		{"DELIMITER $$\nBEGIN NOT ATOMIC DELETE FROM o.t; END$$\nDELIMITER ;\n", "a statement that does not show"},
		{"DELIMITER $$\nIF 1 THEN DELETE FROM o.t; END IF$$\nDELIMITER ;\n", "a statement that does not show"},
		{"DELIMITER $$\nx: LOOP DELETE FROM o.t; END LOOP$$\nDELIMITER ;\n", "a statement that does not show"},
		{"SET @a = 1, GLOBAL max_connections = 1;\n", "a setting of the whole server"},
		{"SET sql_mode = '', @@global.read_only = 1;\n", "a setting of the whole server"},
		{"RENAME TABLE t TO o.t;\n", "a statement that names a database"},
		{"ALTER TABLE t RENAME TO `o`.`t`;\n", "a statement that names a database"},
		{"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE o.t;\n", "a statement that names a database"},
		{"DROP TABLE t, o.t;\n", "a statement that names a database"},
		{"CREATE INDEX i ON o.t (a);\n", "a statement that names a database"},
		{"DROP INDEX i ON o.t;\n", "a statement that names a database"},
		{"UPDATE t JOIN o.t AS x SET x.a = 1;\n", "a statement that names a database"},
		{"DELETE x FROM o.t AS x;\n", "a statement that names a database"},
		{"OPTIMIZE TABLE o.t;\n", "a statement that names a database"},
		{"INSERT INTO o.t VALUES (1);\n", "foreign"},
		{"TRUNCATE TABLE o.t;\n", "a statement that names a database"},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		uint64_t line;
		AUTO_FREE char *sql = mem_printf("CREATE TABLE t (a int);\n%s", all[i].sql);
		const char *found = hazard_of(sql, &line);
		if (strncmp(found, all[i].begins, strlen(all[i].begins)) != 0 || !*found)
			fail_msg("%s: %s", all[i].sql, found);
	}
	uint64_t line;
	(void)hazard_of("CREATE TABLE t (a int);\n\nSELECT 1;\nCALL p();\n", &line);
	assert_int_equal(line, 4);
}

static void statements_as_other_tools_write_them_are_none_of_these(void **state)
{
	static const char *const all[] = {
		"SET SQL_MODE = \"NO_AUTO_VALUE_ON_ZERO\";\nSET AUTOCOMMIT = 0;\nSTART TRANSACTION;\nSET time_zone = \"+00:00\";\nCOMMIT;\n",
		"BEGIN;\nBEGIN WORK;\nROLLBACK;\nSAVEPOINT x;\n",
		"ALTER TABLE `t`\n  ADD PRIMARY KEY (`a`), ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES `o`.`p` (a) ON DELETE CASCADE;\n",
		"ALTER TABLE t MODIFY a int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=7, ADD b decimal(3,1) DEFAULT 0.5, ADD CHECK (t.a > 1);\n",
		"UPDATE t SET t.a = 1, a = 1.5 WHERE t.a = 2;\nDELETE FROM t WHERE t.a = 1;\nDELETE FROM t;\n",
		"SET SESSION binlog_format = STATEMENT;\nSET @x = CONCAT('a', @@global.read_only);\n",
		"ANALYZE TABLE t;\nOPTIMIZE LOCAL TABLE t;\nCREATE UNIQUE INDEX i ON t (a);\nDROP INDEX i ON t;\n",
		"DELIMITER $$\nCREATE PROCEDURE p() BEGIN CALL o.q(); GRANT ALL ON *.* TO x; SELECT 'soname'; END$$\nDELIMITER ;\n",
		"CREATE VIEW v AS SELECT o.t.a FROM o.t;\nSELECT t.a FROM t;\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		uint64_t line;
		AUTO_FREE char *sql = mem_printf("CREATE TABLE t (a int);\n%s", all[i]);
		assert_string_equal(hazard_of(sql, &line), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_is_read_again_without_the_rows_that_are_known),
		cmocka_unit_test(places_that_are_wrong_are_not_believed),
		cmocka_unit_test(a_stored_dump_that_ends_too_early_is_damaged),
		cmocka_unit_test(a_manifest_tells_tables_and_counts_the_rest),
		cmocka_unit_test(rows_in_several_places_are_added_up_and_have_none),
		cmocka_unit_test(test_B1_a_view_without_its_final_structure_is_none),
		cmocka_unit_test(a_source_without_a_dump_is_told),
		cmocka_unit_test(what_differs_from_the_manifest_is_named),
		cmocka_unit_test(names_that_are_no_utf8_are_compared_as_the_manifest_keeps_them),
		cmocka_unit_test(each_byte_of_the_rows_counts),
		cmocka_unit_test(a_lost_trailer_is_found_unless_there_was_none),
		cmocka_unit_test(a_whole_dump_is_evidence),
		cmocka_unit_test(statements_that_reach_beyond_one_database_are_told),
		cmocka_unit_test(statements_as_other_tools_write_them_are_none_of_these),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

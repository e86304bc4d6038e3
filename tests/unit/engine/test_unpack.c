#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/unpack_helper.h"

#include <sqlite3.h>

static void make_database(const char *name, const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;
	assert_int_equal(sqlite3_open(at(name), &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put_bytes(const char *name, const void *p, size_t n)
{
	test_file_write(at(name), p, n);
}

/* ---- what a file is ---- */

static void what_is_not_known_is_refused(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} files[] = {
		{"empty", "", 0}, {"prose", "Dear reader,\n", 13}, {"zeros", "\0\0\0\0\0\0\0\0", 8},
		{"html", "<html>", 6},
		{"comments", "-- nothing\n-- more\n", 19}, {"binary.sql", "CREATE TABLE t(a);\0", 19},
		{"short.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20}, {"rar", "Rar!\x1a\x07\0", 7},
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		char expected[4300];
		put_bytes(files[i].name, files[i].bytes, files[i].n);
		snprintf(expected, sizeof expected,
			"%s is none of: SQLite database, SQL text, PostgreSQL archive, tar archive, zip archive", at(files[i].name));
		assert_int_equal(try_import(&x, files[i].name), -ERR_MISMATCH);
		assert_string_equal(x.e.text, expected);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	CLEANUP(imported_release) struct imported folder = {0}, absent = {0};
	make_dir("folder");
	assert_int_equal(try_import(&folder, "folder"), -ERR_MISMATCH);
	assert_non_null(strstr(folder.e.text, "folder is not a file"));
	assert_int_equal(try_import(&absent, "absent"), -ERR_NOT_FOUND);
	assert_non_null(strstr(absent.e.text, "absent: No such file or directory"));
}

static void R10_a_dump_does_not_go_where_another_system_is(void **state)
{
	static const struct {
		const char *text, *target, *expected, *hint;
	} cases[] = {
		{"--\n-- PostgreSQL database dump\n--\n\nSET x;\n", "sqlite:new.db", "was written for PostgreSQL, not for SQLite",
			"name a database as the target: postgresql://HOST/DATABASE"},
		{"\nSET statement_timeout = 0;\nCREATE TABLE t(a);\n", "new.db", "was written for PostgreSQL, not for a path",
			"name a database as the target: postgresql://HOST/DATABASE"},
		{"\\restrict abc\n", "mysql://h/d", "was written for PostgreSQL, not for MySQL or MariaDB", ""},
		{"-- MySQL dump 10.13  Distrib 8.0.36\n", "postgresql://h/d", "was written for MySQL or MariaDB, not for PostgreSQL", ""},
		{"/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump 10.19\n", "folder:x",
			"was written for MySQL or MariaDB, not for a path", "name a database as the target: mysql://HOST/DATABASE"},
		{"-- a note\n/*!40101 SET NAMES utf8 */;\n", "sqlite:x", "was written for MySQL or MariaDB, not for SQLite",
			"name a database as the target: mysql://HOST/DATABASE"},
		{"\xef\xbb\xbf-- phpMyAdmin SQL Dump\n", "postgres://h/d", "was written for MySQL or MariaDB, not for PostgreSQL", ""},
		{"-- Adminer 4.8.1 PostgreSQL 15 dump\n", "mariadb://h/d", "was written for PostgreSQL, not for MySQL or MariaDB", ""},
		{"PRAGMA foreign_keys=OFF;\nCREATE TABLE t(a);\n", "mysql://h/d", "was written for SQLite, not for MySQL or MariaDB", ""},
		{"CREATE TABLE t (a int) ENGINE=InnoDB;\n", "postgresql://h/d", "was written for MySQL or MariaDB, not for PostgreSQL", ""},
		{"CREATE TABLE t (a bigserial);\n", "mysql://h/d", "was written for PostgreSQL, not for MySQL or MariaDB", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(imported_release) struct imported x = {.target = cases[i].target};
		char expected[4300];
		put("dump.sql", cases[i].text);
		assert_int_equal(try_import(&x, "dump.sql"), -ERR_MISMATCH);
		snprintf(expected, sizeof expected, "%s %s", at("dump.sql"), cases[i].expected);
		assert_string_equal(x.e.text, expected);
		assert_string_equal(x.e.hint, cases[i].hint);
	}
}

static void R10_a_database_or_folder_does_not_go_into_a_server(void **state)
{
	static const struct item items[] = {{"a", AE_IFREG, "x", 0}};
	CLEANUP(imported_release) struct imported x = {.target = "postgresql://h/d"}, y = {.target = "mysql://h/d"};
	make_archive(TAR_GZ, "x.tgz", items, 1);
	make_database("app.db", "CREATE TABLE t(a)");
	assert_int_equal(try_import(&x, "x.tgz"), -ERR_MISMATCH);
	assert_non_null(strstr(x.e.text, "x.tgz is an archive of files, which PostgreSQL cannot take"));
	assert_int_equal(try_import(&y, "app.db"), -ERR_MISMATCH);
	assert_non_null(strstr(y.e.text, "app.db was written for SQLite, not for MySQL or MariaDB"));
}

static void assert_recognised_for(const char *target, const char *name, enum unpack_format expected, const char *expected_what)
{
	AUTO_FREE char *what = NULL;
	enum unpack_format format;
	struct error e = {0};
	if (unpack_recognise(at(name), target, &format, &what, &e))
		fail_msg("%s", e.text);
	assert_int_equal(format, expected);
	assert_string_equal(what, expected_what);
}

static void assert_recognised(const char *name, enum unpack_format expected, const char *expected_what)
{
	assert_recognised_for(NULL, name, expected, expected_what);
}

static void text_is_recognised_by_what_only_one_system_says(void **state)
{
	static const struct {
		const char *text;
		enum unpack_format format;
	} cases[] = {
		{"CREATE TABLE t(a);\n", UNPACK_SQL},
		{"CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT);\n", UNPACK_SQL},
		{"CREATE TABLE `t` (\n `a` int AUTO_INCREMENT\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n", UNPACK_MY_SQL},
		{"INSERT INTO t VALUES('ENGINE=');\n", UNPACK_SQL},
		{"-- ENGINE=\nINSERT INTO t VALUES(1); -- $$\n", UNPACK_SQL},
		{"INSERT INTO t VALUES('it''s $$ ENGINE=', 1::int);\n", UNPACK_PG_SQL},
		{"CREATE TABLE t (a serial, b timestamptz);\n", UNPACK_PG_SQL},
		{"COPY t (a) FROM stdin;\n1\n\\.\n", UNPACK_PG_SQL},
		{"LOCK TABLES `t` WRITE;\n", UNPACK_MY_SQL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put("x", cases[i].text);
		static const char *const whats[] = {
			[UNPACK_SQL] = "SQL text", [UNPACK_PG_SQL] = "SQL text for PostgreSQL",
			[UNPACK_MY_SQL] = "SQL text for MySQL or MariaDB",
		};
		assert_recognised("x", cases[i].format, whats[cases[i].format]);
	}
}

static void text_that_does_not_tell_is_for_the_target(void **state)
{
	put("x", "CREATE TABLE t(a int);\n");
	assert_recognised_for("postgresql://h/d", "x", UNPACK_PG_SQL, "SQL text for PostgreSQL");
	assert_recognised_for("mysql://h/d", "x", UNPACK_MY_SQL, "SQL text for MySQL or MariaDB");
	assert_recognised_for("sqlite:new.db", "x", UNPACK_SQL, "SQL text");
	assert_recognised_for("new.db", "x", UNPACK_SQL, "SQL text");
	/* A sign of each. */
	put("x", "CREATE TABLE t(a int) ENGINE=x; SELECT $$a$$;\n");
	assert_recognised_for("postgresql://h/d", "x", UNPACK_PG_SQL, "SQL text for PostgreSQL");
	assert_recognised_for("mysql://h/d", "x", UNPACK_MY_SQL, "SQL text for MySQL or MariaDB");
}

static const char toc_of_dump[] = "PGDMP\1\16\0\4\10\3 and more";

static void make_tar_of_toc(const char *name, const char *path, const char *toc, size_t n, const char *first,
	const char *last)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	assert_int_equal(archive_write_set_format_pax_restricted(a), 0);
	assert_int_equal(archive_write_open_filename(a, at(name)), 0);
	if (first)
		write_item(a, &(struct item){first, AE_IFREG, "x", 0});
	archive_entry_copy_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_size(entry, (la_int64_t)n);
	assert_int_equal(archive_write_header(a, entry), 0);
	assert_int_equal(archive_write_data(a, toc, n), n);
	if (last)
		write_item(a, &(struct item){last, AE_IFREG, "x", 0});
	assert_int_equal(archive_write_close(a), 0);
	archive_write_free(a);
	archive_entry_free(entry);
}

static void archives_of_pg_dump_are_told_from_others(void **state)
{
	put_bytes("x.dump", "PGDMP\1\16\0\4\10\1 and more", 20);
	assert_recognised("x.dump", UNPACK_PG_ARCHIVE, "PostgreSQL archive");
	compress_file("x.dump", "x.dump.gz", false);
	assert_recognised("x.dump.gz", UNPACK_PG_ARCHIVE, "gzip-compressed PostgreSQL archive");
	make_tar_of_toc("t.tar", "toc.dat", toc_of_dump, sizeof toc_of_dump, NULL, "restore.sql");
	assert_recognised("t.tar", UNPACK_PG_TAR, "PostgreSQL archive in tar format");
	make_tar_of_toc("d.tar", "dump/toc.dat", toc_of_dump, sizeof toc_of_dump, "dump/3456.dat.gz", NULL);
	make_tar_of_toc("e.tar", "toc.dat", toc_of_dump, sizeof toc_of_dump, NULL, "3456.dat");
	assert_recognised("e.tar", UNPACK_PG_FOLDER, "tar archive of a PostgreSQL dump folder");
	compress_file("d.tar", "d.tar.zst", true);
	assert_recognised("d.tar.zst", UNPACK_PG_FOLDER, "zstd-compressed tar archive of a PostgreSQL dump folder");
	make_tar_of_toc("o.tar", "toc.dat", "no such thing", 13, NULL, NULL);
	assert_recognised("o.tar", UNPACK_ARCHIVE, "tar archive");
	make_tar_of_toc("p.tar", "toc.dat", toc_of_dump, sizeof toc_of_dump, "picture.jpg", NULL);
	assert_recognised("p.tar", UNPACK_ARCHIVE, "tar archive");
}

/* ---- dumps of MySQL ---- */

#define MY_HEAD "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for x\n--\n-- Host: localhost    Database: shop\n" \
	"-- ------------------------------------------------------\n-- Server version\t10.11.6-MariaDB\n\n" \
	"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
#define MY_TABLE "DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB;\n" \
	"LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES\n(1),\n(2);\nUNLOCK TABLES;\n"
#define MY_TAIL "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n-- Dump completed\n"

static void a_dump_of_mysql_is_kept_to_the_byte(void **state)
{
	put("x.sql", MY_HEAD "CREATE DATABASE `shop`;\nUSE `shop`;\n" MY_TABLE MY_TAIL);
	compress_file("x.sql", "x.sql.zst", true);
	static const char *const names[] = {"x.sql", "x.sql.zst"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		import(&x, names[i]);
		assert_imported(&x, "database.sql", MY_HEAD "CREATE DATABASE `shop`;\nUSE `shop`;\n" MY_TABLE MY_TAIL);
		assert_string_equal(x.manifest.engine, "mysql");
		assert_string_equal(x.manifest.artifacts[0].path, "media/database.sql");
		assert_string_equal(x.manifest.artifacts[0].format, "mysql sql");
		assert_int_equal(manifest_find_table(&x.manifest, "t")->rows, 2);
		assert_string_equal(x.manifest.notes[0].text, "it names the database \"shop\", which is passed over");
	}
}

static void R2_a_dump_of_mysql_that_is_cut_anywhere_is_refused(void **state)
{
	static const char whole[] = MY_HEAD MY_TABLE MY_TAIL;
	size_t head = strchr(whole, '\n') + 1 - whole;
	for (size_t n = head; n < strlen(whole) - 1; n++) {
		CLEANUP(imported_release) struct imported x = {0};
		put_bytes("cut.sql", whole, n);
		if (try_import(&x, "cut.sql") != -ERR_CORRUPT)
			fail_msg("cut at %zu: \"%s\"", n, x.e.text);
	}
}

static void R9_what_must_not_be_run_in_mysql_is_refused(void **state)
{
	static const char *const cases[] = {
		"\\! touch /tmp/x", "system touch /tmp/x", "source /tmp/x.sql", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;",
		"LOAD DATA INFILE 'x' INTO TABLE t;", "/*!50000 LOAD DATA INFILE 'x' INTO TABLE t */;",
		"SELECT a INTO OUTFILE '/tmp/x' FROM t;", "GRANT ALL ON *.* TO x;", "CREATE USER x;", "DROP USER x;",
		"INSERT INTO `other`.`t` VALUES (1);", "DROP TABLE other.t;", "INSTALL SONAME 'x';",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(imported_release) struct imported x = {.target = "mysql://h/d"};
		AUTO_FREE char *text = mem_printf(MY_TABLE "%s\nSELECT 1;\n", cases[i]);
		put("x.sql", text);
		if (try_import(&x, "x.sql") != -ERR_REFUSED)
			fail_msg("%s: \"%s\"", cases[i], x.e.text);
	}
}

static void several_databases_of_mysql_are_refused_by_name(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	char expected[4300];
	put("x.sql", MY_HEAD "CREATE DATABASE `shop`;\nUSE `shop`;\n" MY_TABLE "USE `crm`;\n" MY_TABLE MY_TAIL);
	assert_int_equal(try_import(&x, "x.sql"), -ERR_REFUSED);
	snprintf(expected, sizeof expected, "%s: it holds 2 databases: shop, crm", at("x.sql"));
	assert_string_equal(x.e.text, expected);
}

static void a_script_for_postgresql_is_kept_to_the_byte(void **state)
{
	CLEANUP(imported_release) struct imported x = {.target = "postgresql://h/d"};
	put("x.sql", "CREATE TABLE t (\n    a integer\n);\nCOPY t FROM stdin;\n1\n\\.\n");
	compress_file("x.sql", "x.sql.gz", false);
	import(&x, "x.sql.gz");
	assert_imported(&x, "database.sql", "CREATE TABLE t (\n    a integer\n);\nCOPY t FROM stdin;\n1\n\\.\n");
	assert_string_equal(x.manifest.engine, "postgresql");
	assert_string_equal(x.manifest.artifacts[0].format, "pg sql");
	assert_non_null(manifest_find_table(&x.manifest, "public.t"));
}

static void files_are_recognised_by_content(void **state)
{
	static const struct item items[] = {{"a", AE_IFREG, "x", 0}};
	static const char *const archives[] = {
		"tar archive", "gzip-compressed tar archive", "zstd-compressed tar archive", "zip archive",
	};
	for (enum archive_kind kind = 0; kind < ARCHIVE_KINDS; kind++) {
		make_archive(kind, "named.db", items, ARRAY_LEN(items));
		assert_recognised("named.db", UNPACK_ARCHIVE, archives[kind]);
	}
	make_database("named.tar", "CREATE TABLE t(a)");
	compress_file("named.tar", "named.zip", false);
	compress_file("named.tar", "named.txt", true);
	assert_recognised("named.tar", UNPACK_SQLITE, "SQLite database");
	assert_recognised("named.zip", UNPACK_SQLITE, "gzip-compressed SQLite database");
	assert_recognised("named.txt", UNPACK_SQLITE, "zstd-compressed SQLite database");
	put("named.gz", "/* a comment,\n   long */ -- and\n  create table t(a);\n");
	compress_file("named.gz", "named.sql", false);
	assert_recognised("named.gz", UNPACK_SQL, "SQL text");
	assert_recognised("named.sql", UNPACK_SQL, "gzip-compressed SQL text");
}

/* ---- databases ---- */

static void a_database_is_imported_as_its_backup(void **state)
{
	make_database("app.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3)");
	compress_file("app.db", "app.db.gz", false);
	compress_file("app.db", "app.db.zst", true);
	static const char *const names[] = {"app.db", "app.db.gz", "app.db.zst"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		char url[4200];
		import(&x, names[i]);
		assert_string_equal(x.manifest.engine, "sqlite");
		assert_string_equal(x.manifest.name, "media");
		snprintf(url, sizeof url, "import:%s", at(names[i]));
		assert_string_equal(x.manifest.url, url);
		assert_int_equal(x.manifest.artifact_count, 1);
		assert_int_equal(manifest_find_table(&x.manifest, "t")->rows, 3);
	}
}

static void R2_a_damaged_database_is_not_imported(void **state)
{
	CLEANUP(imported_release) struct imported x = {0}, cut = {0};
	CLEANUP(buf_release) struct buf whole = BUF_INIT;
	struct error e = {0};
	make_database("app.db", "CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES(zeroblob(20000))");
	assert_int_equal(fs_read_file(at("app.db"), 1 << 20, &whole, &e), 0);
	memset(whole.p + 4096 + 8, 0xff, 500);
	put_bytes("damaged.db", whole.p, whole.len);
	assert_int_equal(try_import(&x, "damaged.db"), -ERR_CORRUPT);
	compress_file("app.db", "app.db.gz", false);
	buf_clear(&whole);
	assert_int_equal(fs_read_file(at("app.db.gz"), 1 << 20, &whole, &e), 0);
	put_bytes("cut.gz", whole.p, whole.len - 8);
	assert_int_equal(try_import(&cut, "cut.gz"), -ERR_CORRUPT);
	assert_non_null(strstr(cut.e.text, "cut.gz is cut short"));
}

/* ---- SQL text ---- */

static void sql_text_becomes_a_database(void **state)
{
	CLEANUP(imported_release) struct imported x = {0}, gz = {0};
	put("dump.sql",
		"-- comment; with an end\n"
		"PRAGMA foreign_keys=OFF;\nPRAGMA journal_mode=WAL;\nBEGIN TRANSACTION;\n"
		"CREATE TABLE \"we;ird\" (a TEXT /* ; */, [b;] INT, `c;` INT, id INTEGER PRIMARY KEY AUTOINCREMENT);\n"
		"INSERT INTO \"we;ird\" VALUES('it''s; fine\n-- no comment', 1, 2, 3);\n"
		"INSERT INTO \"we;ird\"(a) VALUES('--'),('/*'),('caf\xc3\xa9');\n"
		"DELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('we;ird',9);\n"
		"CREATE TRIGGER tr AFTER INSERT ON \"we;ird\" BEGIN SELECT 1; SELECT 'x;'; END;\n"
		"CREATE VIEW v AS SELECT 1;\nCREATE INDEX i ON \"we;ird\"(a);\n"
		";;\nCOMMIT;\n-- the end");
	compress_file("dump.sql", "dump.sql.gz", false);
	import(&x, "dump.sql");
	import(&gz, "dump.sql.gz");
	assert_int_equal(manifest_find_table(&x.manifest, "we;ird")->rows, 4);
	assert_int_equal(manifest_find_table(&gz.manifest, "we;ird")->rows, 4);
	assert_int_equal(count_of(&(struct media){.manifest = x.manifest}, "trigger"), 1);
	assert_int_equal(count_of(&(struct media){.manifest = x.manifest}, "view"), 1);
	assert_string_equal(x.manifest.structure, "integrity_check");
}

static void dump_rows(sqlite3 *db, const char *table, struct buf *out)
{
	sqlite3_stmt *rows = NULL;
	AUTO_FREE char *sql = mem_printf("SELECT * FROM '%s'", table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		buf_printf(out, "INSERT INTO %s VALUES(", table);
		for (int i = 0; i < sqlite3_column_count(rows); i++) {
			const unsigned char *p = sqlite3_column_blob(rows, i);
			int type = sqlite3_column_type(rows, i), n = sqlite3_column_bytes(rows, i);
			buf_add_str(out, i ? "," : "");
			if (type == SQLITE_INTEGER) {
				buf_printf(out, "%lld", (long long)sqlite3_column_int64(rows, i));
				continue;
			}
			buf_add_str(out, type == SQLITE_TEXT ? "CAST(X'" : "X'");
			for (int k = 0; k < n; k++)
				buf_printf(out, "%02x", p[k]);
			buf_add_str(out, type == SQLITE_TEXT ? "' AS TEXT)" : "'");
		}
		buf_add_str(out, ");\n");
	}
	sqlite3_finalize(rows);
}

/* As the sqlite3 program dumps a virtual table: its line in the schema, then the tables it keeps its data in. */
static void dump_virtual(const char *name, struct buf *out)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *tables = NULL;
	assert_int_equal(sqlite3_open(at(name), &db), SQLITE_OK);
	static const char sql[] = "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'f\\_%' ESCAPE '\\'";
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &tables, NULL), SQLITE_OK);
	buf_add_str(out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nPRAGMA writable_schema=ON;\n"
		"INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','f','f',0,"
		"'CREATE VIRTUAL TABLE f USING fts5(a)');\n");
	while (sqlite3_step(tables) == SQLITE_ROW) {
		buf_printf(out, "%s;\n", (const char *)sqlite3_column_text(tables, 1));
		dump_rows(db, (const char *)sqlite3_column_text(tables, 0), out);
	}
	buf_add_str(out, "PRAGMA writable_schema=OFF;\nCOMMIT;\n");
	sqlite3_finalize(tables);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void full_text_tables_come_through_a_dump(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	CLEANUP(buf_release) struct buf dump = BUF_INIT;
	make_database("app.db", "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('one two'),('two three')");
	dump_virtual("app.db", &dump);
	put_bytes("dump.sql", dump.p, dump.len);
	import(&x, "dump.sql");
	const struct test_entry *stored_db = test_tree_find(x.tree, "media");
	put_bytes("back.db", stored_db->bytes, stored_db->size);
	make_database("back.db", "INSERT INTO f(f) VALUES('integrity-check'); INSERT INTO f VALUES('four')");
	sqlite3 *db = NULL;
	sqlite3_stmt *found = NULL;
	assert_int_equal(sqlite3_open(at("back.db"), &db), SQLITE_OK);
	static const char sql[] = "SELECT count(*) FROM f WHERE f MATCH 'two'";
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &found, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(found), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(found, 0), 2);
	sqlite3_finalize(found);
	sqlite3_close(db);
}

static void R1_a_statement_that_fails_is_named_by_its_line(void **state)
{
	static const struct {
		const char *sql, *text;
	} cases[] = {
		{"CREATE TABLE t(a);\n\n-- why\nINSERT INTO u VALUES(1);\n", "line 4: no such table: u"},
		{"CREATE TABLE t(a UNIQUE);\nINSERT INTO t VALUES(1);\nINSERT INTO t\nVALUES(1);\n",
			"line 3: UNIQUE constraint failed: t.a"},
		{"CREATE TABLE t(a);\nINSERT INTO t VALUES(1),;\n", "line 2: near \";\": syntax error"},
		{"CREATE TABLE t(a);\nINSERT INTO t VALUES('cut", "line 2: the text ends inside a statement"},
		{"CREATE TABLE t(a);\nINSERT INTO t VALUES(1)", "line 2: the text ends inside a statement"},
		{"CREATE TABLE t(a);\n/* open", "line 2: the text ends inside a statement"},
		{"BEGIN;\nCREATE TABLE t(a);\n", "the text ends inside a transaction: its COMMIT is missing"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		char expected[4300];
		put("dump.sql", cases[i].sql);
		snprintf(expected, sizeof expected, "%s: %s", at("dump.sql"), cases[i].text);
		assert_int_equal(try_import(&x, "dump.sql"), -ERR_CORRUPT);
		assert_string_equal(x.e.text, expected);
	}
}

static void text_may_reach_nothing_but_its_own_database(void **state)
{
	AUTO_FREE char *victim = mem_string(at("victim.db"));
	AUTO_FREE char *attach = mem_printf("ATTACH '%s' AS v;", victim);
	AUTO_FREE char *vacuum = mem_printf("VACUUM INTO '%s';", victim);
	const struct {
		const char *sql, *what;
	} cases[] = {
		{attach, "reaching another file (ATTACH, DETACH, VACUUM)"},
		{vacuum, "reaching another file (ATTACH, DETACH, VACUUM)"},
		{"DETACH main;", "reaching another file (ATTACH, DETACH, VACUUM)"},
		{"SELECT load_extension('x');", "loading code"},
		{"PRAGMA temp_store_directory='/tmp';", "this PRAGMA"},
		{"PRAGMA schema_version=7;", "this PRAGMA"},
		{"BEGIN; ROLLBACK;", "giving up what it did (ROLLBACK: the dump was not whole when it was written)"},
		{"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE TABLE t(b)';",
			"writing the schema by hand"},
		{"PRAGMA writable_schema=ON; DELETE FROM sqlite_master;", "writing the schema by hand"},
		{"PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES('table','x','x',2,'CREATE TABLE x(a)');",
			"writing the schema by hand"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		AUTO_FREE char *sql = mem_printf("CREATE TABLE t(a);\n%s\n", cases[i].sql);
		char expected[4300];
		put("dump.sql", sql);
		snprintf(expected, sizeof expected, "%s: line 2: %s is not allowed", at("dump.sql"), cases[i].what);
		assert_int_equal(try_import(&x, "dump.sql"), -ERR_REFUSED);
		assert_string_equal(x.e.text, expected);
		assert_false(fs_exists(victim));
	}
}

static void text_with_a_zero_byte_is_refused(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	buf_add_str(&b, "CREATE TABLE t(a);\n");
	for (int i = 0; i < 2000; i++)
		buf_add_str(&b, "INSERT INTO t VALUES('a line of some length');\n");
	buf_add(&b, "\0;\n", 3);
	put_bytes("dump.sql", b.p, b.len);
	assert_int_equal(try_import(&x, "dump.sql"), -ERR_CORRUPT);
	assert_non_null(strstr(x.e.text, "dump.sql: line 2002: a byte that is no text"));
}

static void an_endless_statement_can_be_cancelled(void **state)
{
	CLEANUP(imported_release) struct imported x = {0};
	put("dump.sql", "CREATE TABLE t(a);\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
		"SELECT count(*) FROM n;\n");
	atomic_store(&x.progress.cancel, true);
	assert_int_equal(try_import(&x, "dump.sql"), -ERR_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(what_is_not_known_is_refused),
		IN_ROOM(what_is_no_file_is_refused),
		IN_ROOM(R10_a_dump_does_not_go_where_another_system_is),
		IN_ROOM(R10_a_database_or_folder_does_not_go_into_a_server),
		IN_ROOM(text_is_recognised_by_what_only_one_system_says),
		IN_ROOM(text_that_does_not_tell_is_for_the_target),
		IN_ROOM(archives_of_pg_dump_are_told_from_others),
		IN_ROOM(a_dump_of_mysql_is_kept_to_the_byte),
		IN_ROOM(R2_a_dump_of_mysql_that_is_cut_anywhere_is_refused),
		IN_ROOM(R9_what_must_not_be_run_in_mysql_is_refused),
		IN_ROOM(several_databases_of_mysql_are_refused_by_name),
		IN_ROOM(a_script_for_postgresql_is_kept_to_the_byte),
		IN_ROOM(files_are_recognised_by_content),
		IN_ROOM(a_database_is_imported_as_its_backup),
		IN_ROOM(R2_a_damaged_database_is_not_imported),
		IN_ROOM(sql_text_becomes_a_database),
		IN_ROOM(full_text_tables_come_through_a_dump),
		IN_ROOM(R1_a_statement_that_fails_is_named_by_its_line),
		IN_ROOM(text_may_reach_nothing_but_its_own_database),
		IN_ROOM(text_with_a_zero_byte_is_refused),
		IN_ROOM(an_endless_statement_can_be_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

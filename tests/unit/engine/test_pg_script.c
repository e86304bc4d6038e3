#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/pg.h"
#include "engine/pg_script.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a lexer makes of a text ---- */

struct heard {
	struct buf all;           /* "line:statement|", "#comment|", "\command|", "=data|" */
	bool data;
};

static int hear_statement(struct pg_script_lexer *l, struct error *e)
{
	struct heard *h = l->ctx;
	buf_printf(&h->all, "%llu:%s", (unsigned long long)l->begun, buf_text(&l->sql));
	if (l->tuples > 0 && !l->vague)
		buf_printf(&h->all, " <%llu>", (unsigned long long)l->tuples);
	buf_add_byte(&h->all, '|');
	l->copying = strncmp(buf_text(&l->sql), "COPY", 4) == 0;
	return 0;
}

static int hear_command(struct pg_script_lexer *l, const char *line, struct error *e)
{
	buf_printf(&((struct heard *)l->ctx)->all, "%s|", line);
	return 0;
}

static int hear_comment(struct pg_script_lexer *l, const char *text, struct error *e)
{
	buf_printf(&((struct heard *)l->ctx)->all, "#%s|", text);
	return 0;
}

static int hear_data(struct pg_script_lexer *l, const char *p, size_t n, struct error *e)
{
	struct heard *h = l->ctx;
	if (!h->data)
		buf_add_byte(&h->all, '=');
	h->data = p != NULL;
	buf_add(&h->all, p ? p : "|", p ? n : 1);
	return 0;
}

static void prepare(struct pg_script_lexer *l, struct heard *h)
{
	pg_script_lex_init(l);
	l->statement = hear_statement;
	l->command = hear_command;
	l->comment = hear_comment;
	l->data = hear_data;
	l->ctx = h;
	l->whole = true;
}

/* Cut in two at `at`, or (piece > 0) in pieces of that size. */
static int listen(const char *text, size_t at, size_t piece, bool standard, const char *encoding, struct heard *h,
	struct error *e)
{
	CLEANUP(pg_script_lex_release) struct pg_script_lexer l;
	size_t n = strlen(text);
	int err = 0;
	prepare(&l, h);
	l.standard = standard;
	l.pairs = pg_script_lex_pairs(encoding);
	for (size_t done = 0; done < n && !err;) {
		size_t next = piece ? piece : done < at ? at : n - done;
		next = next < n - done ? next : n - done;
		AUTO_FREE char *exact = mem_copy(text + done, next);
		err = pg_script_lex_take(&l, exact, next, e);
		done += next;
	}
	return err ? err : pg_script_lex_end(&l, e);
}

static void heard_release(struct heard *h)
{
	buf_release(&h->all);
}

static void assert_heard_in(const char *text, bool standard, const char *encoding, const char *expected)
{
	for (size_t at = 0; at <= strlen(text); at++) {
		CLEANUP(heard_release) struct heard h = {0};
		struct error e = {0};
		if (listen(text, at, 0, standard, encoding, &h, &e))
			fail_msg("cut at %zu: %s", at, e.text);
		assert_string_equal(buf_text(&h.all), expected);
	}
	CLEANUP(heard_release) struct heard h = {0};
	struct error e = {0};
	assert_int_equal(listen(text, 0, 1, standard, encoding, &h, &e), 0);
	assert_string_equal(buf_text(&h.all), expected);
}

static void assert_heard(const char *text, const char *expected)
{
	assert_heard_in(text, true, NULL, expected);
}

static void assert_not_heard(const char *text, const char *expected)
{
	for (size_t at = 0; at <= strlen(text); at++) {
		CLEANUP(heard_release) struct heard h = {0};
		struct error e = {0};
		assert_int_equal(listen(text, at, 0, true, NULL, &h, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, expected);
	}
}

/* ---- the lexer ---- */

static void a_text_that_ends_too_early_is_named_by_its_line(void **state)
{
	static const char *const cases[][2] = {
		{"SELECT 1;\nSELECT 2", "line 2: the text ends inside a statement"},
		{"SELECT 'it", "line 1: the text ends inside a statement"},
		{"\n\nSELECT $a$ x $b$;", "line 3: the text ends inside a statement"},
		{"SELECT (1;\n", "line 1: the text ends inside a statement"},
		{"SELECT 1;\n/* open /* twice */", "line 2: the text ends inside a comment"},
		{"COPY t FROM stdin;", "line 1: the text ends inside the data of this COPY"},
		{"COPY t FROM stdin;\n1\n2\n", "line 1: the text ends inside the data of this COPY"},
		{"COPY t FROM stdin;\n1\n\\", "line 1: the text ends inside the data of this COPY"},
		{"COPY t FROM stdin; SELECT 1;\n", "line 1: something stands between COPY and its data"},
		{"SELECT 1\n\\g\n", "line 2: a backslash inside a statement"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_not_heard(cases[i][0], cases[i][1]);
}

static void statements_end_at_semicolons_outside_of_everything(void **state)
{
	assert_heard("SELECT 1;SELECT 2 ; ;;\n SELECT 3;", "1:SELECT 1|1:SELECT 2|2:SELECT 3|");
	assert_heard("SELECT ';', 'it''s;', \"a;\"\"b\", (1;2);", "1:SELECT ';', 'it''s;', \"a;\"\"b\", (1;2)|");
	assert_heard("\xef\xbb\xbfSELECT 1;", "1:SELECT 1|");
	assert_heard("SELECT $$;$x$;$$, $a_1$;$$;$a$a$a_1$, a$b$;SELECT $1;", "1:SELECT $$;$x$;$$, $a_1$;$$;$a$a$a_1$, a$b$|1:SELECT $1|");
	assert_heard("SELECT $\xc3\xa4$;$\xc3\xa4$;", "1:SELECT $\xc3\xa4$;$\xc3\xa4$|");
}

static void strings_know_backslashes_only_when_they_are_told_to(void **state)
{
	assert_heard("SELECT 'a\\';SELECT E'\\';',e'\\\\';", "1:SELECT 'a\\'|1:SELECT E'\\';',e'\\\\'|");
	assert_heard("SELECT B'1\\', x'\\', U&'\\', u&\"\\\";", "1:SELECT B'1\\', x'\\', U&'\\', u&\"\\\"|");
	assert_heard("SELECT type'\\';SELECT namee'\\';", "1:SELECT type'\\'|1:SELECT namee'\\'|");
	assert_heard("SELECT E'a'\n'\\';' ;", "1:SELECT E'a'\n'\\';'|");
	assert_heard("SELECT E'a' -- why\n '\\';';", "1:SELECT E'a' \n '\\';'|");
	assert_heard("SELECT E'a'  '\\';SELECT E'a'\n||'\\';SELECT E'a'-\n'\\';",
		"1:SELECT E'a'  '\\'|1:SELECT E'a'\n||'\\'|2:SELECT E'a'-\n'\\'|");
	assert_heard("SELECT E'it''\\';' ;", "1:SELECT E'it''\\';'|");
}

static void without_standard_conforming_strings_every_plain_string_knows_them(void **state)
{
	assert_heard_in("SELECT '\\';', N'\\';';", false, NULL, "1:SELECT '\\';', N'\\';'|");
	assert_heard_in("SELECT B'\\', U&'\\';", false, NULL, "1:SELECT B'\\', U&'\\'|");
}

static void comments_are_nested_and_taken_out(void **state)
{
	assert_heard("-- one\n--two;\r\n/* ; /* ; */ ; */SELECT 1 -- ;\n+ 2 /* ;' */;--end",
		"# one|#two;|3:SELECT 1 \n+ 2|#end|");
	assert_heard("SELECT 1 - -1, 4/2*3, '--', \"/*\";", "1:SELECT 1 - -1, 4/2*3, '--', \"/*\"|");
	assert_heard("/**/SELECT 1;/***/SELECT 2;/*/ */SELECT 3;", "1:SELECT 1|1:SELECT 2|1:SELECT 3|");
}

static void bodies_of_functions_hold_semicolons(void **state)
{
	assert_heard("CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1; END;SELECT 2;",
		"1:CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1; END|1:SELECT 2|");
	assert_heard("create procedure p() begin atomic insert into t values (1); end;", "1:create procedure p() begin atomic insert into t values (1); end|");
	assert_heard("BEGIN;SELECT 1;END;", "1:BEGIN|1:SELECT 1|1:END|");
}

static void data_of_copy_end_with_their_mark_alone(void **state)
{
	assert_heard("COPY t FROM stdin;\na\tb;\n\\\\.\n\\.x\n\\\n \\.\n\\.\nSELECT 1;",
		"1:COPY t FROM stdin|=a\tb;\n\\\\.\n\\.x\n\\\n \\.\n|8:SELECT 1|");
	assert_heard("COPY t FROM stdin;  \r\n\\.\r\n\\.\nSELECT 1;", "1:COPY t FROM stdin|=|\\.|4:SELECT 1|");
	assert_heard("COPY t FROM stdin;\n1\n\\.", "1:COPY t FROM stdin|=1\n|");
	assert_heard("COPY t FROM stdin;\n\\.\nCOPY t FROM stdin;\nx\n\\.\n", "1:COPY t FROM stdin|=|3:COPY t FROM stdin|=x\n|");
}

static void a_line_with_a_backslash_in_front_is_a_command(void **state)
{
	assert_heard("\\connect shop\nSELECT 1; \\! touch /tmp/x; y\n\\q", "\\connect shop|2:SELECT 1|\\! touch /tmp/x; y|\\q|");
}

static void a_second_byte_is_no_sign(void **state)
{
	/* 0x83 0x5c is one character of Shift JIS; 0xb1 stands alone there. */
	assert_heard_in("SELECT E'\x83\x5c';SELECT \x83\x5c;", true, "SJIS", "1:SELECT E'\x83\x5c'|1:SELECT \x83\x5c|");
	assert_heard_in("SELECT E'\xb1';", true, "sjis", "1:SELECT E'\xb1'|");
	assert_heard_in("SELECT E'\xb1\x5c';", true, "GBK", "1:SELECT E'\xb1\x5c'|");
}

static void rows_of_inserts_are_counted(void **state)
{
	assert_heard("INSERT INTO t VALUES (1),(f(2)), (')');INSERT INTO t (a, b) VALUES (1, 2);",
		"1:INSERT INTO t VALUES (1),(f(2)), (')') <3>|1:INSERT INTO t (a, b) VALUES (1, 2) <1>|");
	assert_heard("INSERT INTO t DEFAULT VALUES;INSERT INTO t SELECT (1);INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING;",
		"1:INSERT INTO t DEFAULT VALUES <1>|1:INSERT INTO t SELECT (1)|1:INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING|");
}

static void a_byte_that_is_no_text_is_refused(void **state)
{
	CLEANUP(heard_release) struct heard h = {0};
	CLEANUP(pg_script_lex_release) struct pg_script_lexer l;
	struct error e = {0};
	prepare(&l, &h);
	assert_int_equal(pg_script_lex_take(&l, "SELECT 1;\n\0", 11, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "line 2: a byte that is no text");
}

static void what_is_not_kept_whole_keeps_its_beginning(void **state)
{
	CLEANUP(heard_release) struct heard h = {0};
	CLEANUP(pg_script_lex_release) struct pg_script_lexer l;
	struct error e = {0};
	AUTO_FREE char *long_one = mem_alloc(2 * PG_SCRIPT_HEAD);
	memset(long_one, 'x', 2 * PG_SCRIPT_HEAD);
	prepare(&l, &h);
	l.whole = false;
	assert_int_equal(pg_script_lex_take(&l, "SELECT '", 8, &e), 0);
	assert_int_equal(pg_script_lex_take(&l, long_one, 2 * PG_SCRIPT_HEAD, &e), 0);
	assert_int_equal(pg_script_lex_take(&l, "';SELECT 2;", 11, &e), 0);
	assert_int_equal(pg_script_lex_end(&l, &e), 0);
	assert_int_equal(h.all.len, 2 + PG_SCRIPT_HEAD + 1 + strlen("1:SELECT 2|"));
	assert_string_equal(buf_text(&h.all) + 2 + PG_SCRIPT_HEAD + 1, "1:SELECT 2|");
}

/* ---- what a statement is ---- */

static void every_kind_of_statement_is_known(void **state)
{
	static const struct {
		const char *sql;
		enum pg_script_kind kind;
		const char *what;
	} cases[] = {
		{"create DATABASE x", PG_SCRIPT_SKIP, "CREATE DATABASE"},
		{"DROP DATABASE IF EXISTS x", PG_SCRIPT_SKIP, "DROP DATABASE"},
		{"ALTER DATABASE x SET a TO b", PG_SCRIPT_SKIP, "ALTER DATABASE"},
		{"CREATE ROLE x", PG_SCRIPT_SKIP, "CREATE ROLE"},
		{"ALTER USER x WITH PASSWORD 'a'", PG_SCRIPT_SKIP, "ALTER ROLE"},
		{"CREATE USER MAPPING FOR x SERVER y", PG_SCRIPT_RUN, NULL},
		{"DROP GROUP x", PG_SCRIPT_SKIP, "DROP ROLE"},
		{"CREATE TABLESPACE x LOCATION '/y'", PG_SCRIPT_SKIP, "CREATE TABLESPACE"},
		{"ALTER SYSTEM SET a = 1", PG_SCRIPT_REFUSE, "ALTER SYSTEM"},
		{"GRANT a TO b", PG_SCRIPT_SKIP, "membership in roles"},
		{"GRANT \"on\" TO b", PG_SCRIPT_SKIP, "membership in roles"},
		{"GRANT ALL ON DATABASE a TO b", PG_SCRIPT_SKIP, "privileges on a database, tablespace or parameter"},
		{"REVOKE SELECT (a) ON TABLE a FROM b", PG_SCRIPT_OWNER, "privileges"},
		{"ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b", PG_SCRIPT_OWNER, "default privileges"},
		{"ALTER TABLE public.a OWNER TO b", PG_SCRIPT_OWNER, "an owner"},
		{"ALTER TABLE a ADD COLUMN owner text", PG_SCRIPT_RUN, NULL},
		{"COMMENT ON DATABASE a IS 'x'", PG_SCRIPT_SKIP, "remarks on a database, role or tablespace"},
		{"COMMENT ON TABLE a IS 'on database'", PG_SCRIPT_RUN, NULL},
		{"SECURITY LABEL FOR x ON ROLE y IS 'z'", PG_SCRIPT_SKIP, "remarks on a database, role or tablespace"},
		{"UPDATE pg_catalog.pg_database SET datistemplate = true", PG_SCRIPT_SKIP, "a change of the server's own tables"},
		{"DELETE FROM ONLY pg_authid", PG_SCRIPT_SKIP, "a change of the server's own tables"},
		{"UPDATE pg_class SET relname = 'a'", PG_SCRIPT_RUN, NULL},
		{"COPY a (b, c) FROM stdin", PG_SCRIPT_COPY, "COPY"},
		{"copy \"a b\".\"c\" from STDIN with (format csv)", PG_SCRIPT_COPY, "COPY"},
		{"COPY a FROM '/etc/passwd'", PG_SCRIPT_REFUSE, "COPY with anything but stdin"},
		{"COPY a FROM PROGRAM 'id'", PG_SCRIPT_REFUSE, "COPY with anything but stdin"},
		{"COPY a TO PROGRAM 'id'", PG_SCRIPT_REFUSE, "COPY with anything but stdin"},
		{"COPY a TO stdout", PG_SCRIPT_REFUSE, "COPY with anything but stdin"},
		{"COPY (SELECT 1 FROM stdin) TO '/tmp/x'", PG_SCRIPT_REFUSE, "COPY with anything but stdin"},
		{"COPY a FROM stdin (FORMAT binary)", PG_SCRIPT_REFUSE, "COPY of binary data"},
		{"BEGIN", PG_SCRIPT_BEGIN, NULL}, {"START TRANSACTION READ ONLY", PG_SCRIPT_BEGIN, NULL},
		{"COMMIT AND CHAIN", PG_SCRIPT_COMMIT, NULL}, {"END", PG_SCRIPT_COMMIT, NULL},
		{"ROLLBACK", PG_SCRIPT_ROLLBACK, NULL}, {"ABORT", PG_SCRIPT_ROLLBACK, NULL},
		{"ROLLBACK TO SAVEPOINT a", PG_SCRIPT_RUN, NULL}, {"ROLLBACK WORK TO a", PG_SCRIPT_RUN, NULL},
		{"PREPARE TRANSACTION 'a'", PG_SCRIPT_REFUSE, "a transaction in two phases"},
		{"COMMIT PREPARED 'a'", PG_SCRIPT_REFUSE, "a transaction in two phases"},
		{"PREPARE a AS SELECT 1", PG_SCRIPT_RUN, NULL},
		{"SET search_path = a", PG_SCRIPT_SETTING, "SET"},
		{"SELECT pg_catalog.set_config('search_path', '', false)", PG_SCRIPT_SETTING, "SELECT set_config"},
		{"SELECT pg_catalog.setval('a', 1)", PG_SCRIPT_RUN, NULL},
		{"DROP TABLE a", PG_SCRIPT_DROP, "DROP"},
		{"ALTER TABLE ONLY a DROP CONSTRAINT b", PG_SCRIPT_DROP, "DROP"},
		{"INSERT INTO a.\"b\"\"c\" VALUES (1)", PG_SCRIPT_INSERT, "INSERT"},
		{"CREATE TABLE database (a int)", PG_SCRIPT_RUN, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(pg_script_judge_release) struct pg_script_statement s;
		pg_script_judge(cases[i].sql, strlen(cases[i].sql), &s);
		if (s.kind != cases[i].kind)
			fail_msg("%s is of kind %d", cases[i].sql, s.kind);
		if (cases[i].what)
			assert_string_equal(s.what, cases[i].what);
	}
}

static void names_are_read_as_the_server_does(void **state)
{
	CLEANUP(pg_script_judge_release) struct pg_script_statement s, set;
	CLEANUP(pg_script_judge_table_release) struct pg_script_object o, c, none;
	static const char copy[] = "COPY Public.\"Or\"\"ders\" (\"from\") FROM stdin";
	pg_script_judge(copy, strlen(copy), &s);
	assert_string_equal(s.schema, "public");
	assert_string_equal(s.table, "Or\"ders");
	assert_true(s.rows_are_lines);
	pg_script_judge("SET SESSION a.b TO 'it''s'", 26, &set);
	assert_string_equal(set.setting, "b");
	assert_string_equal(set.value, "it's");
	assert_true(pg_script_judge_table("CREATE UNLOGGED TABLE IF NOT EXISTS a.b (c int)", 47, &o));
	assert_string_equal(o.schema, "a");
	assert_string_equal(o.name, "b");
	assert_null(o.constraint);
	assert_true(pg_script_judge_table("ALTER TABLE ONLY b ADD CONSTRAINT \"b key\" PRIMARY KEY (c)", 57, &c));
	assert_null(c.schema);
	assert_string_equal(c.constraint, "b key");
	assert_false(pg_script_judge_table("CREATE TEMP TABLE b (c int)", 27, &none));
}

/* ---- looking at a whole script ---- */

#define HEAD "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.20 (Debian)\n" \
	"-- Dumped by pg_dump version 15.20\n\nSET statement_timeout = 0;\nSET standard_conforming_strings = on;\n" \
	"SELECT pg_catalog.set_config('search_path', '', false);\n\n"
#define TAIL "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"
#define TABLE "--\n-- Name: orders; Type: TABLE; Schema: public; Owner: shop\n--\n\nCREATE TABLE public.orders (\n    id integer NOT NULL,\n" \
	"    note text\n);\n\n\nALTER TABLE public.orders OWNER TO shop;\n\n"
#define DATA "--\n-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: shop\n--\n\nCOPY public.orders (id, note) FROM stdin;\n" \
	"1\tone\n2\ttwo;\\n\n\\.\n\n\n"
#define KEY "--\n-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: shop\n--\n\nALTER TABLE ONLY public.orders\n" \
	"    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n\n"

static int check(const char *text, struct manifest_source *m, struct error *e)
{
	struct source *s = source_from_memory(text, strlen(text));
	int err = pg_script_check(s, m, e);
	source_close(s);
	return err;
}

static void R2_a_dump_that_is_cut_anywhere_is_refused(void **state)
{
	static const char whole[] = HEAD TABLE DATA KEY TAIL;
	size_t header = strlen("--\n-- PostgreSQL database dump\n");
	size_t end = strstr(whole, "complete\n") + strlen("complete") - whole;
	for (size_t n = header; n < end; n++) {
		CLEANUP(manifest_source_release) struct manifest_source m = {0};
		AUTO_FREE char *cut = mem_string_n(whole, n);
		struct error e = {0};
		int err = check(cut, &m, &e);
		/* Half a command is one that is not known. */
		if (err != -ERR_CORRUPT && !(err == -ERR_REFUSED && strstr(e.text, "is a command of psql")))
			fail_msg("cut at %zu: \"%s\"", n, e.text);
		assert_int_equal(m.table_count, 0);
	}
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	struct error e = {0};
	assert_int_equal(check(HEAD TABLE DATA KEY, &m, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "it is cut short: the line \"-- PostgreSQL database dump complete\" is missing");
}

static void a_dump_is_described_as_its_archive_would_be(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	static const char whole[] = HEAD TABLE DATA KEY TAIL;
	struct error e = {0};
	if (check(whole, &m, &e))
		fail_msg("%s", e.text);
	assert_int_equal(m.table_count, 1);
	const struct manifest_table *t = manifest_find_table(&m, "public.orders");
	assert_non_null(t);
	assert_int_equal(t->column_count, 2);
	assert_string_equal(t->columns[0].name, "id");
	assert_string_equal(t->columns[0].type, "integer");
	assert_int_equal(t->columns[0].key, 1);
	assert_true(t->rows_known);
	assert_int_equal(t->rows, 2);
	assert_int_equal(t->length, strlen("1\tone\n2\ttwo;\\n\n"));
	assert_memory_equal(whole + t->offset, "1\tone\n2\ttwo;\\n\n", t->length);
	assert_non_null(t->row_hash);
	assert_string_equal(m.server_version, "15.20 (Debian)");
	assert_string_equal(m.tool_version, "pg_dump 15.20");
	assert_int_equal(m.note_count, 0);
	assert_int_equal(m.object_count, 1);
	assert_string_equal(m.objects[0].type, "constraint");
}

static void rows_put_in_by_insert_are_counted_and_not_hashed(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	struct error e = {0};
	assert_int_equal(check(HEAD TABLE "-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: shop\n"
		"INSERT INTO public.orders VALUES (1, 'a;'), (2, NULL);\nINSERT INTO public.orders VALUES (3, 'c');\n" TAIL, &m, &e), 0);
	assert_true(m.tables[0].rows_known);
	assert_int_equal(m.tables[0].rows, 3);
	assert_null(m.tables[0].row_hash);
}

static void what_concerns_the_server_is_passed_over_and_noted(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	struct error e = {0};
	assert_int_equal(check("CREATE ROLE a;\nCREATE ROLE b;\nCREATE DATABASE shop;\n\\connect shop\nCREATE TABLE t (a int);\n", &m, &e), 0);
	assert_int_equal(m.note_count, 4);
	assert_string_equal(m.notes[0].text, "CREATE ROLE passed over (line 1 and 1 more)");
	assert_string_equal(m.notes[1].text, "CREATE DATABASE passed over (line 3)");
	assert_string_equal(m.notes[2].text, "\\connect passed over (line 4)");
	assert_string_equal(m.notes[3].text, "no dump of pg_dump: whether it is whole cannot be told");
	assert_int_equal(m.table_count, 1);
	assert_false(m.tables[0].rows_known);
}

static void several_databases_are_refused_by_name(void **state)
{
	static const char *const texts[] = {
		"\\connect shop\nCREATE TABLE t (a int);\n\\connect \"it's\"\nCREATE TABLE t (a int);\n",
		"\\c shop\nCREATE TABLE t (a int);\n\\connect -reuse-previous=on \"dbname='it\\'s'\"\nCOPY t FROM stdin;\n\\.\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(manifest_source_release) struct manifest_source m = {0};
		struct error e = {0};
		assert_int_equal(check(texts[i], &m, &e), -ERR_REFUSED);
		assert_string_equal(e.text, "it holds 2 databases: shop, it's");
		assert_string_equal(e.hint, "dump the one you want by itself, with pg_dump; only one database can be restored at a time");
	}
}

static void a_cluster_with_one_database_that_holds_something_is_taken(void **state)
{
	static const char text[] = "--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE shop;\nALTER ROLE shop WITH LOGIN;\n\\connect template1\n" HEAD TAIL
		"CREATE DATABASE shop;\n\\connect shop\n" HEAD TABLE DATA KEY TAIL "--\n-- PostgreSQL database cluster dump complete\n--\n";
	CLEANUP(manifest_source_release) struct manifest_source m = {0}, cut = {0}, empty = {0};
	struct error e = {0};
	if (check(text, &m, &e))
		fail_msg("%s", e.text);
	assert_int_equal(m.tables[0].rows, 2);
	AUTO_FREE char *less = mem_string_n(text, strlen(text) - 20);
	assert_int_equal(check(less, &cut, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "it is cut short: the line \"-- PostgreSQL database cluster dump complete\" is missing");
	assert_int_equal(check("-- PostgreSQL database cluster dump\nCREATE ROLE a;\n-- PostgreSQL database cluster dump complete\n", &empty, &e), -ERR_MISMATCH);
	assert_string_equal(e.text, "it holds roles and other things of a whole server, but no database");
}

static void R9_what_must_never_be_run_is_refused_with_its_line(void **state)
{
	static const char *const cases[][2] = {
		{"\\! touch /tmp/x", "line 2: \"\\! touch /tmp/x\" is a command of psql that is not run from a file"},
		{"\\o /tmp/x", "line 2: \"\\o /tmp/x\" is a command of psql that is not run from a file"},
		{"\\copy t from program 'id'", "line 2: \"\\copy t from program 'id'\" is a command of psql that is not run from a file"},
		{"\\i x.sql", "line 2: \"\\i x.sql\" is a command of psql that is not run from a file"},
		{"\\connect x \\! id", "line 2: \"\\connect x \\! id\" is a command of psql that is not run from a file"},
		{"\\echo `id`", "line 2: \"\\echo `id`\" is a command of psql that is not run from a file"},
		{"\\set AUTOCOMMIT off", "line 2: \"\\set AUTOCOMMIT off\" is a command of psql that is not run from a file"},
		{"COPY t FROM PROGRAM 'id';", "line 2: COPY with anything but stdin is not allowed"},
		{"COPY t TO '/tmp/x';", "line 2: COPY with anything but stdin is not allowed"},
		{"ALTER SYSTEM SET archive_command = 'id';", "line 2: ALTER SYSTEM is not allowed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(manifest_source_release) struct manifest_source m = {0};
		AUTO_FREE char *text = mem_printf("SELECT 1;\n%s\n", cases[i][0]);
		struct error e = {0};
		assert_int_equal(check(text, &m, &e), -ERR_REFUSED);
		assert_string_equal(e.text, cases[i][1]);
	}
}

static void commands_without_effect_are_passed_over(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	struct error e = {0};
	assert_int_equal(check("\\set ON_ERROR_STOP on\n\\timing\n\\echo 'hello \\' there'\n\\pset pager off\nSELECT 1;\n", &m, &e), 0);
}

static void a_transaction_without_its_end_is_refused(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0};
	struct error e = {0};
	assert_int_equal(check("BEGIN;\nCREATE TABLE t (a int);\n", &m, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "the text ends inside a transaction: its COMMIT is missing");
}

static void tables_that_may_come_and_go_are_not_promised(void **state)
{
	CLEANUP(manifest_source_release) struct manifest_source m = {0}, kept = {0};
	struct error e = {0};
	assert_int_equal(check("CREATE TABLE t (a int);\nDROP TABLE t;\n", &m, &e), 0);
	assert_int_equal(m.table_count, 0);
	assert_int_equal(check("DROP TABLE IF EXISTS t;\nSET search_path = app, public;\nCREATE TABLE t (\n    a integer\n);\n", &kept, &e), 0);
	assert_non_null(manifest_find_table(&kept, "app.t"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_that_ends_too_early_is_named_by_its_line),
		cmocka_unit_test(statements_end_at_semicolons_outside_of_everything),
		cmocka_unit_test(strings_know_backslashes_only_when_they_are_told_to),
		cmocka_unit_test(without_standard_conforming_strings_every_plain_string_knows_them),
		cmocka_unit_test(comments_are_nested_and_taken_out),
		cmocka_unit_test(bodies_of_functions_hold_semicolons),
		cmocka_unit_test(data_of_copy_end_with_their_mark_alone),
		cmocka_unit_test(a_line_with_a_backslash_in_front_is_a_command),
		cmocka_unit_test(a_second_byte_is_no_sign),
		cmocka_unit_test(rows_of_inserts_are_counted),
		cmocka_unit_test(a_byte_that_is_no_text_is_refused),
		cmocka_unit_test(what_is_not_kept_whole_keeps_its_beginning),
		cmocka_unit_test(every_kind_of_statement_is_known),
		cmocka_unit_test(names_are_read_as_the_server_does),
		cmocka_unit_test(R2_a_dump_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_dump_is_described_as_its_archive_would_be),
		cmocka_unit_test(rows_put_in_by_insert_are_counted_and_not_hashed),
		cmocka_unit_test(what_concerns_the_server_is_passed_over_and_noted),
		cmocka_unit_test(several_databases_are_refused_by_name),
		cmocka_unit_test(a_cluster_with_one_database_that_holds_something_is_taken),
		cmocka_unit_test(R9_what_must_never_be_run_is_refused_with_its_line),
		cmocka_unit_test(commands_without_effect_are_passed_over),
		cmocka_unit_test(a_transaction_without_its_end_is_refused),
		cmocka_unit_test(tables_that_may_come_and_go_are_not_promised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/pg_builder.h"

#include <stdlib.h>


struct tables {
	struct rows_table *v;
	const struct pg_entry **data;
	size_t n;
};

static void tables_release(struct tables *t)
{
	pg_toc_tables_free(t->v, t->data, t->n);
}

static void parse(const struct buf *archive, struct pg_toc *toc)
{
	struct error e = {0};
	if (pg_toc_parse(archive->p, archive->len, toc, &e))
		fail_msg("%s", e.text);
}

static void tables_of(const struct pg_toc *toc, struct tables *out)
{
	struct error e = {0};
	assert_int_equal(pg_toc_tables(toc, &out->v, &out->data, &out->n, &e), 0);
}

static void assert_fails(const struct buf *archive, enum err_kind kind, const char *text)
{
	struct pg_toc toc;
	struct error e = {0};
	AUTO_FREE unsigned char *exact = mem_copy(archive->p, archive->len);
	assert_int_equal(pg_toc_parse(exact, archive->len, &toc, &e), -(int)kind);
	assert_string_equal(e.text, text);
	assert_int_equal(toc.n, 0);
}

static void what_is_no_archive_is_said_to_be_none(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	buf_add_str(&b, "--\n-- PostgreSQL database dump\n");
	assert_fails(&b, ERR_MISMATCH, "not an archive of pg_dump (custom format)");
	buf_clear(&b);
	buf_add_str(&b, "PGDX");
	assert_fails(&b, ERR_MISMATCH, "not an archive of pg_dump (custom format)");
	buf_clear(&b);
	buf_add(&b, "PGDMP\1\16\0\4\10\3", 11);
	assert_fails(&b, ERR_MISMATCH, "an archive of pg_dump, but not in custom format");
}

static void an_unknown_version_is_named(void **state)
{
	struct pg_toc toc;
	struct error e = {0};
	assert_int_equal(pg_toc_parse("PGDMP\1\21\0", 8, &toc, &e), -ERR_VERSION);
	assert_string_equal(e.text, "the archive has format 1.17, and only 1.12 to 1.16 are known");
	assert_string_equal(e.hint, "it comes from a newer PostgreSQL; a newer backstay may know it");
	assert_int_equal(toc.minor, 17);
	assert_int_equal(pg_toc_parse("PGDMP\1\13\0", 8, &toc, &e), -ERR_VERSION);
	assert_string_equal(e.text, "the archive has format 1.11, and only 1.12 to 1.16 are known");
	assert_int_equal(pg_toc_parse("PGDMP\2\14\0", 8, &toc, &e), -ERR_VERSION);
	assert_string_equal(e.text, "the archive has format 2.12, and only 1.12 to 1.16 are known");
}

static void assert_damaged(const struct buf *archive, const char *what, size_t at)
{
	AUTO_FREE char *text = mem_printf("the archive's table of contents is damaged: %s before byte %zu makes no sense",
		what, at);
	assert_fails(archive, ERR_CORRUPT, text);
}

static void damage_is_found(void **state)
{
	static const struct {
		int at;                   /* in the entry; from its end when negative */
		unsigned char byte;
		const char *what;
		int before;
	} cases[] = {
		{0, 2, "an integer", 5}, {0, 1, "an entry", 0}, {4, 0x81, "an integer", 5},
		{6, 2, "an entry", 0}, {10, 1, "the length of a text", 15}, {15, 'x', "a number", 0},
		{15, 0, "a text", 19}, {-9, 0, "an offset", 0}, {-9, 4, "an offset", 0},
	};
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	static const struct made_entry entry = {.id = 7, .desc = "VIEW", .schema = "public", .tag = "v", .dep = 3};
	made_add(&m, &entry);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		made_archive(&m, &b, NULL);
		size_t begin = b.len - m.toc.len;
		b.p[cases[i].at < 0 ? b.len - (size_t)-cases[i].at : begin + (size_t)cases[i].at] = cases[i].byte;
		assert_damaged(&b, cases[i].what, cases[i].before ? begin + (size_t)cases[i].before : b.len);
	}
	made_add(&m, &entry);
	made_archive(&m, &b, NULL);
	assert_fails(&b, ERR_CORRUPT, "the archive has two entries with the number 7");
}

static void sizes_meet_their_limits(void **state)
{
	CLEANUP(made_release) struct made m = {.entries = PG_ENTRIES_MAX + 1};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	made_archive(&m, &b, NULL);
	assert_fails(&b, ERR_LIMIT, "the archive has 10000001 entries, more than 10000000");
	CLEANUP(made_release) struct made long_text = {.entries = 1};
	made_defaults(&long_text);
	made_int(&long_text, &long_text.toc, 1);
	made_int(&long_text, &long_text.toc, 0);
	made_int(&long_text, &long_text.toc, 0x7fffffff);
	made_archive(&long_text, &b, NULL);
	assert_fails(&b, ERR_LIMIT, "the archive's table of contents is larger than 512 MiB");
}

static void B1_every_cut_within_a_head_asks_for_more(void **state)
{
	for (int minor = 12; minor <= 16; minor++) {
		CLEANUP(made_release) struct made m = {.minor = minor};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		struct pg_toc toc;
		struct error e = {0};
		size_t head;
		made_shop(&m);
		made_archive(&m, &b, &head);
		for (size_t n = 1; n < head; n++) {
			AUTO_FREE unsigned char *exact = mem_copy(b.p, n);
			assert_int_equal(pg_toc_parse(exact, n, &toc, &e), 1);
			struct source *s = source_from_memory(exact, n);
			assert_int_equal(pg_toc_read(s, &toc, &e), -ERR_CORRUPT);
			assert_string_equal(e.text, "the archive ends within its table of contents");
			source_close(s);
		}
		CLEANUP(pg_toc_release) struct pg_toc whole = {0};
		assert_int_equal(pg_toc_parse(b.p, head, &whole, &e), 0);
	}
}

static void check_shop(const struct pg_toc *t, const struct made *m, size_t head)
{
	assert_int_equal(t->major, 1);
	assert_int_equal(t->minor, m->minor);
	assert_int_equal(t->int_size, m->int_size);
	assert_int_equal(t->off_size, m->off_size);
	assert_int_equal(t->compression, PG_COMPRESS_NONE);
	assert_string_equal(t->database, "shop");
	assert_string_equal(t->server_version, "15.20 (Debian 15.20-0+deb12u1)");
	assert_string_equal(t->dump_version, "15.21");
	assert_string_equal(t->encoding, "UTF8");
	assert_int_equal(t->head, head);
	assert_int_equal(t->n, 11);
	const struct pg_entry *x = pg_toc_find(t, 6);
	assert_ptr_equal(x, &t->v[5]);
	assert_true(x->has_data);
	assert_string_equal(x->desc, "TABLE DATA");
	assert_string_equal(x->schema, "public");
	assert_string_equal(x->copy, "COPY public.orders (id, name, price) FROM stdin;\n");
	assert_int_equal(x->section, PG_SECTION_DATA);
	assert_int_equal(x->dep_count, 1);
	assert_int_equal(x->deps[0], 3);
	assert_int_equal(x->oid, 16006);
	assert_int_equal(x->table_oid, 1259);
	assert_null(x->access_method);
	x = pg_toc_find(t, 3);
	assert_string_equal(x->owner, "shopkeeper");
	assert_null(x->tablespace);
	if (m->minor >= 14)
		assert_string_equal(x->access_method, "heap");
	assert_false(x->has_data);
	assert_string_equal(pg_toc_find(t, 4)->tag, "t\nx");
	assert_null(pg_toc_find(t, 12));
}

static void every_known_version_is_understood(void **state)
{
	for (int minor = 12; minor <= 16; minor++) {
		CLEANUP(made_release) struct made m = {.minor = minor, .int_size = minor == 13 ? 8 : 4};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		CLEANUP(pg_toc_release) struct pg_toc toc = {0}, again = {0};
		struct error e = {0};
		size_t head;
		made_shop(&m);
		made_archive(&m, &b, &head);
		parse(&b, &toc);
		check_shop(&toc, &m, head);
		struct source *s = source_from_memory(b.p, b.len);
		assert_int_equal(pg_toc_read(s, &again, &e), 0);
		source_close(s);
		check_shop(&again, &m, head);
	}
}

static void a_head_longer_than_one_read_is_read_whole(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	struct error e = {0};
	size_t head;
	for (int i = 1; i <= 3000; i++)
		made_add(&m, &(struct made_entry){.id = i, .desc = "TABLE", .tag = "t", .schema = "s"});
	made_archive(&m, &b, &head);
	struct source *s = source_from_memory(b.p, b.len);
	assert_int_equal(pg_toc_read(s, &toc, &e), 0);
	source_close(s);
	assert_int_equal(toc.n, 3000);
	assert_int_equal(toc.head, head);
	assert_int_equal(pg_toc_find(&toc, 1717)->oid, 17717);
}

static void compression_is_read_in_both_forms(void **state)
{
	for (int minor = 14; minor <= 15; minor++) {
		CLEANUP(made_release) struct made m = {.minor = minor, .compression = PG_COMPRESS_GZIP};
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		CLEANUP(pg_toc_release) struct pg_toc toc = {0};
		made_archive(&m, &b, NULL);
		parse(&b, &toc);
		assert_int_equal(toc.compression, PG_COMPRESS_GZIP);
	}
	CLEANUP(made_release) struct made m = {.minor = 15, .compression = (enum pg_compression)4};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	made_archive(&m, &b, NULL);
	assert_fails(&b, ERR_CORRUPT, "the archive's table of contents is damaged: the compression before byte 12 makes no sense");
}

static void patching_sets_offsets_and_nothing_else(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0}, again = {0};
	size_t head, changed = 0;
	made_shop(&m);
	made_archive(&m, &b, &head);
	parse(&b, &toc);
	AUTO_FREE unsigned char *patched = mem_copy(b.p, head);
	toc.v[5].offset = 0x0102030405060708;
	pg_toc_patch(&toc, patched);
	for (size_t i = 0; i < head; i++)
		changed += patched[i] != b.p[i];
	assert_int_equal(changed, 9);
	assert_memory_equal(patched + toc.v[5].offset_at, "\2\10\7\6\5\4\3\2\1", 9);
	struct error e = {0};
	assert_int_equal(pg_toc_parse(patched, head, &again, &e), 0);
	assert_true(again.v[5].offset == 0x0102030405060708);
	assert_true(again.v[6].offset == 0);
}

static void an_offset_too_large_for_its_field_stays_unset(void **state)
{
	CLEANUP(made_release) struct made m = {.off_size = 4};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	made_shop(&m);
	made_archive(&m, &b, NULL);
	parse(&b, &toc);
	AUTO_FREE unsigned char *patched = mem_copy(b.p, b.len);
	toc.v[5].offset = (uint64_t)1 << 32;
	pg_toc_patch(&toc, patched);
	assert_memory_equal(patched, b.p, b.len);
	toc.v[5].offset = 0xfffffffe;
	pg_toc_patch(&toc, patched);
	assert_memory_equal(patched + toc.v[5].offset_at, "\2\376\377\377\377", 5);
}

/* ---- tables ---- */

static void assert_column(const struct rows_table *t, size_t i, const char *name, const char *type, int key, bool generated)
{
	assert_true(i < t->column_count);
	assert_string_equal(t->columns[i].name, name);
	assert_string_equal(t->columns[i].type, type);
	assert_int_equal(t->columns[i].key, key);
	assert_int_equal(t->columns[i].generated, generated);
}

static void tables_have_their_columns_types_and_keys(void **state)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	made_shop(&m);
	made_archive(&m, &b, NULL);
	parse(&b, &toc);
	tables_of(&toc, &t);
	assert_int_equal(t.n, 3);
	assert_string_equal(t.v[0].schema, "odd.sch\"ema");
	assert_string_equal(t.v[0].name, "t\nx");
	assert_int_equal(t.v[0].column_count, 1);
	assert_column(&t.v[0], 0, "a b", "bytea", 0, false);
	assert_ptr_equal(t.data[0], pg_toc_find(&toc, 7));
	assert_string_equal(t.v[1].name, "config");
	assert_int_equal(t.v[1].column_count, 2);
	assert_column(&t.v[1], 0, "key", "", 0, false);
	assert_column(&t.v[1], 1, "value", "", 0, false);
	assert_null(t.v[1].sql);
	assert_string_equal(t.v[2].name, "orders");
	assert_int_equal(t.v[2].column_count, 4);
	assert_column(&t.v[2], 0, "id", "integer", 1, false);
	assert_column(&t.v[2], 1, "name", "character varying(20)", 0, false);
	assert_column(&t.v[2], 2, "twice", "integer", 0, true);
	assert_column(&t.v[2], 3, "price", "numeric(10,2)", 0, false);
	assert_string_equal(t.v[2].sql, pg_toc_find(&toc, 3)->defn);
}

/* The tables of an archive with these entries. */
static void tables_with(struct pg_toc *toc, struct tables *t, const struct made_entry *entries, size_t n)
{
	CLEANUP(made_release) struct made m = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		made_add(&m, &entries[i]);
	made_archive(&m, &b, NULL);
	parse(&b, toc);
	tables_of(toc, t);
}

static void odd_statements_are_read_as_the_server_would(void **state)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "TABLE", .schema = "s", .tag = "a",
			.defn = "CREATE UNLOGGED TABLE s.a (\n"
				"    \"from\" timestamp(3) with time zone DEFAULT now() NOT NULL,\n"
				"    \"it's \"\"x\"\"\" public.\"My, Type\"[] COLLATE pg_catalog.\"C\",\n"
				"    generated bigint GENERATED ALWAYS AS IDENTITY,\n"
				"    \"GENERATED\" text DEFAULT E'it\\'s GENERATED ALWAYS AS (x)'::text,\n"
				"    virt text GENERATED ALWAYS AS ((\"GENERATED\" || ', '::text)),\n"
				"    n numeric(10,2) CONSTRAINT n_not_null NOT NULL,\n"
				"    d double precision DEFAULT ARRAY[1, 2],\n"
				"    CONSTRAINT c CHECK ((n > (0)::numeric)),\n"
				"    NOT NULL d\n)\nWITH (fillfactor='70');\n\n"
				"ALTER TABLE ONLY s.a ALTER COLUMN n SET STATISTICS 5;\n"},
		{.id = 2, .desc = "CONSTRAINT", .schema = "s", .tag = "a a pkey", .section = PG_SECTION_POST_DATA,
			.defn = "ALTER TABLE ONLY s.a\n    ADD CONSTRAINT \"a pkey\" PRIMARY KEY (n, \"it's \"\"x\"\"\") "
				"INCLUDE (d);\n\n\nALTER TABLE s.a CLUSTER ON \"a pkey\";\n"},
		{.id = 3, .desc = "CONSTRAINT", .schema = "s", .tag = "a u", .section = PG_SECTION_POST_DATA,
			.defn = "ALTER TABLE ONLY s.a\n    ADD CONSTRAINT u UNIQUE (d);\n"},
		{.id = 4, .desc = "TABLE", .schema = "s", .tag = "empty", .defn = "CREATE TABLE s.empty (\n);\n"},
		{.id = 5, .desc = "TABLE DATA", .schema = "s", .tag = "empty", .has_data = true,
			.copy = "COPY s.empty  FROM stdin;\n"},
		{.id = 6, .desc = "TABLE", .schema = "s", .tag = "nonsense", .defn = "CREATE TABLE s.nonsense (\n  \"x"},
	};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	tables_with(&toc, &t, entries, ARRAY_LEN(entries));
	assert_int_equal(t.n, 3);
	assert_int_equal(t.v[0].column_count, 7);
	assert_column(&t.v[0], 0, "from", "timestamp(3) with time zone", 0, false);
	assert_column(&t.v[0], 1, "it's \"x\"", "public.\"My, Type\"[]", 2, false);
	assert_column(&t.v[0], 2, "generated", "bigint", 0, false);
	assert_column(&t.v[0], 3, "GENERATED", "text", 0, false);
	assert_column(&t.v[0], 4, "virt", "text", 0, true);
	assert_column(&t.v[0], 5, "n", "numeric(10,2)", 1, false);
	assert_column(&t.v[0], 6, "d", "double precision", 0, false);
	assert_null(t.data[0]);
	assert_int_equal(t.v[1].column_count, 0);
	assert_ptr_equal(t.data[1], pg_toc_find(&toc, 5));
	assert_int_equal(t.v[2].column_count, 0);
}

static void children_have_the_columns_of_their_parents(void **state)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "TABLE", .schema = "s", .tag = "parent",
			.defn = "CREATE TABLE s.parent (\n    a integer,\n    b text\n)\nPARTITION BY RANGE (a);\n"},
		{.id = 2, .desc = "TABLE", .schema = "s", .tag = "part",
			.defn = "CREATE TABLE s.part PARTITION OF s.parent\nFOR VALUES FROM (1) TO (2);\n"},
		{.id = 3, .desc = "TABLE", .schema = "s", .tag = "child",
			.defn = "CREATE TABLE child (\n    c date,\n    b text\n)\nINHERITS (parent, \"other\".base);\n"},
		{.id = 4, .desc = "TABLE", .schema = "other", .tag = "base",
			.defn = "CREATE TABLE other.base (\n    z uuid\n)\nINHERITS (s.child);\n"},
		{.id = 5, .desc = "TABLE DATA", .schema = "s", .tag = "child", .has_data = true,
			.copy = "COPY s.child (z, c, a, b, more) FROM stdin;\n"},
		{.id = 6, .desc = "TABLE", .schema = "s", .tag = "typed", .defn = "CREATE TABLE s.typed OF s.kind (\n);\n"},
		{.id = 7, .desc = "TABLE DATA", .schema = "s", .tag = "typed", .has_data = true,
			.copy = "COPY s.typed (x, y) FROM stdin;\n"},
	};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	tables_with(&toc, &t, entries, ARRAY_LEN(entries));
	assert_int_equal(t.n, 5);
	const struct rows_table *child = &t.v[1], *parent = &t.v[2], *part = &t.v[3], *typed = &t.v[4];
	assert_string_equal(child->name, "child");
	assert_int_equal(child->column_count, 5);
	assert_column(child, 0, "z", "uuid", 0, false);
	assert_column(child, 1, "c", "date", 0, false);
	assert_column(child, 2, "a", "integer", 0, false);
	assert_column(child, 3, "b", "text", 0, false);
	assert_column(child, 4, "more", "", 0, false);
	assert_int_equal(parent->column_count, 2);
	assert_string_equal(part->name, "part");
	assert_int_equal(part->column_count, 2);
	assert_column(part, 1, "b", "text", 0, false);
	assert_int_equal(typed->column_count, 2);
	assert_column(typed, 0, "x", "", 0, false);
}

static void rows_with_oids_have_one_more_column(void **state)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "TABLE", .schema = "s", .tag = "t", .defn = "CREATE TABLE t (\n    a integer\n);\n"},
		{.id = 2, .desc = "TABLE DATA", .schema = "s", .tag = "t", .has_data = true,
			.copy = "COPY t (a) WITH OIDS FROM stdin;\n"},
	};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	tables_with(&toc, &t, entries, ARRAY_LEN(entries));
	assert_int_equal(t.v[0].column_count, 2);
	assert_column(&t.v[0], 0, "oid", "", 0, false);
	assert_column(&t.v[0], 1, "a", "integer", 0, false);
}

static void names_in_another_encoding_become_utf8(void **state)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "ENCODING", .defn = "SET client_encoding = 'LATIN1';\n"},
		{.id = 2, .desc = "TABLE", .schema = "s", .tag = "gr\366\337e", .defn = "CREATE TABLE s.\"gr\366\337e\" (\n    \"\344\" integer\n);\n"},
	};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	tables_with(&toc, &t, entries, ARRAY_LEN(entries));
	assert_string_equal(toc.encoding, "LATIN1");
	assert_string_equal(t.v[0].name, "größe");
	assert_column(&t.v[0], 0, "ä", "integer", 0, false);
}

static void foreign_tables_count_only_with_their_rows(void **state)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "FOREIGN TABLE", .schema = "s", .tag = "far", .defn = "CREATE FOREIGN TABLE s.far (\n    a integer\n)\nSERVER x;\n"},
		{.id = 2, .desc = "FOREIGN TABLE", .schema = "s", .tag = "near", .defn = "CREATE FOREIGN TABLE s.near (\n    a integer OPTIONS (\n    x 'y'\n)\n)\nSERVER x;\n"},
		{.id = 3, .desc = "TABLE DATA", .schema = "s", .tag = "near", .has_data = true, .copy = "COPY s.near (a) FROM stdin;\n"},
	};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(tables_release) struct tables t = {0};
	tables_with(&toc, &t, entries, ARRAY_LEN(entries));
	assert_int_equal(t.n, 1);
	assert_string_equal(t.v[0].name, "near");
	assert_column(&t.v[0], 0, "a", "integer", 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_archive_is_said_to_be_none),
		cmocka_unit_test(an_unknown_version_is_named),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(sizes_meet_their_limits),
		cmocka_unit_test(B1_every_cut_within_a_head_asks_for_more),
		cmocka_unit_test(every_known_version_is_understood),
		cmocka_unit_test(a_head_longer_than_one_read_is_read_whole),
		cmocka_unit_test(compression_is_read_in_both_forms),
		cmocka_unit_test(patching_sets_offsets_and_nothing_else),
		cmocka_unit_test(an_offset_too_large_for_its_field_stays_unset),
		cmocka_unit_test(tables_have_their_columns_types_and_keys),
		cmocka_unit_test(odd_statements_are_read_as_the_server_would),
		cmocka_unit_test(children_have_the_columns_of_their_parents),
		cmocka_unit_test(rows_with_oids_have_one_more_column),
		cmocka_unit_test(names_in_another_encoding_become_utf8),
		cmocka_unit_test(foreign_tables_count_only_with_their_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/pg_builder.h"
#include "unit/engine/support.h"

#include "engine/pg.h"

#include <stdlib.h>

/* A stored database with the manifest that was made when it was stored. */
struct kept {
	struct made made;
	struct test_tree *tree;
	struct manifest_source m;
	struct stored stored;
	struct strlist evidence;
	struct error e;
	struct buf archive;
	size_t head;
};

static void kept_release(struct kept *k)
{
	made_release(&k->made);
	test_tree_free(k->tree);
	manifest_source_release(&k->m);
	strlist_release(&k->evidence);
	buf_release(&k->archive);
}

static void keep(struct kept *k)
{
	struct pg_watch *w = pg_watch_new(NULL, NULL);
	made_archive(&k->made, &k->archive, &k->head);
	assert_int_equal(pg_watch_write(w, k->archive.p, k->archive.len, &k->e), 0);
	assert_int_equal(pg_watch_finish(w, &k->m, NULL, &k->e), 0);
	pg_watch_free(w);
	k->m.name = mem_string("shop");
	k->tree = test_tree_new(NULL);
	test_tree_put(k->tree, "shop/database.dump", k->archive.p, k->archive.len);
	manifest_add_artifact(&k->m, "shop/database.dump", PG_FORMAT, k->archive.len);
	k->stored = test_stored(k->tree, &k->m);
}

static void keep_shop(struct kept *k)
{
	made_shop(&k->made);
	keep(k);
}

static void assert_verified(struct kept *k, const char *const evidence[], size_t n)
{
	if (pg_check_structure(&k->stored, NULL, &k->evidence, &k->e))
		fail_msg("%s", k->e.text);
	assert_int_equal(k->evidence.n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(k->evidence.v[i], evidence[i]);
}

static void assert_not_verified(struct kept *k, const char *text)
{
	assert_int_equal(pg_check_structure(&k->stored, NULL, &k->evidence, &k->e), -ERR_VERIFY);
	assert_string_equal(k->e.text, text);
	assert_int_equal(k->e.kind, ERR_VERIFY);
}

static void a_source_without_a_dump_is_told(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	struct source *s;
	struct pg_toc toc;
	keep_shop(&k);
	free(k.m.artifacts[0].format);
	k.m.artifacts[0].format = mem_string("sqlite3");
	assert_int_equal(pg_stored_open(&k.stored, &s, &toc, &k.e), -ERR_MISMATCH);
	assert_string_equal(k.e.text, "shop holds no archive of PostgreSQL");
	assert_not_verified(&k, "shop holds no dump of PostgreSQL");
}

static void damage_to_the_archive_is_found(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	keep_shop(&k);
	struct test_entry *x = test_tree_find(k.tree, "shop/database.dump");
	size_t size = x->size;
	x->size -= 1;
	AUTO_FREE char *text = mem_printf("shop/database.dump: it has %zu bytes instead of %zu", size - 1, size);
	assert_not_verified(&k, text);
	k.m.artifacts[0].bytes--;
	assert_not_verified(&k, "shop/database.dump: the archive ends within the data of \"BLOBS\"");
	x->size = size;
	k.m.artifacts[0].bytes++;
	x->bytes[k.head + k.made.block_at[6] + 11] ^= 1;
	assert_not_verified(&k, "shop/database.dump: table \"public.orders\" has other rows than the manifest says");
}

static void what_differs_from_the_manifest_is_named(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	keep_shop(&k);
	struct manifest_table *orders = &k.m.tables[2];
	orders->rows = 1234;
	assert_not_verified(&k, "shop/database.dump: table \"public.orders\" has 3 rows instead of 1,234");
	orders->rows = 3;
	orders->columns[0].key = 0;
	assert_not_verified(&k, "shop/database.dump: table \"public.orders\" has other columns than the manifest says");
	orders->columns[0].key = 1;
	k.m.objects[3].count = 3;
	assert_not_verified(&k, "shop/database.dump: the number of large object objects is 2 instead of 3");
	k.m.objects[3].count = 2;
	manifest_count(&k.m, "trigger", 1);
	assert_not_verified(&k, "shop/database.dump: the number of trigger objects is 0 instead of 1");
	k.m.objects[4].count = 0;
	orders->name[0] = 'p';
	assert_not_verified(&k, "shop/database.dump: table \"public.prders\" is missing");
	orders->name[0] = 'a';
	assert_not_verified(&k, "shop/database.dump: table \"public.arders\" is missing");
	orders->name[0] = 'o';
	manifest_table_release(&k.m.tables[--k.m.table_count]);
	assert_not_verified(&k, "shop/database.dump: table \"public.orders\" is not in the manifest");
}

static void a_whole_archive_is_evidence(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	struct source *s;
	keep_shop(&k);
	assert_verified(&k, (const char *[]){"shop: archive ok; 3 tables and 6 rows as in the manifest"}, 1);
	assert_int_equal(pg_stored_open(&k.stored, &s, &toc, &k.e), 0);
	assert_int_equal(toc.n, 11);
	source_close(s);
}

static void names_that_are_no_utf8_are_compared_as_the_manifest_keeps_them(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	CLEANUP(manifest_release) struct manifest again = {0};
	made_add(&k.made, &(struct made_entry){.id = 1, .desc = "TABLE DATA", .schema = "s\377", .tag = "t\376", .has_data = true,
		.copy = "COPY \"s\377\".\"t\376\" (\"\375\") FROM stdin;\n"});
	made_rows(&k.made, 1, "1\n");
	keep(&k);
	struct manifest m = {.version = MANIFEST_VERSION, .name = (char[]){"x"}, .program = (char[]){"x"}, .hostname = (char[]){"x"},
		.sources = &k.m, .source_count = 1};
	k.m.engine = mem_string("postgresql");
	k.m.url = mem_string("postgresql:x");
	manifest_encode(&m, &json);
	if (manifest_parse(json.p, json.len, &again, &k.e))
		fail_msg("%s", k.e.text);
	assert_string_equal(again.sources[0].tables[0].name, "t\357\277\275");
	k.stored.manifest = &again.sources[0];
	assert_verified(&k, (const char *[]){"shop: archive ok; 1 table and 1 row as in the manifest"}, 1);
}

static void an_archive_that_is_not_understood_is_read_and_said_so(void **state)
{
	CLEANUP(kept_release) struct kept k = {.made.minor = 17};
	keep_shop(&k);
	assert_verified(&k, (const char *[]){"shop: archive of format 1.17, not understood, read to its end"}, 1);
}

static void roles_are_read_to_the_end(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	keep_shop(&k);
	test_tree_put(k.tree, "shop/globals.sql", "CREATE ROLE x;\n", 15);
	manifest_add_artifact(&k.m, "shop/globals.sql", PG_FORMAT_GLOBALS, 15);
	assert_verified(&k, (const char *[]){"shop: archive ok; 3 tables and 6 rows as in the manifest",
		"shop: roles and settings ok; 15 B read to the end"}, 2);
	strlist_release(&k.evidence);
	k.m.artifacts[1].sha256 = mem_string("8a7c73c90bb7e10ac0ac2a7ec34b0e37d0fc55e9e8e90c18bb0c8e09dd7ac7bb");
	assert_not_verified(&k, "shop/globals.sql: its SHA-256 is not that in the manifest");
	k.m.artifacts[1].bytes = 16;
	assert_not_verified(&k, "shop/globals.sql: it has 15 bytes instead of 16");
}

static void reading_again_can_be_cancelled(void **state)
{
	CLEANUP(kept_release) struct kept k = {0};
	struct progress p = {NULL};
	keep_shop(&k);
	atomic_store(&p.cancel, true);
	assert_int_equal(pg_check_structure(&k.stored, &p, &k.evidence, &k.e), -ERR_CANCELLED);
}

static int refuse_bytes(struct sink *s, const void *p, size_t n, struct error *e)
{
	return error_set(e, ERR_INTERNAL, "nothing should come");
}

static void the_text_of_a_script_can_be_cancelled(void **state)
{
	CLEANUP(kept_release) struct kept k = {.tree = test_tree_new(NULL), .m.name = mem_string("shop")};
	struct sink nowhere = {.write = refuse_bytes};
	struct progress p = {NULL};
	test_tree_put(k.tree, "shop/database.sql", "SELECT 1;\n", 10);
	manifest_add_artifact(&k.m, "shop/database.sql", PG_FORMAT_SQL, 10);
	k.stored = test_stored(k.tree, &k.m);
	atomic_store(&p.cancel, true);
	assert_int_equal(pg_sql_stored(&k.stored, NULL, &nowhere, &p, &k.e), -ERR_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_without_a_dump_is_told),
		cmocka_unit_test(damage_to_the_archive_is_found),
		cmocka_unit_test(what_differs_from_the_manifest_is_named),
		cmocka_unit_test(a_whole_archive_is_evidence),
		cmocka_unit_test(names_that_are_no_utf8_are_compared_as_the_manifest_keeps_them),
		cmocka_unit_test(an_archive_that_is_not_understood_is_read_and_said_so),
		cmocka_unit_test(roles_are_read_to_the_end),
		cmocka_unit_test(reading_again_can_be_cancelled),
		cmocka_unit_test(the_text_of_a_script_can_be_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

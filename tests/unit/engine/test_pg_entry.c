/* The parts of restoring PostgreSQL archives that need no server: statements told apart, names found, roles, what belongs to a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/pg_belongings.h"
#include "engine/pg_put.h"
#include "engine/pg_roles.h"
#include "engine/pg_target.h"

#include <string.h>

static void assert_statements(const char *text, const char *joined)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	pg_statements(text, &all);
	AUTO_FREE char *got = strlist_join(&all, "|");
	assert_string_equal(got, joined);
}

static void a_text_without_statements_has_none(void **state)
{
	assert_statements("", "");
	assert_statements(" \n\t;;  ;", "");
}

static void semicolons_within_quotes_comments_and_dollars_part_nothing(void **state)
{
	assert_statements("GRANT a;\nGRANT b;\n", "GRANT a|GRANT b");
	assert_statements("SELECT 'a;b', \"c;d\"; SELECT 2", "SELECT 'a;b', \"c;d\"|SELECT 2");
	assert_statements("SELECT 'it''s;'; x", "SELECT 'it''s;'|x");
	assert_statements("SELECT E'\\';'; x", "SELECT E'\\';'|x");
	assert_statements("SELECT '\\'; x", "SELECT '\\'|x");
	assert_statements("a -- ; no\n; b /* ; /* ; */ ; */; c", "a -- ; no\n|b /* ; /* ; */ ; */|c");
	assert_statements("f $$ ; $$; g $x$ ; $$ ; $x$; h$1; i", "f $$ ; $$|g $x$ ; $$ ; $x$|h$1|i");
}

static void a_text_that_ends_within_quotes_is_one_statement(void **state)
{
	assert_statements("a; b 'c;", "a|b 'c;");
	assert_statements("a; b $$c;", "a|b $$c;");
	assert_statements("a; b /* c;", "a|b /* c;");
}

static void a_name_is_found_plain_and_quoted_and_only_whole(void **state)
{
	size_t n;
	assert_true(pg_name_at("public.orders (id)", "public", "orders", &n));
	assert_int_equal(n, 13);
	assert_true(pg_name_at("\"a \"\"b\".orders (id)", "a \"b", "orders", &n));
	assert_int_equal(n, 14);
	assert_true(pg_name_at("orders;", NULL, "orders", &n));
	assert_false(pg_name_at("public.orders2 (id)", "public", "orders", &n));
	assert_false(pg_name_at("public.orders", "other", "orders", &n));
	assert_false(pg_name_at("\"orders", NULL, "orders", &n));
	assert_false(pg_name_at("", NULL, "orders", &n));
}

static void a_name_beside_fits_and_cuts_no_character(void **state)
{
	AUTO_FREE char *short_one = pg_name_beside("shop", "_restore_01234567");
	assert_string_equal(short_one, "shop_restore_01234567");
	const char *snow = "☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃";
	AUTO_FREE char *cut = pg_name_beside(snow, "_restore_0123456");
	assert_true(strlen(cut) <= 63);
	assert_int_equal(strlen(cut), 45 + 16);
	assert_memory_equal(cut, snow, 45);
}

struct plain {
	int id;
	const char *desc, *tag, *owner, *defn;
	enum pg_section section;
};

/* A TOC of such entries; v has room for them. */
static struct pg_toc toc_of(const struct plain *from, size_t n, struct pg_entry *v)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (struct pg_entry){.id = from[i].id, .desc = (char *)(uintptr_t)from[i].desc, .tag = (char *)(uintptr_t)from[i].tag,
			.owner = (char *)(uintptr_t)from[i].owner, .defn = (char *)(uintptr_t)from[i].defn, .section = from[i].section};
	return (struct pg_toc){.v = v, .n = n};
}

static void roles_of_owners_privileges_and_policies_are_found(void **state)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	static const struct plain plain[] = {
		{.id = 1, .desc = "TABLE", .tag = "a", .owner = "ann", .defn = "CREATE TABLE a() -- TO nobody"},
		{.id = 2, .desc = "ACL", .tag = "TABLE a", .owner = "ann",
			.defn = "REVOKE ALL ON TABLE a FROM PUBLIC;\nGRANT SELECT ON TABLE a TO bob,\"the \"\"odd\"\" one\";\nGRANT ALL ON TABLE a TO PUBLIC;\n"},
		{.id = 3, .desc = "POLICY", .tag = "a p", .defn = "CREATE POLICY p ON a FOR SELECT TO cid, dan USING (true);"},
		{.id = 4, .desc = "DEFAULT ACL", .tag = "x", .defn = "ALTER DEFAULT PRIVILEGES FOR ROLE eve GRANT SELECT ON TABLES  TO ann;"},
	};
	struct pg_entry v[ARRAY_LEN(plain)];
	struct pg_toc toc = toc_of(plain, ARRAY_LEN(plain), v);
	pg_roles_named(&toc, &names);
	strlist_sort(&names);
	AUTO_FREE char *all = strlist_join(&names, "|");
	assert_string_equal(all, "ann|bob|cid|dan|eve|the \"odd\" one");
}

static void passes_follow_the_section_and_the_kind(void **state)
{
	static const struct plain plain[] = {
		{.id = 1, .desc = "ENCODING", .tag = "ENCODING", .section = PG_SECTION_PRE_DATA},
		{.id = 2, .desc = "TABLE", .tag = "a", .section = PG_SECTION_PRE_DATA},
		{.id = 3, .desc = "COMMENT", .tag = "TABLE a", .section = PG_SECTION_NONE},
		{.id = 4, .desc = "COMMENT", .tag = "DATABASE shop", .section = PG_SECTION_NONE},
		{.id = 5, .desc = "TABLE DATA", .tag = "a", .section = PG_SECTION_DATA},
		{.id = 6, .desc = "INDEX", .tag = "i", .section = PG_SECTION_POST_DATA},
		{.id = 7, .desc = "COMMENT", .tag = "INDEX i", .section = PG_SECTION_NONE},
		{.id = 8, .desc = "EVENT TRIGGER", .tag = "e", .section = PG_SECTION_POST_DATA},
		{.id = 9, .desc = "COMMENT", .tag = "EVENT TRIGGER e", .section = PG_SECTION_NONE},
		{.id = 10, .desc = "ACL", .tag = "TABLE a", .section = PG_SECTION_NONE},
	};
	static const enum pg_pass want[] = {PG_PASS_NEVER, PG_PASS_PRE, PG_PASS_PRE, PG_PASS_NEVER, PG_PASS_DATA, PG_PASS_POST, PG_PASS_POST,
		PG_PASS_LAST, PG_PASS_LAST, PG_PASS_ACL};
	struct pg_entry v[ARRAY_LEN(plain)];
	struct pg_toc toc = toc_of(plain, ARRAY_LEN(plain), v);
	AUTO_FREE enum pg_pass *got = pg_passes(&toc);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(got[i], want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_without_statements_has_none),
		cmocka_unit_test(semicolons_within_quotes_comments_and_dollars_part_nothing),
		cmocka_unit_test(a_text_that_ends_within_quotes_is_one_statement),
		cmocka_unit_test(a_name_is_found_plain_and_quoted_and_only_whole),
		cmocka_unit_test(a_name_beside_fits_and_cuts_no_character),
		cmocka_unit_test(roles_of_owners_privileges_and_policies_are_found),
		cmocka_unit_test(passes_follow_the_section_and_the_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

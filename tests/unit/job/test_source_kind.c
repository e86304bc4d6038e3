/* Kinds of sources by the names of their engines, and what their exports are called. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/source_kind.h"

static void assert_called(const char *engine, const char *source, const char *format, const char *name)
{
	const struct timespec t = {.tv_sec = 1763709245};       /* 2025-11-21 07:14:05 UTC */
	AUTO_FREE char *got = source_kind_export_name(engine, source, format, t);

	assert_string_equal(got, name);
}

static void databases_are_told_from_folders(void **state)
{
	assert_true(source_kind_is_database("sqlite"));
	assert_true(source_kind_is_database("postgresql"));
	assert_true(source_kind_is_database("mysql"));
	assert_false(source_kind_is_database("folder"));
	assert_false(source_kind_is_database("command"));
	assert_false(source_kind_is_database("oracle"));
	assert_string_equal(source_kind_format("folder"), "tar.gz");
	assert_string_equal(source_kind_format("mysql"), "archive");
}

static void exports_are_called_as_people_know_them(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	assert_called("sqlite", "shop.db", "archive", "sqlite_backup_20251121_071405.db");
	assert_called("sqlite", "shop.db", "sql", "backup_shop_20251121_071405.sql");
	assert_called("postgresql", "cmms", "archive", "cmms_backup_20251121_071405.backup");
	assert_called("postgresql", "cmms", "sql", "postgres_backup_20251121_071405.sql");
	assert_called("postgresql", "cmms", "sql.gz", "postgres_backup_20251121_071405.sql.gz");
	assert_called("mysql", "db_asset", "sql.gz", "backup_db_asset_20251121_071405.sql.gz");
	assert_called("mysql", "db_asset", "archive", "backup_db_asset_20251121_071405.sql");
	assert_called("mysql", "db_asset", "csv", "backup_db_asset_20251121_071405.zip");
	assert_called("mysql", "db_asset", "xlsx", "backup_db_asset_20251121_071405.xlsx");
	assert_called("folder", "media", "tar.gz", "media_backup_20251121_071405.tar.gz");
	assert_called("command", "dump it/all", "archive", "dump_it_all_backup_20251121_071405.dump");
}

static void a_source_is_completed_by_its_engine(void **state)
{
	struct source_record s = {.url = mem_string("postgresql://shop:tiger@db/shop")};
	struct error e = {0};

	assert_int_equal(source_kind_parse(&s, &e), 0);
	assert_string_equal(s.engine, "postgresql");
	assert_string_equal(s.shown, "postgresql://shop@db/shop");
	assert_string_equal(s.url, "postgresql://shop:tiger@db/shop");
	free(s.url);
	s.url = mem_string("oracle:shop");
	assert_int_equal(source_kind_parse(&s, &e), -ERR_USAGE);
	assert_string_equal(s.engine, "postgresql");
	source_record_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(databases_are_told_from_folders),
		cmocka_unit_test(exports_are_called_as_people_know_them),
		cmocka_unit_test(a_source_is_completed_by_its_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

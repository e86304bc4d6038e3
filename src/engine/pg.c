/* The PostgreSQL engine's members. */
#include "engine/pg.h"

static const char *const schemes[] = {"postgresql", "postgres", NULL};

const struct engine engine_postgresql = {
	.name = "postgresql",
	.title = "PostgreSQL",
	.schemes = schemes,
	.features = ENGINE_DATABASE | ENGINE_ROWS | ENGINE_RESTORE | ENGINE_TABLES | ENGINE_PRESERVE | ENGINE_STRUCTURE,
	.parse = pg_parse,
	.look = pg_look,
	.backup = pg_backup,
	.restore = pg_restore,
	.check_structure = pg_check_structure,
	.rows_stored = pg_rows_stored,
	.rows_live = pg_rows_live,
	.scratch = pg_scratch,
	.compare = pg_compare_restored,
	.sql_stored = pg_sql_stored,
	.sql_live = pg_sql_live,
	.info = pg_info,
	.maintain = pg_maintain,
	.verify_env = "BACKSTAY_VERIFY_POSTGRESQL",
};

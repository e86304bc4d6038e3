/* The MySQL and MariaDB engine's members. */
#include "engine/my.h"

static const char *const schemes[] = {"mysql", "mariadb", NULL};

const struct engine engine_mysql = {
	.name = "mysql",
	.title = "MySQL or MariaDB",
	.schemes = schemes,
	.features = ENGINE_DATABASE | ENGINE_ROWS | ENGINE_RESTORE | ENGINE_TABLES | ENGINE_PRESERVE | ENGINE_STRUCTURE,
	.parse = my_parse,
	.look = my_look,
	.backup = my_backup,
	.restore = my_restore,
	.check_structure = my_check_structure,
	.rows_stored = my_rows_stored,
	.rows_live = my_rows_live,
	.scratch = my_scratch,
	.compare = my_compare_restored,
	.sql_stored = my_sql_stored,
	.sql_live = my_sql_live,
	.info = my_info,
	.maintain = my_maintain,
	.verify_env = "BACKSTAY_VERIFY_MYSQL",
};

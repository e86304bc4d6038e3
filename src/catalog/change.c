#include "catalog/change.h"

#include "catalog/db.h"

#include <string.h>

static const char *const names[CHANGE_KINDS] = {
	[CHANGE_JOBS] = "job", [CHANGE_BACKUPS] = "backup", [CHANGE_SOURCES] = "source", [CHANGE_REPOSITORIES] = "repository",
	[CHANGE_SCHEDULES] = "schedule", [CHANGE_NOTICES] = "notice", [CHANGE_SETTINGS] = "setting", [CHANGE_USERS] = "user",
	[CHANGE_SESSIONS] = "session",
};

const char *change_name(enum change_kind k)
{
	return names[k];
}

static void keep(const struct db_row *q, uint64_t counters[CHANGE_KINDS])
{
	for (int k = 0; k < CHANGE_KINDS; k++)
		if (!strcmp(names[k], db_text(q, 0)))
			counters[k] = db_u64(q, 1);
}

int change_load(struct catalog *c, uint64_t counters[CHANGE_KINDS], struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT kind, n FROM change", "");

	memset(counters, 0, CHANGE_KINDS * sizeof *counters);
	while (!rc && db_next(&q, &rc, e))
		keep(&q, counters);
	db_done(&q);
	return rc;
}

#include "catalog/alarm.h"

#include "catalog/db.h"

int alarm_raise(struct catalog *c, const char *key, struct timespec now, bool *fresh, struct error *e)
{
	int rc = db_run(c, e, "INSERT INTO alarm (key, since) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING", "st", key, now);

	*fresh = !rc && db_changed(c) > 0;
	return rc;
}

int alarm_clear(struct catalog *c, const char *key, bool *held, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM alarm WHERE key = ?1", "s", key);

	if (held)
		*held = !rc && db_changed(c) > 0;
	return rc;
}

int alarm_since(struct catalog *c, const char *key, struct timespec *out, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT since FROM alarm WHERE key = ?1", "s", key);

	*out = (struct timespec){0};
	if (!rc && db_next(&q, &rc, e))
		*out = db_time(&q, 0);
	db_done(&q);
	return rc;
}

int alarm_list(struct catalog *c, const char *prefix, struct strlist *keys, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT key FROM alarm WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key", "s", prefix);

	while (!rc && db_next(&q, &rc, e))
		strlist_add(keys, db_text(&q, 0));
	db_done(&q);
	return rc;
}

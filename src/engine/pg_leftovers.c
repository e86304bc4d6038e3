/* What earlier restores and verifications have left on the server: scratch databases of killed ones, and replaced databases that were kept to be on the
 * safe side. Only what carries our comment is touched, and no scratch database that is in use: its user holds an advisory
 * lock, whose number is in the name. */
#include "engine/pg_target.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <string.h>

static void drop(struct pg_target *t, const char *name)
{
	struct error why = {0};
	if (pg_database_drop(&t->place, t->control, name, &why))
		strlist_addf(t->notes, "%s, left by an earlier restore, could not be removed: %s", name, why.text);
}

/* One killed between creating its database and saying what it is has left nothing in it. */
static bool is_bare(struct pg_target *t, const char *name)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	AUTO_FREE char *n = NULL;
	struct error ignored = {0};
	return pg_connect(&t->place, name, &c, &ignored) == 0 &&
	       pg_value(c, &n, &ignored, pg_sql("SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384")) == 0 &&
	       n && strcmp(n, "0") == 0;
}

static void remove_scratch(struct pg_target *t)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	struct error ignored = {0};
	if (pg_query(t->control, &r, &ignored, pg_sql("SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database') "
		"FROM pg_catalog.pg_database d WHERE d.datname ~ '_(restore|verify)_[0-9a-f]{8}$' AND pg_catalog.pg_has_role(current_user, d.datdba, 'MEMBER') "
		"AND coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), 'backstay: scratch') LIKE 'backstay: scratch%%' "
		"AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.classid = %d "
		"AND l.objid::bigint = ('x' || pg_catalog.right(d.datname::text, 8))::bit(32)::bigint)", PG_LOCK_CLASS)))
		return;
	for (int i = 0; i < PQntuples(r); i++)
		if (!PQgetisnull(r, i, 1) || is_bare(t, PQgetvalue(r, i, 0)))
			drop(t, PQgetvalue(r, i, 0));
}

static void remove_kept(struct pg_target *t)
{
	static const char mark[] = "kept until ";
	CLEANUP(pg_clear) PGresult *r = NULL;
	struct error ignored = {0};
	if (pg_query(t->control, &r, &ignored, pg_sql("SELECT datname, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database "
		"WHERE datname ~ '_before_[0-9]{8}_[0-9]{6}$' AND pg_catalog.shobj_description(oid, 'pg_database') LIKE 'backstay: replaced%%kept until%%' "
		"AND pg_catalog.pg_has_role(current_user, datdba, 'MEMBER')")))
		return;
	for (int i = 0; i < PQntuples(r); i++) {
		const char *until = strstr(PQgetvalue(r, i, 1), mark) + strlen(mark);
		struct timespec end;
		int offset;
		if (time_from_rfc3339(until, strlen(until), &end, &offset) && time_cmp(end, time_now()) < 0)
			drop(t, PQgetvalue(r, i, 0));
	}
}

void pg_leftovers_remove(struct pg_target *t)
{
	if (!t->aside)
		return;
	remove_scratch(t);
	remove_kept(t);
}

/* The scratch database takes the target's place.
 *
 * Both renames are in one transaction, so that whatever happens there is one whole database of the name. ALTER DATABASE RENAME locks
 * the database against new sessions and then waits for the old ones to go, for 5 seconds (CountOtherDBBackends() in procarray.c);
 * while it waits a second connection ends them. */
#include "engine/pg_target.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_MS 50

/* Whoever we may. Autovacuum goes by itself. */
static int end_sessions(PGconn *c, const char *const names[2], struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	struct error ignored;
	int err = pg_query(c, &r, e, pg_sql("SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname IN (%L, %L) AND "
		"pid <> pg_catalog.pg_backend_pid()", names[0], names[1]));
	for (int i = 0; !err && i < PQntuples(r); i++)
		(void)!pg_exec(c, &ignored, pg_sql("SELECT pg_catalog.pg_terminate_backend(%s)", PQgetvalue(r, i, 0)));
	return err;
}

/* The statement on t->control, with sessions ended meanwhile. */
static int run_while_ending(struct pg_target *t, PGconn *helper, const char *sql, const char *const names[2], struct error *e)
{
	int err = 0;
	if (!PQsendQuery(t->control, sql))
		return pg_error(t->control, NULL, e, "taking the place of %s", t->name);
	while (!err && (PQisBusy(t->control) || PQflush(t->control) > 0)) {
		struct error ignored;
		struct pollfd wait = {.fd = PQsocket(t->control), .events = POLLIN};
		if (helper)
			(void)!end_sessions(helper, names, &ignored);
		if (poll(&wait, 1, ROUND_MS) > 0 && !PQconsumeInput(t->control))
			err = pg_error(t->control, NULL, e, "taking the place of %s", t->name);
	}
	PGresult *r;
	while ((r = PQgetResult(t->control))) {
		if (!err && PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
			err = pg_error(t->control, r, e, "taking the place of %s", t->name);
		PQclear(r);
		if (PQstatus(t->control) == CONNECTION_BAD)
			break;
	}
	return err;
}

static char *name_for_kept(const char *name, struct timespec now)
{
	struct tm at;
	char suffix[40];
	gmtime_r(&now.tv_sec, &at);
	strftime(suffix, sizeof suffix, "_before_%Y%m%d_%H%M%S", &at);
	return pg_name_beside(name, suffix);
}

/* Two restores within a second: the later one waits for its turn to have a name. */
static int choose_name(struct pg_target *t, struct timespec *now, struct error *e)
{
	for (int i = 0; i < 100; i++) {
		AUTO_FREE char *taken = NULL;
		free(t->kept);
		t->kept = name_for_kept(t->name, *now);
		int err = pg_value(t->control, &taken, e, pg_sql("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %L", t->kept));
		if (err || !taken)
			return err;
		now->tv_sec++;
	}
	return error_set(e, ERR_EXISTS, "%s is taken", t->kept);
}

static int put_new(struct pg_target *t, struct error *e)
{
	const char *const names[2] = {t->scratch, t->scratch};
	AUTO_FREE char *none = pg_sql("COMMENT ON DATABASE %I IS NULL", t->scratch);
	AUTO_FREE char *sql = pg_sql("BEGIN; %s; ALTER DATABASE %I RENAME TO %I; COMMIT", t->comment ? t->comment : none, t->scratch, t->name);
	CLEANUP(pg_disconnect) PGconn *helper = NULL;
	struct error ignored;
	(void)!pg_connect(&t->place, t->control_db, &helper, &ignored);
	return run_while_ending(t, helper, sql, names, e);
}

static int exchange(struct pg_target *t, struct error *e)
{
	CLEANUP(pg_disconnect) PGconn *helper = NULL;
	AUTO_FREE char *comment = NULL;
	char until[TIME_RFC3339_MAX], when[TIME_RFC3339_MAX], shown[32];
	const char *const names[2] = {t->name, t->scratch};
	struct timespec now = time_now();
	int err = choose_name(t, &now, e);
	if (!err)
		err = pg_value(t->control, &comment, e, pg_sql("SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database "
			"WHERE datname = %L", t->name));
	if (!err)
		err = pg_connect(&t->place, t->control_db, &helper, e);
	if (err)
		return err;
	now.tv_nsec = 0;
	time_to_rfc3339(now, 0, when);
	now.tv_sec += PG_UNDO_SECONDS;
	time_to_rfc3339(now, 0, until);
	time_to_utc(now, shown);
	AUTO_FREE char *sql = pg_sql("BEGIN; ALTER DATABASE %I RENAME TO %I; COMMENT ON DATABASE %I IS %L; ALTER DATABASE %I RENAME TO %I; "
		"COMMENT ON DATABASE %I IS 'backstay: replaced by a restore at %s, kept until %s'; COMMIT",
		t->name, t->kept, t->scratch, comment, t->scratch, t->name, t->kept, when, until);
	err = run_while_ending(t, helper, sql, names, e);
	if (!err)
		strlist_addf(t->notes, "the database before is kept as \"%s\" until %s, when a later restore removes it", t->kept, shown);
	return err;
}

/* Whether the commit went through although its answer did not reach us: then no scratch database is left. */
static bool is_done(struct pg_target *t)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	AUTO_FREE char *there = NULL;
	struct error ignored;
	if (PQstatus(t->control) != CONNECTION_BAD || pg_connect(&t->place, t->control_db, &c, &ignored))
		return false;
	return pg_value(c, &there, &ignored, pg_sql("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %L", t->scratch)) == 0 && !there;
}

int pg_swap(struct pg_target *t, struct progress *p, struct error *e)
{
	struct error ignored;
	int err = progress_check(p, e);
	progress_phase(p, "swapping", NULL, 0, 0);
	if (!err)
		err = t->exists ? exchange(t, e) : put_new(t, e);
	if (err && is_done(t)) {
		error_clear(e);
		err = 0;
	}
	if (err) {
		if (PQstatus(t->control) == CONNECTION_OK)
			(void)!pg_exec(t->control, &ignored, mem_string("ROLLBACK"));
		free(TAKE(t->kept));
		return error_wrap(e, "nothing was changed");
	}
	free(TAKE(t->scratch));
	if (t->exists && t->empty && pg_database_drop(&t->place, t->control, t->kept, &ignored) == 0) {
		free(TAKE(t->kept));
		free(t->notes->v[--t->notes->n]);
	}
	return 0;
}

/* Rehearsals on the server that BACKSTAY_VERIFY_POSTGRESQL names, in a database of their own. It is there before the restore, so that
 * one who may only connect to it restores within it; empty as it is, the restore keeps nothing of it. */
#include "engine/pg_target.h"

#include "base/mem.h"
#include "engine/pg_roles.h"

#include <stdlib.h>

struct own {
	struct pg_place place;
	PGconn *c;                        /* has the lock of the database */
	char *name;                       /* NULL: not made yet */
};

static void own_free(struct own *o)
{
	struct error ignored = {0};
	/* A rehearsal is long enough for a connection to be lost. What cannot be dropped now the next one drops. */
	if (o->name && PQstatus(o->c) == CONNECTION_BAD) {
		pg_disconnect(&o->c);
		(void)!pg_connect(&o->place, NULL, &o->c, &ignored);
	}
	if (o->name && o->c)
		(void)!pg_database_drop(&o->place, o->c, o->name, &ignored);
	pg_disconnect(&o->c);
	pg_place_release(&o->place);
	free(o->name);
	free(o);
}

static void close_scratch(struct engine_scratch *s)
{
	source_url_release(&s->target);
	own_free(s->own);
	*s = (struct engine_scratch){0};
}

static int connect_server(struct own *o, struct error *e)
{
	struct source_url url = {0};
	int err = engine_verify_url(&engine_postgresql, &url, e);
	if (!err)
		err = pg_place_of(&url, &o->place, e);
	if (!err)
		err = pg_connect(&o->place, NULL, &o->c, e);
	source_url_release(&url);
	/* Somebody named it: that it is not there is no reason to go without a rehearsal. */
	if (err == -ERR_NOT_FOUND)
		e->kind = ERR_USAGE;
	return err ? error_wrap(e, "connecting to the server for verification") : 0;
}

/* Making them there would be more than was asked for. */
static int check_roles(const struct own *o, const struct pg_toc *toc, const char *where, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int err = 0;
	pg_roles_needed(toc, &names);
	for (size_t i = 0; i < names.n && !err; i++) {
		AUTO_FREE char *there = NULL;
		err = pg_value(o->c, &there, e, pg_sql("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %L", names.v[i]));
		if (!err && !there)
			err = error_set(e, ERR_NOT_FOUND, "the role \"%s\", which a policy or user mapping of the backup names, is not there on %s",
				names.v[i], where);
	}
	return err;
}

/* What the server cannot hold, and what nobody here could read back from it, is no fault of the backup. */
static int check_suits(const struct own *o, const struct pg_toc *toc, const char *where, struct error *e)
{
	AUTO_FREE char *tool = NULL;
	int server = PQserverVersion(o->c), dumped = toc->server_version ? atoi(toc->server_version) : 0;
	if (dumped >= 10 && dumped > server / 10000)
		return error_set(e, ERR_NOT_FOUND, "the backup is of PostgreSQL %s, and %s is PostgreSQL %d, which is older", toc->server_version,
			where, server / 10000);
	int err = pg_tool_find("pg_dump", server, &tool, NULL, e);
	if (err == -ERR_VERSION)
		e->kind = ERR_NOT_FOUND;
	if (err)
		return -(int)e->kind;
	err = check_roles(o, toc, where, e);
	return err ? err : pg_check_extensions(o->c, toc, where, e);
}

static int suits(const struct own *o, const struct stored *s, const char *where, struct error *e)
{
	struct source *from = NULL;
	struct pg_toc toc = {0};
	int err = pg_stored_open(s, &from, &toc, e);
	source_close(from);
	/* A script has no list of what is in it. */
	if (err == -ERR_MISMATCH) {
		error_clear(e);
		err = 0;
	}
	if (!err)
		err = check_suits(o, &toc, where, e);
	pg_toc_release(&toc);
	return err;
}

static int make_database(struct own *o, struct error *e)
{
	char suffix[PG_SUFFIX_MAX];
	int err = pg_scratch_suffix(o->c, "_verify_", suffix, e);
	if (err)
		return err;
	AUTO_FREE char *name = pg_name_beside("backstay", suffix);
	err = pg_exec(o->c, e, pg_sql("CREATE DATABASE %I TEMPLATE template0", name));
	if (err == -ERR_ACCESS)
		error_hint(e, "ALTER ROLE ... CREATEDB for the user of BACKSTAY_VERIFY_POSTGRESQL, or name another one there");
	if (err)
		return error_wrap(e, "creating a database for the verification");
	o->name = TAKE(name);
	return pg_scratch_mark(o->c, o->name, "a verification", e);
}

/* The same server, as settings that pg_parse() reads. */
static int name_target(const struct own *o, struct source_url *out, struct error *e)
{
	struct pg_place with = {0};
	strlist_copy(&with.keywords, &o->place.keywords);
	strlist_copy(&with.values, &o->place.values);
	if (o->place.password) {
		strlist_add(&with.keywords, "password");
		strlist_add(&with.values, o->place.password);
	}
	AUTO_FREE char *conninfo = pg_tool_conninfo(&with, o->name);
	AUTO_FREE char *text = mem_printf("postgresql:%s", conninfo);
	pg_place_release(&with);
	return source_url_parse(text, true, &engine_postgresql, out, e);
}

int pg_verify_scratch(const struct stored *s, struct engine_scratch *out, struct error *e)
{
	struct own *o = mem_zero(sizeof *o);
	AUTO_FREE char *where = NULL;
	*out = (struct engine_scratch){0};
	int err = connect_server(o, e);
	if (!err) {
		where = mem_printf("the verify server %s:%s", PQhost(o->c), PQport(o->c));
		err = suits(o, s, where, e);
	}
	if (!err)
		err = make_database(o, e);
	if (!err)
		err = name_target(o, &out->target, e);
	if (err) {
		own_free(o);
		return err;
	}
	out->where = TAKE(where);
	out->own = o;
	out->close = close_scratch;
	return 0;
}

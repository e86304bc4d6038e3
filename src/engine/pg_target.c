/* Reaching the database a restore is for, and looking at it. */
#include "engine/pg_target.h"

#include "base/human.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

char *pg_name_beside(const char *base, const char *suffix)
{
	size_t n = strlen(base), room = PG_NAME_MAX - strlen(suffix);
	if (n > room) {
		n = room;
		/* Not within a character. */
		while (n && ((unsigned char)base[n] & 0xc0) == 0x80)
			n--;
	}
	return mem_printf("%.*s%s", (int)n, base, suffix);
}

/* A database is not dropped while it has subscriptions. They go without a word to their publishers: a scratch copy never spoke to one, and the slot
 * of a replaced database is that of the restored one, too. */
static int drop_subscriptions(const struct pg_place *place, PGconn *control, const char *name, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	int err = pg_query(control, &r, e, pg_sql("SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid "
		"WHERE d.datname = %L", name));
	if (err || PQntuples(r) == 0)
		return err;
	err = pg_connect(place, name, &c, e);
	/* Without event triggers, which might forbid it, where we may do without. */
	struct error ignored = {0};
	if (!err)
		(void)!pg_exec(c, &ignored, mem_string("SET session_replication_role = replica"));
	for (int i = 0; i < PQntuples(r) && !err; i++) {
		const char *one = PQgetvalue(r, i, 0);
		err = pg_exec(c, e, pg_sql("ALTER SUBSCRIPTION %I DISABLE; ALTER SUBSCRIPTION %I SET (slot_name = NONE); DROP SUBSCRIPTION %I", one, one, one));
	}
	return err;
}

int pg_database_drop(const struct pg_place *place, PGconn *c, const char *name, struct error *e)
{
	struct error ignored = {0};
	(void)!drop_subscriptions(place, c, name, &ignored);
	if (PQserverVersion(c) >= 130000)
		return pg_exec(c, e, pg_sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", name));
	int err = pg_exec(c, e, pg_sql("SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = %L "
		"AND pid <> pg_catalog.pg_backend_pid()", name));
	return err ? err : pg_exec(c, e, pg_sql("DROP DATABASE IF EXISTS %I", name));
}

void pg_target_release(struct pg_target *t)
{
	struct error ignored = {0};
	if (t->scratch && t->control && pg_database_drop(&t->place, t->control, t->scratch, &ignored))
		strlist_addf(t->notes, "the scratch database %s could not be removed (%s); the next restore does", t->scratch, ignored.text);
	free(t->scratch);
	free(t->comment);
	free(t->kept);
	free(t->control_db);
	pg_disconnect(&t->control);
	pg_rights_release(&t->rights);
	pg_place_release(&t->place);
	*t = (struct pg_target){0};
}

static bool connect_aside(struct pg_target *t, const char *other, int *err, struct error *why)
{
	PGconn *c = NULL;
	*err = pg_connect(&t->place, other, &c, why);
	if (*err)
		return false;
	pg_disconnect(&t->control);
	free(t->control_db);
	t->control = c;
	t->control_db = mem_string(other);
	t->aside = true;
	return true;
}

/* To a database that is not renamed; else to the target itself. */
static int connect_control(struct pg_target *t, struct error *e)
{
	const char *const others[] = {"postgres", "template1"};
	const char *silent = NULL;
	struct error why = {0};
	int err = 0;
	for (size_t i = 0; i < ARRAY_LEN(others) && !silent; i++) {
		if (strcmp(others[i], t->name) == 0)
			continue;
		if (connect_aside(t, others[i], &err, &why))
			return 0;
		/* A server that does not answer will not do so under another name. */
		if (err == -ERR_TEMPORARY)
			silent = others[i];
	}
	err = pg_connect(&t->place, NULL, &t->control, e);
	if (err == -ERR_NOT_FOUND) {
		*e = why;
		return error_wrap(e, "there is no database \"%s\", and none from which it could be created", t->name);
	}
	if (err)
		return err;
	t->control_db = mem_string(t->name);
	/* It does answer: one connection lost is no reason to do without a scratch database. */
	if (silent)
		(void)connect_aside(t, silent, &err, &why);
	return 0;
}

static int look(struct pg_target *t, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(t->control, &r, e, pg_sql("SELECT pg_catalog.pg_has_role(current_user, datdba, 'MEMBER'), datistemplate, "
		"(SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = datname) "
		"FROM pg_catalog.pg_database WHERE datname = %L", t->name));
	if (err || PQntuples(r) == 0)
		return err;
	t->exists = true;
	t->ours = t->rights.superuser || PQgetvalue(r, 0, 0)[0] == 't';
	if (strcmp(t->name, "template0") == 0 || strcmp(t->name, "template1") == 0)
		return error_set(e, ERR_REFUSED, "%s is the server's own template; nothing is restored there", t->name);
	if (strcmp(PQgetvalue(r, 0, 2), "0") != 0) {
		error_set(e, ERR_REFUSED, "%s has %s prepared transactions; nothing was changed", t->name, PQgetvalue(r, 0, 2));
		return error_hint(e, "commit them or roll them back first (see pg_prepared_xacts)");
	}
	return 0;
}

/* Whether a user has made anything there. One that admits nobody counts as full. */
static void look_inside(struct pg_target *t)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	AUTO_FREE char *n = NULL;
	struct error ignored = {0};
	if (!t->exists || pg_connect(&t->place, t->name, &c, &ignored))
		return;
	if (pg_value(c, &n, &ignored, pg_sql("SELECT (SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384) + "
		"(SELECT count(*) FROM pg_catalog.pg_proc WHERE oid >= 16384) + (SELECT count(*) FROM pg_catalog.pg_type WHERE oid >= 16384) + "
		"(SELECT count(*) FROM pg_catalog.pg_namespace WHERE oid >= 16384) + (SELECT count(*) FROM pg_catalog.pg_extension WHERE oid >= 16384) + "
		"(SELECT count(*) FROM pg_catalog.pg_largeobject_metadata)")) == 0)
		t->empty = n && strcmp(n, "0") == 0;
}

int pg_target_open(struct pg_target *t, const struct source_url *url, struct strlist *notes, struct error *e)
{
	*t = (struct pg_target){.notes = notes};
	int err = pg_place_of(url, &t->place, e);
	if (err)
		return err;
	t->name = t->place.database;
	err = connect_control(t, e);
	if (!err)
		err = pg_rights_read(t->control, &t->rights, e);
	if (!err)
		err = look(t, e);
	if (!err)
		look_inside(t);
	return err;
}

/* ---- for people ---- */

/* Its tables and size, as far as this user may know them. */
static char *describe(const struct pg_place *place, const char *shown)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	CLEANUP(pg_clear) PGresult *r = NULL;
	struct error ignored = {0};
	char size[HUMAN_MAX];
	if (pg_connect(place, NULL, &c, &ignored) || pg_query(c, &r, &ignored, pg_sql("SELECT (SELECT count(*) FROM pg_catalog.pg_class c "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND "
		"n.nspname <> 'information_schema'), pg_catalog.pg_database_size(pg_catalog.current_database())")))
		return mem_string(shown);
	AUTO_FREE char *tables = human_plural(strtoull(PQgetvalue(r, 0, 0), NULL, 10), "table");
	return mem_printf("%s: %s, %s", shown, tables, human_size(strtoull(PQgetvalue(r, 0, 1), NULL, 10), size));
}

int pg_look(const struct source_url *target, bool *there, char **line, struct error *e)
{
	CLEANUP(strlist_release) struct strlist notes = {0};
	CLEANUP(pg_target_release) struct pg_target t = {0};
	*there = false;
	*line = NULL;
	int err = pg_target_open(&t, target, &notes, e);
	if (err)
		return err;
	*there = t.exists;
	if (t.exists)
		*line = describe(&t.place, target->shown);
	return 0;
}

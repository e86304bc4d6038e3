/* What a user may not see of a PostgreSQL database, found out before anything is dumped. */
#include "engine/pg.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 10

/* What pg_dump dumps: none of the system's own schemas, and of an extension only the tables that hold settings. */
#define DUMPED \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'" \
	" AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid" \
	" AND d.deptype = 'e') OR EXISTS (SELECT FROM pg_extension x WHERE c.oid = ANY (x.extconfig)))"

#define SHOWN_NAME "n.nspname || '.' || c.relname"

struct finding {
	uint64_t count;
	char *names;              /* heap; the first of them; "a, b, ..." */
};

/* Names come from the database, and a message is one line. */
static void make_harmless(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

/* sql yields one name a row. */
static int find(PGconn *c, char *sql, struct finding *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	CLEANUP(strlist_release) struct strlist names = {0};
	int err = pg_query(c, &r, e, sql);
	if (err)
		return err;
	out->count = (uint64_t)PQntuples(r);
	for (int i = 0; i < PQntuples(r) && i < NAMES_SHOWN; i++)
		strlist_add(&names, PQgetvalue(r, i, 0));
	if (out->count > NAMES_SHOWN)
		strlist_add(&names, "...");
	out->names = strlist_join(&names, ", ");
	make_harmless(out->names);
	return 0;
}

static void finding_release(struct finding *f)
{
	free(f->names);
}

/* ---- what would make pg_dump fail ---- */

struct unreadable {
	struct finding tables, sequences, hidden, objects;
};

static void unreadable_release(struct unreadable *u)
{
	finding_release(&u->tables);
	finding_release(&u->sequences);
	finding_release(&u->hidden);
	finding_release(&u->objects);
}

/* Before version 18 no function tells whether a large object may be read. */
static const char *closed_objects(PGconn *c)
{
	if (PQserverVersion(c) >= 180000)
		return "SELECT oid::text FROM pg_largeobject_metadata WHERE NOT has_largeobject_privilege(oid, 'SELECT')"
			" ORDER BY oid";
	return "SELECT m.oid::text FROM pg_largeobject_metadata m WHERE current_setting('lo_compat_privileges') = 'off'"
		" AND NOT pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a"
		" WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE'))) ORDER BY m.oid";
}

static int look(PGconn *c, struct unreadable *u, struct error *e)
{
	int err = find(c, mem_string("SELECT " SHOWN_NAME DUMPED " AND c.relkind IN ('r', 'p')"
		" AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY 1"),
		&u->tables, e);
	if (!err)
		err = find(c, mem_string("SELECT " SHOWN_NAME DUMPED " AND c.relkind = 'S' AND NOT"
			" (has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT')) ORDER BY 1"),
			&u->sequences, e);
	if (!err)
		err = find(c, mem_string("SELECT " SHOWN_NAME DUMPED " AND c.relkind IN ('r', 'p')"
			" AND row_security_active(c.oid) ORDER BY 1"), &u->hidden, e);
	if (!err)
		err = find(c, mem_string(closed_objects(c)), &u->objects, e);
	return err;
}

static void add_finding(struct buf *text, const struct finding *f, const char *what)
{
	if (f->count > 0)
		buf_printf(text, "%s%llu %s%s (%s)", text->len > 0 ? ", " : "", (unsigned long long)f->count, what,
			f->count == 1 ? "" : "s", f->names);
}

static int refuse(PGconn *c, const struct unreadable *u, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, way = BUF_INIT;
	AUTO_FREE char *user = NULL, *name = NULL;
	int err = pg_value(c, &user, e, mem_string("SELECT current_user"));
	if (err)
		return err;
	make_harmless(user);
	name = pg_sql("%I", user);
	add_finding(&text, &u->tables, "table");
	add_finding(&text, &u->sequences, "sequence");
	add_finding(&text, &u->objects, "large object");
	if (u->hidden.count > 0)
		buf_printf(&text, "%sall rows of %llu table%s with row-level security (%s)", text.len > 0 ? ", " : "",
			(unsigned long long)u->hidden.count, u->hidden.count == 1 ? "" : "s", u->hidden.names);
	if (u->tables.count + u->sequences.count > 0 && PQserverVersion(c) >= 140000)
		buf_printf(&way, "GRANT pg_read_all_data TO %s; ", name);
	else if (u->tables.count + u->sequences.count > 0)
		buf_printf(&way, "for each schema: GRANT USAGE ON SCHEMA s TO %s; GRANT SELECT ON ALL TABLES IN SCHEMA s TO %s; "
			"GRANT SELECT ON ALL SEQUENCES IN SCHEMA s TO %s; ", name, name, name);
	if (u->hidden.count > 0)
		buf_printf(&way, "ALTER ROLE %s BYPASSRLS; ", name);
	if (u->objects.count > 0)
		buf_printf(&way, "for each large object: GRANT SELECT ON LARGE OBJECT n TO %s; ", name);
	error_set(e, ERR_ACCESS, "the user %s may not read %s", user, buf_text(&text));
	return error_hint(e, "as a superuser: %.*s", (int)(way.len - 2), buf_text(&way));
}

/* ---- what is merely left out ---- */

static int note_if_any(PGconn *c, struct manifest_source *m, const char *kind, const char *what, char *sql,
	struct error *e)
{
	AUTO_FREE char *count = NULL;
	int err = pg_value(c, &count, e, sql);
	if (!err && count && strcmp(count, "0") != 0)
		manifest_note(m, kind, NULL, "%s %s", count, what);
	return err;
}

static int note_left_out(PGconn *c, struct manifest_source *m, struct error *e)
{
	int err = note_if_any(c, m, "unseen", "subscription(s) left out: only a superuser sees them",
		mem_string("SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
			" WHERE d.datname = current_database() AND current_setting('is_superuser') = 'off'"), e);
	if (!err)
		err = note_if_any(c, m, "unseen", "user mapping(s) without their options: they are not shown to this user",
			mem_string("SELECT count(*) FROM pg_user_mappings WHERE umoptions IS NULL"
				" AND current_setting('is_superuser') = 'off'"), e);
	if (!err)
		err = note_if_any(c, m, "unseen", "unlogged table(s) without rows: a standby server does not have them",
			mem_string("SELECT count(*)" DUMPED " AND c.relkind = 'r' AND c.relpersistence = 'u' AND pg_is_in_recovery()"), e);
	if (!err)
		err = note_if_any(c, m, "note", "foreign table(s) without rows: those are elsewhere",
			mem_string("SELECT count(*)" DUMPED " AND c.relkind = 'f'"), e);
	return err;
}

static int note_facts(PGconn *c, struct manifest_source *m, struct error *e)
{
	AUTO_FREE char *version = NULL, *size = NULL;
	int err = pg_value(c, &version, e, mem_string("SELECT split_part(current_setting('server_version'), ' ', 1)"));
	if (!err)
		err = pg_value(c, &size, e, mem_string("SELECT CASE WHEN has_database_privilege(current_database(), 'CONNECT')"
			" THEN pg_database_size(current_database()) END"));
	if (err)
		return err;
	free(m->server_version);
	m->server_version = mem_printf("PostgreSQL %s", version ? version : "");
	m->bytes = size ? strtoull(size, NULL, 10) : 0;
	return 0;
}

int pg_preflight(PGconn *c, struct manifest_source *m, struct error *e)
{
	CLEANUP(unreadable_release) struct unreadable u = {0};
	int err = note_facts(c, m, e);
	if (!err)
		err = look(c, &u, e);
	if (!err && u.tables.count + u.sequences.count + u.hidden.count + u.objects.count > 0)
		return refuse(c, &u, e);
	return err ? err : note_left_out(c, m, e);
}

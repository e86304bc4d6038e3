/* What belongs to a database itself rather than to what is in it: owner, privileges, settings, limits. A live database's stay as
 * they are; a new one gets those of the archive, written for its new name. */
#include "engine/pg_target.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What cannot be set is told, and is no reason to fail: the data are whole. */
static void try_to(struct pg_target *t, const char *what, char *sql)
{
	struct error why = {0};
	if (pg_exec(t->control, &why, sql))
		strlist_addf(t->notes, "%s of the database could not be kept: %s", what, why.text);
}

/* ---- from the live one ---- */

/* Settings that are lists of names are stored as such and must not become one string (variable_is_guc_list_quote()). */
static bool is_list(const char *name)
{
	static const char *const lists[] = {"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
		"temp_tablespaces", "unix_socket_directories"};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (strcasecmp(lists[i], name) == 0)
			return true;
	return false;
}

static void set_one(struct pg_target *t, const char *role, const char *setting)
{
	const char *equals = strchr(setting, '=');
	if (!equals)
		return;
	AUTO_FREE char *name = mem_string_n(setting, (size_t)(equals - setting));
	AUTO_FREE char *value = !is_list(name) ? pg_sql("%L", equals + 1)
		: strcmp(equals + 1, "\"\"") == 0 ? mem_string("''") : mem_string(equals + 1);
	/* A name may have two parts: my.setting. */
	CLEANUP(buf_release) struct buf quoted = BUF_INIT;
	for (const char *p = name; *p; ) {
		size_t n = strcspn(p, ".");
		AUTO_FREE char *part = mem_string_n(p, n);
		AUTO_FREE char *one = pg_sql("%I", part);
		buf_printf(&quoted, "%s%s", quoted.len ? "." : "", one);
		p += n + (p[n] == '.');
	}
	char *sql = role ? pg_sql("ALTER ROLE %I IN DATABASE %I SET %s = %s", role, t->scratch, buf_text(&quoted), value)
	                 : pg_sql("ALTER DATABASE %I SET %s = %s", t->scratch, buf_text(&quoted), value);
	try_to(t, "a setting", sql);
}

static int copy_settings(struct pg_target *t, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(t->control, &r, e, pg_sql("SELECT a.rolname, s.one FROM pg_catalog.pg_db_role_setting c "
		"CROSS JOIN LATERAL pg_catalog.unnest(c.setconfig) AS s(one) LEFT JOIN pg_catalog.pg_roles a ON a.oid = c.setrole "
		"WHERE c.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %L)", t->name));
	for (int i = 0; !err && i < PQntuples(r); i++)
		set_one(t, PQgetisnull(r, i, 0) ? NULL : PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
	return err;
}

/* NULL privileges are the default ones, and a new database has those. */
static int copy_privileges(struct pg_target *t, const char *owner, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	AUTO_FREE char *own = NULL;
	int err = pg_value(t->control, &own, e, pg_sql("SELECT datacl IS NOT NULL FROM pg_catalog.pg_database WHERE datname = %L", t->name));
	if (err || !own || own[0] != 't')
		return err;
	err = pg_query(t->control, &r, e, pg_sql("SELECT a.privilege_type, a.is_grantable, g.rolname FROM pg_catalog.pg_database d "
		"CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee WHERE d.datname = %L", t->name));
	if (err)
		return err;
	try_to(t, "privileges", pg_sql("REVOKE ALL ON DATABASE %I FROM PUBLIC; REVOKE ALL ON DATABASE %I FROM %I", t->scratch, t->scratch, owner));
	for (int i = 0; i < PQntuples(r); i++) {
		AUTO_FREE char *who = PQgetisnull(r, i, 2) ? mem_string("PUBLIC") : pg_sql("%I", PQgetvalue(r, i, 2));
		try_to(t, "privileges", pg_sql("GRANT %s ON DATABASE %I TO %s%s", PQgetvalue(r, i, 0), t->scratch, who,
			PQgetvalue(r, i, 1)[0] == 't' ? " WITH GRANT OPTION" : ""));
	}
	return 0;
}

static int copy_live(struct pg_target *t, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(t->control, &r, e, pg_sql("SELECT pg_catalog.pg_get_userbyid(datdba), datconnlimit, datistemplate, datallowconn, "
		"(SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE database = datname), "
		"(SELECT count(*) FROM pg_catalog.pg_subscription WHERE subdbid = pg_database.oid AND subenabled) FROM pg_catalog.pg_database WHERE datname = %L", t->name));
	if (err)
		return err;
	if (PQntuples(r) != 1)
		return error_set(e, ERR_NOT_FOUND, "the database \"%s\" has gone meanwhile", t->name);
	const char *owner = PQgetvalue(r, 0, 0);
	if (strcmp(owner, t->rights.user) != 0)
		err = pg_exec(t->control, e, pg_sql("ALTER DATABASE %I OWNER TO %I", t->scratch, owner));
	if (!err)
		err = copy_privileges(t, owner, e);
	if (!err)
		err = copy_settings(t, e);
	if (err)
		return err;
	if (strcmp(PQgetvalue(r, 0, 1), "-1") != 0)
		try_to(t, "the connection limit", pg_sql("ALTER DATABASE %I CONNECTION LIMIT %s", t->scratch, PQgetvalue(r, 0, 1)));
	if (PQgetvalue(r, 0, 2)[0] == 't')
		try_to(t, "being a template", pg_sql("ALTER DATABASE %I IS_TEMPLATE true", t->scratch));
	if (PQgetvalue(r, 0, 3)[0] == 'f')
		try_to(t, "being closed", pg_sql("ALTER DATABASE %I ALLOW_CONNECTIONS false", t->scratch));
	if (strcmp(PQgetvalue(r, 0, 4), "0") != 0)
		strlist_addf(t->notes, "%s logical replication slots stay with the replaced database", PQgetvalue(r, 0, 4));
	if (strcmp(PQgetvalue(r, 0, 5), "0") != 0)
		strlist_addf(t->notes, "%s subscriptions go on in the replaced database; in the restored one they are disabled", PQgetvalue(r, 0, 5));
	return 0;
}

/* ---- from the archive ---- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A statement about the database `from` as one about `to`; NULL when it is none. Heap. */
static char *about(const char *sql, const char *from, const char *to)
{
	static const char *const ways[] = {"ALTER DATABASE ", "ALTER ROLE ", "GRANT ", "REVOKE ", "COMMENT ON DATABASE ", "SECURITY LABEL "};
	static const char mark[] = "DATABASE ";
	bool known = false;
	size_t len;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		known = known || begins(sql, ways[i]);
	const char *at = known ? strstr(sql, mark) : NULL;
	if (!at || !pg_name_at(at + strlen(mark), NULL, from, &len))
		return NULL;
	at += strlen(mark);
	AUTO_FREE char *name = pg_sql("%I", to);
	return mem_printf("%.*s%s%s", (int)(at - sql), sql, name, at + len);
}

/* It is set at the swap, as until then the comment says what the scratch database is. Heap, or NULL. */
static char *archived_comment(const struct pg_target *t, const char *defn, const char *from)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	pg_statements(defn, &all);
	return all.n == 1 && begins(all.v[0], "COMMENT ON DATABASE ") ? about(all.v[0], from, t->scratch) : NULL;
}

static void put_archived(struct pg_target *t, const char *defn, const char *from)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	pg_statements(defn, &all);
	for (size_t i = 0; i < all.n; i++) {
		char *sql = about(all.v[i], from, t->scratch);
		if (sql)
			try_to(t, "a property", sql);
	}
}

static void set_archived_owner(struct pg_target *t, const char *owner)
{
	void *role = owner ? map_get(t->rights.roles, owner, strlen(owner)) : NULL;
	if (!owner || !owner[0] || strcmp(owner, t->rights.user) == 0)
		return;
	if (role == PG_ROLE_OURS)
		try_to(t, "the owner", pg_sql("ALTER DATABASE %I OWNER TO %I", t->scratch, owner));
	else
		strlist_addf(t->notes, role ? "the database was not given to \"%s\", for want of rights: it is \"%s\"'s"
			: "the database was not given to \"%s\", as there is no such role: it is \"%s\"'s", owner, t->rights.user);
}

int pg_properties_set(struct pg_target *t, const struct pg_toc *toc, struct error *e)
{
	if (t->exists)
		return copy_live(t, e);
	for (size_t i = 0; toc && i < toc->n; i++) {
		const struct pg_entry *en = &toc->v[i];
		if (!en->defn)
			continue;
		if (pg_entry_is(en, "DATABASE"))
			set_archived_owner(t, en->owner);
		else if (pg_entry_is(en, "DATABASE PROPERTIES") || (pg_entry_is(en, "ACL") && begins(en->tag, "DATABASE ")))
			put_archived(t, en->defn, toc->database);
		else if (!t->comment && pg_entry_is(en, "COMMENT") && begins(en->tag, "DATABASE "))
			t->comment = archived_comment(t, en->defn, toc->database);
	}
	return 0;
}

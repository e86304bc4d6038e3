/* A restore within the target itself, for users that may not create databases: all of theirs is dropped, the backup is put in its
 * place and counted, in one transaction. Until its end the database is what it was. */
#include "engine/pg_target.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NOT_SYSTEM(namespace) namespace " !~ '^pg_' AND " namespace " <> 'information_schema'"
#define NOT_OF_EXTENSION(class, object) "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend x WHERE x.deptype = 'e' AND x.classid = '" class \
	"'::pg_catalog.regclass AND x.objid = " object ")"
#define MINE(owner) "pg_catalog.pg_has_role(current_user, " owner ", 'USAGE')"

#define DEFAULT_KIND "CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END"

/* Each makes statements that drop one thing; IF EXISTS, as what depends on an earlier one is gone already. */
static const char *const mine[] = {
	/* Default privileges would change what is created: first those given, then those taken away. */
	"SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s', pg_catalog.pg_get_userbyid(d.defaclrole), ' IN SCHEMA ' || "
		"pg_catalog.quote_ident(n.nspname), " DEFAULT_KIND ", CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) "
		"FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace, LATERAL (SELECT DISTINCT x.grantee FROM "
		"pg_catalog.aclexplode(d.defaclacl) x) a WHERE " MINE("d.defaclrole"),
	"SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT ALL ON %s TO %s', pg_catalog.pg_get_userbyid(d.defaclrole), " DEFAULT_KIND ", w.who) "
		"FROM pg_catalog.pg_default_acl d, LATERAL (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)) AS who UNION ALL "
		"SELECT 'PUBLIC' WHERE d.defaclobjtype IN ('f', 'T')) w WHERE d.defaclnamespace = 0 AND " MINE("d.defaclrole"),
	"SELECT format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname) FROM pg_catalog.pg_event_trigger WHERE " MINE("evtowner")
		" AND " NOT_OF_EXTENSION("pg_catalog.pg_event_trigger", "oid"),
	"SELECT format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_catalog.pg_publication WHERE " MINE("pubowner"),
	"SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_catalog.pg_namespace n WHERE " NOT_SYSTEM("nspname")
		" AND nspname <> 'public' AND " MINE("nspowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_namespace", "n.oid"),
	"SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' AND " MINE("extowner"),
	"SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN "
		"'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, n.nspname, c.relname) FROM pg_catalog.pg_class c "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND " NOT_SYSTEM("n.nspname")
		" AND " MINE("c.relowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_class", "c.oid") " AND (c.relkind <> 'S' OR NOT EXISTS (SELECT 1 FROM "
		"pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objid = c.oid AND i.deptype = 'i'))",
	"SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::pg_catalog.regprocedure) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n "
		"ON n.oid = p.pronamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("p.proowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_proc", "p.oid"),
	"SELECT format('DROP OPERATOR IF EXISTS %s CASCADE', o.oid::pg_catalog.regoperator) FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n "
		"ON n.oid = o.oprnamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("o.oprowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_operator", "o.oid"),
	"SELECT format('DROP OPERATOR FAMILY IF EXISTS %I.%I USING %I CASCADE', n.nspname, o.opfname, a.amname) FROM pg_catalog.pg_opfamily o "
		"JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod WHERE " NOT_SYSTEM("n.nspname")
		" AND " MINE("o.opfowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_opfamily", "o.oid"),
	"SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', n.nspname, t.typname) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n "
		"ON n.oid = t.typnamespace WHERE " NOT_SYSTEM("n.nspname") " AND t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A' AND "
		MINE("t.typowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_type", "t.oid"),
	"SELECT format('DROP COLLATION IF EXISTS %I.%I CASCADE', n.nspname, c.collname) FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n "
		"ON n.oid = c.collnamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("c.collowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_collation", "c.oid"),
	"SELECT format('DROP CONVERSION IF EXISTS %I.%I CASCADE', n.nspname, c.conname) FROM pg_catalog.pg_conversion c JOIN pg_catalog.pg_namespace n "
		"ON n.oid = c.connamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("c.conowner") " AND " NOT_OF_EXTENSION("pg_catalog.pg_conversion", "c.oid"),
	"SELECT format('DROP TEXT SEARCH CONFIGURATION IF EXISTS %I.%I CASCADE', n.nspname, c.cfgname) FROM pg_catalog.pg_ts_config c "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("c.cfgowner") " AND "
		NOT_OF_EXTENSION("pg_catalog.pg_ts_config", "c.oid"),
	"SELECT format('DROP TEXT SEARCH DICTIONARY IF EXISTS %I.%I CASCADE', n.nspname, c.dictname) FROM pg_catalog.pg_ts_dict c "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.dictnamespace WHERE " NOT_SYSTEM("n.nspname") " AND " MINE("c.dictowner") " AND "
		NOT_OF_EXTENSION("pg_catalog.pg_ts_dict", "c.oid"),
	"SELECT format('DROP SERVER IF EXISTS %I CASCADE', srvname) FROM pg_catalog.pg_foreign_server WHERE " MINE("srvowner"),
	"SELECT format('SELECT pg_catalog.lo_unlink(%s)', oid) FROM pg_catalog.pg_largeobject_metadata WHERE " MINE("lomowner"),
};

/* Each row of `list` is a statement. */
static int run_all(struct pg_session *s, const char *list, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	/* format() is found through pg_catalog, which is always searched. */
	int err = pg_query(s->c, &r, e, mem_string(list));
	for (int i = 0; i < PQntuples(r) && !err; i++)
		err = pg_session_run(s, PQgetvalue(r, i, 0), NULL, e);
	return err;
}

/* What others own stays, and is named. */
static int tell_what_stays(struct pg_session *s, struct strlist *notes, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(s->c, &r, e, mem_string("SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c "
		"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND " NOT_SYSTEM("n.nspname")
		" AND " NOT_OF_EXTENSION("pg_catalog.pg_class", "c.oid") " ORDER BY 1, 2"));
	for (int i = 0; i < PQntuples(r) && !err; i++)
		strlist_addf(notes, "%s.%s belongs to \"%s\" and stays", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2));
	return err;
}

/* ---- what of others goes with ours ---- */

/* Relations, what hangs on them, functions: what it is, the relation, whether it is that itself. */
#define THINGS(relations, functions) \
	"WITH r AS (SELECT c.oid, c.relkind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND " NOT_SYSTEM("n.nspname") \
	" AND " relations " AND " NOT_OF_EXTENSION("pg_catalog.pg_class", "c.oid") ") " \
	"SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END || name, name, 'itself' FROM r " \
	"UNION ALL SELECT pg_catalog.format('column %I of %s', a.attname, r.name), r.name, 'column' FROM r JOIN pg_catalog.pg_attribute a " \
	"ON a.attrelid = r.oid WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped " \
	"UNION ALL SELECT pg_catalog.format('constraint %I of %s', k.conname, r.name), r.name, '' FROM r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid " \
	"UNION ALL SELECT pg_catalog.format('trigger %I of %s', t.tgname, r.name), r.name, '' FROM r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid " \
	"WHERE NOT t.tgisinternal " \
	"UNION ALL SELECT pg_catalog.format('policy %I of %s', p.polname, r.name), r.name, '' FROM r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid " \
	"UNION ALL SELECT pg_catalog.format('default of column %I of %s', a.attname, r.name), r.name, '' FROM r JOIN pg_catalog.pg_attrdef d " \
	"ON d.adrelid = r.oid JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum " \
	"UNION ALL SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure), '', 'itself' FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n " \
	"ON n.oid = p.pronamespace WHERE " NOT_SYSTEM("n.nspname") " AND " functions " AND " NOT_OF_EXTENSION("pg_catalog.pg_proc", "p.oid") " ORDER BY 1"
static const char of_others[] = THINGS("NOT " MINE("c.relowner"), "NOT " MINE("p.proowner")), of_all[] = THINGS("true", "true");

static void put_names(const PGresult *r, struct map *out)
{
	for (int i = 0; i < PQntuples(r); i++)
		for (int k = 0; k < 2; k++)
			map_put(out, PQgetvalue(r, i, k), strlen(PQgetvalue(r, i, k)), out);
}

/* What was of others is gone, with what it used, and did not come back with the backup. A table that stays must not lose a column and all its
 * values for that. */
static int tell_what_went(struct pg_session *s, const PGresult *before, struct strlist *notes, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(s->c, &r, e, mem_string(of_all));
	struct map *now = map_new();
	if (!err)
		put_names(r, now);
	for (int i = 0; !err && i < PQntuples(before); i++) {
		const char *what = PQgetvalue(before, i, 0), *relation = PQgetvalue(before, i, 1), *kind = PQgetvalue(before, i, 2);
		if (map_has(now, what, strlen(what)) || (strcmp(kind, "itself") != 0 && !map_has(now, relation, strlen(relation))))
			continue;
		if (strcmp(kind, "column") == 0)
			err = error_set(e, ERR_REFUSED, "the %s, which is another user's, would be lost: it uses what is replaced", what);
		else
			strlist_addf(notes, "the %s was another user's, used what was replaced, and is gone", what);
	}
	map_free(now, NULL);
	return err == -ERR_REFUSED ? error_hint(e, "restore to another database, or as a user with CREATEDB who owns this one") : err;
}

/* A schema, an extension that could not be dropped is there, and will do. */
static int is_there(struct pg_session *s, const struct pg_entry *en, bool *there, struct error *e)
{
	AUTO_FREE char *value = NULL;
	int err = 0;
	if (pg_entry_is(en, "SCHEMA"))
		err = pg_value(s->c, &value, e, pg_sql("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %L", en->tag));
	else if (pg_entry_is(en, "EXTENSION"))
		err = pg_value(s->c, &value, e, pg_sql("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = %L", en->tag));
	*there = value;
	return err;
}

static int put_pass(struct pg_session *s, const enum pg_pass *passes, enum pg_pass pass, struct restore_result *out, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < s->toc->n && !err; i++) {
		const struct pg_entry *en = &s->toc->v[i];
		uint64_t rows = 0;
		bool there = false;
		if (passes[i] != pass)
			continue;
		if (pass == PG_PASS_DATA) {
			err = pg_entry_load(s, en, false, &rows, e);
		} else {
			err = is_there(s, en, &there, e);
			if (!err && !there)
				err = pg_entry_put(s, en, e);
		}
		out->tables += pg_entry_is(en, "TABLE");
		out->rows += rows;
	}
	return err;
}

static int put_archive(struct pg_session *s, struct restore_result *out, struct error *e)
{
	static const enum pg_pass order[] = {PG_PASS_PRE, PG_PASS_DATA, PG_PASS_POST, PG_PASS_ACL, PG_PASS_LAST};
	AUTO_FREE enum pg_pass *passes = pg_passes(s->toc);
	int err = pg_session_prepare(s, true, e);
	for (size_t i = 0; i < ARRAY_LEN(order) && !err; i++)
		err = put_pass(s, passes, order[i], out, e);
	return err;
}

static int put_script(struct pg_session *s, struct restore_result *out, struct error *e)
{
	int err = pg_session_run(s, "RESET timezone", NULL, e);
	if (!err)
		err = pg_script_run(s->c, s->from, &out->notes, &out->rows, s->progress, e);
	if (!err)
		err = pg_session_run(s, "SET search_path = ''", NULL, e);
	return err ? err : pg_count_tables(s->c, &out->tables, e);
}

/* From here on nobody writes to what will be replaced: what came in behind the safety backup would be lost. Reading goes on. */
static const char held[] = "SELECT pg_catalog.format('LOCK TABLE ONLY %I.%I IN SHARE ROW EXCLUSIVE MODE', n.nspname, c.relname) FROM pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND " NOT_SYSTEM("n.nspname") " AND " MINE("c.relowner")
	" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY c.oid";

/* Between BEGIN and COMMIT. */
static int work(struct pg_session *s, const struct engine_restore *r, struct restore_result *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *before = NULL;
	progress_phase(r->progress, "writing", NULL, s->from->size, 0);
	int err = pg_query(s->c, &before, e, mem_string(of_others));
	for (size_t i = 0; i < ARRAY_LEN(mine) && !err; i++)
		err = run_all(s, mine[i], e);
	if (err)
		return error_wrap(e, "dropping what is there");
	if (!err)
		err = tell_what_stays(s, &out->notes, e);
	if (!err)
		err = s->toc ? put_archive(s, out, e) : put_script(s, out, e);
	/* What is loaded has an encoding of its own. */
	if (!err)
		err = pg_session_run(s, "SET LOCAL client_encoding = 'UTF8'", NULL, e);
	if (!err)
		err = tell_what_went(s, before, &out->notes, e);
	if (!err)
		err = pg_compare_on(s->c, r->from, false, r->progress, e);
	/* ERR_VERIFY would say that the target had changed already. */
	if (err == -ERR_VERIFY) {
		e->kind = ERR_CORRUPT;
		err = -ERR_CORRUPT;
	}
	return err ? err : pg_session_run(s, "COMMIT", NULL, e);
}

int pg_in_place(struct pg_target *t, const struct engine_restore *r, const struct pg_toc *toc, struct source *from,
	struct restore_result *out, struct error *e)
{
	struct pg_session s = {.toc = toc, .from = from, .rights = &t->rights, .progress = r->progress, .in_transaction = true};
	int err = pg_connect(&t->place, NULL, &s.c, e);
	if (!err)
		err = pg_session_run(&s, "BEGIN", NULL, e);
	if (!err)
		err = run_all(&s, held, e);
	if (!err && r->before_swap)
		err = r->before_swap(r->ctx, e);
	if (!err)
		err = work(&s, r, out, e);
	pg_session_close(&s);
	if (err)
		return error_wrap(e, "in one transaction, which was rolled back; nothing was changed");
	out->bytes = from->size;
	strlist_addf(&out->notes, "the user %s may not create databases: everything was replaced within \"%s\", in one transaction", t->rights.user,
		t->name);
	pg_rights_tell(&t->rights, &out->notes);
	return 0;
}

#include "engine/pg_live_table.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- are the columns the same ---- */

static const struct rows_column *column_of(const struct rows_table *t, const char *name)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	return NULL;
}

static bool live_has(const PGresult *r, const char *name)
{
	for (int i = 0; i < PQntuples(r); i++)
		if (strcmp(PQgetvalue(r, i, 0), name) == 0)
			return true;
	return false;
}

/* Generated columns are not among the archive's: they have no rows of their own. */
static int compare_columns(const struct rows_table *t, const PGresult *r, struct error *e)
{
	for (int i = 0; i < PQntuples(r); i++) {
		const char *name = PQgetvalue(r, i, 0), *type = PQgetvalue(r, i, 1);
		const struct rows_column *c = column_of(t, name);
		if (!c && PQgetvalue(r, i, 2)[0])
			continue;
		if (!c)
			return error_set(e, ERR_MISMATCH, "it has the column \"%s\", which the backup does not have", name);
		if (c->type && c->type[0] && strcmp(c->type, type) != 0)
			return error_set(e, ERR_MISMATCH, "its column \"%s\" is %s, and %s in the backup", name, type, c->type);
	}
	for (size_t i = 0; i < t->column_count; i++)
		if (!t->columns[i].generated && !live_has(r, t->columns[i].name))
			return error_set(e, ERR_MISMATCH, "it lacks the column \"%s\", which the backup has", t->columns[i].name);
	return 0;
}

int pg_live_check(struct pg_session *s, const struct rows_table *t, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	AUTO_FREE char *kind = NULL;
	AUTO_FREE char *title = rows_table_name(t);
	const char *schema = t->schema && t->schema[0] ? t->schema : "public";
	int err = pg_value(s->c, &kind, e, pg_sql("SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
		"ON n.oid = c.relnamespace WHERE n.nspname = %L AND c.relname = %L", schema, t->name));
	if (!err && (!kind || (kind[0] != 'r' && kind[0] != 'p')))
		err = error_set(e, ERR_MISMATCH, "it is no table in the live database");
	if (!err)
		err = pg_query(s->c, &r, e, pg_sql("SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated "
			"FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass AND a.attnum > 0 "
			"AND NOT a.attisdropped ORDER BY a.attnum", schema, t->name));
	if (!err)
		err = compare_columns(t, r, e);
	if (err == -ERR_MISMATCH)
		error_hint(e, "restore the whole database to another name, and copy what is needed from there");
	return err ? error_wrap(e, "table %s", title) : 0;
}

/* ---- foreign keys and triggers ---- */

static void add_undo(struct pg_live_undo *u, char *sql, const char *key)
{
	strlist_take(&u->statements, sql);
	strlist_add(&u->keys, key ? key : "");
}

/* Keys of a partitioned parent hold for its partitions and are dropped there. */
static int drop_keys(struct pg_session *s, const char *schema, const char *name, struct pg_live_undo *u, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(s->c, &r, e, pg_sql("WITH RECURSIVE up(o) AS (SELECT pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass::oid "
		"UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.o) "
		"SELECT c.conrelid::pg_catalog.regclass, pg_catalog.quote_ident(c.conname), pg_catalog.pg_get_constraintdef(c.oid), "
		"pg_catalog.obj_description(c.oid, 'pg_constraint'), c.confrelid::pg_catalog.regclass FROM pg_catalog.pg_constraint c "
		"WHERE c.contype = 'f' AND c.conparentid = 0 AND (c.conrelid IN (SELECT o FROM up) OR c.confrelid IN (SELECT o FROM up))", schema, name));
	for (int i = 0; i < PQntuples(r) && !err; i++) {
		const char *table = PQgetvalue(r, i, 0), *key = PQgetvalue(r, i, 1);
		AUTO_FREE char *what = mem_printf("table %s would have rows that refer to rows missing from %s", table, PQgetvalue(r, i, 4));
		err = pg_session_do(s, e, pg_sql("ALTER TABLE %s DROP CONSTRAINT %s", table, key));
		add_undo(u, pg_sql("ALTER TABLE %s ADD CONSTRAINT %s %s", table, key, PQgetvalue(r, i, 2)), what);
		if (!PQgetisnull(r, i, 3))
			add_undo(u, pg_sql("COMMENT ON CONSTRAINT %s ON %s IS %L", key, table, PQgetvalue(r, i, 3)), NULL);
	}
	return err;
}

/* Rules, which know no ONLY, rewrite what is inserted as a filling in does it. */
static int disable_triggers(struct pg_session *s, const char *schema, const char *name, struct pg_live_undo *u, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(s->c, &r, e, pg_sql("WITH t(o) AS (SELECT pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass::oid) "
		"SELECT tgname, tgenabled, 'TRIGGER', 'ONLY ' FROM pg_catalog.pg_trigger, t WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgrelid = t.o "
		"UNION ALL SELECT rulename, ev_enabled, 'RULE', '' FROM pg_catalog.pg_rewrite, t WHERE ev_type <> '1' AND ev_enabled <> 'D' AND ev_class = t.o",
		schema, name));
	for (int i = 0; i < PQntuples(r) && !err; i++) {
		const char *what = PQgetvalue(r, i, 2), *only = PQgetvalue(r, i, 3);
		char how = PQgetvalue(r, i, 1)[0];
		err = pg_session_do(s, e, pg_sql("ALTER TABLE %s%I.%I DISABLE %s %I", only, schema, name, what, PQgetvalue(r, i, 0)));
		add_undo(u, pg_sql("ALTER TABLE %s%I.%I ENABLE %s%s %I", only, schema, name, how == 'R' ? "REPLICA " : how == 'A' ? "ALWAYS " : "", what,
			PQgetvalue(r, i, 0)), NULL);
	}
	return err;
}

int pg_live_open(struct pg_session *s, const char *schema, const char *name, struct pg_live_undo *u, struct error *e)
{
	int err = pg_session_do(s, e, pg_sql("LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE", schema, name));
	if (!err)
		err = drop_keys(s, schema, name, u, e);
	if (!err)
		err = disable_triggers(s, schema, name, u, e);
	return err ? error_wrap(e, "table %s.%s", schema, name) : 0;
}

int pg_live_close(struct pg_session *s, const struct pg_live_undo *u, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < u->statements.n && !err; i++) {
		err = pg_session_run(s, u->statements.v[i], NULL, e);
		if (err && strcmp(s->state, "23503") == 0) {
			AUTO_FREE char *said = mem_string(e->text);
			err = error_set(e, ERR_MISMATCH, "%s: %s", u->keys.v[i], said);
			error_hint(e, "restore both tables, or the whole database");
		}
	}
	return err;
}

/* ---- rows that are missing ---- */

#define INCOMING "pg_temp.backstay_incoming"

/* The columns of "COPY public.orders (id, note) FROM stdin;", as they stand there; NULL when it names none. Heap. */
static char *copied_columns(const struct pg_entry *data)
{
	const char *end = data->copy ? strstr(data->copy, ") FROM stdin") : NULL;
	size_t len;
	if (!end || strncmp(data->copy, "COPY ", 5) != 0 || !pg_name_at(data->copy + 5, data->schema, data->tag, &len))
		return NULL;
	const char *p = data->copy + 5 + len;
	return strncmp(p, " (", 2) == 0 && p + 2 <= end ? mem_string_n(p + 2, (size_t)(end - p - 2)) : NULL;
}

static int insert_missing(struct pg_session *s, const char *schema, const char *name, const char *columns, uint64_t *rows, struct error *e)
{
	AUTO_FREE char *key = NULL;
	int err = pg_value(s->c, &key, e, pg_sql("SELECT conname FROM pg_catalog.pg_constraint WHERE contype = 'p' AND "
		"conrelid = pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass", schema, name));
	if (err)
		return err;
	/* Without a key a row is there when one like it is; compared as text, as not every type knows equality. */
	AUTO_FREE char *sql = key
		? pg_sql("INSERT INTO %I.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM " INCOMING " ON CONFLICT ON CONSTRAINT %I DO NOTHING", schema, name,
			columns, columns, key)
		: pg_sql("INSERT INTO %I.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM " INCOMING " AS stored WHERE NOT EXISTS (SELECT 1 FROM "
			"(SELECT %s FROM ONLY %I.%I) AS live WHERE (live.*)::text = (stored.*)::text)", schema, name, columns, columns, columns, schema, name);
	return pg_session_run(s, sql, rows, e);
}

int pg_live_fill_in(struct pg_session *s, const struct pg_entry *data, uint64_t *rows, struct error *e)
{
	const char *schema = data->schema && data->schema[0] ? data->schema : "public";
	AUTO_FREE char *columns = copied_columns(data);
	uint64_t copied;
	*rows = 0;
	/* Rows of a table without columns are all alike. */
	if (!columns && data->copy && !strchr(data->copy, '('))
		return 0;
	if (!columns)
		return error_set(e, ERR_MISMATCH, "table %s.%s: the backup has its rows in a form that only a whole restore understands", schema, data->tag);
	AUTO_FREE char *copy = mem_printf("COPY " INCOMING " (%s) FROM stdin", columns);
	int err = pg_session_do(s, e, pg_sql("CREATE TEMPORARY TABLE backstay_incoming ON COMMIT DROP AS SELECT %s FROM %I.%I WITH NO DATA",
		columns, schema, data->tag));
	if (!err)
		err = pg_entry_copy(s, data, copy, &copied, e);
	if (!err)
		err = insert_missing(s, schema, data->tag, columns, rows, e);
	if (!err)
		err = pg_session_run(s, "DROP TABLE " INCOMING, NULL, e);
	return err ? error_wrap(e, "table %s.%s", schema, data->tag) : 0;
}

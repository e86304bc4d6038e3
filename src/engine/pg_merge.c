/* Chosen tables out of an archive into a live database, or whatever is missing there; all in one transaction. Tables that are absent
 * are created with all that belongs to them; those that exist must have the same columns, and get the archive's rows in place of
 * theirs, or those whose key they lack. */
#include "engine/pg_archive_inner.h"
#include "engine/pg_belongings.h"
#include "engine/pg_live_table.h"
#include "engine/pg_target.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum fate { LEAVE, MAKE, TRY, MADE };

struct merge {
	const struct engine_restore *r;
	struct restore_result *out;
	struct pg_session s;
	const struct pg_toc *toc;
	enum pg_pass *passes;
	size_t *owners;                   /* pg_belongings() */
	bool *chosen, *exists;            /* by place of a TABLE entry */
	enum fate *fates;
	struct pg_live_undo undo;
	struct map *kept_objects;         /* large objects that are there: they stay as they are */
	bool new_objects;
};

static void release(struct merge *m)
{
	pg_session_close(&m->s);
	free(m->passes);
	free(m->owners);
	free(m->chosen);
	free(m->exists);
	free(m->fates);
	strlist_release(&m->undo.statements);
	strlist_release(&m->undo.keys);
	map_free(m->kept_objects, NULL);
}

static bool all_tables(const struct merge *m)
{
	return !m->r->tables || m->r->tables->n == 0;
}

static const char *schema_of(const struct pg_entry *en)
{
	return en->schema && en->schema[0] ? en->schema : "public";
}

/* The archive has names in an encoding of its own, and so has its connection; those that people give are in UTF-8. */
static int speak(struct merge *m, const char *encoding, struct error *e)
{
	const char *now = PQparameterStatus(m->s.c, "client_encoding");
	if (!encoding || (now && strcmp(now, encoding) == 0))
		return 0;
	return PQsetClientEncoding(m->s.c, encoding) == 0 ? 0 : pg_error(m->s.c, NULL, e, "speaking in %s", encoding);
}

static char *in_utf8(const struct merge *m, const char *name)
{
	struct pg_encoding c;
	pg_encoding_open(&c, m->toc->encoding);
	char *text = pg_encoding_text(&c, name);
	pg_encoding_close(&c);
	return text;
}

static bool is_meant(const struct merge *m, const struct pg_entry *en, const char *asked)
{
	AUTO_FREE char *schema = in_utf8(m, schema_of(en)), *name = in_utf8(m, en->tag);
	AUTO_FREE char *full = mem_printf("%s.%s", schema, name);
	return strcmp(name, asked) == 0 || strcmp(full, asked) == 0;
}

static int choose(struct merge *m, struct error *e)
{
	for (size_t i = 0; i < m->toc->n && all_tables(m); i++)
		m->chosen[i] = pg_entry_is(&m->toc->v[i], "TABLE");
	for (size_t k = 0; !all_tables(m) && k < m->r->tables->n; k++) {
		size_t found = 0;
		for (size_t i = 0; i < m->toc->n; i++)
			if (pg_entry_is(&m->toc->v[i], "TABLE") && is_meant(m, &m->toc->v[i], m->r->tables->v[k])) {
				m->chosen[i] = true;
				found++;
			}
		if (found > 1)
			return error_set(e, ERR_USAGE, "tables named \"%s\" are in several schemas; say which: SCHEMA.%s", m->r->tables->v[k],
				m->r->tables->v[k]);
		if (!found)
			return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\" in the backup that could be restored by itself", m->r->tables->v[k]);
	}
	pg_add_partitions(m->toc, m->chosen);
	return 0;
}

static int look_which_exist(struct merge *m, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err; i++) {
		AUTO_FREE char *there = NULL;
		if (!pg_entry_is(&m->toc->v[i], "TABLE"))
			continue;
		err = pg_value(m->s.c, &there, e, pg_sql("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			"WHERE n.nspname = %L AND c.relname = %L", schema_of(&m->toc->v[i]), m->toc->v[i].tag));
		m->exists[i] = there;
	}
	return err;
}

/* In an all-round filling in, what belongs to no table is made when it is missing. */
static void decide(struct merge *m)
{
	for (size_t i = 0; i < m->toc->n; i++) {
		size_t table = m->owners[i];
		if (table)
			m->fates[i] = m->chosen[table - 1] && !m->exists[table - 1] ? MAKE : LEAVE;
		else
			m->fates[i] = all_tables(m) ? TRY : LEAVE;
	}
}

/* ---- what exists ---- */

static int check_columns(struct merge *m, struct error *e)
{
	struct rows_table *tables;
	const struct pg_entry **data;
	size_t n;
	int err = pg_toc_tables(m->toc, &tables, &data, &n, e);
	if (err)
		return err;
	err = speak(m, "UTF8", e);
	for (size_t i = 0; i < m->toc->n && !err; i++) {
		if (!m->chosen[i] || !m->exists[i])
			continue;
		AUTO_FREE char *schema = in_utf8(m, schema_of(&m->toc->v[i])), *name = in_utf8(m, m->toc->v[i].tag);
		for (size_t k = 0; k < n && !err; k++)
			if (strcmp(tables[k].name, name) == 0 && strcmp(tables[k].schema ? tables[k].schema : "public", schema) == 0)
				err = pg_live_check(&m->s, &tables[k], e);
	}
	pg_toc_tables_free(tables, data, n);
	return err ? err : speak(m, m->toc->encoding, e);
}

/* A partitioned table has no rows of its own. */
static int empty(struct merge *m, const struct pg_entry *en, struct error *e)
{
	AUTO_FREE char *kind = NULL;
	int err = pg_value(m->s.c, &kind, e, pg_sql("SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = %L AND c.relname = %L", schema_of(en), en->tag));
	if (err || !kind || kind[0] != 'r')
		return err;
	return pg_session_do(&m->s, e, pg_sql("TRUNCATE TABLE ONLY %I.%I", schema_of(en), en->tag));
}

/* From here on nobody writes to what will be replaced: what came in behind the safety backup would be lost. Reading goes on. */
static int hold_writers(struct merge *m, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err && m->r->mode == RESTORE_OVERWRITE; i++)
		if (m->chosen[i] && m->exists[i])
			err = pg_session_do(&m->s, e, pg_sql("LOCK TABLE ONLY %I.%I IN SHARE ROW EXCLUSIVE MODE", schema_of(&m->toc->v[i]), m->toc->v[i].tag));
	return err;
}

static bool is_chosen(const struct merge *m, const char *schema, const char *name)
{
	for (size_t i = 0; i < m->toc->n; i++)
		if (m->chosen[i] && strcmp(m->toc->v[i].tag, name) == 0 && strcmp(schema_of(&m->toc->v[i]), schema) == 0)
			return true;
	return false;
}

/* Partitions that the backup does not have keep their rows; materialized views keep showing what was there. */
static int tell_what_stays(struct merge *m, const struct pg_entry *en, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL, *views = NULL;
	int err = pg_query(m->s.c, &r, e, pg_sql("SELECT n.nspname, c.relname FROM pg_catalog.pg_partition_tree(pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass) p "
		"JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 'p' ORDER BY 1, 2",
		schema_of(en), en->tag));
	for (int i = 0; !err && i < PQntuples(r); i++)
		if (!is_chosen(m, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1)))
			strlist_addf(&m->out->notes, "%s.%s is a partition of %s.%s that the backup does not have: its rows stay", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1),
				schema_of(en), en->tag);
	if (!err)
		err = pg_query(m->s.c, &views, e, pg_sql("WITH RECURSIVE up(o, k) AS (SELECT pg_catalog.format('%%I.%%I', %L, %L)::pg_catalog.regclass::oid, 'r'::\"char\" "
			"UNION SELECT v.oid, v.relkind FROM up JOIN pg_catalog.pg_depend d ON d.refobjid = up.o AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
			"AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid "
			"JOIN pg_catalog.pg_class v ON v.oid = w.ev_class) SELECT DISTINCT o::pg_catalog.regclass FROM up WHERE k = 'm' ORDER BY 1", schema_of(en), en->tag));
	for (int i = 0; !err && i < PQntuples(views); i++) {
		AUTO_FREE char *note = mem_printf("the materialized view %s still shows what was there before: REFRESH MATERIALIZED VIEW brings it up to date",
			PQgetvalue(views, i, 0));
		if (!strlist_has(&m->out->notes, note))
			strlist_add(&m->out->notes, note);
	}
	return err;
}

static int tell_all_that_stays(struct merge *m, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err && !all_tables(m); i++)
		if (m->chosen[i] && m->exists[i])
			err = tell_what_stays(m, &m->toc->v[i], e);
	return err;
}

static int open_live(struct merge *m, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err; i++)
		if (m->chosen[i] && m->exists[i])
			err = pg_live_open(&m->s, schema_of(&m->toc->v[i]), m->toc->v[i].tag, &m->undo, e);
	for (size_t i = 0; i < m->toc->n && !err && m->r->mode == RESTORE_OVERWRITE; i++)
		if (m->chosen[i] && m->exists[i])
			err = empty(m, &m->toc->v[i], e);
	return err;
}

/* ---- what is missing ---- */

static bool is_duplicate(const struct pg_entry *en, const char *state)
{
	/* For these the server does not look before it writes. */
	if (strncmp(en->desc, "TEXT SEARCH ", 12) == 0 && strcmp(state, "23505") == 0)
		return true;
	static const char *const states[] = {"42P06", "42P07", "42710", "42723", "42701", "42P04"};
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

/* Comments, privileges and the like go with what they are about. */
static bool goes_with(const struct merge *m, const struct pg_entry *en, bool *made)
{
	static const char *const followers[] = {"COMMENT", "ACL", "SECURITY LABEL", "SEQUENCE OWNED BY", "SEQUENCE SET", "MATERIALIZED VIEW DATA",
		"DEFAULT ACL", "BLOBS"};
	bool follows = false;
	*made = false;
	for (size_t i = 0; i < ARRAY_LEN(followers); i++)
		follows = follows || pg_entry_is(en, followers[i]);
	for (size_t k = 0; follows && k < en->dep_count; k++) {
		const struct pg_entry *of = pg_toc_find(m->toc, en->deps[k]);
		*made = *made || (of && m->fates[of - m->toc->v] == MADE);
	}
	return follows;
}

/* Extensions, whose statement does not mind, and large objects. */
static int is_there(struct merge *m, const struct pg_entry *en, bool *there, struct error *e)
{
	AUTO_FREE char *value = NULL;
	int err = 0;
	if (pg_entry_is(en, "EXTENSION"))
		err = pg_value(m->s.c, &value, e, pg_sql("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = %L", en->tag));
	if (pg_entry_is(en, "BLOB"))
		err = pg_value(m->s.c, &value, e, pg_sql("SELECT 1 FROM pg_catalog.pg_largeobject_metadata WHERE oid = %L", en->tag));
	*there = value || pg_entry_is(en, "BLOB METADATA");
	if (pg_entry_is(en, "BLOB")) {
		uint32_t oid = (uint32_t)strtoul(en->tag, NULL, 10);
		if (value)
			map_put(m->kept_objects, &oid, sizeof oid, m);
		m->new_objects = m->new_objects || !value;
	}
	return err;
}

static int try_one(struct merge *m, size_t i, struct error *e)
{
	const struct pg_entry *en = &m->toc->v[i];
	struct error ignored, why = {0};
	bool made, there = false;
	if (goes_with(m, en, &made))
		return made ? pg_entry_put(&m->s, en, e) : 0;
	int err = is_there(m, en, &there, e);
	/* The schema public, which is there, has no statement that would create it. */
	if (err || there || !en->defn || strncmp(en->defn, "--", 2) == 0)
		return err;
	err = pg_session_run(&m->s, "SAVEPOINT backstay_try", NULL, e);
	if (err)
		return err;
	if (pg_entry_put(&m->s, en, &why) == 0) {
		m->fates[i] = MADE;
		return pg_session_run(&m->s, "RELEASE SAVEPOINT backstay_try", NULL, e);
	}
	bool duplicate = is_duplicate(en, m->s.state);
	err = pg_session_run(&m->s, "ROLLBACK TO SAVEPOINT backstay_try", NULL, duplicate ? e : &ignored);
	if (!duplicate) {
		*e = why;
		return -(int)why.kind;
	}
	return err;
}

static int put_pass(struct merge *m, enum pg_pass pass, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err; i++) {
		if (m->passes[i] != pass)
			continue;
		if (m->fates[i] == MAKE) {
			err = pg_entry_put(&m->s, &m->toc->v[i], e);
			m->fates[i] = MADE;
		} else if (m->fates[i] == TRY) {
			err = try_one(m, i, e);
		}
	}
	return err;
}

/* ---- data ---- */

/* A sequence goes on where the backup was, or, when nothing was replaced, where the live one is if that is further. */
static int set_sequence(struct merge *m, const struct pg_entry *en, bool fresh, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	const char *schema = schema_of(en);
	int err = pg_query(m->s.c, &r, e, pg_sql("SELECT c.oid, s.seqincrement > 0 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON "
		"n.oid = c.relnamespace JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid WHERE n.nspname = %L AND c.relname = %L", schema, en->tag));
	if (err)
		return err;
	if (PQntuples(r) == 0) {
		strlist_addf(&m->out->notes, "the live database has no sequence %s.%s, so that it was not set", schema, en->tag);
		return 0;
	}
	CLEANUP(pg_clear) PGresult *was = NULL, *is = NULL;
	bool up = PQgetvalue(r, 0, 1)[0] == 't';
	err = pg_query(m->s.c, &was, e, pg_sql("SELECT last_value, is_called FROM %I.%I", schema, en->tag));
	if (!err)
		err = pg_entry_put(&m->s, en, e);
	if (err || fresh || m->r->mode == RESTORE_OVERWRITE)
		return err;
	err = pg_query(m->s.c, &is, e, pg_sql("SELECT last_value FROM %I.%I", schema, en->tag));
	if (err)
		return err;
	long long live = atoll(PQgetvalue(was, 0, 0)), stored = atoll(PQgetvalue(is, 0, 0));
	if (up ? live < stored : live > stored)
		return 0;
	return pg_session_do(&m->s, e, pg_sql("SELECT pg_catalog.setval(%s::oid::pg_catalog.regclass, %lld, %s)", PQgetvalue(r, 0, 0), live,
		PQgetvalue(was, 0, 1)[0] == 't' || live == stored ? "true" : "false"));
}

static const struct manifest_table *manifest_of(const struct merge *m, const struct pg_entry *en)
{
	const struct manifest_source *s = m->r->from->manifest;
	for (size_t i = 0; i < s->table_count; i++)
		if (strcmp(s->tables[i].name, en->tag) == 0 && strcmp(s->tables[i].schema ? s->tables[i].schema : "public", schema_of(en)) == 0)
			return &s->tables[i];
	return NULL;
}

static int put_rows(struct merge *m, const struct pg_entry *en, bool exists, struct error *e)
{
	uint64_t rows = 0;
	int err = exists && m->r->mode == RESTORE_PRESERVE ? pg_live_fill_in(&m->s, en, &rows, e) : pg_entry_load(&m->s, en, false, &rows, e);
	const struct manifest_table *t = manifest_of(m, en);
	if (!err && t && t->rows_known && en->copy && en->copy[0] && !(exists && m->r->mode == RESTORE_PRESERVE) && rows != t->rows)
		err = error_set(e, ERR_CORRUPT, "table %s.%s would have %llu rows where the backup has %llu", schema_of(en), en->tag,
			(unsigned long long)rows, (unsigned long long)t->rows);
	m->out->rows += rows;
	m->out->tables++;
	progress_items(m->r->progress, 1);
	return err;
}

/* Large objects that were missing; the rows of extensions stay. */
static int put_other_data(struct merge *m, const struct pg_entry *en, struct error *e)
{
	uint64_t rows;
	if (pg_entry_is(en, "BLOBS") && m->new_objects)
		return pg_entry_load(&m->s, en, false, &rows, e);
	if (!pg_entry_is(en, "BLOBS") || map_count(m->kept_objects) == 0)
		strlist_addf(&m->out->notes, "%s %s: left as it is", en->desc, en->tag);
	return 0;
}

static int put_data(struct merge *m, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < m->toc->n && !err; i++) {
		const struct pg_entry *en = &m->toc->v[i];
		size_t table = m->owners[i];
		bool made = false;
		if (m->passes[i] != PG_PASS_DATA)
			continue;
		if (table && m->chosen[table - 1])
			err = pg_entry_is(en, "SEQUENCE SET") ? set_sequence(m, en, !m->exists[table - 1], e) : put_rows(m, en, m->exists[table - 1], e);
		else if (!table && all_tables(m) && pg_entry_is(en, "SEQUENCE SET"))
			err = set_sequence(m, en, goes_with(m, en, &made) && made, e);
		else if (!table && all_tables(m) && en->has_data)
			err = put_other_data(m, en, e);
	}
	return err;
}

/* ---- all of it ---- */

/* Between BEGIN and COMMIT. */
static int work(struct merge *m, struct error *e)
{
	int err = pg_session_prepare(&m->s, true, e);
	if (!err)
		err = look_which_exist(m, e);
	decide(m);
	if (!err)
		err = check_columns(m, e);
	if (!err)
		err = open_live(m, e);
	if (!err)
		err = put_pass(m, PG_PASS_PRE, e);
	if (!err)
		err = put_data(m, e);
	if (!err)
		err = put_pass(m, PG_PASS_POST, e);
	if (!err)
		err = pg_live_close(&m->s, &m->undo, e);
	if (!err)
		err = put_pass(m, PG_PASS_ACL, e);
	if (!err)
		err = put_pass(m, PG_PASS_LAST, e);
	if (!err)
		err = tell_all_that_stays(m, e);
	return err ? err : pg_session_run(&m->s, "COMMIT", NULL, e);
}

static int prepare(struct merge *m, struct pg_target *t, struct error *e)
{
	m->passes = pg_passes(m->toc);
	m->owners = pg_belongings(m->toc);
	m->chosen = mem_zero(m->toc->n + 1);
	m->exists = mem_zero(m->toc->n + 1);
	m->fates = mem_zero((m->toc->n + 1) * sizeof *m->fates);
	int err = choose(m, e);
	if (!err)
		err = pg_connect(&t->place, NULL, &m->s.c, e);
	if (!err)
		err = speak(m, m->toc->encoding, e);
	if (!err)
		err = look_which_exist(m, e);
	return err ? err : check_columns(m, e);
}

int pg_merge(struct pg_target *t, const struct engine_restore *r, const struct pg_toc *toc, struct source *from,
	struct restore_result *out, struct error *e)
{
	CLEANUP(release) struct merge m = {.r = r, .out = out, .toc = toc, .kept_objects = map_new(),
		.s = {.toc = toc, .from = from, .rights = &t->rights, .progress = r->progress, .in_transaction = true}};
	m.s.kept_objects = m.kept_objects;
	int err = prepare(&m, t, e);
	if (!err)
		err = pg_session_run(&m.s, "BEGIN", NULL, e);
	if (!err)
		err = hold_writers(&m, e);
	if (!err && r->before_swap)
		err = r->before_swap(r->ctx, e);
	if (err)
		return error_wrap(e, "nothing was changed");
	progress_phase(r->progress, "writing", "tables", 0, 0);
	err = work(&m, e);
	if (err)
		return error_wrap(e, "in one transaction, which was rolled back; nothing was changed");
	pg_rights_tell(&t->rights, &out->notes);
	return 0;
}

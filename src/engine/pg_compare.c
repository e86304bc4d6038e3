/* Whether a database is what a backup says: its tables and their rows, counted by two connections, the objects of its archive; and,
 * when hashes are asked for, everything again as the vendor's tool dumps it. */
#include "engine/pg_put.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/manifest_compare.h"
#include "engine/pg_rows.h"

#include <stdlib.h>
#include <string.h>

#define COUNTERS 2

struct compare {
	const struct pg_place *place;
	const char *database;
	const struct stored *s;
	const struct strlist *tables;     /* the chosen ones; NULL: all */
	struct progress *progress;
	bool exact;                       /* no other tables than the stored ones; of a script by hand they are not all known */
	PGconn *c[COUNTERS];
	struct map *kinds;                /* schema 0 name -> relkind of the live table */
	pthread_mutex_t lock;
	struct error why;                 /* of the first difference */
};

static void release(struct compare *x)
{
	for (int i = 0; i < COUNTERS; i++)
		pg_disconnect(&x->c[i]);
	map_free(x->kinds, NULL);
	pthread_mutex_destroy(&x->lock);
}

static char *table_title(const struct manifest_table *t)
{
	return t->schema ? mem_printf("%s.%s", t->schema, t->name) : mem_string(t->name);
}

/* ---- which tables there are ---- */

static void *find_kind(const struct compare *x, const char *schema, const char *name)
{
	CLEANUP(buf_release) struct buf key = BUF_INIT;
	buf_add(&key, schema, strlen(schema) + 1);
	buf_add_str(&key, name);
	return map_get(x->kinds, key.p, key.len);
}

static bool is_stored(const struct compare *x, const char *schema, const char *name)
{
	const struct manifest_source *m = x->s->manifest;
	for (size_t i = 0; i < m->table_count; i++)
		if (strcmp(m->tables[i].name, name) == 0 && (!m->tables[i].schema || strcmp(m->tables[i].schema, schema) == 0))
			return true;
	return false;
}

/* Those of extensions are made by them, with rows of their own. */
static int list_tables(struct compare *x, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(x->c[0], &r, e, pg_sql("SELECT n.nspname, c.relname, CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE "
		"d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') THEN 'e' ELSE c.relkind::text END "
		"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f') "
		"AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"));
	for (int i = 0; !err && i < PQntuples(r); i++) {
		CLEANUP(buf_release) struct buf key = BUF_INIT;
		const char *schema = PQgetvalue(r, i, 0), *name = PQgetvalue(r, i, 1), *kind = PQgetvalue(r, i, 2);
		buf_add(&key, schema, strlen(schema) + 1);
		buf_add_str(&key, name);
		map_put(x->kinds, key.p, key.len, (void *)(uintptr_t)kind[0]);
		if (x->exact && kind[0] == 'r' && !is_stored(x, schema, name))
			err = error_set(e, ERR_VERIFY, "there is a table %s.%s, which the backup does not have", schema, name);
	}
	return err;
}

/* ---- counting ---- */

static void fail(struct compare *x, const struct error *why)
{
	pthread_mutex_lock(&x->lock);
	if (!x->why.kind)
		x->why = *why;
	pthread_mutex_unlock(&x->lock);
}

/* One that was not chosen may be absent. */
static bool is_needed(const struct compare *x, const struct manifest_table *t)
{
	bool needed = !x->tables;
	for (size_t i = 0; !needed && i < x->tables->n; i++)
		needed = manifest_find_table(x->s->manifest, x->tables->v[i]) == t;
	return needed;
}

static int count(struct compare *x, PGconn *c, const struct manifest_table *t, struct error *e)
{
	const char *schema = t->schema && t->schema[0] ? t->schema : "public";
	char kind = (char)(uintptr_t)find_kind(x, schema, t->name);
	AUTO_FREE char *title = table_title(t);
	if (!kind && !is_needed(x, t))
		return 0;
	if (!kind)
		return error_set(e, ERR_VERIFY, "the table %s is missing", title);
	if (kind != 'r' || !t->rows_known)
		return 0;
	AUTO_FREE char *sql = pg_sql("SELECT count(*) FROM ONLY %I.%I", schema, t->name);
	uint64_t rows = 0;
	if (!PQsendQuery(c, sql))
		return pg_error(c, NULL, e, "counting the rows of %s", title);
	int err = pg_wait(c, x->progress, e);
	PGresult *r;
	while ((r = PQgetResult(c))) {
		if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
			rows = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
		else if (!err)
			err = pg_error(c, r, e, "counting the rows of %s", title);
		PQclear(r);
	}
	if (!err && rows != t->rows)
		err = error_set(e, ERR_VERIFY, "the table %s has %llu rows where the backup has %llu", title, (unsigned long long)rows,
			(unsigned long long)t->rows);
	return err;
}

static void count_one(int worker, void *item, void *ctx)
{
	struct compare *x = ctx;
	struct error e = {0};
	pthread_mutex_lock(&x->lock);
	bool failed = x->why.kind;
	pthread_mutex_unlock(&x->lock);
	if (!failed && count(x, x->c[worker], item, &e))
		fail(x, &e);
	progress_items(x->progress, 1);
}

static int count_all(struct compare *x, struct error *e)
{
	const struct manifest_source *m = x->s->manifest;
	struct error ignored;
	int n = 1;
	progress_phase(x->progress, "comparing", "tables", 0, m->table_count);
	while (n < COUNTERS && x->place && m->table_count > 1 && pg_connect(x->place, x->database, &x->c[n], &ignored) == 0)
		n++;
	struct pool *pool = pool_new("compare", n, 1, count_one, x);
	for (size_t i = 0; i < m->table_count; i++)
		pool_submit(pool, &m->tables[i]);
	pool_free(pool);
	if (x->why.kind)
		*e = x->why;
	return -(int)x->why.kind;
}

/* ---- objects ---- */

static const struct manifest_artifact *archive_of(const struct stored *s)
{
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		if (strcmp(s->manifest->artifacts[i].format, PG_FORMAT) == 0)
			return &s->manifest->artifacts[i];
	return NULL;
}

#define NOT_SYSTEM "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
#define RELATIONS "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE " NOT_SYSTEM

/* What the archive creates must all be there. Extensions bring more of the same kinds. */
static const struct {
	const char *desc, *title, *sql;
} kinds[] = {
	{"VIEW", "views", RELATIONS " AND c.relkind = 'v'"},
	{"MATERIALIZED VIEW", "materialized views", RELATIONS " AND c.relkind = 'm'"},
	{"SEQUENCE", "sequences", RELATIONS " AND c.relkind = 'S'"},
	{"FOREIGN TABLE", "foreign tables", RELATIONS " AND c.relkind = 'f'"},
	{"INDEX", "indexes", RELATIONS " AND c.relkind IN ('i', 'I')"},
	{"TRIGGER", "triggers", "SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal"},
	{"FUNCTION", "functions", "SELECT count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE " NOT_SYSTEM},
	{"FK CONSTRAINT", "foreign keys", "SELECT count(*) FROM pg_catalog.pg_constraint WHERE contype = 'f'"},
	{"POLICY", "row security policies", "SELECT count(*) FROM pg_catalog.pg_policy"},
	{"EXTENSION", "extensions", "SELECT count(*) FROM pg_catalog.pg_extension"},
	{"EVENT TRIGGER", "event triggers", "SELECT count(*) FROM pg_catalog.pg_event_trigger"},
};

static int compare_kind(struct compare *x, const struct pg_toc *toc, size_t kind, struct error *e)
{
	AUTO_FREE char *value = NULL;
	uint64_t want = 0;
	for (size_t i = 0; i < toc->n; i++)
		want += pg_entry_is(&toc->v[i], kinds[kind].desc);
	int err = want ? pg_value(x->c[0], &value, e, mem_string(kinds[kind].sql)) : 0;
	uint64_t have = value ? strtoull(value, NULL, 10) : 0;
	if (err || have >= want)
		return err;
	return error_set(e, ERR_VERIFY, "there are %llu %s where the backup has %llu", (unsigned long long)have, kinds[kind].title,
		(unsigned long long)want);
}

static int compare_objects(struct compare *x, struct error *e)
{
	struct source *from = NULL;
	struct pg_toc toc = {0};
	if (x->tables || !archive_of(x->s))
		return 0;
	int err = pg_stored_open(x->s, &from, &toc, e);
	for (size_t i = 0; i < ARRAY_LEN(kinds) && !err; i++)
		err = compare_kind(x, &toc, i, e);
	pg_toc_release(&toc);
	source_close(from);
	return err;
}

/* ---- all of it again ---- */

static const struct manifest_table *table_of(const struct manifest_source *m, const struct manifest_table *like)
{
	for (size_t i = 0; i < m->table_count; i++)
		if (strcmp(m->tables[i].name, like->name) == 0 &&
		    strcmp(m->tables[i].schema ? m->tables[i].schema : "", like->schema ? like->schema : "") == 0)
			return &m->tables[i];
	return NULL;
}

static int compare_hash(const struct manifest_table *was, const struct manifest_table *is, uint64_t *hashes, struct error *e)
{
	AUTO_FREE char *title = table_title(was);
	if (!is)
		return error_set(e, ERR_VERIFY, "the table %s is missing", title);
	if (was->rows_known && is->rows_known && was->rows != is->rows)
		return error_set(e, ERR_VERIFY, "the table %s has %llu rows where the backup has %llu", title, (unsigned long long)is->rows,
			(unsigned long long)was->rows);
	if (!was->row_hash || !is->row_hash)
		return 0;
	if (strcmp(was->row_hash, is->row_hash) != 0)
		return error_set(e, ERR_VERIFY, "the rows of the table %s are not those of the backup", title);
	++*hashes;
	return 0;
}

/* Counts depend on the tool's version, so that they are held against each other only when it is the same. */
static int compare_counts(const struct manifest_source *was, const struct manifest_source *is, struct error *e)
{
	if (!was->tool_version || !is->tool_version || strcmp(was->tool_version, is->tool_version) != 0)
		return 0;
	for (size_t i = 0; i < was->object_count; i++) {
		uint64_t now = manifest_object_count(is, was->objects[i].type);
		if (now != was->objects[i].count)
			return error_set(e, ERR_VERIFY, "there are %llu objects of the kind \"%s\" where the backup has %llu",
				(unsigned long long)now, was->objects[i].type, (unsigned long long)was->objects[i].count);
	}
	return 0;
}

static int dump_again(struct compare *x, struct strlist *evidence, struct error *e)
{
	CLEANUP(manifest_source_release) struct manifest_source now = {0};
	struct pg_place place = *x->place;
	AUTO_FREE char *database = mem_string(x->database), *encoding = NULL;
	uint64_t hashes = 0;
	place.database = database;
	progress_phase(x->progress, "comparing", NULL, x->s->manifest->bytes, 0);
	/* The hashes of rows are those of their bytes, and a script may be in another encoding than the database it is in now. */
	int err = pg_rows_encoding(x->s, &encoding, e);
	if (!err)
		err = pg_exec(x->c[0], e, mem_string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
	if (!err)
		err = pg_backup_stream(&place, x->c[0], encoding, NULL, x->progress, &now, e);
	const struct manifest_source *m = x->s->manifest;
	for (size_t i = 0; i < m->table_count && !err; i++)
		err = compare_hash(&m->tables[i], table_of(&now, &m->tables[i]), &hashes, e);
	if (!err && archive_of(x->s))
		err = compare_counts(m, &now, e);
	if (err)
		return err;
	AUTO_FREE char *tables = human_plural(hashes, "table");
	strlist_addf(evidence, "%s dumped again and compared: row hashes of %s equal", m->name, tables);
	return 0;
}

static int compare(struct compare *x, bool hashes, struct strlist *evidence, struct error *e)
{
	char n[HUMAN_MAX];
	int err = pg_connect(x->place, x->database, &x->c[0], e);
	if (!err)
		err = list_tables(x, e);
	if (!err)
		err = count_all(x, e);
	if (!err)
		err = compare_objects(x, e);
	if (!err && evidence)
		strlist_addf(evidence, "%s compared: the rows of %s tables counted and equal", x->s->manifest->name,
			human_count(x->s->manifest->table_count, n));
	return err || !hashes ? err : dump_again(x, evidence, e);
}

int pg_compare(const struct pg_place *place, const char *database, const struct stored *s, const struct strlist *tables, bool hashes, struct progress *p,
	struct strlist *evidence, struct error *e)
{
	CLEANUP(release) struct compare x = {.place = place, .database = database ? database : place->database, .s = s, .progress = p,
		.tables = tables && tables->n ? tables : NULL,
		.exact = s->manifest->structure, .kinds = map_new(), .lock = PTHREAD_MUTEX_INITIALIZER};
	return compare(&x, hashes, evidence, e);
}

int pg_compare_on(PGconn *c, const struct stored *s, bool exact, struct progress *p, struct error *e)
{
	CLEANUP(release) struct compare x = {.s = s, .progress = p, .exact = exact, .kinds = map_new(), .lock = PTHREAD_MUTEX_INITIALIZER};
	x.c[0] = c;
	int err = list_tables(&x, e);
	if (!err)
		err = count_all(&x, e);
	if (!err)
		err = compare_objects(&x, e);
	x.c[0] = NULL;
	return err;
}

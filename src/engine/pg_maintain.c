/* Looking after a PostgreSQL database: sizes; VACUUM, amcheck and REINDEX, table by table. */
#include "engine/pg.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define INFO_PATIENCE "10s"       /* to look at the size of a table that somebody has locked */
#define OWN_SCHEMAS " n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

/* ---- information ---- */

static uint64_t number(const PGresult *r, int row, int column)
{
	return strtoull(PQgetvalue(r, row, column), NULL, 10);
}

static int describe_database(PGconn *c, struct source_info *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(c, &r, e, mem_string("SELECT split_part(current_setting('server_version'), ' ', 1),"
		" pg_encoding_to_char(encoding), pg_database_size(oid) FROM pg_database WHERE datname = current_database()"));
	if (err)
		return err;
	if (PQntuples(r) != 1)
		return error_set(e, ERR_CHILD, "the server does not know the database we are connected to");
	out->title = mem_printf("PostgreSQL %s", PQgetvalue(r, 0, 0));
	out->encoding = mem_string(PQgetvalue(r, 0, 1));
	out->bytes = number(r, 0, 2);
	return 0;
}

/* A plain VACUUM makes space usable again rather than give it back, so nothing is promised as reclaimable. */
static int describe_tables(PGconn *c, struct source_info *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(c, &r, e, mem_string("SELECT n.nspname, c.relname,"
		" CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'm' THEN 'materialized view' ELSE coalesce(a.amname, 'heap') END,"
		" (CASE WHEN c.reltuples > 0 THEN c.reltuples ELSE pg_stat_get_live_tuples(c.oid) END)::bigint,"
		" pg_total_relation_size(c.oid), pg_indexes_size(c.oid)"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam"
		" WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND" OWN_SCHEMAS
		" ORDER BY c.relname COLLATE \"C\", n.nspname COLLATE \"C\""));
	for (int i = 0; !err && i < PQntuples(r); i++) {
		struct info_table *t = source_info_add(out, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
		t->kind = mem_string(PQgetvalue(r, i, 2));
		t->rows = number(r, i, 3);
		t->bytes = number(r, i, 4);
		t->index_bytes = number(r, i, 5);
	}
	return err;
}

static int note_unreadable(PGconn *c, struct source_info *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	CLEANUP(strlist_release) struct strlist names = {0};
	int err = pg_query(c, &r, e, mem_string("SELECT n.nspname || '.' || c.relname FROM pg_class c"
		" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm', 'p') AND" OWN_SCHEMAS
		" AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY 1"));
	if (err || PQntuples(r) == 0)
		return err;
	for (int i = 0; i < PQntuples(r) && i < 10; i++)
		strlist_add(&names, PQgetvalue(r, i, 0));
	AUTO_FREE char *all = strlist_join(&names, ", ");
	strlist_addf(&out->notes, "%d table%s cannot be read by this user: %s%s", PQntuples(r),
		PQntuples(r) == 1 ? "" : "s", all, PQntuples(r) > 10 ? ", ..." : "");
	return 0;
}

int pg_info(const struct source_url *u, struct source_info *out, struct error *e)
{
	CLEANUP(pg_place_release) struct pg_place place = {0};
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	*out = (struct source_info){0};
	int err = pg_place_of(u, &place, e);
	if (!err)
		err = pg_connect(&place, NULL, &c, e);
	if (!err)
		err = pg_exec(c, e, mem_string("SET lock_timeout = '" INFO_PATIENCE "'"));
	if (!err)
		err = describe_database(c, out, e);
	if (!err)
		err = describe_tables(c, out, e);
	if (!err)
		err = note_unreadable(c, out, e);
	if (!err)
		out->name = mem_string(place.database);
	else
		source_info_release(out);
	return err;
}

/* ---- statements that can take long ---- */

struct work {
	const struct engine_maintenance *m;
	PGconn *c;
	struct buf warnings;      /* of the server, about the current table */
};

static void keep_warning(void *ctx, const PGresult *r)
{
	struct work *w = ctx;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	if (severity && strcmp(severity, "WARNING") == 0 && text && w->warnings.len < 4096)
		buf_printf(&w->warnings, "%s%.1000s", w->warnings.len > 0 ? "; " : "", text);
}

/* All rows of a COPY TO STDOUT, thrown away. */
static int read_copy(struct work *w, struct error *e)
{
	char *row;
	int n, err = 0;
	while (!err && (n = PQgetCopyData(w->c, &row, 1)) >= 0) {
		if (n > 0)
			PQfreemem(row);
		else
			err = pg_wait(w->c, w->m->progress, e);
	}
	return err;
}

/* Run one statement, which frees sql; its last result is *out (may be NULL). It can be cancelled in its midst. */
static int run(struct work *w, PGresult **out, struct error *e, char *sql)
{
	AUTO_FREE char *own = sql;
	CLEANUP(pg_clear) PGresult *last = NULL;
	int err = 0;
	if (!PQsendQuery(w->c, own))
		return pg_error(w->c, NULL, e, "sending a statement");
	for (;;) {
		err = PQisBusy(w->c) ? pg_wait(w->c, w->m->progress, e) : 0;
		if (err)
			return err;
		PGresult *r = PQgetResult(w->c);
		if (!r)
			break;
		pg_clear(&last);
		last = r;
		if (PQresultStatus(r) == PGRES_COPY_OUT) {
			err = read_copy(w, e);
			if (err)
				return err;
		}
	}
	ExecStatusType state = PQresultStatus(last);
	if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK)
		return pg_error(w->c, last, e, "the server");
	if (out)
		*out = TAKE(last);
	return 0;
}

/* ---- one table ---- */

struct table {
	const char *schema, *name, *oid;
	bool partitioned;
};

/* What became of a table: a text (heap) and a state; an error when the whole run ends. */
struct outcome {
	enum maintain_state state;
	char *message;
};

static void set_outcome(struct outcome *o, enum maintain_state state, char *message)
{
	free(o->message);
	*o = (struct outcome){state, message};
}

/* A statement that failed on one table is that table's result; a lost connection or a cancelled run is the end. */
static int judge(int err, struct outcome *o, const struct error *e)
{
	if (err == -ERR_CANCELLED || err == -ERR_TEMPORARY || err == 0)
		return err;
	set_outcome(o, MAINTAIN_FAILED, mem_string(strncmp(e->text, "the server: ", 12) == 0 ? e->text + 12 : e->text));
	return 0;
}

/* The server does not fail for a table it may not touch: it skips it, with a warning. */
static void tell_warnings(struct work *w, struct outcome *o)
{
	if (w->warnings.len == 0)
		return;
	bool skipped = strstr(buf_text(&w->warnings), "skipping") || strstr(buf_text(&w->warnings), "permission denied");
	set_outcome(o, skipped ? MAINTAIN_SKIPPED : MAINTAIN_OK, mem_string(buf_text(&w->warnings)));
}

static int optimize(struct work *w, const struct table *t, struct outcome *o, struct error *e)
{
	int err = run(w, NULL, e, t->partitioned ? pg_sql("ANALYZE %I.%I", t->schema, t->name)
	                                         : pg_sql("VACUUM (ANALYZE) %I.%I", t->schema, t->name));
	err = judge(err, o, e);
	if (!err && t->partitioned && o->state == MAINTAIN_OK)
		set_outcome(o, MAINTAIN_OK, mem_string("analyzed as a whole; its partitions are vacuumed one by one"));
	if (!err && o->state == MAINTAIN_OK)
		tell_warnings(w, o);
	return err;
}

static int repair(struct work *w, const struct table *t, struct outcome *o, struct error *e)
{
	if (t->partitioned) {
		set_outcome(o, MAINTAIN_SKIPPED, mem_string("has no rows of its own; its partitions are done one by one"));
		return 0;
	}
	int err = judge(run(w, NULL, e, pg_sql("REINDEX TABLE %I.%I", t->schema, t->name)), o, e);
	if (!err && o->state == MAINTAIN_OK)
		tell_warnings(w, o);
	return err;
}

/* ---- check ---- */

/* amcheck where it is missing is created in a transaction that is rolled back: the database stays as it is. *schema is
 * heap, NULL when amcheck cannot be used, and then *why says so. */
static int find_amcheck(struct work *w, char **schema, char **why, struct error *e)
{
	static const char where[] = "SELECT quote_ident(n.nspname) FROM pg_extension x JOIN pg_namespace n"
		" ON n.oid = x.extnamespace WHERE x.extname = 'amcheck'";
	struct error denied = {0};
	int err = pg_value(w->c, schema, e, mem_string(where));
	if (err || *schema)
		return err;
	err = pg_exec(w->c, &denied, mem_string("CREATE SCHEMA backstay_check; "
		"CREATE EXTENSION amcheck SCHEMA backstay_check"));
	if (err == -ERR_TEMPORARY) {
		*e = denied;
		return err;
	}
	if (err) {
		const char *colon = strstr(denied.text, "\": ");
		*why = mem_string(colon ? colon + 3 : denied.text);
		return pg_exec(w->c, e, mem_string("ROLLBACK; BEGIN"));
	}
	return pg_value(w->c, schema, e, mem_string(where));
}

/* Each B-tree of the table against its rows. */
static int check_indexes(struct work *w, const struct table *t, const char *amcheck, int *count, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(w->c, &r, e, pg_sql("SELECT i.indexrelid, c.relname FROM pg_index i"
		" JOIN pg_class c ON c.oid = i.indexrelid"
		" JOIN pg_am a ON a.oid = c.relam WHERE i.indrelid = %s AND a.amname = 'btree' AND i.indisvalid AND i.indisready"
		" ORDER BY c.relname", t->oid));
	*count = err ? 0 : PQntuples(r);
	for (int i = 0; !err && i < PQntuples(r); i++) {
		err = run(w, NULL, e, pg_sql("SELECT %s.bt_index_check(%s::regclass, true)", amcheck, PQgetvalue(r, i, 0)));
		if (err == -ERR_CHILD)
			error_wrap(e, "index %s", PQgetvalue(r, i, 1));
	}
	return err;
}

/* The rows where they lie; each row of the answer is a fault. */
static int check_heap(struct work *w, const struct table *t, const char *amcheck, struct outcome *o, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = run(w, &r, e, pg_sql("SELECT blkno, msg FROM %s.verify_heapam(%s::regclass) LIMIT 100", amcheck, t->oid));
	if (!err && PQntuples(r) > 0)
		set_outcome(o, MAINTAIN_FAILED, mem_printf("%d%s fault%s, the first in block %s: %s", PQntuples(r),
			PQntuples(r) == 100 ? " or more" : "", PQntuples(r) == 1 ? "" : "s", PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1)));
	return err;
}

static int read_in_full(struct work *w, const struct table *t, const char *why, struct outcome *o, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = run(w, &r, e, pg_sql("COPY (SELECT * FROM ONLY %I.%I) TO STDOUT (FORMAT binary)", t->schema, t->name));
	if (!err)
		set_outcome(o, MAINTAIN_OK, mem_printf("%s rows read in full%s%s", PQcmdTuples(r),
			why ? "; amcheck cannot be used: " : "", why ? why : ""));
	return err;
}

static int check_with_amcheck(struct work *w, const struct table *t, const char *amcheck, struct outcome *o,
	struct error *e)
{
	int indexes;
	bool heap = PQserverVersion(w->c) >= 140000;
	int err = heap ? check_heap(w, t, amcheck, o, e) : read_in_full(w, t, NULL, o, e);
	if (err || o->state == MAINTAIN_FAILED)
		return err;
	err = check_indexes(w, t, amcheck, &indexes, e);
	if (!err)
		set_outcome(o, MAINTAIN_OK, mem_printf("%s and %d index%s checked by amcheck", heap ? "rows" : "rows read,",
			indexes, indexes == 1 ? "" : "es"));
	return err;
}

static int check(struct work *w, const struct table *t, struct outcome *o, struct error *e)
{
	AUTO_FREE char *amcheck = NULL, *why = NULL;
	if (t->partitioned) {
		set_outcome(o, MAINTAIN_SKIPPED, mem_string("has no rows of its own; its partitions are done one by one"));
		return 0;
	}
	int err = pg_exec(w->c, e, mem_string("BEGIN"));
	if (!err)
		err = find_amcheck(w, &amcheck, &why, e);
	if (err)
		return err;
	err = amcheck ? check_with_amcheck(w, t, amcheck, o, e) : -ERR_ACCESS;
	if (err == -ERR_ACCESS) {
		if (!why)
			why = mem_string(strncmp(e->text, "the server: ", 12) == 0 ? e->text + 12 : e->text);
		err = pg_exec(w->c, e, mem_string("ROLLBACK; BEGIN"));
		if (!err)
			err = read_in_full(w, t, why, o, e);
	}
	err = judge(err, o, e);
	if (err)
		return err;
	return pg_exec(w->c, e, mem_string("ROLLBACK"));
}

/* ---- all of them ---- */

/* Waits, as every look at a table does, for who has locked it. A table that was dropped meanwhile has none. */
static int size_of(struct work *w, const struct table *t, int64_t *size, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = run(w, &r, e, pg_sql("SELECT pg_total_relation_size(%s)", t->oid));
	*size = !err && PQntuples(r) == 1 ? (int64_t)number(r, 0, 0) : 0;
	return err;
}

static int do_table(struct work *w, const struct table *t, struct error *e)
{
	struct outcome o = {MAINTAIN_OK, NULL};
	double start = time_monotonic();
	int64_t before, after = 0;
	int err = size_of(w, t, &before, e);
	buf_clear(&w->warnings);
	if (!err && w->m->action == MAINTAIN_OPTIMIZE)
		err = optimize(w, t, &o, e);
	else if (!err && w->m->action == MAINTAIN_CHECK)
		err = check(w, t, &o, e);
	else if (!err)
		err = repair(w, t, &o, e);
	AUTO_FREE char *message = o.message;
	double seconds = time_monotonic() - start;
	if (!err)
		err = size_of(w, t, &after, e);
	if (err)
		return error_wrap(e, "table %s.%s", t->schema, t->name);
	const struct maintain_result result = {.schema = t->schema, .table = t->name, .state = o.state, .message = message,
		.seconds = seconds, .reclaimed = before - after};
	progress_items(w->m->progress, 1);
	return w->m->report ? w->m->report(w->m->ctx, &result, e) : 0;
}

static bool wanted(const struct strlist *tables, const struct table *t)
{
	AUTO_FREE char *full = mem_printf("%s.%s", t->schema, t->name);
	return !tables || tables->n == 0 || strlist_has(tables, t->name) || strlist_has(tables, full);
}

static struct table table_at(const PGresult *r, int i)
{
	return (struct table){PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), PQgetvalue(r, i, 3)[0] == 'p'};
}

/* Every table asked for must be there, before the first is touched. */
static int must_exist(const struct strlist *tables, const PGresult *r, struct error *e)
{
	for (size_t k = 0; tables && k < tables->n; k++) {
		struct strlist one = {.v = &tables->v[k], .n = 1};
		bool there = false;
		for (int i = 0; i < PQntuples(r) && !there; i++) {
			struct table t = table_at(r, i);
			there = wanted(&one, &t);
		}
		if (!there)
			return error_set(e, ERR_NOT_FOUND, "there is no table %s", tables->v[k]);
	}
	return 0;
}

static int do_all(struct work *w, struct error *e)
{
	static const char *const phases[] = {"optimizing", "checking", "repairing"};
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(w->c, &r, e, mem_string("SELECT n.nspname, c.relname, c.oid, c.relkind FROM pg_class c"
		" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND"
		OWN_SCHEMAS " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""));
	if (!err)
		err = must_exist(w->m->tables, r, e);
	if (err)
		return err;
	uint64_t count = 0;
	for (int i = 0; i < PQntuples(r); i++) {
		struct table t = table_at(r, i);
		count += wanted(w->m->tables, &t);
	}
	progress_phase(w->m->progress, phases[w->m->action], "tables", 0, count);
	for (int i = 0; !err && i < PQntuples(r); i++) {
		struct table t = table_at(r, i);
		err = wanted(w->m->tables, &t) ? do_table(w, &t, e) : 0;
	}
	return err;
}

int pg_maintain(const struct engine_maintenance *m, struct error *e)
{
	CLEANUP(pg_place_release) struct pg_place place = {0};
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	int err = pg_place_of(m->url, &place, e);
	if (!err)
		err = pg_connect(&place, NULL, &c, e);
	if (err)
		return err;
	struct work w = {.m = m, .c = c, .warnings = BUF_INIT};
	PQsetNoticeReceiver(c, keep_warning, &w);
	err = do_all(&w, e);
	buf_release(&w.warnings);
	return err;
}

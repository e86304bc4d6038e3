/* Whether a database holds what a backup says it holds: every table with its number of rows, everything else counted, and
 * if asked the rows themselves. */
#include "engine/my_restore.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#define WORKERS 2

struct count {
	const struct my_place *place;
	const char *database;
	const struct stored *s;
	const struct strlist *tables;     /* NULL: all */
	struct progress *progress;
	atomic_size_t taken;
	atomic_ullong tables_done, rows;
	pthread_mutex_t lock;
	struct error why;
};

static bool is_chosen(const struct strlist *tables, const char *name)
{
	return !tables || strlist_has(tables, name);
}

static int count_table(struct count *x, MYSQL *c, const struct manifest_table *t, struct error *e)
{
	AUTO_FREE char *found = NULL;
	int err = my_value(c, &found, e, my_sql("SELECT count(*) FROM %I.%I", x->database, t->name));
	if (err == -ERR_NOT_FOUND)
		return error_set(e, ERR_VERIFY, "table \"%s\" is missing", t->name);
	if (err)
		return error_wrap(e, "counting the rows of table \"%s\"", t->name);
	unsigned long long rows = found ? strtoull(found, NULL, 10) : 0;
	if (t->rows_known && rows != t->rows)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %llu rows where %llu were backed up", t->name, rows,
			(unsigned long long)t->rows);
	atomic_fetch_add(&x->rows, rows);
	atomic_fetch_add(&x->tables_done, 1);
	return 0;
}

static int count_by(struct count *x, MYSQL *c, struct error *e)
{
	const struct manifest_source *m = x->s->manifest;
	int err = 0;
	for (size_t i; !err && (i = atomic_fetch_add(&x->taken, 1)) < m->table_count;) {
		err = progress_check(x->progress, e);
		if (!err && is_chosen(x->tables, m->tables[i].name))
			err = count_table(x, c, &m->tables[i], e);
		progress_items(x->progress, 1);
	}
	return err;
}

static int count_some(struct count *x, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	struct my_guard guard;
	int err = my_connect(x->place, x->database, &c, e);
	if (!err)
		err = my_guard_start(&guard, x->place, c, x->progress, e);
	return err ? err : my_guard_end(&guard, count_by(x, c, e), e);
}

static void *count_run(void *arg)
{
	struct count *x = arg;
	struct error e = {0};
	if (!count_some(x, &e))
		return NULL;
	pthread_mutex_lock(&x->lock);
	if (x->why.kind == ERR_NONE)
		x->why = e;
	pthread_mutex_unlock(&x->lock);
	/* The others need not go on. */
	atomic_store(&x->taken, x->s->manifest->table_count);
	return NULL;
}

static int count_tables(struct count *x, struct error *e)
{
	pthread_t threads[WORKERS];
	int started = 0, failed = 0;
	progress_phase(x->progress, "comparing", "tables", 0, x->s->manifest->table_count);
	while (started < WORKERS && !failed && (!started || x->s->manifest->table_count > 1)) {
		failed = thread_start(&threads[started], "count", count_run, x);
		started += !failed;
	}
	if (!started)
		return error_sys(e, failed, "starting a thread");
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (x->why.kind == ERR_NONE)
		return 0;
	*e = x->why;
	return -(int)e->kind;
}

/* A table that was not backed up must not be there. */
static int check_extra(MYSQL *c, const struct count *x, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %L AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE') "
		       "ORDER BY TABLE_NAME", x->database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		bool known = my_is_own_table(row[0]);
		const char *other = NULL;
		for (size_t i = 0; i < x->s->manifest->table_count && !known; i++) {
			const char *name = x->s->manifest->tables[i].name;
			known = strcmp(name, row[0]) == 0;
			other = strcasecmp(name, row[0]) == 0 ? name : other;
		}
		if (known)
			continue;
		err = error_set(e, ERR_VERIFY, "table \"%s\" is there, but was not backed up", row[0]);
		if (other)
			error_hint(e, "this server changes the case of names (lower_case_table_names): one that keeps \"%s\" as it is can take the backup", other);
	}
	return err;
}

static const struct kind {
	const char *type;
	unsigned kind;                    /* 0: tables' own */
	const char *sql;
} kinds[] = {
	{"view", MY_VIEW, "SELECT count(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %L"},
	{"trigger", MY_TRIGGER, "SELECT count(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %L"},
	{"routine", MY_ROUTINE, "SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %L"},
	{"event", MY_EVENT, "SELECT count(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %L"},
	{"sequence", 0, "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %L AND TABLE_TYPE = 'SEQUENCE'"},
};

static uint64_t in_manifest(const struct manifest_source *m, const char *type)
{
	for (size_t i = 0; i < m->object_count; i++)
		if (strcmp(m->objects[i].type, type) == 0)
			return m->objects[i].count;
	return 0;
}

/* Events that happen once, in the past, are not made: the server drops them at once. */
static int count_past_events(const struct stored *s, uint64_t *n, struct error *e)
{
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	struct source *from = NULL;
	*n = 0;
	int err = my_stored_open(s, &from, &map, e);
	for (size_t i = 0; i < map.n && !err; i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT;
		if (map.v[i].kind != SQLDUMP_EVENTS || map.v[i].length > SQLDUMP_STATEMENT_MAX)
			continue;
		buf_reserve(&text, (size_t)map.v[i].length);
		err = source_read_exact(from, text.p, (size_t)map.v[i].length, map.v[i].offset, e);
		text.len = err ? 0 : (size_t)map.v[i].length;
		buf_add_byte(&text, '\0');
		for (const char *at = (const char *)text.p; !err && (at = strstr(at, " ON SCHEDULE AT '")); at++)
			++*n;
	}
	source_close(from);
	return err;
}

static int check_objects(MYSQL *c, const struct count *x, unsigned wanted, struct buf *line, struct error *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		AUTO_FREE char *found = NULL;
		uint64_t expected = in_manifest(x->s->manifest, k->type), past = 0;
		bool asked = true;
		if (k->kind && !(k->kind & wanted))
			continue;
		int err = k->kind == MY_EVENT ? my_events_work(c, &asked, e) : 0;
		if (!err && asked)
			err = my_value(c, &found, e, my_sql(k->sql, x->database));
		uint64_t n = found ? strtoull(found, NULL, 10) : 0;
		if (!err && k->kind == MY_EVENT && n < expected)
			err = count_past_events(x->s, &past, e);
		if (err)
			return err;
		if (n > expected || n + past < expected)
			return error_set(e, ERR_VERIFY, "there %s %llu %s%s where %llu %s backed up", n == 1 ? "is" : "are", (unsigned long long)n, k->type,
				n == 1 ? "" : "s", (unsigned long long)expected, expected == 1 ? "was" : "were");
		if (expected)
			buf_printf(line, ", %llu %s%s", (unsigned long long)n, k->type, n == 1 ? "" : "s");
	}
	return 0;
}

int my_compare_counts(const struct my_place *place, const char *database, const struct stored *s, const struct strlist *tables,
	unsigned wanted, struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	struct count x = {.place = place, .database = database, .s = s, .tables = tables && tables->n ? tables : NULL, .progress = p,
		.lock = PTHREAD_MUTEX_INITIALIZER};
	char a[HUMAN_MAX], b[HUMAN_MAX];
	int err = count_tables(&x, e);
	pthread_mutex_destroy(&x.lock);
	if (!err)
		err = my_connect(place, database, &c, e);
	if (!err && !x.tables)
		err = check_extra(c, &x, e);
	if (!err && !x.tables)
		err = check_objects(c, &x, wanted, &line, e);
	if (!err && evidence)
		strlist_addf(evidence, "%s compared: %s table%s with %s row%s%s, as in the manifest", s->manifest->name,
			human_count(x.tables_done, a), x.tables_done == 1 ? "" : "s", human_count(x.rows, b), x.rows == 1 ? "" : "s", buf_text(&line));
	return err;
}

int my_compare_objects(MYSQL *c, const char *database, const struct stored *s, unsigned wanted, struct error *e)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	const struct count x = {.database = database, .s = s};
	int err = check_extra(c, &x, e);
	return err ? err : check_objects(c, &x, wanted, &line, e);
}

/* ---- the rows themselves ---- */

struct sides {
	struct rows_db *stored, *live;
};

static void sides_release(struct sides *x)
{
	rows_close(x->stored);
	rows_close(x->live);
}

/* By value: what another version of the dump program writes differently may still be the same. */
static int compare_values(const struct stored *s, const struct source_url *restored, const char *table, struct progress *p,
	struct error *e)
{
	CLEANUP(sides_release) struct sides x = {0};
	const struct rows_table *a, *b;
	uint64_t rows_a, rows_b;
	char hash_a[65], hash_b[65];
	int err = my_rows_stored(s, &x.stored, e);
	if (!err)
		err = my_rows_live(restored, &x.live, e);
	if (!err)
		err = rows_find_table(x.stored, table, &a, e);
	if (!err)
		err = rows_find_table(x.live, table, &b, e);
	if (!err)
		err = rows_hash_table(x.stored, a, p, &rows_a, hash_a, e);
	if (!err)
		err = rows_hash_table(x.live, b, p, &rows_b, hash_b, e);
	if (!err && (rows_a != rows_b || strcmp(hash_a, hash_b) != 0))
		err = error_set(e, ERR_VERIFY, "the rows of table \"%s\" differ from those that were backed up", table);
	return err;
}

static int compare_hashes(const struct my_place *place, const struct stored *s, const struct source_url *restored, struct progress *p,
	struct strlist *evidence, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(manifest_source_release) struct manifest_source now = {0};
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	size_t by_value = 0;
	int err = my_connect(place, NULL, &c, e);
	if (!err)
		err = my_backup_stream(place, c, false, NULL, p, &now, &map, e);
	if (err)
		return error_wrap(e, "reading what was restored");
	for (size_t i = 0; i < s->manifest->table_count && !err; i++) {
		const struct manifest_table *t = &s->manifest->tables[i], *other = manifest_find_table(&now, t->name);
		if (!other)
			return error_set(e, ERR_VERIFY, "table \"%s\" is missing", t->name);
		if (t->row_hash && other->row_hash && strcmp(t->row_hash, other->row_hash) == 0)
			continue;
		if (!restored)
			return error_set(e, ERR_VERIFY, "the rows of table \"%s\" differ from those that were backed up", t->name);
		err = compare_values(s, restored, t->name, p, e);
		by_value++;
	}
	if (err || !evidence)
		return err;
	AUTO_FREE char *tables = human_plural(s->manifest->table_count, "table");
	strlist_addf(evidence, "%s dumped again and compared: row hashes of %s equal%s", s->manifest->name, tables, by_value ? ", some by their values" : "");
	return 0;
}

/* The same place with another database. Borrows. */
static struct my_place place_with(const struct my_place *place, const char *database)
{
	struct my_place other = *place;
	other.database = (char *)database;
	return other;
}

int my_compare(const struct my_place *place, const char *database, const struct stored *s, bool hashes, struct progress *p,
	struct strlist *evidence, struct error *e)
{
	const struct my_place at = place_with(place, database);
	int err = my_compare_counts(place, database, s, NULL, MY_ALL_KINDS, p, evidence, e);
	return err || !hashes ? err : compare_hashes(&at, s, NULL, p, evidence, e);
}

int my_compare_restored(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence,
	struct error *e)
{
	CLEANUP(my_place_release) struct my_place place = {0};
	int err = my_place_of(restored, &place, e);
	if (!err)
		err = my_compare_counts(&place, place.database, s, NULL, MY_ALL_KINDS, p, evidence, e);
	return err ? err : compare_hashes(&place, s, restored, p, evidence, e);
}

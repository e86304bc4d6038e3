/* A stored dump into a database, through the vendor's client: what the tables are like first, then their rows by several
 * clients at once, then all the rest in the dump's order. Where the dump holds anything of its own making, one client
 * gets everything in order. */
#include "engine/my_restore.h"

#include "base/mem.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLOCK ((size_t)1 << 20)
#define LOCK_WITHIN ((size_t)64 << 10)    /* LOCK TABLES stands so near the beginning of a table's rows */
#define CHARSET_CHANGE_MAX 4096
#define WORKERS_MAX 4
#define WORTH_DEFERRING ((uint64_t)1 << 20)
#define WORTH_IT ((uint64_t)4 << 20)      /* rows of a second client */

struct load {
	const struct my_load *l;
	struct source *from;
	struct sqldump_map map;
	char *client, *version;
	bool mariadb_tool;
	bool several;                     /* rows by several clients */
	bool everything;                  /* chosen tables cannot be told from the rest */
	struct buf head;
};

static void load_release(struct load *x)
{
	source_close(x->from);
	sqldump_map_release(&x->map);
	free(x->client);
	free(x->version);
	buf_release(&x->head);
}

/* ---- which parts ---- */

static bool has_own_statements(const struct sqldump_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].kind == SQLDUMP_OTHER || (m->v[i].kind == SQLDUMP_ROWS && !m->v[i].plain))
			return true;
	return false;
}

static bool is_chosen(const struct load *x, const struct sqldump_part *part)
{
	const struct strlist *only = x->l->tables;
	if (x->everything || !only || !only->n || part->kind == SQLDUMP_SEQUENCE)
		return true;
	bool of_table = part->kind == SQLDUMP_TABLE || part->kind == SQLDUMP_ROWS || part->kind == SQLDUMP_TRIGGERS;
	return of_table && part->name && strlist_has(only, part->name);
}

/* Of what names a database, only what can mean the one at hand. */
static bool changes_charset(const struct load *x, const struct sqldump_part *part)
{
	char text[CHARSET_CHANGE_MAX];
	struct error ignored = {0};
	return part->length <= sizeof text && source_read_exact(x->from, text, (size_t)part->length, part->offset, &ignored) == 0 &&
	       my_is_charset_change(text, (size_t)part->length);
}

static bool is_wanted(const struct load *x, const struct sqldump_part *part)
{
	switch (part->kind) {
	case SQLDUMP_HEAD:
	case SQLDUMP_TAIL:
		return false;
	case SQLDUMP_DATABASE:
		return !x->l->tables_only && !x->l->events_only && changes_charset(x, part);
	case SQLDUMP_EVENTS:
		return x->l->events_only || (!x->l->no_events && !x->l->tables_only && is_chosen(x, part));
	case SQLDUMP_STAND_IN:
	case SQLDUMP_VIEW:
	case SQLDUMP_TRIGGERS:
	case SQLDUMP_ROUTINES:
		return !x->l->events_only && !x->l->tables_only && is_chosen(x, part);
	case SQLDUMP_TABLE:
	case SQLDUMP_SEQUENCE:
	case SQLDUMP_ROWS:
	case SQLDUMP_OTHER:
		break;
	}
	return !x->l->events_only && is_chosen(x, part);
}

static char *describe(const struct sqldump_part *part)
{
	switch (part->kind) {
	case SQLDUMP_TABLE:
	case SQLDUMP_ROWS:
		return mem_printf("table \"%s\"", part->name ? part->name : "?");
	case SQLDUMP_SEQUENCE:
		return mem_printf("sequence \"%s\"", part->name ? part->name : "?");
	case SQLDUMP_STAND_IN:
	case SQLDUMP_VIEW:
		return mem_printf("view \"%s\"", part->name ? part->name : "?");
	case SQLDUMP_TRIGGERS:
		return mem_printf("triggers of table \"%s\"", part->name ? part->name : "?");
	case SQLDUMP_EVENTS:
		return mem_string("events");
	case SQLDUMP_ROUTINES:
		return mem_string("routines");
	default:
		return mem_printf("what stands at byte %llu of the dump", (unsigned long long)part->offset);
	}
}

/* ---- sending ---- */

static int read_part(const struct load *x, const struct sqldump_part *part, struct buf *out, struct error *e)
{
	if (part->length > SQLDUMP_STATEMENT_MAX)
		return error_set(e, ERR_LIMIT, "a part of the dump has %llu bytes", (unsigned long long)part->length);
	buf_reserve(out, (size_t)part->length);
	int err = source_read_exact(x->from, out->p + out->len, (size_t)part->length, part->offset, e);
	if (!err)
		out->len += (size_t)part->length;
	return err;
}

/* Its definition, when the indexes of this table are to be built behind its rows: it is large, and no foreign key of another
 * table asks for one of them. */
static const struct sqldump_part *deferred(const struct load *x, const char *table)
{
	const struct sqldump_part *found = NULL, *rows = NULL;
	AUTO_FREE char *quoted = my_sql("%I", table ? table : "");
	AUTO_FREE char *referred = mem_printf("REFERENCES %s ", quoted);
	for (size_t i = 0; i < x->map.n && x->several && table; i++) {
		const struct sqldump_part *part = &x->map.v[i];
		bool same = part->name && strcmp(part->name, table) == 0;
		if (part->kind == SQLDUMP_TABLE && part->sql && strstr(part->sql, referred))
			return NULL;
		if (part->kind == SQLDUMP_TABLE && same && part->sql)
			found = part;
		if (part->kind == SQLDUMP_ROWS && same)
			rows = part;
	}
	return found && rows && rows->length >= WORTH_DEFERRING ? found : NULL;
}

static void leave_out_keys(const struct load *x, const struct sqldump_part *part, struct buf *text)
{
	CLEANUP(buf_release) struct buf create = BUF_INIT, keys = BUF_INIT;
	if (part->kind != SQLDUMP_TABLE || !deferred(x, part->name) || !my_defer_keys(buf_text(text), text->len, &create, &keys))
		return;
	buf_clear(text);
	buf_add(text, create.p, create.len);
}

static int add_keys(const struct load *x, struct my_feed *f, const struct sqldump_part *rows, struct error *e)
{
	CLEANUP(buf_release) struct buf create = BUF_INIT, keys = BUF_INIT;
	const struct sqldump_part *table = deferred(x, rows->name);
	if (!table || !my_defer_keys(table->sql, strlen(table->sql), &create, &keys))
		return 0;
	AUTO_FREE char *sql = my_sql("\nALTER TABLE %I %s;", rows->name, buf_text(&keys));
	return my_feed_write(f, sql, strlen(sql), e);
}

/* Triggers lose the database's name on the way: none may have kept it. */
static int check_triggers(const struct buf *sent, struct error *e)
{
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	struct sqldump_watch *watch = sqldump_watch_new(NULL, NULL);
	int err = sqldump_watch_write(watch, sent->p, sent->len, e);
	if (!err)
		err = sqldump_watch_finish(watch, &map, e);
	sqldump_watch_free(watch);
	if (err || (!map.foreign && !map.qualified_triggers))
		return err;
	error_set(e, ERR_REFUSED, "a trigger of the dump names a database: it would be made there");
	return error_hint(e, "take the database's name in front of the trigger's and its table's out of the dump");
}

static int send_text(const struct load *x, struct my_feed *f, const struct sqldump_part *part, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, sent = BUF_INIT;
	const struct my_rewrite r = {
		.drop_definers = x->l->drop_definers,
		.sequences = part->kind == SQLDUMP_TABLE || part->kind == SQLDUMP_VIEW,
		.from = x->map.database,
		.to = x->l->database,
		/* The tools write it into a view whose definer is gone. */
		.column_database = part->kind == SQLDUMP_VIEW ? x->map.database : NULL,
	};
	int err = read_part(x, part, &text, e);
	if (err)
		return err;
	leave_out_keys(x, part, &text);
	my_rewrite(&r, buf_text(&text), text.len, &sent);
	if (x->map.qualified_triggers && part->kind == SQLDUMP_TRIGGERS)
		err = check_triggers(&sent, e);
	if (err)
		return err;
	progress_bytes(x->l->progress, part->length);
	return my_feed_write(f, buf_text(&sent), sent.len, e);
}

/* A table that asks a sequence for its numbers cannot be filled while it alone is locked (error 1100). */
static bool uses_sequence(const struct load *x, const char *table)
{
	for (size_t i = 0; i < x->map.n; i++) {
		const struct sqldump_part *part = &x->map.v[i];
		if (part->kind == SQLDUMP_TABLE && part->name && table && strcmp(part->name, table) == 0)
			return part->sql && strcasestr(part->sql, "nextval(");
	}
	return false;
}

/* Cut "LOCK TABLES ... ;" out of the first block of a table's rows. */
static void cut_lock(struct buf *block)
{
	static const char lock[] = "\nLOCK TABLES ";
	char *text = (char *)block->p;
	char *from = memmem(text, block->len < LOCK_WITHIN ? block->len : LOCK_WITHIN, lock, sizeof lock - 1);
	char *to = from ? memmem(from, block->len - (size_t)(from - text), ";\n", 2) : NULL;
	if (!to)
		return;
	memmove(from, to + 1, block->len - (size_t)(to + 1 - text));
	block->len -= (size_t)(to + 1 - from);
}

static int send_bytes(const struct load *x, struct my_feed *f, const struct sqldump_part *part, struct error *e)
{
	CLEANUP(buf_release) struct buf block = BUF_INIT;
	bool unlocked = part->kind == SQLDUMP_ROWS && uses_sequence(x, part->name);
	uint64_t at = part->offset, end = part->offset + part->length;
	int err = 0;
	buf_reserve(&block, BLOCK);
	while (at < end && !err) {
		size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
		err = source_read_exact(x->from, block.p, n, at, e);
		block.len = n;
		if (!err && unlocked && at == part->offset)
			cut_lock(&block);
		if (!err)
			err = my_feed_write(f, block.p, block.len, e);
		at += n;
		progress_bytes(x->l->progress, n);
	}
	return err;
}

static int send_part(const struct load *x, struct my_feed *f, const struct sqldump_part *part, struct error *e)
{
	bool rows = part->kind == SQLDUMP_ROWS;
	AUTO_FREE char *what = describe(part);
	my_feed_mark(f, what);
	int err = rows || part->kind == SQLDUMP_OTHER ? send_bytes(x, f, part, e) : send_text(x, f, part, e);
	if (!err && rows)
		err = add_keys(x, f, part, e);
	if (!err && rows)
		progress_items(x->l->progress, 1);
	return err ? err : my_feed_write(f, "\n", 1, e);
}

/* A client with the dump's settings. Rows that break a CHECK were there, so they come back. */
static int start(const struct load *x, struct my_feed *f, atomic_bool *stop, struct error *e)
{
	static const char settings[] = "\nSET SESSION foreign_key_checks=0, unique_checks=0, wait_timeout=31536000, "
		"net_read_timeout=31536000;\n/*M!100201 SET SESSION check_constraint_checks=0 */;\n";
	*f = (struct my_feed){.progress = x->l->progress, .stop = stop};
	int err = my_feed_start(f, x->client, x->mariadb_tool, x->l->place, x->l->database, e);
	if (err)
		return err;
	my_feed_mark(f, "the dump's settings");
	err = my_feed_write(f, buf_text(&x->head), x->head.len, e);
	return err ? err : my_feed_write(f, settings, sizeof settings - 1, e);
}

enum which { ALL, STRUCTURE, REST };

static bool is_rest(enum sqldump_kind kind)
{
	return kind != SQLDUMP_TABLE && kind != SQLDUMP_SEQUENCE && kind != SQLDUMP_STAND_IN;
}

/* By one client, in the dump's order. */
static int send_in_order(const struct load *x, enum which which, struct error *e)
{
	CLEANUP(my_feed_release) struct my_feed f = {0};
	bool started = false;
	int err = 0;
	for (size_t i = 0; i < x->map.n && !err; i++) {
		const struct sqldump_part *part = &x->map.v[i];
		if (!is_wanted(x, part) || (which != ALL && (part->kind == SQLDUMP_ROWS || is_rest(part->kind) != (which == REST))))
			continue;
		if (!started)
			err = start(x, &f, NULL, e);
		started = true;
		if (!err)
			err = send_part(x, &f, part, e);
	}
	return err || !started ? err : my_feed_finish(&f, e);
}

/* ---- rows, by several clients ---- */

struct crew {
	const struct load *x;
	const struct sqldump_part **parts;        /* the largest first */
	size_t n;
	atomic_size_t taken;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct error why;                 /* the first failure */
};

static int load_tables(struct crew *crew, struct my_feed *f, struct error *e)
{
	int err = start(crew->x, f, &crew->stop, e);
	for (size_t i; !err && (i = atomic_fetch_add(&crew->taken, 1)) < crew->n;)
		err = send_part(crew->x, f, crew->parts[i], e);
	return err ? err : my_feed_finish(f, e);
}

static void *crew_run(void *arg)
{
	struct crew *crew = arg;
	CLEANUP(my_feed_release) struct my_feed f = {0};
	struct error e = {0};
	if (!load_tables(crew, &f, &e))
		return NULL;
	pthread_mutex_lock(&crew->lock);
	if (!atomic_exchange(&crew->stop, true))
		crew->why = e;
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static int by_length(const void *a, const void *b)
{
	uint64_t x = (*(const struct sqldump_part *const *)a)->length, y = (*(const struct sqldump_part *const *)b)->length;
	return x < y ? 1 : x > y ? -1 : 0;
}

static int load_rows(const struct load *x, int workers, struct error *e)
{
	AUTO_FREE const struct sqldump_part **parts = mem_array(NULL, x->map.n, sizeof *parts);
	struct crew crew = {.x = x, .parts = parts, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[WORKERS_MAX];
	int started = 0, failed = 0;
	for (size_t i = 0; i < x->map.n; i++)
		if (x->map.v[i].kind == SQLDUMP_ROWS && is_wanted(x, &x->map.v[i]))
			parts[crew.n++] = &x->map.v[i];
	qsort(parts, crew.n, sizeof *parts, by_length);
	while (started < workers && !failed) {
		failed = thread_start(&threads[started], "load", crew_run, &crew);
		started += !failed;
	}
	if (!started)
		return error_sys(e, failed, "starting a thread");
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&crew.lock);
	if (crew.why.kind == ERR_NONE)
		return 0;
	*e = crew.why;
	return -(int)e->kind;
}

/* ---- all of it ---- */

static int check_harmless(const struct sqldump_map *m, struct error *e)
{
	if (m->databases > 1)
		return error_set(e, ERR_REFUSED, "the dump holds %zu databases, whose tables cannot be told apart", m->databases);
	if (!m->foreign)
		return 0;
	error_set(e, ERR_REFUSED, "the dump names the database of \"%s\" in a statement: it would write there", m->foreign);
	return error_hint(e, "make the dump with mariadb-dump or mysqldump, or take the database's name out of it");
}

static int open_load(struct load *x, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	int err = my_stored_open(x->l->from, &x->from, &x->map, e);
	if (!err)
		err = check_harmless(&x->map, e);
	if (!err)
		err = my_connect(x->l->place, x->l->database, &c, e);
	if (!err)
		err = my_tool_find("client", my_is_mariadb(c), &x->client, &x->version, &x->mariadb_tool, e);
	for (size_t i = 0; i < x->map.n && !err; i++)
		if (x->map.v[i].kind == SQLDUMP_HEAD)
			err = read_part(x, &x->map.v[i], &x->head, e);
	x->everything = has_own_statements(&x->map);
	return err;
}

static int count_workers(const struct load *x, uint64_t bytes, size_t tables)
{
	int n = x->l->workers ? x->l->workers : pool_cpus(WORKERS_MAX);
	if (!x->l->workers && n < 2)
		n = 2;
	if (has_own_statements(&x->map) || x->l->events_only || (!x->l->workers && bytes < WORTH_IT) || tables < 2)
		n = 1;
	return n > WORKERS_MAX ? WORKERS_MAX : (size_t)n > tables && tables ? (int)tables : n;
}

int my_load(const struct my_load *l, struct restore_result *out, struct error *e)
{
	CLEANUP(load_release) struct load x = {.l = l};
	uint64_t bytes = 0, all = 0;
	size_t filled = 0;
	int err = open_load(&x, e);
	for (size_t i = 0; i < x.map.n && !err; i++) {
		const struct sqldump_part *part = &x.map.v[i];
		if (!is_wanted(&x, part))
			continue;
		all += part->length;
		out->tables += part->kind == SQLDUMP_TABLE;
		if (part->kind != SQLDUMP_ROWS)
			continue;
		out->rows += part->rows;
		bytes += part->length;
		filled++;
	}
	if (err)
		return err;
	out->bytes += all;
	progress_phase(l->progress, "loading", "tables", all, filled);
	int workers = count_workers(&x, bytes, filled);
	x.several = workers > 1;
	if (!x.several)
		return send_in_order(&x, ALL, e);
	err = send_in_order(&x, STRUCTURE, e);
	if (!err)
		err = load_rows(&x, workers, e);
	return err ? err : send_in_order(&x, REST, e);
}

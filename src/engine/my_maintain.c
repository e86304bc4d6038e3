/* Sizes of a MySQL or MariaDB database; OPTIMIZE, CHECK and REPAIR TABLE. */
#include "engine/my.h"

#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_IN_ADVANCE                                                                                                \
	((uint64_t)5 << 20) /* free space InnoDB keeps in a table's file anyway: extents of 1 MiB, four at a time */
#define LOOK_UP_NS 100000000L

static uint64_t number(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

/* ---- information ---- */

/* What is free in the file of a table: of use only when it has one of its own, and more than is kept in stock. */
static uint64_t reclaimable(const char *engine, uint64_t free_bytes, bool own_files)
{
	if (strcmp(engine, "InnoDB") != 0)
		return free_bytes;
	return own_files && free_bytes > ROOM_IN_ADVANCE ? free_bytes - ROOM_IN_ADVANCE : 0;
}

static bool counts_exactly(const char *engine)
{
	static const char *const exact[] = {"MyISAM", "Aria", "MEMORY", "ARCHIVE"};
	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		if (strcmp(engine, exact[i]) == 0)
			return true;
	return false;
}

static void add_table(struct source_info *out, MYSQL_ROW row, bool own_files, struct strlist *unread)
{
	const char *engine = row[1];
	struct info_table *t = source_info_add(out, NULL, row[0]);
	if (!engine) {
		strlist_add(unread, row[0]);
		return;
	}
	t->kind = mem_string(engine);
	t->rows = number(row[2]);
	t->rows_exact = counts_exactly(engine);
	t->index_bytes = number(row[4]);
	t->bytes = number(row[3]) + t->index_bytes;
	t->reclaimable = reclaimable(engine, number(row[5]), own_files);
	out->bytes += t->bytes;
}

static int read_tables(MYSQL *c, const char *database, struct source_info *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	CLEANUP(strlist_release) struct strlist unread = {0};
	AUTO_FREE char *own_files = NULL;
	int err = my_value(c, &own_files, e, my_sql("SELECT @@innodb_file_per_table"));
	if (!err)
		err = my_query(c, &r, e,
			my_sql("SELECT table_name, engine, table_rows, data_length, index_length, data_free FROM "
			       "information_schema.tables "
			       "WHERE table_schema = %L AND table_type NOT IN ('VIEW', 'SEQUENCE') ORDER BY BINARY "
			       "table_name",
				database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(r));)
		add_table(out, row, number(own_files), &unread);
	if (unread.n) {
		AUTO_FREE char *names = strlist_join(&unread, ", ");
		strlist_addf(&out->notes, "%zu table%s cannot be read: %s", unread.n, unread.n == 1 ? "" : "s", names);
	}
	return err;
}

static int note_rights(MYSQL *c, const char *database, struct source_info *out, struct error *e)
{
	struct my_rights rights;
	int err = my_rights_read(c, database, &rights, e);
	if (!err && !rights.select)
		strlist_add(&out->notes, "this user has no right to read all of the database; a table it has no right "
					 "to at all does not show");
	return err;
}

int my_info(const struct source_url *u, struct source_info *out, struct error *e)
{
	CLEANUP(my_place_release) struct my_place place = {0};
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(source_info_release) struct source_info info = {0};
	int err = my_place_of(u, &place, e);
	if (!err)
		err = my_connect(&place, NULL, &c, e);
	if (err)
		return err;
	info.name = mem_string(place.database);
	info.title = my_server_title(c);
	err = my_value(c, &info.encoding, e,
		my_sql("SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = %L",
			place.database));
	if (!err)
		err = read_tables(c, place.database, &info, e);
	if (!err)
		err = note_rights(c, place.database, &info, e);
	if (err)
		return err;
	*out = info;
	info = (struct source_info){0};
	return 0;
}

/* ---- a statement that can be stopped ---- */

/* While a statement runs its connection is busy: a thread with a connection of its own ends it when asked to. */
struct stopper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	const struct my_place *place;
	MYSQL *busy;
	struct progress *progress;
	bool over, running;
};

static void *stopper_run(void *arg)
{
	struct stopper *s = arg;
	bool killed = false;
	pthread_mutex_lock(&s->lock);
	while (!s->over && !killed) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_UP_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&s->ended, &s->lock, &until);
		if (!s->over && s->progress && atomic_load(&s->progress->cancel)) {
			pthread_mutex_unlock(&s->lock);
			my_stop_statement(s->place, s->busy);
			killed = true;
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	mysql_thread_end();
	return NULL;
}

static void stopper_start(struct stopper *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ended, NULL);
	s->running = thread_start(&s->thread, "stopper", stopper_run, s) == 0;
}

static void stopper_end(struct stopper *s)
{
	pthread_mutex_lock(&s->lock);
	s->over = true;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
}

/* ---- table by table ---- */

struct round {
	const struct engine_maintenance *m;
	const struct my_place *place;
	MYSQL *c;
	struct strlist tables;
};

/* InnoDB's files as they are; where this user may not ask for them, or a name is written in another way there, what the
 * server last counted. */
static int table_size(const struct round *r, const char *table, int64_t *out, struct error *e)
{
	AUTO_FREE char *text = NULL, *file = NULL;
	struct error ignored;
	if (my_value(r->c, &file, &ignored,
		    my_sql("SELECT file_size FROM information_schema.%s WHERE name = CONCAT(%L, '/', %L)",
			    my_is_mariadb(r->c) ? "innodb_sys_tablespaces" : "innodb_tablespaces", r->place->database,
			    table)) == 0 &&
		file) {
		*out = (int64_t)number(file);
		return 0;
	}
	int err = my_value(r->c, &text, e,
		my_sql("SELECT COALESCE(data_length, 0) + COALESCE(index_length, 0) + COALESCE(data_free, 0) "
		       "FROM information_schema.tables WHERE table_schema = %L AND table_name = %L",
			r->place->database, table));
	*out = (int64_t)number(text);
	return err;
}

/* The server's rows: Table, Op, Msg_type, Msg_text. An error decides; of other words the last that says something is
 * kept. */
static void weigh_answer(MYSQL_RES *answer, struct buf *words, enum maintain_state *state)
{
	bool unable = false;
	*state = MAINTAIN_OK;
	for (MYSQL_ROW row; (row = mysql_fetch_row(answer));) {
		const char *type = row[2] ? row[2] : "", *text = row[3] ? row[3] : "";
		bool status = strcasecmp(type, "status") == 0;
		if (strcasecmp(type, "error") == 0 ||
			(status && strcasecmp(text, "OK") != 0 && !strstr(text, "up to date")))
			*state = MAINTAIN_FAILED;
		unable = unable || strstr(text, "doesn't support");
		if (status && words->len)
			continue;
		buf_printf(words, "%s%s", words->len ? "; " : "", text);
	}
	/* "does not support optimize, doing recreate + analyze instead" is no refusal; "doesn't support repair" is. */
	if (unable)
		*state = MAINTAIN_SKIPPED;
}

static int ask(const struct round *r, const char *table, struct buf *words, enum maintain_state *state, struct error *e)
{
	static const char *const verbs[] = {
		[MAINTAIN_OPTIMIZE] = "OPTIMIZE", [MAINTAIN_CHECK] = "CHECK", [MAINTAIN_REPAIR] = "REPAIR"};
	CLEANUP(my_clear) MYSQL_RES *answer = NULL;
	struct stopper stopper = {.place = r->place, .busy = r->c, .progress = r->m->progress};
	stopper_start(&stopper);
	int err = my_query(r->c, &answer, e, my_sql("%s TABLE %I.%I", verbs[r->m->action], r->place->database, table));
	stopper_end(&stopper);
	struct error cancelled = {0};
	if (progress_check(r->m->progress, &cancelled) != 0) {
		*e = cancelled;
		return -(int)e->kind;
	}
	if (!err)
		weigh_answer(answer, words, state);
	/* A table we may not touch is one that failed; without a connection nothing goes on. */
	if (err == -ERR_ACCESS || err == -ERR_CHILD || err == -ERR_LOCKED || err == -ERR_NO_SPACE ||
		err == -ERR_NOT_FOUND) {
		buf_add_str(words, e->text);
		*state = MAINTAIN_FAILED;
		err = 0;
	}
	return err;
}

static int do_table(const struct round *r, const char *table, struct error *e)
{
	CLEANUP(buf_release) struct buf words = BUF_INIT;
	struct maintain_result result = {.table = table};
	int64_t before = 0, after = 0;
	int err = table_size(r, table, &before, e);
	double begun = time_monotonic();
	if (!err)
		err = ask(r, table, &words, &result.state, e);
	result.seconds = time_monotonic() - begun;
	if (!err && r->m->action != MAINTAIN_CHECK && result.state == MAINTAIN_OK) {
		err = table_size(r, table, &after, e);
		result.reclaimed = before - after;
	}
	if (err)
		return error_wrap(e, "table %s", table);
	result.message = buf_text(&words);
	progress_items(r->m->progress, 1);
	return r->m->report ? r->m->report(r->m->ctx, &result, e) : 0;
}

/* Names of tables; of views too where they can be checked. */
static int list_tables(struct round *r, struct strlist *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *res = NULL;
	const char *views = r->m->action == MAINTAIN_CHECK ? "" : "'VIEW', ";
	int err = my_query(r->c, &res, e,
		my_sql("SELECT table_name FROM information_schema.tables WHERE table_schema = %L "
		       "AND table_type NOT IN (%s'SEQUENCE') ORDER BY BINARY table_name",
			r->place->database, views));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(res));)
		strlist_add(out, row[0]);
	return err;
}

static int choose_tables(struct round *r, struct error *e)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	const struct strlist *wanted = r->m->tables;
	int err = list_tables(r, &all, e);
	if (err)
		return err;
	if (!wanted || !wanted->n) {
		strlist_copy(&r->tables, &all);
		return 0;
	}
	for (size_t i = 0; i < wanted->n; i++)
		if (!strlist_has(&all, wanted->v[i]))
			return error_set(e, ERR_NOT_FOUND, "%s has no table %s", r->place->database, wanted->v[i]);
	strlist_copy(&r->tables, wanted);
	return 0;
}

int my_maintain(const struct engine_maintenance *m, struct error *e)
{
	static const char *const phases[] = {
		[MAINTAIN_OPTIMIZE] = "optimizing", [MAINTAIN_CHECK] = "checking", [MAINTAIN_REPAIR] = "repairing"};
	CLEANUP(my_place_release) struct my_place place = {0};
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	int err = my_place_of(m->url, &place, e);
	if (!err)
		err = my_connect(&place, NULL, &c, e);
	if (err)
		return err;
	struct round r = {.m = m, .place = &place, .c = c};
	/* The history of versioned tables stays what it is; servers without such tables do not know the word. */
	struct error ignored;
	if (my_is_mariadb(c))
		(void)!my_exec(c, &ignored, my_sql("SET system_versioning_alter_history = KEEP"));
	err = choose_tables(&r, e);
	if (!err)
		progress_phase(m->progress, phases[m->action], "tables", 0, r.tables.n);
	for (size_t i = 0; i < r.tables.n && !err; i++) {
		err = progress_check(m->progress, e);
		if (!err)
			err = do_table(&r, r.tables.v[i], e);
	}
	strlist_release(&r.tables);
	return err;
}

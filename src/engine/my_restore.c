/* Restoring a database: loaded into a scratch database beside the target, compared with the manifest, and only then put
 * in its place. */
#include "engine/my_restore.h"

#include "base/human.h"
#include "base/mem.h"
#include "engine/line.h"
#include "engine/manifest_compare.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct run {
	const struct engine_restore *r;
	struct restore_result *result;
	struct my_place place;
	MYSQL *c;
	const char *live;
	bool exists, made_live, drop_definers;
	bool chosen;                      /* some tables only */
	bool add;                         /* fill in what is missing in a target that exists */
	struct strlist tables;            /* chosen, by their names in the backup */
	struct my_scratch scratch;
	struct my_swap swap;
	char *charset, *collation;
};

static void release(struct run *x)
{
	struct error ignored = {0};
	/* What is written down there is needed to put things back. */
	if (x->scratch.name && !x->swap.begun)
		(void)!my_scratch_drop(x->c, x->scratch.name, &ignored);
	if (x->made_live && !x->swap.begun)
		(void)!my_scratch_drop(x->c, x->live, &ignored);
	my_swap_release(&x->swap);
	my_scratch_release(&x->scratch);
	my_disconnect(&x->c);
	my_place_release(&x->place);
	strlist_release(&x->tables);
	free(x->charset);
	free(x->collation);
}

/* ---- before anything happens ---- */

static int look_for(MYSQL *c, const char *database, bool *there, struct error *e)
{
	AUTO_FREE char *one = NULL;
	int err = my_value(c, &one, e, my_sql("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %L", database));
	*there = one != NULL;
	return err;
}

static int refuse_own(const char *database, struct error *e)
{
	static const char *const own[] = {"mysql", "information_schema", "performance_schema", "sys"};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(database, own[i]) == 0)
			return error_set(e, ERR_REFUSED, "the database \"%s\" is the server's own", database);
	return 0;
}

static const char *find_table(const struct manifest_source *m, const char *name)
{
	for (size_t i = 0; i < m->table_count; i++)
		if (strcmp(m->tables[i].name, name) == 0)
			return m->tables[i].name;
	for (size_t i = 0; i < m->table_count; i++)
		if (strcasecmp(m->tables[i].name, name) == 0)
			return m->tables[i].name;
	return NULL;
}

/* Asked for tables must all be in the backup before anything else happens. */
static int choose_tables(struct run *x, struct error *e)
{
	const struct manifest_source *m = x->r->from->manifest;
	for (size_t i = 0; x->r->tables && i < x->r->tables->n; i++) {
		const char *name = find_table(m, x->r->tables->v[i]);
		if (name && !strlist_has(&x->tables, name))
			strlist_add(&x->tables, name);
		if (name)
			continue;
		CLEANUP(strlist_release) struct strlist names = {0};
		for (size_t j = 0; j < m->table_count; j++)
			strlist_add(&names, m->tables[j].name);
		AUTO_FREE char *all = strlist_join(&names, ", ");
		return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\" in the backup; its tables are: %s", x->r->tables->v[i], all);
	}
	x->chosen = x->tables.n > 0;
	return 0;
}

static int check_family(const struct run *x, struct error *e)
{
	uint64_t sequences = manifest_object_count(x->r->from->manifest, "sequence");
	if (!sequences || x->chosen || my_is_mariadb(x->c))
		return 0;
	error_set(e, ERR_MISMATCH, "the backup holds %llu sequences, which MySQL does not have", (unsigned long long)sequences);
	return error_hint_typed(e, "restore it to a MariaDB server, or chosen tables", " with --table");
}

static int check_events(const struct run *x, struct error *e)
{
	uint64_t events = manifest_object_count(x->r->from->manifest, "event");
	bool work = true;
	if (!events || x->chosen)
		return 0;
	int err = my_events_work(x->c, &work, e);
	if (err || work)
		return err;
	error_set(e, ERR_MISMATCH, "the backup holds %llu events, and the server has its event scheduler disabled", (unsigned long long)events);
	return error_hint_typed(e, "start the server with event_scheduler=OFF or ON, or restore chosen tables",
				" with --table");
}

/* Whether this user may make things that belong to another. Where it is only for a verification, the accounts need not be there, and what is
 * restored must not act in their name. */
static int find_rights(struct run *x, struct error *e)
{
	static const char *const enough[] = {"ALL PRIVILEGES", "SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"};
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	x->drop_definers = true;
	int err = my_is_verify(x->live) ? 0 : my_query(x->c, &rows, e, my_sql("SHOW GRANTS"));
	for (MYSQL_ROW row; !err && rows && (row = mysql_fetch_row(rows));)
		for (size_t i = 0; i < ARRAY_LEN(enough); i++)
			if (strstr(row[0], " ON *.* TO ") && strstr(row[0], enough[i]))
				x->drop_definers = false;
	return err;
}

static bool is_word(const char *s, size_t n)
{
	return n > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") >= n;
}

/* Of the database that was backed up, as far as this server knows them. */
static int take_charset(struct run *x, struct error *e)
{
	const char *charset = x->r->from->manifest->charset, *slash = charset ? strchr(charset, '/') : NULL;
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	struct error why = {0};
	if (!slash || !is_word(charset, (size_t)(slash - charset)) || !is_word(slash + 1, strlen(slash + 1)))
		return 0;
	AUTO_FREE char *name = mem_string_n(charset, (size_t)(slash - charset));
	int err = my_query(x->c, &rows, &why, my_sql("SELECT CONVERT('' USING %s) COLLATE %s", name, slash + 1));
	if (err == -ERR_TEMPORARY) {
		*e = why;
		return err;
	}
	if (err) {
		strlist_addf(&x->result->notes, "this server does not know the database's character set and collation, %s: it got the server's own",
			charset);
		return 0;
	}
	x->charset = TAKE(name);
	x->collation = mem_string(slash + 1);
	return 0;
}

/* A target that is there keeps its own. */
static int find_charset(struct run *x, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	if (!x->exists)
		return take_charset(x, e);
	int err = my_query(x->c, &rows, e,
		my_sql("SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %L", x->live));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(rows);
	if (row) {
		x->charset = mem_string(row[0]);
		x->collation = mem_string(row[1]);
	}
	return err;
}

static int prepare(struct run *x, struct error *e)
{
	int err = my_place_of(x->r->target, &x->place, e);
	if (err)
		return err;
	x->live = x->place.database;
	err = refuse_own(x->live, e);
	if (!err)
		err = choose_tables(x, e);
	if (!err)
		err = my_connect(&x->place, "", &x->c, e);
	if (!err)
		err = check_family(x, e);
	if (!err)
		err = check_events(x, e);
	if (!err)
		err = my_lock_target(x->c, x->live, e);
	if (!err)
		err = my_leftovers_remove(x->c, x->live, &x->result->notes, e);
	if (!err)
		err = look_for(x->c, x->live, &x->exists, e);
	if (!err)
		err = find_rights(x, e);
	return err ? err : find_charset(x, e);
}

/* ---- the scratch database ---- */

static bool has_definitions(enum sqldump_kind kind)
{
	return kind == SQLDUMP_VIEW || kind == SQLDUMP_TRIGGERS || kind == SQLDUMP_ROUTINES || kind == SQLDUMP_EVENTS;
}

/* The accounts that views, triggers, routines and events run as. */
static int list_definers(struct source *from, const struct sqldump_map *map, struct strlist *out, struct error *e)
{
	const struct my_rewrite r = {.definers = out};
	int err = 0;
	for (size_t i = 0; i < map->n && !err; i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT, ignored = BUF_INIT;
		const struct sqldump_part *part = &map->v[i];
		if (!has_definitions(part->kind) || part->length > SQLDUMP_STATEMENT_MAX)
			continue;
		buf_reserve(&text, (size_t)part->length);
		err = source_read_exact(from, text.p, (size_t)part->length, part->offset, e);
		if (!err)
			my_rewrite(&r, (const char *)text.p, (size_t)part->length, &ignored);
	}
	return err;
}

int my_definers_of(const struct stored *s, struct strlist *out, char **database, struct error *e)
{
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	struct source *from = NULL;
	int err = my_stored_open(s, &from, &map, e);
	if (!err)
		err = list_definers(from, &map, out, e);
	if (!err && database)
		*database = TAKE(map.database);
	source_close(from);
	return err;
}

static int note_definers(const struct run *x, struct error *e)
{
	CLEANUP(strlist_release) struct strlist accounts = {0};
	int err = my_definers_of(x->r->from, &accounts, NULL, e);
	for (size_t i = 0; i < accounts.n && !err && !x->drop_definers; i++) {
		CLEANUP(my_clear) MYSQL_RES *rows = NULL;
		struct error ignored = {0};
		/* Only who may read the accounts can say. */
		if (!strchr(accounts.v[i], '@') || my_query(x->c, &rows, &ignored,
			my_sql("SELECT 1 FROM mysql.user WHERE CONCAT(QUOTE(User), '@', QUOTE(Host)) = %L", accounts.v[i])))
			continue;
		if (mysql_num_rows(rows) == 0)
			strlist_addf(&x->result->notes, "the account %s, which some of the views, triggers, routines or events run as, does not "
				"exist on this server: they do not work until it is made", accounts.v[i]);
	}
	if (!err && accounts.n && x->drop_definers)
		strlist_add(&x->result->notes, "views, triggers, routines and events now run as the user who restored them, "
			"who may not set another (SET USER or SUPER)");
	return err;
}

/* Loaded and equal to the manifest. Events are not made here: they might happen. */
static int fill_scratch(struct run *x, struct error *e)
{
	const struct my_load l = {.from = x->r->from, .place = &x->place, .tables = &x->tables, .no_events = true,
		.drop_definers = x->drop_definers, .progress = x->r->progress};
	int err = my_scratch_make(x->c, x->live, x->charset, x->collation, &x->scratch, e);
	if (err)
		return err;
	struct my_load here = l;
	here.database = x->scratch.name;
	err = my_load(&here, x->result, e);
	if (err)
		return error_wrap(e, "nothing was changed");
	err = my_compare_counts(&x->place, x->scratch.name, x->r->from, &x->tables, MY_ALL_KINDS & ~(unsigned)MY_EVENT, x->r->progress, NULL, e);
	return err ? error_wrap(e, "the scratch copy is not what was backed up; nothing was changed") : 0;
}

/* ---- what goes where ---- */

/* Those of `all` that are in `of`, or that are not. */
static void pick(const struct strlist *all, const struct strlist *of, bool in, struct strlist *out)
{
	for (size_t i = 0; i < all->n; i++)
		if (strlist_has(of, all->v[i]) == in)
			strlist_add(out, all->v[i]);
}

static bool comes(const struct run *x, const struct my_object *o, const struct my_objects *live)
{
	if (o->kind == MY_TRIGGER)
		return strlist_has(&x->swap.in, o->table);
	if (x->chosen)
		return false;
	return !x->add || !my_objects_has(live, o);
}

/* A view whose definer is not there shows the scratch database in front of its tables. */
static void unqualify(const struct run *x, struct my_object *o)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	const struct my_rewrite r = {.unqualify = x->scratch.name};
	if (o->kind != MY_VIEW)
		return;
	my_rewrite(&r, o->sql, strlen(o->sql), &sql);
	free(o->sql);
	o->sql = buf_take_text(&sql);
}

static int plan_definitions(struct run *x, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects all = {0};
	struct my_swap *s = &x->swap;
	s->kinds = x->chosen ? MY_TRIGGER : MY_ALL_KINDS;
	int err = x->exists ? my_objects_read(x->c, x->live, s->kinds, &s->old, e) : 0;
	if (!err)
		err = my_grants_read(x->c, x->live, &s->old, e);
	if (!err)
		err = my_objects_read(x->c, x->scratch.name, s->kinds & ~(unsigned)MY_EVENT, &all, e);
	for (size_t i = 0; i < all.n && !err; i++)
		if (comes(x, &all.v[i], &s->old)) {
			unqualify(x, &all.v[i]);
			my_objects_add(&s->fresh, &all.v[i]);
		}
	return err;
}

static int check_views(const struct run *x, const struct strlist *tables, struct error *e)
{
	for (size_t i = 0; i < tables->n; i++) {
		AUTO_FREE char *one = NULL;
		int err = my_value(x->c, &one, e,
			my_sql("SELECT 1 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %L AND TABLE_NAME = %L", x->live, tables->v[i]));
		if (!err && one)
			err = error_set(e, ERR_MISMATCH, "table \"%s\" is a view in the live database", tables->v[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Sequences that a chosen table takes its numbers from, and live has not. */
static int add_sequences(struct run *x, const struct strlist *loaded, const struct strlist *live, struct error *e)
{
	for (size_t i = 0; i < loaded->n; i++) {
		AUTO_FREE char *one = NULL, *name = my_sql("%I.%I", x->scratch.name, loaded->v[i]);
		if (find_table(x->r->from->manifest, loaded->v[i]) || strlist_has(live, loaded->v[i]))
			continue;
		int err = my_value(x->c, &one, e,
			my_sql("SELECT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %L AND INSTR(COLUMN_DEFAULT, %L) > 0 LIMIT 1",
				x->scratch.name, name));
		if (err)
			return err;
		if (one && strlist_has(&x->swap.in, one))
			strlist_add(&x->swap.in, loaded->v[i]);
	}
	return 0;
}

static int plan_tables(struct run *x, struct error *e)
{
	CLEANUP(strlist_release) struct strlist live = {0}, loaded = {0}, backed_up = {0};
	struct my_swap *s = &x->swap;
	int err = x->exists ? my_tables_of(x->c, x->live, &live, e) : 0;
	if (!err)
		err = my_tables_of(x->c, x->scratch.name, &loaded, e);
	if (err)
		return err;
	for (size_t i = 0; i < x->r->from->manifest->table_count; i++)
		strlist_add(&backed_up, x->r->from->manifest->tables[i].name);
	const struct strlist *wanted = x->chosen ? &x->tables : &loaded;
	pick(wanted, &live, false, &s->in);
	if (x->add)
		pick(x->chosen ? &x->tables : &backed_up, &live, true, &s->filled);
	else
		pick(wanted, &live, true, &s->in);
	if (!x->add && x->chosen)
		pick(&x->tables, &live, true, &s->out);
	else if (!x->add)
		strlist_copy(&s->out, &live);
	if (x->chosen)
		err = add_sequences(x, &loaded, &live, e);
	return err || !x->exists || (!x->chosen && !x->add) ? err : check_views(x, wanted, e);
}

/* ---- in its place ---- */

static int fill_rows(void *ctx, struct error *e)
{
	struct run *x = ctx;
	struct restore_result done = {0};
	int err = my_fill_in(&x->place, x->c, x->live, x->scratch.name, &x->swap.filled, &done, x->r->progress, e);
	strlist_copy(&x->result->notes, &done.notes);
	/* Of the rest, tables that came as they are count with all their rows. */
	const struct manifest_source *m = x->r->from->manifest;
	for (size_t i = 0; i < m->table_count; i++)
		if (strlist_has(&x->swap.in, m->tables[i].name)) {
			done.tables++;
			done.rows += m->tables[i].rows;
		}
	x->result->tables = done.tables;
	x->result->rows = done.rows;
	restore_result_release(&done);
	return err;
}

static bool has_event(const struct my_objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].kind == MY_EVENT)
			return true;
	return false;
}

/* Events begin to happen as soon as they are there: they come last. */
static int finish(void *ctx, struct error *e)
{
	struct run *x = ctx;
	const struct my_load l = {.from = x->r->from, .place = &x->place, .database = x->live, .events_only = true,
		.drop_definers = x->drop_definers};
	struct restore_result ignored = {0};
	if (x->chosen)
		return 0;
	if (x->add && has_event(&x->swap.old)) {
		if (manifest_object_count(x->r->from->manifest, "event"))
			strlist_add(&x->result->notes, "the database has events: those of the backup were left out");
		return 0;
	}
	int err = my_load(&l, &ignored, e);
	restore_result_release(&ignored);
	if (err || x->add)
		return err;
	err = my_compare_objects(x->c, x->live, x->r->from, MY_ALL_KINDS, e);
	return err ? error_wrap(e, "after the restore") : 0;
}

static int reconnect(void *ctx, MYSQL **c, struct error *e)
{
	struct run *x = ctx;
	my_disconnect(&x->c);
	int err = my_connect(&x->place, "", &x->c, e);
	/* Whoever has the locks is the only one at work: the server has ended our old connection. */
	if (!err)
		err = my_lock_target(x->c, x->live, e);
	if (!err)
		err = my_scratch_lock(x->c, &x->scratch, e);
	*c = x->c;
	return err;
}

static int make_live(struct run *x, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(x->c, &rows, e,
		my_sql("SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %L",
			x->scratch.name));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(rows);
	if (row)
		err = my_exec(x->c, e, my_sql("CREATE DATABASE %I CHARACTER SET %s COLLATE %s", x->live, row[0], row[1]));
	if (err)
		return error_wrap(e, "making the database \"%s\"", x->live);
	x->made_live = true;
	return 0;
}

/* Those of a database that keep the history of their rows, which dumps leave out; *names (heap) is "" when there are none. */
static int find_versioned(MYSQL *c, const char *database, char **names, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	CLEANUP(strlist_release) struct strlist found = {0};
	int err = my_query(c, &rows, e, my_sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %L AND "
		"TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1", database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		strlist_add(&found, row[0]);
	*names = strlist_join(&found, ", ");
	return err;
}

static int note_history(const struct run *x, const char *until, struct error *e)
{
	AUTO_FREE char *names = NULL;
	int err = find_versioned(x->c, x->swap.kept, &names, e);
	if (!err && *names)
		strlist_addf(&x->result->notes, "the history of the system-versioned tables that were replaced (%s) is in no backup, and cannot be undone: it is in \"%s\" "
			"until %s", names, x->swap.kept, until);
	return err;
}

static int swap(struct run *x, struct error *e)
{
	AUTO_FREE char *until = NULL;
	struct my_swap *s = &x->swap;
	s->c = x->c;
	s->live = x->live;
	s->scratch = x->scratch.name;
	s->drop_definers = x->drop_definers;
	s->replace = !x->chosen && !x->add;
	s->fill = x->add ? fill_rows : NULL;
	s->last = finish;
	s->reconnect = reconnect;
	s->ctx = x;
	s->notes = &x->result->notes;
	s->progress = x->r->progress;
	int err = plan_tables(x, e);
	if (!err)
		err = my_swap_check_keys(s, e);
	if (err)
		return error_wrap(e, "nothing was changed");
	if (x->exists && x->r->before_swap)
		err = x->r->before_swap(x->r->ctx, e);
	if (!err)
		err = plan_definitions(x, e);
	if (!err && s->out.n)
		err = my_kept_make(x->c, x->live, &s->kept, &until, e);
	if (!err && !x->exists)
		err = make_live(x, e);
	progress_phase(x->r->progress, "swapping", NULL, 0, 0);
	/* Once begun, the swap is not cut off: what was taken away for it must be put back. */
	x->place.progress = NULL;
	line_forget(x->c);
	if (!err)
		err = my_swap_do(s, e);
	if (!err)
		x->made_live = false;
	if (!err && s->kept)
		strlist_addf(&x->result->notes, "the database before is kept as \"%s\" until %s, when a later restore removes it", s->kept, until);
	struct error ignored = {0};
	if (!err && s->kept)
		(void)!note_history(x, until, &ignored);
	return err;
}

int my_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{
	CLEANUP(release) struct run x = {.r = r, .result = out};
	*out = (struct restore_result){0};
	int err = prepare(&x, e);
	x.add = x.exists && r->mode == RESTORE_PRESERVE;
	if (!err)
		err = fill_scratch(&x, e);
	if (!err)
		err = note_definers(&x, e);
	if (!err)
		err = swap(&x, e);
	out->replaced = x.exists;
	return err;
}

/* ---- looking ---- */

int my_look(const struct source_url *target, bool *there, char **line, struct error *e)
{
	CLEANUP(my_place_release) struct my_place place = {0};
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	char count[HUMAN_MAX], size[HUMAN_MAX];
	*line = NULL;
	int err = my_place_of(target, &place, e);
	if (!err)
		err = my_connect(&place, "", &c, e);
	if (!err)
		err = look_for(c, place.database, there, e);
	if (err || !*there)
		return err;
	err = my_query(c, &rows, e,
		my_sql("SELECT count(*), COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %L AND "
		       "TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE')", place.database));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(rows);
	if (!row)
		return err;
	uint64_t tables = strtoull(row[0], NULL, 10);
	AUTO_FREE char *versioned = NULL;
	err = find_versioned(c, place.database, &versioned, e);
	if (err)
		return err;
	*line = mem_printf("%s: %s table%s, %s%s%s", target->shown, human_count(tables, count), tables == 1 ? "" : "s",
		human_size(strtoull(row[1], NULL, 10), size), *versioned ? "; no backup holds the history of its system-versioned tables: " : "", versioned);
	return 0;
}

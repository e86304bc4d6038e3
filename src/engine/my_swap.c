/* The moment of change. MySQL has no transaction over definitions, so what is about to go is first written down in the
 * scratch database; whoever finds it there unfinished can put it back, this process or the next. Tables change places in
 * one statement, which the server does whole or not at all. */
#include "engine/my_restore.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH MY_SCRATCH_TABLE
#define MOVES MY_MOVES_TABLE
#define SAVED MY_SAVED_TABLE
#define FRESH MY_FRESH_TABLE
#define RECONNECT_TRIES 6                 /* each waits for the locks for some seconds */

void my_swap_release(struct my_swap *s)
{
	free(s->kept);
	strlist_release(&s->in);
	strlist_release(&s->out);
	strlist_release(&s->filled);
	my_objects_release(&s->old);
	my_objects_release(&s->fresh);
}

/* ---- tables change places ---- */

static void add_move(struct buf *b, const char *from, const char *to, const char *table)
{
	AUTO_FREE char *one = my_sql("%I.%I TO %I.%I", from, table, to, table);
	buf_printf(b, "%s%s", b->len ? ", " : "RENAME TABLE ", one);
}

static int rename_tables(MYSQL *c, const struct buf *sql, struct progress *p, struct error *e)
{
	if (!sql->len)
		return 0;
	int err = my_exec(c, e, my_sql("SET foreign_key_checks = 0"));
	return err ? err : my_exec_patiently(c, p, e, mem_string(buf_text(sql)));
}

/* Out first, then in. */
static int move_tables(const struct my_swap *s, struct error *e)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	for (size_t i = 0; i < s->out.n; i++)
		add_move(&sql, s->live, s->kept, s->out.v[i]);
	for (size_t i = 0; i < s->in.n; i++)
		add_move(&sql, s->scratch, s->live, s->in.v[i]);
	int err = rename_tables(s->c, &sql, s->progress, e);
	return err ? error_wrap(e, "putting the tables in place") : 0;
}

/* A default that asks a sequence for a number names its database. Columns of views show those of their tables. */
static int turn_defaults(MYSQL *c, const char *live, const char *scratch, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	AUTO_FREE char *from = my_sql("%I.", scratch), *to = my_sql("%I.", live);
	int err = my_query(c, &rows, e,
		my_sql("SELECT TABLE_NAME, COLUMN_NAME, REPLACE(COLUMN_DEFAULT, %L, %L) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %L "
		       "AND EXTRA NOT LIKE '%%GENERATED%%' AND INSTR(COLUMN_DEFAULT, CONCAT('(', %L)) > 0 AND TABLE_NAME NOT IN "
		       "(SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %L)", from, to, live, from, live));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		err = my_exec(c, e, my_sql("ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT %s", live, row[0], row[1], row[2]));
	return err ? error_wrap(e, "pointing defaults to their sequences") : 0;
}

/* ---- definitions ---- */

static bool in_the_way(const struct my_swap *s, const struct my_object *o)
{
	if (o->kind == MY_TRIGGER)
		return strlist_has(&s->out, o->table) || strlist_has(&s->filled, o->table);
	return o->kind == MY_VIEW && strlist_has(&s->in, o->name);
}

/* Triggers forbid their tables to change the database, and would fire; views may have the name of a table that comes. */
static int clear_the_way(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects triggers = {0};
	int err = my_objects_read(s->c, s->scratch, MY_TRIGGER, &triggers, e);
	for (size_t i = 0; i < triggers.n && !err; i++)
		err = my_object_drop(s->c, s->scratch, &triggers.v[i], e);
	for (size_t i = 0; i < s->old.n && !err; i++)
		if (in_the_way(s, &s->old.v[i]))
			err = my_exec_patiently(s->c, s->progress, e,
				my_sql("DROP %s IF EXISTS %I.%I", s->old.v[i].type, s->live, s->old.v[i].name));
	return err;
}

/* Old ones go unless the same comes; those that come are made. */
static int change_definitions(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects missing = {0};
	int err = 0;
	for (size_t i = 0; i < s->old.n && !err && s->replace; i++)
		if (!in_the_way(s, &s->old.v[i]) && !my_objects_has_same(&s->fresh, &s->old.v[i]))
			err = my_object_drop(s->c, s->live, &s->old.v[i], e);
	for (size_t i = 0; i < s->fresh.n; i++)
		if (!my_objects_has_same(&s->old, &s->fresh.v[i]) || in_the_way(s, &s->fresh.v[i]))
			my_objects_add(&missing, &s->fresh.v[i]);
	if (!err)
		err = my_objects_create(s->c, s->live, &missing, s->drop_definers, NULL, e);
	return err ? err : my_grants_give(s->c, &s->old, &missing, s->notes, e);
}

/* Rows come in while no trigger fires. */
static int fill(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects away = {0};
	int err = s->fill(s->ctx, e);
	for (size_t i = 0; i < s->old.n; i++)
		if (s->old.v[i].kind == MY_TRIGGER && strlist_has(&s->filled, s->old.v[i].table))
			my_objects_add(&away, &s->old.v[i]);
	return err ? err : my_objects_create(s->c, s->live, &away, false, NULL, e);
}

/* ---- what is written down ---- */

static int save_moves(const struct my_swap *s, struct error *e)
{
	const struct strlist *both[] = {&s->in, &s->out};
	int err = my_exec(s->c, e,
		my_sql("CREATE TABLE %I." MOVES " (name varchar(64), goes_out int) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", s->scratch));
	for (int out = 0; out < 2; out++)
		for (size_t i = 0; i < both[out]->n && !err; i++)
			err = my_exec(s->c, e, my_sql("INSERT INTO %I." MOVES " VALUES (%L, %d)", s->scratch, both[out]->v[i], out));
	return err;
}

static int write_down(const struct my_swap *s, struct error *e)
{
	int err = my_objects_save(s->c, s->scratch, SAVED, &s->old, e);
	if (!err)
		err = my_objects_save(s->c, s->scratch, FRESH, &s->fresh, e);
	if (!err)
		err = save_moves(s, e);
	if (!err)
		err = my_exec(s->c, e,
			my_sql("UPDATE %I." SCRATCH " SET kept = %L, kinds = %u, replacing = %d, without_definers = %d, swapping = 1", s->scratch, s->kept,
				s->kinds, s->replace, s->drop_definers));
	return err ? error_wrap(e, "writing down what is about to change") : 0;
}

static int finished(MYSQL *c, const char *scratch, struct error *e)
{
	return my_exec(c, e, my_sql("UPDATE %I." SCRATCH " SET swapping = 0", scratch));
}

static int read_moves(MYSQL *c, const char *scratch, struct my_swap *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL, *mark = NULL;
	int err = my_query(c, &mark, e, my_sql("SELECT kept, kinds, replacing, without_definers FROM %I." SCRATCH, scratch));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(mark);
	if (row) {
		out->kept = row[0] ? mem_string(row[0]) : NULL;
		out->kinds = (unsigned)atoi(row[1]);
		out->replace = *row[2] == '1';
		out->drop_definers = *row[3] == '1';
	}
	if (!err)
		err = my_query(c, &rows, e, my_sql("SELECT name, goes_out FROM %I." MOVES, scratch));
	while (!err && (row = mysql_fetch_row(rows)))
		strlist_add(*row[1] == '1' ? &out->out : &out->in, row[0]);
	return err;
}

/* ---- back again ---- */

/* Whether the one statement has been done. */
static int has_moved(const struct my_swap *s, bool *moved, struct error *e)
{
	CLEANUP(strlist_release) struct strlist left = {0}, kept = {0};
	int err = my_tables_of(s->c, s->scratch, &left, e);
	if (!err && s->kept)
		err = my_tables_of(s->c, s->kept, &kept, e);
	*moved = s->in.n ? !strlist_has(&left, s->in.v[0]) : s->out.n && strlist_has(&kept, s->out.v[0]);
	return err;
}

static int move_back(const struct my_swap *s, struct error *e)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	for (size_t i = 0; i < s->in.n; i++)
		add_move(&sql, s->live, s->scratch, s->in.v[i]);
	for (size_t i = 0; i < s->out.n; i++)
		add_move(&sql, s->kept, s->live, s->out.v[i]);
	return rename_tables(s->c, &sql, NULL, e);
}

/* What live has now and did not have goes. */
static int drop_new(const struct my_swap *s, const struct my_objects *now, unsigned kinds, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < now->n && !err; i++)
		if ((now->v[i].kind & kinds) && !my_objects_has_same(&s->old, &now->v[i]))
			err = my_object_drop(s->c, s->live, &now->v[i], e);
	return err;
}

static int create_missing(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects now = {0}, missing = {0};
	CLEANUP(strlist_release) struct strlist broken = {0};
	int err = my_objects_read(s->c, s->live, s->kinds, &now, e);
	for (size_t i = 0; i < s->old.n && !err; i++)
		if (!my_objects_has(&now, &s->old.v[i]))
			my_objects_add(&missing, &s->old.v[i]);
	if (!err)
		err = my_objects_create(s->c, s->live, &missing, false, &broken, e);
	return err ? err : my_grants_give(s->c, &s->old, &missing, s->notes, e);
}

static int drop_kept(const struct my_swap *s, struct error *e)
{
	CLEANUP(strlist_release) struct strlist left = {0};
	int err = s->kept ? my_tables_of(s->c, s->kept, &left, e) : 0;
	return err || !s->kept || left.n ? err : my_scratch_drop(s->c, s->kept, e);
}

static int put_back(struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects now = {0};
	bool moved = false;
	int err = has_moved(s, &moved, e);
	if (!err)
		err = my_objects_read(s->c, s->live, s->kinds | MY_TRIGGER, &now, e);
	for (size_t i = 0; i < now.n && !err && moved; i++)
		if (now.v[i].kind == MY_TRIGGER && strlist_has(&s->in, now.v[i].table))
			err = my_object_drop(s->c, s->live, &now.v[i], e);
	if (!err && moved)
		err = drop_new(s, &now, s->kinds & ~(unsigned)MY_TRIGGER, e);
	if (!err && moved)
		err = move_back(s, e);
	if (!err)
		err = my_keys_turn(s->c, s->live, s->scratch, s->kept, e);
	if (!err && !moved)
		err = drop_new(s, &now, s->kinds, e);
	if (!err)
		err = create_missing(s, e);
	if (!err)
		err = finished(s->c, s->scratch, e);
	return err ? err : drop_kept(s, e);
}

/* ---- forward ---- */

/* What somebody has changed since may be in the way; that is no reason to stop. What the next try may do is. */
static bool is_final(const struct error *why)
{
	return why->kind == ERR_CHILD || why->kind == ERR_EXISTS || why->kind == ERR_NOT_FOUND;
}

static void note_failed(const struct my_swap *s, const struct my_object *o, const char *why)
{
	strlist_addf(s->notes, "after an interrupted restore to \"%s\", the %s \"%s\" could not be made (%s); it is: %s", s->live, o->type, o->name, why, o->sql);
}

static int create_what_can_be(const struct my_swap *s, const struct my_objects *o, bool without_definers, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects views = {0};
	CLEANUP(strlist_release) struct strlist broken = {0};
	int err = 0;
	for (size_t i = 0; i < o->n && !err; i++) {
		struct my_objects one = {.v = &o->v[i], .n = 1};
		struct error why = {0};
		if (o->v[i].kind == MY_VIEW)
			my_objects_add(&views, &o->v[i]);
		else
			err = my_objects_create(s->c, s->live, &one, without_definers, NULL, &why);
		if (err && !is_final(&why))
			*e = why;
		else if (err) {
			note_failed(s, &o->v[i], why.text);
			err = 0;
		}
	}
	if (!err)
		err = my_objects_create(s->c, s->live, &views, without_definers, &broken, e);
	for (size_t i = 0; i < views.n && !err; i++)
		if (strlist_has(&broken, views.v[i].name))
			note_failed(s, &views.v[i], "what it shows is missing, or its name is taken");
	return err;
}

/* Triggers of tables that went, and views whose names tables have now, are not missed. */
static bool is_missed(const struct my_swap *s, const struct my_object *o)
{
	return !s->replace && !(o->kind == MY_TRIGGER && strlist_has(&s->out, o->table)) && !(o->kind == MY_VIEW && strlist_has(&s->in, o->name));
}

/* A view of tables that are gone shows the database in front of them. */
static int read_now(const struct my_swap *s, struct my_objects *now, struct error *e)
{
	const struct my_rewrite r = {.unqualify = s->live};
	int err = my_objects_read(s->c, s->live, s->kinds, now, e);
	for (size_t i = 0; i < now->n && !err; i++) {
		CLEANUP(buf_release) struct buf sql = BUF_INIT;
		if (now->v[i].kind != MY_VIEW)
			continue;
		my_rewrite(&r, now->v[i].sql, strlen(now->v[i].sql), &sql);
		free(now->v[i].sql);
		now->v[i].sql = buf_take_text(&sql);
	}
	return err;
}

/* What change_definitions() had not come to yet. What is neither of before nor of the backup is somebody else's, and stays. */
static int complete_definitions(const struct my_swap *s, bool strictly, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects now = {0}, gone = {0}, missing = {0}, missed = {0};
	int err = read_now(s, &now, e);
	for (size_t i = 0; i < s->old.n && !err; i++) {
		const struct my_object *o = &s->old.v[i];
		if (!my_objects_has(&now, o) && is_missed(s, o) && !(strictly && s->fill))
			my_objects_add(&missed, o);
		if (!s->replace || !my_objects_has_same(&now, o) || my_objects_has_same(&s->fresh, o))
			continue;
		err = my_object_drop(s->c, s->live, o, e);
		my_objects_add(&gone, o);
	}
	for (size_t i = 0; i < s->fresh.n && !err; i++)
		if (!my_objects_has(&now, &s->fresh.v[i]) || my_objects_has(&gone, &s->fresh.v[i]))
			my_objects_add(&missing, &s->fresh.v[i]);
	if (!err && strictly)
		err = my_objects_create(s->c, s->live, &missing, s->drop_definers, NULL, e);
	else if (!err)
		err = create_what_can_be(s, &missing, s->drop_definers, e);
	if (!err)
		err = create_what_can_be(s, &missed, false, e);
	return err ? err : my_grants_give(s->c, &s->old, &missing, s->notes, e);
}

/* A step that failed for good is noted. */
static int unless_final(const struct my_swap *s, int failed, const struct error *why, struct error *e)
{
	if (failed && is_final(why)) {
		strlist_addf(s->notes, "after an interrupted restore to \"%s\": %s", s->live, why->text);
		return 0;
	}
	if (failed)
		*e = *why;
	return failed;
}

/* Before the tables moved nothing was lost but what had been dropped to clear the way. */
static int recover_old(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects now = {0}, missing = {0};
	struct error why[2] = {0};
	int err = unless_final(s, my_keys_turn(s->c, s->live, s->scratch, s->kept, &why[0]), &why[0], e);
	if (!err)
		err = unless_final(s, my_objects_read(s->c, s->live, s->kinds, &now, &why[1]), &why[1], e);
	for (size_t i = 0; i < s->old.n && !err; i++)
		if (!my_objects_has(&now, &s->old.v[i]))
			my_objects_add(&missing, &s->old.v[i]);
	if (!err)
		err = create_what_can_be(s, &missing, false, e);
	if (!err)
		err = my_grants_give(s->c, &s->old, &missing, s->notes, e);
	if (!err)
		err = drop_kept(s, e);
	if (!err)
		strlist_addf(s->notes, "a restore that was interrupted had begun to replace \"%s\": it was put back first", s->live);
	return err;
}

static int recover_new(const struct my_swap *s, struct error *e)
{
	struct error why[4] = {0};
	int err = unless_final(s, turn_defaults(s->c, s->live, s->scratch, &why[0]), &why[0], e);
	if (!err)
		err = unless_final(s, my_keys_turn(s->c, s->live, s->scratch, s->kept, &why[1]), &why[1], e);
	if (!err)
		err = unless_final(s, complete_definitions(s, false, &why[2]), &why[2], e);
	if (!err && s->kept)
		err = unless_final(s, my_keys_untie(s->c, s->kept, &why[3]), &why[3], e);
	if (err)
		return err;
	strlist_addf(s->notes, "a restore that was interrupted had replaced the tables of \"%s\" already: what was written there since stays, its views, triggers "
		"and routines were completed, and its events and rows that were to be added may be missing", s->live);
	if (s->kept)
		strlist_addf(s->notes, "the tables before that one are kept in \"%s\"", s->kept);
	return 0;
}

int my_swap_recover(MYSQL *c, const char *live, const char *scratch, struct strlist *notes, struct error *e)
{
	CLEANUP(my_swap_release) struct my_swap s = {.c = c, .live = live, .scratch = scratch, .notes = notes};
	bool moved = false;
	int err = read_moves(c, scratch, &s, e);
	if (!err)
		err = my_objects_load(c, scratch, SAVED, &s.old, e);
	if (!err)
		err = my_objects_load(c, scratch, FRESH, &s.fresh, e);
	if (!err)
		err = has_moved(&s, &moved, e);
	if (!err)
		err = moved ? recover_new(&s, e) : recover_old(&s, e);
	return err ? err : finished(c, scratch, e);
}

/* ---- the whole ---- */

static int change(struct my_swap *s, struct error *e)
{
	int err = clear_the_way(s, e);
	s->stage = MY_SWAP_MOVES;
	if (!err)
		err = move_tables(s, e);
	else
		s->stage = MY_SWAP_CLEARS;
	if (!err) {
		s->stage = MY_SWAP_MOVED;
		err = turn_defaults(s->c, s->live, s->scratch, e);
	}
	if (!err)
		err = my_keys_turn(s->c, s->live, s->scratch, s->kept, e);
	if (!err)
		err = change_definitions(s, e);
	if (!err && s->fill)
		err = fill(s, e);
	if (!err && s->last)
		err = s->last(s->ctx, e);
	return err ? err : finished(s->c, s->scratch, e);
}

static bool has_event(const struct my_objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].kind == MY_EVENT)
			return true;
	return false;
}

/* The last step makes all events or none: those it had begun with go. */
static int drop_events(const struct my_swap *s, struct error *e)
{
	CLEANUP(my_objects_release) struct my_objects now = {0};
	int err = 0;
	if ((s->kinds & MY_EVENT) && (s->replace || !has_event(&s->old)))
		err = my_objects_read(s->c, s->live, MY_EVENT, &now, e);
	for (size_t i = 0; i < now.n && !err; i++)
		err = my_object_drop(s->c, s->live, &now.v[i], e);
	return err;
}

/* The rest of change(), from wherever it had come to after the tables moved. */
static int complete(const struct my_swap *s, struct error *e)
{
	int err = s->fill ? clear_the_way(s, e) : 0;
	if (!err)
		err = turn_defaults(s->c, s->live, s->scratch, e);
	if (!err)
		err = my_keys_turn(s->c, s->live, s->scratch, s->kept, e);
	if (!err)
		err = complete_definitions(s, true, e);
	if (!err && s->fill)
		err = fill(s, e);
	if (!err)
		err = drop_events(s, e);
	if (!err && s->last)
		err = s->last(s->ctx, e);
	return err ? err : finished(s->c, s->scratch, e);
}

static bool is_lost(const struct my_swap *s)
{
	return !s->c || mysql_ping(s->c) != 0;
}

static int reconnect(struct my_swap *s, struct error *e)
{
	struct error cancelled = {0};
	int err = -1;
	for (int i = 0; i < RECONNECT_TRIES && err && !progress_check(s->progress, &cancelled); i++) {
		if (i)
			time_sleep(1);
		error_clear(e);
		err = s->reconnect(s->ctx, &s->c, e);
	}
	if (err && cancelled.kind)
		*e = cancelled;
	return err ? -(int)e->kind : 0;
}

/* After a loss: 1: the tables were in place and the rest is done now. */
static int go_on(struct my_swap *s, struct error *e)
{
	bool moved = false;
	int err = reconnect(s, e);
	if (!err)
		err = has_moved(s, &moved, e);
	if (err)
		return err;
	s->stage = moved ? MY_SWAP_MOVED : MY_SWAP_CLEARS;
	if (!moved && !(s->fill && !s->in.n))
		return 0;
	err = complete(s, e);
	if (!err)
		strlist_add(s->notes, "the connection to the server was lost when the tables were in place; it was made again and the rest was done");
	return err ? err : 1;
}

static int left_as(struct my_swap *s, const struct error *why, struct error *e)
{
	struct error first = *e, ignored = {0};
	const char *kept = s->kept ? s->kept : "";
	bool moved = false;
	if (!is_lost(s) && has_moved(s, &moved, &ignored) == 0)
		s->stage = moved ? MY_SWAP_MOVED : MY_SWAP_CLEARS;
	if (s->stage == MY_SWAP_MOVED) {
		error_set(e, first.kind, "%s; \"%s\" has the restored tables already, but not all of their views, triggers, routines, events and "
			"keys (%s)%s%s", first.text, s->live, why->text, *kept ? "; the tables before are in " : "", kept);
		return error_hint(e, "restore again: that first completes these, and keeps what is written until then");
	}
	if (s->stage == MY_SWAP_CLEARS) {
		error_set(e, first.kind, "%s; \"%s\" has its tables as before, but may lack triggers and views (%s)", first.text, s->live, why->text);
		return error_hint(e, "restore again: that first puts these back");
	}
	error_set(e, first.kind, "%s; whether \"%s\" has the restored tables or those before is not known, and it may lack views, triggers, routines and "
		"events (%s)", first.text, s->live, why->text);
	return error_hint(e, "restore again: that first looks which, completes or puts back the rest, and keeps what is written until then");
}

/* Finished although something failed: 0. */
static int settle(struct my_swap *s, struct error *e)
{
	struct error why = {0};
	int done = is_lost(s) ? go_on(s, &why) : 0;
	if (done > 0) {
		error_clear(e);
		return 0;
	}
	/* What has failed now is more than the connection, unless that is lost again. */
	if (done < 0 && is_lost(s))
		return left_as(s, &why, e);
	if (done < 0)
		*e = why;
	why = (struct error){0};
	if (s->stage == MY_SWAP_MOVED)
		s->stage = MY_SWAP_MOVES;
	int err = put_back(s, &why);
	if (err && is_lost(s) && reconnect(s, &why) == 0)
		err = put_back(s, &why);
	if (err)
		return left_as(s, &why, e);
	s->begun = false;
	/* What failed is no longer there to be told from what was backed up. */
	if (e->kind == ERR_VERIFY)
		e->kind = ERR_CHILD;
	return error_wrap(e, "nothing was changed");
}

int my_swap_do(struct my_swap *s, struct error *e)
{
	struct error why = {0};
	int err = write_down(s, e);
	if (err) {
		(void)!drop_kept(s, &why);
		return error_wrap(e, "nothing was changed");
	}
	s->begun = true;
	err = change(s, e);
	if (err)
		err = settle(s, e);
	if (err)
		return err;
	s->begun = false;
	return s->kept ? my_keys_untie(s->c, s->kept, e) : 0;
}

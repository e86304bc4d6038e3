/* The moment of change. MySQL has no transaction over definitions, so what is about to go is first written down in the
 * scratch database; whoever finds it there unfinished can put it back, this process or the next. Tables change places in
 * one statement, which the server does whole or not at all. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH MY_OWN_PREFIX "scratch"
#define MOVES MY_OWN_PREFIX "moves"

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

/* A default that asks a sequence for a number names its database. */
static int turn_defaults(MYSQL *c, const char *live, const char *scratch, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	AUTO_FREE char *from = my_sql("%I.", scratch), *to = my_sql("%I.", live);
	int err = my_query(c, &rows, e,
		my_sql("SELECT TABLE_NAME, COLUMN_NAME, REPLACE(COLUMN_DEFAULT, %L, %L) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %L "
		       "AND EXTRA NOT LIKE '%%GENERATED%%' AND INSTR(COLUMN_DEFAULT, CONCAT('(', %L)) > 0", from, to, live, from));
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
	return err ? err : my_objects_create(s->c, s->live, &missing, s->drop_definers, NULL, e);
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
	int err = my_objects_save(s->c, s->scratch, &s->old, e);
	if (!err)
		err = save_moves(s, e);
	if (!err)
		err = my_exec(s->c, e,
			my_sql("UPDATE %I." SCRATCH " SET kept = %L, kinds = %u, swapping = 1", s->scratch, s->kept, s->kinds));
	return err ? error_wrap(e, "writing down what is about to change") : 0;
}

static int finished(MYSQL *c, const char *scratch, struct error *e)
{
	return my_exec(c, e, my_sql("UPDATE %I." SCRATCH " SET swapping = 0", scratch));
}

static int read_moves(MYSQL *c, const char *scratch, struct my_swap *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL, *mark = NULL;
	int err = my_query(c, &mark, e, my_sql("SELECT kept, kinds FROM %I." SCRATCH, scratch));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(mark);
	if (row) {
		out->kept = row[0] ? mem_string(row[0]) : NULL;
		out->kinds = (unsigned)atoi(row[1]);
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
	return err ? err : my_objects_create(s->c, s->live, &missing, false, &broken, e);
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

int my_swap_put_back(MYSQL *c, const char *live, const char *scratch, struct error *e)
{
	CLEANUP(my_swap_release) struct my_swap s = {.c = c, .live = live, .scratch = scratch};
	int err = read_moves(c, scratch, &s, e);
	if (!err)
		err = my_objects_load(c, scratch, &s.old, e);
	return err ? err : put_back(&s, e);
}

/* ---- the whole ---- */

static int change(const struct my_swap *s, struct error *e)
{
	int err = clear_the_way(s, e);
	if (!err)
		err = move_tables(s, e);
	if (!err)
		err = turn_defaults(s->c, s->live, s->scratch, e);
	if (!err)
		err = my_keys_turn(s->c, s->live, s->scratch, s->kept, e);
	if (!err)
		err = change_definitions(s, e);
	if (!err && s->fill)
		err = fill(s, e);
	return err || !s->last ? err : s->last(s->ctx, e);
}

int my_swap_do(struct my_swap *s, struct error *e)
{
	struct error why = {0};
	int err = write_down(s, e);
	if (err) {
		(void)!drop_kept(s, &why);
		return err;
	}
	s->begun = true;
	err = change(s, e);
	if (!err) {
		err = finished(s->c, s->scratch, e);
		s->begun = err != 0;
		return err || !s->kept ? err : my_keys_untie(s->c, s->kept, e);
	}
	if (put_back(s, &why)) {
		struct error first = *e;
		error_set(e, first.kind, "%s; what was begun could not be put back (%s)", first.text, why.text);
		return error_hint(e, "the next restore to this database puts it back first");
	}
	s->begun = false;
	/* What failed is no longer there to be told from what was backed up. */
	if (e->kind == ERR_VERIFY)
		e->kind = ERR_CHILD;
	return error_wrap(e, "nothing was changed");
}

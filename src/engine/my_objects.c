/* Triggers, views, routines and events as the server shows them, made again somewhere else. Each is read in the character
 * set it was written in, and made in a session like the one it was made in, as the vendor's dump does. */
#include "engine/my_restore.h"

#include "base/codec.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_SECONDS 5
#define LOCK_TRIES 12

static void object_release(struct my_object *o)
{
	char *all[] = {o->type, o->name, o->table, o->sql, o->mode, o->client, o->connection, o->collation, o->zone, o->grants};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		free(all[i]);
	*o = (struct my_object){0};
}

void my_objects_release(struct my_objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		object_release(&o->v[i]);
	free(o->v);
	*o = (struct my_objects){0};
}

static struct my_object *add(struct my_objects *out)
{
	GROW(out->v, out->n, out->cap);
	out->v[out->n] = (struct my_object){0};
	return &out->v[out->n++];
}

void my_objects_add(struct my_objects *o, const struct my_object *copied)
{
	*add(o) = (struct my_object){
		.kind = copied->kind,
		.type = mem_string(copied->type),
		.name = mem_string(copied->name),
		.table = mem_string(copied->table),
		.sql = mem_string(copied->sql),
		.mode = mem_string(copied->mode),
		.client = mem_string(copied->client),
		.connection = mem_string(copied->connection),
		.collation = mem_string(copied->collation),
		.zone = mem_string(copied->zone),
		.grants = copied->grants ? mem_string(copied->grants) : NULL,
	};
}

bool my_objects_has(const struct my_objects *o, const struct my_object *like)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->v[i].type, like->type) == 0 && strcmp(o->v[i].name, like->name) == 0)
			return true;
	return false;
}

bool my_objects_has_same(const struct my_objects *o, const struct my_object *like)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct my_object *v = &o->v[i];
		if (strcmp(v->type, like->type) == 0 && strcmp(v->name, like->name) == 0)
			return strcmp(v->sql, like->sql) == 0 && strcmp(v->mode, like->mode) == 0 && strcmp(v->client, like->client) == 0 &&
			       strcmp(v->connection, like->connection) == 0 && strcmp(v->collation, like->collation) == 0 &&
			       strcmp(v->zone, like->zone) == 0;
	}
	return false;
}

/* ---- reading ---- */

/* Names of what there is; the text comes afterwards. */
static int list(MYSQL *c, enum my_object_kind kind, struct my_objects *out, struct error *e, char *sql)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e, sql);
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		struct my_object *o = add(out);
		o->kind = kind;
		o->type = mem_string(row[0]);
		o->name = mem_string(row[1]);
		o->table = mem_string(row[2]);
	}
	return err;
}

int my_events_work(MYSQL *c, bool *yes, struct error *e)
{
	AUTO_FREE char *state = NULL;
	int err = my_value(c, &state, e, my_sql("SELECT @@event_scheduler"));
	*yes = !state || strcmp(state, "DISABLED") != 0;
	return err;
}

static int list_events(MYSQL *c, const char *database, struct my_objects *out, struct error *e)
{
	bool some = false;
	int err = my_events_work(c, &some, e);
	return err || !some ? err : list(c, MY_EVENT, out, e,
		my_sql("SELECT 'EVENT', EVENT_NAME, '' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %L ORDER BY EVENT_NAME", database));
}

static int list_all(MYSQL *c, const char *database, unsigned kinds, struct my_objects *out, struct error *e)
{
	int err = 0;
	if (kinds & MY_ROUTINE)
		err = list(c, MY_ROUTINE, out, e,
			my_sql("SELECT ROUTINE_TYPE, ROUTINE_NAME, '' FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %L "
			       "ORDER BY ROUTINE_TYPE = 'PACKAGE BODY', ROUTINE_TYPE, ROUTINE_NAME", database));
	if (!err && (kinds & MY_VIEW))
		err = list(c, MY_VIEW, out, e,
			my_sql("SELECT 'VIEW', TABLE_NAME, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %L ORDER BY TABLE_NAME", database));
	if (!err && (kinds & MY_TRIGGER))
		err = list(c, MY_TRIGGER, out, e,
			my_sql("SELECT 'TRIGGER', TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %L "
			       "ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER", database));
	if (!err && (kinds & MY_EVENT))
		err = list_events(c, database, out, e);
	return err;
}

/* The value of the column whose name begins so; "" for none. Heap. */
static char *column(MYSQL_RES *rows, MYSQL_ROW row, const char *name)
{
	unsigned n = mysql_num_fields(rows);
	const MYSQL_FIELD *fields = mysql_fetch_fields(rows);
	for (unsigned i = 0; i < n; i++)
		if (strncasecmp(fields[i].name, name, strlen(name)) == 0)
			return mem_string(row[i] ? row[i] : "");
	return mem_string("");
}

static int show(MYSQL *c, const struct my_object *o, MYSQL_RES **rows, MYSQL_ROW *row, struct error *e)
{
	int err = my_query(c, rows, e, my_sql("SHOW CREATE %s %I", o->type, o->name));
	if (err)
		return err;
	*row = mysql_fetch_row(*rows);
	return *row ? 0 : error_set(e, ERR_NOT_FOUND, "the server does not show it");
}

static bool is_word(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

/* "SQL Original Statement" of a trigger names its table as its author did: without its database it means the current one. */
static char *text_of(MYSQL_RES *rows, MYSQL_ROW row, const struct my_object *o)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	const struct my_rewrite r = {0};
	char *sql = column(rows, row, o->kind == MY_TRIGGER ? "SQL Original" : "Create ");
	if (o->kind != MY_TRIGGER)
		return sql;
	my_rewrite(&r, sql, strlen(sql), &b);
	free(sql);
	return buf_take_text(&b);
}

static int fill(MYSQL *c, struct my_object *o, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL, *again = NULL;
	MYSQL_ROW row;
	int err = show(c, o, &rows, &row, e);
	if (err)
		return err;
	o->mode = column(rows, row, "sql_mode");
	o->client = column(rows, row, "character_set_client");
	o->connection = column(rows, row, "collation_connection");
	o->collation = column(rows, row, "Database Collation");
	o->zone = column(rows, row, "time_zone");
	if (!is_word(o->client) || !is_word(o->connection))
		return error_set(e, ERR_CHILD, "the server says nothing of its character set");
	err = my_exec(c, e, my_sql("SET character_set_results = %s", o->client));
	if (!err)
		err = show(c, o, &again, &row, e);
	if (!err)
		o->sql = text_of(again, row, o);
	struct error ignored;
	int back = my_exec(c, err ? &ignored : e, my_sql("SET character_set_results = utf8mb4"));
	if (err || back)
		return err ? err : back;
	if (*o->sql)
		return 0;
	error_set(e, ERR_ACCESS, "its definition may not be seen by this user");
	return error_hint(e, "the restore must be able to put it back: let a user with all privileges on the database run it");
}

int my_objects_read(MYSQL *c, const char *database, unsigned kinds, struct my_objects *out, struct error *e)
{
	size_t from = out->n;
	if (mysql_select_db(c, database) != 0)
		return my_error(c, e, "opening the database \"%s\"", database);
	int err = list_all(c, database, kinds, out, e);
	for (size_t i = from; i < out->n && !err; i++) {
		err = fill(c, &out->v[i], e);
		if (err)
			error_wrap(e, "reading the %s \"%s\"", out->v[i].type, out->v[i].name);
	}
	return err;
}

bool my_is_own_table(const char *name)
{
	static const char *const own[] = {MY_SCRATCH_TABLE, MY_KEPT_TABLE, MY_MOVES_TABLE, MY_SAVED_TABLE, MY_FRESH_TABLE};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

int my_tables_of(MYSQL *c, const char *database, struct strlist *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %L AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') "
		       "ORDER BY TABLE_NAME", database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		if (!my_is_own_table(row[0]))
			strlist_add(out, row[0]);
	return err;
}

/* ---- making ---- */

static int undress(MYSQL *c, struct error *e)
{
	return my_exec(c, e, my_sql("SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"));
}

int my_exec_patiently(MYSQL *c, struct progress *p, struct error *e, char *sql)
{
	AUTO_FREE char *own = sql;
	int err = my_exec(c, e, my_sql("SET lock_wait_timeout = %d", LOCK_SECONDS));
	for (int i = 0; !err && i < LOCK_TRIES; i++) {
		error_clear(e);
		err = my_exec(c, e, mem_string(own));
		if (err != -ERR_LOCKED)
			break;
		struct error cancelled = {0};
		if (progress_check(p, &cancelled)) {
			*e = cancelled;
			break;
		}
		err = 0;
	}
	if (e->kind == ERR_LOCKED) {
		error_set(e, ERR_LOCKED, "other connections hold the tables that are to be replaced");
		error_hint(e, "stop the programs that use the database, or end their connections, and restore again");
	}
	err = -(int)e->kind;
	struct error second = {0};
	int back = my_exec(c, err ? &second : e, my_sql("SET lock_wait_timeout = %d", LOCK_SECONDS * LOCK_TRIES));
	return err ? err : back;
}

int my_object_drop(MYSQL *c, const char *database, const struct my_object *o, struct error *e)
{
	/* The word is only known in Oracle's dialect. */
	bool package = strncmp(o->type, "PACKAGE", 7) == 0;
	if (package) {
		int err = my_exec(c, e, my_sql("SET sql_mode = 'ORACLE'"));
		if (!err)
			err = my_exec(c, e, my_sql("DROP %s IF EXISTS %I.%I", o->type, database, o->name));
		struct error second = {0};
		int back = undress(c, err ? &second : e);
		return err ? err : back;
	}
	return my_exec_patiently(c, NULL, e, my_sql("DROP %s IF EXISTS %I.%I", o->type, database, o->name));
}

/* The session an object was made in. */
static int dress(MYSQL *c, const struct my_object *o, struct error *e)
{
	bool view = o->kind == MY_VIEW;
	int err = my_exec(c, e,
		my_sql("SET sql_mode = %L, character_set_client = %s, collation_connection = %s", view ? "" : o->mode, o->client, o->connection));
	if (!err && *o->zone)
		err = my_exec(c, e, my_sql("SET time_zone = %L", o->zone));
	return err;
}

static int send(MYSQL *c, const struct my_object *o, bool drop_definer, struct error *e)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	const struct my_rewrite r = {.drop_definers = true};
	if (drop_definer) {
		/* One statement: a delimiter that none of its semicolons is. */
		AUTO_FREE char *text = mem_printf("DELIMITER $_$_$\n%s", o->sql);
		my_rewrite(&r, text, strlen(text), &sql);
		buf_remove_front(&sql, strlen("DELIMITER $_$_$\n"));
	} else
		buf_add_str(&sql, o->sql);
	if (mysql_real_query(c, buf_text(&sql), (unsigned long)sql.len) == 0)
		return 0;
	return my_error(c, e, "creating the %s \"%s\"", o->type, o->name);
}

/* Routines, triggers and events remember the collation that their database had when they were made. */
static int with_collation(MYSQL *c, const char *database, const struct my_object *o, bool drop_definer, const char *own, struct error *e)
{
	bool other = is_word(o->collation) && own && strcmp(o->collation, own) != 0;
	int err = other ? my_exec(c, e, my_sql("ALTER DATABASE %I COLLATE %s", database, o->collation)) : 0;
	if (!err)
		err = dress(c, o, e);
	if (!err)
		err = send(c, o, drop_definer, e);
	struct error second;
	int back = undress(c, err ? &second : e);
	if (other && !back)
		back = my_exec(c, err ? &second : e, my_sql("ALTER DATABASE %I COLLATE %s", database, own));
	return err ? err : back;
}

struct making {
	MYSQL *c;
	const char *database, *own;       /* collation of the database */
	const struct my_objects *objects;
	bool drop_definers;
};

/* Views in any order: those that failed are tried again after others came. */
static int make_views(const struct making *m, struct strlist *broken, struct error *e)
{
	AUTO_FREE bool *done = mem_zero(m->objects->n + 1);
	for (bool some = true; some;) {
		int err = 0;
		size_t left = 0;
		some = false;
		for (size_t i = 0; i < m->objects->n; i++) {
			const struct my_object *o = &m->objects->v[i];
			struct error why = {0};
			if (o->kind != MY_VIEW || done[i])
				continue;
			int failed = with_collation(m->c, m->database, o, m->drop_definers, m->own, &why);
			done[i] = !failed;
			some = some || !failed;
			left += failed != 0;
			if (failed && !err) {
				*e = why;
				err = failed;
			}
		}
		if (!left)
			return 0;
		if (!some && !broken)
			return err;
	}
	for (size_t i = 0; i < m->objects->n; i++)
		if (m->objects->v[i].kind == MY_VIEW && !done[i])
			strlist_add(broken, m->objects->v[i].name);
	error_clear(e);
	return 0;
}

int my_objects_create(MYSQL *c, const char *database, const struct my_objects *o, bool drop_definers, struct strlist *broken,
	struct error *e)
{
	static const enum my_object_kind order[] = {MY_ROUTINE, MY_VIEW, MY_TRIGGER, MY_EVENT};
	AUTO_FREE char *own = NULL;
	if (!o->n)
		return 0;
	if (mysql_select_db(c, database) != 0)
		return my_error(c, e, "opening the database \"%s\"", database);
	int err = my_value(c, &own, e,
		my_sql("SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %L", database));
	const struct making m = {.c = c, .database = database, .own = own, .objects = o, .drop_definers = drop_definers};
	for (size_t k = 0; k < ARRAY_LEN(order) && !err; k++) {
		if (order[k] == MY_VIEW)
			err = make_views(&m, broken, e);
		for (size_t i = 0; i < o->n && !err && order[k] != MY_VIEW; i++)
			if (o->v[i].kind == order[k])
				err = with_collation(c, database, &o->v[i], drop_definers, own, e);
	}
	return err;
}

/* ---- keeping ---- */

int my_objects_save(MYSQL *c, const char *database, const char *table, const struct my_objects *o, struct error *e)
{
	int err = my_exec(c, e,
		my_sql("CREATE TABLE IF NOT EXISTS %I.%I (id int AUTO_INCREMENT PRIMARY KEY, kind int, type varchar(20), name varchar(64), "
		       "tbl varchar(64), text longblob, mode text, client varchar(64), connection varchar(64), collation_ varchar(64), "
		       "zone varchar(64), grants longtext) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", database, table));
	for (size_t i = 0; i < o->n && !err; i++) {
		const struct my_object *v = &o->v[i];
		size_t n = strlen(v->sql);
		AUTO_FREE char *hex = mem_alloc(2 * n + 1);
		hex_encode(v->sql, n, hex);
		err = my_exec(c, e,
			my_sql("INSERT INTO %I.%I (kind, type, name, tbl, text, mode, client, connection, collation_, zone, grants) "
			       "VALUES (%d, %L, %L, %L, UNHEX(%L), %L, %L, %L, %L, %L, %L)", database, table, (int)v->kind, v->type, v->name, v->table, hex,
				v->mode, v->client, v->connection, v->collation, v->zone, v->grants));
	}
	return err;
}

int my_objects_load(MYSQL *c, const char *database, const char *table, struct my_objects *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT kind, type, name, tbl, text, mode, client, connection, collation_, zone, grants FROM %I.%I ORDER BY id", database, table));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		struct my_object *o = add(out);
		char **fields[] = {&o->type, &o->name, &o->table, &o->sql, &o->mode, &o->client, &o->connection, &o->collation, &o->zone};
		o->kind = (enum my_object_kind)atoi(row[0]);
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			*fields[i] = mem_string(row[i + 1] ? row[i + 1] : "");
		o->grants = row[ARRAY_LEN(fields) + 1] ? mem_string(row[ARRAY_LEN(fields) + 1]) : NULL;
	}
	return err;
}

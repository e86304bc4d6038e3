/* Rows of a scratch database into tables that are there: those whose key the table lacks. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A table's columns that can be inserted, what each of them takes, and its primary key. */
struct shape {
	struct strlist columns, types, key;
	struct strlist needed;            /* of the columns those that must be given a value */
};

static void shape_release(struct shape *s)
{
	strlist_release(&s->columns);
	strlist_release(&s->types);
	strlist_release(&s->key);
	strlist_release(&s->needed);
}

static int add_names(MYSQL *c, struct strlist *out, struct error *e, char *sql)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e, sql);
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		strlist_add(out, row[0]);
	return err;
}

static int find_shape(MYSQL *c, const char *database, const char *table, struct shape *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT COLUMN_NAME, CONCAT(COLUMN_TYPE, IF(CHARACTER_SET_NAME IS NULL, '', CONCAT(' CHARACTER SET ', CHARACTER_SET_NAME))), "
		       "IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL AND EXTRA NOT LIKE '%%auto_increment%%' FROM information_schema.COLUMNS "
		       "WHERE TABLE_SCHEMA = %L AND TABLE_NAME = %L AND NOT "
		       "(EXTRA LIKE '%%VIRTUAL GENERATED%%' OR EXTRA LIKE '%%STORED GENERATED%%') ORDER BY ORDINAL_POSITION", database, table));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		strlist_add(&out->columns, row[0]);
		strlist_add(&out->types, row[1]);
		if (row[2] && *row[2] == '1')
			strlist_add(&out->needed, row[0]);
	}
	if (!err)
		err = add_names(c, &out->key, e,
			my_sql("SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %L AND TABLE_NAME = %L AND "
			       "INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX", database, table));
	return err;
}

/* The place of a name, plus one; 0: it is not there. */
static size_t find_name(const struct strlist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->v[i], name) == 0)
			return i + 1;
	return 0;
}

/* A value that does not fit would be cut short, and one that nobody has made up, without a word. */
static int compare_shapes(const struct shape *stored, const struct shape *live, struct error *e)
{
	for (size_t i = 0; i < stored->columns.n; i++) {
		const char *name = stored->columns.v[i], *type = stored->types.v[i];
		size_t at = find_name(&live->columns, name);
		if (!at)
			return error_set(e, ERR_MISMATCH, "the live table has no column \"%s\"", name);
		if (strcmp(live->types.v[at - 1], type) != 0)
			return error_set(e, ERR_MISMATCH, "its column \"%s\" is %s, and %s in the backup", name, live->types.v[at - 1], type);
	}
	for (size_t i = 0; i < live->needed.n; i++)
		if (!find_name(&stored->columns, live->needed.v[i]))
			return error_set(e, ERR_MISMATCH, "it needs a value for the column \"%s\", which the backup does not have", live->needed.v[i]);
	bool same = stored->key.n == live->key.n;
	for (size_t i = 0; same && i < live->key.n; i++)
		same = strcasecmp(stored->key.v[i], live->key.v[i]) == 0;
	return same ? 0 : error_set(e, ERR_MISMATCH, "the live table has another primary key");
}

static int has_rows(MYSQL *c, const char *database, const char *table, bool *some, struct error *e)
{
	AUTO_FREE char *one = NULL;
	int err = my_value(c, &one, e, my_sql("SELECT 1 FROM %I.%I LIMIT 1", database, table));
	*some = one != NULL;
	return err;
}

static int insert(MYSQL *c, const char *live, const char *scratch, const char *table, const struct shape *s, uint64_t *rows,
	struct error *e)
{
	CLEANUP(buf_release) struct buf same = BUF_INIT;
	AUTO_FREE char *names = my_names(&s->columns);
	for (size_t i = 0; i < s->key.n; i++) {
		AUTO_FREE char *one = my_sql("m.%I = s.%I", s->key.v[i], s->key.v[i]);
		buf_printf(&same, "%s%s", i ? " AND " : "", one);
	}
	AUTO_FREE char *where = s->key.n ? my_sql(" WHERE NOT EXISTS (SELECT 1 FROM %I.%I m WHERE %s)", live, table, buf_text(&same))
					 : mem_string("");
	AUTO_FREE char *sql = my_sql("INSERT INTO %I.%I (%s) SELECT %s FROM %I.%I s%s", live, table, names, names, scratch, table, where);
	if (mysql_real_query(c, sql, strlen(sql)) != 0)
		return my_error(c, e, "adding rows");
	*rows = mysql_affected_rows(c);
	return 0;
}

static int fill_table(MYSQL *c, const char *live, const char *scratch, const char *table, struct restore_result *out, struct error *e)
{
	CLEANUP(shape_release) struct shape stored = {0}, there = {0};
	uint64_t rows = 0;
	bool some = false;
	int err = find_shape(c, scratch, table, &stored, e);
	if (!err)
		err = find_shape(c, live, table, &there, e);
	if (!err)
		err = compare_shapes(&stored, &there, e);
	if (!err && !stored.key.n)
		err = has_rows(c, live, table, &some, e);
	if (err)
		return err;
	out->tables++;
	if (some) {
		/* Without a key nobody can say which of its rows are missing. */
		strlist_addf(&out->notes, "table \"%s\" has rows and no primary key: it is left as it is", table);
		return 0;
	}
	err = insert(c, live, scratch, table, &stored, &rows, e);
	out->rows += rows;
	return err;
}

/* Those whose engine has transactions, or the others. */
static int choose(MYSQL *c, const char *live, const struct strlist *tables, bool transactions, struct strlist *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	int err = add_names(c, &all, e,
		my_sql("SELECT t.TABLE_NAME FROM information_schema.TABLES t JOIN information_schema.ENGINES n ON n.ENGINE = t.ENGINE "
		       "WHERE t.TABLE_SCHEMA = %L AND (n.TRANSACTIONS = 'YES') = %d", live, (int)transactions));
	for (size_t i = 0; i < tables->n && !err; i++)
		if (strlist_has(&all, tables->v[i]))
			strlist_add(out, tables->v[i]);
	return err;
}

static int fill_tables(MYSQL *c, const char *live, const char *scratch, const struct strlist *tables, struct restore_result *out,
	struct progress *p, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < tables->n && !err; i++) {
		err = progress_check(p, e);
		if (!err)
			err = fill_table(c, live, scratch, tables->v[i], out, e);
		if (err)
			error_wrap(e, "table \"%s\"", tables->v[i]);
		progress_items(p, 1);
	}
	return err;
}

/* Numbers go on where the backup was, if that is further. */
static int set_auto_increment(MYSQL *c, const char *live, const char *scratch, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT l.TABLE_NAME, s.AUTO_INCREMENT FROM information_schema.TABLES l JOIN information_schema.TABLES s "
		       "ON s.TABLE_NAME = l.TABLE_NAME WHERE l.TABLE_SCHEMA = %L AND s.TABLE_SCHEMA = %L AND s.AUTO_INCREMENT > l.AUTO_INCREMENT",
			live, scratch));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		err = my_exec(c, e, my_sql("ALTER TABLE %I.%I AUTO_INCREMENT = %s", live, row[0], row[1]));
	return err;
}

/* Not while a transaction is ended: that must not be interrupted. */
static int fill_guarded(const struct my_place *place, MYSQL *c, const char *live, const char *scratch, const struct strlist *tables,
	struct restore_result *out, struct progress *p, struct error *e)
{
	struct my_guard guard;
	int err = my_guard_start(&guard, place, c, p, e);
	return err ? err : my_guard_end(&guard, fill_tables(c, live, scratch, tables, out, p, e), e);
}

int my_fill_in(const struct my_place *place, MYSQL *c, const char *live, const char *scratch, const struct strlist *tables,
	struct restore_result *out, struct progress *p, struct error *e)
{
	CLEANUP(strlist_release) struct strlist first = {0}, rest = {0};
	int err = choose(c, live, tables, true, &first, e);
	if (!err)
		err = choose(c, live, tables, false, &rest, e);
	if (!err)
		err = my_exec(c, e, my_sql("SET foreign_key_checks = 0"));
	if (!err)
		err = my_exec(c, e, my_sql("START TRANSACTION"));
	if (err)
		return err;
	progress_phase(p, "writing", "tables", 0, tables->n);
	err = fill_guarded(place, c, live, scratch, &first, out, p, e);
	if (!err)
		err = my_keys_check(c, live, &first, e);
	struct error ignored = {0};
	int end = my_exec(c, err ? &ignored : e, my_sql(err ? "ROLLBACK" : "COMMIT"));
	if (err || end)
		return err ? err : end;
	err = fill_guarded(place, c, live, scratch, &rest, out, p, e);
	if (err)
		return error_wrap(e, "rows were added to other tables already");
	return set_auto_increment(c, live, scratch, e);
}

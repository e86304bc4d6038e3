/* The tables of a live database as rows: the state of one transaction that only reads. */
#include "engine/my_rows.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Locks on definitions that reading took are let go, as dumps do it: ALTER TABLE need not wait for us. */
static int let_go(struct my_live *l, struct error *e)
{
	return my_exec(l->c, e, mem_string("ROLLBACK TO SAVEPOINT backstay"));
}

static int live_scan(struct rows_db *d, const struct rows_table *t, enum rows_order order, struct rows_cursor **out,
		     struct error *e)
{
	struct my_live *l = (struct my_live *)d;
	CLEANUP(buf_release) struct buf sql = BUF_INIT;

	if (order == ROWS_BY_KEY)
		return rows_loaded_scan(l->loaded, t, out, e);
	int rc = my_live_free_connection(l, e);

	if (!rc)
		rc = let_go(l, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < t->column_count; i++) {
		AUTO_FREE char *name = my_sql("%I", t->columns[i].name);
		buf_printf(&sql, "%s%s", i ? ", " : "SELECT /*!40001 SQL_NO_CACHE */ ", name);
	}
	AUTO_FREE char *name = my_sql("%I", t->name);
	buf_printf(&sql, " FROM %s", name);
	return my_live_open(l, buf_text(&sql), t, out, e);
}

static int live_count(struct rows_db *d, const struct rows_table *t, uint64_t *n, struct error *e)
{
	struct my_live *l = (struct my_live *)d;
	AUTO_FREE char *text = NULL;
	int rc = my_live_free_connection(l, e);

	if (!rc)
		rc = my_value(l->c, &text, e, my_sql("SELECT count(*) FROM %I", t->name));
	*n = strtoull(text ? text : "0", NULL, 10);
	return rc ? error_wrap(e, "table \"%s\"", t->name) : 0;
}

/* ---- asking ---- */

static const char *skip_blanks(const char *p)
{
	for (;;) {
		p += strspn(p, " \t\r\n(");
		if (strncmp(p, "/*", 2) == 0 && p[2] != '!' && strncmp(p + 2, "M!", 2) != 0) {
			const char *end = strstr(p + 2, "*/");
			p = end ? end + 2 : p + strlen(p);
		} else if (*p == '#' || (strncmp(p, "--", 2) == 0 && strchr(" \t\r\n", p[2]))) {
			p += strcspn(p, "\n");
		} else {
			return p;
		}
	}
}

static bool begins_with(const char *p, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(p, word, n) == 0 && (!p[n] || strchr(" \t\r\n(/*#-`'\"", p[n]));
}

/* The transaction refuses what would write to tables, but not SELECT ... INTO OUTFILE, nor its own end. */
static int check_statement(const char *sql, struct error *e)
{
	static const char *const reads[] = {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "VALUES", "TABLE"};
	const char *p = skip_blanks(sql);
	bool ok = false;

	for (size_t i = 0; i < ARRAY_LEN(reads); i++)
		ok = ok || begins_with(p, reads[i]);
	if (ok && !strcasestr(sql, "OUTFILE") && !strcasestr(sql, "DUMPFILE"))
		return 0;
	error_set(e, ERR_USAGE, "only statements that read can be run here");
	return error_hint(e, "SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE or EXPLAIN, without OUTFILE and DUMPFILE");
}

static int live_query(struct rows_db *d, const char *sql, struct rows_cursor **out, struct error *e)
{
	struct my_live *l = (struct my_live *)d;
	int rc = check_statement(sql, e);

	if (!rc)
		rc = my_live_open(l, sql, NULL, out, e);
	if (rc == -ERR_CHILD || rc == -ERR_NOT_FOUND) {
		e->kind = ERR_USAGE;
		rc = -ERR_USAGE;
	}
	return rc;
}

/* ---- opening ---- */

static void live_close(struct rows_db *d)
{
	struct my_live *l = (struct my_live *)d;

	rows_loaded_free(l->loaded);
	my_rows_free_tables(d);
	my_disconnect(&l->c);
	my_place_release(&l->place);
	strlist_release(&d->after);
	free(l);
}

/* The statement that its dump has, too. */
static int add_table(struct my_live *l, const char *name, size_t *cap, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	struct rows_db *d = &l->rows;
	struct rows_table t = {0};
	int rc = my_query(l->c, &r, e, my_sql("SHOW CREATE TABLE %I", name));
	MYSQL_ROW row = rc ? NULL : mysql_fetch_row(r);

	if (rc)
		return rc;
	if (!row || mysql_num_fields(r) < 2 || !row[1])
		return error_set(e, ERR_CHILD, "the server tells nothing about it");
	rc = sqldump_table_parse(row[1], &t, e);
	if (rc)
		return rc;
	my_rows_complete(&t, name);
	GROW(d->tables, d->table_count, *cap);
	d->tables[d->table_count++] = t;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct rows_table *)a)->name, ((const struct rows_table *)b)->name);
}

static int add_tables(struct my_live *l, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *names = NULL;
	size_t cap = 0;
	MYSQL_ROW row;
	int rc = my_query(l->c, &names, e,
			  mem_string("SHOW FULL TABLES WHERE Table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"));

	while (!rc && (row = mysql_fetch_row(names)))
		if ((rc = add_table(l, row[0], &cap, e)))
			error_wrap(e, "table \"%s\"", row[0]);
	if (l->rows.table_count)
		qsort(l->rows.tables, l->rows.table_count, sizeof *l->rows.tables, by_name);
	return rc;
}

static int begin(struct my_live *l, struct error *e)
{
	static const char *const statements[] = {
		"SET SESSION sql_mode = '', SESSION sql_quote_show_create = 1",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT",
		"SAVEPOINT backstay",
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(statements); i++)
		rc = my_exec(l->c, e, mem_string(statements[i]));
	return rc;
}

int my_rows_live(const struct source_url *u, struct rows_db **out, struct error *e)
{
	struct my_live *l = mem_zero(sizeof *l);

	l->rows = (struct rows_db){.dialect = "mysql", .scan = live_scan, .count = live_count, .query = live_query,
				   .close = live_close};
	int rc = my_place_of(u, &l->place, e);

	if (!rc)
		rc = my_connect(&l->place, NULL, &l->c, e);
	if (!rc)
		rc = begin(l, e);
	if (!rc)
		rc = add_tables(l, e);
	if (!rc)
		rc = let_go(l, e);
	if (rc) {
		live_close(&l->rows);
		return rc;
	}
	l->mariadb = my_is_mariadb(l->c);
	l->loaded = rows_loaded_new(&l->rows);
	*out = &l->rows;
	return 0;
}

/* A database as SQL text. */
#include "engine/rows_sql.h"

#include "base/mem.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MAX 1000000000 /* SQLITE_MAX_SQL_LENGTH as everyone builds it */

struct dump {
	struct rows_db *d;
	const struct rows_table **tables;
	size_t table_count;
	bool whole; /* all tables: then also what belongs to no table */
	struct progress *p;
	struct rows_out out;
};

/* The table whose rows are being written. */
struct insert {
	struct rows_out *out;
	const struct rows_table *table;
	size_t extra; /* values in front of the columns': 1 with the row id */
	char *into;   /* INSERT INTO "t"(...) VALUES( */
};

static bool has_generated(const struct rows_table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].generated)
			return true;
	return false;
}

static void add_name(struct buf *b, const char *before, const char *name)
{
	char *text = sqlite3_mprintf("%s\"%w\"", before, name);

	buf_add_str(b, text);
	sqlite3_free(text);
}

/* "before" in front of the first column that can be inserted, a comma in front of each other. */
static void add_columns(struct buf *b, const char *before, const struct rows_table *t)
{
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i].generated)
			continue;
		add_name(b, before, t->columns[i].name);
		before = ",";
	}
}

/* Columns are named only where the values are not simply all of them. */
static char *insert_into(const struct rows_table *t, bool with_id)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	add_name(&b, "INSERT INTO ", t->name);
	if (with_id)
		buf_add_str(&b, "(rowid");
	if (with_id || has_generated(t)) {
		add_columns(&b, with_id ? "," : "(", t);
		buf_add_str(&b, ")");
	}
	buf_add_str(&b, " VALUES(");
	return buf_take_text(&b);
}

static int write_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct insert *in = ctx;
	const char *separator = in->into;
	uint64_t before = in->out->taken;

	for (size_t i = 0; i < n; i++) {
		if (i >= in->extra && in->table->columns[i - in->extra].generated)
			continue;
		rows_out_str(in->out, separator);
		rows_sql_text_value(in->out, &values[i]);
		separator = ",";
	}
	rows_out_str(in->out, ");\n");
	if (in->out->taken - before > STATEMENT_MAX)
		return error_set(e, ERR_LIMIT, "table \"%s\" has a row too large for SQL text (1,000,000,000 bytes)",
				 in->table->name);
	return in->out->failed;
}

static int write_plain_rows(struct dump *s, const struct rows_table *t)
{
	AUTO_FREE char *into = insert_into(t, false);
	struct insert in = {.out = &s->out, .table = t, .into = into};

	return rows_each_of(s->d, t, s->p, write_row, &in, s->out.e);
}

/* Run a query made as by sqlite3_mprintf() and hand its rows to fn. */
static int each_of_query(struct dump *s, struct progress *p, rows_fn fn, void *ctx, char *sql)
{
	CLEANUP(rows_cursor_drop) struct rows_cursor *c = NULL;
	int rc = s->d->query(s->d, sql, &c, s->out.e);

	sqlite3_free(sql);
	return rc < 0 ? rc : rows_each(c, p, fn, ctx, s->out.e);
}

static int write_rows_with_id(struct dump *s, const struct rows_table *t)
{
	AUTO_FREE char *into = insert_into(t, true);
	struct insert in = {.out = &s->out, .table = t, .extra = 1, .into = into};
	CLEANUP(buf_release) struct buf columns = BUF_INIT;

	add_columns(&columns, ",", t);
	return each_of_query(s, s->p, write_row, &in,
			     sqlite3_mprintf("SELECT rowid%s FROM main.\"%w\"", buf_text(&columns), t->name));
}

/* A comment is a line: what the name holds must not end it. */
static void write_left_out(struct rows_out *o, const char *name, const char *module)
{
	rows_out_str(o, "-- left out: virtual table ");
	for (; *name; name++)
		rows_out_bytes(o, (unsigned char)*name < 0x20 ? "?" : name, 1);
	rows_out_str(o, " (");
	for (; *module; module++)
		rows_out_bytes(o, (unsigned char)*module < 0x20 ? "?" : module, 1);
	rows_out_str(o, "), whose content SQL cannot express\n");
}

/* How this dump can write t. Without the table that t indexes there is nothing to build it from. */
static enum rows_sql_virtual way_of(const struct dump *s, const struct rows_table *t, char **module)
{
	enum rows_sql_virtual way = rows_sql_virtual(t->sql, module);

	return way == VIRTUAL_REBUILD && !s->whole ? VIRTUAL_NEVER : way;
}

static int write_virtual(struct dump *s, const struct rows_table *t)
{
	AUTO_FREE char *module = NULL;

	switch (way_of(s, t, &module)) {
	case VIRTUAL_ROWS:
		rows_sql_text_statement(&s->out, t->sql);
		return write_plain_rows(s, t);
	case VIRTUAL_ROWS_WITH_ID:
		rows_sql_text_statement(&s->out, t->sql);
		return write_rows_with_id(s, t);
	case VIRTUAL_REBUILD:
		return 0; /* write_rebuilds() */
	case VIRTUAL_NEVER:
		write_left_out(&s->out, t->name, module);
	}
	return 0;
}

static int write_tables(struct dump *s)
{
	int rc = 0;

	for (size_t i = 0; i < s->table_count && rc == 0; i++) {
		const struct rows_table *t = s->tables[i];

		if (!t->sql)
			return error_set(s->out.e, ERR_INTERNAL, "table \"%s\" has no statement that creates it",
					 t->name);
		if (rows_sql_virtual_is(t->sql)) {
			rc = write_virtual(s, t);
			continue;
		}
		rows_sql_text_statement(&s->out, t->sql);
		rc = write_plain_rows(s, t);
	}
	return rc;
}

/* A virtual table whose module is not here is not among d's tables, but must not go unsaid. */
static int note_unknown(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct dump *s = ctx;
	AUTO_FREE char *name = mem_string_n(values[0].p, values[0].n);
	AUTO_FREE char *sql = mem_string_n(values[1].p, values[1].n);
	AUTO_FREE char *module = NULL;

	for (size_t i = 0; i < s->d->table_count; i++)
		if (strcmp(s->d->tables[i].name, name) == 0)
			return 0;
	rows_sql_virtual(sql, &module);
	write_left_out(&s->out, name, module);
	return s->out.failed;
}

static int write_statement(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct dump *s = ctx;
	AUTO_FREE char *sql = mem_string_n(values[0].p, values[0].n);

	rows_sql_text_statement(&s->out, sql);
	return s->out.failed;
}

static int note_presence(const struct value *values, size_t n, void *ctx, struct error *e)
{
	*(bool *)ctx = true;
	return 0;
}

static int write_counter(struct dump *s, const struct rows_table *t)
{
	bool counters = false;
	int rc = each_of_query(s, NULL, note_presence, &counters,
			       sqlite3_mprintf("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'"));

	if (rc < 0 || !counters)
		return rc;
	return each_of_query(
		s, NULL, write_statement, s,
		sqlite3_mprintf(
			"SELECT 'DELETE FROM sqlite_sequence WHERE name = ' || quote(name) FROM main.sqlite_sequence "
			"WHERE name = %Q UNION ALL SELECT 'INSERT INTO sqlite_sequence(name, seq) VALUES (' || "
			"quote(name) || ', ' "
			"|| quote(seq) || ')' FROM main.sqlite_sequence WHERE name = %Q",
			t->name, t->name));
}

/* The counter, indexes and triggers of one table. */
static int write_belongings(struct dump *s, const struct rows_table *t)
{
	int rc = write_counter(s, t);

	return rc < 0 ? rc
		      : each_of_query(s, NULL, write_statement, s,
				      sqlite3_mprintf("SELECT sql FROM main.sqlite_schema WHERE type IN ('index', "
						      "'trigger') AND sql IS NOT NULL "
						      "AND tbl_name = %Q COLLATE NOCASE ORDER BY rowid",
						      t->name));
}

static int write_after(struct dump *s)
{
	int rc = 0;

	for (size_t i = 0; s->whole && i < s->d->after.n; i++)
		rows_sql_text_statement(&s->out, s->d->after.v[i]);
	for (size_t i = 0; !s->whole && i < s->table_count && rc == 0; i++)
		rc = write_belongings(s, s->tables[i]);
	return rc;
}

/* Tables that index another: made last, for what they index may be a view. */
static void write_rebuilds(struct dump *s)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct rows_table *t = s->tables[i];
		AUTO_FREE char *module = NULL;

		if (!rows_sql_virtual_is(t->sql) || way_of(s, t, &module) != VIRTUAL_REBUILD)
			continue;
		rows_sql_text_statement(&s->out, t->sql);
		rows_out_str(&s->out, "INSERT INTO ");
		rows_sql_text_name(&s->out, t->name);
		rows_out_str(&s->out, "(");
		rows_sql_text_name(&s->out, t->name);
		rows_out_str(&s->out, ") VALUES('rebuild');\n");
	}
}

static int write_sqlite(struct dump *s)
{
	int rc;

	/* Rows may break rules that were added after them: neither foreign keys nor CHECK stand in their way. */
	rows_out_str(&s->out, "PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nBEGIN TRANSACTION;\n");
	if ((rc = write_tables(s)) < 0)
		return rc;
	if (s->whole &&
	    (rc = each_of_query(s, NULL, note_unknown, s,
				sqlite3_mprintf("SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' "
						"AND sql LIKE 'CREATE VIRTUAL TABLE %%' ORDER BY name"))) < 0)
		return rc;
	if ((rc = write_after(s)) < 0)
		return rc;
	write_rebuilds(s);
	rows_out_str(&s->out, "COMMIT;\nPRAGMA ignore_check_constraints=OFF;\n");
	return rows_out_done(&s->out);
}

int rows_sql(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p, struct error *e)
{
	AUTO_FREE const struct rows_table **tables = NULL;
	struct dump s = {.d = d, .whole = !only || only->n == 0, .p = p, .out = ROWS_OUT_INIT(out, e)};
	int rc;

	if (strcmp(d->dialect, "sqlite") != 0)
		return error_set(e, ERR_MISMATCH, "there is no SQL text for a database of the kind \"%s\"", d->dialect);
	if ((rc = rows_choose(d, only, &tables, &s.table_count, e)) < 0)
		return rc;
	s.tables = tables;
	progress_phase(p, "writing", "rows", 0, 0);
	rc = write_sqlite(&s);
	rows_out_release(&s.out);
	return rc;
}

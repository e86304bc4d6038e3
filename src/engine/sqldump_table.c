/* CREATE TABLE as columns, the way SHOW CREATE TABLE writes it. */
#include "engine/sqldump_parts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COLUMNS_MAX 16384 /* MySQL and MariaDB allow 4096 */
#define KEY_MAX 64        /* parts of a key; they allow 32 */

void sqldump_table_release(struct rows_table *t)
{
	for (size_t i = 0; i < t->column_count; i++) {
		free(t->columns[i].name);
		free(t->columns[i].type);
	}
	free(t->columns);
	free(t->schema);
	free(t->name);
	free(t->sql);
	*t = (struct rows_table){0};
}

struct parse {
	struct sqldump_reader r;
	struct sqldump_token t; /* the next one */
	struct rows_table *table;
	size_t cap;
};

static void step(struct parse *p)
{
	p->t = sqldump_token_next(&p->r);
}

static bool at(const struct parse *p, const char *word)
{
	return sqldump_token_is(&p->t, word);
}

static bool accept(struct parse *p, const char *word)
{
	bool yes = at(p, word);
	if (yes)
		step(p);
	return yes;
}

/* From "(" to behind its ")". */
static void skip_parentheses(struct parse *p)
{
	size_t depth = 0;
	do {
		depth += at(p, "(");
		depth -= at(p, ")");
		step(p);
	} while (depth > 0 && p->t.kind != TOKEN_END);
}

static bool at_end_of_definition(const struct parse *p)
{
	return at(p, ",") || at(p, ")") || p->t.kind == TOKEN_END;
}

static void skip_definition(struct parse *p)
{
	while (!at_end_of_definition(p)) {
		if (at(p, "("))
			skip_parentheses(p);
		else
			step(p);
	}
}

/* "varchar(20)", "int(10) unsigned", "enum('a','b')". */
static char *read_type(struct parse *p)
{
	static const char *const more[] = {"unsigned", "zerofill", "signed", "precision", "varying"};
	CLEANUP(buf_release) struct buf type = BUF_INIT;
	if (p->t.kind != TOKEN_WORD)
		return mem_string("");
	buf_add(&type, p->t.p, p->t.n);
	step(p);
	if (at(p, "(")) {
		const char *from = p->t.p, *to = from;
		while (p->t.kind != TOKEN_END && !at(p, ")"))
			step(p);
		to = p->t.p + p->t.n;
		step(p);
		buf_add(&type, from, (size_t)(to - from));
	}
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		if (!at(p, more[i]))
			continue;
		buf_printf(&type, " %s", more[i]);
		step(p);
		i = (size_t)-1;
	}
	return buf_take_text(&type);
}

static int read_column(struct parse *p, struct error *e)
{
	struct rows_table *t = p->table;
	if (t->column_count == COLUMNS_MAX)
		return error_set(e, ERR_CORRUPT, "table %s has more than %d columns", t->name, COLUMNS_MAX);
	GROW(t->columns, t->column_count, p->cap);
	struct rows_column *c = &t->columns[t->column_count++];
	*c = (struct rows_column){.name = sqldump_token_name(&p->t)};
	step(p);
	c->type = read_type(p);
	while (!at_end_of_definition(p)) {
		if (at(p, "(")) {
			skip_parentheses(p);
			continue;
		}
		c->generated |= at(p, "GENERATED") || at(p, "AS");
		bool primary = at(p, "PRIMARY");
		step(p);
		if (primary && at(p, "KEY"))
			c->key = 1;
	}
	return 0;
}

static struct rows_column *find_column(struct rows_table *t, const struct sqldump_token *name)
{
	AUTO_FREE char *text = sqldump_token_name(name);
	for (size_t i = 0; i < t->column_count; i++)
		if (strcasecmp(t->columns[i].name, text) == 0)
			return &t->columns[i];
	return NULL;
}

/* PRIMARY KEY [USING BTREE] (`a`,`b`(10) DESC) */
static void read_primary(struct parse *p)
{
	while (!at_end_of_definition(p) && !at(p, "("))
		step(p);
	if (!accept(p, "("))
		return;
	for (int key = 1; key <= KEY_MAX && !at(p, ")") && p->t.kind != TOKEN_END; key++) {
		struct rows_column *c = find_column(p->table, &p->t);
		if (c)
			c->key = key;
		step(p);
		skip_definition(p);
		accept(p, ",");
	}
	accept(p, ")");
}

static int read_definition(struct parse *p, struct error *e)
{
	static const char *const others[] = {"UNIQUE",  "KEY",   "INDEX",  "FULLTEXT", "SPATIAL",
					     "FOREIGN", "CHECK", "PERIOD", "LIKE",     "SELECT"};
	if (accept(p, "CONSTRAINT") && !at(p, "PRIMARY") && !at(p, "UNIQUE") && !at(p, "FOREIGN") && !at(p, "CHECK"))
		step(p);
	if (accept(p, "PRIMARY")) {
		read_primary(p);
		skip_definition(p);
		return 0;
	}
	bool column = p->t.kind == TOKEN_NAME || p->t.kind == TOKEN_WORD;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		column = column && !at(p, others[i]);
	if (column)
		return read_column(p, e);
	skip_definition(p);
	return 0;
}

static bool read_head(struct parse *p)
{
	bool qualified;
	if (!accept(p, "CREATE"))
		return false;
	for (int i = 0; i < 4 && !at(p, "TABLE"); i++)
		step(p);
	if (!at(p, "TABLE"))
		return false;
	struct sqldump_reader ahead = p->r;
	struct sqldump_token t = sqldump_token_next(&ahead);
	for (int i = 0; i < 3 && sqldump_token_is(&t, i == 0 ? "IF" : i == 1 ? "NOT" : "EXISTS"); i++) {
		p->r = ahead;
		t = sqldump_token_next(&ahead);
	}
	p->table->name = sqldump_read_name(&p->r, &qualified);
	step(p);
	return p->table->name && accept(p, "(");
}

static int parse(struct parse *p, struct error *e)
{
	int err = 0;
	if (!read_head(p))
		return error_set(e, ERR_CORRUPT, "not a CREATE TABLE with a list of columns");
	do
		err = read_definition(p, e);
	while (!err && accept(p, ","));
	if (!err && (!at(p, ")") || p->table->column_count == 0))
		err = error_set(e, ERR_CORRUPT, "the columns of table %s cannot be told", p->table->name);
	return err;
}

int sqldump_table_parse(const char *sql, struct rows_table *out, struct error *e)
{
	*out = (struct rows_table){0};
	if (!sql)
		return error_set(e, ERR_CORRUPT, "not a CREATE TABLE with a list of columns");
	struct parse p = {.r = {.p = sql, .end = sql + strlen(sql)}, .table = out};
	step(&p);
	int err = parse(&p, e);
	if (err)
		sqldump_table_release(out);
	else
		out->sql = mem_string(sql);
	return err;
}

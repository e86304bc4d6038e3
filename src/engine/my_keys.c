/* Foreign keys. A table that changes its database takes the keys that point to it along, which is right for those that
 * move with it and wrong for all others. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct key {
	char *schema, *table, *name;
	char *parent_schema, *parent;
	struct strlist columns, parents;
	char *on_update, *on_delete;
};

struct keys {
	struct key *v;
	size_t n, cap;
};

static void keys_release(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		struct key *v = &k->v[i];
		char *all[] = {v->schema, v->table, v->name, v->parent_schema, v->parent, v->on_update, v->on_delete};
		for (size_t j = 0; j < ARRAY_LEN(all); j++)
			free(all[j]);
		strlist_release(&v->columns);
		strlist_release(&v->parents);
	}
	free(k->v);
}

static struct key *key_of(struct keys *k, MYSQL_ROW row)
{
	struct key *last = k->n ? &k->v[k->n - 1] : NULL;
	if (last && strcmp(last->schema, row[0]) == 0 && strcmp(last->table, row[1]) == 0 && strcmp(last->name, row[2]) == 0)
		return last;
	GROW(k->v, k->n, k->cap);
	k->v[k->n] = (struct key){.schema = mem_string(row[0]), .table = mem_string(row[1]), .name = mem_string(row[2]),
		.parent_schema = mem_string(row[3]), .parent = mem_string(row[4]), .on_update = mem_string(row[7]), .on_delete = mem_string(row[8])};
	return &k->v[k->n++];
}

/* Those `where` selects; k is the column, r the constraint. The text is heap and freed here. */
static int list_keys(MYSQL *c, struct keys *out, struct error *e, char *where)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	AUTO_FREE char *own = where;
	int err = my_query(c, &rows, e,
		my_sql("SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, "
		       "k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE "
		       "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
		       "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME "
		       "WHERE %s ORDER BY 1, 2, 3, k.ORDINAL_POSITION", own));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		struct key *k = key_of(out, row);
		strlist_add(&k->columns, row[5]);
		strlist_add(&k->parents, row[6]);
	}
	return err ? error_wrap(e, "looking at the foreign keys") : 0;
}

/* What follows the columns, " ON DELETE CASCADE" say, as it was written: the information schema tells no action from none
 * at all. Heap; NULL when it is not found. */
static char *find_rules(MYSQL *c, const struct key *k, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	AUTO_FREE char *begin = my_sql("\n  CONSTRAINT %I FOREIGN KEY ", k->name);
	if (my_query(c, &rows, e, my_sql("SHOW CREATE TABLE %I.%I", k->schema, k->table)))
		return NULL;
	MYSQL_ROW row = mysql_fetch_row(rows);
	const char *line = row && row[1] ? strstr(row[1], begin) : NULL;
	size_t n = line ? strcspn(line + 1, "\n") : 0;
	while (line && n && line[n] != ')')
		n--;
	return n ? mem_string_n(line + 1 + n, strcspn(line + 1 + n, ",\n")) : NULL;
}

static int turn(MYSQL *c, const struct key *k, const char *live, struct error *e)
{
	AUTO_FREE char *columns = my_names(&k->columns), *parents = my_names(&k->parents), *rules = find_rules(c, k, e);
	if (!rules)
		rules = mem_printf(" ON UPDATE %s ON DELETE %s", k->on_update, k->on_delete);
	int err = my_exec(c, e, my_sql("ALTER TABLE %I.%I DROP FOREIGN KEY %I", k->schema, k->table, k->name));
	if (!err)
		err = my_exec(c, e,
			my_sql("ALTER TABLE %I.%I ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %I.%I (%s)%s", k->schema,
				k->table, k->name, columns, live, k->parent, parents, rules));
	return err ? error_wrap(e, "foreign key \"%s\" of table \"%s\"", k->name, k->table) : 0;
}

int my_keys_turn(MYSQL *c, const char *live, const char *scratch, const char *kept, struct error *e)
{
	CLEANUP(keys_release) struct keys keys = {0};
	int err = list_keys(c, &keys, e,
		my_sql("k.REFERENCED_TABLE_SCHEMA IN (%L, %L) AND k.TABLE_SCHEMA NOT IN (%L, %L)", scratch, kept ? kept : scratch, scratch,
			kept ? kept : scratch));
	if (!err)
		err = my_exec(c, e, my_sql("SET foreign_key_checks = 0"));
	for (size_t i = 0; i < keys.n && !err; i++)
		err = turn(c, &keys.v[i], live, e);
	return err;
}

int my_keys_untie(MYSQL *c, const char *kept, struct error *e)
{
	CLEANUP(keys_release) struct keys keys = {0};
	int err = list_keys(c, &keys, e, my_sql("k.TABLE_SCHEMA = %L AND k.REFERENCED_TABLE_SCHEMA <> %L", kept, kept));
	for (size_t i = 0; i < keys.n && !err; i++)
		err = my_exec(c, e, my_sql("ALTER TABLE %I.%I DROP FOREIGN KEY %I", kept, keys.v[i].table, keys.v[i].name));
	return err ? error_wrap(e, "the restore is done, but foreign keys of the database %s, which keeps what was replaced, still bind rows", kept) : 0;
}

/* How many rows of the child refer to none of `schema`.parent. */
static int count_lost(MYSQL *c, const struct key *k, const char *schema, unsigned long long *lost, struct error *e)
{
	CLEANUP(buf_release) struct buf same = BUF_INIT, some = BUF_INIT;
	AUTO_FREE char *count = NULL;
	for (size_t i = 0; i < k->columns.n; i++) {
		AUTO_FREE char *one = my_sql("p.%I = c.%I", k->parents.v[i], k->columns.v[i]), *two = my_sql("c.%I IS NOT NULL", k->columns.v[i]);
		buf_printf(&same, "%s%s", i ? " AND " : "", one);
		buf_printf(&some, "%s%s", i ? " AND " : "", two);
	}
	int err = my_value(c, &count, e,
		my_sql("SELECT count(*) FROM %I.%I c WHERE %s AND NOT EXISTS (SELECT 1 FROM %I.%I p WHERE %s)", k->schema, k->table, buf_text(&some),
			schema, k->parent, buf_text(&same)));
	*lost = count ? strtoull(count, NULL, 10) : 0;
	return err;
}

static int check_key(MYSQL *c, const struct key *k, const char *schema, const char *live, bool stays, struct error *e)
{
	unsigned long long lost = 0;
	AUTO_FREE char *child = strcmp(k->schema, live) == 0 ? mem_string(k->table) : mem_printf("%s.%s", k->schema, k->table);
	if (!stays) {
		error_set(e, ERR_VERIFY, "table \"%s\" refers to \"%s\" (constraint \"%s\"), which would be gone", child, k->parent, k->name);
		return error_hint(e, "drop that constraint first, or restore to another database");
	}
	int err = count_lost(c, k, schema, &lost, e);
	if (err)
		return error_wrap(e, "checking the constraint \"%s\" of table \"%s\"", k->name, child);
	if (!lost)
		return 0;
	error_set(e, ERR_VERIFY, "table \"%s\" would have %llu rows that refer to rows missing from \"%s\" (constraint \"%s\")", child, lost,
		k->parent, k->name);
	return error_hint(e, "restore both tables, or the whole database");
}

int my_swap_check_keys(const struct my_swap *s, struct error *e)
{
	CLEANUP(keys_release) struct keys keys = {0};
	if (!s->out.n)
		return 0;
	int err = list_keys(s->c, &keys, e, my_sql("k.REFERENCED_TABLE_SCHEMA = %L", s->live));
	for (size_t i = 0; i < keys.n && !err; i++) {
		const struct key *k = &keys.v[i];
		bool moves = strcmp(k->schema, s->live) == 0 && strlist_has(&s->out, k->table);
		if (!moves && strlist_has(&s->out, k->parent))
			err = check_key(s->c, k, s->scratch, s->live, strlist_has(&s->in, k->parent), e);
	}
	return err;
}

int my_keys_check(MYSQL *c, const char *live, const struct strlist *tables, struct error *e)
{
	CLEANUP(keys_release) struct keys keys = {0};
	int err = list_keys(c, &keys, e, my_sql("k.TABLE_SCHEMA = %L AND k.REFERENCED_TABLE_SCHEMA = %L", live, live));
	for (size_t i = 0; i < keys.n && !err; i++)
		if (strlist_has(tables, keys.v[i].table))
			err = check_key(c, &keys.v[i], live, live, true, e);
	return err;
}

/* SQL over tables in a scratch database. */
#include "engine/rows_loaded_parts.h"

#include "base/map.h"
#include "base/mem.h"
#include "engine/rows_decimal.h"

#include <stdlib.h>
#include <string.h>

#define NO_COLUMNS "(no columns)" /* SQLite has no table without */
#define SEVERAL "several tables: "  /* begins the name that stands for an ambiguous one */

void rows_loaded_query_release(struct rows_loaded *l)
{
	sqlite_close_handle(&l->asked);
	for (size_t i = 0; l->tables && i < l->from->table_count; i++) {
		free(l->tables[i].schema);
		free(l->tables[i].name);
	}
	free(l->tables);
}

/* ---- names ---- */

/* Names told apart as SQLite does: letters A to Z have no case. */
struct names {
	struct map *seen; /* -> how many there are, counted on in `used` */
	struct map *used;
};

static void names_release(struct names *n)
{
	map_free(n->seen, NULL);
	map_free(n->used, NULL);
}

static char *fold(const char *within, const char *name)
{
	char *key = mem_printf("%s\n%s", within, name);

	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return key;
}

static size_t count_in(struct map *m, const char *key, size_t more)
{
	size_t n = (size_t)(uintptr_t)map_get(m, key, strlen(key)) + more;

	if (more)
		map_put(m, key, strlen(key), (void *)(uintptr_t)n);
	return n;
}

static void names_see(struct names *n, const char *within, const char *name)
{
	AUTO_FREE char *key = fold(within, name);

	count_in(n->seen, key, 1);
}

static bool is_reserved(const char *name)
{
	return strncasecmp(name, "sqlite_", strlen("sqlite_")) == 0;
}

/* What `name` is called here; to be asked once for each one seen, in their order. Heap string. */
static char *names_give(struct names *n, const char *within, const char *name)
{
	AUTO_FREE char *key = fold(within, name);

	if (count_in(n->seen, key, 0) < 2 && !is_reserved(name))
		return mem_string(name);
	return mem_printf("%s%s (%zu)", is_reserved(name) ? "_" : "", name, count_in(n->used, key, 1));
}

static struct names names_new(void)
{
	return (struct names){.seen = map_new(), .used = map_new()};
}

static const char *schema_of(const struct rows_table *t)
{
	return t->schema ? t->schema : "main";
}

/* Schemas become attached databases: told apart likewise, and "temp" is SQLite's own. */
static void name_schemas(struct rows_loaded *l)
{
	CLEANUP(names_release) struct names names = names_new();
	struct map *given = map_new();

	for (size_t i = 0; i < l->from->table_count; i++) {
		const char *schema = schema_of(&l->from->tables[i]);

		if (map_has(given, schema, strlen(schema)))
			continue;
		map_put(given, schema, strlen(schema), given);
		names_see(&names, "", schema);
	}
	names_see(&names, "", "temp");
	map_free(given, NULL);
	given = map_new();
	for (size_t i = 0; i < l->from->table_count; i++) {
		const char *schema = schema_of(&l->from->tables[i]);

		if (!map_has(given, schema, strlen(schema)))
			map_put(given, schema, strlen(schema), names_give(&names, "", schema));
		l->tables[i].schema = mem_string(map_get(given, schema, strlen(schema)));
	}
	map_free(given, free);
}

static void name_tables(struct rows_loaded *l)
{
	CLEANUP(names_release) struct names names = names_new();

	l->tables = mem_zero(l->from->table_count * sizeof *l->tables);
	name_schemas(l);
	for (size_t i = 0; i < l->from->table_count; i++)
		names_see(&names, l->tables[i].schema, l->from->tables[i].name);
	for (size_t i = 0; i < l->from->table_count; i++) {
		l->tables[i].t = &l->from->tables[i];
		l->tables[i].name = names_give(&names, l->tables[i].schema, l->from->tables[i].name);
	}
}

/* Whether the statement may name it. A name with a quote in it may be written in several ways. */
static bool occurs(const char *sql, const char *name)
{
	return strpbrk(name, "\"`]'") || strcasestr(sql, name);
}

/* ---- tables ---- */

static bool type_is(const char *type, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(type, word, n) == 0 && !strstr(type, "[]") &&
	       (type[n] == 0 || type[n] == '(' || type[n] == ' ');
}

static bool is_boolean(const struct rows_column *c)
{
	return type_is(c->type, "boolean") || type_is(c->type, "bool");
}

/* Of integers that all fit into 64 bits with a sign. */
static bool is_integer(const struct rows_column *c)
{
	static const char *const types[] = {"smallint", "integer", "bigint", "int", "tinyint", "mediumint", "int2",
		"int4", "int8"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (type_is(c->type, types[i]))
			return !type_is(c->type, "bigint") || !strcasestr(c->type, "unsigned");
	return false;
}

static bool is_character(const struct rows_column *c)
{
	static const char *const types[] = {"text", "character", "char", "varchar", "tinytext", "mediumtext",
		"longtext", "citext", "name", "enum"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (type_is(c->type, types[i]))
			return true;
	return false;
}

/* How SQLite is to take a column, such that no value changes by it. */
static const char *declaration(const struct rows_column *c)
{
	if (c->number)
		return " TEXT COLLATE decimal";
	if (is_boolean(c) || is_integer(c))
		return " INTEGER";
	if (strncasecmp(c->type, "character(", strlen("character(")) == 0)
		return " TEXT COLLATE RTRIM";
	if (strcasestr(c->type, "bigint") && !strstr(c->type, "[]"))
		return " COLLATE decimal";
	return is_character(c) ? " TEXT" : "";
}

static void add_name(struct buf *b, const char *name)
{
	buf_add_byte(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_add_byte(b, '"');
		buf_add_byte(b, (unsigned char)*name);
	}
	buf_add_byte(b, '"');
}

static void add_columns(const struct rows_table *t, struct buf *b)
{
	CLEANUP(names_release) struct names names = names_new();

	for (size_t i = 0; i < t->column_count; i++)
		names_see(&names, "", t->columns[i].name);
	for (size_t i = 0; i < t->column_count; i++) {
		AUTO_FREE char *name = names_give(&names, "", t->columns[i].name);

		buf_add_str(b, i ? ", " : "");
		add_name(b, name);
		buf_add_str(b, declaration(&t->columns[i]));
	}
	if (!t->column_count)
		add_name(b, NO_COLUMNS);
}

static bool is_attached(sqlite3 *db, const char *schema)
{
	const char *name;

	for (int i = 0; (name = sqlite3_db_name(db, i)); i++)
		if (strcasecmp(name, schema) == 0)
			return true;
	return false;
}

static int attach(struct rows_loaded *l, const char *schema, struct error *e)
{
	int most = sqlite3_limit(l->asked, SQLITE_LIMIT_ATTACHED, -1);

	if (is_attached(l->asked, schema))
		return 0;
	if (sqlite3_db_name(l->asked, most + 1)) {
		error_set(e, ERR_LIMIT, "more than %d schemas are named", most);
		return error_hint(e, "ask about fewer of them at a time");
	}
	int rc = sqlite_exec(l->asked, e, "ATTACH '' AS \"%w\"", schema);

	return rc ? rc : rows_loaded_tune(l->asked, schema, e);
}

/* The tables of other schemas that are called as table i is, itself included, joined by commas; NULL when it is the only
 * one. Heap string. */
static char *namesakes(const struct rows_loaded *l, size_t i)
{
	CLEANUP(strlist_release) struct strlist all = {0};

	for (size_t k = 0; k < l->from->table_count; k++)
		if (strcasecmp(l->tables[k].name, l->tables[i].name) == 0)
			strlist_take(&all, rows_table_name(l->tables[k].t));
	return all.n > 1 ? strlist_join(&all, ", ") : NULL;
}

/* Without its schema it is a view; of an ambiguous name, one that cannot be read and whose error says so. */
static int define_alone(struct rows_loaded *l, size_t i, struct error *e)
{
	struct rows_loaded_table *t = &l->tables[i];
	AUTO_FREE char *several = namesakes(l, i);

	if (strcmp(t->schema, "main") == 0 && !several)
		return 0;
	if (several)
		return sqlite_exec(l->asked, e, "CREATE TEMP VIEW IF NOT EXISTS \"%w\" AS SELECT * FROM main.\"" SEVERAL
				   "%w\"", t->name, several);
	return sqlite_exec(l->asked, e, "CREATE TEMP VIEW \"%w\" AS SELECT * FROM \"%w\".\"%w\"", t->name, t->schema,
			   t->name);
}

static int define(struct rows_loaded *l, size_t i, struct error *e)
{
	struct rows_loaded_table *t = &l->tables[i];
	CLEANUP(buf_release) struct buf columns = BUF_INIT;
	int most = sqlite3_limit(l->asked, SQLITE_LIMIT_COLUMN, -1);

	if (t->t->column_count > (size_t)most) {
		AUTO_FREE char *name = rows_table_name(t->t);
		return error_set(e, ERR_LIMIT, "table \"%s\" has %zu columns; SQLite takes %d", name,
				 t->t->column_count, most);
	}
	add_columns(t->t, &columns);
	int rc = attach(l, t->schema, e);

	if (!rc)
		rc = sqlite_exec(l->asked, e, "CREATE TABLE \"%w\".\"%w\"(%s)", t->schema, t->name, buf_text(&columns));
	if (!rc)
		rc = define_alone(l, i, e);
	t->defined = !rc;
	return rc;
}

/* The tables the statement may name. Those of schemas it does not name matter only where their names are unique. */
static int define_named(struct rows_loaded *l, const char *sql, struct error *e)
{
	for (size_t i = 0; i < l->from->table_count; i++) {
		struct rows_loaded_table *t = &l->tables[i];
		AUTO_FREE char *several = NULL;
		int rc;

		if (t->defined || !occurs(sql, t->name))
			continue;
		several = namesakes(l, i);
		rc = several && !occurs(sql, t->schema) ? define_alone(l, i, e) : define(l, i, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- loading ---- */

struct loading {
	sqlite3 *db;
	sqlite3_stmt *stmt;
	const struct rows_table *t;
};

static void loading_release(struct loading *s)
{
	sqlite3_finalize(s->stmt);
}

static int load_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct loading *s = ctx;
	int result = SQLITE_OK;

	for (size_t i = 0; i < n && result == SQLITE_OK; i++) {
		const struct value *v = &values[i];
		struct value truth = {.type = VALUE_INT, .i = v->n && v->p && v->p[0] == 't'};

		if (is_boolean(&s->t->columns[i]) && v->type == VALUE_TEXT)
			v = &truth;
		result = rows_loaded_bind(s->stmt, (int)i + 1, v);
	}
	if (result == SQLITE_OK) {
		sqlite3_step(s->stmt);
		result = sqlite3_reset(s->stmt);
	}
	if ((result & 0xff) == SQLITE_TOOBIG)
		return error_set(e, ERR_LIMIT, "a row is larger than SQLite takes");
	return result == SQLITE_OK ? 0 : sqlite_error(s->db, result, e, "the scratch database");
}

static int load(struct rows_loaded *l, struct rows_loaded_table *t, struct error *e)
{
	CLEANUP(loading_release) struct loading s = {.db = l->asked, .t = t->t};
	CLEANUP(buf_release) struct buf marks = BUF_INIT;

	for (size_t i = 0; i < t->t->column_count; i++)
		buf_add_str(&marks, i ? ", ?" : "?");
	int rc = sqlite_prepare(l->asked, &s.stmt, e, "INSERT INTO \"%w\".\"%w\" VALUES (%s)", t->schema, t->name,
				marks.len ? buf_text(&marks) : "NULL");

	if (!rc)
		rc = rows_loaded_fill(l, l->asked, t->t, load_row, &s, e);
	t->loaded = !rc;
	return rc;
}

/* ---- asking ---- */

static int compare_decimals(void *ctx, int na, const void *a, int nb, const void *b)
{
	return rows_decimal_compare(a, (size_t)na, b, (size_t)nb);
}

static bool is_forbidden(const char *function)
{
	return strcasecmp(function, "load_extension") == 0 || strcasecmp(function, "fts3_tokenizer") == 0;
}

/* Only what reads; and note which tables. SQLite leaves the schema out where the statement does. */
static int watch(void *ctx, int action, const char *a, const char *b, const char *schema, const char *view)
{
	struct rows_loaded *l = ctx;

	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return is_forbidden(b) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_READ:
		for (size_t i = 0; i < l->from->table_count; i++) {
			struct rows_loaded_table *t = &l->tables[i];

			if (t->defined && strcasecmp(t->name, a) == 0 &&
			    (!schema || strcasecmp(t->schema, schema) == 0))
				t->wanted = true;
		}
		return SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int begin(struct rows_loaded *l, struct error *e)
{
	if (!l->tables)
		name_tables(l);
	if (l->asked)
		return 0;
	int rc = rows_loaded_open(&l->asked, e);

	if (rc)
		return rc;
	/* A name in double quotes that is none is an error, not a text. */
	sqlite3_db_config(l->asked, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	int result = sqlite3_create_collation_v2(l->asked, "decimal", SQLITE_UTF8, NULL, compare_decimals, NULL);

	return result == SQLITE_OK ? 0 : sqlite_error(l->asked, result, e, "preparing a scratch database");
}

static int load_wanted(struct rows_loaded *l, const char *sql, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;

	sqlite3_set_authorizer(l->asked, watch, l);
	int result = sqlite3_prepare_v2(l->asked, sql, -1, &stmt, NULL);

	sqlite3_set_authorizer(l->asked, NULL, NULL);
	/* The one who runs it will hear what is wrong with it. */
	if (result != SQLITE_OK)
		return 0;
	for (size_t i = 0; i < l->from->table_count; i++) {
		struct rows_loaded_table *t = &l->tables[i];
		int rc = t->wanted && !t->loaded ? load(l, t, e) : 0;

		t->wanted = false;
		if (rc)
			return rc;
	}
	return 0;
}

/* What SQLite said, for people who do not know that it is SQLite, or how tables are called here. */
static int explain(const struct rows_loaded *l, struct error *e)
{
	static const char missing[] = "no such table: main." SEVERAL;
	CLEANUP(strlist_release) struct strlist names = {0};

	if (strncmp(e->text, missing, strlen(missing)) == 0) {
		AUTO_FREE char *all = mem_string(e->text + strlen(missing));

		error_set(e, ERR_USAGE, "there are several tables of that name: %s", all);
		return error_hint(e, "write the schema in front of the name");
	}
	if (e->hint[0])
		return -(int)e->kind;
	if (strncmp(e->text, "no such table: ", strlen("no such table: ")) != 0)
		return error_hint(e, "the statement is run by SQLite, in its SQL, over the stored tables");
	for (size_t i = 0; i < l->from->table_count; i++)
		strlist_addf(&names, "%s%s%s", l->tables[i].t->schema ? l->tables[i].schema : "",
			     l->tables[i].t->schema ? "." : "", l->tables[i].name);
	AUTO_FREE char *all = strlist_join(&names, ", ");

	return error_hint(e, "the tables are: %s", names.n ? all : "none");
}

int rows_loaded_query(struct rows_loaded *l, const char *sql, struct rows_cursor **out, struct error *e)
{
	int rc = begin(l, e);

	if (!rc)
		rc = define_named(l, sql, e);
	if (!rc)
		rc = load_wanted(l, sql, e);
	if (rc)
		return rc;
	sqlite3_set_authorizer(l->asked, watch, l);
	rc = sqlite_rows_query(l->asked, sql, out, e);
	sqlite3_set_authorizer(l->asked, NULL, NULL);
	for (size_t i = 0; i < l->from->table_count; i++)
		l->tables[i].wanted = false;
	return rc == -ERR_USAGE ? explain(l, e) : rc;
}

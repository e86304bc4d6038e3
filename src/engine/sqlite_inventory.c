/* What a database holds, as a manifest tells it, and whether two of these agree. */
#include "engine/sqlite.h"

#include "base/human.h"
#include "base/map.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What SQLite says of a table besides the schema's text. */
struct table_kind {
	bool is_virtual, is_shadow, without_rowid;
};

static void free_map(struct map **m)
{
	map_free(*m, NULL);
}

static void free_kinds(struct map **m)
{
	map_free(*m, free);
}

static int list_kinds(sqlite3 *db, struct map *kinds, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(db, &stmt, e, "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'");
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		struct table_kind *k = mem_zero(sizeof *k);
		const char *name = sqlite_text(stmt, 0), *type = sqlite_text(stmt, 1);
		k->is_virtual = strcmp(type, "virtual") == 0;
		k->is_shadow = strcmp(type, "shadow") == 0;
		k->without_rowid = sqlite3_column_int(stmt, 2) != 0;
		free(map_put(kinds, name, strlen(name), k));
		err = 0;
	}
	return err;
}

static int add_columns(sqlite3 *db, struct manifest_table *t, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int err = sqlite_prepare(db, &stmt, e,
		"SELECT name, type, pk FROM pragma_table_xinfo(%Q, 'main') WHERE hidden <> 1 ORDER BY cid", t->name);
	while (!err && (err = sqlite_step(stmt, e)) == 1) {
		manifest_table_add_column(t, sqlite_text(stmt, 0), sqlite_text(stmt, 1), sqlite3_column_int(stmt, 2));
		err = 0;
	}
	return err;
}

struct inventory {
	sqlite3 *db;
	const struct sqlite_look *look;
	struct manifest_source *out;
	struct map *kinds, *tables;               /* name -> struct table_kind, index in out->tables + 1 */
	struct error *e;
};

static struct manifest_table *table_of(struct inventory *v, const char *name)
{
	uintptr_t at = (uintptr_t)map_get(v->tables, name, strlen(name));
	return at ? &v->out->tables[at - 1] : NULL;
}

/* A finding about `path`: an error, unless those are to be notes. */
static int finding(struct inventory *v, const char *path, int err)
{
	if (err != -ERR_CORRUPT || !v->look->tolerate)
		return path ? error_wrap(v->e, "table \"%s\"", path) : err;
	manifest_note(v->out, "damaged", path, "%s", v->e->text);
	return 0;
}

static int count_rows(struct inventory *v, struct manifest_table *t)
{
	int64_t rows = 0;
	int err = sqlite_number(v->db, &rows, v->e, "SELECT count(*) FROM main.\"%w\"", t->name);
	t->rows_known = !err;
	t->rows = err ? 0 : (uint64_t)rows;
	return err;
}

static int add_virtual(struct inventory *v, struct manifest_table *t)
{
	struct error columns = {0}, why = {0};
	if (add_columns(v->db, t, &columns)) {
		manifest_note(v->out, "note", t->name, "its columns are not known: %s", columns.text);
		return 0;
	}
	struct error *e = v->e;
	v->e = &why;
	if (v->look->count_virtual && count_rows(v, t))
		manifest_note(v->out, "note", t->name, "its rows are not counted: %s", why.text);
	v->e = e;
	return 0;
}

static int add_table(struct inventory *v, const char *name, const struct table_kind *k)
{
	struct manifest_table *t = manifest_add_table(v->out, NULL, name);
	map_put(v->tables, name, strlen(name), (void *)(uintptr_t)v->out->table_count);
	if (k->is_virtual)
		return add_virtual(v, t);
	int err = add_columns(v->db, t, v->e);
	if (!err && !v->look->pages)
		err = count_rows(v, t);
	return err;
}

/* The b-tree of a table or index: its rows and its share of the file. */
static int add_tree(struct inventory *v, bool is_table, const char *owner, uint32_t root, bool without_rowid)
{
	uint64_t rows;
	int err = sqlite_pages_rows(v->look->pages, root, !is_table || without_rowid, &rows, v->e);
	struct manifest_table *t = table_of(v, owner);
	if (t && is_table) {
		t->rows_known = !err;
		t->rows = rows;
	}
	if (t)
		t->bytes += sqlite_pages_bytes(v->look->pages, root);
	return err ? finding(v, owner, err) : 0;
}

static int add_object(struct inventory *v, const char *type, const char *name, const char *owner, uint32_t root,
	bool has_sql)
{
	static const struct table_kind ordinary;
	const struct table_kind *k = map_get(v->kinds, name, strlen(name));
	bool is_table = strcmp(type, "table") == 0;
	bool own = strncmp(name, "sqlite_", 7) == 0;
	int err = 0;
	k = k && is_table ? k : &ordinary;
	if (k->is_virtual || k->is_shadow)
		manifest_count(v->out, k->is_virtual ? "virtual table" : "shadow table", 1);
	else if (!is_table && has_sql)
		manifest_count(v->out, type, 1);
	if (is_table && !own && !k->is_shadow)
		err = add_table(v, name, k);
	if (!err && root && v->look->pages)
		err = add_tree(v, is_table, owner, root, k->without_rowid);
	return err;
}

static int add_objects(struct inventory *v)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	/* Tables first: indexes add to their size. */
	int err = sqlite_prepare(v->db, &stmt, v->e,
		"SELECT type, name, tbl_name, rootpage, sql IS NOT NULL FROM main.sqlite_schema "
		"ORDER BY type <> 'table', name");
	while (!err && (err = sqlite_step(stmt, v->e)) == 1) {
		AUTO_FREE char *type = mem_string(sqlite_text(stmt, 0));
		AUTO_FREE char *name = mem_string(sqlite_text(stmt, 1));
		AUTO_FREE char *owner = mem_string(sqlite_text(stmt, 2));
		int64_t root = sqlite3_column_int64(stmt, 3);
		if (root < 0 || root > UINT32_MAX)
			root = UINT32_MAX;
		err = add_object(v, type, name, owner, (uint32_t)root, sqlite3_column_int(stmt, 4));
	}
	return err;
}

int sqlite_inventory(sqlite3 *db, const struct sqlite_look *look, struct manifest_source *out, struct error *e)
{
	CLEANUP(free_kinds) struct map *kinds = map_new();
	CLEANUP(free_map) struct map *tables = map_new();
	struct inventory v = {.db = db, .look = look, .out = out, .kinds = kinds, .tables = tables, .e = e};
	int err = list_kinds(db, kinds, e);
	if (!err)
		err = add_objects(&v);
	if (!err && look->pages && (err = sqlite_pages_check(look->pages, e)))
		err = finding(&v, NULL, err);
	return err;
}

static int compare_table(const struct manifest_table *a, const struct manifest_table *b, struct error *e)
{
	char want[HUMAN_MAX], have[HUMAN_MAX];
	if (!b)
		return error_set(e, ERR_VERIFY, "table \"%s\" is missing", a->name);
	bool same = a->column_count == b->column_count;
	for (size_t i = 0; same && i < a->column_count; i++)
		same = strcmp(a->columns[i].name, b->columns[i].name) == 0 && a->columns[i].key == b->columns[i].key;
	if (!same)
		return error_set(e, ERR_VERIFY, "table \"%s\" has other columns than the manifest says", a->name);
	if (a->rows_known && b->rows_known && a->rows != b->rows)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %s rows instead of %s", a->name,
			human_count(b->rows, have), human_count(a->rows, want));
	return 0;
}

static int compare_objects(const struct manifest_source *a, const struct manifest_source *b, struct error *e)
{
	for (size_t i = 0; i < a->object_count; i++) {
		const struct manifest_object *want = &a->objects[i];
		uint64_t have = 0;
		for (size_t j = 0; j < b->object_count; j++)
			if (strcmp(b->objects[j].type, want->type) == 0)
				have = b->objects[j].count;
		if (have != want->count)
			return error_set(e, ERR_VERIFY, "the number of %s objects is %" PRIu64 " instead of %" PRIu64,
				want->type, have, want->count);
	}
	return 0;
}

int sqlite_inventory_compare(const struct manifest_source *expected, const struct manifest_source *found,
	struct error *e)
{
	CLEANUP(free_map) struct map *tables = map_new();
	int err = 0;
	for (size_t i = 0; i < found->table_count; i++)
		map_put(tables, found->tables[i].name, strlen(found->tables[i].name), &found->tables[i]);
	for (size_t i = 0; i < expected->table_count && !err; i++) {
		const struct manifest_table *t = &expected->tables[i];
		err = compare_table(t, map_remove(tables, t->name, strlen(t->name)), e);
	}
	/* Without a look at the structure the manifest may not know all tables. */
	for (size_t i = 0; i < found->table_count && !err && expected->structure; i++)
		if (map_has(tables, found->tables[i].name, strlen(found->tables[i].name)))
			err = error_set(e, ERR_VERIFY, "table \"%s\" is not in the manifest", found->tables[i].name);
	return err ? err : compare_objects(expected, found, e);
}

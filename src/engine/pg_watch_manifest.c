/* What an archive held, for the manifest. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is counted, by the words pg_dump has for it. Left out is what belongs to something else (data, comments,
 * privileges, attachments) and may depend on who restores. */
static const struct {
	const char *desc, *type;
} counted[] = {
	{"ACCESS METHOD", "access method"}, {"AGGREGATE", "aggregate"}, {"CAST", "cast"},
	{"CHECK CONSTRAINT", "check constraint"}, {"COLLATION", "collation"}, {"CONSTRAINT", "constraint"},
	{"CONVERSION", "conversion"}, {"DEFAULT", "default"}, {"DOMAIN", "domain"}, {"EVENT TRIGGER", "event trigger"},
	{"EXTENSION", "extension"}, {"FK CONSTRAINT", "foreign key"},
	{"FOREIGN DATA WRAPPER", "foreign data wrapper"}, {"FOREIGN TABLE", "foreign table"}, {"FUNCTION", "function"},
	{"INDEX", "index"}, {"MATERIALIZED VIEW", "materialized view"}, {"OPERATOR", "operator"},
	{"OPERATOR CLASS", "operator class"}, {"OPERATOR FAMILY", "operator family"}, {"POLICY", "policy"},
	{"PROCEDURAL LANGUAGE", "procedural language"}, {"PROCEDURE", "procedure"}, {"PUBLICATION", "publication"},
	{"PUBLICATION TABLE", "publication table"}, {"PUBLICATION TABLES IN SCHEMA", "publication schema"},
	{"ROW SECURITY", "row security"}, {"RULE", "rule"}, {"SCHEMA", "schema"}, {"SEQUENCE", "sequence"},
	{"SERVER", "server"}, {"STATISTICS", "statistics"}, {"SUBSCRIPTION", "subscription"},
	{"TEXT SEARCH CONFIGURATION", "text search configuration"},
	{"TEXT SEARCH DICTIONARY", "text search dictionary"}, {"TEXT SEARCH PARSER", "text search parser"},
	{"TEXT SEARCH TEMPLATE", "text search template"}, {"TRANSFORM", "transform"}, {"TRIGGER", "trigger"},
	{"TYPE", "type"}, {"USER MAPPING", "user mapping"}, {"VIEW", "view"},
};

static int by_desc(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

/* The schema public is in a dump only when something about it was changed, its owner for one. */
static void count_object(struct manifest_source *m, const struct pg_entry *x)
{
	_Static_assert(offsetof(__typeof__(counted[0]), desc) == 0, "by_desc() looks there");
	const char *const *found = bsearch(x->desc, counted, ARRAY_LEN(counted), sizeof counted[0], by_desc);
	if (found && !(strcmp(x->desc, "SCHEMA") == 0 && strcmp(x->tag, "public") == 0))
		manifest_count(m, found[1], 1);
}

static void add_table(struct manifest_source *m, const struct rows_table *t, const struct pg_block_seen *b)
{
	struct manifest_table *to = manifest_add_table(m, t->schema, t->name);
	for (size_t i = 0; i < t->column_count; i++)
		manifest_table_add_column(to, t->columns[i].name, t->columns[i].type, t->columns[i].key);
	if (!b)
		return;
	to->bytes = to->length = b->length;
	to->offset = b->offset;
	to->rows_known = b->counted;
	to->rows = b->rows;
	if (b->counted)
		to->row_hash = row_sum_text(b->hash);
}

int pg_watch_manifest(const struct pg_toc *t, const struct pg_block_seen *seen, uint64_t large_objects,
	struct manifest_source *m, struct error *e)
{
	struct rows_table *tables;
	const struct pg_entry **data;
	size_t n;
	int err = pg_toc_tables(t, &tables, &data, &n, e);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		add_table(m, &tables[i], data[i] && data[i]->has_data ? &seen[data[i] - t->v] : NULL);
	pg_toc_tables_free(tables, data, n);
	for (size_t i = 0; i < t->n; i++)
		count_object(m, &t->v[i]);
	if (large_objects)
		manifest_count(m, "large object", large_objects);
	return 0;
}

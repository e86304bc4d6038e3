#include "engine/manifest_compare.h"

#include "base/codec.h"
#include "base/human.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* As the manifest's JSON gives a name back, which may have bytes that are no UTF-8. Heap; NULL stays NULL. */
static char *as_kept(const char *name)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json_out w;
	struct json j;
	struct error ignored = {0};
	if (!name || utf8_valid(name, strlen(name)))
		return name ? mem_string(name) : NULL;
	jw_init(&w, &text);
	jw_string(&w, name);
	json_init(&j, text.p, text.len);
	char *kept = json_string_dup(&j);
	if (json_finish(&j, &ignored))
		abort();
	return kept;
}

static bool same_name(const char *found, const char *expected)
{
	AUTO_FREE char *kept = as_kept(found);
	return kept && expected ? strcmp(kept, expected) == 0 : !kept && !expected;
}

static bool same_table(const struct manifest_table *found, const struct manifest_table *expected)
{
	return same_name(found->name, expected->name) && same_name(found->schema, expected->schema);
}

static char *name_of(const struct manifest_table *t)
{
	return t->schema ? mem_printf("%s.%s", t->schema, t->name) : mem_string(t->name);
}

static bool same_columns(const struct manifest_table *expected, const struct manifest_table *found)
{
	if (expected->column_count != found->column_count)
		return false;
	for (size_t i = 0; i < expected->column_count; i++)
		if (!same_name(found->columns[i].name, expected->columns[i].name) ||
			expected->columns[i].key != found->columns[i].key)
			return false;
	return true;
}

static int compare_table(const struct manifest_table *expected, const struct manifest_table *found, struct error *e)
{
	char want[HUMAN_MAX], have[HUMAN_MAX];
	AUTO_FREE char *name = name_of(expected);
	const char *hash = expected->row_hash, *now = found->row_hash;
	if (!same_columns(expected, found))
		return error_set(e, ERR_VERIFY, "table \"%s\" has other columns than the manifest says", name);
	if (expected->rows_known != found->rows_known)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %s where the manifest says otherwise", name,
			found->rows_known ? "rows" : "no rows");
	if (expected->rows_known && expected->rows != found->rows)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %s rows instead of %s", name,
			human_count(found->rows, have), human_count(expected->rows, want));
	if (hash && now && strcmp(hash, now) != 0)
		return error_set(e, ERR_VERIFY, "table \"%s\" has other rows than the manifest says", name);
	if (expected->offset != found->offset || expected->length != found->length)
		return error_set(e, ERR_VERIFY, "the rows of table \"%s\" are not where the manifest says", name);
	return 0;
}

/* Both were made by reading the same bytes: the i-th is nearly always the i-th. */
static const struct manifest_table *find(const struct manifest_source *in, size_t i, const struct manifest_table *expected)
{
	if (i < in->table_count && same_table(&in->tables[i], expected))
		return &in->tables[i];
	for (size_t k = 0; k < in->table_count; k++)
		if (same_table(&in->tables[k], expected))
			return &in->tables[k];
	return NULL;
}

static int compare_tables(const struct manifest_source *expected, const struct manifest_source *found, struct error *e)
{
	for (size_t i = 0; i < expected->table_count; i++) {
		const struct manifest_table *t = &expected->tables[i], *now = find(found, i, t);
		AUTO_FREE char *name = now ? NULL : name_of(t);
		int err = now ? compare_table(t, now, e) : error_set(e, ERR_VERIFY, "table \"%s\" is missing", name);
		if (err)
			return err;
	}
	for (size_t i = 0; i < found->table_count && found->table_count != expected->table_count; i++) {
		bool known = false;
		for (size_t k = 0; k < expected->table_count && !known; k++)
			known = same_table(&found->tables[i], &expected->tables[k]);
		AUTO_FREE char *name = name_of(&found->tables[i]);
		if (!known)
			return error_set(e, ERR_VERIFY, "table \"%s\" is not in the manifest", name);
	}
	return found->table_count == expected->table_count ? 0
		: error_set(e, ERR_VERIFY, "there are %zu tables instead of %zu", found->table_count, expected->table_count);
}

uint64_t manifest_object_count(const struct manifest_source *s, const char *type)
{
	for (size_t i = 0; i < s->object_count; i++)
		if (strcmp(s->objects[i].type, type) == 0)
			return s->objects[i].count;
	return 0;
}

/* Every type that `of` has. */
static int compare_objects(const struct manifest_source *of, const struct manifest_source *expected,
	const struct manifest_source *found, struct error *e)
{
	for (size_t i = 0; i < of->object_count; i++) {
		const char *type = of->objects[i].type;
		uint64_t want = manifest_object_count(expected, type), have = manifest_object_count(found, type);
		if (have != want)
			return error_set(e, ERR_VERIFY, "the number of %s objects is %" PRIu64 " instead of %" PRIu64,
				type, have, want);
	}
	return 0;
}

int manifest_compare(const struct manifest_source *expected, const struct manifest_source *found, struct error *e)
{
	int err = compare_tables(expected, found, e);
	if (!err)
		err = compare_objects(expected, expected, found, e);
	return err ? err : compare_objects(found, expected, found, e);
}

void manifest_evidence(const char *name, const char *what, const struct manifest_source *found, struct strlist *evidence)
{
	char tables[HUMAN_MAX], rows[HUMAN_MAX];
	uint64_t sum = 0;
	for (size_t i = 0; i < found->table_count; i++)
		sum += found->tables[i].rows;
	strlist_addf(evidence, "%s: %s ok; %s table%s and %s row%s as in the manifest", name, what,
		human_count(found->table_count, tables), found->table_count == 1 ? "" : "s", human_count(sum, rows),
		sum == 1 ? "" : "s");
}

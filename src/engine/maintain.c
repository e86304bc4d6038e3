#include "engine/maintain.h"

#include "base/mem.h"

#include <stdlib.h>

static void table_release(struct info_table *t)
{
	free(t->schema);
	free(t->name);
	free(t->kind);
}

void source_info_release(struct source_info *i)
{
	free(i->name);
	free(i->title);
	free(i->encoding);
	for (size_t k = 0; k < i->table_count; k++)
		table_release(&i->tables[k]);
	free(i->tables);
	strlist_release(&i->notes);
	*i = (struct source_info){0};
}

struct info_table *source_info_add(struct source_info *i, const char *schema, const char *name)
{
	i->tables = mem_array(i->tables, i->table_count + 1, sizeof *i->tables);
	struct info_table *t = &i->tables[i->table_count++];
	*t = (struct info_table){.schema = schema ? mem_string(schema) : NULL, .name = mem_string(name)};
	return t;
}

#include "engine/pg_belongings.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_one_of(const struct pg_entry *en, const char *const *descs)
{
	for (; *descs; descs++)
		if (pg_entry_is(en, *descs))
			return true;
	return false;
}

/* The place of an entry, plus one; 0: none. */
static size_t place_of(const struct pg_toc *t, int id)
{
	const struct pg_entry *en = pg_toc_find(t, id);
	return en ? (size_t)(en - t->v) + 1 : 0;
}

static bool same_schema(const struct pg_entry *a, const struct pg_entry *b)
{
	return strcmp(a->schema ? a->schema : "", b->schema ? b->schema : "") == 0;
}

/* Whether the tag begins with the table's name: "orders orders_pkey". */
static bool tag_begins(const struct pg_entry *en, const struct pg_entry *table)
{
	size_t n = strlen(table->tag);
	return strncmp(en->tag, table->tag, n) == 0 && (en->tag[n] == ' ' || en->tag[n] == '\0') && same_schema(en, table);
}

/* The table it hangs on by itself. Foreign keys and the like depend on two, and their tag says whose they are. */
static size_t owner_of(const struct pg_toc *t, const struct pg_entry *en)
{
	static const char *const by_tag[] = {"DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "ROW SECURITY",
		"TABLE DATA", "TABLE ATTACH", NULL};
	static const char *const by_dependency[] = {"INDEX", "SEQUENCE", "SEQUENCE OWNED BY", "STATISTICS", NULL};
	bool tag = is_one_of(en, by_tag);
	for (size_t k = 0; (tag || is_one_of(en, by_dependency)) && k < en->dep_count; k++) {
		size_t at = place_of(t, en->deps[k]);
		if (at && pg_entry_is(&t->v[at - 1], "TABLE") && (!tag || tag_begins(en, &t->v[at - 1])))
			return at;
	}
	return 0;
}

/* What hangs on something that hangs on a table. */
static size_t follow(const struct pg_toc *t, const struct pg_entry *en, const size_t *owners)
{
	static const char *const followers[] = {"SEQUENCE OWNED BY", "SEQUENCE SET", "INDEX ATTACH", "COMMENT", "ACL", "SECURITY LABEL", NULL};
	for (size_t k = 0; is_one_of(en, followers) && k < en->dep_count; k++) {
		size_t at = place_of(t, en->deps[k]);
		if (at && owners[at - 1])
			return owners[at - 1];
	}
	return 0;
}

size_t *pg_belongings(const struct pg_toc *t)
{
	size_t *owners = mem_zero((t->n + 1) * sizeof *owners);
	for (size_t i = 0; i < t->n; i++)
		owners[i] = pg_entry_is(&t->v[i], "TABLE") ? i + 1 : owner_of(t, &t->v[i]);
	for (size_t i = 0; i < t->n; i++)
		if (!owners[i])
			owners[i] = follow(t, &t->v[i], owners);
	return owners;
}

void pg_add_partitions(const struct pg_toc *t, bool *marks)
{
	for (bool more = true; more; ) {
		more = false;
		for (size_t i = 0; i < t->n; i++) {
			const struct pg_entry *en = &t->v[i];
			size_t child = 0;
			bool parent = false;
			if (!pg_entry_is(en, "TABLE ATTACH"))
				continue;
			for (size_t k = 0; k < en->dep_count; k++) {
				size_t at = place_of(t, en->deps[k]);
				if (!at || !pg_entry_is(&t->v[at - 1], "TABLE"))
					continue;
				if (tag_begins(en, &t->v[at - 1]))
					child = at;
				else
					parent = parent || marks[at - 1];
			}
			if (child && parent && !marks[child - 1])
				more = marks[child - 1] = true;
		}
	}
}

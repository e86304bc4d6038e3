/* Which entries of an archive belong to a few of its tables. */
#include "engine/pg_text.h"

#include "base/mem.h"
#include "engine/pg_archive_inner.h"

#include <stdlib.h>
#include <string.h>

struct choice {
	const struct pg_toc *t;
	bool *in;                 /* per entry */
	bool *asked;              /* it is a chosen table, not only what one needs */
	bool grew;
};

static bool is_one_of(const char *desc, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(desc, *list) == 0)
			return true;
	return false;
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static void add(struct choice *c, const struct pg_entry *x)
{
	size_t at = (size_t)(x - c->t->v);

	if (c->in[at])
		return;
	c->in[at] = true;
	c->grew = true;
}

static bool has(const struct choice *c, const struct pg_entry *x)
{
	return c->in[x - c->t->v];
}

static void ask(struct choice *c, const struct pg_entry *x)
{
	c->asked[x - c->t->v] = true;
	add(c, x);
}

static bool leans_on_table(const struct choice *c, const struct pg_entry *x)
{
	for (size_t i = 0; i < x->dep_count; i++) {
		const struct pg_entry *on = pg_toc_find(c->t, x->deps[i]);

		if (on && c->asked[on - c->t->v])
			return true;
	}
	return false;
}

static bool leans_on_sequence(const struct choice *c, const struct pg_entry *x)
{
	for (size_t i = 0; i < x->dep_count; i++) {
		const struct pg_entry *on = pg_toc_find(c->t, x->deps[i]);

		if (on && has(c, on) && strcmp(on->desc, "SEQUENCE") == 0)
			return true;
	}
	return false;
}

/* Whether all that x depends on, as far as it is in the archive, is in. */
static bool has_all(const struct choice *c, const struct pg_entry *x)
{
	for (size_t i = 0; i < x->dep_count; i++) {
		const struct pg_entry *on = pg_toc_find(c->t, x->deps[i]);

		if (on && !has(c, on))
			return false;
	}
	return true;
}

static bool belongs(const struct choice *c, const struct pg_entry *x)
{
	static const char *const to_table[] = {"CONSTRAINT", "CHECK CONSTRAINT", "INDEX", "DEFAULT", "TRIGGER", "RULE",
		"POLICY", "ROW SECURITY", "STATISTICS", "TABLE DATA", NULL};
	static const char *const when_whole[] = {"FK CONSTRAINT", "TABLE ATTACH", "INDEX ATTACH", "SEQUENCE OWNED BY",
		"COMMENT", "SECURITY LABEL", "ACL", NULL};

	if (is_one_of(x->desc, to_table))
		return leans_on_table(c, x);
	/* An identity column's sequence is an entry that leans on its table, not the other way. */
	if (strcmp(x->desc, "SEQUENCE") == 0 && strstr(x->defn ? x->defn : "", "GENERATED "))
		return leans_on_table(c, x);
	if (strcmp(x->desc, "SEQUENCE SET") == 0)
		return leans_on_sequence(c, x);
	return is_one_of(x->desc, when_whole) && x->dep_count && has_all(c, x);
}

/* A partition of a table that is in: its "TABLE ATTACH" is called as itself. */
static void add_partition(struct choice *c, const struct pg_entry *attach)
{
	static const char *const table[] = {"TABLE", NULL};

	if (strcmp(attach->desc, "TABLE ATTACH") != 0)
		return;
	for (size_t i = 0; i < attach->dep_count; i++) {
		const struct pg_entry *on = pg_toc_find(c->t, attach->deps[i]);
		bool parent = on && is_one_of(on->desc, table) &&
			!(same(on->tag, attach->tag) && same(on->schema, attach->schema));

		if (!parent || !c->asked[on - c->t->v])
			continue;
		for (size_t k = 0; k < c->t->n; k++)
			if (is_one_of(c->t->v[k].desc, table) && same(c->t->v[k].tag, attach->tag) &&
			    same(c->t->v[k].schema, attach->schema))
				ask(c, &c->t->v[k]);
	}
}

static void add_needs(struct choice *c, const struct pg_entry *x)
{
	for (size_t i = 0; i < x->dep_count; i++) {
		const struct pg_entry *on = pg_toc_find(c->t, x->deps[i]);

		if (on)
			add(c, on);
	}
	for (size_t i = 0; x->schema && *x->schema && i < c->t->n; i++)
		if (strcmp(c->t->v[i].desc, "SCHEMA") == 0 && same(c->t->v[i].tag, x->schema))
			add(c, &c->t->v[i]);
}

/* Until nothing more comes in. */
static void complete(struct choice *c)
{
	do {
		c->grew = false;
		for (size_t i = 0; i < c->t->n; i++) {
			const struct pg_entry *x = &c->t->v[i];

			if (has(c, x))
				add_needs(c, x);
			else if (belongs(c, x))
				add(c, x);
			add_partition(c, x);
		}
	} while (c->grew);
}

/* The entries that make up one table; their texts are in the archive's encoding, the table's in UTF-8. */
static void add_table(struct choice *c, const struct rows_table *t, const struct pg_entry *data, struct pg_encoding *enc)
{
	static const char *const sorts[] = {"TABLE", "FOREIGN TABLE", NULL};

	if (data)
		add(c, data);
	for (size_t i = 0; i < c->t->n; i++) {
		const struct pg_entry *x = &c->t->v[i];

		if (!is_one_of(x->desc, sorts))
			continue;
		AUTO_FREE char *schema = pg_encoding_text(enc, x->schema);
		AUTO_FREE char *name = pg_encoding_text(enc, x->tag);
		if (same(schema, t->schema) && same(name, t->name))
			ask(c, x);
	}
}

int pg_text_choose(const struct pg_toc *t, const struct strlist *tables, bool **chosen_entries, struct error *e)
{
	struct rows_db d = {0};
	const struct pg_entry **data = NULL;
	AUTO_FREE const struct rows_table **chosen = NULL;
	AUTO_FREE bool *in = mem_zero(t->n * sizeof *in);
	AUTO_FREE bool *asked = mem_zero(t->n * sizeof *asked);
	struct choice c = {.t = t, .in = in, .asked = asked};
	struct pg_encoding enc;
	size_t n = 0;
	int rc = pg_toc_tables(t, &d.tables, &data, &d.table_count, e);

	if (rc)
		return rc;
	rc = rows_choose(&d, tables, &chosen, &n, e);
	pg_encoding_open(&enc, t->encoding);
	for (size_t i = 0; !rc && i < n; i++)
		add_table(&c, chosen[i], data[chosen[i] - d.tables], &enc);
	pg_encoding_close(&enc);
	pg_toc_tables_free(d.tables, data, d.table_count);
	if (rc)
		return rc;
	complete(&c);
	*chosen_entries = TAKE(in);
	return 0;
}

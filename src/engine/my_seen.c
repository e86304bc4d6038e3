/* What a server says is there, held against what a dump holds: a dump that left something out ended well all the same.
 */
#include "engine/my.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void my_seen_release(struct my_seen *s)
{
	strlist_release(&s->tables);
	strlist_release(&s->views);
	*s = (struct my_seen){0};
}

static int count(MYSQL *c, uint64_t *out, struct error *e, char *sql)
{
	AUTO_FREE char *text = NULL;
	int err = my_value(c, &text, e, sql);
	*out = text ? strtoull(text, NULL, 10) : 0;
	return err;
}

static int list(MYSQL *c, const char *database, struct my_seen *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	int err = my_query(c, &r, e,
		my_sql("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = %L "
		       "ORDER BY table_name",
			database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(r));) {
		if (strcmp(row[1], "VIEW") == 0)
			strlist_add(&out->views, row[0]);
		else if (strcmp(row[1], "SEQUENCE") == 0)
			out->sequences++;
		else
			strlist_add(&out->tables, row[0]);
	}
	return err;
}

int my_seen_now(MYSQL *c, const char *database, struct my_seen *out, struct error *e)
{
	CLEANUP(my_seen_release) struct my_seen s = {0};
	int err = list(c, database, &s, e);
	if (!err)
		err = count(c, &s.triggers, e,
			my_sql("SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = %L", database));
	if (!err)
		err = count(c, &s.routines, e,
			my_sql("SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = %L", database));
	if (!err)
		err = count(c, &s.events, e,
			my_sql("SELECT COUNT(*) FROM information_schema.events WHERE event_schema = %L", database));
	if (err)
		return error_wrap(e, "looking at what %s holds", database);
	*out = s;
	s = (struct my_seen){0};
	return 0;
}

/* ---- comparing ---- */

static void map_drop(struct map **m)
{
	map_free(*m, NULL);
}

static struct map *names_of(const struct strlist *l)
{
	struct map *m = map_new();
	for (size_t i = 0; i < l->n; i++)
		map_put(m, l->v[i], strlen(l->v[i]), l->v[i]);
	return m;
}

static struct map *names_in_dump(const struct sqldump_map *dump, enum sqldump_kind kind)
{
	struct map *m = map_new();
	for (size_t i = 0; i < dump->n; i++)
		if (dump->v[i].kind == kind && dump->v[i].name)
			map_put(m, dump->v[i].name, strlen(dump->v[i].name), dump->v[i].name);
	return m;
}

static bool has(const struct map *m, const char *name)
{
	return map_has(m, name, strlen(name));
}

static int compare_names(const char *what, const struct strlist *before, const struct strlist *after,
	const struct sqldump_map *dump, enum sqldump_kind kind, const struct strlist *left_out,
	struct manifest_source *m, struct error *e)
{
	CLEANUP(map_drop) struct map *was = names_of(before), *is = names_of(after), *got = names_in_dump(dump, kind);
	for (size_t i = 0; i < before->n; i++) {
		if (!has(is, before->v[i]))
			manifest_note(m, "changed", before->v[i], "the %s was removed during the backup", what);
		else if (!has(got, before->v[i]) && !strlist_has(left_out, before->v[i])) {
			error_set(e, ERR_VERIFY, "the dump lacks the %s %s, which was there all the time", what,
				before->v[i]);
			return error_hint(e,
				"try again; when it stays so, report it with the versions of the server and the tool");
		}
	}
	for (size_t i = 0; i < after->n; i++)
		if (!has(was, after->v[i]) && !has(got, after->v[i]))
			manifest_note(
				m, "changed", after->v[i], "the %s was made during the backup and is not in it", what);
	return 0;
}

static int compare_counts(const struct my_seen *before, const struct my_seen *after, const struct sqldump_map *dump,
	const struct my_plan *plan, struct manifest_source *m, struct error *e)
{
	const struct {
		const char *what;
		uint64_t before, after, got;
		bool left_out;
	} kinds[] = {
		{"triggers", before->triggers, after->triggers, dump->triggers, false},
		{"routines", before->routines, after->routines, dump->routines, !plan->routines},
		{"events", before->events, after->events, dump->events, !plan->events},
		{"sequences", before->sequences, after->sequences, dump->sequences, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].left_out || (kinds[i].got == kinds[i].before && kinds[i].got == kinds[i].after))
			continue;
		if (kinds[i].before == kinds[i].after)
			return error_set(e, ERR_VERIFY, "the dump holds %llu %s where the server has %llu",
				(unsigned long long)kinds[i].got, kinds[i].what, (unsigned long long)kinds[i].before);
		manifest_note(m, "changed", NULL,
			"%s were made or removed during the backup: %llu before, %llu after, %llu in it", kinds[i].what,
			(unsigned long long)kinds[i].before, (unsigned long long)kinds[i].after,
			(unsigned long long)kinds[i].got);
	}
	return 0;
}

int my_seen_compare(const struct my_seen *before, const struct my_seen *after, const struct sqldump_map *map,
	const struct my_plan *plan, struct manifest_source *m, struct error *e)
{
	const struct strlist none = {0};
	int err = compare_names("table", &before->tables, &after->tables, map, SQLDUMP_TABLE, &none, m, e);
	if (!err)
		err = compare_names("view", &before->views, &after->views, map, SQLDUMP_VIEW, &plan->left_out,
			m, e);
	return err ? err : compare_counts(before, after, map, plan, m, e);
}

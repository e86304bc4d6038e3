/* Before a dump: what would make it fail, and what it would leave out without a word. */
#include "engine/my.h"

#include "base/mem.h"

#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#define SORT_BYTES ((uint64_t)256 << 20) /* a table that would have to be sorted for --order-by-primary, at most */
#define NAMES_SHOWN 10

struct look {
	MYSQL *c;
	const char *database;
	bool tolerate;
	struct manifest_source *m;
	struct my_plan *plan;
	struct my_rights rights;
	char *user; /* "'backup'@'localhost'" */
	struct strlist tables, views, broken, versioned;
};

void my_plan_release(struct my_plan *p)
{
	strlist_release(&p->left_out);
	strlist_release(&p->locked);
	strlist_release(&p->generated);
	*p = (struct my_plan){0};
}

static void look_release(struct look *l)
{
	free(l->user);
	strlist_release(&l->tables);
	strlist_release(&l->views);
	strlist_release(&l->broken);
	strlist_release(&l->versioned);
}

/* "a, b, c and 4 more"; heap. */
static char *some(const struct strlist *l)
{
	struct strlist first = *l;
	first.n = l->n > NAMES_SHOWN ? NAMES_SHOWN : l->n;
	AUTO_FREE char *names = strlist_join(&first, ", ");
	return l->n > NAMES_SHOWN ? mem_printf("%s and %zu more", names, l->n - NAMES_SHOWN) : TAKE(names);
}

static int lacks(const struct look *l, const char *right, const char *why, struct error *e)
{
	error_set(e, ERR_ACCESS, "the user %s has no %s right on all of %s, %s", l->user, right, l->database, why);
	AUTO_FREE char *grant = my_sql("GRANT %s ON %I.* TO %s", right, l->database, l->user);
	return error_hint(e, "an administrator can give it: %s", grant);
}

/* ---- what there is ---- */

static int current_user(struct look *l, struct error *e)
{
	AUTO_FREE char *text = NULL;
	int err = my_value(l->c, &text, e, my_sql("SELECT CURRENT_USER()"));
	if (err)
		return err;
	char *at = text ? strrchr(text, '@') : NULL;
	if (at)
		*at = '\0';
	l->user = my_sql("%L@%L", text ? text : "", at ? at + 1 : "%");
	return 0;
}

static void sort_table(struct look *l, MYSQL_ROW row)
{
	const char *name = row[0], *type = row[1], *engine = row[2];
	bool transactional = row[3] != NULL;
	if (strcmp(type, "VIEW") == 0) {
		strlist_add(&l->views, name);
		return;
	}
	strlist_add(&l->tables, name);
	if (!engine)
		strlist_addf(&l->broken, "%s (%s)", name, row[4] && *row[4] ? row[4] : "no engine");
	else if (!transactional)
		strlist_add(&l->plan->locked, name);
	if (strcmp(type, "SYSTEM VERSIONED") == 0)
		strlist_add(&l->versioned, name);
}

static int list_tables(struct look *l, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	int err = my_query(l->c, &r, e,
		my_sql("SELECT t.table_name, t.table_type, t.engine, g.engine, t.table_comment "
		       "FROM information_schema.tables t LEFT JOIN information_schema.engines g ON g.engine = t.engine "
		       "AND g.transactions = 'YES' "
		       "WHERE t.table_schema = %L ORDER BY t.table_name",
			l->database));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(r));)
		sort_table(l, row);
	return err;
}

static int list_names(struct look *l, struct strlist *out, struct error *e, char *sql)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	int err = my_query(l->c, &r, e, sql);
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(r));)
		strlist_add(out, row[0]);
	return err;
}

/* ---- what would make the dump fail ---- */

static int check_broken(struct look *l, struct error *e)
{
	if (!l->broken.n)
		return 0;
	AUTO_FREE char *names = some(&l->broken);
	error_set(e, ERR_CHILD, "%zu table%s cannot be read: %s", l->broken.n, l->broken.n == 1 ? "" : "s", names);
	return error_hint(e, "repair or drop what is broken: nothing is backed up as long as a part would be missing");
}

/* With a right to the whole database each table can be read. Without, each is tried. */
static int check_select(struct look *l, struct error *e)
{
	CLEANUP(strlist_release) struct strlist refused = {0};
	if (l->rights.select)
		return 0;
	for (size_t i = 0; i < l->tables.n; i++) {
		CLEANUP(my_clear) MYSQL_RES *r = NULL;
		int err = my_query(l->c, &r, e, my_sql("SELECT * FROM %I.%I LIMIT 0", l->database, l->tables.v[i]));
		if (err == -ERR_ACCESS)
			strlist_add(&refused, l->tables.v[i]);
		else if (err)
			return err;
	}
	if (refused.n) {
		AUTO_FREE char *names = some(&refused);
		AUTO_FREE char *why = mem_printf("so that these tables cannot be read: %s", names);
		return lacks(l, "SELECT", why, e);
	}
	manifest_note(l->m, "unseen", NULL,
		"tables: %s has no SELECT right on all of %s; a table it has no right to does not show", l->user,
		l->database);
	return 0;
}

static void leave_out(struct look *l, const char *view)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	struct error ignored = {0};
	int err = my_query(l->c, &r, &ignored, my_sql("SHOW CREATE VIEW %I.%I", l->database, view));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(r);
	bool shown = row && mysql_num_fields(r) > 1 && row[1];
	manifest_note(l->m, "unreadable", view, "the view cannot be dumped, because something behind it is gone or its definer may not "
		"read it%s%s", shown ? "; it is: " : "", shown ? row[1] : "");
	strlist_add(&l->plan->left_out, view);
	l->m->skipped++;
}

/* Views that cannot be described stop the dump in its middle. */
static int check_views(struct look *l, struct error *e)
{
	CLEANUP(strlist_release) struct strlist broken = {0};
	if (l->views.n && !l->rights.show_view)
		return lacks(l, "SHOW VIEW", "without which views cannot be dumped", e);
	for (size_t i = 0; i < l->views.n; i++) {
		CLEANUP(my_clear) MYSQL_RES *r = NULL;
		int err = my_query(l->c, &r, e, my_sql("SHOW FIELDS FROM %I.%I", l->database, l->views.v[i]));
		if (err == -ERR_TEMPORARY)
			return err;
		if (err)
			strlist_add(&broken, l->views.v[i]);
	}
	for (size_t i = 0; i < broken.n && l->tolerate; i++)
		leave_out(l, broken.v[i]);
	if (!broken.n || l->tolerate)
		return 0;
	AUTO_FREE char *names = some(&broken);
	error_set(e, ERR_CHILD,
		"%zu view%s cannot be dumped, because something behind it is gone or its definer may not read it: %s",
		broken.n, broken.n == 1 ? "" : "s", names);
	return error_hint(e, "repair or drop what is broken: nothing is backed up as long as a part would be missing");
}

static int check_lock(struct look *l, struct error *e)
{
	l->plan->lock_tables = l->plan->locked.n > 0;
	if (!l->plan->lock_tables || l->rights.lock)
		return 0;
	AUTO_FREE char *names = some(&l->plan->locked);
	AUTO_FREE char *why = mem_printf("needed because tables are not transactional: %s", names);
	return lacks(l, "LOCK TABLES", why, e);
}

/* ---- what would be left out ---- */

static int look_at_routines(struct look *l, struct error *e)
{
	CLEANUP(strlist_release) struct strlist hidden = {0}, all = {0};
	int err = list_names(l, &all, e,
		my_sql("SELECT routine_name FROM information_schema.routines WHERE routine_schema = %L ORDER BY 1",
			l->database));
	if (!err && !l->rights.routines)
		err = list_names(l, &hidden, e,
			my_sql("SELECT routine_name FROM information_schema.routines WHERE routine_schema = %L "
			       "AND routine_definition IS NULL ORDER BY 1",
				l->database));
	if (err)
		return err;
	l->plan->routines = !hidden.n;
	if (hidden.n) {
		AUTO_FREE char *names = some(&all);
		manifest_note(l->m, "unseen", NULL,
			"routines: %s may not see the bodies of %zu of %zu, so that none is in this backup: %s; %s "
			"lets it see them",
			l->user, hidden.n, all.n, names,
			my_is_mariadb(l->c) ? "GRANT SELECT ON mysql.proc" : "GRANT SHOW_ROUTINE ON *.*");
		l->m->skipped += all.n;
	} else if (!l->rights.routines && !l->rights.routine_names) {
		manifest_note(l->m, "unseen", NULL,
			"routines: %s sees only those it has a right to, and such alone are in this backup", l->user);
	}
	return 0;
}

static void note_rights(struct look *l)
{
	l->plan->events = l->rights.event;
	if (!l->rights.trigger)
		manifest_note(l->m, "unseen", NULL,
			"triggers: %s has no TRIGGER right on all of %s; those it cannot see are not in this backup",
			l->user, l->database);
	if (!l->rights.event)
		manifest_note(l->m, "unseen", NULL,
			"events: %s has no EVENT right on %s; if there are any, they are not in this backup", l->user,
			l->database);
	if (l->versioned.n) {
		AUTO_FREE char *names = some(&l->versioned);
		manifest_note(l->m, "unsupported", NULL,
			"of system-versioned tables the current rows are in this backup, not their history: %s", names);
	}
}

/* ---- how to dump ---- */

/* Sorting by key follows InnoDB's own order for a primary key. Any other first unique key, or engine, means a real
 * sort. */
static int weigh_order(struct look *l, struct error *e)
{
	AUTO_FREE char *big = NULL;
	int err = my_value(l->c, &big, e,
		my_sql("SELECT COUNT(*) FROM information_schema.tables t WHERE t.table_schema = %L AND t.data_length > "
		       "%llu "
		       "AND EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = %L AND "
		       "s.table_name = t.table_name AND s.non_unique = 0) "
		       "AND (t.engine <> 'InnoDB' OR NOT EXISTS (SELECT 1 FROM information_schema.statistics s WHERE "
		       "s.table_schema = %L "
		       "AND s.table_name = t.table_name AND s.index_name = 'PRIMARY'))",
			l->database, (unsigned long long)SORT_BYTES, l->database, l->database));
	l->plan->by_key = !err && big && strcmp(big, "0") == 0;
	return err;
}

static int list_generated(struct look *l, struct error *e)
{
	if (my_is_mariadb(l->c) || mysql_get_server_version(l->c) < 50700)
		return 0;
	return list_names(l, &l->plan->generated, e,
		my_sql("SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = %L "
		       "AND generation_expression <> ''",
			l->database));
}

int my_preflight(MYSQL *c, const char *database, bool tolerate, struct manifest_source *m, struct my_plan *out,
	struct error *e)
{
	static int (*const steps[])(struct look *, struct error *) = {current_user, list_tables, check_broken,
		check_select, check_views, check_lock, look_at_routines, weigh_order, list_generated};
	CLEANUP(my_plan_release) struct my_plan plan = {0};
	CLEANUP(look_release) struct look l = {.c = c, .database = database, .tolerate = tolerate, .m = m, .plan = &plan};
	int err = my_rights_read(c, database, &l.rights, e);
	for (size_t i = 0; i < ARRAY_LEN(steps) && !err; i++)
		err = steps[i](&l, e);
	if (err)
		return error_wrap(e, "looking at what %s holds", database);
	note_rights(&l);
	*out = plan;
	plan = (struct my_plan){0};
	return 0;
}

/* Who may execute one routine: a server forgets it when the routine is dropped, also when it is made again at once. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "Execute,Alter Routine,Grant" of mysql.procs_priv as a statement. */
static char *statement(const char *database, MYSQL_ROW row)
{
	CLEANUP(strlist_release) struct strlist rights = {0};
	AUTO_FREE char *all = mem_string(row[4]);
	char *rest = all;
	bool grant = false;
	for (char *one; (one = strsep(&rest, ","));)
		if (strcasecmp(one, "Grant") == 0)
			grant = true;
		else if (*one)
			strlist_add(&rights, one);
	AUTO_FREE char *list = strlist_join(&rights, ", ");
	/* A role has no host. */
	AUTO_FREE char *who = *row[0] ? my_sql("%L@%L", row[1], row[0]) : my_sql("%L", row[1]);
	return my_sql("GRANT %s ON %s %I.%I TO %s%s", rights.n ? list : "USAGE", row[3], database, row[2], who, grant ? " WITH GRANT OPTION" : "");
}

static void keep(struct my_objects *o, const char *database, MYSQL_ROW row)
{
	for (size_t i = 0; i < o->n; i++) {
		struct my_object *v = &o->v[i];
		if (v->kind != MY_ROUTINE || strcasecmp(v->type, row[3]) != 0 || strcasecmp(v->name, row[2]) != 0)
			continue;
		AUTO_FREE char *one = statement(database, row), *before = v->grants;
		v->grants = mem_printf("%s%s\n", before, one);
	}
}

int my_grants_read(MYSQL *c, const char *database, struct my_objects *o, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	struct error why = {0};
	int err = my_query(c, &rows, &why,
		my_sql("SELECT Host, User, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv WHERE Db = %L ORDER BY 1, 2", database));
	if (err == -ERR_TEMPORARY)
		*e = why;
	if (err)
		return err == -ERR_TEMPORARY ? err : 0;
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].kind == MY_ROUTINE)
			o->v[i].grants = mem_string("");
	for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
		keep(o, database, row);
	return 0;
}

static int give(MYSQL *c, const struct my_object *was, struct strlist *notes, struct error *e)
{
	AUTO_FREE char *all = mem_string(was->grants ? was->grants : "");
	char *rest = all;
	if (!was->grants)
		strlist_addf(notes, "the %s \"%s\" was made again; who had a right to it alone has lost that, because this user may not read "
			"mysql.procs_priv to give it back", was->type, was->name);
	for (char *one; (one = strsep(&rest, "\n"));) {
		struct error why = {0};
		int err = *one ? my_exec(c, &why, mem_string(one)) : 0;
		if (err == -ERR_TEMPORARY) {
			*e = why;
			return err;
		}
		if (err)
			strlist_addf(notes, "the %s \"%s\" was made again, and a right to it could not be given back (%s): %s", was->type, was->name,
				why.text, one);
	}
	return 0;
}

int my_grants_give(MYSQL *c, const struct my_objects *were, const struct my_objects *made, struct strlist *notes, struct error *e)
{
	CLEANUP(strlist_release) struct strlist ignored = {0};
	int err = 0;
	for (size_t i = 0; i < were->n && !err; i++)
		if (were->v[i].kind == MY_ROUTINE && my_objects_has(made, &were->v[i]))
			err = give(c, &were->v[i], notes ? notes : &ignored, e);
	return err ? error_wrap(e, "giving back the rights to routines") : 0;
}

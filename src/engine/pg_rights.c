/* What the user of a connection may set, and the list of what was left out for want of a right or a role. */
#include "engine/pg_put.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int pg_rights_read(PGconn *c, struct pg_rights *out, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL, *roles = NULL, *spaces = NULL;
	*out = (struct pg_rights){.owners = true, .roles = map_new(), .left_out = map_new()};
	pthread_mutex_init(&out->lock, NULL);
	int err = pg_query(c, &r, e, pg_sql("SELECT rolsuper, rolcreatedb, rolname FROM pg_catalog.pg_roles WHERE rolname = current_user"));
	if (!err)
		err = pg_query(c, &roles, e, pg_sql("SELECT rolname, pg_catalog.pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles"));
	if (!err)
		err = pg_query(c, &spaces, e, pg_sql("SELECT spcname FROM pg_catalog.pg_tablespace"));
	if (err)
		return error_wrap(e, "looking at this user's rights");
	if (PQntuples(r) != 1)
		return error_set(e, ERR_ACCESS, "the server does not say who this user is");
	out->superuser = PQgetvalue(r, 0, 0)[0] == 't';
	out->createdb = out->superuser || PQgetvalue(r, 0, 1)[0] == 't';
	out->user = mem_string(PQgetvalue(r, 0, 2));
	for (int i = 0; i < PQntuples(roles); i++) {
		const char *name = PQgetvalue(roles, i, 0);
		map_put(out->roles, name, strlen(name), PQgetvalue(roles, i, 1)[0] == 't' ? PG_ROLE_OURS : PG_ROLE_OTHER);
	}
	for (int i = 0; i < PQntuples(spaces); i++)
		strlist_add(&out->tablespaces, PQgetvalue(spaces, i, 0));
	return 0;
}

void pg_rights_release(struct pg_rights *r)
{
	if (!r->roles)
		return;
	map_free(r->roles, NULL);
	map_free(r->left_out, free);
	strlist_release(&r->tablespaces);
	free(r->user);
	pthread_mutex_destroy(&r->lock);
	*r = (struct pg_rights){0};
}

void pg_rights_leave_out(struct pg_rights *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&r->lock);
	uint64_t *times = map_get(r->left_out, text, strlen(text));
	if (!times) {
		times = mem_zero(sizeof *times);
		map_put(r->left_out, text, strlen(text), times);
	}
	++*times;
	pthread_mutex_unlock(&r->lock);
}

void pg_rights_tell(struct pg_rights *r, struct strlist *notes)
{
	for (size_t i = 0; i < map_slots(r->left_out); i++) {
		const void *text;
		size_t n;
		void *times;
		if (!map_at(r->left_out, i, &text, &n, &times))
			continue;
		uint64_t count = *(uint64_t *)times;
		if (count == 1)
			strlist_addf(notes, "%.*s", (int)n, (const char *)text);
		else
			strlist_addf(notes, "%.*s (%llu times)", (int)n, (const char *)text, (unsigned long long)count);
	}
}

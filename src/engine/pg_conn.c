/* STUB: to be replaced. */
#include "engine/pg.h"

#include <stdlib.h>

void pg_place_release(struct pg_place *p)
{ }

int pg_parse(struct source_url *u, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_parse"); }

int pg_place_of(const struct source_url *u, struct pg_place *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_place_of"); }

int pg_connect(const struct pg_place *p, const char *database, PGconn **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_connect"); }

void pg_disconnect(PGconn **c)
{ }

void pg_clear(PGresult **r)
{ }

char *pg_sql(const char *fmt, ...)
{ abort(); }

int pg_exec(PGconn *c, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_exec"); }

int pg_query(PGconn *c, PGresult **out, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_query"); }

int pg_value(PGconn *c, char **out, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_value"); }

int pg_error(PGconn *c, const PGresult *r, struct error *e, const char *fmt, ...)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_error"); }

int pg_wait(PGconn *c, struct progress *p, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: pg_wait"); }

char *pg_tool_conninfo(const struct pg_place *p, const char *database)
{ abort(); }

void pg_tool_env(const struct pg_place *p, struct strlist *env)
{ }

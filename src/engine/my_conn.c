/* STUB: to be replaced. */
#include "engine/my.h"

#include <stdlib.h>

void my_place_release(struct my_place *p)
{ }

int my_parse(struct source_url *u, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_parse"); }

int my_place_of(const struct source_url *u, struct my_place *out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_place_of"); }

int my_connect(const struct my_place *p, const char *database, MYSQL **out, struct error *e)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_connect"); }

void my_disconnect(MYSQL **c)
{ }

void my_clear(MYSQL_RES **r)
{ }

char *my_sql(const char *fmt, ...)
{ abort(); }

int my_exec(MYSQL *c, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_exec"); }

int my_query(MYSQL *c, MYSQL_RES **out, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_query"); }

int my_value(MYSQL *c, char **out, struct error *e, char *sql)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_value"); }

int my_error(MYSQL *c, struct error *e, const char *fmt, ...)
{ return error_set(e, ERR_INTERNAL, "not built yet: my_error"); }

bool my_is_mariadb(MYSQL *c)
{ abort(); }

void my_tool_args(const struct my_place *p, struct strlist *argv)
{ }

void my_tool_env(const struct my_place *p, struct strlist *env)
{ }

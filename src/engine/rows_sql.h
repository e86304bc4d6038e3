/* Parts of SQL text in SQLite's dialect. */
#ifndef ENGINE_ROWS_SQL_H
#define ENGINE_ROWS_SQL_H

#include "engine/rows.h"
#include "engine/rows_out.h"

/* rows_sql_text.c */
void rows_sql_text_value(struct rows_out *o, const struct value *v);
void rows_sql_text_name(struct rows_out *o, const char *name);         /* "name" */
/* A statement as the schema keeps it, with the end it lacks. */
void rows_sql_text_statement(struct rows_out *o, const char *sql);

/* rows_sql_virtual.c: how the rows of a virtual table become SQL. */
enum rows_sql_virtual {
	VIRTUAL_ROWS,             /* as rows of it */
	VIRTUAL_ROWS_WITH_ID,     /* the same, with the row id */
	VIRTUAL_REBUILD,          /* it indexes another table, and can do so again */
	VIRTUAL_NEVER,
};
/* From the statement that created it; *module is a heap string for a message. */
enum rows_sql_virtual rows_sql_virtual(const char *sql, char **module);
bool rows_sql_virtual_is(const char *sql);        /* NULL: no */

#endif

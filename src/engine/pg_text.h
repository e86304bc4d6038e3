/* What the parts of pg_text.c share. */
#ifndef ENGINE_PG_TEXT_H
#define ENGINE_PG_TEXT_H

#include "engine/pg.h"

/* pg_text_choose.c: the entries of a TOC that make up the chosen tables, as marks by place in it; heap. These are the tables
 * with their partitions, rows, columns' defaults, keys, indexes, statistics, rules, triggers, policies, comments,
 * privileges, and what all these need: types, sequences, functions, schemas, extensions, tables inherited from. A foreign
 * key comes along when the table it leads to is chosen, too; views do not. -ERR_NOT_FOUND for a table that is not there. */
int pg_text_choose(const struct pg_toc *t, const struct strlist *tables, bool **chosen, struct error *e) MUST_USE;

#endif

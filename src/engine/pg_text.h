/* What the parts of pg_text.c share. */
#ifndef ENGINE_PG_TEXT_H
#define ENGINE_PG_TEXT_H

#include "engine/pg.h"

/* pg_text_choose.c: for pg_restore --use-list: the entries of a TOC that make up the chosen tables. These are the tables
 * with their partitions, rows, columns' defaults, keys, indexes, statistics, rules, triggers, policies, comments, and
 * what all these need: types, sequences, functions, schemas, extensions, tables inherited from. A foreign key comes
 * along when the table it leads to is chosen, too; views do not. A line an entry: "17;". -ERR_NOT_FOUND for a table that is not
 * there. */
int pg_text_choose(const struct pg_toc *t, const struct strlist *tables, struct buf *list, struct error *e) MUST_USE;

#endif

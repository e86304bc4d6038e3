/* A table of the live database whose rows a restore is about to change, within a transaction. */
#ifndef ENGINE_PG_LIVE_TABLE_H
#define ENGINE_PG_LIVE_TABLE_H

#include "engine/pg_put.h"

/* What was taken away and comes back: foreign keys, triggers. */
struct pg_live_undo {
	struct strlist statements;        /* in this order */
	struct strlist keys;              /* of these those that check foreign keys: what they are, for messages; same count or NULL */
};
/* -ERR_MISMATCH with the first column that is not as in the backup; also when it is no table. */
int pg_live_check(struct pg_session *s, const struct rows_table *stored, struct error *e) MUST_USE;
/* Lock it, drop the foreign keys that touch it, disable its triggers. */
int pg_live_open(struct pg_session *s, const char *schema, const char *name, struct pg_live_undo *undo, struct error *e) MUST_USE;
int pg_live_close(struct pg_session *s, const struct pg_live_undo *undo, struct error *e) MUST_USE;
/* Rows of an entry whose key is not there (without a key: rows that are not there). */
int pg_live_fill_in(struct pg_session *s, const struct pg_entry *data, uint64_t *rows, struct error *e) MUST_USE;

#endif

/* The database a restore is for, the scratch database beside it, and how they change places. */
#ifndef ENGINE_PG_TARGET_H
#define ENGINE_PG_TARGET_H

#include "engine/pg_put.h"

#define PG_UNDO_SECONDS (24 * 3600)       /* for so long a replaced database is kept */
#define PG_NAME_MAX 63                    /* NAMEDATALEN - 1 */

struct pg_target {
	struct pg_place place;
	const char *name;                 /* of the database; place's */
	PGconn *control;                  /* to another database of the server, or to itself when there is no way to another */
	char *control_db;
	struct pg_rights rights;
	bool exists, empty, ours;         /* empty: nothing of a user in it; ours: we may rename it */
	bool aside;                       /* control is another database: a scratch database and a swap are possible */
	char *scratch;                    /* its name, while there is one that is ours to remove */
	char *comment;                    /* statement with the archive's comment on the scratch database; or NULL */
	char *kept;                       /* what the replaced database is called now, or NULL */
	struct strlist *notes;
};
/* Connect and look. -ERR_REFUSED for template databases and the like, and for prepared transactions. */
int pg_target_open(struct pg_target *t, const struct source_url *url, struct strlist *notes, struct error *e) MUST_USE;
void pg_target_release(struct pg_target *t);          /* removes a scratch database */
/* pg_leftovers.c: scratch databases whose restore or verification is gone, replaced ones whose time has passed. What cannot be removed is noted. */
void pg_leftovers_remove(struct pg_target *t);
/* pg_scratch_db.c: an empty database beside the target, with the encoding and locale of the archive (toc NULL: of the target, or
 * the server's). */
int pg_scratch_create(struct pg_target *t, const struct pg_toc *toc, struct error *e) MUST_USE;
/* A name's ending that nobody else has, after `kind` ("_restore_") 8 hex digits, and c's lock of it: while c lives, nobody takes the database for
 * left over. */
#define PG_SUFFIX_MAX 32
int pg_scratch_suffix(PGconn *c, const char *kind, char out[PG_SUFFIX_MAX], struct error *e) MUST_USE;
/* Say that it is ours, with `what` ("a restore"). */
int pg_scratch_mark(PGconn *c, const char *database, const char *what, struct error *e) MUST_USE;
/* pg_properties.c: make the scratch database like the live one in owner, privileges, settings and limits, or, when there is none,
 * like what the archive says. */
int pg_properties_set(struct pg_target *t, const struct pg_toc *toc, struct error *e) MUST_USE;
/* pg_swap.c: put it in the target's place, in one transaction. Sessions of the target are ended. */
int pg_swap(struct pg_target *t, struct progress *p, struct error *e) MUST_USE;
/* DROP DATABASE, with all its sessions and subscriptions, on c, which is at `place`. */
int pg_database_drop(const struct pg_place *place, PGconn *c, const char *name, struct error *e) MUST_USE;
/* `base` cut so that `suffix` fits behind it in a name; heap. */
char *pg_name_beside(const char *base, const char *suffix);
/* Tables of users in c's database: what a script has made. */
int pg_count_tables(PGconn *c, uint64_t *out, struct error *e) MUST_USE;
#define PG_LOCK_CLASS 1113678699          /* "Back": of the advisory lock of a restore; its other half is in the scratch name */

/* pg_in_place.c: everything within the target in one transaction, for users that may not create databases. toc NULL: `from` is a
 * script. */
int pg_in_place(struct pg_target *t, const struct engine_restore *r, const struct pg_toc *toc, struct source *from,
	struct restore_result *out, struct error *e) MUST_USE;
/* pg_merge.c: chosen tables, or what is missing, into the target in one transaction. */
int pg_merge(struct pg_target *t, const struct engine_restore *r, const struct pg_toc *toc, struct source *from,
	struct restore_result *out, struct error *e) MUST_USE;

#endif

/* Putting what an archive holds into a database, entry by entry: what loading, chosen tables and restoring in place share.
 * The order and the meaning of entries is that of pg_restore (pg_backup_archiver.c of PostgreSQL). */
#ifndef ENGINE_PG_PUT_H
#define ENGINE_PG_PUT_H

#include "base/map.h"
#include "engine/pg.h"

#include <pthread.h>

/* pg_rights.c: what this user may set on this server, and what was left out for want of it. */
struct pg_rights {
	bool superuser, createdb;
	bool owners;                      /* set owners and privileges at all */
	char *user;
	struct strlist tablespaces;
	struct map *roles;                /* name -> PG_ROLE_OURS or PG_ROLE_OTHER */
	struct map *left_out;             /* text -> how often */
	pthread_mutex_t lock;             /* of left_out */
};
#define PG_ROLE_OURS ((void *)1)      /* objects can be given to it */
#define PG_ROLE_OTHER ((void *)2)
int pg_rights_read(PGconn *c, struct pg_rights *out, struct error *e) MUST_USE;
void pg_rights_release(struct pg_rights *r);
/* Count something left out; told once by pg_rights_tell() as "<text>" or "<text> (12 times)". Any thread. */
void pg_rights_leave_out(struct pg_rights *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void pg_rights_tell(struct pg_rights *r, struct strlist *notes);

/* One connection that entries are put through. */
struct pg_session {
	PGconn *c;
	const struct pg_toc *toc;
	struct source *from;
	struct pg_rights *rights;
	struct progress *progress;
	const atomic_bool *stop;          /* another thread has failed; or NULL */
	const struct map *kept_objects;   /* large objects (uint32_t) that are not written; or NULL */
	bool in_transaction;              /* the caller's: what may fail is put between savepoints */
	char state[6];                    /* SQLSTATE of the last statement that failed */
};
/* Connect and set what an archive expects: its encoding, its search path, function bodies unchecked. */
int pg_session_open(struct pg_session *s, const struct pg_place *place, const char *database, struct error *e) MUST_USE;
/* The same on a connection there is: `local` for the current transaction only. */
int pg_session_prepare(struct pg_session *s, bool local, struct error *e) MUST_USE;
void pg_session_close(struct pg_session *s);
/* Run text that may hold several statements, to its end or until cancelled. rows (may be NULL): those of the last statement. */
int pg_session_run(struct pg_session *s, const char *sql, uint64_t *rows, struct error *e) MUST_USE;
/* The same with a statement that is freed here. */
int pg_session_do(struct pg_session *s, struct error *e, char *sql) MUST_USE;

/* pg_entry.c */
enum pg_pass { PG_PASS_NEVER, PG_PASS_PRE, PG_PASS_DATA, PG_PASS_POST, PG_PASS_ACL, PG_PASS_LAST };
/* The pass of each entry, in the order of the TOC; the caller's. Entries without a section go with the one before them. */
enum pg_pass *pg_passes(const struct pg_toc *t);
/* Create what the entry describes, with its owner. The error says which: "TABLE public.orders: ...". */
int pg_entry_put(struct pg_session *s, const struct pg_entry *en, struct error *e) MUST_USE;
/* "TABLE public.orders"; heap. */
char *pg_entry_title(const struct pg_entry *en);
bool pg_entry_is(const struct pg_entry *en, const char *desc);
/* `name` as PostgreSQL's tools write it when it needs no quotes, and quoted; the tag or the schema-qualified tag. Whether `at` begins
 * with such a name; *len is its length. */
bool pg_name_at(const char *at, const char *schema, const char *name, size_t *len);
/* The statements of a text, each without what parts it from the next; strings, names, comments and dollar quotes are seen. */
void pg_statements(const char *text, struct strlist *out);

/* pg_entry_data.c: rows, large objects, INSERT statements. `fresh`: the table is empty and nobody sees it, so that it may be frozen. */
int pg_entry_load(struct pg_session *s, const struct pg_entry *en, bool fresh, uint64_t *rows, struct error *e) MUST_USE;
/* COPY text of an entry into the statement `copy`. */
int pg_entry_copy(struct pg_session *s, const struct pg_entry *en, const char *copy, uint64_t *rows, struct error *e) MUST_USE;

/* pg_compare.c: tables, rows and objects on a connection, which may be in a transaction. exact: a table the backup does not have is a
 * difference. */
int pg_compare_on(PGconn *c, const struct stored *s, bool exact, struct progress *p, struct error *e) MUST_USE;

/* pg_load_post.c: entries of one pass, in parallel as far as their dependencies and locks allow. */
struct pg_team {
	struct pg_session *v;
	int n;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct error why;                 /* of the first that failed */
	PGcancel **cancels;
};
/* Note a failure and make all others stop. Any thread. */
void pg_team_fail(struct pg_team *t, const struct error *why);
int pg_load_post(struct pg_team *team, const struct pg_entry *const *v, size_t n, struct error *e) MUST_USE;

#endif

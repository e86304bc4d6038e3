/* How the parts of a MySQL or MariaDB restore work together: a scratch database that is filled and compared, definitions
 * that can be taken from one database to another, and the swap. */
#ifndef ENGINE_MY_RESTORE_H
#define ENGINE_MY_RESTORE_H

#include "base/buf.h"
#include "base/proc.h"
#include "engine/my.h"

#include <pthread.h>

/* Tables of ours in a scratch or kept database. */
#define MY_SCRATCH_TABLE "_backstay_scratch"
#define MY_KEPT_TABLE "_backstay_kept"
#define MY_MOVES_TABLE "_backstay_moves"
#define MY_SAVED_TABLE "_backstay_saved"
#define MY_FRESH_TABLE "_backstay_fresh"
bool my_is_own_table(const char *name);
#define MY_NAME_MAX 64                    /* characters of a database's name */

/* ---- my_rewrite.c: what is changed in SQL text on its way into another database. Pure. ---- */

struct my_rewrite {
	bool drop_definers;               /* DEFINER=... of CREATE goes away */
	bool sequences;                   /* nextval(`from`.`x`) becomes nextval(`to`.`x`); for tables and views only */
	const char *from, *to;            /* databases; may be NULL when sequences is false */
	const char *unqualify;            /* `this`.`x` becomes `x`, wherever it stands; or NULL */
	const char *column_database;      /* `this`.`x`.`y` becomes `x`.`y`, wherever it stands; or NULL */
	struct strlist *definers;         /* receives each account once, as SQL: 'a'@'b'; or NULL */
};
/* Whole statements, as a client reads them. Besides what is asked for, triggers lose the name of a database in front of
 * theirs and their table's, and ALTER DATABASE `x` means the current one. */
void my_rewrite(const struct my_rewrite *r, const char *sql, size_t n, struct buf *out);

/* Whether these statements, one at least, are all ALTER DATABASE with a character set or collation and nothing else: dumps
 * have them around routines and triggers that were made when their database had another one. */
bool my_is_charset_change(const char *sql, size_t n);

/* ---- my_defer.c: indexes that are built when the rows are there. Pure. ---- */

/* The text of a table's CREATE as the tools write it, without its plain secondary indexes, and "ADD KEY ..., ADD KEY ..." for
 * them. False, with nothing in either, when there are none or the table might not become the same: other engines than
 * InnoDB, foreign keys, full text or spatial indexes, an AUTO_INCREMENT column that is not first in the primary key. */
bool my_defer_keys(const char *sql, size_t n, struct buf *create, struct buf *keys);

/* ---- my_feed.c: the vendor's client, fed through its stdin ---- */

struct my_feed {
	struct proc proc;
	uint64_t line;                    /* the one being written, 1.. */
	struct my_feed_mark {
		uint64_t line;
		char *what;               /* "table \"x\"" */
	} *marks;
	size_t n, cap;
	struct progress *progress;
	atomic_bool *stop;                /* set by another when the work is in vain; or NULL */
};
/* `client` is the program of my_tool_find(). */
int my_feed_start(struct my_feed *f, const char *client, bool mariadb_tool, const struct my_place *place, const char *database,
	struct error *e) MUST_USE;
/* What is written from now on belongs to `what`; errors name it. */
void my_feed_mark(struct my_feed *f, const char *what);
/* An error of the client's is returned here or by my_feed_finish(): "table "x": ERROR 1062 (23000): Duplicate entry ...". */
int my_feed_write(struct my_feed *f, const void *p, size_t n, struct error *e) MUST_USE;
int my_feed_finish(struct my_feed *f, struct error *e) MUST_USE;
void my_feed_release(struct my_feed *f);          /* stops it when it still runs */

/* ---- my_objects.c: triggers, views, routines, events as SQL text ---- */

enum my_object_kind {
	MY_ROUTINE = 1 << 0,
	MY_VIEW = 1 << 1,
	MY_TRIGGER = 1 << 2,
	MY_EVENT = 1 << 3,
	MY_ALL_KINDS = MY_ROUTINE | MY_VIEW | MY_TRIGGER | MY_EVENT,
};

struct my_object {
	enum my_object_kind kind;
	char *type;                       /* as SQL says: "PROCEDURE", "PACKAGE BODY", "VIEW" */
	char *name, *table;               /* table: of a trigger, else "" */
	char *sql;                        /* in the character set `client` */
	char *mode, *client, *connection, *collation, *zone;      /* of the session it was made in; "": none */
	char *grants;                     /* of a routine: GRANT statements, a line each; NULL: unknown (my_grants.c) */
};

struct my_objects {
	struct my_object *v;
	size_t n, cap;
};
void my_objects_release(struct my_objects *o);
/* Those of a database, in an order they can be made in (views: if only others of the list are needed, by repetition). */
int my_objects_read(MYSQL *c, const char *database, unsigned kinds, struct my_objects *out, struct error *e) MUST_USE;
bool my_objects_has(const struct my_objects *o, const struct my_object *like);       /* of this type and name */
bool my_objects_has_same(const struct my_objects *o, const struct my_object *like);  /* equal in everything */
void my_objects_add(struct my_objects *o, const struct my_object *copied);
/* A statement that needs tables others may use: it is tried for a minute, or until p is cancelled; then -ERR_LOCKED. */
int my_exec_patiently(MYSQL *c, struct progress *p, struct error *e, char *sql) MUST_USE;
int my_object_drop(MYSQL *c, const char *database, const struct my_object *o, struct error *e) MUST_USE;
/* Make them all in `database`; what is there under these names must be gone. Views are tried again as long as that helps.
 * `broken`: not NULL: views that cannot be made because what they show is missing are named there instead of failing. */
int my_objects_create(MYSQL *c, const char *database, const struct my_objects *o, bool drop_definers, struct strlist *broken,
	struct error *e) MUST_USE;
/* Keep them in a table of ours in a database, and get them back. */
int my_objects_save(MYSQL *c, const char *database, const char *table, const struct my_objects *o, struct error *e) MUST_USE;
int my_objects_load(MYSQL *c, const char *database, const char *table, struct my_objects *out, struct error *e) MUST_USE;
/* my_grants.c: rights to single routines. What they are, for the routines among o, which are those of `database`; where this
 * user may not read that, it stays unknown. And given to those of `made` that were there before; what cannot be becomes a
 * note (may be NULL). */
int my_grants_read(MYSQL *c, const char *database, struct my_objects *o, struct error *e) MUST_USE;
int my_grants_give(MYSQL *c, const struct my_objects *were, const struct my_objects *made, struct strlist *notes,
	struct error *e) MUST_USE;
/* A server started with event_scheduler=DISABLED knows no events, and refuses to be asked for them. */
int my_events_work(MYSQL *c, bool *yes, struct error *e) MUST_USE;
/* Tables (sequences too) of a database, by kind, without ours, in name order. */
int my_tables_of(MYSQL *c, const char *database, struct strlist *out, struct error *e) MUST_USE;

/* ---- my_scratch.c: databases beside the target ---- */

struct my_scratch {
	char *name;                       /* <target>_restore_<8 hex>, or backstay_verify_<8 hex>; NULL: there is none */
	char *target;
};
/* Make one for `target`, marked as ours: time, host, process, connection; our connection holds a lock as long as it lives.
 * `charset`, `collation` may be NULL. */
int my_scratch_make(MYSQL *c, const char *target, const char *charset, const char *collation, struct my_scratch *out,
	struct error *e) MUST_USE;
/* The same for a verification, beside nothing. */
/* The lock again, on a new connection. */
int my_scratch_lock(MYSQL *c, const struct my_scratch *s, struct error *e) MUST_USE;
int my_scratch_make_verify(MYSQL *c, struct my_scratch *out, struct error *e) MUST_USE;
/* Whether a database's name is that of one made for a verification. */
bool my_is_verify(const char *database);
/* Ends what other connections still do there, and drops it. */
int my_scratch_drop(MYSQL *c, const char *name, struct error *e) MUST_USE;
void my_scratch_release(struct my_scratch *s);
/* The name of the database that keeps what was replaced, made and marked; *until says to when in words. */
int my_kept_make(MYSQL *c, const char *target, char **name, char **until, struct error *e) MUST_USE;
/* At the start of a restore: scratch databases whose owner is gone are removed, after my_swap_recover() of a swap they had
 * begun on `target`; kept databases whose time is over are removed. */
int my_leftovers_remove(MYSQL *c, const char *target, struct strlist *notes, struct error *e) MUST_USE;
/* One restore to a target at a time: -ERR_LOCKED. Held until the connection ends. */
int my_lock_target(MYSQL *c, const char *target, struct error *e) MUST_USE;

/* ---- my_swap.c: the moment of change ---- */

struct my_swap {
	MYSQL *c;
	const char *live, *scratch;
	char *kept;                       /* receives what is moved out; NULL: nothing is */
	struct strlist in, out;           /* tables from scratch to live; from live to kept */
	struct strlist filled;            /* tables of live that get rows: their triggers are away meanwhile */
	unsigned kinds;                   /* of definitions that change */
	struct my_objects old;            /* all of live of those kinds */
	struct my_objects fresh;          /* that come */
	bool replace;                     /* old ones that are not among the fresh go; otherwise only triggers of `out` */
	bool drop_definers;
	int (*fill)(void *ctx, struct error *e);      /* runs when the tables are in place; or NULL */
	int (*last)(void *ctx, struct error *e);      /* runs at the end; or NULL */
	int (*reconnect)(void *ctx, MYSQL **c, struct error *e);      /* once; with all locks */
	void *ctx;
	struct progress *progress;
	struct strlist *notes;
	bool begun;                       /* after an error: it was neither finished nor put back; scratch tells the next restore how */
	enum { MY_SWAP_CLEARS, MY_SWAP_MOVES, MY_SWAP_MOVED } stage;
};
void my_swap_release(struct my_swap *s);
/* Foreign keys of other tables, here and in other databases, to tables that are replaced: their rows must find what they refer to in
 * the new ones, else -ERR_VERIFY naming the constraint. */
int my_swap_check_keys(const struct my_swap *s, struct error *e) MUST_USE;
/* Triggers go, tables change places in one statement, foreign keys, defaults, old definitions and new ones. What was there is saved in
 * scratch before. A connection lost when the tables have moved is made again, and the work finished. After any other error all is as before,
 * or the text says that it is not. */
int my_swap_do(struct my_swap *s, struct error *e) MUST_USE;
/* What a process that is gone had begun, as scratch tells. Others may have written to live since, so nothing of theirs goes: before the
 * tables moved, what had been dropped is made again; after that, they stay and the new definitions are made as far as live lets them. What
 * was done is noted. */
int my_swap_recover(MYSQL *c, const char *live, const char *scratch, struct strlist *notes, struct error *e) MUST_USE;

/* my_keys.c: foreign keys from tables elsewhere to those of two databases, pointed at the same tables of `live`. */
int my_keys_turn(MYSQL *c, const char *live, const char *scratch, const char *kept, struct error *e) MUST_USE;
/* What is only kept must not bind rows of others: its keys to tables of other databases go. */
int my_keys_untie(MYSQL *c, const char *kept, struct error *e) MUST_USE;
/* Rows of tables of live that refer to nothing: -ERR_VERIFY. */
int my_keys_check(MYSQL *c, const char *live, const struct strlist *tables, struct error *e) MUST_USE;

/* ---- my_restore.c ---- */

/* The accounts that views, triggers, routines and events of a stored dump belong to, as SQL ('a'@'b'; a role: 'a'), and
 * the database it was made of (NULL: unknown; `database` may be NULL). */
int my_definers_of(const struct stored *s, struct strlist *out, char **database, struct error *e) MUST_USE;

/* ---- my_merge.c: rows into tables that are there ---- */

/* One connection, rows whose key live's table lacks; in one transaction as far as the storage engines have them. */
int my_fill_in(const struct my_place *place, MYSQL *c, const char *live, const char *scratch, const struct strlist *tables,
	struct restore_result *out, struct progress *p, struct error *e) MUST_USE;

/* ---- my_guard.c ---- */

struct my_guard {
	const struct my_place *place;
	struct progress *progress;
	unsigned long connection;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
};
/* From now on what c is asked is interrupted at the server when p is cancelled. Borrows place. End it when this was 0. */
int my_guard_start(struct my_guard *g, const struct my_place *place, MYSQL *c, struct progress *p, struct error *e) MUST_USE;
/* Returns err, or -ERR_CANCELLED when that was why. */
int my_guard_end(struct my_guard *g, int err, struct error *e) MUST_USE;

/* ---- my_compare.c ---- */

/* my_compare() without hashes; `tables`: only these (NULL: all, and the objects of `kinds` too). */
int my_compare_counts(const struct my_place *place, const char *database, const struct stored *s, const struct strlist *tables,
	unsigned kinds, struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;
/* No table that was not backed up, and as many objects of `kinds` as were; counts no rows. */
int my_compare_objects(MYSQL *c, const char *database, const struct stored *s, unsigned kinds, struct error *e) MUST_USE;

#endif

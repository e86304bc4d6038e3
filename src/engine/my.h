/* MySQL and MariaDB: inner interfaces of the engine's parts. A backup is a folder NAME/ with database.sql, byte for byte what
 * mariadb-dump or mysqldump wrote. */
#ifndef ENGINE_MY_H
#define ENGINE_MY_H

#include "engine/engine.h"
#include "engine/sqldump.h"

#include <mysql.h>

#define MY_DUMP_FILE "database.sql"
#define MY_FORMAT "mysql sql"             /* manifest_artifact.format */

/* my_url.c, my_conn.c: where a database is, and talking to it.
 *
 * URLs: mysql://user:password@host:3306/shop?socket=/run/mysqld/mysqld.sock&ssl-mode=required&ssl-ca=FILE (also mariadb:).
 * What is not given comes from the [client] groups of the usual option files, as for the vendor's clients; without a password
 * there, MYSQL_PWD. */
struct my_place {
	char *user, *password, *host, *socket, *database;     /* each may be NULL but database */
	unsigned port;                    /* 0: default */
	char *ssl_mode, *ssl_ca, *ssl_cert, *ssl_key;         /* or NULL; modes disabled, preferred, required, verify-ca, verify-identity */
	char *defaults_file;              /* option file in place of the usual ones; or NULL */
	bool tcp;                         /* by TCP even to "localhost", which otherwise means the socket: a port was given */
	struct progress *progress;        /* or NULL: once it is cancelled, connecting ends, and a silent server's connections are cut */
};
void my_place_release(struct my_place *p);                        /* wipes the password */
/* What the URL says (u->rest), without any option file; texts name no part of the password. -ERR_USAGE. */
int my_place_parse(const char *rest, struct my_place *out, struct error *e) MUST_USE;
/* engine->parse. identity "/mysql/<host:port or socket>/<database>"; shown without password. */
int my_parse(struct source_url *u, struct error *e) MUST_USE;
int my_place_of(const struct source_url *u, struct my_place *out, struct error *e) MUST_USE;
/* The authorities a certificate is held against: p's own, or the system's when it must be checked; or NULL. Not owned. */
const char *my_tls_ca(const struct my_place *p);
/* Connect; utf8mb4, strict about nothing it must not be, time_zone +00:00, no time limits. `database` NULL: the place's own; "": none.
 * Errors: access denied -> ERR_ACCESS, unknown database -> ERR_NOT_FOUND, not reached or gone -> ERR_TEMPORARY; never a password in the text. */
int my_connect(const struct my_place *p, const char *database, MYSQL **out, struct error *e) MUST_USE;
void my_disconnect(MYSQL **c);                                    /* for CLEANUP() */
/* End the statement that runs on `busy`, by a connection of its own; its transaction stays. Any thread. When it cannot be
 * done, the statement goes on. */
void my_stop_statement(const struct my_place *p, MYSQL *busy);
void my_clear(MYSQL_RES **r);
/* SQL in which %I is a name (`quoted`), %L a literal (NULL: NULL), %s text, %d %u %lld %llu numbers, %% a percent sign; heap. */
char *my_sql(const char *fmt, ...);
/* `a`, `b`: names as a list in SQL; heap. */
char *my_names(const struct strlist *names);
/* The SQL is heap and freed here: my_exec(c, e, my_sql(...)). Full disk -> ERR_NO_SPACE, missing right -> ERR_ACCESS, else ERR_CHILD. */
int my_exec(MYSQL *c, struct error *e, char *sql) MUST_USE;
int my_query(MYSQL *c, MYSQL_RES **out, struct error *e, char *sql) MUST_USE;         /* stored at the client */
int my_value(MYSQL *c, char **out, struct error *e, char *sql) MUST_USE;
int my_error(MYSQL *c, struct error *e, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool my_is_mariadb(MYSQL *c);
char *my_server_title(MYSQL *c);                                  /* "MariaDB 10.11.19", "MySQL 8.4.3"; heap */
/* For the vendor's tools, appended to argv: --no-defaults, which must come first, behind the program's name (so that no option file of this
 * machine changes what a dump holds), then --host=... and so on. TLS options differ between the families (my_tool_find()). Never the
 * password: that goes by MYSQL_PWD in the child's environment, which both families read and only this user and root can see. */
void my_tool_args(const struct my_place *p, bool mariadb_tool, struct strlist *argv);
void my_tool_env(const struct my_place *p, struct strlist *env);

/* my_optfile.c: what the vendor's clients would take from their option files: fills in what p lacks. `file` NULL: the usual ones.
 * -ERR_NOT_FOUND and so on only for a file that was asked for. */
int my_optfile_read(const char *file, struct my_place *p, struct error *e) MUST_USE;

/* my_tools.c: `name` is "dump" (mariadb-dump, mysqldump) or "client" (mariadb, mysql); of the two families the one that suits the
 * server (MySQL's own for MySQL, because MariaDB's dump of generated columns does not load there), else the other. Looked for in
 * BACKSTAY_MYSQL_BIN and PATH. *version is heap text; *mariadb_tool says which family. */
int my_tool_find(const char *name, bool mariadb_server, char **path, char **version, bool *mariadb_tool, struct error *e) MUST_USE;

/* my_backup.c */
int my_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;
/* The dump of `place` through a watch into `to` (NULL: look only): exit status, stderr, trailer. Fills tables and objects of m.
 * `tolerate`: as in struct backup_options. */
int my_backup_stream(const struct my_place *place, MYSQL *c, bool tolerate, struct file_sink *to, struct progress *p,
	struct manifest_source *m, struct sqldump_map *map, struct error *e) MUST_USE;
/* my_preflight.c: rights that lack (SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, routines' bodies), tables that are not transactional:
 * what would make the dump fail is -ERR_ACCESS with the GRANT that helps; what would only be left out becomes a note of kind "unseen".
 * `tolerate`: views that cannot be dumped become notes of kind "unreadable" with their definitions, and are left out. */
struct my_plan {
	bool lock_tables;         /* lock all tables together; otherwise one transaction sees them all */
	bool events, routines;    /* may be dumped */
	bool by_key;              /* --order-by-primary costs no sorting of anything big */
	struct strlist left_out;  /* views that cannot be dumped */
	struct strlist locked;    /* tables that are not transactional */
	struct strlist generated; /* MySQL: tables with generated columns, which MariaDB's tool dumps so that MySQL cannot load them */
};
void my_plan_release(struct my_plan *p);
int my_preflight(MYSQL *c, const char *database, bool tolerate, struct manifest_source *m, struct my_plan *out, struct error *e) MUST_USE;
/* my_rights.c: what this user has on the whole database. */
struct my_rights {
	bool select, show_view, trigger, event, lock;
	bool routine_names, routines;     /* sees all names; sees all bodies */
};
int my_rights_read(MYSQL *c, const char *database, struct my_rights *out, struct error *e) MUST_USE;
/* my_seen.c: what there is in a database as far as this user sees it, to hold a dump against. */
struct my_seen {
	struct strlist tables, views;
	uint64_t triggers, routines, events, sequences;
};
void my_seen_release(struct my_seen *s);
int my_seen_now(MYSQL *c, const char *database, struct my_seen *out, struct error *e) MUST_USE;
/* -ERR_VERIFY naming what was there before and after but is not in the dump; what came or went meanwhile becomes a note "changed". */
int my_seen_compare(const struct my_seen *before, const struct my_seen *after, const struct sqldump_map *map, const struct my_plan *plan,
	struct manifest_source *m, struct error *e) MUST_USE;

/* my_stored.c: the stored dump, open, with its map (NULL: not wanted); -ERR_MISMATCH when the source has none. */
int my_stored_open(const struct stored *s, struct source **out, struct sqldump_map *map, struct error *e) MUST_USE;
/* V2: the whole dump through a watch again: size, trailer, tables with columns, places, rows and hashes, counted objects as in the manifest. The
 * trailer is not asked for when the manifest has a note of kind MY_NO_TRAILER (the import of a file that never had one). */
#define MY_NO_TRAILER "no trailer"
int my_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;
/* my_rows.c */
int my_rows_stored(const struct stored *s, struct rows_db **out, struct error *e) MUST_USE;
int my_rows_live(const struct source_url *u, struct rows_db **out, struct error *e) MUST_USE;
/* my_text.c: SQL text for the clients: the dump's own bytes, of chosen tables only if asked. */
int my_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e) MUST_USE;
int my_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e) MUST_USE;

/* my_restore.c */
int my_restore(const struct engine_restore *r, struct restore_result *out, struct error *e) MUST_USE;
int my_look(const struct source_url *target, bool *there, char **line, struct error *e) MUST_USE;
/* my_load.c: the stored dump into a database that is empty, through the vendor's client: tables first (rows in parallel by range), then the
 * rest in its order. Statements that name a database are left out. Stops at the first error, with the client's words. */
struct my_load {
	const struct stored *from;
	const struct my_place *place;
	const char *database;
	const struct strlist *tables;     /* NULL or empty: all */
	bool tables_only;                 /* no triggers, views, routines, events (the swap makes them in their final place) */
	bool no_events;                   /* they might happen */
	bool events_only;                 /* nothing else; the database need not be empty */
	bool drop_definers;               /* views, triggers, routines, events become the property of who loads them */
	int workers;                      /* 0: by size and processors */
	struct progress *progress;
};
int my_load(const struct my_load *l, struct restore_result *out, struct error *e) MUST_USE;
/* my_compare.c: as pg_compare(). */
int my_compare(const struct my_place *place, const char *database, const struct stored *s, bool hashes, struct progress *p,
	struct strlist *evidence, struct error *e) MUST_USE;

/* my_verify.c: a database backstay_verify_<8 hex> on the server that BACKSTAY_VERIFY_MYSQL names, dropped by its close(). A killed process leaves
 * it for the next restore or rehearsal on that server to remove. -ERR_NOT_FOUND when that server does not suit the backup. */
int my_verify_scratch(const struct stored *s, struct engine_scratch *out, struct error *e) MUST_USE;
/* my_server.c */
int my_scratch(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e) MUST_USE;
int my_compare_restored(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;

/* my_maintain.c */
int my_info(const struct source_url *u, struct source_info *out, struct error *e) MUST_USE;
int my_maintain(const struct engine_maintenance *m, struct error *e) MUST_USE;

#endif

/* PostgreSQL: inner interfaces of the engine's parts. A backup of it is a folder NAME/ with database.dump (pg_dump -Fc -Z0,
 * the offsets in its TOC set) and, when permitted, globals.sql (pg_dumpall --globals-only). */
#ifndef ENGINE_PG_H
#define ENGINE_PG_H

#include "engine/engine.h"
#include "engine/pg_archive.h"

#include <libpq-fe.h>

#define PG_DUMP_FILE "database.dump"
#define PG_GLOBALS_FILE "globals.sql"
#define PG_SQL_FILE "database.sql"        /* an imported plain script instead of an archive */
#define PG_FORMAT "pg_dump custom"        /* manifest_artifact.format */
#define PG_FORMAT_SQL "pg sql"
#define PG_FORMAT_GLOBALS "pg_dumpall globals"

/* pg_place.c: where a database is. Nothing here connects.
 *
 * URLs are libpq's ("postgresql://user@host:5433/shop?sslmode=require", also postgres:), keyword=value text behind the
 * scheme ("postgresql:service=shop", "postgresql:host=/run/postgresql dbname=shop"), or just a name ("postgresql:shop").
 * What is not given comes from the service file, PGHOST and its like, then libpq's defaults. Other secrets than the
 * password (sslpassword) are refused, as pg_dump takes them in its arguments only. */
struct pg_place {
	struct strlist keywords, values;  /* all settings given but password and dbname */
	char *database;                   /* never NULL */
	char *password;                   /* or NULL: libpq's own ways (PGPASSWORD, passfile) */
	struct progress *progress;        /* or NULL: once it is cancelled, connecting ends, and a silent server's connections are cut */
};
void pg_place_release(struct pg_place *p);
/* engine->parse. identity "/postgresql/<host>:<port>/<database>", each part a path's component (other characters as
 * %2F); shown is a URL that leads to the same database without this environment, without password; name is the
 * database's. */
int pg_parse(struct source_url *u, struct error *e) MUST_USE;
int pg_place_of(const struct source_url *u, struct pg_place *out, struct error *e) MUST_USE;

/* pg_conn.c: talking to it. */
/* Connect to `database` (NULL: the place's own) with a quiet, predictable session: client_encoding UTF8, an empty
 * search_path, ISO dates, no statement or lock time limits, row_security off. -ERR_ACCESS for a wrong password or a missing right,
 * -ERR_NOT_FOUND for a missing database, -ERR_TEMPORARY when the server is not reached or too busy; never a password in
 * the text. Notices are not printed. */
int pg_connect(const struct pg_place *p, const char *database, PGconn **out, struct error *e) MUST_USE;
void pg_disconnect(PGconn **c);                                   /* for CLEANUP() */
void pg_clear(PGresult **r);
/* SQL in which %I is a name, %L a literal (NULL: NULL), %s text, %d %u %lld %llu numbers, %% a percent sign. */
char *pg_sql(const char *fmt, ...);
/* Run. The SQL is heap and freed here: pg_exec(c, e, pg_sql(...)). Errors by SQLSTATE: 42501 -> ERR_ACCESS, 53100 -> ERR_NO_SPACE,
 * 57014 -> ERR_CANCELLED, 08*, 57P* -> ERR_TEMPORARY, 3D000 -> ERR_NOT_FOUND, else ERR_CHILD; the server's message, detail and hint. */
int pg_exec(PGconn *c, struct error *e, char *sql) MUST_USE;
int pg_query(PGconn *c, PGresult **out, struct error *e, char *sql) MUST_USE;
/* The first value of the first row, heap; NULL: no row, or NULL. */
int pg_value(PGconn *c, char **out, struct error *e, char *sql) MUST_USE;
int pg_error(PGconn *c, const PGresult *r, struct error *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* After PQsendQuery() and the like: wait until PQgetResult() does not block. While COPY is under way: until the server sent
 * something, but no longer than 200 ms. Once p is cancelled the statement is cancelled on the server, what it still
 * sends is thrown away, and -ERR_CANCELLED returned: the connection can be used again, unless the server was silent. */
int pg_wait(PGconn *c, struct progress *p, struct error *e) MUST_USE;
/* PQcancel() of all n, which become NULL and are freed, in this order; waits until it is done, but no longer than `seconds`. */
void pg_cancel(PGcancel **v, int n, double seconds);
/* For the vendor's tools: "host=... port=... dbname=..." for their --dbname (no password), and the environment they need
 * (PGPASSWORD when there is one, PGAPPNAME=backstay, PGCONNECT_TIMEOUT when not set). */
char *pg_tool_conninfo(const struct pg_place *p, const char *database);
void pg_tool_env(const struct pg_place *p, struct strlist *env);
/* What the tools do not set for themselves, where the database, its server or the user of c have it otherwise: bytea as hex, so that equal
 * rows are equal text in every dump, and in ours to compare; no limit of time on statements, which pg_dumpall, unlike pg_dump, leaves as it
 * is. Only then PGOPTIONS is added to env: poolers such as PgBouncer refuse connections that come with it. */
int pg_tool_options(PGconn *c, struct strlist *env, struct error *e) MUST_USE;

/* pg_tools.c: pg_dump, pg_restore and the rest. What BACKSTAY_PG_BIN (a folder) has is taken from there only; else looked
 * for in the usual version folders (/usr/lib/postgresql/N/bin, /usr/pgsql-N/bin, /opt/homebrew/opt/postgresql@N/bin,
 * /usr/local/pgsql/bin), and where those have none for this server, in PATH too. The newest is taken, of at least `server`'s
 * (PQserverVersion; 0: any) major version.
 * *path is heap; *version (may be NULL) like 150020, asked for once per process. -ERR_VERSION "the server is
 * PostgreSQL 17, the newest pg_dump here is 15.20" with the package to install as the hint, -ERR_NOT_FOUND for none at all. */
int pg_tool_find(const char *name, int server, char **path, int *version, struct error *e) MUST_USE;

/* pg_backup.c */
int pg_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;
/* pg_dump of `place` through a watch into `to` (NULL: look only), with an exported snapshot of c (which is in its
 * transaction), in an encoding (NULL: the database's own, which every backup has): exit status, stderr and the archive's
 * end are checked. Fills tables and objects of m. */
int pg_backup_stream(const struct pg_place *place, PGconn *c, const char *encoding, struct file_sink *to, struct progress *p,
	struct manifest_source *m, struct error *e) MUST_USE;
/* pg_preflight.c: what the user may not see or read of the database: -ERR_ACCESS when pg_dump would fail (naming the tables
 * and the GRANT that helps); what is merely left out becomes a note. Server version, size, consistency into m. */
int pg_preflight(PGconn *c, struct manifest_source *m, struct error *e) MUST_USE;

/* pg_stored.c: the archive of a stored source, open; -ERR_MISMATCH when it has none. */
int pg_stored_open(const struct stored *s, struct source **out, struct pg_toc *toc, struct error *e) MUST_USE;
/* The path of its script, when it is one that was imported; or NULL. */
const char *pg_stored_script(const struct manifest_source *m);
int pg_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;

/* pg_rows.c */
int pg_rows_stored(const struct stored *s, struct rows_db **out, struct error *e) MUST_USE;
int pg_rows_live(const struct source_url *u, struct rows_db **out, struct error *e) MUST_USE;
/* pg_text.c: plain SQL that psql loads, made by pg_restore or pg_dump. */
int pg_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e) MUST_USE;
int pg_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e) MUST_USE;

/* pg_script.c: a plain SQL script (psql's input) executed by ourselves: statements are told apart by PostgreSQL's lexical
 * rules, COPY data go through COPY. Passed over and noted: \connect, and statements about databases, roles and tablespaces,
 * which are the whole server's. -ERR_REFUSED with the line: any backslash command that has an effect, COPY with files or programs,
 * ALTER SYSTEM, content for a second database. Stops at the first failing statement: its line and the server's words; only DROPs at
 * the beginning of pg_dump's (--clean) may miss what they drop, and owners and privileges may name roles that are not there (noted). When c is in a transaction, everything stays in it (BEGIN and
 * COMMIT of the script are passed over, its ROLLBACK is refused); a script cannot leave one open. The session's settings are
 * the script's afterwards; search_path begins as "$user", public. Phases are the caller's, bytes are counted; *rows (may be NULL) are those put in. */
int pg_script_run(PGconn *c, struct source *script, struct strlist *notes, uint64_t *rows, struct progress *p, struct error *e) MUST_USE;
/* Only look (pg_script_watch_finish() in pg_script.h): tables, objects, notes into m. -ERR_CORRUPT with the line, or when the end of a
 * dump is missing. */
int pg_script_check(struct source *script, struct manifest_source *m, struct error *e) MUST_USE;

/* pg_restore.c */
int pg_restore(const struct engine_restore *r, struct restore_result *out, struct error *e) MUST_USE;
int pg_look(const struct source_url *target, bool *there, char **line, struct error *e) MUST_USE;
/* pg_load.c: everything stored, or chosen tables with what they need (pg_text_choose()), into a database that is empty, by several connections; stops at the
 * first error. What of a chosen table needs one that is not chosen, such as a foreign key, is left out and noted. */
struct pg_load {
	const struct stored *from;
	const struct pg_place *place;
	const char *database;             /* exists, empty */
	const struct strlist *tables;     /* NULL or empty: all */
	int workers;                      /* 0: by size and processors */
	bool owners;                      /* set owners and privileges (superuser or member of them); else --no-owner --no-acl, noted */
	struct progress *progress;
};
int pg_load(const struct pg_load *l, struct restore_result *out, struct error *e) MUST_USE;
/* pg_compare.c: the database equals the manifest: every table's row count (`hashes`: and row hash, by dumping it again), objects counted. When it has `tables` only
 * (NULL or empty: all), and what came with them, these are looked at. -ERR_VERIFY names the first difference. */
int pg_compare(const struct pg_place *place, const char *database, const struct stored *s, const struct strlist *tables, bool hashes, struct progress *p,
	struct strlist *evidence, struct error *e) MUST_USE;

/* pg_server.c: a private throw-away server on a unix socket below `dir`: engine->scratch and ->compare. */
int pg_scratch(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e) MUST_USE;
/* -ERR_NOT_FOUND names the first extension of the archive that the server of c ("the verify server db:5432") does not have. */
int pg_check_extensions(PGconn *c, const struct pg_toc *toc, const char *where, struct error *e) MUST_USE;
/* pg_verify.c: a database backstay_verify_<8 hex> on the server that BACKSTAY_VERIFY_POSTGRESQL names, dropped by its close(). A killed process
 * leaves it for the next restore or rehearsal on that server to remove. -ERR_NOT_FOUND when that server does not suit the backup. */
int pg_verify_scratch(const struct stored *s, struct engine_scratch *out, struct error *e) MUST_USE;
int pg_compare_restored(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence, struct error *e) MUST_USE;

/* pg_maintain.c */
int pg_info(const struct source_url *u, struct source_info *out, struct error *e) MUST_USE;
int pg_maintain(const struct engine_maintenance *m, struct error *e) MUST_USE;

#endif

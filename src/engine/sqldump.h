/* The text that mariadb-dump and mysqldump write, understood as it passes: statements are told apart by the lexical rules
 * of MySQL (strings with backslashes, quoted names, comments, DELIMITER; MySQL Reference Manual, "Lexical Structure" and
 * "mysql Client Commands"), and a dump is a row of parts. Pure: no server, no files. Nothing is changed on the way. */
#ifndef ENGINE_SQLDUMP_H
#define ENGINE_SQLDUMP_H

#include "base/stream.h"
#include "engine/manifest.h"
#include "engine/rows.h"

#define SQLDUMP_STATEMENT_MAX ((size_t)1 << 30)   /* a statement kept in memory is never longer; rows are not kept */

enum sqldump_kind {
	SQLDUMP_HEAD,             /* settings before everything: sandbox line, comments, SET @OLD_... */
	SQLDUMP_TABLE,            /* DROP and CREATE of a table */
	SQLDUMP_SEQUENCE,         /* DROP and CREATE of a sequence (MariaDB), with its SETVAL */
	SQLDUMP_STAND_IN,         /* table or view that stands for a view until SQLDUMP_VIEW */
	SQLDUMP_ROWS,             /* LOCK TABLES to UNLOCK TABLES: the INSERTs of a table */
	SQLDUMP_TRIGGERS,         /* of one table */
	SQLDUMP_EVENTS,
	SQLDUMP_ROUTINES,
	SQLDUMP_VIEW,
	/* Never executed by a restore: what names a database (CREATE, ALTER, DROP DATABASE, USE), and what would change more than
	 * this database (SET GLOBAL, GTID_PURGED, SQL_LOG_BIN, CHANGE MASTER, START REPLICA). May stand between parts of any kind,
	 * and split one (HEAD, ROUTINES) in two. */
	SQLDUMP_DATABASE,
	SQLDUMP_TAIL,             /* settings put back, "-- Dump completed" */
	SQLDUMP_OTHER,            /* statements we do not know: executed in their place, never dropped */
};

struct sqldump_part {
	enum sqldump_kind kind;
	char *name;               /* of the table, view, sequence, or database; else NULL */
	uint64_t offset, length;  /* bytes of the dump; the parts cover it without gaps */
	uint64_t rows;            /* SQLDUMP_ROWS: tuples */
	char *row_hash;           /* SQLDUMP_ROWS: "xxh128:" and 32 hex digits: sum modulo 2^128 of the XXH3-128 of each tuple's bytes between its parentheses */
	char *sql;                /* SQLDUMP_TABLE and _SEQUENCE: the CREATE statement; else NULL */
	/* SQLDUMP_ROWS: nothing but INSERTs into `name` and the usual LOCK, ALTER ... KEYS, UNLOCK, SET; the only such part of its
	 * table; no transaction or setting outside the head that it would need: fit for loading beside others. */
	bool stand_in;            /* a view, or a table in place of one, that is not its final definition */
	bool plain;
};

struct sqldump_map {
	struct sqldump_part *v;
	size_t n, cap;
	char *client, *server;    /* "mariadb-dump 10.19-11.8.3", "10.11.19-MariaDB-0+deb12u1"; or NULL */
	char *database;           /* of the header; or NULL */
	bool complete;            /* ended with the line "-- Dump completed" */
	size_t databases;         /* different names in CREATE DATABASE and USE: above 1 the tables are not those of one database */
	/* What must not be given to a client as it is; each the first of its kind, or NULL: a command of the client itself
	 * ("\\!", "system", "source": it would run outside the database), and the table (or other thing) of a statement that
	 * stands with the name of a database (INSERT INTO shop.orders: it would write there, wherever it is run). */
	char *command, *foreign;
	/* Of the first statement that a file from elsewhere must not have (LOAD DATA, GRANT, CALL, ...): what it is, and its line. */
	const char *hazard;
	uint64_t hazard_line;
	/* A CREATE TRIGGER names a database, its own or its table's: made there unless my_rewrite() takes the name away. The
	 * tools write it so when the author did. Not `foreign`. */
	bool qualified_triggers;
	uint64_t views, triggers, routines, events, sequences;
};
void sqldump_map_release(struct sqldump_map *m);

/* Tables with columns, rows, bytes, row_hash and, when their rows are one plain part, offset and length; counted objects
 * "view", "trigger", "routine", "event", "sequence". Added to what `out` has. */
void sqldump_map_describe(const struct sqldump_map *m, struct manifest_source *out);

/* sqldump_watch.c: everything written goes on to `out` unchanged, with a cut right before a table's first tuple and at the
 * end of its rows (without LOCK TABLES: of the statement behind them), so that rows never share a chunk with what changes
 * beside them; but only where SQLDUMP_CUT bytes have passed since the last cut, or the rows are that long themselves. To
 * know that, at most so many bytes are held back. Where the cuts lie does not depend on how the bytes are split. */
#define SQLDUMP_CUT ((size_t)256 << 10)
struct sqldump_watch;
struct sqldump_watch *sqldump_watch_new(struct file_sink *out, struct progress *p);   /* out NULL: only look */
void sqldump_watch_free(struct sqldump_watch *w);
int sqldump_watch_write(struct sqldump_watch *w, const void *p, size_t n, struct error *e) MUST_USE;
/* -ERR_REFUSED when the text says that it is written in a character set whose characters may end in a backslash (gbk, big5,
 * sjis, ...): what is a string cannot be told there by its bytes. The same holds for sqldump_map_read(). */
/* The end. *out is the caller's. -ERR_CORRUPT "ends in the middle of a statement (line N)". Whether the trailer was
 * there is map->complete. Tables done so far are counted as progress items all along. */
int sqldump_watch_finish(struct sqldump_watch *w, struct sqldump_map *out, struct error *e) MUST_USE;

/* The same map from a stored dump, without reading the rows of those tables whose place `known` (may be NULL) tells and
 * is as they stand there. */
int sqldump_map_read(struct source *s, const struct manifest_source *known, struct sqldump_map *out,
	struct error *e) MUST_USE;

/* sqldump_table.c: a CREATE TABLE statement as columns: names, types ("varchar(20)"), the key, generated columns.
 * -ERR_CORRUPT when it is none. */
int sqldump_table_parse(const char *sql, struct rows_table *out, struct error *e) MUST_USE;
void sqldump_table_release(struct rows_table *t);

/* sqldump_rows.c: the tuples of a SQLDUMP_ROWS range as values, in the columns of `t` (INSERTs that name columns are
 * mapped; what is not there is NULL). Numbers of integer columns are VALUE_INT when they fit, whatever binary, BIT and spatial
 * columns hold is VALUE_BLOB (BIT as wide as its column), all else VALUE_TEXT: floats and decimals stay as they are written, and so
 * do expressions. Generated columns may be left out of an INSERT without names; row_start and row_end of a table with
 * history are passed over. -ERR_CORRUPT for a tuple that does not fit. A tuple may have 1 GiB. Borrows s and t. */
int sqldump_rows_open(struct source *s, uint64_t offset, uint64_t length, const struct rows_table *t,
	struct rows_cursor **out, struct error *e) MUST_USE;

#endif

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
	SQLDUMP_DATABASE,         /* CREATE DATABASE, USE: names a database; never executed by a restore */
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
	bool plain;               /* SQLDUMP_ROWS: nothing but INSERTs into `name` and the usual LOCK, ALTER ... KEYS, UNLOCK, SET: fit for loading beside others */
};

struct sqldump_map {
	struct sqldump_part *v;
	size_t n, cap;
	char *client, *server;    /* "mariadb-dump 10.19-11.8.3", "10.11.19-MariaDB-0+deb12u1"; or NULL */
	char *database;           /* of the header; or NULL */
	bool complete;            /* ended with "-- Dump completed" */
	uint64_t views, triggers, routines, events, sequences;
};
void sqldump_map_release(struct sqldump_map *m);

/* sqldump_watch.c: everything written goes on to `out` unchanged, with a cut before and after each table's rows. */
struct sqldump_watch;
struct sqldump_watch *sqldump_watch_new(struct file_sink *out, struct progress *p);   /* out NULL: only look */
void sqldump_watch_free(struct sqldump_watch *w);
int sqldump_watch_write(struct sqldump_watch *w, const void *p, size_t n, struct error *e) MUST_USE;
/* The end. *out is the caller's. -ERR_CORRUPT "ends in the middle of a statement (line N)". Whether the trailer was
 * there is map->complete. Tables done so far are counted as progress items all along. */
int sqldump_watch_finish(struct sqldump_watch *w, struct sqldump_map *out, struct error *e) MUST_USE;

/* The same map from a stored dump, without reading the rows of those tables whose place `known` (may be NULL) tells. */
int sqldump_map_read(struct source *s, const struct manifest_source *known, struct sqldump_map *out,
	struct error *e) MUST_USE;

/* sqldump_lex.c: one statement after the other. */
struct sqldump_lexer;             /* bytes in, statements out; DELIMITER honoured */

/* sqldump_table.c: a CREATE TABLE statement as columns: names, types ("varchar(20)"), the key, generated columns.
 * -ERR_CORRUPT when it is none. */
int sqldump_table_parse(const char *sql, struct rows_table *out, struct error *e) MUST_USE;

/* sqldump_rows.c: the tuples of a SQLDUMP_ROWS range as values, in the columns of `t` (INSERTs that name columns are
 * mapped; what is not there is NULL). Numbers of integer columns are VALUE_INT when they fit, hex and quoted text of
 * binary columns VALUE_BLOB, all else VALUE_TEXT; floats and decimals stay text. Borrows s and t. */
int sqldump_rows_open(struct source *s, uint64_t offset, uint64_t length, const struct rows_table *t,
	struct rows_cursor **out, struct error *e) MUST_USE;

#endif

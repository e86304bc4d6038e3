/* Plain SQL for PostgreSQL (what psql reads): inner interfaces. The lexical rules are those of psqlscan.l and of
 * PostgreSQL's manual, "Lexical Structure"; COPY data end with a line "\." */
#ifndef ENGINE_PG_SCRIPT_H
#define ENGINE_PG_SCRIPT_H

#include "base/buf.h"
#include "base/progress.h"
#include "base/stream.h"
#include "base/strlist.h"
#include "engine/manifest.h"

#define PG_SCRIPT_STATEMENT_MAX ((size_t)1 << 30)   /* of one that is kept whole */
#define PG_SCRIPT_HEAD ((size_t)512 << 10)          /* so much of it is kept otherwise: enough to tell what it is */
#define PG_SCRIPT_LINE_MAX ((size_t)64 << 10)       /* of a backslash command */

/* Whether the client's encoding has characters whose second byte looks like a backslash. */
enum pg_script_pairs { PG_SCRIPT_NO_PAIRS, PG_SCRIPT_PAIRS, PG_SCRIPT_PAIRS_SJIS };

/* pg_script_lex.c: bytes in, in pieces of any size; statements, comments, commands and data out. */
struct pg_script_lexer {
	/* Set by the owner; each may fail, which ends it all. */
	/* l->sql: without what surrounds it and without its semicolon; never empty. It sets l->copying when data follow. */
	int (*statement)(struct pg_script_lexer *l, struct error *e);
	/* A line that begins with a backslash. */
	int (*command)(struct pg_script_lexer *l, const char *line, struct error *e);
	/* A "--" comment between statements, at most 1 KiB of it. */
	int (*comment)(struct pg_script_lexer *l, const char *text, struct error *e);
	/* COPY data, in pieces; p NULL: their end. */
	int (*data)(struct pg_script_lexer *l, const char *p, size_t n, struct error *e);
	void *ctx;
	bool whole;               /* keep statements whole */
	bool standard;            /* standard_conforming_strings */
	enum pg_script_pairs pairs;
	bool copying;

	/* For the owner to read. */
	struct buf sql;
	uint64_t line, begun;     /* being read; where the statement, command or comment at hand begins; from 1 */
	uint64_t offset;          /* bytes taken before those of this call... */
	const char *piece, *at;   /* ...which are these; read up to here */
	uint64_t tuples;          /* of an INSERT ... VALUES at hand */
	bool vague;               /* it may insert another number of rows */

	/* Private. */
	int state;
	char quote, before;       /* the kind of the string at hand; the character before, if it may begin or end something */
	char closed;              /* the kind of the string just ended, which may go on */
	bool newline;             /* a line has ended since */
	bool second;              /* of a pair */
	unsigned depth, begins;   /* of parentheses; of BEGIN ATOMIC */
	unsigned comments;        /* depth of nested ones */
	struct buf tag, text;     /* of a dollar quote; of a comment or command */
	size_t match;
	char word[16];
	size_t word_len, words;
	char first[5];            /* the first words' initials, if they are those of CREATE [OR REPLACE] FUNCTION or PROCEDURE */
	bool insert, values;
};
void pg_script_lex_init(struct pg_script_lexer *l);
void pg_script_lex_release(struct pg_script_lexer *l);               /* for CLEANUP() */
int pg_script_lex_take(struct pg_script_lexer *l, const char *p, size_t n, struct error *e) MUST_USE;
/* The text is over: -ERR_CORRUPT "line 7: the text ends inside a statement", also when only its semicolon lacks. */
int pg_script_lex_end(struct pg_script_lexer *l, struct error *e) MUST_USE;
/* By the server's names of encodings; NULL: none. */
enum pg_script_pairs pg_script_lex_pairs(const char *encoding);

/* pg_script_judge.c: what a statement is. */
enum pg_script_kind {
	PG_SCRIPT_RUN,            /* to be run: it makes what the database holds */
	PG_SCRIPT_SETTING,        /* to be run: only for the session */
	PG_SCRIPT_DROP,           /* to be run: takes something away */
	PG_SCRIPT_OWNER,          /* to be run: owners and privileges, for roles that may not be there */
	PG_SCRIPT_COPY,           /* COPY ... FROM stdin */
	PG_SCRIPT_INSERT,
	PG_SCRIPT_BEGIN, PG_SCRIPT_COMMIT, PG_SCRIPT_ROLLBACK,
	PG_SCRIPT_SKIP,           /* about databases, roles, tablespaces: the whole server's, not this database's */
	PG_SCRIPT_REFUSE,         /* reads or writes the server's files, runs programs there, changes its settings */
};
struct pg_script_statement {
	enum pg_script_kind kind;
	const char *what;         /* for people: "CREATE DATABASE"; static */
	char *schema, *table;     /* of COPY and INSERT; schema NULL: not named */
	bool rows_are_lines;      /* of COPY: its text format */
	char *setting, *value;    /* of SET; NULL: not in this form */
};
void pg_script_judge(const char *sql, size_t n, struct pg_script_statement *out);
void pg_script_judge_release(struct pg_script_statement *s);         /* for CLEANUP() */
/* CREATE TABLE, CREATE FOREIGN TABLE, ALTER TABLE ... ADD CONSTRAINT; false for any other. */
struct pg_script_object {
	char *schema, *name;      /* of the table; schema NULL: not named */
	char *constraint;         /* NULL: the table is created */
};
bool pg_script_judge_table(const char *sql, size_t n, struct pg_script_object *out);
void pg_script_judge_table_release(struct pg_script_object *o);      /* for CLEANUP() */

/* pg_script_story.c: what is known of a script as it goes by, for running it and for looking at it alike. */
struct pg_script_passed;
struct pg_script_story {
	bool cluster, cluster_complete;   /* of pg_dumpall */
	uint64_t dumps, complete;         /* of pg_dump: headers, and ends */
	char *server, *tool;              /* versions as written there; or NULL */
	char *database;                   /* connected to; NULL: none was named yet */
	struct strlist filled;            /* databases that something is put into; "": the one not named */
	struct pg_script_passed *passed;  /* what was passed over */
	size_t passed_count, passed_cap;
};
void pg_script_story_release(struct pg_script_story *s);             /* for CLEANUP() */
void pg_script_story_comment(struct pg_script_story *s, const char *text);
/* A backslash command: \connect and what has no effect is passed over; any other is -ERR_REFUSED. */
int pg_script_story_command(struct pg_script_story *s, const char *line, uint64_t at, struct error *e) MUST_USE;
void pg_script_story_pass(struct pg_script_story *s, const char *what, uint64_t line);   /* what is static */
/* A statement that is not allowed. */
int pg_script_story_refuse(const char *what, uint64_t line, struct error *e);
/* Something is put into the database at hand. */
void pg_script_story_fill(struct pg_script_story *s);
/* -ERR_REFUSED when more than one database is filled, naming them. */
int pg_script_story_one(const struct pg_script_story *s, struct error *e) MUST_USE;
/* At the end: the same; -ERR_CORRUPT when a dump lacks its end; -ERR_MISMATCH when pg_dumpall wrote no database. */
int pg_script_story_end(const struct pg_script_story *s, struct error *e) MUST_USE;
/* What was passed over, for people: "CREATE DATABASE passed over (line 12)". */
void pg_script_story_notes(const struct pg_script_story *s, struct strlist *out);

/* pg_script_watch.c: a script as it passes, unchanged, on to `out` (NULL: only look), with a cut before and after each
 * table's data. */
struct pg_script_watch;
struct pg_script_watch *pg_script_watch_new(struct file_sink *out, struct progress *p);
void pg_script_watch_free(struct pg_script_watch *w);
int pg_script_watch_write(struct pg_script_watch *w, const void *p, size_t n, struct error *e) MUST_USE;
/* The end. Tables (columns, rows, offset and length of the COPY data without "\."), objects, versions and notes are added
 * to m. m->structure becomes "counted" when they are known to be all there are: a script by hand may drop and rename
 * tables, and then none is named. Rows are known only of a dump of pg_dump, in which nothing else changes them. */
int pg_script_watch_finish(struct pg_script_watch *w, struct manifest_source *m, struct error *e) MUST_USE;
/* After that, what was gathered as a table of contents: pg_toc_tables() reads it. False when no pg_dump wrote it: then of
 * rows nothing is known. */
struct pg_toc;
bool pg_script_watch_toc(struct pg_script_watch *w, struct pg_toc *out);

#endif

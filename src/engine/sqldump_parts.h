/* What the parts of the SQL dump's reader share (engine/sqldump.h). */
#ifndef ENGINE_SQLDUMP_PARTS_H
#define ENGINE_SQLDUMP_PARTS_H

#include "base/buf.h"
#include "engine/row_sum.h"
#include "engine/sqldump.h"

/* ---- sqldump_lex.c: bytes in, statements out ---- */

enum sqldump_event {
	LEX_MORE,      /* all bytes are used up */
	LEX_COMMENT,   /* a line comment between statements, its newline included: `line_text` */
	LEX_ROWS,      /* the next byte is the "(" of the first tuple of an INSERT; `text` is what stood before */
	LEX_TUPLE,     /* a tuple has ended with the byte before (only with want_tuples) */
	LEX_STATEMENT, /* a statement has ended, the rest of its line included */
	LEX_DELIMITER, /* a DELIMITER line has ended */
};

enum sqldump_state {
	IN_LEAD,
	IN_TEXT,
	IN_TUPLE,
	IN_BETWEEN,
	IN_COMMA,
	IN_AFTER,
	IN_COMMAND,
	IN_DELIMITER,
	IN_QUOTE,
	IN_ESCAPE,
	IN_DASH,
	IN_DASHES,
	IN_LINE,
	IN_SLASH,
	IN_STAR,
	IN_STAR_M,
	IN_EXEC,
	IN_SANDBOX,
	IN_BLOCK,
	IN_BLOCK_STAR,
};

#define SQLDUMP_DELIMITER_MAX 16

struct sqldump_lexer {
	uint64_t pos;          /* bytes used so far */
	uint64_t begin, start; /* of the statement: what lies before it included, and itself */
	uint64_t lines, line;  /* ended so far; where the statement starts, from 1 */
	struct buf text; /* the statement; of an INSERT with tuples: what stands before them and, from `tail`, behind */
	size_t solid;    /* where its last character that is neither blank nor comment ends */
	size_t tail;     /* 0: no tuples */
	bool odd;        /* the tuples are not a clean list */
	uint64_t tuples;
	struct row_sum sum;
	uint64_t tuple;   /* where the tuple at hand begins, behind its "(" */
	bool want_tuples; /* set by the owner */
	bool command;     /* a backslash outside strings was seen: the client would take it as a command of its own */
	struct buf line_text; /* of a comment, behind its mark; at most 4096 bytes */
	/* inner */
	enum sqldump_state state, back;
	char quote;
	bool in_tuple, exec, comment, too_long, ended;
	unsigned depth, attempts;
	char delimiter[SQLDUMP_DELIMITER_MAX + 1];
	size_t delimiter_len, matched;
	struct buf head;    /* of the INSERT before, to know the next one by */
	XXH3_state_t *hash; /* of a tuple that spans several calls */
	bool hashing;
	size_t hashed; /* where in the bytes at hand the tuple's unhashed part begins */
};
/* How many of the n bytes come before the first quote or backslash. */
size_t sqldump_scan_quoted(const void *p, size_t n, char quote);
void sqldump_lexer_init(struct sqldump_lexer *l);
void sqldump_lexer_release(struct sqldump_lexer *l);
/* Go on to the next event; *used bytes of the n are done with. What an event is about is valid until the next call.
 * Results do not depend on how the bytes are split. -ERR_LIMIT for a statement above SQLDUMP_STATEMENT_MAX. */
int sqldump_lexer_step(struct sqldump_lexer *l, const void *p, size_t n, size_t *used, struct error *e) MUST_USE;
/* The end of the bytes: LEX_MORE when nothing was under way, LEX_STATEMENT when the last one only lacked the end of its
 * line, LEX_DELIMITER likewise; -ERR_CORRUPT "ends in the middle of a statement (line N)". */
int sqldump_lexer_end(struct sqldump_lexer *l, struct error *e) MUST_USE;
/* Between statements, at the beginning of a line: bytes may be passed over here. */
bool sqldump_lexer_idle(const struct sqldump_lexer *l);
void sqldump_lexer_skip(struct sqldump_lexer *l, uint64_t to);

/* ---- sqldump_tuples.c: the rows ---- */

/* One call's bytes. */
struct sqldump_window {
	struct sqldump_lexer *l;
	const unsigned char *p;
	size_t i, n;
	size_t counted; /* whose newlines are counted */
	uint64_t base;  /* where p lies */
};
/* At its first byte, behind the "(". */
void sqldump_begin_tuple(struct sqldump_window *w);
/* The bytes at hand end within a tuple. */
void sqldump_hash_rest(struct sqldump_window *w);
/* From within a tuple on. Returns when something else than tuples is at hand, or (want_tuples) behind each. */
int sqldump_through_tuples(struct sqldump_window *w);

/* ---- sqldump_statement.c: what a statement is about ---- */

enum sqldump_token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_STRING, TOKEN_SIGN };

struct sqldump_token { /* points into the text */
	enum sqldump_token_kind kind;
	const char *p;
	size_t n;
};

struct sqldump_reader { /* words of a text, one after the other; comments and the marks of executable ones are passed
			   over */
	const char *p, *end;
};
struct sqldump_token sqldump_token_next(struct sqldump_reader *r);
bool sqldump_token_is(const struct sqldump_token *t, const char *word); /* letter case aside; not for quoted ones */
/* The name a token spells, unquoted; heap. */
char *sqldump_token_name(const struct sqldump_token *t);
/* "name" or "database.name" at r: the last part, heap; NULL when there is none. *qualified is set when it has two. */
char *sqldump_read_name(struct sqldump_reader *r, bool *qualified);

/* The beginning of an INSERT or REPLACE up to VALUES, as the dump tools write it. */
struct sqldump_insert {
	char *table;
	bool qualified;
	bool named; /* has a list of columns */
	char **columns;
	size_t n, cap;
};
/* False when it is anything else. To be released in any case. */
bool sqldump_insert_read(const char *text, size_t n, struct sqldump_insert *out);
void sqldump_insert_release(struct sqldump_insert *h);

enum sqldump_verb {
	VERB_OTHER,
	VERB_EMPTY,
	VERB_COMMAND,
	VERB_SAVE_ALL,
	VERB_SAVE,
	VERB_RESTORE_ALL,
	VERB_RESTORE,
	VERB_SET,
	VERB_AUTOCOMMIT,
	VERB_COMMIT,
	VERB_TRANSACTION,
	VERB_SERVER,
	VERB_DROP_TABLE,
	VERB_CREATE_TABLE,
	VERB_DROP_VIEW,
	VERB_CREATE_VIEW,
	VERB_DROP_SEQUENCE,
	VERB_CREATE_SEQUENCE,
	VERB_SETVAL,
	VERB_LOCK,
	VERB_KEYS,
	VERB_INSERT,
	VERB_UNLOCK,
	VERB_DROP_TRIGGER,
	VERB_CREATE_TRIGGER,
	VERB_DROP_EVENT,
	VERB_CREATE_EVENT,
	VERB_DROP_ROUTINE,
	VERB_CREATE_ROUTINE,
	VERB_DATABASE,
};
struct sqldump_statement {
	enum sqldump_verb verb;
	char *charset;  /* VERB_SET: what SET NAMES, CHARACTER SET or character_set_client says; or NULL */
	char *name;     /* of the table (for a trigger its table), view, sequence or database; or NULL */
	bool qualified; /* it stands with a database's name */
};
void sqldump_statement_release(struct sqldump_statement *s);
void sqldump_statement_read(const char *text, size_t n, struct sqldump_statement *out);
/* sqldump_hazard.c: why a statement from outside must not be run, for people; static; NULL: it may. */
const char *sqldump_hazard(enum sqldump_verb verb, const char *text, size_t n);

/* ---- sqldump_parts.c: statements become parts ---- */

struct sqldump_builder;
struct sqldump_builder *sqldump_builder_new(void);
void sqldump_builder_free(struct sqldump_builder *b);
/* An event of the lexer other than LEX_MORE and LEX_TUPLE. Tells whether the rows of one table have ended with it, and
 * whether those of another begin (LEX_ROWS). */
enum sqldump_turn { ROWS_ENDED = 1, ROWS_BEGUN = 2 };
unsigned sqldump_builder_take(struct sqldump_builder *b, const struct sqldump_lexer *l, int event);
#define SQLDUMP_PARTS_MAX 1000000
/* After an event: whether the text can be gone on with. -ERR_LIMIT, -ERR_REFUSED. */
int sqldump_builder_check(const struct sqldump_builder *b, const struct sqldump_lexer *l, struct error *e) MUST_USE;
/* Bytes through the lexer to the builder. */
int sqldump_feed(struct sqldump_lexer *l, struct sqldump_builder *b, const void *p, size_t n, struct error *e) MUST_USE;
/* Rows whose place and content are known. False when they cannot stand at the lexer's place. */
bool sqldump_builder_skip(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct manifest_table *known);
void sqldump_builder_finish(struct sqldump_builder *b, uint64_t end, struct sqldump_map *out);

#endif

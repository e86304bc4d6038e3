/* What the parts of pg_archive.h share. */
#ifndef ENGINE_PG_ARCHIVE_INNER_H
#define ENGINE_PG_ARCHIVE_INNER_H

#include "engine/pg_archive.h"
#include "engine/row_sum.h"

#include <iconv.h>

/* Blocks of data, by their first byte. */
enum { PG_BLOCK_DATA = 1, PG_BLOCK_LARGE_OBJECTS = 3 };
/* Where the compression is told in a head: as a byte since format 1.15, as an integer before. */
#define PG_COMPRESSION_AT 11
#define PG_INT_MAX_SIZE 8

/* An integer of the format is a sign (0 or 1) and the magnitude, little-endian, in `size` bytes: 1 + size in all. False
 * when it is none or passes 2^31. Object ids above 2^31 are written as negative numbers: cast to uint32_t. */
bool pg_toc_int(const unsigned char *p, int size, int64_t *out);
void pg_toc_put_int(unsigned char *p, int size, int64_t v);

/* pg_toc.c: a head that arrives in pieces. `at` is how far it was understood, to the last whole entry. */
struct pg_toc_steps {
	struct pg_toc toc;
	size_t at;
	size_t entries;           /* how many there will be */
	bool begun;               /* the header is read */
};
/* p[0..n) is all that came so far. As pg_toc_parse(); after 0 the toc is whole and the caller's. */
int pg_toc_step(struct pg_toc_steps *s, const void *p, size_t n, struct error *e) MUST_USE;

/* pg_toc_sql.c: the few forms of statements that pg_dump writes and that tell about tables. Names are unquoted. */
struct pg_sql_column {
	char *name, *type;
	bool generated;
};
struct pg_sql_table {             /* CREATE TABLE */
	struct pg_sql_column *v;
	size_t n;
	struct strlist parent_schemas, parents;   /* INHERITS (...), PARTITION OF; a schema may be "" */
	bool partitioned;
};
void pg_toc_sql_release(struct pg_sql_table *t);
/* False when it is no CREATE TABLE that is understood. */
bool pg_toc_sql_table(const char *defn, struct pg_sql_table *out);
/* The columns named in "COPY s.t (a, b) FROM stdin", in front of them "oid" for WITH OIDS (up to PostgreSQL 11); false when
 * it is something else. */
bool pg_toc_sql_copy(const char *statement, struct strlist *columns);
/* "ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (a, b)": the table (schema may become NULL) and the columns. */
bool pg_toc_sql_key(const char *defn, char **schema, char **table, struct strlist *columns);

/* pg_toc_tables.c: whether the block of an entry is COPY text. */
bool pg_toc_is_copy(const struct pg_entry *entry);

/* pg_encoding.c: text in an encoding of PostgreSQL's as UTF-8. NULL, UTF8, SQL_ASCII and what is not known here: as it
 * is. What cannot be converted stays as its bytes. */
struct pg_encoding {
	iconv_t cd;
	bool converts;
};
void pg_encoding_open(struct pg_encoding *c, const char *name);
void pg_encoding_close(struct pg_encoding *c);
/* Whether these bytes become others. */
bool pg_encoding_changes(const struct pg_encoding *c, const void *p, size_t n);
void pg_encoding_add(struct pg_encoding *c, const void *p, size_t n, struct buf *out);
char *pg_encoding_text(struct pg_encoding *c, const char *s);     /* heap; NULL stays NULL */

/* pg_watch_rows.c: rows in COPY text that comes in pieces. */
struct pg_rows;
struct pg_rows *pg_watch_rows_new(void);
void pg_watch_rows_free(struct pg_rows *r);
void pg_watch_rows_begin(struct pg_rows *r);
/* False when something follows the end of the COPY. */
bool pg_watch_rows_add(struct pg_rows *r, const unsigned char *p, size_t n);
/* The usual case, quickly: whole pieces (with integers of four bytes), each of which is one row, from p on. Returns where
 * something else begins, the end of the COPY for one. */
const unsigned char *pg_watch_rows_pieces(struct pg_rows *r, const unsigned char *p, const unsigned char *end);
/* False when the COPY has not ended. */
bool pg_watch_rows_end(struct pg_rows *r, uint64_t *rows, struct row_sum *hash);

/* pg_watch_manifest.c */
struct pg_block_seen {
	bool seen, counted;       /* counted: rows and hash are known */
	uint64_t offset, length, rows;
	struct row_sum hash;
};
/* Tables and objects of a whole archive into m. seen has one element for each entry. */
int pg_watch_manifest(const struct pg_toc *t, const struct pg_block_seen *seen, uint64_t large_objects,
	struct manifest_source *m, struct error *e) MUST_USE;

/* pg_data.c: the content of a block, pulled. */
struct pg_block;
/* The block at `at` in the archive. */
int pg_data_open(struct source *s, const struct pg_toc *t, uint64_t at, struct pg_block **out, struct error *e) MUST_USE;
/* That of an entry, searched for when its offset is not known. */
int pg_data_find(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct pg_block **out,
	struct error *e) MUST_USE;
void pg_data_close(struct pg_block **b);              /* for CLEANUP() */
const struct pg_entry *pg_data_entry(const struct pg_block *b);
bool pg_data_is_large_objects(const struct pg_block *b);
/* Where in the archive it has come to. */
uint64_t pg_data_place(const struct pg_block *b);
/* Of large objects, on to the next: 1, 0 after the last, or -kind. */
int pg_data_next_object(struct pg_block *b, uint32_t *oid, struct error *e) MUST_USE;
/* Up to n bytes; 0 at the end (of the current object). */
ssize_t pg_data_read(struct pg_block *b, void *p, size_t n, struct error *e) MUST_USE;
/* What is left of the block (of large objects: the next and all after it) is passed over; *end is where the next begins. */
int pg_data_skip(struct pg_block *b, uint64_t *end, struct error *e) MUST_USE;

/* pg_copy_lines.c: the lines of a block of COPY text. 1: *line has the next, valid until the next call; 0: the end of the
 * COPY, which must be there. */
struct pg_lines;
struct pg_lines *pg_copy_lines_new(struct pg_block *b);       /* owns b */
/* Those of a script, which lie there without "\."; borrows s and table. */
struct pg_lines *pg_copy_lines_of_script(struct source *s, uint64_t offset, uint64_t length, const char *table);
void pg_copy_lines_free(struct pg_lines *l);
int pg_copy_lines_next(struct pg_lines *l, const char **line, size_t *n, struct error *e) MUST_USE;

#endif

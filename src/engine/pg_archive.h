/* PostgreSQL's custom archive (pg_dump -Fc), understood as it passes. The format is that of pg_backup_archiver.c and
 * pg_backup_custom.c of PostgreSQL: header and table of contents (TOC) first, then a block for each entry with data.
 * Archive versions 1.12 (PostgreSQL 9.0) to 1.16 (PostgreSQL 17 and 18). Pure: no server, no files. */
#ifndef ENGINE_PG_ARCHIVE_H
#define ENGINE_PG_ARCHIVE_H

#include "base/stream.h"
#include "engine/manifest.h"
#include "engine/rows.h"

#define PG_TOC_MAX ((size_t)512 << 20)    /* of the TOC's bytes */
#define PG_ENTRIES_MAX 10000000u

enum pg_section { PG_SECTION_NONE = 1, PG_SECTION_PRE_DATA, PG_SECTION_DATA, PG_SECTION_POST_DATA };
enum pg_compression { PG_COMPRESS_NONE, PG_COMPRESS_GZIP, PG_COMPRESS_LZ4, PG_COMPRESS_ZSTD };

struct pg_entry {
	int id;                   /* dump id */
	bool has_data;            /* a block follows the TOC */
	uint32_t table_oid, oid;
	char *tag, *desc;         /* "orders", "TABLE DATA" */
	enum pg_section section;
	char *defn, *drop, *copy; /* statements; "" or NULL when there is none */
	char *schema, *tablespace, *access_method, *owner;    /* schema NULL or "": none */
	int *deps;
	size_t dep_count;
	size_t offset_at;         /* where in the head its offset field is */
	uint64_t offset;          /* of its block in the archive; 0: not known (or no data) */
	char *file;               /* of a folder: where its data are, "" when it has none; else NULL */
};

struct pg_toc {
	int major, minor, rev;    /* of the archive format: 1.14.0 */
	bool folder;              /* the toc.dat of one */
	int int_size, off_size;
	enum pg_compression compression;
	char *database, *server_version, *dump_version;   /* "shop", "15.20 (Debian ...)" */
	char *encoding;           /* "UTF8"; of the ENCODING entry */
	size_t head;              /* bytes of header and TOC */
	struct pg_entry *v;
	size_t n, cap;
	size_t *by_id;            /* places in v, in order of id */
};
void pg_toc_release(struct pg_toc *t);
/* pg_toc.c: parse a head. 0; 1: p ends within it, more is needed; -ERR_MISMATCH no custom archive; -ERR_VERSION an archive
 * version not known here (then out has the version, and nothing else); -ERR_CORRUPT; -ERR_LIMIT. */
int pg_toc_parse(const void *p, size_t n, struct pg_toc *out, struct error *e) MUST_USE;
/* The head of a stored archive, read as far as needed. */
int pg_toc_read(struct source *s, struct pg_toc *out, struct error *e) MUST_USE;
/* The toc.dat of a folder (pg_dump -Fd), which has files instead of offsets (pg_backup_directory.c). Their names are
 * whatever it says. */
int pg_toc_read_folder(struct source *s, struct pg_toc *out, struct error *e) MUST_USE;
/* Write the entries' offsets (those not 0) into the bytes of the head. */
void pg_toc_patch(const struct pg_toc *t, unsigned char *head);
const struct pg_entry *pg_toc_find(const struct pg_toc *t, int id);
/* pg_toc_tables.c: the tables of a TOC as rows_table (columns, types, keys and generated ones from the CREATE TABLE and
 * ADD CONSTRAINT statements that pg_dump writes), in the order of "schema.name"; (*data)[i] is the entry with the rows of
 * table i, or NULL. Partitioned parents are tables without data. The columns stand in the order of the COPY text, which
 * leaves out the generated ones; those an extension made are known by COPY alone and have no types. Texts are in UTF-8;
 * bytes that could not be converted stay as they are. Both arrays are the caller's: pg_toc_tables_free(). */
int pg_toc_tables(const struct pg_toc *t, struct rows_table **tables, const struct pg_entry ***data, size_t *n,
	struct error *e) MUST_USE;
void pg_toc_tables_free(struct rows_table *tables, const struct pg_entry **data, size_t n);

/* pg_watch.c: an archive as pg_dump writes it to a pipe. Data go on to `out` unchanged; the head is held back and
 * prepended by finish() with the offsets in it. Each block of 256 KiB or more has a cut before and after it, so that
 * nothing else moves it; smaller ones share chunks, cut where one begins 256 KiB or more after the last cut. p is told
 * of bytes taken and, as items, blocks with data (the total rises once the head is there); cancelling it works. An
 * archive of unknown version passes unparsed, and finish() says so in the manifest's notes. */
struct pg_watch;
struct pg_watch *pg_watch_new(struct file_sink *out, struct progress *p);         /* out NULL: only look */
void pg_watch_free(struct pg_watch *w);
/* After an error the watch is only good to be freed. */
int pg_watch_write(struct pg_watch *w, const void *p, size_t n, struct error *e) MUST_USE;
/* The end of pg_dump's output. -ERR_CORRUPT when the archive is not complete (each entry with data must have had its
 * block, each COPY its end). Tables (schema, name, columns, rows, bytes, offset and length of the block, row_hash) and
 * counted objects ("view", "materialized view", "index", "trigger", "function", "sequence", "type", "extension", "large
 * object", ...) are added to m. The row hash is "xxh128:" and 32 hex digits: the sum modulo 2^128 of the XXH3-128 of
 * each row's COPY text without its newline. Rows are not known, and there is no hash, for tables without a block, for
 * INSERT statements and for compressed archives. *toc (may be NULL) is the caller's; of an unknown version it has only
 * that. */
int pg_watch_finish(struct pg_watch *w, struct manifest_source *m, struct pg_toc *toc, struct error *e) MUST_USE;
uint64_t pg_watch_bytes(const struct pg_watch *w);

/* pg_data.c: the content of an entry's block from a stored archive (uncompressed or not), without its framing: for TABLE
 * DATA the COPY text up to and without "\.". `to` may stop it by an error. */
int pg_data_copy(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, struct sink *to,
	struct error *e) MUST_USE;
/* The large objects of a BLOBS entry: begin() for each, then its bytes. */
struct pg_lo_sink {
	struct sink sink;
	int (*begin)(struct pg_lo_sink *l, uint32_t oid, struct error *e);
};
int pg_data_large_objects(struct source *s, const struct pg_toc *t, const struct pg_entry *entry,
	struct pg_lo_sink *to, struct error *e) MUST_USE;
/* A whole archive of any compression as the same archive without, offsets set, to the byte what pg_dump -Z0 writes to a
 * file: what imports store. It is read twice, because the offsets come first. lz4 is -ERR_VERSION, here and above. */
int pg_data_expand(struct source *from, struct sink *to, struct progress *p, struct error *e) MUST_USE;

/* pg_copy.c: COPY text (PostgreSQL manual, COPY, "Text Format") as rows. Integers are VALUE_INT, bytea is VALUE_BLOB,
 * all else VALUE_TEXT, in UTF-8: text in another `encoding` (PostgreSQL's name; NULL: UTF8) is converted, and bytes that
 * cannot be stay as they are. Generated columns, which COPY leaves out, are VALUE_NULL. Borrows t. */
struct pg_copy_reader;
struct pg_copy_reader *pg_copy_reader_new(const struct rows_table *t, const char *encoding);
void pg_copy_reader_free(struct pg_copy_reader *r);
/* One line without its newline. *values stays valid until the next call. -ERR_CORRUPT for a wrong number of fields. */
int pg_copy_reader_row(struct pg_copy_reader *r, const char *line, size_t n, const struct value **values,
	struct error *e) MUST_USE;
/* A cursor over the rows of an entry of a stored archive; borrows all of them. */
int pg_copy_scan(struct source *s, const struct pg_toc *t, const struct pg_entry *entry, const struct rows_table *table,
	struct rows_cursor **out, struct error *e) MUST_USE;
/* The same over COPY data in a script, which lie there without "\."; `encoding` as above. */
struct rows_cursor *pg_copy_scan_script(struct source *s, uint64_t offset, uint64_t length, const char *encoding,
	const struct rows_table *table);

#endif

/* What the rows of a stored and of a live PostgreSQL database share, and the parts of the latter. */
#ifndef ENGINE_PG_ROWS_H
#define ENGINE_PG_ROWS_H

#include "engine/pg.h"
#include "engine/pg_archive_inner.h"
#include "engine/rows_loaded.h"

/* Whether values of this type, as format_type() names it, are decimal numbers in text. */
bool pg_rows_is_number(const char *type);

/* pg_rows.c: the encoding of a stored archive or script, heap; NULL where it names none, or a script's tables are not known. */
int pg_rows_encoding(const struct stored *s, char **out, struct error *e) MUST_USE;

/* pg_rows_script.c: an imported script's tables as a TOC, whose offsets are the manifest's. The rows themselves are not read.
 * *dumped: by pg_dump. -ERR_MISMATCH when its tables are not known. */
int pg_rows_script_read(struct source *s, const struct manifest_source *m, struct pg_toc *toc, bool *dumped,
	struct error *e) MUST_USE;
struct pg_script_table {
	struct source *script;
	const char *encoding;
	const struct pg_entry *data;      /* or NULL */
	const struct manifest_table *known;
	bool dumped;
};
/* Borrows what t has. -ERR_MISMATCH when its rows are in INSERT statements. */
int pg_rows_script_scan(const struct pg_script_table *t, const struct rows_table *table, struct rows_cursor **out,
	struct error *e) MUST_USE;

/* A live database: one connection holds a read-only transaction and its snapshot, others share it, one for each cursor
 * that is open. */
struct pg_live {
	struct rows_db rows;
	struct pg_place place;
	PGconn *keeper;
	char *snapshot;
	PGconn **idle;            /* in the snapshot, without a cursor */
	size_t idle_count, idle_cap;
	bool *parents;            /* per table: partitioned, it has no rows of its own */
	struct rows_loaded *loaded;
};
/* pg_rows_live.c: a connection in the snapshot. */
int pg_live_lend(struct pg_live *l, PGconn **out, struct error *e) MUST_USE;
/* It comes back: `clean` when it may be used again. */
void pg_live_return(struct pg_live *l, PGconn *c, bool clean);
/* pg_rows_catalog.c: fills in l->rows.tables and l->parents. */
int pg_live_tables(struct pg_live *l, struct error *e) MUST_USE;
/* pg_rows_scan.c */
int pg_live_scan(struct pg_live *l, const struct rows_table *t, struct rows_cursor **out, struct error *e) MUST_USE;
/* pg_rows_query.c */
int pg_live_query(struct pg_live *l, const char *sql, struct rows_cursor **out, struct error *e) MUST_USE;

#endif

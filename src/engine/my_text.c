/* SQL text for the clients: the dump's own bytes. */
#include "engine/my_rows.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20)

static int copy_range(struct source *s, uint64_t at, uint64_t n, struct sink *out, struct progress *p, struct error *e)
{
	AUTO_FREE char *block = mem_alloc(BLOCK);

	while (n) {
		size_t part = n < BLOCK ? (size_t)n : BLOCK;
		int rc = progress_check(p, e);

		if (!rc)
			rc = source_read_exact(s, block, part, at, e);
		if (!rc)
			rc = sink_write(out, block, part, e);
		if (rc)
			return rc;
		progress_bytes(p, part);
		at += part;
		n -= part;
	}
	return 0;
}

/* ---- chosen tables ---- */

/* The names of the tables a dump makes, as those that are asked for must be called. */
static int choose(const struct sqldump_map *m, const struct strlist *tables, bool *in, struct error *e)
{
	AUTO_FREE struct rows_table *all = mem_zero((m->n + 1) * sizeof *all);
	AUTO_FREE const struct rows_table **chosen = NULL;
	struct rows_db d = {.tables = all};
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].kind == SQLDUMP_TABLE && m->v[i].name)
			all[d.table_count++].name = m->v[i].name;
	int rc = rows_choose(&d, tables, &chosen, &n, e);

	for (size_t i = 0; !rc && i < m->n; i++)
		for (size_t k = 0; m->v[i].name && k < n; k++)
			in[i] = in[i] || strcmp(chosen[k]->name, m->v[i].name) == 0;
	return rc;
}

/* Whether a chosen table takes its numbers from a sequence. */
static bool uses_sequences(const struct sqldump_map *m, const bool *in)
{
	for (size_t i = 0; i < m->n; i++)
		if (in[i] && m->v[i].kind == SQLDUMP_TABLE && m->v[i].sql && strcasestr(m->v[i].sql, "nextval("))
			return true;
	return false;
}

static bool is_wanted(const struct sqldump_part *p, bool chosen, bool sequences)
{
	switch (p->kind) {
	case SQLDUMP_HEAD:
	case SQLDUMP_TAIL:
		return true;
	case SQLDUMP_SEQUENCE:
		return sequences;
	case SQLDUMP_TABLE:
	case SQLDUMP_ROWS:
	case SQLDUMP_TRIGGERS:
		return chosen;
	default:
		return false;
	}
}

static int copy_tables(struct source *s, const struct sqldump_map *m, const struct strlist *tables, struct sink *out,
		       struct progress *p, struct error *e)
{
	AUTO_FREE bool *in = mem_zero((m->n + 1) * sizeof *in);
	int rc = choose(m, tables, in, e);
	bool sequences = !rc && uses_sequences(m, in);

	for (size_t i = 0; !rc && i < m->n; i++)
		if (is_wanted(&m->v[i], in[i], sequences))
			rc = copy_range(s, m->v[i].offset, m->v[i].length, out, p, e);
	return rc;
}

int my_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p,
		  struct error *e)
{
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	CLEANUP(source_drop) struct source *dump = NULL;
	int rc = my_stored_open(s, &dump, &map, e);

	if (rc)
		return rc;
	progress_phase(p, "writing", NULL, tables && tables->n ? 0 : dump->size, 0);
	if (tables && tables->n)
		return copy_tables(dump, &map, tables, out, p, e);
	return copy_range(dump, 0, dump->size, out, p, e);
}

/* ---- live ---- */

/* A dump on its way, as the watch hands it on. */
struct outlet {
	struct file_sink file;
	struct sink *to;
};

static int outlet_write(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	return sink_write(((struct outlet *)f)->to, p, n, e);
}

static int outlet_cut(struct file_sink *f, struct error *e)
{
	return 0;
}

static int stream(const struct source_url *u, struct sink *out, struct progress *p, struct sqldump_map *map,
		  struct error *e)
{
	CLEANUP(my_place_release) struct my_place place = {0};
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	struct outlet outlet = {.file = {.write = outlet_write, .cut = outlet_cut}, .to = out};
	struct manifest_source m = {0};
	int rc = my_place_of(u, &place, e);

	if (!rc)
		rc = my_connect(&place, NULL, &c, e);
	if (!rc)
		rc = my_backup_stream(&place, c, false, &outlet.file, p, &m, map, e);
	manifest_source_release(&m);
	return rc;
}

/* The whole dump goes into a file without a name (TMPDIR) first: only at its end is known that it is whole. */
static int stream_tables(const struct source_url *u, const struct strlist *tables, struct sink *out,
			 struct progress *p, struct error *e)
{
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	CLEANUP(source_drop) struct source *dump = NULL;
	struct fd_sink file;
	int fd = -1;
	int rc = fs_temp_anonymous(NULL, &fd, e);

	if (rc)
		return rc;
	fd_sink_init(&file, fd);
	rc = stream(u, &file.sink, p, &map, e);
	if (rc) {
		fs_close(&fd);
		return rc;
	}
	rc = source_from_fd(fd, &dump, e);
	return rc ? rc : copy_tables(dump, &map, tables, out, p, e);
}

int my_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p,
		struct error *e)
{
	return tables && tables->n ? stream_tables(u, tables, out, p, e) : stream(u, out, p, NULL, e);
}

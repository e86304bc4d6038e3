#include "base/human.h"
#include "base/stream.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "cli/value.h"
#include "job/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
	{"format", 'f', OPT_STRING, "FORMAT", "table (the default), csv or json", "table|csv|json"},
	{"source", 's', OPT_STRING, "SOURCE", "which database of several; else the one that latest:SOURCE names", NULL},
	COMMON_NO_LOCK,
	{0},
};

static int print_csv(struct rows_cursor *c, struct error *e)
{
	struct fd_sink to;
	int rc = out_finish(e);

	fd_sink_init(&to, STDOUT_FILENO);
	return rc ? rc : rows_csv_cursor(c, &to.sink, e);
}

/* 1 a row, 0 the end, -kind. */
static int next_row(struct rows_cursor *c, const struct value **v, struct error *e)
{
	int rc = progress_check(&common_progress, e);

	if (!rc && ferror(stdout))
		rc = out_finish(e);
	return rc ? rc : c->next(c, v, e);
}

static struct table *table_for(const struct rows_cursor *c)
{
	const char **headers = mem_zero(c->column_count * sizeof *headers);
	char *align = mem_zero(c->column_count + 1);

	for (size_t i = 0; i < c->column_count; i++) {
		headers[i] = c->columns[i].name;
		align[i] = 'L';
	}
	struct table *t = table_new(headers, align);

	free(headers);
	free(align);
	return t;
}

static void add_row(struct table *t, const struct value *v, struct buf *cells, const char **row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_clear(&cells[i]);
		value_text(&v[i], &cells[i]);
		row[i] = buf_text(&cells[i]);
	}
	table_row(t, row);
}

static int print_table(struct rows_cursor *c, struct error *e)
{
	struct table *t = table_for(c);
	struct buf *cells = mem_zero(c->column_count * sizeof *cells);
	const char **row = mem_zero(c->column_count * sizeof *row);
	const struct value *v;
	uint64_t n = 0;
	int rc;

	while ((rc = next_row(c, &v, e)) == 1) {
		add_row(t, v, cells, row, c->column_count);
		n++;
	}
	table_print(t);
	for (size_t i = 0; i < c->column_count; i++)
		buf_release(&cells[i]);
	free(cells);
	free(row);
	if (rc)
		return rc;
	AUTO_FREE char *rows = human_plural(n, "row");

	out_say("%s", rows);
	return 0;
}

static int row_json(const struct value *v, size_t n, struct out_document *d, struct error *e)
{
	jw_array(&d->w);
	for (size_t i = 0; i < n; i++)
		value_json(&v[i], &d->w);
	jw_array_end(&d->w);
	return out_document_part(d, e);
}

static int print_json(const struct repository *r, const struct backup *b, struct rows_cursor *c, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	const struct value *v;
	int rc;

	common_document_begin(&d, r);
	present_id_json("backup", &b->snapshot.id, &d.w);
	jw_name(&d.w, "columns");
	jw_array(&d.w);
	for (size_t i = 0; i < c->column_count; i++)
		jw_string(&d.w, c->columns[i].name);
	jw_array_end(&d.w);
	jw_name(&d.w, "rows");
	jw_array(&d.w);
	while ((rc = next_row(c, &v, e)) == 1) {
		rc = row_json(v, c->column_count, &d, e);
		if (rc)
			return rc;
	}
	jw_array_end(&d.w);
	return rc ? rc : out_document_end(&d, e);
}

static int query(struct repository *r, const struct backup *b, const struct parsed *p, const char *format, struct error *e)
{
	struct rows_db *db = NULL;
	struct rows_cursor *c = NULL;
	int rc = job_rows(r, b, common_source(p, p->args.v[0]), &db, e);

	if (!rc)
		rc = db->query(db, p->args.v[1], &c, e);
	if (!rc)
		rc = !strcmp(format, "json") ? print_json(r, b, c, e) : !strcmp(format, "csv") ? print_csv(c, e) : print_table(c, e);
	rows_cursor_close(c);
	rows_close(db);
	return rc;
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	const char *format = opt_text(p, "format");

	if (out_mode.json && format && strcmp(format, "json") != 0)
		return error_set(e, ERR_USAGE, "--json and --format %s exclude each other", format);
	if (!format)
		format = out_mode.json ? "json" : "table";
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_find(&r, p->args.v[0], &b, e);
	return rc ? rc : query(&r, &b, p, format, e);
}

const struct command cmd_query = {
	.name = "query",
	.arguments = "BACKUP SQL",
	.summary = "ask a database in a backup with SQL, without restoring it",
	.details =
		"Only what the statement needs is read from the repository. Statements that\n"
		"would write are refused.\n",
	.examples =
		"backstay query latest 'SELECT count(*) FROM orders'\n"
		"backstay query latest:app.db 'SELECT * FROM users' --format csv > users.csv\n",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.about_backups = true,
	.run = run,
};

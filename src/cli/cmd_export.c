#include "base/human.h"
#include "base/stream.h"
#include "catalog/schedule.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "job/export.h"

#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
	{"format", 'f', OPT_STRING, "FORMAT", "archive, sql, sql.gz, csv, xlsx, tar.gz, tar.zst or zip", EXPORT_FORMAT_CHOICES},
	{"output", 'o', OPT_STRING, "FILE", "the file to write; - is standard output", NULL},
	COMMON_TABLE,
	{"source", 's', OPT_STRING, "SOURCE", "which source of several; else the one that latest:SOURCE names", NULL},
	{"path", 'p', OPT_STRING, "PATH", "only this file (archive) or folder (tar.gz, tar.zst, zip) of the backup", NULL},
	{"force", 0, OPT_FLAG, NULL, "replace FILE when it exists", NULL},
	{"live", 'l', OPT_FLAG, NULL, "from a source as it is now, not from a backup", NULL},
	COMMON_NO_LOCK,
	{0},
};

static int missing(const char *what, struct error *e)
{
	error_set(e, ERR_USAGE, "export needs %s", what);
	return error_hint(e, "backstay export --help");
}

static int parse_options(const struct parsed *p, struct job_export *j, struct error *e)
{
	if (!opt_text(p, "format"))
		return missing("--format FORMAT", e);
	if (!opt_text(p, "output"))
		return missing("--output FILE (- is standard output)", e);
	int rc = export_format_parse(opt_text(p, "format"), &j->format, e);
	if (rc)
		return rc;
	j->output = strcmp(opt_text(p, "output"), "-") ? opt_text(p, "output") : NULL;
	j->path = opt_text(p, "path");
	j->tables = opt_get(p, "table")->list;
	j->force = opt_flag(p, "force");
	j->progress = &common_progress;
	if (j->output)
		return 0;
	if (out_mode.json)
		return error_set(e, ERR_USAGE, "-o - writes the export itself to standard output, where --json wants a document");
	if (j->format != EXPORT_SQL && isatty(STDOUT_FILENO)) {
		error_set(e, ERR_REFUSED, "the export is no text for a terminal");
		return error_hint(e, "-o FILE, or send it on: ... -o - | program");
	}
	return 0;
}

static int document(const struct repository *r, const struct job_export *j, const char *format, const struct job_export_result *res, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	if (j->live)
		out_document_begin(&d);
	else
		common_document_begin(&d, r);
	jw_kv_string(&d.w, "live", j->live ? j->live->shown : NULL);
	if (j->backup)
		present_id_json("backup", &j->backup->snapshot.id, &d.w);
	else
		jw_kv_string(&d.w, "backup", NULL);
	jw_kv_string(&d.w, "format", format);
	present_path_json("output", j->output, &d.w);
	jw_kv_u64(&d.w, "bytes", res->bytes);
	present_strings_json("notes", &res->notes, &d.w);
	return out_document_end(&d, e);
}

static int export(struct repository *r, const struct parsed *p, struct job_export *j, struct error *e)
{
	CLEANUP(job_export_result_release) struct job_export_result res = {0};
	struct fd_sink to;
	bool stream = !j->output;
	char size[HUMAN_MAX];

	fd_sink_init(&to, STDOUT_FILENO);
	j->sink = stream ? &to.sink : NULL;
	struct progress_bar *bar = stream && isatty(STDOUT_FILENO) ? NULL : progress_bar_start(&common_progress, "export");
	int rc = job_export(r, j, &res, e);

	progress_bar_stop(bar);
	recorded_figures()->size = res.bytes;
	for (size_t i = 0; !rc && i < res.notes.n; i++)
		out_warn("%s", res.notes.v[i]);
	if (!rc && out_mode.json)
		rc = document(r, j, opt_text(p, "format"), &res, e);
	else if (!rc && !stream)
		out_print("%s written: %s\n", j->output, human_size(res.bytes, size));
	return rc;
}

static int export_live(const struct parsed *p, struct job_export *j, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	CLEANUP(source_record_release) struct source_record s;
	int rc = names_source(p->args.v[0], false, &u, &s, e);

	if (rc)
		return rc;
	AUTO_FREE char *name = s.name ? mem_string(s.name) : names_of(u.shown);

	u.progress = &common_progress;
	j->live = &u;
	rc = recorded_begin("export", NULL, e, "export %s as %s", name, opt_text(p, "format"));
	recorded_source(&about, &u, name, RECORDED_READS);
	if (!rc)
		rc = recorded_about(p, &about, e);
	return rc ? rc : export(NULL, p, j, e);
}

static int export_backup(const struct parsed *p, struct job_export *j, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	AUTO_FREE char *which = recorded_which(p->args.v[0]);
	char hex[ID_HEX_LEN + 1];
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = recorded_begin("export", &r, e, "export %s as %s", which, opt_text(p, "format"));
	if (!rc)
		rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);
	if (!rc)
		rc = backup_find(&r, p->args.v[0], &b, e);
	j->backup = &b;
	j->source = common_source(p, p->args.v[0]);
	if (!rc) {
		recorded_backup(&about, &b);
		recorded_figures()->backup = mem_string(id_hex(&b.snapshot.id, hex));
		rc = recorded_about(p, &about, e);
	}
	return rc ? rc : export(&r, p, j, e);
}

static int run(const struct parsed *p, struct error *e)
{
	struct job_export j = {0};
	int rc = parse_options(p, &j, e);

	if (rc)
		return rc;
	return opt_flag(p, "live") ? export_live(p, &j, e) : export_backup(p, &j, e);
}

const struct command cmd_export = {
	.name = "export",
	.arguments = "BACKUP|--live SOURCE",
	.summary = "write a plain file for people from a backup",
	.details =
		"archive is the engine's own file, byte for byte (SQLite's database, what\n"
		"pg_dump or mariadb-dump wrote); sql is SQL text, sql.gz the same packed by\n"
		"gzip; csv a zip with a file a table; xlsx an Excel workbook with a sheet a\n"
		"table; tar.gz, tar.zst and zip hold a folder. A file is read back and checked\n"
		"before it gets its name.\n",
	.examples =
		"backstay export latest:app.db --format archive -o app.db\n"
		"backstay export latest --format xlsx --table orders -o orders.xlsx\n"
		"backstay export latest:media --path media/2026 -f zip -o 2026.zip\n"
		"backstay export --live postgresql://db/shop -f csv -o shop.zip\n"
		"backstay export latest:media --format tar.zst -o - | ssh host tar x --zstd\n",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.about_backups = true,
	.run = run,
};

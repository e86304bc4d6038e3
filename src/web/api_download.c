/* Files for people out of a backup. */
#include "base/path.h"
#include "catalog/schedule.h"
#include "job/source_kind.h"
#include "web/answer.h"
#include "web/api.h"
#include "web/multipart.h"
#include "web/uri.h"

#include <string.h>

struct wanted {
	char *format, *source, *path;   /* source NULL: the only one; path NULL: all of it */
	struct strlist tables;
};

static void wanted_release(struct wanted *w)
{
	mem_free_ptr(&w->format);
	mem_free_ptr(&w->source);
	mem_free_ptr(&w->path);
	strlist_release(&w->tables);
}

/* From the body or the query: a link can only have the latter. */
static char *either(const struct web_request *r, const char *name)
{
	const char *text = web_query(r, name);
	char *field = web_field_text(r, name);

	return field ? field : text ? mem_string(text) : NULL;
}

static const struct known_source *find_source(const struct known_backup *b, const char *name)
{
	for (size_t i = 0; name && i < b->source_count; i++)
		if (!strcmp(b->sources[i].name, name) || !strcmp(b->sources[i].shown, name))
			return &b->sources[i];
	return !name && b->source_count == 1 ? b->sources : NULL;
}

static void no_source(const struct known_backup *b, const char *name, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	for (size_t i = 0; i < b->source_count; i++)
		strlist_add(&names, b->sources[i].name);
	AUTO_FREE char *all = strlist_join(&names, ", ");

	if (name)
		error_set(e, ERR_NOT_FOUND, "there is no source \"%.128s\" in backup %.8s", name, b->id);
	else
		error_set(e, ERR_USAGE, "backup %.8s holds several sources: which one?", b->id);
	error_hint(e, "\"source\" may be: %s", all);
}

/* "2026" as zip is 2026.zip; a file keeps its name. */
static char *entry_name(const struct wanted *w)
{
	const char *name = path_base(w->path);
	int n = (int)strcspn(name, "/");

	return strcmp(w->format, "archive") ? mem_printf("%.*s.%s", n, name, w->format) : mem_printf("%.*s", n, name);
}

/* Also the name of the file. */
static int read_wanted(struct web_request *r, const struct known_backup *b, struct wanted *out, char **file_name, struct error *e)
{
	AUTO_FREE char *called = either(r, "file_name");

	out->format = either(r, "format");
	out->source = either(r, "source");
	out->path = either(r, "path");
	web_field_list(r, "tables", &out->tables);
	web_query_list(r, "table", &out->tables);
	if (out->path) {
		if (!out->format)
			out->format = mem_string("archive");
		*file_name = called ? multipart_clean_name(called) : entry_name(out);
		return 0;
	}
	const struct known_source *s = find_source(b, out->source);

	if (!s) {
		no_source(b, out->source, e);
		return -(int)e->kind;
	}
	if (!out->format)
		out->format = mem_string(source_kind_format(s->engine));
	*file_name = called ? multipart_clean_name(called) : source_kind_export_name(s->engine, s->name, out->format, b->time);
	return 0;
}

static void add_parameter(struct buf *url, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(url, "&%s=", name);
	uri_encode(value, url);
}

/* Where the same file is to be had by GET. */
static char *url_of(const struct web_request *r, const struct known_backup *b, const struct wanted *w)
{
	CLEANUP(buf_release) struct buf url = BUF_INIT;
	AUTO_FREE char *called = either(r, "file_name");

	buf_printf(&url, API "backups/%s/download/?format=%s", b->id, w->format);
	add_parameter(&url, "source", w->source);
	add_parameter(&url, "path", w->path);
	for (size_t i = 0; i < w->tables.n; i++)
		add_parameter(&url, "table", w->tables.v[i]);
	add_parameter(&url, "file_name", called);
	return buf_take_text(&url);
}

static int fetch(struct web_request *r, struct web_response *out, char **url, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(wanted_release) struct wanted w = {0};
	AUTO_FREE char *name = NULL;
	int rc = api_backup(r, &b, NULL, e);

	if (!rc)
		rc = read_wanted(r, &b, &w, &name, e);
	const struct web_export what = {.format = w.format, .source = w.source, .path = w.path, .tables = &w.tables};

	if (!rc)
		rc = web_download(r, b.id, &what, out, e);
	if (rc)
		return rc;
	if (out->file) {
		mem_free_ptr(&out->file_name);
		out->file_name = TAKE(name);
	}
	if (url)
		*url = url_of(r, &b, &w);
	return 0;
}

static int download(struct web_request *r, struct web_response *out, struct error *e)
{
	int rc = fetch(r, out, NULL, e);

	return rc || !out->file ? rc : api_audit(r, "download", r->params[0], e, "%s", out->file_name);
}

/* The same without its bytes: whether it is ready, and where it then is. */
static int prepare(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(answer_release) struct web_response ready = {0};
	AUTO_FREE char *url = NULL;
	struct json_out w;
	int rc = fetch(r, &ready, &url, e);

	if (rc)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_bool(&w, "ready", ready.file != NULL);
	jw_kv_string(&w, "url", url);
	jw_kv_string(&w, "file_name", ready.file_name);
	jw_name(&w, "job");
	if (ready.file)
		jw_null(&w);
	else
		jw_raw(&w, (const char *)ready.body.p, ready.body.len);
	jw_object_end(&w);
	out->status = ready.file ? 200 : 202;
	return 0;
}

/* ---- the table ---- */

#define FORMAT_HELP "archive (the engine's own file), sql, sql.gz (packed), csv (a zip), xlsx; tar.gz, tar.zst or zip of a folder. Unless said, archive for databases, tar.gz for folders"
#define FILE_NAME_HELP "what the file is called; unless said, as people know it: backup_shop_20261121_071405.sql"
#define SOURCE_HELP "which source of the backup, when it has several"
#define PATH_HELP "only this file (archive) or folder (tar.gz, tar.zst, zip) of the backup, as files/ lists it"

/* A link can only have parameters, a form either. */
#define LINK \
	{"format", "string?", FORMAT_HELP, EXPORT_FORMAT_CHOICES}, \
	{"source", "string?", SOURCE_HELP}, \
	{"path", "string?", PATH_HELP}, \
	{"table", "string?", "only this table, of sql, sql.gz, csv and xlsx; may be given several times"}, \
	{"file_name", "string?", FILE_NAME_HELP, NULL, 0, 200}
#define BODY \
	{"format", "string", FORMAT_HELP, EXPORT_FORMAT_CHOICES}, \
	{"source", "string", SOURCE_HELP}, \
	{"path", "string", PATH_HELP}, \
	{"tables", "array", "only these tables, of sql, sql.gz, csv and xlsx"}, \
	{"file_name", "string", FILE_NAME_HELP, NULL, 0, 200}

static const struct web_field link_fields[] = {LINK, {0}};
static const struct web_field form_fields[] = {LINK, BODY, {0}};
static const struct web_field body_fields[] = {BODY, {0}};

const struct web_route api_download[] = {
	{"GET", API "backups/{id}/download/", WEB_OPERATOR, download, "Backups", "Download a backup as a plain file; 202 with a job while it is being made", link_fields, "Job", WEB_SLOW | WEB_FILE | WEB_QUEUES},
	{"POST", API "backups/{id}/download/", WEB_OPERATOR, download, "Backups", "The same, asked for by a form", form_fields, "Job", WEB_SLOW | WEB_FILE | WEB_QUEUES | WEB_SAFE},
	{"POST", API "backups/{id}/export/", WEB_OPERATOR, prepare, "Backups", "Have a plain file made, to download when it is ready", body_fields, "Export|Export", WEB_SLOW | WEB_QUEUES},
	{0},
};

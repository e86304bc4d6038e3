/* What is in a backup, read without restoring it: tables, rows, files, SQL, differences. Our own commands do it. */
#include "job/request.h"
#include "web/api.h"

#include <stdio.h>
#include <string.h>

/* The beginning of a command about the backup: "query", "--repo=main". */
static int begin(struct web_request *r, const char *command, struct known_backup *b, struct strlist *words, struct error *e)
{
	AUTO_FREE char *place = NULL;
	int rc = api_backup(r, b, &place, e);

	if (rc)
		return rc;
	strlist_add(words, command);
	api_option(words, "repo", place);
	return 0;
}

/* ---- tables ---- */

/* A table of the manifest, with the name of its source. */
static void table_json(const char *source, struct json *j, struct json_out *w)
{
	CLEANUP(buf_release) struct buf table = BUF_INIT;
	const char *p = NULL;
	size_t n = 0;

	json_raw(j, &p, &n);
	if (json_failed(j))
		return;
	buf_add(&table, p, n);
	jw_object(w);
	jw_kv_string(w, "source", source);
	api_copy_members(&table, w);
	jw_object_end(w);
}

/* `tables` may come before `name`: it is kept until the name is known. */
static uint64_t source_tables(struct json *j, struct json_out *w)
{
	AUTO_FREE char *name = NULL;
	const char *p = NULL;
	size_t n = 0;
	uint64_t count = 0;

	json_object_begin(j);
	while (json_member(j))
		if (json_name_is(j, "name")) {
			mem_free_ptr(&name);
			name = json_string_dup(j);
		} else if (json_name_is(j, "tables"))
			json_raw(j, &p, &n);
		else
			json_skip(j);
	if (!p || json_failed(j))
		return 0;
	struct json tables;

	json_init(&tables, p, n);
	json_array_begin(&tables);
	for (; json_element(&tables); count++)
		table_json(name, &tables, w);
	json_release(&tables);
	return count;
}

static uint64_t manifest_tables(struct json *j, struct json_out *w)
{
	uint64_t count = 0;

	json_object_begin(j);
	while (json_member(j)) {
		if (!json_name_is(j, "sources")) {
			json_skip(j);
			continue;
		}
		json_array_begin(j);
		while (json_element(j))
			count += source_tables(j, w);
	}
	return count;
}

static int tables(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	struct json_out w;
	struct json j;
	uint64_t total = 0;
	int rc = api_backup(r, &b, NULL, e);

	if (!rc)
		rc = api_show(r, &b, &document, e);
	if (rc)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_name(&w, "items");
	jw_array(&w);
	json_init(&j, document.p, document.len);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "manifest"))
			total = manifest_tables(&j, &w);
		else
			json_skip(&j);
	jw_array_end(&w);
	jw_kv_u64(&w, "total", total);
	jw_object_end(&w);
	return json_finish(&j, e);
}

/* ---- rows, SQL ---- */

static void add_quoted(struct buf *sql, const char *name)
{
	buf_add_byte(sql, '"');
	for (const char *p = name; *p; p++) {
		if (*p == '"')
			buf_add_byte(sql, '"');
		buf_add_byte(sql, (unsigned char)*p);
	}
	buf_add_byte(sql, '"');
}

static char *select_rows(const struct web_request *r, const char *table)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT;
	const char *schema = web_query(r, "schema");

	buf_add_str(&sql, "SELECT * FROM ");
	if (schema) {
		add_quoted(&sql, schema);
		buf_add_byte(&sql, '.');
	}
	add_quoted(&sql, table);
	buf_printf(&sql, " LIMIT %llu OFFSET %llu", (unsigned long long)api_query_number(r, "limit", 100),
		   (unsigned long long)api_query_number(r, "offset", 0));
	return buf_take_text(&sql);
}

static int ask(struct web_request *r, const char *source, const char *sql, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(strlist_release) struct strlist words = {0};
	int rc = begin(r, "query", &b, &words, e);

	if (rc)
		return rc;
	api_option(&words, "source", source);
	strlist_add(&words, "--");
	strlist_add(&words, b.id);
	strlist_add(&words, sql);
	return web_run(r, &words, API_SECONDS, out, e);
}

static int rows(struct web_request *r, struct web_response *out, struct error *e)
{
	const char *table = r->params[1];
	AUTO_FREE char *sql = select_rows(r, table);
	int rc = ask(r, web_query(r, "source"), sql, out, e);

	if (rc == -ERR_USAGE && strstr(e->text, "no such table"))
		return error_set(e, ERR_NOT_FOUND, "there is no table \"%.128s\" in backup %.8s", table, r->params[0]);
	return rc;
}

static int query(struct web_request *r, struct web_response *out, struct error *e)
{
	AUTO_FREE char *sql = web_field_text(r, "sql"), *source = web_field_text(r, "source");
	int rc = api_audit(r, "query", r->params[0], e, "%.500s", sql);

	return rc ? rc : ask(r, source, sql, out, e);
}

/* ---- files ---- */

static int list_files(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(strlist_release) struct strlist words = {0};
	const char *path = web_query(r, "path");
	int rc = begin(r, "ls", &b, &words, e);

	if (rc)
		return rc;
	strlist_add(&words, "--");
	strlist_add(&words, b.id);
	if (path && *path)
		strlist_add(&words, path);
	return web_run(r, &words, API_SECONDS, out, e);
}

/* ---- compare ---- */

static int other_side(struct web_request *r, const struct known_backup *a, const char *with, struct strlist *words, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};

	if (!strcmp(with, "live")) {
		strlist_add(words, with);
		return 0;
	}
	int rc = known_get(r->catalog, with, &b, e);

	if (!rc && b.place != a->place)
		rc = error_set(e, ERR_MISMATCH, "backups %.8s and %.8s are in different repositories", a->id, b.id);
	if (!rc)
		strlist_add(words, b.id);
	return rc;
}

static int compare(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup a = {0};
	CLEANUP(strlist_release) struct strlist words = {0};
	int rc = begin(r, "diff", &a, &words, e);

	if (rc)
		return rc;
	api_option(&words, "source", web_query(r, "source"));
	api_option(&words, "table", web_query(r, "table"));
	if (api_query_bool(r, "rows", false))
		strlist_add(&words, "--rows");
	strlist_add(&words, "--");
	strlist_add(&words, a.id);
	rc = other_side(r, &a, web_query(r, "with"), &words, e);
	return rc ? rc : web_run(r, &words, API_SECONDS, out, e);
}

/* ---- verify ---- */

static int verify(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(strlist_release) struct strlist ids = {0};
	AUTO_FREE char *place = NULL;
	int rc = api_backup(r, &b, &place, e);

	if (rc)
		return rc;
	strlist_add(&ids, b.id);
	rc = request_verify(r->catalog, place, &ids, (int)web_field_integer(r, "level", 2), &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

/* ---- the table ---- */

static const struct web_field rows_fields[] = {
	{"source", "string?", "which database of the backup, when it has several"},
	{"schema", "string?", "the table's schema, when its name alone is not enough"},
	{"limit", "integer?", "how many rows, 100 unless said", NULL, 1, 1000},
	{"offset", "integer?", "rows to pass over first"},
	{0},
};
static const struct web_field files_fields[] = {
	{"path", "string?", "a folder of the backup; its top unless said"},
	{0},
};
static const struct web_field query_fields[] = {
	{"sql", "string!", "a reading statement, in SQLite's SQL whatever the database is", NULL, 0, 100000},
	{"source", "string", "which database of the backup, when it has several"},
	{0},
};
static const struct web_field compare_fields[] = {
	{"with", "string?!", "the other backup's id, or \"live\": what the source holds now"},
	{"source", "string?", "only this source of several"},
	{"table", "string?", "only this table"},
	{"rows", "boolean?", "every row that differs, too"},
	{0},
};
static const struct web_field verify_fields[] = {
	{"level", "integer", "1 bytes, 2 structure (unless said), 3 restored, 4 compared", NULL, 1, 4},
	{0},
};

const struct web_route api_content[] = {
	{"GET", API "backups/{id}/tables/", WEB_VIEWER, tables, "Backups", "Tables in a backup, with columns, rows and sizes", NULL, "Tables", WEB_SLOW},
	{"GET", API "backups/{id}/tables/{table}/rows/", WEB_VIEWER, rows, "Backups", "Rows of a table in a backup", rows_fields, "Rows", WEB_SLOW},
	{"GET", API "backups/{id}/files/", WEB_VIEWER, list_files, "Backups", "A folder in a backup", files_fields, "Files", WEB_SLOW},
	{"POST", API "backups/{id}/query/", WEB_OPERATOR, query, "Backups", "Ask a database in a backup with SQL", query_fields, "Rows", WEB_SLOW | WEB_SAFE},
	{"GET", API "backups/{id}/compare/", WEB_OPERATOR, compare, "Backups", "What differs between a backup and another one, or the live source", compare_fields, "Comparison", WEB_SLOW},
	{"POST", API "backups/{id}/verify/", WEB_OPERATOR, verify, "Backups", "Verify a backup", verify_fields, "Job", WEB_QUEUES},
	{0},
};

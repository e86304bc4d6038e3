/* Configured sources, and looking after their databases. */
#include "job/request.h"
#include "job/source_kind.h"
#include "web/api_records.h"

#include <string.h>

/* A URL that is new is looked at by its engine. */
static int complete(struct web_request *r, void *record, const void *before, struct error *e)
{
	struct source_record *s = record;
	const struct source_record *old = before;

	if (s->url && old->url && !strcmp(s->url, old->url))
		return 0;
	return source_kind_parse(s, e) ? error_field(e, "url") : 0;
}

API_RECORDS(source)
static const struct api_records kind = {.what = "source", .path = API "sources/", API_RECORD_MEMBERS(source), .complete = complete};
API_RECORD_HANDLERS(kind)

/* ---- looking at it ---- */

/* A command of ours about the source: "info shop". */
static int about(struct web_request *r, const char *const words[], struct web_response *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	CLEANUP(strlist_release) struct strlist line = {0};
	int rc = api_record(&kind, r, &s, e);

	if (rc)
		return rc;
	for (size_t i = 0; words[i]; i++)
		strlist_add(&line, words[i]);
	strlist_add(&line, s.name);
	return web_run(r, &line, API_SECONDS, out, e);
}

static int test(struct web_request *r, struct web_response *out, struct error *e)
{
	static const char *const words[] = {"source", "test", NULL};

	return about(r, words, out, e);
}

static int info(struct web_request *r, struct web_response *out, struct error *e)
{
	static const char *const words[] = {"info", NULL};

	return about(r, words, out, e);
}

/* ---- looking after it ---- */

static int maintain(struct web_request *r, const char *action, struct web_response *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(strlist_release) struct strlist tables = {0};
	int rc = api_record(&kind, r, &s, e);

	if (rc)
		return rc;
	if (!source_kind_is_database(s.engine))
		return error_set(e, ERR_MISMATCH, "the source %s is no database", s.name);
	web_field_list(r, "tables", &tables);
	rc = request_maintain(r->catalog, action, s.name, &tables, web_field_bool(r, "force", false), &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

static int optimize(struct web_request *r, struct web_response *out, struct error *e)
{
	return maintain(r, "optimize", out, e);
}

static int check(struct web_request *r, struct web_response *out, struct error *e)
{
	return maintain(r, "check-tables", out, e);
}

static int repair(struct web_request *r, struct web_response *out, struct error *e)
{
	return maintain(r, "repair", out, e);
}

/* ---- the table ---- */

#define RECORD \
	{"include", "array", "for folders: only files that match one of these patterns"}, \
	{"exclude", "array", "for folders: patterns of what is left out"}, \
	{"include_logs", "boolean", "for folders: logs and caches too"}, \
	{"one_file_system", "boolean", "for folders: do not enter other file systems"}, \
	{"check", "string", "for SQLite: the integrity check of the copy", "auto|full|none"}, \
	{"before", "string", "a command to run before each backup"}, \
	{"after", "string", "a command to run after each backup, however it ends"}, \
	{"optimize_first", "boolean", "optimize the tables before each backup"}, \
	{"restore_protected", "boolean", "no restore may replace it"}, \
	{"overdue_hours", "integer", "alarm without a good backup for so long; 0: as the settings say", NULL, 0, 87600}, \
	{"repository", "string", "where its backups go; the default repository unless said"}, \
	{"notes", "string", "for people"}, \
	{0},

static const struct web_field create_fields[] = {
	{"name", "string!", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"url", "string!", "a path, or sqlite:..., folder:..., postgresql://..., mysql://..., command:..."},
	RECORD
};
static const struct web_field change_fields[] = {
	{"name", "string", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"url", "string", "a path, or sqlite:..., folder:..., postgresql://..., mysql://..., command:..."},
	RECORD
};
static const struct web_field table_fields[] = {
	{"tables", "array", "only these tables"},
	{0},
};
static const struct web_field repair_fields[] = {
	{"tables", "array", "only these tables"},
	{"force", "boolean", "without a good backup of the last 24 hours"},
	{0},
};

const struct web_route api_sources[] = {
	{"GET", API "sources/", WEB_VIEWER, list, "Sources", "What can be backed up", NULL, "Source[]"},
	{"POST", API "sources/", WEB_ADMIN, create, "Sources", "Add a source", create_fields, "Source", WEB_CREATES | WEB_RECORD},
	{"GET", API "sources/{id}/", WEB_VIEWER, get, "Sources", "One source, by its number or name", NULL, "Source"},
	{"PUT", API "sources/{id}/", WEB_ADMIN, change, "Sources", "Change a source", change_fields, "Source", WEB_RECORD},
	{"PATCH", API "sources/{id}/", WEB_ADMIN, change, "Sources", "Change a source", change_fields, "Source", WEB_RECORD},
	{"DELETE", API "sources/{id}/", WEB_ADMIN, remove_one, "Sources", "Remove a source; its backups stay", NULL, NULL},
	{"POST", API "sources/{id}/test/", WEB_OPERATOR, test, "Sources", "Try whether a source can be read", NULL, "SourceTest", WEB_SLOW | WEB_SAFE},
	{"GET", API "sources/{id}/info/", WEB_OPERATOR, info, "Sources", "A live database: version, size, tables", NULL, "SourceInfo", WEB_SLOW},
	{"POST", API "sources/{id}/optimize/", WEB_OPERATOR, optimize, "Sources", "Make a live database smaller and faster", table_fields, "Job", WEB_QUEUES},
	{"POST", API "sources/{id}/check/", WEB_OPERATOR, check, "Sources", "Look for damage in a live database", table_fields, "Job", WEB_QUEUES},
	{"POST", API "sources/{id}/repair/", WEB_ADMIN, repair, "Sources", "Repair a live database", repair_fields, "Job", WEB_QUEUES},
	{0},
};

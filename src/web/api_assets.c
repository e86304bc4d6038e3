/* The addresses of the asset management system people come from: what the buttons of its page post; the page itself is
 * ours (static.c). */
#include "base/timefmt.h"
#include "catalog/schedule.h"
#include "catalog/setting.h"
#include "job/request.h"
#include "job/schedule.h"
#include "job/source_kind.h"
#include "web/api_records.h"

#include <unistd.h>

#define EXPORT_SECONDS 3600.0
#define AUTOMATIC "automatic"           /* the schedule that /database/settings is about */

/* ---- the database meant ---- */

/* The one that is named, else the only one. */
static int database(struct web_request *r, struct source_record *out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	AUTO_FREE char *named = web_field_text(r, "source");
	size_t n = 0, found = 0;
	int rc = named ? source_find(r->catalog, named, out, e) : source_list_all(r->catalog, &l, e);

	if (rc || named)
		return rc;
	for (size_t i = 0; i < l.n; i++)
		if (source_kind_is_database(l.v[i].engine)) {
			found = i;
			n++;
		}
	if (n != 1) {
		error_set(e, n ? ERR_USAGE : ERR_NOT_FOUND, n ? "the field \"source\" is missing: there are several databases" : "there is no database among the sources");
		return error_hint(e, n ? "the names are at " API "sources/" : "add one first: POST " API "sources/");
	}
	*out = l.v[found];
	l.v[found] = (struct source_record){0};
	return 0;
}

/* ---- POST /backup/sql ---- */

static int read_id(const struct buf *document, char **out, struct error *e)
{
	struct json j;

	*out = NULL;
	json_init(&j, document->p, document->len);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "id") && !*out)
			*out = json_string_dup(&j);
		else
			json_skip(&j);
	return json_finish(&j, e);
}

/* A backup that stays, as all of its history do. */
static int back_up(struct web_request *r, const struct source_record *s, char **id, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(strlist_release) struct strlist sources = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	const struct request_backup q = {.sources = &sources};

	strlist_add(&sources, s->name);
	int rc = request_backup(r->catalog, &q, &j, e);

	if (!rc)
		rc = api_run(r, &j.words, EXPORT_SECONDS, &document, e);
	return rc ? rc : read_id(&document, id, e);
}

static int export_sql(struct web_request *r, const struct source_record *s, const char *id, const char *file, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	AUTO_FREE char *repository = NULL;
	int rc = request_repository(r->catalog, s, &repository, e);
	const struct request_export q = {.what = id, .repository = repository, .format = "sql", .output = file, .force = true};

	if (!rc)
		rc = request_export(r->catalog, &q, &j, e);
	return rc ? rc : api_run(r, &j.words, EXPORT_SECONDS, &document, e);
}

/* Backed up, and handed out as SQL. */
static int backup_sql(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *id = NULL;
	int rc = database(r, &s, e);

	if (!rc)
		rc = back_up(r, &s, &id, e);
	if (!rc)
		rc = api_scratch_file(r, &file, e);
	if (!rc)
		rc = export_sql(r, &s, id, file, e);
	if (!rc)
		rc = api_audit(r, "download", id, e, "SQL of %s", s.name);
	if (rc) {
		if (file)
			unlink(file);
		return rc;
	}
	out->file = TAKE(file);
	out->file_name = source_kind_export_name(s.engine, s.name, "sql", time_now());
	out->file_once = true;
	return 0;
}

/* ---- POST /restore/sql ---- */

static int restore_sql(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	bool asked = false;
	int rc = r->upload_count == 1 ? database(r, &s, e) : error_set(e, ERR_USAGE, "one file is wanted, not %zu", r->upload_count);

	if (rc)
		return rc;
	const struct request_restore q = {.what = r->uploads[0].path, .name = r->uploads[0].name, .to = s.name};

	rc = request_restore(r->catalog, &q, &j, e);
	if (!rc)
		rc = api_confirm(r, &j, 1, &asked, out, e);
	if (!rc && !asked && !(rc = web_queue(r, &j, out, e)))
		r->uploads[0].keep = true;
	return rc;
}

/* ---- POST /database/... ---- */

static int maintain(struct web_request *r, const char *kind, struct web_response *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = database(r, &s, e);

	if (!rc)
		rc = request_maintain(r->catalog, kind, s.name, NULL, false, &j, e);
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

/* The form has all four; what is absent stays as it is. */
static int read_settings(struct web_request *r, struct schedule_record *s, struct error *e)
{
	AUTO_FREE char *time = web_field_text(r, "backup_time");

	if (time && !schedule_time_parse(time, &s->hour, &s->minute))
		return error_set(e, ERR_USAGE, "the field \"backup_time\" must be a time of the day, such as 02:00");
	s->enabled = web_field_bool(r, "auto_backup", s->enabled);
	s->keep.days = (uint64_t)web_field_integer(r, "retention_days", (int64_t)s->keep.days);
	return 0;
}

static struct schedule_record new_automatic(void)
{
	struct schedule_record s = schedule_record_new();

	s.name = mem_string(AUTOMATIC);
	s.enabled = false;
	s.keep.days = 30;
	return s;
}

/* Whether tables are optimized first is a matter of the source. */
static int set_optimize(struct web_request *r, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};

	if (!web_field_given(r, "optimize_on_backup"))
		return 0;
	int rc = database(r, &s, e);

	if (rc)
		return rc;
	s.optimize_first = web_field_bool(r, "optimize_on_backup", true);
	return source_update(r->catalog, &s, e);
}

static int store_settings(struct web_request *r, struct schedule_record *s, bool fresh, struct error *e)
{
	int rc = catalog_begin(r->catalog, e);

	if (rc)
		return rc;
	rc = fresh ? schedule_add(r->catalog, s, e) : schedule_update(r->catalog, s, e);
	if (!rc)
		rc = set_optimize(r, e);
	if (!rc)
		rc = api_audit(r, fresh ? "schedule-add" : "schedule-change", s->name, e, NULL);
	return api_commit(r, rc, e);
}

static int settings_form(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	struct json_out w;
	int found = schedule_find(r->catalog, AUTOMATIC, &s, e);
	bool fresh = found == -ERR_NOT_FOUND;

	if (found && !fresh)
		return found;
	error_clear(e);
	if (fresh)
		s = new_automatic();
	int rc = read_settings(r, &s, e);

	if (!rc)
		rc = store_settings(r, &s, fresh, e);
	if (rc)
		return rc;
	jw_init(&w, &out->body);
	schedule_json(&s, &w);
	return 0;
}

/* ---- the table ---- */

#define SOURCE {"source", "string", "which database; the only one unless said"}

static const struct web_field source_fields[] = {SOURCE, {0}};
static const struct web_field restore_fields[] = {
	{"file", "file", "SQL, or whatever else a restore takes"},
	{"sql_file", "file", "the same"},
	{"backup_file", "file", "the same"},
	SOURCE,
	{"confirm", "string", "the name of the database that is replaced"},
	{0},
};
static const struct web_field settings_fields[] = {
	{"auto_backup", "boolean", "whether a backup is made every day"},
	{"backup_time", "string", "when: \"02:00\""},
	{"retention_days", "integer", "how long backups are kept", NULL, 1, 365},
	{"optimize_on_backup", "boolean", "optimize the tables first"},
	SOURCE,
	{0},
};

const struct web_route api_assets[] = {
	{"POST", "/backup/sql", WEB_OPERATOR, backup_sql, "Asset management", "Back up the database, and download it as SQL", source_fields, NULL, WEB_SLOW | WEB_FILE},
	{"POST", "/restore/sql", WEB_ADMIN, restore_sql, "Asset management", "Restore the database from a file", restore_fields, "Job", WEB_QUEUES | WEB_SLOW | WEB_UPLOAD},
	{"POST", "/database/optimize", WEB_OPERATOR, optimize, "Asset management", "Optimize all tables", source_fields, "Job", WEB_QUEUES},
	{"POST", "/database/check", WEB_OPERATOR, check, "Asset management", "Check all tables", source_fields, "Job", WEB_QUEUES},
	{"POST", "/database/repair", WEB_ADMIN, repair, "Asset management", "Repair tables", source_fields, "Job", WEB_QUEUES},
	{"POST", "/database/settings", WEB_ADMIN, settings_form, "Asset management", "Back up automatically, every day", settings_fields, "Schedule"},
	{0},
};

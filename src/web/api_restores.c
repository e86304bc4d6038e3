/* Restores: of a backup, of files that are sent along, and undoing them. */
#include "job/request.h"
#include "job/source_kind.h"
#include "web/api.h"

#include <string.h>

/* ---- GET restores/ ---- */

static int list(struct web_request *r, struct web_response *out, struct error *e)
{
	return api_list_jobs(r, "restore", out, e);
}

static int get(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(r->catalog, r->params[0], &j, e);

	if (!rc && strcmp(j.kind, "restore") != 0)
		rc = error_set(e, ERR_NOT_FOUND, "job %s is no restore but a %s", j.id, j.kind);
	return rc ? rc : api_answer_job(r, &j, out);
}

/* ---- POST restores/ ---- */

struct wanted {
	char *backup, *name, *target, *database, *only, *mode;      /* name: of a file */
	struct strlist sources, tables, paths;
	bool safety;
};

static void wanted_release(struct wanted *w)
{
	mem_free_ptr(&w->backup);
	mem_free_ptr(&w->name);
	mem_free_ptr(&w->target);
	mem_free_ptr(&w->database);
	mem_free_ptr(&w->only);
	mem_free_ptr(&w->mode);
	strlist_release(&w->sources);
	strlist_release(&w->tables);
	strlist_release(&w->paths);
}

/* restore_type: the whole, or one kind of source. */
static char *only_of(const struct web_request *r, const char *name)
{
	AUTO_FREE char *type = web_field_text(r, name);

	if (!type || !strcmp(type, "full"))
		return NULL;
	return mem_string(strcmp(type, "media") ? type : "files");
}

static void read_wanted(const struct web_request *r, struct wanted *out)
{
	char *only = only_of(r, "restore_type");

	*out = (struct wanted){
		.backup = web_field_text(r, "backup_id"),
		.target = web_field_text(r, "target"),
		.database = web_field_text(r, "database"),
		.only = only ? only : only_of(r, "only"),
		.mode = web_field_text(r, "mode"),
		.safety = web_field_bool(r, "backup_before_restore", true),
	};
	web_field_list(r, "sources", &out->sources);
	web_field_list(r, "tables", &out->tables);
	web_field_list(r, "paths", &out->paths);
}

/* "postgresql://shop:tiger@db/shop", "...?password=tiger" */
static bool holds_secret(const char *target)
{
	const char *from = strstr(target, "://");
	size_t n = from ? strcspn(from + 3, "/?#") : 0;
	const char *at = n ? memrchr(from + 3, '@', n) : NULL;

	return (at && memchr(from + 3, ':', (size_t)(at - from - 3))) || strcasestr(target, "password=");
}

/* What is tried first is a command line, which other users of the machine may read. */
static int check_target(const char *target, struct error *e)
{
	if (!target || !holds_secret(target))
		return 0;
	error_set(e, ERR_USAGE, "the target has a password in it");
	return error_hint(e, "add it as a source, and name that as the target");
}

static int request(struct web_request *r, const struct wanted *w, const char *what, const char *repository, struct job_record *j, struct error *e)
{
	const struct request_restore q = {
		.what = what,
		.repository = repository,
		.name = w->name,
		.to = w->target,
		.database = w->database,
		.only = w->only,
		.mode = w->mode,
		.sources = &w->sources,
		.tables = &w->tables,
		.paths = &w->paths,
		.no_safety = !w->safety,
	};

	int rc = check_target(w->target, e);

	return rc ? rc : request_restore(r->catalog, &q, j, e);
}

/* Confirmed, or asked for it. */
static int confirm_and_queue(struct web_request *r, struct job_record *j, struct web_response *out, struct error *e)
{
	bool asked;
	int rc = api_confirm(r, j, 1, &asked, out, e);

	return rc || asked ? rc : web_queue(r, j, out, e);
}

static int create(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(wanted_release) struct wanted w = {0};
	AUTO_FREE char *place = NULL;

	read_wanted(r, &w);
	int rc = known_get(r->catalog, w.backup, &b, e);

	if (!rc)
		rc = api_place_of(r, &b, &place, e);
	if (!rc)
		rc = request(r, &w, b.id, place, &j, e);
	return rc ? rc : confirm_and_queue(r, &j, out, e);
}

static int undo(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *which = web_field_text(r, "job"), *repository = web_field_text(r, "repository");
	int rc = api_known_repository(r, repository, e);

	if (!rc)
		rc = request_undo(r->catalog, repository, which, &j, e);
	return rc ? rc : confirm_and_queue(r, &j, out, e);
}

/* ---- POST restores/recognise/ ---- */

/* In the child's words the file has the name it was sent under. */
static void call_by_name(const struct web_upload *u, struct error *e)
{
	const char *at = strstr(e->text, u->path);

	if (at) {
		struct error before = *e;
		size_t n = (size_t)(at - e->text);

		error_set(e, before.kind, "%.*s%s%s", (int)n, before.text, u->name, before.text + n + strlen(u->path));
		error_hint_as(e, &before);
	}
}

static void recognised(const struct buf *document, const char *confirm, struct web_response *out)
{
	struct json_out w;

	jw_init(&w, &out->body);
	jw_object(&w);
	jw_name(&w, "file");
	api_copy_member(document, "file", &w);
	jw_name(&w, "replaces");
	api_copy_member(document, "replaces", &w);
	jw_kv_string(&w, "confirm", confirm);
	jw_object_end(&w);
}

static int recognise(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	AUTO_FREE char *target = web_field_text(r, "target"), *database = web_field_text(r, "database"), *place = NULL, *confirm = NULL;

	if (!r->upload_count)
		return error_set(e, ERR_USAGE, "a file is missing: \"file\"");
	int rc = check_target(target, e);

	if (!rc)
		rc = request_repository(r->catalog, NULL, &place, e);
	if (rc)
		return rc;
	strlist_add(&words, "restore");
	strlist_add(&words, "--dry-run");
	api_option(&words, "repo", place);
	api_option(&words, "to", target);
	api_option(&words, "database", database);
	strlist_add(&words, "--");
	strlist_add(&words, r->uploads[0].path);
	rc = api_dry_run(r, &words, &document, &confirm, e);
	if (rc)
		call_by_name(&r->uploads[0], e);
	else
		recognised(&document, confirm, out);
	return rc;
}

/* ---- POST restores/upload_and_restore/ ---- */

/* The only configured source of that kind; what is not clear is asked for. */
static int only_source(struct web_request *r, bool database, const char *field, char **out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	const char *found = NULL;
	size_t n = 0;
	int rc = source_list_all(r->catalog, &l, e);

	for (size_t i = 0; !rc && i < l.n; i++)
		if (database ? source_kind_is_database(l.v[i].engine) : !strcmp(l.v[i].engine, "folder")) {
			found = l.v[i].name;
			n++;
		}
	if (rc)
		return rc;
	if (n != 1) {
		error_set(e, ERR_USAGE, "the field \"%s\" is missing: where should the file be restored to?", field);
		return error_hint(e, "the name of a source, a path or a URL");
	}
	*out = mem_string(found);
	return 0;
}

static struct web_upload *upload_of(struct web_request *r, const char *field)
{
	for (size_t i = 0; i < r->upload_count; i++)
		if (!strcmp(r->uploads[i].field, field))
			return &r->uploads[i];
	return NULL;
}

static int request_upload(struct web_request *r, const struct web_upload *u, bool database, const char *field, struct job_record *j, struct error *e)
{
	CLEANUP(wanted_release) struct wanted w = {
		.name = mem_string(u->name),
		.target = web_field_text(r, field),
		.database = database ? web_field_text(r, "database") : NULL,
		.mode = web_field_text(r, "mode"),
		.safety = web_field_bool(r, "backup_before_restore", true),
	};
	AUTO_FREE char *name = web_field_text(r, "name"), *repository = web_field_text(r, "repository");
	int rc = api_known_repository(r, repository, e);

	if (!rc && !w.target)
		rc = only_source(r, database, field, &w.target, e);
	if (!rc)
		rc = request(r, &w, u->path, repository, j, e);
	if (rc)
		return rc;
	j->notes = TAKE(name);
	return 0;
}

/* The files of the form, and what each is. */
static const struct { const char *field, *target, *type; bool database; } parts[] = {
	{"database_file", "target", "database", true},
	{"media_file", "media_target", "media", false},
};

static int check_type(struct web_request *r, struct error *e)
{
	AUTO_FREE char *type = web_field_text(r, "restore_type");

	if (!r->upload_count)
		return error_set(e, ERR_USAGE, "a file is missing: \"database_file\" or \"media_file\"");
	for (size_t i = 0; type && i < ARRAY_LEN(parts); i++) {
		bool there = upload_of(r, parts[i].field) != NULL, wanted = !strcmp(type, "full") || !strcmp(type, parts[i].type);

		if (there != wanted)
			return error_set(e, ERR_USAGE, there ? "the field \"%s\" does not belong to a restore of the type %s" : "the field \"%s\" is missing in a restore of the type %s",
					 parts[i].field, type);
	}
	return 0;
}

/* What was sent stays until its job is done with it. */
static int queue_uploads(struct web_request *r, struct job_record *jobs, struct web_upload *const *uploads, size_t n, struct web_response *out, struct error *e)
{
	struct json_out w;
	int rc = 0;

	jw_init(&w, &out->body);
	jw_object(&w);
	jw_name(&w, "jobs");
	jw_array(&w);
	for (size_t i = 0; !rc && i < n; i++)
		if (!(rc = api_queue_into(r, &jobs[i], &w, e)))
			uploads[i]->keep = true;
	jw_array_end(&w);
	jw_object_end(&w);
	out->status = 202;
	return rc;
}

static int upload_and_restore(struct web_request *r, struct web_response *out, struct error *e)
{
	struct job_record jobs[ARRAY_LEN(parts)] = {0};
	struct web_upload *uploads[ARRAY_LEN(parts)];
	size_t n = 0;
	bool asked = false;
	int rc = check_type(r, e);

	for (size_t i = 0; !rc && i < ARRAY_LEN(parts); i++) {
		uploads[n] = upload_of(r, parts[i].field);
		if (uploads[n])
			rc = request_upload(r, uploads[n], parts[i].database, parts[i].target, &jobs[n], e);
		n += uploads[n] && !rc;
	}
	if (!rc)
		rc = api_confirm(r, jobs, n, &asked, out, e);
	if (!rc && !asked)
		rc = queue_uploads(r, jobs, uploads, n, out, e);
	for (size_t i = 0; i < n; i++)
		job_record_release(&jobs[i]);
	return rc;
}

/* ---- the table ---- */

#define CONFIRM_HELP "the name of what is replaced, when something is: the answer 409 says which"
#define DATABASE_HELP "into a database of this name on the target's server, which is made when it is not there"
#define TARGET_HELP "a source's name, a path or a URL without a password; where it came from unless said"

static const struct web_field create_fields[] = {
	{"backup_id", "string!", "the backup, by its id or the beginning of it"},
	{"target", "string", TARGET_HELP},
	{"database", "string", DATABASE_HELP, NULL, 0, 64},
	{"restore_type", "string", "which of its sources", "database|media|full"},
	{"only", "string", "the same in the words of the command line", "database|files"},
	{"sources", "array", "only these sources of the backup"},
	{"tables", "array", "only these tables"},
	{"paths", "array", "only these files and folders, as files/ shows them"},
	{"mode", "string", "overwrite, or preserve what is there and fill in what is missing", "overwrite|preserve"},
	{"backup_before_restore", "boolean", "keep a safety backup of what is replaced (unless said: yes)"},
	{"confirm", "string", CONFIRM_HELP},
	{0},
};
static const struct web_field upload_fields[] = {
	{"database_file", "file", "a dump or database file: .sql, .sql.gz, .dump, .backup, .db, ..."},
	{"media_file", "file", "a folder packed as .tar.gz, .tar.zst or .zip"},
	{"restore_type", "string", "which files must be there", "database|media|full"},
	{"target", "string", "where the database goes: a source's name, a path or URL; the only database source unless said"},
	{"database", "string", DATABASE_HELP, NULL, 0, 64},
	{"media_target", "string", "where the folder goes; the only folder source unless said"},
	{"repository", "string", "where the files are taken in first; the default one unless said"},
	{"name", "string", "a note for the history"},
	{"mode", "string", "overwrite, or preserve what is there and fill in what is missing", "overwrite|preserve"},
	{"backup_before_restore", "boolean", "keep a safety backup of what is replaced (unless said: yes)"},
	{"confirm", "string", CONFIRM_HELP ", several joined by \", \""},
	{0},
};
static const struct web_field recognise_fields[] = {
	{"file", "file!", "the file, or the first MiB of it"},
	{"target", "string", "where it would go: a source's name, a path or URL"},
	{"database", "string", DATABASE_HELP, NULL, 0, 64},
	{0},
};
static const struct web_field undo_fields[] = {
	{"job", "string", "the restore to undo, by its job's id or that of its safety backup; the last one unless said"},
	{"repository", "string", "where its safety backup is; the default one unless said"},
	{"confirm", "string", CONFIRM_HELP},
	{0},
};

const struct web_route api_restores[] = {
	{"GET", API "restores/", WEB_VIEWER, list, "Restores", "Restores, the newest first", api_job_filter, "Job[]"},
	{"POST", API "restores/", WEB_ADMIN, create, "Restores", "Restore a backup", create_fields, "Job", WEB_QUEUES | WEB_SLOW},
	{"POST", API "restores/recognise/", WEB_ADMIN, recognise, "Restores", "What a file is, by its beginning, and what restoring it would replace", recognise_fields, "Recognised", WEB_SLOW | WEB_UPLOAD},
	{"POST", API "restores/upload_and_restore/", WEB_ADMIN, upload_and_restore, "Restores", "Restore files that are sent along", upload_fields, "Jobs", WEB_QUEUES | WEB_SLOW | WEB_UPLOAD},
	{"POST", API "restores/undo/", WEB_ADMIN, undo, "Restores", "Bring back what a restore replaced", undo_fields, "Job", WEB_QUEUES | WEB_SLOW},
	{"GET", API "restores/{id}/", WEB_VIEWER, get, "Restores", "One restore", NULL, "Job"},
	{0},
};

/* Backups: the list, one of them, making, marking and removing them. */
#include "catalog/setting.h"
#include "job/request.h"
#include "job/source_kind.h"
#include "web/api.h"

#include <string.h>

/* ---- GET backups/ ---- */

static int read_filter(struct web_request *r, struct known_filter *f, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	const char *repository = web_query(r, "repository"), *safety = web_query(r, "safety");
	int rc = repository ? place_find(r->catalog, repository, &p, e) : 0;

	*f = (struct known_filter){
		.source = web_query(r, "source"),
		.place = p.id,
		.after = api_query_time(r, "after"),
		.before = api_query_time(r, "before"),
		.text = web_query(r, "q"),
		.good = api_query_bool(r, "good", false),
		.safety = !safety || !strcmp(safety, "all") ? -1 : !strcmp(safety, "only"),
		.pinned = api_query_bool(r, "pinned", false),
		.min_level = (int)api_query_number(r, "level", 0),
		.oldest_first = api_query_bool(r, "oldest_first", false),
	};
	return rc;
}

static void write_backup(const void *list, size_t i, struct json_out *w)
{
	known_json(&((const struct known_list *)list)->v[i], w);
}

int api_list_backups(struct web_request *r, const struct known_filter *f, struct web_response *out, struct error *e)
{
	CLEANUP(known_list_release) struct known_list l = {0};
	struct catalog_page page;
	uint64_t total;
	int rc = web_page(r, &page, e);

	if (!rc)
		rc = known_list_some(r->catalog, f, &page, &l, &total, e);
	return rc ? rc : api_list_page(r, &page, total, l.n, write_backup, &l, out);
}

static int list(struct web_request *r, struct web_response *out, struct error *e)
{
	struct known_filter f;
	int rc = read_filter(r, &f, e);

	return rc ? rc : api_list_backups(r, &f, out, e);
}

/* ---- POST backups/ ---- */

static bool fits(const struct source_record *s, const char *type)
{
	return !strcmp(type, "full") || source_kind_is_database(s->engine) == !strcmp(type, "database");
}

/* The configured sources of that kind. */
static int sources_of_type(struct web_request *r, const char *type, struct strlist *out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	int rc = source_list_all(r->catalog, &l, e);

	for (size_t i = 0; !rc && i < l.n; i++)
		if (fits(&l.v[i], type))
			strlist_add(out, l.v[i].name);
	if (rc || out->n)
		return rc;
	error_set(e, ERR_NOT_FOUND, "there is no source to back up%s%s", strcmp(type, "full") ? " of the type " : "", strcmp(type, "full") ? type : "");
	return error_hint(e, "add one first: POST " API "sources/");
}

static int check_type(struct web_request *r, const struct strlist *names, const char *type, struct error *e)
{
	for (size_t i = 0; i < names->n; i++) {
		CLEANUP(source_record_release) struct source_record s = {0};
		int rc = source_find(r->catalog, names->v[i], &s, e);

		if (rc)
			return rc;
		if (!fits(&s, type))
			return error_set(e, ERR_USAGE, "the source %s does not belong into a backup of the type %s", names->v[i], type);
	}
	return 0;
}

static int choose_sources(struct web_request *r, struct strlist *out, struct error *e)
{
	AUTO_FREE char *given = web_field_text(r, "backup_type");
	const char *type = given ? given : "full";

	web_field_list(r, "sources", out);
	return out->n ? check_type(r, out, type, e) : sources_of_type(r, type, out, e);
}

static int create(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist sources = {0}, tags = {0}, exclude = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *repository = web_field_text(r, "repository"), *name = web_field_text(r, "name");
	AUTO_FREE char *description = web_field_text(r, "description"), *level = web_field_text(r, "compression");
	int rc = choose_sources(r, &sources, e);

	if (!rc)
		rc = api_known_repository(r, repository, e);
	if (rc)
		return rc;
	web_field_list(r, "tags", &tags);
	web_field_list(r, "exclude", &exclude);
	const struct request_backup q = {
		.sources = &sources,
		.repository = repository,
		.name = name,
		.description = description,
		.compression = web_field_bool(r, "compress", true) ? level : "off",
		.tags = &tags,
		.exclude = &exclude,
		.include_logs = !web_field_bool(r, "exclude_logs", true),
		.force = web_field_bool(r, "force", false),
	};

	rc = request_backup(r->catalog, &q, &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

/* ---- backups/{id}/ ---- */

/* The manifest out of what `show` says, or null and why it cannot be read: the list knows the backup even when its repository is away. */
static void add_manifest(struct web_request *r, const struct known_backup *b, struct json_out *w)
{
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	struct error e = {0};
	int rc = api_show(r, b, &document, &e);

	jw_name(w, "manifest");
	if (rc || !api_copy_member(&document, "manifest", w))
		jw_null(w);
	jw_kv_string(w, "manifest_error", rc ? e.text : NULL);
}

static int get(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(buf_release) struct buf record = BUF_INIT;
	struct json_out w;
	int rc = api_backup(r, &b, NULL, e);

	if (rc)
		return rc;
	jw_init(&w, &record);
	known_json(&b, &w);
	jw_init(&w, &out->body);
	jw_object(&w);
	api_copy_members(&record, &w);
	if (api_query_bool(r, "manifest", true))
		add_manifest(r, &b, &w);
	jw_object_end(&w);
	return 0;
}

static int remove_one(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(strlist_release) struct strlist ids = {0};
	AUTO_FREE char *place = NULL;
	int rc = api_backup(r, &b, &place, e);

	if (!rc && b.pinned) {
		error_set(e, ERR_REFUSED, "backup %.8s is pinned", b.id);
		return error_hint(e, "take the pin off first");
	}
	strlist_add(&ids, b.id);
	if (!rc)
		rc = request_forget(r->catalog, place, &ids, &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

/* Pins are kept in the repository, so that they survive the loss of this machine: a job writes them. */
static int change(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *place = NULL;
	int rc = api_backup(r, &b, &place, e);

	if (!rc)
		rc = request_pin(r->catalog, place, b.id, web_field_bool(r, "pinned", true), &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

/* ---- the table ---- */

static const struct web_field list_fields[] = {
	{"source", "string?", "of this source, by its name or URL"},
	{"repository", "string?", "in this repository"},
	{"after", "time?", "made at or after"},
	{"before", "time?", "made before"},
	{"q", "string?", "words in the name, the description or the sources"},
	{"good", "boolean?", "only whole ones that did not fail, none made before restores"},
	{"pinned", "boolean?", "only pinned ones"},
	{"level", "integer?", "verified at least to this level", NULL, 1, 4},
	{"safety", "string?", "those made before restores: all of them unless said", "all|no|only"},
	{"oldest_first", "boolean?", "the oldest first"},
	{0},
};
static const struct web_field create_fields[] = {
	{"name", "string", "what to call it; the names of its sources unless said", NULL, 0, 200},
	{"description", "string", "for people"},
	{"backup_type", "string", "which sources, when none are named; full unless said", "database|media|full"},
	{"sources", "array", "names of sources; all of the type unless said"},
	{"repository", "string", "where to; as the sources say unless said"},
	{"compress", "boolean", "false: store it uncompressed"},
	{"compression", "string", "zstd's level: 1 to 19, auto or max", NULL, 0, 8},
	{"exclude_logs", "boolean", "false: take logs and caches of folders too"},
	{"exclude", "array", "patterns of what is left out of folders"},
	{"tags", "array", "tags, for retention and filters"},
	{"force", "boolean", "read everything, whatever looks unchanged"},
	{0},
};
static const struct web_field get_fields[] = {{"manifest", "boolean?", "false: without what its repository says of it, which takes longer"}, {0}};
static const struct web_field change_fields[] = {{"pinned", "boolean!", "whether no rule may remove it"}, {0}};

const struct web_route api_backups[] = {
	{"GET", API "backups/", WEB_VIEWER, list, "Backups", "Backups, the newest first", list_fields, "Backup[]"},
	{"POST", API "backups/", WEB_OPERATOR, create, "Backups", "Make a backup", create_fields, "Job", WEB_QUEUES},
	{"GET", API "backups/{id}/", WEB_VIEWER, get, "Backups", "One backup, by its id or the beginning of it, with its manifest", get_fields, "BackupDetails", WEB_SLOW},
	{"PATCH", API "backups/{id}/", WEB_ADMIN, change, "Backups", "Pin a backup, or take the pin off", change_fields, "Job", WEB_QUEUES},
	{"DELETE", API "backups/{id}/", WEB_ADMIN, remove_one, "Backups", "Remove a backup", NULL, "Job", WEB_QUEUES},
	{0},
};

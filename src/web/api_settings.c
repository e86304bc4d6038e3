/* Settings, the configuration as one file, and cleaning up. */
#include "catalog/setting.h"
#include "job/configuration.h"
#include "job/request.h"
#include "web/api.h"

#include <string.h>

/* ---- settings ---- */

static int get(struct web_request *r, struct web_response *out, struct error *e)
{
	struct json_out w;

	jw_init(&w, &out->body);
	return settings_json(r->catalog, &w, e);
}

/* The value of a member as setting_set() takes it: a text; NULL for null. */
static int value_text(struct json *j, const char *name, char **out, struct error *e)
{
	enum json_type type = json_peek(j);
	const char *p = NULL;
	size_t n = 0;

	*out = NULL;
	if (type == JSON_STRING)
		*out = json_string_dup(j);
	else if (type == JSON_NUMBER || type == JSON_BOOL) {
		json_raw(j, &p, &n);
		*out = p ? mem_string_n(p, n) : NULL;
	} else if (type == JSON_NULL)
		json_skip(j);
	else
		return error_set(e, ERR_USAGE, "the field \"%.64s\" must be a text, a number, true, false or null", name);
	return 0;
}

static int set_one(struct web_request *r, const char *name, const char *value, struct error *e)
{
	const struct setting *s = setting_find(name);

	if (!s) {
		error_set(e, ERR_USAGE, "there is no setting \"%.64s\"", name);
		return error_hint(e, "GET " API "settings/ lists them");
	}
	int rc = setting_set(r->catalog, name, value, e);

	if (rc)
		return rc;
	return api_audit(r, "setting-change", name, e, "%s", !value ? "back to the default" : s->type == SETTING_SECRET ? "a new secret" : value);
}

static int set_all(struct web_request *r, struct error *e)
{
	struct json j;
	struct error late = {0};
	int rc = 0;

	json_init(&j, r->body.p, r->body.len);
	json_object_begin(&j);
	while (!rc && json_member(&j)) {
		AUTO_FREE char *name = mem_string(json_name(&j));
		AUTO_FREE char *value = NULL;

		rc = value_text(&j, name, &value, e);
		if (!rc && !json_failed(&j))
			rc = set_one(r, name, value, e);
	}
	int ended = rc ? 0 : json_finish(&j, &late);

	json_release(&j);
	return rc ? rc : ended ? error_set(e, ERR_USAGE, "the body is no JSON: %s", late.text) : 0;
}

static int change(struct web_request *r, struct web_response *out, struct error *e)
{
	int rc = catalog_begin(r->catalog, e);

	if (rc)
		return rc;
	rc = api_commit(r, set_all(r, e), e);
	return rc ? rc : get(r, out, e);
}

/* ---- the configuration as one document ---- */

/* With a passphrase, secrets too, sealed under it. */
static int export_config(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(secret_release) struct secret passphrase = {0};
	bool secrets = api_secret(r, "passphrase", &passphrase);
	struct json_out w;

	jw_init(&w, &out->body);
	out->secret = true;
	int rc = configuration_export(r->catalog, secrets ? &passphrase : NULL, &w, e);

	return rc ? rc : api_audit(r, "config-export", NULL, e, "%s", secrets ? "with secrets, sealed" : "without secrets");
}

/* The document as it stands in the body. */
static void find_document(const struct web_request *r, const char **p, size_t *n)
{
	struct json j;

	*n = 0;
	json_init(&j, r->body.p, r->body.len);
	json_object_begin(&j);
	while (json_member(&j))
		if (!strcmp(json_name(&j), "configuration"))
			json_raw(&j, p, n);
		else
			json_skip(&j);
	json_release(&j);
}

static int apply_config(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(secret_release) struct secret passphrase = {0};
	CLEANUP(strlist_release) struct strlist changes = {0};
	const struct configuration_apply how = {
		.passphrase = api_secret(r, "passphrase", &passphrase) ? &passphrase : NULL,
		.replace = web_field_bool(r, "replace", false),
		.dry_run = web_field_bool(r, "dry_run", false),
		.who = r->who,
		.address = r->address,
	};
	const char *document = NULL;
	struct json_out w;
	size_t n;

	find_document(r, &document, &n);
	int rc = configuration_apply(r->catalog, document, n, &how, &changes, e);

	if (rc == -ERR_PASSWORD)
		e->kind = ERR_MISMATCH;       /* it is not that somebody must log in */
	if (rc)
		return -(int)e->kind;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_bool(&w, "dry_run", how.dry_run);
	jw_name(&w, "changes");
	jw_array(&w);
	for (size_t i = 0; i < changes.n; i++)
		jw_string(&w, changes.v[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	return 0;
}

/* ---- cleanup ---- */

static int cleanup(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	AUTO_FREE char *repository = web_field_text(r, "repository"), *source = web_field_text(r, "source"), *schedule = web_field_text(r, "schedule");
	const struct request_cleanup q = {
		.repository = repository,
		.schedule = schedule,
		.source = source,
		.days = (uint64_t)web_field_integer(r, "days", 0),
		.dry_run = web_field_bool(r, "dry_run", false),
		.force = web_field_bool(r, "force", false),
	};
	int rc = api_known_repository(r, repository, e);

	if (!rc)
		rc = request_cleanup(r->catalog, &q, &j, e);
	if (rc)
		return rc;
	return q.dry_run ? web_run(r, &j.words, API_SECONDS, out, e) : web_queue(r, &j, out, e);
}

/* ---- the table ---- */

static const struct web_field cleanup_fields[] = {
	{"days", "integer", "keep backups so many days, instead of what the rules say", NULL, 1, 36500},
	{"schedule", "string", "by the rules of this schedule; of the settings unless said"},
	{"source", "string", "only backups of this source"},
	{"repository", "string", "the default one unless said"},
	{"dry_run", "boolean", "only say what would go, and why the rest stays"},
	{"force", "boolean", "even when cleaning up is turned off"},
	{0},
};

#define PASSPHRASE {"passphrase", "string", "under which secrets are sealed; without one they are left out", NULL, 0, 1024}

static const struct web_field export_fields[] = {PASSPHRASE, {0}};
static const struct web_field apply_fields[] = {
	{"configuration", "object!", "what config/ gave, here or on another machine"},
	PASSPHRASE,
	{"replace", "boolean", "remove what a section of it does not name"},
	{"dry_run", "boolean", "only say what would change"},
	{0},
};

const struct web_route api_settings[] = {
	{"GET", API "settings/", WEB_ADMIN, get, "Settings", "All settings, with where each comes from", NULL, "Settings"},
	{"PATCH", API "settings/", WEB_ADMIN, change, "Settings", "Change settings by their names; null is back to the default", NULL, "Settings", WEB_RECORD},
	{"GET", API "config/", WEB_ADMIN, export_config, "Settings", "The whole configuration as one document, without secrets", NULL, "Configuration"},
	{"POST", API "config/export/", WEB_ADMIN, export_config, "Settings", "The same, with secrets sealed under a passphrase", export_fields, "Configuration", WEB_SLOW},
	{"POST", API "config/apply/", WEB_ADMIN, apply_config, "Settings", "Apply such a document: all of it, or nothing", apply_fields, "ConfigurationChanges", WEB_SLOW},
	{"POST", API "cleanup/", WEB_ADMIN, cleanup, "Settings", "Remove backups that no rule keeps, or say which they are", cleanup_fields, "Job|Cleanup", WEB_QUEUES | WEB_SLOW},
	{0},
};
